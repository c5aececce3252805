"""The scheme of a neuron: its numbers flow to the answer, legibly."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest

from legible import assert_legible, texts
from sloy import ops
from sloy.errors import InvalidArgument, ShapeError
from sloy.language import speak
from sloy.layers import Layer, Softmax
from sloy.theory import AND, NOT, Neuron, neuron_scheme_figure

RANDOM = np.random.default_rng(8)
MANY = Neuron(RANDOM.normal(size=100), 0.3)
CASES = {
    "and": (AND, None, None),
    "and of an object": (AND, [1, 1], None),
    "not": (NOT, [0], ["rain"]),
    "names": (Neuron([0.123, -45.6, 0], 7, "tanh"), [1e-3, -2e5, 3], ["height", "mass of the body", "c"]),
    "names alone": (Neuron([0.123, -45.6, 0], 7, "leaky_relu"), None, ["height", "mass of the body", "c"]),
    "eight": (Neuron(RANDOM.normal(size=8), 0.0, "relu"), RANDOM.normal(size=8), None),
    "a hundred": (MANY, None, None),
    "a hundred numbers": (MANY, RANDOM.normal(size=100), None),
    "one's own": (Neuron([1], 0, lambda z: ops.log(z)), [2], None),
    "softmax": (Neuron([1, 2], 0, Softmax()), [-2e4, 3e3], None),
}  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("name", CASES)
def test_legible(name: str, language: str) -> None:
    with speak(language):
        assert_legible(neuron_scheme_figure(*CASES[name]))


def test_the_numbers_flow() -> None:
    neuron = Neuron([2, -0.5], 0.25, "sigmoid")
    said = texts(neuron_scheme_figure(neuron, [0.5, 3]))
    assert {"w1 · x1 = 2 · 1/2 = 1", "w2 · x2 = (−1/2) · 3 = −3/2", "w0 = 1/4"} <= set(said)
    assert {"x1", "x2", "1/2", "3", "z = −1/4", "σ(z)"} <= set(said)
    assert f"a(x) = {1 / (1 + np.exp(0.25)):.4g}" in said


def test_without_an_object_the_weights_stand() -> None:
    said = texts(neuron_scheme_figure(AND))
    assert {"w1 = 1", "w2 = 1", "w0 = −3/2", "z", "[z > 0]", "a(x)"} <= set(said)
    assert "a(x) = [x1 + x2 - 3/2 > 0]" in said


def test_many_inputs_are_told_in_sum() -> None:
    x = RANDOM.normal(size=100)
    figure = neuron_scheme_figure(MANY, x)
    said = texts(figure)
    numbers = [t.rsplit("= ", 1)[1] for t in said if re.match(r"w[1-9]\d* · x|w0 = ", t)]
    assert len(numbers) == 8
    (rest,) = [t.rsplit(" ", 1)[1] for t in said if "93 more, together" in t]
    (z,) = [t.removeprefix("z = ") for t in said if t.startswith("z = ")]
    total = float(sum(Fraction(n.replace("−", "-")) for n in (*numbers, rest)))
    assert total == pytest.approx(float(z.replace("−", "-")), abs=0.1)
    assert total == pytest.approx(float(np.asarray(MANY.weights) @ x) + 0.3, abs=0.1)
    assert "a(x) = σ(w0 + Σ wj xj)" in said


def test_the_curve_is_the_activation() -> None:
    figure = neuron_scheme_figure(Neuron([1, 1], 0, "tanh"), [1, 0.5])
    (panel,) = figure.axes[0].child_axes
    curve, point = panel.get_lines()[2:]
    np.testing.assert_allclose(curve.get_ydata(), np.tanh(curve.get_xdata()), atol=1e-12)
    assert [*point.get_xdata(), *point.get_ydata()] == pytest.approx([1.5, np.tanh(1.5)])


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"`x` has shape \(3,\); it must be \(2,\)"):
        neuron_scheme_figure(AND, [1, 2, 3])
    with pytest.raises(InvalidArgument, match=r"`neuron` .* must be a Neuron"):
        neuron_scheme_figure("AND")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="`x` holds NaN"):
        neuron_scheme_figure(AND, [1, np.nan])
    assert isinstance(AND.activation, Layer)
