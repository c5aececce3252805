"""A training step: what goes in and out, the objective, its exact gradient, and what an update does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from available import ENGINES, available
from sloy import losses, ops
from sloy.errors import InvalidArgument, NonFiniteError, ShapeError
from sloy.layers import (
    BatchNorm,
    Dense,
    Dropout,
    Sigmoid,
)
from sloy.losses import SquaredError
from sloy.metrics import MeanAbsoluteError, RSquared
from sloy.optimizers import SGD, Adam, Optimizer
from sloy.preprocessing import Preprocessing
from sloy.problem import Network
from sloy.problem.graphs import KEY
from sloy.regularizers import L2, MaxNorm
from sloy.training.gradients import gradients
from sloy.training.recipe import Recipe
from sloy.training.step import initial_variables, training_graph
from step_tasks import DESCENT, PLAIN, WEIGHTS, Arrays, X, Y, problem_of, step
from tolerances import SAME_FORMULA, assert_close

RNG = np.random.default_rng(12)

# --- the contract ---------------------------------------------------------------------------------


def test_inputs_outputs_and_variables_of_a_training_graph() -> None:
    network = Network((4,), [Dense(5), BatchNorm(), Dropout(0.5), Dense(3)])
    recipe = Recipe(optimizer=Adam())
    graph = training_graph(problem_of(network, data_dtype="uint8"), recipe, 6)
    assert {name: str(spec) for name, spec in graph.inputs.items()} == {
        "x": "uint8[6, 4]",
        "y": "int32[6]",
        "sample_weight": "float64[6]",
        "learning_rate": "float64[]",
        "step": "uint32[]",
    }
    assert list(graph.outputs) == ["loss", "weight", "gradient_norm", "accuracy"]
    assert all(graph.nodes[i].spec.shape == () for i in graph.outputs.values())
    trained = [*network.parameters]
    slots = [f"optimizer/{slot}/{name}" for name in trained for slot in ("mean", "square")]
    assert set(graph.updates) == {*trained, *network.states, *slots}
    assert str(graph.variables[KEY]) == "uint32[2]"
    assert set(graph.variables) <= set(initial_variables(problem_of(network), recipe))


def test_plain_descent_needs_neither_step_nor_key() -> None:
    graph = training_graph(problem_of(), DESCENT, 2)
    assert set(graph.inputs) == {"x", "y", "sample_weight", "learning_rate"}
    assert KEY not in graph.variables


def test_only_additive_metrics_have_a_figure_per_step() -> None:
    regression = problem_of(
        loss=SquaredError(),
        metrics=(MeanAbsoluteError(), RSquared()),
        target_shape=(3,),
        target_dtype="float64",
    )
    assert list(training_graph(regression, DESCENT, 2).outputs)[3:] == ["mean_absolute_error"]


# --- the objective --------------------------------------------------------------------------------


def by_hand(parameters: Arrays, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Losses and hits of each sample of the plain network, in NumPy."""
    hidden = np.tanh(x @ parameters["dense_1/weight"] + parameters["dense_1/bias"])
    z = hidden @ parameters["dense_2/weight"] + parameters["dense_2/bias"]
    lost = np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y]
    return lost, (z.argmax(1) == y).astype(float)


def test_weighted_means() -> None:
    variables = initial_variables(problem_of(), DESCENT)
    lost, hits = by_hand(variables, X, Y)
    found = step(problem_of(), variables, X, Y, WEIGHTS)
    assert_close(found["loss"], np.average(lost, weights=WEIGHTS), SAME_FORMULA)
    assert_close(found["accuracy"], np.average(hits, weights=WEIGHTS), SAME_FORMULA)
    assert_close(found["weight"], WEIGHTS.sum(), SAME_FORMULA)


def test_a_weight_of_zero_is_an_absent_sample() -> None:
    some, all_but_two = (
        initial_variables(problem_of(), DESCENT),
        initial_variables(problem_of(), DESCENT),
    )
    weights = np.array([1.0, 0, 2, 1, 0, 3])
    present = np.flatnonzero(weights)
    first = step(problem_of(), some, X, Y, weights)
    second = step(problem_of(), all_but_two, X[present], Y[present], weights[present])
    for name, value in second.items():
        assert_close(first[name], value, SAME_FORMULA, name=name)
    for name in PLAIN.parameters:
        assert_close(some[name], all_but_two[name], SAME_FORMULA, scale=1.0, name=name)


def test_no_weight_at_all_changes_nothing() -> None:
    variables = initial_variables(problem_of(), DESCENT)
    before = {name: value.copy() for name, value in variables.items()}
    found = step(problem_of(), variables, X, Y, np.zeros(6))
    assert {name: float(found[name]) for name in ("loss", "weight", "gradient_norm")} == {
        "loss": 0.0,
        "weight": 0.0,
        "gradient_norm": 0.0,
    }
    for name, value in before.items():
        np.testing.assert_array_equal(variables[name], value)


