"""The table of ops that only the native engine has: what rewrites make fits it, and every kernel is in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engines.test_random_networks import drawn_network
from sloy import layers, losses
from sloy.engines.native.engine import SUPPORTED, _native
from sloy.engines.native.fused import FUSED, fused, multiply_adds
from sloy.engines.native.rewrite.lowering import prepare
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import REGISTRY, Graph, Node, Spec, Tensor, check, input
from sloy.problem import Network, Problem
from sloy.training.recipe import Recipe
from sloy.training.step import training_graph

OF_PLANS = {
    "conv2d_separable",
    "copy",
    "elementwise",
    "sum_of_squares",
}  # kernels that a plan alone asks for

POOLED = [
    layers.Conv2D(16, 3), layers.ReLU(), layers.MaxPool2D(2), layers.Conv2D(16, 3), layers.ReLU(),
    layers.Conv2D(8, 3), layers.ReLU(), layers.MaxPool2D(2), layers.Flatten(), layers.Dense(3),
]  # fmt: skip
AVERAGED = [
    layers.Conv2D(4, 3),
    layers.Tanh(),
    layers.AveragePool2D(2),
    layers.Flatten(),
    layers.Dense(3),
]


def rewritten(network: Network, batch_size: int, takes: Callable[..., bool]) -> Graph:
    problem = Problem(network, losses.CategoricalCrossentropy())
    graph = training_graph(problem, Recipe(optimizer="sgd"), batch_size)
    return prepare(graph, set(SUPPORTED), takes=takes)


def check_rewritten(graph: Graph) -> None:
    check(graph, {name: op.infer for name, op in FUSED.items()})


def products(graph: Graph) -> int:
    return sum(multiply_adds(n, [graph.nodes[i].spec for i in n.inputs]) for n in graph.nodes)


def test_every_kernel_is_of_the_registry_the_table_or_plans() -> None:
    kernels = set(_native.kernel_names())
    assert kernels <= REGISTRY.keys() | FUSED.keys() | OF_PLANS
    assert FUSED.keys() <= kernels | {"conv2d_places"}  # which the kernel of its operand writes


def test_rewrites_make_what_the_table_holds() -> None:
    found: set[str] = set()
    for stack in (POOLED, AVERAGED):
        network = Network((18, 18, 3), stack)
        graph = rewritten(network, 2, lambda instruction: True)
        check_rewritten(graph)
        found |= {node.op for node in graph.nodes}
        found |= {"gated" for node in graph.nodes if "gated" in node.attributes}
        assert products(graph) == products(rewritten(network, 2, lambda instruction: False))
        with pytest.raises(InvalidArgument, match="no op is named"):
            check(graph)
    assert FUSED.keys() | {"gated"} <= found


@pytest.mark.parametrize("seed", range(30))
def test_rewritten_networks_keep_the_grammar(seed: int) -> None:
    network, batch_size = drawn_network(seed)
    for takes in (_native.takes, lambda instruction: True):
        check_rewritten(rewritten(network, batch_size, takes))


X, W, G = input("x", (2, 8, 8, 4)), input("w", (3, 3, 4, 6)), input("g", (2, 3, 3, 6))
CONVOLUTION = {"stride": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1), "groups": 1}
GRADIENT = {**CONVOLUTION, "extents": (8, 8)}


@pytest.mark.parametrize(
    ("op", "inputs", "attributes"),
    [
        ("conv2d_pooled", (X, W), {**CONVOLUTION, "has_bias": 1}),
        ("conv2d_pooled", (X, W, input("b", (5,))), {**CONVOLUTION, "has_bias": 1}),
        ("conv2d_pooled", (X, W, input("b", (6,))), {**CONVOLUTION, "has_bias": 0}),
        ("conv2d_pooled_input_grad", (G, W, G), GRADIENT),
        ("conv2d_pooled_weight_grad", (X, G, input("p", (2, 6, 6, 6), "uint8")), CONVOLUTION),
        ("conv2d_input_grad", (input("h", (2, 6, 6, 6)), W, W), {**GRADIENT, "gated": 1}),
        ("conv2d_input_grad", (input("h", (2, 6, 6, 6)), W, X), GRADIENT),
    ],
)
def test_operands_that_do_not_belong_together_are_refused(
    op: str, inputs: tuple[Tensor, ...], attributes: dict[str, object]
) -> None:
    with pytest.raises(ShapeError, match=r"the last operands are|must be"):
        fused(op, inputs, attributes)


def test_a_wrong_spec_is_found() -> None:
    y = fused("conv2d_pooled", (X, W), {**CONVOLUTION, "has_bias": 0})
    assert y.spec == Spec((2, 3, 3, 6), "float32")
    nodes = Graph.of({"y": y}).nodes
    wrong = Node(
        "conv2d_pooled", nodes[2].inputs, nodes[2].attributes, Spec((2, 6, 6, 6), "float32")
    )
    with pytest.raises(InvalidArgument, match="infers"):
        check_rewritten(Graph((*nodes[:2], wrong), {"y": 2}, {}))
