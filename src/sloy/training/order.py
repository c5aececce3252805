"""`Order`: all that decides the numbers of a run, and the order of its samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sloy.data.lazy_rows import LazyRows
from sloy.engines.base import Engine
from sloy.engines.pieces import Shares
from sloy.graph.threefry import fold_in_range, make_key, permutations
from sloy.problem import Problem
from sloy.problem.inputs import Columns
from sloy.schedules import Schedule
from sloy.training.history import History
from sloy.training.recipe import Recipe

TOGETHER = 1 << 15  # rows whose order is drawn together: a call costs as much as some thousand rows


@dataclass(frozen=True, eq=False)
class Order:
    """What a run is to do: all that decides its numbers.

    `epochs_before` and `steps_before` were done by the runs that this one continues.
    """

    problem: Problem
    recipe: Recipe
    engine: Engine
    data: Columns
    validation: Columns | None
    epochs_before: int = 0
    steps_before: int = 0

    @cached_property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-len(self.data) // self.recipe.batch_size)

    @property
    def epochs(self) -> int:
        """Epochs to do."""
        return self.recipe.epochs

    @property
    def schedule(self) -> Schedule:
        """The learning rate."""
        return self.recipe.descent.schedule

    def orders(self, first: int, count: int) -> np.ndarray:
        """Rows of the data in the order of some epochs (from 0), (count, N): a function of seed and epoch."""
        if not self.recipe.shuffle:
            return np.broadcast_to(np.arange(len(self.data)), (count, len(self.data)))
        keys = fold_in_range(
            make_key(self.recipe.seed, "shuffle"), self.epochs_before + first, count
        )
        x: object = self.data.x
        return x.orders(keys) if isinstance(x, LazyRows) else permutations(len(self.data), keys)

    def expect(self, rows: np.ndarray | None) -> None:
        """Say which rows of the data come next, each once, where these are read while they are used."""
        x: object = self.data.x
        if isinstance(x, LazyRows):
            shares = Shares(self.engine.processes, self.recipe.batch_size)
            x.expect(None if rows is None else shares.own(rows))

    def rates(self, first: int, count: int, history: History) -> np.ndarray:
        """The learning rate of each step of some epochs (from 0), float64 (count, steps)."""
        watched, seen = self.schedule.watched, list[float]()
        if watched is not None and len(history):
            validated = f"val_{watched}"
            seen = history[validated if validated in history else watched].tolist()
        total = self.steps_before + self.epochs * self.steps
        step = self.steps_before + first * self.steps
        return self.schedule.rates(step, count * self.steps, total, seen).reshape(count, self.steps)

    def stretch(self, epoch: int, history: History) -> Stretch:
        """What is done from an epoch (from 0) on: many epochs together where they are small."""
        count = max(1, min(self.epochs - epoch, TOGETHER // len(self.data)))
        if self.schedule.watched is not None:
            count = 1
        return Stretch(epoch, self.orders(epoch, count), self.rates(epoch, count, history))


@dataclass(frozen=True, eq=False)
class Stretch:
    """Some epochs, `first` and those that follow.

    Attributes
    ----------
    orders : int64 array, shape (count, N)
        Rows of the data.
    rates : float64 array, shape (count, steps)
        Learning rates.
    """

    first: int
    orders: np.ndarray
    rates: np.ndarray

    def __contains__(self, epoch: int) -> bool:
        return self.first <= epoch < self.first + len(self.orders)
