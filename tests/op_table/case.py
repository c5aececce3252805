"""What a row of the op table is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np

from sloy.errors import SloyError
from sloy.graph import Graph, Spec, Tensor
from sloy.graph.spec import Shape
from sloy.graph.tensor import apply, input
from tolerances import EXACT, Tolerance, assert_close

Array = np.ndarray
Draw = Callable[[np.random.Generator, Shape], Array]
FLOAT = "float"  # stands for the float dtype that a test runs in


@dataclass(frozen=True)
class Operand:
    """How an operand is drawn.

    Parameters
    ----------
    shape : tuple of int
    draw : callable
        ``draw(rng, shape) -> array``; float values are rounded to float32, so that float32 and float64 tests see the
        same numbers.
    dtype : str
        `FLOAT`, or a dtype of its own.
    derive : callable, optional
        ``derive(operands before) -> array``, instead of `draw`: an operand that belongs to the others.
    """

    shape: Shape
    draw: Draw
    dtype: str = FLOAT
    derive: Callable[[Sequence[Array]], Array] | None = None


@dataclass(frozen=True, eq=False)
class Case:
    """One row: an op on some operands, and what must come out.

    Parameters
    ----------
    op, name : str
        The op, and what is special about this row.
    operands : tuple of Operand
    attributes : mapping
        The value `FLOAT` stands for the float dtype of the test.
    formula : callable
        ``formula(*operands, **attributes) -> array``: the definition in plain Python, on float64 operands, written
        without the op's own code. A float result is float64, any other has its dtype.
    tolerance : Tolerance
        What an engine's float32 and the reference's float32 and float64 may differ from the formula.
    scale : callable, optional
        ``scale(*operands, **attributes) -> array`` that the tolerance multiplies; |expected| by default.
    smooth : bool
        Whether the result is differentiable at the drawn operands, with room for finite differences.
    without_gradient : tuple of int
        Float operands whose gradient is none by definition.
    """

    op: str
    name: str
    operands: tuple[Operand, ...]
    attributes: Mapping[str, Any]
    formula: Callable[..., Array]
    tolerance: Tolerance = EXACT
    scale: Callable[..., Array] | None = None
    smooth: bool = True
    without_gradient: tuple[int, ...] = field(default=())

    @property
    def id(self) -> str:
        """The name of the row in test reports."""
        return f"{self.op}-{self.name}"

    @cached_property
    def values(self) -> tuple[Array, ...]:
        """The operands; floats as float64 numbers that float32 holds exactly."""
        rng = np.random.default_rng(crc32(self.id.encode()))
        drawn: list[Array] = []
        for operand in self.operands:
            value = operand.derive(drawn) if operand.derive else operand.draw(rng, operand.shape)
            value = np.asarray(value)
            if operand.dtype == FLOAT:
                with np.errstate(over="ignore"):
                    value = value.astype(np.float32).astype(np.float64)
            else:
                value = value.astype(operand.dtype)
            assert value.shape == operand.shape, f"{self.id}: operand drawn with {value.shape}"
            value.flags.writeable = False
            drawn.append(value)
        return tuple(drawn)

    @cached_property
    def expected(self) -> Array:
        """What the formula gives: float64 for floats."""
        return np.asarray(self.formula(*self.values, **self.attributes))

    @cached_property
    def sizes(self) -> Array | None:
        """What the tolerance multiplies."""
        return None if self.scale is None else self.scale(*self.values, **self.attributes)

    def arrays(self, dtype: str) -> list[Array]:
        """The operands in a float dtype."""
        return [
            np.array(value, dtype=dtype if operand.dtype == FLOAT else operand.dtype, order="C")
            for value, operand in zip(self.values, self.operands, strict=True)
        ]

    def attributes_in(self, dtype: str) -> dict[str, Any]:
        """The attributes for a float dtype."""
        return {
            key: dtype if isinstance(value, str) and value == FLOAT else value
            for key, value in self.attributes.items()
        }

    def tensors(self, dtype: str) -> list[Tensor]:
        """The operands as inputs `x0`, `x1`, …"""
        return [
            input(f"x{i}", operand.shape, dtype if operand.dtype == FLOAT else operand.dtype)
            for i, operand in enumerate(self.operands)
        ]

    def graph(self, dtype: str) -> Graph:
        """The graph of the op alone: inputs `x0`, `x1`, …, output `y`."""
        result = apply(self.op, self.tensors(dtype), self.attributes_in(dtype))
        return Graph.of({"y": result})

    def feeds(self, dtype: str) -> dict[str, Array]:
        """What the graph of `graph` is fed."""
        return {f"x{i}": array for i, array in enumerate(self.arrays(dtype))}

    def compare(self, actual: Array) -> None:
        """Raise `AssertionError` unless a result is the formula's, within the tolerance."""
        assert_close(actual, self.expected, self.tolerance, scale=self.sizes, name=self.id)


