"""A network drawn as blocks: nothing left out, the numbers right, legible whatever it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import sloy
from layer_cases import CASES, Case
from legible import assert_legible, texts
from sloy import ops, zoo
from sloy.errors import InvalidArgument
from sloy.graph import Tensor
from sloy.inspection import architecture_figure
from sloy.inspection.architecture import blocks_of
from sloy.language import speak
from sloy.layers import (
    Activation,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    Maxout,
    MaxPool2D,
    ReLU,
    Residual,
    Scope,
    Sigmoid,
    Softmax,
    Tanh,
)
from sloy.losses import CategoricalCrossentropy
from sloy.model import Model
from sloy.problem import Network, Problem

SHAPE = (32, 32, 3)
NETWORKS = {name: preset.build(SHAPE, 10) for name, preset in zoo.PRESETS.items()} | {
    "vgg16 of ImageNet": zoo.vgg(16, (224, 224, 3), 1000),
    "resnet110": zoo.resnet(110, SHAPE, 10),
    "table": zoo.table(6, 3, classes=(4, 100), deviation=2.0),
    "one neuron": Network((2,), [Dense(1), Sigmoid()]),
    "one input": Network((1,), [Dense(1)]),
    "many of each": Network((28, 28, 1), [Conv2D(2000, (1, 3), dilation=2), Flatten(), Dense(99999)]),
    "activation first": Network((8, 8, 3), [BatchNorm(), ReLU(), Dropout(0.2), Conv2D(4, 3)]),
    "long names": Network((4,), [Dense(3, name="encoder.layers.0.attention.projection")]),
}  # fmt: skip


@dataclass(frozen=True, repr=False)
class Twice(Layer):
    """A layer of one's own."""

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        return x + x


def wave(x: Tensor) -> Tensor:
    return ops.exp(-x * x)


def fronts(figure: Figure) -> list[Rectangle]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("name", NETWORKS)
def test_legible(name: str, language: str) -> None:
    with speak(language):
        figure = architecture_figure(NETWORKS[name], f"A network: {name}")
    assert_legible(figure)
    assert figure.get_figwidth() < 11.5


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_layer_can_be_drawn(case: Case) -> None:
    network = case.network()
    figure = architecture_figure(network)
    assert_legible(figure)
    if case.kind != "Imported":
        assert network.layer_names[0] in texts(figure)
    assert len(fronts(figure)) >= 2


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_is_left_out(name: str) -> None:
    network = NETWORKS[name]
    blocks = blocks_of(network)
    layers = [block.name for block in blocks[1:]]
    layers += [line for block in blocks for line in block.lines if line in FOLLOWING]
    assert len([line for line in layers if line != "+ x"]) == len(network.layers)
    assert sum(block.parameters for block in blocks) == network.parameter_count
    assert blocks[0].shape == network.input_shape
    assert blocks[-1].shape == network.output_shape
    assert len(fronts(architecture_figure(network))) == len(blocks)


FOLLOWING = {f"+ {word}" for word in (
    "ReLU", "Tanh", "Sigmoid", "BatchNorm", "Dropout 0.5", "Dropout 0.25", "Dropout 0.3",
    "Dropout 0.2", "Dropout 0.1", "Rescale", "ReLU6", "HardSwish", "SiLU", "LayerNorm",
)}  # fmt: skip


def test_the_numbers_of_lenet() -> None:
    """Shapes and parameters as the paper's table has them (28 × 28 padded by 2, all maps seen)."""
    figure = architecture_figure(zoo.lenet5((28, 28, 1), 10), "LeNet-5")
    said = texts(figure)
    maps = ["28 × 28 × 1", "28 × 28 × 6", "14 × 14 × 6", "10 × 10 × 16", "5 × 5 × 16"]
    shapes = [*maps, "400", "120", "84", "10"]
    assert [text for text in said if text in shapes] == shapes
    assert {
        "156",
        "2 416",
        "48 120",
        "10 164",
        "850",
        "n: parameters of a layer; 61 706 in all",
    } <= set(said)
    assert said.count("5 × 5") == 2
    assert said.count("mean 2 × 2") == 2
    assert said.count("+ Tanh") == 4
    assert {"convolution", "pooling", "reshaping", "fully connected", "LeNet-5"} <= set(said)


