"""Batch normalisation from given moments; the moments of a batch are reductions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.opdef import Attributes, register
from sloy.graph.ops.elementwise import sqrt, square
from sloy.graph.ops.reduction import reduce_mean
from sloy.graph.spec import Spec
from sloy.graph.tensor import Tensor, apply, expect_tensors

__all__ = ["batch_norm", "moments"]


def _infer(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    x = specs[0]
    expected = Spec(x.shape[-1:], x.dtype)
    if x.rank < 2 or not x.is_float or any(spec != expected for spec in specs[1:]):
        given = ", ".join(map(str, specs[1:]))
        raise ShapeError(f"batch_norm: input {x} needs four operands {expected}, got {given}.")
    if not attributes["epsilon"] > 0:
        raise InvalidArgument(f"batch_norm: `epsilon` (={attributes['epsilon']}) must be positive.")
    return x


def _reference(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    x, mean, variance, scale, shift = arrays
    deviation = np.sqrt(variance + x.dtype.type(attributes["epsilon"]))
    return np.asarray((x - mean) / deviation * scale + shift)


def _expand(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    x, mean, variance, scale, shift = inputs
    factor = scale / sqrt(variance + attributes["epsilon"])
    return (x - mean) * factor + shift


register(
    "batch_norm",
    "composite",
    5,
    _infer,
    _reference,
    expand=_expand,
    attributes={"epsilon": "float"},
    doc="(x - mean) / √(variance + epsilon) · scale + shift, per channel (last axis)",
)


def batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    scale: Tensor,
    shift: Tensor,
    *,
    epsilon: float = 1e-5,
) -> Tensor:
    """(x - mean) / √(variance + epsilon) · scale + shift with four operands (C,) for x (…, C).

    References
    ----------
    .. [1] S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015, algorithm 1.
    """
    return apply("batch_norm", (x, mean, variance, scale, shift), {"epsilon": float(epsilon)})


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and population variance of each channel (last axis), each (C,)."""
    expect_tensors("moments", x)
    axes = tuple(range(x.rank - 1))
    mean = reduce_mean(x, axes)
    return mean, reduce_mean(square(x - mean), axes)
