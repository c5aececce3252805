"""What came of a search: the best trial as a run with its test, a table of all, figures."""

from __future__ import annotations

import json
import shlex
import shutil
import warnings
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sloy import experiments, inspection, text
from sloy.errors import InvalidArgument
from sloy.experiments.experiment import Experiment
from sloy.experiments.result import Result
from sloy.model.loading import CONFIGURATION
from sloy.search.folder import BEST, FIGURES, RESULT, TRIALS, listing
from sloy.search.pruners import EPOCHS
from sloy.search.space import in_words, value_in_words
from sloy.search.storage import needed, without_password
from sloy.search.study import RESULT as RESULT_OF

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from sloy.search.loop import Search

SHOWN = 10  # of the best trials
SAME = {"val_loss": "test_log_loss"}  # of tables
FEWEST = 4  # complete trials, of which something can be said of options


@dataclass(frozen=True, eq=False)
class Tuned(text.Shown):
    """What `tune` found.

    Attributes
    ----------
    folder : Path
    document : mapping
        What `tuning.json` says.
    result : Result
        The run of the best trial, with its model, history and test.
    """

    folder: Path
    document: Mapping[str, Any]
    result: Result

    @property
    def trials(self) -> list[dict[str, Any]]:
        """Number, what was chosen, how it ended, value, epochs, seconds of each."""
        return list(self.document["trials"])

    @property
    def best(self) -> dict[str, Any]:
        """The same of the best."""
        return dict(self.document["best"])

    @property
    def listing(self) -> str:
        """The files of the search, each with what it is for."""
        return listing(self.folder)

    @property
    def command(self) -> str:
        """What trains it again, to the same bits."""
        return str(self.document["command"])

    def __str__(self) -> str:
        document, best = self.document, self.best
        counts, metric = document["ended"], document["metric"]
        said = ", ".join(f"{count} {how}" for how, count in counts.items() if count)
        epochs = document["epochs"]
        saved = (
            f"; {text.count(epochs['done'])} of {text.many(epochs['most'], 'epoch')} were trained"
        )
        rows = [
            ("trials", f"{said}{saved if epochs['most'] else ''}"),
            ("best", f"trial {best['number']}, {metric} {text.number(best['value'])}{_unfinished(best)}"),
            ("", text.columns([(name, value_in_words(value)) for name, value in best["chosen"].items()])),
            *self.result.measured.rows,
            ("choice", self._optimism()),
            ("others", text.columns(self._others())),
            ("again", f"{text.visible(self.command)}\ngives the same bits"),
            ("folder", text.visible(self.folder)),
        ]  # fmt: skip
        return text.fields([row for row in rows if row[1]])

    def _others(self) -> list[tuple[str, ...]]:
        sign = 1 if self.document["direction"] == "minimize" else -1
        complete = [trial for trial in self.trials if trial["ended"] == "complete"]
        ranked = sorted(complete, key=lambda trial: (sign * trial["value"], trial["number"]))
        return [
            (f"trial {one['number']}", text.number(one["value"]), in_words(one["chosen"]))
            for one in ranked[1:SHOWN]
        ]

    def _optimism(self) -> str:
        """What the choice does to the figure that it went by."""
        compared = self.document["ended"]["complete"]
        if compared < 2:
            return ""
        metric, test = self.document["metric"], self.document["test"]
        said = (
            f"{metric} {text.number(self.best['value'])} is the best of {text.many(compared, 'trial')}, chosen by the"
            " very samples that it is measured on,\nso that it tends to be better than on new ones"
        )
        fresh = test.get(metric.replace("val_", "test_"), test.get(SAME.get(metric, "")))
        if fresh is not None:
            looked = len(self.document["tested"])
            times = "once" if looked == 1 else f"{looked} times, for each best so far"
            said += f"; on those to test on, looked at {times}, it is {text.number(fresh)}"
        return said


