"""What a run of an experiment tells, as it happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sloy import text

if TYPE_CHECKING:
    from sloy.diagnosis import Report
    from sloy.engines import Engine
    from sloy.experiments.experiment import Experiment
    from sloy.experiments.sources import Loaded, Measured
    from sloy.model import Model
    from sloy.problem import Network
    from sloy.problem.summary import Summary
    from sloy.training.callbacks import Progress
    from sloy.training.history import Row
    from sloy.training.recipe import Recipe
    from sloy.training.stages import Stage


@dataclass(frozen=True, eq=False)
class Event:
    """Something that happened."""


@dataclass(frozen=True, eq=False)
class Counted(Event):
    """Part of something long is done: "pictures decoded" 120 of 400."""

    what: str
    done: int
    total: int


@dataclass(frozen=True, eq=False, repr=False)
class Opened(Event, text.Brief):
    """All is known that will be done; nothing is written yet.

    Attributes
    ----------
    experiment : Experiment
    loaded : Loaded
        The data.
    network : Network
    summary : Summary
        Of the network, with the memory of a step on the engine.
    recipe : Recipe
    stages : list of Stage
        Of a fine-tuning; none otherwise.
    engine : Engine
    memory : int
        Bytes that the process is predicted to hold at its peak.
    folder : Path
    start : Model or None
        What is trained further.
    """

    experiment: Experiment
    loaded: Loaded
    network: Network
    summary: Summary
    recipe: Recipe
    stages: list[Stage]
    engine: Engine
    memory: int
    folder: Path
    start: Model | None = None


@dataclass(frozen=True, eq=False)
class Branched(Event):
    """A branch of a run begins: after `step` steps, from 0, of `epoch`, from 1, of the run in the folder `parent`."""

    parent: Path
    epoch: int
    step: int
    changed: Mapping[str, Any]

    def __str__(self) -> str:
        changed = ", ".join(f"{name} {value}" for name, value in self.changed.items())
        where = f"step {text.count(self.step)} of epoch {text.count(self.epoch)}"
        return f"branch of {text.visible(self.parent)} from {where} on, with {changed}"


@dataclass(frozen=True, eq=False)
class FitBegan(Event):
    """Epochs of `samples` samples begin; a fine-tuning may have two such times.

    `before` holds rows of the history: those of epochs that a resumed run has done.
    """

    epochs: int
    samples: int
    before: tuple[Row, ...] = ()


@dataclass(frozen=True, eq=False)
class EpochBegan(Event):
    """An epoch, from 1, begins."""

    epoch: int


@dataclass(frozen=True, eq=False)
class Progressed(Event):
    """Steps of an epoch are done."""

    progress: Progress


@dataclass(frozen=True, eq=False)
class EpochEnded(Event):
    """An epoch is done: its row of the history."""

    row: Row
    epochs: int


@dataclass(frozen=True, eq=False)
class FitEnded(Event):
    """The epochs are done, or were stopped, interrupted or failed.

    `waited` are the seconds in which samples of a stream were waited for.
    """

    waited: float = 0.0


@dataclass(frozen=True, eq=False)
class Diagnosed(Event):
    """What went wrong in the epochs that were done."""

    report: Report


@dataclass(frozen=True, eq=False)
class FoldBegan(Event):
    """The run of a fold, from 1, of a cross-validation begins; 0 is that on all rows, the last.

    `epochs` is the mean of the folds' best, which that on all rows does; 0 where it chooses its own. `folder` is that
    of the cross-validation.
    """

    fold: int
    folds: int
    epochs: int
    folder: Path


@dataclass(frozen=True, eq=False)
class FoldEnded(Event):
    """The run of a fold is done: what its `summary.json` says, and whether it was done before."""

    fold: int
    folds: int
    summary: Mapping[str, Any]
    before: bool


@dataclass(frozen=True, eq=False)
class Saved(Event):
    """A file of the run's folder was written whole."""

    path: Path


@dataclass(frozen=True, eq=False, repr=False)
class Tested(Event, text.Brief):
    """The model was measured on the test data."""

    measured: Measured
    summary: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Drawn(Event):
    """A picture of the run's folder was written."""

    path: Path


Listener = Callable[[Event], None]
