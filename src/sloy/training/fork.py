"""`fork`: what a run would do with another recipe, tried from where it stands; the run itself is not changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.arguments import instance, integer
from sloy.errors import InvalidArgument
from sloy.training import measured
from sloy.training.checkpoint import Snapshot
from sloy.training.history import History
from sloy.training.order import Order
from sloy.training.recipe import Recipe
from sloy.training.state import TrainingState
from sloy.training.step import initial_variables
from sloy.training.stepper import Stepper

if TYPE_CHECKING:
    from sloy.training.loop import Run

# What the plan of a run is made of: its order, its masks, the clock of its schedule.
OF_THE_PLAN = (
    "epochs",
    "batch_size",
    "seed",
    "shuffle",
    "precision",
    "deterministic",
    "class_weight",
    "patience",
)


@dataclass(frozen=True, eq=False)
class Branch:
    """Steps that a run would have done.

    Attributes
    ----------
    first : int
        How many steps of the run came before.
    outputs : dict of arrays (steps,)
        ``loss``, ``gradient_norm``, ``weight`` and the additive metrics of each step done.
    finite : bool
        Whether all steps that were asked for could be done: False where a loss or gradient was not finite.
    variables : dict of arrays
        Parameters, states, optimiser slots and the random key after the last step.
    """

    first: int
    outputs: dict[str, np.ndarray]
    finite: bool
    variables: dict[str, np.ndarray]

    @property
    def losses(self) -> np.ndarray:
        """The loss of each step done, (steps,)."""
        return self.outputs.get("loss", np.zeros(0))


def fork(run: Run, change: Mapping[str, Any], steps: int, start: Snapshot | None = None) -> Branch:
    """See `Run.fork`."""
    instance("Run.fork", "change", change, Mapping)
    instance("Run.fork", "start", start, Snapshot, optional=True)
    steps = integer("Run.fork", "steps", steps)
    if fixed := sorted(set(change) & set(OF_THE_PLAN)):
        raise InvalidArgument(
            f"Run.fork: `change`: {', '.join(fixed)} cannot differ, a fork keeps the plan of its run."
        )
    parent = run.snapshot()
    order = replace(run.order, recipe=Recipe.of("Run.fork", run.order.recipe.plain, change))
    begin = parent if start is None else start
    try:
        state = _state(run, order.recipe, begin)
        return _advance(order, state, begin, steps)
    finally:
        run.state.put(parent.variables)


def _state(run: Run, recipe: Recipe, begin: Snapshot) -> TrainingState:
    """The variables that the fork starts with: the run's own arrays where the optimiser keeps the same."""
    problem = run.order.problem
    fresh = initial_variables(problem, recipe)
    same = {name: value.shape for name, value in fresh.items()} == {
        name: value.shape for name, value in begin.variables.items()
    }
    if same:
        state = run.state.sharing()
        state.put(begin.variables)
        return state
    kept = {name: begin.variables[name].copy() for name in fresh if name in begin.variables}
    return TrainingState(run.order.engine.variables({**fresh, **kept}))


def _advance(order: Order, state: TrainingState, begin: Snapshot, steps: int) -> Branch:
    """Do steps from a snapshot on, in the order of the plan, at most to its end."""
    stepper, size, history = Stepper(order, state), order.recipe.batch_size, History(begin.history)
    epoch, step, found, finite = begin.epoch, begin.step, [], True
    first = epoch * order.steps + step
    while steps and epoch < order.epochs and finite:
        count = min(steps, order.steps - step)
        rows = order.orders(epoch, 1)[0][step * size : (step + count) * size]
        rates = order.rates(epoch, 1, history)[0][step : step + count]
        run = stepper.run(rows, epoch * order.steps + step, rates)
        finite = run.status == "done"
        found.append(run.outputs)
        epoch, step, steps = epoch + 1, 0, steps - run.steps
    outputs = measured.joined(found) if found else {}
    return Branch(first, outputs, finite, {n: v.copy() for n, v in state.variables.items()})
