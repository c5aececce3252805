"""Smaller networks of trained ones: curvature, what can be removed together, what it costs, the network without it."""

from sloy.pruning.curvature import curvature

__all__ = ["curvature"]
