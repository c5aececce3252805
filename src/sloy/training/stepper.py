"""`Stepper`: the compiled steps of a run, and what they are fed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np

from sloy.engines.base import BatchRun, Executable, Poll
from sloy.problem.inputs import entries_of
from sloy.training.order import Order
from sloy.training.state import TrainingState


class Stepper:
    """Runs steps of an order, on the variables of a state."""

    def __init__(self, order: Order, state: TrainingState) -> None:
        self._order = order
        self._state = state

    def compile(self) -> None:
        """Compile now what else the first steps would."""
        self._executables  # noqa: B018

    def holding(self) -> AbstractContextManager[None]:
        """While it lasts the data stay where the engine computes; see `Engine.holding`."""
        return self._order.engine.holding(self._columns)

    def run(
        self, rows: np.ndarray, first: int, rates: np.ndarray, poll: Poll | None = None
    ) -> BatchRun:
        """Do some steps.

        Parameters
        ----------
        rows : int64 array, shape (n,) or (epochs, N)
            Of the data, as `Engine.run_batches` takes them.
        first : int
            How many steps this run did before.
        rates : float64 array, (steps,) or (epochs, steps)
            Learning rates.
        poll : callable, optional
            See `Engine.run_batches`.
        """
        order, first = self._order, self._order.steps_before + first
        values = {
            "learning_rate": rates.reshape(-1).astype(order.problem.dtype),
            "step": np.arange(first, first + rates.size).astype(np.uint32),
        }
        inputs = {name: column for name, column in values.items() if name in self._inputs}
        size = order.recipe.batch_size
        return order.engine.run_batches(self._executables, self._columns, rows, size, inputs, poll)

    @cached_property
    def _executables(self) -> dict[int, Executable]:
        order, whole = self._order, self._order.recipe.batch_size
        samples = len(order.data)
        rest = samples % whole
        sizes = ([whole] if samples >= whole else []) + [rest] * bool(rest)
        problem, recipe, engine = order.problem, order.recipe, order.engine
        entries = entries_of(order.data.x)
        return {
            size: self._state.executable(problem, recipe, engine, size, entries) for size in sizes
        }

    @cached_property
    def _inputs(self) -> Mapping[str, Any]:
        return next(iter(self._executables.values())).graph.inputs

    @cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        return self._order.data.feeds(self._inputs)
