"""The ops, family by family; importing this package fills the registry."""

from sloy.graph.ops import (
    augmentation,
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
    "augmentation",
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
