"""Plans: what is fused, in which order, and that no two live buffers overlap."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sloy.engines.native.plan.planner import Plan, plan
from sloy.graph import Graph, Tensor, backprop, input, mixed, optimize, variable
from sloy.graph.arena import ALIGNMENT, Lifetime
from sloy.graph.ops.convolution import conv2d
from sloy.graph.ops.elementwise import exp, relu, sigmoid, tanh, where
from sloy.graph.ops.linear import matmul
from sloy.graph.ops.pooling import max_pool2d
from sloy.graph.ops.probability import softmax_cross_entropy
from sloy.graph.ops.reduction import reduce_mean, reduce_sum
from sloy.graph.ops.shape import broadcast_to, reshape


def kernels(planned: Plan) -> list[str]:
    return [step.kernel for step in planned.steps]


def training_graph() -> Graph:
    """A small convolutional network with momentum."""
    x, y = input("x", (4, 8, 8, 2)), input("y", (4, 3))
    w1, b1, w2 = variable("w1", (3, 3, 2, 5)), variable("b1", (5,)), variable("w2", (45, 3))
    hidden = max_pool2d(relu(conv2d(x, w1) + b1), 2)
    loss = reduce_mean(softmax_cross_entropy(matmul(reshape(hidden, (4, 45)), w2), y))
    parameters = [w1, b1, w2]
    updates: dict[str, Tensor] = {}
    for p, g in zip(parameters, backprop(loss, parameters), strict=True):
        slot = variable(f"slot/{p.attributes['name']}", p.shape)
        velocity = slot * 0.9 + g
        updates[f"slot/{p.attributes['name']}"] = velocity
        updates[p.attributes["name"]] = p - velocity * 0.1
    return optimize(Graph.of({"loss": loss}, updates))


def check(planned: Plan) -> None:
    """The grammar of a plan."""
    graph, ready = planned.graph, set()
    number_of = {node: k for k, step in enumerate(planned.steps) for node in step.nodes}
    computed = [node for step in planned.steps for node in step.nodes]
    assert len(computed) == len(set(computed))
    for k, step in enumerate(planned.steps):
        for value in step.inputs:
            node = graph.nodes[value] if value < len(graph.nodes) else None
            while node is not None and value not in number_of and node.inputs:
                value = node.inputs[0]
                node = graph.nodes[value]
            assert value >= len(graph.nodes) or node is None or node.is_leaf or number_of[value] < k
        for value in step.outputs:
            writes = planned.places[value].kind == "variable"
            assert writes == (k >= planned.first_write) or planned.places[value].kind == "arena"
            assert value not in ready
            ready.add(value)
    check_memory(planned)


def check_memory(planned: Plan) -> None:
    """Buffers that live at the same time do not overlap, unless a result takes over an operand's memory."""
    shared: dict[tuple[int, Lifetime], None] = {}
    for value, life in planned.buffers.items():
        place = planned.places[value]
        assert place.kind == "arena"
        assert place.offset % ALIGNMENT == 0
        assert place.offset + life.size <= planned.arena_bytes
        shared[place.offset, life] = None
    for (a, x), (b, y) in combinations(shared, 2):
        if x.first <= y.last and y.first <= x.last:
            assert a + x.size <= b or b + y.size <= a


def test_the_plan_of_a_training_step() -> None:
    planned = plan(training_graph(), ["loss"])
    check(planned)
    names = kernels(planned)
    assert names.count("conv2d") == 1  # bias and relu inside
    conv = planned.steps[names.index("conv2d")]
    assert (conv.attributes["has_bias"], conv.attributes["activation"]) == (1, "relu")
    assert len(conv.inputs) == 3
    gradient = planned.steps[names.index("conv2d_weight_grad")]
    assert (gradient.attributes["has_bias"], len(gradient.outputs)) == (1, 2)
    assert "reshape" not in names
    assert "broadcast_to" not in names
    writes = planned.steps[planned.first_write :]
    assert [step.kernel for step in writes] == ["elementwise"] * 3  # slot and parameter in one pass
    assert {planned.places[v].kind for step in writes for v in step.outputs} == {"variable"}


def test_a_shared_result_gets_no_epilogue() -> None:
    x, w, b = input("x", (4, 3)), variable("w", (3, 5)), variable("b", (5,))
    product = matmul(x, w)
    planned = plan(Graph.of({"y": relu(product + b), "z": product}))
    check(planned)
    assert "has_bias" not in planned.steps[kernels(planned).index("matmul")].attributes
    chain = plan(Graph.of({"y": sigmoid(tanh(matmul(x, w) + b))}))
    check(chain)
    assert kernels(chain) == ["matmul", "elementwise"]  # one activation, not two
    assert chain.steps[0].attributes["activation"] == "tanh"


