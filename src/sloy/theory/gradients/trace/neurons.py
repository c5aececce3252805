"""Layers that treat each neuron alone: an activation that stands by itself, dropout's mask, another shape."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sloy.language import counted, say
from sloy.layers import Layer
from sloy.text import shape as shape_text
from sloy.theory.gradients.trace.layer import LayerTrace, value_lines
from sloy.theory.gradients.trace.names import Index, Place, product
from sloy.theory.gradients.trace.weighted import activation_name
from sloy.theory.notation import decimal_text

__all__ = ["ActivationTrace", "DropoutTrace", "ReshapeTrace"]


@dataclass(frozen=True, eq=False)
class ActivationTrace(LayerTrace):
    """u = σ(z) of single neurons, behind a layer that has no σ of its own.

    Attributes
    ----------
    activation : Layer
    """

    activation: Layer

    same_neurons: ClassVar[bool] = True

    def title(self) -> str:
        """See `LayerTrace.title`."""
        return say("activation")

    def forward(self, place: Place) -> Iterable[str]:
        """See `LayerTrace.forward`."""
        before, after = place.before, place.after
        names = {activation_name((self.activation,), k) for k in range(self.u.shape[-1])}
        name = names.pop() if len(names) == 1 else "σ"
        yield f"  {place.title}: {after.symbol}{after.any} = {name}({before.symbol}{before.any})"

        def row(k: Index) -> tuple[str, ...]:
            applied = (
                f"{activation_name((self.activation,), k[-1])}({decimal_text(self.inputs[k])})"
            )
            return (f"{after.symbol}{after.at(k)} = {applied} = {decimal_text(self.u[k])}",)

        yield from value_lines(self.u.shape, place.most, row)

    def caption(self, place: Place) -> str:
        """See `LayerTrace.caption`."""
        name, before = activation_name((self.activation,)), place.before.symbol
        return f"{place.after.symbol} = {name}({before})"

    def error_rule(self, place: Place) -> str:
        """See `LayerTrace.error_rule`."""
        return f"ε{place.after.any}[{self.name}] σ′"

    def error_terms(self, place: Place, index: Index) -> str:
        """See `LayerTrace.error_terms`."""
        return product(self.error[index], self.slope[index])


@dataclass(frozen=True, eq=False)
class DropoutTrace(LayerTrace):
    """u = x / (1 − p) where a neuron is kept, 0 where it is dropped.

    Attributes
    ----------
    rate : float
        p.
    factor : array of the shape of u
        0 of dropped neurons, 1 / (1 − p) of the others.
    """

    rate: float
    factor: np.ndarray

    same_neurons: ClassVar[bool] = True

    def title(self) -> str:
        """See `LayerTrace.title`."""
        return say("dropout")

    @property
    def kept(self) -> np.ndarray:
        """Which neurons are there: bool, of the shape of u."""
        return np.asarray(self.factor > 0)

    def forward(self, place: Place) -> Iterable[str]:
        """See `LayerTrace.forward`."""
        before, after = place.before, place.after
        dropped = say("{neurons} dropped", neurons=counted(int((~self.kept).sum()), "neuron"))
        yield (
            f"  {place.title}: {after.symbol}{after.any} = {before.symbol}{before.any} · [mask]"
            f" / (1 − {decimal_text(self.rate)})   ({dropped})"
        )

        def row(k: Index) -> tuple[str, ...]:
            said = say("dropped") if not self.kept[k] else product(self.inputs[k], self.factor[k])
            return f"{after.symbol}{after.at(k)} = {decimal_text(self.u[k])}", said

        yield from value_lines(self.u.shape, place.most, row)

    def caption(self, place: Place) -> str:
        """See `LayerTrace.caption`."""
        return f"{place.after.symbol} = [mask] {place.before.symbol}"

    def error_rule(self, place: Place) -> str:
        """See `LayerTrace.error_rule`."""
        return f"ε{place.after.any}[{self.name}] [mask] / (1 − {decimal_text(self.rate)})"

    def error_terms(self, place: Place, index: Index) -> str:
        """See `LayerTrace.error_terms`."""
        return product(self.error[index], self.factor[index])


@dataclass(frozen=True, eq=False)
class ReshapeTrace(LayerTrace):
    """The same numbers, row by row, in another shape."""

    def title(self) -> str:
        """See `LayerTrace.title`."""
        return say("another shape")

    def forward(self, place: Place) -> Iterable[str]:
        """See `LayerTrace.forward`."""
        shapes = (shape_text(array.shape) for array in (self.inputs, self.u))
        yield f"  {place.title}: {' → '.join(shapes)}"
        before, after = place.before, place.after

        def row(k: Index) -> tuple[str, ...]:
            source = f"{before.symbol}{before.at(self.source(k))}"
            return (f"{after.symbol}{after.at(k)} = {source} = {decimal_text(self.u[k])}",)

        yield from value_lines(self.u.shape, place.most, row)

    def caption(self, place: Place) -> str:
        """See `LayerTrace.caption`."""
        return place.after.symbol

    def source(self, index: Index) -> Index:
        """Where an output was."""
        flat = np.ravel_multi_index(index, self.u.shape)
        return tuple(int(k) for k in np.unravel_index(flat, self.inputs.shape))

    def error_rule(self, place: Place) -> str:
        """See `LayerTrace.error_rule`."""
        return say("the same numbers, {shape}", shape=shape_text(self.inputs.shape))

    def error_terms(self, place: Place, index: Index) -> str:
        """See `LayerTrace.error_terms`."""
        flat = np.ravel_multi_index(index, self.inputs.shape)
        after = tuple(int(k) for k in np.unravel_index(flat, self.u.shape))
        return f"ε{place.after.at(after)}"
