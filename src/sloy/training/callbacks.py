"""Callbacks: what watches a training run, and may stop it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isfinite, isnan
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sloy.arguments import file_to_write
from sloy.files.atomic import write_atomically
from sloy.options import check_options, integer_option, option, real_option
from sloy.training.history import Row, check_measured
from sloy.training.run import Batch, Callback, Progress, Run, State

__all__ = ["Batch", "CSVLog", "Callback", "EarlyStopping", "Progress", "TimeLimit"]


@dataclass
class BestKept(Callback):
    """Gives the model, at the end, the weights that were kept."""

    _weights: dict[str, np.ndarray] = field(default_factory=dict, init=False, repr=False)

    def on_fit_end(self, run: Run) -> None:
        """Write them."""
        for name, value in self._weights.items():
            run.weights.write(name, value)

    def state(self) -> State:
        """The weights."""
        return {f"weights/{name}": value for name, value in self._weights.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take what `state` returned."""
        self._weights = {
            name.removeprefix("weights/"): np.array(value)
            for name, value in state.items()
            if name.startswith("weights/")
        }


@dataclass
class TimeLimit(Callback):
    """Stop after an epoch where another as long as those before would end after a time.

    Parameters
    ----------
    seconds : float
        Above 0, of all epochs together; a resumed run has what is left.
    """

    seconds: float = real_option(60.0, above=0)

    def __post_init__(self) -> None:
        check_options("TimeLimit", self)

    def on_epoch_end(self, run: Run, row: Row) -> bool:
        """Compare what the epochs took, and would take with one more."""
        gone = [float(one["seconds"]) for one in run.history.rows]
        return sum(gone) + sum(gone) / len(gone) > self.seconds


@dataclass
class EarlyStopping(BestKept):
    """Stop when a quantity has not improved for a number of epochs.

    Parameters
    ----------
    monitor : str
        A column of the history.
    patience : int
        Stop after this many epochs in a row without improvement, at least 1. Where the schedule goes in cycles
        (`CosLog`), the run stops only at the end of one that brought no improvement: before it the rate was high.
    min_delta : float
        An improvement smaller than this does not count.
    restore_best : bool
        At the end give the model the weights of its best epoch.
    mode : "auto", "min" or "max"
        Whether less or more is better; "auto" takes more for metrics that say so
        (`Metric.larger_is_better`), else less.

    References
    ----------
    .. [1] L. Prechelt, "Early stopping — but when?", Neural Networks: Tricks of the Trade, 1998.
    """

    monitor: str = option("val_loss", kind="text")
    patience: int = integer_option(5)
    min_delta: float = real_option(0.0, least=0)
    restore_best: bool = option(True, kind="flag")
    mode: Literal["auto", "min", "max"] = option(
        "auto", kind="text", choices=("auto", "min", "max")
    )
    best: float = field(default=inf, init=False)
    best_epoch: int = field(default=0, init=False)
    _more_is_better: bool = field(default=False, init=False, repr=False)
    _wait: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        check_options("EarlyStopping", self)

    def on_fit_begin(self, run: Run) -> bool:
        """Begin afresh, or, in a resumed run, stop at once where patience was already over."""
        check_measured("EarlyStopping", self.monitor, run.columns)
        auto = self.mode == "auto" and self.monitor in run.rising
        self._more_is_better = auto or self.mode == "max"
        if not len(run.history):
            self.best, self.best_epoch, self._wait, self._weights = inf, 0, 0, {}
        return self._over(run, run.epoch)

    def on_epoch_end(self, run: Run, row: Row) -> bool:
        """Compare with the best so far."""
        value = float(row[self.monitor])
        if not isnan(value) and (
            not self.best_epoch or self._signed(value) < self._signed(self.best) - self.min_delta
        ):
            self.best, self.best_epoch, self._wait = value, int(row["epoch"]), 0
            if self.restore_best:
                self._weights = {n: v.copy() for n, v in run.weights.items()}
        else:
            self._wait += 1
        return self._over(run, int(row["epoch"]))

    def _over(self, run: Run, epoch: int) -> bool:
        if run.cycle_ends:
            return self._wait >= self.patience and cycle_was_vain(run, epoch, self.best_epoch)
        return self._wait >= self.patience

    def state(self) -> State:
        """The best value, its epoch and weights, and the epochs since."""
        best = self.best if isfinite(self.best) else None
        own = {"best": best, "best_epoch": self.best_epoch, "wait": self._wait}
        return {**own, **super().state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take what `state` returned."""
        self.best = inf if state["best"] is None else float(state["best"])
        self.best_epoch, self._wait = int(state["best_epoch"]), int(state["wait"])
        super().restore(state)

    def _signed(self, value: float) -> float:
        return -value if self._more_is_better else value


def cycle_was_vain(run: Run, epoch: int, best_epoch: int) -> bool:
    """Whether a cycle of the schedule ends with this epoch, after another one, and the best epoch is before it."""
    ends = run.cycle_ends
    if epoch not in ends[1:]:
        return False
    return best_epoch <= ends[ends.index(epoch) - 1]


@dataclass
class CSVLog(Callback):
    """Write the history to a CSV file after every epoch; a reader never sees half a file.

    Parameters
    ----------
    path : str or Path
    seconds : float
        Pass over an epoch when the last writing is younger than this; the end of the run is always written.
    """

    path: str | Path
    seconds: float = real_option(0.0, least=0)
    _written: float = field(default=-inf, init=False, repr=False)
    _pending: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        file_to_write("CSVLog", "path", self.path)
        check_options("CSVLog", self)

    def on_epoch_end(self, run: Run, row: Row) -> None:
        """Write the whole table anew, `row` included."""
        self._pending = True
        if time.monotonic() - self._written >= self.seconds:
            self._write(run)

    def on_fit_end(self, run: Run) -> None:
        """Write what was passed over."""
        if self._pending:
            self._write(run)

    def _write(self, run: Run) -> None:
        if run.leads:
            write_atomically(Path(self.path), run.history.to_csv().encode())
        self._written, self._pending = time.monotonic(), False
