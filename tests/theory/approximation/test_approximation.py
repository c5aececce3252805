"""The approximation theorem: networks within a tolerance, measured here on another grid than their builder's (L5)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from available import installed
from sloy import ops
from sloy.errors import InvalidArgument, ToleranceNotMet
from sloy.graph.threefry import make_key
from sloy.layers import Dense, LeakyReLU, Maxout
from sloy.model import load
from sloy.theory import Approximation, approximate
from sloy.theory.approximation.asymptotes import asymptotes_of
from sloy.theory.approximation.construction import ramps, steps
from sloy.theory.approximation.target import Target, finer

Function = Callable[..., Any]

FUNCTIONS: dict[str, tuple[Function, tuple[float, float]]] = {
    "sin": (np.sin, (-math.pi, math.pi)),
    "abs": (np.abs, (-1, 1)),
    "polynomial": (lambda x: x**3 - x, (-1.5, 1.5)),
    "steep logistic": (lambda x: 0.5 * (1 + np.tanh(500 * x)), (-1, 1)),  # σ(1000 x)
}
TOLERANCES = (1e-1, 1e-2, 1e-3)


def bump(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.exp(-4 * (x**2 + y**2))


def greatest_error(found: Approximation, count: int = 40_003) -> float:
    """On an even grid that has nothing to do with the construction's, through the model itself."""
    domain = found.target.domain
    if len(domain) == 1:
        columns = [np.linspace(*domain[0], count)]
    else:
        side = math.isqrt(count)
        columns = [m.ravel() for m in np.meshgrid(*(np.linspace(a, b, side) for a, b in domain))]
    x = np.stack(columns, axis=1).astype(found.model.problem.dtype)
    network = found.model(x)[:, 0].astype(np.float64)
    return float(np.abs(network - found.target.function(*x.astype(np.float64).T)).max())


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_the_tolerance_is_met_on_an_interval(activation: str, name: str, tolerance: float) -> None:
    function, domain = FUNCTIONS[name]
    found = approximate(function, domain, tolerance, activation=activation)
    assert found.error <= tolerance
    assert greatest_error(found) <= tolerance
    assert found.model.problem.dtype == "float32"
    assert found.grid_points > 2560
    assert found.units == found.model.network.layers[0].units  # type: ignore[attr-defined]
    assert found.curve[-1] == (found.units, found.error)


@pytest.mark.parametrize(
    "activation", ["heaviside", "tanh", "sign", "leaky_relu", "elu", "softplus", "gelu", "silu"]
)
def test_other_activations(activation: str) -> None:
    function, domain = FUNCTIONS["sin"]
    found = approximate(function, domain, 1e-2, activation=activation)
    assert max(found.error, greatest_error(found)) <= 1e-2
    assert found.construction == ("steps" if found.units > 100 else "ramps")


def test_a_users_own_sigma() -> None:
    found = approximate(np.cos, (0, 1), 0.05, activation=lambda z: z / (1 + ops.absolute(z)))
    assert greatest_error(found) <= 0.05
    slope = approximate(np.cos, (0, 1), 0.05, activation=LeakyReLU(0.3))
    assert greatest_error(slope) <= 0.05


def test_the_number_of_units_is_what_theory_says() -> None:
    """Steps: the variation over twice the tolerance, 4 / (2 · 0.95 ε). Ramps: for twice differentiable f, the best
    polyline has ∫√|f″| / (4 √ε) segments (D. McClure, "Nonlinear segmented function approximation", 1975).
    """
    variation, bend = 4.0, 2 * 2.396280469  # of sin over a period; ∫₀^π √sin = 2.396
    for tolerance in (1e-2, 1e-3):
        aim = 0.95 * tolerance
        steps_needed = variation / (2 * aim)
        found = approximate(np.sin, (0, 2 * math.pi), tolerance, activation="heaviside")
        assert abs(found.units - steps_needed) <= 2
        segments = bend / (4 * math.sqrt(aim))
        found = approximate(np.sin, (0, 2 * math.pi), tolerance, activation="relu")
        assert segments - 1 <= found.units <= 1.1 * segments + 2


def test_two_ramps_are_an_absolute_value() -> None:
    assert approximate(abs, (-1, 1), 1e-3, activation="relu").units == 2


def test_the_curve_falls_as_theory_says() -> None:
    """Error against units: of order 1/H for steps, 1/H² for ramps."""
    for activation, order in (("tanh", 1), ("relu", 2)):
        curve = np.array(approximate(np.sin, (0, 6), 1e-3, activation=activation).curve)
        assert (np.diff(curve[:, 0]) > 0).all()
        assert (np.diff(curve[:, 1]) < 0).all()
        slope = np.polyfit(*np.log(curve[-5:]).T, 1)[0]
        assert abs(slope + order) < 0.2


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_a_bump_on_a_rectangle(tolerance: float) -> None:
    found = approximate(bump, ((-1, 1), (-1, 1)), tolerance)
    assert max(found.error, greatest_error(found)) <= tolerance
    assert found.units <= 100
    side = math.isqrt(found.grid_points)
    directions = math.isqrt(found.units + 1) - 1
    assert side == 10 * (2 * directions + 9)  # ten times the points of the construction


