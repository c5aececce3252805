"""Losses: values against formulas written apart, gradients by central differences, targets checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import sloy
from available import ENGINES, available
from sloy import losses, ops
from sloy.engines import ReferenceEngine
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Graph, Tensor, backprop
from sloy.losses import (
    AbsoluteError,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CustomLoss,
    Focal,
    Hinge,
    Huber,
    Intervals,
    Loss,
    Poisson,
    Quantile,
    SquaredError,
)
from tolerances import CENTRAL_DIFFERENCE, COMPOSED, SAME_FORMULA, assert_close

RNG = np.random.default_rng(1)
Z = RNG.normal(size=(7, 5)) * 3
VALUES = RNG.normal(size=(7, 5))
YES = (RNG.random((7, 5)) < 0.5).astype(np.float64)
LABELS = np.array([0, 4, 2, 1, 3, 3, 0])
MIXTURE = RNG.dirichlet(np.ones(5), 7)
COUNTS = RNG.poisson(2.0, (7, 5)).astype(np.float64)


# --- formulas, one sample at a time ---------------------------------------------------------------


def log_sum_exp(z: np.ndarray) -> float:
    top = max(z)
    return float(top + np.log(sum(np.exp(v - top) for v in z)))


def cross_entropy(z: np.ndarray, t: np.ndarray) -> float:
    return sum(tk * (log_sum_exp(z) - zk) for tk, zk in zip(t, z, strict=True))


def binary(z: np.ndarray, t: np.ndarray) -> float:
    return float(np.mean([np.logaddexp(0, v) - v * tv for v, tv in zip(z, t, strict=True)]))


def huber(e: float, delta: float) -> float:
    return 0.5 * e * e if abs(e) <= delta else delta * (abs(e) - 0.5 * delta)


def crammer_singer(z: np.ndarray, y: int) -> float:
    return max(0.0, 1 + max(v for k, v in enumerate(z) if k != y) - z[y])


def pinball(level: float, a: float, y: float) -> float:
    return level * (y - a) if y > a else (1 - level) * (a - y)


def half_deviance(a: float, y: float) -> float:
    return float(np.exp(a) - y * a - (y - y * np.log(y) if y else 0))


def focal(z: np.ndarray, y: int, gamma: float) -> float:
    loss = log_sum_exp(z) - z[y]
    return float((1 - np.exp(-loss)) ** gamma * loss)


def one_hot(y: int, smoothing: float = 0.0) -> np.ndarray:
    return (np.arange(5) == y) * (1 - smoothing) + smoothing / 5


def log_cosh(a: Tensor, y: Tensor) -> Tensor:
    e = a - y
    return e + ops.softplus(-2.0 * e) - float(np.log(2))


@dataclass(frozen=True)
class Case:
    """A loss, its targets, and the same loss of one sample as a function of (z, y)."""

    loss: Loss
    y: np.ndarray
    of_one: Callable[[Any, Any], float]
    z: np.ndarray = field(default_factory=lambda: Z)

    @property
    def expected(self) -> np.ndarray:
        pairs = zip(self.z, self.y, strict=True)
        return np.array([float(self.of_one(z, y)) for z, y in pairs])


S = 0.2
CASES = {
    "squared_error": Case(SquaredError(), VALUES, lambda z, y: np.mean((z - y) ** 2)),
    "absolute_error": Case(AbsoluteError(), VALUES, lambda z, y: np.mean(abs(z - y))),
    "huber": Case(Huber(1.5), VALUES, lambda z, y: np.mean([huber(e, 1.5) for e in z - y])),
    "squared_error_unit": Case(
        SquaredError(unit=2.5), VALUES, lambda z, y: np.mean(((z - y) / 2.5) ** 2)
    ),
    "absolute_error_unit": Case(
        AbsoluteError(unit=0.1), VALUES, lambda z, y: np.mean(abs(z - y)) * 10
    ),
    "huber_unit": Case(
        Huber(1.5, unit=2.0), VALUES, lambda z, y: np.mean([huber(e / 2, 1.5) for e in z - y])
    ),
    "binary_crossentropy": Case(BinaryCrossentropy(), YES, binary),
    "binary_smooth": Case(
        BinaryCrossentropy(label_smoothing=S), YES, lambda z, t: binary(z, t * (1 - S) + S / 2)
    ),
    "categorical_crossentropy": Case(
        CategoricalCrossentropy(), LABELS, lambda z, y: log_sum_exp(z) - z[y]
    ),
    "categorical_mixture": Case(CategoricalCrossentropy(), MIXTURE, cross_entropy),
    "categorical_smooth": Case(
        CategoricalCrossentropy(label_smoothing=S),
        LABELS,
        lambda z, y: cross_entropy(z, one_hot(y, S)),
    ),
    "focal": Case(Focal(), LABELS, lambda z, y: focal(z, y, 2.0)),
    "focal_gamma": Case(Focal(gamma=0.5), LABELS, lambda z, y: focal(z, y, 0.5)),
    "poisson": Case(
        Poisson(),
        COUNTS,
        lambda z, y: np.mean([half_deviance(*p) for p in zip(z, y, strict=True)]),
        Z / 3,
    ),
    "hinge": Case(Hinge(), LABELS, crammer_singer),
    "hinge_binary": Case(
        Hinge(), YES[:, 0], lambda z, t: max(0.0, 1 - (2 * t - 1) * z[0]), Z[:, :1]
    ),
    "quantile": Case(
        Quantile(0.9),
        VALUES,
        lambda z, y: np.mean([pinball(0.9, *p) for p in zip(z, y, strict=True)]),
    ),
    "quantile_unit": Case(
        Quantile(0.2, unit=4.0),
        VALUES,
        lambda z, y: np.mean([pinball(0.2, *p) for p in zip(z, y, strict=True)]) / 4,
    ),
    "intervals": Case(
        Intervals(0.8, Huber(0.5, unit=2.0), unit=3.0),
        VALUES[:, 0],
        lambda z, y: (
            huber((z[0] - y) / 2, 0.5) + (pinball(0.1, z[1], y) + pinball(0.9, z[2], y)) / 3
        ),
        Z[:, :3],
    ),
    "custom": Case(CustomLoss(log_cosh), VALUES, lambda z, y: np.mean(np.log(np.cosh(z - y)))),
}


def graph_of(loss: Loss, target: np.ndarray, shape: tuple[int, ...], dtype: str) -> Graph:
    z = ops.input("z", shape, dtype)
    values = loss.per_sample(z, ops.input("y", target.shape, target.dtype.name))
    (gradient,) = backprop(ops.reduce_sum(values), [z])
    return Graph.of({"value": values, "gradient": gradient})


def compute(
    loss: Loss, z: np.ndarray, y: np.ndarray, on: str = "reference"
) -> dict[str, np.ndarray]:
    """Values (N,) and the gradient of their sum, of z's shape."""
    target = loss.target(y, z.shape[1:], z.dtype.name)
    graph = graph_of(loss, target, z.shape, z.dtype.name)
    return available(on).compile(graph, {}).run({"z": z, "y": target})


