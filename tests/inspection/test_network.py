"""Looking into a network: receptive fields, feature maps, exciting patches and pictures, explanations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sloy
from command_line import exit_code
from legible import assert_legible
from sloy import inspection, losses, ops, zoo
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Graph, backprop
from sloy.inspection.explain import enlarge
from sloy.layers import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    MaxPool2D,
    ReLU,
    Residual,
    Tanh,
)
from sloy.preprocessing import Preprocessing
from sloy.problem import Network, Problem

RANDOM = np.random.default_rng(5)


def model_of(network: Network, **kind: object) -> sloy.Model:
    problem = Problem(network, losses.CategoricalCrossentropy(), dtype="float64", **kind)  # type: ignore[arg-type]
    return sloy.Model(problem, network.initialize(3, "float64"), engine="reference")


def small(*layers: Layer, shape: tuple[int, int, int] = (13, 11, 2)) -> Network:
    return Network(shape, [*layers, Flatten(), Dense(3)])


NETWORKS = {
    "plain": small(Conv2D(3, 3), Tanh(), Conv2D(2, (2, 5))),
    "strided and padded": small(
        Conv2D(3, 5, stride=2, padding="same"), Tanh(), Conv2D(3, 3, padding=1)
    ),
    "dilated": small(Conv2D(2, 3, dilation=2), Conv2D(2, 2, stride=(2, 1))),
    "pooled": small(Conv2D(3, 3, padding=1), AveragePool2D(2), Tanh(), Conv2D(2, 3)),
    "residual": small(
        Residual([Conv2D(2, 3, padding="same"), BatchNorm(), Tanh(), Conv2D(2, 3, padding="same")])
    ),
}


# --- receptive fields -----------------------------------------------------------------------------


def seen(network: Network, layer: str, row: int, column: int) -> set[tuple[int, int]]:
    """The pixels by which a unit has a gradient, with random positive weights and slopes everywhere."""
    x = ops.input("x", (1, *network.input_shape), "float64")
    y = network.build(x).activations[layer]
    unit = ops.slice(y, (0, row, column, 0), (1, row + 1, column + 1, y.shape[3]))
    (gradient,) = backprop(ops.reduce_sum(unit), [x])
    variables = {
        name: 0.1 + RANDOM.random(w.shape) for name, w in network.initialize(0, "float64").items()
    }
    graph = Graph.of({"g": gradient})
    executable = sloy.engines.ReferenceEngine().compile(graph, variables)
    fed = {"x": 0.01 * RANDOM.random((1, *network.input_shape))}
    found = executable.run({name: fed[name] for name in graph.inputs})["g"]
    return set(zip(*np.nonzero(np.abs(found[0]).sum(-1)), strict=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_unit_sees_just_what_its_gradient_reaches(name: str) -> None:
    network = NETWORKS[name]
    layers = [n for n in network.build(ops.input("x", (1, *network.input_shape))).activations
              if n.startswith(("conv", "residual_1", "average")) and n.count("/") == 0]  # fmt: skip
    for layer in layers:
        field = inspection.receptive_field(network, layer)
        corners = {(0, 0), (field.extents[0] - 1, field.extents[1] - 1)}
        for row, column in corners | {(field.extents[0] // 2, field.extents[1] // 2)}:
            top, left, bottom, right = field.box(row, column)
            reached = seen(network, layer, row, column)
            rows, columns = {r for r, _ in reached}, {c for _, c in reached}
            assert (min(rows), min(columns)) == (top, left), (layer, row, column)
            assert (max(rows) + 1, max(columns) + 1) == (bottom, right), (layer, row, column)


def test_vgg16_has_the_published_receptive_field() -> None:
    """Araujo et al. 2019, table 1: 212 pixels, stride 32, 90 of padding, at the end of VGG-16's convolutions."""
    network = zoo.make("vgg16", (224, 224, 3), 1000)
    field = inspection.receptive_field(network, "pool5")
    assert field.size == (212, 212)
    assert field.stride == (32, 32)
    assert field.start == (-90, -90)


def test_a_dense_layer_sees_everything() -> None:
    field = inspection.receptive_field(NETWORKS["plain"], "dense_1")
    assert field.size == (13, 11)
    assert field.box() == (0, 0, 13, 11)


# --- explanations ---------------------------------------------------------------------------------


def test_saliency_is_the_slope_by_each_pixel() -> None:
    network = small(Conv2D(3, 3), Tanh())
    model = model_of(network, data_dtype="float64", preprocessing=Preprocessing((0.2,), (0.5,)))
    picture = RANDOM.random(network.input_shape)
    found = inspection.saliency(model, picture, 1)
    slopes = np.zeros(network.input_shape)
    for place in np.ndindex(*network.input_shape):
        step = np.zeros(network.input_shape)
        step[place] = 1e-6
        pair = model(np.stack([picture + step, picture - step]))[:, 1]
        slopes[place] = abs(pair[0] - pair[1]) / 2e-6
    expected = slopes.max(-1) / slopes.max()
    np.testing.assert_allclose(found.heat, expected, atol=1e-6)
    assert found.value == pytest.approx(model(picture[None])[0, 1])


