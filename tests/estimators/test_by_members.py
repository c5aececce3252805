"""`recipe="tabular"`: the estimators learn as `sloy train` does with tables."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.model_selection import cross_val_score, train_test_split

import sloy
from sloy.data.tables import load_table
from sloy.errors import InvalidArgument
from sloy.estimators import by_members

QUICK = {"recipe": "tabular", "members": 2, "epochs": 12, "threads": 1}


def frame(rows: int = 500) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x, town = rng.normal(size=(rows, 2)), rng.choice(["Oslo", "Rome", "Wien"], rows)
    found = pd.DataFrame({"a": x[:, 0], "b": x[:, 1] + 1e6, "town": town})
    found.loc[rng.random(rows) < 0.1, "a"] = np.nan
    return found


def price(x: pd.DataFrame) -> np.ndarray:
    return (3 * x.a.fillna(0) * (x.b - 1e6) + 5 * (x.town == "Rome") + 100).to_numpy()


def test_a_frame_is_learned_and_answered_in_its_units():
    x = frame()
    y = price(x)
    model = sloy.Regressor(**{**QUICK, "epochs": 40}).fit(x[:400], y[:400])
    assert model.score(x[400:], y[400:]) > 0.8
    answers = model.predict(x[400:])
    assert answers.min() >= y[:400].min() - 1e-3
    assert answers.max() <= y[:400].max() + 1e-3
    np.testing.assert_array_equal(model.predict(x[["town", "b", "a"]]), model.predict(x))
    np.testing.assert_allclose(model.model_.predict(x)[:, 0], model.predict(x), rtol=1e-6)


def test_classes_keep_their_labels():
    x = frame()
    y = np.where(price(x) > 101, "dear", "cheap")
    model = sloy.Classifier(**QUICK).fit(x[:400], y[:400])
    assert model.score(x[400:], y[400:]) > 0.8
    assert set(model.predict(x)) == {"dear", "cheap"}
    p = model.predict_proba(x)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
    assert list(model.classes_) == ["cheap", "dear"]


def test_numbers_far_from_0_and_scikit_learns_tools():
    x, y = load_wine(return_X_y=True)
    net = sloy.Classifier(**QUICK)
    net.set_params(epochs=40)
    near = cross_val_score(net, x, y, cv=3)
    assert near.mean() > 0.93
    model = clone(net).fit(x + 1e7, y)
    assert model.score(x + 1e7, y) > 0.97
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))


def test_the_same_as_sloy_train_on_the_same_rows():
    """But for the division: the same preparation, the same members, to the last bit."""
    x = frame()
    y = price(x)
    options = {"epochs": 3, "batch_size": 32, "threads": 1}
    model = sloy.Regressor(recipe="tabular", **options).fit(x, y)
    table = load_table(x.assign(target=y), "target", test=0, validation=0)
    tabular = sloy.Tabular(table.train, codes=table.reader.classes)
    recipe = sloy.Recipe(
        optimizer="adamw", learning_rate=0.2, schedule="cos-log", beta2=0.95, weight_decay=0.02,
        epochs=3, batch_size=32, rate_factors=tabular.options()["rate_factors"],
        decay_factors={"*/bias": 0.0},
    )  # fmt: skip
    other, _ = sloy.fit_members(
        tabular.network, tabular.train, loss=tabular.loss, ending=tabular.ending, recipe=recipe,
        parameters=tabular.start(), preprocessing="none", threads=1, verbose=False,
    )  # fmt: skip
    np.testing.assert_array_equal(model.model_.prepared(table.train.x), other(table.train.x))


@pytest.mark.parametrize(
    ("optimizer", "rate", "beta2"),
    [
        ("sgd", 0.02 * 2, None),  # of the mean of two members
        ("adam", 0.2, 0.999),
        (sloy.SGD(0.03, momentum=0.5), 0.03, None),
        (sloy.AdamW(sloy.schedules.Cosine(0.01)), None, 0.999),
    ],
)
def test_another_optimizer_goes_without_what_is_of_the_recipes_own(
    monkeypatch, optimizer, rate, beta2
):
    taken = []

    def fit(*given, recipe, **options):
        taken.append(recipe)
        return sloy.fit_members(*given, recipe=recipe, **options)

    monkeypatch.setattr(by_members, "fit_members", fit)
    x = frame(60)
    sloy.Regressor(**{**QUICK, "optimizer": optimizer}).fit(x, price(x))
    descent = taken[0].descent
    assert getattr(descent, "beta2", None) == beta2
    if rate is None:
        assert descent.learning_rate == sloy.schedules.Cosine(0.01)
    else:
        assert descent.learning_rate == sloy.schedules.CosLog(rate)


def test_given_rows_are_held_out_for_all_members():
    x = frame()
    y = price(x)
    rest, held, y_rest, y_held = train_test_split(x, y, random_state=0)
    model = sloy.Regressor(**QUICK).fit(rest, y_rest, validation_data=(held, y_held))
    assert {"val_loss", "val_member_1", "val_member_2"} <= set(model.history_.columns)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"recipe": "soup"}, r"`recipe` \(='soup'\) must be one of auto, tabular"),
        ({"hidden": ()}, r"`hidden` \(=\(\)\) does not go with `recipe` \(='tabular'\)"),
        ({"warm_start": True}, "`warm_start`"),
        ({"input_shape": (3,)}, "`input_shape`"),
        ({"intervals": 0.99}, "needs at least 99 samples that are held out, there are 18"),
        ({"members": 0}, r"`members` \(=0\)"),
        (
            {"recipe": "auto", "members": 7},
            r"`members` \(=7\) are those of `recipe` \(='tabular'\)",
        ),
        ({"recipe": "fast", "members": 7}, r"`recipe` \(='fast'\) trains a single network"),
        ({"patience": 3}, r"`patience` \(=3\) does not go with"),
        ({"weight_decay": 0.5}, r"`weight_decay` \(=0.5\) does not go with"),
        ({"validation_fraction": 0.5}, "`validation_fraction`"),
    ],
)
def test_what_does_not_go_with_it_is_refused(options, said):
    x = frame(60)
    with pytest.raises(InvalidArgument, match=said):
        sloy.Regressor(**{**QUICK, **options}).fit(x, price(x))


def test_pictures_and_passes_are_refused():
    pictures = np.zeros((10, 4, 4, 1), np.uint8)
    with pytest.raises(InvalidArgument, match="is for the rows of a table"):
        sloy.Classifier(**QUICK).fit(pictures, np.arange(10) % 2)
    with pytest.raises(InvalidArgument, match="partial_fit needs `recipe`"):
        sloy.Regressor(**QUICK).partial_fit(np.zeros((9, 2)), np.arange(9.0))


def test_intervals_of_members_hold_about_their_share():
    """Of noise whose width grows with |b|: more where there is more of it."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(3000, 2))
    y = 1000 + 50 * (x[:, 0] + (0.3 + np.abs(x[:, 1])) * rng.normal(size=3000))
    model = sloy.Regressor(**{**QUICK, "epochs": 20}, intervals=0.9).fit(x[:600], y[:600])
    ends = model.predict_interval(x[600:])
    assert ends.shape == (2400, 2)
    inside = (ends[:, 0] <= y[600:]) & (y[600:] <= ends[:, 1])
    assert 0.85 < inside.mean() < 0.96
    assert model.widening_.samples == 2 * 90  # 15 % of each member
    width = ends[:, 1] - ends[:, 0]
    assert width[np.abs(x[600:, 1]) > 1.5].mean() > 1.15 * width[np.abs(x[600:, 1]) < 0.5].mean()
    assert model.score(x[600:], y[600:]) > 0.3


def test_losses_of_members():
    """A quantile lies above its share of the targets; errors are measured in their deviation."""
    x = frame()
    y = price(x) + 20 * np.random.default_rng(1).normal(size=len(x))
    model = sloy.Regressor(**QUICK, loss="quantile=0.9").fit(x, y)
    assert 0.8 < (y < model.predict(x)).mean() < 0.98
    assert model.model_.loss.unit == pytest.approx(y.std(), rel=1e-6)
    with pytest.raises(InvalidArgument, match="whose members give a probability to each class"):
        sloy.Classifier(**QUICK, loss="hinge").fit(x, y > 100)
