"""Backprop: one reverse sweep, right for shared operands, through expansions, and at linear cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from sloy import ops
from sloy.errors import InvalidArgument
from sloy.graph import (
    REGISTRY,
    Graph,
    OpDef,
    Spec,
    Tensor,
    backprop,
    check,
    evaluate,
    lower,
    optimize,
)
from sloy.graph import backprop as backprop_module_function
from sloy.graph.graph import topological_order
from sloy.graph.tensor import apply
from tolerances import CENTRAL_DIFFERENCE, SAME_FORMULA, assert_close

RNG_SEED = 5


def gradients(
    loss: Tensor, wrt: Sequence[Tensor], feeds: dict[str, np.ndarray]
) -> tuple[float, list[np.ndarray]]:
    """The loss and its gradients, by the reference, on a graph that keeps the grammar."""
    found = backprop(loss, wrt)
    assert [g.spec for g in found] == [w.spec for w in wrt]
    graph = Graph.of({"loss": loss, **{f"g{i}": g for i, g in enumerate(found)}})
    check(graph)
    values = evaluate(graph, feeds)
    return float(values[graph.outputs["loss"]]), [
        values[graph.outputs[f"g{i}"]] for i in range(len(wrt))
    ]


def slope(
    loss: Tensor, feeds: dict[str, np.ndarray], name: str, direction: np.ndarray, step: float = 1e-5
) -> float:
    """Central difference of the loss along a direction of one input."""
    graph = Graph.of({"loss": loss})

    def at(x: np.ndarray) -> float:
        return float(evaluate(graph, {**feeds, name: x})[graph.outputs["loss"]])

    x = feeds[name]
    return (at(x + step * direction) - at(x - step * direction)) / (2 * step)


def compare_with_differences(loss: Tensor, feeds: dict[str, np.ndarray]) -> None:
    """Check the gradient by every feed along a random direction."""
    rng = np.random.default_rng(RNG_SEED)
    leaves = {t.attributes["name"]: t for t in topological_order([loss]) if "name" in t.attributes}
    for name, leaf in leaves.items():
        _, (gradient,) = gradients(loss, [leaf], feeds)
        direction = rng.standard_normal(leaf.shape)
        found = float(np.sum(gradient * direction))
        size = float(np.sum(np.abs(gradient * direction))) + 0.1
        expected = slope(loss, feeds, name, direction)
        assert_close(found, expected, CENTRAL_DIFFERENCE, scale=size, name=name)


# --- values --------------------------------------------------------------------------------------


def test_an_operand_used_twice() -> None:
    x = ops.input("x", (3,), "float64")
    _, (g,) = gradients(ops.reduce_sum(x * x), [x], {"x": np.array([1.0, -2.0, 3.0])})
    assert g.tolist() == [2.0, -4.0, 6.0]


def test_an_operand_of_several_branches() -> None:
    x = ops.input("x", (), "float64")
    y = x * 3.0
    loss = ops.exp(y) + y * x + y  # e^3x + 3x² + 3x
    _, (g,) = gradients(loss, [x], {"x": np.array(0.5)})
    assert_close(g, np.array(3 * math.exp(1.5) + 6 * 0.5 + 3), SAME_FORMULA)


def test_the_lectures_two_layer_network_by_hand() -> None:
    """Row L9: ε_m = a_m - y_m, ε_h = Σ_m ε_m σ'_m w_hm, ∂/∂w_jh = ε_h σ'_h x_j, for ½ Σ (a - y)²."""
    rng = np.random.default_rng(0)
    n, hidden, outputs = 3, 4, 2
    feeds = {
        "x": rng.standard_normal((1, n)),
        "y": rng.standard_normal((1, outputs)),
        "v": rng.standard_normal((n, hidden)),
        "b": rng.standard_normal((hidden,)),
        "w": rng.standard_normal((hidden, outputs)),
        "c": rng.standard_normal((outputs,)),
    }
    t = {name: ops.input(name, value.shape, "float64") for name, value in feeds.items()}
    u = ops.sigmoid(t["x"] @ t["v"] + t["b"])
    a = ops.sigmoid(u @ t["w"] + t["c"])
    loss = 0.5 * ops.reduce_sum(ops.square(a - t["y"]))
    _, (dv, db, dw, dc) = gradients(loss, [t["v"], t["b"], t["w"], t["c"]], feeds)

    def sigma(z: float) -> float:
        return 1 / (1 + math.exp(-z))

    x, y, v, b, w, c = (feeds[name].tolist() for name in ("x", "y", "v", "b", "w", "c"))
    us = [sigma(sum(x[0][j] * v[j][h] for j in range(n)) + b[h]) for h in range(hidden)]
    as_ = [sigma(sum(us[h] * w[h][m] for h in range(hidden)) + c[m]) for m in range(outputs)]
    delta = [(as_[m] - y[0][m]) * as_[m] * (1 - as_[m]) for m in range(outputs)]
    error = [sum(delta[m] * w[h][m] for m in range(outputs)) for h in range(hidden)]
    inner = [error[h] * us[h] * (1 - us[h]) for h in range(hidden)]
    assert_close(dc, np.array(delta), SAME_FORMULA)
    assert_close(dw, np.array([[delta[m] * us[h] for m in range(outputs)] for h in range(hidden)]),
                 SAME_FORMULA)  # fmt: skip
    assert_close(db, np.array(inner), SAME_FORMULA)
    assert_close(dv, np.array([[inner[h] * x[0][j] for h in range(hidden)] for j in range(n)]),
                 SAME_FORMULA)  # fmt: skip


def test_a_convolutional_network() -> None:
    rng = np.random.default_rng(1)
    feeds = {
        "x": rng.standard_normal((2, 8, 7, 3)),
        "k": rng.standard_normal((3, 3, 3, 4)) / 3,
        "b": rng.standard_normal((4,)),
        "scale": rng.uniform(0.5, 1.5, (4,)),
        "shift": rng.standard_normal((4,)),
        "w": rng.standard_normal((16, 3)) / 4,
        "y": np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]),
    }
    t = {name: ops.input(name, value.shape, "float64") for name, value in feeds.items()}
    z = ops.conv2d(t["x"], t["k"], padding="same", stride=2) + t["b"]
    mean, variance = ops.moments(z)
    z = ops.batch_norm(z, mean, variance, t["scale"], t["shift"])
    z = ops.average_pool2d(ops.tanh(z), 2)
    logits = ops.reshape(z, (2, -1)) @ t["w"]
    compare_with_differences(ops.reduce_mean(ops.softmax_cross_entropy(logits, t["y"])), feeds)


# --- through expansions --------------------------------------------------------------------------


def _batch_norm_of_its_own_moments(x: Tensor) -> Tensor:
    mean, variance = ops.moments(x)
    return ops.batch_norm(x, mean, variance, variance, mean)


DEPENDENT: dict[str, Callable[[Tensor], Tensor]] = {
    "batch_norm by its own moments": _batch_norm_of_its_own_moments,
    "the same operand twice": lambda x: ops.sigmoid_cross_entropy(x, x),
    "targets from logits": lambda x: ops.sigmoid_cross_entropy(x, ops.sigmoid(x)),
    "logits from targets": lambda x: ops.sigmoid_cross_entropy(ops.exp(x), x),
    "softmax of softmax": lambda x: ops.softmax_cross_entropy(x, ops.softmax(x)),
    "nested": lambda x: ops.sigmoid_cross_entropy(
        _batch_norm_of_its_own_moments(x), ops.sigmoid_cross_entropy(x, ops.tanh(x))
    ),
}


@pytest.mark.parametrize("name", DEPENDENT)
def test_operands_of_an_expansion_that_depend_on_each_other(name: str) -> None:
    """The rule of an expansion ends at the op's operands; the outer sweep goes on from there."""
    x = ops.input("x", (4, 3), "float64")
    y = DEPENDENT[name](x)
    rng = np.random.default_rng(2)
    loss = ops.reduce_sum(y * rng.standard_normal(y.shape))
    compare_with_differences(loss, {"x": rng.standard_normal((4, 3))})


