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
from sloy.theory.approximation import search, target
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
    directions = math.isqrt(found.units + 1) - 1
    side = 10 * (2 * directions + 9)  # ten times the points of the construction
    assert found.grid_points == side**2 + 64 * 17**2  # and a closer look at the greatest errors


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
    with pytest.raises(
        ToleranceNotMet, match=r"2 units reach an error of 0\.4.*the best found"
    ) as least:
        approximate(bump, ((-1, 1), (-1, 1)), 0.1, max_units=2)
    assert greatest_error(least.value.best) == pytest.approx(least.value.error, rel=0.01)
    with pytest.raises(
        ToleranceNotMet, match=r"rounding of float32 is in the way.*'float64'"
    ) as caught:
        approximate(lambda x: 1000 + x, (0, 1), 1e-6, activation="relu")  # float32 has 1000 to 6e-5
    assert caught.value.error > 1e-5


# --- nothing that meets the tolerance is refused --------------------------------------------------

SIGMAS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sigmoid": lambda z: 0.5 * (1 + np.tanh(z / 2)),
    "tanh": np.tanh,
    "heaviside": lambda z: (z > 0).astype(float),
    "sign": np.sign,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.maximum(0.1 * z, z),
    "softplus": lambda z: np.logaddexp(0, z),
}
LINES: dict[str, tuple[Function, tuple[float, float]]] = {
    **FUNCTIONS,
    "sin over a period": (np.sin, (0, 6.28)),
    "exp": (np.exp, (-1, 2)),
    "root": (lambda x: np.sqrt(np.abs(x)), (-1, 1)),
    "constant": (lambda x: 0 * x + 3, (0, 1)),
    "line": (lambda x: 2 - x, (0, 5)),
    "two waves": (lambda x: np.sin(3 * x) + 0.3 * np.cos(11 * x), (0, 3)),
}
PLANES: dict[str, tuple[Function, Any]] = {
    "bump": (bump, ((-1, 1), (-1, 1))),
    "constant": (lambda x, y: 0 * x + 3, ((0, 1), (0, 2))),
    "ridge": (lambda x, y: np.tanh(2 * x), ((-1, 1), (-1, 1))),
    "product": (lambda x, y: x * y, ((0, 1), (-2, 0))),
}


def by_formula(found: Approximation, count: int) -> float:
    """The greatest |f - Σ c σ(w · x + b) - d| on an even grid, by NumPy from the numbers in the model."""
    W, b, c, d = (found.model.parameters[f"dense_{i}/{name}"].astype(np.float64)
                  for i in (1, 2) for name in ("weight", "bias"))  # fmt: skip
    domain = found.target.domain
    side = count if len(domain) == 1 else math.isqrt(count)
    axes = [np.linspace(low, high, side) for low, high in domain]
    x = np.stack([m.ravel() for m in np.meshgrid(*axes)], axis=1).astype(np.float32)
    sigma = SIGMAS[found.network.layer_names[1].rsplit("_", 1)[0]]
    worst = 0.0
    for part in np.array_split(x.astype(np.float64), 8):
        z = part @ W + b
        if sigma in (SIGMAS["heaviside"], SIGMAS["sign"]):  # which side of a jump is for rounding
            part, z = (rows[(np.abs(z) > 1e-5 * np.abs(b)).all(1)] for rows in (part, z))
        errors = np.abs(sigma(z) @ c[:, 0] + d - found.target.function(*part.T))
        worst = max(worst, errors.max(initial=0.0))
    return worst


def check(function: Function, domain: Any, tolerance: float, **options: Any) -> bool:
    """Whether the tolerance is met; what comes back, or is carried by the refusal, is as it says."""
    found = refusal = None
    try:
        found = approximate(function, domain, tolerance, **options)
    except ToleranceNotMet as error:
        refusal, found = error, error.best
    if refusal is not None:
        assert (refusal.error, refusal.units) == (found.error, found.units)
        assert min(error for _, error in found.curve) == found.error > tolerance, str(refusal)
    else:
        assert found.error <= tolerance
    assert found.units <= options["max_units"]
    c, d = (found.model.parameters[f"dense_2/{name}"] for name in ("weight", "bias"))
    rounding = 2e-6 * float(np.abs(c).sum() + np.abs(d).sum())
    assert by_formula(found, 60_013) <= found.error * (1 + 1e-4) + rounding
    return found.error <= tolerance


@pytest.mark.parametrize("activation", SIGMAS)
def test_nothing_within_the_tolerance_is_refused(activation: str) -> None:
    rng = np.random.default_rng(13)
    met = 0
    for function, domain in LINES.values():
        for tolerance in (0.3, 0.1, 0.03):
            most = int(rng.integers(1, 40))
            met += check(function, domain, tolerance, activation=activation, max_units=most)
    assert 8 <= met <= 28


@pytest.mark.parametrize("activation", ["sigmoid", "heaviside"])
def test_units_enough_by_a_hair(activation: str) -> None:
    """20 plateaus of twice 0.1 cover the variation of a sine, 4; plateaus of a little less do not."""
    assert check(np.sin, (0, 6.28), 0.1, activation=activation, max_units=19)
    assert not check(np.sin, (0, 6.28), 0.1, activation=activation, max_units=18)


@pytest.mark.parametrize("name", PLANES)
def test_nothing_within_the_tolerance_is_refused_on_a_rectangle(name: str) -> None:
    function, domain = PLANES[name]
    rng = np.random.default_rng(14)
    met = [
        check(function, domain, tolerance, activation=activation, max_units=int(most))
        for activation in ("sigmoid", "softplus")
        for tolerance, most in zip((0.5, 0.05), rng.integers(1, 30, 2), strict=True)
    ]
    assert any(met)


@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_refinement_keeps_to_the_units_and_refuses_nothing_it_met(most: int) -> None:
    for activation in ("sigmoid", "relu"):
        for tolerance in (0.3, 0.02):
            options: Any = {"activation": activation, "max_units": most, "refine": True}
            check(lambda x: np.sin(2 * x), (-1.5, 1.5), tolerance, **options)
    assert check(lambda x, y: np.tanh(x + y), ((-1, 1), (0, 1)), 0.5, max_units=most, refine=True)


def test_samples_that_do_not_suffice_are_said_to_be_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("MOST", 100), ("FIRST", 17)):
        monkeypatch.setattr(target, name, value)
        monkeypatch.setattr(search, name, value)
    with pytest.raises(ToleranceNotMet, match="changes too fast for 100 samples"):
        approximate(lambda x: np.sin(150 * x), (0, 7), 0.2)


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
    root = Target.of(lambda x: np.sqrt(np.abs(x - 0.3)), (0, 1))
    x, y = root.samples(1e-3)
    places = finer(x, 16)
    assert np.abs(np.interp(places, x, y) - root(places[:, None])).max() < 1e-3 / 8
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
