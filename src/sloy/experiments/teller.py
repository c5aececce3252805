"""`Teller`: the events of a run, and what is known of it when it is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sloy.experiments.events import (
    Counted,
    EpochBegan,
    EpochEnded,
    Event,
    FitBegan,
    FitEnded,
    Listener,
    Progressed,
)
from sloy.training.callbacks import Callback, EarlyStopping, Progress
from sloy.training.history import History, Row
from sloy.training.members import MemberStopping
from sloy.training.run import Run


class Teller(Callback):
    """Tells a run's events; a listener that raises is told no more, and stops the run, which is saved before.

    Parameters
    ----------
    tell : Listener
    begin : callable
        Called once all is checked, before the first step of the first stage; gives what is to be told of it.
    """

    def __init__(self, tell: Listener, begin: Callable[[], Sequence[Event]]) -> None:
        self._tell = tell
        self._begin: Callable[[], Sequence[Event]] | None = begin
        self._raised: BaseException | None = None
        self._stopping: EarlyStopping | MemberStopping | None = None
        self._epochs = 0
        self.waited = self.trained = 0.0

    @property
    def by_members(self) -> bool:
        """Whether each member kept an epoch of its own."""
        return isinstance(self._stopping, MemberStopping)

    def kept(self, history: History) -> tuple[int, ...]:
        """The epochs whose weights are kept: one, or that of each member; none where no epoch was chosen."""
        found, before = self._stopping, len(history) - self._epochs
        if isinstance(found, MemberStopping):
            return tuple(before + int(epoch) for epoch in found.best_epochs)
        return (before + found.best_epoch,) if found is not None and found.best_epoch else ()

    def best(self, history: History) -> tuple[int, float] | None:
        """The epoch whose weights are kept, counted over the whole history, and its validation loss.

        Of members the last of theirs, and the mean of their losses.
        """
        if self._stopping is None or not (kept := self.kept(history)):
            return None
        return max(kept), float(np.mean(self._stopping.best))

    def _stops(self, event: Event) -> bool:
        """Tell an event; whether the run is to stop."""
        if self._raised is None:
            try:
                self._tell(event)
            except BaseException as error:
                self._raised = error
        return self._raised is not None

    def on_count(self, what: str, done: int, total: int) -> None:
        self._tell(Counted(what, done, total))  # no run is there yet that could be saved

    def on_fit_begin(self, run: Run) -> bool:
        if self._begin is not None:
            begin, self._begin = self._begin, None
            for event in begin():
                self._stops(event)
        return self._stops(FitBegan(run.epochs, run.samples, tuple(run.history.rows)))

    def on_epoch_begin(self, run: Run, epoch: int) -> None:
        self._stops(
            EpochBegan(epoch)
        )  # a run that is stopped here is not saved: the next step does

    def on_progress(self, run: Run, progress: Progress) -> bool:
        return self._stops(Progressed(progress))

    def on_epoch_end(self, run: Run, row: Row) -> bool:
        self.trained += float(row["seconds"])
        return self._stops(EpochEnded(row, run.epochs))

    def on_fit_end(self, run: Run) -> None:
        self._stopping = next(
            (c for c in run.callbacks if isinstance(c, EarlyStopping | MemberStopping)), None
        )
        self._epochs = len(run.history)
        self.waited += run.waited
        self._stops(FitEnded(run.waited))
        if self._raised is not None:
            raise self._raised
