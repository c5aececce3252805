"""One neuron: what it computes, how it learns, what it cannot do (L1)."""

from __future__ import annotations

import math
import sys
from fractions import Fraction

import numpy as np
import pytest

from available import installed
from sloy import ops
from sloy.errors import InvalidArgument, NotAvailable, ShapeError, SloyError
from sloy.language import speak
from sloy.layers import ELU, Layer, LeakyReLU
from sloy.model import load
from sloy.optimizers import SGD
from sloy.theory import Neuron, perceptron_rule, separate

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
XOR = np.array([0, 1, 1, 0])
RANDOM = np.random.default_rng(5)

SIGMAS = {
    "heaviside": lambda z: 1.0 if z > 0 else 0.0,
    "sign": lambda z: math.copysign(1, z),
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
    "tanh": math.tanh,
    "relu": lambda z: max(z, 0.0),
    "leaky_relu": lambda z: max(0.1 * z, z),
    "elu": lambda z: z if z > 0 else math.exp(z) - 1,
    "softplus": lambda z: math.log1p(math.exp(z)),
}


@pytest.mark.parametrize("name", SIGMAS)
def test_it_computes_the_formula(name: str) -> None:
    x = RANDOM.normal(size=(20, 3))
    w, b = np.array([0.5, -1.25, 2.0]), 0.75
    neuron = Neuron(w, b, name)
    expected = [SIGMAS[name](b + math.fsum(w * row)) for row in x]
    np.testing.assert_allclose(neuron(x), expected, rtol=1e-13)
    assert neuron(x[0]).shape == ()
    assert neuron(x[0]) == neuron(x)[0]


@pytest.mark.parametrize("engine", installed())
def test_it_is_a_model_that_saves(engine: str, tmp_path: object) -> None:
    neuron = Neuron([1, 1], -1.5, "heaviside")
    model = neuron.model(engine=engine)
    assert model(CORNERS)[:, 0].tolist() == [0, 0, 0, 1]
    assert model.network.parameter_count == 3
    model.save(f"{tmp_path}/and.sloy")
    assert load(f"{tmp_path}/and.sloy", engine=engine)(CORNERS)[:, 0].tolist() == [0, 0, 0, 1]


def test_its_equation() -> None:
    assert Neuron([1, 1], -1.5, "heaviside").equation() == "a(x) = [x1 + x2 - 3/2 > 0]"
    assert Neuron([-1], 0.5, "heaviside").equation() == "a(x) = [-x1 + 1/2 > 0]"
    assert Neuron([0.25, 0], 0, "sigmoid").equation(["u", "v"]) == "a(x) = σ(1/4 u)"
    assert Neuron([0, 0], -2, LeakyReLU(0.2)).equation() == "a(x) = leaky_relu(-2)"
    assert Neuron([math.pi], 1, ELU()).equation() == "a(x) = elu(3.142 x1 + 1)"


def test_gradient_training_of_a_sigmoid_reaches_the_maximum_of_the_likelihood() -> None:
    """Newton's method on the log-loss, written out here, ends at the same weights."""
    x = RANDOM.normal(size=(200, 2))
    y = (RANDOM.random(200) < 1 / (1 + np.exp(-(x @ [1.5, -1] + 0.5)))).astype(int)
    rows = np.column_stack([x, np.ones(200)])
    w = np.zeros(3)
    for _ in range(30):
        p = 1 / (1 + np.exp(-rows @ w))
        w += np.linalg.solve((rows * (p * (1 - p))[:, None]).T @ rows, rows.T @ (y - p))
    neuron, history = Neuron([0, 0]).train(
        x, y, epochs=300, batch_size=200, optimizer=SGD(3.0), precision="float64", verbose=False
    )
    np.testing.assert_allclose([*neuron.weights, neuron.bias], w, atol=1e-6)
    z = rows @ w
    assert history["loss"][-1] == pytest.approx((np.logaddexp(0, z) - y * z).mean(), abs=1e-9)
    np.testing.assert_allclose(neuron(x), 1 / (1 + np.exp(-z)), atol=1e-6)  # σ is there again


