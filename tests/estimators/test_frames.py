"""Frames with words, categories, dates and gaps, taken as they are; targets in their own units."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import check_estimator

import sloy
from sloy.errors import InvalidArgument
from sloy.layers import Dense, ReLU

RNG = np.random.default_rng(0)
N = 400
COLORS = np.array(["red", "green", "blue"])
COLOR = RNG.integers(0, 3, N)
SIZE = RNG.normal(size=N)
FRAME = pd.DataFrame(
    {
        "size": SIZE,
        "color": COLORS[COLOR],
        "grade": pd.Categorical(RNG.integers(1, 4, N)),
        "bought": pd.date_range("2020-01-01", periods=N),
        "wait": pd.to_timedelta(RNG.integers(0, 9999, N), unit="s"),
        "paid": pd.array([True, None, False, True] * (N // 4), dtype="boolean"),
        "rooms": pd.array([1, None, 3, 4] * (N // 4), dtype="Int64"),
    }
)
PRICE = pd.Series(
    2e5 + 5e4 * (SIZE + (COLOR == 1) + 0.5 * FRAME.rooms.fillna(2).astype(float)), name="price"
)
QUICK = {"threads": 1}


def r2(answers, truth):
    return 1 - np.square(answers - truth).sum() / np.square(truth - truth.mean()).sum()


@pytest.fixture(scope="module")
def net():
    return sloy.Regressor(**QUICK).fit(FRAME, PRICE)


def test_every_kind_of_column_is_taken(net):
    kinds = {column.name: column.kind for column in net.model_.reader.columns}
    assert kinds == {
        "size": "numeric",
        "color": "category",
        "grade": "category",
        "bought": "date",
        "wait": "numeric",
        "paid": "category",
        "rooms": "numeric",
    }
    assert net.model_.reader.target == "price"
    assert net.feature_names_in_.tolist() == list(FRAME)
    assert net.n_features_in_ == 7


def test_numbers_are_learned_in_their_own_units(net):
    assert r2(net.predict(FRAME), PRICE.to_numpy()) > 0.97
    assert net.score(FRAME, PRICE) > 0.97
    scores = cross_val_score(sloy.Regressor(**QUICK), FRAME, PRICE, cv=3)
    assert scores.min() > 0.9


def test_columns_go_by_name_in_any_order(net):
    turned = FRAME[FRAME.columns[::-1]]
    assert np.array_equal(net.predict(turned), net.predict(FRAME))
    with pytest.raises(InvalidArgument, match="lacks the column `size`"):
        net.predict(FRAME.drop(columns="size"))


def test_what_training_did_not_have_is_said(net):
    new = FRAME.head(4).copy()
    new.loc[1, "color"] = "violet"
    new.loc[2, "size"] = np.nan
    with pytest.warns(UserWarning, match="column") as said:
        found = net.predict(new)
    assert np.isfinite(found).all()
    words = " ".join(str(one.message) for one in said)
    assert (
        "column `color`: 1 cell with categories that training did not have ('violet' in row 2)"
        in words
    )
    assert "column `size`: 1 cell without a value (row 3)" in words
    assert all(one.filename == __file__ for one in said)
    assert net.predict(FRAME.head(4))[0] == found[0]


def test_the_model_takes_frames_from_its_file_and_from_pickle(net, tmp_path):
    net.model_.save(tmp_path / "price.sloy")
    model = sloy.load(tmp_path / "price.sloy", threads=1)
    assert np.array_equal(model.predict_proba(FRAME)[:, 0], net.predict(FRAME))
    assert np.array_equal(pickle.loads(pickle.dumps(net)).predict(FRAME), net.predict(FRAME))


def test_polars_and_pandas_give_the_same():
    plain = FRAME.drop(columns=["wait"])
    cells = {
        name: plain[name].astype(object).where(plain[name].notna(), None).tolist() for name in plain
    }
    grade = pl.Series(map(str, cells["grade"]), dtype=pl.Categorical)
    other = pl.DataFrame({**cells, "grade": grade})
    one, two = (sloy.Regressor(**QUICK).fit(frame, PRICE) for frame in (plain, other))
    assert [c.kind for c in one.model_.reader.columns] == [
        c.kind for c in two.model_.reader.columns
    ]
    assert np.array_equal(one.predict(plain), two.predict(other))


class Foreign:
    """Columns, or one, as other libraries hand them over: by Arrow's stream alone."""

    def __init__(self, held, **also):
        self.held = held
        vars(self).update(also)

    def __len__(self):
        return len(self.held)

    def __arrow_c_stream__(self, requested_schema=None):
        return self.held.__arrow_c_stream__(requested_schema)


