"""Gradients by backprop against central differences in float64, along random directions, first and second order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from zlib import crc32

import numpy as np
import pytest

from available import available
from op_cases import CASES, FLOAT, Case
from sloy import ops
from sloy.graph import REGISTRY, Graph, Tensor, backprop, constant, evaluate
from sloy.graph.backprop import vector_jacobian
from sloy.graph.tensor import apply
from sloy.layers import Conv2D, Dense, Flatten, MaxPool2D, Tanh
from sloy.problem import Network
from tolerances import CENTRAL_DIFFERENCE, SAME_FORMULA, accumulation, assert_close

DIFFERENTIABLE = [case for case in CASES if REGISTRY[case.op].differentiable]
SMOOTH = [case for case in DIFFERENTIABLE if case.smooth and case.expected.dtype == np.float64]
NOT_DIFFERENTIABLE = [case for case in CASES if not REGISTRY[case.op].differentiable]
STEP = 2.0**-17  # of operands of size 1: the errors of order step² and eps / step are about equal

Arrays = dict[str, np.ndarray]


def _float_operands(case: Case) -> list[int]:
    return [i for i, operand in enumerate(case.operands) if operand.dtype == FLOAT]


def _result(case: Case) -> tuple[list[Tensor], Tensor]:
    operands = case.tensors("float64")
    return operands, apply(case.op, operands, case.attributes_in("float64"))


def _rng(case: Case, salt: str) -> np.random.Generator:
    return np.random.default_rng(crc32(f"{case.id} {salt}".encode()))


def _inner(tensor: Tensor, weights: np.ndarray) -> Tensor:
    """Σ weights · tensor, a scalar."""
    return ops.reduce_sum(tensor * constant(weights, "float64"))


def _compare(
    graph: Graph, feeds: Mapping[str, np.ndarray], name: str, rng: np.random.Generator, label: str
) -> None:
    """Check output `gradient` (by input `name`) against central differences of output `value`."""

    def run(x: np.ndarray) -> Arrays:
        values = evaluate(graph, {**feeds, name: x})
        return {key: values[number] for key, number in graph.outputs.items()}

    x = feeds[name]
    direction = rng.standard_normal(x.shape)
    step = STEP * max(1.0, float(np.max(np.abs(x), initial=0.0)))
    above, below = run(x + step * direction)["value"], run(x - step * direction)["value"]
    found = run(x)
    slope = np.sum(found["gradient"] * direction)
    # Both sides are sums of terms that may cancel: their sizes are what the error is measured by.
    size = np.sum(np.abs(found["gradient"] * direction)) + 1e-3 * np.abs(found["value"]) + 1e-2
    assert_close(slope, (above - below) / (2 * step), CENTRAL_DIFFERENCE, scale=size, name=label)


@pytest.mark.parametrize("case", SMOOTH, ids=lambda case: case.id)
def test_first_order(case: Case) -> None:
    rng = _rng(case, "first")
    for i in _float_operands(case):
        if i in case.without_gradient:
            continue
        operands, result = _result(case)
        value = _inner(result, rng.standard_normal(result.shape))
        (gradient,) = backprop(value, [operands[i]])
        assert gradient.spec == operands[i].spec
        graph = Graph.of({"value": value, "gradient": gradient})
        _compare(graph, case.feeds("float64"), f"x{i}", rng, f"{case.id} by operand {i}")


def _gradient(case: Case, rng: np.random.Generator) -> tuple[list[Tensor], Tensor]:
    """A random projection of all gradients of a case: a scalar to differentiate again."""
    operands, result = _result(case)
    chosen = [operands[i] for i in _float_operands(case) if i not in case.without_gradient]
    value = _inner(result, rng.standard_normal(result.shape))
    total = None
    for gradient in backprop(value, chosen):
        term = _inner(gradient, rng.standard_normal(gradient.shape))
        total = term if total is None else total + term
    assert total is not None
    return operands, total


@pytest.mark.parametrize(
    "case",
    [case for case in SMOOTH if case.expected.size < 400 and _float_operands(case)],
    ids=lambda case: case.id,
)
def test_second_order(case: Case) -> None:
    rng = _rng(case, "second")
    operands, value = _gradient(case, rng)
    for i in _float_operands(case):
        if i in case.without_gradient:
            continue
        (gradient,) = backprop(value, [operands[i]])
        graph = Graph.of({"value": value, "gradient": gradient})
        _compare(graph, case.feeds("float64"), f"x{i}", rng, f"{case.id} twice by operand {i}")


@pytest.mark.parametrize("case", NOT_DIFFERENTIABLE, ids=lambda case: case.id)
def test_ops_without_gradient_give_none(case: Case) -> None:
    operands, result = _result(case)
    seed = constant(np.ones(result.shape), result.dtype)
    assert list(vector_jacobian(result, seed)) == [None] * len(operands)


@pytest.mark.parametrize("case", [c for c in SMOOTH if c.without_gradient], ids=lambda c: c.id)
def test_operands_without_gradient_give_none(case: Case) -> None:
    _, result = _result(case)
    seed = constant(np.ones(result.shape), result.dtype)
    gradients = vector_jacobian(result, seed)
    assert tuple(i for i, g in enumerate(gradients) if g is None) == case.without_gradient


@pytest.mark.parametrize(
    "case",
    [c for c in SMOOTH if REGISTRY[c.op].vjp is not None and REGISTRY[c.op].expand is not None],
    ids=lambda case: case.id,
)
def test_the_rule_equals_that_of_the_expansion(case: Case) -> None:
    expand = REGISTRY[case.op].expand
    assert expand is not None
    operands, result = _result(case)
    weights = _rng(case, "expansion").standard_normal(result.shape)
    by_rule = backprop(_inner(result, weights), operands)
    by_expansion = backprop(_inner(expand(operands, case.attributes), weights), operands)
    graph = Graph.of(
        {
            f"{kind}{i}": g
            for kind, gs in (("r", by_rule), ("e", by_expansion))
            for i, g in enumerate(gs)
        }
    )
    values = evaluate(graph, case.feeds("float64"))
    for i in range(len(operands)):
        rule, expansion = values[graph.outputs[f"r{i}"]], values[graph.outputs[f"e{i}"]]
        scale = 1 + float(np.max(np.abs(weights), initial=0.0))
        assert_close(rule, expansion, SAME_FORMULA, scale=scale, name=f"{case.id} by operand {i}")


# --- gradients at kinks, where the documentation promises a value ----------------------------------------------------


def _slope(function: Callable[[Tensor], Tensor], at: list[float]) -> list[float]:
    x = ops.input("x", (len(at),), "float64")
    (gradient,) = backprop(ops.reduce_sum(function(x)), [x])
    graph = Graph.of({"g": gradient})
    values: list[float] = evaluate(graph, {"x": np.array(at)})[graph.outputs["g"]].tolist()
    return values


KINKS: dict[str, tuple[Callable[[Tensor], Tensor], list[float], list[float]]] = {
    "abs": (ops.absolute, [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]),
    "relu": (ops.relu, [-2.0, 0.0, 2.0], [0.0, 0.0, 1.0]),
    "clip": (lambda x: ops.clip(x, -1, 1), [-1.5, -1.0, 0.0, 1.0, 1.5], [0.0, 1.0, 1.0, 1.0, 0.0]),
    "maximum with 0": (lambda x: ops.maximum(x, 0.0), [-1.0, 0.0, 1.0], [0.0, 0.5, 1.0]),
    "minimum with 0": (lambda x: ops.minimum(x, 0.0), [-1.0, 0.0, 1.0], [1.0, 0.5, 0.0]),
    "reduce_max": (ops.reduce_max, [3.0, 1.0, 3.0, 2.0], [0.5, 0.0, 0.5, 0.0]),
    "reduce_min": (ops.reduce_min, [1.0, 1.0, 3.0, 1.0], [1 / 3, 1 / 3, 0.0, 1 / 3]),
    "square by power": (lambda x: x**2.0, [-3.0, 0.0, 3.0], [-6.0, 0.0, 6.0]),
    "power of one": (lambda x: x**1.0, [-3.0, 0.0, 3.0], [1.0, 1.0, 1.0]),
    "power of zero": (lambda x: x**0.0, [-3.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
    "softplus far out": (ops.softplus, [-1000.0, 0.0, 1000.0], [0.0, 0.5, 1.0]),
    "sigmoid far out": (ops.sigmoid, [-1000.0, 1000.0], [0.0, 0.0]),
    "sign": (ops.sign, [-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]),
    "where": (lambda x: ops.where(x > 0.0, x * x, 3.0 * x), [-1.0, 2.0], [3.0, 4.0]),
}


@pytest.mark.parametrize("name", KINKS)
def test_gradient_at_kinks(name: str) -> None:
    function, at, expected = KINKS[name]
    assert_close(np.array(_slope(function, at)), np.array(expected), SAME_FORMULA)


def test_ties_of_max_pooling_go_to_the_first() -> None:
    x = ops.input("x", (1, 2, 4, 1), "float64")
    (gradient,) = backprop(ops.reduce_sum(ops.max_pool2d(x, 2)), [x])
    graph = Graph.of({"g": gradient})
    image = np.array([[1.0, 1.0, 0.0, 2.0], [1.0, 1.0, 2.0, 2.0]])[None, :, :, None]
    result = evaluate(graph, {"x": image})[graph.outputs["g"]][0, :, :, 0]
    assert result.tolist() == [[1, 0, 0, 1], [0, 0, 0, 0]]


def test_hessian_times_vector_through_pooling() -> None:
    """Of a network with overlapping windows, against differences of its gradient; the native engine gives the same."""
    layers = [Conv2D(3, 3), Tanh(), MaxPool2D(3, stride=2), Flatten(), Dense(3)]
    network = Network((7, 7, 1), layers)
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(5, 7, 7, 1)), np.eye(3)[np.arange(5) % 3]
    start = network.initialize(0, "float64")
    along = {name: rng.normal(size=value.shape) for name, value in start.items()}

    def products(dtype: str) -> Graph:
        built = network.build(constant(x, dtype))
        losses = ops.softmax_cross_entropy(built.output, constant(labels, dtype))
        weights = [parameter.tensor for parameter in built.parameters.values()]
        gradients = backprop(ops.reduce_mean(losses), weights)
        slope = constant(0.0, dtype)
        for gradient, name in zip(gradients, start, strict=True):
            slope = slope + ops.reduce_sum(gradient * constant(along[name], dtype))
        outputs = dict(zip(start, gradients, strict=True))
        twice = backprop(slope, weights)
        return Graph.of(outputs | {f"H {n}": h for n, h in zip(start, twice, strict=True)})

    def run(name: str, dtype: str, moved: float = 0.0) -> Arrays:
        values = {n: np.ascontiguousarray(v + moved * along[n], dtype) for n, v in start.items()}
        return available(name).compile(products(dtype), values).run({})

    here = run("reference", "float64")
    above, below = (run("reference", "float64", sign * STEP) for sign in (1.0, -1.0))
    native = run("native", "float32")
    for name in start:
        found, difference = here[f"H {name}"], (above[name] - below[name]) / (2 * STEP)
        size = float(np.abs(found).max()) + 0.1
        assert_close(found, difference, CENTRAL_DIFFERENCE, scale=size, name=name)
        single = found.astype(np.float32)
        assert_close(native[f"H {name}"], single, accumulation(128), scale=size, name=name)


def test_cast_passes_gradients_between_floats_only() -> None:
    x = ops.input("x", (3,), "float64")
    (through,) = backprop(ops.reduce_sum(ops.cast(x, "float32") * 2.0), [x])
    assert through.dtype == "float64"
    rounded = ops.cast(ops.cast(x, "int32"), "float64")
    (stopped,) = backprop(ops.reduce_sum(rounded * 2.0), [x])
    graph = Graph.of({"through": through, "stopped": stopped})
    values = evaluate(graph, {"x": np.array([1.5, 2.5, 3.5])})
    assert values[graph.outputs["through"]].tolist() == [2, 2, 2]
    assert values[graph.outputs["stopped"]].tolist() == [0, 0, 0]
