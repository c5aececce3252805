"""One layer in a step by hand: what every kind of layer says of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import ClassVar

import numpy as np

from sloy.language import counted, say
from sloy.theory.gradients.trace.names import (
    Index,
    Place,
    equation,
    factor,
    indices,
    table_lines,
)
from sloy.theory.notation import decimal_text

__all__ = ["LayerTrace", "ParameterTrace"]


@dataclass(frozen=True, eq=False)
class ParameterTrace:
    """A parameter in a step: its value, ∂L/∂w, and its next value, arrays of one shape."""

    value: np.ndarray
    gradient: np.ndarray
    new: np.ndarray


@dataclass(frozen=True, eq=False)
class LayerTrace(ABC):
    """One layer in one step on one object, shapes without N.

    Attributes
    ----------
    name : str
    inputs : array
        x, or u of the layer before.
    u : array
        What the layer gives; of the output layer the lecture's a.
    slope : array of the shape of u
        σ'(z), where the layer has a σ of single neurons; 1 where it has none.
    error : array of the shape of u
        ε = ∂L/∂u.
    input_error : array of the shape of the inputs
        ε of the layer before.
    parameters : mapping
        ``weight``, ``bias``, … → `ParameterTrace`.
    """

    name: str
    inputs: np.ndarray
    u: np.ndarray
    slope: np.ndarray
    error: np.ndarray
    input_error: np.ndarray
    parameters: Mapping[str, ParameterTrace] = field(repr=False)

    same_neurons: ClassVar[bool] = False  # whether output k belongs to input k

    @abstractmethod
    def title(self) -> str:
        """What the layer does, in words."""

    @abstractmethod
    def forward(self, place: Place) -> Iterable[str]:
        """Lines of the forward pass."""

    def caption(self, place: Place) -> str:
        """What stands above the outputs in a figure."""
        return f"{place.after.symbol} = {self.title()}"

    # --- backward: ε of the inputs, which is that of the layer before -------------------------------

    def error_rule(self, place: Place) -> str:
        """The formula of ε of an input; empty where there is none."""
        return ""

    def error_terms(self, place: Place, index: Index) -> str:
        """The formula's numbers for one input."""
        return ""

    def slopes(self, place: Place, index: Index) -> tuple[str, ...]:
        """What stands beside the ε of an output: σ′ and ε σ′."""
        return ()

    def after_errors(self, place: Place) -> Iterable[str]:
        """Lines under the ε of the outputs."""
        return ()

    # --- step ---------------------------------------------------------------------------------------

    def weight_name(self, key: str, index: Index) -> str:
        """What an element of a parameter is called."""
        return f"{key}[{', '.join(map(str, index))}]"

    def weights(self, place: Place) -> Iterator[tuple[str, Index]]:
        """The elements of parameters that are written, in order."""
        for key, parameter in self.parameters.items():
            for index in islice(indices(parameter.value.shape), place.most):
                yield key, index

    def gradient_rule(self, place: Place) -> str:
        """The formula of ∂L/∂w."""
        return ""

    def gradient_terms(self, place: Place, key: str, index: Index) -> str:
        """The formula's numbers for one weight."""
        return ""

    def step(self, place: Place, rate: float) -> Iterable[str]:
        """Lines of the step w := w − η ∂L/∂w."""
        rule = self.gradient_rule(place)
        yield f"  {place.title}{': ' if rule else ''}{rule}"
        rows = []
        for key, index in self.weights(place):
            name, found = self.weight_name(key, index), self.parameters[key]
            w, gradient, new = (float(a[index]) for a in (found.value, found.gradient, found.new))
            step = f"{name} := {decimal_text(w)} − {decimal_text(rate)}·{factor(gradient)}"
            terms = self.gradient_terms(place, key, index)
            rows.append((f"{step} = {decimal_text(new)}", equation(f"∂L/∂{name}", terms, gradient)))
        yield from table_lines(rows)
        total = sum(parameter.value.size for parameter in self.parameters.values())
        if total > len(rows):
            yield "    " + say("… {weights}", weights=counted(total - len(rows), "more weight"))


def value_lines(
    shape: tuple[int, ...], most: int, row: Callable[[Index], tuple[str, ...]]
) -> Iterator[str]:
    """Lines of the first so many numbers of a layer, the cells of each by its index, and how many are not written."""
    yield from table_lines([row(k) for k in islice(indices(shape), most)])
    yield from more_values(shape, most)


def more_values(shape: tuple[int, ...], most: int, noun: str = "more value") -> list[str]:
    """The line that says how many numbers are not written."""
    rest = int(np.prod(shape)) - most
    noun = "more neuron" if len(shape) == 1 else noun
    return ["    " + say("… {values}", values=counted(rest, noun))] if rest > 0 else []


def shorter(most: int) -> int:
    """How many terms are written beside a step, whose lines are long."""
    return max(1, most - 2)