def test_boxes_are_as_large_as_their_maps() -> None:
    """Heights go with √H, widths grow with the channels, and bars with their neurons."""
    network = Network((64, 64, 3), [
        Conv2D(8, 3, padding="same"), MaxPool2D(2), Conv2D(32, 3, padding="same"), MaxPool2D(2),
        Flatten(), Dense(200), Dense(10), Dense(2),
    ])  # fmt: skip
    figure = architecture_figure(network)
    heights = np.array([box.get_height() for box in fronts(figure)])
    np.testing.assert_allclose(
        heights[:5] / heights[0], np.sqrt(np.array([64, 64, 32, 32, 16]) / 64)
    )
    assert (np.diff(heights[5:]) < 0).all()
    widths = [box.get_width() for box in fronts(figure)[:5]]
    assert widths[0] < widths[1] == widths[2] < widths[3] == widths[4]
    circles = [patch for patch in figure.axes[0].patches if type(patch).__name__ == "Circle"]
    assert len(circles) == 10 + 2


def test_what_each_layer_is() -> None:
    network = Network((16, 16, 4), [
        Conv2D(8, (3, 5), stride=(2, 1), dilation=1, groups=4, padding="same"), Activation(wave),
        AveragePool2D(3, stride=1), Residual([Conv2D(8, 3, padding=1), ReLU()], name="around"), Tanh(),
        Twice(), Flatten(), Maxout(4, pieces=3), Activation(lambda z: z * z), Dense(3), Softmax(),
    ])  # fmt: skip
    blocks = {block.name: block for block in blocks_of(network)}
    assert blocks["conv2d_1"].lines == ("3 × 5", "stride 2 × 1", "groups 4", "+ wave")
    assert blocks["average_pool2d_1"].lines == ("mean 3 × 3", "stride 1")
    assert blocks["around"].lines == ("3 × 3, 8", "ReLU", "+ x", "+ Tanh")
    assert (blocks["twice_1"].kind, blocks["twice_1"].lines) == ("other", ("Twice",))
    assert blocks["maxout_1"].lines == ("maxout of 3", "+ Activation")
    assert blocks["dense_1"].lines == ("+ Softmax",)
    assert_legible(architecture_figure(network))


def imported(network: Network, file: Path) -> Network:
    pytest.importorskip("onnx")
    model = Model(Problem(network, CategoricalCrossentropy()), network.initialize())
    model.export(file)
    return Model.from_onnx(file).network


def test_an_imported_chain_is_drawn_as_what_it_was(tmp_path: Path) -> None:
    original = zoo.lenet5((28, 28, 1), 10)
    found = blocks_of(imported(original, tmp_path / "lenet.onnx"))
    expected = [block for block in blocks_of(original) if block.name != "flatten_1"]
    assert [(b.kind, b.name, b.shape, b.parameters) for b in found] == [
        (b.kind, b.name, b.shape, b.parameters) for b in expected
    ]
    assert [b.lines for b in found] == [tuple(line.lower() for line in b.lines) for b in expected]


def test_an_imported_graph_says_what_is_taken_where(tmp_path: Path) -> None:
    original = zoo.resnet(8, (16, 16, 3), 10)
    network = imported(original, tmp_path / "resnet.onnx")
    blocks = {block.name: block for block in blocks_of(network)}
    assert blocks["block1_1"].lines == ("add", "of block1_1/conv2, conv", "+ relu")
    shortcut = blocks["block2_1/shortcut/conv"].lines
    assert shortcut == ("1 × 1", "stride 2", "of block1_1", "+ batch_norm")
    assert sum(block.parameters for block in blocks.values()) == original.parameter_count
    for language in ("en", "ru"):
        with speak(language):
            assert_legible(architecture_figure(network, "resnet8"))


def test_a_graph_without_names_tells_its_ops() -> None:
    case = next(case for case in CASES if case.kind == "Imported")
    assert (
        sum(block.parameters for block in blocks_of(case.network()))
        == case.network().parameter_count
    )


def test_only_networks() -> None:
    with pytest.raises(InvalidArgument, match=r"`network` .* must be a Network"):
        architecture_figure(sloy.theory.xor_by_layers())  # type: ignore[arg-type]
