"""Many steps in one compiled program: a loop on the device over the rows of an order.

A program is compiled for a fixed number of steps, of which a call does any: shapes that told how many steps a call
does would change how it rounds, so that a run that was cut would end in other bits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sloy.engines.base import POLL_SECONDS, BatchRun, Poll, Status
from sloy.engines.jax.devices import compiler_options, in_words
from sloy.engines.jax.executable import JaxExecutable
from sloy.engines.jax.step import KEPT, Arrays, Step
from sloy.engines.jax.variables import Memory, placed
from sloy.engines.processes import Processes

MOST_STEPS = 256  # of a program
TOGETHER = 0.25  # seconds between polls of several processes, which agree on each
MOST_BYTES = 1 << 26  # of what the steps of a program read beside columns, and leave

Carried = tuple[
    jax.Array, jax.Array, Arrays, tuple[jax.Array, ...]
]  # step, finite, variables, record


@lru_cache(maxsize=KEPT)
def program_of(step: Step, rows: int) -> Program:
    """The program of a step of so many samples, made once."""
    return Program(step, rows)


class Program:
    """The steps of a graph, `room` of them at most."""

    def __init__(self, step: Step, rows: int) -> None:
        self.step, self.rows = step, rows
        nodes = step.graph.nodes
        self.outputs = [nodes[i].spec for i in step.graph.outputs.values()]
        of_a_step = 4 * rows + sum(spec.nbytes for spec in self.outputs)
        self.room = MOST_STEPS
        while self.room > 2 and self.room * of_a_step > MOST_BYTES:
            self.room //= 2
        self._compiled = jax.jit(
            self._steps, donate_argnums=(0, 5), compiler_options=compiler_options()
        )

    def record(self) -> tuple[jax.Array, ...]:
        """Where the outputs of the steps go."""
        everywhere = self.step.devices.everywhere
        return tuple(
            jnp.zeros((self.room, *spec.shape), spec.dtype, device=everywhere)
            for spec in self.outputs
        )

    def call(
        self,
        memory: Memory,
        columns: Arrays,
        order: jax.Array,
        fed: Arrays,
        record: tuple[jax.Array, ...],
        first: int,
        end: int,
    ) -> tuple[int, bool, tuple[jax.Array, ...]]:
        """Steps `first` … `end` - 1: how many are done since the room's first, whether all were finite, the record."""
        moving = {name: memory.arrays[name] for name in self.step.moving}
        still = {name: memory.arrays[name] for name in self.step.still}
        span = np.int32(first), np.int32(end)
        done, finite, moved, record = self._compiled(
            moving, still, columns, order, fed, record, *span
        )
        memory.replace(moved)
        return int(done), bool(finite), record

    def _steps(
        self,
        moving: Arrays,
        still: Arrays,
        columns: Arrays,
        order: jax.Array,
        fed: Arrays,
        record: tuple[jax.Array, ...],
        first: jax.Array,
        end: jax.Array,
    ) -> Carried:
        everywhere = self.step.devices.everywhere

        def going(carried: Carried) -> jax.Array:
            return (carried[0] < end) & carried[1]

        def step(carried: Carried) -> Carried:
            k, _, moving, record = carried
            rows = self._split(lax.dynamic_slice_in_dim(order, k * self.rows, self.rows))
            inputs = {n: c.at[rows].get(mode="promise_in_bounds") for n, c in columns.items()}
            inputs |= {n: lax.dynamic_index_in_dim(v, k, keepdims=False) for n, v in fed.items()}
            outputs, updates, finite = self.step.traced({**still, **moving}, inputs)
            outputs = tuple(lax.with_sharding_constraint(value, everywhere) for value in outputs)
            record = tuple(
                lax.dynamic_update_index_in_dim(kept, value, k, 0)
                for kept, value in zip(record, outputs, strict=True)
            )
            updates = {
                n: lax.with_sharding_constraint(value, everywhere) for n, value in updates.items()
            }
            return jnp.where(finite, k + 1, k), finite, updates, record

        return lax.while_loop(going, step, (first, jnp.array(True), moving, record))

    def _split(self, rows: jax.Array) -> jax.Array:
        """Between the devices, where they divide them; else each device does all of them."""
        devices = self.step.devices
        whole = devices.size == 1 or self.rows % devices.size
        return lax.with_sharding_constraint(
            rows, devices.everywhere if whole else devices.by_samples
        )


@dataclass(frozen=True)
class Stretch:
    """Steps of one size that a program does: their rows, and the number of the first."""

    executable: JaxExecutable
    program: Program
    rows: np.ndarray  # (steps * program.rows,)
    first: int

    @property
    def steps(self) -> int:
        return len(self.rows) // self.program.rows


