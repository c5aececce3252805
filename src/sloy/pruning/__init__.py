"""Smaller networks of trained ones: curvature, what can be removed together, what it costs, the network without it."""

from sloy.pruning.curvature import curvature
from sloy.pruning.options import Pruning
from sloy.pruning.pruned import Pruned
from sloy.pruning.pruning import HELD_OUT, prune
from sloy.pruning.retraining import Ensemble

__all__ = ["HELD_OUT", "Ensemble", "Pruned", "Pruning", "curvature", "prune"]
