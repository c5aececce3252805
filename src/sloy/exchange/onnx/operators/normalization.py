"""Normalisations, and probabilities over classes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from sloy import ops
from sloy.errors import FileFormatError
from sloy.exchange.onnx.conversion import Conversion, normal_axis, operator
from sloy.exchange.onnx.nodes import Node, Unsupported
from sloy.exchange.onnx.operators.elementwise import combine
from sloy.exchange.onnx.values import Order, Value, channels_last, held, identity, known
from sloy.graph.tensor import Tensor
from sloy.layers.recognised import plain


@operator("BatchNormalization")
def _batch_norm(c: Conversion, node: Node, operands: list[Any]) -> Sequence[Value]:
    x, scale, shift, mean, variance = operands
    epsilon, momentum = node.attributes.get("epsilon", 1e-5), node.attributes.get("momentum", 0.9)
    if not node.attributes.get("spatial", 1):
        raise Unsupported("statistics of each place (`spatial` = 0)")
    order = (0, 1) if x.rank == 2 else channels_last(x.rank)
    t = c.tensor(x, order)
    if node.attributes.get("training_mode", 0) and not c.trains:
        m, v = ops.moments(t)
        y = ops.batch_norm(t, m, v, c.tensor(scale), c.tensor(shift), epsilon=epsilon)
        followed = [
            c.tensor(old) * momentum + new * (1.0 - momentum)
            for old, new in ((mean, m), (variance, v))
        ]
        return [held(y, x.dtype, order), *(held(f, mean.dtype) for f in followed)]
    if not all(c.is_weight(v) for v in (scale, shift, mean, variance)):
        given = [c.tensor(v) for v in (mean, variance, scale, shift)]
        return [held(ops.batch_norm(t, *given, epsilon=epsilon), x.dtype, order, trained=x.trained)]
    leaves = [
        c.parameter(mean, "running_mean", kind="state"),
        c.parameter(variance, "running_variance", kind="state"),
        c.parameter(scale, "scale"),
        c.parameter(shift, "shift"),
    ]
    attributes = {"epsilon": plain(epsilon), "momentum": plain(momentum)}
    y = Tensor("batch_normalization", (t, *leaves), attributes, t.spec)
    return [held(y, x.dtype, order, trained=True)]


def _scaled(
    c: Conversion, y: Value, scale: Value, shift: Value | None, shape: Sequence[int]
) -> Value:
    """y · scale + shift, both seen in a shape."""
    for value, role, function in (
        (scale, "scale", lambda a, b: a * b),
        (shift, "shift", lambda a, b: a + b),
    ):
        if value is None:
            continue
        seen = (
            known(value.array.reshape(shape), value.source)
            if value.is_known and value.array is not None
            else held(ops.reshape(c.tensor(value), tuple(shape)), value.dtype)
        )
        trained = held(y.tensor, y.dtype, y.order, trained=True) if y.tensor is not None else y
        y = combine(c, [trained, seen], function, role=role)
    return y


def _standardized(t: Tensor, axes: tuple[int, ...], epsilon: float) -> Tensor:
    """(x - μ) / √(v + epsilon) with the moments over axes."""
    centred = t - ops.reduce_mean(t, axes, keepdims=True)
    variance = ops.reduce_mean(ops.square(centred), axes, keepdims=True)
    return centred / ops.sqrt(variance + epsilon)


@operator("InstanceNormalization")
def _instance_norm(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, scale, shift = operands
    order = channels_last(x.rank)
    axes = tuple(range(1, x.rank - 1))
    y = _standardized(c.tensor(x, order), axes, node.attributes.get("epsilon", 1e-5))
    value = held(y, x.dtype, order, trained=x.trained)
    return _scaled(c, value, scale, shift, (1, -1, *[1] * (x.rank - 2)))


@operator("LayerNormalization")
def _layer_norm(c: Conversion, node: Node, operands: list[Any]) -> Sequence[Value]:
    x, scale, shift = (*operands, None)[:3]
    axis = normal_axis(node.attributes.get("axis", -1), x.rank)
    axes, epsilon = tuple(range(axis, x.rank)), node.attributes.get("epsilon", 1e-5)
    t = c.tensor(x)
    y = held(_standardized(t, axes, epsilon), x.dtype, trained=x.trained)
    mean = ops.reduce_mean(t, axes, keepdims=True)
    variance = ops.reduce_mean(ops.square(t - mean), axes, keepdims=True)
    result = _scaled(c, y, scale, shift, x.shape[axis:])
    return [result, held(mean, x.dtype), held(1.0 / ops.sqrt(variance + epsilon), x.dtype)]


@operator("GroupNormalization")
def _group_norm(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, scale, shift = operands
    groups = node.attributes["num_groups"]
    by_group = c.graph.opset < 21  # a scale for each group
    wanted = groups if by_group else x.shape[1]
    if groups < 1 or x.shape[1] % groups or scale.shape != (wanted,):
        raise FileFormatError(f"{groups} groups of {x.shape[1]} channels, a scale {scale.shape}.")
    split = ops.reshape(c.tensor(x), (x.shape[0], groups, -1))
    y = ops.reshape(_standardized(split, (2,), node.attributes.get("epsilon", 1e-5)), x.shape)
    if by_group:
        value = held(ops.reshape(y, split.shape), x.dtype, trained=x.trained)
        value = _scaled(c, value, scale, shift, (1, groups, 1))
        return held(ops.reshape(c.tensor(value), x.shape), x.dtype, trained=value.trained)
    value = held(y, x.dtype, trained=x.trained)
    return _scaled(c, value, scale, shift, (1, -1, *[1] * (x.rank - 2)))


@operator("RMSNormalization")
def _rms_norm(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, scale = operands
    axis = normal_axis(node.attributes.get("axis", -1), x.rank)
    t, epsilon = c.tensor(x), node.attributes.get("epsilon", 1e-5)
    mean = ops.reduce_mean(ops.square(t), tuple(range(axis, x.rank)), keepdims=True)
    y = held(t / ops.sqrt(mean + epsilon), x.dtype, trained=x.trained)
    return _scaled(c, y, scale, None, (1,) * (x.rank - axis - scale.rank) + scale.shape)


@operator("LpNormalization")
def _lp_norm(c: Conversion, node: Node, operands: list[Any]) -> Value:
    """x over its norm along an axis; 0 where that is 0, as onnxruntime has it."""
    (x,) = operands
    axis = normal_axis(node.attributes.get("axis", -1), x.rank)
    p = node.attributes.get("p", 2)
    order = _ending_in(x, axis)
    t = c.tensor(x, order)
    size = ops.absolute(t) if p == 1 else ops.square(t)
    total = ops.reduce_sum(size, -1, keepdims=True)
    norm = total if p == 1 else ops.sqrt(total)
    y = ops.where(norm > 0.0, t / ops.where(norm > 0.0, norm, 1.0), 0.0)
    return held(y, x.dtype, order, trained=x.trained)


@operator("MeanVarianceNormalization")
def _mean_variance_norm(c: Conversion, node: Node, operands: list[Any]) -> Value:
    (x,) = operands
    given = node.attributes.get("axes", (0, 2, 3))
    axes = tuple(sorted({normal_axis(a, x.rank) for a in given}))
    t = c.tensor(x)
    centred = t - ops.reduce_mean(t, axes, keepdims=True)
    deviation = ops.sqrt(ops.reduce_mean(ops.square(centred), axes, keepdims=True))
    return held(centred / (deviation + 1e-9), x.dtype, trained=x.trained)


@operator("LRN")
def _local_response(c: Conversion, node: Node, operands: list[Any]) -> Value:
    (x,) = operands
    size = node.attributes["size"]
    alpha, beta = node.attributes.get("alpha", 1e-4), node.attributes.get("beta", 0.75)
    bias = node.attributes.get("bias", 1.0)
    if not 0 < size < 1 << 16:
        raise FileFormatError(f"`size` is {size}.")
    order = channels_last(x.rank)
    t = c.tensor(x, order)
    low, high = (size - 1) // 2, size - 1 - (size - 1) // 2
    channels = t.shape[-1]
    indices = np.arange(channels)
    near = (indices[:, None] >= indices - low) & (indices[:, None] <= indices + high)
    flat = ops.reshape(ops.square(t), (-1, channels))
    total = ops.reshape(flat @ ops.constant(near.astype(np.float64), t.dtype), t.shape)
    y = t / ops.power(bias + total * (alpha / size), beta)
    return held(y, x.dtype, order, trained=x.trained)


# --- probabilities ------------------------------------------------------------------------------------------------


def _hardmax(x: Tensor) -> Tensor:
    return ops.one_hot(ops.argmax(x, -1), x.shape[-1], x.dtype)


PROBABILITIES = {"Softmax": ops.softmax, "LogSoftmax": ops.log_softmax, "Hardmax": _hardmax}


@operator(*PROBABILITIES)
def _probabilities(c: Conversion, node: Node, operands: list[Any]) -> Value:
    (x,) = operands
    function = PROBABILITIES[node.op]
    if c.graph.opset < 13:
        axis = normal_axis(node.attributes.get("axis", 1), x.rank)
        if axis != x.rank - 1:
            rows = ops.reshape(c.tensor(x), (prod(x.shape[:axis]), prod(x.shape[axis:])))
            return held(ops.reshape(function(rows), x.shape), x.dtype, trained=x.trained)
    axis = normal_axis(node.attributes.get("axis", -1), x.rank)
    order = _ending_in(x, axis)
    return held(function(c.tensor(x, order)), x.dtype, order, trained=x.trained)


def _ending_in(x: Value, axis: int) -> Order:
    """The order that a value is held in, if the axis is last there, else ONNX's with the axis moved."""
    if x.tensor is not None and not x.is_merged and x.order[-1] == axis:
        return x.order
    return (*(a for a in identity(x.rank) if a != axis), axis)