def test_gradient_training_of_another_sigma_fits_its_curve() -> None:
    x = RANDOM.normal(size=(100, 1))
    neuron, history = Neuron([0.1], 0, "tanh").train(
        x, np.tanh(2 * x[:, 0] - 1), epochs=200, optimizer=SGD(0.2), batch_size=10, verbose=False
    )
    assert abs(neuron.weights[0] - 2) < 0.05
    assert abs(neuron.bias + 1) < 0.05
    assert history["loss"][-1] < 1e-3


def by_hand(x: np.ndarray, s: np.ndarray, rate: float) -> tuple[np.ndarray, float, list[int]]:
    """Rosenblatt's rule as a loop."""
    w, b, mistakes = np.zeros(x.shape[1]), 0.0, []
    while not mistakes or mistakes[-1]:
        wrong = 0
        for row, side in zip(x, s, strict=True):
            if side * (w @ row + b) <= 0:
                w, b, wrong = w + rate * side * row, b + rate * side, wrong + 1
        mistakes.append(wrong)
    return w, b, mistakes


@pytest.mark.parametrize("engine", installed())
@pytest.mark.parametrize("rate", [1.0, 0.25])
def test_the_perceptron_rule_is_rosenblatts(engine: str, rate: float) -> None:
    """The same weights and the same number of mistakes in every pass; numbers are multiples of 1/4, so exact."""
    x = RANDOM.integers(-8, 9, (60, 3)) / 4
    s = np.where(x @ [2, -1, 1] > 0.3, 1, -1)
    w, b, mistakes = by_hand(x, s, rate)
    weights, bias, run = perceptron_rule(x, s, learning_rate=rate, engine=engine)
    assert (weights.tolist(), bias) == (w.tolist(), b)
    assert list(run.mistakes) == mistakes
    assert run.converged
    assert (run.epochs, run.updates, run.separation) == (len(mistakes), sum(mistakes), None)
    assert run.updates <= separate(x, s).most_updates  # Novikoff


@pytest.mark.parametrize("activation", ["sign", "heaviside"])
def test_a_threshold_neuron_learns_by_the_rule(activation: str) -> None:
    neuron, run = Neuron([0, 0], 0, activation).train(CORNERS, [0, 0, 0, 1])
    assert run.converged
    assert (neuron(CORNERS) > 0).tolist() == [False, False, False, True]
    assert "Converged after" in str(run)
    again, second = neuron.train(CORNERS, [0, 0, 0, 1])  # from its weights: nothing left to do
    assert second.updates == 0
    assert again.weights.tolist() == neuron.weights.tolist()


def test_it_says_with_proof_that_the_data_are_not_separable() -> None:
    _, run = Neuron([0, 0], 0, "sign").train(CORNERS, XOR, max_epochs=20)
    assert not run.converged
    assert run.epochs == 20
    assert run.separation is not None
    assert not run.separation.separable
    assert "1/2 (0, 1) + 1/2 (1, 0) = (1/2, 1/2)" in str(run)


def test_a_run_is_told_in_either_language_and_in_notebooks() -> None:
    _, _, run = perceptron_rule(CORNERS, [0, 0, 0, 1])
    assert (
        str(run)
        == f"Converged after {run.epochs} passes over the objects and {run.updates} updates."
    )
    assert f'<pre style="line-height: 1.25">{run}</pre>' == run._repr_html_()
    with speak("ru"):
        assert str(perceptron_rule(CORNERS, [1, 1, 1, 1])[2]) == (
            "Сошлось за 2 прохода по объектам (1 поправка весов)."
        )
        assert str(perceptron_rule(CORNERS, XOR, max_epochs=1)[2]).startswith(
            "Не сошлось за 1 проход по"
        )