def test_ramps_on_a_rectangle_and_another_rectangle() -> None:
    found = approximate(bump, ((-1, 1), (-1, 1)), 0.1, activation="relu")
    assert max(found.error, greatest_error(found)) <= 0.1
    far = approximate(lambda x, y: x * y / 1000, ((90, 110), (-2, 3)), 5e-3)
    assert max(far.error, greatest_error(far)) <= 5e-3
    assert float(abs(far(100.0, 2.0) - 0.2)) <= 5e-3


def test_refinement_finds_far_fewer_units() -> None:
    function, domain = FUNCTIONS["sin"]
    plain = approximate(function, domain, 1e-2)
    found = approximate(function, domain, 1e-2, refine=True)
    assert max(found.error, greatest_error(found)) <= 1e-2
    assert found.units < plain.units / 20
    assert found.construction in ("least squares", "training")


def test_training_makes_a_better_network_of_ramps() -> None:
    plain = approximate(np.sin, (0, 6), 0.05, activation="relu")
    found = approximate(np.sin, (0, 6), 0.05, activation="relu", refine=True)
    assert found.construction == "training"
    assert (found.units, found.error) < (plain.units, plain.error)
    assert greatest_error(found) <= 0.05


def test_refinement_on_a_rectangle() -> None:
    found = approximate(bump, ((-1, 1), (-1, 1)), 0.05, refine=True)
    assert max(found.error, greatest_error(found)) <= 0.05


def test_float64() -> None:
    found = approximate(np.sin, (0, 1), 1e-5, activation="relu", dtype="float64")
    assert found.model.problem.dtype == "float64"
    assert found.error <= 1e-5
    assert greatest_error(found, 5003) <= 1e-5


@pytest.mark.parametrize("engine", installed())
def test_it_is_an_ordinary_model(engine: str, tmp_path: object) -> None:
    found = approximate(math.cos, (0, 3), 0.05, engine=engine)  # a function of one number will do
    found.model.save(f"{tmp_path}/cos.sloy")
    x = np.linspace(0, 3, 50)
    again = load(f"{tmp_path}/cos.sloy", engine=engine)(x[:, None])[:, 0]
    np.testing.assert_array_equal(again, found(x).astype(np.float32))
    np.testing.assert_allclose(
        found.parts(x).sum(1) + found.model.parameters["dense_2/bias"][0], found(x), atol=1e-5
    )
    assert found(x.reshape(5, 10)).shape == (5, 10)
    assert f"{found.units} units" in str(found)


def test_refusal_says_what_was_reached() -> None:
    with pytest.raises(
        ToleranceNotMet, match=r"64 units reach .*`max_units` \(=64\).*refine"
    ) as caught:
        approximate(np.sin, (0, 6), 1e-3, max_units=64)
    refusal = caught.value
    assert refusal.units == refusal.best.units == 64
    assert refusal.error == refusal.best.error
    # 64 steps can do 1/65 of half the variation of sin on (0, 6), and did.
    variation = 1 + 2 + math.sin(6) + 1
    assert refusal.error == pytest.approx(variation / 65 / 2, rel=0.05)
    assert greatest_error(refusal.best) == pytest.approx(refusal.error, rel=0.01)


def test_refusal_on_a_rectangle_and_by_the_dtype() -> None:
    with pytest.raises(ToleranceNotMet, match=r"tolerance of 0\.001") as caught:
        approximate(bump, ((-1, 1), (-1, 1)), 1e-3, max_units=30)
    assert caught.value.units <= 30
    assert 1e-3 < caught.value.error < 0.1
    with pytest.raises(ToleranceNotMet, match="3 units"):
        approximate(bump, ((-1, 1), (-1, 1)), 0.1, max_units=2)
    with pytest.raises(
        ToleranceNotMet, match=r"rounding of float32 is in the way.*'float64'"
    ) as caught:
        approximate(lambda x: 1000 + x, (0, 1), 1e-6, activation="relu")  # float32 has 1000 to 6e-5
    assert caught.value.error > 1e-5


