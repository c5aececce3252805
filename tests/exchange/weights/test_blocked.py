"""ResNets, MobileNets, EfficientNet-B0 and ConvNeXt-Tiny against torchvision and timm, whole, in float32.

Their weights are functions of their names (`pretrained_problems.blocked_weight`); the outputs are those of the real
packages in float64.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import PIL.Image
import pytest
import safetensors.numpy

import sloy
from golden.pretrained_problems import BLOCKED, BLOCKED_SIZE, blocked_weight, digest, picture
from sloy import Model, zoo
from sloy.data import imagenet_classes
from sloy.data.pictures import PictureReader
from sloy.errors import FileFormatError
from sloy.exchange.weights.conversion import convert
from sloy.exchange.weights.pretrained import CONVENTIONS, fitting
from sloy.exchange.weights.tensors import FileTensor, TensorFile
from sloy.layers import BatchNorm
from sloy.losses import CategoricalCrossentropy
from sloy.pretrained import PUBLISHED
from sloy.problem import Problem

GOLDEN = Path(__file__).parents[2] / "golden/pretrained"
OUTPUTS = np.load(GOLDEN / "blocked.npz")
LAYOUTS = json.loads((GOLDEN / "blocked.json").read_text())
RELATIVE = 1e-5  # of the largest number of each output
KEYS = [key for key in OUTPUTS if not key.startswith("at 224")]


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def state_dict(source: str, name: str) -> TensorFile:
    """A real network's tensors as a file that makes each when it is read."""
    tensors = {}
    for key, extents in LAYOUTS[source][name].items():
        load = lambda key=key, shape=tuple(extents): blocked_weight(key, shape)  # noqa: E731
        tensors[key] = FileTensor(tuple(extents), "float32", load)
    return TensorFile(Path(f"{name}.pth"), "torch", tensors)


def whole(source: str, name: str, size: tuple[int, int], **options: object) -> Model:
    file = state_dict(source, name)
    naming, names = fitting(name, file)
    network = zoo.make(name, (*size, 3), 1000, **{**naming.options, **options})
    problem = Problem(
        network,
        CategoricalCrossentropy(),
        preprocessing=CONVENTIONS["torch"].preprocessing,
        data_dtype="uint8",
    )
    return Model(problem, convert(network, file, names), threads=1)


@pytest.mark.parametrize("key", KEYS)
def test_agrees_with_torchvision_and_timm(key: str) -> None:
    source, name = key.split()
    model = whole(source, name, BLOCKED_SIZE)
    x = picture(*BLOCKED_SIZE)
    assert difference(model(x), OUTPUTS[key]) < RELATIVE
    assert difference(model(x[:, ::-1].copy()), OUTPUTS[key]) > 0.01  # the picture counts


def test_the_norms_epsilon_counts() -> None:
    """torchvision's MobileNetV3 has 1e-3, timm's 1e-5: what the wrong one would give is noticed."""
    for source, wrong in (("torchvision", 1e-5), ("timm", 1e-3)):
        model = whole(source, "mobilenet_v3_small", BLOCKED_SIZE, epsilon=wrong)
        key = f"{source} mobilenet_v3_small"
        assert difference(model(picture(*BLOCKED_SIZE)), OUTPUTS[key]) > 10 * RELATIVE
    network = zoo.make("mobilenet_v3_small", (64, 64, 3), 2)
    norm = network.layers[network.layer_names.index("stem_norm")]
    assert isinstance(norm, BatchNorm)
    assert (norm.epsilon, norm.momentum) == (1e-3, 0.99)


def test_resnet18_at_224_stage_by_stage() -> None:
    model = whole("torchvision", "resnet18", (224, 224))
    golden = {key.split()[-1]: OUTPUTS[key] for key in OUTPUTS if key.startswith("at 224")}
    logits = golden.pop("logits")
    outputs = model.activations(picture(224, 224), [*golden, "head"])
    for name, expected in golden.items():
        assert difference(digest(outputs[name]), expected) < RELATIVE, name
    assert difference(outputs["head"], logits) < RELATIVE


# --- as a user has them ---------------------------------------------------------------------------


ROLES = {"scale": ("weight", "layer_scale"), "shift": ("bias",), "running_variance": ("running_var",)}  # fmt: skip


def narrow(path: Path, name: str, classes: int = 7) -> Path:
    """A file of a network with a quarter of the channels, in torchvision's names."""
    shapes = LAYOUTS["torchvision"][name]
    network = zoo.make(name, (64, 64, 3), classes, width=0.25)
    _, names = fitting(name, state_dict("torchvision", name))
    arrays = {}
    for parameter, shape in network.shapes.items():
        layer, _, role = parameter.rpartition("/")
        key = next(
            k for its in ROLES.get(role, (role,)) if (k := f"{names[layer]}.{its}") in shapes
        )
        if len(shape) == 4 and len(shapes[key]) == 4:
            shape = (shape[3], shape[2], *shape[:2])
        elif len(shape) in (2, 4):
            shape = (shape[-1], shape[-2], *[1] * (len(shapes[key]) - 2))
        arrays[key] = blocked_weight(key, shape)
    safetensors.numpy.save_file(arrays, path)
    return path


