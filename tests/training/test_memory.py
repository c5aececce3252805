"""The memory of a run is known before it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import sloy
from available import available, installed
from sloy import losses
from sloy.problem import Problem
from sloy.training.memory import memory_estimate
from sloy.training.recipe import Recipe
from sloy.training.state import GUARD
from sloy.training.step import training_graph
from training.memory_process import CASES
from training_tasks import cnn, environment, mlp

PICTURES = Problem(cnn(), losses.CategoricalCrossentropy(), data_dtype="uint8")
# The reference engine takes long for most of them.
RUNS = [("reference", "plain descent"), ("reference", "validation")]
RUNS += [("native", case) for case in CASES if "native" in installed()]


def test_the_parts():
    problem = Problem(mlp(), losses.CategoricalCrossentropy())
    found = memory_estimate(problem, 100, Recipe(batch_size=32))
    parameters = 4 * 16 + 16 + 16 * 3 + 3 + 2 * 16  # two dense layers, scale and shift
    assert found.parameters == 4 * (parameters + 2 * 16)  # and running mean and variance
    assert found.slots == 4 * 2 * parameters
    assert found.data == 100 * (4 * 4 + 4 + 4 + 48)  # x, y, weight, rows and order
    assert found.activations > 0
    assert found.drawing == 0
    assert found.total == found.parameters + found.slots + found.data + found.activations
    plain = Recipe(optimizer="sgd", batch_size=32)
    assert memory_estimate(problem, 100, plain).slots == 0
    assert "B (parameters " in str(found)


def test_activations_grow_with_the_batch_and_with_validation():
    small, large = (
        memory_estimate(PICTURES, 1024, Recipe(optimizer="sgd", batch_size=n)) for n in (32, 256)
    )
    assert 6 < large.activations / small.activations < 9
    assert small.data == 1024 * (64 + 4 + 4 + 48)
    recipe = Recipe(optimizer="sgd", batch_size=32)
    more = memory_estimate(PICTURES, 1024, recipe, validation_samples=100)
    assert more.data == small.data + 100 * (64 + 4 + 4)
    assert more.activations > small.activations
    split = memory_estimate(PICTURES, 1024, recipe, validation_samples=100, split=True)
    assert split.data == more.data + 1124 * (64 + 4)  # and the data that were given


def test_activations_take_less_in_mixed_precision():
    """As much less as what the engine compiles."""
    recipe, native = Recipe(optimizer="sgd", batch_size=64), available("native")
    emulated = replace(native, precision="emulated")
    plain, mixed = (memory_estimate(PICTURES, 64, recipe, engine=e) for e in (native, emulated))
    assert mixed.activations < plain.activations
    assert mixed.parameters == plain.parameters
    said = replace(recipe, precision="emulated")  # by the recipe, of an engine that is named
    assert memory_estimate(PICTURES, 64, said, engine="native") == mixed
    graph = training_graph(PICTURES, recipe, 64)
    assert mixed.activations == emulated.memory_forecast(graph, GUARD)


def test_drawing_counts_where_it_takes_more_than_training():
    network = sloy.Network((1000,), [sloy.layers.Dense(1000), sloy.layers.Dense(1)])
    target = {"target_shape": (1,), "target_dtype": "float32"}
    problem = Problem(network, losses.SquaredError(), **target)
    found = memory_estimate(problem, 10, Recipe(optimizer="sgd", batch_size=1))
    assert found.drawing == 12 * 1000 * 1000 - found.activations > 0
    assert found.total > 16 * 1000 * 1000


@pytest.mark.parametrize(("engine", "case"), RUNS)
def test_prediction_and_measurement_agree_within_a_fifth(engine, case):
    script = Path(__file__).with_name("memory_process.py")
    command = [sys.executable, str(script), engine, case]
    found = subprocess.run(
        command, capture_output=True, text=True, env=environment(), timeout=120, check=True
    )
    predicted, measured = map(int, found.stdout.split())
    assert measured > 60e6, "too little to say anything"
    assert predicted == pytest.approx(measured, rel=0.2), found.stderr
