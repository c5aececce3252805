"""A trained model over some samples, with parameters that can be changed: what pruning looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from sloy.engines import Engine, Executable
from sloy.engines.variables import Variables
from sloy.graph import Graph
from sloy.graph.threefry import make_key, permutation
from sloy.metrics import default_metrics
from sloy.model import Model, default_batch
from sloy.model.origin import from_origin
from sloy.model.parts import Parts
from sloy.problem import Network, Problem
from sloy.problem.graphs import evaluation_graph
from sloy.problem.inputs import Columns, Data, as_dataset, columns
from sloy.problem.runner import Runner

MOST = 64  # samples of a pass
NUMBERS = (
    1 << 24
)  # of a layer's weights times the samples of a pass, where each sample has a gradient of its own


def model_with(model: Model, network: Network, parameters: Mapping[str, np.ndarray]) -> Model:
    """The model with another network."""
    problem = replace(model.problem, network=network)
    return Model.of(Parts(problem, parameters, model.class_names, model.reader), model.engine)


def some_rows(count: int, samples: int, seed: int) -> np.ndarray:
    """The numbers of so many rows drawn by the seed, in order; of all where there are no more.

    Examples
    --------
    >>> some_rows(3, 5, 0).tolist()
    [0, 1, 2]
    """
    if count <= samples:
        return np.arange(count)
    return np.sort(permutation(count, make_key(seed, "pruning"))[:samples])


@dataclass(eq=False)
class Passes:
    """A model's network with a copy of its parameters, which may be changed, over samples of its own kind.

    Parameters
    ----------
    model : Model
        It stays as it is.

    Attributes
    ----------
    problem : Problem
        The model's; without preprocessing where `samples` does that to numbers.
    variables : Variables
        The parameters and states that all graphs here read.
    batch_size : int
        Samples of a pass.
    """

    model: Model
    problem: Problem = field(init=False)
    engine: Engine = field(init=False)
    variables: Variables = field(init=False)
    batch_size: int = field(init=False)
    _executables: dict[object, Executable] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.engine = self.model.engine
        known = self.model.problem
        self._ahead = known.preprocessing if known.data_dtype == known.dtype else None
        usual = default_metrics(known.loss, known.network.output_shape)
        self.problem = replace(known, metrics=usual)
        if self._ahead is not None:
            self.problem = replace(self.problem, preprocessing=None)
        copies = {name: np.array(value) for name, value in self.model.parameters.items()}
        self.variables = self.engine.variables(copies)
        shapes = known.network.shapes.values()
        most = NUMBERS // max((prod(shape) for shape in shapes), default=1)
        suited = default_batch(known.network, known.dtype)
        self.batch_size = 1 << (max(1, min(suited, MOST, most)).bit_length() - 1)
        self._evaluate = Runner(
            self.engine, self.variables, lambda size: evaluation_graph(self.problem, size)
        )

    @property
    def outputs(self) -> int:
        """Numbers that the network gives for a sample."""
        return prod(self.problem.network.output_shape)

    def samples(self, data: Data, where: str, rows: np.ndarray | None = None) -> Columns:
        """Samples as the graphs here take them: all, or some rows.

        Raises
        ------
        InvalidArgument
            Where they are not what the model takes.
        """
        problem = self.problem
        given = from_origin(problem.origin, as_dataset(data))
        if rows is not None:
            given = given.take(rows)
        found = columns(
            given, problem.network, problem.loss, problem.dtype, where, None,
            problem.data_dtype, self._ahead,
        )  # fmt: skip
        return replace(found, x=np.ascontiguousarray(found.x[:]))

    def each(self, samples: Columns) -> dict[str, np.ndarray]:
        """The loss of each sample (N,), and what the usual metrics of the loss are the means of."""
        return self._evaluate({"x": samples.x, "y": samples.y}, self.batch_size)

    def loss(self, samples: Columns) -> float:
        """The mean loss."""
        return float(self.each(samples)["loss"].mean(dtype=np.float64))

    def executable(
        self, key: object, graph: Callable[[int], Graph], size: int | None = None
    ) -> Executable:
        """The graph of a batch size, compiled once for each key."""
        size = size or self.batch_size
        if (key, size) not in self._executables:
            self._executables[key, size] = self.engine.compile(graph(size), self.variables)
        return self._executables[key, size]

    def run(
        self, executable: Executable, feeds: Mapping[str, np.ndarray], size: int | None = None
    ) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        """The outputs of each batch, and its rows; the last batch is filled up with its last row.

        What fills it up has 0 in arrays that are called ``direction``.
        """
        size = size or self.batch_size
        count = len(next(iter(feeds.values())))
        for first in range(0, count, size):
            rows = slice(first, min(first + size, count))
            missing = size - (rows.stop - first)
            given = {
                name: _filled(name, feeds[name][rows], missing) for name in executable.graph.inputs
            }
            yield rows, dict(executable.run(given))


def _filled(name: str, values: np.ndarray, missing: int) -> np.ndarray:
    if not missing:
        return np.ascontiguousarray(values)
    last = np.repeat(values[-1:], missing, axis=0)
    return np.concatenate([values, np.zeros_like(last) if name == "direction" else last])
