"""The probe: what a run's network does on a fixed batch of samples, read now and then without changing the run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Any, NamedTuple

import numpy as np

from sloy.data.lazy_rows import LazyRows
from sloy.engines.variables import Variables
from sloy.options import check_options, integer_option, real_option
from sloy.problem.inputs import Columns
from sloy.training.order import Order
from sloy.training.probe_graph import probe_evaluation_graph, probe_graph
from sloy.training.run import Callback, Run

SAMPLES = 256  # that are read, at most
COMPILED = 0.4  # seconds that compiling the probe may take, on a busy machine
KEPT = 2**27  # bytes of variables that are kept to be read later; larger networks are read at once
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
    def trains_weights(self) -> bool:
        """Whether a matrix of weights is trained."""
        return bool((self.values["sizes"] > 0).any())

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


class Moment(NamedTuple):
    """Where a run stands, to be read.

    Attributes
    ----------
    epoch, step : int
        Epochs done, and steps done of the whole run.
    rate : float
        The learning rate of the next step.
    values : dict of arrays
        Copies of the run's variables; none where these are read as they are.
    """

    epoch: int
    step: int
    rate: float
    values: dict[str, np.ndarray]


class Prober:
    """Reads the values of a run by graphs of its own.

    Parameters
    ----------
    order : Order
        Of the run.
    variables : Variables
        The run's, which are only read, or others of the same names, into which the values of moments are written.
    rows, held_out : arrays of int (n,)
        Of the samples that are read: to train on, and to validate on where there are some.
    """

    def __init__(
        self, order: Order, variables: Variables, rows: np.ndarray, held_out: np.ndarray | None
    ) -> None:
        self._order, self._variables = order, variables
        problem, recipe, engine = order.problem, order.recipe, order.engine
        self._batch = _batch(order.data, rows)
        graph = probe_graph(problem, recipe, len(rows))
        self._whole = engine.compile(graph, variables)
        names = (n for n in graph.outputs if n.startswith("norm/"))
        shapes = (problem.network.shapes[name.removeprefix("norm/")] for name in names)
        self._sizes = np.array([np.prod(s) if len(s) > 1 else 0 for s in shapes], np.int64)
        self._held_out = None
        if order.validation is not None and held_out is not None:
            self._held_out_batch = _batch(order.validation, held_out)
            graph = probe_evaluation_graph(problem, len(held_out))
            self._held_out = engine.compile(graph, variables)

    def read(self, moment: Moment) -> Reading:
        """A reading of a moment."""
        for name, value in moment.values.items():
            self._variables.write(name, value)
        fed = {
            **self._batch,
            "learning_rate": np.array(moment.rate, self._order.problem.dtype),
            "step": np.array(self._order.steps_before + moment.step, np.uint32),
        }
        values = self._run(self._whole, fed)
        held_out = {} if self._held_out is None else self._run(self._held_out, self._held_out_batch)
        return Reading(moment.epoch, moment.step, {**values, "sizes": self._sizes}, held_out)

    @staticmethod
    def _run(executable: Any, inputs: Any) -> dict[str, np.ndarray]:
        wanted = {name: inputs[name] for name in executable.graph.inputs}
        return {name: np.array(value) for name, value in executable.run(wanted).items()}


@dataclass
class Probe(Callback):
    """Reads what a run's network does on fixed samples, and does not change one bit of the run.

    It looks before the first step, after 1, 2, 4, … 64, some of them where that is not cheap beside the whole run;
    then as often as the budget allows, but at least some times; and at the end. A look is a copy of the run's
    variables. It is read, by a graph that is compiled for it, as soon as the budget allows; what is left is read when
    somebody asks for the `readings`, which then takes as long, and not the run. Large networks, samples that are read
    while they are used, and several processes are read at once, whatever the budget.

    Parameters
    ----------
    samples : int
        At most as many to train on, and to validate on.
    budget : float
        Share of the run's time that readings may take.
    least : int
        At least so many looks, spread over the run.

    Attributes
    ----------
    readings : list of Reading
        In order, at most 512: of more, every second one of the older half is dropped.
    seconds : float
        What it took of the time of the run.

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

    samples: int = integer_option(SAMPLES)
    budget: float = real_option(0.02, above=0, below=1)
    least: int = integer_option(12, least=2)
    seconds: float = field(default=0.0, init=False)
    _readings: list[Reading] = field(default_factory=list, init=False, repr=False)
    _kept: list[Moment] = field(default_factory=list, init=False, repr=False)
    _run: Run | None = field(default=None, init=False, repr=False)
    _prober: Prober | None = field(default=None, init=False, repr=False)
    _reads_at_once: bool = field(default=False, init=False, repr=False)
    _cost: float = field(default=COMPILED, init=False, repr=False)  # of the next reading
    _begun: float = field(default=0.0, init=False, repr=False)
    _is_over: bool = field(default=False, init=False, repr=False)
    _first: int = field(default=0, init=False, repr=False)
    _next: int | None = field(default=None, init=False, repr=False)
    _drawn: tuple[np.ndarray, np.ndarray | None] | None = field(
        default=None, init=False, repr=False
    )

    def __post_init__(self) -> None:
        check_options(type(self).__name__, self)

    @property
    def _rows(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Rows of the samples that are read, of each class its share, always the same: to train on, to validate on."""
        assert self._run is not None
        if self._drawn is None:
            order, seed = self._run.order, self._run.order.recipe.seed
            held_out = order.validation
            self._drawn = (
                spread(order.data, self.samples, seed),
                None if held_out is None else spread(held_out, self.samples, seed),
            )
        return self._drawn

    @property
    def readings(self) -> list[Reading]:
        """In order; what was kept is read now."""
        self._read_kept()
        if self._is_over:
            self._prober = None
        return self._readings

    def on_fit_begin(self, run: Run) -> bool | None:
        """Look before the first step."""
        self._readings, self._kept, self._prober, self._drawn = [], [], None, None
        self.seconds, self._cost, self._first = 0.0, COMPILED, run.steps_done
        self._run, self._reads_at_once = run, _reads_at_once(run, self.least)
        self._begun, self._is_over = time.perf_counter(), False
        with self._timed():
            self._look(run)
        self._next = self._after(run, self.seconds)
        return None

    def pause_after(self, run: Run) -> int | None:
        """When to look next."""
        return self._next

    def on_pause(self, run: Run) -> bool | None:
        """Look."""
        before = self.seconds
        with self._timed():
            self._look(run)
        self._next = self._after(run, self.seconds - before)
        return None

    def on_fit_end(self, run: Run) -> None:
        """Look at the end, where the run did not fail before its first step."""
        seen = [r.step for r in self._readings[-1:]] + [m.step for m in self._kept[-1:]]
        if seen and seen[-1] != run.steps_done:
            with self._timed():
                self._look(run)
        self._is_over = True

    def _look(self, run: Run) -> None:
        """Keep where the run stands, and read what is kept where that is paid for."""
        done = run.steps_done
        values = {} if self._reads_at_once else {n: np.array(v) for n, v in run.variables.items()}
        self._kept.append(Moment(done // run.steps, done, _rate(run), values))
        if self._reads_at_once or self._earned >= self._cost * len(self._kept):
            self._read_kept()

    @property
    def _earned(self) -> float:
        """Seconds of the budget that are left."""
        return self.budget * self._trained - self.seconds

    @property
    def _trained(self) -> float:
        return max(time.perf_counter() - self._begun - self.seconds, 1e-6)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - begun

    def _read_kept(self) -> None:
        while self._kept:
            moment = self._kept.pop(0)
            if self._prober is None:
                assert self._run is not None
                order, own = self._run.order, self._run.variables
                self._prober = Prober(
                    order,
                    order.engine.variables(moment.values) if moment.values else own,
                    *self._rows,
                )
            begun = time.perf_counter()
            self._readings.append(self._prober.read(moment))
            self._cost = time.perf_counter() - begun
        if len(self._readings) > MOST_READINGS:
            half = MOST_READINGS // 2
            self._readings = [*self._readings[:half:2], *self._readings[half:]]

    def _after(self, run: Run, cost: float) -> int | None:
        """The step of the next look, `cost` seconds being what one takes."""
        total, done = run.epochs * run.steps, run.steps_done
        even = ceil((done * self.least // total + 1) * total / self.least)  # of those at least
        if done == self._first:
            return min(done + 1, even)
        step = self._trained / (done - self._first)
        waiting = self._cost * (len(self._kept) + 1)
        affordable = self._first + ceil((self.seconds + waiting) / (self.budget * step))
        ahead = self.budget / 2 * step * total - self.seconds  # for the first, close together
        early = done * (2 if cost * 8 <= ahead else 4 if self.least > 4 else EARLY + 1)
        return min(even, max(done + 1, affordable), early if early <= EARLY else total)


def kept_bytes(least: int, state: int) -> int:
    """Bytes that copies of so many bytes of variables take at most, with those that are read; 0 where none are kept."""
    most = (least + 3 + EARLY.bit_length()) * state
    return most if most <= KEPT else 0


def _reads_at_once(run: Run, least: int) -> bool:
    """Whether no copies are kept: the variables are large, or the samples cannot be read later."""
    order = run.order
    state = sum(spec.nbytes for spec in run.variables.specs.values())
    x: object = order.data.x
    several = order.engine.processes.count > 1
    return several or isinstance(x, LazyRows) or not kept_bytes(least, state)


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
