"""What suits a prepared table: the network of members, where it begins, and how it is trained."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import log2
from typing import Any

import numpy as np

from sloy import ops, zoo
from sloy.arguments import integer, one_of, real
from sloy.data.dataset import Dataset
from sloy.engines import Engine, engine
from sloy.errors import InvalidArgument
from sloy.graph import Graph, check
from sloy.graph.threefry import make_key, normal, uniform
from sloy.layers import Activation, GroupedDense, Layer, Limits, QuantileScale
from sloy.losses import CategoricalCrossentropy, Intervals, Loss, SquaredError
from sloy.losses.intervals import OUTPUTS
from sloy.losses.regression import in_unit_of
from sloy.problem import Network
from sloy.text import shown
from sloy.training.callbacks import Callback
from sloy.training.history import Row
from sloy.training.members import HELD_OUT, fit_members
from sloy.training.recipe import Recipe
from sloy.training.run import Run

MEMBERS = 4
TARGET_SCALES = ("standard", "log", "quantile")
EPOCHS = 64
STEPS = 6_000  # of a run at most: large tables have fewer epochs
FEWEST_EPOCHS = 24
TIMED_BATCHES = 12
# What goes with all tables, whatever their rows; see `Tabular.options` for the rest.
OPTIONS: Mapping[str, Any] = {
    "optimizer": "adamw",
    "schedule": "cos-log",
    "beta2": 0.95,
    "weight_decay": 0.02,
    "decay_factors": {"*/bias": 0.0},
}
# Optimiser → learning rates for numbers and for classes; others have no rate here.
RATES: Mapping[str, tuple[float, float]] = {
    "adamw": (0.2, 0.04),
    "adam": (0.2, 0.04),
    "rmsprop": (0.01, 0.01),
    "adagrad": (0.2, 0.1),
    "sgd": (0.02, 0.2),
    "momentum": (0.01, 0.02),
    "nesterov": (0.01, 0.02),
}
BY_SIZE = ("sgd", "momentum", "nesterov")  # whose steps are as large as the gradient
LOOKED_AT = 20_000  # rows that scales are measured on
LEAST = 1e-4  # of the mean of counts, that an answer is at least
DRAWN_ON = 1024  # rows that the first weights are fitted to


@dataclass(frozen=True, eq=False)
class Tabular:
    """A prepared table, and what its rows are learned with [1]_.

    Parameters
    ----------
    data : Dataset
        Rows to train on: numbers near 0 and of size 1, then codes of categories.
    codes : sequence of int
        The categories of each of the last columns.
    members : int
        Networks that are averaged; every other one sees the numbers by quantiles, where there are several.
    seed : int
    chosen : Loss, optional
        What errors cost, in the targets' own units; by default cross-entropy for classes, squared error for numbers.
    target_scale : "standard", "log" or "quantile"
        How targets that are numbers are learned: as they are, their logarithms (all must be above 0), or through their
        quantiles to those of the normal distribution; each less its mean, divided by its deviation.
    hidden, dropout
        Of each member, as `sloy.zoo.tabular` takes them.

    Examples
    --------
    >>> data = Dataset(np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32), np.arange(500.0))
    >>> table = Tabular(data)
    >>> table.network.output_shape, dict(table.options())["epochs"]
    ((4, 1), 64)

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees on
       tabular data", NeurIPS 2024.
    """

    data: Dataset
    codes: Sequence[int] = field(default=(), kw_only=True)
    members: int = field(default=MEMBERS, kw_only=True)
    seed: int = field(default=0, kw_only=True)
    chosen: Loss | None = field(default=None, kw_only=True)
    target_scale: str = field(default="standard", kw_only=True)
    hidden: Sequence[int] = field(default=(128, 128, 128), kw_only=True)
    dropout: float = field(default=0.15, kw_only=True)

    def __post_init__(self) -> None:
        integer("Tabular", "members", self.members)
        one_of("Tabular", "target_scale", self.target_scale, TARGET_SCALES)
        real("Tabular", "dropout", self.dropout, least=0, below=1)
        if self.target_scale == "standard":
            return
        said = f"Tabular: `target_scale` (={shown(self.target_scale)})"
        if self.data.has_labels or self.data.y.shape[1:] not in ((), (1,)):
            raise InvalidArgument(f"{said} is for one number to predict.")
        if isinstance(self.chosen, Intervals) or (self.chosen is not None and self.chosen.link):
            raise InvalidArgument(f"{said} does not go with the loss {self.chosen}.")
        if self.target_scale == "log" and (least := float(self.data.y.min())) <= 0:
            raise InvalidArgument(f"{said} needs targets above 0; the least is {least:g}.")

    @cached_property
    def train(self) -> Dataset:
        """The rows with the targets that are learned."""
        if self.target_scale == "standard":
            return self.data
        y = self.data.y.astype(np.float64)
        scaled = np.log(y) if self.target_scale == "log" else np.interp(y, *self._line)
        return Dataset(self.data.x, scaled, name=self.data.name)

    @cached_property
    def ending(self) -> tuple[Layer, ...]:
        """What stands behind the mean of the members: back to the target's units, and within its range."""
        if self.data.has_labels:
            return ()
        back: tuple[Layer, ...] = ()
        if self.target_scale == "log":
            back = (Activation(ops.exp),)
        elif self.target_scale == "quantile":
            knots, values = (tuple(side.tolist()) for side in self._line)
            back = (QuantileScale((values,), (knots,)),)
        y = self.data.y.reshape(len(self.data), -1).astype(np.float64)  # (N, K)
        low, high = y.min(0), y.max(0)
        if self.chosen is not None and self.chosen.link == "log":  # the mean of counts is above 0
            low, high = np.log(np.maximum(low, LEAST * y.mean(0))), np.log(high)
        limited = (low < high).all() and not isinstance(self.chosen, Intervals)
        return (*back, Limits(_number(low), _number(high))) if limited else back

    @cached_property
    def _line(self) -> tuple[np.ndarray, np.ndarray]:
        """Quantiles of the targets, and those of the normal distribution."""
        scale = zoo.quantile_scale(self.data.y.reshape(len(self.data), 1), 256)
        return np.array(scale.knots[0]), np.array(scale.values[0])

    @property
    def numbers(self) -> int:
        """Columns of numbers."""
        return self.data.sample_shape[0] - len(self.codes)

    @cached_property
    def target(self) -> tuple[Numbers, Numbers] | None:
        """Mean and deviation of what the network gives: of numbers, each of several, or of the logarithm of counts."""
        if self.data.has_labels:
            return None
        y = self.train.y.astype(np.float64)
        if self.chosen is not None and self.chosen.link == "log":
            return _number(np.log(y.mean(0))), _number(np.ones(y.shape[1:]))
        deviation = y.std(0)
        return _number(y.mean(0)), _number(np.where(deviation > 0, deviation, 1.0))

    @property
    def loss(self) -> Loss:
        """Of one member; errors are measured in the deviation of what it learns."""
        if self.target is None:
            return self.chosen or CategoricalCrossentropy()
        return in_unit_of(self.chosen or SquaredError(), self.target[1])

    @cached_property
    def network(self) -> Network:
        """Its output is (G, K) or (G, 1), for `fit_members`."""
        return zoo.tabular(
            self._scales,
            self.data.sample_shape[0],
            self.outputs,
            classes=self.codes,
            hidden=self.hidden,
            dropout=self.dropout,
            target=self.target,
        )

    @property
    def outputs(self) -> int:
        """Outputs of a member: classes, numbers, or a number with its interval."""
        if isinstance(self.chosen, Intervals):
            return OUTPUTS
        return self.data.classes or int(np.prod(self.data.y.shape[1:]))

    @property
    def _scales(self) -> list[Layer]:
        if not self.numbers:
            return [zoo.unscaled()] * self.members
        x = self._some(LOOKED_AT)[:, : self.numbers]
        kinds: list[Layer] = [zoo.robust_scale(x)]
        kinds += [zoo.quantile_scale(x)] if self.members > 1 else []
        return [kinds[member % len(kinds)] for member in range(self.members)]

    def _some(self, rows: int) -> np.ndarray:
        """At most as many rows, evenly taken."""
        count = len(self.data)
        chosen = np.linspace(0, count, min(count, rows), endpoint=False).astype(np.int64)
        return np.asarray(self.data.x[chosen], np.float32)

    def options(self, optimizer: object = OPTIONS["optimizer"]) -> Mapping[str, Any]:
        """Options of a `Recipe`: batches of about a 28th of the rows; fewer epochs where these are many steps.

        The learning rate is that of the optimiser, by its name; an `Optimizer` has its own. The loss is the mean of
        those of the members, so that steps which are as large as the gradient need a rate that counts them.
        """
        rows = len(self.data)
        batch = int(min(256, max(32, 2 ** round(log2(max(rows / 28, 1))))))
        epochs = STEPS * batch // rows
        found = {
            "batch_size": batch,
            "epochs": max(FEWEST_EPOCHS, min(EPOCHS, epochs)),
            "rate_factors": zoo.tabular_rate_factors(self.network),
        }
        if isinstance(optimizer, str) and optimizer in RATES:
            rate = RATES[optimizer][0 if self._of_numbers else 1]
            found["learning_rate"] = rate * (self.members if optimizer in BY_SIZE else 1)
        return found

    @property
    def _of_numbers(self) -> bool:
        """Whether the network gives numbers; logits, and logarithms of means, need smaller steps."""
        return self.target is not None and not self.loss.link

    def seconds_of_epoch(self, recipe: Recipe, engine: Engine) -> float:
        """How long an epoch takes, measured on a few batches; nothing else is changed by it."""
        some = min(len(self.data), TIMED_BATCHES * recipe.batch_size)
        clock = _Clock()
        fit_members(
            self.network,
            self.train.take(np.arange(some)),
            loss=self.loss,
            validation=HELD_OUT,
            recipe=replace(recipe, epochs=3, patience=None, class_weight=None),
            preprocessing="none",
            engine=engine,
            callbacks=[clock],
            verbose=False,
        )
        seconds = min(np.diff(clock.ends)) * len(self.data) / some
        return engine.processes.largest(seconds)

    def within(self, seconds: float, epoch: float, epochs: int) -> tuple[int, int]:
        """Members and epochs that fit into a time, at most those that there are.

        Fewer epochs go before fewer members: a run has `FEWEST_EPOCHS` before it has another member.

        Parameters
        ----------
        seconds : float
            To train in.
        epoch : float
            Seconds of an epoch of all members.
        epochs : int
            The most.
        """
        each = epoch / self.members
        members = max(1, min(self.members, int(seconds / (each * FEWEST_EPOCHS))))
        return members, max(1, min(epochs, int(seconds / (each * members))))

    def start(self) -> dict[str, np.ndarray]:
        """First parameters: each neuron has deviation 1 on rows of the data, and its kink among them.

        Weights are drawn and divided by the deviation of what they give; a bias is minus a random mixture of the values
        of five rows.
        """
        network, rows = self.network, self._some(DRAWN_ON)
        found = dict(network.initialize(self.seed, "float32"))
        x = ops.input("x", rows.shape)
        activations = network.build(x).activations
        reference = engine("reference")
        before: str | None = None
        for name, layer in zip(network.layer_names, network.layers, strict=True):
            if isinstance(layer, GroupedDense) and before is not None:
                graph = check(Graph.of({"h": activations[before]}))
                h = reference.compile(graph, found).run({"x": rows})["h"]
                found |= _fitted(name, h, found[f"{name}/weight"].shape, self.seed)
            before = name
        return found


