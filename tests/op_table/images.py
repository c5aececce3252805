"""Rows of convolution and pooling: their definitions as sums over index tuples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from op_table.case import (
    Array,
    Case,
    Draw,
    ErrorCase,
    Operand,
    distinct,
    few_values,
    given,
    normal,
    operand,
    small_integers,
)
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Spec
from tolerances import accumulation

NAN, INF = math.nan, math.inf
Pair = tuple[int, int]
Sides = tuple[int, int, int, int]
Index = tuple[int, ...]

# --- convolution -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Geometry:
    """A convolution: batch, image, channels in and out, kernel, and how it moves."""

    batch: int
    image: Pair
    channels: Pair
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Sides = (0, 0, 0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    @property
    def output(self) -> Pair:
        """Count the positions at which the whole kernel lies on the padded image."""
        top, bottom, left, right = self.padding
        return (
            _positions(
                self.image[0], self.kernel[0], self.stride[0], top, bottom, self.dilation[0]
            ),
            _positions(
                self.image[1], self.kernel[1], self.stride[1], left, right, self.dilation[1]
            ),
        )

    @property
    def shapes(self) -> tuple[Index, Index, Index]:
        """Shapes of x, w and y."""
        inputs, outputs = self.channels
        return (
            (self.batch, *self.image, inputs),
            (*self.kernel, inputs // self.groups, outputs),
            (self.batch, *self.output, outputs),
        )

    @property
    def attributes(self) -> dict[str, Any]:
        """What conv2d needs beside its operands."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def terms(self) -> Iterator[tuple[Index, Index, Index]]:
        """Indices (of x, of w, of y) such that y is the sum of the products x · w."""
        (height, width), (inputs, outputs) = self.image, self.channels
        per_input, per_output = inputs // self.groups, outputs // self.groups
        places = np.ndindex(self.batch, *self.output, outputs, *self.kernel, per_input)
        for n, i, j, o, k, m, c in places:
            h = i * self.stride[0] + k * self.dilation[0] - self.padding[0]
            w = j * self.stride[1] + m * self.dilation[1] - self.padding[2]
            if 0 <= h < height and 0 <= w < width:
                channel = (o // per_output) * per_input + c
                yield (n, h, w, channel), (k, m, c, o), (n, i, j, o)


def _positions(extent: int, taps: int, stride: int, before: int, after: int, dilation: int) -> int:
    last = extent + after - (taps - 1) * dilation - 1
    return len(range(-before, last + 1, stride))


GEOMETRIES = {
    "one": Geometry(1, (1, 1), (1, 1), (1, 1)),
    "1x1 image, 17 to 3": Geometry(2, (1, 1), (17, 3), (1, 1)),
    "1x1 kernel": Geometry(2, (5, 4), (3, 17), (1, 1)),
    "first layer": Geometry(2, (6, 7), (1, 3), (3, 3)),
    "colour, same": Geometry(1, (5, 5), (3, 4), (3, 3), padding=(1, 1, 1, 1)),
    "17 channels": Geometry(1, (4, 5), (17, 17), (3, 3), padding=(1, 1, 1, 1)),
    "even channels": Geometry(2, (5, 5), (8, 16), (3, 3)),
    "one sample": Geometry(1, (7, 5), (2, 3), (3, 2)),
    "stride": Geometry(2, (7, 6), (2, 3), (3, 3), stride=(2, 2), padding=(1, 1, 1, 1)),
    "stride beyond kernel": Geometry(1, (8, 9), (2, 2), (2, 2), stride=(3, 4)),
    "rest of stride": Geometry(1, (8, 8), (2, 3), (3, 3), stride=(2, 2)),
    "uneven stride": Geometry(1, (6, 9), (3, 2), (2, 3), stride=(1, 3)),
    "asymmetric padding": Geometry(1, (4, 5), (2, 3), (3, 3), padding=(0, 2, 1, 0)),
    "padding beyond image": Geometry(1, (2, 2), (2, 2), (3, 3), padding=(3, 2, 2, 3)),
    "dilation": Geometry(1, (7, 8), (2, 3), (3, 3), dilation=(2, 3), padding=(1, 1, 2, 2)),
    "all at once": Geometry(
        2, (9, 8), (4, 6), (3, 2), (2, 3), (1, 2, 0, 1), dilation=(2, 1), groups=2
    ),
    "groups": Geometry(1, (5, 5), (6, 4), (3, 3), groups=2),
    "depthwise": Geometry(2, (5, 4), (5, 5), (3, 3), padding=(1, 1, 1, 1), groups=5),
    "depthwise, two each": Geometry(1, (4, 4), (3, 6), (3, 3), groups=3),
    "tall kernel": Geometry(1, (6, 3), (2, 2), (5, 1)),
    "kernel of image": Geometry(3, (4, 4), (2, 3), (4, 4)),
    "empty batch": Geometry(0, (4, 4), (2, 3), (3, 3)),
}


def _convolutions(shape: Geometry) -> dict[str, tuple[int, Callable[[Array, Array], Array]]]:
    """The three ops of a geometry: which operand is the result, and the sum that gives it."""
    x, w, y = shape.shapes

    def summed(
        result: Index, pick: Callable[[Index, Index, Index], tuple[Index, Index, Index]]
    ) -> Any:
        def formula(a: Array, b: Array) -> Array:
            total = np.zeros(result)
            first, second = a.tolist(), b.tolist()
            for indices in _terms(shape):
                to, from_a, from_b = pick(*indices)
                total[to] += _at(first, from_a) * _at(second, from_b)
            return total

        return formula

    return {
        "conv2d": (2, summed(y, lambda ix, iw, iy: (iy, ix, iw))),
        "conv2d_input_grad": (0, summed(x, lambda ix, iw, iy: (ix, iy, iw))),
        "conv2d_weight_grad": (1, summed(w, lambda ix, iw, iy: (iw, ix, iy))),
    }


@cache
def _terms(shape: Geometry) -> list[tuple[Index, Index, Index]]:
    return list(shape.terms())


def _at(nested: Any, index: Index) -> float:
    a, b, c, d = index
    value: float = nested[a][b][c][d]
    return value


def _convolution_rows() -> Iterator[Case]:
    for name, shape in GEOMETRIES.items():
        for op, (result, formula) in _convolutions(shape).items():
            attributes = dict(shape.attributes)
            if op == "conv2d_input_grad":
                attributes["extents"] = shape.image
            elif op == "conv2d_weight_grad":
                attributes["kernel_size"] = shape.kernel
            order = {0: (2, 1), 1: (0, 2), 2: (0, 1)}[result]
            counts = np.zeros(shape.shapes[result], int)
            for indices in _terms(shape):
                counts[indices[result]] += 1
            length = int(counts.max(initial=0))

            def values(a: Array, b: Array, formula: Any = formula, **_: Any) -> Array:
                return np.asarray(formula(a, b))

            def sizes(a: Array, b: Array, formula: Any = formula, **_: Any) -> Array:
                return np.asarray(formula(np.abs(a), np.abs(b)))

            def row(kind: str, draw: Draw, *bound: Any) -> Case:
                operands = tuple(operand(shape.shapes[i], draw) for i in order)  # noqa: B023
                return Case(op, f"{name} {kind}", operands, attributes, values, *bound)  # noqa: B023

            yield row("exact", small_integers)
            yield row("normal", normal, accumulation(length), sizes)


# --- pooling ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pooling:
    """Windows over an image."""

    batch: int
    image: Pair
    channels: int
    window: Pair
    stride: Pair
    padding: Sides = (0, 0, 0, 0)

    @property
    def output(self) -> Pair:
        """Number of windows down and across."""
        as_convolution = Geometry(1, self.image, (1, 1), self.window, self.stride, self.padding)
        return as_convolution.output

    @property
    def shapes(self) -> tuple[Index, Index]:
        """Shapes of x and y."""
        return (self.batch, *self.image, self.channels), (self.batch, *self.output, self.channels)

    @property
    def attributes(self) -> dict[str, Any]:
        """What the op needs beside its operands."""
        return {"window": self.window, "stride": self.stride, "padding": self.padding}

    def windows(self) -> Iterator[tuple[Index, list[Index]]]:
        """For each element of y the elements of x in its window, row by row."""
        (height, width), (top, _, left, _) = self.image, self.padding
        for n, i, j, c in np.ndindex(*self.shapes[1]):
            rows = range(i * self.stride[0] - top, i * self.stride[0] - top + self.window[0])
            columns = range(j * self.stride[1] - left, j * self.stride[1] - left + self.window[1])
            seen: list[Index] = [
                (n, h, w, c) for h in rows for w in columns if 0 <= h < height and 0 <= w < width
            ]
            yield (n, i, j, c), seen


POOLINGS = {
    "one": Pooling(1, (1, 1), 1, (1, 1), (1, 1)),
    "2x2": Pooling(2, (4, 6), 3, (2, 2), (2, 2)),
    "rest left over": Pooling(1, (5, 7), 17, (2, 2), (2, 2)),
    "overlap": Pooling(2, (6, 7), 3, (3, 3), (2, 2)),
    "every place": Pooling(1, (4, 5), 2, (3, 2), (1, 1)),
    "gaps": Pooling(1, (7, 8), 2, (2, 2), (3, 3)),
    "padding": Pooling(1, (5, 4), 3, (3, 3), (2, 2), (1, 1, 1, 1)),
    "asymmetric padding": Pooling(2, (4, 5), 1, (3, 2), (2, 1), (0, 2, 1, 0)),
    "padding of most": Pooling(1, (1, 1), 3, (3, 3), (1, 1), (2, 1, 1, 2)),
    "whole image": Pooling(3, (4, 3), 16, (4, 3), (1, 1)),
    "empty batch": Pooling(0, (4, 4), 3, (2, 2), (2, 2)),
}


def _beats(value: float, best: float) -> bool:
    return value > best or (math.isnan(value) and not math.isnan(best))


def _first_largest(x: Array, seen: Sequence[Index]) -> Index:
    best = seen[0]
    for place in seen[1:]:
        if _beats(float(x[place]), float(x[best])):
            best = place
    return best


def _max_pool(shape: Pooling) -> Callable[..., Array]:
    def formula(x: Array, **_: Any) -> Array:
        y = np.zeros(shape.shapes[1])
        for place, seen in shape.windows():
            y[place] = x[_first_largest(x, seen)]
        return y

    return formula


def _max_pool_grad(shape: Pooling) -> Callable[..., Array]:
    def formula(x: Array, y: Array, g: Array, **_: Any) -> Array:
        dx = np.zeros(shape.shapes[0])
        for place, seen in shape.windows():
            dx[_first_largest(x, seen)] += g[place]
        return dx

    return formula


def _max_pool_pick(shape: Pooling) -> Callable[..., Array]:
    def formula(x: Array, y: Array, h: Array, **_: Any) -> Array:
        picked = np.zeros(shape.shapes[1])
        for place, seen in shape.windows():
            picked[place] = h[_first_largest(x, seen)]
        return picked

    return formula


def _average_pool(shape: Pooling, include: bool) -> Callable[..., Array]:
    def formula(x: Array, **_: Any) -> Array:
        y = np.zeros(shape.shapes[1])
        for place, seen in shape.windows():
            count = math.prod(shape.window) if include else len(seen)
            y[place] = sum(float(x[source]) for source in seen) / count
        return y

    return formula


def _average_pool_grad(shape: Pooling, include: bool) -> Callable[..., Array]:
    def formula(g: Array, **_: Any) -> Array:
        dx = np.zeros(shape.shapes[0])
        for place, seen in shape.windows():
            count = math.prod(shape.window) if include else len(seen)
            for target in seen:
                dx[target] += g[place] / count
        return dx

    return formula


def _gradient_case(name: str, shape: Pooling, x: Operand) -> Case:
    forward = _max_pool(shape)
    y = Operand(shape.shapes[1], normal, derive=lambda before: forward(before[0]))
    operands = (x, y, operand(shape.shapes[1], small_integers))
    return Case("max_pool2d_grad", name, operands, shape.attributes, _max_pool_grad(shape),
                without_gradient=(0, 1))  # fmt: skip


def _pick_case(name: str, shape: Pooling, x: Operand) -> Case:
    forward = _max_pool(shape)
    y = Operand(shape.shapes[1], normal, derive=lambda before: forward(before[0]))
    operands = (x, y, operand(shape.shapes[0], small_integers))
    return Case("max_pool2d_pick", name, operands, shape.attributes, _max_pool_pick(shape),
                without_gradient=(0, 1))  # fmt: skip


def _max_rows() -> Iterator[Case]:
    for name, shape in POOLINGS.items():
        for kind, draw in (("distinct", distinct), ("ties", few_values)):
            x = operand(shape.shapes[0], draw)
            row = Case("max_pool2d", f"{name} {kind}", (x,), shape.attributes, _max_pool(shape))
            yield row if kind == "distinct" else replace(row, smooth=False)
            yield _gradient_case(f"{name} {kind}", shape, x)
            yield _pick_case(f"{name} {kind}", shape, x)
    image = [[1, NAN, -INF, -INF], [NAN, 2, -INF, -INF], [3, INF, 5, NAN]]
    x = operand((1, 3, 4, 1), given(np.array(image)[None, ..., None]))
    shape = Pooling(1, (3, 4), 1, (2, 2), (1, 2))
    yield Case("max_pool2d", "special", (x,), shape.attributes, _max_pool(shape), smooth=False)
    yield _gradient_case("special", shape, x)
    yield _pick_case("special", shape, x)
    lowest = operand((1, 2, 2, 1), given(np.full((1, 2, 2, 1), -INF)))
    shape = Pooling(1, (2, 2), 1, (2, 2), (1, 1), (1, 1, 1, 1))
    yield _gradient_case("lowest beside padding", shape, lowest)
    yield _pick_case("lowest beside padding", shape, lowest)


def _average_rows() -> Iterator[Case]:
    for name, shape in POOLINGS.items():
        for include in (False, True):
            attributes = {**shape.attributes, "count_include_pad": include}
            forward, backward = _average_pool(shape, include), _average_pool_grad(shape, include)

            def sizes(a: Array, f: Any = forward, **_: Any) -> Array:
                return np.asarray(f(np.abs(a)))

            def gradient_sizes(a: Array, f: Any = backward, **_: Any) -> Array:
                return np.asarray(f(np.abs(a)))

            label = f"{name}{' padding counts' * include}"
            bound = accumulation(math.prod(shape.window) + 1)
            yield Case("average_pool2d", label, (operand(shape.shapes[0]),), attributes, forward, bound,
                       sizes)  # fmt: skip
            attributes = {**attributes, "extents": shape.image}
            yield Case("average_pool2d_grad", label, (operand(shape.shapes[1]),), attributes, backward,
                       bound, gradient_sizes)  # fmt: skip


def cases() -> list[Case]:
    """Every row of the family."""
    return [*_convolution_rows(), *_max_rows(), *_average_rows()]


def _float(*shape: int) -> Spec:
    return Spec(shape, "float32")


def errors() -> list[ErrorCase]:
    """What the family must refuse."""
    plain: dict[str, Any] = {
        "stride": (1, 1),
        "padding": (0, 0, 0, 0),
        "dilation": (1, 1),
        "groups": 1,
    }
    pool: dict[str, Any] = {"window": (2, 2), "stride": (2, 2), "padding": (0, 0, 0, 0)}
    image, kernel = _float(1, 4, 4, 4), _float(3, 3, 4, 6)
    average = {**pool, "count_include_pad": False}
    large = {**pool, "window": (5, 2)}
    row = ErrorCase
    found = [
        row("conv2d", (_float(4, 4, 4), kernel), plain, ShapeError, r"must be float \(N, H, W, C\)"),
        row("conv2d", (image, _float(3, 3, 4)), plain, ShapeError, r"must be float \(N, H, W, C\)"),
        row("conv2d", (image, _float(3, 3, 3, 6)), plain, ShapeError, "has 4 channels, weights"),
        row("conv2d", (image, _float(3, 3, 1, 6)), {**plain, "groups": 4}, InvalidArgument,
            r"`groups` \(=4\) must divide the 6 output channels"),
        row("conv2d", (image, kernel), {**plain, "groups": 0}, InvalidArgument, r"`groups` \(=0\)"),
        row("conv2d", (image, _float(5, 3, 4, 6)), plain, ShapeError,
            r"the window \(=5 × 3\) is larger than the padded input \(4 × 4\)"),
        row("conv2d", (image, kernel), {**plain, "dilation": (1, 2)}, ShapeError,
            r"the window \(=3 × 5\) is larger"),
        row("conv2d", (image, Spec((3, 3, 4, 6), "float64")), plain, ShapeError, "must be float"),
        row("conv2d_input_grad", (_float(1, 3, 2, 6), kernel), {**plain, "extents": (4, 4)}, ShapeError,
            r"gradient is float32\[1, 3, 2, 6\], the output is float32\[1, 2, 2, 6\]"),
        row("conv2d_weight_grad", (image, _float(2, 2, 2, 6)), {**plain, "kernel_size": (3, 3)},
            ShapeError, r"gradient is float32\[2, 2, 2, 6\], the output is float32\[1, 2, 2, 6\]"),
        row("max_pool2d_grad", (image, _float(1, 2, 2, 4), _float(1, 2, 2, 3)), pool, ShapeError,
            "do not belong together"),
        row("max_pool2d_pick", (image, _float(1, 2, 2, 4), _float(1, 4, 4, 3)), pool, ShapeError,
            "do not belong together"),
        row("average_pool2d_grad", (_float(1, 2, 3, 4),), {**average, "extents": (4, 4)}, ShapeError,
            "is not the output of an input"),
    ]  # fmt: skip
    for op, attributes in (("max_pool2d", pool), ("average_pool2d", average)):
        found += [
            row(op, (_float(4, 4, 4),), attributes, ShapeError, r"must be a float \(N, H, W, C\)"),
            row(op, (Spec((1, 4, 4, 4), "uint8"),), attributes, ShapeError, "must be a float"),
            row(op, (image,), {**attributes, **large, "window": (5, 2)}, ShapeError, "larger than"),
            row(op, (image,), {**attributes, "padding": (2, 0, 0, 0)}, InvalidArgument,
                r"`padding` \(=\(2, 0, 0, 0\)\) must be smaller than the window \(2, 2\)"),
        ]  # fmt: skip
    return found
