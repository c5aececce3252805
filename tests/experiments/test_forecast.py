"""`plan`: what is foreseen of data and a run, and that the run does it; rates that are found for experiments."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sloy
from command_line import exit_code
from sloy import text
from sloy.errors import InvalidOption
from sloy.experiments import Experiment, Forecast
from sloy.experiments.opening import opened, rate_range
from sloy.experiments.to_beat import _score
from sloy.language import sentence

SMALL: dict[str, Any] = {"target": "kind", "network": "mlp", "epochs": 3}


@pytest.fixture(scope="module")
def of_table(table: Path) -> Forecast:
    return sloy.plan(table, engine="reference", **SMALL)


def test_what_is_said_of_a_table(of_table: Forecast) -> None:
    told = str(of_table)
    assert of_table.quality.samples == {"train": 86, "validate": 10, "test": 24}
    always, linear, nearest = of_table.scores
    assert always.samples == linear.samples == nearest.samples == 24
    assert linear.value > always.value
    for end in (always.low, always.high):  # the ends of Wilson's interval solve this
        error = (end * (1 - end) / 24) ** 0.5
        assert abs(always.value - end) == pytest.approx(1.959964 * error, rel=1e-5)
    assert "5 nearest of 86" in told
    assert "mlp: hidden layers of 128 and 64 ReLU neurons, dropout of 0.3\n" in told
    assert of_table.seconds.training == pytest.approx(3 * of_table.seconds.epoch)
    assert 0 < of_table.seconds.epoch <= of_table.seconds.slowest
    assert of_table.opening.memory > 1e7
    document = json.loads(text.as_json(of_table.document()))
    assert document["plan"]["target"] == "kind"
    assert document["scores"]["linear model"]["accuracy"] == linear.value


def test_its_command_does_the_same(of_table: Forecast, table: Path) -> None:
    words = shlex.split(of_table.command)
    assert words[:3] == ["sloy", "train", str(table)]
    from sloy.cli.experiment_options import words_of
    from sloy.cli.main import build_parser

    arguments = build_parser("train").parse_args(words[1:])
    own = of_table.words
    other = Experiment.of(arguments.data, **words_of(arguments))
    theirs = opened(other, Path(), engine="reference").experiment.words()
    assert theirs == own


@pytest.mark.usefixtures("undrawn")
def test_the_plan_is_taken_by_the_run(table: Path, tmp_path: Path, capsys: Any) -> None:
    plan, out = tmp_path / "plan.json", tmp_path / "run"
    options = ("--engine", "reference")
    given = ("--target", "kind", "--network", "mlp", "--epochs", "2", "--seed", "3")
    assert exit_code("plan", str(table), *given, *options, "--out", str(plan)) == 0
    assert "to beat" in capsys.readouterr().out
    train = ("train", "--plan", str(plan), "--epochs", "1", *options)
    assert exit_code(*train, "--out", str(out), "--quiet") == 0
    done = json.loads((out / "configuration.json").read_text())["plan"]
    foreseen = json.loads(plan.read_text())["plan"]
    assert done == {**foreseen, "epochs": 1}
    assert exit_code("train", "--plan", str(tmp_path / "none.json")) == 1
    assert exit_code("train", "--plan", str(plan), "--resume", "--out", str(out)) == 2


def test_pictures_and_what_is_planted(pictures: Path, tmp_path: Path) -> None:
    found = sloy.plan(pictures, network="mlp", epochs=1, engine="reference")
    assert [score.name for score in found.scores][:2] == ["always the same", "linear model"]
    path, random = tmp_path / "planted.csv", np.random.default_rng(0)
    y = random.integers(0, 2, 300)
    columns = {
        "a": (y + random.normal(size=300)).round(4),
        "leak": ((2 * y - 1) * random.uniform(0.5, 2, 300)).round(4),
        "one": np.full(300, 7),
        "number": np.arange(300) + 5000,
    }
    rows = [",".join(map(str, row)) for row in zip(*columns.values(), y, strict=True)]
    path.write_text("\n".join([",".join([*columns, "y"]), *rows]) + "\n")
    plan = sloy.plan(path, target="y", network="mlp", epochs=1, engine="reference")
    assert str(plan).count("--ignore number") == 1  # which is said while the table is read, too
    quality = plan.quality
    assert list(quality.leaking) == ["leak"]
    assert quality.counting == ("number",)
    assert quality.constant == ("one",)


def test_what_cannot_be_planned(table: Path, start: Path, pictures: Path) -> None:
    with pytest.raises(InvalidOption, match="networks that are new"):
        sloy.plan(pictures, from_=str(start))
    with pytest.raises(InvalidOption, match="one run"):
        sloy.plan(table, target="kind", folds=3)


def test_a_rate_is_found_for_an_experiment_and_kept(table: Path, digits: Path) -> None:
    experiment = Experiment.of(table, **SMALL, learning_rate="auto")
    assert experiment.words()["learning_rate"] == "auto"
    opening = opened(experiment, Path(), engine="reference")
    plain = Experiment.of(table, **SMALL)
    found = rate_range(opened(plain, Path(), engine="reference"))
    assert opening.experiment.given["learning_rate"] == found.best == opening.recipe.learning_rate
    assert opening.experiment.words()["learning_rate"] == found.best
    assert opening.loaded.rows[-1][0] == "rate"
    held = Experiment.of(digits, network="mlp", epochs=1, validation=0.0, batch_size=16)
    assert rate_range(opened(held, Path(), engine="reference")).best > 0


def test_no_rate_is_found_for_a_model_that_exists(pictures: Path, start: Path) -> None:
    experiment = Experiment.of(pictures, from_=str(start), learning_rate="auto")
    with pytest.raises(InvalidOption, match="networks that are new"):
        opened(experiment, Path(), engine="reference")


def test_find_rate_prints_and_draws(table: Path, tmp_path: Path, capsys: Any) -> None:
    words = ("find-rate", str(table), "--target", "kind", "--network", "mlp", "--epochs", "2")
    picture = tmp_path / "rate.png"
    assert exit_code(*words, "--engine", "reference", "--json", "--out", str(picture)) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["low"] <= found["best"] <= found["high"]
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert exit_code(*words, "--engine", "reference", "--learning-rate", "0.1") == 2
    assert "--learning-rate (=0.1): is what is found" in capsys.readouterr().err
    assert exit_code(*words, "--engine", "reference", "--out", str(picture), "--overwrite") == 0
    assert str(picture) in capsys.readouterr().out


def test_one_sample_is_no_certainty() -> None:
    """Of 1 right of 1, and of 0, the interval is Wilson's: z² / (1 + z²) wide; of one error there is none."""
    labels = sloy.Dataset(np.zeros((1, 2), np.float32), np.array([0]), ["a", "b"])
    wide = 1.959964**2 / (1 + 1.959964**2)
    right = _score(sentence("x"), np.array([[0.9, 0.1]]), labels)
    assert (right.value, right.low, right.high) == pytest.approx((1, 1 - wide, 1))
    wrong = _score(sentence("x"), np.array([[0.1, 0.9]]), labels)
    assert str(wrong) == "0.00 %  (0.00 to 79.35 %)"
    numbers = sloy.Dataset(np.zeros((1, 2), np.float32), np.array([3.0]))
    assert str(_score(sentence("x"), np.array([[1.0]]), numbers)).startswith("2  (of one sample")
