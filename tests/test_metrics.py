"""Metrics: the figure of a data set against the formula written in NumPy, whatever the batches and weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from available import ENGINES, available
from sloy import metrics, ops
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Graph
from sloy.losses import BinaryCrossentropy, CategoricalCrossentropy, CustomLoss, Hinge, SquaredError
from sloy.metrics import Accuracy, BinaryAccuracy, MeanAbsoluteError, Metric, RSquared, TopK
from tolerances import ELEMENTARY, Tolerance, assert_close

RNG = np.random.default_rng(5)
SCORES = RNG.normal(size=(23, 7)).round(1)  # rounded: equal scores do occur
LABELS = RNG.integers(0, 7, 23).astype(np.int32)
YES = (RNG.random((23, 7)) < 0.4).astype(np.float32)
VALUES = (SCORES + RNG.normal(size=SCORES.shape)).astype(np.float32)
WEIGHTS = RNG.random(23)
# Two ways to sum 23 float64 numbers made from float32 ones.
FIGURE = Tolerance(1e-6 / np.finfo(np.float64).eps)


def mean(values: np.ndarray, w: np.ndarray) -> float:
    return float(np.average(values, weights=w))


def top(k: int, w: np.ndarray) -> float:
    """Among the k largest: fewer than k scores are larger."""
    hits = [
        sum(s > row[y] for s in row) < k
        for row, y in zip(SCORES.astype(np.float32), LABELS, strict=True)
    ]
    return mean(np.array(hits), w)


def r_squared(w: np.ndarray) -> float:
    found = []
    for a, y in zip(SCORES.astype(np.float32).T, VALUES.T, strict=True):
        centre = np.average(y, weights=w)
        found.append(1 - np.sum(w * (y - a) ** 2) / np.sum(w * (y - centre) ** 2))
    return float(np.mean(found))


@dataclass(frozen=True)
class Case:
    metric: Metric
    target: np.ndarray
    figure: Callable[[np.ndarray], float]


CASES = {
    "accuracy": Case(Accuracy(), LABELS, lambda w: mean(SCORES.argmax(1) == LABELS, w)),
    "accuracy_of_mixtures": Case(
        Accuracy(),
        np.eye(7, dtype=np.float32)[LABELS] * 0.8,
        lambda w: mean(SCORES.argmax(1) == LABELS, w),
    ),
    "binary": Case(
        BinaryAccuracy(), YES, lambda w: mean(np.mean((SCORES > 0) == (YES == 1), axis=1), w)
    ),
    "signs": Case(
        BinaryAccuracy(0.0),
        2 * YES - 1,
        lambda w: mean(np.mean((SCORES > 0) == (YES == 1), axis=1), w),
    ),
    "top_1": Case(TopK(1), LABELS, lambda w: top(1, w)),
    "top_3": Case(TopK(3), LABELS, lambda w: top(3, w)),
    "top_7": Case(TopK(7), LABELS, lambda w: 1.0),
    "mean_absolute_error": Case(
        MeanAbsoluteError(), VALUES, lambda w: mean(np.mean(abs(SCORES - VALUES), axis=1), w)
    ),
    "r2": Case(RSquared(), VALUES, r_squared),
}


def per_sample(metric: Metric, scores: np.ndarray, y: np.ndarray, on: str) -> np.ndarray:
    a = ops.input("a", scores.shape)
    target = ops.input("y", y.shape, y.dtype.name)
    graph = Graph.of({"value": metric.per_sample(a, target)})
    return available(on).compile(graph, {}).run({"a": scores, "y": y})["value"]


def test_every_metric_has_a_case() -> None:
    public = {cls for cls in Metric.__subclasses__() if cls.__module__ == Metric.__module__}
    assert {type(case.metric) for case in CASES.values()} == public


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("on", ENGINES)
def test_figure(name: str, on: str) -> None:
    """In two batches, with and without weights."""
    case = CASES[name]
    scores = SCORES.astype(np.float32)
    parts = [
        per_sample(case.metric, scores[r], case.target[r], on) for r in np.split(range(23), [16])
    ]
    values = np.concatenate(parts)
    assert values.shape[0] == 23
    assert (values.ndim == 1) == case.metric.additive
    assert_close(np.float64(case.metric.aggregate(values)), case.figure(np.ones(23)), FIGURE)
    assert_close(np.float64(case.metric.aggregate(values, WEIGHTS)), case.figure(WEIGHTS), FIGURE)


@pytest.mark.parametrize("name", CASES)
def test_no_samples_give_no_figure(name: str) -> None:
    case = CASES[name]
    values = per_sample(case.metric, SCORES.astype(np.float32), case.target, "reference")
    assert np.isnan(case.metric.aggregate(values, np.zeros(23)))
    assert np.isnan(case.metric.aggregate(values[:0]))


def test_of_equal_scores_the_first_counts() -> None:
    scores, y = np.zeros((2, 3), np.float32), np.array([0, 1], np.int32)
    assert per_sample(Accuracy(), scores, y, "reference").tolist() == [1.0, 0.0]


def test_scores_that_are_nan_are_never_right() -> None:
    scores = np.full((1, 3), np.nan, np.float32)
    for label in (1, 2):
        y = np.array([label], np.int32)
        assert per_sample(TopK(2), scores, y, "reference").tolist() == [0.0]


def test_r_squared_of_a_constant_target() -> None:
    y = np.ones((4, 1), np.float32)
    for scores, figure in ((y, 1.0), (y + 1, 0.0)):
        values = per_sample(RSquared(), scores, y, "reference")
        assert RSquared().aggregate(values) == figure


def test_r_squared_far_from_zero() -> None:
    """Targets of mean 1e6 and deviation 1: Σ y² - (Σ y)²/N in float32 would leave nothing."""
    y = (1e6 + np.arange(8.0)[:, None]).astype(np.float32)
    values = per_sample(RSquared(), y + 0.5, y, "reference")
    assert_close(np.float64(RSquared().aggregate(values)), 1 - 0.25 * 8 / 42, ELEMENTARY)


def test_names_and_defaults() -> None:
    many, one = (7,), (1,)
    entropy, binary, square = CategoricalCrossentropy(), BinaryCrossentropy(), SquaredError()
    assert metrics.default_metrics(entropy, many) == (Accuracy(),)
    assert metrics.default_metrics(binary, many) == (BinaryAccuracy(),)
    assert metrics.default_metrics(Hinge(), many) == (Accuracy(),)
    assert metrics.default_metrics(Hinge(), one) == (BinaryAccuracy(middle=0.0),)
    assert metrics.default_metrics(square, many) == (MeanAbsoluteError(), RSquared())
    assert metrics.metric("accuracy", entropy, many) == Accuracy()
    assert metrics.metric("accuracy", binary, one) == BinaryAccuracy()
    assert metrics.metric("accuracy", Hinge(), one) == BinaryAccuracy(middle=0.0)
    assert metrics.metric("top_3_accuracy", entropy, many) == TopK(3)
    assert metrics.metric("accuracy", CustomLoss(lambda a, y: a - y), many) == Accuracy()
    assert metrics.metric(TopK(2), square, many) == TopK(2)
    for name, metric in metrics.NAMES.items():
        assert metric.name == name
    with pytest.raises(InvalidArgument, match="'f1' must be one of accuracy"):
        metrics.metric("f1", entropy, many)
    with pytest.raises(InvalidArgument, match="'accuracy' does not fit SquaredError"):
        metrics.metric("accuracy", square, many)
    with pytest.raises(InvalidArgument, match="'r2' does not fit CategoricalCrossentropy"):
        metrics.metric("r2", entropy, many)


def test_wrong_arguments() -> None:
    scores, labels = ops.input("a", (4, 3)), ops.input("y", (4,), "int32")
    with pytest.raises(InvalidArgument, match="`k` \\(=0\\)"):
        TopK(0)
    with pytest.raises(InvalidArgument, match="`k` \\(=5\\) is larger than the 3 classes"):
        TopK(5).per_sample(scores, labels)
    with pytest.raises(ShapeError, match="must be equal"):
        MeanAbsoluteError().per_sample(scores, ops.input("y", (4,)))
    with pytest.raises(ShapeError, match="K classes"):
        Accuracy().per_sample(ops.input("a", (4,)), labels)