# --- by what one differentiates ------------------------------------------------------------------


def test_no_path_gives_zeros_of_the_right_spec() -> None:
    x, w = ops.input("x", (), "float64"), ops.variable("w", (2, 3), "float32")
    k = ops.variable("k", (2,), "uint32")
    _, (gw, gk) = gradients(x * 2.0, [w, k], {"x": np.array(1.0)})
    assert gw.tolist() == [[0.0] * 3] * 2
    assert gk.tolist() == [0, 0]


def test_a_path_through_an_op_without_gradient_gives_zeros() -> None:
    x = ops.input("x", (3,), "float64")
    _, (g,) = gradients(ops.reduce_sum(ops.sign(x) * 2.0), [x], {"x": np.ones(3)})
    assert g.tolist() == [0, 0, 0]


def test_by_the_loss_itself() -> None:
    x = ops.input("x", (), "float64")
    loss = ops.exp(x)
    _, (g,) = gradients(loss, [loss], {"x": np.array(2.0)})
    assert g == 1.0


def test_by_values_on_the_way() -> None:
    """The gradient by x is the whole one, though z, which depends on x, is asked for too."""
    x = ops.input("x", (), "float64")
    z = x * x
    loss = z * z + x
    _, (gz, gx) = gradients(loss, [z, x], {"x": np.array(3.0)})
    assert (float(gz), float(gx)) == (18.0, 109.0)


