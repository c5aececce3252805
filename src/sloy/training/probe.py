"""The probe: what a run's network does on a fixed batch of samples, read now and then without changing the run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np

from sloy import ops
from sloy.graph import REGISTRY, Graph, Tensor, backprop, check
from sloy.graph.graph import topological_order
from sloy.graph.opdef import LEAVES
from sloy.options import check_options, integer_option, real_option
from sloy.problem.graphs import Forward, forward
from sloy.problem.inputs import Columns
from sloy.problem.problem import Problem
from sloy.training.descent import clip, descend
from sloy.training.order import Order
from sloy.training.recipe import Recipe
from sloy.training.run import Callback, Run
from sloy.training.state import TrainingState
from sloy.training.step import objective

FLAT = 0.05  # of the largest slope: what is less is flat
STEEP = 0.2  # slope of a layer that is not flat everywhere; that of a sigmoid is 1/4 at its middle
MOSTLY = 0.9  # share of the samples for which a unit is called flat
EARLY = 64  # steps after which readings are no longer close together
MOST_READINGS = 512
LINEAR = ("add", "sub", "neg", "mul", "div", "broadcast_to", "reshape", "cast")


def probe_graph(problem: Problem, recipe: Recipe, batch_size: int) -> Graph:
    """What a training step does on a batch, reduced to some numbers for each unit and parameter; nothing is updated.

    Returns
    -------
    Graph
        Inputs and variables of `sloy.training.step.training_graph`. Outputs:
        of each layer that is a function of single numbers, ``max/<layer>``, ``mean/<layer>``, ``mean_square/<layer>``
        and ``flat/<layer>`` (units,): over samples and places the largest, the mean and the mean square of what it
        gives, and the share that is not 0 and has a slope of less than 5 % of the layer's largest;
        of the numbers that the first layer with weights multiplies, ``mean/input`` and ``mean_square/input`` (units,);
        of each trained parameter, ``gradient_norm/<name>``, ``norm/<name>`` and ``update_norm/<name>`` () : of the
        gradient that is descended, of itself, and of the change by the step; ``penalty_norm/<name>`` and
        ``data_norm/<name>`` () of the gradient of penalties and of the rest, where there are penalties;
        ``training_loss`` (), of the step; ``loss`` (N,) and, of classes, ``margin`` (N,): of the network in use, the
        loss and by how much the true class is above the best other one.

    Examples
    --------
    >>> import sloy
    >>> from sloy.layers import Dense, ReLU
    >>> network = sloy.Network((2,), [Dense(3), ReLU(), Dense(2)])
    >>> problem = sloy.Problem(network, sloy.losses.loss("categorical_crossentropy"))
    >>> graph = probe_graph(problem, sloy.Recipe(optimizer="sgd"), 4)
    >>> [name for name in graph.outputs if "relu" in name], "update_norm/dense_1/weight" in graph.outputs
    (['max/relu_1', 'mean/relu_1', 'mean_square/relu_1', 'flat/relu_1'], True)
    """
    step = ops.input("step", (), "uint32")
    run = forward(problem, batch_size, training=True, step=step)
    goal = objective(problem, run, batch_size, recipe.trainable)
    outputs = {"training_loss": goal.loss}
    for name, (x, y) in _functions(run).items():
        outputs |= _of_function(name, x, y)
    if (first := _first_multiplied(run)) is not None:
        outputs |= {"mean/input": _by_unit(first), "mean_square/input": _by_unit(ops.square(first))}
    updates = descend(
        recipe.optimizer_of,
        goal.parameters,
        clip(recipe.descent, goal.gradients),
        step,
        dtype=problem.dtype,
        factor=recipe.rate_factor,
    )
    penalty = run.built.penalty()
    tensors = [parameter.tensor for parameter in goal.parameters.values()]
    penalties = None if penalty is None else backprop(penalty, tensors)
    for i, (name, w) in enumerate(zip(goal.parameters, tensors, strict=True)):
        outputs[f"gradient_norm/{name}"] = _norm(goal.gradients[i])
        outputs[f"norm/{name}"] = _norm(w)
        outputs[f"update_norm/{name}"] = _norm(updates[name] - w)
        if penalties is not None:
            outputs[f"penalty_norm/{name}"] = _norm(penalties[i])
            outputs[f"data_norm/{name}"] = _norm(goal.gradients[i] - penalties[i])
    return check(Graph.of(outputs | _in_use(problem, batch_size)))


def probe_evaluation_graph(problem: Problem, batch_size: int) -> Graph:
    """``loss`` and ``margin`` of `probe_graph` alone, of samples that are not trained on."""
    return check(Graph.of(_in_use(problem, batch_size)))


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

    def __init__(self, order: Order, state: TrainingState, samples: int = 256) -> None:
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
    then as often as the budget allows, but at least some times; and at the end.

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
    seconds, compiling : float
        What the readings after the first took, and what came before them.

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
    compiling: float = field(default=0.0, init=False)
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
        self.compiling = time.perf_counter() - begun - self.seconds
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
        affordable = done + max(1, ceil(cost / (self.budget * step)))
        cheap = cost * 8 <= self.budget * step * total
        early = done * (2 if cheap else 4)
        return min(even, affordable, early if early <= EARLY else total)


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


# --- parts ----------------------------------------------------------------------------------------


def _norm(x: Tensor) -> Tensor:
    return ops.sqrt(ops.reduce_sum(ops.square(x)))


def _by_unit(x: Tensor, reduce: Any = ops.reduce_mean) -> Tensor:
    """Over samples and places: (N, …, units) → (units,)."""
    return reduce(x, tuple(range(x.rank - 1)))


def _of_function(name: str, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """The outputs of a layer that makes y of x, element by element."""
    (slope,) = backprop(ops.reduce_sum(y), [x])
    size = ops.absolute(slope)
    steepest = ops.maximum(ops.reduce_max(size), STEEP)
    flat = (size <= steepest * FLAT) * ops.not_equal(y, 0.0)
    return {
        f"max/{name}": _by_unit(y, ops.reduce_max),
        f"mean/{name}": _by_unit(y),
        f"mean_square/{name}": _by_unit(ops.square(y)),
        f"flat/{name}": _by_unit(flat),
    }


def _functions(run: Forward) -> dict[str, tuple[Tensor, Tensor]]:
    """Layers that are bent functions of single numbers: name → what it is given, and what it gives."""
    recorded = {id(y): name for name, y in reversed(list(run.built.activations.items()))}
    found = {}
    for name, y in run.built.activations.items():
        if recorded[id(y)] != name or y.rank < 2:
            continue
        given = _given(y, set(recorded) - {id(y)})
        if given is not None:
            found[name] = (given, y)
    return found


def _given(y: Tensor, ends: set[int]) -> Tensor | None:
    """The one tensor of y's shape of which y is a bent function, element by element; None where it is not so."""
    sources: dict[int, Tensor] = {}
    bent = False
    for tensor in _back(y, ends):
        if id(tensor) in ends or not _is_elementwise(tensor):
            if any(node.op == "input" for node in topological_order([tensor])):
                sources[id(tensor)] = tensor
            continue
        bent |= tensor.op not in LINEAR
    (only, *more) = sources.values() or (None,)
    return only if bent and not more and only is not None and only.shape == y.shape else None


