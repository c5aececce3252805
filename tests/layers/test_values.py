"""Every layer's values against its definition, and its gradient against central differences."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

import layer_cases
from available import ENGINES, available
from layer_cases import CASES, Case
from layer_formulas import dense
from sloy import ops
from sloy.graph import Graph, backprop, check
from sloy.graph.graph import topological_order
from sloy.layers import LAYERS, BatchNorm, Dropout, Heaviside, Layer, Sign, StochasticDepth
from sloy.problem import Network
from tolerances import CENTRAL_DIFFERENCE, SAME_FORMULA, accumulation, assert_close

KEY = np.array([3, 4], np.uint32)
STEP = np.uint32(5)


def run(
    graph: Graph, values: Mapping[str, np.ndarray], name: str = "reference"
) -> dict[str, np.ndarray]:
    """The outputs of a graph; `values` holds inputs and variables, those with updates change."""
    check(graph)
    everything = {"random/key": KEY, "step": np.asarray(STEP), **values}
    for key in graph.variables:
        values[key] = everything[key] = np.ascontiguousarray(everything[key])  # type: ignore[index]
    executable = available(name).compile(graph, {k: everything[k] for k in graph.variables})
    return executable.run({k: everything[k] for k in graph.inputs})


def in_dtype(values: Mapping[str, np.ndarray], dtype: str) -> dict[str, np.ndarray]:
    return {name: value.astype(dtype) for name, value in values.items()}


def test_every_layer_has_a_case() -> None:
    assert {case.kind for case in CASES} == set(LAYERS)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_value(case: Case) -> None:
    values = {**case.variables(), "x": case.x()}
    y = run(case.graph("float64"), values)["y"]
    expected = case.formula(case.x(), case.variables())
    assert_close(y, expected, SAME_FORMULA, scale=max(np.abs(expected).max(), 1))


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_float32_value(case: Case, name: str) -> None:
    values = in_dtype({**case.variables(), "x": case.x()}, "float32")
    y = run(case.graph("float32"), values, name)["y"]
    expected = case.formula(case.x(), case.variables())
    assert y.dtype == np.float32
    assert_close(y, expected, accumulation(64), scale=max(np.abs(expected).max(), 1))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_output_shape(case: Case) -> None:
    expected = case.formula(case.x(), case.variables())
    assert case.layer.output_shape(case.shape[1:]) == expected.shape[1:]
    assert case.network().output_shape == expected.shape[1:]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradient(case: Case) -> None:
    """Along random directions of the input and all parameters, on a random weighting of the outputs."""
    rng = np.random.default_rng(11)
    built = case.built("float64")
    weighting = ops.constant(rng.normal(size=built.output.shape), "float64")
    loss = ops.reduce_sum(built.output * weighting)
    x = next(t for t in topological_order([built.output]) if t.attributes.get("name") == "x")
    wrt = {"x": x} | {name: p.tensor for name, p in built.parameters.items()}
    gradients = dict(zip(wrt, backprop(loss, list(wrt.values())), strict=True))
    graph = Graph.of({"loss": loss, **{f"g/{name}": g for name, g in gradients.items()}})
    values = {**case.variables(), "x": case.x()}
    found = run(graph, dict(values))
    step = 1e-5
    for _ in range(2):
        direction = {name: rng.normal(size=w.shape) for name, w in wrt.items()}
        sides = []
        for sign in (1, -1):
            moved = {n: v + sign * step * direction.get(n, 0) for n, v in values.items()}
            sides.append(float(run(graph, moved)["loss"]))
        products = [found[f"g/{name}"] * d for name, d in direction.items()]
        slope = np.float64(sum(product.sum() for product in products))
        scale = sum(np.abs(product).sum() for product in products) + abs(float(found["loss"]))
        numeric = np.float64((sides[0] - sides[1]) / (2 * step))
        assert_close(numeric, slope, CENTRAL_DIFFERENCE, scale=scale, name=str(case))


def test_a_wrong_formula_is_noticed() -> None:
    case = next(c for c in CASES if c.kind == "Dense")
    y = run(case.graph("float64"), {**case.variables(), "x": case.x()})["y"]
    wrong = dense(case.x(), case.variables()) * 1.001
    with pytest.raises(AssertionError):
        assert_close(y, wrong, SAME_FORMULA, scale=np.abs(wrong).max())


# --- what is random or kept -----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4096,), (16, 16, 16)])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.75])
def test_dropout_drops_its_share_and_keeps_the_expected_output(
    shape: tuple[int, ...], rate: float
) -> None:
    case = Case(Dropout(rate), (8, *shape), lambda x, v: x)
    y = run(case.graph("float64"), {"x": np.ones(case.shape)})["y"]
    assert set(np.unique(y)) == {0.0, 1 / (1 - rate)}
    count = y.size
    deviation = np.sqrt(rate * (1 - rate) / count)
    assert abs(np.mean(y == 0) - rate) < 4 * deviation
    assert abs(y.mean() - 1) < 4 * deviation / (1 - rate)


@pytest.mark.parametrize("name", ENGINES)
def test_stochastic_depth_drops_whole_samples(name: str) -> None:
    case = Case(StochasticDepth(0.25), (4000, 2, 3, 1), lambda x, v: x)
    y = run(case.graph("float32"), {"x": np.ones(case.shape, np.float32)}, name)["y"]
    samples = y.reshape(len(y), -1)
    assert np.array_equal(samples, np.repeat(samples[:, :1], 6, 1))
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert abs(np.mean(samples[:, 0] == 0) - 0.25) < 4 * np.sqrt(0.25 * 0.75 / len(y))


def test_dropout_masks_differ_between_steps_and_places_and_repeat_otherwise() -> None:
    network = Network((64,), [Dropout(0.5), Dropout(0.5)])
    x = ops.input("x", (4, 64), "float64")
    key, step = ops.variable("random/key", (2,), "uint32"), ops.input("step", (), "uint32")
    built = network.build(x, training=True, key=key, step=step)
    graph = Graph.of(dict(built.activations))

    def masks(number: int) -> tuple[np.ndarray, np.ndarray]:
        outputs = run(graph, {"x": np.ones((4, 64)), "step": np.asarray(np.uint32(number))})
        return outputs["dropout_1"] > 0, outputs["dropout_2"] > 0

    first, both = masks(0)
    assert np.array_equal(first, masks(0)[0])
    assert not np.array_equal(first, masks(1)[0])
    assert both.sum() < first.sum()  # the second dropped others


def test_batch_norm_follows_mean_and_unbiased_variance() -> None:
    case = Case(BatchNorm(momentum=0.8, **layer_cases.IT), (4, 3, 2, 5), lambda x, v: x)
    variables, x = case.variables(), case.x()
    values = {**variables, "x": x}
    run(case.graph("float64"), values)
    samples = x.reshape(-1, 5)
    mean = samples.mean(axis=0)
    variance = ((samples - mean) ** 2).sum(axis=0) / (len(samples) - 1)
    expected = 0.8 * case.variables()["it/running_mean"] + 0.2 * mean
    assert_close(values["it/running_mean"], expected, SAME_FORMULA, scale=1)
    expected = 0.8 * case.variables()["it/running_variance"] + 0.2 * variance
    assert_close(values["it/running_variance"], expected, SAME_FORMULA)


def test_batch_norm_in_use_keeps_its_statistics() -> None:
    case = Case(BatchNorm(**layer_cases.IT), (4, 5), lambda x, v: x, training=False)
    assert not case.built("float64").updates


def gradient_of(layer: Layer, x: np.ndarray) -> np.ndarray:
    tensor = ops.input("x", x.shape, "float64")
    output = Network(x.shape[1:], [layer]).build(tensor).output
    (g,) = backprop(ops.reduce_sum(output), [tensor])
    return run(Graph.of({"g": g}), {"x": x})["g"]


@pytest.mark.parametrize("name", ENGINES)
def test_sign_has_no_gradient_unless_straight_through(name: str) -> None:
    x = np.array([[-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0]])
    assert np.array_equal(gradient_of(Sign(), x), np.zeros((1, 7)))
    assert np.array_equal(gradient_of(Sign(straight_through=True), x), [[0, 1, 1, 1, 1, 1, 0]])
    case = Case(Sign(straight_through=True), (1, 7), lambda x, v: x)
    y = run(case.graph("float64"), {"x": x})["y"]
    assert np.array_equal(y, [[-1, -1, -1, 0, 1, 1, 1]])
    y = run(case.graph("float32"), {"x": x.astype("float32")}, name)["y"]
    assert np.array_equal(y, [[-1, -1, -1, 0, 1, 1, 1]])


@pytest.mark.parametrize("name", ENGINES)
def test_heaviside_has_no_gradient_unless_straight_through(name: str) -> None:
    x = np.array([[-2.0, -1.0, -0.5, 0.0, 1e-30, 1.0, 2.0]])
    assert np.array_equal(gradient_of(Heaviside(), x), np.zeros((1, 7)))
    through = Heaviside(straight_through=True)
    assert np.array_equal(gradient_of(through, x), [[0, 0.5, 0.5, 0.5, 0.5, 0.5, 0]])
    for layer in (Heaviside(), through):
        case = Case(layer, (1, 7), lambda x, v: x)
        y = run(case.graph("float32"), {"x": x.astype("float32")}, name)["y"]
        assert np.array_equal(y, [[0, 0, 0, 0, 1, 1, 1]])


@pytest.mark.parametrize(
    ("layer", "at_zero"),
    [(layer_cases.ReLU(), 0.0), (layer_cases.LeakyReLU(0.3), 0.3), (layer_cases.ELU(2.0), 2.0)],
    ids=str,
)
def test_gradient_at_the_kink_and_far_out(layer: layer_cases.Layer, at_zero: float) -> None:
    x = np.array([[0.0, 1e4, -1e4]])
    g = gradient_of(layer, x)
    assert g[0, 0] == at_zero
    assert g[0, 1] == 1.0
    assert np.isfinite(g).all()


def test_per_neuron_keeps_neighbours_apart() -> None:
    """√x is not defined where tanh stands, and makes no NaN there."""
    layer = layer_cases.PerNeuron([layer_cases.Tanh(), ops.sqrt])
    g = gradient_of(layer, np.array([[-4.0, 4.0]]))
    assert np.isfinite(g).all()
    assert g[0, 1] == 0.25
