"""Each rule of the grammar, broken once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from op_cases import CASES, Case
from sloy import ops
from sloy.errors import InvalidArgument
from sloy.graph import Graph, Node, Spec, backprop, check

F = Spec((2,), "float32")


def leaf(op: str = "input", spec: Spec = F, **attributes: Any) -> Node:
    """A leaf."""
    return Node(op, (), MappingProxyType(attributes), spec)


def node(op: str, *inputs: int, spec: Spec = F, **attributes: Any) -> Node:
    """An op on earlier nodes."""
    return Node(op, inputs, MappingProxyType(attributes), spec)


def graph(
    *nodes: Node,
    outputs: Mapping[str, int] | None = None,
    updates: Mapping[str, int] | None = None,
) -> Graph:
    """A graph written by hand."""
    return Graph(nodes, outputs or {}, updates or {})


X, W = leaf(name="x"), leaf("variable", name="w")
VALUE = np.zeros(2, np.float32)
BROKEN: dict[str, tuple[Callable[[], Graph], str]] = {
    "operand after its user": (
        lambda: graph(node("neg", 1), X),
        r"%0 = neg: operands \(1,\) must come before the node",
    ),
    "operand is the node itself": (
        lambda: graph(X, node("neg", 1)),
        r"%1 = neg: operands \(1,\) must come before",
    ),
    "negative operand": (lambda: graph(X, node("neg", -1)), r"operands \(-1,\) must come before"),
    "op without operands": (
        lambda: graph(leaf("neg")),
        "%0 = neg: has no operands and is not one of input, variable, constant",
    ),
    "leaf without a name": (lambda: graph(leaf()), r"%0 = input: attributes are \[\]"),
    "leaf with more": (
        lambda: graph(leaf(name="x", shape=(2,))),
        r"%0 = input: attributes are \['name', 'shape'\]",
    ),
    "constant without a value": (
        lambda: graph(leaf("constant", name="c")),
        r"%0 = constant: attributes are \['name'\]",
    ),
    "constant of another shape": (
        lambda: graph(leaf("constant", Spec((3,), "float32"), value=VALUE)),
        r"%0 = constant: the value is not float32\[3\]",
    ),
    "constant of another dtype": (
        lambda: graph(leaf("constant", Spec((2,), "float64"), value=VALUE)),
        r"the value is not float64\[2\]",
    ),
    "constant that is no array": (
        lambda: graph(leaf("constant", value=[0.0, 0.0])),
        r"the value is not float32\[2\]",
    ),
    "unknown op": (lambda: graph(X, node("sine", 0)), "no op is named `sine`"),
    "leaf with operands": (lambda: graph(X, node("input", 0, name="y")), "no op is named `input`"),
    "too few operands": (lambda: graph(X, node("add", 0)), "%1 = add: has 1 operands, needs 2"),
    "too many operands": (lambda: graph(X, node("neg", 0, 0)), "has 2 operands, needs 1"),
    "attribute too many": (
        lambda: graph(X, node("neg", 0, axis=0)),
        r"%1 = neg: attributes are \['axis'\], need \[\]",
    ),
    "attribute too few": (
        lambda: graph(X, node("clip", 0, low=0.0)),
        r"%1 = clip: attributes are \['low'\], need \['high', 'low'\]",
    ),
    "attribute of another kind": (
        lambda: graph(X, node("reduce_sum", 0, spec=Spec((), "float32"), axes=[0], keepdims=False)),
        r"%1 = reduce_sum: `axes` \(=\[0\]\) is not of kind 'axes'",
    ),
    "another shape than inferred": (
        lambda: graph(X, node("neg", 0, spec=Spec((3,), "float32"))),
        r"%1 = neg: spec is float32\[3\], the op infers float32\[2\]",
    ),
    "another dtype than inferred": (
        lambda: graph(X, node("neg", 0, spec=Spec((2,), "float64"))),
        r"spec is float64\[2\], the op infers float32\[2\]",
    ),
    "operands that do not fit": (
        lambda: graph(X, leaf(name="y", spec=Spec((3,), "float32")), node("add", 0, 1)),
        "add: operands are",
    ),
    "an input of two specs": (
        lambda: graph(X, leaf(name="x", spec=Spec((3,), "float32"))),
        r"%1 = input: `x` is float32\[3\] here and float32\[2\] elsewhere",
    ),
    "a variable of two specs": (
        lambda: graph(W, leaf("variable", Spec((2,), "float64"), name="w")),
        r"`w` is float64\[2\] here and float32\[2\] elsewhere",
    ),
    "an output without a node": (
        lambda: graph(X, outputs={"y": 1}),
        "output y: there is no node %1",
    ),
    "an update without a node": (
        lambda: graph(W, updates={"w": -1}),
        "update w: there is no node %-1",
    ),
    "an update of another spec": (
        lambda: graph(W, leaf(name="x", spec=Spec((3,), "float32")), updates={"w": 1}),
        r"update w: value float32\[3\], variable float32\[2\]",
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_found(rule: str) -> None:
    make, message = BROKEN[rule]
    with pytest.raises(InvalidArgument, match=message):
        check(make())


def test_good_graphs_pass() -> None:
    check(graph())
    check(graph(X, W, node("add", 0, 1), outputs={"y": 2}, updates={"w": 2, "never read": 0}))
    check(graph(X, leaf("variable", name="x")))  # an input and a variable may share a name
    check(graph(X, X))


@pytest.mark.parametrize("case", CASES[::7], ids=lambda case: case.id)
def test_the_graphs_of_the_op_table_pass(case: Case) -> None:
    check(case.graph("float32"))


def test_a_training_graph_passes() -> None:
    x, w, b = ops.input("x", (4, 3)), ops.variable("w", (3, 2)), ops.variable("b", (2,))
    loss = ops.reduce_mean(ops.square(ops.tanh(x @ w + b)))
    dw, db = backprop(loss, [w, b])
    check(Graph.of({"loss": loss}, {"w": w - 0.1 * dw, "b": b - 0.1 * db}))
