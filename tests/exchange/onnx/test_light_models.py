"""The well-known networks that the onnx package brings along: whole graphs without their weights ("light").

Weights are constants there, so the numbers prove structure: every node is read, shapes fit, parameters are counted,
and nothing is transposed on the way but the input.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from available import available
from sloy.model import Model
from sloy.problem.graphs import inference_graph

onnx = pytest.importorskip("onnx")

FOLDER = Path(onnx.__file__).parent / "backend/test/data/light"
# name → (parameters, transposes of a step, whether it is run, too)
NETWORKS = {
    "bvlc_alexnet": (60_965_224, 1, False),
    "densenet121": (7_979_112, 1, False),
    "inception_v1": (6_998_552, 1, False),
    "inception_v2": (11_196_584, 1, False),
    "resnet50": (25_557_032, 1, True),
    "shufflenet": (1_393_320, 49, True),  # shuffling is a transpose: three for each of 16 units
    "squeezenet": (1_235_496, 1, True),
    "vgg19": (143_667_240, 1, False),
    "zfnet512": (87_250_536, 1, False),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_network(name: str) -> None:
    parameters, transposes, runs = NETWORKS[name]
    path = FOLDER / f"light_{name}.onnx"
    if not path.exists():
        pytest.skip("this onnx package has no light models")
    model = Model.from_onnx(path, engine=available("native", threads=1) if runs else "reference")
    assert model.network.input_shape == (3, 224, 224)
    assert model.network.parameter_count == parameters
    graph = inference_graph(model.problem, 1)
    assert sum(node.op == "transpose" for node in graph.nodes) == transposes
    output = onnx.numpy_helper.to_array(onnx.load_tensor(FOLDER / f"light_{name}_output_0.pb"))
    spec = graph.nodes[graph.outputs["output"]].spec
    assert spec.shape == output.shape
    if runs:
        found = model(np.zeros((1, 3, 224, 224), np.float32))
        np.testing.assert_allclose(found, output, rtol=1e-3, atol=1e-7)
