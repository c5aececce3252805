"""The engine: from graphs to programs of XLA."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, TypeGuard

import jax
import numpy as np

from sloy.engines.base import BatchRun, Engine, Executable, Poll, check_batches, check_guard
from sloy.engines.host import check_variables
from sloy.engines.jax.devices import Devices, keep_compiled, platform
from sloy.engines.jax.executable import JaxExecutable
from sloy.engines.jax.program import Runner, stretches
from sloy.engines.jax.step import Step, step_of
from sloy.engines.jax.variables import JaxVariables, placed
from sloy.engines.names import Arithmetic, Determinism
from sloy.engines.pieces import are_arrays, run_in_pieces
from sloy.engines.processes import ONE, Processes, here
from sloy.errors import InvalidArgument, NotAvailable
from sloy.graph import Graph, check
from sloy.graph.spec import FLOATS
from sloy.graph.structure import Structure
from sloy.text import many, shown


@dataclass(frozen=True)
class JaxEngine(Engine):
    """Graphs compiled by XLA.

    Parameters
    ----------
    threads : int
        Not used: XLA has threads of its own.
    deterministic : "same-threads"
        The same bits on the same kind and number of devices.
    precision : "float32", "mixed" or "emulated"
        See `Engine`; "mixed" on accelerators alone.
    devices : int
        How many compute, each a share of every batch; 0 takes all that JAX sees. Where several processes compute
        together (`sloy.engines.distributed`), those of all of them.
    alone : bool
        Whether those of this process alone, whatever others there are.

    Raises
    ------
    NotAvailable
        Where `deterministic` or `precision` asks for what the devices do not give.
    """

    name = "jax"
    interrupts: ClassVar[bool] = False
    threads: int = field(default=0, repr=False, compare=False)
    deterministic: Determinism = "same-threads"
    precision: Arithmetic = "float32"
    devices: int = 0
    alone: bool = False
    _held: dict[int, tuple[np.ndarray, jax.Array]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if self.deterministic != "same-threads":
            raise NotAvailable(
                f"the jax engine gives the same bits for the same devices alone; `deterministic`"
                f" (={shown(self.deterministic)}) needs another engine."
            )
        if not self.supports("float32", self.precision):
            raise NotAvailable(
                "the jax engine computes in mixed precision on GPUs and TPUs; JAX sees none here,"
                " take float32."
            )
        if not self.alone and jax.process_count() != here().count:
            raise NotAvailable(
                f"the jax engine: JAX was told of {jax.process_count()} processes by somebody else, who can tell"
                " sloy by `sloy.engines.distributed` alone."
            )
        self._devices  # noqa: B018 - refuses their number
        keep_compiled()

    def __str__(self) -> str:
        count, processes = self._devices.size, self.processes.count
        together = f" in {many(processes, 'process')}" if processes > 1 else ""
        return f"{self.name}, {many(count, 'device')} ({platform()}){together}, {self.precision}"

    def __reduce__(self) -> tuple[object, ...]:
        """What pickle and copy take: what was asked for."""
        asked = (self.threads, self.deterministic, self.precision, self.devices, self.alone)
        return JaxEngine, asked

    @classmethod
    def supports(cls, dtype: str, precision: Arithmetic = "float32") -> bool:
        """See `Engine.supports`."""
        here = platform()
        return (
            dtype in FLOATS
            and (precision != "mixed" or here != "cpu")
            and (dtype != "float64" or here != "tpu")
        )

    @classmethod
    def suits(cls, dtype: str) -> bool:
        """Accelerators alone; see `Engine.suits`."""
        return platform() != "cpu" and cls.supports(dtype)

    @cached_property
    def _devices(self) -> Devices:
        return Devices(self.devices, self.alone)

    @property
    def processes(self) -> Processes:
        """See `Engine.processes`."""
        return ONE if self.alone else here()

    @property
    def by_itself(self) -> JaxEngine:
        """See `Engine.by_itself`."""
        return replace(self, devices=0, alone=True) if self.processes.count > 1 else self

    @property
    def settings(self) -> dict[str, int | str]:
        """See `Engine.settings`."""
        found: dict[str, int | str] = {"devices": self._devices.size, "platform": platform()}
        if self.processes.count > 1:
            found["processes"] = self.processes.count
        return found | super().settings

    def variables(self, arrays: Mapping[str, np.ndarray]) -> JaxVariables:
        """On the devices; see `Engine.variables`."""
        if self._has(arrays) or (self.alone and isinstance(arrays, JaxVariables)):
            return arrays  # its own; or those of a run with other processes, live
        return JaxVariables.of(arrays, self._devices.everywhere)

    def compile(
        self, graph: Graph, variables: Mapping[str, np.ndarray], guard: Iterable[str] = ()
    ) -> JaxExecutable:
        """See `Engine.compile`; XLA compiles at the first run."""
        check(graph)
        if not isinstance(variables, JaxVariables):
            check_variables(graph, variables)
        names = tuple(guard)
        check_guard(graph, names)
        if self._has(variables):
            return JaxExecutable(graph, self._step(graph, names), variables, {})
        own = JaxVariables.of(variables, self._devices.everywhere)
        return JaxExecutable(graph, self._step(graph, names), own, variables)

    def memory_forecast(self, graph: Graph, guard: Iterable[str] = ()) -> int:
        """As XLA says; see `Engine.memory_forecast`."""
        return self._step(graph, tuple(guard)).nbytes

    @contextmanager
    def holding(self, columns: Mapping[str, np.ndarray]) -> Iterator[None]:
        """Keep columns on the devices; see `Engine.holding`."""
        arrays = [c for c in columns.values() if isinstance(c, np.ndarray)]
        new = [array for array in arrays if id(array) not in self._held]
        for array in new:
            self._held[id(array)] = (array, self._placed(array))
        try:
            yield
        finally:
            for array in new:
                self._held.pop(id(array), None)

    def run_batches(
        self,
        executables: Mapping[int, Executable],
        columns: Mapping[str, np.ndarray],
        order: np.ndarray,
        batch_size: int,
        step_inputs: Mapping[str, np.ndarray],
        poll: Poll | None = None,
    ) -> BatchRun:
        """Run over samples in loops on the devices; see `Engine.run_batches`."""
        check_batches(executables, columns, order, batch_size, step_inputs)
        if not are_arrays(columns):
            return run_in_pieces(self, executables, columns, order, batch_size, step_inputs, poll)
        order = np.atleast_2d(order)
        if not order.size:
            return BatchRun("done", 0, {}, 0.0)
        steps, rest = divmod(order.shape[1], batch_size)
        if steps and executables[batch_size].graph.updates:
            self.check_batch_size(batch_size)
        sizes = [*([batch_size] if steps else []), *([rest] if rest else [])]
        own = {rows: _own(executables[rows], rows) for rows in sizes}
        placed_columns = {n: self._column(c) for n, c in columns.items()}
        runner = Runner(placed_columns, step_inputs, poll, self.processes)
        with jax.enable_x64(True):
            for stretch in stretches(own, order, batch_size):
                if not runner.run(stretch):
                    break
        return runner.ended()

    def _has(self, arrays: Mapping[str, np.ndarray]) -> TypeGuard[JaxVariables]:
        """Whether they are on the devices of this engine."""
        if not isinstance(arrays, JaxVariables):
            return False
        return arrays.memory.sharding == self._devices.everywhere

    def check_batch_size(self, batch_size: int) -> None:
        """Each device takes as many samples of a batch; the last one, which may be smaller, is done by each in full."""
        size = self._devices.size
        below = batch_size // size * size
        if below != batch_size:
            sizes = " or ".join(str(fits) for fits in (below, below + size) if fits)
            raise InvalidArgument(
                f"`batch_size` (={batch_size}) must be a multiple of the {size} devices: {sizes}."
            )

    def _step(self, graph: Graph, guard: tuple[str, ...]) -> Step:
        return step_of(Structure(graph), guard, self.precision, self._devices)

    def _column(self, column: np.ndarray) -> jax.Array:
        held = self._held.get(id(column))
        return self._placed(column) if held is None else held[1]

    def _placed(self, column: np.ndarray) -> jax.Array:
        return placed(np.ascontiguousarray(column), self._devices.everywhere)


def _own(executable: Executable, rows: int) -> JaxExecutable:
    if not isinstance(executable, JaxExecutable):
        raise InvalidArgument(
            f"the executable for {rows} samples was compiled by another engine than jax."
        )
    return executable
