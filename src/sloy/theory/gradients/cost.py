"""What a gradient costs: one perturbed forward pass for each parameter, or backprop (L8)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sloy import ops, text
from sloy.arguments import flag, instance, integer, sequence
from sloy.engines import Engine, Executable
from sloy.engines import engine as find_engine
from sloy.errors import InvalidArgument
from sloy.graph import Graph, backprop
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.language import say
from sloy.layers import Dense, Tanh
from sloy.problem.graphs import forward
from sloy.problem.network import Network
from sloy.text import Shown, shown
from sloy.theory.gradients.loss import half_squared_error
from sloy.theory.gradients.operations import count_operations
from sloy.training.gradients import problem_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["GradientCost", "gradient_cost", "gradient_cost_figure"]

WAYS = ("naive", "backprop")
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
class GradientCost(Shown):
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
        return _exponent(self.rows, "naive_operations")

    @property
    def backprop_exponent(self) -> float:
        """The same of backprop; the lecture's 1."""
        return _exponent(self.rows, "backprop_operations")

    @property
    def fixed_until(self) -> int | None:
        """The largest P up to which a forward pass takes about the same time whatever P is: less than twice that of
        the fastest. The time is that of starting a run, and the naive way takes P + 1 of them. None where
        nothing was timed.
        """
        if not self.timed:
            return None
        passes = [row.naive_seconds / (row.parameters + 1) for row in self.rows]
        fixed = [seconds < 2 * min(passes) for seconds in passes]
        return self.rows[len(fixed) - 1 - fixed[::-1].index(True)].parameters

    @property
    def timed(self) -> bool:
        """Whether time was measured."""
        return any(np.isfinite(row.naive_seconds) for row in self.rows)

    def __str__(self) -> str:
        head = [say("parameters"), say("naive, operations"), say("backprop, operations")]
        head += [say("ratio"), *[say("naive, seconds"), say("backprop, seconds")] * self.timed]
        table = [head]
        for row in self.rows:
            cells = [text.count(row.parameters), text.count(row.naive_operations)]
            cells += [text.count(row.backprop_operations)]
            cells += [text.count(round(row.naive_operations / row.backprop_operations))]
            if self.timed:
                scaled = "≈ " if row.timed < row.parameters else ""
                cells += [f"{scaled}{row.naive_seconds:.2g}", f"{row.backprop_seconds:.2g}"]
            table.append(cells)
        told = say(
            "operations grow as P^{naive:.2f} the naive way and as P^{backprop:.2f} by backprop",
            naive=self.naive_exponent,
            backprop=self.backprop_exponent,
        )
        return "\n".join([*text.aligned(table, left=0), told, *self._of_time()])

    def _of_time(self) -> list[str]:
        """What the seconds say, where they were measured."""
        if self.fixed_until is None:
            return []
        lines = []
        small = [row for row in self.rows if row.parameters <= self.fixed_until]
        large = self.rows[len(small) - 1 :]
        for rows, sentence in (
            (
                small,
                "seconds up to {count} parameters: a pass costs no more than starting it, so P + 1 of them, the naive"
                " way, grow as P^{naive:.1f}, and backprop as P^{backprop:.1f}",
            ),
            (
                large,
                "seconds from there on: arithmetic tells, and they grow as P^{naive:.1f} the naive way and as"
                " P^{backprop:.1f} by backprop",
            ),
        ):
            if len(rows) > 1:
                naive, backprop = (
                    round(_exponent(rows, f"{way}_seconds"), 1) + 0.0 for way in WAYS
                )
                count = text.count(self.fixed_until)
                lines.append(say(sentence, count=count, naive=naive, backprop=backprop))
        if any(row.timed < row.parameters for row in self.rows):
            lines.append(
                say(
                    "≈: a part of the perturbed passes was timed, and the time scaled to all of them"
                )
            )
        return lines


def _exponent(rows: Sequence[CostRow], column: str) -> float:
    values = [getattr(row, column) for row in rows]
    return float(np.polyfit(np.log([row.parameters for row in rows]), np.log(values), 1)[0])


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
            f"gradient_cost: `widths` (={shown(list(given))}) must hold two different sizes or more, for an exponent."
        )
    flag("gradient_cost", "timing", timing)
    chosen = find_engine(engine, 1)
    rows = tuple(_row(width, chosen if timing else None) for width in sizes)
    return GradientCost(rows, chosen.name)


@styled
def gradient_cost_figure(cost: GradientCost) -> Figure:
    """Operations, and where they were measured seconds, against the number of parameters, on logarithmic axes.

    Shaded is where a pass costs no more than starting it: there the naive time is linear in P, and backprop's constant.
    """
    instance("gradient_cost_figure", "cost", cost, GradientCost)
    figure = new_figure(4.6 * (1 + cost.timed), 3.8)
    axes = figure.subplots(1, 1 + cost.timed, squeeze=False)[0]
    names = [
        f"{say(way)}, ~ $P^{{{exponent:.2f}}}$"
        for way, exponent in zip(WAYS, (cost.naive_exponent, cost.backprop_exponent), strict=True)
    ]
    _panel(axes[0], cost, "operations", names)
    axes[0].set(title=say("Counted"), ylabel=say("operations for one gradient"))
    if cost.timed:
        _panel(axes[1], cost, "seconds", [say(way) for way in WAYS])
        title = say("Measured ({engine}, one thread)", engine=cost.engine)
        axes[1].set(title=title, ylabel=say("seconds for one gradient"))
    return figure


def _panel(axes: Axes, cost: GradientCost, what: str, names: Sequence[str]) -> None:
    from matplotlib.ticker import NullFormatter

    parameters = [row.parameters for row in cost.rows]
    if what == "seconds" and cost.fixed_until is not None:
        edge = cost.fixed_until * 1.4
        axes.axvspan(parameters[0] / 1.4, edge, color="#E4E4E4", label=say("time to start a pass"))
    for way, name, colour, mark in zip(WAYS, names, (ORANGE, BLUE), ("s--", "o-"), strict=True):
        values = [getattr(row, f"{way}_{what}") for row in cost.rows]
        axes.loglog(parameters, values, mark, color=colour, label=name, markersize=5)
        scaled = [k for k, row in enumerate(cost.rows) if row.timed < row.parameters]
        if what == "seconds" and way == "naive" and scaled:
            axes.loglog(
                [parameters[k] for k in scaled], [values[k] for k in scaled], "s", color="white",
                markeredgecolor=colour, markersize=5, label=say("scaled from a part"), zorder=3,
            )  # fmt: skip
    axes.set_xlabel(say("parameters P"))
    axes.grid(color="#DDDDDD")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.35)  # room for the legend
    axes.legend(loc="upper left", frameon=True, facecolor="white", edgecolor="none", framealpha=1)
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
