"""The probe: what a run's network does on a fixed batch of samples, read now and then without changing the run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np

from sloy.options import check_options, integer_option, real_option
from sloy.problem.inputs import Columns
from sloy.training.order import Order
from sloy.training.probe_graph import probe_evaluation_graph, probe_graph
from sloy.training.run import Callback, Run
from sloy.training.state import TrainingState

SAMPLES = 256  # that are read, at most
MOSTLY = 0.9  # share of the samples for which a unit is called flat
EARLY = 64  # steps after which readings are no longer close together
MOST_READINGS = 512


@dataclass(frozen=True, eq=False)
class Reading:
    """What the probe found at one moment.

    Attributes
    ----------
    epoch, step : int
        Epochs done, and steps of the whole run done.
    values : dict of arrays
        Outputs of `probe_graph`.
    held_out : dict of arrays
        ``loss`` and ``margin`` of samples to validate on; empty where there are none.
    """

    epoch: int
    step: int
    values: dict[str, np.ndarray]
    held_out: dict[str, np.ndarray]

    @property
    def loss(self) -> float:
        """The mean loss of the training samples, the network in use."""
        return float(self.values["loss"].mean(dtype=np.float64))

    @property
    def accuracy(self) -> float | None:
        """The share of them that are answered right; None of numbers."""
        return _right(self.values)

    @property
    def held_out_loss(self) -> float | None:
        """The mean loss of the samples to validate on."""
        found = self.held_out.get("loss")
        return None if found is None else float(found.mean(dtype=np.float64))

    @property
    def held_out_accuracy(self) -> float | None:
        """The share of them that are answered right."""
        return _right(self.held_out)

    def of(self, kind: str) -> dict[str, np.ndarray]:
        """Of one kind of outputs, such as "flat": layer or parameter → value."""
        start = f"{kind}/"
        return {n.removeprefix(start): v for n, v in self.values.items() if n.startswith(start)}

    @property
    def dead(self) -> dict[str, float]:
        """Share of each layer's units that give 0 for every sample."""
        squares = self.of("mean_square")
        return {name: float((squares[name] == 0).mean()) for name in self.of("flat")}

    @property
    def flat(self) -> dict[str, float]:
        """Share of each layer's units that are flat for most samples, and not 0."""
        return {name: float((share >= MOSTLY).mean()) for name, share in self.of("flat").items()}

    @property
    def moved(self) -> float:
        """By how much of its size the next step moves a matrix of weights, the median of them all."""
        norms, updates = self._of_matrices("norm"), self._of_matrices("update_norm")
        pairs = [updates[name] / norms[name] for name in norms if norms[name] > 0]
        return float(np.median(pairs)) if pairs else 0.0

    @property
    def gradient_ratio(self) -> float:
        """Size of the gradient of the last matrix of weights over that of the first, each by its weight."""
        found = list(self._of_matrices("gradient_norm").values())
        if len(found) < 2 or found[-1] == 0:
            return 1.0
        return found[-1] / found[0] if found[0] > 0 else float("inf")

    @property
    def penalty_ratio(self) -> float:
        """Norm of the gradient of the penalties over that of the rest."""
        penalty = self.of("penalty_norm")
        if not penalty:
            return 0.0
        own, rest = (
            float(np.sqrt(sum(float(v) ** 2 for v in norms.values())))
            for norms in (penalty, self.of("data_norm"))
        )
        return own / max(rest, 1e-30)

    def _of_matrices(self, kind: str) -> dict[str, float]:
        """A norm of each parameter that is a matrix, divided by the root of its size."""
        shapes = self.values["sizes"].tolist()
        pairs = zip(self.of(kind).items(), shapes, strict=True)
        return {name: float(v) / size**0.5 for (name, v), size in pairs if size > 0}


def _right(values: Mapping[str, np.ndarray]) -> float | None:
    margin = values.get("margin")
    return None if margin is None else float((margin > 0).mean())


class Prober:
    """Reads the values of a run: its graphs are its own, its variables the run's, which it only reads.

    Parameters
    ----------
    order : Order
        Of the run.
    state : TrainingState
        Of the run.
    samples : int
        At most as many to train on and to validate on, spread alike over the classes; always the same.
    """

    def __init__(self, order: Order, state: TrainingState, samples: int = SAMPLES) -> None:
        self._order, self._state = order, state
        problem, recipe, engine = order.problem, order.recipe, order.engine
        self.rows = spread(order.data, samples, recipe.seed)
        self.batch = _batch(order.data, self.rows)
        graph = probe_graph(problem, recipe, len(self.rows))
        self._whole = engine.compile(graph, state.variables)
        self._names = [n for n in graph.outputs if n.startswith("norm/")]
        shapes = (problem.network.shapes[name.removeprefix("norm/")] for name in self._names)
        self._sizes = np.array([np.prod(s) if len(s) > 1 else 0 for s in shapes], np.int64)
        self._held_out, self.held_out_batch, self.held_out_rows = None, None, None
        if order.validation is not None:
            self.held_out_rows = spread(order.validation, samples, recipe.seed)
            self.held_out_batch = _batch(order.validation, self.held_out_rows)
            held_out = probe_evaluation_graph(problem, len(self.held_out_rows))
            self._held_out = engine.compile(held_out, state.variables)

    def read(self, epoch: int, step: int, rate: float) -> Reading:
        """A reading of the variables as they are.

        Parameters
        ----------
        epoch, step : int
            Epochs done, and steps done of the whole run.
        rate : float
            The learning rate of the next step.
        """
        fed = {
            **self.batch,
            "learning_rate": np.array(rate, self._order.problem.dtype),
            "step": np.array(self._order.steps_before + step, np.uint32),
        }
        values = self._run(self._whole, fed)
        held_out = {} if self._held_out is None else self._run(self._held_out, self.held_out_batch)
        return Reading(epoch, step, {**values, "sizes": self._sizes}, held_out)

    @staticmethod
    def _run(executable: Any, inputs: Any) -> dict[str, np.ndarray]:
        wanted = {name: inputs[name] for name in executable.graph.inputs}
        return {name: np.array(value) for name, value in executable.run(wanted).items()}


