"""Graphs without updates, run over any number of samples in fixed memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sloy.engines.base import Engine, Executable, Poll
from sloy.engines.variables import Variables
from sloy.graph import Graph
from sloy.metrics import Metric
from sloy.problem.inputs import Columns, entries_of, on_entries, samples_fed


class Runner:
    """Evaluation or inference graphs of one set of variables.

    Whole batches run as they are; the rest is padded to the next power of two, so that there are
    few sizes, and each is compiled once.

    Parameters
    ----------
    engine : Engine
    variables : Variables
        Of the engine; read on every run, so that changes are seen.
    graph : callable
        Batch size → graph with the inputs named like the columns, and outputs (N, …) only. Where the column ``x``
        is sparse rows, it is made one that takes their entries, see `on_entries`.
    """

    def __init__(self, engine: Engine, variables: Variables, graph: Callable[[int], Graph]) -> None:
        self._engine = engine
        self._variables = variables
        self._graph = graph
        self._executables: dict[tuple[int, int], Executable] = {}

    def __call__(
        self, columns: Mapping[str, np.ndarray], batch_size: int, poll: Poll | None = None
    ) -> dict[str, np.ndarray]:
        """The outputs for all samples, each (N, …).

        What `poll` raises is raised.
        """
        count = len(next(iter(columns.values())))
        if not count:
            graph = self._executable(1, 0).graph
            specs = {name: graph.nodes[number].spec for name, number in graph.outputs.items()}
            return {name: np.zeros((0, *s.shape[1:]), s.dtype) for name, s in specs.items()}
        arrays = all(isinstance(column, np.ndarray) for column in columns.values())
        if poll is None and arrays and (whole := self.whole(count, batch_size)) is not None:
            return whole.run(columns)
        sizes = batch_sizes(count, batch_size)
        padded = count // batch_size * batch_size + (sizes[-1] if count % batch_size else 0)
        order = np.minimum(np.arange(padded), count - 1)
        entries = entries_of(columns.get("x"))
        executables = {size: self._executable(size, entries) for size in sizes}
        if entries:
            inputs = executables[sizes[0]].graph.inputs
            others = {name: column for name, column in columns.items() if name != "x"}
            columns = samples_fed(columns["x"], inputs) | others
        run = self._engine.run_batches(executables, columns, order, batch_size, {}, poll)
        if run.error is not None:
            raise run.error
        return {name: value[:count] for name, value in run.outputs.items()}

    def whole(self, count: int, batch_size: int) -> Executable | None:
        """What runs so many samples as they are, without an order of their rows; None where nothing does."""
        fits = 0 < count <= batch_size and count & (count - 1) == 0
        return self._executable(count, 0) if fits else None

    def _executable(self, size: int, entries: int) -> Executable:
        key = (size, entries)
        if key not in self._executables:
            graph = on_entries(self._graph(size), entries)
            self._executables[key] = self._engine.compile(graph, self._variables)
        return self._executables[key]


def batch_sizes(count: int, batch_size: int) -> list[int]:
    """The sizes of the batches of so many samples: whole ones, then the rest padded to the next power of two."""
    rest = count % batch_size
    whole = [batch_size] if count >= batch_size else []
    return whole + ([min(batch_size, 1 << (rest - 1).bit_length())] if rest else [])


def figures(
    runner: Runner,
    columns: Columns,
    metrics: Sequence[Metric],
    batch_size: int,
    poll: Poll | None = None,
) -> dict[str, float]:
    """The weighted mean loss and each metric over samples, by a runner of evaluation graphs."""
    outputs = runner({"x": columns.x, "y": columns.y}, batch_size, poll)
    return summed_up(outputs, columns.weight, metrics)


def summed_up(
    outputs: Mapping[str, np.ndarray], weights: np.ndarray, metrics: Sequence[Metric]
) -> dict[str, float]:
    """The figures of what evaluation graphs gave for samples, of `weights` (N,)."""
    weight = weights.astype(np.float64)
    loss = float(weight @ outputs["loss"].astype(np.float64) / weight.sum())
    return {"loss": loss} | {m.name: m.aggregate(outputs[m.name], weight) for m in metrics}