def test_penalties_are_added_once() -> None:
    network = Network((4,), [Dense(3, weight_regularizer=L2(0.5), bias_regularizer=L2(2.0))])
    plain = Network((4,), [Dense(3)])
    variables = initial_variables(problem_of(network), DESCENT)
    variables["dense_1/bias"][...] = [1.0, -1.0, 2.0]
    penalty = 0.5 * np.sum(variables["dense_1/weight"] ** 2) + 2.0 * 6.0
    rate = np.array(0.0)
    with_penalty = step(problem_of(network), variables, X, Y, learning_rate=rate)["loss"]
    without = step(problem_of(plain), variables, X, Y, learning_rate=rate)["loss"]
    assert_close(with_penalty, without + penalty, SAME_FORMULA)


# --- the update -----------------------------------------------------------------------------------


def changes(
    optimizer: Optimizer, network: Network = PLAIN, **options: Any
) -> tuple[Arrays, Arrays]:
    """Outputs of one step, and by how much each variable changed."""
    problem, recipe = problem_of(network), Recipe(optimizer=optimizer, **options)
    variables = initial_variables(problem, recipe)
    before = {name: value.copy() for name, value in variables.items()}
    outputs = step(problem, variables, X, Y, recipe=recipe)
    return outputs, {name: variables[name] - before[name] for name in before if name != KEY}


def norm(arrays: Arrays) -> float:
    return float(np.sqrt(sum(np.sum(a**2) for a in arrays.values())))


def test_a_step_goes_against_the_gradient() -> None:
    outputs, moved = changes(SGD(0.1))
    found = gradients(PLAIN, PLAIN.initialize(0, "float64"), X, Y, "categorical_crossentropy")
    for name, g in found.items():
        assert_close(moved[name], -0.1 * g, SAME_FORMULA, scale=1.0, name=name)
    assert_close(outputs["gradient_norm"], norm(found), SAME_FORMULA)
    told, same = changes(SGD(0.1), gradient_norms=True)
    for name, g in found.items():
        assert_close(told[f"gradient_norm/{name}"], norm({name: g}), SAME_FORMULA)
    for name, change in moved.items():
        np.testing.assert_array_equal(same[name], change)


def test_clipping() -> None:
    """The reported norm is that before; the step's length is rate · clip_norm."""
    free, _ = changes(SGD(0.1))
    bound = 0.5 * float(free["gradient_norm"])
    outputs, moved = changes(SGD(0.1, clip_norm=bound))
    assert outputs["gradient_norm"] == free["gradient_norm"]
    assert norm(moved) == pytest.approx(0.1 * bound, rel=1e-5)
    _, moved = changes(SGD(0.1, clip_value=1e-3))
    assert max(np.abs(m).max() for m in moved.values()) == pytest.approx(1e-4)
    _, loose = changes(SGD(0.1, clip_norm=1e3, clip_value=1e3))
    _, unclipped = changes(SGD(0.1))
    for name, value in unclipped.items():
        np.testing.assert_array_equal(loose[name], value)


def test_max_norm_holds_after_every_step() -> None:
    network = Network((4,), [Dense(3, weight_constraint=MaxNorm(0.5))])
    problem = problem_of(network)
    variables = initial_variables(problem, DESCENT)
    for _ in range(3):
        step(problem, variables, X, Y, learning_rate=np.array(5.0))
        lengths = np.linalg.norm(variables["dense_1/weight"], axis=0)
        assert (lengths <= 0.5 * (1 + 1e-12)).all()
    assert lengths.max() == pytest.approx(0.5)


def test_frozen_parameters_stay_and_have_no_slots() -> None:
    outputs, moved = changes(Adam(0.1), trainable=("dense_2/*",))
    assert not any("/dense_1/" in name for name in moved)
    for name, change in moved.items():
        assert np.any(change != 0) == ("dense_2" in name), name
    found = gradients(PLAIN, PLAIN.initialize(0, "float64"), X, Y, "categorical_crossentropy")
    trained = {name: g for name, g in found.items() if "dense_2" in name}
    assert_close(outputs["gradient_norm"], norm(trained), SAME_FORMULA)
    with pytest.raises(InvalidArgument, match="fits none of the parameters dense_1/weight"):
        changes(SGD(0.1), trainable=("conv*",))


def test_running_statistics_follow() -> None:
    network = Network((4,), [BatchNorm(momentum=0.9), Dense(3)])
    _, moved = changes(SGD(0.1), network)
    assert_close(moved["batch_norm_1/running_mean"], 0.1 * X.mean(0), SAME_FORMULA, scale=1.0)
    variance = 0.1 * (X.var(0, ddof=1) - 1.0)
    assert_close(moved["batch_norm_1/running_variance"], variance, SAME_FORMULA, scale=1.0)


