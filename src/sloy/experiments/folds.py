"""Cross-validation: a run for each fold of the rows, and one on all of them; each a plain experiment in its folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import hypot, sqrt
from typing import Any

import numpy as np

from sloy import inspection, text
from sloy.engines.processes import Processes
from sloy.errors import FileFormatError, InvalidOption
from sloy.experiments import baselines, classes
from sloy.experiments.events import (
    Drawn,
    Event,
    FoldBegan,
    FoldEnded,
    Listener,
    Opened,
    Saved,
    Tested,
)
from sloy.experiments.experiment import Experiment
from sloy.experiments.result import Result
from sloy.experiments.run_folder import LINEAR, VERSION, RunFolder
from sloy.experiments.sources import Measured
from sloy.experiments.sources.table import PREDICTIONS, TableFile
from sloy.experiments.sources.table_measured import answers_pictures
from sloy.files.documents import read_document
from sloy.files.tables import as_csv
from sloy.machine import versions
from sloy.model import Model
from sloy.model.loading import CONFIGURATION, MODEL
from sloy.options import options
from sloy.training.recipe import Recipe

SUMMARY = "summary.json"
_FIGURES = {"*": (None, float)}
_WORTH = {
    "score": str,
    "base": float,
    "rows": int,
    "of_rows": int,
    "repeats": int,
    "columns": [{"column": str, "mean": float, "error": (None, float), "*": object}],
    "*": object,
}
_SUMMARY = {  # what is read of that of a fold
    "epochs": int,
    "best_epoch": (None, int),
    "baselines": {"always the same": _FIGURES, "*": _FIGURES},
    "importance?": _WORTH,
    "intervals?": {"share": float, "test_covered": float, "test_mean_width": float, "*": object},
    "classes?": {"*": {"samples": int, "*": object}},
    "*": object,
}

Train = Callable[[Experiment, RunFolder, Listener, bool], Result]


def folds_of(experiment: Experiment) -> int:
    """How many folds an experiment has; 0 of a plain one, and of that of a single fold."""
    source = experiment.source
    if not isinstance(source, TableFile) or source.fold is not None:
        return 0
    return source.folds or 0


def check_shared(experiment: Experiment, processes: Processes) -> None:
    """Refuse what several processes do not do together."""
    if processes.count > 1 and folds_of(experiment):
        raise InvalidOption(
            f"`folds` (={folds_of(experiment)}): the runs of a cross-validation are many small ones; they run in one"
            " process, not in several together."
        )


@dataclass(eq=False)
class CrossValidation:
    """A run for each fold, tested on its rows, and then one on all rows.

    The last has no rows to choose its epoch by: it does as many epochs as the folds' best ones are on average. Members
    choose theirs by rows that the others learn from, there too; and where intervals or a threshold need rows that are
    held out, it holds out the share that each fold does.

    Parameters
    ----------
    experiment : Experiment
    folder : RunFolder
        In it, one folder for each run.
    tell : Listener
    train : callable
        Runs a plain experiment into a folder: ``train(experiment, folder, listener, resumed)``.
    """

    experiment: Experiment
    folder: RunFolder
    tell: Listener
    train: Train
    training: float = field(default=0.0, init=False)  # seconds, of all folds
    before: float = field(default=0.0, init=False)  # of these, by processes before this

    def run(self, *, resumed: bool) -> Result:
        """All runs, of those that are done what they left; then what they say together."""
        if not resumed:
            self.folder.begin()
        plan = {"version": VERSION, "plan": _given(self.experiment), "versions": versions()}
        self.folder.write(CONFIGURATION, text.as_json(plan))
        folds = folds_of(self.experiment)
        summaries = [self._fold(number, folds) for number in range(1, folds + 1)]
        epochs = [summary["best_epoch"] or summary["epochs"] for summary in summaries]
        epochs = [] if self._holds_out else epochs
        whole = self._whole(folds, max(1, round(sum(epochs) / folds)))
        return self._together(summaries, epochs, whole)

    def _fold(self, number: int, folds: int) -> Mapping[str, Any]:
        """The summary of a fold's run, which is done, continued, or begun."""
        folder = self.folder.fold(number)
        before = (folder / SUMMARY).is_file()
        self.tell(FoldBegan(number, folds, 0, self.folder.path))
        if not before:
            source = replace(self.experiment.source, fold=number)  # type: ignore[call-arg]
            self._train(replace(self.experiment, source=source), folder, quiet=number > 1)
        found = _read(folder)
        self.tell(FoldEnded(number, folds, found, before))
        times = found.get("times_seconds", {})
        training = float(times.get("training", 0.0))
        self.training += training
        self.before += training if before else float(times.get("before", 0.0))
        return found

    @property
    def _holds_out(self) -> bool:
        """Whether the run on all rows holds some of them out."""
        return self.experiment.by_members or self.experiment.needs_held_out

    def _whole(self, folds: int, epochs: int) -> Result:
        """The run on all rows."""
        source = replace(self.experiment.source, folds=None, test=0.0)  # type: ignore[call-arg]
        one = replace(self.experiment, source=source)
        if not self._holds_out:
            given = {**one.given, "epochs": epochs, "patience": None}
            one = replace(one, validation=0.0, given=given)
        self.tell(FoldBegan(0, folds, 0 if self._holds_out else epochs, self.folder.path))
        return self._train(one, self.folder.fold(0), quiet=True)

    def _train(self, one: Experiment, folder: RunFolder, *, quiet: bool) -> Result:
        """A run; of what it opens and tests only the first opening is told on."""

        def told(event: Event) -> None:
            if isinstance(event, Opened):
                if not quiet:
                    self.tell(replace(event, folder=self.folder.path))
            elif not isinstance(event, Tested):
                self.tell(event)

        again = (folder / CONFIGURATION).is_file()
        return self.train(folder.experiment() if again else one, folder, told, again)

    def _together(
        self, summaries: Sequence[Mapping[str, Any]], epochs: Sequence[int], whole: Result
    ) -> Result:
        """The figures of all folds, the predictions for all rows, the model of all rows."""
        whole.model.save(self.folder / MODEL)
        self.tell(Saved(self.folder / MODEL))
        if (linear := self.folder.fold(0) / LINEAR).is_file():
            self._write(LINEAR, linear.read_bytes())
        self._write("history.csv", whole.history.to_csv())
        rows = _joined([self.folder.fold(k + 1) for k in range(len(summaries))])
        self._write(PREDICTIONS, as_csv([rows.head, *rows.rows]))
        worth = _mean_importance(
            [summary["importance"] for summary in summaries if "importance" in summary]
        )
        scores = {name: _scores(found) for name, found in _figures(summaries).items()}
        figures = {
            "folds": len(summaries),
            "scores": scores["network"],
            "baselines": {name: found for name, found in scores.items() if name != "network"},
            "best_epochs": list(epochs),
            "importance": worth.document(),
            "test_samples": len(rows.rows),
            **_intervals([one["intervals"] for one in summaries if "intervals" in one]),
        }
        summary = {
            **whole.summary,
            **figures,
            "test_of_folds": [_own(summary) for summary in summaries],
            "plan": {**whole.summary["plan"], **_given(self.experiment)},
            "times_seconds": {
                "to_test": whole.summary["times_seconds"]["to_test"],
                "training": self.training + whole.summary["times_seconds"]["training"],
                "before": self.before + whole.summary["times_seconds"]["before"],
            },
        }
        told = self._told(scores, epochs, summaries, len(rows.rows), worth)
        measured = Measured(
            figures,
            (*told, *_intervals_told(figures)),
            lambda: {
                **answers_pictures(*rows.compared(whole.model)),
                "importance.png": inspection.importance_figure(worth),
            },
        )
        self._write(SUMMARY, text.as_json({**summary, "history": whole.history.rows}))
        self.tell(Tested(measured, summary))
        for name, figure in measured.pictures().items():
            self.folder.write(name, inspection.png(figure))
            self.tell(Drawn(self.folder / name))
        return Result(whole.model, whole.history, measured, summary, self.folder.path)

    def _told(
        self,
        scores: Mapping[str, Mapping[str, Mapping[str, float]]],
        epochs: Sequence[int],
        summaries: Sequence[Mapping[str, Any]],
        samples: int,
        worth: inspection.Importance,
    ) -> tuple[tuple[str, str], ...]:
        means = {
            answer: {name: score["mean"] for name, score in found.items()}
            for answer, found in scores.items()
        }
        folds, own = len(summaries), means.pop("network")
        of_classes = baselines.OF_CLASSES if classes.are_told_of(summaries) else ()
        said = f"mean ± standard error of {folds} folds, {text.many(samples, 'row')} in all"
        rows = [
            ("test", baselines.comparison_with_errors(scores, *of_classes)),
            ("", said + (", which answers.png takes at once" if "rmse" in own else "")),
        ]
        weighted = self.experiment.recipe.class_weight is not None
        pairs = [scores["network"], scores["always the same"]]
        errors = {name: hypot(*(one[name]["error"] for one in pairs)) for name in own}
        if said := baselines.verdict(own, means, weighted=weighted, errors=errors):
            rows.append(("", said))
        rows.append(("model", self._made(epochs, folds, whether_classes="accuracy" in own)))
        rows.append(("importance", worth.listed()))
        return tuple(rows)

    def _made(self, epochs: Sequence[int], folds: int, *, whether_classes: bool) -> str:
        """How the model of all rows came about."""
        if self.experiment.by_members:
            return "of all rows: each member holds out some of its own, which the others learn from"
        if not epochs:
            return "of all rows but those held out, which intervals and thresholds need"
        mean, best = max(1, round(sum(epochs) / folds)), ", ".join(map(str, epochs))
        said = (
            f"of all rows, {text.many(mean, 'epoch')}: the mean of the folds' best ({best}); no row was kept apart for"
            " it"
        )
        if whether_classes and self.experiment.calibrate == "on":
            said += ", so that its probabilities are not calibrated"
        return said

    def _write(self, name: str, content: str | bytes) -> None:
        self.folder.write(name, content)
        self.tell(Saved(self.folder / name))


