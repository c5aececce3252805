"""`--recipe`: every recipe is complete and can be built; what is given beside it goes before it."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from pathlib import Path

import pytest
from PIL import Image

import sloy as library
from command_line import Sloy
from sloy import zoo
from sloy.cli.plan import Plan
from sloy.cli.recipes import RECIPES
from sloy.cli.train import add_parser

MNIST = (28, 28, 1)


def plan_of(*words: object) -> Plan:
    """The plan of a command line, without its run."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    return Plan.of(add_parser(commands).parse_args([*map(str, words)]))


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_options_of_the_plan(name: str) -> None:
    options = RECIPES[name].options
    assert set(options) <= {field.name for field in fields(Plan)} - {"data", "recipe", "seed"}
    plan = plan_of("mnist", "--recipe", name)
    plan.check()
    assert {option: getattr(plan, option) for option in options} == dict(options)
    assert plan.recipe == name
    assert RECIPES[name].about


def test_the_recipes_are_what_the_docs_say() -> None:
    digits, fashion = (plan_of("mnist", "--recipe", name) for name in RECIPES)
    assert digits.make_augment() == library.Augment(rotation=10, scale=0.1, shift=0.1)
    assert digits.make_optimizer() == library.Adam(library.schedules.OneCycle(0.005))
    assert zoo.make(digits.network, MNIST, 10) == zoo.cnn_deep(MNIST, 10)
    assert fashion.make_augment() == library.Augment(flip="horizontal", crop=1)
    assert fashion.make_optimizer() == library.Adam(library.schedules.OneCycle(0.003))
    network = zoo.make(fashion.network, MNIST, 10, **(fashion.network_options or {}))
    assert network == zoo.standard_cnn(MNIST, 10, batch_norm=True, dropout=0.25)


def test_the_command_line_goes_before_the_recipe() -> None:
    plan = plan_of("mnist", "--recipe", "fashion-mnist", "--epochs", 3, "--augment", "none")
    assert (plan.epochs, plan.make_augment(), plan.network) == (3, None, "standard_cnn")
    other = plan_of("mnist", "--recipe", "fashion-mnist", "--network", "mlp")
    assert (other.network, other.network_options) == ("mlp", None)
    same = plan_of("mnist", "--recipe", "fashion-mnist", "--network", "standard_cnn")
    assert same.network_options == RECIPES["fashion-mnist"].options["network_options"]


def test_an_unknown_recipe_is_refused(sloy: Sloy, data: Path) -> None:
    done = sloy("train", data, "--recipe", "soup", code=2)
    assert "mnist-augmented" in done.stderr


def test_a_run_keeps_its_recipe_and_shows_the_changed_pictures(
    sloy: Sloy, data: Path, tmp_path: Path
) -> None:
    done = sloy("train", data, "--recipe", "fashion-mnist", "--epochs", 1, "--samples", 100,
                "--threads", 1, "--out", "run")  # fmt: skip
    assert "Augment(flip='horizontal', crop=1)" in done.stderr
    run = tmp_path / "work" / "run"
    kept = json.loads((run / "configuration.json").read_text())["plan"]
    assert kept["recipe"] == "fashion-mnist"
    assert kept["augment"] == "flip=horizontal,crop=1"
    assert Plan.read(run / "configuration.json").network_options == {
        "batch_norm": True,
        "dropout": 0.25,
    }
    with Image.open(run / "augmented.png") as picture:
        assert min(picture.size) > 300
