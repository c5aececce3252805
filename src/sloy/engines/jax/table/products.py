"""Matrix products, and convolutions with their gradients in the forms that XLA hands to cuDNN.

Products are of full precision: JAX's default on NVIDIA's chips keeps ten bits of a float32.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from sloy.engines.jax.table.rule import Operands, Rule
from sloy.graph import Spec
from sloy.graph.opdef import Attributes

Sides = tuple[tuple[int, int], tuple[int, int]]


def sides(attributes: Attributes) -> Sides:
    """Padding as ((top, bottom), (left, right))."""
    top, bottom, left, right = attributes["padding"]
    return (top, bottom), (left, right)


def _matmul(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    contracted = (
        (0 if attributes["transpose_a"] else 1,),
        (1 if attributes["transpose_b"] else 0,),
    )
    a, b = operands
    return lax.dot_general(
        a,
        b,
        (contracted, ((), ())),
        precision=lax.Precision.HIGHEST,
        preferred_element_type=jnp.dtype(spec.dtype),
    )


def _batched_matmul(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    a, b = operands
    of_a, of_b, of_result = attributes["batch_axes"]
    inner_a = 1 - of_a if attributes["transpose_a"] else 2
    inner_b = 2 if attributes["transpose_b"] else 1 - of_b
    result = lax.dot_general(
        a,
        b,
        (((inner_a,), (inner_b,)), ((of_a,), (of_b,))),
        precision=lax.Precision.HIGHEST,
        preferred_element_type=jnp.dtype(spec.dtype),
    )
    return jnp.moveaxis(result, 0, of_result)


def _convolved(
    x: jax.Array,
    w: jax.Array,
    spec: Spec,
    layout: tuple[str, str, str],
    padding: list[tuple[int, int]] | Sides,
    *,
    stride: tuple[int, int] = (1, 1),
    spread: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
    batch_groups: int = 1,
) -> jax.Array:
    return lax.conv_general_dilated(
        x,
        w,
        stride,
        padding,
        lhs_dilation=spread,
        rhs_dilation=dilation,
        dimension_numbers=layout,
        feature_group_count=groups,
        batch_group_count=batch_groups,
        precision=lax.Precision.HIGHEST,
        preferred_element_type=jnp.dtype(spec.dtype),
    )


def _conv2d(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    x, w = operands
    return _convolved(
        x,
        w,
        spec,
        ("NHWC", "HWIO", "NHWC"),
        sides(attributes),
        stride=attributes["stride"],
        dilation=attributes["dilation"],
        groups=attributes["groups"],
    )


def _conv2d_input_grad(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    g, w = operands
    kernel, groups = w.shape[:2], attributes["groups"]
    if groups > 1:  # (KH, KW, C/g, O) to (KH, KW, C, O/g): groups by inputs instead of outputs
        w = w.reshape(*kernel, w.shape[2], groups, w.shape[3] // groups)
        w = w.transpose(0, 1, 3, 2, 4).reshape(*kernel, -1, w.shape[4])
    padding = []
    for axis, (low, _) in enumerate(sides(attributes)):
        reach = (kernel[axis] - 1) * attributes["dilation"][axis]
        covered = (g.shape[1 + axis] - 1) * attributes["stride"][axis] + 1
        padding.append((reach - low, attributes["extents"][axis] + low - covered))
    return _convolved(
        g,
        w[::-1, ::-1],
        spec,
        ("NHWC", "HWOI", "NHWC"),
        padding,
        spread=attributes["stride"],
        dilation=attributes["dilation"],
        groups=groups,
    )


def _conv2d_weight_grad(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    x, g = operands
    padding = []
    for axis, (low, _) in enumerate(sides(attributes)):
        positions = (g.shape[1 + axis] - 1) * attributes["stride"][axis] + 1
        reach = (attributes["kernel_size"][axis] - 1) * attributes["dilation"][axis]
        padding.append((low, positions + reach - x.shape[1 + axis] - low))  # may be negative
    return _convolved(
        x,
        g,
        spec,
        ("CHWN", "IHWO", "HWNC"),
        padding,
        stride=attributes["dilation"],
        dilation=attributes["stride"],
        batch_groups=attributes["groups"],
    )


RULES: dict[str, Rule] = {
    "matmul": _matmul,
    "batched_matmul": _batched_matmul,
    "conv2d": _conv2d,
    "conv2d_input_grad": _conv2d_input_grad,
    "conv2d_weight_grad": _conv2d_weight_grad,
}
