"""`branch`: a run done again up to a moment, and on from there with another recipe, in a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from sloy import text
from sloy.arguments import function, integer
from sloy.engines import Engine
from sloy.errors import InvalidOption
from sloy.experiments.events import Branched, Listener
from sloy.experiments.experiment import Experiment
from sloy.experiments.folds import folds_of
from sloy.experiments.opening import opened, trained
from sloy.experiments.result import Result
from sloy.experiments.run_folder import BRANCH, CHECKPOINT, VERSION, RunFolder
from sloy.experiments.running import resume
from sloy.model.loading import CONFIGURATION
from sloy.training.checkpoint import Store
from sloy.training.fork import OF_THE_PLAN
from sloy.training.history import Row
from sloy.training.rates import waiting_run
from sloy.training.recipe import AUTO, Recipe
from sloy.training.resume import describe
from sloy.training.run import Batch, Callback, Run

CHANGED = tuple(field.name for field in fields(Recipe) if field.name not in OF_THE_PLAN)


def branch(
    parent: str | Path,
    out: str | Path,
    *,
    epoch: int,
    step: int = 0,
    engine: str | Engine = "auto",
    threads: int = 0,
    listener: Listener = lambda event: None,
    **change: Any,
) -> Result:
    """Do a run again up to a moment, to the bit, and go on from there with other options of its recipe.

    Parameters
    ----------
    parent : path
        The folder of a run, which stays as it is; its data must still be there.
    out : path
        A new folder for the branch.
    epoch, step : int
        From which step, from 0, of which epoch, from 1.
    engine, threads, listener
        As of `run`; the listener is told of `Branched` first.
    **change
        Options of the recipe that differ from there on: ``learning_rate=0.03``. What the order of the run is made of,
        such as `batch_size` or `epochs`, stays.

    Raises
    ------
    InvalidOption
        Where the moment is not of the run, or an option cannot differ.

    Examples
    --------
    >>> import sloy, tempfile
    >>> from sloy.experiments import Experiment, branch, run
    >>> experiment = Experiment.of("mnist", network="mlp", samples=600, epochs=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = run(experiment, f"{folder}/one", engine="reference")
    ...     other = branch(f"{folder}/one", f"{folder}/two", epoch=2, engine="reference", learning_rate=0.001)
    >>> len(other.history), float(other.history["learning_rate"][-1]) < 0.001
    (2, True)
    """
    function("branch", "listener", listener)
    epoch, step = integer("branch", "epoch", epoch), integer("branch", "step", step, 0)
    folder = RunFolder.to_read(parent)
    experiment = folder.experiment()
    other = _changed(experiment, change, parent)
    with RunFolder.new(out, experiment.source.name, overwrite=None) as into:
        how: dict[str, Any] = {"engine": engine, "threads": threads, "resumed": True}
        opening = opened(experiment, into.path, **how)
        then = opened(other, into.path, loaded=opening.loaded, **how)
        run = waiting_run(lambda callback: trained(then, [callback]))
        _check_moment(run, epoch, step, parent)
        _check_kept(waiting_run(lambda callback: trained(opening, [callback])), run, change)
        config = describe(run.order, run.variables)
        listener(Branched(folder.path, epoch, step, change))
        into.begin()
        trained(opening, [_StopAt(epoch, step)], folder=into.path)
        store = Store(into / CHECKPOINT)
        snapshot = store.load()
        assert snapshot is not None
        store.clear()
        store.save(replace(snapshot, config=config))
        into.write(CONFIGURATION, text.as_json({"version": VERSION, "plan": other.words()}))
        said = {"parent": str(parent), "epoch": epoch, "step": step, "changed": dict(change)}
        into.write(BRANCH, text.as_json(said))
    return resume(into.path, engine=engine, threads=threads, listener=listener)


def _changed(experiment: Experiment, change: Mapping[str, Any], parent: str | Path) -> Experiment:
    """The experiment with another recipe."""
    if experiment.start is not None or folds_of(experiment):
        raise InvalidOption(
            f"{parent}: is a fine-tuning, or of several folds; no branch is made of such runs."
        )
    if not change:
        raise InvalidOption(
            "`branch`: give an option that differs from there on, such as `learning_rate`."
        )
    if fixed := sorted(set(change) - set(CHANGED)):
        raise InvalidOption(
            f"`{fixed[0]}` cannot differ in a branch; it keeps the plan of its run."
        )
    if change.get("learning_rate") == AUTO:
        raise InvalidOption("`learning_rate` (='auto') is found before a run; give a number.")
    return replace(experiment, given={**experiment.given, **change})


def _check_moment(run: Run, epoch: int, step: int, parent: str | Path) -> None:
    """Raise where a moment is none within the run."""
    place = (epoch - 1) * run.steps + step
    if epoch < 1 or not 0 <= step <= run.steps or not 0 < place < run.epochs * run.steps:
        raise InvalidOption(
            f"`at` {epoch}:{step}: {parent} has {text.many(run.epochs, 'epoch')} of {text.many(run.steps, 'step')};"
            f" a branch begins between 1:1 and {run.epochs}:{run.steps - 1}."
        )


def _check_kept(own: Run, other: Run, change: Mapping[str, Any]) -> None:
    """Raise where a change needs other numbers beside the weights than its run has kept."""
    differing = own.variables.specs.items() ^ other.variables.specs.items()
    if differing:
        names = sorted({name for name, _ in differing})
        raise InvalidOption(
            f"{', '.join(f'`{name}` (={text.shown(value)})' for name, value in change.items())}: a branch goes on with"
            f" what its run keeps beside the weights; {text.named(names, 3, ' …')} would differ."
        )


class _StopAt(Callback):
    """Stops a run, which saves it, after a step, from 0, of an epoch, from 1."""

    def __init__(self, epoch: int, step: int) -> None:
        self._epoch, self._step = epoch, step

    def on_batch_end(self, run: Run, batch: Batch) -> bool:
        return (batch.epoch, batch.step) == (self._epoch, self._step)

    def on_epoch_end(self, run: Run, row: Row) -> bool:
        return row["epoch"] == self._epoch - 1 and not self._step