def test_every_loss_has_a_case() -> None:
    covered = {type(case.loss) for case in CASES.values()}
    assert covered == {*losses.NAMES.values(), CustomLoss}


@pytest.mark.parametrize("name", CASES)
def test_values_in_float64(name: str) -> None:
    case = CASES[name]
    actual = compute(case.loss, case.z, case.y)["value"]
    assert_close(actual, case.expected, SAME_FORMULA, scale=np.abs(case.z).max())


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("on", ENGINES)
def test_values_and_gradients_in_float32(name: str, on: str) -> None:
    case = CASES[name]
    actual = compute(case.loss, case.z.astype(np.float32), case.y, on)
    assert_close(actual["value"], case.expected, COMPOSED, scale=np.abs(case.z).max() ** 2)
    gradient = compute(case.loss, case.z, case.y)["gradient"]
    assert_close(actual["gradient"], gradient, COMPOSED, scale=np.abs(case.z).max())


@pytest.mark.parametrize("name", CASES)
def test_gradient_by_central_differences(name: str) -> None:
    case = CASES[name]
    gradient, h = compute(case.loss, case.z, case.y)["gradient"], 1e-5
    for seed in range(3):
        direction = np.random.default_rng(seed).normal(size=case.z.shape)
        up = compute(case.loss, case.z + h * direction, case.y)["value"].sum()
        down = compute(case.loss, case.z - h * direction, case.y)["value"].sum()
        expected = (up - down) / (2 * h)
        scale = np.abs(gradient * direction).sum() + 1.0
        assert_close(np.sum(gradient * direction), expected, CENTRAL_DIFFERENCE, scale=scale)