def test_too_few_passes_are_told_from_impossibility() -> None:
    _, _, run = perceptron_rule(CORNERS, [0, 0, 0, 1], max_epochs=2)
    assert not run.converged
    assert run.separation is not None
    assert run.separation.separable


def test_without_scipy_small_problems_are_decided_and_large_ones_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    _, _, run = perceptron_rule(CORNERS, XOR, max_epochs=3)
    assert (run.converged, run.separation.separable) == (False, False)
    x = RANDOM.normal(size=(30, 100))
    y = np.arange(30) % 2
    with pytest.raises(NotAvailable, match=r"as large as this one need SciPy.*sloy\[theory\]"):
        separate(x, y)
    _, _, run = perceptron_rule(x, y, max_epochs=1, learning_rate=1e-3)
    assert (run.converged, run.epochs, run.separation) == (False, 1, None)
    assert "is not known: separate: linear programs as large as this one need SciPy" in str(run)


# --- the linear program ---------------------------------------------------------------------------


@pytest.mark.parametrize("inputs", [1, 2, 3, 5])
def test_separation_is_that_of_another_linear_program(inputs: int) -> None:
    """Feasibility of s (w x + b) ≥ 1, and the least Σ|w| times half the extents, by SciPy."""
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(inputs)
    answers = []
    for _ in range(40):
        count = int(rng.integers(2, 4 * inputs + 3))
        x = rng.integers(-3, 4, (count, inputs)).astype(float)
        s = rng.choice([-1, 1], count)
        found = separate(x, s)
        half = np.where(np.ptp(x, axis=0) > 0, np.ptp(x, axis=0) / 2, 1)
        cost = np.append(half, 0)
        rows = s[:, None] * np.column_stack([x, np.ones(count)])
        other = optimize.linprog(
            np.concatenate([cost, cost]), -np.hstack([rows, -rows]), np.full(count, -0.5)
        )
        assert found.exact
        assert found.separable == (other.status == 0)
        if found:
            assert np.abs(found.weights) @ half == pytest.approx(other.fun, rel=0.01, abs=0.01)
        answers.append(found.separable)
    assert 5 < sum(answers) < 35


def test_real_coordinates_are_decided_exactly() -> None:
    """0.1 + 0.2 is not 0.3: three points of a line, the middle one half a rounding off it."""
    x = [[0.0, 0.0], [0.1, 0.1], [0.3, 0.3], [0.1, np.nextafter(0.1, 1)]]
    assert not separate([x[0], x[1], x[2]], [1, 0, 1])
    above = separate([x[0], x[3], x[2]], [1, 0, 1])
    assert above.separable
    assert above.exact
    sides = [
        Fraction(above.bias) + sum(Fraction(w) * Fraction(v) for w, v in zip(above.weights, row, strict=True))
        for row in (x[0], x[3], x[2])
    ]  # fmt: skip
    assert [side > 0 for side in sides] == [True, False, True]


def test_what_no_weights_in_float64_tell_apart_is_refused() -> None:
    with pytest.raises(SloyError, match="so near to touching that no weights in float64"):
        separate([[1e16], [1e16 + 2]], [0, 1])


def test_many_inputs_go_to_scipy() -> None:
    pytest.importorskip("scipy")
    x = RANDOM.normal(size=(300, 60))
    for y, separable in ((x[:, 0] > 0, True), (np.arange(300) % 2, False)):
        found = separate(x, y.astype(int))
        assert (found.separable, found.exact) == (separable, False)


