"""What a gradient costs: one perturbed forward pass for each parameter, or backprop (L8)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sloy import ops, text
from sloy.arguments import flag, integer, sequence
from sloy.engines import Engine, Executable
from sloy.engines import engine as find_engine
from sloy.errors import InvalidArgument
from sloy.graph import Graph, backprop
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.layers import Dense, Tanh
from sloy.problem.graphs import forward
from sloy.problem.network import Network
from sloy.theory.gradients.loss import half_squared_error
from sloy.theory.gradients.operations import count_operations
from sloy.training.gradients import problem_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["GradientCost", "gradient_cost", "gradient_cost_figure"]

WIDTHS = (4, 8, 16, 32, 64, 128, 256, 512)


@dataclass(frozen=True)
class CostRow:
    """One network.

    Attributes
    ----------
    parameters : int
        P.
    naive_operations, backprop_operations : int
        For the gradient of one object's loss: P + 1 forward passes, or one forward and one backward pass.
    naive_seconds, backprop_seconds : float
        Measured, NaN where it was not asked. Of the naive way, `timed` perturbed passes were run; the time of one is
        scaled to all of them.
    timed : int
    """

    parameters: int
    naive_operations: int
    backprop_operations: int
    naive_seconds: float
    backprop_seconds: float
    timed: int


@dataclass(frozen=True)
class GradientCost:
    """The cost of gradients of growing networks; printing it gives a table.

    Attributes
    ----------
    rows : tuple of CostRow
        By number of parameters.
    engine : str
        What was timed.
    """

    rows: tuple[CostRow, ...]
    engine: str

    @property
    def naive_exponent(self) -> float:
        """p of operations ~ P^p, by least squares on the logarithms; the lecture's 2."""
        return self._exponent("naive_operations")

    @property
    def backprop_exponent(self) -> float:
        """The same of backprop; the lecture's 1."""
        return self._exponent("backprop_operations")

    def _exponent(self, column: str) -> float:
        parameters = [row.parameters for row in self.rows]
        return float(
            np.polyfit(np.log(parameters), np.log([getattr(row, column) for row in self.rows]), 1)[
                0
            ]
        )

    def __str__(self) -> str:
        timed = any(np.isfinite(row.naive_seconds) for row in self.rows)
        head = ["parameters", "naive, operations", "backprop, operations", "ratio"]
        head += ["naive, seconds", "backprop, seconds"] * timed
        table = [head]
        for row in self.rows:
            cells = [text.count(row.parameters), text.count(row.naive_operations)]
            cells += [text.count(row.backprop_operations)]
            cells += [text.count(round(row.naive_operations / row.backprop_operations))]
            if timed:
                scaled = "≈ " if row.timed < row.parameters else ""
                cells += [f"{scaled}{row.naive_seconds:.2g}", f"{row.backprop_seconds:.2g}"]
            table.append(cells)
        widths = [max(len(line[i]) for line in table) for i in range(len(head))]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            for line in table
        ]
        lines.append(
            f"operations grow as P^{self.naive_exponent:.2f} the naive way and as P^{self.backprop_exponent:.2f} by"
            " backprop"
        )
        if any(row.timed < row.parameters for row in self.rows) and timed:
            lines.append(
                "≈: a part of the perturbed passes was timed, and the time scaled to all of them"
            )
        return "\n".join(lines)


def gradient_cost(
    widths: Sequence[int] = WIDTHS, *, timing: bool = True, engine: str = "auto"
) -> GradientCost:
    """Count and time the gradient of one object's loss the naive way and by backprop, on growing networks.

    The networks have two layers, as the lecture's: ``width`` inputs, ``width`` hidden neurons with tanh, ``width``
    outputs; P = width · (2 · width + 2).

    Parameters
    ----------
    widths : sequence of int
        At least two different ones.
    timing : bool
        Whether to measure time too; about a second.
    engine : str
        What is timed, on one thread, in float32.

    Examples
    --------
    >>> cost = gradient_cost((8, 16, 32, 64), timing=False)
    >>> 1.8 < cost.naive_exponent < 2.2, 0.9 < cost.backprop_exponent < 1.2
    (True, True)
    """
    given = sequence("gradient_cost", "widths", widths)
    sizes = sorted({integer("gradient_cost", "widths", width) for width in given})
    if len(sizes) < 2:
        raise InvalidArgument(
            f"gradient_cost: `widths` (={list(given)!r}) must hold two different sizes or more, for an exponent."
        )
    flag("gradient_cost", "timing", timing)
    chosen = find_engine(engine, 1)
    rows = tuple(_row(width, chosen if timing else None) for width in sizes)
    return GradientCost(rows, chosen.name)


