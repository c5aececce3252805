"""Searches: trials as runs, killed and continued, pruned, measured once; the best again to the same bits."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sloy
from sloy.errors import FileFormatError, InvalidArgument, InvalidOption
from sloy.experiments import Experiment
from sloy.search import Choice, Int, Layers, Log, SearchBegan, TrialEnded, Tuned
from sloy.search.suited import suited

optuna = pytest.importorskip("optuna", minversion="5")

SPACE = {
    "learning_rate": Log(1e-3, 0.1),
    "network_options__hidden": Layers(1, 2, Int(4, 16)),
    "batch_size": Choice(16, 32),
}
WORDS: dict[str, Any] = {"target": "side", "network": "mlp", "epochs": 6, "threads": 1}


@pytest.fixture(scope="module")
def tuned(moons: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tuned, list[Any]]:
    """A search of eight trials, and what it told."""
    told: list[Any] = []
    out = tmp_path_factory.mktemp("tune") / "search"
    found = sloy.tune(moons, SPACE, trials=8, out=out, listener=told.append, **WORDS)
    return found, told


def values(trials: list[dict[str, Any]]) -> list[Any]:
    """What of trials must not depend on when, or where, they ran."""
    names = ("number", "chosen", "ended", "value", "epochs", "parameters")
    return [[one.get(name) for name in names] for one in trials]


def test_trials_are_runs(tuned: tuple[Tuned, list[Any]], moons: Path) -> None:
    """Each value is that of its run's history, and its options are in its plan."""
    found, told = tuned
    assert [one["number"] for one in found.trials] == list(range(8))
    began, *ended = told
    assert isinstance(began, SearchBegan)
    assert [event.number for event in ended if isinstance(event, TrialEnded)] == list(range(8))
    for one in found.trials:
        folder = found.folder / one["folder"]
        plan = json.loads((folder / "configuration.json").read_text())["plan"]
        assert plan["network_options"]["hidden"] == one["chosen"]["network_options__hidden"]
        assert plan["learning_rate"] == one["chosen"]["learning_rate"]
        if one["ended"] != "complete":
            continue
        history = json.loads((folder / "summary.json").read_text())["history"]
        best = min(row["val_loss"] for row in history)
        assert one["value"] == best == history[one["epoch"] - 1]["val_loss"]
        assert not [name for name in os.listdir(folder) if name.endswith(".png")]
    complete = [one for one in found.trials if one["ended"] == "complete"]
    assert found.best == min(complete, key=lambda one: one["value"])


def test_test_rows_are_measured_once(tuned: tuple[Tuned, list[Any]]) -> None:
    found, _ = tuned
    summaries = [json.loads(path.read_text()) for path in found.folder.glob("*/*/summary.json")]
    assert len(summaries) >= 5
    assert all(one["test_samples"] == 0 for one in summaries)
    best = json.loads((found.folder / "best/summary.json").read_text())
    assert best["test_accuracy"] == found.document["test"]["test_accuracy"] > 0.5
    assert found.document["tested"] == [found.best["number"]]
    assert "looked at once" in str(found)
    assert "tends to be better than on new ones" in str(found)