@pytest.mark.parametrize(
    ("on", "dtype"), [("reference", "float64"), ("reference", "float32"), ("native", "float32")]
)
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_logits(size: float, on: str, dtype: str) -> None:
    """At ±1e4 the losses are exact lines, and gradients are 0 or ±1."""
    z = np.array([[size, 0.0], [0.0, size]], dtype)
    top, bottom = max(size, 0.0), min(size, 0.0)
    labels = compute(CategoricalCrossentropy(), z, np.array([0, 0]), on)
    lost = np.array([-bottom, top])  # log Σ e^z - z_y with a single term that counts
    np.testing.assert_array_equal(labels["value"], lost)
    assert np.isfinite(labels["gradient"]).all()
    for target in (0, 1):
        found = compute(BinaryCrossentropy(), z[:1, :1], np.array([target]), on)
        np.testing.assert_array_equal(found["value"], [top - size * target])
        np.testing.assert_array_equal(found["gradient"], [[float(size > 0) - target]])


@pytest.mark.parametrize("on", ENGINES)
def test_a_whole_range_of_logits_is_finite(on: str) -> None:
    largest = np.finfo(np.float32).max / 4
    z = np.array([[largest, -largest, 0.0]], np.float32)
    for loss, y in (
        (CategoricalCrossentropy(0.1), np.array([1])),
        (BinaryCrossentropy(0.1), np.array([[0, 1, 1]])),
        (Hinge(), np.array([1])),
        (Huber(), np.zeros((1, 3))),
        (AbsoluteError(), np.zeros((1, 3))),
    ):
        found = compute(loss, z, y, on)
        assert np.isfinite(found["value"]).all(), loss
        assert np.isfinite(found["gradient"]).all(), loss


def test_predictions() -> None:
    z = ops.input("z", (1, 2), "float64")
    feeds = {"z": np.array([[0.0, np.log(3.0)]])}
    for loss, expected in (
        (CategoricalCrossentropy(), [[0.25, 0.75]]),
        (BinaryCrossentropy(), [[0.5, 0.75]]),
        (SquaredError(), feeds["z"]),
        (Hinge(), feeds["z"]),
        (Focal(), [[0.25, 0.75]]),
        (Poisson(), [[1.0, 3.0]]),
    ):
        graph = Graph.of({"p": loss.prediction(z) + 0.0})
        found = ReferenceEngine().compile(graph, {}).run(feeds)["p"]
        assert_close(found, np.array(expected), SAME_FORMULA)


# --- targets --------------------------------------------------------------------------------------

GOOD: list[tuple[Loss, object, tuple[int, ...], np.ndarray]] = [
    (SquaredError(), [1, 2], (1,), np.array([[1.0], [2.0]], np.float32)),
    (SquaredError(), [[1], [2]], (), np.array([1.0, 2.0], np.float32)),
    (SquaredError(), [[1.5, 2]], (2,), np.array([[1.5, 2.0]], np.float32)),
    (BinaryCrossentropy(), [True, False], (1,), np.array([[1.0], [0.0]], np.float32)),
    (CategoricalCrossentropy(), np.array([2, 0], np.uint8), (3,), np.array([2, 0], np.int32)),
    (CategoricalCrossentropy(), [[2], [0]], (3,), np.array([2, 0], np.int32)),
    (CategoricalCrossentropy(), [[0, 1]], (2,), np.array([[0.0, 1.0]], np.float32)),
    (Hinge(), [0, 1], (1,), np.array([[-1.0], [1.0]], np.float32)),
    (Hinge(), [-1, 1], (1,), np.array([[-1.0], [1.0]], np.float32)),
    (Hinge(), [0, 2], (3,), np.array([0, 2], np.int32)),
    (CustomLoss(log_cosh, "labels"), [0, 2], (3,), np.array([0, 2], np.int32)),
]


