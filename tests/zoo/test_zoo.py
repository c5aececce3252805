"""The ready networks: sizes known from their papers and sources, every name buildable."""

from __future__ import annotations

import pytest

import sloy
from sloy import zoo
from sloy.errors import InvalidArgument
from sloy.network import Network

MNIST = (28, 28, 1)
# Name → (parameters, multiply-adds of the forward pass per sample) on MNIST.
COUNTS = {
    "mlp": (784 * 128 + 128 + 1290, 784 * 128 + 1280),
    "lenet5": (61_706, 28 * 28 * 6 * 25 + 100 * 16 * 150 + 400 * 120 + 120 * 84 + 840),
    "cnn": (832 + 9_248 + 205_056 + 2_570, 576 * 800 + 100 * 9_216 + 800 * 256 + 2_560),
    "fast": (416 + 4_640 + 102_528 + 1_290, 576 * 400 + 100 * 4_608 + 800 * 128 + 1_280),
    "cnn_wide": (1_199_882, 676 * 288 + 576 * 18_432 + 9_216 * 128 + 1_280),
}


def test_every_preset_is_counted() -> None:
    assert set(COUNTS) == set(zoo.PRESETS)


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name: str) -> None:
    network = zoo.make(name, MNIST, 10)
    summary = network.summary()
    assert (summary.parameters, summary.multiply_adds) == COUNTS[name]
    assert network.output_shape == (10,)
    assert zoo.PRESETS[name].description
    assert Network.from_config(network.to_config()) == network


@pytest.mark.parametrize("name", COUNTS)
def test_other_pictures_and_classes(name: str) -> None:
    assert zoo.make(name, (32, 32, 3), 7).output_shape == (7,)


def test_mlp_of_any_depth() -> None:
    assert zoo.mlp((4,), 3, hidden=()).layer_names == ("dense_1",)
    assert zoo.mlp((4,), 3, hidden=(8, 5)).parameter_count == 40 + 45 + 18
    assert sloy.zoo.mlp is zoo.mlp


def test_errors() -> None:
    with pytest.raises(InvalidArgument, match=r"`name` \(='vgg'\) must be one of cnn, fast"):
        zoo.make("vgg", MNIST, 10)
    with pytest.raises(InvalidArgument, match=r"`classes` \(=0\)"):
        zoo.make("cnn", MNIST, 0)
    with pytest.raises(InvalidArgument, match="conv2d_1"):
        zoo.make("cnn", (28, 28), 10)
