"""Gradients of a ReLU before pooling and dropout: read from what is left of it, bit for bit those of the formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from instructions import elementwise
from sloy.engines import ReferenceEngine
from sloy.engines.native import NativeEngine
from sloy.graph import Graph, Tensor, backprop, constant, input
from sloy.graph.ops.elementwise import cast, relu, tanh, where
from sloy.graph.ops.linear import matmul
from sloy.graph.ops.pooling import max_pool2d
from sloy.graph.ops.random import dropout_mask
from sloy.graph.ops.reduction import reduce_sum
from sloy.graph.ops.shape import broadcast_to, reshape

SHAPE = (3, 6, 10, 24)
SPECIAL = np.float32([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-45, 1e-38, 3e38, -3e38])
Block = Callable[[Tensor], Tensor]


def dropped(x: Tensor, *, scale: float = 4 / 3, keep: float = 0.75) -> Tensor:
    key, step = input("key", (2,), "uint32"), input("step", (), "uint32")
    mask = dropout_mask(key, step, stream=1, keep=keep, shape=x.shape)
    return where(mask, x * scale, 0.0)


BLOCKS: dict[str, Block] = {
    "relu": lambda x: dropped(relu(x)),
    "pool": lambda x: dropped(max_pool2d(relu(x), window=2, stride=2)),
    "pool first": lambda x: dropped(relu(max_pool2d(x, window=2, stride=2))),
    "flat": lambda x: dropped(reshape(relu(x), (3, -1))),
    "pool and flat": lambda x: dropped(reshape(max_pool2d(relu(x), window=2, stride=2), (3, -1))),
    "twice": lambda x: dropped(dropped(relu(x)), keep=0.5, scale=2.0),
    "smaller": lambda x: dropped(relu(x), scale=0.5),  # a positive y may become 0
    "no ReLU": lambda x: dropped(x),
    "read besides": lambda x: where(x > 1.0, relu(x), dropped(relu(x))),
}


def graph_of(block: Block) -> Graph:
    x = input("x", SHAPE)
    y = block(x)
    g = input("g", y.shape)
    return Graph.of({"y": y, "dx": backprop(reduce_sum(y * g), [x])[0]})


def numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal ones, an eighth of them special."""
    values = rng.normal(size=shape).astype(np.float32)
    chosen = rng.random(shape) < 1 / 8
    return np.where(chosen, rng.choice(SPECIAL, shape), values)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", BLOCKS)
def test_same_bits_as_the_formula(name: str, threads: int) -> None:
    graph = graph_of(BLOCKS[name])
    rng = np.random.default_rng(7)
    feeds = {"x": numbers(rng, SHAPE), "g": numbers(rng, graph.inputs["g"].shape)}
    feeds |= {"key": np.array([3, 4], np.uint32), "step": np.uint32(9)}
    expected = ReferenceEngine().compile(graph, {}).run(feeds)
    actual = NativeEngine(threads).compile(graph, {}).run(feeds)
    for key, value in expected.items():
        assert np.array_equal(actual[key], value, equal_nan=True), key
        if "pool" not in name:  # its gradient leaves the sign of a zero open
            assert np.array_equal(np.signbit(actual[key]), np.signbit(value)), key
    assert 0.1 < np.mean(expected["y"] == 0) < 0.95  # some of it was dropped, some kept


def reads(block: Block) -> list[tuple[int, int]]:
    """How many large values each elementwise group of a training step reads and writes."""
    x = input("x", SHAPE)
    y = reshape(block(x), (3, -1))
    loss = reduce_sum(tanh(matmul(y, input("w", (y.shape[1], 2)))))
    plan = NativeEngine(1).compile(Graph.of({"dx": backprop(loss, [x])[0]}), {}).plan
    nodes = plan.graph.nodes
    counts = [
        tuple(sum(nodes[i].spec.size > 1000 for i in side) for side in (step.inputs, step.outputs))
        for step in plan.steps
        if step.kernel == "elementwise"
    ]
    return [(read, written) for read, written in counts if read]


@pytest.mark.parametrize("name", ["relu", "pool", "pool first", "flat", "pool and flat"])
def test_the_gradient_reads_neither_the_mask_nor_the_input(name: str) -> None:
    """Each group writes one value; that of the gradient reads what is left and its gradient."""
    groups = reads(BLOCKS[name])
    assert all(written == 1 for _, written in groups), groups
    assert groups[-1] == (2, 1)


