"""Two-dimensional convolution (cross-correlation, as everywhere in the field) and its two gradients.

    y(n, i, j, o) = Σ_k Σ_l Σ_c x(n, i·s + k·d, j·s + l·d, c) · w(k, l, c, o)

on the padded input, per group of channels. The three ops are each other's gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from sloy.arguments import integer
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.attributes import Schema
from sloy.graph.opdef import Attributes, register
from sloy.graph.ops.window import Padding, Window, pair, resolve_padding
from sloy.graph.spec import Spec
from sloy.graph.tensor import Tensor, apply, expect_tensors

__all__ = ["conv2d"]


def _window(kernel: Sequence[int], attributes: Attributes) -> Window:
    return Window(
        (kernel[0], kernel[1]),
        attributes["stride"],
        attributes["padding"],
        attributes["dilation"],
    )


def _check(name: str, x: Spec, w: Spec, groups: int) -> None:
    if x.rank != 4 or w.rank != 4 or x.dtype != w.dtype or not x.is_factor:
        raise ShapeError(
            f"{name}: input {x} and weights {w} must be float (N, H, W, C) and (KH, KW, I, O)."
        )
    if w.shape[3] % integer(name, "groups", groups):
        raise InvalidArgument(
            f"{name}: `groups` (={groups}) must divide the {w.shape[3]} output channels."
        )
    if w.shape[2] * groups != x.shape[3]:
        raise ShapeError(
            f"{name}: input {x} has {x.shape[3]} channels, weights {w} with `groups`={groups} need"
            f" {w.shape[2] * groups}."
        )


def _output_spec(name: str, x: Spec, w: Spec, attributes: Attributes) -> Spec:
    """The output of a convolution of operands that fit each other, in their dtype."""
    _check(name, x, w, attributes["groups"])
    extents = _window(w.shape, attributes).output_extents(x.shape[1], x.shape[2], name)
    return Spec((x.shape[0], *extents, w.shape[3]), x.dtype)


def _check_gradient(name: str, g: Spec, x: Spec, w: Spec, attributes: Attributes) -> None:
    expected = _output_spec(name, x, w, attributes)
    if expected != g:
        raise ShapeError(f"{name}: gradient is {g}, the output is {expected}.")


_ATTRIBUTES: Schema = {
    "stride": "positive integers",
    "padding": "integers",
    "dilation": "positive integers",
    "groups": "integer",
}


def _groups(groups: int, channels: int) -> list[slice]:
    size = channels // groups
    return [slice(i * size, (i + 1) * size) for i in range(groups)]


def _infer(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    x, w = specs
    return Spec(_output_spec("conv2d", x, w, attributes).shape, x.sum_dtype)


# --- forward -------------------------------------------------------------------------------------------------------


def _reference(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    x, w = arrays
    window, groups = _window(w.shape, attributes), attributes["groups"]
    extents = window.output_extents(x.shape[1], x.shape[2], "conv2d")
    y = np.zeros((x.shape[0], *extents, w.shape[3]), x.dtype)
    padded = window.pad(x)
    channels = zip(_groups(groups, x.shape[3]), _groups(groups, w.shape[3]), strict=True)
    for inputs, outputs in channels:
        for i, j, seen in window.taps(extents):
            y[..., outputs] += padded[seen][..., inputs] @ w[i, j, :, outputs]
    return y


def _shared(n: Tensor) -> dict[str, object]:
    return {key: n.attributes[key] for key in _ATTRIBUTES}


def _input_grad(n: Tensor, g: Tensor, w: Tensor, extents: Sequence[int]) -> Tensor:
    return apply("conv2d_input_grad", (g, w), {**_shared(n), "extents": tuple(extents)})


def _weight_grad(n: Tensor, x: Tensor, g: Tensor, kernel: Sequence[int]) -> Tensor:
    return apply("conv2d_weight_grad", (x, g), {**_shared(n), "kernel_size": tuple(kernel)})


register(
    "conv2d",
    "product",
    2,
    _infer,
    _reference,
    lambda n, g: [
        _input_grad(n, g, n.inputs[1], n.inputs[0].shape[1:3]),
        _weight_grad(n, n.inputs[0], g, n.inputs[1].shape[:2]),
    ],
    attributes=_ATTRIBUTES,
    multiply_adds=lambda a, y, specs: y.size * prod(specs[1].shape[:3]),
    doc="y(n,i,j,o) = Σ_klc x(n, i·s+k·d, j·s+l·d, c) w(k,l,c,o) on the padded input",
)

# --- gradient by the input -----------------------------------------------------------------------------------------


def _infer_input_grad(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    g, w = specs
    channels = w.shape[2] * attributes["groups"]
    x = Spec((g.shape[0], *attributes["extents"], channels), g.dtype)
    _check_gradient("conv2d_input_grad", g, x, w, attributes)
    return Spec(x.shape, g.sum_dtype)


def _reference_input_grad(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    g, w = arrays
    window, groups = _window(w.shape, attributes), attributes["groups"]
    shape = (g.shape[0], *attributes["extents"], w.shape[2] * groups)
    padded = window.pad(np.zeros(shape, g.dtype))
    channels = zip(_groups(groups, shape[3]), _groups(groups, w.shape[3]), strict=True)
    for inputs, outputs in channels:
        for i, j, seen in window.taps((g.shape[1], g.shape[2])):
            padded[seen][..., inputs] += g[..., outputs] @ w[i, j, :, outputs].T
    return window.crop(padded)


register(
    "conv2d_input_grad",
    "product",
    2,
    _infer_input_grad,
    _reference_input_grad,
    lambda n, g: [
        apply("conv2d", (g, n.inputs[1]), _shared(n)),
        _weight_grad(n, g, n.inputs[0], n.inputs[1].shape[:2]),
    ],
    attributes={**_ATTRIBUTES, "extents": "integers"},
    multiply_adds=lambda a, dx, specs: specs[0].size * prod(specs[1].shape[:3]),
    doc="gradient of conv2d by its input, from the gradient g by its output and the weights",
)

# --- gradient by the weights ---------------------------------------------------------------------------------------


def _infer_weight_grad(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    x, g = specs
    inputs = x.shape[3] // attributes["groups"]
    w = Spec((*attributes["kernel_size"], inputs, g.shape[3]), x.dtype)
    _check_gradient("conv2d_weight_grad", g, x, w, attributes)
    return Spec(w.shape, x.sum_dtype)


def _reference_weight_grad(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    x, g = arrays
    groups, kernel = attributes["groups"], attributes["kernel_size"]
    window = _window(kernel, attributes)
    dw = np.zeros((*kernel, x.shape[3] // groups, g.shape[3]), x.dtype)
    padded = window.pad(x)
    channels = zip(_groups(groups, x.shape[3]), _groups(groups, g.shape[3]), strict=True)
    for inputs, outputs in channels:
        gradient = g[..., outputs].reshape(-1, outputs.stop - outputs.start)  # (N·OH·OW, O)
        for i, j, seen in window.taps((g.shape[1], g.shape[2])):
            patch = padded[seen][..., inputs].reshape(-1, inputs.stop - inputs.start)
            dw[i, j, :, outputs] = patch.T @ gradient
    return dw


register(
    "conv2d_weight_grad",
    "product",
    2,
    _infer_weight_grad,
    _reference_weight_grad,
    lambda n, g: [
        _input_grad(n, n.inputs[1], g, n.inputs[0].shape[1:3]),
        apply("conv2d", (n.inputs[0], g), _shared(n)),
    ],
    attributes={**_ATTRIBUTES, "kernel_size": "positive integers"},
    multiply_adds=lambda a, dw, specs: specs[1].size * prod(dw.shape[:3]),
    doc="gradient of conv2d by its weights, from the input and the gradient g by the output",
)


def conv2d(
    x: Tensor,
    weights: Tensor,
    *,
    stride: int | Sequence[int] = 1,
    padding: Padding = "valid",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution of x (N, H, W, C) with weights (KH, KW, C / groups, O), giving (N, OH, OW, O).

    Parameters
    ----------
    stride, dilation : int or (vertical, horizontal)
    padding : "valid", "same", int, (vertical, horizontal) or (top, bottom, left, right)
        "same" makes OH = ⌈H / stride⌉, an odd rest of zeros going to the bottom and right.
    groups : int
        Number of groups of channels that are convolved apart.
    """
    expect_tensors("conv2d", x, weights)
    _check("conv2d", x.spec, weights.spec, groups)
    strides, dilations = pair(stride, "stride"), pair(dilation, "dilation")
    size = (weights.shape[0], weights.shape[1])
    extents = (x.shape[1], x.shape[2])
    attributes = {
        "stride": strides,
        "padding": resolve_padding(padding, extents, size, strides, dilations),
        "dilation": dilations,
        "groups": groups,
    }
    return apply("conv2d", (x, weights), attributes)