def test_columns_of_other_libraries_and_mappings():
    cells = {"size": SIZE, "color": COLORS[COLOR].tolist()}
    frame = pl.DataFrame(cells)
    kind = pl.Series(np.where(SIZE + COLOR > 1, "dear", "cheap"))
    foreign = Foreign(frame, schema="as pyarrow names it")
    nets = [
        sloy.Classifier(**QUICK, epochs=2).fit(x, y)
        for x, y in ((frame, kind), (cells, kind.to_list()), (foreign, Foreign(kind)))
    ]
    answers = [net.predict_proba(x) for net, x in zip(nets, (frame, cells, foreign), strict=True)]
    assert nets[2].feature_names_in_.tolist() == ["size", "color"]
    assert np.array_equal(answers[0], answers[1])
    assert np.array_equal(answers[0], answers[2])
    table = sloy.data.load_table(Foreign(frame.with_columns(kind=kind), schema=""), "kind")
    assert table.reader.names == ("size", "color")
    with pytest.raises(InvalidArgument, match="differ in length"):
        sloy.Classifier().fit({"a": [1.0, 2.0], "b": [1.0]}, ["x", "y"])


def test_figures_are_those_of_the_rows_that_are_trained_on():
    net = sloy.Regressor(**QUICK, validation_fraction=0.5, epochs=1).fit(FRAME, PRICE)
    (size,) = (c for c in net.model_.reader.columns if c.name == "size")
    assert size.mean != pytest.approx(SIZE.mean(), rel=1e-6)
    own = FRAME.head(40), PRICE.head(40)
    net = sloy.Regressor(**QUICK, epochs=1).fit(FRAME, PRICE, validation_data=own)
    (size,) = (c for c in net.model_.reader.columns if c.name == "size")
    assert size.mean == pytest.approx(SIZE.mean())
    assert "val_loss" in net.history_


def test_words_in_arrays_of_objects():
    rows = np.array([[1.5, "a"], [2, "b"], [None, "a"], [3.0, "b"]] * 30, object)
    labels = np.array(["no", "yes"] * 60)
    net = sloy.Classifier(**QUICK).fit(rows, labels)
    assert net.score(rows, labels) == 1.0
    assert net.model_.reader.names == ("x0", "x1")


def test_gaps_in_arrays_are_marked():
    x = RNG.normal(size=(500, 4))
    gaps = RNG.random(x.shape) < 0.2
    y = np.where(gaps, 3.0, x).sum(1)  # a gap counts 3, which only its mark can tell
    x[gaps] = np.nan
    net = sloy.Regressor(**QUICK).fit(x, y)
    assert net.score(x, y) > 0.95
    assert "x2: missing" in net.model_.reader.labels
    assert net.__sklearn_tags__().input_tags.allow_nan


def test_a_gap_where_training_had_none_gets_the_mean():
    x = RNG.normal(size=(200, 3)) + 5
    net = sloy.Regressor(**QUICK, epochs=5).fit(x, x.sum(1))
    new = x[:2].copy()
    new[0, 1] = np.nan
    with pytest.warns(UserWarning, match="column `x1`: 1 cell without a value"):
        found = net.predict(new)
    new[0, 1] = x[:, 1].mean()
    np.testing.assert_allclose(found, net.predict(new), rtol=1e-5)
    with pytest.raises(ValueError, match="infinity"):
        net.predict(np.full((1, 3), np.inf))


