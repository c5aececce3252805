"""sloy against PyTorch: 50 steps of every optimiser, every loss with its gradient, every schedule.

The numbers were written by ``golden/generate.py``; the problems stand in ``golden/problems.py``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from available import ENGINES, available
from golden.problems import (
    BATCH,
    DESCENTS,
    FIGURES,
    LABELS,
    MIXTURE,
    OUTPUTS,
    PROBLEMS,
    SNAPSHOTS,
    STEPS,
    TOTAL_STEPS,
    VALUES,
    YES,
    Arrays,
    Descent,
)
from sloy import losses, ops, optimizers, schedules
from sloy.engines import Engine, ReferenceEngine
from sloy.graph import Graph, backprop
from sloy.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Tanh
from sloy.problem import Network, Problem
from sloy.training.recipe import Recipe
from sloy.training.step import initial_variables, training_graph
from tolerances import Tolerance, assert_close

FOLDER = Path(__file__).parent / "golden"

NETWORKS = {
    "mlp": Network((6,), [Dense(8), Tanh(), Dense(3)]),
    "cnn": Network(
        (6, 6, 2), [Conv2D(4, 3, padding="same"), MaxPool2D(2), ReLU(), Flatten(), Dense(3)]
    ),
}

# 1e-9 relative, of an array's largest element, after any number of steps.
GOLDEN = Tolerance(1e-9 / np.finfo(np.float64).eps)


@cache
def golden(name: str) -> Arrays:
    with np.load(FOLDER / f"{name}.npz") as file:
        return {key: file[key] for key in file}


def run(problem_name: str, descent: Descent, dtype: str, on: Engine) -> Arrays:
    """Losses and gradient norms of all steps, and all weights after the steps of `SNAPSHOTS`."""
    given = PROBLEMS[problem_name]
    problem = Problem(
        NETWORKS[problem_name],
        losses.CategoricalCrossentropy(),
        data_dtype=dtype,
        dtype=dtype,
    )
    recipe = Recipe(optimizer=getattr(optimizers, descent.sloy)(**descent.sloy_arguments))
    variables = initial_variables(problem, recipe, given.weights)
    graph = training_graph(problem, recipe, BATCH)
    executable = on.compile(graph, variables, ("loss", "gradient_norm"))
    rates = recipe.descent.schedule.rates(0, STEPS, STEPS).astype(dtype)
    outputs, kept = [], []
    for step in range(STEPS):
        rows = given.batch(step)
        feeds = {
            "x": given.x[rows].astype(dtype),
            "y": given.y[rows],
            "sample_weight": given.sample_weight[rows].astype(dtype),
            "learning_rate": rates[step],
            "step": np.array(step, np.uint32),
        }
        outputs.append(executable.run({name: np.asarray(feeds[name]) for name in graph.inputs}))
        if step + 1 in SNAPSHOTS:
            kept.append(np.concatenate([variables[name].ravel() for name in given.weights]))
    found = {key: np.array([step[key] for step in outputs]) for key in ("loss", "gradient_norm")}
    return found | {"weights": np.array(kept)}


def largest(array: np.ndarray) -> np.ndarray:
    """The largest size along the last axis, kept."""
    return np.abs(array).max(axis=-1, keepdims=True)


TRAJECTORIES = [(problem, descent) for problem in PROBLEMS for descent in DESCENTS]


@pytest.mark.parametrize(("problem", "descent"), TRAJECTORIES)
def test_trajectory_in_float64(problem: str, descent: str) -> None:
    actual = run(problem, DESCENTS[descent], "float64", ReferenceEngine())
    for key, value in actual.items():
        expected = golden("trajectories")[f"{problem}/{descent}/{key}"]
        scale = largest(expected) if key == "weights" else None
        assert_close(value, expected, GOLDEN, scale=scale, name=key)


def float32_tolerance(step: int) -> Tolerance:
    """Each step adds roundings of the order of one ulp to weights that descent draws together: 8 ulps per step.

    Measured with the reference engine: at most 1.5 ulps per step.
    """
    return Tolerance(8.0 * step)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(("problem", "descent"), TRAJECTORIES)
def test_trajectory_in_float32(problem: str, descent: str, name: str) -> None:
    actual = run(problem, DESCENTS[descent], "float32", available(name, threads=1))
    expected = {key: golden("trajectories")[f"{problem}/{descent}/{key}"] for key in actual}
    for step in range(STEPS):
        for key in ("loss", "gradient_norm"):
            label = f"{key} of step {step}"
            tolerance = float32_tolerance(step + 1)
            assert_close(actual[key][step], expected[key][step], tolerance, name=label)
    for row, step in enumerate(SNAPSHOTS):
        scale = largest(expected["weights"][row])
        assert_close(
            actual["weights"][row],
            expected["weights"][row],
            float32_tolerance(step),
            scale=scale,
            name=f"weights after step {step}",
        )


def test_a_wrong_formula_is_seen() -> None:
    """The comparison notices an Adam whose ε differs by 1e-9."""
    theirs = golden("trajectories")["cnn/adam/loss"]
    changed = replace(DESCENTS["adam"], sloy_arguments={"learning_rate": 0.01, "epsilon": 1.1e-8})
    actual = run("cnn", changed, "float64", ReferenceEngine())["loss"]
    with pytest.raises(AssertionError, match="beyond"):
        assert_close(actual, theirs, GOLDEN)


LOSSES: dict[str, tuple[losses.Loss, np.ndarray]] = {
    "squared_error": (losses.SquaredError(), VALUES),
    "absolute_error": (losses.AbsoluteError(), VALUES),
    "huber": (losses.Huber(), VALUES),
    "huber_2.5": (losses.Huber(2.5), VALUES),
    "binary": (losses.BinaryCrossentropy(), YES),
    "binary_smooth": (losses.BinaryCrossentropy(label_smoothing=0.1), YES),
    "labels": (losses.CategoricalCrossentropy(), LABELS),
    "labels_smooth": (losses.CategoricalCrossentropy(label_smoothing=0.1), LABELS),
    "mixture": (losses.CategoricalCrossentropy(), MIXTURE),
    "hinge": (losses.Hinge(), LABELS),
    "hinge_binary": (losses.Hinge(), YES[:, :1]),
}


def test_every_golden_loss_is_compared() -> None:
    assert {key.split("/")[0] for key in golden("losses")} == {*LOSSES, "torch_version"}


@pytest.mark.parametrize("name", LOSSES)
def test_loss_and_gradient(name: str) -> None:
    loss, y = LOSSES[name]
    outputs = OUTPUTS[:, :1] if name == "hinge_binary" else OUTPUTS
    target = loss.target(y, outputs.shape[1:], "float64")
    z = ops.input("z", outputs.shape, "float64")
    values = loss.per_sample(z, ops.input("y", target.shape, target.dtype.name))
    (gradient,) = backprop(ops.reduce_sum(values), [z])
    graph = Graph.of({"value": values, "gradient": gradient})
    found = ReferenceEngine().compile(graph, {}).run({"z": outputs, "y": target})
    expected = golden("losses")
    assert_close(found["value"], expected[f"{name}/value"], GOLDEN, name="value")
    theirs = expected[f"{name}/gradient"][:, : outputs.shape[1]]
    assert_close(found["gradient"], theirs, GOLDEN, scale=1.0, name="gradient")


SCHEDULES: dict[str, schedules.Schedule] = {
    "step": schedules.StepDecay(0.5, 7, 0.3),
    "exponential": schedules.Exponential(0.5, 0.93),
    "cosine": schedules.Cosine(0.5, 0.01),
    "one_cycle": schedules.OneCycle(0.5),
    "one_cycle_other": schedules.OneCycle(0.5, 0.45, 10.0, 50.0),
    "warm_up": schedules.WarmUp(0.5, 9, 0.2),
    "warm_up_step": schedules.WarmUp(schedules.StepDecay(0.5, 7, 0.3), 5),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name: str) -> None:
    total = TOTAL_STEPS + 1 if name.startswith("one_cycle") else TOTAL_STEPS
    actual = SCHEDULES[name].rates(0, TOTAL_STEPS, total)
    assert_close(actual, golden("schedules")[name], GOLDEN)


PLATEAUS: dict[str, tuple[schedules.ReduceOnPlateau, np.ndarray]] = {
    "plateau": (schedules.ReduceOnPlateau(0.5, 0.5, 2), FIGURES),
    "plateau_cooldown": (
        schedules.ReduceOnPlateau(0.5, 0.2, 1, cooldown=3, threshold=0.01, minimum=0.01),
        FIGURES,
    ),
    "plateau_max": (schedules.ReduceOnPlateau(0.5, 0.5, 1, mode="max"), 2.0 - FIGURES),
}


@pytest.mark.parametrize("name", PLATEAUS)
def test_reduce_on_plateau(name: str) -> None:
    schedule, figures = PLATEAUS[name]
    actual = [
        schedule.rates(10 * epoch, 3, 1000, figures[:epoch].tolist())
        for epoch in range(len(figures) + 1)
    ]
    expected = np.repeat(golden("schedules")[name][:, None], 3, axis=1)
    assert_close(np.array(actual), expected, GOLDEN)
    assert len(np.unique(expected)) > 2  # the rate did fall, more than once


def test_every_golden_schedule_is_compared() -> None:
    assert set(golden("schedules")) == {*SCHEDULES, *PLATEAUS, "torch_version"}


@pytest.mark.parametrize("name", ["trajectories", "losses", "schedules"])
def test_the_files_say_which_pytorch_wrote_them(name: str) -> None:
    assert str(golden(name)["torch_version"]).startswith("2.13")
