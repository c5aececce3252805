"""`Evidence`: all that the rules look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np

from sloy.diagnosis.facts import Facts
from sloy.errors import NonFiniteError
from sloy.layers import Dropout, Layer, StochasticDepth
from sloy.problem.problem import Problem
from sloy.training.history import Row
from sloy.training.probe import Reading
from sloy.training.recipe import Recipe

FIRST_STEPS = 16
SOLVED, UNSOLVED = 0.3, 0.5  # of the loss of the best constant answer


@dataclass(frozen=True, eq=False)
class Evidence:
    """A run as far as it is: what was read of it, what is known of its samples, what ended it.

    Attributes
    ----------
    problem : Problem
    recipe : Recipe
    steps, total : int
        Of an epoch, and of the whole run as planned.
    readings : sequence of Reading
        In order, at least one.
    facts : Facts
    labels, held_out_labels : array
        Targets of the probe's samples.
    history : sequence of rows
    start : mapping
        Parameters before the first step; those of more than two axes too. Empty in a run that was resumed.
    error : BaseException or None
        What ended the run.
    columns, classes : sequence of str
        Names of the numbers of a sample, and of the classes; empty where they have none.
    """

    problem: Problem
    recipe: Recipe
    steps: int
    total: int
    readings: Sequence[Reading]
    facts: Facts
    labels: np.ndarray
    held_out_labels: np.ndarray | None = None
    history: Sequence[Row] = ()
    start: Mapping[str, np.ndarray] = field(default_factory=dict)
    error: BaseException | None = None
    columns: Sequence[str] = ()
    classes: Sequence[str] = ()

    def column(self, number: int) -> str:
        """What a number of the samples is called."""
        return self.columns[number] if number < len(self.columns) else str(number)

    def class_(self, number: int) -> str:
        """What a class is called."""
        return self.classes[number] if number < len(self.classes) else str(number)

    @property
    def first(self) -> Reading:
        """Before the first step."""
        return self.readings[0]

    @property
    def last(self) -> Reading:
        """The newest."""
        return self.readings[-1]

    @property
    def begun(self) -> tuple[Reading, ...]:
        """Those of the first sixteen steps."""
        return tuple(r for r in self.readings if r.step - self.first.step < FIRST_STEPS)

    @cached_property
    def later(self) -> tuple[Reading, ...]:
        """Those of the second half of what is done; none of a run that has only begun."""
        done = self.last.step
        if done < FIRST_STEPS:
            return ()
        return tuple(r for r in self.readings if r.step >= self.first.step + 0.5 * done)

    @property
    def not_finite(self) -> NonFiniteError | None:
        """The error of a loss that was not finite."""
        return self.error if isinstance(self.error, NonFiniteError) else None

    @property
    def losses(self) -> np.ndarray:
        """The loss at each reading."""
        return np.array([reading.loss for reading in self.readings])

    @property
    def base(self) -> float | None:
        """The loss of the best constant answer."""
        return self.facts.base

    @property
    def of_classes(self) -> bool:
        """Whether classes are learned."""
        return self.first.accuracy is not None

    @property
    def solved(self) -> bool:
        """Whether the training loss is far below that of a constant answer, and the validation loss below it."""
        other, base = self.last.held_out_loss, self.facts.base_held_out
        sound = other is None or base is None or other < UNSOLVED * float(base.mean())
        return sound and bool(self.last.loss < SOLVED * (self.base or self.first.loss))

    @property
    def unsolved(self) -> bool:
        """Whether it is not even half."""
        return not self.last.loss <= UNSOLVED * (self.base or self.first.loss)

    @property
    def is_over(self) -> bool:
        """Whether half of the plan is done, or the run is at its end."""
        return self.last.step >= self.total // 2 or self.not_finite is not None

    @property
    def most_frequent(self) -> float:
        """The share of the most frequent class."""
        counts = self.facts.counts
        if len(counts) and counts.sum():
            return float(counts.max() / counts.sum())
        share = float(np.mean(self.labels)) if self.labels.size else 0.5
        return max(share, 1 - share)

    @property
    def weighs_classes(self) -> bool:
        """Whether errors on some classes cost more, for which accuracy is given up."""
        return self.recipe.class_weight is not None

    def balanced(self, reading: Reading, *, held_out: bool) -> tuple[float, float, float] | None:
        """The mean share of right answers of the classes, its standard error, and what always the same answer has.

        None of numbers, and where there is but one class.
        """
        margin = (reading.held_out if held_out else reading.values).get("margin")
        y = self.held_out_labels if held_out else self.labels
        if margin is None or y is None:
            return None
        labels = _labels(y)
        rights = [margin[labels == label] > 0 for label in np.unique(labels)]
        if len(rights) < 2:
            return None
        errors = [error_of_share(float(right.mean()), len(right)) for right in rights]
        error = float(np.linalg.norm(errors)) / len(rights)
        return float(np.mean([right.mean() for right in rights])), error, 1 / len(rights)

    @property
    def rarest_held_out(self) -> int:
        """How many of the probe's samples to validate on the rarest of their classes has."""
        if self.held_out_labels is None or not self.of_classes:
            return 0
        return int(np.unique(_labels(self.held_out_labels), return_counts=True)[1].min())

    @property
    def drops(self) -> bool:
        """Whether something is dropped or changed at random in training."""
        drops = any(isinstance(layer, Dropout | StochasticDepth) for layer in self.layers)
        return drops or self.recipe.augment is not None

    @cached_property
    def layers(self) -> list[Layer]:
        """All of the network, those within others too."""
        return [found for layer in self.problem.network.layers for found in _within(layer)]

    def since(self, holds: Callable[[Reading], bool]) -> tuple[int, int | None] | None:
        """The steps of the first reading of which something holds, and from which it held no more; None of none."""
        held = [holds(reading) for reading in self.readings]
        if not any(held):
            return None
        last = len(held) - 1 - held[::-1].index(True)
        cured = None if last == len(held) - 1 else self.readings[last + 1].step
        return self.readings[held.index(True)].step, cured


def _within(layer: Layer) -> Iterator[Layer]:
    """A layer, and those that are among its fields."""
    yield layer
    for one in fields(layer):
        value = getattr(layer, one.name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Layer):
                yield from _within(item)


def _labels(y: np.ndarray) -> np.ndarray:
    """The classes (N,) of targets (N,), (N, 1) or shares (N, K)."""
    return np.asarray(y.argmax(1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1))


def error_of_share(share: float, count: int) -> float:
    """Standard error of a share of so many."""
    return float(np.sqrt(max(share * (1 - share), 1 / max(count, 1)) / max(count, 1)))
