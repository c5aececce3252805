"""How much faster a step is on several devices, and what keeps it from being as much faster as there are more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sloy.engines import Engine
from sloy.engines import engine as find_engine
from sloy.errors import InvalidArgument
from sloy.problem import Problem
from sloy.problem.inputs import Columns
from sloy.training.profile import whole_steps
from sloy.training.recipe import Recipe
from sloy.training.step import initial_variables, training_graph

BURST = 0.05  # seconds of steps in one call: as many as training does between two polls
GOOD = 0.9  # an efficiency that nothing bounds but the devices' arithmetic

Bound = Literal["arithmetic", "small shares", "exchange"]


@dataclass(frozen=True)
class Scaled:
    """A training step on some devices.

    Attributes
    ----------
    devices, batch_size : int
    seconds : float
        Of a step.
    alone : float
        Of a step of a device's share of the batch, by one device that exchanges nothing.
    one : float
        Of a step of the whole batch, by one device.
    exchanged : int
        Bytes of gradients that the devices add up in each step.
    """

    devices: int
    batch_size: int
    seconds: float
    alone: float
    one: float
    exchanged: int

    @property
    def efficiency(self) -> float:
        """How many times as fast as one device, over how many there are: T₁ / (N · T_N)."""
        return self.one / (self.devices * self.seconds)

    @property
    def exchange(self) -> float:
        """Seconds of a step that the devices spend on each other: on sums of gradients and moments, and waiting."""
        return max(0.0, self.seconds - self.alone)

    @property
    def lost_by_small_shares(self) -> float:
        """Seconds that a share takes above its part of the whole batch, as it is too small to fill a device."""
        return max(0.0, self.alone - self.one / self.devices)

    @property
    def bound(self) -> Bound:
        """What keeps a step from being as many times as fast as there are devices."""
        if self.devices == 1 or self.efficiency >= GOOD:
            return "arithmetic"
        return "exchange" if self.exchange > self.lost_by_small_shares else "small shares"


def scaling(
    problem: Problem,
    columns: Columns,
    recipe: Recipe,
    engine: str,
    devices: Sequence[int],
    *,
    seconds: float = 0.5,
) -> list[Scaled]:
    """Time a training step of one batch size on several numbers of devices.

    Parameters
    ----------
    problem : Problem
    columns : Columns
        At least a batch of samples.
    recipe : Recipe
    engine : str
        The name of one that computes on several.
    devices : sequence of int
        Numbers of them, of which `batch_size` is a multiple.
    seconds : float
        Of each of the measurements, up to two for each number.

    Raises
    ------
    InvalidArgument
        Where the batch is no multiple of the devices, or there are fewer.
    """
    size = recipe.batch_size
    for count in devices:
        if size % count:
            fits = sorted({size // count * count, -(-size // count) * count} - {0})
            raise InvalidArgument(
                f"`batch_size` (={size}) must be a multiple of the {count} devices: {' or '.join(map(str, fits))}."
            )
    by_one = find_engine(f"{engine}:1")
    measured: dict[int, float] = {}

    def alone(samples: int) -> float:
        if samples not in measured:
            measured[samples] = _seconds(problem, columns, recipe, by_one, samples, seconds)
        return measured[samples]

    shapes = problem.network.parameters
    width = np.dtype(problem.dtype).itemsize
    exchanged = width * sum(int(np.prod(problem.network.shapes[name])) for name in shapes)
    found: list[Scaled] = []
    for count in devices:
        step = alone(size)
        if count > 1:
            several = find_engine(f"{engine}:{count}")
            step = _seconds(problem, columns, recipe, several, size, seconds)
        found.append(Scaled(count, size, step, alone(size // count), alone(size), exchanged))
    return found


def _seconds(
    problem: Problem, columns: Columns, recipe: Recipe, engine: Engine, size: int, seconds: float
) -> float:
    """The least of many bursts of whole steps, the variables staying where they are."""
    graph = training_graph(problem, recipe, size)
    variables = engine.variables(initial_variables(problem, recipe))
    executable = engine.compile(graph, variables, guard=("loss",))
    with engine.holding(columns.feeds(graph.inputs)):
        steps = whole_steps(engine, executable, columns, size, seconds, burst_seconds=BURST)
    return min(steps[1:])  # the first compiles
