"""A network's outputs, ε and gradients by the loops of `plain_loops`, layer after layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import plain_loops as hand
import sloy
from plain_loops import Numbers, numbers
from sloy.layers import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    Layer,
    Maxout,
    MaxPool2D,
    Reshape,
    Softmax,
)
from sloy.theory import half_squared_error, log_loss

SLOPES: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "Tanh": (math.tanh, lambda z: 1 - math.tanh(z) ** 2),
    "ReLU": (lambda z: max(z, 0.0), lambda z: float(z > 0)),
    "Sigmoid": (
        lambda z: 1 / (1 + math.exp(-z)),
        lambda z: math.exp(-z) / (1 + math.exp(-z)) ** 2,
    ),
}


def pair(value: Any) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def window_of(layer: Any, shape: tuple[int, ...]) -> hand.Window:
    size = pair(layer.kernel_size if isinstance(layer, Conv2D) else layer.window)
    stride = size if layer.stride is None else pair(layer.stride)
    apart = pair(layer.dilation) if isinstance(layer, Conv2D) else (1, 1)
    padding = layer.padding
    if padding == "valid":
        padding = (0, 0, 0, 0)
    elif padding == "same":
        padding = hand.same_padding(shape, size, stride)
    elif isinstance(padding, int):
        padding = (padding,) * 4
    return hand.Window(shape, size, stride, padding, apart)


def by_hand(
    network: sloy.Network,
    parameters: dict[str, np.ndarray],
    x: np.ndarray,
    output_error: Callable[[Numbers], Numbers],
    masks: dict[str, Numbers],
) -> tuple[list[Numbers], list[Numbers], dict[str, Numbers]]:
    """u of each layer, ε of each layer's outputs, gradients; all in loops. `masks` are what dropout multiplies by."""
    shapes = [network.input_shape]
    for layer in network.layers:
        shapes.append(layer.output_shape(shapes[-1]))
    us, kept = [numbers(x)], []
    for name, layer, shape, after in zip(
        network.layer_names, network.layers, shapes, shapes[1:], strict=False
    ):
        own = {k.split("/")[1]: v for k, v in parameters.items() if k.startswith(f"{name}/")}
        u, memory = forward(layer, us[-1], own, shape, after, masks.get(name))
        us.append(u)
        kept.append((own, memory))
    errors, gradients = [output_error(us[-1])], {}
    for k in reversed(range(len(network.layers))):
        own, memory = kept[k]
        before, found = backward(
            network.layers[k], us[k], us[k + 1], errors[0], own, memory, shapes[k]
        )
        errors.insert(0, before)
        gradients |= {f"{network.layer_names[k]}/{key}": value for key, value in found.items()}
    return us[1:], errors[1:], gradients


def forward(
    layer: Layer, x: Numbers, own: dict[str, Any], shape: Any, after: Any, mask: Numbers | None
) -> tuple[Numbers, Any]:
    bias = own.get("bias")
    match layer:
        case Dense():
            return hand.dense(x, own["weight"], bias), None
        case Conv2D():
            window = window_of(layer, shape)
            w = numbers(own["weight"])
            return hand.convolution(x, w, bias, window, shape[2], after[2], layer.groups), window
        case MaxPool2D():
            return hand.max_pool(x, window_of(layer, shape), shape[2])
        case AveragePool2D():
            window = window_of(layer, shape)
            u, counts = hand.mean_pool(x, window, shape[2], padding=layer.count_include_pad)
            return u, (window, counts)
        case GlobalAveragePool2D():
            window = hand.Window(shape, shape[:2], (1, 1), (0, 0, 0, 0))
            u, counts = hand.mean_pool(x, window, shape[2], padding=False)
            return {(c,): v for (_, _, c), v in u.items()}, (window, counts)
        case Flatten() | Reshape():
            order = list(np.ndindex(*after))
            return dict(zip(order, (x[k] for k in sorted(x)), strict=True)), None
        case Softmax():
            return hand.softmax(x), None
        case Maxout():
            return hand.maxout(x, own["weight"], bias, layer.pieces)
        case Dropout():
            factor = mask or dict.fromkeys(x, 1.0)
            return {k: v * factor[k] for k, v in x.items()}, factor
        case BatchNorm():
            u, normal, s = hand.normalised(x, own["scale"], own["shift"], layer.epsilon)
            return u, (normal, s)
        case _:
            value = SLOPES[layer.kind][0]
            return {k: value(v) for k, v in x.items()}, None


def backward(
    layer: Layer, x: Numbers, u: Numbers, e: Numbers, own: dict[str, Any], memory: Any, shape: Any
) -> tuple[Numbers, dict[str, Numbers]]:
    match layer:
        case Dense():
            before, w, b = hand.dense_back(x, own["weight"], e)
            return before, {"weight": w, "bias": b}
        case Conv2D():
            w = numbers(own["weight"])
            filters = own["weight"].shape[3]
            before, dw, db = hand.convolution_back(x, w, e, memory, shape[2], filters, layer.groups)
            return before, {"weight": dw, "bias": db}
        case MaxPool2D():
            return hand.max_pool_back(x, memory, e), {}
        case AveragePool2D() | GlobalAveragePool2D():
            full = {(0, 0, *k) if len(k) == 1 else k: v for k, v in e.items()}
            return hand.mean_pool_back(x, *memory, full), {}
        case Flatten() | Reshape():
            return dict(zip(sorted(x), (e[k] for k in sorted(e)), strict=True)), {}
        case Softmax():
            return hand.softmax_back(u, e), {}
        case Maxout():
            delta = hand.maxout_delta(memory, e, layer.pieces)
            before, w, b = hand.dense_back(x, own["weight"], delta)
            return before, {"weight": w, "bias": b}
        case Dropout():
            return {k: v * memory[k] for k, v in e.items()}, {}
        case BatchNorm():
            normal, s = memory
            scale, shift = hand.sums(e, normal, len(s))
            before = hand.normalised_back(normal, s, own["scale"], e)
            return before, {"scale": scale, "shift": shift}
        case _:
            return {k: v * SLOPES[layer.kind][1](x[k]) for k, v in e.items()}, {}


def error_of(loss: object, y: np.ndarray) -> Callable[[Numbers], Numbers]:
    """ε of the outputs by formula."""

    def half(a: Numbers) -> Numbers:
        return {k: a[k] - y[k] for k in a}

    def cross_entropy(a: Numbers) -> Numbers:
        P = hand.softmax(a)
        return {k: P[k] - y[k] for k in a}

    def binary(a: Numbers) -> Numbers:
        return {k: (1 / (1 + math.exp(-a[k])) - y[k]) / len(a) for k in a}

    def log(a: Numbers) -> Numbers:
        return {k: -y[k] / a[k] for k in a}

    return {
        half_squared_error: half,
        log_loss: log,
        "categorical_crossentropy": cross_entropy,
        "binary_crossentropy": binary,
    }[loss]  # type: ignore[index]
