"""Pooling: which number of a window wins, and where its gradient goes (L22)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sloy.language import say
from sloy.theory.gradients.trace.layer import LayerTrace, value_lines
from sloy.theory.gradients.trace.names import (
    Index,
    Place,
    factor,
    product,
    sum_text,
)
from sloy.theory.gradients.trace.windows import Windows
from sloy.theory.notation import decimal_text

__all__ = ["AveragePoolTrace", "MaxPoolTrace"]


@dataclass(frozen=True, eq=False)
class Pool(LayerTrace):
    """Maps (H, W, C) become (OH, OW, C), window by window."""

    windows: Windows

    def window(self, index: Index) -> list[Index]:
        """The inputs that one output is made of."""
        i, j, c = index
        return [(row, column, c) for _, _, row, column in self.windows.seen(i, j)]

    def users(self, index: Index) -> list[Index]:
        """The outputs whose windows see one input."""
        row, column, c = index
        return sorted((i, j, c) for i, j, _, _ in self.windows.seeing(row, column))

    def values(self, index: Index, most: int, between: str = ", ") -> str:
        """The numbers of a window."""
        write = decimal_text if between == ", " else factor
        shown = [write(self.inputs[seen]) for seen in self.window(index)]
        limit = max(most, 9)
        return between.join([*shown[:limit], *["…"] * (len(shown) > limit)])


@dataclass(frozen=True, eq=False)
class MaxPoolTrace(Pool):
    """u = the largest number of each window; its ε goes to that number alone, the first of equal ones."""

    def title(self) -> str:
        """See `LayerTrace.title`."""
        return say("max pooling")

    def winner(self, index: Index) -> Index:
        """The input that an output comes from."""
        seen = self.window(index)
        return seen[int(np.argmax([self.inputs[k] for k in seen]))]

    def forward(self, place: Place) -> Iterable[str]:
        """See `LayerTrace.forward`."""
        before, after = place.before, place.after
        c = after.any.removesuffix("(i, j)")
        yield (
            f"  {place.title}: {after.symbol}{after.any} = max_kl"
            f" {before.symbol}{c}({self.windows.any})"
        )

        def row(k: Index) -> tuple[str, ...]:
            won = f"{before.symbol}{before.at(self.winner(k))}"
            equal = sum(self.inputs[seen] == self.u[k] for seen in self.window(k))
            said = say("winner: {place}", place=won)
            if equal > 1:
                said = say("winner: {place}, the first of {count} equal", place=won, count=equal)
            largest = f"max({self.values(k, place.most)})"
            return f"{after.symbol}{after.at(k)} = {largest} = {decimal_text(self.u[k])}", said

        yield from value_lines(self.u.shape, place.most, row)

    def caption(self, place: Place) -> str:
        """See `LayerTrace.caption`."""
        return f"{place.after.symbol} = max {place.before.symbol}"

    def error_rule(self, place: Place) -> str:
        """See `LayerTrace.error_rule`."""
        return say("Σ ε of the windows that it wins")

    def error_terms(self, place: Place, index: Index) -> str:
        """See `LayerTrace.error_terms`."""
        won = [k for k in self.users(index) if self.winner(k) == index]
        return sum_text([factor(self.error[k]) for k in won], place.most)


@dataclass(frozen=True, eq=False)
class AveragePoolTrace(Pool):
    """u = the mean of each window; each of its numbers gets that share of ε.

    Attributes
    ----------
    counts : array, shape (OH, OW)
        How many numbers each mean is of.
    """

    counts: np.ndarray

    def title(self) -> str:
        """See `LayerTrace.title`."""
        return say("average pooling")

    def forward(self, place: Place) -> Iterable[str]:
        """See `LayerTrace.forward`."""
        before, after = place.before, place.after
        if len(self.u.shape) == 1:
            source = f"(1/{self.counts[0, 0]}) Σ_i Σ_j {before.symbol}_{after.letter}(i, j)"
        else:
            c = after.any.removesuffix("(i, j)")
            source = f"(1/n) Σ_k Σ_l {before.symbol}{c}({self.windows.any})"
        yield f"  {place.title}: {after.symbol}{after.any} = {source}"

        def row(k: Index) -> tuple[str, ...]:
            full = k if len(k) == 3 else (0, 0, k[0])
            mean = f"({self.values(full, place.most, ' + ')}) / {self.counts[full[:2]]}"
            return (f"{after.symbol}{after.at(k)} = {mean} = {decimal_text(self.u[k])}",)

        yield from value_lines(self.u.shape, place.most, row)

    def caption(self, place: Place) -> str:
        """See `LayerTrace.caption`."""
        return f"{place.after.symbol} = Σ {place.before.symbol} / n"

    def error_rule(self, place: Place) -> str:
        """See `LayerTrace.error_rule`."""
        if len(self.u.shape) == 1:
            return f"ε^{place.after.letter} / {self.counts[0, 0]}"
        return say("Σ ε / n of the windows that see it")

    def error_terms(self, place: Place, index: Index) -> str:
        """See `LayerTrace.error_terms`."""
        terms = []
        for i, j, c in self.users(index):
            error = self.error[c] if len(self.u.shape) == 1 else self.error[i, j, c]
            terms.append(product(error, 1 / self.counts[i, j]))
        return sum_text(terms, place.most)


def counts_of(windows: Windows, *, padding: bool) -> np.ndarray:
    """How many numbers the mean at each position is of; with padding, all of the window."""
    found = np.empty(windows.outputs, int)
    for i, j in np.ndindex(*windows.outputs):
        found[i, j] = len(list(windows.seen(i, j)))
    return (
        np.full_like(found, windows.window.size[0] * windows.window.size[1]) if padding else found
    )
