"""Masks and random changes of a batch, to the last bit of the reference.

threefry2x32 on the logical index is JAX's own definition too. What is computed of a few numbers for each picture is in
float64 and int64, as `sloy.graph.ops.augmentation` has it.
"""

from __future__ import annotations

from math import pi, prod

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.random import threefry_2x32

from sloy.engines.jax.table.rule import Operands, Rule
from sloy.graph import Spec
from sloy.graph.opdef import Attributes
from sloy.graph.threefry import keep_threshold

_PIXEL = 1 << 16  # in the integers that positions are
_TERMS = 12  # of the series of sine and cosine


def _pair(key: jax.Array) -> tuple[jax.Array, jax.Array]:
    return key[0], key[1]


def _fold(key: jax.Array, number: jax.Array | int) -> jax.Array:
    """A new key from a key and a number."""
    counter = jnp.stack([jnp.zeros((), jnp.uint32), jnp.asarray(number, jnp.uint32)])
    return threefry_2x32(_pair(key), counter)


def _own(key: jax.Array, step: jax.Array, attributes: Attributes) -> jax.Array:
    return _fold(_fold(key, attributes["stream"]), step)


def _words(key: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """Two random words for each index below `count`, itself below 2^32."""
    index = lax.iota(jnp.uint32, count)
    both = threefry_2x32(_pair(key), jnp.concatenate([jnp.zeros_like(index), index]))
    return both[:count], both[count:]


def _draws(
    key: jax.Array, step: jax.Array, attributes: Attributes, count: int, each: int
) -> jax.Array:
    """Random words, uint32 (count, 2 · each)."""
    found = _words(_own(key, step, attributes), count * each)
    return jnp.stack(found, -1).reshape(count, 2 * each)


def _signed(words: jax.Array) -> jax.Array:
    return words.astype(jnp.float64) * 2.0**-31 - 1.0


def _whole(words: jax.Array, count: int) -> jax.Array:
    return jnp.floor(words.astype(jnp.float64) * 2.0**-32 * count).astype(jnp.int64)


def _dropout_mask(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    own = _own(operands[0], operands[1], attributes)
    key = jax.random.wrap_key_data(own, impl="threefry2x32")
    bits = jax.random.bits(key, spec.shape, jnp.uint32)
    kept = (bits >> 9) < np.uint32(keep_threshold(attributes["keep"]))
    return kept.astype(spec.dtype)


# --- where a pixel comes from ----------------------------------------------------------------------------------------


def _sine_cosine(angle: jax.Array) -> tuple[jax.Array, jax.Array]:
    sine, cosine = angle, jnp.ones_like(angle)
    odd, even = sine, cosine
    square = angle * angle
    for k in range(1, _TERMS + 1):
        even = -even * square / float((2 * k - 1) * (2 * k))
        odd = -odd * square / float((2 * k) * (2 * k + 1))
        cosine, sine = cosine + even, sine + odd
    return sine, cosine


def _inverse_maps(words: jax.Array, height: int, width: int, attributes: Attributes) -> jax.Array:
    """int64 (N, 2, 3): (row, column, 1) of the result → (row, column) of the source, in 2^-16 pixels."""
    sine, cosine = _sine_cosine((attributes["rotation"] * (pi / 180.0)) * _signed(words[:, 0]))
    factor = 1.0 + attributes["scale"] * _signed(words[:, 1])
    sides, centres, moves = (height, width), ((height - 1) / 2.0, (width - 1) / 2.0), []
    crop = int(attributes["crop"])
    for axis in (0, 1):
        pixels = _whole(words[:, 4 + axis], 2 * crop + 1) - crop
        moves.append((attributes["shift"] * sides[axis]) * _signed(words[:, 2 + axis]) + pixels)
    rows = []
    for axis, row in enumerate(((cosine, sine), (-sine, cosine))):
        turned = (words[:, 6 + axis] >> 31 == 1) & bool(attributes["flip"] & (2 - axis))
        by_row, by_column = (jnp.where(turned, -part, part) / factor for part in row)
        there = by_row * (centres[0] + moves[0]) + by_column * (centres[1] + moves[1])
        affine = jnp.stack([by_row, by_column, centres[axis] - there], -1)
        rows.append(jnp.rint(affine * float(_PIXEL)).astype(jnp.int64))
    return jnp.stack(rows, 1)


def _inside(index: jax.Array, extent: int, outside: str) -> jax.Array:
    if outside == "reflect" and extent > 1:
        period = 2 * (extent - 1)
        index = index % period
        return jnp.minimum(index, period - index)
    return jnp.clip(index, 0, extent - 1)


def _random_warp(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    x, key, step = operands
    count, height, width, _ = x.shape
    words = _draws(key, step, attributes, count, 4)
    maps = _inverse_maps(words, height, width, attributes)[..., None, None]
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)
    at = maps[:, :, 0] * rows + maps[:, :, 1] * columns + maps[:, :, 2]
    whole, part = (at >> 16).astype(jnp.int32), ((at >> 8) & 255).astype(jnp.int32)[..., None]

    def tap(down: int, right: int) -> jax.Array:
        i, j = whole[:, 0] + down, whole[:, 1] + right
        taken = x[
            jnp.arange(count)[:, None, None],
            _inside(i, height, attributes["outside"]),
            _inside(j, width, attributes["outside"]),
        ]
        if attributes["outside"] != "constant":
            return taken
        seen = (i >= 0) & (i < height) & (j >= 0) & (j < width)
        return jnp.where(seen[..., None], taken, x.dtype.type(attributes["value"]))

    taps = tap(0, 0), tap(0, 1), tap(1, 0), tap(1, 1)
    if x.dtype == jnp.uint8:
        a, b, c, d = (taken.astype(jnp.int32) for taken in taps)
        down, right = part[:, 0], part[:, 1]
        upper, lower = (256 - right) * a + right * b, (256 - right) * c + right * d
        between = ((256 - down) * upper + down * lower + (1 << 15)) >> 16
        return between.astype(jnp.uint8)
    down, right = (part[:, axis].astype(x.dtype) / x.dtype.type(256) for axis in (0, 1))
    upper = taps[0] + (taps[1] - taps[0]) * right
    lower = taps[2] + (taps[3] - taps[2]) * right
    return upper + (lower - upper) * down


# --- tones, a square left out, orders --------------------------------------------------------------------------------


def _random_tone(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    x, key, step = operands
    words = _draws(key, step, attributes, len(x), 1)
    flat = x.reshape(len(x), -1)
    white = 255.0 if x.dtype == jnp.uint8 else 1.0
    gain = 1.0 + attributes["contrast"] * _signed(words[:, 0])
    added = (attributes["brightness"] * white) * _signed(words[:, 1])
    mean = jnp.sum(flat, 1, jnp.float64) / flat.shape[1]
    offset = mean * (1.0 - gain) + added
    if x.dtype == jnp.uint8:
        levels = jnp.arange(256.0) * gain[:, None] + offset[:, None]
        table = jnp.clip(jnp.rint(levels), 0, 255).astype(jnp.uint8)
        return jnp.take_along_axis(table, flat.astype(jnp.int32), 1).reshape(x.shape)
    toned = flat * gain[:, None].astype(x.dtype) + offset[:, None].astype(x.dtype)
    return toned.reshape(x.shape)


def _random_cutout(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    x, key, step = operands
    words = _draws(key, step, attributes, len(x), 1)
    hidden = jnp.ones(x.shape[:3], bool)
    for axis in (0, 1):
        extent = x.shape[1 + axis]
        first = _whole(words[:, axis], extent)[:, None] - attributes["size"] // 2
        place = jnp.arange(extent)
        band = (place >= first) & (place < first + attributes["size"])
        hidden &= band[:, :, None] if axis == 0 else band[:, None, :]
    return jnp.where(hidden[..., None], x.dtype.type(attributes["value"]), x)


def _random_order(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    x, key, step = operands
    high, low = _words(_own(key, step, attributes), len(x))
    keys = (high.astype(jnp.uint64) << np.uint64(32)) | low.astype(jnp.uint64)
    return x[jnp.argsort(keys, stable=True)]


def _random_mix(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    x, share, key, step = operands
    others = _random_order((x, key, step), attributes, spec)
    return share * x + (share.dtype.type(1) - share) * others


def _random_pick(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    values, key, step = operands
    words = _draws(key, step, attributes, prod(spec.shape), 1)
    return values[_whole(words[:, 0], len(values))].reshape(spec.shape)


RULES: dict[str, Rule] = {
    "dropout_mask": _dropout_mask,
    "random_warp": _random_warp,
    "random_tone": _random_tone,
    "random_cutout": _random_cutout,
    "random_order": _random_order,
    "random_mix": _random_mix,
    "random_pick": _random_pick,
}
