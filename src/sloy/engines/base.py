"""What every engine offers: compile a graph, run it once, run it over many batches."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from sloy.arguments import integer
from sloy.engines.names import Arithmetic, Determinism
from sloy.engines.processes import ONE, Processes
from sloy.engines.variables import Variables
from sloy.errors import InvalidArgument, NonFiniteError, NotAvailable, ShapeError
from sloy.graph import Graph

Status = Literal["done", "interrupted", "not finite"]
# poll(steps done, scalar outputs of these steps): called about every POLL_SECONDS.
Poll = Callable[[int, Mapping[str, np.ndarray]], None]

POLL_SECONDS = 0.05


@dataclass
class BatchRun:
    """What came of running over batches.

    Attributes
    ----------
    status : "done", "interrupted" or "not finite"
        "interrupted": `poll` raised, see `error`. "not finite": a guarded output of step `steps` is NaN or infinite;
        the variables hold what step ``steps - 1`` left.
    steps : int
        Number of steps done, with their updates.
    outputs : dict
        Scalar outputs by step, (steps,); other outputs concatenated over the samples of the steps done.
    seconds : float
        Wall time.
    error : BaseException or None
        What `poll` raised.
    waited : float
        Seconds of it in which rows that are no array were read and nothing was computed.
    """

    status: Status
    steps: int
    outputs: dict[str, np.ndarray]
    seconds: float
    error: BaseException | None = None
    waited: float = 0.0


class Executable(ABC):
    """A compiled graph, bound to its variables.

    Attributes
    ----------
    graph : Graph
    guard : tuple of str
        Scalar outputs that must be finite before any variable is written.
    """

    graph: Graph
    guard: tuple[str, ...]

    @abstractmethod
    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run once: the outputs by name; variables with updates change in place.

        Raises
        ------
        InvalidArgument
            Where an input is missing, unknown, or of another shape or dtype.
        NonFiniteError
            Where a guarded output is NaN or infinite; no variable has changed, and `outputs` of the error holds all.
        """

    def run_finite(self, x: np.ndarray) -> dict[str, np.ndarray] | None:
        """`run` of the only input, `x`, C-contiguous; None where one of its numbers is not finite."""
        return self.run({"x": x}) if x.dtype.kind == "u" or np.isfinite(x).all() else None

    def run_polled(
        self, inputs: Mapping[str, np.ndarray], poll: Callable[[], None]
    ) -> dict[str, np.ndarray]:
        """`run`, calling `poll` between operations until the first variable is written.

        What `poll` raises ends the run, no variable changed. An engine that cannot be asked within one never calls it.
        """
        return self.run(inputs)

    def profile(self, runs: int = 10) -> list[Timed]:
        """The mean time of each instruction over runs on what was fed last; variables move on.

        Raises
        ------
        NotAvailable
            Where the engine cannot time its instructions.
        """
        raise NotAvailable(
            'this engine cannot time its instructions; engine="native" can (see `sloy engines`).'
        )

    @property
    def memory(self) -> int:
        """Bytes that the executable holds beside its variables (0 where the engine does not plan memory)."""
        return 0


@dataclass(frozen=True)
class Timed:
    """An instruction of an executable, and what it takes.

    Attributes
    ----------
    op : str
        Of the graph, or "elementwise" for a group of ops in one pass.
    layer : str
        Whose parameters it reads, or makes the gradient or the next value of; "" where that is no layer or several.
    text : str
    seconds : float
    flops : int
        Multiplications and additions of products and convolutions, by their definition.
    nbytes : int
        Of all operands and results, each once.
    """

    op: str
    layer: str
    text: str
    seconds: float
    flops: int
    nbytes: int