def test_a_bias_that_needs_the_product_stays_outside() -> None:
    x, w = input("x", (4, 3)), variable("w", (3, 5))
    product = matmul(x, w)
    planned = plan(Graph.of({"y": matmul(x, w * 2.0) + reduce_sum(product, 0)}))
    check(planned)
    fused = [s for s in planned.steps if s.kernel == "matmul" and "has_bias" in s.attributes]
    assert len(fused) == 1
    late = matmul(x, w * 2.0)
    planned = plan(Graph.of({"y": late + reduce_sum(exp(late), 0)}))
    check(planned)
    assert all("has_bias" not in step.attributes for step in planned.steps)


def test_a_sum_of_squares_reads_what_it_squares() -> None:
    x = input("x", (6, 7))
    y = exp(x)
    planned = plan(Graph.of({"s": reduce_sum(y * y), "y": y}))
    check(planned)
    assert kernels(planned) == ["elementwise", "sum_of_squares"]
    square = y * y  # wanted elsewhere too: written there, and not read for the sum
    for wanted in (
        Graph.of({"s": reduce_sum(square), "q": square}),
        Graph.of({"s": reduce_sum(square), "t": reduce_sum(square, 0)}),
    ):
        planned = plan(wanted)
        check(planned)
        (summed,) = [step for step in planned.steps if step.kernel == "sum_of_squares"]
        (first,) = [i for i, node in enumerate(planned.graph.nodes) if node.op == "exp"]
        assert planned.places[summed.inputs[0]] == planned.places[first]
    for wanted in (
        Graph.of({"s": reduce_sum(y * x)}),
        Graph.of({"s": reduce_sum(square, 1)}),
    ):
        check(plan(wanted))
        assert "sum_of_squares" not in kernels(plan(wanted))


def test_groups_do_not_close_a_circle() -> None:
    """exp and the last sum belong to one chain, but a reduction between them needs the first and feeds the last."""
    x = input("x", (6, 7))
    first = exp(x)
    planned = plan(
        Graph.of({"y": first * 2.0 + broadcast_to(reduce_sum(first, 1, keepdims=True), (6, 7))})
    )
    check(planned)
    assert kernels(planned).count("reduce_sum") == 1
    order = kernels(planned)
    assert order[0] == "elementwise"
    assert order[-1] == "elementwise"


def test_results_take_over_memory() -> None:
    x, w = input("x", (64, 64)), variable("w", (64, 64))
    y = x
    for _ in range(6):
        y = tanh(matmul(y, w)) * 0.5
    planned = plan(Graph.of({"y": y}))
    check(planned)
    assert planned.arena_bytes <= 3 * 64 * 64 * 4


def test_a_variable_that_keeps_its_value_is_not_written() -> None:
    v = variable("v", (3,))
    planned = plan(Graph.of({"y": v * 2.0}, {"v": v}))
    assert planned.first_write == len(planned.steps)


def test_early_results_are_copied_into_variables_after_the_guard() -> None:
    x, v = input("x", (3,)), variable("v", (3,))
    grown = v + x
    planned = plan(Graph.of({"loss": reduce_sum(grown)}, {"v": grown}), ["loss"])
    check(planned)
    assert kernels(planned)[planned.first_write :] == ["copy"]


@given(data=st.data())
def test_random_graphs_have_sound_plans(data: st.DataObject) -> None:
    shape = (4, 6)
    pool = [input("a", shape), input("row", (6,)), variable("v", shape), variable("w", shape)]
    for _ in range(data.draw(st.integers(2, 20))):
        x, y = (data.draw(st.sampled_from(pool)) for _ in range(2))
        kind = data.draw(st.integers(0, 5))
        wide = broadcast_to(x, shape)
        made = [
            tanh(x),
            x + y,
            matmul(wide, reshape(wide, (6, 4))) @ wide,
            reduce_sum(wide, 0),
            where(x + y, y + x, x - y),
            reshape(exp(reshape(wide, (24,))), shape),
        ]
        pool.append(made[kind])
    full = [t for t in pool if t.shape == shape]
    updates = {name: data.draw(st.sampled_from(full)) for name in "vw"}
    graph = optimize(Graph.of({"o": pool[-1], "loss": reduce_sum(pool[-1])}, updates))
    check(plan(graph, ["loss"]))


def test_plans_print() -> None:
    text = str(plan(training_graph(), ["loss"]))
    assert "write elementwise" in text
    assert "arena" in text


@pytest.mark.parametrize("size", [1, 7])
def test_single_constants_are_not_operands(size: int) -> None:
    x = input("x", (size,))
    planned = plan(Graph.of({"y": x * 2.0 + np.float32(3.0)}))
    (step,) = planned.steps
    assert len(step.inputs) == 1


def test_half_the_memory_for_activations() -> None:
    hidden = input("x", (500, 64))
    weights = [variable(f"w{k}", (64, 64)) for k in range(8)]
    for weight in weights:
        hidden = tanh(hidden @ weight)
    gradients = backprop(reduce_sum(hidden * hidden), weights)
    updates = {w.attributes["name"]: w - g for w, g in zip(weights, gradients, strict=True)}
    graph = optimize(Graph.of({}, updates))
    assert plan(mixed(graph)).arena_bytes < 0.7 * plan(graph).arena_bytes
