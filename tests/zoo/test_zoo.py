"""The ready networks: sizes known from their papers and sources, every name buildable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sloy
from sloy import zoo
from sloy.errors import InvalidArgument
from sloy.layers import StochasticDepth
from sloy.problem import Network

MNIST = (28, 28, 1)
BLOCKS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def vgg(layers: int, norm: bool) -> tuple[int, int]:
    """Of 28, 14, 7, 3 and 1 pixels a side; all that is left for fc6 is one pixel of 512 channels."""
    parameters = multiplications = 0
    last = 1
    for count, channels, side in zip(
        BLOCKS[layers], (64, 128, 256, 512, 512), (28, 14, 7, 3, 1), strict=True
    ):
        for _ in range(count):
            parameters += 9 * last * channels + channels + (2 * channels if norm else 0)
            multiplications += 9 * last * channels * side**2
            last = channels
    dense = 512 * 4096 + 4096**2 + 40_960
    return parameters + dense + 2 * 4096 + 10, multiplications + dense


def residual(n: int) -> tuple[int, int]:
    """n blocks a stage, at 28, 14 and 7 pixels: weights count at every pixel; norms are 2 numbers a channel."""
    first = 9 * 16
    stages = [
        (2 * n * 9 * 16 * 16, 2 * n * 16, 28),
        (9 * 16 * 32 + 16 * 32 + (2 * n - 1) * 9 * 32 * 32, (2 * n + 1) * 32, 14),
        (9 * 32 * 64 + 32 * 64 + (2 * n - 1) * 9 * 64 * 64, (2 * n + 1) * 64, 7),
    ]
    parameters = first + 2 * 16 + 650 + sum(weights + 2 * normed for weights, normed, _ in stages)
    return parameters, first * 28**2 + 640 + sum(weights * side**2 for weights, _, side in stages)


# Name → (parameters, multiply-adds of the forward pass per sample) on MNIST.
COUNTS = {
    "mlp": (784 * 128 + 128 + 1290, 784 * 128 + 1280),
    "lenet5": (61_706, 28 * 28 * 6 * 25 + 100 * 16 * 150 + 400 * 120 + 120 * 84 + 840),
    "cnn": (832 + 9_248 + 205_056 + 2_570, 576 * 800 + 100 * 9_216 + 800 * 256 + 2_560),
    "fast": (432 + 3_504 + 57_696 + 970, 144 * 400 + 100 * 3_456 + 600 * 96 + 960),
    "cnn_wide": (1_199_882, 676 * 288 + 576 * 18_432 + 9_216 * 128 + 1_280),
    "cnn_deep": (
        800 + 64 + 432 * 32 + 96 + 432 * 64 + 128 + 576 * 96 + 192 + 864 * 128 + 256 + 20_490,
        576 * 800 + 100 * 13_824 + 64 * 27_648 + 36 * 55_296 + 16 * 110_592 + 20_480,
    ),
    "standard_cnn": (
        320 + 18_496 + 73_856 + 1152 * 128 + 128 + 1_290,
        784 * 288 + 196 * 18_432 + 49 * 73_728 + 1152 * 128 + 1_280,
    ),
    **{f"resnet{6 * n + 2}": residual(n) for n in (3, 5)},
    **{f"vgg{layers}{norm}": vgg(layers, bool(norm)) for layers in BLOCKS for norm in ("", "_bn")},
}


# torchvision 0.28: parameters, and multiply-adds in 10⁹ (`_ops`), at 224 × 224 with 1000 classes; features at the end.
PUBLISHED = {
    "resnet18": (11_689_512, 1.814, 512),
    "resnet34": (21_797_672, 3.664, 512),
    "resnet50": (25_557_032, 4.089, 2048),
    "mobilenet_v2": (3_504_872, 0.301, 1280),
    "mobilenet_v3_large": (5_483_032, 0.217, 960),
    "mobilenet_v3_small": (2_542_856, 0.057, 576),
    "efficientnet_b0": (5_288_548, 0.386, 1280),
    "convnext_tiny": (28_589_128, 4.456, 768),
}


def test_every_preset_is_counted() -> None:
    assert set(COUNTS) | set(PUBLISHED) == set(zoo.PRESETS)


@pytest.mark.parametrize("name", PUBLISHED)
def test_networks_of_blocks_have_the_published_size(name: str) -> None:
    parameters, billions, channels = PUBLISHED[name]
    network = zoo.make(name, (224, 224, 3), 1000)
    summary = network.summary(engine="reference")
    assert (summary.parameters, round(summary.multiply_adds / 1e9, 3)) == (parameters, billions)
    assert Network.from_config(network.to_config()) == network
    features = zoo.make(name, (224, 224, 3), 1000, include_top=False)
    assert features.output_shape == (7, 7, channels)
    assert set(features.shapes) <= set(network.shapes)
    assert zoo.PRESETS[name].description
    for shape in ((28, 28, 1), (33, 50, 3)):
        assert zoo.make(name, shape, 7).output_shape == (7,)


def test_stochastic_depth_grows_to_the_last_block() -> None:
    """As in torchvision: p · i / n in EfficientNet, p · i / (n - 1) in ConvNeXt."""

    def rates(network: Network) -> dict[str, float]:
        blocks = zip(network.layer_names, network.layers, strict=True)
        inside = {name: getattr(block, "layers", [block])[-1] for name, block in blocks}
        return {n: last.rate for n, last in inside.items() if isinstance(last, StochasticDepth)}

    found = rates(zoo.efficientnet_b0((64, 64, 3), 10))
    assert (found["block2_2"], found["block6_4"]) == (0.2 * 2 / 16, pytest.approx(0.2 * 14 / 16))
    assert "block7_1" not in found  # nothing goes around it
    found = rates(zoo.convnext_tiny((64, 64, 3), 10))
    assert (found["block1_2"], found["block4_3"]) == (pytest.approx(0.1 / 17), 0.1)
    assert "block1_1" not in found
    assert not rates(zoo.convnext_tiny((64, 64, 3), 10, drop_path=0))


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


# Published: torchvision 0.29.2, `models.vgg…().parameters()`; the paper's table 2 in millions (133, 133, 138, 144).
PARAMETERS = {
    "vgg11": 132_863_336, "vgg13": 133_047_848, "vgg16": 138_357_544, "vgg19": 143_667_240,
    "vgg11_bn": 132_868_840, "vgg13_bn": 133_053_736, "vgg16_bn": 138_365_992, "vgg19_bn": 143_678_248,
}  # fmt: skip


@pytest.mark.parametrize("name", PARAMETERS)
def test_vgg_has_the_published_number_of_parameters(name: str) -> None:
    network = zoo.make(name, (224, 224, 3), 1000)
    assert network.parameter_count == PARAMETERS[name]
    features = zoo.make(name, (224, 224, 3), 1000, include_top=False)
    assert features.output_shape == (7, 7, 512)
    assert PARAMETERS[name] - features.parameter_count == 123_642_856  # fc6, fc7, fc8
    assert zoo.make(name, (250, 180, 3), 1000, grid=7).parameter_count == PARAMETERS[name]


def test_options() -> None:
    small = zoo.vgg(16, (64, 64, 3), 10, width=0.125, units=32, dropout=0.2, batch_norm=True)
    assert small.shapes["conv5_3/weight"] == (3, 3, 64, 64)
    assert small.shapes["fc6/weight"] == (2 * 2 * 64, 32)
    assert small.output_shape == (10,)
    wide = zoo.standard_cnn(
        (32, 48, 3),
        5,
        channels=(4, 8),
        convolutions=2,
        units=(16, 12),
        batch_norm=True,
        dropout=0.5,
    )
    assert wide.layer_names[:7] == (
        "conv1_1", "norm1_1", "relu1_1", "conv1_2", "norm1_2", "relu1_2", "pool1",
    )  # fmt: skip
    assert wide.layer_names[-6:] == ("relu1", "drop2", "dense2", "relu2", "drop3", "output")
    assert wide.shapes["dense1/weight"] == (8 * 12 * 8, 16)
    assert zoo.resnet(8, (32, 32, 3), 4, width=8, include_top=False).output_shape == (8, 8, 32)
    with pytest.raises(InvalidArgument, match=r"`depth` \(=17\)"):
        zoo.vgg(17, (32, 32, 3), 10)
    with pytest.raises(InvalidArgument, match=r"resnet: `depth` \(=18\) must be 6 n \+ 2"):
        zoo.resnet(18, (32, 32, 3), 10)
    with pytest.raises(InvalidArgument, match=r"vgg16: `width` \(=0\)"):
        zoo.vgg(16, (32, 32, 3), 10, width=0)
    with pytest.raises(InvalidArgument, match=r"`depth` \(=20\) must be one of 18, 34, 50"):
        zoo.imagenet_resnet(20, (32, 32, 3), 10)
    with pytest.raises(InvalidArgument, match=r"`size` \(='tiny'\) must be large or small"):
        zoo.mobilenet_v3("tiny", (32, 32, 3), 10)
    with pytest.raises(InvalidArgument, match=r"efficientnet_b0: `drop_path` \(=1\)"):
        zoo.efficientnet_b0((32, 32, 3), 10, drop_path=1)


@pytest.mark.parametrize(
    "name",
    ["standard_cnn", "resnet20", "vgg11_bn", "resnet18", "mobilenet_v3_small", "convnext_tiny"],
)
def test_networks_learn_and_frozen_layers_stay(name: str) -> None:
    """Twelve pictures of two kinds, bright above or below, are learnt by heart."""
    generator = np.random.default_rng(0)
    x = generator.integers(0, 100, (12, 32, 32, 3)).astype(np.uint8)
    y = np.arange(12) % 2
    x[y == 0, :16] += 155
    x[y == 1, 16:] += 155
    narrow = {"width": 0.125} if name in PUBLISHED or name == "vgg11_bn" else {}
    options: dict[str, Any] = {**narrow, "units": 16} if name == "vgg11_bn" else narrow
    network = zoo.make(name, (32, 32, 3), 2, **options)
    first = network.layer_names[0]
    before = network.initialize(0)
    model, history = sloy.fit(
        network, (x, y), epochs=6, batch_size=6, seed=0, optimizer=sloy.Adam(0.003), threads=1,
        trainable=[n for n in network.parameters if not n.startswith(f"{first}/")], verbose=False,
    )  # fmt: skip
    losses = history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    assert np.array_equal(model.parameters[f"{first}/weight"], before[f"{first}/weight"])


def test_errors() -> None:
    with pytest.raises(InvalidArgument, match=r"`name` \(='vgg'\) must be one of cnn, fast"):
        zoo.make("vgg", MNIST, 10)
    with pytest.raises(InvalidArgument, match=r"`classes` \(=0\)"):
        zoo.make("cnn", MNIST, 0)
    with pytest.raises(InvalidArgument, match="conv2d_1"):
        zoo.make("cnn", (28, 28), 10)


def test_what_is_no_list_is_named() -> None:
    with pytest.raises(InvalidArgument, match=r"table: `hidden` \(=2147483648\) must be a list"):
        zoo.table(4, 1, hidden=2**31)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match=r"tabular: `scales` \(=0\.5\) must be a list"):
        zoo.tabular(0.5, 4, 1)  # type: ignore[arg-type]
