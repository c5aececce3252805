"""Compile a graph into a program of the extension, run it once or over many batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sloy.engines.base import (
    POLL_SECONDS,
    BatchRun,
    Executable,
    Poll,
    Timed,
    check_batches,
    check_guard,
    check_inputs,
)
from sloy.engines.choice import restored
from sloy.engines.host import HostEngine, check_variables
from sloy.engines.names import Arithmetic
from sloy.engines.native import library
from sloy.engines.native.cpu import usable_cores
from sloy.engines.native.instruction import Instruction
from sloy.engines.native.plan.cache import planned
from sloy.engines.native.plan.planner import Plan
from sloy.engines.native.program.encode import Encoder, supported_ops
from sloy.engines.native.program.profile import timed
from sloy.engines.pieces import are_arrays, run_in_pieces
from sloy.errors import InvalidArgument, NonFiniteError, NotAvailable
from sloy.graph import Graph, Spec, check

_native = library.load()
library.stop_threads_at_fork(_native)
SUPPORTED = frozenset(supported_ops(set(_native.kernel_names())))


@dataclass(frozen=True)
class _Takes:
    """Whether the extension has a kernel for an instruction: equal for one instruction set."""

    isa: str

    def __call__(self, instruction: Instruction) -> bool:
        taken: bool = _native.takes(instruction)
        return taken


def _planned(graph: Graph, guard: tuple[str, ...], *, bfloat16: bool) -> Plan:
    return planned(graph, guard, SUPPORTED, bfloat16=bfloat16, takes=_Takes(_native.isa()))


def bfloat16_support() -> str:
    """The processor's instructions for bfloat16: "amx", "avx512_bf16", or "none" that would make it fast."""
    support: str = _native.bfloat16_support()
    return "none" if support == "emulated" else support


