"""Metrics: the figure of a data set against the formula written in NumPy, whatever the batches and weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics as peer

from available import ENGINES, available
from sloy import metrics, ops
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Graph
from sloy.losses import BinaryCrossentropy, CategoricalCrossentropy, CustomLoss, Hinge, SquaredError
from sloy.metrics import (
    AUC,
    F1,
    Accuracy,
    AveragePrecision,
    BalancedAccuracy,
    BinaryAccuracy,
    MeanAbsoluteError,
    Metric,
    Precision,
    Recall,
    RSquared,
    TopK,
)
from sloy.metrics.figures import (
    average_precision,
    by_class,
    calibration_error,
    over_classes,
    roc_auc,
)
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


# --- scikit-learn's figures of the same outputs -------------------------------------------------

ONE = (SCORES[:, 0] > 0.3).astype(np.int32)  # two classes, of which the outputs know something
ONE[:4] = 1 - ONE[:4]
TWO = SCORES[:, :2].astype(np.float32)
KINDS = np.concatenate([np.arange(7), LABELS[7:]]).astype(np.int32)  # every class occurs
PROBABILITIES = softmax(SCORES.astype(np.float32), axis=1)  # with ties: the scores are rounded


def of_two(figure: Callable[..., float], *, ranked: bool) -> Callable[[np.ndarray], float]:
    given = TWO[:, 1] - TWO[:, 0] if ranked else TWO.argmax(1)
    return lambda w: float(figure(ONE, given, sample_weight=w))


def of_labels(figure: Callable[..., float], *, ranked: bool) -> Callable[[np.ndarray], float]:
    given = SCORES if ranked else SCORES > 0
    return lambda w: float(figure(YES, given, average="macro", sample_weight=w))


def of_classes(figure: Callable[..., float], **options: object) -> Callable[[np.ndarray], float]:
    return lambda w: float(figure(KINDS, SCORES.argmax(1), sample_weight=w, **options))


def balanced_of_labels(w: np.ndarray) -> float:
    found = [
        peer.balanced_accuracy_score(y, s > 0, sample_weight=w)
        for y, s in zip(YES.T, SCORES.T, strict=True)
    ]
    return float(np.mean(found))


def ranked_classes(figure: Callable[..., float]) -> Callable[[np.ndarray], float]:
    """Each class against the others."""
    columns = PROBABILITIES.T.astype(np.float64)
    return lambda w: float(
        np.mean([figure(k == KINDS, p, sample_weight=w) for k, p in enumerate(columns)])
    )


@dataclass(frozen=True)
class Case:
    metric: Metric
    target: np.ndarray
    figure: Callable[[np.ndarray], float]
    scores: np.ndarray = field(default_factory=lambda: SCORES)


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
    "auc": Case(AUC(), KINDS, ranked_classes(peer.roc_auc_score)),
    "auc_of_two": Case(AUC(), ONE, of_two(peer.roc_auc_score, ranked=True), TWO),
    "auc_of_labels": Case(AUC(middle=0.5), YES, of_labels(peer.roc_auc_score, ranked=True)),
    "average_precision": Case(
        AveragePrecision(), KINDS, ranked_classes(peer.average_precision_score)
    ),
    "average_precision_of_two": Case(
        AveragePrecision(), ONE, of_two(peer.average_precision_score, ranked=True), TWO
    ),
    "average_precision_of_labels": Case(
        AveragePrecision(middle=0.5), YES, of_labels(peer.average_precision_score, ranked=True)
    ),
    "balanced": Case(BalancedAccuracy(), KINDS, of_classes(peer.balanced_accuracy_score)),
    "balanced_of_two": Case(
        BalancedAccuracy(), ONE, of_two(peer.balanced_accuracy_score, ranked=False), TWO
    ),
    "balanced_of_labels": Case(BalancedAccuracy(middle=0.5), YES, balanced_of_labels),
    "precision": Case(
        Precision(), KINDS, of_classes(peer.precision_score, average="macro", zero_division=0)
    ),
    "precision_of_two": Case(Precision(), ONE, of_two(peer.precision_score, ranked=False), TWO),
    "precision_of_labels": Case(
        Precision(middle=0.5), YES, of_labels(peer.precision_score, ranked=False)
    ),
    "recall": Case(Recall(), KINDS, of_classes(peer.recall_score, average="macro")),
    "recall_of_two": Case(Recall(), ONE, of_two(peer.recall_score, ranked=False), TWO),
    "recall_of_signs": Case(
        Recall(middle=0.0), 2 * YES - 1, of_labels(peer.recall_score, ranked=False)
    ),
    "f1": Case(F1(), KINDS, of_classes(peer.f1_score, average="macro")),
    "f1_of_two": Case(F1(), ONE, of_two(peer.f1_score, ranked=False), TWO),
    "f1_of_labels": Case(F1(middle=0.5), YES, of_labels(peer.f1_score, ranked=False)),
}


def per_sample(metric: Metric, scores: np.ndarray, y: np.ndarray, on: str) -> np.ndarray:
    a = ops.input("a", scores.shape)
    target = ops.input("y", y.shape, y.dtype.name)
    graph = Graph.of({"value": metric.per_sample(a, target)})
    return available(on).compile(graph, {}).run({"a": scores, "y": y})["value"]


def test_every_metric_has_a_case() -> None:
    public = {value for value in vars(metrics).values() if isinstance(value, type)}
    public = {cls for cls in public if issubclass(cls, Metric) and cls.__name__ in metrics.__all__}
    public.remove(Metric)
    assert {type(case.metric) for case in CASES.values()} == public


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("on", ENGINES)
def test_figure(name: str, on: str) -> None:
    """In two batches, with and without weights."""
    case = CASES[name]
    scores = case.scores.astype(np.float32)
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
    values = per_sample(case.metric, case.scores.astype(np.float32), case.target, "reference")
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
    assert metrics.metric("f1", entropy, many) == F1()
    assert metrics.metric("auc", binary, one) == AUC(middle=0.5)
    assert metrics.metric(Recall(), Hinge(), one) == Recall(middle=0.0)
    for name, metric in metrics.NAMES.items():
        assert metric.name == name
    with pytest.raises(InvalidArgument, match="'kappa' must be one of accuracy"):
        metrics.metric("kappa", entropy, many)
    with pytest.raises(InvalidArgument, match="'accuracy' does not fit SquaredError"):
        metrics.metric("accuracy", square, many)
    with pytest.raises(InvalidArgument, match="'auc' does not fit SquaredError"):
        metrics.metric("auc", square, many)
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


def figure_of(metric: Metric, scores: np.ndarray, y: list[int]) -> float:
    given = np.array(scores, np.float32)
    return metric.aggregate(per_sample(metric, given, np.array(y, np.int32), "reference"))


def test_what_is_not_defined_is_nan() -> None:
    scores = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 1.0]])  # always the first class
    assert np.isnan(figure_of(Precision(), scores, [0, 1, 0]))
    assert figure_of(F1(), scores, [0, 1, 0]) == 0.0
    for metric in (AUC(), AveragePrecision(), Recall(), F1()):  # no sample of the second class
        assert np.isnan(figure_of(metric, scores, [0, 0, 0])), metric
    assert np.isnan(figure_of(AUC(), -scores, [1, 1, 1]))
    assert figure_of(AveragePrecision(), -scores, [1, 1, 1]) == 1.0
    assert figure_of(BalancedAccuracy(), scores, [0, 0, 0]) == 1.0


def test_absent_classes_are_left_out_of_means() -> None:
    """Of four classes two occur; one of these is never answered, one that is absent is."""
    scores = np.eye(4)[[0, 0, 2, 0]] + 0.1 * np.arange(4)
    y = [0, 0, 1, 1]
    right = {0: (2 / 3, 1.0), 1: (0.0, 0.0)}  # precision, recall
    assert figure_of(Precision(), scores, y) == pytest.approx(
        np.mean([p for p, _ in right.values()])
    )
    assert figure_of(Recall(), scores, y) == pytest.approx(np.mean([r for _, r in right.values()]))
    assert figure_of(BalancedAccuracy(), scores, y) == pytest.approx(0.5)
    assert figure_of(F1(), scores, y) == pytest.approx((2 * 2 / 5 + 0) / 2)
    p = softmax(scores.astype(np.float32), axis=1)
    both = [peer.roc_auc_score(np.array(y) == k, p[:, k]) for k in (0, 1)]
    assert figure_of(AUC(), scores, y) == pytest.approx(np.mean(both))


@pytest.mark.parametrize("ties", [0, 1, 12])
def test_by_class_is_what_scikit_learn_says(ties: int) -> None:
    random = np.random.default_rng(ties)
    p = random.dirichlet(np.ones(3), 400)
    if ties:
        p = p.round(2 if ties == 1 else 1)
    y = np.array([random.choice(3, p=row) for row in softmax(np.log(p + 0.05), axis=1)])
    answers = p.argmax(1)
    found = by_class(y, answers, p)
    precision, recall, f1, samples = peer.precision_recall_fscore_support(y, answers)
    assert [one.samples for one in found] == samples.tolist()
    assert np.allclose([one.precision for one in found], precision)
    assert np.allclose([one.recall for one in found], recall)
    assert np.allclose([one.f1 for one in found], f1)
    for k, one in enumerate(found):
        assert one.auc == pytest.approx(peer.roc_auc_score(y == k, p[:, k]))
        assert one.average_precision == pytest.approx(peer.average_precision_score(y == k, p[:, k]))
    whole = over_classes(found)
    assert whole["balanced_accuracy"] == pytest.approx(peer.balanced_accuracy_score(y, answers))
    assert whole["f1"] == pytest.approx(peer.f1_score(y, answers, average="macro"))
    assert whole["auc"] == pytest.approx(np.mean([one.auc for one in found]))


def test_over_two_classes_stands_the_second() -> None:
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8]])
    found = by_class(np.array([0, 0, 1, 1]), p.argmax(1), p)
    whole = over_classes(found)
    assert (whole["precision"], whole["recall"], whole["auc"]) == (0.5, 0.5, 0.75)
    assert whole["balanced_accuracy"] == 0.5


def test_scores_that_are_nan_have_no_rank() -> None:
    y = np.array([0, 1, 1])
    p = np.array([[0.5, 0.5], [np.nan, np.nan], [0.2, 0.8]])
    assert np.isnan(by_class(y, p.argmax(1), p)[1].auc)
    assert np.isnan(by_class(y, p.argmax(1), p)[1].average_precision)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda y, p: calibration_error(y, 3 * p),
            "`probabilities` holds 2.7; each must be from 0 to 1",
        ),
        (lambda y, p: calibration_error(y, p * np.nan), "`probabilities` holds NaN"),
        (lambda y, p: calibration_error(y, p, 0), "`bins`"),
        (
            lambda y, p: by_class(y + 5, y, p),
            "`y` holds 5; its labels must be whole numbers from 0 to 1",
        ),
        (lambda y, p: by_class(y, p, p), r"`answers` has shape \(3, 2\)"),
        (lambda y, p: roc_auc(y, p[:2, 1]), r"`truth` has shape \(3,\), `scores` has shape \(2,\)"),
        (lambda y, p: average_precision(y, p), r"`scores` has shape \(3, 2\)"),
    ],
)
def test_figures_of_arrays_that_do_not_fit(call: Any, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        call(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]))
