"""Importance by shuffling and partial dependence: planted truth, scikit-learn's, and raw tables changed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import partial_dependence as dependence_of_scikit_learn
from sklearn.inspection import permutation_importance

import sloy
from sloy import Network, Problem, inspection, losses, ops
from sloy.data.tables import load_table
from sloy.errors import InvalidArgument, ShapeError, SloyError, UnknownName
from sloy.graph.threefry import make_key, permutation
from sloy.inspection.dependence import ENDS
from sloy.layers import Activation, Dense
from sloy.model import Model


def linear(*weights: float, loss: losses.Loss | None = None) -> Model:
    """A model whose answer is a weighted sum."""
    network = Network((len(weights),), [Dense(1)])
    problem = Problem(
        network, loss or losses.SquaredError(), target_shape=(1,), target_dtype="float32"
    )
    model = Model(problem, network.initialize(0), engine="reference")
    model.parameters["dense_1/weight"] = np.array(weights, np.float32)[:, None]
    model.parameters["dense_1/bias"] = np.zeros(1, np.float32)
    return model


class OfScikitLearn(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A model as scikit-learn takes it."""

    def __init__(self, model: Model | None = None) -> None:
        self.model = model

    def fit(self, x: Any, y: Any) -> OfScikitLearn:
        self.n_features_in_ = 3
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        assert self.model is not None
        return self.model(np.asarray(x, np.float32))[:, 0]


