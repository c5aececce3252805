"""`sloy.load("vgg16", weights=…)` against torchvision, timm and Keras: every variant, other sizes, pictures, new heads.

The networks have a sixteenth of the channels; their weights are written into files here, in each source's own names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnxruntime
import PIL.Image
import pytest
import safetensors.numpy

import sloy
from golden.pretrained_problems import (
    CLASSES,
    PICTURE,
    SIXTEENTH,
    UNITS,
    VARIANTS,
    picture,
    weight,
)
from sloy.data import imagenet_classes, imagenet_synsets
from sloy.errors import FileFormatError, InvalidArgument

GOLDEN = Path(__file__).parents[2] / "golden/pretrained"
OUTPUTS = np.load(GOLDEN / "outputs.npz")
LAYOUTS = json.loads((GOLDEN / "layouts.json").read_text())
SMALL: dict[str, Any] = {"width": SIXTEENTH, "units": UNITS, "threads": 1}
RELATIVE = 1e-4


def close(found: np.ndarray, expected: np.ndarray, relative: float = RELATIVE) -> bool:
    return bool(np.abs(found - expected).max() <= relative * np.abs(expected).max())


def small_shape(name: str, shape: list[int]) -> tuple[int, ...]:
    """The shape of a tensor of the published networks with a sixteenth of the channels, 24 units and 7 classes."""
    top = "classifier" in name or "pre_logits" in name or "head" in name
    sizes = {1000: CLASSES, 4096: UNITS, 25088: 32 * 49, 512: 32} if top else {}
    narrow = [sizes.get(e, e if e in (1, 3, 7) else round(e * SIXTEENTH)) for e in shape]
    return tuple(narrow)


def write_torch(path: Path, variant: str, source: str = "torchvision") -> Path:
    arrays = {
        name: weight(name, small_shape(name, shape))
        for name, shape in LAYOUTS[source][variant].items()
        if not name.endswith("num_batches_tracked")
    }
    safetensors.numpy.save_file(arrays, path)
    return path


def keras_arrays(*, top: bool) -> dict[str, dict[str, np.ndarray]]:
    """Layer → role → array of the small VGG-11."""
    shapes: dict[str, tuple[int, ...]] = {}
    last = 3
    for block, (channels, count) in enumerate(
        zip((4, 8, 16, 32, 32), (1, 1, 2, 2, 2), strict=True), 1
    ):
        for number in range(1, count + 1):
            shapes[f"block{block}_conv{number}"] = (3, 3, last, channels)
            last = channels
    if top:
        shapes |= {"fc1": (49 * 32, UNITS), "fc2": (UNITS, UNITS), "predictions": (UNITS, CLASSES)}
    return {
        layer: {
            role: weight(f"{layer}/{role}", s)
            for role, s in (("kernel", shape), ("bias", shape[-1:]))
        }
        for layer, shape in shapes.items()
    }


def write_keras(path: Path, *, top: bool = True, numbered: bool = False) -> Path:
    """In the layouts of the golden files that Keras wrote."""
    arrays = keras_arrays(top=top)
    with h5py.File(path, "w") as file:
        if numbered:
            counts = {"conv2d": 0, "dense": 0}
            for roles in arrays.values():
                stem = "conv2d" if roles["kernel"].ndim == 4 else "dense"
                name = f"{stem}_{counts[stem]}" if counts[stem] else stem
                counts[stem] += 1
                for number, array in enumerate(roles.values()):
                    file[f"layers/{name}/vars/{number}"] = array
            file.create_group("layers/max_pooling2d/vars")
            file["optimizer/vars/0"] = np.int64(0)
        else:
            file.attrs["layer_names"] = np.array([*arrays, "block1_pool"], dtype="S20")
            file.create_group("block1_pool").attrs["weight_names"] = np.array([], dtype="S20")
            for layer, roles in arrays.items():
                names = [f"{layer}/{role}:0" for role in roles]
                file.create_group(layer).attrs["weight_names"] = np.array(names, dtype="S40")
                for name, array in zip(names, roles.values(), strict=True):
                    file[layer][name] = array
    return path


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_agrees_with_torchvision(tmp_path: Path, variant: str) -> None:
    path = write_torch(tmp_path / "w.safetensors", variant)
    model = sloy.load(variant, weights=path, **SMALL)
    assert model.network.output_shape == (CLASSES,)
    assert close(model(picture(224, 224)), OUTPUTS[variant])


def test_timm(tmp_path: Path) -> None:
    path = write_torch(tmp_path / "w.safetensors", "vgg11_bn", "timm")
    assert close(sloy.load("vgg11_bn", weights=path, **SMALL)(picture(224, 224)), OUTPUTS["timm"])


@pytest.mark.parametrize("numbered", [False, True])
def test_keras(tmp_path: Path, numbered: bool) -> None:
    path = write_keras(tmp_path / "w.h5", numbered=numbered)
    model = sloy.load("vgg11", weights=path, **SMALL)
    assert close(model(picture(224, 224)), OUTPUTS["keras"])
    turned = model(np.ascontiguousarray(picture(224, 224)[..., ::-1]))
    assert not close(turned, OUTPUTS["keras"], 0.05)  # red is told from blue


def test_keras_without_top(tmp_path: Path) -> None:
    path = write_keras(tmp_path / "w.h5", top=False)
    model = sloy.load("vgg11", weights=path, include_top=False, **SMALL)
    features = model.predict(picture(224, 224))
    assert close(features, OUTPUTS["keras without top"])
    whole = write_keras(tmp_path / "whole.h5")
    again = sloy.load("vgg11", weights=whole, include_top=False, **SMALL)
    assert np.array_equal(again.predict(picture(224, 224)), features)
    with pytest.raises(
        FileFormatError, match=r"no weights of vgg11_bn: .* They are those of vgg11\."
    ):
        sloy.load("vgg11_bn", weights=path, include_top=False, **SMALL)
    with pytest.raises(
        FileFormatError,
        match="convolutions of vgg11, but not its dense layers; give include_top=False",
    ):
        sloy.load("vgg11", weights=path, **SMALL)


def test_features_of_a_network_with_another_head(tmp_path: Path) -> None:
    """As of a VGG that someone fine-tuned: dense layers of other names are left; other convolutions are not."""
    path = tmp_path / "w.safetensors"
    write_torch(path, "vgg11")
    arrays = safetensors.numpy.load_file(path)
    features = {name: array for name, array in arrays.items() if name.startswith("features")}
    head = {"head.weight": np.zeros((3, 49 * 32), np.float32), "head.bias": np.zeros(3, np.float32)}
    safetensors.numpy.save_file({**features, **head}, path)
    model = sloy.load("vgg11", weights=path, include_top=False, **SMALL)
    whole = sloy.load("vgg11", weights=write_torch(tmp_path / "x.safetensors", "vgg11"), **SMALL)
    x = picture(224, 224)
    assert np.array_equal(model(x), whole.activations(x, ["pool5"])["pool5"])
    with pytest.raises(FileFormatError, match="but not its dense layers"):
        sloy.load("vgg11", weights=path, **SMALL)
    more = {
        "extra.weight": np.zeros((4, 4, 3, 3), np.float32),
        "extra.bias": np.zeros(4, np.float32),
    }
    safetensors.numpy.save_file({**features, **more}, path)
    with pytest.raises(FileFormatError, match="holds no weights of vgg11"):
        sloy.load("vgg11", weights=path, include_top=False, **SMALL)


def test_other_sizes_are_averaged_to_the_grid(tmp_path: Path) -> None:
    path = write_torch(tmp_path / "w.safetensors", "vgg16")
    model = sloy.load("vgg16", weights=path, input_shape=(150, 270, 3), **SMALL)
    assert close(model(picture(150, 270)), OUTPUTS["vgg16 at 150 × 270"])


def test_a_picture_is_resized_cropped_and_normalised(tmp_path: Path) -> None:
    """From the file to the probabilities as torchvision's preset has it; also after saving and loading."""
    path = write_torch(tmp_path / "w.safetensors", "vgg16")
    image = tmp_path / "p.png"
    PIL.Image.fromarray(picture(*PICTURE)[0]).save(image)
    model = sloy.load("vgg16", weights=path, **SMALL)
    found = model.predict_proba(image)
    assert close(found, OUTPUTS["vgg16 of a picture"], 1e-4)
    model.save(tmp_path / "m.sloy")
    again = sloy.load(tmp_path / "m.sloy", threads=1)
    assert np.array_equal(again.predict_proba(str(image)), found)
    assert model.predict([image, image]).tolist() == [found.argmax()] * 2