@styled
def gradient_cost_figure(cost: GradientCost) -> Figure:
    """Operations, and where they were measured seconds, against the number of parameters, on logarithmic axes."""
    timed = any(np.isfinite(row.naive_seconds) for row in cost.rows)
    figure = new_figure(4.6 * (1 + timed), 3.8)
    axes = figure.subplots(1, 1 + timed, squeeze=False)[0]
    names = (
        f"naive, ~ $P^{{{cost.naive_exponent:.2f}}}$",
        f"backprop, ~ $P^{{{cost.backprop_exponent:.2f}}}$",
    )
    _panel(axes[0], cost, "operations", names)
    axes[0].set(title="Counted", ylabel="operations for one gradient")
    if timed:
        _panel(axes[1], cost, "seconds", ("naive", "backprop"))
        axes[1].set(
            title=f"Measured ({cost.engine}, one thread)", ylabel="seconds for one gradient"
        )
    return figure


def _panel(axes: Axes, cost: GradientCost, what: str, names: tuple[str, str]) -> None:
    from matplotlib.ticker import NullFormatter

    parameters = [row.parameters for row in cost.rows]
    for way, name, colour, mark in zip(
        ("naive", "backprop"), names, (ORANGE, BLUE), ("s--", "o-"), strict=True
    ):
        values = [getattr(row, f"{way}_{what}") for row in cost.rows]
        axes.loglog(parameters, values, mark, color=colour, label=name, markersize=5)
    axes.set_xlabel("parameters P")
    axes.grid(color="#DDDDDD")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    axes.legend(loc="upper left")
    axes.spines[:].set_color(GREY)


def _row(width: int, engine: Engine | None) -> CostRow:
    network = Network((width,), [Dense(width), Tanh(), Dense(width)])
    x = np.linspace(-1.0, 1.0, width)[None]
    problem, inputs = problem_of("gradient_cost", network, x, x, half_squared_error, "float32")
    run = forward(problem, 1)
    loss = ops.reduce_mean(run.losses)
    tensors = {name: p.tensor for name, p in run.built.parameters.items()}
    gradient = dict(zip(tensors, backprop(loss, list(tensors.values())), strict=True))
    value, whole = Graph.of({"loss": loss}), Graph.of(gradient)
    P = network.parameter_count
    naive = back = float("nan")
    passes = min(P, 1000)
    if engine is not None:
        variables = network.initialize(0)
        seconds = _perturbed(engine.compile(value, variables), variables, inputs, passes)
        naive = seconds * (P + 1)
        gradients = engine.compile(whole, variables)
        back = _best(lambda: gradients.run(inputs))
    return CostRow(
        P, (P + 1) * count_operations(value), count_operations(whole), naive, back, passes
    )


def _perturbed(
    run: Executable, variables: dict[str, np.ndarray], feeds: dict[str, np.ndarray], passes: int
) -> float:
    """Seconds of one forward pass with a parameter moved before it and moved back after it: the best tenth of them."""
    flat = [variables[name].reshape(-1) for name in variables]  # views
    places = [(array, i) for array in flat for i in range(array.size)][:passes]
    run.run(feeds)
    found, size = [], max(1, len(places) // 10)
    for first in range(0, len(places), size):
        part = places[first : first + size]
        start = time.perf_counter()
        for array, i in part:
            kept = array[i]
            array[i] = kept + 1e-3
            run.run(feeds)
            array[i] = kept
        found.append((time.perf_counter() - start) / len(part))
    return min(found)


def _best(work: Callable[[], object], tries: int = 5) -> float:
    """Seconds of one call, the best of some tries of ten."""
    work()
    found = []
    for _ in range(tries):
        start = time.perf_counter()
        for _ in range(10):
            work()
        found.append((time.perf_counter() - start) / 10)
    return min(found)
