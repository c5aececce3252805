"""Networks of the zoo with many pictures at a time, beside onnxruntime: kernels differ with the size of the batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import sloy
from sloy import zoo
from sloy.engines.native import NativeEngine
from sloy.losses import CategoricalCrossentropy
from sloy.problem import Problem

CLASSES = 10


def _model(name: str, side: int) -> sloy.Model:
    """Random weights, and statistics of batch normalisation that are not 0 and 1."""
    rng = np.random.default_rng(0)
    network = zoo.make(name, (side, side, 3), CLASSES)
    parameters = dict(network.initialize(0))
    for key, value in parameters.items():
        if key.endswith("running_variance"):
            parameters[key] = rng.uniform(0.5, 2.0, value.shape).astype(np.float32)
        if key.endswith("running_mean"):
            parameters[key] = (0.3 * rng.standard_normal(value.shape)).astype(np.float32)
    return sloy.Model(
        Problem(network, CategoricalCrossentropy()), parameters, engine=NativeEngine(2)
    )


@pytest.mark.parametrize(
    ("name", "side", "batches"),
    [
        ("mobilenet_v2", 224, (1, 6, 13)),
        ("mobilenet_v3_small", 160, (2, 16)),
        ("efficientnet_b0", 96, (3, 16)),
        ("resnet18", 96, (1, 5, 16)),
    ],
)
def test_batches_of_any_size_give_the_answers_of_onnxruntime(
    name: str, side: int, batches: tuple[int, ...], tmp_path: Path
) -> None:
    model = _model(name, side)
    model.export(tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    x = np.random.default_rng(1).standard_normal((max(batches), side, side, 3), np.float32)
    expected, *_ = session.run(None, {session.get_inputs()[0].name: x})
    largest = np.abs(expected).max()
    for batch in batches:
        found = model(x[:batch], batch_size=batch)
        np.testing.assert_allclose(found, expected[:batch], rtol=0, atol=2e-5 * largest)
