"""`deterministic="any-threads"`: the same bits at every number of threads, and right ones."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

import numpy as np
import pytest

from available import available
from sloy import ops, zoo
from sloy.engines import engine
from sloy.errors import InvalidArgument
from sloy.graph import Graph
from sloy.layers import Conv2D, Dense, Flatten, ReLU
from sloy.losses import CategoricalCrossentropy
from sloy.optimizers import SGD
from sloy.problem import Network, Problem
from sloy.training.recipe import Recipe
from sloy.training.step import initial_variables, training_graph

THREADS = (1, 2, 3, 4, 7)
MODES = pytest.mark.parametrize("mode", ["same-threads", "any-threads"])


def trained(network: Network, batch: int, threads: int, mode: str) -> dict[str, np.ndarray]:
    """Parameters after three steps."""
    runs = engine("native", threads, mode)
    problem = Problem(network, CategoricalCrossentropy())
    recipe = Recipe(optimizer=SGD(0.05, momentum=0.9))
    variables = initial_variables(problem, recipe)
    executable = runs.compile(training_graph(problem, recipe, batch), variables, guard=("loss",))
    random = np.random.default_rng(0)
    rows = 3 * batch
    columns = {
        "x": random.random((rows, *network.input_shape), np.float32),
        "y": random.integers(0, network.output_shape[0], rows).astype(np.int32),
        "sample_weight": np.ones(rows, np.float32),
    }
    fed = {"learning_rate": np.full(3, 0.05, np.float32), "step": np.arange(3, dtype=np.uint32)}
    fed = {name: values for name, values in fed.items() if name in executable.graph.inputs}
    runs.run_batches({batch: executable}, columns, np.arange(rows), batch, fed)
    return variables


NETWORKS = {
    "mlp": (zoo.make("mlp", (28, 28, 1), 10), 67),
    "lenet5": (zoo.make("lenet5", (28, 28, 1), 10), 33),
    "cnn_wide": (zoo.make("cnn_wide", (14, 14, 3), 10), 21),
    "strided": (
        Network((11, 9, 24), [Conv2D(40, 5, stride=2), ReLU(), Conv2D(20, 1), Flatten(), Dense(7)]),
        10,
    ),
    "fewer samples than pieces": (
        Network((40, 40, 3), [Conv2D(24, 7), ReLU(), Flatten(), Dense(3)]),
        3,
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_bits_at_every_number_of_threads(name: str) -> None:
    available("native")
    network, batch = NETWORKS[name]
    first, *others = (trained(network, batch, threads, "any-threads") for threads in THREADS)
    for found in others:
        for parameter, values in first.items():
            np.testing.assert_array_equal(found[parameter], values, err_msg=parameter)
    usual = trained(network, batch, 1, "same-threads")
    for parameter in network.parameters:  # it computes the same thing, in another order
        scale = np.abs(usual[parameter]).max()
        np.testing.assert_allclose(first[parameter], usual[parameter], atol=1e-4 * scale)


def product(m: int, n: int, k: int, transpose_a: bool, transpose_b: bool) -> tuple[Graph, dict]:
    """A product with its bias and tanh, and operands of small integers, whose sums are exact."""
    shapes = {
        "a": (k, m) if transpose_a else (m, k),
        "b": (n, k) if transpose_b else (k, n),
        "bias": (n,),
    }
    a, b, bias = (ops.input(name, shape) for name, shape in shapes.items())
    total = ops.matmul(a, b, transpose_a=transpose_a, transpose_b=transpose_b) + bias
    random = np.random.default_rng(m + n + k)
    given = {
        name: random.integers(-4, 5, shape).astype(np.float32) for name, shape in shapes.items()
    }
    return Graph.of({"total": total, "tanh": ops.tanh(total)}), given


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("m", [1, 5, 8, 50, 257, 1024])
def test_products_are_right(transpose_a: bool, transpose_b: bool, m: int) -> None:
    available("native")
    for n, k in ((50, 300), (128, 784), (1, 65), (17, 1000), (520, 70)):
        graph, given = product(m, n, k, transpose_a, transpose_b)
        left = given["a"].T if transpose_a else given["a"]
        right = given["b"].T if transpose_b else given["b"]
        expected = left @ right + given["bias"]
        for threads in (1, 3):
            for mode in ("any-threads", "same-threads"):
                found = engine("native", threads, mode).compile(graph, {}).run(given)
                np.testing.assert_array_equal(found["total"], expected)
                np.testing.assert_allclose(found["tanh"], np.tanh(expected), atol=3e-7)


@MODES
def test_pieces_done_by_other_threads_give_the_same_bits(mode: str) -> None:
    """More threads than cores: which one does a piece differs from run to run."""
    available("native")
    network, batch = NETWORKS["cnn_wide"]
    first = trained(network, batch, 7, mode)
    for _ in range(10):
        for parameter, values in trained(network, batch, 7, mode).items():
            np.testing.assert_array_equal(values, first[parameter], err_msg=parameter)


@MODES
def test_busy_programs_do_not_change_the_bits(mode: str) -> None:
    """A thread without a core leaves its pieces to the other, which then works alone for a while."""
    available("native")
    network, batch = NETWORKS["cnn_wide"]
    first = trained(network, batch, 2, mode)
    with contextlib.ExitStack() as stack:
        for _ in range(2 * len(os.sched_getaffinity(0))):
            busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(busy.wait)
            stack.callback(busy.kill)
        for _ in range(5):
            for parameter, values in trained(network, batch, 2, mode).items():
                np.testing.assert_array_equal(values, first[parameter], err_msg=parameter)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(
        InvalidArgument, match=r"`deterministic`.*'perhaps'.*same-threads, any-threads"
    ):
        engine("reference", 1, "perhaps")  # type: ignore[arg-type]
