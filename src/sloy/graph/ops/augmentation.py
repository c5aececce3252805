"""Random changes of a batch of pictures, and of the order of its samples.

Everything drawn is a function of key, stream, step and the sample's place in the batch. Positions are integers of
2^-16 of a pixel, interpolation weights of 2^-8; what is computed in floating point is written so that every product
and sum is rounded once. So the same bits come out of NumPy and of any engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, prod

import numpy as np

from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import threefry
from sloy.graph.attributes import AttributeKind, Schema
from sloy.graph.opdef import Attributes, Infer, Reference, register
from sloy.graph.spec import Shape, Spec
from sloy.graph.tensor import Tensor, applied
from sloy.text import shown

__all__ = [
    "random_cutout", "random_mix", "random_order", "random_pick", "random_tone", "random_warp",
]  # fmt: skip

OUTSIDE = ("constant", "edge", "reflect")

_ONE = 1 << 16  # a pixel, in the integers that positions are
_TERMS = 12  # of the series of sine and cosine: |error| < 1e-12 up to half a turn


def _expect(op: str, specs: Sequence[Spec], attributes: Attributes, *, pictures: bool) -> None:
    x, key, step = specs
    if pictures and (x.rank != 4 or 0 in x.shape):
        raise ShapeError(f"{op}: `x` is {x}; it must be pictures (N, H, W, C).")
    if pictures and x.dtype not in ("uint8", "float32", "float64"):
        raise InvalidArgument(f"{op}: `x` is {x}; it must be uint8, float32 or float64.")
    if key != Spec((2,), "uint32") or step != Spec((), "uint32"):
        raise ShapeError(f"{op}: key {key} and step {step} must be uint32[2] and uint32[].")
    if not 0 <= attributes["stream"] < 2**32:
        raise InvalidArgument(
            f"{op}: `stream` (={attributes['stream']}) must lie from 0 to 2^32 - 1."
        )


def _within(op: str, attributes: Attributes, **bounds: tuple[float, float]) -> None:
    for name, (low, high) in bounds.items():
        if not low <= attributes[name] <= high:
            raise InvalidArgument(
                f"{op}: `{name}` (={attributes[name]}) must lie from {low:g} to {high:g}."
            )


def _check_value(op: str, x: Spec, value: float) -> None:
    if x.dtype == "uint8" and not (0 <= value <= 255 and value == int(value)):
        raise InvalidArgument(
            f"{op}: `value` (={value}) must be a whole number from 0 to 255 for uint8 pictures."
        )


def _draws(key: np.ndarray, step: np.ndarray, stream: int, count: int, each: int) -> np.ndarray:
    """Random words, uint32 (count, 2 · each): sample n has those of the counters n · each and on."""
    own = threefry.fold_in(threefry.fold_in(key, stream), int(step))
    return np.stack(threefry.words(own, count * each), axis=-1).reshape(count, 2 * each)


def _signed(word: np.ndarray) -> np.ndarray:
    """A number in [-1, 1) from a word, float64, exact."""
    return np.asarray(word * 2.0**-31 - 1.0)


def _whole(word: np.ndarray, count: int) -> np.ndarray:
    """A number from 0 to count - 1 from a word, int64."""
    return np.floor(word * 2.0**-32 * count).astype(np.int64)


# --- where a pixel comes from ----------------------------------------------------------------------------------------


def _infer_warp(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    op = "random_warp"
    _expect(op, specs, attributes, pictures=True)
    _within(op, attributes, rotation=(0, 180), scale=(0, 0.95), shift=(0, 1), crop=(0, 2**15))
    if attributes["flip"] not in (0, 1, 2, 3):
        raise InvalidArgument(f"{op}: `flip` (={attributes['flip']}) must be 0, 1, 2 or 3.")
    if attributes["outside"] not in OUTSIDE:
        raise InvalidArgument(
            f"{op}: `outside` (={shown(attributes['outside'])}) must be one of {', '.join(OUTSIDE)}."
        )
    _check_value(op, specs[0], attributes["value"])
    return specs[0]


def _sine_cosine(angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both by their series: each term from the one before, so that any engine rounds alike."""
    sine, cosine = angle.copy(), np.ones_like(angle)
    odd, even = angle.copy(), np.ones_like(angle)
    square = angle * angle
    for k in range(1, _TERMS + 1):
        even = -even * square / float((2 * k - 1) * (2 * k))
        odd = -odd * square / float((2 * k) * (2 * k + 1))
        cosine, sine = cosine + even, sine + odd
    return sine, cosine


