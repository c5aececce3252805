"""A learning rate from the size of one step, moved only by sure gains of short runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, floor, inf, log
from typing import Any

import numpy as np

from sloy import ops, text
from sloy.data.dataset import Dataset
from sloy.data.lazy_rows import LazyRows
from sloy.errors import InvalidArgument
from sloy.graph.graph import topological_order
from sloy.graph.threefry import make_key, permutation
from sloy.optimizers import SGD
from sloy.optimizers import optimizer as find_optimizer
from sloy.problem import Network
from sloy.problem.graphs import evaluation_graph
from sloy.problem.inputs import Validation, sample_weights, split
from sloy.problem.runner import Runner
from sloy.problem.summary import multiply_adds
from sloy.schedules import Schedule
from sloy.training.paired import SURE, paired_gain
from sloy.training.recipe import Recipe
from sloy.training.run import Callback, Ready, Run

MOVED = 0.01  # of its size, by which the first step at the first guess changes a weight matrix
WIDEST = 0.2  # … at the highest rate of the range
FACTOR = 10**0.5  # between the rates of two short runs
ORDERS = 3  # short runs at each rate, from other weights and in another order
STEPS = (60, 300)  # of a short run, at least and at most
PRODUCTS = 1e11  # multiply-adds of a short run that are worth their time
FURTHEST = 8  # factors from the first guess
PROBE = 2000  # samples that a short run is validated on at most
HELD_OUT = 0.2  # share of the samples that is validated on, where none are given
# By what the highest rate of a schedule is above one that is kept all the time, to begin with.
HIGHER = {"constant": 1.0, "cosine": 2.0, "one-cycle": 4.0}


@dataclass(frozen=True, eq=False)
class RateRange(text.Shown):
    """A learning rate, the range of those as good, and why.

    Attributes
    ----------
    low, best, high : float
        Rates; all between the first and the last gave no loss that is surely worse. The last is the one whose first
        step changes the weights by at most 20 %, unless the best changes them by more.
    first : float
        At which the first step changes a weight matrix by 1 % of its size, the median of all; of a schedule that falls
        or rises twice or four times that, as most steps have less than its highest rate (`HIGHER`).
    rates : float64 array (R,)
        Those that were tried, rising.
    losses : float64 array (R, K)
        After a short run at each, the mean loss of the samples validated on, in each of K orders; infinite where it
        diverged.
    moved : float64 array (R,)
        By what share of its size the first step at each would change a weight matrix.
    steps : int
        Of a short run.
    why : str
        A sentence.
    """

    low: float
    best: float
    high: float
    first: float
    rates: np.ndarray
    losses: np.ndarray
    moved: np.ndarray
    steps: int
    why: str

    def __str__(self) -> str:
        rows = [("rate", "first step", *(f"order {k + 1}" for k in range(self.losses.shape[1])))]
        for rate, moved, found in zip(self.rates, self.moved, self.losses, strict=True):
            shown = (f"{loss:.4f}" if np.isfinite(loss) else "diverged" for loss in found)
            rows.append((f"{rate:.2g}", _percents(moved), *shown))
        between = f", from {self.low:.2g} to {self.high:.2g}" if self.low < self.high else ""
        return text.fields(
            [
                ("rate", f"{self.best:.2g}{between}"),
                ("why", self.why),
                ("short runs", f"validation loss after {self.steps} steps\n{text.columns(rows, right=True)}"),
            ]
        )  # fmt: skip

    def document(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "low": self.low,
            "best": self.best,
            "high": self.high,
            "first": self.first,
            "why": self.why,
            "steps": self.steps,
            "rates": self.rates.tolist(),
            "losses": self.losses.tolist(),
            "moved": self.moved.tolist(),
        }


def rate_for(
    fit: Callable[..., Any],
    network: Network,
    data: Dataset,
    *,
    validation: Validation,
    recipe: Recipe,
    sample_weight: Any = None,
    **arguments: Any,
) -> RateRange:
    """See `sloy.find_rate`; `fit` is that of `sloy.fit`, which takes the arguments."""
    rows, held_out = split(data, HELD_OUT if validation is None else validation, recipe.seed)
    small = in_small(network, recipe, len(rows))
    some = rows[small.rows(len(rows))]
    train, weight = data.take(some), sample_weight
    if weight is not None:
        weight = sample_weights("find_rate", weight, len(data))[some]

    def begin(plan: Recipe, callback: Callback) -> None:
        fit(
            network,
            train,
            validation=held_out,
            recipe=plan,
            sample_weight=weight,
            callbacks=[callback],
            verbose=False,
            **arguments,
        )

    return search(begin, small)


@dataclass(frozen=True)
class InSmall:
    """A recipe that is done in few steps.

    Attributes
    ----------
    recipe : Recipe
    steps : int
    samples : int
        As many of those to train on.
    """

    recipe: Recipe
    steps: int
    samples: int

    def rows(self, count: int) -> np.ndarray:
        """Which of so many samples are trained on, rising."""
        if self.samples >= count:
            return np.arange(count)
        return np.sort(permutation(count, make_key(self.recipe.seed, "rates"))[: self.samples])


def in_small(network: Network, recipe: Recipe, samples: int) -> InSmall:
    """The recipe of short runs: epochs and samples for some steps, at most those that there are anyway.

    Raises
    ------
    InvalidArgument
        Where its schedule has no name.
    """
    own = (recipe.schedule, recipe.learning_rate, find_optimizer(recipe.optimizer).learning_rate)
    if any(isinstance(one, Schedule) for one in (own if recipe.schedule is None else own[:1])):
        raise InvalidArgument(
            "find_rate: the schedule has rates of its own; give one by its name, or none, to find its highest rate."
        )
    size = min(recipe.batch_size, samples)
    output = network.build(ops.input("x", (1, *network.input_shape))).output
    products = 3 * size * multiply_adds(topological_order([output]))
    steps = int(min(max(PRODUCTS / max(products, 1), STEPS[0]), STEPS[1]))
    whole = ceil(samples / size)  # steps of an epoch
    steps = min(steps, recipe.epochs * whole)
    epochs = max(1, round(steps / whole))
    cut = min(samples, steps * size) if epochs == 1 else samples
    plan = replace(recipe, epochs=epochs, batch_size=size, patience=None, learning_rate=None)
    return InSmall(plan, epochs * ceil(cut / size), cut)


def search(train: Callable[[Recipe, Callback], Any], small: InSmall) -> RateRange:
    """Try rates on short runs.

    Parameters
    ----------
    train : callable
        Trains by a recipe with a callback, on the samples of `small`, validating on others.
    small : InSmall
    """
    recipe = small.recipe
    shorts = [
        _Short(partial(train, replace(recipe, seed=(recipe.seed + k) % 2**64)))
        for k in range(ORDERS)
    ]
    unit = float(np.median([short.moved(1e-3) for short in shorts])) / 1e-3  # of a rate of 1
    if not unit:
        raise InvalidArgument("find_rate: the first step changes no weight matrix at any rate.")
    descent = recipe.descent
    unit /= 1 - (descent.momentum if isinstance(descent, SGD) else 0.0)  # what it gathers to
    first = MOVED / unit * HIGHER.get(str(recipe.schedule or "constant"), HIGHER["one-cycle"])
    tried = _Tried(lambda at: [short.losses(first * FACTOR**at, small.steps) for short in shorts])
    best = tried.climb()
    most = floor(log(WIDEST / (unit * first)) / log(FACTOR))  # factors, of the range
    low, high = tried.end(best, -1, -FURTHEST), tried.end(best, 1, most)
    if not np.isfinite(tried.mean(best)):
        raise InvalidArgument("find_rate: training diverges at every rate that was tried.")
    places = sorted(tried.found)
    rates = first * FACTOR ** np.array(places, np.float64)
    means = np.array([[float(one.mean()) for one in tried.found[at]] for at in places])
    low_rate, best_rate, high_rate = (_rounded(first * FACTOR**at) for at in (low, best, high))
    why = _why(tried, best, small.steps, first=first, moved=unit * first)
    if small.steps < STEPS[0]:
        whole = text.many(small.steps, "step")
        why += f"; {whole} are all that the recipe has, too few to be sure: more epochs tell more"
    return RateRange(
        low_rate,
        best_rate,
        high_rate,
        _rounded(first),
        rates,
        means,
        unit * rates,
        small.steps,
        why,
    )


class _Short:
    """Short runs from where one run begins, each measured on what that run validates on."""

    def __init__(self, train: Callable[[Callback], Any]) -> None:
        self.run = waiting_run(train)
        order = self.run.order
        held = order.validation
        assert held is not None
        rows = np.linspace(0, len(held), min(len(held), PROBE), endpoint=False).astype(np.int64)
        x = held.x.take(rows) if isinstance(held.x, LazyRows) else held.x[rows]
        self._probe = {"x": x, "y": held.y[rows]}
        self._variables = order.engine.variables(
            {name: np.array(value) for name, value in self.run.weights.items()}
        )
        graph = partial(evaluation_graph, order.problem)
        self._runner = Runner(order.engine, self._variables, graph)

    def losses(self, rate: float, steps: int) -> np.ndarray:
        """Of each sample validated on after some steps, (N,) float64; infinite where they diverged."""
        branch = self.run.fork({"learning_rate": rate}, steps)
        values = {name: branch.variables[name] for name in self._variables}
        if not branch.finite or not all(np.isfinite(value).all() for value in values.values()):
            return np.full(len(self._probe["y"]), inf)
        for name, value in values.items():
            self._variables.write(name, value)
        found = self._runner(self._probe, self.run.batch_size)["loss"].astype(np.float64)
        return np.where(np.isfinite(found), found, inf)

    def moved(self, rate: float) -> float:
        """By what share of its size the first step changes a weight matrix, the median of all."""
        before = {name: np.array(value) for name, value in self.run.weights.items()}
        branch = self.run.fork({"learning_rate": rate, "schedule": "constant"}, 1)
        shares = [
            float(np.linalg.norm(branch.variables[name] - old) / size)
            for name, old in before.items()
            if old.ndim > 1 and (size := float(np.linalg.norm(old)))
        ]
        return float(np.median(shares)) if shares else 0.0


def waiting_run(train: Callable[[Callback], Any]) -> Run:
    """A run that was ended before its first step, so that it can be forked; `train` gives it a callback."""
    waiting = _Waiting()
    with suppress(Ready):
        train(waiting)
    return waiting.run


class _Waiting(Callback):
    """Keeps a run, and ends it before its first step, so that it can be forked."""

    run: Run

    def on_fit_begin(self, run: Run) -> bool:
        self.run = run
        raise Ready


class _Tried:
    """Rates by how many factors they are from the first guess, each with the losses (N,) of its short runs."""

    def __init__(self, measure: Callable[[int], Sequence[np.ndarray]]) -> None:
        self._measure = measure
        self.found: dict[int, Sequence[np.ndarray]] = {}

    def at(self, place: int) -> Sequence[np.ndarray]:
        """The losses there, measured when they are first asked for."""
        if place not in self.found:
            self.found[place] = self._measure(place)
        return self.found[place]

    def mean(self, place: int) -> float:
        """The mean loss."""
        return float(np.mean([one.mean() for one in self.at(place)]))

    def gain(self, old: int, new: int) -> tuple[float, float]:
        """By how much the loss is lower at `new`, and the standard error: over samples, and over the orders."""
        return paired_gain(self.at(old), self.at(new))

    def surely_better(self, old: int, new: int) -> bool:
        """Whether the gain is above two standard errors."""
        gain, error = self.gain(old, new)
        return gain > SURE * error

    def climb(self) -> int:
        """Where no neighbour is surely better; from a first guess that diverges down to where it does not."""
        at = 0
        while not np.isfinite(self.mean(at)) and at > -FURTHEST:
            at -= 1
        while abs(at) < FURTHEST:
            better = [new for new in (at - 1, at + 1) if self.surely_better(at, new)]
            if not better:
                break
            at = min(better, key=self.mean)
        return at

    def end(self, best: int, step: int, last: int) -> int:
        """The last place in a direction, at most a given one, that is not surely worse than the best."""
        at = best
        while (last - at) * step > 0 and not self.surely_better(at + step, best):
            at += step
        return at


def _why(tried: _Tried, best: int, steps: int, *, first: float, moved: float) -> str:
    """Why that rate: by the size of its first step, by sure gains; and what is lower, but not surely."""
    lowest = min(tried.found, key=tried.mean)
    unsure = ""
    if lowest != best:
        gain, error = tried.gain(best, lowest)
        doubt = (
            f"which is not sure: below {SURE:g} standard errors"
            if gain <= SURE * error
            else "behind worse ones"
        )
        unsure = (
            f"; at {first * FACTOR**lowest:.2g} it is lower by {gain:.2g} ± {error:.2g}, {doubt}"
        )
    if not best:
        return (
            f"its first step changes the weights by {_percents(moved)}, and no rate beside it is surely better after"
            f" {text.many(steps, 'step')}{unsure}"
        )
    gain, error = tried.gain(0, best)
    told = (
        f"validation loss lower by {gain:.2g} ± {error:.2g}"
        if np.isfinite(gain)
        else "which diverges"
    )
    return (
        f"{FACTOR ** abs(best):.2g} times {'above' if best > 0 else 'below'} the rate whose first step changes the"
        f" weights by {_percents(moved)}: after {text.many(steps, 'step')} {told}{unsure}"
    )


def _percents(share: float) -> str:
    """To two digits.

    Examples
    --------
    >>> _percents(0.0132), _percents(1.273)
    ('1.3 %', '130 %')
    """
    return f"{float(f'{100 * share:.2g}'):g} %"


def _rounded(rate: float) -> float:
    """To two digits, so that another rounding of the arithmetic gives the same."""
    return float(f"{rate:.2g}")
