"""The folder of a run: what is in it, and that a file in it is either whole or not there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sloy import text
from sloy.arguments import path_of
from sloy.engines.processes import ONE, Processes
from sloy.errors import FileFormatError, InvalidArgument, InvalidOption
from sloy.experiments.experiment import Experiment
from sloy.files.atomic import write_atomically
from sloy.files.documents import hold, read_document
from sloy.files.lock import Lock
from sloy.model.loading import CONFIGURATION, MODEL
from sloy.text import reason

VERSION = 2  # of the configuration
_WHAT = "the configuration of a run"
_VALUE = (None, bool, int, float, str)
PLAN = {  # the options of an experiment, in words; what each may be, the experiment checks
    "data": str,
    "*": (*_VALUE, [(*_VALUE, [_VALUE])], {"*": (*_VALUE, [_VALUE], {"*": _VALUE})}),
}
SCHEMA = {"version": int, "plan": PLAN, "*": object}
CHECKPOINT = "checkpoint.sloy"
LOCK = ".lock"  # there while a process works in the folder
BRANCH = "branch.json"
FOLD, WHOLE = "fold-", "all-rows"  # folders of a cross-validation's runs
LINEAR = "linear.sloy"
DIAGNOSIS = "diagnosis.json"
REPORT = "report.html"
PRUNED, PRUNING = "pruned.sloy", "pruning.json"
HEAD_CHECKPOINT = "checkpoint-head.sloy"
FILES = {
    MODEL: "the trained model: sloy predict, sloy info, sloy.load",
    LINEAR: "a linear model of the same rows, which it is compared with",
    "summary.json": "configuration, versions, times, metrics",
    "history.csv": "loss and accuracy of every epoch",
    "learning-curves.png": "the same as a picture",
    "answers.png": "predicted numbers against true ones",
    "confusion.png": "which class was taken for which",
    "confusion.csv": "the same as numbers",
    "predictions.csv": "the answer for each sample",
    "importance.png": "what each column is worth: the score's loss when it is shuffled",
    "partial-dependence.png": "the mean answer for each value of the first four of them",
    "reliability.png": "how often probabilities were right",
    "filters.png": "the weights of the first layer",
    "mistakes.png": "test samples it got wrong",
    "augmented.png": "training pictures as they were changed at random",
    DIAGNOSIS: "what went wrong: sloy diagnose",
    "samples.csv": "margins of the training samples, and what is probably wrong: sloy samples",
    "samples.png": "the same as a picture",
    "labels.csv": "labels, those that are probably wrong put right",
    PRUNED: "a smaller model of it: sloy prune",
    PRUNING: "what was removed of it, and what that cost and brought",
    "pruning.png": "the same as a picture",
    CHECKPOINT: "for sloy train --resume",
    HEAD_CHECKPOINT: "the same, of the epochs before unfreezing",
    REPORT: "the run as one page, in which its network runs: sloy report",
    BRANCH: "the run that this one is a branch of, from where, and what differs",
    CONFIGURATION: "what the run does",
}


@dataclass(frozen=True)
class RunFolder:
    """A run's folder; see `FILES`.

    Attributes
    ----------
    path : Path
    writes : bool
        Whether this process writes there: of several that share a run, the leader alone.
    """

    path: Path
    writes: bool = True

    @classmethod
    @contextmanager
    def new(
        cls,
        out: str | Path | None,
        name: str,
        *,
        overwrite: bool | None,
        processes: Processes = ONE,
    ) -> Iterator[RunFolder]:
        """The folder of a new run, in which no other process works meanwhile; nothing is removed yet, see `begin`.

        `overwrite` None where that is no choice.

        Raises
        ------
        InvalidArgument
            Where a run is in it already and `overwrite` is not set.
        InUse
            Where another process works in it.
        """
        if not processes.leads:
            yield cls(Path(processes.of_leader(None)), writes=False)
            return
        with ExitStack() as stack:
            if out is None:
                folder = cls._unused(Path("runs"), name, stack)
            else:
                folder = cls(path_of("run", "folder", out))
                stack.enter_context(folder.alone())
            if folder.held() and not overwrite:
                ways = "`resume` continues it, `overwrite` replaces it, another `out` keeps it"
                raise InvalidArgument(
                    f"{folder.path}: holds a run already; {ways if overwrite is not None else 'give another `out`'}."
                )
            processes.of_leader(str(folder.path))
            yield folder

    @classmethod
    def _unused(cls, parent: Path, name: str, stack: ExitStack) -> RunFolder:
        """A folder that no run has: the time, and a number where that is taken."""
        stem = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        for number in range(1, 1000):
            folder = cls(parent / (stem if number == 1 else f"{stem}-{number}"))
            try:
                stack.enter_context(folder.alone(new=True))
                return folder
            except FileExistsError:
                continue
        raise InvalidArgument(f"{parent / stem}: there are a thousand of them; give an `out`.")

    @contextmanager
    def alone(self, *, new: bool = False) -> Iterator[None]:
        """A context in which no other process works in the folder, which is made where missing.

        What was made and is empty at the end is removed. `FileExistsError` where it must be `new` and is not.
        """
        if not self.writes:
            yield
            return
        missing = [path for path in (self.path, *self.path.parents) if not path.exists()]
        self.path.mkdir(parents=True, exist_ok=not new)
        try:
            with Lock(self / LOCK, str(self.path)):
                yield
        finally:
            for path in missing:
                try:
                    path.rmdir()
                except OSError:
                    break

    def held(self) -> list[Path]:
        """The files of a run that are there."""
        names = (*FILES, f"{CHECKPOINT}.previous", f"{HEAD_CHECKPOINT}.previous")
        return [self / name for name in names if (self / name).is_file()]

    @property
    def within(self) -> list[RunFolder]:
        """The folders of the runs of a cross-validation."""
        names = [*sorted(self.path.glob(f"{FOLD}*")), self / WHOLE]
        return [RunFolder(path) for path in names if (path / CONFIGURATION).is_file()]

    def fold(self, number: int) -> RunFolder:
        """The folder of one of them: of a fold, from 1, or of that on all rows, 0."""
        return RunFolder(self / (f"{FOLD}{number}" if number else WHOLE), self.writes)

    @property
    def saved(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        own = any((self / name).exists() for name in (CHECKPOINT, HEAD_CHECKPOINT))
        return own or any(folder.saved for folder in self.within)

    def begin(self) -> None:
        """Make the folder where missing, and remove the run that is in it, those of its folds too."""
        if not self.writes:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        for path in self.held():
            path.unlink()
        for folder in self.within:
            with folder.alone():
                folder.begin()
            if not any(folder.path.iterdir()):
                folder.path.rmdir()

    @classmethod
    def to_read(cls, out: str | Path) -> RunFolder:
        """The folder of a run that was begun, whatever works in it.

        Raises
        ------
        FileFormatError
            Where there is none.
        """
        folder = cls(path_of("RunFolder", "folder", out))
        if not (folder / CONFIGURATION).is_file():
            raise FileFormatError(f"{out}: holds no run ({CONFIGURATION} is missing).")
        return folder

    @classmethod
    @contextmanager
    def existing(cls, out: str | Path, processes: Processes = ONE) -> Iterator[RunFolder]:
        """The folder of a run that was begun, in which no other process works meanwhile.

        Raises
        ------
        FileFormatError
            Where there is none.
        InUse
            Where another process works in it.
        """
        folder = cls.to_read(out) if processes.leads else cls(path_of("run", "folder", out), False)
        with folder.alone():
            yield folder

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def experiment(self, processes: Processes = ONE) -> Experiment:
        """What the run does, of several processes as the leader reads it.

        Raises
        ------
        FileFormatError
            Where its configuration is damaged or of an older version.
        InvalidArgument
            Where its data are gone.
        """
        path = self / CONFIGURATION
        words = processes.of_leader(plan_of(path) if processes.leads else None)
        try:
            return Experiment.of(**words)
        except InvalidArgument as error:
            if not isinstance(error, InvalidOption):
                raise
            raise _damaged(path, error) from None
        except (TypeError, ValueError, LookupError, ArithmeticError) as error:
            raise _damaged(path, error) from None

    def write(self, name: str, content: bytes | str) -> None:
        """Write a file whole or not at all."""
        if not self.writes:
            return
        data = content.encode() if isinstance(content, str) else content
        write_atomically(self / name, data)

    def listing(self) -> str:
        """The files that are there, each with its size and what it is for."""
        rows = [
            (name, f"{text.size((self / name).stat().st_size):>7}  {purpose}")
            for name, purpose in FILES.items()
            if (self / name).is_file()
        ]
        return text.fields(rows)


def plan_of(path: Path) -> dict[str, Any]:
    """The options in the configuration of a run, or in what `sloy plan` wrote."""
    document = read_document(path, {"version?": object, "plan": dict, "*": object}, _WHAT)
    if document.get("version") != VERSION:
        raise FileFormatError(
            f"{path}: the run was begun by another version of sloy, which alone can continue it; its"
            " model.sloy still loads."
        )
    words: dict[str, Any] = document["plan"]
    try:
        hold(document, SCHEMA)
    except FileFormatError as error:
        raise _damaged(path, error) from None
    return words


# What of a plan suits its network alone.
_OF_NETWORK = {
    "network_options", "optimizer", "learning_rate", "schedule", "momentum", "beta2", "weight_decay", "epochs",
    "batch_size", "patience", "augment", "trainable", "rate_factors", "decay_factors", "members", "recipe",
}  # fmt: skip


def plan_with(path: Path, words: Mapping[str, Any]) -> dict[str, Any]:
    """The options that `sloy plan` wrote, and before them what is given beside it.

    Of a plan for another network, or beside a named recipe, what suited its own network is left to the defaults.
    """
    plan = plan_of(path)
    if words.get("network", plan["network"]) != plan["network"] or "recipe" in words:
        plan = {name: value for name, value in plan.items() if name not in _OF_NETWORK}
    return {**plan, **words}


def _damaged(path: Path, why: Exception) -> FileFormatError:
    return FileFormatError(f"{path}: is not {_WHAT} ({reason(why)}).")