def test_grad_cam_by_hand() -> None:
    """Global average pooling and a linear layer: α_c is the weight over the number of places."""
    network = Network((6, 6, 1), [Conv2D(4, 3), ReLU(), AveragePool2D(4), Flatten(), Dense(2)])
    model = model_of(network, data_dtype="float64")
    picture = RANDOM.random((6, 6, 1))
    maps = model.activations(picture[None], ["relu_1"])["relu_1"][0]  # (4, 4, 4)
    heat = np.maximum(maps @ model.parameters["dense_1/weight"][:, 1] / 16, 0)
    expected = enlarge(heat, (6, 6))
    found = inspection.grad_cam(model, picture, 1, "relu_1")
    np.testing.assert_allclose(found.heat, expected / expected.max(), atol=1e-12)


def test_enlarging_is_bilinear() -> None:
    """torch.nn.functional.interpolate([[0, 1], [2, 4]], size=(4, 4), mode="bilinear", align_corners=False)."""
    expected = [
        [0.0, 0.25, 0.75, 1.0],
        [0.5, 0.8125, 1.4375, 1.75],
        [1.5, 1.9375, 2.8125, 3.25],
        [2.0, 2.5, 3.5, 4.0],
    ]
    np.testing.assert_allclose(enlarge(np.array([[0.0, 1.0], [2.0, 4.0]]), (4, 4)), expected)


# --- what excites ---------------------------------------------------------------------------------


def test_exciting_patches_hold_what_the_filter_looks_for() -> None:
    network = small(Conv2D(2, 3), shape=(9, 9, 1))
    model = model_of(network, data_dtype="uint8")
    corner = np.array([[1, 1, 1], [1, -1, -1], [1, -1, -1]], float)
    model.parameters["conv2d_1/weight"] = np.stack([corner, -corner], -1)[:, :, None]
    model.parameters["conv2d_1/bias"] = np.zeros(2)
    x = RANDOM.integers(0, 50, (40, 9, 9, 1)).astype(np.uint8)
    x[17, 4:7, 2:5, 0] = np.where(corner > 0, 255, 0)
    x[3, 0:3, 6:9, 0] = np.where(corner > 0, 200, 0)
    found = inspection.exciting_patches(model, x, "conv2d_1", [0], 3)[0]
    assert [(patch.sample, patch.unit) for patch in found[:2]] == [(17, (4, 2)), (3, (0, 6))]
    assert found[0].value == 5 * 255
    np.testing.assert_array_equal(found[0].pixels[..., 0], np.where(corner > 0, 255, 0))
    assert found[0].box == (4, 2, 7, 5)


def test_a_synthesized_picture_becomes_the_filter() -> None:
    network = small(Conv2D(1, 3), shape=(7, 7, 1))
    model = model_of(network, data_dtype="uint8")
    corner = np.array([[1, 1, 1], [1, -1, -1], [1, -1, -1]], float)
    model.parameters["conv2d_1/weight"] = corner[:, :, None, None]
    made = inspection.synthesize(model, "conv2d_1", 0, unit=(2, 2), smoothness=0.0)
    inside = made.picture[2:5, 2:5, 0]
    np.testing.assert_array_equal(inside, np.where(corner > 0, 255, 0))  # the best within 0 … 255
    assert made.after == pytest.approx(5 * 255)
    assert made.after > made.before
    again = inspection.synthesize(model, "conv2d_1", 0, unit=(2, 2), smoothness=0.0)
    np.testing.assert_array_equal(again.picture, made.picture)


def test_feature_maps_are_the_activations() -> None:
    network = NETWORKS["plain"]
    model = model_of(network, data_dtype="float64")
    picture = RANDOM.random(network.input_shape)
    found = inspection.feature_maps(model, picture, "tanh_1")
    np.testing.assert_array_equal(found, model.activations(picture[None], ["tanh_1"])["tanh_1"][0])


# --- figures, the command, refusals ---------------------------------------------------------------


