"""Probabilities over classes, and cross-entropies from logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.opdef import Attributes, register
from sloy.graph.ops.elementwise import exp, log, softplus
from sloy.graph.ops.reduction import reduce_max, reduce_sum
from sloy.graph.spec import Spec
from sloy.graph.tensor import Tensor, apply, broadcast_to, elementwise

__all__ = ["log_softmax", "sigmoid_cross_entropy", "softmax", "softmax_cross_entropy"]

# --- softmax and its logarithm, over the last axis ------------------------------------------------------------------


def _infer_last_axis(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    (x,) = specs
    if x.rank == 0 or x.shape[-1] == 0 or not x.is_float:
        raise ShapeError(f"softmax: the operand is {x}; it must be float with a last axis.")
    return x


def _log_softmax(x: np.ndarray) -> np.ndarray:
    shifted = x - np.max(x, axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True)))


def _softmax(x: np.ndarray) -> np.ndarray:
    weights = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return np.asarray(weights / np.sum(weights, axis=-1, keepdims=True))


def _quiet(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return function(x)


def _shifted(x: Tensor) -> Tensor:
    return x - reduce_max(x, -1, keepdims=True)


def _expand_softmax(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    weights = exp(_shifted(inputs[0]))
    return weights / reduce_sum(weights, -1, keepdims=True)


def _expand_log_softmax(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    shifted = _shifted(inputs[0])
    return shifted - log(reduce_sum(exp(shifted), -1, keepdims=True))


register(
    "softmax",
    "composite",
    1,
    _infer_last_axis,
    lambda arrays, a: _quiet(_softmax, arrays[0]),
    lambda n, g: [n * (g - reduce_sum(g * n, -1, keepdims=True))],
    _expand_softmax,
    doc="e^x_k / Σ_j e^x_j over the last axis, stable for any finite x",
)
register(
    "log_softmax",
    "composite",
    1,
    _infer_last_axis,
    lambda arrays, a: _quiet(_log_softmax, arrays[0]),
    lambda n, g: [g - softmax(n.inputs[0]) * reduce_sum(g, -1, keepdims=True)],
    _expand_log_softmax,
    doc="x_k - log Σ_j e^x_j over the last axis, stable for any finite x",
)

# --- cross-entropies ------------------------------------------------------------------------------------------------


def _infer_softmax_cross_entropy(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    logits, targets = specs
    if logits != targets or logits.rank != 2 or not logits.is_float or logits.shape[1] == 0:
        raise ShapeError(
            f"softmax_cross_entropy: logits {logits} and targets {targets} must be equal float (N, K)."
        )
    return Spec(logits.shape[:1], logits.dtype)


def _softmax_cross_entropy(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    logits, targets = arrays
    with np.errstate(all="ignore"):
        terms = np.where(targets == 0, 0, targets * _log_softmax(logits))  # 0 · log 0 = 0
        return np.asarray(-np.sum(terms, axis=-1))


def _vjp_softmax_cross_entropy(n: Tensor, g: Tensor) -> list[Tensor]:
    logits, targets = n.inputs
    column = broadcast_to(apply("reshape", (g,), {"shape": (n.shape[0], 1)}), logits.shape)
    total = reduce_sum(targets, -1, keepdims=True)
    by_logits = (softmax(logits) * total - targets) * column
    return [by_logits, -log_softmax(logits) * column]


def _expand_softmax_cross_entropy(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    logits, targets = inputs
    terms = targets * log_softmax(logits)
    return -reduce_sum(elementwise("where", elementwise("equal", targets, 0.0), 0.0, terms), -1)


register(
    "softmax_cross_entropy",
    "composite",
    2,
    _infer_softmax_cross_entropy,
    _softmax_cross_entropy,
    _vjp_softmax_cross_entropy,
    _expand_softmax_cross_entropy,
    doc="-Σ_k t_k log softmax(z)_k per row of (N, K), with 0 · log 0 = 0",
)


def _infer_sigmoid_cross_entropy(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    logits, targets = specs
    if logits != targets:
        raise ShapeError(
            f"sigmoid_cross_entropy: logits {logits} and targets {targets} must be equal."
        )
    if not logits.is_float:
        raise InvalidArgument(f"sigmoid_cross_entropy: logits are {logits.dtype}, not float.")
    return logits


def _sigmoid_cross_entropy(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    z, t = arrays
    with np.errstate(all="ignore"):
        return np.asarray(np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))))


register(
    "sigmoid_cross_entropy",
    "composite",
    2,
    _infer_sigmoid_cross_entropy,
    _sigmoid_cross_entropy,
    expand=lambda inputs, a: softplus(inputs[0]) - inputs[0] * inputs[1],
    doc="-t log σ(z) - (1 - t) log(1 - σ(z)) = softplus(z) - t z, per element",
)

# --- the functions that users call ----------------------------------------------------------------------------------


def softmax(x: Tensor) -> Tensor:
    """e^x_k / Σ_j e^x_j over the last axis, stable for any finite x."""
    return apply("softmax", (x,))


def log_softmax(x: Tensor) -> Tensor:
    """x_k - log Σ_j e^x_j over the last axis, stable for any finite x."""
    return apply("log_softmax", (x,))


def softmax_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """-Σ_k t_k log softmax(z)_k for each row of logits and target probabilities (N, K); shape (N,)."""
    return apply("softmax_cross_entropy", (logits, targets))


def sigmoid_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """-t log σ(z) - (1 - t) log(1 - σ(z)) for each logit and target in [0, 1]; the shape of both."""
    return elementwise("sigmoid_cross_entropy", logits, targets)