class _Alone:
    """Holds a program, which has one memory: others of this process wait, its own `poll` is refused."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: int | None = None

    def __enter__(self) -> None:
        me = threading.get_ident()
        if self._holder == me:
            raise InvalidArgument("this executable is running: `poll` must not run it again.")
        self._lock.acquire()
        self._holder = me

    def __exit__(self, *raised: object) -> None:
        self._holder = None
        self._lock.release()


class NativeExecutable(Executable):
    """A program of the extension, bound to its variables.

    Attributes
    ----------
    plan : Plan
        What runs, and where every value lies.
    alone : context manager
        Holds the program.
    """

    def __init__(
        self,
        graph: Graph,
        variables: Mapping[str, np.ndarray],
        guard: Iterable[str],
        threads: int,
        *,
        any_threads: bool = False,
        bfloat16: bool = False,
    ) -> None:
        self.graph = graph
        self.guard = tuple(guard)
        check(graph)
        check_variables(graph, variables)
        check_guard(graph, self.guard)
        self.plan = _planned(graph, self.guard, bfloat16=bfloat16)
        encoder = Encoder(self.plan, variables, graph.inputs)
        self.alone = _Alone()
        self._inputs = encoder.inputs
        self._outputs = {name: encoder.number(value) for name, value in self.plan.outputs.items()}
        specs = {name: self.spec_of(name) for name in self._outputs}
        self._results = [(name, spec.shape, np.dtype(spec.dtype)) for name, spec in specs.items()]
        self.instructions = encoder.instructions
        try:
            self.program = _native.Program(
                encoder.places,
                encoder.instructions,
                self.plan.first_write,
                [self._outputs[name] for name in self.guard],
                encoder.arena_bytes,
                threads,
                any_threads,
                refreshing=encoder.refreshing,
            )
        except (ValueError, RuntimeError) as error:
            raise NotAvailable(
                f'the native engine cannot run this graph ({error}); use engine="reference" for it.'
            ) from error

    @property
    def memory(self) -> int:
        """Bytes of the arena and of the kernels' shared scratch memory."""
        return int(self.program.arena_bytes + self.program.scratch_bytes)

    def spec_of(self, name: str) -> Spec:
        """Shape and dtype of an output."""
        return self.graph.nodes[self.graph.outputs[name]].spec

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run once; see `Executable.run`."""
        given = {name: np.asarray(value) for name, value in inputs.items()}
        check_inputs(self.graph, given)
        with self.alone:
            for name, number in self._inputs.items():
                self.program.write(number, np.ascontiguousarray(given[name]))
            return self._outputs_of_run()

    def run_finite(self, x: np.ndarray) -> dict[str, np.ndarray] | None:
        """See `Executable.run_finite`; looks at the numbers while it copies them."""
        if x.dtype != np.float32:
            return super().run_finite(x)
        spec = self.graph.inputs["x"]
        if (x.shape, "float32") != (spec.shape, spec.dtype):
            check_inputs(self.graph, {"x": x})
        with self.alone:
            if not self.program.write_finite(self._inputs["x"], x):
                return None
            return self._outputs_of_run()

    def _outputs_of_run(self) -> dict[str, np.ndarray]:
        finite = self.program.run()
        outputs = {name: np.empty(shape, dtype) for name, shape, dtype in self._results}
        for name, number in self._outputs.items():
            self.program.read(number, outputs[name])
        if not finite:
            raise non_finite(self.guard, outputs)
        return outputs

    def profile(self, runs: int = 10) -> list[Timed]:
        """The mean time of each instruction; see `Executable.profile`."""
        with self.alone:
            times = self.program.profile(runs)
        return timed(self.plan, self.instructions, times)

    def batch_program(
        self, columns: Iterable[str], step_inputs: Iterable[str]
    ) -> tuple[Any, list[int], list[int], list[int]]:
        """The program and where it takes columns and step inputs, and leaves outputs."""
        return (
            self.program,
            [self._inputs[name] for name in columns],
            [self._inputs[name] for name in step_inputs],
            list(self._outputs.values()),
        )


@dataclass(frozen=True)
class NativeEngine(HostEngine):
    """C++ kernels and oneDNN, in float32 or mixed precision.

    Parameters
    ----------
    threads : int
        Size of the one team of threads; 0 takes the physical cores that this process may use.
    deterministic : "same-threads" or "any-threads"
        "any-threads" computes products and convolutions in pieces of the batch that do not depend
        on the number of threads; see docs/performance.md for what it costs.
    precision : "float32", "mixed" or "emulated"
        See `Engine`.

    Raises
    ------
    NotAvailable
        Where `precision` is "mixed" and the processor has no instructions for bfloat16.
    """

    name = "native"
    _asked: int = field(init=False, repr=False, compare=False)  # threads, 0 for all cores

    def __post_init__(self) -> None:
        object.__setattr__(self, "_asked", self.threads)
        if not self.supports("float32", self.precision):
            raise NotAvailable(
                "this processor has no instructions for bfloat16 (AVX512-BF16 or AMX-BF16), so mixed"
                " precision would be slower than float32 here; take float32."
            )
        if self.threads < 0:
            raise InvalidArgument(f"`threads` (={self.threads}) must be at least 0.")
        if self.threads == 0:
            object.__setattr__(self, "threads", usable_cores())

    def __reduce__(self) -> tuple[Any, ...]:
        """What pickle and copy take: what was asked for; another machine may have less."""
        return restored, (self._asked, self.deterministic, self.precision)

    @classmethod
    def supports(cls, dtype: str, precision: Arithmetic = "float32") -> bool:
        """See `Engine.supports`."""
        return dtype == "float32" and (precision != "mixed" or bfloat16_support() != "none")

    @classmethod
    def best_precision(cls) -> Arithmetic:
        """Mixed with AMX, which multiplies bfloat16 several times as fast as float32."""
        return "mixed" if bfloat16_support() == "amx" else "float32"

    @property
    def bfloat16(self) -> str:
        """See `Engine.bfloat16`."""
        return bfloat16_support()

    def compile(
        self, graph: Graph, variables: Mapping[str, np.ndarray], guard: Iterable[str] = ()
    ) -> NativeExecutable:
        """Plan a graph and make its kernels; see `Engine.compile`."""
        return NativeExecutable(
            graph,
            variables,
            guard,
            self.threads,
            any_threads=self.deterministic == "any-threads",
            bfloat16=self.precision != "float32",
        )

    def memory_forecast(self, graph: Graph, guard: Iterable[str] = ()) -> int:
        """The program's arena, without the kernels' scratch memory; see `Engine.memory_forecast`."""
        plan = _planned(graph, tuple(guard), bfloat16=self.precision != "float32")
        updated = {name: graph.nodes[i].spec for name, i in graph.updates.items()}
        specs = {**graph.variables, **updated}
        shapes = {name: np.broadcast_to(np.float32(), s.shape) for name, s in specs.items()}
        return Encoder(plan, shapes, graph.inputs).arena_bytes

    def run_batches(
        self,
        executables: Mapping[int, Executable],
        columns: Mapping[str, np.ndarray],
        order: np.ndarray,
        batch_size: int,
        step_inputs: Mapping[str, np.ndarray],
        poll: Poll | None = None,
    ) -> BatchRun:
        """Run over samples in C++ without the GIL; see `Engine.run_batches`."""
        check_batches(executables, columns, order, batch_size, step_inputs)
        if not are_arrays(columns):
            return run_in_pieces(self, executables, columns, order, batch_size, step_inputs, poll)
        started = time.perf_counter()
        order = np.ascontiguousarray(np.atleast_2d(order), np.int64)
        epochs, samples = order.shape
        steps, rest = divmod(samples, batch_size)
        full = _native_executable(executables, batch_size) if steps else None
        last = _native_executable(executables, rest) if rest else None
        if not order.size:
            return BatchRun("done", 0, {}, 0.0)
        record = _Record(full, last, steps, epochs)

        def ask(done: int) -> None:
            if poll is not None:
                poll(done, record.scalars(done))

        with ExitStack() as held:
            for executable in sorted({e for e in (full, last) if e is not None}, key=id):
                held.enter_context(executable.alone)
            status, done, error = _native.run_batches(
                full and full.batch_program(columns, step_inputs),
                last and last.batch_program(columns, step_inputs),
                [np.ascontiguousarray(column) for column in columns.values()],
                [np.ascontiguousarray(values) for values in step_inputs.values()],
                record.arrays,
                order,
                batch_size,
                POLL_SECONDS,
                ask,
            )
        outputs = record.outputs(done)
        return BatchRun(status, done, outputs, time.perf_counter() - started, error)


class _Record:
    """Memory for the outputs of all steps.

    Attributes
    ----------
    arrays : list
        For each output the array, its bytes per full batch and of the last one.
    """

    def __init__(
        self,
        full: NativeExecutable | None,
        last: NativeExecutable | None,
        full_steps: int,
        epochs: int,
    ) -> None:
        self._epoch_steps = full_steps + (last is not None)
        self.scalar: dict[str, np.ndarray] = {}
        self.rows: dict[str, np.ndarray] = {}
        self.arrays: list[tuple[np.ndarray, int, int]] = []
        self._row_counts: dict[str, tuple[int, int]] = {}  # of a full step, of an epoch
        of_full, of_last = _output_specs(full), _output_specs(last)
        for name, spec in (of_full or of_last).items():
            per_step, rest = of_full.get(name), of_last.get(name)
            if spec.shape == ():
                values = np.empty(epochs * self._epoch_steps, spec.dtype)
                self.scalar[name] = values
            else:
                step_rows = per_step.shape[0] if per_step else 0
                epoch_rows = full_steps * step_rows + (rest.shape[0] if rest else 0)
                self._row_counts[name] = (step_rows, epoch_rows)
                values = np.empty((epochs * epoch_rows, *spec.shape[1:]), spec.dtype)
                self.rows[name] = values
            sizes = (per_step.nbytes if per_step else 0, rest.nbytes if rest else 0)
            self.arrays.append((values, *sizes))

    def scalars(self, done: int) -> dict[str, np.ndarray]:
        return {name: values[:done] for name, values in self.scalar.items()}

    def outputs(self, done: int) -> dict[str, np.ndarray]:
        epochs, steps = divmod(done, self._epoch_steps)
        rows = {}
        for name, values in self.rows.items():
            step_rows, epoch_rows = self._row_counts[name]
            rows[name] = values[: epochs * epoch_rows + steps * step_rows]
        return {**self.scalars(done), **rows}


def _output_specs(executable: NativeExecutable | None) -> dict[str, Spec]:
    """Specs of the outputs, in the plan's order; none without an executable."""
    if executable is None:
        return {}
    return {name: executable.spec_of(name) for name in executable.plan.outputs}


def _native_executable(executables: Mapping[int, Executable], rows: int) -> NativeExecutable:
    executable = executables[rows]
    if not isinstance(executable, NativeExecutable):
        raise InvalidArgument(
            f"the executable for {rows} samples was compiled by another engine than native."
        )
    return executable


def non_finite(guard: tuple[str, ...], outputs: dict[str, np.ndarray]) -> NonFiniteError:
    """The error of a run that the guard stopped."""
    bad = {name: float(outputs[name]) for name in guard if not np.isfinite(outputs[name])}
    return NonFiniteError(f"not finite: {bad}; no variable has changed.", outputs)
