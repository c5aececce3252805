"""Network: names, building, sharing of variables between batch sizes, summary, configuration."""

from __future__ import annotations

import copy
import json
import pickle
import re
from typing import Any

import numpy as np
import pytest

from available import installed
from sloy import ops
from sloy.engines import ReferenceEngine, engine
from sloy.errors import FileFormatError, InvalidArgument, ShapeError
from sloy.graph import Graph
from sloy.language import speak
from sloy.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    ReLU,
    Residual,
    Tanh,
)
from sloy.problem import Network
from sloy.problem.summary import multiply_adds


def small() -> Network:
    return Network(
        (6, 6, 2),
        [Conv2D(4, 3), BatchNorm(), ReLU(), MaxPool2D(2), Flatten(), Dropout(0.5), Dense(3)],
    )


def residual() -> Network:
    body: list[Layer] = [Conv2D(4, 3, padding="same"), BatchNorm()]
    return Network((4, 4, 3), [Residual(body, [Conv2D(4, 1)]), Residual([ReLU()], name="second")])


def test_names() -> None:
    assert small().layer_names == (
        "conv2d_1", "batch_norm_1", "relu_1", "max_pool2d_1", "flatten_1", "dropout_1", "dense_1",
    )  # fmt: skip
    assert list(small().parameters) == [
        "conv2d_1/weight", "conv2d_1/bias", "batch_norm_1/scale", "batch_norm_1/shift",
        "dense_1/weight", "dense_1/bias",
    ]  # fmt: skip
    assert list(small().states) == ["batch_norm_1/running_mean", "batch_norm_1/running_variance"]


def test_names_inside_a_residual() -> None:
    assert list(residual().parameters) == [
        "residual_1/conv2d_1/weight", "residual_1/conv2d_1/bias", "residual_1/batch_norm_1/scale",
        "residual_1/batch_norm_1/shift", "residual_1/shortcut/conv2d_1/weight",
        "residual_1/shortcut/conv2d_1/bias",
    ]  # fmt: skip
    built = residual().build(ops.input("x", (2, 4, 4, 3)))
    assert list(built.activations) == [
        "residual_1/conv2d_1", "residual_1/batch_norm_1", "residual_1/shortcut/conv2d_1",
        "residual_1", "second/relu_1", "second",
    ]  # fmt: skip
    assert built.activations["second"] is built.output


def test_given_names_are_kept_and_numbers_pass_them() -> None:
    layers = [Dense(4), Dense(3, name="dense_2"), Dense(2), Dense(2, name="head")]
    assert Network((4,), layers).layer_names == ("dense_1", "dense_2", "dense_3", "head")


def test_one_name_twice() -> None:
    with pytest.raises(InvalidArgument, match=r"`name` \(='a'\) is given to two layers"):
        Network((4,), [Dense(4, name="a"), Dense(3, name="a")])


def test_one_layer_used_twice_has_two_sets_of_parameters() -> None:
    layer = Dense(4)
    network = Network((4,), [layer, Tanh(), layer])
    assert network.parameter_count == 40


def test_training_and_use_share_their_variables_and_batch_sizes_too() -> None:
    key, step = ops.variable("random/key", (2,), "uint32"), ops.input("step", (), "uint32")
    specs = []
    for size, training in ((5, True), (2, True), (7, False)):
        built = small().build(
            ops.input("x", (size, 6, 6, 2)), training=training, key=key, step=step
        )
        graph = Graph.of({"y": built.output}, built.updates)
        assert built.output.shape == (size, 3)
        assert bool(built.updates) == training
        names = [*small().parameters, *small().states]
        specs.append({name: graph.variables.get(name) for name in names})
    assert specs[0] == specs[1]
    assert {k: v for k, v in specs[2].items() if v} == specs[2]