@pytest.mark.parametrize("seed", range(20))
def test_every_answer_of_the_linear_program_is_a_proof(seed: int) -> None:
    """Of points with real coordinates, some touching: the proof is checked here by its own definition."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(int(rng.integers(4, 40)), int(rng.integers(1, 5)))) * 10.0 ** rng.integers(
        -3, 4
    )
    x += 10.0 ** rng.integers(-3, 4)
    y = (
        rng.integers(0, 2, len(x))
        if seed % 2
        else (x @ rng.normal(size=x.shape[1]) > x.mean()).astype(int)
    )
    found = separate(x, y)
    if found.separable:
        values = x @ found.weights + found.bias
        assert ((values > 0) == (y == 1)).all()
        length = np.linalg.norm(found.weights)
        if length:
            assert found.margin == pytest.approx(abs(values).min() / length)
    else:
        share = found.combination
        assert (share >= 0).all()
        assert share[y == 1].sum() == pytest.approx(1)
        assert share[y == 0].sum() == pytest.approx(1)
        apart = share[y == 1] @ x[y == 1] - share[y == 0] @ x[y == 0]
        assert (abs(apart) <= 1e-9 * np.ptp(x, axis=0)).all()
        np.testing.assert_allclose(found.common, share[y == 1] @ x[y == 1])


def test_small_whole_numbers_are_checked_exactly() -> None:
    found = separate(CORNERS, XOR)
    assert found.exact
    for side in (1, 0):
        shares = [Fraction(v) for v in found.combination[side == XOR]]
        assert sum(shares) == 1
        mixed = [sum(v * int(c) for v, c in zip(shares, column, strict=True))
                 for column in CORNERS[side == XOR].T]  # fmt: skip
        assert mixed == [Fraction(1, 2)] * 2
    assert separate(CORNERS, [0, 1, 1, 1]).exact


def test_one_point_on_both_sides_is_a_proof() -> None:
    found = separate([[0.1, 7.0], [3.3, 5.0], [0.1, 7.0]], [0, 0, 1])
    assert not found.separable
    np.testing.assert_allclose(found.common, [0.1, 7.0])


def test_one_class_alone_is_separable() -> None:
    assert separate(CORNERS, [1, 1, 1, 1]).separable
    assert "all points are of one class" in str(separate(CORNERS, [0, 0, 0, 0]))


BAD = [
    (lambda: Neuron([]), r"Neuron: `weights` \(=\[\]\)"),
    (lambda: Neuron([[1.0]]), "Neuron: `weights`"),
    (lambda: Neuron([1.0, math.nan]), "must be finite"),
    (lambda: Neuron([1.0], math.inf), r"Neuron: `bias` \(=inf\)"),
    (lambda: Neuron([1.0], 0, "step"), r"Neuron: `activation` \(='step'\) must be one of heaviside"),
    (lambda: Neuron([1.0], 0, Layer), "Neuron: `activation`"),
    (lambda: Neuron([1.0])([[1.0, 2.0]]), r"`x` has shape \(1, 2\); it must be \(N, 1\)"),
    (lambda: Neuron([1.0]).equation(["a", "b"]), "`names` has 2 names; it needs 1"),
    (lambda: Neuron([1.0]).train([[1.0]], [1], preprocessing="unit"), "`preprocessing`"),
    (lambda: perceptron_rule(CORNERS, [0, 1, 2, 0]), "`y` holds the value 2"),
    (lambda: perceptron_rule(CORNERS, [0, 1, -1, 0]), "-1, 0 and 1 together"),
    (lambda: perceptron_rule(CORNERS, [0, 1]), r"`y` has shape \(2,\); it must be \(4,\)"),
    (lambda: perceptron_rule([1, 2], [0, 1]), r"`x` has shape \(2,\)"),
    (lambda: perceptron_rule(CORNERS, XOR, learning_rate=0), r"`learning_rate` \(=0\)"),
    (lambda: separate([[0.0], [math.nan]], [0, 1]), r"`x\[1\]` \(=\[nan\]\) must be finite"),
    (lambda: separate(["a"], [1]), "must be real"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), BAD, ids=[m[:40] for _, m in BAD])
def test_mistakes_are_named(make: object, message: str) -> None:
    with pytest.raises((InvalidArgument, ShapeError), match=message):
        make()


def test_a_users_own_sigma() -> None:
    neuron = Neuron([1.0], 0.0, lambda z: z * ops.sigmoid(z))
    assert neuron([[2.0]])[0] == pytest.approx(2 / (1 + math.exp(-2)))
