"""How the numbers of a step are called and written: x^j, u^h, a^m of neurons; u(i, j) and u_c(i, j) of maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sloy import text
from sloy.graph.spec import Shape
from sloy.theory.notation import decimal_text, factor_text

Index = tuple[int, ...]


@dataclass(frozen=True)
class Level:
    """The numbers between two layers.

    Attributes
    ----------
    symbol : str
        x of the object, a of the output, u between.
    letter : str
        Of the index of neurons, shape (I,): j, h, m.
    shape : tuple of int
    """

    symbol: str
    letter: str
    shape: Shape

    @property
    def any(self) -> str:
        """The index of any of them: ^h, (i, j), _c(i, j)."""
        if len(self.shape) == 1:
            return f"^{self.letter}"
        if len(self.shape) == 3:
            return "(i, j)" if self.shape[2] == 1 else "_c(i, j)"
        return "[…]"

    def at(self, index: Index) -> str:
        """The index of one of them; neurons and channels are counted from 1, rows and columns from 0."""
        if len(self.shape) == 1:
            return f"^{index[0] + 1}"
        if len(self.shape) == 3:
            channel = "" if self.shape[2] == 1 else f"_{index[2] + 1}"
            return f"{channel}({index[0]}, {index[1]})"
        return f"[{', '.join(map(str, index))}]"


@dataclass(frozen=True)
class Place:
    """Where a layer stands.

    Attributes
    ----------
    title : str
        What it is called on the page.
    before, after : Level
        Its inputs and outputs.
    most : int
        How many numbers of a layer and terms of a sum are written.
    """

    title: str
    before: Level
    after: Level
    most: int


def indices(shape: Shape) -> Iterator[Index]:
    """All indices in row-major order; of maps (H, W, C), map after map."""
    if len(shape) != 3:
        yield from np.ndindex(*shape)
        return
    for c, i, j in np.ndindex(shape[2], shape[0], shape[1]):
        yield i, j, c


def factor(value: float) -> str:
    """A number in a product."""
    return factor_text(decimal_text(value))


def product(*values: float) -> str:
    """2·(−3)."""
    return "·".join(map(factor, values))


def sum_text(terms: Sequence[str], most: int) -> str:
    """Terms with + between them, at most so many."""
    return " + ".join([*terms[:most], *["…"] * (len(terms) > most)])


def equation(name: str, terms: str, value: float) -> str:
    """name = terms = value, the value once where it is the only term."""
    result = decimal_text(value)
    return f"{name} = {result}" if terms in ("", result) else f"{name} = {terms} = {result}"


def vector_text(values: np.ndarray, most: int) -> str:
    """(1, 2, …)."""
    flat = np.ravel(values)
    shown = ", ".join(decimal_text(value) for value in flat[:most])
    return f"({shown}{', …' if flat.size > most else ''})"


def table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Indented lines, columns under one another."""
    return [f"    {line}" for line in text.aligned(rows, left=None, gap="    ")]
