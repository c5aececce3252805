"""What excites units layer by layer: the pictures drawn are those that excite most, and only what is seen is dark."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from matplotlib.patches import Rectangle

import sloy
from legible import assert_legible, texts
from sloy.errors import InvalidArgument
from sloy.inspection import exciting_patches, hierarchy_figure
from sloy.language import speak
from sloy.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU

LAYERS = ("conv2d_1", "conv2d_2", "dense_1")


@cache
def model() -> sloy.Model:
    layers = [Conv2D(3, 3), MaxPool2D(2), ReLU(), Conv2D(4, 3), ReLU(), Flatten(), Dense(5)]
    network = sloy.Network((14, 14, 1), layers)
    return sloy.theory.ready_model(network, network.initialize(3))


@cache
def pictures() -> np.ndarray:
    random = np.random.default_rng(1)
    return (random.random((20, 14, 14, 1)) * (random.random((20, 14, 14, 1)) < 0.3)).astype("f4")


def test_it_draws_the_pictures_that_excite_most() -> None:
    (axes,) = hierarchy_figure(model(), pictures(), LAYERS, (1, 2), 4).axes
    images = axes.get_images()
    assert len(images) == 3 * 2 * 4
    for number, layer in enumerate(LAYERS):
        for k, (_, patches) in enumerate(exciting_patches(model(), pictures(), layer, (1, 2), 4).items()):  # fmt: skip
            for place, patch in enumerate(patches):
                drawn = np.asarray(images[(2 * number + k) * 4 + place].get_array())
                top, left, bottom, right = patch.box
                whole = pictures()[patch.sample, ..., 0]
                expected = 0.25 * whole
                expected[top:bottom, left:right] = whole[top:bottom, left:right]
                np.testing.assert_allclose(drawn, expected, atol=1e-6)


def test_frames_are_as_large_as_the_receptive_field() -> None:
    (axes,) = hierarchy_figure(model(), pictures(), LAYERS, (0,), 3).axes
    sizes = [round(14 * p.get_width()) for p in axes.patches if isinstance(p, Rectangle)]
    assert (
        sizes == [14, 3] * 3 + [14, 8] * 3 + [14] * 3
    )  # each picture's own frame, then the unit's


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_words(language: str) -> None:
    with speak(language):
        figure = hierarchy_figure(model(), pictures(), LAYERS, title="?")
    assert_legible(figure)
    words = "\n".join(texts(figure))
    assert ("sees 8 × 8" in words, "видит 8 × 8" in words) == (language == "en", language == "ru")


@pytest.mark.parametrize("shape", [(14, 20), (20, 14)])
def test_pictures_that_are_no_squares(shape: tuple[int, int]) -> None:
    network = sloy.Network((*shape, 3), [Conv2D(2, 3)])
    ready = sloy.theory.ready_model(network, network.initialize(0))
    x = np.random.default_rng(0).random((4, *shape, 3)).astype("f4")
    figure = hierarchy_figure(ready, x, ["conv2d_1"])
    assert_legible(figure)
    tops = [image.get_extent()[2] for image in figure.axes[0].get_images()]
    assert tops[4] > tops[0]


@pytest.mark.parametrize(
    ("layers", "channels"), [([], (0,)), (["conv2d_1"], ()), (["conv2d_1"], (3,)), (["no"], (0,))]
)
def test_what_is_not_there_is_refused(layers: list[str], channels: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgument):
        hierarchy_figure(model(), pictures(), layers, channels)
