"""Processes that run one program together: each makes the same calls, and what could differ is agreed."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


class Processes:
    """The processes of a run, as one of them sees them; by itself, this one alone.

    The methods that agree are called by all of them, in the same order.

    Attributes
    ----------
    count : int
        How many there are.
    rank : int
        The number of this one, from 0, which leads.
    """

    count = 1
    rank = 0

    @property
    def leads(self) -> bool:
        """Whether this one writes files and shows what happens."""
        return self.rank == 0

    def largest(self, value: float) -> float:
        """The largest of what they give."""
        return value

    def of_leader(self, value: Any) -> Any:
        """What the leader gives, a JSON value; that of the others is not looked at."""
        return value

    def array_of_leader(self, array: np.ndarray) -> np.ndarray:
        """What the leader gives, an array; the others give one of its shape and dtype."""
        return array

    def gathered(self, rows: np.ndarray) -> np.ndarray:
        """The rows (n, …) of all of them, one process after another; each gives as many."""
        return rows

    def ended(self, error: BaseException) -> None:
        """Tell the others that this one cannot go on."""

    def end_together(self) -> None:
        """From here on all of them end, as was agreed: none takes the end of another for a failure."""

    def blame(self) -> None:
        """Where something they do together failed: raise `LostProcess` if another one is the reason."""


ONE = Processes()
_RUNNING: list[Processes] = [ONE]  # the last is that of now; a process belongs to one run


def here() -> Processes:
    """The processes that this one runs with, see `sloy.engines.distributed`; alone where it runs with none."""
    return _RUNNING[-1]


def enter(processes: Processes) -> None:
    """Run with others from now on."""
    _RUNNING.append(processes)


def leave() -> None:
    """Run alone again."""
    _RUNNING.pop()


_SEVERED: list[object] = []  # what connects to processes that are not waited for


def sever(kept: object) -> None:
    """Go on without the others, which may be gone: what connects to them is kept, as freeing it would wait for them."""
    _SEVERED.append(kept)
    atexit.register(
        end_at_once, 1
    )  # in place of what libraries do at the end, which is to wait for them too


def end_at_once(code: int) -> None:
    """End this process where it was severed from others; nothing else."""
    if _SEVERED:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)


def numbered(ranks: Sequence[int], count: int) -> str:
    """ "process 3 of 4", "processes 1 and 3 of 4": numbered from 0."""
    *most, last = map(str, ranks)
    numbers = f"{', '.join(most)} and {last}" if most else last
    return f"process{'es' if most else ''} {numbers} of {count}"


_LAUNCHERS = {  # how many processes they started, and the number of this one
    "SLURM": ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
    "Open MPI": ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    "MPI": ("PMI_SIZE", "PMI_RANK"),
}


def started_with(environment: Mapping[str, str]) -> str | None:
    """Which one of how many processes of a launcher this is, in words; None where it is alone."""
    for launcher, (size, rank) in _LAUNCHERS.items():
        count, own = environment.get(size, ""), environment.get(rank, "")
        if count.isdecimal() and own.isdecimal() and int(count) > 1:
            return f"{numbered([int(own)], int(count))} that {launcher} has started"
    return None
