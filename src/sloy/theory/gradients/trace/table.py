"""All numbers of a step as the rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sloy.language import counted, say
from sloy.text import Shown, aligned, html_table
from sloy.theory.gradients.trace.layer import LayerTrace
from sloy.theory.gradients.trace.names import Place, indices
from sloy.theory.gradients.trace.neurons import ActivationTrace
from sloy.theory.gradients.trace.weighted import Weighted
from sloy.theory.notation import decimal_text

__all__ = ["TraceTable"]

SHOWN = 400  # rows that are printed; `rows` has them all
COLUMNS = ("z", "u", "σ′", "ε", "w", "∂L/∂w", "w − η ∂L/∂w")


@dataclass(frozen=True)
class TraceTable(Shown):
    """A row for each neuron, with z, u, σ′ and ε, and for each weight, with w, ∂L/∂w and the new w.

    Attributes
    ----------
    columns : tuple of str
        Their names.
    rows : tuple of tuples
        The layer's name, that of the neuron or weight, then numbers; None where there is none.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]

    def cells(self) -> list[list[str]]:
        """Names of the columns, then the rows, as texts; at most 400 rows."""
        return [list(self.columns), *([_cell(v) for v in row] for row in self.rows[:SHOWN])]

    def __str__(self) -> str:
        return "\n".join([*aligned(self.cells(), left=2), *self._more()])

    def _repr_html_(self) -> str:
        return html_table(self.cells()) + "".join(f"<p>{line}</p>" for line in self._more())

    def _more(self) -> list[str]:
        rest = len(self.rows) - SHOWN
        return [say("… {rows}", rows=counted(rest, "more row"))] if rest > 0 else []


def table_of(layers: Sequence[LayerTrace], places: Sequence[Place]) -> TraceTable:
    """The table of some layers."""
    rows: list[tuple[str | float | None, ...]] = []
    for layer, place in zip(layers, places, strict=True):
        rows += _neurons(layer, place)
        rows += _weights(layer)
    return TraceTable((say("layer"), "", *COLUMNS), tuple(rows))


def _neurons(layer: LayerTrace, place: Place) -> Iterator[tuple[str | float | None, ...]]:
    slope = layer.slope if isinstance(layer, Weighted | ActivationTrace) else None
    z = layer.z if isinstance(layer, Weighted) else None
    for k in indices(layer.u.shape):
        numbers = [None if a is None else float(a[k]) for a in (z, layer.u, slope, layer.error)]
        yield (layer.name, f"{place.after.symbol}{place.after.at(k)}", *numbers, None, None, None)


def _weights(layer: LayerTrace) -> Iterator[tuple[str | float | None, ...]]:
    for key, found in layer.parameters.items():
        for k in indices(found.value.shape):
            numbers = (float(a[k]) for a in (found.value, found.gradient, found.new))
            yield (layer.name, layer.weight_name(key, k), None, None, None, None, *numbers)


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else decimal_text(value)