def test_the_best_again_has_the_same_bits(tuned: tuple[Tuned, list[Any]], tmp_path: Path) -> None:
    """By the command that is printed, whose folder alone is another."""
    found, _ = tuned
    words = shlex.split(found.command)
    words[words.index("--out") + 1] = str(tmp_path / "again")
    assert words[0] == "sloy"
    subprocess.run([sys.executable, "-m", *words, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    models = [
        tmp_path / "again/model.sloy",
        found.folder / "best/model.sloy",
        found.folder / found.best["folder"] / "model.sloy",
    ]
    assert len({path.read_bytes() for path in models}) == 1


def test_only_the_best_keeps_its_checkpoint(tuned: tuple[Tuned, list[Any]]) -> None:
    found, _ = tuned
    kept = {path.parent.name for path in found.folder.glob("trials/*/checkpoint.sloy")}
    assert kept <= {f"{one['number']:04d}" for one in found.trials}
    assert f"{found.best['number']:04d}" in kept
    assert len(kept) < len(found.trials)


def test_figures_are_pictures(tuned: tuple[Tuned, list[Any]]) -> None:
    found, _ = tuned
    names = {path.name for path in found.folder.glob("*.png")}
    assert names == {f"tuning-{kind}.png" for kind in ("history", "importance", "parallel")}
    assert set(found.document["importance"]) >= {"learning_rate", "batch_size"}
    assert sum(found.document["importance"].values()) == pytest.approx(1)


def test_optuna_reads_the_journal(tuned: tuple[Tuned, list[Any]]) -> None:
    """As its dashboard does: by the file alone."""
    found, _ = tuned
    backend = optuna.storages.journal.JournalFileBackend(str(found.folder / "search.log"))
    study = optuna.load_study(
        study_name=found.document["study"], storage=optuna.storages.JournalStorage(backend)
    )
    assert len(study.trials) == 8
    assert study.best_trial.number == found.best["number"]
    assert study.best_value == found.best["value"]
    names = {one.state.name for one in study.trials}
    assert names <= {"COMPLETE", "PRUNED"}


def test_the_pruner_goes_by_the_median(tuned: tuple[Tuned, list[Any]]) -> None:
    """A pruned trial's best was above the median of the complete ones before, at its last epoch and not before."""
    found, _ = tuned
    rows = [_reported(found, number) for number in range(8)]
    assert [one["ended"] for one in found.trials][:5] == ["complete"] * 5
    for one in found.trials[5:]:
        own = rows[one["number"]]
        others = [
            rows[other["number"]]
            for other in found.trials[: one["number"]]
            if other["ended"] == "complete"
        ]
        for epoch in range(2, one["epochs"] + 1):
            worse = min(own[:epoch]) > np.median([other[epoch - 1] for other in others])
            assert worse == (one["ended"] == "pruned" and epoch == one["epochs"])


def _reported(found: Tuned, number: int) -> list[float]:
    path = found.folder / "trials" / f"{number:04d}" / "history.csv"
    header, *rows = path.read_text().splitlines()
    place = header.split(",").index("val_loss")
    return [float(row.split(",")[place]) for row in rows]


# --- killed, continued ----------------------------------------------------------------------------


class _Enough(Exception):
    """Raised by a listener, as a signal would be."""


def test_kills_change_nothing(
    tuned: tuple[Tuned, list[Any]], moons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial is killed at an epoch, the search in the middle of another: the same trials, the same best model."""
    from sloy.search import study
    from sloy.search.workers import Worker

    whole, _ = tuned
    reported = study.Study.report
    kills = [(1, 2), (5, 1)]
    workers: list[Worker] = []
    begun = Worker.__init__

    def remember(self: Worker) -> None:
        begun(self)
        workers.append(self)

    def kill(self: Any, trial: Any, rows: Any) -> bool:
        """Of the first the process that runs the trial, of the second the search as if it had died."""
        now = trial.number, rows[-1][0]
        if now in kills and kills.pop(kills.index(now))[0] == 1:
            process = workers[-1].process.pid
            child = Path(f"/proc/{process}/task/{process}/children").read_text().split()[0]
            os.kill(int(child), signal.SIGKILL)
        elif now == (5, 1) and now not in kills and not raised:
            raised.append(True)
            raise _Enough
        return reported(self, trial, rows)

    raised: list[bool] = []
    monkeypatch.setattr(study.Study, "report", kill)
    monkeypatch.setattr(Worker, "__init__", remember)
    out = tmp_path / "search"
    with pytest.raises(_Enough):
        sloy.tune(moons, SPACE, trials=8, out=out, **WORDS)
    assert not kills
    assert len(workers) == 1
    owned = study._owner
    monkeypatch.setattr(study, "_owner", lambda: {**owned(), "life": "another"})
    found = sloy.tune(resume=True, out=out, trials=8)
    assert values(found.trials) == values(whole.trials)
    best = [(one.folder / "best/model.sloy").read_bytes() for one in (found, whole)]
    assert best[0] == best[1]


def test_more_trials_later(tuned: tuple[Tuned, list[Any]], moons: Path, tmp_path: Path) -> None:
    """By another storage, in two goes: the same trials; the second measures the test rows for its best."""
    whole, _ = tuned
    out, url = tmp_path / "search", f"sqlite:///{tmp_path / 'study.db'}"
    first = sloy.tune(moons, SPACE, trials=2, out=out, storage=url, **WORDS)
    assert first.document["tested"] == [first.best["number"]]
    second = sloy.tune(moons, SPACE, trials=3, out=tmp_path / "other", storage=url, **WORDS)
    assert [one["ended"] for one in second.trials] == ["complete"] * 3
    got = [values(one.trials)[:3] for one in (second, whole)]
    assert got[0] == got[1]
    assert (tmp_path / "other/best/model.sloy").is_file()  # of a trial that ran in the first folder
    with sqlite3.connect(tmp_path / "study.db") as database:
        assert database.execute("select count(*) from trials").fetchone() == (3,)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"trials": 0}, r"tune: `trials` \(=0\) must be an integer of at least 1"),
        ({"workers": "many"}, r"tune: `workers` \(='many'\) must be an integer"),
        ({"pruner": "halving"}, r"`pruner` \(='halving'\) must be one of median, hyperband, none"),
        ({"metric": "loss"}, r"`metric` \(='loss'\) must be one of val_loss, val_accuracy"),
        ({"time": -1}, r"`time` \(=-1\) must be a finite number greater than 0"),
        ({"folds": 5}, r"`folds`: a search is made of single runs"),
        ({"space": {"wavy": {"int": [1, 2]}}}, r"`wavy` is no option of an experiment"),
        ({"space": {"batch_size": {"int": [0, 9]}}}, r"`batch_size` \(=0\) must be an integer"),
        ({"space": {"loss": {"choice": ["focal", "cross_entropy"]}}}, r"values of val_loss"),
        ({"storage": "nothing://"}, r"`storage` \(='nothing://'\) cannot be opened"),
    ],
)  # fmt: skip
def test_what_is_refused(given: dict[str, Any], said: str, moons: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=said):
        sloy.tune(moons, **{"space": SPACE, "out": tmp_path / "x", **WORDS, **given})


def test_a_search_is_not_overwritten(tuned: tuple[Tuned, list[Any]], moons: Path) -> None:
    found, _ = tuned
    with pytest.raises(InvalidArgument, match="holds a search already; `resume` continues it"):
        sloy.tune(moons, SPACE, out=found.folder, **WORDS)
    with pytest.raises(InvalidOption, match=r"`pruner` is 'median' there, not 'none'"):
        sloy.tune(out=found.folder, resume=True, pruner="none")
    with pytest.raises(InvalidOption, match=r"`epochs` is 6 there, not 7"):
        sloy.tune(out=found.folder, resume=True, epochs=7)
    with pytest.raises(FileFormatError, match=r"holds no search \(search.json is missing\)"):
        sloy.tune(out=moons.parent, resume=True)
    with pytest.raises(InvalidArgument, match="`data` .* is needed for a search that begins"):
        sloy.tune()


def test_nothing_is_held_out(moons: Path, tmp_path: Path) -> None:
    """What is wrong with every trial is said of the first, and ends the search."""
    with pytest.raises(InvalidOption, match="no samples are held out, by which trials"):
        sloy.tune(moons, SPACE, out=tmp_path / "x", validation=0.0, trials=3, **WORDS)


def test_other_data(tuned: tuple[Tuned, list[Any]], moons: Path, tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_bytes(moons.read_bytes())
    sloy.tune(path, SPACE, out=tmp_path / "x", trials=1, **WORDS)
    path.write_text("\n".join(moons.read_text().splitlines()[:200]) + "\n")
    with pytest.raises(InvalidArgument, match="has changed since the search began"):
        sloy.tune(resume=True, out=tmp_path / "x", trials=2)


def test_default_spaces(moons: Path) -> None:
    """Of each kind of data the sizes of a network are among what is varied, and every corner is allowed."""
    for words in ({"data": "mnist"}, {"data": "mnist", "network": "mlp"},
                  {"data": str(moons), "target": "side"},
                  {"data": str(moons), "target": "side", "network": "mlp"}):  # fmt: skip
        found, space = suited(words)
        assert "learning_rate" in space
        assert any(isinstance(domain, Layers) for domain in space.values())
        for path in space:
            assert path.split("__")[0] in Experiment.of(**found).words()
    given, space = suited({"data": "mnist", "learning_rate": 0.01, "network": "cnn"})
    assert set(space) == {"batch_size"}
    assert given["network"] == "cnn"