@pytest.mark.parametrize(
    ("name", "freeze"),
    [("resnet18", "relu3_2"), ("mobilenet_v2", "block6_3"), ("convnext_tiny", "block3_9")],
)
def test_fine_tuned_saved_and_exported(tmp_path: Path, name: str, freeze: str) -> None:
    """Other classes; frozen layers stay to the bit; ONNX Runtime and the saved file give the same."""
    path = narrow(tmp_path / "w.safetensors", name)
    model = sloy.load(name, weights=path, input_shape=(64, 64, 3), width=0.25, threads=1)
    assert model.network.output_shape == (7,)
    assert model.class_names == ()
    x = np.concatenate([picture(64, 64) // (1 + k % 2) for k in range(8)])
    x += (np.arange(8)[:, None, None, None] * 3).astype(np.uint8)
    tuned, history = sloy.fine_tune(
        model, (x, np.arange(8) % 2), freeze=freeze, epochs=12, batch_size=4,
        optimizer=sloy.Adam(0.003), threads=1, verbose=False,
    )  # fmt: skip
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    names = tuned.network.layer_names
    kept = set(names[: names.index(freeze) + 1])
    for parameter, array in tuned.parameters.items():
        if parameter.split("/")[0] in kept:
            assert np.array_equal(array, model.parameters[parameter]), parameter
    tuned.save(tmp_path / "m.sloy")
    assert np.array_equal(sloy.load(tmp_path / "m.sloy", threads=1)(x), tuned(x))
    tuned.export(tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(["output"], {"input": x})
    assert difference(found, tuned(x)) < RELATIVE
    again = Model.from_onnx(tmp_path / "m.onnx", threads=1)
    assert difference(again(x), tuned(x)) < RELATIVE


def test_pictures_are_read_as_the_weights_want_them(tmp_path: Path) -> None:
    """By the name of the published file, else by whose names it has, else as torchvision's."""
    source = narrow(tmp_path / "w.safetensors", "resnet50")

    def reader(path: Path) -> PictureReader:
        model = sloy.load("resnet50", weights=path, width=0.25, threads=1)
        assert isinstance(model.reader, PictureReader)
        return model.reader

    plain = reader(source)
    assert (plain.size, plain.resize_to, plain.resampling) == ((224, 224), 232, "bilinear")
    for publisher, expected in (("torchvision-v1", (256, "bilinear")), ("timm", (235, "bicubic"))):
        path = tmp_path / PUBLISHED["resnet50"][publisher].file_name
        path.write_bytes(source.read_bytes())
        found = reader(path)
        assert (found.resize_to, found.resampling) == expected
    image = tmp_path / "p.png"
    PIL.Image.fromarray(picture(90, 120)[0]).save(image)
    model = sloy.load("resnet50", weights=source, width=0.25, input_shape=(64, 48, 3), threads=1)
    assert isinstance(model.reader, PictureReader)
    assert model.reader.resize_to == 64
    assert model.predict_proba(image).shape == (1, 7)


def test_features_class_names_and_wrong_files(tmp_path: Path) -> None:
    path = narrow(tmp_path / "w.safetensors", "mobilenet_v3_small", 1000)
    model = sloy.load("mobilenet_v3_small", weights=path, width=0.25, threads=1)
    assert model.class_names == imagenet_classes()
    options = {"weights": path, "width": 0.25, "threads": 1, "input_shape": (64, 64, 3)}
    features = sloy.load("mobilenet_v3_small", include_top=False, **options)
    same = sloy.load("mobilenet_v3_small", **options)
    x = picture(64, 64)
    assert np.array_equal(features(x), same.activations(x, ["last_act"])["last_act"])
    other = sloy.load("mobilenet_v3_small", classes=3, **options)
    assert other.network.output_shape == (3,)
    assert np.array_equal(other.parameters["hidden/weight"], same.parameters["hidden/weight"])
    with pytest.raises(
        FileFormatError, match=r"no weights of resnet18: .* They are those of mobilenet_v3_small\."
    ):
        sloy.load("resnet18", weights=path)
    with pytest.raises(
        FileFormatError, match=r"published at https://download\.pytorch\.org/models/c"
    ):
        sloy.load("convnext_tiny", weights=tmp_path / "none.pth")
    assert set(BLOCKED) <= set(PUBLISHED)
