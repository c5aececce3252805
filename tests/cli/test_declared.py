"""Every option of a dataclass that says something of itself is an option of `sloy train`: shown, parsed, taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from command_line import exit_code
from sloy.cli.experiment_options import words_of
from sloy.cli.main import build_parser
from sloy.experiments import SOURCES, Experiment
from sloy.experiments.sources import TableFile
from sloy.experiments.sources.folder import PictureSource
from sloy.experiments.sources.shards import PictureShards
from sloy.options import options
from sloy.training.recipe import Recipe
from sloy.training.stages import FineTuning
from streams_made import as_tar, pictures

OWNERS = (Experiment, Recipe, FineTuning, *SOURCES)
TOLD = [(owner, name) for owner in OWNERS for name, _, rule in options(owner) if rule.about]
# Word on the command line → value of the option.
GIVEN: dict[str, tuple[str, Any]] = {
    "network": ("mlp", "mlp"),
    "validation": ("0.25", 0.25),
    "samples": ("50", 50),
    "loss": ("huber", "huber"),
    "calibrate": ("on", "on"),
    "threshold": ("0.25", 0.25),
    "intervals": ("0.8", 0.8),
    "optimizer": ("nesterov", "nesterov"),
    "learning_rate": ("0.5", 0.5),
    "schedule": ("cosine", "cosine"),
    "momentum": ("0.75", 0.75),
    "beta2": ("0.75", 0.75),
    "members": ("3", 3),
    "target_scale": ("log", "log"),
    "time": ("1.5m", 90.0),
    "weight_decay": ("2", 2.0),
    "epochs": ("3", 3),
    "batch_size": ("16", 16),
    "patience": ("2", 2),
    "class_weight": ("yes=5,no=1", {"yes": 5.0, "no": 1.0}),
    "augment": ("flip=horizontal", "flip=horizontal"),
    "seed": ("18446744073709551615", 2**64 - 1),
    "precision": ("float64", "float64"),
    "deterministic": ("any-threads", "any-threads"),
    "gradient_norms": ("", True),
    "freeze": ("until:pool5", "pool5"),
    "unfreeze": ("", True),
    "head_epochs": ("4", 4),
    "first_rate": ("0.5", 0.5),
    "size": ("48x64", (48, 64)),
    "resize": ("pad", "pad"),
    "skip_broken": ("", True),
    "test": ("0.3", 0.3),
    "stream": ("on", "on"),
    "hold": ("40", 40),
    "target": ("kind", "kind"),
    "task": ("regression", "regression"),
    "ignore": ("age", ["age"]),
    "categorical": ("town", ["town"]),
    "numeric": ("age", ["age"]),
    "date": ("born=%d.%m.%y", ["born=%d.%m.%y"]),
    "decimal": (",", ","),
    "missing": ("-999", ["-999"]),
    "split": ("group=town", "group=town"),
    "folds": ("4", 4),
    "id": ("key", ["key"]),
}


def arguments_of(name: str) -> list[str]:
    word = GIVEN[name][0]
    return [f"--{name.replace('_', '-')}", *([word] if word else [])]


def test_every_option_is_tried() -> None:
    assert {name for _, name in TOLD} == GIVEN.keys()


@pytest.mark.parametrize(("owner", "name"), TOLD)
def test_an_option_is_shown_and_taken(owner: type, name: str, data: Path, tmp_path: Path) -> None:
    parser = build_parser("train")
    given = words_of(parser.parse_args(["train", "DATA", *arguments_of(name)]))
    assert given == {name: GIVEN[name][1]}
    where, more = str(data), {}
    if owner is FineTuning:
        more = {"from_": "model.sloy", "unfreeze": True}
    elif owner is PictureSource:
        (tmp_path / "rose").mkdir()
        where = str(tmp_path)
    elif owner is PictureShards:
        where = str(as_tar(tmp_path / "a.tar", *pictures(3)))
    elif owner is TableFile:
        where, more = "houses.csv", {"target": "kind"}
    if name == "momentum":
        more = {"optimizer": "momentum"}
    words = Experiment.of(where, **{**more, **given}).words()
    value = GIVEN[name][1]
    assert words[name] == (list(value) if isinstance(value, tuple) else value)


def test_the_help_tells_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("train", "--help") == 0
    told = " ".join(capsys.readouterr().out.split())
    for owner, name in TOLD:
        rule = next(rule for own, _, rule in options(owner) if own == name)
        assert f"--{name.replace('_', '-')}" in told
        assert " ".join(rule.about.split()) in told.replace("- ", "-") or rule.about[:20] in told


def test_what_is_not_given_is_left_out() -> None:
    assert words_of(build_parser("train").parse_args(["train", "mnist"])) == {}
