"""The immutable graph: order, text, rebuilding, inlining, evaluation."""

from __future__ import annotations

import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from sloy import ops
from sloy.graph import Graph, Node, Tensor, backprop, check, constant, evaluate, optimize
from sloy.graph.graph import copy_node, topological_order
from tolerances import SAME_FORMULA, assert_close

DEEP = 10_000  # far beyond Python's recursion limit


def chain(depth: int) -> tuple[Tensor, Tensor]:
    """x and x · 1 + 1 · 1 + 1 …, a chain of `depth` ops."""
    x = ops.input("x", (), "float64")
    one = constant(1.0, "float64")
    y = x
    for _ in range(depth):
        y = y + one
    return x, y


# --- order and leaves -----------------------------------------------------------------------------
def test_operands_come_before_users_and_each_node_once() -> None:
    x = ops.input("x", (2,))
    a = ops.exp(x)
    b = a + x
    c = a * b
    order = topological_order([c, b])
    assert order == [x, a, b, c]
    graph = Graph.of({"c": c, "b": b, "again": c})
    assert [node.op for node in graph.nodes] == ["input", "exp", "add", "mul"]
    assert dict(graph.outputs) == {"c": 3, "b": 2, "again": 3}
    assert graph.users == ((1, 2), (2, 3), (3,), ())


def test_an_operand_used_twice_by_one_node_has_one_user() -> None:
    x = ops.input("x", (2,))
    assert Graph.of({"y": x * x}).users == ((1,), ())


def test_inputs_and_variables_by_name() -> None:
    x, w = ops.input("x", (2,)), ops.variable("w", (2,), "float32")
    k = ops.variable("k", (2,), "uint32")
    graph = Graph.of({"y": x + w, "k": k}, {"w": w * 2.0})
    assert graph.inputs == {"x": x.spec}
    assert graph.variables == {"w": w.spec, "k": k.spec}
    assert list(graph.updates) == ["w"]


def test_only_what_is_needed_is_in_the_graph() -> None:
    x = ops.input("x", (2,))
    unused = ops.exp(x)
    graph = Graph.of({"y": ops.tanh(x)})
    assert unused.op not in {node.op for node in graph.nodes}


def test_a_graph_is_immutable() -> None:
    graph = Graph.of({"y": ops.exp(ops.input("x", (2,)))})
    with pytest.raises(FrozenInstanceError):
        graph.nodes = ()  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        graph.nodes[0].op = "exp"  # type: ignore[misc]
    with pytest.raises(TypeError):
        graph.outputs["z"] = 0  # type: ignore[index]
    with pytest.raises(TypeError):
        graph.nodes[0].attributes["name"] = "z"  # type: ignore[index]


# --- text -----------------------------------------------------------------------------------------
def test_the_text_shows_everything() -> None:
    x, w = ops.input("x", (4, 3)), ops.variable("w", (3, 2), "float32")
    y = ops.max_pool2d(ops.reshape(x @ w, (1, 4, 2, 1)), 2)
    z = ops.reduce_sum(y * constant(np.array([3.0]))) + constant(np.arange(5.0))
    graph = Graph.of({"z": z}, {"w": w + w})
    lines = str(graph).split("\n")
    assert lines[:5] == [
        "%0 = input 'x' : float32[4, 3]",
        "%1 = variable 'w' : float32[3, 2]",
        "%2 = matmul(%0, %1) transpose_a=False transpose_b=False : float32[4, 2]",
        "%3 = reshape(%2) shape=(1, 4, 2, 1) : float32[1, 4, 2, 1]",
        "%4 = max_pool2d(%3) padding=(0, 0, 0, 0) stride=(2, 2) window=(2, 2) : float32[1, 2, 1, 1]",
    ]
    assert "constant value=[3.0] : float32[1]" in str(graph)
    assert "constant value=<5 values> : float32[5]" in str(graph)
    assert lines[-2:] == [
        f"output z = %{graph.outputs['z']}",
        f"update w = %{graph.updates['w']}",
    ]
    assert len(lines) == len(graph.nodes) + 2


# --- deep graphs ----------------------------------------------------------------------------------
def test_deep_graphs_need_no_recursion() -> None:
    assert sys.getrecursionlimit() < DEEP
    x, y = chain(DEEP)
    (slope,) = backprop(y, [x])
    graph = Graph.of({"y": y, "slope": slope})
    check(graph)
    assert len(str(graph).split("\n")) == len(graph.nodes) + 2
    better = optimize(graph)
    values = evaluate(better, {"x": np.array(2.0)})
    assert values[better.outputs["y"]] == 2.0 + DEEP
    assert values[better.outputs["slope"]] == 1.0

    def at_three(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
        return constant(3.0, "float64") if node.op == "input" else copy_node(node, operands)

    folded = optimize(Graph.of({"y": y}).rebuild(at_three, leaves=True))
    assert [node.op for node in folded.nodes] == ["constant"]
    assert folded.nodes[0].attributes["value"] == 3.0 + DEEP


# --- rebuild, evaluate ----------------------------------------------------------------------------
def test_rebuild_asks_about_every_op() -> None:
    negative = ops.neg(ops.input("x", (3,), "float64"))
    graph = Graph.of({"y": ops.exp(negative)}, {"w": negative})
    before = str(graph)

    def rule(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
        return operands[0] * 2.0 if node.op == "neg" else ops.exp(operands[0])

    doubled = graph.rebuild(rule)
    values = evaluate(doubled, {"x": np.array([0.5, 1.0, -1.0])})
    assert_close(values[doubled.outputs["y"]], np.exp([1.0, 2.0, -2.0]), SAME_FORMULA)  # exp(2 x)
    assert values[doubled.updates["w"]].tolist() == [1.0, 2.0, -2.0]
    assert str(graph) == before


def test_rebuild_by_copies_changes_nothing() -> None:
    x, w = ops.input("x", (3,)), ops.variable("w", (3,))
    graph = Graph.of({"y": ops.tanh(x * w + 1.0)}, {"w": w * 0.5})
    assert str(graph.rebuild(copy_node)) == str(graph)
    assert str(graph.rebuild(copy_node, leaves=True)) == str(graph)


def test_evaluate_gives_every_node() -> None:
    x, w = ops.input("x", (2,), "float64"), ops.variable("w", (2,), "float64")
    graph = Graph.of({"y": (x + w) * 2.0})
    values = evaluate(graph, {"x": np.array([1.0, 2.0]), "w": np.array([10.0, 20.0])})
    assert len(values) == len(graph.nodes)
    assert values[graph.outputs["y"]].tolist() == [22.0, 44.0]