Numbers = float | tuple[float, ...]


def _number(values: np.ndarray) -> Numbers:
    """One number, or a tuple of several."""
    flat = tuple(np.ravel(values).tolist())
    return flat if len(flat) > 1 else float(flat[0])


class _Clock(Callback):
    """When epochs end."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_epoch_end(self, run: Run, row: Row) -> None:
        self.ends.append(time.perf_counter())


def _fitted(name: str, h: np.ndarray, shape: tuple[int, ...], seed: int) -> dict[str, np.ndarray]:
    """Weight and bias of a layer from its inputs h (N, G, I)."""
    weight = normal(make_key(seed, "fitted", f"{name}/weight"), shape)  # (G, I, O)
    y = np.einsum("ngi,gio->ngo", h.astype(np.float64), weight, optimize=True) / shape[1] ** 0.5
    deviation = np.maximum(y.std(0), 1e-30)  # (G, O)
    weight, y = weight / deviation[:, None], y / deviation
    draws = (5, *y.shape[1:])
    key = make_key(seed, "fitted", f"{name}/bias")
    rows = (uniform(key, draws) * len(y)).astype(np.int64)
    share = -np.log1p(-uniform(make_key(seed, "fitted", f"{name}/shares"), draws))  # exponential
    bias = -(np.take_along_axis(y, rows, 0) * share / share.sum(0)).sum(0)
    return {
        f"{name}/weight": weight.astype(np.float32),
        f"{name}/bias": bias.astype(np.float32),
    }