def test_a_batch_is_its_samples() -> None:
    """In use, each sample's output does not depend on the others."""
    network, rng = residual(), np.random.default_rng(0)
    variables = network.initialize(1, "float64")
    x = rng.normal(size=(3, 4, 4, 3))

    def run(batch: np.ndarray) -> np.ndarray:
        built = network.build(ops.input("x", batch.shape, "float64"))
        executable = ReferenceEngine().compile(Graph.of({"y": built.output}), variables)
        return executable.run({"x": batch})["y"]

    together = run(x)
    for i in range(3):
        assert np.allclose(together[i], run(x[i : i + 1])[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "x",
    [
        ops.input("x", (5, 6, 6, 3)),
        ops.input("x", (6, 6, 2)),
        ops.input("x", (5, 72)),
        ops.input("x", ()),
        ops.input("x", (5, 6, 6, 2), "uint8"),
    ],
    ids=lambda x: str(x.spec),
)
def test_build_checks_its_input(x: Any) -> None:
    with pytest.raises(ShapeError, match=r"the input is .*must be float \(N, 6, 6, 2\)"):
        small().build(x)


@pytest.mark.parametrize(
    ("shape", "layers", "message"),
    [
        ((), [Dense(1)], r"`input_shape` \(=\(\)\) must be a tuple"),
        (7, [Dense(1)], r"`input_shape` \(=7\)"),
        ((0,), [Dense(1)], r"`input_shape` \(=0\) must be an integer of at least 1"),
        ((2.5,), [Dense(1)], r"`input_shape` \(=2.5\)"),
        ((None, 3), [Dense(1)], r"`input_shape` \(=None\)"),
        ((3,), [], r"`layers` is empty"),
        ((3,), None, r"`layers` \(=None\) must be a list of layers"),
        ((3,), Dense(1), r"`layers` \(=Dense\(1\)\) must be a list of layers"),
        ((3,), [Dense], r"`layers\[0\]` .*write `Dense\(…\)`"),
        ((3,), [Dense(1), ops.tanh], r"`layers\[1\]` .*Activation\(function\)"),
        ((3,), [Dense(1), "relu"], r"`layers\[1\]` \(='relu'\) must be a layer"),
    ],
)
def test_arguments(shape: Any, layers: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match="Network: " + message):
        Network(shape, layers)


def test_a_value_among_values() -> None:
    assert small() == small()
    assert hash(small()) == hash(small())
    assert small() != residual()
    assert pickle.loads(pickle.dumps(residual())) == residual()
    assert copy.deepcopy(small()) == small()
    with pytest.raises(AttributeError):
        small().layers = ()  # type: ignore[misc]
    assert repr(Network([4], [Dense(3, use_bias=False), Tanh()])) == (
        "Network((4,), [Dense(3, use_bias=False), Tanh()])"
    )


# --- configuration --------------------------------------------------------------------------------


@pytest.mark.parametrize("network", [small(), residual()], ids=["small", "residual"])
def test_configuration(network: Network) -> None:
    again = Network.from_config(json.loads(json.dumps(network.to_config())))
    assert again == network
    values, others = network.initialize(3), again.initialize(3)
    assert all(np.array_equal(values[name], others[name]) for name in values)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "a network is described by None"),
        ({"layers": []}, "a network is described by"),
        ({"input_shape": [3], "layers": 3}, "must be a list"),
        ({"input_shape": [3], "layers": []}, "is empty"),
        ({"input_shape": "abc", "layers": [{"layer": "ReLU"}]}, "`input_shape`"),
        ({"input_shape": [3], "layers": [{"layer": "Flat"}]}, "no layer is named 'Flat'"),
        ({"input_shape": [3, 3], "layers": [{"layer": "Dense", "units": 3}]}, "dense_1"),
    ],
)
def test_a_wrong_configuration(config: Any, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        Network.from_config(config)


# --- summary --------------------------------------------------------------------------------------


def test_summary_counts() -> None:
    summary = small().summary(5)
    rows = {row.name: row for row in summary.rows}
    assert rows["conv2d_1"].output_shape == (4, 4, 4)
    assert rows["conv2d_1"].parameters == 3 * 3 * 2 * 4 + 4
    assert rows["conv2d_1"].multiply_adds == 4 * 4 * 4 * 3 * 3 * 2
    assert rows["conv2d_1"].output_bytes == 5 * 4 * 4 * 4 * 4
    assert rows["batch_norm_1"].states == 8
    assert rows["flatten_1"].output_bytes == 0
    assert rows["dense_1"].multiply_adds == 16 * 3
    assert summary.parameters == 76 + 8 + 51 == small().parameter_count
    assert summary.states == 8
    assert summary.multiply_adds == 1152 + 48
    assert summary.parameter_bytes == 4 * (135 + 8)


def test_the_summary_in_russian_has_the_same_numbers() -> None:
    summary = small().summary(5)
    english = str(summary)
    with speak("ru"):
        russian, table = str(summary), summary._repr_html_()
    words = ("слой", "выход", "параметры", "вход: 6 × 6 × 2", "8 скользящих статистик", "размера 5")
    assert all(word in russian for word in words)
    assert "<th>слой</th>" in table
    assert "кБ" in table
    assert "kB" not in russian + table
    assert re.findall(r"[\d.]+", russian) == re.findall(r"[\d.]+", english)


def test_summary_counts_inside_a_layer_once() -> None:
    summary = residual().summary(2)
    rows = {row.name: row for row in summary.rows}
    assert [row.name for row in summary.rows] == [
        "residual_1", "residual_1/conv2d_1", "residual_1/batch_norm_1",
        "residual_1/shortcut/conv2d_1", "second", "second/relu_1",
    ]  # fmt: skip
    assert [row.depth for row in summary.rows] == [0, 1, 1, 1, 0, 1]
    assert rows["residual_1/conv2d_1"].multiply_adds == 16 * 4 * 27
    assert rows["residual_1"].multiply_adds == 16 * 4 * 27 + 16 * 4 * 3
    assert summary.multiply_adds == rows["residual_1"].multiply_adds
    assert summary.parameters == residual().parameter_count


def test_multiply_adds_with_groups_and_transposes() -> None:
    x, w = ops.input("x", (1, 5, 5, 6)), ops.variable("w", (3, 3, 2, 9))
    assert multiply_adds([ops.conv2d(x, w, groups=3)]) == 9 * 9 * 9 * 2
    a, b = ops.input("a", (7, 2)), ops.input("b", (5, 7))
    assert multiply_adds([ops.matmul(a, b, transpose_a=True, transpose_b=True)]) == 2 * 5 * 7


def test_multiply_adds_do_not_depend_on_the_batch() -> None:
    assert residual().summary(1).multiply_adds == residual().summary(9).multiply_adds


def test_memory_grows_with_the_batch_and_holds_what_must_live() -> None:
    one, many = small().summary(1), small().summary(64)
    assert one.parameter_bytes == many.parameter_bytes
    assert one.step_arena_bytes < many.step_arena_bytes
    # The backward pass needs the convolution's output and its input at once.
    assert many.step_arena_bytes >= 64 * (6 * 6 * 2 + 4 * 4 * 4) * 4
    assert many.inference_arena_bytes < many.step_arena_bytes
    assert small().summary(64, dtype="float64").parameter_bytes == 2 * many.parameter_bytes


def test_memory_of_a_given_step_has_its_optimiser() -> None:
    from sloy.losses import CategoricalCrossentropy
    from sloy.optimizers import Adam
    from sloy.problem import Problem
    from sloy.training.recipe import Recipe
    from sloy.training.step import training_graph

    problem = Problem(small(), CategoricalCrossentropy())
    recipe = Recipe(optimizer=Adam(1e-3))
    summary = small().summary(8, step=training_graph(problem, recipe, 8))
    key = 8
    assert summary.step_variable_bytes == 4 * (3 * 135 + 8) + key


@pytest.mark.parametrize("name", installed())
def test_memory_is_that_of_the_engine_that_runs(name: str) -> None:
    from sloy.losses import CategoricalCrossentropy
    from sloy.problem import Problem
    from sloy.training.recipe import Recipe
    from sloy.training.step import training_graph

    step = training_graph(Problem(small(), CategoricalCrossentropy()), Recipe(), 8)
    summary = small().summary(8, step=step, engine=name)
    forecast = engine(name).memory_forecast(step, ("loss", "gradient_norm"))
    assert summary.step_arena_bytes == forecast
    wide = small().summary(8, dtype="float64")
    assert wide == small().summary(8, dtype="float64", engine="reference")


def test_summary_text() -> None:
    text = str(residual().summary(2))
    lines = text.splitlines()
    assert lines[0].split() == ["layer", "output", "parameters", "multiply-adds", "output", "bytes"]
    assert any(line.startswith("residual_1") and "4 × 4 × 4" in line for line in lines)
    assert "Residual(…, …)" in text
    assert any(line.startswith("  shortcut/conv2d_1") for line in lines)
    assert f"parameters: {residual().parameter_count} (" in text
    assert "memory for batches of 2:" in text
    html = residual()._repr_html_()
    assert html.count("<tr>") == 7
    assert "<td>4 × 4 × 4</td>" in html


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, "8"])
def test_summary_checks_its_batch_size(batch_size: Any) -> None:
    with pytest.raises(InvalidArgument, match="`batch_size`"):
        small().summary(batch_size)


def test_html_is_escaped() -> None:
    layer = Activation(lambda z: z * 2.0)
    assert "<lambda>" not in Network((3,), [layer])._repr_html_()