def test_class_names_are_those_of_imagenet(tmp_path: Path) -> None:
    shapes = LAYOUTS["torchvision"]["vgg11"]
    arrays = {name: weight(name, small_shape(name, shape)) for name, shape in shapes.items()}
    arrays |= {
        f"classifier.6.{r}": weight(r, s) for r, s in (("weight", (1000, UNITS)), ("bias", (1000,)))
    }
    safetensors.numpy.save_file(arrays, tmp_path / "w.safetensors")
    model = sloy.load("vgg11", weights=tmp_path / "w.safetensors", **SMALL)
    assert model.class_names == imagenet_classes()
    assert [metric.name for metric in model.problem.metrics] == ["accuracy", "top_5_accuracy"]
    other = sloy.load("vgg11", weights=tmp_path / "w.safetensors", classes=3, **SMALL)
    assert other.class_names == ()


def test_the_1000_classes() -> None:
    names, synsets = imagenet_classes(), imagenet_synsets()
    assert len(names) == len(synsets) == len(set(names)) == len(set(synsets)) == 1000
    assert list(synsets) == sorted(synsets)
    known = {
        0: "tench",
        207: "golden retriever",
        404: "airliner",
        817: "sports car",
        999: "toilet tissue",
    }
    assert {k: names[k] for k in known} == known
    assert synsets[207] == "n02099601"


