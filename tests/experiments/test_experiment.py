"""`Experiment`: options in words, their defaults, what is refused, and words that make the same again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sloy
from sloy.errors import InvalidArgument, InvalidOption
from sloy.experiments import Experiment
from sloy.experiments.experiment import FURTHER_RATE
from sloy.experiments.opening import opened
from sloy.experiments.recipes import RATES, RECIPES
from sloy.experiments.sources import SOURCES, Wanted
from sloy.experiments.sources.folder import AUGMENTATION, PictureSource
from sloy.layers import Dense, Dropout, GroupedDense

EACH_KIND: dict[str, dict[str, Any]] = {
    "digits": {"network": "mlp", "optimizer": "momentum", "momentum": 0.5, "samples": 50},
    "pictures": {"size": (8, 12), "resize": "pad", "skip_broken": True, "test": 0.2},
    "shards": {"size": 8, "hold": 40, "target": "label", "skip_broken": True, "test": 0.2},
    "table": {"target": "kind", "ignore": ["age"], "categorical": ["town"], "validation": 0.2},
}


@pytest.fixture(params=EACH_KIND)
def experiment(request: pytest.FixtureRequest) -> Experiment:
    return Experiment.of(request.getfixturevalue(request.param), **EACH_KIND[request.param])


def equal(one: Experiment, other: Experiment) -> bool:
    names = ("source", "recipe", "fine_tuning", "network", "network_options", "named", "start")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def test_words_make_the_recipe(digits: Path) -> None:
    words: dict[str, Any] = {
        "optimizer": "nesterov", "learning_rate": 0.2, "schedule": "cosine", "momentum": 0.8, "weight_decay": 0.1,
        "epochs": 7, "batch_size": 5, "patience": 3, "class_weight": "balanced", "augment": "flip=horizontal",
        "trainable": ("dense*",), "rate_factors": {"dense_1/*": 0.5}, "seed": 9, "shuffle": False,
        "precision": "float64", "deterministic": "any-threads", "gradient_norms": True,
    }  # fmt: skip
    assert Experiment.of(digits, **words).recipe == sloy.Recipe(**words)


# --- defaults -------------------------------------------------------------------------------------


def test_general_defaults(digits: Path) -> None:
    found = Experiment.of(digits)
    assert (found.network, found.validation, found.samples) == ("cnn", 0.1, None)
    recipe = found.recipe
    assert (recipe.epochs, recipe.batch_size, recipe.precision) == (2, 256, "auto")
    assert recipe.descent == sloy.Adam(sloy.schedules.OneCycle(RATES["adam"]))
    assert Experiment.of(digits, schedule="constant").recipe.learning_rate == RATES["adam"] / 10
    assert Experiment.of(digits, optimizer="sgd").recipe.learning_rate == RATES["sgd"]


def test_the_kind_of_data_goes_before_the_general(pictures: Path, table: Path) -> None:
    found = Experiment.of(pictures)
    assert found.network == "standard_cnn"
    assert found.recipe.augment == sloy.Augment.of_words(AUGMENTATION)
    assert found.recipe.learning_rate == RATES["adam"] / 4
    rows = Experiment.of(table, target="kind")
    assert (rows.network, rows.recipe.optimizer, rows.source.members) == ("tabular", "adamw", 4)
    assert (rows.recipe.schedule, rows.recipe.beta2, rows.validation) == ("cos-log", 0.95, 0.15)
    single = Experiment.of(table, target="kind", recipe="fast")
    assert (single.network, single.source.members) == ("tabular", 1)
    plain = Experiment.of(table, target="kind", network="mlp")
    assert (plain.recipe.schedule, plain.validation) == ("one-cycle", 0.1)


def test_the_network_goes_before_the_kind_of_data(digits: Path) -> None:
    found = Experiment.of(digits, network="fast")
    assert (found.recipe.epochs, found.recipe.beta2, found.validation) == (1, 0.95, 0)
    assert (found.recipe.learning_rate, found.loss) == (0.02, "cross_entropy=0.1")


def test_a_named_recipe_goes_before_the_network(digits: Path) -> None:
    found = Experiment.of(digits, network="fast", recipe="mnist-augmented")
    assert found.network == "fast"
    assert found.recipe.epochs == RECIPES["mnist-augmented"].options["epochs"]
    assert found.recipe.beta2 == 0.95


OF_OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("digits", {}),
    ("digits", {"network": "fast"}),
    ("digits", {"recipe": "mnist-augmented"}),
    ("digits", {"recipe": "fashion-mnist", "network": "fast"}),
    ("table", {"target": "kind"}),
    ("table", {"target": "kind", "recipe": "fast"}),
    ("table", {"target": "kind", "recipe": "tabular", "network": "mlp"}),
]


@pytest.mark.parametrize(("data", "words"), OF_OTHERS)
def test_no_default_hinders_another_optimizer(
    request: pytest.FixtureRequest, data: str, words: dict[str, Any]
) -> None:
    """What recipe, network and data say for their own optimiser is left out with another."""
    path = request.getfixturevalue(data)
    plain = Experiment.of(path, **words).recipe
    for optimizer, rate in RATES.items():
        recipe = Experiment.of(path, optimizer=optimizer, **words).recipe
        if optimizer == plain.optimizer:
            assert recipe == plain
        else:
            assert recipe.optimizer == optimizer
            assert (recipe.momentum, recipe.beta2, recipe.weight_decay) == (None, None, None)
            assert recipe.learning_rate == rate


def test_what_is_given_goes_before_all(pictures: Path) -> None:
    found = Experiment.of(pictures, recipe="mnist-augmented", epochs=3, augment="none")
    assert (found.recipe.epochs, found.recipe.augment, found.network) == (3, None, "cnn_deep")


def test_what_suits_the_data_fills_what_is_not_given(table: Path, pictures: Path) -> None:
    found = Experiment.of(table, target="kind", epochs=5, network="mlp")
    recipe = found.with_defaults_for(found.source.load(Wanted())).recipe
    assert (recipe.epochs, recipe.batch_size, recipe.patience) == (5, 16, 30)
    assert (recipe.learning_rate, recipe.weight_decay) == (0.005, 0.3)
    still = Experiment.of(table, target="kind", network="mlp", schedule="constant")
    assert still.with_defaults_for(found.source.load(Wanted())).recipe.learning_rate == 0.0005
    named = Experiment.of(pictures, recipe="fashion-mnist")
    assert named.with_defaults_for(named.source.load(Wanted())) is named


def test_early_stopping_where_pictures_enough_are_validated_on(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = Experiment.of(pictures)
    loaded = experiment.source.load(Wanted())
    assert loaded.validation is not None
    assert experiment.with_defaults_for(loaded).recipe.patience is None
    monkeypatch.setattr(PictureSource, "enough", len(loaded.validation))
    assert experiment.with_defaults_for(loaded).recipe.patience == 15
    assert Experiment.of(pictures, patience=0).with_defaults_for(loaded).recipe.patience is None
    assert Experiment.of(pictures, patience=4).with_defaults_for(loaded).recipe.patience == 4


def test_training_further_has_defaults_of_its_own(pictures: Path) -> None:
    found = Experiment.of(pictures, from_="model.sloy", unfreeze=True, epochs=7)
    assert found.recipe.augment is None
    assert found.recipe.learning_rate == pytest.approx(FURTHER_RATE * RATES["adam"])
    assert (found.fine_tuning.freeze, found.fine_tuning.head_epochs) == ("head", 3)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"magic": 1}, "`magic` is no option of an experiment"),
        ({"target": "price"}, "`target` does not belong to"),
        ({"size": 8}, "`size` does not belong to"),
        ({"freeze": "head"}, "`freeze` needs `from` MODEL"),
        ({"epochs": 0}, "`epochs` (=0)"),
        ({"epochs": "3"}, "`epochs` (='3')"),
        ({"network": "vgg99"}, "`network` (='vgg99') must be one of cnn,"),
        ({"network": ["cnn"]}, "`network` (=['cnn'])"),
        ({"network_options": 3}, "`network_options` (=3)"),
        ({"recipe": "soup"}, "`recipe` (='soup') must be one of mnist-augmented,"),
        ({"recipe": sloy.Recipe()}, "`recipe` (=Recipe("),
        ({"optimizer": sloy.Adam(0.1)}, "`optimizer` (=Adam("),
        ({"schedule": sloy.schedules.OneCycle(0.1)}, "`schedule` (=OneCycle("),
        ({"schedule": ["cosine"]}, "`schedule` (=['cosine'])"),
        ({"learning_rate": sloy.schedules.OneCycle(0.1)}, "`learning_rate`"),
        ({"class_weight": "heavy"}, "`class_weight` (='heavy')"),
        ({"augment": "soup=1"}, "`augment`: 'soup=1'"),
        ({"validation": 1}, "`validation` (=1)"),
        ({"optimizer": "sgd", "momentum": 0.5}, "`momentum`"),
        ({"from_": 3}, "`from` (=3)"),
        ({"from_": "m", "network": "mlp"}, "`network`: with `from`"),
        ({"from_": "m", "trainable": ["*"]}, "`trainable`: with `from`"),
        ({"from_": "m", "head_epochs": 2}, "`head_epochs` counts the epochs before `unfreeze`"),
        ({"from_": "m", "unfreeze": True, "freeze": None}, "`unfreeze`"),
        ({"from_": "m", "first_rate": 2}, "`first_rate` (=2)"),
        ({"from_": "m", "head_optimizer": sloy.Adam()}, "`head_optimizer` (=Adam("),
    ],
)
def test_wrong_options_are_named(digits: Path, words: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        Experiment.of(digits, **words)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({}, "`target` COLUMN"),
        ({"target": "kind", "network": "cnn"}, "`network` (='cnn')"),
        ({"target": "kind", "from_": "m"}, "`from`"),
        ({"target": "kind", "ignore": 3}, "`ignore` (=3)"),
        ({"target": "kind", "skip_broken": True}, "`skip_broken` does not belong to"),
    ],
)
def test_wrong_options_of_a_table_are_named(table: Path, words: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        Experiment.of(table, **words)
    assert said in str(caught.value)


@pytest.mark.parametrize("size", [[1, 2, 3], [], 0, "8x", 8.5])
def test_a_wrong_size_is_named(pictures: Path, size: Any) -> None:
    with pytest.raises(InvalidOption, match="size"):
        Experiment.of(pictures, size=size)


def test_data_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="there is no such file or folder"):
        Experiment.of(tmp_path / "nothing", size=8)


# --- words ----------------------------------------------------------------------------------------


def test_words_make_the_same_again(experiment: Experiment) -> None:
    words = json.loads(json.dumps(experiment.words()))
    again = Experiment.of(**words)
    assert equal(again, experiment)
    assert again.words() == experiment.words() == words


@pytest.mark.parametrize(
    "words",
    [
        {"rate_factors": {"*": 0.5, "dense_2/*": 1.0}},
        {"class_weight": {0: 2.0, 1: 1.0}},
        {"trainable": ["dense*"]},
        {"augment": "rotation=5,outside=edge"},
        {"recipe": "fashion-mnist", "epochs": 3},
        {"from_": "runs/a", "unfreeze": True, "freeze": "pool5"},
        {"from_": "runs/a", "freeze": None, "first_rate": 0.5},
        {"from_": "runs/a", "unfreeze": True, "head_epochs": 4, "head_optimizer": "sgd"},
    ],
)
def test_words_of_less_usual_options(digits: Path, words: dict[str, Any]) -> None:
    experiment = Experiment.of(digits, **words)
    assert equal(Experiment.of(**json.loads(json.dumps(experiment.words()))), experiment)


def test_a_size_in_several_forms(pictures: Path) -> None:
    sources = [Experiment.of(pictures, size=size).source for size in (8, "8", [8])]
    assert sources[0] == sources[1] == sources[2]
    assert (
        Experiment.of(pictures, size="8x12").source == Experiment.of(pictures, size=(8, 12)).source
    )


def test_one_column_needs_no_list(table: Path) -> None:
    one, listed = (Experiment.of(table, target="kind", ignore=given) for given in ("age", ["age"]))
    assert one.source == listed.source


def test_every_kind_of_data_is_tried() -> None:
    assert len(SOURCES) == len(EACH_KIND) + 1, "and the bundled digits"


# --- what is run must be what was begun -----------------------------------------------------------


def test_the_same_words_are_the_same(experiment: Experiment) -> None:
    experiment.check_same(experiment.words())
    experiment.check_same({"epochs": 99, "data": Path(experiment.source.data)})


def test_words_in_another_form_are_the_same(pictures: Path) -> None:
    experiment = Experiment.of(pictures, size=[8, 12], augment="shift=0.1", from_=None)
    experiment.check_same({"size": "8x12", "augment": sloy.Augment(shift=0.1), "trainable": ("*",)})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"seed": 8}, "`seed` is 0 there, not 8"),
        ({"from_": "a"}, "`from` is not given there, not a"),
        ({"network": "lenet5"}, "`network` is mlp there, not lenet5"),
        ({"data": "mnist"}, "the data is"),
        ({"magic": None}, "`magic` is no option"),
        ({"batch_size": 0}, "`batch_size` (=0)"),
    ],
)
def test_other_words_are_refused(digits: Path, words: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        Experiment.of(digits, network="mlp").check_same(words)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"optimizer": "sgd"}, "`optimizer` is adamw there, not sgd"),
        ({"momentum": 0.9, "optimizer": "sgd"}, "`momentum` is not given there, not 0.9"),
        ({"intervals": 0.9}, "`intervals` is not given there, not 0.9"),
    ],
)
def test_what_is_given_is_blamed_not_what_it_does_not_fit(
    tmp_path: Path, words: dict[str, Any], said: str
) -> None:
    """The run's own `beta2` is adamw's alone, but it is not what was given."""
    table = tmp_path / "t.csv"
    table.write_text("a,b\n1,p\n2,q\n")
    experiment = Experiment.of(table, target="b", optimizer="adamw", beta2=0.95)
    with pytest.raises(InvalidOption) as caught:
        experiment.check_same(words)
    assert said in str(caught.value)


def test_sizes_of_networks_for_tables(tmp_path: Path) -> None:
    """`network_options` of both networks: neurons of each hidden layer, dropout; others are refused."""
    rng = np.random.default_rng(0)
    path = tmp_path / "t.csv"
    rows = [f"{a:.3f},{b:.3f},{'p' if a > b else 'q'}" for a, b in rng.normal(size=(80, 2))]
    path.write_text("\n".join(["a,b,c", *rows]) + "\n")
    for network, kind, units in (("mlp", Dense, 2), ("tabular", GroupedDense, 2)):
        words: dict[str, Any] = {"target": "c", "network": network, "members": 1}
        options = {"hidden": [7, 5], "dropout": 0.0}
        made = opened(Experiment.of(path, network_options=options, **words), tmp_path).network
        sizes = [layer.units for layer in made.layers if isinstance(layer, kind)]
        assert sizes == [7, 5, units]
        assert not [layer for layer in made.layers if isinstance(layer, Dropout)]
        with pytest.raises(InvalidOption, match="'depth' is none; there are hidden and dropout"):
            opened(Experiment.of(path, network_options={"depth": 3}, **words), tmp_path)
