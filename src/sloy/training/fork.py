"""`fork`: what a run would do with another recipe, tried from where it stands; the run itself is not changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from sloy.arguments import instance, integer
from sloy.errors import InvalidArgument
from sloy.training import measured
from sloy.training.checkpoint import Snapshot
from sloy.training.history import History
from sloy.training.order import Order
from sloy.training.recipe import AUTO, Recipe
from sloy.training.state import TrainingState
from sloy.training.step import initial_variables
from sloy.training.stepper import Stepper

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


def fork(
    order: Order,
    state: TrainingState,
    parent: Snapshot,
    change: Mapping[str, Any],
    steps: int,
    start: Snapshot | None,
    shuffle_seed: int | None = None,
) -> Branch:
    """See `Run.fork`; of a run with this order and state, `parent` being its snapshot of now."""
    instance("Run.fork", "change", change, Mapping)
    instance("Run.fork", "start", start, Snapshot, optional=True)
    steps = integer("Run.fork", "steps", steps)
    if unknown := sorted(set(map(str, change)) - {field.name for field in fields(Recipe)}):
        raise InvalidArgument(f"Run.fork: `change`: a Recipe has no option {', '.join(unknown)}.")
    if fixed := sorted(set(change) & set(OF_THE_PLAN)):
        raise InvalidArgument(
            f"Run.fork: `change`: {', '.join(fixed)} cannot differ, a fork keeps the plan of its run."
        )
    if change.get("learning_rate") == AUTO:
        raise InvalidArgument(
            "Run.fork: `learning_rate` (='auto') is found before a run; give a number."
        )
    order = replace(order, recipe=Recipe.of("Run.fork", order.recipe, change))
    if shuffle_seed is not None:  # weights and masks are in the snapshot
        seed = integer("Run.fork", "shuffle_seed", shuffle_seed, 0, 2**64 - 1)
        order = replace(order, recipe=replace(order.recipe, seed=seed))
    begin = parent if start is None else start
    try:
        return _advance(order, _forked(order, state, begin), begin, steps)
    finally:
        state.put(parent.variables)


def _forked(order: Order, state: TrainingState, begin: Snapshot) -> TrainingState:
    """The variables that the fork starts with: the run's own where the optimiser keeps the same."""
    fresh = initial_variables(order.problem, order.recipe)
    shapes = {name: value.shape for name, value in fresh.items()}
    if shapes == {name: value.shape for name, value in begin.variables.items()}:
        shared = state.sharing()
        shared.put(begin.variables)
        return shared
    kept = {name: begin.variables[name] for name in fresh if name in begin.variables}
    return TrainingState(
        order.engine.variables({**fresh, **{n: v.copy() for n, v in kept.items()}})
    )


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
    outputs = measured.joined(found) if any(found) else {}
    return Branch(first, outputs, finite, {n: v.copy() for n, v in state.variables.items()})