def test_a_new_head_and_fine_tuning(tmp_path: Path) -> None:
    """Other classes get a new last layer; frozen layers stay to the bit, the loss falls, the model saves."""
    path = write_torch(tmp_path / "w.safetensors", "vgg11_bn")
    given = sloy.load("vgg11_bn", weights=path, **SMALL)
    model = sloy.load("vgg11_bn", weights=path, classes=2, input_shape=(32, 32, 3), **SMALL)
    assert model.network.output_shape == (2,)
    before = {name: array.copy() for name, array in model.parameters.items()}
    assert all(
        np.array_equal(array, given.parameters[name])
        for name, array in before.items()
        if not name.startswith("fc8/")
    )
    assert before["fc8/weight"].std() > 0
    x = np.repeat(picture(32, 32), 8, 0)
    y = np.arange(8) % 2
    x[y == 1] //= 3
    tuned, history = sloy.fit(
        model.network, (x, y), parameters=dict(model.parameters), preprocessing=model.problem.preprocessing,
        trainable=["fc8/*"], epochs=40, batch_size=8, optimizer=sloy.Adam(0.02), threads=1, verbose=False,
    )  # fmt: skip
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    for name in model.network.parameters:
        assert np.array_equal(tuned.parameters[name], before[name]) == (not name.startswith("fc8/"))
    tuned.save(tmp_path / "tuned.sloy")
    assert np.array_equal(sloy.load(tmp_path / "tuned.sloy", threads=1)(x), tuned(x))


def test_frozen_to_the_bit_saved_and_exported(tmp_path: Path) -> None:
    """An imported model is like any other: fine-tuned behind its features, and run by ONNX Runtime."""
    path = write_torch(tmp_path / "w.safetensors", "vgg11_bn")
    model = sloy.load("vgg11_bn", weights=path, input_shape=(64, 64, 3), **SMALL)
    x = np.concatenate([picture(64, 64) // (1 + k % 2) for k in range(12)])
    x += (np.arange(12)[:, None, None, None] * 3).astype(np.uint8)
    tuned, history = sloy.fine_tune(
        model, (x, np.arange(12) % 2), freeze="pool5", epochs=15, batch_size=6,
        optimizer=sloy.Adam(0.003), threads=1, verbose=False,
    )  # fmt: skip
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert tuned.network.output_shape == (2,)
    for name, array in tuned.parameters.items():  # running statistics too
        changed = name.startswith("fc")
        if not name.startswith("fc8/"):
            assert np.array_equal(array, model.parameters[name]) != changed, name
    tuned.export(tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(["output"], {"input": x})
    assert close(found, tuned(x), 1e-5)


def test_wrong_files_and_arguments(tmp_path: Path) -> None:
    path = write_torch(tmp_path / "w.safetensors", "vgg13_bn")
    with pytest.raises(
        FileFormatError, match=r"holds no weights of vgg16: .* They are those of vgg13_bn\."
    ):
        sloy.load("vgg16", weights=path)
    with pytest.raises(FileFormatError, match=r"has shape .* needs"):
        sloy.load("vgg13_bn", weights=path)  # narrower than the published network
    with pytest.raises(
        FileFormatError,
        match=r"no such file of weights; those of vgg16 are published at https://down",
    ):
        sloy.load("vgg16", weights=tmp_path / "none.pth")
    with pytest.raises(InvalidArgument, match=r"`name` \(='lenet5'\) must be one of vgg11"):
        sloy.load("lenet5", weights=path)
    with pytest.raises(
        InvalidArgument, match="classes, width can be given for a network by its name"
    ):
        sloy.load(tmp_path / "m.sloy", classes=3, width=1)
    with pytest.raises(InvalidArgument, match=r"`classes` \(=0\)"):
        sloy.load("vgg13_bn", weights=path, classes=0)
    tiny = GOLDEN / "tiny.pth"
    with pytest.raises(
        FileFormatError, match=r"holds no weights of vgg19: its layers are 0, 1, 5, 6 … \(5\)"
    ):
        sloy.load("vgg19", weights=tiny)