def rows(count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = random.normal(size=(count, 3)).astype(np.float32)
    return x, 3 * x[:, 0] + x[:, 1] + random.normal(size=count).astype(np.float32)


# --- importance -------------------------------------------------------------------------------------------------------


def test_a_weighted_sum_is_worth_what_its_formula_says() -> None:
    """Shuffling x_j of a + w_j x_j adds 2 w_j² Var(x_j) to the squared error; R² loses that over Var(y)."""
    x, y = rows(20_000, np.random.default_rng(0))
    found = inspection.importance(linear(3, 1, 0), x, target=y, names=("a", "b", "none"))
    assert found.columns == ("a", "b", "none")
    expected = 2 * np.array([9, 1, 0]) / 11
    assert (abs(found.mean - expected) <= 3 * found.error).all()
    assert found.error[0] < 0.05 * found.mean[0]
    assert abs(found.mean[2]) < 1e-12  # its weight is 0: nothing changes
    assert found.base == pytest.approx(10 / 11, abs=0.01)


def test_it_agrees_with_scikit_learn() -> None:
    x, y = rows(400, np.random.default_rng(1))
    model = linear(2.5, 0.8, 0.3)
    ours = inspection.importance(model, x, target=y, repeats=30)
    theirs = permutation_importance(
        OfScikitLearn(model).fit(x, y), x, y, n_repeats=30, random_state=0
    )
    order = [int(name[-1]) - 1 for name in ours.columns]
    noise = theirs.importances_std[order] / np.sqrt(30)
    assert (abs(ours.mean - theirs.importances_mean[order]) <= 6 * noise).all()


def test_the_error_is_that_of_other_rows() -> None:
    """Over many draws of rows the mean scatters as its error says; a column that does nothing lies within it of 0."""
    random = np.random.default_rng(2)
    model = linear(3, 1.2, 0.5)  # overfitted: the last column is of no use, yet has a weight
    drawn = [rows(200, random) for _ in range(150)]
    found = [inspection.importance(model, x, target=y, score="mae", repeats=3) for x, y in drawn]
    by_name = [dict(zip(f.columns, zip(f.mean, f.error, strict=True), strict=True)) for f in found]
    for name in ("column_1", "column_2", "column_3"):
        mean, error = np.array([one[name] for one in by_name]).T
        assert 0.85 < error.mean() / mean.std() < 1.35
    mean, error = np.array([one["column_3"] for one in by_name]).T
    assert (abs(mean) <= 2 * error).mean() > 0.93
    assert abs(mean.mean()) <= 3 * mean.std() / np.sqrt(len(mean))


def test_planted_truth_in_a_table() -> None:
    random = np.random.default_rng(3)
    n = 1200
    useful, idle = random.normal(size=n), random.normal(size=n)
    town, shop = random.choice(["a", "b", "c"], n), random.choice(["p", "q"], n)
    y = 2 * useful + 3 * (town == "b") + 0.5 * random.normal(size=n)
    frame = pl.DataFrame({"useful": useful, "idle": idle, "town": town, "shop": shop, "y": y})
    table = load_table(frame, "y")
    network = sloy.zoo.table(
        table.reader.width, 1, classes=table.reader.classes, hidden=(16,), dropout=0.0
    )
    model, _ = sloy.fit(
        network, table.train, epochs=30, optimizer=sloy.Adam(0.01), preprocessing="none",
        engine="reference", verbose=False,
    )  # fmt: skip
    model.reader = table.reader
    held = frame.filter(pl.Series(table.part == 2))
    found = inspection.importance(model, held)
    assert set(found.columns[:2]) == {"useful", "town"}
    assert set(found.idle()) <= {"idle", "shop"}
    for name, mean, error in zip(found.columns, found.mean, found.error, strict=True):
        if name in ("idle", "shop"):
            assert abs(mean) < 3 * error
        else:
            assert mean > 5 * error
    same = inspection.importance(model, table.test)  # prepared rows and their truth
    assert_allclose(found.mean, same.mean, rtol=1e-5, atol=1e-7)


@pytest.fixture(scope="module")
def town() -> tuple[pl.DataFrame, Model]:
    """A table with every kind of column, and a model of it, of three classes."""
    random = np.random.default_rng(4)
    n = 300
    days = np.datetime64("2020-01-01") + random.integers(0, 900, n)
    frame = pl.DataFrame(
        {
            "size": random.uniform(10, 90, n).round(1),
            "day": days,
            "town": random.choice(["Oslo", "Rome", None], n),
            "kind": random.choice(["x", "y", "z"], n),
        }
    ).with_columns(pl.col("day").cast(pl.Date))
    frame = frame.with_columns(
        pl.when(pl.col("size") < 20).then(None).otherwise(pl.col("size")).alias("size")
    )
    table = load_table(frame, "kind", test=0)
    network = sloy.zoo.table(
        table.reader.width, 3, classes=table.reader.classes, hidden=(8,), dropout=0.0
    )
    model, _ = sloy.fit(
        network, table.train, epochs=3, preprocessing="none", engine="reference", verbose=False
    )
    model.reader = table.reader
    return frame, model


@pytest.mark.parametrize("column", ["size", "day", "town"])
def test_a_raw_column_is_shuffled_whole(town: tuple[pl.DataFrame, Model], column: str) -> None:
    """The same as when the cells of the raw table are shuffled: all parts of a date, the marks of gaps."""
    frame, model = town
    found = inspection.importance(model, frame, repeats=2, seed=5)
    labels = np.array([model.class_names.index(word) for word in frame["kind"]])

    def log_loss(table: pl.DataFrame) -> float:
        p = model.predict_proba(table)[np.arange(len(table)), labels]
        return float(-np.log(p.astype(np.float64)).mean())

    assert model.reader is not None
    number = ["size", "day", "town"].index(column)
    lost = []
    for repeat in range(2):
        order = permutation(len(frame), make_key(5, f"{number} {repeat}"))
        lost.append(log_loss(frame.with_columns(frame[column][order])) - log_loss(frame))
    own = found.mean[found.columns.index(column)]
    assert own == pytest.approx(np.mean(lost), rel=1e-4, abs=1e-7)
    assert found.base == pytest.approx(log_loss(frame), rel=1e-5)


def test_many_rows_are_drawn_and_counted(town: tuple[pl.DataFrame, Model]) -> None:
    frame, model = town
    found = inspection.importance(model, frame, rows=100)
    assert (found.rows, found.of) == (100, 300)
    assert "(5 times, 100 rows of 300, drawn)" in str(found)
    assert found.document()["of_rows"] == 300


def test_yes_or_no_and_scores_without_probabilities() -> None:
    x, _ = rows(500, np.random.default_rng(6))
    y = (x[:, 0] > 0).astype(int)
    for loss, score in ((losses.BinaryCrossentropy(), "log_loss"), (losses.Hinge(), "accuracy")):
        found = inspection.importance(linear(2, 0, 0, loss=loss), x, target=y)
        assert (found.score, found.columns[0]) == (score, "column_1")
        assert found.mean[0] > 10 * found.error[0]
    found = inspection.importance(linear(2, 0, 0, loss=losses.Hinge()), x, target=y)
    assert found.base == 1
    assert found.mean[0] == pytest.approx(0.5, abs=0.1)  # a coin instead


REFUSED: list[tuple[dict[str, Any], type[SloyError], str]] = [
    ({"target": None}, InvalidArgument, "`target` must hold what is true"),
    ({"target": np.zeros(3)}, ShapeError, "`target` has 3 values, the table 5 rows"),
    ({"target": np.zeros(5)}, InvalidArgument, "does not vary"),
    ({"target": np.zeros((5, 2))}, ShapeError, "the model gives 1 number"),
    ({"target": np.arange(5), "score": "accuracy"}, InvalidArgument, "one of r2, mae"),
    ({"target": np.arange(5), "names": ("a", "b")}, InvalidArgument, "3 different ones"),
    ({"target": np.arange(5), "repeats": 0}, InvalidArgument, "`repeats` .=0"),
]


@pytest.mark.parametrize(("options", "error", "words"), REFUSED)
def test_what_importance_refuses(
    options: dict[str, Any], error: type[SloyError], words: str
) -> None:
    with pytest.raises(error, match=words):
        inspection.importance(linear(1, 2, 3), np.zeros((5, 3)), **options)


def test_pictures_have_no_columns() -> None:
    network = Network((4, 4, 1), [sloy.layers.Flatten(), Dense(2)])
    model = Model(
        Problem(network, losses.CategoricalCrossentropy()),
        network.initialize(0),
        engine="reference",
    )
    with pytest.raises(InvalidArgument, match="not rows of a table"):
        inspection.importance(model, np.zeros((2, 4, 4, 1)), target=[0, 1])


# --- partial dependence -----------------------------------------------------------------------------------------------


def product() -> Model:
    """x₁ x₂ + x₃."""
    network = Network((3,), [Activation(_product), Dense(1)])
    problem = Problem(network, losses.SquaredError(), target_shape=(1,), target_dtype="float32")
    model = Model(problem, network.initialize(0), engine="reference")
    model.parameters["dense_1/weight"] = np.array([[1.0], [1.0]], np.float32)
    model.parameters["dense_1/bias"] = np.zeros(1, np.float32)
    return model


def _product(z: Any) -> Any:
    n = z.shape[0]
    first, second, third = (ops.slice(z, (0, k), (n, k + 1)) for k in range(3))
    return ops.concatenate([first * second, third])


def test_it_is_scikit_learns_on_the_same_grid() -> None:
    x, y = rows(80, np.random.default_rng(7))
    model = product()
    theirs = dependence_of_scikit_learn(
        OfScikitLearn(model).fit(x, y), x, [0], method="brute", kind="both", grid_resolution=6
    )
    values = np.sort(x[:, 0])[np.round(np.linspace(ENDS, 1 - ENDS, 6) * 79).astype(int)]
    ours = inspection.partial_dependence(model, x, 0, grid=6)
    assert_array_equal(ours.values[0], values)
    by_hand = [(v * x[:, 1] + x[:, 2]).mean() for v in values]
    assert_allclose(ours.mean[:, 0], by_hand, rtol=1e-5)
    at = dependence_of_scikit_learn(
        OfScikitLearn(model).fit(x, y), x, [0], method="brute", custom_values={0: values}
    )
    assert_allclose(ours.mean[:, 0], at["average"][0], rtol=1e-5)
    assert theirs["individual"].shape[1] == ours.rows


def test_the_band_shows_what_acts_together() -> None:
    x, _ = rows(300, np.random.default_rng(8))
    alone = inspection.partial_dependence(product(), x, 2)  # x₃ adds the same in every row
    assert alone.low is not None
    assert alone.high is not None
    assert_allclose(alone.high - alone.low, 0, atol=1e-5)
    together = inspection.partial_dependence(product(), x, 0)
    curves = together.values[0][:, None] * x[None, :, 1] + x[None, :, 2]
    moved = curves - curves.mean(0) + curves.mean()
    assert_allclose(together.low[:, 0], np.quantile(moved, 0.1, axis=1), atol=1e-5)  # type: ignore[index]
    assert_allclose(together.high[:, 0], np.quantile(moved, 0.9, axis=1), atol=1e-5)  # type: ignore[index]


def test_two_columns_give_a_map() -> None:
    x, _ = rows(50, np.random.default_rng(9))
    found = inspection.partial_dependence(product(), x, (0, 1), grid=5)
    expected = np.outer(*found.values) + x[:, 2].mean()
    assert_allclose(found.mean[..., 0], expected, rtol=1e-4, atol=1e-5)
    assert found.low is None


@pytest.mark.parametrize("column", ["size", "day", "town"])
def test_a_raw_column_is_set_whole(town: tuple[pl.DataFrame, Model], column: str) -> None:
    """The same as when every cell of the raw table has this value."""
    frame, model = town
    found = inspection.partial_dependence(model, frame, column, grid=5)
    assert found.rows == 300
    for value, mean in zip(found.values[0], found.mean, strict=True):
        cell: Any = None if value == "(missing)" else value
        if column == "day":
            cell = value.astype("datetime64[D]").item()
        same = frame.with_columns(pl.lit(cell, frame[column].dtype).alias(column))
        assert_allclose(mean, model.predict_proba(same).mean(0), rtol=2e-5)
    if column == "town":
        counts = frame["town"].fill_null("(missing)").value_counts(sort=True)
        assert found.values[0].tolist() == counts["town"].to_list()


def test_few_values_are_all_taken_and_missing_ones_none() -> None:
    model = linear(1, 2, 3)
    x = np.zeros((10, 3), np.float32)
    x[:, 1] = [0, 1, 1, 2, 2, 2, 5, 5, 5, 5]
    assert inspection.partial_dependence(model, x, 1).values[0].tolist() == [0, 1, 2, 5]


def test_what_partial_dependence_refuses(town: tuple[pl.DataFrame, Model]) -> None:
    frame, model = town
    with pytest.raises(UnknownName, match="no column 'age'; it has size, day, town"):
        inspection.partial_dependence(model, frame, "age")
    with pytest.raises(InvalidArgument, match="two different ones"):
        inspection.partial_dependence(model, frame, ("day", "day"))
    with pytest.raises(InvalidArgument, match=r"`grid` .=1"):
        inspection.partial_dependence(model, frame, "day", grid=1)
    found = inspection.partial_dependence(model, frame, "day")
    with pytest.raises(UnknownName, match=r"`output` .='w'. must be one of x, y, z"):
        inspection.partial_dependence_figure(found, output="w")
    with pytest.raises(InvalidArgument, match="is empty"):
        inspection.partial_dependence_figure([])


# --- figures ----------------------------------------------------------------------------------------------------------


def test_the_figures(town: tuple[pl.DataFrame, Model]) -> None:
    frame, model = town
    worth = inspection.importance(model, frame)
    axes = inspection.importance_figure(worth).axes[0]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(list(worth.mean))
    assert [t.get_text() for t in axes.get_yticklabels()] == list(worth.columns)
    found = [inspection.partial_dependence(model, frame, name) for name in worth.columns]
    found.append(inspection.partial_dependence(model, frame, ("size", "town")))
    figure = inspection.partial_dependence_figure(found, output="y")
    panels = figure.axes
    assert [panel.get_xlabel() for panel in panels[:4]] == [
        *worth.columns,
        "size, steps not to scale",
    ]
    assert panels[0].get_ylabel() == "probability of y"
    bars = panels[worth.columns.index("town")].patches
    means = found[worth.columns.index("town")].mean[:, 1]
    tops = [bar.get_y() + bar.get_height() for bar in bars]
    assert_allclose(tops, means, rtol=1e-5)
    several = inspection.partial_dependence_figure(found[:1]).axes[0]
    assert [t.get_text() for t in several.get_legend().get_texts()] == ["x", "y", "z"]


def test_several_numbers_have_panels_of_their_own() -> None:
    """Their units differ: on one axis the smaller would be a line at 0."""
    found = inspection.PartialDependence(
        ("a",), (np.arange(3.0),), *(np.outer(np.arange(3.0) + d, [1.0, 1e6]) for d in (0, -1, 1)),
        ("y1", "y2"), False, 9,
    )  # fmt: skip
    one, other = inspection.partial_dependence_figure([found]).axes
    assert (one.get_ylabel(), other.get_ylabel()) == ("y1", "y2")
    assert one.get_ylim()[1] < 10 < 1e6 < other.get_ylim()[1]