def _inverse_maps(words: np.ndarray, height: int, width: int, attributes: Attributes) -> np.ndarray:
    """int64 (N, 2, 3): (row, column, 1) of the result → (row, column) of the source, in 2^-16 pixels."""
    flip = attributes["flip"]
    sine, cosine = _sine_cosine((attributes["rotation"] * (pi / 180.0)) * _signed(words[:, 0]))
    factor = 1.0 + attributes["scale"] * _signed(words[:, 1])
    sides, centres, moves = (height, width), ((height - 1) / 2.0, (width - 1) / 2.0), []
    for axis in (0, 1):
        crop = int(attributes["crop"])
        pixels = _whole(words[:, 4 + axis], 2 * crop + 1) - crop
        moves.append((attributes["shift"] * sides[axis]) * _signed(words[:, 2 + axis]) + pixels)
    result = np.empty((len(words), 2, 3), np.int64)
    for axis, row in enumerate(((cosine, sine), (-sine, cosine))):
        turned = (words[:, 6 + axis] >> 31 == 1) & bool(flip & (2 - axis))
        by_row, by_column = (np.where(turned, -part, part) / factor for part in row)
        there = by_row * (centres[0] + moves[0]) + by_column * (centres[1] + moves[1])
        result[:, axis] = np.rint(
            np.stack([by_row, by_column, centres[axis] - there], axis=-1) * float(_ONE)
        )
    return result


def _inside(index: np.ndarray, extent: int, outside: str) -> np.ndarray:
    """Indices that lie inside: of the edge, or mirrored at it."""
    if outside == "reflect" and extent > 1:
        period = 2 * (extent - 1)
        index = index % period
        return np.minimum(index, period - index)
    return np.clip(index, 0, extent - 1)