def test_the_same_tensor_asked_for_twice() -> None:
    x = ops.input("x", (), "float64")
    _, (first, second) = gradients(x * x, [x, x], {"x": np.array(3.0)})
    assert first == second == 6.0


def test_asking_for_less_gives_the_same() -> None:
    x, w = ops.input("x", (), "float64"), ops.input("w", (), "float64")
    loss = ops.exp(x * w) * w
    feeds = {"x": np.array(0.5), "w": np.array(-1.5)}
    _, both = gradients(loss, [x, w], feeds)
    for i, leaf in enumerate((x, w)):
        _, (alone,) = gradients(loss, [leaf], feeds)
        assert alone == both[i]


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (ops.input("x", (3,)), r"`loss` is float32\[3\]; it must be a float scalar"),
        (ops.input("x", (1,)), r"`loss` is float32\[1\]; it must be a float scalar"),
        (ops.input("x", (), "int32"), r"`loss` is int32\[\]; it must be a float scalar"),
    ],
)
def test_the_loss_is_a_float_scalar(loss: Tensor, text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        backprop(loss, [loss])


def test_a_rule_that_gives_another_shape_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = OpDef(
        "wrong",
        "reduction",
        1,
        lambda specs, a: Spec((), specs[0].dtype),
        lambda arrays, a: np.asarray(arrays[0].sum()),
        lambda n, g: [g],
    )
    monkeypatch.setitem(REGISTRY, "wrong", wrong)
    x = ops.input("x", (3,))
    with pytest.raises(InvalidArgument, match=r"rule of `wrong` gives float32\[\] for an operand"):
        backprop(apply("wrong", (x,)), [x])


# --- cost ----------------------------------------------------------------------------------------


def network(depth: int, *, normalized: bool) -> tuple[Tensor, list[Tensor]]:
    """A loss of a chain of dense layers, and its parameters."""
    y, parameters = ops.input("x", (4, 8), "float64"), []
    for i in range(depth):
        w, b = ops.variable(f"w{i}", (8, 8), "float64"), ops.variable(f"b{i}", (8,), "float64")
        parameters += [w, b]
        y = y @ w + b
        if normalized:
            mean, variance = ops.moments(y)
            y = ops.batch_norm(y, mean, variance, b, b)
        y = ops.tanh(y)
    return ops.reduce_mean(ops.square(y)), parameters


def sizes(depth: int, *, normalized: bool) -> tuple[int, int]:
    """Numbers of nodes of the forward and of the training graph, in ops that are no composites of others."""
    loss, parameters = network(depth, normalized=normalized)
    found = backprop(loss, parameters)
    simple = {name for name, op in REGISTRY.items() if op.expand is None}
    outputs = {"loss": loss, **{str(i): g for i, g in enumerate(found)}}
    graphs = Graph.of({"loss": loss}), Graph.of(outputs)
    forward, training = (optimize(lower(graph, simple, "no")) for graph in graphs)
    return len(forward.nodes), len(training.nodes)


@pytest.mark.parametrize("normalized", [False, True])
def test_the_training_graph_is_a_constant_times_the_forward_graph(normalized: bool) -> None:
    """The lecture's theorem, row L8."""
    counts = {depth: sizes(depth, normalized=normalized) for depth in (1, 2, 3, 8, 32, 64)}
    assert all(training <= 4 * forward for forward, training in counts.values())
    forward_layer = (counts[64][0] - counts[32][0]) / 32
    training_layer = (counts[64][1] - counts[32][1]) / 32
    assert forward_layer == counts[3][0] - counts[2][0]
    assert training_layer == counts[3][1] - counts[2][1]


def test_the_sweep_visits_each_tensor_a_bounded_number_of_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Expansions must not walk the whole graph below them again and again."""
    visited = 0

    def counted(*args: object, **kwargs: object) -> list[Tensor]:
        nonlocal visited
        order = topological_order(*args, **kwargs)  # type: ignore[arg-type]
        visited += len(order)
        return order

    monkeypatch.setitem(backprop_module_function.__globals__, "topological_order", counted)
    totals = []
    for depth in (10, 20, 40):
        visited = 0
        loss, parameters = network(depth, normalized=True)
        backprop(loss, parameters)
        totals.append(visited)
    assert totals[2] - totals[1] == 2 * (totals[1] - totals[0])