def test_text_is_left_out_and_said():
    frame = FRAME.assign(name=[f"n{i}" for i in range(N)])
    with pytest.warns(UserWarning, match="`name` is left out: free text or identifiers"):
        net = sloy.Regressor(**QUICK, epochs=1).fit(frame, PRICE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.predict(frame)


def test_layers_of_ones_own_get_the_categories_spread():
    net = sloy.Regressor((Dense(16), ReLU()), **QUICK, epochs=100).fit(FRAME, PRICE)
    assert net.model_.network.layer_names == (
        "categories_1",
        "dense_1",
        "relu_1",
        "dense_2",
        "rescale_1",
    )
    assert net.score(FRAME, PRICE) > 0.8
    whole = sloy.Network((11,), [Dense(1)])
    with pytest.raises(ValueError, match="must begin with Categories"):
        sloy.Regressor(whole, **QUICK, epochs=1).fit(FRAME, PRICE)


def test_going_on_keeps_columns_and_units():
    net = sloy.Regressor(**QUICK, learning_rate=0.01)
    for _ in range(3):
        net.partial_fit(FRAME, PRICE)
    before = net.model_.reader, net.model_.loss, net.model_.network
    net.partial_fit(FRAME.head(50), PRICE.head(50))
    assert (net.model_.reader, net.model_.loss, net.model_.network) == before
    assert net.model_.loss.unit == pytest.approx(PRICE.std(ddof=0))


# --- targets in their own units ---------------------------------------------------------------------------------------


def test_several_targets_of_far_sizes(tmp_path):
    x = RNG.normal(size=(400, 3))
    y = np.stack([1e6 * x[:, 0] + 4e6, 1e-3 * x[:, 1] + 5], 1)
    net = sloy.Regressor(**QUICK).fit(x, y)
    assert min(r2(net.predict(x)[:, k], y[:, k]) for k in (0, 1)) > 0.97
    assert net.model_.loss.unit == pytest.approx(tuple(y.std(0)))
    net.model_.save(tmp_path / "two.sloy")
    again = sloy.load(tmp_path / "two.sloy", threads=1)
    assert np.array_equal(again.predict(x), net.predict(x).astype(np.float32))
    net.model_.export(tmp_path / "two.onnx")
    import onnxruntime

    session = onnxruntime.InferenceSession(tmp_path / "two.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: x.astype(np.float32)})
    np.testing.assert_allclose(found, net.predict(x), rtol=1e-4)


def test_units_change_nothing_but_the_units():
    """y and 1e5 y + 7e5 are one problem."""
    x = RNG.normal(size=(300, 3))
    y = np.sin(2 * x[:, 0]) + x[:, 1]
    one, other = (
        sloy.Regressor(**QUICK, precision="float64", engine="reference", epochs=4).fit(x, t)
        for t in (y, 1e5 * y + 7e5)
    )
    np.testing.assert_allclose(other.predict(x), 1e5 * one.predict(x) + 7e5, rtol=1e-6)


def test_what_is_not_scaled():
    y = PRICE.to_numpy()[:60]
    x = SIZE[:60, None]
    own = sloy.Regressor(loss=lambda a, t: sloy.ops.square(a - t), **QUICK, epochs=1).fit(x, y)
    bare = sloy.Regressor(standardize=False, **QUICK, epochs=1).fit(x, y)
    whole = sloy.Regressor(sloy.Network((1,), [Dense(1)]), **QUICK, epochs=1).fit(x, y)
    for net in (own, bare, whole):
        assert "rescale_1" not in net.model_.network.layer_names


# --- what is chosen ---------------------------------------------------------------------------------------------------


def test_the_choices_by_the_number_of_rows():
    x = RNG.normal(size=(1000, 3))
    y = x[:, 0]
    many = sloy.Regressor(**QUICK).fit(x, y)
    assert "val_loss" in many.history_  # a tenth is held out …
    losses = many.history_["val_loss"]
    found = many.best_epoch_ == 1 + int(np.argmin(losses))
    assert found
    few = sloy.Regressor(**QUICK).fit(x[:200], y[:200])
    assert "val_loss" not in few.history_  # … of many rows
    told = sloy.Regressor(**QUICK, epochs=3).fit(x, y)
    assert len(told.history_) == 3
    assert "val_loss" not in told.history_
    assert "val_loss" in sloy.Regressor(**QUICK, epochs=3, early_stopping=True).fit(x, y).history_
    assert "val_loss" not in sloy.Regressor(**QUICK, early_stopping=False).fit(x, y).history_


@pytest.mark.parametrize("kind", [sloy.Classifier, sloy.Regressor])
def test_the_suite_of_scikit_learn_as_they_come(kind):
    reason = "float32, and mini-batches are drawn of other rows"
    names = ("dense", "sparse")
    known = {f"check_sample_weight_equivalence_on_{name}_data": reason for name in names}
    failed = [
        found["check_name"]
        for found in check_estimator(kind(threads=1), expected_failed_checks=known, on_skip=None)
        if found["status"] == "failed"
    ]
    assert failed == []


# --- few rows of many columns -----------------------------------------------------------------------------------------


def latent(rows=300, columns=2000):
    rng = np.random.default_rng(1)
    causes = rng.normal(size=(rows, 8))
    x = causes @ rng.normal(size=(8, columns)) + 2 * rng.normal(size=(rows, columns))
    return x, 1e4 * (causes[:, 0] + 0.5 * rng.normal(size=rows))


def test_wide_rows_are_as_good_as_ridge():
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = latent()
    a, b = slice(0, 150), slice(150, None)
    net = sloy.Regressor(**QUICK).fit(x[a], y[a])
    theirs = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 6, 33))).fit(x[a], y[a])
    assert net.score(x[b], y[b]) >= theirs.score(x[b], y[b]) - 0.01
    assert net.model_.network.layer_names == ("dense_1", "rescale_1")
    assert (
        net.history_["gradient_norm"][0] < 1e-4
    )  # it stands where its loss with the penalty is least
    frame = pd.DataFrame(x).astype(object).rename(columns=str)
    assert sloy.Regressor(**QUICK).fit(frame[a], y[a]).score(frame[b], y[b]) > 0.5
    told = sloy.Regressor(**QUICK, epochs=2).fit(x[a], y[a])
    assert "relu_1" in told.model_.network.layer_names