class Engine(ABC):
    """Implementations of the ops, and what runs them; two are equal where they compute alike.

    Attributes
    ----------
    name : str
    precision : "float32", "mixed" or "emulated"
        Of float32 graphs. "mixed" rounds what products and convolutions read to bfloat16, see `sloy.graph.mixed`, by
        the processor's instructions for it; "emulated" on any processor, to see what it does to accuracy.
    interrupts : bool
        Whether `poll` is asked within a step too, between operations; else between steps alone.
    keeps_memory : bool
        Whether a compiled graph holds its memory from run to run, rather than only while it runs.
    """

    name: ClassVar[str]
    interrupts: ClassVar[bool] = True
    keeps_memory: ClassVar[bool] = True
    precision: Arithmetic

    @abstractmethod
    def __init__(self, threads: int, deterministic: Determinism, precision: Arithmetic) -> None:
        """As `sloy.engines.engine` makes one; raises `NotAvailable` where it does not run here."""

    @classmethod
    @abstractmethod
    def supports(cls, dtype: str, precision: Arithmetic = "float32") -> bool:
        """Whether it computes graphs of a dtype here, those of float32 in a precision."""

    @classmethod
    def suits(cls, dtype: str) -> bool:
        """Whether "auto" may take it for a dtype: where it computes in it, and is the fastest here at that."""
        return cls.supports(dtype)

    @classmethod
    def best_precision(cls) -> Arithmetic:
        """The fastest here: what "auto" stands for."""
        return "float32"

    @property
    def bfloat16(self) -> str | None:
        """The processor's instructions for mixed precision, "none" where it has none; None where they do not count."""
        return None

    @property
    def processes(self) -> Processes:
        """Those that compute together with this engine, each on a share of the samples; by default this one alone."""
        return ONE

    def check_batch_size(self, batch_size: int) -> None:
        """Raise `InvalidArgument` where the devices cannot share a batch of this size to train on."""
        return

    @property
    def by_itself(self) -> Engine:
        """The same for this process alone: of models, which each process asks what it likes, when it likes."""
        return self

    @property
    def settings(self) -> dict[str, int | str]:
        """What may round otherwise when it changes, for checkpoints and summaries: counts, and the precision."""
        return {"precision": self.precision}

    @abstractmethod
    def variables(self, arrays: Mapping[str, np.ndarray]) -> Variables:
        """Variables of these values where the engine computes; given its own, the same ones."""

    @abstractmethod
    def compile(
        self, graph: Graph, variables: Mapping[str, np.ndarray], guard: Iterable[str] = ()
    ) -> Executable:
        """Prepare a graph.

        Parameters
        ----------
        graph : Graph
        variables : mapping
            What runs read and update in place: `Variables` of this engine, or C-contiguous arrays by name.
        guard : names of scalar outputs
            See `Executable`.
        """

    def holding(self, columns: Mapping[str, np.ndarray]) -> AbstractContextManager[None]:
        """While it lasts, nobody writes these columns: an engine may keep them where it computes."""
        return nullcontext()

    @abstractmethod
    def memory_forecast(self, graph: Graph, guard: Iterable[str] = ()) -> int:
        """Bytes that a compiled graph takes at its peak, beside variables and data.

        Raises
        ------
        NotAvailable
            Where the engine cannot run the graph.
        """

    def run_batches(
        self,
        executables: Mapping[int, Executable],
        columns: Mapping[str, np.ndarray],
        order: np.ndarray,
        batch_size: int,
        step_inputs: Mapping[str, np.ndarray],
        poll: Poll | None = None,
    ) -> BatchRun:
        """Run over samples in an order: an epoch, an evaluation, a prediction.

        Parameters
        ----------
        executables : mapping
            Number of samples → executable; needs `batch_size`, and the size of the last partial batch.
        columns : mapping
            Input name → array whose first axis is the sample, or `sloy.data.lazy_rows.LazyRows` that give such.
        order : int64 array, shape (n,) or (epochs, n)
            Rows of the columns; step k takes ``order[k * batch_size : (k + 1) * batch_size]``. Of several epochs, one
            after another, each ends with its own partial batch.
        step_inputs : mapping
            Input name → array whose first axis is the step: inputs that are no column.
        poll : callable, optional
            Called about every 0.05 s; what it raises ends the run, a step that has begun leaving no trace.
        """
        check_batches(executables, columns, order, batch_size, step_inputs)
        record = _Record()
        started = polled = time.perf_counter()

        def ask() -> None:
            nonlocal polled
            if poll is None or time.perf_counter() - polled < POLL_SECONDS:
                return
            try:
                poll(record.steps, record.scalars())
            except BaseException as error:
                raise _PollRaised(error) from None
            polled = time.perf_counter()

        try:
            for step, rows in enumerate(_batches(np.atleast_2d(order), batch_size)):
                ask()
                inputs = {name: column[rows] for name, column in columns.items()}
                inputs |= {name: np.asarray(values[step]) for name, values in step_inputs.items()}
                record.add(executables[len(rows)].run_polled(inputs, ask))
        except _PollRaised as ended:
            return record.end("interrupted", started, ended.error)
        except NonFiniteError:
            return record.end("not finite", started)
        return record.end("done", started)


