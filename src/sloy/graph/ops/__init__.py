"""The ops, family by family; importing this package fills the registry."""

# ruff: noqa: F401

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
    sparse,
)
