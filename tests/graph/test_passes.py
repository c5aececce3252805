"""Passes: the same results with less work, on graphs written by hand and on random ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from op_cases import CASES
from sloy import ops
from sloy.errors import NotAvailable
from sloy.graph import REGISTRY, Graph, Tensor, backprop, check, constant, evaluate, lower, optimize
from sloy.graph.passes import FOLD_LIMIT, _attributes_key
from tolerances import SAME_FORMULA, assert_close

X = np.array([[1.0, -2.0, 0.0], [0.5, 3.0, -0.25]])


def kinds(graph: Graph) -> list[str]:
    """The ops of a graph, in order."""
    return [node.op for node in graph.nodes]


# --- constant folding ----------------------------------------------------------------------------


def test_what_depends_on_constants_only_is_computed() -> None:
    c = constant(np.array([1.0, 2.0]), "float64")
    graph = optimize(Graph.of({"y": ops.exp(c) * 2.0 + c}))
    assert kinds(graph) == ["constant"]
    expected = 2 * np.exp([1.0, 2.0]) + [1.0, 2.0]
    assert_close(graph.nodes[0].attributes["value"], expected, SAME_FORMULA)


def test_broadcasts_of_scalars_stay_small() -> None:
    x = ops.input("x", (300, 500))
    scale = ops.reshape(ops.broadcast_to(constant(3.0), (500, 300)) * 2.0, (300, 500))
    graph = optimize(Graph.of({"y": x * scale}))
    assert sorted(kinds(graph)) == ["broadcast_to", "constant", "input", "mul"]
    (value,) = (node.attributes["value"] for node in graph.nodes if node.op == "constant")
    assert value.shape == ()
    assert value == 6.0


def test_large_results_are_not_stored() -> None:
    small = constant(np.arange(FOLD_LIMIT, dtype=float))
    large = constant(np.arange(FOLD_LIMIT + 1, dtype=float))
    assert kinds(optimize(Graph.of({"y": ops.neg(small)}))) == ["constant"]
    assert kinds(optimize(Graph.of({"y": ops.neg(large)}))) == ["constant", "neg"]


def test_what_depends_on_an_input_or_a_variable_stays() -> None:
    y = ops.input("x", (2,)) + ops.variable("w", (2,))
    assert sorted(kinds(optimize(Graph.of({"y": y})))) == ["add", "input", "variable"]


def test_folding_keeps_nan_and_infinities_without_warnings() -> None:
    zero = constant(np.zeros(1), "float64")
    graph = optimize(Graph.of({"nan": zero / zero, "inf": 1.0 / zero}))
    values = evaluate(graph, {})
    assert np.isnan(values[graph.outputs["nan"]]).all()
    assert np.isposinf(values[graph.outputs["inf"]]).all()


# --- common subexpressions and dead code ---------------------------------------------------------


def test_equal_computations_become_one() -> None:
    x = ops.input("x", (3,))
    graph = Graph.of({"y": ops.exp(x + 1.0) * ops.exp(ops.input("x", (3,)) + 1.0)})
    merged = optimize(graph)
    assert kinds(merged) == ["input", "constant", "broadcast_to", "add", "exp", "mul"]
    assert merged.nodes[-1].inputs == (4, 4)


def test_different_computations_stay() -> None:
    x = ops.input("x", (4, 4))
    graph = Graph.of(
        {
            "sum 0": ops.reduce_sum(x, 0),
            "sum 1": ops.reduce_sum(x, 1),
            "sub": x - ops.exp(x),
            "swapped": ops.exp(x) - x,
            "zero": ops.pad(x, (1, 0), (0, 0), 0.0),
            "minus zero": ops.pad(x, (1, 0), (0, 0), -0.0),
            "one": constant(1.0),
            "one in double": constant(1.0, "float64"),
            "plus": constant(0.0),
            "minus": constant(-0.0),
            "variable": ops.variable("x", (4, 4)),
        }
    )
    merged = optimize(graph)
    assert len(set(merged.outputs.values())) == len(graph.outputs)


def test_unused_nodes_fall_away() -> None:
    whole = Graph.of({"y": ops.neg(ops.input("x", (3,))), "unused": ops.exp(ops.input("z", (3,)))})
    graph = Graph(whole.nodes, {"y": whole.outputs["y"]}, {})
    assert kinds(optimize(graph)) == ["input", "neg"]


# --- lowering ------------------------------------------------------------------------------------

BASIC = set(REGISTRY) - {name for name, op in REGISTRY.items() if op.expand is not None}


def test_lowering_expands_until_all_is_supported() -> None:
    logits, targets = ops.input("z", (4, 3), "float64"), ops.input("t", (4, 3), "float64")
    loss = ops.reduce_mean(ops.softmax_cross_entropy(logits, targets))
    (g,) = backprop(loss, [logits])
    graph = Graph.of({"loss": loss, "g": g})
    lowered = lower(graph, BASIC, "test")
    check(lowered)
    assert {node.op for node in lowered.nodes if not node.is_leaf} <= BASIC
    rng = np.random.default_rng(0)
    feeds = {"z": rng.standard_normal((4, 3)), "t": rng.dirichlet(np.ones(3), 4)}
    before, after = evaluate(graph, feeds), evaluate(lowered, feeds)
    for name in ("loss", "g"):
        found, expected = after[lowered.outputs[name]], before[graph.outputs[name]]
        assert_close(found, expected, SAME_FORMULA, scale=1.0)


def test_lowering_leaves_supported_ops_alone() -> None:
    graph = Graph.of({"y": ops.softmax(ops.input("x", (2, 3)))})
    assert str(lower(graph, {"softmax"}, "test")) == str(graph)


def test_an_op_that_cannot_be_lowered_is_named_with_its_engine() -> None:
    graph = Graph.of({"y": ops.conv2d(ops.input("x", (1, 4, 4, 1)), ops.input("w", (3, 3, 1, 1)))})
    with pytest.raises(NotAvailable, match="the abacus engine has no kernel for the op `conv2d`"):
        lower(graph, {"add"}, "abacus")


def test_every_expansion_ends() -> None:
    for case in CASES:
        if REGISTRY[case.op].expand is not None:
            lowered = lower(case.graph("float32"), BASIC, "test")
            assert {node.op for node in lowered.nodes if not node.is_leaf} <= BASIC


# --- random graphs -------------------------------------------------------------------------------

# Every op here rounds once or not at all, so a pass must keep each bit.
STEPS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: -a,
    lambda a, b: abs(b),
    lambda a, b: ops.sqrt(abs(a)),
    lambda a, b: ops.relu(a),
    lambda a, b: ops.maximum(a, b),
    lambda a, b: ops.minimum(a, b),
    lambda a, b: ops.where(a > b, a, b),
    lambda a, b: ops.clip(a, -1.0, 1.0),
    lambda a, b: ops.reshape(ops.reshape(a, (3, 2)), (2, 3)),
    lambda a, b: ops.transpose(ops.reshape(b, (3, 2))),
    lambda a, b: ops.broadcast_to(ops.reduce_max(a, 0, keepdims=True), (2, 3)),
    lambda a, b: ops.broadcast_to(ops.reduce_sum(b), (2, 3)),
    lambda a, b: ops.slice(ops.concatenate([a, b], 0), (1, 0), (3, 3)),
    lambda a, b: ops.broadcast_to(ops.slice(a, (0, 0), (1, 3)), (2, 3)),
    lambda a, b: ops.slice(ops.pad(a, (1, 0), (0, 1), 2.0), (0, 1), (2, 4)),
    lambda a, b: ops.stop_gradient(a),
)


def leaves() -> list[Tensor]:
    """Tensors of shape (2, 3) to start from."""
    return [
        ops.input("x", (2, 3), "float64"),
        ops.variable("w", (2, 3), "float64"),
        constant(np.array([[1.0, -1.0, 2.0], [0.0, 0.5, 3.0]]), "float64"),
        ops.broadcast_to(constant(2.0, "float64"), (2, 3)),
        ops.broadcast_to(constant(np.array([[0.5]]), "float64"), (2, 3)),
        ops.broadcast_to(constant(np.array([1.0, 0.0, -1.0]), "float64"), (2, 3)),
    ]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A random graph of up to 25 steps on those leaves, with its gradients now and then."""
    tensors = leaves()
    for _ in range(draw(st.integers(1, 25))):
        step = STEPS[draw(st.integers(0, len(STEPS) - 1))]
        first, second = (tensors[draw(st.integers(0, len(tensors) - 1))] for _ in range(2))
        tensors.append(step(first, second))
    outputs = {"last": tensors[-1], "other": tensors[draw(st.integers(0, len(tensors) - 1))]}
    if draw(st.booleans()):
        outputs["gradient"] = backprop(ops.reduce_sum(tensors[-1]), [tensors[0]])[0]
    return Graph.of(outputs, {"w": tensors[draw(st.integers(0, len(tensors) - 1))]})


def results(graph: Graph) -> dict[str, np.ndarray]:
    """Outputs and updates."""
    values = evaluate(graph, {"x": X, "w": X[::-1] * 1.5})
    found = {name: values[i] for name, i in graph.outputs.items()}
    return found | {f"next {name}": values[i] for name, i in graph.updates.items()}


@settings(max_examples=150)
@given(graphs())
def test_passes_keep_every_bit(graph: Graph) -> None:
    check(graph)
    expected = results(graph)
    optimized = optimize(graph)
    check(optimized)
    found = results(optimized)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@settings(max_examples=150)
@given(graphs())
def test_passes_do_no_more_work(graph: Graph) -> None:
    def work(g: Graph) -> int:
        return sum(not node.is_leaf and node.op != "broadcast_to" for node in g.nodes)

    better = optimize(graph)
    assert work(better) <= work(graph)
    assert str(optimize(better)) == str(better)
    keys = [
        (node.op, node.inputs, _attributes_key(node.attributes), node.spec) for node in better.nodes
    ]
    assert len(set(keys)) == len(keys)
    used = {i for node in better.nodes for i in node.inputs}
    used |= {*better.outputs.values(), *better.updates.values()}
    assert used == set(range(len(better.nodes)))