@dataclass
class Probe(Callback):
    """Reads what a run's network does on fixed samples, and does not change one bit of the run.

    It is read before the first step and after 1, 2, 4, … 64, some of them where that is not cheap beside the whole run;
    then as often as the budget allows, of which what came before the first step is a part; but at least some times; and
    at the end.

    Parameters
    ----------
    samples : int
        At most as many to train on, and to validate on.
    budget : float
        Share of the run's time that readings may take.
    least : int
        At least so many readings, spread over the run; on short ones they may take more than the budget.

    Attributes
    ----------
    readings : list of Reading
        In order, at most 512: of more, every second one of the older half is dropped.
    seconds, before : float
        What the readings after the first took, and what came before them: compiling, and the first.

    Examples
    --------
    >>> import numpy as np, sloy
    >>> x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    >>> network = sloy.Network((4,), [sloy.layers.Dense(8), sloy.layers.ReLU(), sloy.layers.Dense(2)])
    >>> probe = Probe(least=3)
    >>> _ = sloy.fit(network, (x, (x[:, 0] > 0).astype(int)), epochs=5, batch_size=16, engine="reference",
    ...              callbacks=[probe], verbose=False)
    >>> probe.readings[0].step, probe.readings[-1].step, probe.readings[0].dead
    (0, 20, {'relu_1': 0.0})
    """

    samples: int = integer_option(256)
    budget: float = real_option(0.02, above=0, below=1)
    least: int = integer_option(12, least=2)
    readings: list[Reading] = field(default_factory=list, init=False, repr=False)
    seconds: float = field(default=0.0, init=False)
    before: float = field(default=0.0, init=False)
    _prober: Prober | None = field(default=None, init=False, repr=False)
    _begun: float = field(default=0.0, init=False, repr=False)
    _first: int = field(default=0, init=False, repr=False)
    _next: int | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        check_options(type(self).__name__, self)

    def on_fit_begin(self, run: Run) -> bool | None:
        """Compile, and read before the first step."""
        self.readings, self.seconds = [], 0.0
        begun = time.perf_counter()
        self._prober = Prober(run.order, run.state, self.samples)
        self._read(run)
        self.before = time.perf_counter() - begun
        self._begun, self._first, self.seconds = time.perf_counter(), run.steps_done, 0.0
        return None

    def pause_after(self, run: Run) -> int | None:
        """When to read next."""
        return self._next

    def on_pause(self, run: Run) -> bool | None:
        """Read."""
        self._read(run)
        return None

    def on_fit_end(self, run: Run) -> None:
        """Read the end, where the run did not fail before its first step."""
        if self._prober is not None and self.readings and self.readings[-1].step != run.steps_done:
            self._read(run)
        self._prober = None

    def _read(self, run: Run) -> None:
        begun = time.perf_counter()
        assert self._prober is not None
        done = run.steps_done
        self.readings.append(self._prober.read(done // run.steps, done, _rate(run)))
        if len(self.readings) > MOST_READINGS:
            half = MOST_READINGS // 2
            self.readings = [*self.readings[:half:2], *self.readings[half:]]
        cost = time.perf_counter() - begun
        self.seconds += cost
        self._next = self._after(run, done, cost)

    def _after(self, run: Run, done: int, cost: float) -> int | None:
        """The step of the next reading, `cost` seconds being what one takes."""
        total = run.epochs * run.steps
        even = ceil((done * self.least // total + 1) * total / self.least)  # of those at least
        if not done:
            return min(1, even)
        trained = max(time.perf_counter() - self._begun - self.seconds, 1e-6)
        step = trained / max(done - self._first, 1)
        spent = self.before + self.seconds
        affordable = self._first + ceil((spent + cost) / (self.budget * step))
        ahead = self.budget / 2 * step * total - spent  # for the first, close together
        early = done * (2 if cost * 8 <= ahead else 4 if self.least > 4 else EARLY + 1)
        return min(even, max(done + 1, affordable), early if early <= EARLY else total)


def _rate(run: Run) -> float:
    """The learning rate of the step that follows."""
    epoch, step = divmod(run.steps_done, run.steps)
    epoch, step = (epoch, step) if epoch < run.epochs else (run.epochs - 1, run.steps - 1)
    return float(run.order.rates(epoch, 1, run.history)[0][step])


def spread(data: Columns, most: int, seed: int) -> np.ndarray:
    """Rows of the data, at most so many, of labels the same share of each class; a function of the seed."""
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(data))
    if data.y.ndim == 1 and data.y.dtype.kind == "i":
        shuffled = shuffled[np.argsort(data.y[shuffled], kind="stable")]
    places = np.linspace(0, len(data), min(most, len(data)), endpoint=False).astype(np.int64)
    return np.sort(shuffled[places])


def _batch(data: Columns, rows: np.ndarray) -> dict[str, np.ndarray]:
    found = {"x": data.x[rows], "y": data.y[rows], "sample_weight": data.weight[rows]}
    return {name: np.ascontiguousarray(value) for name, value in found.items()}
