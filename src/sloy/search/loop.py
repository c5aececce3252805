"""The one loop of a search: trials are asked for, started, heard, and told to the study."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sloy import text
from sloy.errors import InUse, InvalidArgument, InvalidOption, NotAvailable
from sloy.experiments.events import Event, Listener
from sloy.experiments.run_folder import CHECKPOINT
from sloy.search.folder import JOURNAL, SearchFolder
from sloy.search.pruners import EPOCHS
from sloy.search.space import Space, in_words, put
from sloy.search.storage import storage_of, without_password
from sloy.search.study import COMPLETE, DATA, FAILED, Study, reading
from sloy.search.workers import Task, Worker, Workers
from sloy.training.checkpoint import Store

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

ATTEMPTS = 3  # of processes to run a trial, without an epoch more between
PATIENCE = 20.0  # seconds that a process which still saves a trial has, until that is taken up
LOOK = 0.5  # seconds between two looks at it


@dataclass(frozen=True)
class Limits:
    """How far a search goes.

    Attributes
    ----------
    trials : int
        All together.
    seconds : float, optional
        Of this call.
    workers : int
        Side by side.
    """

    trials: int
    seconds: float | None = None
    workers: int = 1


@dataclass(frozen=True, eq=False)
class SearchBegan(Event):
    """Trials are about to begin, or to go on.

    Attributes
    ----------
    folder : Path
    space : Space
    done, trials : int
        That have ended, and that there are to be.
    workers, threads : int
        Side by side, and of each.
    """

    folder: Path
    space: Space
    done: int
    trials: int
    workers: int
    threads: int

    def __str__(self) -> str:
        varied = ", ".join(self.space)
        done = f", {self.done} of them done" if self.done else ""
        side = f"{self.workers} at a time, {text.many(self.threads, 'thread')} each"
        return text.fields(
            [
                ("search", f"{text.many(self.trials, 'trial')}{done}; {side}"),
                ("varied", text.visible(varied)),
                ("folder", text.visible(self.folder)),
            ]
        )


@dataclass(frozen=True, eq=False)
class TrialEnded(Event):
    """A trial is complete, pruned, diverged or failed.

    Attributes
    ----------
    number : int
    chosen : mapping
        Path → value.
    ended : "complete", "pruned", "diverged" or "failed"
    why : str
        Of those that diverged or failed.
    value : float
        Of its metric; of one that is not complete its best epoch's, or NaN.
    epochs : int
        That were done.
    best : (int, float) or None
        Number and value of the best so far.
    """

    number: int
    chosen: Mapping[str, Any]
    ended: str
    why: str
    value: float
    epochs: int
    best: tuple[int, float] | None

    def __str__(self) -> str:
        said = f"trial {self.number:<4} {self.ended:<9} {text.number(self.value):>10}"
        said += f"  {text.many(self.epochs, 'epoch')}  {in_words(self.chosen)}"
        if self.best is not None and self.best[0] == self.number and self.ended == COMPLETE:
            said += "  (the best so far)"
        return said + (f"\n           {text.visible(self.why)}" if self.why else "")


def known_study(folder: SearchFolder, *, several: bool) -> Study:
    """The study of a search, begun or to begin; `FileFormatError` where its storage holds something else."""
    with reading(without_password(folder.storage) if folder.storage else folder.path / JOURNAL):
        storage = storage_of(folder.storage, folder.path / JOURNAL)
        study = Study(storage, folder.study, folder.settings.document(), several=several)
        study.check()
        return study


class Search:
    """A search while it runs.

    Parameters
    ----------
    folder : SearchFolder
    limits : Limits
    tell : callable
        Told of `TrialEnded`.
    """

    def __init__(self, folder: SearchFolder, limits: Limits, tell: Listener) -> None:
        self.folder, self.settings, self.limits, self._tell = folder, folder.settings, limits, tell
        self.count = limits.workers
        self.study = known_study(folder, several=self.count > 1 or folder.storage is not None)
        self._workers = Workers()
        self._chosen: dict[int, Mapping[str, Any]] = {}
        self._failures: dict[int, tuple[int, int]] = {}  # trial → epochs told, attempts since

    def run(self) -> None:
        """Until all trials have ended, or the time is over; those that run then are saved."""
        self._tell(
            SearchBegan(
                self.folder.path,
                self.settings.space,
                len(self.study.ended()),
                self.limits.trials,
                self.count,
                self.folder.threads,
            )
        )
        until = None if self.limits.seconds is None else time.monotonic() + self.limits.seconds
        try:
            while until is None or time.monotonic() < until:
                self._start()
                if not self._workers.busy and not self.study.has_unowned():
                    return
                left = LOOK if until is None else min(LOOK, until - time.monotonic())
                for worker in self._workers.ready(left):
                    for message in worker.lines():
                        self._hear(worker, message)
                    if worker.gone:
                        self._workers.forget(worker)
        finally:
            self._workers.stop()

    def _start(self) -> None:
        """Begin, or take up, as many trials as there is place for."""
        while self._workers.busy < self.count:
            found = self.study.taken_up(self.settings.space)
            if found is None:
                full = len(self.study.trials()) >= self.limits.trials
                if full or self.study.has_unowned():  # which may have to be taken up before
                    return
                found = self.study.asked(self.settings.space)
            trial, chosen = found
            self._chosen[trial.number] = chosen
            self._workers.begin(Task(trial, self._question(trial.number, chosen)))

    def _question(self, number: int, chosen: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "words": self.words(chosen),
            "folder": str(self.folder.trial(number).path.absolute()),
            "engine": self.folder.engine,
            "threads": self.folder.threads,
            "metric": self.settings.metric,
        }

    def chosen(self, trial: FrozenTrial) -> Mapping[str, Any]:
        """What a trial was given, path by path."""
        return self.study.chosen(self.settings.space, trial)

    def words(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """The options of a trial's experiment."""
        words = dict(self.settings.words)
        for path, value in chosen.items():
            words = put(words, path, value)
        return words

    def _hear(self, worker: Worker, message: dict[str, Any]) -> None:
        task = worker.task
        if task is None:
            return
        match message:
            case {"data": data, "epochs": epochs}:
                task.epochs = epochs
                self.study.note(task.trial, EPOCHS, epochs)
                self._check_data(task.trial, data)
            case {"rows": rows}:
                task.told = rows[-1][0]
                worker.answer({"prune": self.study.report(task.trial, rows)})
            case _:
                worker.task = None
                self._end(task, message)

    def _end(self, task: Task, message: Mapping[str, Any]) -> None:
        ended, why = str(message["ended"]), str(message.get("why", ""))
        if ended == "killed":
            ended = FAILED if self._is_hopeless(task) else ended
        if ended == "in use":  # by a process that still saves what it has
            task.waited += LOOK
            if task.waited > PATIENCE:
                raise InUse(why)
            time.sleep(LOOK)
        if ended in ("killed", "in use"):
            self._workers.begin(replace(task, told=0))
            return
        first = not any(one.state.name != "FAIL" for one in self.study.ended())
        if ended == COMPLETE:
            self.study.complete(task.trial, message, task.epochs)
        else:
            self.study.end(task.trial, ended, why)
        self._ended(task, ended, why)
        if ended == FAILED and first:  # all would
            raise (InvalidOption if message.get("of_options") else NotAvailable)(why)

    def _is_hopeless(self, task: Task) -> bool:
        """Whether the processes of a trial die again and again at one place."""
        epochs, attempts = self._failures.get(task.trial.number, (-1, 0))
        attempts = attempts + 1 if task.told <= epochs else 1
        self._failures[task.trial.number] = max(task.told, epochs), attempts
        return attempts >= ATTEMPTS

    def _ended(self, task: Task, ended: str, why: str) -> None:
        number = task.trial.number
        best = self.study.best()
        is_best = best is not None and best.number == number
        for one in self.study.ended() if is_best else [self.study.trials()[number]]:
            if best is None or one.number != best.number:  # the best may be gone on with
                Store(self.folder.trial(one.number) / CHECKPOINT).clear()
        value = self.study.value(self.study.trials()[number])
        found = None if best is None else (best.number, self.study.value(best))
        chosen = self._chosen[number]
        self._tell(TrialEnded(number, chosen, ended, why, value, task.told, found))

    def _check_data(self, trial: FrozenTrial, data: str) -> None:
        """Raise where the data are others than those of the trials before."""
        known = (one.user_attrs[DATA] for one in self.study.trials() if DATA in one.user_attrs)
        if (first := next(known, None)) is None:
            self.study.note(trial, DATA, data)
        elif first != data:
            raise InvalidArgument(
                f"tune: {self.settings.words['data']} has changed since the search began: trials could not be compared."
                " Begin another search."
            )
