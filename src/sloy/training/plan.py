"""What a training run does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sloy.engines.base import Engine
from sloy.graph.threefry import make_key, permutation
from sloy.schedules import Schedule
from sloy.steps.graphs import StepSpec
from sloy.steps.inputs import Columns
from sloy.training.history import History


@dataclass(frozen=True, eq=False)
class Plan:
    """What a run does: all that decides its numbers."""

    spec: StepSpec
    engine: Engine
    data: Columns
    validation: Columns | None
    epochs: int
    batch_size: int
    seed: int
    shuffle: bool

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-len(self.data) // self.batch_size)

    @property
    def schedule(self) -> Schedule:
        """The learning rate."""
        assert self.spec.optimizer is not None  # `fit` always gives one
        return self.spec.optimizer.schedule

    def order(self, epoch: int) -> np.ndarray:
        """Rows of the data in the order of an epoch (from 0): a function of seed and epoch."""
        if not self.shuffle:
            return np.arange(len(self.data))
        return permutation(len(self.data), make_key(self.seed, "shuffle", epoch))

    def rates(self, epoch: int, history: History) -> np.ndarray:
        """The learning rate of each step of an epoch (from 0), float64 (steps,)."""
        watched, seen = self.schedule.watched, list[float]()
        if watched is not None and len(history):
            validated = f"val_{watched}"
            seen = history[validated if validated in history else watched].tolist()
        return self.schedule.rates(epoch * self.steps, self.steps, self.epochs * self.steps, seen)
