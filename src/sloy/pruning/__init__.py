"""Smaller networks of trained ones: curvature, what can be removed together, what it costs, the network without it."""

from sloy.pruning.curvature import curvature
from sloy.pruning.options import Pruning
from sloy.pruning.pruned import Pruned
from sloy.pruning.pruning import HELD_OUT, prune

__all__ = ["HELD_OUT", "Pruned", "Pruning", "curvature", "prune"]