@dataclass(frozen=True)
class ErrorCase:
    """Operands or attributes that an op must refuse, and a part of the message (a regular expression)."""

    op: str
    specs: tuple[Spec, ...]
    attributes: Mapping[str, Any]
    error: type[SloyError]
    match: str

    @property
    def id(self) -> str:
        """The name of the row in test reports."""
        return f"{self.op}-{' '.join(map(str, self.specs))}-{self.match[:30]}"


# --- how operands are drawn ------------------------------------------------------------------------------------------


def normal(rng: np.random.Generator, shape: Shape) -> Array:
    """Standard normal numbers."""
    return rng.standard_normal(shape)


def away_from_zero(rng: np.random.Generator, shape: Shape) -> Array:
    """Sizes from 0.25 to 2, either sign."""
    return rng.uniform(0.25, 2.0, shape) * rng.choice([-1.0, 1.0], shape)


def positive(rng: np.random.Generator, shape: Shape) -> Array:
    """From 0.25 to 3."""
    return rng.uniform(0.25, 3.0, shape)


def small_integers(rng: np.random.Generator, shape: Shape) -> Array:
    """±1 … ±4: sums of many products are exact in float32, in any order."""
    return rng.integers(1, 5, shape) * rng.choice([-1.0, 1.0], shape)


def distinct(rng: np.random.Generator, shape: Shape) -> Array:
    """Multiples of 1/4, no two equal: no ties, and room for finite differences."""
    size = int(np.prod(shape))
    return ((rng.permutation(size) - size // 2) / 4).reshape(shape)


def few_values(rng: np.random.Generator, shape: Shape) -> Array:
    """-1, 0 or 1: ties everywhere."""
    return rng.integers(-1, 2, shape).astype(np.float64)


def chances(rng: np.random.Generator, shape: Shape) -> Array:
    """Probabilities whose rows sum to 1, none smaller than 0.02."""
    draws = rng.uniform(0.2, 1.0, shape)
    return draws / draws.sum(axis=-1, keepdims=True)


def between(low: int, high: int) -> Draw:
    """Integers from `low` up to `high` (excluded)."""
    return lambda rng, shape: rng.integers(low, high, shape)


def given(values: object) -> Draw:
    """These values."""
    return lambda rng, shape: np.array(values, np.float64)


def odd_values(rng: np.random.Generator, shape: Shape) -> Array:
    """Normal numbers, with NaN, both infinities and zeros at some places."""
    values = rng.standard_normal(shape)
    flat = values.reshape(-1)
    places = rng.choice(flat.size, min(flat.size, 8), replace=False)
    flat[places] = np.resize([np.nan, np.inf, -np.inf, 0.0, -0.0], places.size)
    return values


def operand(shape: Shape, draw: Draw = normal, dtype: str = FLOAT) -> Operand:
    """An operand drawn on its own."""
    return Operand(shape, draw, dtype)
