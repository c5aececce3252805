"""Searches: trials as runs, killed and continued, pruned, measured once; the best again to the same bits."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

import sloy
from sloy.cli.main import main
from sloy.errors import FileFormatError, InvalidArgument, InvalidOption, NotAvailable
from sloy.experiments import Experiment, running
from sloy.search import (
    Choice,
    Int,
    Layers,
    Log,
    SearchBegan,
    TrialEnded,
    Tuned,
    pruners,
    result,
    study,
    worker,
)
from sloy.search.checks import Checked, check_space
from sloy.search.folder import SearchFolder
from sloy.search.loop import Limits, Search
from sloy.search.options import SearchOptions
from sloy.search.space import space_of
from sloy.search.storage import storage_of
from sloy.search.study import Study
from sloy.search.suited import suited, with_network
from sloy.search.workers import Worker
from sloy.training.held_out import held_out_by_members

optuna = pytest.importorskip("optuna", minversion="5")

SPACE = {
    "learning_rate": Log(1e-3, 0.1),
    "network_options__hidden": Layers(1, 2, Int(4, 16)),
    "batch_size": Choice(16, 32),
}
WORDS: dict[str, Any] = {"target": "side", "network": "mlp", "epochs": 6, "threads": 1}


@pytest.fixture(scope="module", autouse=True)
def early() -> Iterator[None]:
    """Sampler and pruner begin after two trials."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "STARTUP", 2)
        patch.setattr(pruners, "STARTUP", 2)
        patch.setattr(result, "FEWEST", 2)
        yield


@pytest.fixture(scope="module")
def tuned(moons: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tuned, list[Any]]:
    """A search of four trials, and what it told."""
    told: list[Any] = []
    out = tmp_path_factory.mktemp("tune") / "search"
    found = sloy.tune(moons, SPACE, trials=4, out=out, listener=told.append, **WORDS)
    return found, told


def values(trials: list[dict[str, Any]]) -> list[Any]:
    """What of trials must not depend on when, or where, they ran."""
    names = ("number", "chosen", "ended", "value", "epochs", "parameters")
    return [[one.get(name) for name in names] for one in trials]


def test_trials_are_runs(tuned: tuple[Tuned, list[Any]], moons: Path) -> None:
    """Each value is that of its run's history, and its options are in its plan."""
    found, told = tuned
    assert [one["number"] for one in found.trials] == list(range(4))
    began, *ended = told
    assert isinstance(began, SearchBegan)
    assert [event.number for event in ended if isinstance(event, TrialEnded)] == list(range(4))
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
    assert len(summaries) >= 2
    assert all(one["test_samples"] == 0 for one in summaries)
    best = json.loads((found.folder / "best/summary.json").read_text())
    assert best["test_accuracy"] == found.document["test"]["test_accuracy"] > 0.5
    assert found.document["tested"] == [found.best["number"]]
    assert "looked at once" in str(found)
    assert "tends to be better than on new ones" in str(found)


def test_the_best_again_has_the_same_bits(
    tuned: tuple[Tuned, list[Any]], tmp_path: Path, unpictured: None
) -> None:
    """By the command that is printed, whose folder alone is another."""
    found, _ = tuned
    words = shlex.split(found.command)
    words[words.index("--out") + 1] = str(tmp_path / "again")
    assert words[0] == "sloy"
    assert main([*words[1:], "--quiet"]) == 0
    models = [
        tmp_path / "again/model.sloy",
        found.folder / "best/model.sloy",
        found.folder / found.best["folder"] / "model.sloy",
    ]
    assert len({path.read_bytes() for path in models}) == 1


def test_only_the_best_keeps_its_checkpoint(tuned: tuple[Tuned, list[Any]]) -> None:
    found, _ = tuned
    kept = {path.parent.name for path in found.folder.glob("trials/*/checkpoint.sloy")}
    assert kept == {f"{found.best['number']:04d}"}


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
    assert len(study.trials) == 4
    assert study.best_trial.number == found.best["number"]
    assert study.best_value == found.best["value"]
    names = {one.state.name for one in study.trials}
    assert names <= {"COMPLETE", "PRUNED"}