def _given(experiment: Experiment) -> dict[str, Any]:
    """The experiment in words, without options of the recipe that are left to each run's own rows."""
    left = {name for name, _, _ in options(Recipe)} - set(experiment.given)
    return {name: value for name, value in experiment.words().items() if name not in left}


def _read(folder: RunFolder) -> Mapping[str, Any]:
    """What the summary of a run says."""
    path = folder / SUMMARY
    found: Mapping[str, Any] = read_document(path, _SUMMARY, "the summary of a run")
    for name in found["baselines"]["always the same"]:
        if not isinstance(found.get(f"test_{name}"), float | int | None):
            raise FileFormatError(
                f"{path}: is not the summary of a run (`test_{name[:40]}` is no number)."
            )
    return found


# --- scores of all folds ----------------------------------------------------------------------------------------------


def _own(summary: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a fold's network."""
    names = summary["baselines"]["always the same"]
    return {name: summary[f"test_{name}"] for name in names}


def _figures(summaries: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, float]]]:
    """Answer → its figures in each fold."""
    others = summaries[0]["baselines"]
    found: dict[str, list[Mapping[str, float]]] = {"network": [_own(one) for one in summaries]}
    return found | {name: [one["baselines"][name] for one in summaries] for name in others}


def _scores(found: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Figure → mean over the folds, and its standard error."""
    scores = {}
    for name in found[0]:
        values = np.array([one[name] for one in found], np.float64)
        error = float(values.std(ddof=1)) / sqrt(len(values))
        scores[name] = {"mean": float(values.mean()), "error": error}
    return scores


def _intervals(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the folds' intervals held, on average; nothing where there are none."""
    if not found:
        return {}
    names = ("test_covered", "test_mean_width")
    scores = _scores([{name: one[name] for name in names} for one in found])
    return {"intervals": {"share": found[0]["share"], **scores}}


def _intervals_told(figures: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    if (found := figures.get("intervals")) is None:
        return ()
    covered, width = found["test_covered"], found["test_mean_width"]
    said = (
        f"of {found['share']:g}: they hold {text.percent(covered['mean'])} (± {text.percent(covered['error'])}) of the"
        f" rows of a fold, mean width {text.number(width['mean'])} (± {text.number(width['error'], 2)})"
    )
    return (("intervals", said),)


def _mean_importance(documents: Sequence[Mapping[str, Any]]) -> inspection.Importance:
    """The mean over the folds; a column that a fold left out is worth nothing there."""
    names = dict.fromkeys(one["column"] for document in documents for one in document["columns"])
    mean, square = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for document in documents:
        for one in document["columns"]:
            mean[one["column"]] += one["mean"] / len(documents)
            square[one["column"]] += (one["error"] or 0.0) ** 2 / len(documents) ** 2
    ranked = sorted(names, key=lambda name: -mean[name])
    return inspection.Importance(
        tuple(ranked),
        np.array([mean[name] for name in ranked]),
        np.array([sqrt(square[name]) for name in ranked]),
        documents[0]["score"],
        sum(document["base"] for document in documents) / len(documents),
        sum(document["rows"] for document in documents),
        sum(document["of_rows"] for document in documents),
        documents[0]["repeats"],
    )


# --- predictions of all folds -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Predictions:
    """The predictions of all folds, in the order of the rows of the table."""

    head: list[str]
    rows: list[list[str]]

    def compared(
        self, model: Model
    ) -> tuple[np.ndarray, np.ndarray, Sequence[str], tuple[str, ...]]:
        """What is true and what was predicted, (N,) each, labels or numbers; the classes, and the target."""
        from sloy.data.tables import TableReader
        from sloy.data.tables.target import known_target
        from sloy.data.tables.values import polars

        reader, names = model.reader, model.class_names
        assert isinstance(reader, TableReader)
        first = 2 + len(reader.ids)  # after row, fold and ids: truth, prediction
        true = polars().Series(reader.target, [row[first] for row in self.rows])
        y = known_target("predictions", true, names, reader.written, reader.missing).y
        said = [row[first + 1] for row in self.rows]
        known = {name: number for number, name in enumerate(names)}
        answers = np.array([known[word] if names else float(word) for word in said])
        return y, answers, names, reader.targets


def _joined(folders: Sequence[RunFolder]) -> _Predictions:
    """The files of all folds as one."""
    head, rows = list[str](), list[list[str]]()
    for folder in folders:
        path = folder / PREDICTIONS
        try:
            head, *more = csv.reader(io.StringIO(path.read_text("utf-8"), newline=""))
        except (OSError, ValueError, csv.Error) as error:
            reason = getattr(error, "strerror", None) or str(error)[:80]
            raise FileFormatError(f"{path}: cannot be read: {reason}.") from None
        if len(head) < 4 or any(len(row) != len(head) for row in more):
            raise FileFormatError(f"{path}: is damaged (a line has other fields than the first).")
        rows += more
    return _Predictions(head, sorted(rows, key=lambda row: int(row[0])))
