"""A run of an experiment, from the data to its last file; what happens is told as events, nothing is printed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sloy import inspection, machine, text
from sloy.arguments import flag, function, instance
from sloy.data.streams.rows import StreamRows
from sloy.engines import Engine, processes_of
from sloy.errors import InvalidArgument, InvalidOption
from sloy.experiments.adjusting import adjust
from sloy.experiments.events import (
    Diagnosed,
    Drawn,
    Event,
    Listener,
    Opened,
    Saved,
    Tested,
)
from sloy.experiments.experiment import Experiment
from sloy.experiments.fitting import LOOKS, handwriting_of, is_diagnosed, watch_of, with_reader
from sloy.experiments.folds import CrossValidation, check_shared, folds_of
from sloy.experiments.opening import opened, trained
from sloy.experiments.result import Result
from sloy.experiments.run_folder import DIAGNOSIS, LINEAR, VERSION, RunFolder
from sloy.experiments.sources import Measured
from sloy.experiments.sources.base import untested
from sloy.experiments.teller import Teller
from sloy.machine import versions
from sloy.model import Model
from sloy.model.loading import CONFIGURATION, MODEL
from sloy.training.callbacks import Callback, CSVLog, TimeLimit
from sloy.training.history import History


def run(
    experiment: Experiment,
    folder: str | Path | None = None,
    *,
    engine: str | Engine = "auto",
    threads: int = 0,
    overwrite: bool = False,
    diagnose: bool | None = None,
    tested: bool = True,
    listener: Listener = lambda event: None,
) -> Result:
    """Train on the data, test, and write the run's folder.

    Parameters
    ----------
    experiment : Experiment
    folder : path, optional
        Made where missing; by default ``runs/DATA-DATE-TIME``.
    engine, threads
        See `sloy.engines.engine`.
    overwrite : bool
        Whether a run that is in the folder is replaced.
    diagnose : bool, optional
        Whether it is watched for what goes wrong (`sloy.Diagnosis`); by default where that is cheap beside the run.
    tested : bool
        Whether the model is measured on the test data, and pictures are drawn; `resume` does it later.
    listener : callable
        Called with each `Event`. What it raises stops the run, with a checkpoint, and comes out of here.

    Raises
    ------
    InvalidOption
        Where options do not fit the data.
    InvalidArgument
        Where the folder holds a run already.
    InUse
        Where another process works in the folder.
    KeyboardInterrupt, NonFiniteError
        As of `sloy.fit`; what was done is in the folder, for `resume`.

    Examples
    --------
    >>> import sloy, tempfile
    >>> experiment = sloy.experiments.Experiment.of("mnist", network="mlp", samples=500, epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = sloy.experiments.run(experiment, folder, engine="reference")
    >>> {"test_accuracy", "test_auc", "test_loss", "test_mistakes"} <= set(result.measured.figures)
    True
    """
    instance("run", "experiment", experiment, Experiment)
    function("run", "listener", listener)
    flag("run", "overwrite", overwrite)
    flag("run", "tested", tested)
    processes, name = processes_of(engine), experiment.source.name
    check_shared(experiment, processes)
    how = _How(engine, threads, diagnose, tested)
    with RunFolder.new(folder, name, overwrite=overwrite, processes=processes) as opened:
        return _begun(experiment, opened, how, listener, resumed=False)


def resume(
    folder: str | Path,
    *,
    engine: str | Engine = "auto",
    threads: int = 0,
    diagnose: bool | None = None,
    tested: bool = True,
    listener: Listener = lambda event: None,
    **words: Any,
) -> Result:
    """Go on with a run from its last checkpoint, to the very bytes that an uninterrupted one gives.

    Parameters
    ----------
    folder : path
    engine, threads, diagnose, tested, listener
        As of `run`.
    **words
        Options as of `Experiment.of`, and ``data``; all but `epochs` must be those of the run.

    Raises
    ------
    FileFormatError
        Where the folder holds no run, or one of an older version.
    InUse
        Where another process works in the folder.
    """
    function("resume", "listener", listener)
    processes = processes_of(engine)
    with RunFolder.existing(folder, processes) as opened:
        experiment = opened.experiment(processes)
        check_shared(experiment, processes)
        experiment.check_same(words)
        if "epochs" in words:
            if folds_of(experiment):
                raise InvalidOption("`epochs`: the runs of `folds` that are done have theirs.")
            experiment = replace(experiment, given={**experiment.given, "epochs": words["epochs"]})
        how = _How(engine, threads, diagnose, tested)
        return _begun(experiment, opened, how, listener, resumed=True)


@dataclass(frozen=True)
class _How:
    """What of a run is no part of its experiment, see `run`."""

    engine: str | Engine
    threads: int
    diagnose: bool | None
    tested: bool


def _begun(
    experiment: Experiment,
    folder: RunFolder,
    how: _How,
    listener: Listener,
    *,
    resumed: bool,
) -> Result:
    """One run, or those of a cross-validation."""

    def train(one: Experiment, into: RunFolder, tell: Listener, again: bool) -> Result:
        return _Running(one, into, how, tell).run(resumed=again)

    def train_fold(one: Experiment, into: RunFolder, tell: Listener, again: bool) -> Result:
        with into.alone():
            return train(one, into, tell, again)

    if folds_of(experiment):
        try:
            return CrossValidation(experiment, folder, listener, train_fold).run(resumed=resumed)
        except InvalidArgument:
            if not resumed and not folder.saved:  # nothing has begun
                folder.begin()
            raise
    return train(experiment, folder, listener, resumed)


@dataclass
class _Running:
    """A run while it runs."""

    experiment: Experiment
    folder: RunFolder
    how: _How
    tell: Listener
    best: tuple[int, float] | None = field(default=None, init=False)
    waited: float = field(default=0.0, init=False)  # seconds for samples of a stream
    trained: float = field(default=0.0, init=False)  # seconds of training in this process
    kept: tuple[int, ...] = field(default=(), init=False)  # epochs whose weights the model has
    members: bool = field(default=False, init=False)  # whether these are those of members

    def run(self, *, resumed: bool) -> Result:
        """All of it, from the data to the last picture."""
        opening = self._opening(resumed=resumed)
        if not resumed:
            self.tell(opening)
        model, history = self._fit(opening, resumed=resumed)
        model, adjusted = adjust(self.experiment, opening.loaded, model)
        model = with_reader(model, opening.loaded)
        self._save(model, MODEL)
        measured = self._measured(model, opening)
        if self.how.tested and opening.loaded.test is not None:
            measured = adjusted.told(model, opening.loaded.test, measured)
        summary = self._summary(opening, history, measured)
        self._write("history.csv", history.to_csv())
        if self.how.tested:
            for name, content in self.experiment.source.files(opening.loaded, measured).items():
                self._write(name, content)
        self._write_json("summary.json", {**summary, "history": history.rows})
        self.tell(Tested(measured, summary))
        if (known := handwriting_of(model, opening.loaded)) is not None:
            model.familiar = known
            self._save(model, MODEL)
        if self.how.tested:
            self._draw(opening, model, history, measured)
        return Result(model, history, measured, summary, self.folder.path)

    def _simpler(self, opening: Opened) -> Model | None:
        """What the model is compared with, saved beside it."""
        found = self.experiment.source.simpler(opening.loaded, opening.engine)
        if found is not None:
            found = with_reader(found, opening.loaded)
            self._save(found, LINEAR)
        return found

    def _measured(self, model: Model, opening: Opened) -> Measured:
        """How good the model is on what was kept apart to test on, beside a simpler one."""
        loaded, share = opening.loaded, self.experiment.validation
        simpler = self._simpler(opening) if self.how.tested else None
        if loaded.test is None or not self.how.tested:
            return untested(loaded.trained_on(share), loaded.held_out(share))
        return self.experiment.source.measure(model, loaded.test, loaded, simpler)

    def _opening(self, *, resumed: bool) -> Opened:
        """Read the data, choose what suits them, and foresee what it takes."""
        opening = opened(
            self.experiment,
            self.folder.path,
            engine=self.how.engine,
            threads=self.how.threads,
            tell=self.tell,
            resumed=resumed,
            diagnose=self.how.diagnose,
        )
        self.experiment = opening.experiment
        return opening

    def _fit(self, opening: Opened, *, resumed: bool) -> tuple[Model, History]:

        def begin() -> list[Event]:  # what is refused before writes and removes nothing
            if not resumed:
                self.folder.begin()
            self.folder.write(CONFIGURATION, text.as_json(self._configuration(opening.engine)))
            saved = Saved(self.folder / CONFIGURATION)
            # A resumed run may be refused until now.
            return [opening, saved] if resumed else [saved]

        teller = Teller(self.tell, begin)
        log = CSVLog(self.folder / "history.csv", seconds=1)
        callbacks: list[Callback] = [log, teller]
        if (seconds := getattr(self.experiment.source, "time", None)) is not None:
            callbacks.append(TimeLimit(seconds))
        watched = is_diagnosed(self.how.diagnose, opening)
        watch = watch_of(opening, least=LOOKS) if watched else None
        callbacks += [watch] if watch else []
        try:
            model, history = trained(opening, callbacks, folder=self.folder.path, resume=resumed)
        finally:
            if watch is not None and watch.has_begun:
                self._write_json(DIAGNOSIS, watch.report.to_json())
                self.tell(Diagnosed(watch.report))
        self.best, self.kept = teller.best(history), teller.kept(history)
        self.waited, self.trained, self.members = teller.waited, teller.trained, teller.by_members
        return model, history

    def _configuration(self, engine: Engine) -> dict[str, Any]:
        """What the run does, written before it does it."""
        return {
            "version": VERSION,
            "plan": self.experiment.words(),
            "engine": _described(engine),
            "versions": versions(),
        }

    def _summary(self, opening: Opened, history: History, measured: Measured) -> dict[str, Any]:
        """What `summary.json` says."""
        recipe = opening.recipe
        return {
            **measured.figures,
            "epochs": len(history),
            "best_epoch": self.best and self.best[0],
            "best_val_loss": self.best and self.best[1],
            **({"member_epochs": list(self.kept)} if self.members else {}),
            "seed": recipe.seed,
            "plan": self.experiment.words(),
            "learning_rate": recipe.learning_rate,
            "parameters": opening.network.parameter_count,
            "engine": _described(opening.engine),
            "times_seconds": {
                "to_test": machine.seconds_since_start(),
                "training": (training := float(history["seconds"].sum())),
                "before": max(0.0, training - self.trained),
            },
            **_stream(opening.loaded.train.x, self.waited),
            "memory_bytes": {"predicted": opening.memory, "peak": machine.peak_memory()},
            "versions": versions(),
            "machine": {"system": machine.system(), "usable_cores": machine.usable_cores()},
        }

    def _draw(self, opening: Opened, model: Model, history: History, measured: Measured) -> None:
        """Write the pictures."""
        if not self.folder.writes:
            return
        loaded, augment = opening.loaded, opening.recipe.augment
        figures = {
            "learning-curves.png": inspection.curves_figure(history, kept=self.kept),
            **measured.pictures(),
        }
        if augment is not None and loaded.train.x.ndim == 4:
            rows = np.linspace(0, len(loaded.train) - 1, 10).astype(int)
            some = self.experiment.source.as_seen(loaded.reader, loaded.train.x[rows])
            seed = opening.recipe.seed
            figures["augmented.png"] = inspection.augmented_figure(some, augment, seed=seed)
        if (first := inspection.first_filters(model)) is not None:
            neurons = first[1].endswith("neurons")
            figures["filters.png"] = inspection.filters_figure(*first, neurons=neurons)
        for name, figure in figures.items():
            self.folder.write(name, inspection.png(figure))
            self.tell(Drawn(self.folder / name))

    def _save(self, model: Model, name: str) -> None:
        if self.folder.writes:
            model.save(self.folder / name)
            self.tell(Saved(self.folder / name))

    def _write(self, name: str, content: str) -> None:
        self.folder.write(name, content)
        self.tell(Saved(self.folder / name))

    def _write_json(self, name: str, document: dict[str, Any]) -> None:
        self._write(name, text.as_json(document))


def _stream(x: object, waited: float) -> dict[str, Any]:
    """What a stream held at most and read, and how long it was waited for; nothing of arrays."""
    if not isinstance(x, StreamRows):
        return {}
    counts = x.source.counts
    return {
        "stream": {
            "held_bytes": x.nbytes,
            "read_samples": counts.samples,
            "read_bytes": counts.nbytes,
            "waited_seconds": waited,
        }
    }


def _described(engine: Engine) -> dict[str, Any]:
    return {"name": engine.name, **engine.settings}