@pytest.mark.parametrize(("loss", "y", "shape", "expected"), GOOD)
def test_good_targets(loss: Loss, y: object, shape: tuple[int, ...], expected: np.ndarray) -> None:
    actual = loss.target(np.asarray(y), shape)
    assert actual.dtype == expected.dtype
    assert actual.flags.c_contiguous
    np.testing.assert_array_equal(actual, expected)


BAD: list[tuple[Loss, object, tuple[int, ...], type[Exception], str]] = [
    (CategoricalCrossentropy(), [0, 3], (3,), InvalidArgument, r"y\[1\] is 3.*from 0 to 2"),
    (CategoricalCrossentropy(), [-1, 0], (3,), InvalidArgument, r"y\[0\] is -1"),
    (CategoricalCrossentropy(), [0.0, 1.0], (3,), InvalidArgument, "dtype float64.*integers"),
    (CategoricalCrossentropy(), ["a", "b"], (3,), InvalidArgument, "dtype <U1"),
    (CategoricalCrossentropy(), [[0.5, 0.6]], (2,), InvalidArgument, r"y\[0\] sum to 1.1"),
    (CategoricalCrossentropy(), [[-0.5, 1.5]], (2,), InvalidArgument, r"y\[0, 0\] is -0.5"),
    (CategoricalCrossentropy(), [[0.5, 0.5]], (3,), ShapeError, r"\(1, 2\).*\(N, 3\)"),
    (CategoricalCrossentropy(), [0, 1], (1,), ShapeError, "binary_crossentropy"),
    (CategoricalCrossentropy(), [0, 1], (4, 4, 2), ShapeError, r"\(4, 4, 2\)"),
    (CategoricalCrossentropy(), 3, (4,), ShapeError, "single value"),
    (BinaryCrossentropy(), [0, 2], (1,), InvalidArgument, r"y\[1, 0\] is 2.*from 0 to 1"),
    (BinaryCrossentropy(), [0.0, np.nan], (1,), InvalidArgument, r"y\[1, 0\] is nan"),
    (SquaredError(), [1.0, np.nan], (1,), InvalidArgument, r"y\[1, 0\] is nan.*finite"),
    (SquaredError(), [np.inf], (1,), InvalidArgument, "is inf"),
    (SquaredError(), [1.0, 2.0], (2,), ShapeError, r"\(2,\).*\(N, 2\)"),
    (SquaredError(), [[1.0, 2.0]], (), ShapeError, r"\(1, 2\).*\(N,\)"),
    (SquaredError(), [1j], (1,), InvalidArgument, "complex128"),
    (SquaredError(), 1.0, (1,), ShapeError, "single value"),
    (Hinge(), [-1, 0, 1], (1,), InvalidArgument, r"y\[1, 0\] is 0"),
    (Hinge(), [0, 3], (3,), InvalidArgument, "from 0 to 2"),
    (CustomLoss(log_cosh), [np.nan], (1,), InvalidArgument, "is nan"),
    (Poisson(), [1.0, -2.0], (1,), InvalidArgument, r"y\[1, 0\] is -2.0.*at least 0"),
]


