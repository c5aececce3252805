"""`Recipe`: what each option refuses, what several say together, and how those take it that train."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import numpy as np
import pytest

import sloy
from sloy import Recipe
from sloy.errors import InvalidArgument
from sloy.layers import Dense, ReLU
from sloy.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from sloy.options import options
from sloy.schedules import Constant, Cosine, OneCycle, StepDecay
from sloy.training.stages import FineTuning
from training_tasks import blobs, fit, mlp

NAMES = [field.name for field in fields(Recipe)]

# --- each option alone ------------------------------------------------------------------------------------------------

COUNT = ((0, -1, 1.5, "3", True), "must be an integer of at least 1")
WRONG: dict[str, tuple[tuple[object, ...], str]] = {
    "optimizer": (("best", 3, None, ["adam"], Adam), "must be one of sgd, .*, adamw, or an Optimizer"),
    "learning_rate": ((0, -1.0, np.nan, np.inf, "fast", True), "must be a finite number greater than 0"),
    "schedule": (("linear", 3, True), "must be one of constant, cos-log, cosine, one-cycle, or a Schedule"),
    "momentum": ((-0.1, 1.0, np.nan, "much"), "must be a finite number at least 0 and less than 1"),
    "beta2": ((-0.1, 1.0, np.nan, "much"), "must be a finite number at least 0 and less than 1"),
    "weight_decay": ((-0.1, np.inf, "much", True), "must be a finite number at least 0"),
    "epochs": COUNT,
    "batch_size": COUNT,
    "patience": ((-1, 1.5, "3", True), "must be an integer of at least 0"),
    "class_weight": (("balancd", 3, ["balanced"], (1.0, 2.0)), "must be one of balanced, or a Mapping"),
    "augment": (({"crop": 1}, 3), "must be a Augment or None"),
    "trainable": ((3, [3], {"*"}), "must be a (list or tuple|str)"),
    "rate_factors": ((3, ["*"], ("*",), (3, 4), {3: 1.0}), "must be a (Mapping|str)"),
    "decay_factors": ((3, ["*"], ("*",), (3, 4), {3: 1.0}), "must be a (Mapping|str)"),
    "seed": ((-1, 2**64, 1.5, "3"), "must be an integer of at least 0 and at most 18446744073709551615"),
    "shuffle": (("yes", 1, None), "must be True or False"),
    "precision": (("half", 32, None, []), "must be one of auto, float32, mixed, emulated, float64"),
    "deterministic": (("never", 1, None), "must be one of same-threads, any-threads"),
    "gradient_norms": (("yes", 1, None), "must be True or False"),
}  # fmt: skip


def test_every_option_is_checked() -> None:
    assert set(WRONG) == set(NAMES)


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, (bad, _) in WRONG.items() for v in bad])
def test_a_wrong_value_is_refused_by_name(name: str, value: object) -> None:
    one_of_them = value if isinstance(value, list | dict | set | tuple) else None
    shown = ".*" if one_of_them is not None else re.escape(f"(={value!r})")
    with pytest.raises(InvalidArgument, match=f"^Recipe: `{name}` {shown}.* {WRONG[name][1]}"):
        Recipe(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match=f"^fit: `{name}` "):
        fit(mlp(), blobs(), **{name: value})


@pytest.mark.parametrize("factor", [0, -1, "slow", np.nan])
def test_a_wrong_factor_is_refused(factor: object) -> None:
    with pytest.raises(InvalidArgument, match=r"^Recipe: `rate_factors\['last/\*'\]` .* must be "):
        Recipe(rate_factors={"last/*": factor})  # type: ignore[arg-type]


def test_numbers_of_numpy_become_plain_ones() -> None:
    recipe = Recipe(epochs=np.int64(3), learning_rate=np.float32(0.5), weight_decay=0)  # type: ignore[arg-type]
    assert repr((recipe.epochs, recipe.learning_rate, recipe.weight_decay)) == "(3, 0.5, 0.0)"


def test_words_and_mappings_become_values() -> None:
    recipe = Recipe(augment="rotation=8,flip=horizontal", trainable="last/*", rate_factors={"*": 2})  # type: ignore[arg-type]
    assert recipe.augment == sloy.Augment(rotation=8, flip="horizontal")
    assert recipe.trainable == ("last/*",)
    assert recipe.rate_factors == (("*", 2.0),)
    assert Recipe(trainable=["a", "b"]).trainable == ("a", "b")
    assert Recipe(augment="none").augment is None  # type: ignore[arg-type]
    assert replace(recipe, epochs=2) == replace(recipe, epochs=2, rate_factors={"*": 2})  # type: ignore[arg-type]
    with pytest.raises(FrozenInstanceError):
        recipe.epochs = 3  # type: ignore[misc]


# --- what several say together ----------------------------------------------------------------------------------------

TOGETHER: list[tuple[dict[str, Any], Optimizer]] = [
    ({}, Adam()),
    ({"optimizer": "sgd"}, SGD()),
    ({"optimizer": SGD(0.3, clip_norm=1.0)}, SGD(0.3, clip_norm=1.0)),
    ({"optimizer": "sgd", "learning_rate": 0.5}, SGD(0.5)),
    ({"optimizer": SGD(0.3, clip_norm=1.0), "learning_rate": 0.5}, SGD(0.5, clip_norm=1.0)),
    ({"learning_rate": Cosine(0.1)}, Adam(Cosine(0.1))),
    ({"learning_rate": 0.1, "schedule": "cosine"}, Adam(Cosine(0.1))),
    ({"schedule": "one-cycle"}, Adam(OneCycle(0.001))),
    ({"optimizer": SGD(0.3, 0.9), "schedule": "cosine"}, SGD(Cosine(0.3), 0.9)),
    ({"optimizer": SGD(Cosine(0.3)), "learning_rate": 0.1}, SGD(0.1)),
    ({"optimizer": SGD(0.3), "schedule": StepDecay(0.2, 5)}, SGD(StepDecay(0.2, 5))),
    ({"momentum": 0.7}, Adam(beta1=0.7)),
    ({"optimizer": "adamw", "momentum": 0.7}, AdamW(beta1=0.7)),
    ({"optimizer": "momentum", "momentum": 0.7}, SGD(momentum=0.7)),
    ({"optimizer": RMSprop(momentum=0.5), "momentum": 0.7}, RMSprop(momentum=0.7)),
    ({"weight_decay": 0.01}, Adam(weight_decay=0.01)),
    ({"optimizer": "adamw"}, AdamW(weight_decay=0.01)),
    ({"optimizer": "adamw", "weight_decay": 0}, AdamW(weight_decay=0.0)),
    (
        {"optimizer": "nesterov", "learning_rate": 0.2, "schedule": "one-cycle", "momentum": 0.8, "weight_decay": 1e-4},
        SGD(OneCycle(0.2), 0.8, nesterov=True, weight_decay=1e-4),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("words", "expected"), TOGETHER)
def test_the_descent_is_what_the_words_say_together(
    words: dict[str, Any], expected: Optimizer
) -> None:
    assert Recipe(**words).descent == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"optimizer": "sgd", "momentum": 0.9}, "`momentum`: SGD has none; momentum, nesterov, adam, adamw have"),
        ({"optimizer": "adagrad", "momentum": 0.9}, "`momentum`: Adagrad has none"),
        ({"optimizer": "nesterov", "momentum": 0}, "SGD: `nesterov` needs a positive `momentum`"),
        ({"schedule": Cosine(0.1), "learning_rate": 0.1}, r"`learning_rate` \(=0.1\) is given twice"),
        ({"schedule": "cosine", "learning_rate": Cosine(0.1)}, r"`schedule` \(='cosine'\) is given twice"),
        ({"schedule": "cosine", "optimizer": SGD(OneCycle(0.1))}, "`schedule` is given twice"),
    ],
)  # fmt: skip
def test_words_that_do_not_go_together(words: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^Recipe: {message}"):
        Recipe(**words)
    with pytest.raises(InvalidArgument, match=f"^fit: {message}"):
        fit(mlp(), blobs(), **words)


def test_plain_recipes_are_equal_where_they_do_the_same() -> None:
    said = Recipe(
        optimizer="nesterov",
        learning_rate=0.2,
        schedule="cosine",
        momentum=0.8,
        weight_decay=0.1,
        epochs=3,
        rate_factors={"*": 2},
    )  # type: ignore[arg-type]
    made = SGD(Cosine(0.2), 0.8, nesterov=True, weight_decay=0.1)
    same = Recipe(optimizer=made, epochs=3, rate_factors=(("*", 2.0),))
    assert said != same
    assert said.plain == same.plain == said.plain.plain
    assert said.plain.descent.schedule == said.descent.schedule
    assert Recipe(schedule="constant").plain == Recipe().plain == Recipe(optimizer=Adam(1e-3)).plain
    assert Recipe(learning_rate=Constant(0.001)).plain == Recipe(optimizer="adam").plain
    for other in ({"momentum": 0.7}, {"learning_rate": 0.3}, {"weight_decay": 0}, {"epochs": 4}):
        assert replace(said, **other).plain != said.plain, other


def test_recipes_with_one_step_are_equal_but_for_what_the_step_does_not_know() -> None:
    recipe = Recipe()
    others = {
        "epochs": 7, "batch_size": 9, "seed": 5, "shuffle": False, "patience": 3, "class_weight": "balanced",
        "learning_rate": 0.001,
    }  # fmt: skip
    assert replace(recipe, **others).of_a_step == recipe.of_a_step
    steps: dict[str, Any] = {
        "optimizer": "sgd", "momentum": 0.5, "weight_decay": 0.1, "augment": sloy.Augment(mixup=0.2),
        "trainable": ("last/*",), "rate_factors": {"*": 2.0},
    }  # fmt: skip
    for name, value in steps.items():
        assert replace(recipe, **{name: value}).of_a_step != recipe.of_a_step, name


def test_of_several_factors_the_last_that_fits_counts() -> None:
    recipe = Recipe(rate_factors={"*": 0.25, "last/*": 4.0})  # type: ignore[arg-type]
    assert recipe.rate_factor("dense_1/weight") == 0.25
    assert recipe.rate_factor("last/bias") == 4.0
    assert Recipe().rate_factor("last/bias") == 1.0


# --- in fit, fine_tune and the estimators -----------------------------------------------------------------------------


def classifier(*_: object, **given: Any) -> sloy.Classifier:
    return sloy.Classifier(**given)


def tune(*_: object, **given: Any) -> tuple[sloy.Model, sloy.History]:
    model, _ = fit(mlp(), blobs(30))
    return sloy.fine_tune(model, blobs(30), **given)


# What estimators choose by the data.
CHOSEN = dict.fromkeys(("optimizer", "epochs", "batch_size", "patience"), "auto")
TAKERS: dict[str, tuple[Callable[..., Any], type | Callable[..., Any], dict[str, object]]] = {
    "fit": (sloy.fit, fit, {}),
    "fine_tune": (sloy.fine_tune, tune, {"epochs": 5, "batch_size": 32}),
    "Classifier": (sloy.Classifier, classifier, CHOSEN),
    "Regressor": (sloy.Regressor, sloy.Regressor, CHOSEN),
}  # fmt: skip
LEFT_OUT = {
    "fit": set(),
    "fine_tune": {"trainable", "rate_factors", "decay_factors"},  # `freeze` and `first_rate` say it
    "Classifier": {"seed", "shuffle"},  # `random_state` and `batch_size=None`
    "Regressor": {"seed", "shuffle", "class_weight"},
}


@pytest.mark.parametrize("name", TAKERS)
def test_signatures_show_the_options(name: str) -> None:
    shown, defaults = TAKERS[name][0], TAKERS[name][2]
    parameters = inspect.signature(shown).parameters
    assert LEFT_OUT[name] & set(parameters) == set()
    for option, default, _ in options(Recipe):
        if option not in LEFT_OUT[name]:
            assert parameters[option].default == defaults.get(option, default), option
            assert parameters[option].kind is inspect.Parameter.KEYWORD_ONLY
    assert not any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if name == "fine_tune":
        assert set(parameters) > {option for option, _, _ in options(FineTuning)}


@pytest.mark.parametrize("name", TAKERS)
def test_docstrings_tell_the_options_once(name: str) -> None:
    text = TAKERS[name][0].__doc__ or ""
    section = re.split(r"\n(?=[A-Z]\w+\n-{3})", text.partition("Parameters\n----------\n")[2])[0]
    told = [
        word
        for line in section.splitlines()
        if (found := re.match(r"(\w[\w, ]*?)(?: : |$)", line))
        for word in found[1].split(", ")
    ]
    parameters = inspect.signature(TAKERS[name][0]).parameters
    assert sorted(told) == sorted(set(parameters))
    assert "<" not in section


@pytest.mark.parametrize("name", TAKERS)
def test_an_unknown_option_is_named(name: str) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
        TAKERS[name][1](mlp(), blobs(), epoch=3)


def same(one: sloy.Model, other: sloy.Model) -> bool:
    return {n: v.tobytes() for n, v in one.parameters.items()} == {
        n: v.tobytes() for n, v in other.parameters.items()
    }


def test_a_recipe_and_options_that_go_before_it() -> None:
    recipe = Recipe(optimizer=SGD(0.1), epochs=3, batch_size=16, seed=4)
    model, history = fit(mlp(), blobs(), recipe=recipe, epochs=2, learning_rate=0.05)
    expected, rows = fit(mlp(), blobs(), optimizer=SGD(0.05), epochs=2, batch_size=16, seed=4)
    assert len(history) == 2
    assert history["loss"].tolist() == rows["loss"].tolist()
    assert same(model, expected)
    assert not same(model, fit(mlp(), blobs(), recipe=recipe)[0])
    with pytest.raises(InvalidArgument, match=r"^fit: `epochs`"):
        fit(mlp(), blobs(), recipe=recipe, epochs=0)
    with pytest.raises(
        InvalidArgument, match=r"fit: `recipe` \(='fast'\) must be a Recipe or None"
    ):
        fit(mlp(), blobs(), recipe="fast")


def test_a_recipe_of_a_fine_tuning() -> None:
    """What is trained, and how fast, is the fine-tuning's own, whatever the recipe says."""
    network = sloy.Network((4,), [Dense(6), ReLU(), Dense(5), ReLU(), Dense(3)])
    start, _ = fit(network, blobs())
    quiet = {"engine": "reference", "verbose": False}
    recipe = Recipe(optimizer=SGD(0.1), epochs=2, batch_size=16, seed=4)
    given = {"optimizer": SGD(0.1), "epochs": 2, "batch_size": 16, "seed": 4}
    for freeze in (
        {"freeze": "dense_1"},
        {"freeze": None},
        {"freeze": "dense_1", "unfreeze": True},
    ):
        expected, history = sloy.fine_tune(start, blobs(), **freeze, **given, **quiet)
        other = replace(recipe, trainable=("dense_1/*",), rate_factors={"*": 9.0})  # type: ignore[arg-type]
        for augment in (
            None,
            sloy.Augment(),
        ):  # with the frozen layers' outputs computed once, or in every step
            model, rows = sloy.fine_tune(
                start, blobs(), recipe=other, augment=augment, **freeze, **quiet
            )
            assert len(rows) == (5 if "unfreeze" in freeze else 2)
            for parameter, value in expected.parameters.items():
                np.testing.assert_allclose(model.parameters[parameter], value, rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(rows["loss"], history["loss"], rtol=1e-5)
    with pytest.raises(InvalidArgument, match=r"^fine_tune: `epochs`"):
        sloy.fine_tune(start, blobs(), recipe=recipe, epochs=0, **quiet)
    with pytest.raises(InvalidArgument, match=r"^fine_tune: `first_rate` \(=2\) must be a finite"):
        sloy.fine_tune(start, blobs(), recipe=recipe, first_rate=2, **quiet)


def test_estimators_train_as_fit_does() -> None:
    """The words that a search varies, and those of one optimiser."""
    data = blobs()
    words = {"optimizer": "nesterov", "learning_rate": 0.05, "schedule": "cosine", "momentum": 0.8}
    words |= {"weight_decay": 1e-3, "epochs": 4, "batch_size": 16}
    made = SGD(Cosine(0.05), 0.8, nesterov=True, weight_decay=1e-3)
    one, other = (
        sloy.Classifier(
            (Dense(5), ReLU()), **{"epochs": 4, "batch_size": 16, "engine": "reference", **given}
        ).fit(data.x, data.y)
        for given in (words, {"optimizer": made})
    )
    assert same(one.model_, other.model_)
    assert one.history_["learning_rate"].tolist() == other.history_["learning_rate"].tolist()
    with pytest.raises(InvalidArgument, match=r"^Classifier: `momentum`: SGD has none"):
        sloy.Classifier(optimizer="sgd", momentum=0.5).fit(data.x, data.y)


# --- patience ---------------------------------------------------------------------------------------------------------


def test_patience_stops_and_takes_the_best_weights() -> None:
    data = blobs(60)
    data.x[::3] += 3  # such that it does not go on getting better
    held_out = blobs(30, seed=6)
    hot = {"validation": held_out, "epochs": 200, "optimizer": SGD(0.3), "batch_size": 16}
    model, history = fit(mlp(), data, patience=3, **hot)
    losses = history["val_loss"]
    best = int(np.argmin(losses))
    assert 3 < len(history) < 200, "the test needs a run that is stopped"
    assert len(history) == best + 1 + 3
    assert losses[-1] > losses[best]
    assert model.evaluate(held_out)["loss"] == pytest.approx(losses[best], rel=1e-5)
    callback = [sloy.EarlyStopping(patience=3)]
    by_callback, rows = fit(mlp(), data, callbacks=callback, **hot)
    assert same(model, by_callback)
    assert rows["val_loss"].tolist() == losses.tolist()


def test_no_patience_is_none() -> None:
    assert Recipe(patience=0) == Recipe()


def test_patience_needs_validation() -> None:
    with pytest.raises(
        InvalidArgument, match=r"^fit: `patience` \(=3\) needs `validation`, whose loss it waits"
    ):
        fit(mlp(), blobs(), patience=3)


# --- resuming ---------------------------------------------------------------------------------------------------------

# Option → another value, and the word under which a resumed run finds the difference.
OTHERS: dict[str, tuple[object, str]] = {
    "optimizer": ("momentum", "optimizer"),
    "learning_rate": (0.02, "optimizer"),
    "schedule": ("cosine", "optimizer"),
    "momentum": (0.5, "optimizer"),
    "weight_decay": (0.01, "optimizer"),
    "batch_size": (8, "batch_size"),
    "patience": (4, "patience"),
    "class_weight": ({0: 1.0}, "class_weight"),
    "augment": (sloy.Augment(mixup=0.1), "augment"),
    "trainable": (("*/weight",), "trainable"),
    "rate_factors": ({"*": 1.0}, "rate_factors"),
    "decay_factors": ({"*": 1.0}, "decay_factors"),
    "beta2": (0.9, "optimizer"),
    "seed": (1, "seed"),
    "shuffle": (False, "shuffle"),
    "precision": ("emulated", "precision"),
    "deterministic": ("any-threads", "deterministic"),
    "gradient_norms": (True, "gradient_norms"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_run_with_another_recipe_is_not_resumed(name: str, tmp_path: Any) -> None:
    """Even where the numbers would be the same; but for the number of epochs, which may grow."""
    place = {"checkpoint": tmp_path / "c.sloy", "validation": 0.2}
    fit(mlp(), blobs(), epochs=1, batch_size=16, **place)
    place |= {"resume": True, "batch_size": 16}
    if name == "epochs":
        _, history = fit(mlp(), blobs(), epochs=2, **place)
        assert len(history) == 2
        return
    value, named = OTHERS[name]
    with pytest.raises(InvalidArgument, match=f"cannot be resumed: its .*{named}.* differed"):
        fit(mlp(), blobs(), **{"epochs": 2, **place, name: value})
    fit(mlp(), blobs(), epochs=2, **place)  # and is still there for the run that it is of


def test_a_run_is_resumed_whose_recipe_says_the_same_in_other_words(tmp_path: Any) -> None:
    place = {"checkpoint": tmp_path / "c.sloy"}
    fit(mlp(), blobs(), optimizer="sgd", learning_rate=0.05, trainable="*", **place)
    resumed, _ = fit(mlp(), blobs(), optimizer=SGD(0.05), epochs=2, resume=True, **place)
    whole, _ = fit(mlp(), blobs(), optimizer=SGD(0.05), epochs=2)
    assert same(resumed, whole)


def test_two_learning_rates_are_refused() -> None:
    place: dict[str, Any] = {"engine": "reference", "verbose": False, "epochs": 1}
    with pytest.raises(
        InvalidArgument, match=r"fit: `learning_rate` \(=0.5\) is given twice: .*0\.2"
    ):
        fit(mlp(), blobs(), optimizer=sloy.SGD(0.2), learning_rate=0.5, **place)
    _, history = fit(mlp(), blobs(), optimizer=sloy.SGD(), learning_rate=0.5, **place)
    assert history["learning_rate"][0] == 0.5
