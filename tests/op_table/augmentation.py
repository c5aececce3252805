"""Rows of augmentation: each picture pixel by pixel, in plain Python, on words drawn one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from op_table.case import (
    FLOAT,
    Array,
    Case,
    Draw,
    ErrorCase,
    Operand,
    between,
    given,
    normal,
    operand,
)
from op_table.probability import threefry
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Spec
from tolerances import EXACT, Tolerance, accumulation

Word = int


def words(key: Array, step: Array, stream: int, count: int, each: int) -> list[list[Word]]:
    """The words of each sample: those of the counters n · each … n · each + each - 1."""
    derived = threefry(threefry((int(key[0]), int(key[1])), (0, stream)), (0, int(step)))
    return [
        [word for k in range(each) for word in threefry(derived, (0, n * each + k))]
        for n in range(count)
    ]


def signed(word: Word) -> float:
    return word / 2**31 - 1


def integer(word: Word, count: int) -> int:
    return word * count // 2**32


# --- random_warp -----------------------------------------------------------------------------------------------------


def pixel(picture: Array, i: int, j: int, outside: str, value: float) -> Array:
    """The channels at (i, j), wherever that is."""
    place = []
    for index, extent in ((i, picture.shape[0]), (j, picture.shape[1])):
        while not 0 <= index < extent:
            if outside == "constant":
                return np.full(picture.shape[2], value)
            edge = 0 if index < 0 else extent - 1
            index = 2 * edge - index if outside == "reflect" and extent > 1 else edge
        place.append(index)
    return np.asarray(picture[place[0], place[1]], np.float64)


def matrix(drawn: list[Word], attributes: dict[str, Any], shape: tuple[int, ...]) -> Array:
    """The map of pixels of the result to those of the source, as 3 × 3 matrices multiplied out."""
    height, width = shape[:2]
    turn = math.radians(attributes["rotation"] * signed(drawn[0]))
    factor = 1 + attributes["scale"] * signed(drawn[1])
    move = []
    for axis in (0, 1):
        crop = attributes["crop"]
        pixels = integer(drawn[4 + axis], 2 * crop + 1) - crop
        move.append(attributes["shift"] * shape[axis] * signed(drawn[2 + axis]) + pixels)
    flips = [-1.0 if attributes["flip"] & bit and drawn[6 + n] >= 2**31 else 1.0
             for n, bit in enumerate((2, 1))]  # fmt: skip
    centre = np.array([[1, 0, (height - 1) / 2], [0, 1, (width - 1) / 2], [0, 0, 1]])
    shift = np.array([[1, 0, move[0]], [0, 1, move[1]], [0, 0, 1]])
    # forwards, a point is flipped, turned and scaled about the centre, then shifted
    turned = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0],
                       [0, 0, 1 / factor]]) * np.array([[factor], [factor], [factor]])  # fmt: skip
    flipped = np.diag([*flips, 1.0])
    forwards = shift @ centre @ turned @ flipped @ np.linalg.inv(centre)
    return np.linalg.inv(forwards)


def warp(x: Array, key: Array, step: Array, **attributes: Any) -> Array:
    y = np.zeros(x.shape)
    outside, value = attributes["outside"], attributes["value"]
    for n, drawn in enumerate(words(key, step, attributes["stream"], len(x), 4)):
        units = np.rint(matrix(drawn, attributes, x.shape[1:]) * 65536).astype(int).tolist()
        for i, j in np.ndindex(*x.shape[1:3]):
            row, column = (u[0] * i + u[1] * j + u[2] for u in units[:2])
            down, right = (row // 256) % 256 / 256, (column // 256) % 256 / 256
            mixed = np.zeros(x.shape[3])
            for below, rows in ((0, 1 - down), (1, down)):
                for beside, share in ((0, rows * (1 - right)), (1, rows * right)):
                    at = row // 65536 + below, column // 65536 + beside
                    mixed += share * pixel(x[n], *at, outside, value)
            y[n, i, j] = np.floor(mixed + 0.5) if x.dtype == np.uint8 else mixed
    return y.astype(np.uint8) if x.dtype == np.uint8 else y


def _largest(x: Array, *rest: Array, **attributes: Any) -> Array:
    """The size of what is added up, for every element: no pixel is larger."""
    biggest = np.abs(x.astype(np.float64)).max(initial=0.0) + abs(attributes.get("value", 0.0))
    return np.full(x.shape, biggest)


NOTHING = {
    "flip": 0, "rotation": 0.0, "scale": 0.0, "shift": 0.0, "crop": 0, "outside": "constant",
    "value": 0.0,
}  # fmt: skip

WARPS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "flip left and right": {"flip": 1},
    "flip up and down": {"flip": 2},
    "flip both": {"flip": 3},
    "crop": {"crop": 2, "value": 9.0},
    "crop reflect": {"crop": 7, "outside": "reflect"},
    "crop edge": {"crop": 7, "outside": "edge"},
    "shift": {"shift": 0.3},
    "rotation": {"rotation": 180.0},
    "rotation edge": {"rotation": 45.0, "outside": "edge"},
    "scale": {"scale": 0.95, "value": 200.0},
    "scale reflect": {"scale": 0.95, "outside": "reflect"},
    "all": {"flip": 3, "rotation": 30.0, "scale": 0.4, "shift": 0.2, "crop": 1, "value": 5.0},
    "all reflect": {"flip": 3, "rotation": 90.0, "scale": 0.4, "shift": 1.0, "outside": "reflect"},
}
SHAPES = ((3, 7, 6, 1), (2, 5, 8, 3))


def _random(step: float = 11) -> tuple[Operand, Operand]:
    return (
        operand((2,), between(0, 2**32), "uint32"),
        operand((), given(step), "uint32"),
    )


def _pictures(shape: tuple[int, ...], kind: str) -> Operand:
    draw: Draw = between(0, 256) if kind == "uint8" else normal
    return operand(shape, draw, kind)


def _warp_rows() -> Iterator[Case]:
    for name, changed in WARPS.items():
        for shape in SHAPES:
            for kind, tolerance in (("uint8", EXACT), (FLOAT, accumulation(8))):
                attributes = {**NOTHING, "stream": 2**32 - 1, **changed}
                operands = (_pictures(shape, kind), *_random())
                scale = None if kind == "uint8" else _largest
                yield Case("random_warp", f"{name} {shape} {kind}", operands, attributes, warp,
                           tolerance, scale)  # fmt: skip
    for shape in ((2, 1, 1, 2), (2, 1, 6, 1), (1, 4, 1, 1)):
        for outside in ("constant", "edge", "reflect"):
            attributes = {**NOTHING, "stream": 0, "crop": 1, "outside": outside, "value": 3.0}
            operands = (_pictures(shape, "uint8"), *_random(2**32 - 1))
            yield Case("random_warp", f"{shape} {outside}", operands, attributes, warp)


# --- random_tone, random_cutout --------------------------------------------------------------------------------------


def tone(
    x: Array, key: Array, step: Array, stream: int, brightness: float, contrast: float
) -> Array:
    y = np.zeros(x.shape)
    white = 255 if x.dtype == np.uint8 else 1
    for n, (first, second) in enumerate(words(key, step, stream, len(x), 1)):
        mean = math.fsum(x[n].reshape(-1)) / x[n].size
        gain, offset = 1 + contrast * signed(first), brightness * white * signed(second)
        y[n] = mean + gain * (x[n] - mean) + offset
    if x.dtype == np.uint8:
        return np.clip(np.rint(y), 0, 255).astype(np.uint8)
    return y


def _tone_size(x: Array, *rest: Array, **attributes: Any) -> Array:
    return np.full(x.shape, 4 * np.abs(x).max() + 1)


def _tone_rows() -> Iterator[Case]:
    for brightness, contrast in ((0.0, 0.0), (0.5, 0.0), (0.0, 1.0), (0.3, 0.4)):
        for shape in SHAPES:
            for kind in ("uint8", FLOAT):
                attributes = {"stream": 5, "brightness": brightness, "contrast": contrast}
                operands = (_pictures(shape, kind), *_random())
                exact = kind == "uint8"
                yield Case("random_tone", f"{brightness} {contrast} {shape} {kind}", operands,
                           attributes, tone, EXACT if exact else Tolerance(2),
                           None if exact else _tone_size)  # fmt: skip


def cutout(x: Array, key: Array, step: Array, stream: int, size: int, value: float) -> Array:
    y = x.copy()
    for n, drawn in enumerate(words(key, step, stream, len(x), 1)):
        centre = [integer(word, x.shape[1 + axis]) for axis, word in enumerate(drawn)]
        for place in np.ndindex(*x.shape[1:3]):
            inside = [-(size // 2) <= p - c < size - size // 2
                      for p, c in zip(place, centre, strict=True)]  # fmt: skip
            if all(inside):
                y[(n, *place)] = value
    return y


def _cutout_rows() -> Iterator[Case]:
    for size in (0, 1, 2, 3, 5, 40):
        for kind in ("uint8", FLOAT):
            attributes = {"stream": 5, "size": size, "value": 7.0}
            operands = (_pictures((3, 7, 6, 2), kind), *_random())
            yield Case("random_cutout", f"{size} {kind}", operands, attributes, cutout)


# --- random_order, random_pick ---------------------------------------------------------------------------------------


def order(x: Array, key: Array, step: Array, stream: int) -> Array:
    drawn = words(key, step, stream, len(x), 1)
    rows = sorted(range(len(x)), key=lambda row: drawn[row])
    return x[rows]


def pick(values: Array, key: Array, step: Array, stream: int, shape: tuple[int, ...]) -> Array:
    drawn = words(key, step, stream, math.prod(shape), 1)
    chosen = [values[integer(first, len(values))] for first, _ in drawn]
    return np.array(chosen, values.dtype).reshape(shape)


def mix(x: Array, share: Array, key: Array, step: Array, stream: int) -> Array:
    return share * x + (1 - share) * order(x, key, step, stream)


def _mix_rows() -> Iterator[Case]:
    for shape in ((1,), (13,), (7, 3), (7, 0), (64, 2, 2, 1), (5, 40, 60, 1)):
        for share in (0.0, 0.3125, 1.0):
            operands = (operand(shape), operand((), given(share)), *_random())
            yield Case("random_mix", f"{shape} {share}", operands, {"stream": 9}, mix,
                       accumulation(2), _largest)  # fmt: skip


def _order_rows() -> Iterator[Case]:
    for shape in ((1,), (13,), (7, 3), (64, 2, 2, 1)):
        for kind in (FLOAT, "int32", "uint8"):
            operands = (operand(shape, between(1, 200), kind), *_random())
            yield Case("random_order", f"{shape} {kind}", operands, {"stream": 9}, order)


def _pick_rows() -> Iterator[Case]:
    for count in (1, 5, 1024):
        for shape in ((), (17,), (3, 4)):
            for kind in (FLOAT, "int32", "uint8"):
                operands = (operand((count,), between(1, 200), kind), *_random(3))
                attributes = {"stream": 1, "shape": shape}
                yield Case("random_pick", f"{count} {shape} {kind}", operands, attributes, pick)


def cases() -> list[Case]:
    """Every row of the family."""
    rows = (_warp_rows, _tone_rows, _cutout_rows, _order_rows, _mix_rows, _pick_rows)
    return [case for family in rows for case in family()]


def errors() -> list[ErrorCase]:
    """What the family must refuse."""
    x, key, step = Spec((2, 5, 5, 1), "uint8"), Spec((2,), "uint32"), Spec((), "uint32")
    flat, numbers = Spec((2, 25), "uint8"), Spec((2, 5, 5, 1), "float32")
    nothing = {**NOTHING, "stream": 0}
    tones = {"stream": 0, "brightness": 0.5, "contrast": 0.5}
    square = {"stream": 0, "size": 3, "value": 0.0}
    row = ErrorCase
    return [
        row("random_warp", (flat, key, step), nothing, ShapeError, r"must be pictures \(N, H, W, C\)"),
        row("random_warp", (Spec((2, 5, 5, 1), "int32"), key, step), nothing, InvalidArgument,
            "must be uint8, float32 or float64"),
        row("random_warp", (x, step, step), nothing, ShapeError, r"must be uint32\[2\] and uint32\[\]"),
        row("random_warp", (x, key, step), {**nothing, "stream": 2**32}, InvalidArgument, "`stream`"),
        row("random_warp", (x, key, step), {**nothing, "rotation": 181.0}, InvalidArgument,
            r"`rotation` \(=181.0\) must lie from 0 to 180"),
        row("random_warp", (x, key, step), {**nothing, "scale": 1.0}, InvalidArgument, "`scale`"),
        row("random_warp", (x, key, step), {**nothing, "shift": -0.1}, InvalidArgument, "`shift`"),
        row("random_warp", (x, key, step), {**nothing, "crop": -1}, InvalidArgument, "`crop`"),
        row("random_warp", (x, key, step), {**nothing, "flip": 4}, InvalidArgument, "`flip`"),
        row("random_warp", (x, key, step), {**nothing, "outside": "wrap"}, InvalidArgument,
            "`outside` .='wrap'. must be one of constant, edge, reflect"),
        row("random_warp", (x, key, step), {**nothing, "value": 0.5}, InvalidArgument,
            r"`value` \(=0.5\) must be a whole number from 0 to 255"),
        row("random_tone", (flat, key, step), tones, ShapeError, "must be pictures"),
        row("random_tone", (numbers, key, step), {**tones, "contrast": 1.5}, InvalidArgument,
            "`contrast`"),
        row("random_tone", (numbers, key, step), {**tones, "brightness": -1.0}, InvalidArgument,
            "`brightness`"),
        row("random_cutout", (flat, key, step), square, ShapeError, "must be pictures"),
        row("random_cutout", (numbers, key, step), {**square, "size": -1}, InvalidArgument, "`size`"),
        row("random_cutout", (x, key, step), {**square, "value": 256.0}, InvalidArgument, "`value`"),
        row("random_order", (step, key, step), {"stream": 0}, ShapeError, "must have samples"),
        row("random_order", (x, key, key), {"stream": 0}, ShapeError, "key"),
        row("random_mix", (x, Spec((), "float32"), key, step), {"stream": 0}, ShapeError,
            r"must be float \(N, …\) and one number"),
        row("random_mix", (numbers, key, key, step), {"stream": 0}, ShapeError, "one number"),
        row("random_pick", (flat, key, step), {"stream": 0, "shape": ()}, ShapeError,
            r"must have shape \(M,\)"),
        row("random_pick", (Spec((0,), "float32"), key, step), {"stream": 0, "shape": ()},
            ShapeError, r"must have shape \(M,\)"),
    ]  # fmt: skip