def test_the_pruner_goes_by_a_percentile(tuned: tuple[Tuned, list[Any]]) -> None:
    """A pruned trial's best was not among 40 % of the complete ones before, at its last epoch and not before."""
    found, _ = tuned
    rows = [_reported(found, number) for number in range(4)]
    assert [one["ended"] for one in found.trials][:2] == ["complete"] * 2
    for one in found.trials[2:]:
        own = rows[one["number"]]
        others = [
            rows[other["number"]]
            for other in found.trials[: one["number"]]
            if other["ended"] == "complete"
        ]
        for epoch in range(2, one["epochs"] + 1):
            worse = min(own[:epoch]) > np.percentile([other[epoch - 1] for other in others], 40)
            assert worse == (one["ended"] == "pruned" and epoch == one["epochs"])


def _reported(found: Tuned, number: int) -> list[float]:
    path = found.folder / "trials" / f"{number:04d}" / "history.csv"
    header, *rows = path.read_text().splitlines()
    place = header.split(",").index("val_loss")
    return [float(row.split(",")[place]) for row in rows]


# --- killed, continued ----------------------------------------------------------------------------


@pytest.fixture
def unpictured(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pictures, which would take longer than all else."""
    monkeypatch.setattr(running._Running, "_draw", lambda self, *parts: None)
    monkeypatch.setattr(result, "_draw", lambda *parts: None)


class _Died(Exception):
    """In place of what ends a process at once."""


def test_kills_change_nothing(
    tuned: tuple[Tuned, list[Any]],
    moons: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    unpictured: None,
) -> None:
    """A trial is killed, and who runs the trials with one, and the search: the same trials, to the bytes of models."""
    whole, _ = tuned
    reported, begun, owned = Study.report, Worker.__init__, study._is_dead
    # Trial and epoch: at the first its process and the one that runs trials are killed, at the second its process, at
    # the third the search ends.
    waiting = [(0, 3), (1, 2), (2, 1)]
    processes: list[int] = []

    def remember(self: Worker) -> None:
        begun(self)
        processes.append(self.process.pid)

    def report(self: Study, trial: Any, rows: Any) -> bool:
        now = trial.number, rows[-1][0]
        if waiting and now == waiting[0]:
            waiting.pop(0)
            if not waiting:
                raise _Died
            running = processes[-1]
            children = Path(f"/proc/{running}/task/{running}/children").read_text().split()
            for process in ([running] if now == (0, 3) else []) + [int(children[0])]:
                os.kill(process, signal.SIGKILL)
        return reported(self, trial, rows)

    monkeypatch.setattr(Study, "report", report)
    monkeypatch.setattr(Worker, "__init__", remember)
    out = tmp_path / "search"
    with pytest.raises(_Died):
        sloy.tune(moons, SPACE, trials=3, out=out, **WORDS)
    assert len(processes) == 2
    monkeypatch.setattr(study, "_is_dead", lambda owner: owned({**owner, "life": "an earlier one"}))
    found = sloy.tune(resume=True, out=out, trials=3)
    assert values(found.trials) == values(whole.trials)[:3]
    for one in found.trials:
        if one["ended"] != "complete":
            continue
        other = whole.folder / one["folder"] / "model.sloy"
        assert (out / one["folder"] / "model.sloy").read_bytes() == other.read_bytes()


def test_another_storage_and_other_data(
    tuned: tuple[Tuned, list[Any]], moons: Path, tmp_path: Path, unpictured: None
) -> None:
    """From two folders, as of two machines: the same trials. Data that change in between are refused."""
    whole, _ = tuned
    data, url = tmp_path / "moons.csv", f"sqlite:///{tmp_path / 'study.db'}"
    data.write_bytes(moons.read_bytes())
    shared: dict[str, Any] = {"storage": url, "study": "both", **WORDS}
    first = sloy.tune(data, SPACE, trials=1, out=tmp_path / "one", **shared)
    assert first.document["tested"] == [0]
    second = sloy.tune(data, SPACE, trials=2, out=tmp_path / "two", workers=1, **shared)
    assert values(second.trials) == values(whole.trials)[:2]
    assert not (tmp_path / "two/trials/0000").exists()
    assert (tmp_path / "two/best/model.sloy").read_bytes() == (
        whole.folder / second.best["folder"] / "model.sloy"
    ).read_bytes()
    with pytest.raises(InvalidArgument, match="was begun with another pruner"):
        sloy.tune(data, SPACE, trials=3, out=tmp_path / "three", pruner="none", **shared)
    search = Search(SearchFolder.existing(tmp_path / "two"), Limits(3), print)
    with pytest.raises(InvalidArgument, match=r"moons\.csv has changed since the search began"):
        search._check_data(search.study.trials()[0], "of other data")


def test_a_half_line_of_a_journal(tmp_path: Path) -> None:
    """What a kill in the middle of writing leaves is removed by the next that writes."""
    path = tmp_path / "search.log"
    storage = storage_of(None, path)
    optuna.create_study(storage=storage, study_name="a")
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code": 1, "half')
    optuna.create_study(storage=storage_of(None, path), study_name="b")
    assert path.read_bytes().startswith(whole + b"{")
    assert {one.study_name for one in optuna.get_all_study_summaries(storage)} == {"a", "b"}


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"trials": 0}, r"tune: `trials` \(=0\) must be an integer of at least 1"),
        ({"workers": "many"}, r"tune: `workers` \(='many'\) must be an integer of at least 1, or 'auto'"),
        ({"pruner": "halving"}, r"`pruner` \(='halving'\) must be one of percentile, median, hyperband, none"),
        ({"metric": "loss"}, r"`metric` \(='loss'\) must be one of val_loss, val_accuracy"),
        ({"time": -1}, r"`time` \(=-1\) must be a time above 0"),
        ({"folds": 5}, r"`folds`: a search is made of single runs"),
        ({"space": {"wavy": {"int": [1, 2]}}}, r"`wavy` is no option of an experiment\.$"),
        ({"space": {"learning_rat": {"int": [1, 2]}}}, r"no option of an experiment; did you mean 'learning_rate'\?$"),
        ({"space": {"batch_size": {"int": [0, 9]}}}, r"`batch_size` \(=0\) must be an integer"),
        ({"space": {"loss": {"choice": ["focal", "cross_entropy"]}}}, r"values of val_loss"),
        ({"storage": "nothing://"}, r"`storage` \(='nothing://'\) must be a URL such as sqlite:///FILE"),
        ({"storage": "sqlite://"}, "is kept nowhere; name a file"),
        ({"storage": "sqlite:////no/x.db"}, r"cannot be opened: .*unable to open database file\.$"),
    ],
)  # fmt: skip
def test_what_is_refused(given: dict[str, Any], said: str, moons: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=said):
        sloy.tune(moons, **{"space": SPACE, "out": tmp_path / "x", **WORDS, **given})


@pytest.mark.parametrize(
    ("url", "package"),
    [
        ("postgresql://me:secret@host/trials", "psycopg2-binary"),
        ("mysql://me:secret@host/trials", "mysqlclient"),
        ("mysql+pymysql://me:secret@host/trials", "pymysql"),
        ("redis://:secret@host:6379/0", "redis"),
    ],
)
def test_a_driver_that_is_missing(url: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them by its name; and passwords are not shown."""
    for name in ("psycopg2", "MySQLdb", "pymysql", "redis"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(NotAvailable, match=f"`pip install {package}`") as caught:
        storage_of(url, Path())
    assert "secret" not in str(caught.value)


def test_a_search_is_not_overwritten(tuned: tuple[Tuned, list[Any]], moons: Path) -> None:
    found, _ = tuned
    with pytest.raises(InvalidArgument, match="holds a search already; `resume` continues it"):
        sloy.tune(moons, SPACE, out=found.folder, **WORDS)
    with pytest.raises(InvalidOption, match=r"`pruner` is 'percentile' there, not 'none'"):
        sloy.tune(out=found.folder, resume=True, pruner="none")
    with pytest.raises(InvalidOption, match=r"`epochs` is 6 there, not 7"):
        sloy.tune(out=found.folder, resume=True, epochs=7)
    with pytest.raises(FileFormatError, match=r"holds no search \(search\.json is missing\)"):
        sloy.tune(out=moons.parent, resume=True)
    with pytest.raises(InvalidArgument, match=r"`data` .* is needed for a search that begins"):
        sloy.tune()


class _Nobody:
    """Asks a worker, and hears nothing; lets it go on."""

    def tell(self, message: Any) -> None:
        """Not heard."""

    def heard(self) -> dict[str, bool]:
        """Never to be ended."""
        return {"prune": False}


@pytest.mark.parametrize(
    ("words", "metric", "said"),
    [
        ({"validation": 0.0}, "val_loss", "no samples are held out, by which trials could be compared"),
        ({"target": "y"}, "val_accuracy", r"`metric` \(='val_accuracy'\): here there is val_loss alone"),
        ({"learning_rate": 1e38, "optimizer": "sgd", "schedule": "constant"}, "val_loss", "NaN or infinite"),
    ],
)  # fmt: skip
def test_trials_that_fail(
    words: dict[str, Any], metric: str, said: str, moons: Path, tmp_path: Path
) -> None:
    plan = {"data": str(moons), "target": "side", "network": "mlp", "epochs": 2, **words}
    question = {"words": plan, "folder": str(tmp_path / "x"), "engine": "auto", "threads": 1}
    found = worker._answer({**question, "metric": metric}, _Nobody(), os.getppid())
    assert found["ended"] == ("diverged" if "NaN" in said else "failed")
    assert re.search(said, found["why"])


def test_default_spaces(moons: Path) -> None:
    """Of each kind of data the sizes of a network are among what is varied, and every corner is allowed."""
    for words in ({"data": "mnist"}, {"data": "mnist", "network": "mlp"},
                  {"data": str(moons), "target": "side"},
                  {"data": str(moons), "target": "side", "network": "mlp"}):  # fmt: skip
        found = with_network(words)
        space = suited(found, Experiment.of(**found))
        assert "learning_rate" in space
        assert any(isinstance(domain, Layers) for domain in space.values())
        for path in space:
            assert path.split("__")[0] in Experiment.of(**found).words()
    given = with_network({"data": "mnist", "learning_rate": 0.01, "network": "cnn"})
    assert given["network"] == "cnn"
    assert set(suited(given, Experiment.of(**given))) == {"batch_size"}


def test_the_default_rates_are_around_what_suits_the_data(
    tmp_path: Path, moons: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not around what suits the optimizer on other data."""
    monkeypatch.setattr(Search, "_start", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        sloy.tune(moons, target="y", out=tmp_path / "x")
    space = SearchFolder.existing(tmp_path / "x").settings.space
    assert space["learning_rate"] == Log(0.02, 1.0)


def _interrupted(self: Search) -> None:
    raise KeyboardInterrupt


def test_resumed_with_what_it_was_begun_with(
    tmp_path: Path, moons: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All options of a search are kept, but for those that are given anew, which are kept from then on."""
    told: list[Limits] = []
    monkeypatch.setattr(
        Search, "_start", lambda self: told.append(self.limits) or _interrupted(self)
    )
    out, url = tmp_path / "x", f"sqlite:///{tmp_path / 'study.db'}"
    begun: dict[str, Any] = {
        "trials": 7, "time": 90.0, "workers": 2, "metric": "val_accuracy", "pruner": "none", "storage": url,
        "study": "mine",
    }  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        sloy.tune(moons, SPACE, out=out, **begun, **WORDS)
    anew: tuple[dict[str, Any], ...] = (
        {}, {"trials": 9}, {}, {"workers": 1, "time": 60.0}, {"data": os.path.relpath(moons)},
    )  # fmt: skip
    for given in anew:
        with pytest.raises(KeyboardInterrupt):
            sloy.tune(out=out, resume=True, **given)
    assert told == [Limits(7, 90.0, 2)] * 2 + [Limits(9, 90.0, 2)] * 2 + [Limits(9, 60.0, 1)] * 2
    folder = SearchFolder.existing(out)
    assert (folder.settings.metric, folder.settings.pruner) == ("val_accuracy", "none")
    assert (folder.storage, folder.study, folder.threads) == (url, "mine", 1)
    others: dict[str, Any] = {
        "metric": "val_loss", "storage": "sqlite:///x.db", "study": "his", "threads": 5, "engine": "reference",
        "target": "y", "data": "mnist",
    }  # fmt: skip
    for name, other in others.items():
        with pytest.raises(InvalidOption, match=f"`{name}` is .* there, not '?{other}"):
            sloy.tune(out=out, resume=True, **{name: other})
    options = {name for name, _, _ in sloy.options.options(SearchOptions)}
    assert options == {*begun}  # none is forgotten here
    document = json.loads((out / "search.json").read_text())
    del document["limits"]  # as earlier versions wrote it
    (out / "search.json").write_text(json.dumps(document))
    assert SearchFolder.existing(out).limits == {"trials": 50, "time": None, "workers": 1}


TABLE = "a,b,c\n" + "1,2,x\n2,1,y\n3,5,x\n" * 20
OF_A_TABLE: list[tuple[dict[str, Any], str]] = [
    ({"data": "gone.csv"}, r"gone\.csv: cannot be read: No such file"),
    ({"data": "broken.parquet"}, r"broken\.parquet"),
    ({"target": "d"}, r"t\.csv: `target` \(='d'\) is none of its columns: a, b, c"),
    ({"target": None}, "`target` COLUMN"),
    ({"validation": 0.0}, "no samples are held out"),
    ({"target": "a", "task": "regression", "metric": "val_accuracy"},
     r"`metric` \(='val_accuracy'\): here there is val_loss alone; the data have numbers"),
    ({"target": "a", "task": "regression", "network": "mlp", "metric": "val_accuracy"},
     r"here there is val_loss alone; the data have numbers to predict"),
    ({"space": {"network_options__hiden": {"layers": [1, 2]}}}, r"hiden 16: .*'hiden' is none; there are hidden"),
    ({"space": {"members": {"int": [0, 3]}}}, r"`space`: members 0"),
    ({"space": {"target_scale": {"choice": ["log", "standard"]}}}, r"`space`: target_scale log: .* is for one number"),
    ({"space": {"optimizer": {"choice": ["adamw", "sgd"]}, "beta2": {"float": [0.9, 0.99]}}},
     r"`space`: optimizer sgd, beta2 0.9: `beta2`: SGD has none"),
    ({"space": {"class_weight": {"choice": ["balanced", "z=3"]}}}, r"class_weight z=3: .*`class_weight`"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "said"), OF_A_TABLE)
def test_what_cannot_be_searched_is_refused_before_anything_is_written(
    given: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(TABLE)
    Path("broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises((InvalidArgument, FileFormatError), match=said):
        sloy.tune(**{"data": "t.csv", "target": "c", **given})
    assert sorted(os.listdir()) == ["broken.parquet", "t.csv"]


# --- data in memory -------------------------------------------------------------------------------


def test_a_data_frame_is_searched_as_its_file(
    tuned: tuple[Tuned, list[Any]], moons: Path, tmp_path: Path, unpictured: None
) -> None:
    """The same trial, to the bits; resumed without the frame."""
    whole, _ = tuned
    frame = pl.read_csv(moons)
    out = tmp_path / "search"
    found = sloy.tune(frame, SPACE, trials=1, out=out, **WORDS)
    assert values(found.trials) == values(whole.trials)[:1]
    assert sorted(os.listdir(out / "data")) == ["data.parquet"]
    assert "what was given in memory" in found.listing
    with pytest.raises(InvalidOption, match="`resume` goes on with the data that the search's"):
        sloy.tune(frame, out=out, resume=True)
    assert sloy.tune(out=out, resume=True).document["best"] == found.document["best"]


# --- members --------------------------------------------------------------------------------------


def test_members_are_compared_by_their_accuracy(moons: Path, tmp_path: Path) -> None:
    """Each row that a member held out is answered by that member, with the weights that it keeps."""
    plan: dict[str, Any] = {"data": str(moons), "target": "side", "epochs": 3, "members": 2}
    question = {"words": plan, "folder": str(tmp_path / "x"), "engine": "auto", "threads": 1}
    found = worker._answer({**question, "metric": "val_accuracy"}, _Nobody(), os.getppid())
    assert found["ended"] == "complete"
    experiment = Experiment.of(**plan)
    checked = Checked.of(experiment)
    model = sloy.load(tmp_path / "x/model.sloy")
    held = held_out_by_members(model, checked.loaded.train, experiment.validation, 0)
    assert found["value"] == (held.output.argmax(1) == held.data.y).mean() > 0.6
    history = json.loads((tmp_path / "x/summary.json").read_text())["history"]
    assert all(0 <= row["val_accuracy"] <= 1 for row in history)


def test_the_space_of_the_docs_suits_a_table(tmp_path: Path, moons: Path) -> None:
    """The space that docs/search-and-pruning.md shows, of which each trial must be able to begin."""
    page = (Path(__file__).parents[2] / "docs/search-and-pruning.md").read_text()
    space = json.loads(re.search(r"```json\n(.*?)```", page, re.DOTALL)[1])  # type: ignore[index]
    for words in ({}, {"network": "mlp"}):
        plan = {"data": str(moons), "target": "side", **words}
        check_space(plan, space_of(space), Checked.of(Experiment.of(**plan)), "val_loss")


@pytest.mark.parametrize("values", [[], [1.0, 2.0], ["1"], [None]])
def test_a_trial_without_one_number_is_no_study_of_a_search(values: list[Any]) -> None:
    trial = SimpleNamespace(number=3, values=values, intermediate_values={})
    study = SimpleNamespace(study=SimpleNamespace(get_trials=lambda deepcopy: [trial]))
    with pytest.raises(ValueError, match="trial 3 has values that are not one number"):
        Study.check(study)
    trial.values, trial.intermediate_values = None, {1: 0.5}
    Study.check(study)
