"""A cross-entropy and the softmax of its gradient, made by one kernel call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sloy.engines import ReferenceEngine
from sloy.engines.native import NativeEngine
from sloy.graph import Graph, Tensor, backprop, input
from sloy.graph.ops.probability import softmax, softmax_cross_entropy
from sloy.graph.ops.reduction import reduce_mean, reduce_sum
from tolerances import COMPOSED, assert_close

GRAPHS: dict[str, Callable[[Tensor, Tensor], dict[str, Tensor]]] = {
    "loss and gradient": lambda z, t: (
        lambda losses: {"losses": losses, "dz": backprop(reduce_mean(losses), [z])[0]}
    )(softmax_cross_entropy(z, t)),
    "loss and probabilities": lambda z, t: {
        "losses": softmax_cross_entropy(z, t),
        "probabilities": softmax(z),
    },
    "its own target": lambda z, t: {"losses": softmax_cross_entropy(z, softmax(z)) + reduce_sum(t)},
    "a target made of it": lambda z, t: {"losses": softmax_cross_entropy(z, softmax(z) * t)},
    "loss alone": lambda z, t: {"losses": softmax_cross_entropy(z, t)},
}


def compiled(name: str, rows: int, classes: int, threads: int = 1) -> tuple[Graph, list[str]]:
    z, t = input("z", (rows, classes)), input("t", (rows, classes))
    graph = Graph.of(GRAPHS[name](z, t))
    plan = NativeEngine(threads).compile(graph, {}).plan
    return graph, [step.kernel for step in plan.steps if "softmax" in step.kernel]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("rows", "classes"), [(1, 10), (128, 10), (33, 1), (7, 1500), (2000, 7)])
@pytest.mark.parametrize("name", GRAPHS)
def test_values(name: str, rows: int, classes: int, threads: int) -> None:
    graph, _ = compiled(name, rows, classes)
    rng = np.random.default_rng(5)
    z = (3 * rng.normal(size=(rows, classes))).astype(np.float32)
    z[rows // 2] = 1e4 * np.sign(z[rows // 2])  # certain, perhaps wrongly
    t = np.eye(classes, dtype=np.float32)[rng.integers(0, classes, rows)]
    feeds = {"z": z, "t": t}
    expected = ReferenceEngine().compile(graph, {}).run(feeds)
    actual = NativeEngine(threads).compile(graph, {}).run(feeds)
    for key, value in expected.items():
        size = float(np.max(np.abs(value), initial=1.0))
        assert_close(actual[key], value, COMPOSED, scale=size, name=key)


@pytest.mark.parametrize(
    ("name", "kernels"),
    [
        ("loss and gradient", ["softmax_cross_entropy"]),
        ("loss and probabilities", ["softmax_cross_entropy"]),
        ("its own target", ["softmax", "softmax_cross_entropy"]),
        ("a target made of it", ["softmax", "softmax_cross_entropy"]),
    ],
)
def test_one_call_where_the_target_does_not_need_it(name: str, kernels: list[str]) -> None:
    assert compiled(name, 8, 5)[1] == kernels
