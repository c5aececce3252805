"""Smaller networks of trained ones: curvature, what can be removed together, what it costs, the network without it."""

from sloy.pruning.curvature import curvature
from sloy.pruning.options import Pruning
from sloy.pruning.pruned import Pruned
from sloy.pruning.pruning import prune

__all__ = ["Pruned", "Pruning", "curvature", "prune"]
