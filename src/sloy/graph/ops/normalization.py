"""Batch normalisation from given moments, and the moments of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.opdef import Attributes, register
from sloy.graph.ops.elementwise import sqrt, square
from sloy.graph.ops.reduction import reduce_mean, reduce_sum
from sloy.graph.spec import Spec
from sloy.graph.tensor import Tensor, applied, apply, expect_tensors

__all__ = ["batch_norm", "channel_variance", "moments"]


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


def _gradients(n: Tensor, g: Tensor) -> list[Tensor]:
    """Of the expansion, with two sums over the elements of a channel: of g, and of g (x - mean)."""
    x, mean, variance, scale, _ = n.inputs
    widened = variance + n.attributes["epsilon"]
    deviation = sqrt(widened)
    factor = scale / deviation
    axes = tuple(range(x.rank - 1))
    total, along = reduce_sum(g, axes), reduce_sum(g * (x - mean), axes)
    by_variance = along * factor / widened * -0.5
    return [g * factor, -(total * factor), by_variance, along / deviation, total]


register(
    "batch_norm",
    "composite",
    5,
    _infer,
    _reference,
    _gradients,
    _expand,
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
    return applied("batch_norm", x, mean, variance, scale, shift, epsilon=epsilon)


def _infer_variance(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    (x,) = specs
    if x.rank < 2 or not x.is_float or 0 in x.shape[:-1]:
        raise ShapeError(f"channel_variance: input {x} must be float (…, C), with elements.")
    return Spec(x.shape[-1:], x.dtype)


def _centred(x: Tensor) -> Tensor:
    return x - reduce_mean(x, tuple(range(x.rank - 1)))


register(
    "channel_variance",
    "composite",
    1,
    _infer_variance,
    lambda arrays, a: np.asarray(np.var(arrays[0], axis=tuple(range(arrays[0].ndim - 1)))),
    # Through the mean there is none: the deviations from it sum to 0.
    lambda n, g: [_centred(n.inputs[0]) * (g * (2.0 / prod(n.inputs[0].shape[:-1])))],
    lambda inputs, a: reduce_mean(square(_centred(inputs[0])), tuple(range(inputs[0].rank - 1))),
    doc="mean of (x - mean)² over all axes but the last: the population variance of each channel",
)


def channel_variance(x: Tensor) -> Tensor:
    """The population variance of each channel (C,) of x (…, C): the mean of (x - mean)²."""
    expect_tensors("channel_variance", x)
    return apply("channel_variance", (x,), {})


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and population variance of each channel (last axis), each (C,)."""
    expect_tensors("moments", x)
    return reduce_mean(x, tuple(range(x.rank - 1))), channel_variance(x)
