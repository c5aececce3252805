"""What went wrong in a run of an experiment: as it was written while it ran, or found by running it again in memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sloy import text
from sloy.arguments import flag, function, real
from sloy.diagnosis import Report
from sloy.diagnosis.trial import Trier
from sloy.engines import Engine
from sloy.errors import FileFormatError, InvalidArgument, NonFiniteError
from sloy.experiments.events import Listener
from sloy.experiments.experiment import Experiment
from sloy.experiments.fitting import training_of, watch_of
from sloy.experiments.opening import opened
from sloy.experiments.run_folder import CHECKPOINT, DIAGNOSIS, RunFolder
from sloy.files.documents import read_document
from sloy.text import reason
from sloy.training.callbacks import Progress
from sloy.training.checkpoint import Snapshot, Store
from sloy.training.run import Callback, Run

AGAIN = 30.0  # seconds of a run that are run again, where nothing else is said
FURTHER = 64  # steps after a checkpoint of a run that ended early, in search of what ended it


@dataclass(frozen=True)
class Found:
    """What went wrong in a run.

    Attributes
    ----------
    report : Report
    source : str
        Where it is from, in words.
    """

    report: Report
    source: str


def diagnose(
    folder: str | Path,
    *,
    try_remedies: bool = False,
    seconds: float | None = None,
    engine: str | Engine = "auto",
    threads: int = 0,
    command: Callable[[Experiment, Mapping[str, Any]], str] = lambda experiment, change: "",
    listener: Listener = lambda event: None,
) -> Found:
    """What went wrong in a run, finished, interrupted or failed; its folder is only read.

    Where the run was watched, that is what it wrote. Else it is run again in memory, from its start and to the same
    bits, as far as the time allows, and looked at once more where its checkpoint stands.

    Parameters
    ----------
    folder : path
    try_remedies : bool
        Whether remedies are tried, by forks of the run.
    seconds : float, optional
        What running again and trying may take, each; 30 by default.
    engine, threads
        See `sloy.engines.engine`.
    command : callable
        From the experiment and arguments that are changed to what to run instead.
    listener : callable
        Told of reading the data.

    Raises
    ------
    FileFormatError
        Where the folder holds no run.
    InvalidArgument
        Where it holds those of a cross-validation.
    """
    flag("diagnose", "try_remedies", try_remedies)
    limit = AGAIN if seconds is None else real("diagnose", "seconds", seconds, above=0)
    function("diagnose", "listener", listener)
    run = RunFolder.to_read(folder)
    if run.within:
        raise InvalidArgument(
            f"{folder}: holds a cross-validation; diagnose one of its runs, such as {run.within[0].path}."
        )
    if (run / DIAGNOSIS).is_file() and not try_remedies:
        return Found(written_report(run / DIAGNOSIS), "written while it ran")
    experiment = run.experiment()
    opening = opened(
        experiment, run.path, engine=engine, threads=threads, tell=listener, resumed=True
    )
    train, start = training_of(opening), opening.start
    at_end = None if start is not None else Store(run / CHECKPOINT).load()
    watch, again = watch_of(opening), _Again(limit, at_end)
    with contextlib.suppress(NonFiniteError):
        train(callbacks=[again, watch])
    report = watch.report
    if try_remedies:
        fixed = () if start is None else ("network", "preprocessing")
        trier = Trier(
            train, watch.evidence, again.now, lambda change: command(experiment, change), fixed
        )
        report = trier.tried(report, limit)
    return Found(report, again.source)


def written_report(path: Path) -> Report:
    """The diagnosis that a run has written; `FileFormatError` where the file is something else."""
    what = "the diagnosis of a run"
    document = read_document(path, Report.SCHEMA, what)
    try:
        return Report.of_json(document)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise FileFormatError(f"{path}: is not {what} ({reason(error)}).") from None


@dataclass
class _Again(Callback):
    """Ends a run that is run again when its time is over, and puts it where the checkpoint of the first one stands."""

    seconds: float
    at_end: Snapshot | None
    now: Snapshot | None = field(default=None, init=False)
    source: str = field(default="", init=False)
    _begun: float = field(default=0.0, init=False)

    def on_fit_begin(self, run: Run) -> None:
        """The time begins."""
        self._begun = time.perf_counter()

    def on_progress(self, run: Run, progress: Progress) -> bool:
        """Whether it is over."""
        return self._over(run)

    def on_epoch_end(self, run: Run, row: Any) -> bool:
        """Whether it is over, or the first run ended here."""
        return self._over(run)

    def _over(self, run: Run) -> bool:
        late = time.perf_counter() - self._begun > self.seconds
        return late or (self.at_end is not None and run.steps_done >= _steps(run, self.at_end))

    def on_fit_end(self, run: Run) -> None:
        """Go to where the first run ended, and a little on where it ended early."""
        done, total = run.steps_done, run.epochs * run.steps
        self.source = f"run again in memory: {text.count(done)} of {text.many(total, 'step')}"
        end = self.at_end
        if end is not None and run.error is None:
            if _steps(run, end) > done:
                run.restore(end)
                self.source += f", and its checkpoint after {run.steps_done}"
            if run.steps_done < total:
                branch = run.fork({}, FURTHER)
                if not branch.finite:
                    run.error = _failed(run, len(branch.losses))
        self.now = run.snapshot()


def _steps(run: Run, snapshot: Snapshot) -> int:
    return snapshot.epoch * run.steps + snapshot.step


def _failed(run: Run, further: int) -> NonFiniteError:
    error = NonFiniteError("the loss or its gradient is NaN or infinite")
    error.epoch, error.step = (n + 1 for n in divmod(run.steps_done + further, run.steps))
    return error