@pytest.mark.parametrize(("loss", "y", "shape", "error", "text"), BAD)
def test_bad_targets(
    loss: Loss, y: object, shape: tuple[int, ...], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        loss.target(np.asarray(y), shape)


# --- making losses --------------------------------------------------------------------------------


def test_against_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    y, z = COUNTS[:, 0], Z[:, :1] / 3
    deviance = metrics.mean_poisson_deviance(y, np.exp(z[:, 0]))
    assert compute(Poisson(), z, y)["value"].mean() == pytest.approx(deviance / 2)
    pinball_loss = metrics.mean_pinball_loss(VALUES[:, 0], z[:, 0], alpha=0.9)
    assert compute(Quantile(0.9), z, VALUES[:, 0])["value"].mean() == pytest.approx(pinball_loss)
    assert_close(
        compute(Focal(gamma=0.0), Z, LABELS)["value"],
        compute(CategoricalCrossentropy(), Z, LABELS)["value"],
        SAME_FORMULA,
        scale=10.0,
    )


def test_names() -> None:
    for name, kind in losses.NAMES.items():
        assert losses.loss(name) == kind()
    assert losses.loss(log_cosh) == CustomLoss(log_cosh)
    assert losses.loss(Huber(2.0)) == Huber(2.0)
    for alias, name in losses.ALIASES.items():
        assert losses.loss(alias) == losses.NAMES[name]()
    assert losses.loss("pinball=0.9") == Quantile(0.9)
    assert losses.loss("huber=2") == Huber(2.0)
    assert losses.loss("focal=1.5") == Focal(gamma=1.5)
    assert losses.loss("cross_entropy=0.1") == CategoricalCrossentropy(label_smoothing=0.1)
    assert losses.loss("binary_crossentropy=0.2") == BinaryCrossentropy(label_smoothing=0.2)
    for word, said in (
        ("quantile=1.5", "`level`.*less than 1"),
        ("quantile=high", "'high' is no number"),
        ("cross_entropy=1", "`label_smoothing`.*less than 1"),
        ("mse=2", "squared_error takes no number"),
    ):
        with pytest.raises(InvalidArgument, match=said):
            losses.loss(word)
    for wrong in ("msle", Huber, 3):
        with pytest.raises(InvalidArgument, match="must be one of squared_error"):
            losses.loss(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Huber(0.0),
        lambda: Huber(float("nan")),
        lambda: BinaryCrossentropy(1.0),
        lambda: CategoricalCrossentropy(-0.1),
        lambda: CustomLoss("x"),  # type: ignore[arg-type]
        lambda: CustomLoss(log_cosh, "classes"),  # type: ignore[arg-type]
    ],
)
def test_wrong_parameters(make: object) -> None:
    with pytest.raises(InvalidArgument, match="must"):
        make()  # type: ignore[operator]


def test_a_custom_loss_must_give_one_number_per_sample() -> None:
    a, y = ops.input("a", (3, 2)), ops.input("y", (3, 2))
    for function in (lambda a, y: ops.reduce_sum(a), lambda a, y: 1.0, lambda a, y: ops.argmax(a)):
        with pytest.raises(InvalidArgument, match="CustomLoss: the function returned"):
            CustomLoss(function).per_sample(a, y)


def test_outputs_and_targets_never_broadcast() -> None:
    """(N, 1) against (N,) would silently make an (N, N) table."""
    with pytest.raises(ShapeError, match="must be equal"):
        SquaredError().per_sample(ops.input("a", (3, 1)), ops.input("y", (3,)))


def test_own_losses_of_other_shapes_are_refused() -> None:
    """(N,) beside (N, 1) becomes (N, N); one number for a sample, or for each of its outputs, is taken."""
    x, y = np.zeros((6, 3), np.float32), np.arange(6.0)[:, None]
    network = sloy.Network((3,), [sloy.layers.Dense(1)])

    def fit(function: Any) -> sloy.History:
        place: dict[str, Any] = {"engine": "reference", "verbose": False, "epochs": 1}
        return sloy.fit(network, (x, y), loss=function, **place)[1]

    square = lambda o, t: (o - t) * (o - t)  # noqa: E731
    mean = lambda o, t: ops.reduce_mean(square(o, t), axes=1)  # noqa: E731
    assert fit(square)[-1]["loss"] == fit(mean)[-1]["loss"]
    with pytest.raises(ShapeError, match=r"float32\[6, 6\].*one loss per sample, float32\[6\]"):
        fit(lambda o, t: ops.reshape(o, (-1,)) - t)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda o, t: ops.reduce_mean(o, axis=1), r"'axis'; ops.reduce_mean\(x, axes=None, \*, keepdims=False\)"),
        (lambda o: o, r"takes 1 positional argument but 2 were given"),
    ],
)  # fmt: skip
def test_wrong_calls_in_own_losses_are_named(function: Any, said: str) -> None:
    output = ops.input("o", (4, 1))
    with pytest.raises(InvalidArgument, match=f"CustomLoss: the function fails: .*{said}"):
        CustomLoss(function).per_sample(output, output)


def test_names_in_any_case() -> None:
    assert sloy.losses.loss("MSE") == sloy.losses.loss("squared_error")
    assert sloy.optimizers.optimizer("AdamW") == sloy.AdamW()
    task = sloy.losses.loss("mse"), (1,)
    assert sloy.metrics.metric("MAE", *task) == sloy.metrics.metric("mean_absolute_error", *task)
    with pytest.raises(InvalidArgument, match=r"absolute_error.*mse, l2, mae"):
        sloy.losses.loss("nope")