def test_a_loss_that_is_not_finite_changes_nothing() -> None:
    variables = initial_variables(problem_of(), DESCENT)
    before = {name: value.copy() for name, value in variables.items()}
    bad = X.copy()
    bad[2, 1] = np.nan
    with pytest.raises(NonFiniteError):
        step(problem_of(), variables, bad, Y)
    for name, value in before.items():
        np.testing.assert_array_equal(variables[name], value)


def test_masks_are_a_function_of_seed_and_step() -> None:
    network = Network((4,), [Dense(50), Dropout(0.5), Dense(3)])
    start = network.initialize(0, "float64")

    def loss(seed: int, number: int) -> float:
        variables = initial_variables(problem_of(network), replace(DESCENT, seed=seed), start)
        return float(
            step(problem_of(network), variables, X, Y, step=np.array(number, np.uint32))["loss"]
        )

    assert loss(1, 0) == loss(1, 0)
    assert len({loss(1, 0), loss(1, 1), loss(2, 0)}) == 3


@pytest.mark.parametrize("on", ENGINES)
def test_an_epoch_with_a_partial_batch(on: str) -> None:
    """Batches of 4 and 2 of 6 samples, as two graphs that share the variables."""
    problem, recipe = problem_of(dtype="float32", data_dtype="float32"), Recipe(optimizer=Adam(0.1))
    engine, variables = available(on), initial_variables(problem, recipe)
    graphs = {n: training_graph(problem, recipe, n) for n in (4, 2)}
    x, weights = X.astype(np.float32), WEIGHTS.astype(np.float32)
    order = np.array([5, 0, 3, 1, 2, 4])
    run = engine.run_batches(
        {n: engine.compile(graph, variables) for n, graph in graphs.items()},
        {"x": x, "y": Y, "sample_weight": weights},
        order,
        4,
        {"learning_rate": np.full(2, 0.1, np.float32), "step": np.arange(2, dtype=np.uint32)},
    )
    assert run.status == "done"
    truth = problem_of()
    expected = initial_variables(truth, recipe, PLAIN.initialize(0, "float32"))
    for number, rows in enumerate((order[:4], order[4:])):
        outputs = step(
            truth, expected, X[rows], Y[rows], WEIGHTS[rows], recipe=recipe,
            step=np.array(number, np.uint32),
        )  # fmt: skip
        for name, value in outputs.items():
            np.testing.assert_allclose(run.outputs[name][number], value, rtol=1e-4, err_msg=name)
    for name in PLAIN.parameters:
        np.testing.assert_allclose(
            variables[name], expected[name], rtol=1e-4, atol=1e-5, err_msg=name
        )


# --- data, mistakes --------------------------------------------------------------------


def test_pixels_are_preprocessed_in_the_graph() -> None:
    pixels = RNG.integers(0, 256, (6, 4), dtype=np.uint8)
    ready = Preprocessing(mean=(10.0,), deviation=(50.0,))
    raw = problem_of(data_dtype="uint8", preprocessing=ready)
    one = step(raw, initial_variables(raw, DESCENT), pixels, Y)
    other = step(problem_of(), initial_variables(problem_of(), DESCENT), (pixels - 10.0) / 50.0, Y)
    assert_close(one["loss"], other["loss"], SAME_FORMULA)


def test_a_sigmoid_neuron_with_squared_error_is_welcome() -> None:
    """The lecture's neuron (L1)."""
    problem = problem_of(
        Network((4,), [Dense(1), Sigmoid()]),
        loss=SquaredError(),
        metrics=(),
        target_shape=(1,),
        target_dtype="float64",
    )
    assert training_graph(problem, DESCENT, 2).outputs


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError, match="parameter `dense_1/weight` has shape"):
        initial_variables(problem_of(), DESCENT, PLAIN.initialize(0) | {"dense_1/weight": X})
    custom = losses.CustomLoss(lambda a, y: ops.reshape(a - y, (3, 2)))
    wrong = problem_of(loss=custom, target_shape=(3,), target_dtype="float64")
    with pytest.raises(ShapeError, match="one loss per sample"):
        training_graph(wrong, DESCENT, 2)


def test_initial_variables_are_copies() -> None:
    start = PLAIN.initialize(0, "float64")
    variables = initial_variables(problem_of(), DESCENT, start)
    step(problem_of(), variables, X, Y)
    np.testing.assert_array_equal(
        start["dense_1/weight"], PLAIN.initialize(0, "float64")["dense_1/weight"]
    )
    assert np.any(variables["dense_1/weight"] != start["dense_1/weight"])