def test_a_comparison_is_made_again_rather_than_stored() -> None:
    x, y = input("x", (50, 7)), input("y", (50, 7))
    far = reduce_sum(where(x > 0.0, y, x), 0, keepdims=True)  # of another shape: two groups
    graph = Graph.of({"o": where(x > 0.0, tanh(y * far), 0.0)})
    executable = NativeEngine(1).compile(graph, {})
    made = [o for step in executable.plan.steps for o in step.outputs]
    assert not [o for o in made if executable.plan.graph.nodes[o].op == "greater"]
    rng = np.random.default_rng(1)
    feeds = {name: numbers(rng, (50, 7)) for name in ("x", "y")}
    feeds["x"] = np.nan_to_num(feeds["x"], nan=1.0, posinf=1.0, neginf=-1.0)
    feeds["y"] = np.nan_to_num(feeds["y"], nan=1.0, posinf=1.0, neginf=-1.0)
    expected = ReferenceEngine().compile(graph, {}).run(feeds)["o"]
    np.testing.assert_allclose(executable.run(feeds)["o"], expected, rtol=1e-5, atol=1e-6)


MASKED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "alone": lambda key, step: drawn(key, step, (3, 7)),
    "of a computed step": lambda key, step: drawn(key, step + 1, ()) * 2.0,
    "of a key that is computed as it is used": lambda key, step: where(
        drawn(key + 1, step, (2,)), cast(key + 1, "float32"), -1.0
    ),
    "of a key that is repeated": lambda key, step: drawn(
        broadcast_to(reshape(step + 3, (1,)), (2,)), step, (5, 2)
    ),
    "of numbers": lambda key, step: drawn(constant([5, 6], "uint32"), constant(3, "uint32"), (99,)),
    "two of one size": lambda key, step: drawn(key, step, (9, 9)) - drawn(key, step, (9, 9), 5) * 3,
    "read by two groups": lambda key, step: (
        lambda mask: where(mask, reduce_sum(mask, (0,), keepdims=True), mask * 7.0)
    )(drawn(key, step, (40, 70))),
    "across blocks": lambda key, step: tanh(drawn(key, step, (3, 1031)) * 0.5),
    "of a key that is read besides": lambda key, step: (
        drawn(key, step, (5, 2)) * cast(broadcast_to(key, (5, 2)), "float32")
    ),
}  # fmt: skip


def drawn(key: Tensor, step: Tensor, shape: tuple[int, ...], stream: int = 2) -> Tensor:
    return dropout_mask(key, step, stream=stream, keep=0.4, shape=shape)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", MASKED)
def test_a_mask_is_drawn_in_the_group_that_reads_it(name: str, threads: int) -> None:
    key, step = input("key", (2,), "uint32"), input("step", (), "uint32")
    graph = Graph.of({"y": MASKED[name](key, step)})
    feeds = {"key": np.array([3, 4], np.uint32), "step": np.asarray(np.uint32(9))}
    feeds = {name: feeds[name] for name in graph.inputs}
    expected = ReferenceEngine().compile(graph, {}).run(feeds)["y"]
    executable = NativeEngine(threads).compile(graph, {})
    np.testing.assert_allclose(executable.run(feeds)["y"], expected, rtol=1e-6)
    assert "dropout_mask" not in {step.kernel for step in executable.plan.steps}


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("dropout_mask 1.5 0 0 1", "`keep`"),
        ("dropout_mask 0.5 -1 0 1", "`stream`"),
        ("dropout_mask 0.5 0 1 1", "a key of two words"),
        ("dropout_mask 0.5 0 0 0", "a key of two words"),
        ("dropout_mask 0.5 0 0 2", "a key of two words"),
        ("dropout_mask 0.5 0", "a key of two words"),
    ],
)
def test_a_mask_that_cannot_be_drawn_is_refused(statement: str, message: str) -> None:
    key, step = np.array([1, 2], np.uint32), np.array([1], np.uint32)
    with pytest.raises(ValueError, match=message):
        elementwise(statement, [key, step], ["float32"], [2])
