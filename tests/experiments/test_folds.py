"""Cross-validation: every row predicted once, scores by their formulas, stopped and continued; losses by name."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sloy
from command_line import environment, exit_code
from sloy.cli.show import _times as times_told
from sloy.cli.show import fold_began
from sloy.errors import InvalidOption
from sloy.experiments import Event, Experiment, resume, run
from sloy.experiments.events import EpochEnded, FoldBegan, FoldEnded, Saved
from sloy.losses import AbsoluteError, Huber

K = 3


def experiment(table: Path, **words: Any) -> Experiment:
    return Experiment.of(
        table, **{"target": "kind", "network": "mlp", "folds": K, "epochs": 4, **words}
    )


@pytest.fixture(scope="module")
def crossed(table: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Event]]:
    """The folder of a cross-validation, and what it told."""
    events: list[Event] = []
    folder = tmp_path_factory.mktemp("crossed") / "run"
    run(experiment(table), folder, engine="reference", listener=events.append)
    return folder, events


def read(folder: Path) -> tuple[list[str], list[list[str]]]:
    head, *rows = csv.reader((folder / "predictions.csv").read_text().splitlines())
    return head, rows


def test_the_linear_model_of_all_rows_lies_beside_that_of_the_network(
    crossed: tuple[Path, list[Event]],
) -> None:
    folder, events = crossed
    assert (folder / "linear.sloy").read_bytes() == (
        folder / "all-rows" / "linear.sloy"
    ).read_bytes()
    assert folder / "linear.sloy" in [event.path for event in events if isinstance(event, Saved)]


def test_every_row_is_predicted_once_by_a_network_that_did_not_see_it(
    table: Path, crossed: tuple[Path, list[Event]]
) -> None:
    folder, _ = crossed
    head, rows = read(folder)
    assert head[:4] == ["row", "fold", "kind", "prediction"]
    lines = table.read_text().splitlines()[1:]
    assert [int(row[0]) for row in rows] == list(range(1, len(lines) + 1))
    assert [row[2] for row in rows] == [line.split(",")[-1] for line in lines]
    for number in range(1, K + 1):
        model = sloy.load(folder / f"fold-{number}" / "model.sloy", engine="reference")
        own = [row for row in rows if int(row[1]) == number]
        raw = [lines[int(row[0]) - 1].split(",") for row in own]
        columns = {
            name: [cells[k] for cells in raw] for k, name in enumerate(("area", "age", "town"))
        }
        said = model.predict_proba(columns)
        assert [row[3] for row in own] == [model.class_names[k] for k in said.argmax(1)]
        np.testing.assert_allclose(
            np.array([row[4:] for row in own], float), said, rtol=1e-5, atol=1e-38
        )


def test_scores_are_means_over_the_folds_with_standard_errors(
    crossed: tuple[Path, list[Event]],
) -> None:
    folder, _ = crossed
    _, rows = read(folder)
    right = [
        np.mean([row[2] == row[3] for row in rows if int(row[1]) == number])
        for number in range(1, K + 1)
    ]
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["scores"]["accuracy"]["mean"] == pytest.approx(np.mean(right))
    error = np.std(right, ddof=1) / np.sqrt(K)
    assert summary["scores"]["accuracy"]["error"] == pytest.approx(error)
    assert [one["accuracy"] for one in summary["test_of_folds"]] == pytest.approx(right)
    assert set(summary["baselines"]) == {"linear model", "always the same"}
    found = [json.loads((folder / f"fold-{k}" / "summary.json").read_text()) for k in (1, 2, 3)]
    worth = {one["column"]: one for one in summary["importance"]["columns"]}
    for name, one in worth.items():
        own = [c for f in found for c in f["importance"]["columns"] if c["column"] == name]
        assert one["mean"] == pytest.approx(np.mean([c["mean"] for c in own]))
        assert one["error"] == pytest.approx(np.sqrt(sum(c["error"] ** 2 for c in own)) / K)


def test_the_model_is_of_all_rows_and_of_the_mean_of_the_best_epochs(
    crossed: tuple[Path, list[Event]],
) -> None:
    folder, _ = crossed
    summary = json.loads((folder / "summary.json").read_text())
    best = [
        json.loads((folder / f"fold-{k}" / "summary.json").read_text())["best_epoch"]
        for k in (1, 2, 3)
    ]
    assert summary["best_epochs"] == best
    last = json.loads((folder / "all-rows" / "summary.json").read_text())
    assert last["epochs"] == round(np.mean(best))
    assert last["test_samples"] == 0
    assert last["plan"]["validation"] == 0
    model, whole = (sloy.load(folder / p / "model.sloy") for p in ("", "all-rows"))
    for name, value in model.parameters.items():
        np.testing.assert_array_equal(value, whole.parameters[name])


def test_what_it_tells(crossed: tuple[Path, list[Event]]) -> None:
    folder, events = crossed
    kinds = [type(event).__name__ for event in events]
    assert kinds.count("Opened") == kinds.count("Tested") == 1
    began = [event for event in events if isinstance(event, FoldBegan)]
    assert [event.fold for event in began] == [1, 2, 3, 0]
    assert {event.folder for event in began} == {folder}


def test_it_goes_on_where_it_was_stopped(
    table: Path, crossed: tuple[Path, list[Event]], tmp_path: Path
) -> None:
    """Ctrl-C within the second fold; what is done is kept, and the end is the same to the byte."""
    seen: list[Event] = []

    def stop(event: Event) -> None:
        seen.append(event)
        second = sum(isinstance(one, FoldBegan) for one in seen) == 2
        if second and isinstance(event, EpochEnded) and event.row["epoch"] == 2:
            raise KeyboardInterrupt

    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(experiment(table), folder, engine="reference", listener=stop)
    assert not (folder / "fold-2" / "summary.json").exists()
    before = (folder / "fold-1" / "model.sloy").stat().st_mtime_ns
    with pytest.raises(InvalidOption, match="`folds` is 3 there, not 4"):
        resume(folder, folds=4)
    with pytest.raises(InvalidOption, match="`epochs`: the runs of `folds`"):
        resume(folder, epochs=9)
    events: list[Event] = []
    resume(folder, engine="reference", listener=events.append)
    assert [e.before for e in events if isinstance(e, FoldEnded)] == [True, False, False]
    assert (folder / "fold-1" / "model.sloy").stat().st_mtime_ns == before
    for name in ("predictions.csv", "model.sloy", "fold-2/model.sloy"):
        assert (folder / name).read_bytes() == (crossed[0] / name).read_bytes()


def test_another_takes_its_place_whole(table: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(experiment(table, epochs=1), folder, engine="reference")
    run(experiment(table, epochs=1, folds=2), folder, engine="reference", overwrite=True)
    assert sorted(p.name for p in folder.glob("fold-*")) == ["fold-1", "fold-2"]


def test_groups_stay_together(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    shops = random.choice([f"s{k}" for k in range(12)], 120)
    x = random.normal(size=120)
    lines = [f"{a},{b},{a + random.normal():.4f}" for a, b in zip(x, shops, strict=True)]
    path = tmp_path / "shops.csv"
    path.write_text("\n".join(["x,shop,y", *lines]) + "\n")
    words = {"target": "y", "split": "group=shop", "folds": 3, "epochs": 2, "loss": "huber"}
    result = run(Experiment.of(path, **words), tmp_path / "run", engine="reference")
    _, rows = read(tmp_path / "run")
    folds = np.array([int(row[1]) for row in rows])
    assert all(len(set(folds[shops == shop])) == 1 for shop in set(shops))
    assert isinstance(result.model.loss, Huber)
    assert result.model.reader is not None
    assert "shop" not in result.model.reader.names  # type: ignore[attr-defined]
    assert np.isfinite(result.summary["scores"]["rmse"]["error"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"split": "time=area"}, "`folds` would test on rows that come before"),
        ({"test": "other.csv"}, "`folds` tests on every row"),
        ({"split": "day"}, "must be time=COLUMN or group=COLUMN"),
        ({"folds": 1}, "`folds` .=1"),
    ],
)
def test_what_folds_do_not_go_with(table: Path, words: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        experiment(table, **words)


def test_standard_input_is_read_once() -> None:
    code = "from sloy.experiments import Experiment; Experiment.of('-', target='y', folds=3)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False
    )
    assert "`folds` reads the data again for each, which standard input cannot" in done.stderr


def test_folds_of_members_tell_intervals_times_and_epochs(table: Path, tmp_path: Path) -> None:
    """What the run on all rows does is said truly; intervals are kept row by row; the plan is what was done."""
    words = {"target": "area", "folds": 2, "epochs": 2, "members": 2, "intervals": 0.8}
    events: list[Event] = []
    folder = tmp_path / "run"
    result = run(Experiment.of(table, **words), folder, engine="reference", listener=events.append)
    (last,) = [event for event in events if isinstance(event, FoldBegan) and not event.fold]
    assert last.epochs == 0
    assert "chosen by rows that are held out" in fold_began(last)
    head, rows = read(folder)
    ends = np.array([row[-2:] for row in rows], float)
    true, fold = (
        np.array([row[head.index(name)] for row in rows], float) for name in ("area", "fold")
    )
    assert head[-2:] == ["low", "high"]
    held = [((ends[:, 0] <= true) & (true <= ends[:, 1]))[fold == k].mean() for k in (1, 2)]
    found = json.loads((folder / "summary.json").read_text())
    assert found["intervals"]["test_covered"]["mean"] == pytest.approx(np.mean(held))
    assert found["plan"]["learning_rate"] == found["learning_rate"]
    assert found["plan"]["folds"] == 2
    runs = [
        json.loads((folder / name / "summary.json").read_text())
        for name in ("fold-1", "fold-2", "all-rows")
    ]
    seconds = [one["times_seconds"]["training"] for one in runs]
    assert found["times_seconds"]["training"] == pytest.approx(sum(seconds))
    kept = runs[0]["member_epochs"]
    losses = np.array(
        [[float(row[f"val_member_{g}"]) for g in (1, 2)] for row in runs[0]["history"]]
    )
    assert kept == (1 + losses.argmin(0)).tolist()
    assert runs[0]["best_epoch"] == max(kept)
    assert runs[0]["best_val_loss"] == pytest.approx(losses.min(0).mean())
    again = resume(folder / "fold-1", engine="reference").summary
    times = again["times_seconds"]
    assert times["before"] == pytest.approx(times["training"])
    assert "nothing was trained now" in times_told(times)
    assert result.summary["times_seconds"]["before"] == pytest.approx(0.0, abs=1e-6)


# --- losses by name ---------------------------------------------------------------------------------------------------


def test_a_loss_of_numbers_takes_the_unit_of_the_targets(table: Path, tmp_path: Path) -> None:
    words = {"target": "area", "loss": "absolute_error", "epochs": 1}
    result = run(Experiment.of(table, **words), tmp_path / "run", engine="reference")
    loss = result.model.loss
    assert isinstance(loss, AbsoluteError)
    assert 30 < loss.unit < 70  # uniform from 30 to 200: deviation 49
    assert result.summary["plan"]["loss"] == "absolute_error"
    resume(tmp_path / "run", engine="reference", loss="absolute_error")
    with pytest.raises(InvalidOption, match="`loss` is absolute_error there, not huber"):
        resume(tmp_path / "run", loss="huber")


def test_the_absolute_error_finds_the_median_where_the_square_finds_the_mean(
    tmp_path: Path,
) -> None:
    """Of a target that no column tells of: 0 in two of three rows, else 10 to 30."""
    random = np.random.default_rng(0)
    y = np.where(random.random(900) < 0.67, random.normal(0, 0.1, 900), random.uniform(10, 30, 900))
    path = tmp_path / "skew.csv"
    lines = [f"{random.integers(0, 3)},{value:.5f}" for value in y]
    path.write_text("\n".join(["x,y", *lines]) + "\n")
    said = {}
    for loss in ("squared_error", "absolute_error"):
        words = {"target": "y", "loss": loss, "epochs": 30, "seed": 1}
        result = run(Experiment.of(path, **words), tmp_path / loss, engine="native", threads=1)
        said[loss] = float(result.model.predict({"x": [0, 1, 2]}).mean())
    assert said["squared_error"] == pytest.approx(y.mean(), abs=1.5)
    assert abs(said["absolute_error"] - np.median(y)) < 0.35 * (y.mean() - np.median(y))


@pytest.mark.parametrize(
    ("target", "loss", "words"),
    [
        ("kind", "huber", "classes are to be predicted; take categorical_crossentropy"),
        ("kind", "hinge", "classes are to be predicted; take categorical_crossentropy"),
        ("kind", "binary_crossentropy", "take categorical_crossentropy"),
        (
            "area",
            "categorical_crossentropy",
            "numbers .*; take squared_error, absolute_error, huber",
        ),
        ("area", "pinball_loss", "`loss` .='pinball_loss'. must be"),
    ],
)
def test_a_loss_that_does_not_suit_is_refused(
    table: Path, tmp_path: Path, target: str, loss: str, words: str
) -> None:
    with pytest.raises(InvalidOption, match=words):
        run(Experiment.of(table, target=target, loss=loss), tmp_path / "run", engine="reference")
    assert not (tmp_path / "run").exists()


def test_a_loss_for_pictures(pictures: Path, digits: Path, start: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="take categorical_crossentropy"):
        run(Experiment.of(digits, loss="squared_error"), tmp_path / "run", engine="reference")
    with pytest.raises(InvalidOption, match="with `from` the loss is that of the model"):
        Experiment.of(pictures, from_=start, loss="categorical_crossentropy")


# --- sloy inspect -----------------------------------------------------------------------------------------------------


def test_inspect_of_a_table(
    table: Path,
    crossed: tuple[Path, list[Event]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, out = str(crossed[0]), str(tmp_path / "out")
    words = ("--column", "town", "--pair", "area", "age", "--out", out)
    assert exit_code("inspect", model, str(table), *words) == 0
    assert "importance" in (shown := capsys.readouterr().out)
    assert all(name in shown for name in ("area", "age", "town", "±"))
    assert sorted(p.name for p in Path(out).iterdir()) == [
        "importance.png", "partial-dependence.png",
    ]  # fmt: skip
    bare = tmp_path / "bare.csv"
    bare.write_text("area,age,town\n30,4,Rome\n90,5,Oslo\n")
    assert exit_code("inspect", model, str(bare), "--out", out) == 2
    assert "has no column 'kind'" in capsys.readouterr().err
    assert (
        exit_code("inspect", model, str(bare), "--column", "age", "--out", out, "--overwrite") == 0
    )
    assert exit_code("inspect", model, "--out", out) == 2
    assert "the model takes tables" in capsys.readouterr().err