def stretches(
    executables: Mapping[int, JaxExecutable], order: np.ndarray, batch_size: int
) -> Iterator[Stretch]:
    """An order of epochs (epochs, n) in pieces that one program does."""
    full = order.shape[1] // batch_size * batch_size
    parts = [order] if full == order.shape[1] else []
    parts = parts or [part for epoch in order for part in (epoch[:full], epoch[full:])]
    first = 0
    for part in (part.reshape(-1) for part in parts):
        if not len(part):
            continue
        rows = min(batch_size, len(part))
        program = program_of(executables[rows].step, rows)
        for begin in range(0, len(part), program.room * rows):
            some = part[begin : begin + program.room * rows]
            stretch = Stretch(executables[rows], program, some, first)
            yield stretch
            first += stretch.steps


@dataclass
class Runner:
    """Runs stretches one after another, asking `poll` between calls that take about POLL_SECONDS.

    Several processes do the same calls: how many steps each has, and when to ask, the clock of the leader says.

    Attributes
    ----------
    done : int
        Steps.
    outputs : dict
        Of the stretches that have ended: arrays by name.
    """

    columns: Arrays
    step_inputs: Mapping[str, np.ndarray]
    poll: Poll | None
    processes: Processes
    status: Status = "done"
    done: int = 0
    error: BaseException | None = None
    outputs: dict[str, list[np.ndarray]] = field(default_factory=dict)
    _steps_a_call: int = 1
    _polled: float = field(default_factory=time.perf_counter)
    _started: float = field(default_factory=time.perf_counter)

    def run(self, stretch: Stretch) -> bool:
        """Do it; whether the next may follow."""
        program, ex = stretch.program, stretch.executable
        everywhere = ex.step.devices.everywhere
        rows = np.resize(stretch.rows.astype(np.int32), program.room * program.rows)
        order = placed(rows, everywhere)
        fed = {
            name: placed(_filled(values[stretch.first :], program.room), everywhere)
            for name, values in self.step_inputs.items()
            if name in ex.step.graph.inputs
        }
        columns = {n: c for n, c in self.columns.items() if n in ex.step.graph.inputs}
        record, done, finite = program.record(), 0, True
        ex.arrive()
        while done < stretch.steps and finite and self.error is None:
            many = self._steps_a_call if self.poll else stretch.steps
            begun, before = time.perf_counter(), done
            with in_words():
                done, finite, record = program.call(
                    ex.variables.memory,
                    columns,
                    order,
                    fed,
                    record,
                    done,
                    min(stretch.steps, done + many),
                )
            if self.poll is not None and finite:
                took = (time.perf_counter() - begun) / max(1, done - before)
                fit = max(1, min(4 * many, int(self._seconds / max(took, 1e-9))))
                due = time.perf_counter() - self._polled >= self._seconds
                self._steps_a_call, due = self.processes.of_leader([fit, due])
                if due:
                    self._ask(self.poll, ex, record, done)
        ex.leave()
        self._keep(ex, record, done)
        if not finite:
            self.status = "not finite"
        return self.status == "done"

    def ended(self) -> BatchRun:
        """What came of it."""
        outputs = {name: np.concatenate(pieces) for name, pieces in self.outputs.items()}
        seconds = time.perf_counter() - self._started
        return BatchRun(self.status, self.done, outputs, seconds, self.error)

    @property
    def _seconds(self) -> float:
        """Between polls."""
        return POLL_SECONDS if self.processes.count == 1 else TOGETHER

    def _ask(self, poll: Poll, ex: JaxExecutable, record: tuple[jax.Array, ...], done: int) -> None:
        scalars = {
            name: np.concatenate([*self.outputs.get(name, []), np.asarray(kept)[:done]])
            for name, kept in zip(ex.step.graph.outputs, record, strict=True)
            if kept.ndim == 1
        }
        try:
            poll(self.done + done, scalars)
        except BaseException as error:
            self.error, self.status = error, "interrupted"
        self._polled = time.perf_counter()

    def _keep(self, ex: JaxExecutable, record: tuple[jax.Array, ...], done: int) -> None:
        self.done += done
        for name, kept in zip(ex.step.graph.outputs, record, strict=True):
            scalars = kept.ndim == 1  # a slice would be compiled for each number of steps
            values = np.array(np.asarray(kept)[:done] if scalars else kept[:done])
            rows = values if values.ndim == 1 else values.reshape(-1, *values.shape[2:])
            self.outputs.setdefault(name, []).append(rows)


def _filled(values: np.ndarray, room: int) -> np.ndarray:
    """The first `room` of them, zeros where there are fewer."""
    some = values[:room]
    rest = np.zeros((room - len(some), *values.shape[1:]), values.dtype)
    return np.concatenate([some, rest])