def test_figures_are_legible() -> None:
    model = model_of(small(Conv2D(40, 3), ReLU(), MaxPool2D(2), Conv2D(3, 3), shape=(12, 12, 1)))
    picture = RANDOM.random((12, 12, 1))
    fields = [inspection.receptive_field(model.network, f"conv2d_{k}") for k in (1, 2)]
    explained = {"saliency": inspection.saliency(model, picture)}
    rows = [[picture] * 3, [picture]]
    for figure in (
        inspection.maps_figure(inspection.feature_maps(model, picture, "conv2d_1"), "conv2d_1"),
        inspection.receptive_figure(picture, fields),
        inspection.explanation_figure(explained, ("no", "yes", "perhaps")),
        inspection.pictures_figure(rows, [["1.5"] * 3, ["2.25"]], ["one", "other"], "A title"),
    ):
        assert_legible(figure)


def test_the_command_writes_what_it_lists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = Network((8, 8, 1), [Conv2D(4, 3), ReLU(), Flatten(), Dense(3)])
    problem = Problem(network, losses.CategoricalCrossentropy(), data_dtype="uint8")
    sloy.Model(
        problem, network.initialize(0), class_names=("a", "b", "c"), engine="reference"
    ).save(tmp_path / "m.sloy")
    Image.fromarray(RANDOM.integers(0, 256, (8, 8), np.uint8)).save(tmp_path / "p.png")
    arguments = ("inspect", str(tmp_path / "m.sloy"), str(tmp_path / "p.png"), "--out")
    assert exit_code(*arguments, str(tmp_path / "look"), "--channels", "2") == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert sorted(listed) == sorted(map(str, (tmp_path / "look").iterdir()))
    names = {Path(path).stem for path in listed}
    assert names == {
        "filters-conv2d_1", "synthesized", "explanation", "receptive-fields", "maps-conv2d_1",
    }  # fmt: skip
    for path in listed:
        with Image.open(path) as picture:
            assert min(picture.size) > 100
    assert (
        exit_code("inspect", str(tmp_path / "m.sloy"), "--out", str(tmp_path), "--layer", "x") == 1
    )
    assert "no layer is named 'x'; there are conv2d_1" in capsys.readouterr().err


def test_the_command_on_a_network_without_maps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = Network((8, 8, 1), [Flatten(), Dense(3)])
    model_of(network, data_dtype="uint8").save(tmp_path / "m.sloy")
    Image.fromarray(RANDOM.integers(0, 256, (8, 8), np.uint8)).save(tmp_path / "p.png")
    given = ("inspect", "--out", str(tmp_path / "look"), str(tmp_path / "m.sloy"))
    assert exit_code(*given) == 1
    assert "no layer of the network gives maps (H, W, C)" in capsys.readouterr().err
    assert exit_code(*given, "--layer", "dense_1") == 1
    assert "the layer 'dense_1' gives no maps (H, W, C); those that do are none" in (
        capsys.readouterr().err
    )
    assert exit_code(*given, str(tmp_path / "p.png")) == 0
    assert "which pixels decide: saliency\n" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "look").iterdir()] == ["explanation.png"]


def test_refusals_name_what_is_wrong() -> None:
    model = model_of(NETWORKS["plain"], data_dtype="float64")
    flat = model_of(Network((5,), [Dense(3)]), data_dtype="float64")
    picture = np.zeros((13, 11, 2))
    with pytest.raises(ShapeError, match=r"samples of shape \(5,\); it must take pictures"):
        inspection.saliency(flat, np.zeros(5))
    with pytest.raises(InvalidArgument, match=r"`output` \(=3\)"):
        inspection.saliency(model, picture, 3)
    with pytest.raises(ShapeError, match="`picture` is 2 pictures"):
        inspection.saliency(model, np.stack([picture, picture]))
    with pytest.raises(InvalidArgument, match="no layer is named 'conv9'"):
        inspection.grad_cam(model, picture, layer="conv9")
    with pytest.raises(ShapeError, match=r"`layer` .='dense_1'.* not maps"):
        inspection.grad_cam(model, picture, layer="dense_1")
    with pytest.raises(InvalidArgument, match=r"`channel` \(=7\)"):
        inspection.synthesize(model, "conv2d_1", 7)
    with pytest.raises(InvalidArgument, match=r"`channels` \(=7\)"):
        inspection.exciting_patches(model, picture[None], "conv2d_1", [7])
    with pytest.raises(InvalidArgument, match="`x` holds no picture"):
        inspection.exciting_patches(model, picture[:0], "conv2d_1", [0])
    with pytest.raises(InvalidArgument, match=r"`row` \(=99\)"):
        inspection.receptive_field(model.network, "conv2d_1").box(99, 0)


def test_a_title_is_not_cut() -> None:
    """Above a single small picture as above many."""
    title = "Pictures made to excite each channel, and its activation"
    figure = inspection.pictures_figure([[np.zeros((4, 4, 1))]], [["0: 1"]], ["conv2d_1"], title)
    figure.draw_without_rendering()
    (said,) = [text for text in figure.texts if text.get_text().startswith(title)]
    box = said.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.x1
