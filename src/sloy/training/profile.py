"""Where the time of a training step goes, and how far each part is from what the machine can do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from sloy import ops
from sloy.arguments import integer, real
from sloy.engines import Engine
from sloy.engines import engine as find_engine
from sloy.engines.base import Executable, Timed
from sloy.graph import Graph
from sloy.problem import Problem
from sloy.problem.inputs import Columns
from sloy.training.recipe import Recipe
from sloy.training.step import initial_variables, training_graph

T = TypeVar("T")
Bound = Literal["arithmetic", "memory", "overhead"]

BURST_SECONDS = 1e-3  # shorter than what a scheduler gives to a program at once
_PRODUCT = 1536  # rows and columns of the matrix product that finds the peak
_STREAM = 1 << 23  # numbers of the sum that finds the speed of memory
_OVERHEAD = (
    4.0  # times the least possible, from which on neither arithmetic nor memory explains a time
)


@dataclass(frozen=True)
class Peak:
    """What a machine reaches at best, by measurement.

    Attributes
    ----------
    flops : float
        Multiplications and additions per second of a large float32 matrix product.
    bandwidth : float
        Bytes per second of a sum of two arrays larger than the caches.
    """

    flops: float
    bandwidth: float

    def least(self, timed: Timed) -> float:
        """Seconds below which an instruction cannot come, its operands in memory."""
        return max(timed.flops / self.flops, timed.nbytes / self.bandwidth)

    def bound(self, timed: Timed) -> Bound:
        """What an instruction's time is made of."""
        if timed.seconds > _OVERHEAD * self.least(timed):
            return "overhead"
        by_arithmetic = timed.flops / self.flops >= timed.nbytes / self.bandwidth
        return "arithmetic" if by_arithmetic else "memory"


@dataclass(frozen=True)
class Profile:
    """A training step in numbers.

    Attributes
    ----------
    batch_size : int
    engine : str
    seconds : float
        Of a step, the least of many bursts of whole steps over batches.
    median : float
        The same in the median.
    rows : tuple of Timed
        Its instructions, in order; each time the least of many runs.
    peak : Peak
    """

    batch_size: int
    engine: str
    seconds: float
    median: float
    rows: tuple[Timed, ...]
    peak: Peak

    @property
    def flops(self) -> int:
        """Multiplications and additions of a step's products and convolutions."""
        return sum(row.flops for row in self.rows)

    @property
    def share_of_peak(self) -> float:
        """Of the machine's arithmetic, over the whole step."""
        return self.flops / self.seconds / self.peak.flops


def profile(
    problem: Problem,
    columns: Columns,
    recipe: Recipe | None = None,
    *,
    engine: str | Engine = "auto",
    seconds: float = 0.5,
    peak: Peak | None = None,
) -> Profile:
    """Time a training step on data: whole, and each of its instructions.

    Other programs disturb it little, as the least of many short runs counts.

    Parameters
    ----------
    problem : Problem
    columns : Columns
        At least a batch of samples.
    recipe : Recipe, optional
    engine
        See `sloy.engines.engine`.
    seconds : float
        Of measuring, twice.
    peak : Peak, optional
        Of the machine, measured where it is not given.

    Raises
    ------
    NotAvailable
        Where the engine cannot time its instructions.
    """
    recipe = recipe or Recipe()
    batch_size = integer("profile", "batch_size", recipe.batch_size, 1, len(columns))
    seconds = real("profile", "seconds", seconds, above=0)
    runs = find_engine(engine)
    executable = runs.compile(
        training_graph(problem, recipe, batch_size),
        initial_variables(problem, recipe),
        guard=("loss",),
    )
    steps = whole_steps(runs, executable, columns, batch_size, seconds)
    return Profile(
        batch_size,
        str(runs),
        min(steps),
        float(np.median(steps)),
        _instructions(executable, seconds),
        machine_peak(runs) if peak is None else peak,
    )


def machine_peak(engine: Engine, seconds: float = 0.3) -> Peak:
    """The speed of arithmetic and of memory that an engine reaches with its threads."""
    n = _PRODUCT
    product = Graph.of({"y": ops.input("a", (n, n)) @ ops.input("b", (n, n))})
    stream = Graph.of({"y": ops.variable("a", (_STREAM,)) + ops.variable("b", (_STREAM,))})
    a = np.random.default_rng(0).random((n, n), np.float32)
    big = {name: np.zeros(_STREAM, np.float32) for name in "ab"}
    multiply, add = engine.compile(product, {}), engine.compile(stream, big)
    multiply.run({"a": a, "b": a})
    add.run({})
    return Peak(
        2 * n**3 / min(repeated(lambda: _product_seconds(multiply), seconds)),
        12 * _STREAM / min(repeated(lambda: add.profile(1)[0].seconds, seconds)),
    )


def _product_seconds(multiply: Executable) -> float:
    """Of the product alone: in mixed precision its operands are rounded before."""
    return next(row.seconds for row in multiply.profile(1) if row.flops)


def whole_steps(
    engine: Engine,
    executable: Executable,
    columns: Columns,
    batch_size: int,
    seconds: float,
    *,
    burst_seconds: float = BURST_SECONDS,
) -> list[float]:
    """Seconds per step, one figure for each burst of steps."""
    inputs = executable.graph.inputs
    given = columns.feeds(inputs)
    burst = 1
    found: list[float] = []
    start = time.perf_counter()
    while time.perf_counter() < start + seconds or len(found) < 3:
        fed = {
            "learning_rate": np.full(burst, 1e-4, np.float32),
            "step": np.arange(burst, dtype=np.uint32),
        }
        fed = {name: values for name, values in fed.items() if name in inputs}
        order = np.arange(burst * batch_size) % (len(columns) // batch_size * batch_size)
        run = engine.run_batches({batch_size: executable}, given, order, batch_size, fed)
        found.append(run.seconds / burst)
        burst = max(1, int(burst_seconds / found[-1]))
    return found


def _instructions(executable: Executable, seconds: float) -> tuple[Timed, ...]:
    """Each with its least time; the inputs are those of the last whole step."""
    runs = repeated(lambda: executable.profile(1), seconds)
    return tuple(min(same, key=lambda row: row.seconds) for same in zip(*runs, strict=True))


def repeated(measure: Callable[[], T], seconds: float) -> list[T]:
    """What a measurement gives, again and again for some time, three times at least."""
    start, found = time.perf_counter(), [measure()]
    while time.perf_counter() < start + seconds or len(found) < 3:
        found.append(measure())
    return found
