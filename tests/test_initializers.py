"""Initialisers: their laws, measured against the published formulas, and that they are functions of seed and name."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from sloy.errors import InvalidArgument
from sloy.graph.threefry import make_key
from sloy.initializers import (
    INITIALIZERS,
    Constant,
    FanInUniform,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Initializer,
    LeCunNormal,
    LeCunUniform,
    Normal,
    Orthogonal,
    Uniform,
    Zeros,
    as_initializer,
    fans,
)
from sloy.layers import Conv2D, Dense
from sloy.problem import Network

SHAPE = (3, 3, 20, 100)  # fan-in 180, fan-out 900
FANS = (180, 900)

# Initialiser → (law, mean, deviation), by the published formulas.
LAWS: list[tuple[Initializer, str, float, float]] = [
    (Uniform(-1.0, 3.0), "uniform", 1.0, 4 / sqrt(12)),
    (Normal(2.0, 0.5), "normal", 2.0, 0.5),
    (GlorotUniform(), "uniform", 0.0, sqrt(6 / 1080) / sqrt(3)),
    (GlorotNormal(), "normal", 0.0, sqrt(2 / 1080)),
    (HeUniform(), "uniform", 0.0, sqrt(6 / 180) / sqrt(3)),
    (HeNormal(), "normal", 0.0, sqrt(2 / 180)),
    (LeCunUniform(), "uniform", 0.0, sqrt(3 / 180) / sqrt(3)),
    (LeCunNormal(), "normal", 0.0, sqrt(1 / 180)),
    (FanInUniform(), "uniform", 0.0, 1 / sqrt(180) / sqrt(3)),
]
WITHOUT_LAW = {Zeros, Constant, Orthogonal}


def test_every_initializer_is_tested() -> None:
    assert {type(row[0]) for row in LAWS} | WITHOUT_LAW == set(INITIALIZERS.values())


@pytest.mark.parametrize(("initializer", "law", "mean", "deviation"), LAWS, ids=lambda v: str(v))
def test_law(initializer: Initializer, law: str, mean: float, deviation: float) -> None:
    """Mean, deviation and the largest gap between the empirical and the exact distribution (Kolmogorov-Smirnov)."""
    w = initializer.draw(make_key(1, "w"), SHAPE, FANS)
    assert w.shape == SHAPE
    assert w.dtype == np.float64
    standard = np.sort((w.reshape(-1) - mean) / deviation)
    n = standard.size
    assert abs(standard.mean()) < 4 / sqrt(n)
    assert abs(standard.std() - 1) < 4 / sqrt(n)
    if law == "uniform":
        assert abs(standard).max() <= sqrt(3)
        exact = (standard / sqrt(3) + 1) / 2
    else:
        from sloy.graph.ops.erf import erf

        assert 3.5 < abs(standard).max() < 6
        exact = (1 + erf(standard / sqrt(2))) / 2
    assert np.abs(exact - (np.arange(n) + 0.5) / n).max() < 1.95 / sqrt(n)  # p = 0.001


def test_zeros_and_constant() -> None:
    assert np.array_equal(Zeros().draw(make_key(0), (2, 3), (2, 3)), np.zeros((2, 3)))
    assert np.array_equal(Constant(2.5).draw(make_key(0), (4,), (4, 4)), np.full(4, 2.5))


@pytest.mark.parametrize("shape", [(7, 5), (5, 7), (6, 6), (3, 3, 4, 16)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    w = Orthogonal(2.0).draw(make_key(3), shape, fans(shape))
    assert w.shape == shape
    matrix = w.reshape(-1, shape[-1]) / 2.0
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    product = matrix.T @ matrix
    assert np.abs(product - np.eye(len(product))).max() < 1e-13


def test_orthogonal_takes_either_sign_equally() -> None:
    determinants = [
        np.linalg.det(Orthogonal().draw(make_key(seed), (3, 3), (3, 3))) for seed in range(200)
    ]
    assert 70 < sum(d > 0 for d in determinants) < 130


def test_orthogonal_needs_a_matrix() -> None:
    with pytest.raises(InvalidArgument, match=r"Orthogonal.*2 axes"):
        Network((4,), [Dense(3, bias_initializer="orthogonal")]).initialize(0)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((784, 10), (784, 10)), ((5, 3, 2, 7), (30, 105)), ((6,), (6, 6)), ((), (1, 1))],
)
def test_fans(shape: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert fans(shape) == expected


@pytest.mark.parametrize("name", [name for name in INITIALIZERS if name != "constant"])
def test_names(name: str) -> None:
    assert as_initializer("Dense", "weight_initializer", name) == INITIALIZERS[name]()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(1.0, 0.0), r"Uniform: `high` \(=0.0\) .* at least 1"),
        (lambda: Normal(0.0, -1.0), r"Normal: `deviation` \(=-1.0\)"),
        (lambda: Constant(float("nan")), r"Constant: `value` \(=nan\)"),
        (lambda: Constant("1"), r"Constant: `value` \(='1'\)"),
        (lambda: Orthogonal(float("inf")), r"Orthogonal: `gain` \(=inf\)"),
    ],
)
def test_arguments(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidArgument, match=message):
        make()


# --- in a network ---------------------------------------------------------------------------------


def network(initializer: str = "he_normal") -> Network:
    options = {"weight_initializer": initializer, "bias_initializer": "fan_in_uniform"}
    return Network((9, 9, 2), [Conv2D(8, 3, **options), Conv2D(8, 3, groups=4, **options)])


def test_a_parameter_is_a_function_of_seed_and_name() -> None:
    first, again, other = network().initialize(5), network().initialize(5), network().initialize(6)
    assert list(first) == ["conv2d_1/weight", "conv2d_1/bias", "conv2d_2/weight", "conv2d_2/bias"]
    for name, value in first.items():
        assert np.array_equal(value, again[name])
        assert not np.array_equal(value, other[name])
    key = make_key(5, "initialize", "conv2d_1/weight")
    drawn = HeNormal().draw(key, (3, 3, 2, 8), (18, 72))
    assert np.array_equal(first["conv2d_1/weight"], drawn.astype(np.float32))


def test_float32_is_float64_rounded() -> None:
    single, double = network().initialize(5, "float32"), network().initialize(5, "float64")
    for name, value in double.items():
        assert value.dtype == np.float64
        assert single[name].dtype == np.float32
        assert np.array_equal(single[name], value.astype(np.float32))
        assert single[name].flags.c_contiguous


def test_a_bias_takes_the_fan_in_of_its_weight() -> None:
    values = network().initialize(5)
    assert np.abs(values["conv2d_1/bias"]).max() <= 1 / sqrt(18)
    assert np.abs(values["conv2d_2/bias"]).max() <= 1 / sqrt(18)  # groups: 8 / 4 channels in
    assert np.abs(values["conv2d_1/bias"]).max() > 0.5 / sqrt(18)


def test_defaults() -> None:
    layer = Dense(3)
    assert layer.weight_initializer == GlorotUniform()
    assert layer.bias_initializer == Zeros()


def test_dtype_is_checked() -> None:
    with pytest.raises(InvalidArgument, match=r"`dtype` \(='float16'\)"):
        network().initialize(0, "float16")