BAD: list[tuple[Function, Any, dict[str, Any], str]] = [
    (np.sin, (0, math.inf), {}, r"`domain` \(=\(0, inf\)\) must be bounded"),
    (np.sin, (-math.inf, math.inf), {}, "must be bounded"),
    (np.sin, (0, math.nan), {}, "must be bounded"),
    (np.sin, (1, 0), {}, r"\(a, b\) with a < b"),
    (np.sin, (-1e308, 1e308), {}, "must be bounded"),
    (np.sin, 3, {}, "`domain`"),
    (bump, ((0, 1), (0, math.inf)), {}, "must be bounded"),
    (bump, ((0, 1), (0, 1), (0, 1)), {}, "`domain`"),
    (lambda x: np.where(x > 0.5, np.nan, x), (0, 1), {}, r"`f` is nan at \(0\.50"),
    (lambda x: 1 / x, (-1, 1), {}, r"`f` is inf at \(0\)"),
    (lambda x, y: np.sqrt(x + y), ((-1, 1), (0, 1)), {}, r"`f` is nan at \(-1, "),
    (np.sign, (-1, 1), {}, "`f` jumps by 1 at 0; only continuous functions"),
    (lambda x: np.floor(1.5 * x), (0, 1), {}, r"`f` jumps by 1 at 0\.666667"),
    (lambda x: "seven", (0, 1), {}, "`f` gives .*one real number for each"),
    ("sin", (0, 1), {}, r"`f` \(='sin'\) must be a function"),
    (np.sin, (0, 1), {"tolerance": 0}, r"`tolerance` \(=0\)"),
    (np.sin, (0, 1), {"max_units": 0}, r"`max_units` \(=0\)"),
    (np.sin, (0, 1), {"activation": "step"}, r"`activation` \(='step'\)"),
    (np.sin, (0, 1), {"activation": lambda z: z * z * z - z}, "no polynomial can do it"),
    (np.sin, (0, 1), {"activation": lambda z: 2.0 * z}, "no polynomial can do it"),
    (np.sin, (0, 1), {"activation": lambda z: ops.exp(-z * z)}, "must be a step"),
    (np.sin, (0, 1), {"activation": Maxout(3)}, "must treat each element alike"),
    (np.sin, (0, 1), {"activation": Dense(3)}, "must treat each element alike"),
    (np.sin, (0, 1), {"dtype": "float16"}, r"`dtype` \(='float16'\)"),
    (np.sin, (0, 1), {"refine": 1}, r"`refine` \(=1\)"),
]  # fmt: skip


@pytest.mark.parametrize(("f", "domain", "options", "message"), BAD, ids=[m[:40] for *_, m in BAD])
def test_mistakes_are_named(f: Any, domain: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        approximate(f, domain, **{"tolerance": 1e-2, **options})


# --- the parts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("activation", ["sigmoid", "heaviside", "relu", "elu"])
def test_constructions_hold_their_bound_on_any_polyline(activation: str, seed: int) -> None:
    """Random walks with flat stretches and kinks; in float64, by the formula Σ c_k σ(w_k x + b_k) + d."""
    rng = np.random.default_rng(make_key(seed, "polyline").tolist())
    x = np.cumsum(np.append(-3.0, rng.exponential(size=60)))
    y = np.cumsum(rng.normal(size=61) * rng.integers(0, 2, 61)) + 100 * rng.normal()
    sigma = asymptotes_of(activation)
    tolerance = 0.2
    made = (steps if sigma.is_step else ramps)(x, y, tolerance, sigma, 10_000)
    assert made is not None
    places = finer(x, 50)
    if activation == "heaviside":  # at a cut itself both sides are right
        cuts = -made.bias / made.weight[0]
        places = places[abs(places[:, None] - cuts).min(1) > 1e-9]
    network = sigma(places[:, None] * made.weight + made.bias) @ made.output + made.shift
    room = 1.15 if sigma.reach or sigma.rounding else 1 + 1e-9  # for slopes and round corners
    assert np.abs(network - np.interp(places, x, y)).max() <= tolerance * room


def test_samples_follow_the_function() -> None:
    target = Target.of(lambda x: np.sqrt(np.abs(x - 0.3)), (0, 1))
    x, y = target.samples(1e-3)
    places = finer(x, 16)
    assert np.abs(np.interp(places, x, y) - target(places[:, None])).max() < 1e-3 / 8
    assert np.diff(x).min() < 1e-4 < np.diff(x).max()  # dense where f bends alone


def test_shapes_of_activations() -> None:
    assert asymptotes_of("sigmoid").levels == (0, 1)
    assert asymptotes_of("sigmoid").reach == pytest.approx(
        math.log(99), abs=0.02
    )  # σ(-4.595) = 1 %
    assert asymptotes_of("tanh").levels == (-1, 1)
    assert asymptotes_of("softplus").rounding == pytest.approx(math.log(2))
    assert asymptotes_of("leaky_relu").slopes == pytest.approx((0.1, 1))
    assert asymptotes_of("elu").levels == (-1, 0)
