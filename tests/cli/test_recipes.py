"""`--recipe`: every recipe is complete and can be built; what is given beside it goes before it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import sloy as library
from command_line import Sloy
from sloy import zoo
from sloy.cli.experiment_options import words_of
from sloy.cli.main import build_parser
from sloy.errors import InvalidOption
from sloy.experiments import Experiment
from sloy.experiments.recipes import RECIPES
from sloy.experiments.run_folder import RunFolder

MNIST = (28, 28, 1)


def experiment_of(*words: object) -> Experiment:
    """The experiment of a command line, without its run."""
    arguments = build_parser("train").parse_args(["train", *map(str, words)])
    return Experiment.of(arguments.data, **words_of(arguments))


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_options_of_an_experiment(name: str) -> None:
    rows = not RECIPES[name].fixed
    found = experiment_of(*(["t.csv", "--target", "y"] if rows else ["mnist"]), "--recipe", name)
    words = found.words()
    for option, value in RECIPES[name].options.items():
        assert words[option] == value, option
    assert found.named == words["recipe"] == name
    assert RECIPES[name].about


def test_the_recipes_are_what_the_docs_say() -> None:
    digits, fashion = (
        experiment_of("mnist", "--recipe", name) for name in ("mnist-augmented", "fashion-mnist")
    )
    assert digits.recipe.augment == library.Augment(rotation=10, scale=0.1, shift=0.1)
    assert digits.recipe.descent == library.Adam(library.schedules.OneCycle(0.005))
    assert zoo.make(digits.network, MNIST, 10) == zoo.cnn_deep(MNIST, 10)
    assert fashion.recipe.augment == library.Augment(flip="horizontal", crop=1)
    assert fashion.recipe.descent == library.Adam(library.schedules.OneCycle(0.003))
    network = zoo.make(fashion.network, MNIST, 10, **fashion.network_options)
    assert network == zoo.standard_cnn(MNIST, 10, batch_norm=True, dropout=0.25)


def test_the_recipe_of_another_kind_of_data_is_refused() -> None:
    said = r"`recipe` \(='tabular'\) is none for mnist; there are mnist-augmented, fashion-mnist\."
    with pytest.raises(InvalidOption, match=said):
        experiment_of("mnist", "--recipe", "tabular")
    with pytest.raises(InvalidOption, match=r"is none for t\.csv; there are tabular, fast"):
        experiment_of("t.csv", "--target", "y", "--recipe", "fashion-mnist")


def test_the_command_line_goes_before_the_recipe() -> None:
    found = experiment_of("mnist", "--recipe", "fashion-mnist", "--epochs", 3, "--augment", "none")
    assert (found.recipe.epochs, found.recipe.augment, found.network) == (3, None, "standard_cnn")
    other = experiment_of("mnist", "--recipe", "fashion-mnist", "--network", "mlp")
    assert (other.network, other.network_options) == ("mlp", {})
    same = experiment_of("mnist", "--recipe", "fashion-mnist", "--network", "standard_cnn")
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
    assert RunFolder(run).experiment().network_options == {
        "batch_norm": True,
        "dropout": 0.25,
    }
    with Image.open(run / "augmented.png") as picture:
        assert min(picture.size) > 300