def _warp_reference(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    x, key, step = arrays
    count, height, width, _ = x.shape
    words = _draws(key, step, attributes["stream"], count, 4)
    maps = _inverse_maps(words, height, width, attributes)[..., None, None]  # (N, 2, 3, 1, 1)
    rows, columns = np.arange(height)[:, None], np.arange(width)
    at = maps[:, :, 0] * rows + maps[:, :, 1] * columns + maps[:, :, 2]  # (N, 2, H, W)
    whole, part = at >> 16, ((at >> 8) & 255)[..., None]

    def tap(down: int, right: int) -> np.ndarray:
        i, j = whole[:, 0] + down, whole[:, 1] + right
        taken = x[
            np.arange(count)[:, None, None],
            _inside(i, height, attributes["outside"]),
            _inside(j, width, attributes["outside"]),
        ]
        if attributes["outside"] != "constant":
            return taken
        seen = (i >= 0) & (i < height) & (j >= 0) & (j < width)
        return np.where(seen[..., None], taken, x.dtype.type(attributes["value"]))

    taps = tap(0, 0), tap(0, 1), tap(1, 0), tap(1, 1)
    if x.dtype == np.uint8:
        return _between_bytes(*taps, part[:, 0], part[:, 1])
    down, right = (part[:, axis].astype(x.dtype) / x.dtype.type(256) for axis in (0, 1))
    upper = taps[0] + (taps[1] - taps[0]) * right
    lower = taps[2] + (taps[3] - taps[2]) * right
    return np.asarray(upper + (lower - upper) * down)


def _between_bytes(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray, down: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """Bilinear interpolation in integers, the weights in 2^-8, rounded to the nearest."""
    upper, lower = (256 - right) * a + right * b, (256 - right) * c + right * d
    mixed: np.ndarray = ((256 - down) * upper + down * lower + (1 << 15)) >> 16
    return mixed.astype(np.uint8)


# --- brightness and contrast -----------------------------------------------------------------------------------------


def _infer_tone(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    _expect("random_tone", specs, attributes, pictures=True)
    _within("random_tone", attributes, brightness=(0, 1), contrast=(0, 1))
    return specs[0]


def _tone_reference(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    x, key, step = arrays
    words = _draws(key, step, attributes["stream"], len(x), 1)
    flat = x.reshape(len(x), -1)  # (N, H · W · C)
    white = 255.0 if x.dtype == np.uint8 else 1.0
    gain = 1.0 + attributes["contrast"] * _signed(words[:, 0])
    added = (attributes["brightness"] * white) * _signed(words[:, 1])
    # accumulate sums one after another, as a loop does; `sum` would add in pairs
    mean = np.add.accumulate(flat, axis=1, dtype=np.float64)[:, -1] / flat.shape[1]
    offset = mean * (1.0 - gain) + added
    if x.dtype == np.uint8:
        levels = np.arange(256.0) * gain[:, None] + offset[:, None]  # (N, 256)
        table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        result = np.take_along_axis(table, flat.astype(np.int64), axis=1)
    else:
        result = flat * gain[:, None].astype(x.dtype) + offset[:, None].astype(x.dtype)
    return result.reshape(x.shape)


# --- a square left out -----------------------------------------------------------------------------------------------


def _infer_cutout(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    _expect("random_cutout", specs, attributes, pictures=True)
    _within("random_cutout", attributes, size=(0, 2**15))
    _check_value("random_cutout", specs[0], attributes["value"])
    return specs[0]


def _cutout_reference(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    x, key, step = arrays
    words = _draws(key, step, attributes["stream"], len(x), 1)
    hidden = np.ones(x.shape[:3], bool)
    for axis in (0, 1):
        extent = x.shape[1 + axis]
        first = _whole(words[:, axis], extent)[:, None] - attributes["size"] // 2
        place = np.arange(extent)
        band = (place >= first) & (place < first + attributes["size"])  # (N, extent)
        hidden &= band[:, :, None] if axis == 0 else band[:, None, :]
    return np.where(hidden[..., None], x.dtype.type(attributes["value"]), x)


# --- samples in another order, mixed with each other, and numbers out of several -------------------------------------


def _infer_order(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    _expect("random_order", specs, attributes, pictures=False)
    if not specs[0].rank:
        raise ShapeError(f"random_order: `x` is {specs[0]}; it must have samples (N, …).")
    return specs[0]


def _order_reference(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    x, key, step = arrays
    own = threefry.fold_in(threefry.fold_in(key, attributes["stream"]), int(step))
    return x[threefry.permutation(len(x), own)]


def _infer_mix(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    x, share, key, step = specs
    _expect("random_mix", (x, key, step), attributes, pictures=False)
    if not x.is_float or not x.rank or share != Spec((), x.dtype):
        raise ShapeError(
            f"random_mix: `x` is {x} and `share` {share}; they must be float (N, …) and one number"
            " of that dtype."
        )
    return x


def _mix_reference(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    x, share, key, step = arrays
    others = _order_reference((x, key, step), attributes)
    return np.asarray(share * x + (share.dtype.type(1) - share) * others)


def _infer_pick(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    _expect("random_pick", specs, attributes, pictures=False)
    if specs[0].rank != 1 or not specs[0].size:
        raise ShapeError(f"random_pick: `values` is {specs[0]}; it must have shape (M,).")
    return Spec(attributes["shape"], specs[0].dtype)


def _pick_reference(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    values, key, step = arrays
    words = _draws(key, step, attributes["stream"], prod(attributes["shape"]), 1)
    return values[_whole(words[:, 0], len(values))].reshape(attributes["shape"])


def _register(
    name: str, arity: int, infer: Infer, reference: Reference, doc: str, **attributes: AttributeKind
) -> None:
    schema: Schema = {"stream": "integer", **attributes}
    register(
        name,
        "augmentation",
        arity,
        infer,
        reference,
        attributes=schema,
        differentiable=False,
        doc=doc,
    )


_register(
    "random_warp", 3, _infer_warp, _warp_reference,
    "each picture flipped, rotated, scaled and shifted by one affine map of its own, bilinear",
    flip="integer", rotation="float", scale="float", shift="float", crop="integer", outside="word", value="float",
)  # fmt: skip
_register(
    "random_tone", 3, _infer_tone, _tone_reference,
    "mean + gain · (x - mean) + offset, gain and offset drawn for each picture",
    brightness="float", contrast="float",
)  # fmt: skip
_register(
    "random_cutout", 3, _infer_cutout, _cutout_reference,
    "a square of each picture, its centre anywhere, set to one value",
    size="integer", value="float",
)  # fmt: skip
_register("random_order", 3, _infer_order, _order_reference, "the samples in a random order")
_register(
    "random_mix", 4, _infer_mix, _mix_reference,
    "share · x + (1 - share) · x', x' the samples in the order of `random_order`",
)  # fmt: skip
_register(
    "random_pick", 3, _infer_pick, _pick_reference,
    "elements that are each one of M values, with probability 1/M",
    shape="integers",
)  # fmt: skip


def random_warp(
    x: Tensor,
    key: Tensor,
    step: Tensor,
    *,
    stream: int,
    flip: int = 0,
    rotation: float = 0.0,
    scale: float = 0.0,
    shift: float = 0.0,
    crop: int = 0,
    outside: str = "constant",
    value: float = 0.0,
) -> Tensor:
    """Pictures, each flipped, rotated and scaled about its centre, then shifted.

    Parameters
    ----------
    x : uint8 or float (N, H, W, C)
    key : uint32 (2,)
    step : uint32 ()
    stream : int
        Tells the draws of one step apart, from 0 to 2^32 - 1.
    flip : int
        1 left and right, 2 up and down, 3 both, each with probability ½.
    rotation : float
        Degrees: the angle is uniform within ± this.
    scale : float
        The factor is uniform within 1 ± this.
    shift : float
        Along each axis, uniform within ± this share of the side.
    crop : int
        Along each axis, a whole number of pixels, uniform within ± this.
    outside : "constant", "edge" or "reflect"
        What is beyond the edges: `value`, the nearest pixel, or the picture mirrored without repeating its edge.
    """
    return applied(
        "random_warp", x, key, step, stream=stream, flip=flip, rotation=rotation, scale=scale,
        shift=shift, crop=crop, outside=outside, value=value,
    )  # fmt: skip


def random_tone(
    x: Tensor, key: Tensor, step: Tensor, *, stream: int, brightness: float, contrast: float
) -> Tensor:
    """Pictures, each brighter or darker, and with more or less contrast.

    y = mean + gain · (x - mean) + offset with the mean over all the picture, gain uniform within 1 ± `contrast` and
    offset within ± `brightness` of white, which is 255 in uint8 (results are rounded and stay within 0 … 255) and
    1 in floats.
    """
    sizes = {"brightness": brightness, "contrast": contrast}
    return applied("random_tone", x, key, step, stream=stream, **sizes)


def random_cutout(
    x: Tensor, key: Tensor, step: Tensor, *, stream: int, size: int, value: float = 0.0
) -> Tensor:
    """Pictures, each with a square of `size` pixels set to `value`; its centre is any pixel, so it may stick out."""
    return applied("random_cutout", x, key, step, stream=stream, size=size, value=value)


def random_order(x: Tensor, key: Tensor, step: Tensor, *, stream: int) -> Tensor:
    """The samples of x (N, …) in a random order, the same for all tensors of one stream and step."""
    return applied("random_order", x, key, step, stream=stream)


def random_mix(x: Tensor, share: Tensor, key: Tensor, step: Tensor, *, stream: int) -> Tensor:
    """share · x + (1 - share) · x', x' being the samples of x (N, …) in the order of `random_order`."""
    return applied("random_mix", x, share, key, step, stream=stream)


def random_pick(
    values: Tensor, key: Tensor, step: Tensor, *, stream: int, shape: Shape = ()
) -> Tensor:
    """Elements that are each one of the values (M,): random numbers of any law whose quantiles are given."""
    return applied("random_pick", values, key, step, stream=stream, shape=shape)