def _batches(order: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    for epoch in order:
        for first in range(0, len(epoch), batch_size):
            yield epoch[first : first + batch_size]


class _PollRaised(Exception):
    """Carries what `poll` raised out of a step, told apart from what the step itself raises."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Record:
    """Outputs of steps, gathered."""

    def __init__(self) -> None:
        self.steps = 0
        self.rows: dict[str, list[np.ndarray]] = {}

    def add(self, outputs: Mapping[str, np.ndarray]) -> None:
        self.steps += 1
        for name, value in outputs.items():
            self.rows.setdefault(name, []).append(value)

    def scalars(self) -> dict[str, np.ndarray]:
        return {name: np.array(rows) for name, rows in self.rows.items() if rows[0].ndim == 0}

    def end(self, status: Status, started: float, error: BaseException | None = None) -> BatchRun:
        outputs = {
            name: np.array(rows) if rows[0].ndim == 0 else np.concatenate(rows)
            for name, rows in self.rows.items()
        }
        return BatchRun(status, self.steps, outputs, time.perf_counter() - started, error)


def check_inputs(graph: Graph, inputs: Mapping[str, np.ndarray]) -> None:
    """Raise `InvalidArgument` or `ShapeError` unless the inputs are those of the graph."""
    if inputs.keys() != graph.inputs.keys():
        unknown, missing = (
            sorted(keys) for keys in (inputs.keys() - graph.inputs, graph.inputs.keys() - inputs)
        )
        raise InvalidArgument(f"inputs: unknown {unknown}, missing {missing}.")
    for name, spec in graph.inputs.items():
        value = inputs[name]
        if value.shape != spec.shape or value.dtype != spec.dtype:
            raise ShapeError(
                f"input `{name}` is {value.dtype.name}{list(value.shape)}; the graph needs {spec}."
            )


def check_batches(
    executables: Mapping[int, Executable],
    columns: Mapping[str, np.ndarray],
    order: np.ndarray,
    batch_size: int,
    step_inputs: Mapping[str, np.ndarray],
) -> None:
    """Raise `InvalidArgument` unless columns, order and step inputs belong together and to the executables."""
    integer("run_batches", "batch_size", batch_size)
    if order.ndim not in (1, 2) or order.dtype.kind not in "iu":
        raise InvalidArgument(
            f"`order` is {order.dtype.name}{list(order.shape)}; it must be row numbers in one axis, or (epochs, rows)."
        )
    if twice := sorted(columns.keys() & step_inputs.keys()):
        raise InvalidArgument(f"{twice} are columns and step inputs at once.")
    epochs, per_epoch = np.atleast_2d(order).shape
    steps, rest = divmod(per_epoch, batch_size)
    sizes = {*([batch_size] if steps else []), *([rest] if rest else [])}
    if not sizes <= executables.keys():
        raise InvalidArgument(f"no executable for batches of {sorted(sizes - executables.keys())}.")
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ShapeError(f"columns have different numbers of samples: {lengths}.")
    samples = next(iter(lengths.values()), 0)
    if order.size and not 0 <= order.min() <= order.max() < samples:
        raise InvalidArgument(f"`order` must hold rows from 0 to {samples - 1}.")
    for name, values in step_inputs.items():
        if len(values) < (needed := epochs * (steps + bool(rest))):
            raise InvalidArgument(f"step input `{name}` has {len(values)} rows, needs {needed}.")
    for rows in sorted(sizes):
        _check_feeds(executables[rows].graph, rows, columns, step_inputs)


def _check_feeds(
    graph: Graph,
    rows: int,
    columns: Mapping[str, np.ndarray],
    step_inputs: Mapping[str, np.ndarray],
) -> None:
    """Every input of a batch is fed once, by rows or by steps of its shape and dtype."""
    shapes = {name: (rows, *column.shape[1:]) for name, column in columns.items()}
    shapes |= {name: values.shape[1:] for name, values in step_inputs.items()}
    given = {**columns, **step_inputs}
    for name, spec in graph.inputs.items():
        if name not in given or shapes[name] != spec.shape or given[name].dtype != spec.dtype:
            break
    else:
        if len(given) == len(graph.inputs):
            return
    check_inputs(  # says what is wrong
        graph,
        {name: np.broadcast_to(np.empty((), given[name].dtype), shapes[name]) for name in shapes},
    )


def check_guard(graph: Graph, guard: Iterable[str]) -> None:
    """Raise `InvalidArgument` unless the guard names float scalars among the outputs."""
    for name in guard:
        if name not in graph.outputs:
            raise InvalidArgument(f"`guard` names `{name}`, which is not an output.")
        spec = graph.nodes[graph.outputs[name]].spec
        if spec.shape != () or not spec.is_float:
            raise InvalidArgument(f"`guard` names `{name}` ({spec}); it must be a float scalar.")