def _back(y: Tensor, ends: set[int]) -> Iterator[Tensor]:
    """What y is computed from, back to what is not element by element."""
    waiting, seen = [y], set[int]()
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        yield tensor
        if id(tensor) not in ends and _is_elementwise(tensor):
            waiting += tensor.inputs


def _is_elementwise(tensor: Tensor) -> bool:
    return tensor.op not in LEAVES and REGISTRY[tensor.op].elementwise


def _first_multiplied(run: Forward) -> Tensor | None:
    """What the first product of samples with weights multiplies, (N, …, units)."""
    for tensor in topological_order([run.built.output]):
        if tensor.op in ("matmul", "conv2d"):
            x = tensor.inputs[0]
            if x.spec.is_float and x.rank > 1 and x.shape[0] == run.losses.shape[0]:
                return x
    return None


def _in_use(problem: Problem, batch_size: int) -> dict[str, Tensor]:
    """Losses and margins of the network in use."""
    run = forward(problem, batch_size)
    outputs = {"loss": run.losses}
    if (margin := _margin(problem, run)) is not None:
        outputs["margin"] = margin
    return outputs


def _margin(problem: Problem, run: Forward) -> Tensor | None:
    output, target = run.built.output, run.target
    shape = problem.network.output_shape
    if problem.loss.logits == "sigmoid" and shape == (1,) and target.shape == output.shape:
        return ops.reshape(output * (target * 2.0 - 1.0), (-1,))
    if problem.loss.logits != "softmax" or len(shape) != 1 or output.rank != 2:
        return None
    if target.rank == 1:
        own = ops.one_hot(target, shape[0], problem.dtype)
    elif target.shape == output.shape:
        own = ops.equal(target, ops.reduce_max(target, 1, keepdims=True))
    else:
        return None
    others = output - own * 1e30
    return ops.reduce_sum(own * output, 1) - ops.reduce_max(others, 1)


def constant_losses(order: Order, y: np.ndarray) -> np.ndarray | None:
    """The loss of each target (n, …) where every answer is the constant that suits the training targets best.

    None where the loss does not tell which that is.
    """
    problem, targets = order.problem, order.data.y
    answer = _best_constant(problem, targets)
    if answer is None or not len(y):
        return None
    output = np.broadcast_to(answer.astype(problem.dtype), (len(y), *problem.network.output_shape))
    of = ops.input("y", y.shape, problem.target_dtype)
    losses = problem.loss.per_sample(ops.constant(output, problem.dtype), of)
    found = order.engine.compile(Graph.of({"loss": losses}), order.engine.variables({}))
    return np.array(found.run({"y": np.ascontiguousarray(y)})["loss"], np.float64)


def _best_constant(problem: Problem, targets: np.ndarray) -> np.ndarray | None:
    """The raw output that answers all alike."""
    shape, logits = problem.network.output_shape, problem.loss.logits
    if logits == "softmax" and len(shape) == 1:
        if targets.ndim == 1:
            shares = np.bincount(targets, minlength=shape[0]) / len(targets)
        elif targets.shape[1:] == shape:
            shares = targets.mean(0, dtype=np.float64)
        else:
            return None
        return np.log(np.maximum(shares, 1e-6))
    if targets.shape[1:] != shape or targets.dtype.kind != "f":
        return None
    mean = targets.mean(0, dtype=np.float64)
    if logits == "sigmoid":
        share = np.clip(mean, 1e-6, 1 - 1e-6)
        return np.log(share / (1 - share))
    return mean if logits == "" else None