def finished(search: Search) -> Tuned:
    """The best trial measured on the test data, and the files of the search.

    Raises
    ------
    InvalidArgument
        Where no trial has told an epoch.
    """
    folder, study, settings = search.folder, search.study, search.settings
    best = study.best()
    if best is None:
        raise InvalidArgument(
            f"tune: no trial is done yet, of {len(study.trials())} begun; `resume` goes on with {folder.path}."
        )
    result, tested = _best_run(search, best)
    trials = [_row(search, trial) for trial in study.trials()]
    ended = Counter(row["ended"] for row in trials)
    document = {
        "metric": settings.metric,
        "direction": settings.direction,
        "study": folder.study,
        "storage": folder.storage and without_password(folder.storage),
        "ended": {how: ended.get(how, 0) for how in ("complete", "pruned", "diverged", "failed", "running")},
        "epochs": {
            "done": sum(row["epochs"] for row in trials),
            "most": sum(row["most_epochs"] for row in trials),
        },
        "best": _row(search, best),
        "test": {n: v for n, v in result.measured.figures.items() if n.startswith("test_")},
        "tested": tested,
        "command": command(search),
        "importance": _importance(search),
        "trials": trials,
    }  # fmt: skip
    folder.write(RESULT, text.as_json(document))
    _draw(search, document)
    return Tuned(folder.path, document, result)


def command(search: Search) -> str:
    """What trains the best trial again: its options, by its engine with its threads."""
    folder = search.folder
    parts = ["sloy", "train", "--plan", str(folder.best / CONFIGURATION)]
    parts += ["--engine", folder.engine, "--threads", str(folder.threads)]
    return shlex.join([*parts, "--out", str(folder.path / "again")])


def _best_run(search: Search, trial: FrozenTrial) -> tuple[Result, list[int]]:
    """The run of the best trial with its test, and the trials that were tested so far."""
    folder = search.folder
    tested: list[int] = []
    with suppress(OSError, ValueError, KeyError):
        tested = json.loads((folder.path / RESULT).read_text())["tested"]
    there, best = folder.trial(trial.number), folder.best
    shared: dict[str, Any] = {
        "engine": folder.engine,
        "threads": folder.threads,
        "diagnose": False,
    }
    if not tested or tested[-1] != trial.number:
        shutil.rmtree(best.path, ignore_errors=True)
        tested = [*tested, trial.number]
        if (there / CONFIGURATION).is_file():
            part = best.path.with_name(f".{BEST}.part")
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(there.path, part)
            part.rename(best.path)
    if (best / CONFIGURATION).is_file():
        return experiments.resume(best.path, **shared), tested
    words = search.words(search.chosen(trial))  # of another machine
    return experiments.run(Experiment.of(**words), best.path, overwrite=True, **shared), tested


def _row(search: Search, trial: FrozenTrial) -> dict[str, Any]:
    """What `tuning.json` says of a trial."""
    found = trial.user_attrs.get(RESULT_OF, {"ended": "running"})
    done = int(found.get("epochs", max(trial.intermediate_values, default=0)))
    value = search.study.value(trial)
    return {
        "number": trial.number,
        "chosen": search.chosen(trial),
        "ended": found["ended"],
        "value": None if value != value else value,
        "epochs": done,
        "most_epochs": int(trial.user_attrs.get(EPOCHS, done)),
        **{
            name: found[name] for name in ("epoch", "seconds", "parameters", "why") if name in found
        },
        "folder": f"{TRIALS}/{search.folder.trial(trial.number).path.name}",
    }


def _importance(search: Search) -> dict[str, float]:
    """How much of the differences between trials each option makes, by PED-ANOVA; nothing of few trials."""
    optuna, study = needed(), search.study
    complete = [trial for trial in study.ended() if trial.state.name == "COMPLETE"]
    if len(complete) < FEWEST or len({trial.value for trial in complete}) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        found = optuna.importance.get_param_importances(study.study, evaluator=evaluator)
    return {name: float(value) for name, value in found.items()}


def _draw(search: Search, document: Mapping[str, Any]) -> None:
    folder, metric = search.folder, document["metric"]
    least = document["direction"] == "minimize"
    trials = [row for row in document["trials"] if row["value"] is not None]
    drawn = {FIGURES[0]: inspection.search_history_figure(trials, metric, least=least)}
    if document["importance"]:
        drawn[FIGURES[1]] = inspection.search_importance_figure(document["importance"])
    if len(trials) > 1:
        given = {trial.number: trial.params for trial in search.study.trials()}
        drawn[FIGURES[2]] = inspection.search_parallel_figure(trials, given, metric, least=least)
    for name, figure in drawn.items():
        folder.write(name, inspection.png(figure))


def _unfinished(best: Mapping[str, Any]) -> str:
    if best["ended"] == "complete":
        return ""
    return " so far: it was pruned, as all were, and trained to its end afterwards"
