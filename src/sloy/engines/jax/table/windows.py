"""Pooling and its gradients, tap by tap.

A gradient is a sum of padded arrays, one for each place within the window: XLA's scatters have no order on a GPU, sums
have, and these fuse into one pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sloy.engines.jax.table.products import sides
from sloy.engines.jax.table.rule import Operands, Rule
from sloy.graph import Spec
from sloy.graph.opdef import Attributes
from sloy.graph.ops.pooling import counts

Tap = tuple[int, int]


def _taps(attributes: Attributes) -> Iterator[Tap]:
    """Places within the window, in row-major order."""
    height, width = attributes["window"]
    return ((i, j) for i in range(height) for j in range(width))


def _seen(padded: jax.Array, attributes: Attributes, tap: Tap, extents: Sequence[int]) -> jax.Array:
    """What a tap of each window sees of the padded picture."""
    steps = attributes["stride"]
    ends = [tap[axis] + (extents[axis] - 1) * steps[axis] + 1 for axis in (0, 1)]
    samples, _, _, channels = padded.shape
    return lax.slice(padded, (0, *tap, 0), (samples, *ends, channels), (1, *steps, 1))


def _spread(g: jax.Array, attributes: Attributes, tap: Tap, extents: Sequence[int]) -> jax.Array:
    """g where that tap of each window is, in the picture without padding, 0 elsewhere."""
    placed = [(0, 0, 0)]
    for axis, (low, _) in enumerate(sides(attributes)):
        step = attributes["stride"][axis]
        length = (g.shape[1 + axis] - 1) * step + 1
        before = tap[axis] - low
        placed.append((before, extents[axis] - before - length, step - 1))
    return lax.pad(g, jnp.zeros((), g.dtype), [*placed, (0, 0, 0)])


def _padded(x: jax.Array, attributes: Attributes, value: float) -> jax.Array:
    return jnp.pad(x, ((0, 0), *sides(attributes), (0, 0)), constant_values=value)


def _max_pool(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    (x,) = operands
    return lax.reduce_window(
        x,
        jnp.array(-jnp.inf, x.dtype),
        lax.max,
        (1, *attributes["window"], 1),
        (1, *attributes["stride"], 1),
        ((0, 0), *sides(attributes), (0, 0)),
    )


def _first_maximum(x: jax.Array, attributes: Attributes, extents: Sequence[int]) -> jax.Array:
    """The number of the tap where each window's first maximum is, a NaN before any number.

    Found in one pass over x, never by comparing x with its maxima: XLA may compute both anew, and round them apart.
    """
    padded = _padded(x, attributes, -jnp.inf)
    inside = _padded(jnp.ones((1, *x.shape[1:3], 1), bool), attributes, False)
    shape = (x.shape[0], *extents, x.shape[3])
    best, place = jnp.full(shape, -jnp.inf, x.dtype), jnp.full(shape, -1, jnp.int32)
    for number, tap in enumerate(_taps(attributes)):
        value = _seen(padded, attributes, tap, extents)
        better = (value > best) | (jnp.isnan(value) & ~jnp.isnan(best)) | (place < 0)
        better &= _seen(inside, attributes, tap, extents)
        best, place = jnp.where(better, value, best), jnp.where(better, number, place)
    return place


def _max_pool_grad(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    x, y, g = operands
    place = _first_maximum(x, attributes, y.shape[1:3])
    spread = [
        _spread(jnp.where(place == number, g, 0), attributes, tap, x.shape[1:3])
        for number, tap in enumerate(_taps(attributes))
    ]
    return sum(spread[1:], spread[0])


def _max_pool_pick(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    x, _, h = operands
    place = _first_maximum(x, attributes, spec.shape[1:3])
    padded = _padded(h, attributes, 0)
    picked = [
        jnp.where(place == number, _seen(padded, attributes, tap, spec.shape[1:3]), 0)
        for number, tap in enumerate(_taps(attributes))
    ]
    return sum(picked[1:], picked[0])


def _average_pool(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    (x,) = operands
    padded, extents = _padded(x, attributes, 0), spec.shape[1:3]
    taps = [_seen(padded, attributes, tap, extents) for tap in _taps(attributes)]
    return sum(taps[1:], taps[0]) / counts(x.shape, attributes, np.dtype(spec.dtype))


def _average_pool_grad(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    (g,) = operands
    share = g / counts(spec.shape, attributes, np.dtype(spec.dtype))
    extents = attributes["extents"]
    spread = [_spread(share, attributes, tap, extents) for tap in _taps(attributes)]
    return sum(spread[1:], spread[0])


RULES: dict[str, Rule] = {
    "max_pool2d": _max_pool,
    "max_pool2d_grad": _max_pool_grad,
    "max_pool2d_pick": _max_pool_pick,
    "average_pool2d": _average_pool,
    "average_pool2d_grad": _average_pool_grad,
}
