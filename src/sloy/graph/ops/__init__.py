"""The ops, family by family; importing this package fills the registry."""

from sloy.graph.ops import (
    convolution,
    elementwise,
    linear,
    normalization,
    pooling,
    probability,
    random,
    reduction,
    shape,
)

__all__ = [
    "convolution",
    "elementwise",
    "linear",
    "normalization",
    "pooling",
    "probability",
    "random",
    "reduction",
    "shape",
]
