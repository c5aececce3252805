"""Losses, and the optimisers of ONNX's preview of training, whose formulas differ a little from sloy's own.

References
----------
.. [1] ONNX operators, https://onnx.ai/onnx/operators/: NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss, and of
   ai.onnx.preview.training Adam, Momentum, Adagrad.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sloy import ops
from sloy.exchange.onnx.conversion import Conversion, operator
from sloy.exchange.onnx.nodes import Node
from sloy.exchange.onnx.values import Value, channels_last, held
from sloy.graph.tensor import Tensor


def _picked(
    c: Conversion, node: Node, log_p: Tensor, target: Value, weight: Value | None
) -> Tensor:
    """The loss of log-probabilities (N, …, C) for labels (N, …): -w[t] log p[t], reduced as the node says."""
    classes = log_p.shape[-1]
    labels = ops.cast(c.tensor(target), "int32")
    ignored = node.attributes.get("ignore_index")
    hot = ops.one_hot(labels, classes, log_p.dtype)
    if ignored is not None and 0 <= ignored < classes:
        counted = ops.cast(ops.not_equal(labels, int(ignored)), log_p.dtype)
        hot = hot * ops.reshape(counted, (*labels.shape, 1))
    if weight is not None:
        hot = hot * c.tensor(weight)
    loss = -ops.reduce_sum(ops.where(ops.equal(hot, 0.0), 0.0, hot * log_p), -1)
    reduction = node.attributes.get("reduction", "mean")
    if reduction == "none":
        return loss
    total = ops.reduce_sum(loss)
    return total if reduction == "sum" else total / ops.reduce_sum(hot)


@operator("NegativeLogLikelihoodLoss")
def _negative_log_likelihood(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, target, weight = (*operands, None)[:3]
    log_p = c.tensor(x, channels_last(x.rank))
    return held(_picked(c, node, log_p, target, weight), x.dtype)


@operator("SoftmaxCrossEntropyLoss")
def _softmax_cross_entropy(c: Conversion, node: Node, operands: list[Any]) -> Sequence[Value]:
    x, target, weight = (*operands, None)[:3]
    order = channels_last(x.rank)
    log_p = ops.log_softmax(c.tensor(x, order))
    loss = _picked(c, node, log_p, target, weight)
    return [held(loss, x.dtype), held(log_p, x.dtype, order)]


# --- optimisers ---------------------------------------------------------------------------------------------------


def _groups(operands: Sequence[Value], kinds: int) -> list[tuple[Value, ...]]:
    """Parameters, gradients and slots, given kind after kind, as one tuple for each parameter."""
    count = len(operands) // kinds
    return [tuple(operands[kind * count + i] for kind in range(kinds)) for i in range(count)]


def _by_kind(results: Sequence[Sequence[Value]]) -> list[Value]:
    return [value for kind in zip(*results, strict=True) for value in kind]


def _rate_and_step(c: Conversion, operands: Sequence[Value]) -> tuple[Tensor, Tensor]:
    rate, step = (ops.reshape(c.tensor(v), ()) for v in operands[:2])
    return rate, ops.cast(step, rate.dtype)


def _like(values: Sequence[Value], tensors: Sequence[Tensor]) -> list[Value]:
    return [held(t, v.dtype) for v, t in zip(values, tensors, strict=True)]


@operator("Adam")
def _adam(c: Conversion, node: Node, operands: list[Any]) -> list[Value]:
    a = node.attributes
    alpha, beta, epsilon = a.get("alpha", 0.9), a.get("beta", 0.999), a.get("epsilon", 0.0)
    decay, after = a.get("norm_coefficient", 0.0), a.get("norm_coefficient_post", 0.0)
    rate, t = _rate_and_step(c, operands)
    corrected = ops.sqrt(1.0 - _power(beta, t)) / (1.0 - _power(alpha, t))
    rate = rate * ops.where(t > 0.0, ops.where(t > 0.0, corrected, 1.0), 1.0)
    results = []
    for x, g, v, h in _groups(operands[2:], 4):
        tx = c.tensor(x)
        gradient = c.tensor(g) + decay * tx
        mean = alpha * c.tensor(v) + (1.0 - alpha) * gradient
        square = beta * c.tensor(h) + (1.0 - beta) * ops.square(gradient)
        following = tx - rate * mean / (ops.sqrt(square) + epsilon)
        results.append(_like((x, v, h), ((1.0 - after) * following, mean, square)))
    return _by_kind(results)


def _power(base: float, exponent: Tensor) -> Tensor:
    return ops.power(ops.constant(base, exponent.dtype), exponent)


@operator("Momentum")
def _momentum(c: Conversion, node: Node, operands: list[Any]) -> list[Value]:
    a = node.attributes
    alpha, beta, decay = a["alpha"], a["beta"], a["norm_coefficient"]
    rate, t = _rate_and_step(c, operands)
    share = ops.where(t > 0.0, beta, 1.0)
    results = []
    for x, g, v in _groups(operands[2:], 3):
        gradient = c.tensor(g) + decay * c.tensor(x)
        velocity = alpha * c.tensor(v) + share * gradient
        direction = gradient + alpha * velocity if a["mode"] == "nesterov" else velocity
        results.append(_like((x, v), (c.tensor(x) - rate * direction, velocity)))
    return _by_kind(results)


@operator("Adagrad")
def _adagrad(c: Conversion, node: Node, operands: list[Any]) -> list[Value]:
    a = node.attributes
    decay, epsilon = a.get("norm_coefficient", 0.0), a.get("epsilon", 0.0)
    rate, t = _rate_and_step(c, operands)
    rate = rate / (1.0 + t * a.get("decay_factor", 0.0))
    results = []
    for x, g, h in _groups(operands[2:], 3):
        gradient = c.tensor(g) + decay * c.tensor(x)
        square = c.tensor(h) + ops.square(gradient)
        following = c.tensor(x) - rate * gradient / (ops.sqrt(square) + epsilon)
        results.append(_like((x, h), (following, square)))
    return _by_kind(results)
