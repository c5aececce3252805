"""The memory of a run is known before it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import sloy
from sloy import losses
from sloy.steps.graphs import StepSpec
from sloy.training.memory import memory_estimate
from training_tasks import cnn, engines, environment, mlp

NATIVE = [engine for engine in engines() if engine != "reference"]


def test_the_parts():
    spec = StepSpec(mlp(), losses.CategoricalCrossentropy(), sloy.Adam())
    found = memory_estimate(spec, 32, 100)
    parameters = 4 * 16 + 16 + 16 * 3 + 3 + 2 * 16  # two dense layers, scale and shift
    assert found.parameters == 4 * (parameters + 2 * 16)  # and running mean and variance
    assert found.slots == 4 * 2 * parameters
    assert found.data == 100 * (4 * 4 + 4 + 4 + 8)  # x, y, weight, order
    assert found.activations > 0
    assert found.total == found.parameters + found.slots + found.data + found.activations
    plain = StepSpec(mlp(), losses.CategoricalCrossentropy(), sloy.SGD())
    assert memory_estimate(plain, 32, 100).slots == 0
    assert "MiB (parameters " in str(found)


def test_activations_grow_with_the_batch_and_with_validation():
    spec = StepSpec(cnn(), losses.CategoricalCrossentropy(), sloy.SGD(), data_dtype="uint8")
    small, large = (memory_estimate(spec, n, 1024) for n in (32, 256))
    assert 6 < large.activations / small.activations < 9
    assert small.data == 1024 * (64 + 4 + 4 + 8)
    more = memory_estimate(spec, 32, 1024, validation_samples=100)
    assert more.data == small.data + 100 * (64 + 4 + 4)
    assert more.activations > small.activations


@pytest.mark.parametrize("engine", NATIVE)
@pytest.mark.parametrize("network", ["dense", "convolutional"])
def test_prediction_and_measurement_agree_within_a_fifth(engine, network):
    script = Path(__file__).with_name("memory_process.py")
    command = [sys.executable, str(script), engine, network]
    found = subprocess.run(
        command, capture_output=True, text=True, env=environment(), timeout=120, check=True
    )
    predicted, measured = map(int, found.stdout.split())
    assert measured > 100e6, "too small a net to say anything"
    assert predicted == pytest.approx(measured, rel=0.2)
