"""Running over rows that are no arrays, sparse ones or those of a stream: some steps' rows at a time are made arrays.

Those of the steps that follow are made by a thread meanwhile. Of several processes each reads its share of every batch,
and gets the rest from the others.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from math import prod

import numpy as np

from sloy.engines.base import (
    POLL_SECONDS,
    BatchRun,
    Engine,
    Executable,
    Poll,
    Status,
)
from sloy.engines.processes import Processes

PIECE_BYTES = 1 << 24  # of rows that are made arrays together; a step at least
PIECES = 32  # of an epoch at least, as far as there are steps: none is computed with while the first is made
AHEAD = 2  # pieces that are made while one is computed with
FAILED = 2  # a piece could not be made

Arrays = dict[str, np.ndarray]


def are_arrays(columns: Mapping[str, np.ndarray]) -> bool:
    """Whether all columns are arrays."""
    return all(isinstance(column, np.ndarray) for column in columns.values())


def run_in_pieces(
    engine: Engine,
    executables: Mapping[int, Executable],
    columns: Mapping[str, np.ndarray],
    order: np.ndarray,
    batch_size: int,
    step_inputs: Mapping[str, np.ndarray],
    poll: Poll | None = None,
) -> BatchRun:
    """What `Engine.run_batches` gives, by calls of it with arrays alone."""
    record = _Record(executables, poll)
    shares = Shares(engine.processes, batch_size)
    with _Ahead(columns, _pieces(columns, order, batch_size), shares) as ahead:
        while ahead:
            rows, some = ahead.next(record)
            if record.error is not None:
                return record.end("interrupted", ahead.waited)
            steps = -(-len(rows) // batch_size)
            inputs = {n: v[record.done : record.done + steps] for n, v in step_inputs.items()}
            within = record.poll_within
            order = np.arange(len(rows))
            run = engine.run_batches(executables, some, order, batch_size, inputs, within)
            record.add(run)
            if run.status != "done":
                return record.end(run.status, ahead.waited)
    return record.end("done", ahead.waited)


@dataclass(frozen=True)
class Shares:
    """Which rows of an order that begins with a batch each process reads: as many of each batch.

    Parameters
    ----------
    processes : Processes
    batch_size : int
    """

    processes: Processes
    batch_size: int

    def own(self, rows: np.ndarray) -> np.ndarray:
        """Those of this process."""
        return rows[self._readers(len(rows)) == self.processes.rank]

    def whole(self, own: np.ndarray, count: int) -> np.ndarray:
        """The `count` rows in their order, of which this process has read its own (n, …)."""
        count_of = self.processes.count
        if count_of == 1:
            return own
        readers = self._readers(count)
        most = int(np.bincount(readers, minlength=count_of).max())
        padded = np.zeros((most, *own.shape[1:]), own.dtype)
        padded[: len(own)] = own
        place = np.empty(count, np.int64)
        for rank in range(count_of):
            of_rank = np.flatnonzero(readers == rank)
            place[of_rank] = rank * most + np.arange(len(of_rank))
        return self.processes.gathered(padded)[place]

    def _readers(self, count: int) -> np.ndarray:
        return np.arange(count) % self.batch_size * self.processes.count // self.batch_size


def _pieces(
    columns: Mapping[str, np.ndarray], order: np.ndarray, batch_size: int
) -> Iterator[np.ndarray]:
    """Rows of some steps together."""
    sample = sum(prod(column.shape[1:]) * column.dtype.itemsize for column in columns.values())
    together = max(1, PIECE_BYTES // max(1, sample * batch_size)) * batch_size  # rows
    epochs = np.atleast_2d(order)
    share = -(-epochs.shape[1] // (PIECES * batch_size)) * batch_size
    together = max(batch_size, min(together, share))
    for epoch in epochs:
        for first in range(0, len(epoch), together):
            yield epoch[first : first + together]


class _Ahead:
    """Pieces as arrays, made in a thread before they are needed; false when there are no more."""

    def __init__(
        self, columns: Mapping[str, np.ndarray], pieces: Iterable[np.ndarray], shares: Shares
    ) -> None:
        self._columns, self._shares = columns, shares
        self._pieces = iter(pieces)
        self._made: deque[Future[tuple[np.ndarray, Arrays]]] = deque()
        self._pool = ThreadPoolExecutor(1, "reading")
        self.waited = 0.0

    def __enter__(self) -> _Ahead:
        self._begin(AHEAD)
        return self

    def __exit__(self, *raised: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __bool__(self) -> bool:
        return bool(self._made)

    def next(self, record: _Record) -> tuple[np.ndarray, Arrays]:
        """The rows of the next piece, and its arrays; none of them where `poll` raised while they were waited for."""
        began, future = time.perf_counter(), self._made.popleft()
        while record.error is None and not self._is_made(future):
            record.poll()
        if record.error is None:
            self._begin(1)
        rows, arrays = (np.empty(0, np.int64), Arrays()) if record.error else future.result()
        for name in arrays.keys() & self._read:
            arrays[name] = self._shares.whole(arrays[name], len(rows))
        self.waited += time.perf_counter() - began
        return rows, arrays

    def _is_made(self, future: Future[tuple[np.ndarray, Arrays]]) -> bool:
        """Whether a piece is there within a while, in all processes; raises where one of them could not make it."""
        made = wait_for([future], POLL_SECONDS).done
        failed = bool(made) and future.exception() is not None
        processes = self._shares.processes
        found = processes.largest(FAILED if failed else not made)
        if found == FAILED and not failed:
            processes.blame()
        return failed or not found

    def _begin(self, count: int) -> None:
        for _, rows in zip(range(count), self._pieces, strict=False):  # never one too many
            self._made.append(self._pool.submit(self._arrays, rows))

    def _arrays(self, rows: np.ndarray) -> tuple[np.ndarray, Arrays]:
        own = self._shares.own(rows)
        read = self._read
        return rows, {n: c[own if n in read else rows] for n, c in self._columns.items()}

    @property
    def _read(self) -> set[str]:
        """The columns that are no arrays."""
        return {n for n, column in self._columns.items() if not isinstance(column, np.ndarray)}


class _Record:
    """What the pieces gave so far."""

    def __init__(self, executables: Mapping[int, Executable], poll: Poll | None) -> None:
        self._graph = next(iter(executables.values())).graph if executables else None
        self._poll = poll
        self._runs: list[BatchRun] = []
        self._started = time.perf_counter()
        self.done = 0
        self.error: BaseException | None = None

    @property
    def poll_within(self) -> Poll | None:
        """What the engine asks within a piece."""
        return None if self._poll is None else self._ask

    def poll(self) -> None:
        """Ask between two pieces; what is raised is kept."""
        try:
            self._ask(0, {})
        except BaseException as error:
            self.error = error

    def add(self, run: BatchRun) -> None:
        """A piece that was computed."""
        self._runs.append(run)
        self.done += run.steps
        self.error = run.error

    def end(self, status: Status, waited: float) -> BatchRun:
        """All of it."""
        seconds = time.perf_counter() - self._started
        names = self._runs[0].outputs if self._runs else self._outputs
        outputs = {name: self._joined(name, []) for name in names}
        return BatchRun(status, self.done, outputs, seconds, self.error, waited)

    def _ask(self, steps: int, scalars: Mapping[str, np.ndarray]) -> None:
        if self._poll is None:
            return
        names = list(scalars) or [name for name, shape in self._outputs.items() if shape == ()]
        self._poll(
            self.done + steps,
            {
                name: self._joined(name, [scalars[name]] if name in scalars else [])
                for name in names
            },
        )

    @property
    def _outputs(self) -> dict[str, tuple[int, ...]]:
        """The outputs and their shapes."""
        graph = self._graph
        if graph is None:
            return {}
        return {name: graph.nodes[number].spec.shape for name, number in graph.outputs.items()}

    def _joined(self, name: str, last: list[np.ndarray]) -> np.ndarray:
        parts = [*(run.outputs[name] for run in self._runs), *last]
        if parts:
            return np.concatenate(parts)
        assert self._graph is not None
        spec = self._graph.nodes[self._graph.outputs[name]].spec
        return np.zeros((0, *spec.shape[1:]), spec.dtype)