def test_wide_noise_is_answered_by_the_constant():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(200, 1500)), rng.normal(size=200)
    net = sloy.Regressor(**QUICK).fit(x[:100], y[:100])
    constant = np.square(y[100:] - y[:100].mean()).mean()
    assert np.square(net.predict(x[100:]) - y[100:]).mean() < 1.03 * constant


@pytest.mark.parametrize("classes", [2, 3])
def test_wide_classes_are_better_than_their_shares(classes):
    from sklearn.metrics import log_loss

    x, y = latent()
    labels = np.digitize(y, [0] if classes == 2 else [-5e3, 5e3])
    a, b = slice(0, 150), slice(150, None)
    net = sloy.Classifier(**QUICK).fit(x[a], labels[a])
    shares = np.bincount(labels[a]) / 150
    constant = log_loss(labels[b], np.tile(shares, (150, 1)))
    assert log_loss(labels[b], net.predict_proba(x[b])) < 0.8 * constant


def test_targets_of_frames_keep_their_labels():
    x = pd.DataFrame({"a": np.arange(40.0) % 7, "town": ["Oslo", "Rome"] * 20})
    quick = {"epochs": 1, "threads": 1}
    for y, classes in (
        (pd.array([True, False] * 20, dtype="boolean"), [False, True]),
        (pd.array([3, 5] * 20, dtype="Int64"), [3, 5]),
        (pl.Series("y", ["no", "yes"] * 20), ["no", "yes"]),
    ):
        model = sloy.Classifier(**quick).fit(x, y)
        assert list(map(repr, model.classes_.tolist())) == list(map(repr, classes))


@pytest.mark.parametrize(
    ("kind", "y", "said"),
    [
        ("Classifier", ["a", None] * 20, "Classifier: y has missing values"),
        ("Classifier", pd.array([True, None] * 20, dtype="boolean"), "y has missing values"),
        ("Regressor", pl.Series("y", [1.5, None] * 20), "Regressor: y has missing values"),
        ("Regressor", pd.Series(pd.date_range("2020-01-01", periods=40, tz="UTC")), r"holds dates \(datetime64"),
        ("Regressor", pd.Series(pd.to_timedelta(range(40), unit="s")), "holds durations .* such as seconds"),
    ],
)  # fmt: skip
def test_targets_that_cannot_be_learned_are_named(kind, y, said):
    x = pd.DataFrame({"a": np.arange(40.0) % 7})
    with pytest.raises(InvalidArgument, match=said):
        getattr(sloy, kind)(epochs=1).fit(x, y)


def test_columns_of_one_name_and_columns_of_text():
    x = pd.DataFrame({"a": np.arange(40.0)})
    with pytest.raises(
        InvalidArgument, match="X has 2 columns called 'a'; their names must differ"
    ):
        sloy.Regressor(epochs=1).fit(pd.concat([x, x], axis=1), np.arange(40.0))
    text = pd.DataFrame({"t": [f"text {k}" for k in range(40)]})
    with (
        pytest.warns(UserWarning, match="is left out"),
        pytest.raises(
            InvalidArgument, match=r"no column of X is left to learn from \(`t`: free text"
        ),
    ):
        sloy.Regressor(epochs=1).fit(text, np.arange(40.0))


def test_numbers_enter_with_embeddings_where_rows_are_enough_and_columns_few():
    x = pd.DataFrame({"a": np.arange(600.0), "town": ["Oslo", "Rome"] * 300})
    quick = {"threads": 1, "epochs": 1, "early_stopping": False}

    def kinds(rows):
        model = sloy.Regressor(**quick).fit(rows, np.arange(float(len(rows))))
        return [layer.kind for layer in model.model_.network.layers]

    assert kinds(x)[:3] == ["Categories", "Periodic", "Dense"]
    assert kinds(x[:499])[:2] == ["Categories", "Dense"]
    wide = np.random.default_rng(0).normal(size=(600, 101))
    assert kinds(wide)[0] == "Dense"
    assert kinds(wide[:, :100])[0] == "Periodic"
