"""What `sloy train` shows: progress on the error stream, results on the output stream."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sloy import text
from sloy.experiments import baselines, classes
from sloy.experiments.events import (
    Branched,
    Counted,
    Diagnosed,
    EpochBegan,
    EpochEnded,
    Event,
    FitBegan,
    FitEnded,
    FoldBegan,
    FoldEnded,
    Opened,
    Progressed,
    Tested,
)
from sloy.training.progress import Bar
from sloy.training.recipe import Recipe

if TYPE_CHECKING:
    from sloy.diagnosis import Report


class Show:
    """Shows the events of an experiment's run.

    Parameters
    ----------
    quiet : bool
        Results alone.
    json : bool
        Results as one JSON document.

    Attributes
    ----------
    folder : Path or None
        Of the run, once it is known all that will be done.
    """

    def __init__(self, *, quiet: bool, json: bool) -> None:
        self._quiet = quiet
        self._json = json
        self._bar = Bar()
        self.folder: Path | None = None
        self._report: Report | None = None

    def counted(self, event: Event) -> None:
        """Show what is counted, and nothing else: of commands that print their results themselves."""
        if isinstance(event, Counted):
            self(event)

    def __call__(self, event: Event) -> None:
        """Show an event."""
        match event:
            case Opened():
                self.folder = event.folder
                self._say(opening(event))
            case Branched():
                self._say(str(event))
            case FoldBegan():
                self.folder = event.folder
                self._say(fold_began(event))
            case FoldEnded():
                self._say(fold_ended(event))
            case Diagnosed():
                self._report = event.report
            case Tested():
                self._results(event)
            case _ if not self._quiet:
                self._progress(event)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._bar.close()

    def _progress(self, event: Event) -> None:
        match event:
            case Counted():
                self._bar.count(event.what, event.done, event.total)
            case FitBegan():
                self._bar.open(event.epochs, event.samples)
            case EpochBegan():
                self._bar.begin(event.epoch)
            case Progressed():
                self._bar.move(event.progress)
            case EpochEnded():
                self._bar.end(event.row)
            case FitEnded():
                self._bar.close()

    def _say(self, words: str) -> None:
        if not self._quiet:
            print(words, file=sys.stderr, flush=True)

    def _results(self, event: Tested) -> None:
        summary = event.summary
        if self._json:
            found = {} if self._report is None else {"diagnosis": self._report.to_json()}
            print(text.as_json({**summary, **found, "folder": str(self.folder)}), end="")
        else:
            print(results(summary, event, str(self.folder)), end="\n\n")
            if self._report is not None and (lines := self._report.lines()):
                print("\n".join(lines), end="\n\n")
        sys.stdout.flush()  # before the pictures, which take longer than all of the test


def opening(event: Opened) -> str:
    """What will be trained, on what, by what, and what it will cost."""
    experiment, loaded, recipe = event.experiment, event.loaded, event.recipe
    share = experiment.validation
    trained, held_out = loaded.trained_on(share), loaded.held_out(share)
    tested = 0 if loaded.test is None else len(loaded.test)
    samples = f"{text.count(trained)} to train on"
    if held_out and loaded.members and loaded.validation is None:
        each = text.count(held_out // loaded.members)
        samples += f", {each} of them held out"
        if loaded.members > 1:
            samples += f" by each of {text.many(loaded.members, 'member')}"
    elif held_out:
        samples += f", {text.count(held_out)} to validate"
    steps = -(-trained // recipe.batch_size)
    batches = f"{text.many(steps, 'batch')} of {text.count(recipe.batch_size)}"
    epochs = f"{text.many(recipe.epochs, 'epoch')} of {batches}"
    if event.stages:  # the epochs stand below
        epochs = f"{batches} in an epoch"
    network = f"that of {text.visible(experiment.start)}" if event.stages else experiment.network
    rows = [
        (
            "data",
            f"{text.visible(experiment.source.name)}: {samples}, {text.count(tested) if tested else 'none'} to test",
        ),
        ("", experiment.source.describe(loaded)),
        *loaded.rows,
        ("network", f"{network}\n{event.summary}"),
        (
            "training",
            f"{recipe.optimizer}, learning rate {recipe.learning_rate:g} ({recipe.schedule}), {epochs},"
            f" seed {recipe.seed}",
        ),
        *([("", stages(event))] if event.stages else []),
        *([("augmented", repr(recipe.augment))] if recipe.augment is not None else []),
        ("engine", str(event.engine).replace("float32", _dtype(recipe))),
        *_shares(event),
        ("memory", f"{text.size(event.memory)} predicted for the whole program"),
        ("folder", text.visible(event.folder)),
    ]
    return text.fields(rows) + "\n"


def fold_began(event: FoldBegan) -> str:
    """Which run of a cross-validation begins."""
    if event.fold:
        return f"fold {event.fold} of {event.folds}"
    if not event.epochs:
        return "all rows, the epochs chosen by rows that are held out, as in each fold"
    return f"all rows, {text.many(event.epochs, 'epoch')}: the mean of the folds' best"


def fold_ended(event: FoldEnded) -> str:
    """How it went."""
    title = f"fold {event.fold} of {event.folds}{', done before' * event.before}"
    more = baselines.OF_CLASSES if classes.are_told_of([event.summary]) else ()
    return f"{title}\n{baselines.comparison(baselines.of_summary(event.summary), *more)}\n"


def _shares(event: Opened) -> list[tuple[str, str]]:
    """What each of several devices has of a batch."""
    devices = int(event.engine.settings.get("devices", 1))
    size = event.recipe.batch_size
    return [("", f"{text.many(size // devices, 'sample')} each of a batch of {text.count(size)}")][
        : devices - 1
    ]


def _dtype(recipe: Recipe) -> str:
    return "float64" if recipe.precision == "float64" else "float32"


def stages(event: Opened) -> str:
    """What is fine-tuned when, a line for each stage."""
    names, lines = event.network.layer_names, []
    for stage in event.stages:
        words = "all layers"
        if stage.frozen:
            words = f"the layers after {text.visible(names[stage.frozen - 1])}"
            if event.recipe.augment is None:
                words += " (those before run once)"
        lines.append(f"{text.many(stage.recipe.epochs, 'epoch')}: {words}")
    return "\n".join(lines)


def results(summary: Mapping[str, Any], event: Tested, folder: str) -> str:
    """What came of it."""
    memory = summary["memory_bytes"]
    peak = f"{text.size(memory['peak'])} at its peak, {text.size(memory['predicted'])} predicted"
    rows = [
        *event.measured.rows,
        *_best(summary),
        ("time", _times(summary["times_seconds"])),
        *_stream(summary),
        ("memory", peak),
        ("folder", text.visible(folder)),
    ]
    return text.fields(rows)


def _times(times: Mapping[str, float]) -> str:
    """How long it took, and how much of that was training."""
    whole = f"{text.seconds(times['to_test'])} from the start of the program to the test result"
    before = times["before"]
    now = times["training"] - before
    if before and now <= 0:
        return f"{whole}; the training, {text.seconds(before)}, was done before, nothing was trained now"
    found = f"{whole}, {text.seconds(now)} of it training"
    return f"{found}, after {text.seconds(before)} before" if before else found


def _stream(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a stream read, and how long it was waited for."""
    if (found := summary.get("stream")) is None:
        return []
    read = f"{text.many(found['read_samples'], 'sample')} read ({text.size(found['read_bytes'])})"
    waited, training = found["waited_seconds"], summary["times_seconds"]["training"]
    words = (
        f"{read}; {text.seconds(waited)} of {text.seconds(training)} of training waited for them"
    )
    if waited > training / 4:
        words += ": reading is the bound, not computing"
    return [("stream", words)]


def _best(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Which epoch's weights the model has, where the validation loss chose it."""
    if summary["best_epoch"] is None:
        return []
    if (members := summary.get("member_epochs")) is not None:
        each = ", ".join(map(str, members))
        several = len(members) > 1
        words = f"{'of each member the ' * several}best epoch of {summary['epochs']} kept ({each}), validation loss"
        return [("epochs", f"{words} {summary['best_val_loss']:.4f}{' on average' * several}")]
    done, most = summary["epochs"], summary["plan"]["epochs"]
    words = (
        f"best epoch {summary['best_epoch']} of {done} kept, validation loss"
        f" {summary['best_val_loss']:.4f}"
    )
    if done < most:
        words += f" ({most} were allowed; none better in {summary['plan']['patience']})"
    return [("epochs", words)]
