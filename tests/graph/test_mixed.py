"""Mixed precision: what is stored in bfloat16, and that the arithmetic is that of rounding operands by the formula."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from sloy import ops
from sloy.errors import InvalidArgument
from sloy.graph import REGISTRY, Graph, Spec, backprop, check, evaluate, mixed, optimize
from sloy.graph.tensor import Tensor


def rounded(x: np.ndarray) -> np.ndarray:
    """By the definition: of the two neighbours with 8 significant bits the nearer, of two as near the even one."""
    found = []
    for value in np.asarray(x, np.float64).ravel():
        exponent = np.frexp(value)[1]  # |value| lies in [0.5, 1) · 2^exponent
        exponent = max(
            exponent, -125
        )  # below, numbers are subnormal: their steps are those of 2^-126
        step = np.ldexp(1.0, int(exponent) - 8)
        found.append(np.round(value / step) * step)  # np.round takes the even one
    return np.array(found).reshape(np.shape(x)).astype(np.float32)


def small_cnn() -> tuple[Graph, dict[str, np.ndarray]]:
    """A step of a convolutional network: loss, gradients, an update."""
    generator = np.random.default_rng(1)
    shapes = {"k": (3, 3, 2, 4), "b": (4,), "w": (16, 3), "v": (3,)}
    variables = {name: ops.variable(name, shape) for name, shape in shapes.items()}
    x, t = ops.input("x", (5, 6, 6, 2)), ops.input("t", (5, 3))
    hidden = ops.relu(ops.conv2d(x, variables["k"]) + variables["b"])
    hidden = ops.reshape(ops.max_pool2d(hidden, 2), (5, 16))
    logits = hidden @ variables["w"] + variables["v"]
    loss = ops.reduce_sum(ops.softmax_cross_entropy(logits, t))
    gradients = backprop(loss, list(variables.values()))
    updates = {
        name: value - 0.1 * gradient
        for (name, value), gradient in zip(variables.items(), gradients, strict=True)
    }
    feeds = {
        name: 0.3 * generator.standard_normal(shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    feeds["x"] = generator.standard_normal((5, 6, 6, 2)).astype(np.float32)
    feeds["t"] = np.eye(3, dtype=np.float32)[[0, 2, 1, 1, 0]]
    return optimize(Graph.of({"loss": loss, "logits": logits}, updates)), feeds


def test_rounding_is_that_of_the_definition() -> None:
    generator = np.random.default_rng(0)
    plain = generator.standard_normal(3000) * 10.0 ** generator.integers(-37, 37, 3000)
    ties = (np.arange(-600, 600) + 0.5) * 2.0**-3
    x = np.concatenate([plain, ties, [0.0, -0.0, 3.3e38, -3.3e38, 1e-40, 2.0**-133]]).astype(
        np.float32
    )
    y = ops.cast(ops.input("x", x.shape), "bfloat16")
    graph = Graph.of({"y": ops.cast(y, "float32")})
    found = evaluate(graph, {"x": x})[-1]
    np.testing.assert_array_equal(found, rounded(x))
    np.testing.assert_array_equal(np.signbit(found), np.signbit(x))


def test_rounding_of_nan_and_infinity() -> None:
    nan = struct.unpack("<f", struct.pack("<I", 0x7F800001))[0]  # only its lowest bit says NaN
    x = np.array([np.nan, nan, np.inf, -np.inf, 3.4e38], np.float32)
    graph = Graph.of({"y": ops.cast(ops.cast(ops.input("x", (5,)), "bfloat16"), "float32")})
    found = evaluate(graph, {"x": x})[-1]
    np.testing.assert_array_equal(found, np.float32([np.nan, np.nan, np.inf, -np.inf, np.inf]))


def test_products_read_bfloat16_and_sum_in_float32() -> None:
    graph = mixed(small_cnn()[0])
    products = [n for n in graph.nodes if n.inputs and REGISTRY[n.op].kind == "product"]
    assert len(products) == 5  # two forward, two weight gradients, one gradient by the hidden layer
    for node in products:
        assert [graph.nodes[i].spec.dtype for i in node.inputs] == ["bfloat16"] * 2
        assert node.spec.dtype == "float32"
    assert {graph.nodes[i].spec.dtype for i in graph.updates.values()} == {"float32"}
    assert graph.nodes[graph.outputs["logits"]].op == "add"
    check(graph)


def test_the_arithmetic_is_that_of_rounded_operands() -> None:
    """One dense layer with squared error: by hand, y = r(x) r(w), dw = r(x)ᵀ r(y - t)."""
    generator = np.random.default_rng(3)
    x, w, t = (
        generator.standard_normal(shape).astype(np.float32) for shape in ((7, 5), (5, 3), (7, 3))
    )
    weights = ops.variable("w", (5, 3))
    y = ops.input("x", (7, 5)) @ weights
    error = y - ops.input("t", (7, 3))
    loss = ops.reduce_sum(error * error) * 0.5
    (gradient,) = backprop(loss, [weights])
    graph = mixed(optimize(Graph.of({"y": y, "dw": gradient})))
    values = evaluate(graph, {"x": x, "w": w, "t": t})
    found = {name: values[i] for name, i in graph.outputs.items()}
    by_hand = rounded(x) @ rounded(w)
    np.testing.assert_array_equal(found["y"], by_hand)
    np.testing.assert_array_equal(found["dw"], rounded(x).T @ rounded(by_hand - t))


def test_gradients_of_a_network_are_near_those_of_float32() -> None:
    """Each rounding is off by at most 2^-9; a network of two layers stays within a few of them."""
    graph, feeds = small_cnn()
    exact, near = evaluate(graph, feeds), evaluate(mixed(graph), feeds)
    for name, i in graph.outputs.items():
        np.testing.assert_allclose(near[mixed(graph).outputs[name]], exact[i], rtol=0.02, atol=0.05)
    for name, i in graph.updates.items():
        step = exact[i] - feeds[name]
        other = near[mixed(graph).updates[name]] - feeds[name]
        assert np.linalg.norm(other - step) < 0.03 * np.linalg.norm(step)
        assert not np.array_equal(other, step)


def test_a_value_that_is_stored_is_read_rounded_by_all() -> None:
    x = ops.input("x", (4, 3))
    hidden = ops.tanh(x)
    y = hidden @ ops.variable("w", (3, 2))
    graph = mixed(
        optimize(Graph.of({"y": y, "sum": ops.reduce_sum(hidden), "twice": hidden * 2.0}))
    )
    feeds = {"x": np.float32(np.arange(12).reshape(4, 3) / 7), "w": np.ones((3, 2), np.float32)}
    values = evaluate(graph, feeds)
    stored = rounded(np.tanh(feeds["x"]))
    np.testing.assert_array_equal(values[graph.outputs["twice"]], 2 * stored)
    assert values[graph.outputs["sum"]] == pytest.approx(stored.sum(), rel=1e-6)


def test_max_pooling_is_done_on_stored_values_and_its_overlapping_gradient_is_not() -> None:
    def graph_of(stride: int) -> Graph:
        kernel = ops.variable("k", (1, 1, 2, 2))
        pooled = ops.max_pool2d(ops.conv2d(ops.input("x", (1, 6, 6, 2)), kernel), 2, stride=stride)
        after = ops.conv2d(pooled, ops.variable("l", (1, 1, 2, 2)))
        return mixed(
            optimize(Graph.of({"dk": backprop(ops.reduce_sum(after * after), [kernel])[0]}))
        )

    def dtypes(graph: Graph, op: str) -> list[str]:
        return [node.spec.dtype for node in graph.nodes if node.op == op]

    apart, overlapping = graph_of(2), graph_of(1)
    assert dtypes(apart, "max_pool2d") == dtypes(overlapping, "max_pool2d") == ["bfloat16"]
    assert dtypes(apart, "max_pool2d_grad") == ["bfloat16"]
    assert dtypes(overlapping, "max_pool2d_grad") == ["float32"]


def test_float64_graphs_stay() -> None:
    y = ops.input("x", (4, 3), "float64") @ ops.variable("w", (3, 2), "float64")
    graph = optimize(Graph.of({"y": y}))
    assert str(mixed(graph)) == str(graph)


def double(x: Tensor) -> Tensor:
    return x + x


def leaf(dtype: str) -> Tensor:
    """An input as no function makes it."""
    return Tensor("input", (), {"name": "z"}, Spec((2,), dtype))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: double(ops.cast(x, "bfloat16")), "add: operand is bfloat16; cast it to float32"),
        (lambda x: ops.cast(ops.cast(x, "bfloat16"), "int32"), "must be one of float32, of bfloat16"),
        (lambda x: ops.cast(ops.cast(x, "int32"), "bfloat16"), "must be one of float32, float64"),
        (lambda x: check(Graph.of({"y": ops.cast(x, "bfloat16")})), "output y is bfloat16"),
        (
            lambda x: check(Graph.of({"y": ops.cast(leaf("bfloat16"), "float32")})),
            "only values between ops",
        ),
        (
            lambda x: ops.input("z", (2,), "bfloat16"),
            r"`dtype` \(='bfloat16'\) must be one of float32, float64",
        ),
    ],
)  # fmt: skip
def test_bfloat16_is_for_storage_alone(make: object, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        make(ops.input("x", (2, 2)))  # type: ignore[operator]
