"""Write what the tests of pretrained weights compare with: torchvision, timm and Keras at work, and files they wrote.

Run from the repository's root in an environment with torch, torchvision, timm, keras, h5py, safetensors and Pillow (no
dependencies of sloy); with torch 2.14.0, torchvision 0.29.2, timm 1.0.31 and keras 3.15.1 it was:

    KERAS_BACKEND=torch PYTHONPATH=tests python tests/golden/make_pretrained.py
"""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import keras
import numpy as np
import safetensors.torch
import timm.models.vgg
import torch
from keras.src.legacy.saving import legacy_h5_format
from PIL import Image
from torch import nn
from torchvision import models, transforms

from golden.pretrained_problems import (
    BLOCKS,
    CLASSES,
    PICTURE,
    SIXTEENTH,
    UNITS,
    VARIANTS,
    Arrays,
    digest,
    picture,
    weight,
)

FOLDER = Path(__file__).parent / "pretrained"
LETTERS = {"vgg11": "A", "vgg13": "B", "vgg16": "D", "vgg19": "E"}


def fill(model: nn.Module) -> nn.Module:
    """The weights of `pretrained_problems.weight`, by name."""
    state = model.state_dict()
    for name, tensor in state.items():
        if tensor.is_floating_point():
            tensor.copy_(torch.from_numpy(weight(name, tuple(tensor.shape))))
    return model.eval()


def narrow(letter: str) -> list[int | str]:
    cfg = models.vgg.cfgs[letter]
    return [v if isinstance(v, str) else round(v * SIXTEENTH) for v in cfg]


def small_torchvision(variant: str) -> nn.Module:
    """torchvision's network with a sixteenth of the channels."""
    features = models.vgg.make_layers(narrow(LETTERS[variant[:5]]), variant.endswith("_bn"))
    model = models.VGG(features, num_classes=CLASSES, init_weights=False)
    model.classifier = nn.Sequential(
        nn.Linear(32 * 49, UNITS), nn.ReLU(), nn.Dropout(),
        nn.Linear(UNITS, UNITS), nn.ReLU(), nn.Dropout(), nn.Linear(UNITS, CLASSES),
    )  # fmt: skip
    return fill(model)


def small_timm() -> nn.Module:
    """timm's VGG-11 with batch normalisation, likewise."""
    model = timm.models.vgg.VGG(narrow("A"), num_classes=CLASSES, norm_layer=nn.BatchNorm2d)
    model.pre_logits = timm.models.vgg.ConvMlp(32, UNITS, 7, drop_rate=0.0)
    model.head = timm.models.vgg.ClassifierHead(UNITS, CLASSES)
    return fill(model)


def small_keras(top: bool) -> keras.Model:
    """A VGG-11 of Keras's layers, named as those of its VGG-16."""
    layers = keras.layers
    x = inputs = keras.Input((224, 224, 3))
    for block, channels in enumerate((4, 8, 16, 32, 32), 1):
        for number in range(1, (1 if block < 3 else 2) + 1):
            name = f"block{block}_conv{number}"
            x = layers.Conv2D(channels, 3, padding="same", activation="relu", name=name)(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    if top:
        x = layers.Flatten(name="flatten")(x)
        x = layers.Dense(UNITS, activation="relu", name="fc1")(x)
        x = layers.Dense(UNITS, activation="relu", name="fc2")(x)
        x = layers.Dense(CLASSES, name="predictions")(x)
    model = keras.Model(inputs, x)
    for variable in model.weights:
        variable.assign(weight(variable.path, tuple(variable.shape)))
    return model


def normalized(x: np.ndarray) -> torch.Tensor:
    """uint8 (N, H, W, 3) as torchvision's presets have it, (N, 3, H, W)."""
    values = torch.from_numpy(x).permute(0, 3, 1, 2) / 255
    return transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))(values)


def vgg16_at_224() -> Arrays:
    """The whole VGG-16: digests of each block's output, and all logits."""
    model = fill(models.vgg16(weights=None, init_weights=False))
    found: Arrays = {}
    with torch.no_grad():
        x = normalized(picture(224, 224))
        for place, layer in enumerate(model.features):
            x = layer(x)
            for name, end in BLOCKS.items():
                if place == end:
                    found[name] = digest(x.permute(0, 2, 3, 1).numpy())
        x = torch.flatten(model.avgpool(x), 1)
        for name, end in (("relu6", 3), ("relu7", 6), ("fc8", 7)):
            start = {"relu6": 0, "relu7": 3, "fc8": 6}[name]
            x = model.classifier[start:end](x)
            found[name] = digest(x.numpy())
        found["logits"] = x.numpy()
    return found


def small_networks() -> Arrays:
    """Logits of every variant for one array, and of VGG-16 for other sizes and for a picture."""
    found: Arrays = {}
    preset = models.VGG16_Weights.IMAGENET1K_V1.transforms()
    image = Image.fromarray(picture(*PICTURE)[0])
    with torch.no_grad():
        for variant in VARIANTS:
            found[variant] = small_torchvision(variant)(normalized(picture(224, 224))).numpy()
        model = small_torchvision("vgg16")
        found["vgg16 at 150 × 270"] = model(normalized(picture(150, 270))).numpy()
        found["vgg16 of a picture"] = model(preset(image)[None]).softmax(1).numpy()
        found["timm"] = small_timm()(normalized(picture(224, 224))).numpy()
    for name, top in (("keras", True), ("keras without top", False)):
        x = keras.applications.vgg16.preprocess_input(picture(224, 224).astype(np.float32))
        found[name] = small_keras(top).predict(x, verbose=0)
    return found


def layouts() -> dict[str, dict[str, dict[str, list[int]]]]:
    """Source → network → name of each tensor → its shape."""
    found: dict[str, dict[str, dict[str, list[int]]]] = {"torchvision": {}, "timm": {}, "keras": {}}
    for variant in VARIANTS:
        with torch.device("meta"):
            one = getattr(models, variant)(weights=None, init_weights=False)
            other = timm.create_model(variant, pretrained=False)
        for source, model in (("torchvision", one), ("timm", other)):
            state = model.state_dict()
            found[source][variant] = {name: list(tensor.shape) for name, tensor in state.items()}
    for variant in ("VGG16", "VGG19"):
        model = getattr(keras.applications, variant)(weights=None)
        shapes = {variable.path: list(variable.shape) for variable in model.weights}
        found["keras"][variant.lower()] = shapes
    return found


def tiny() -> Arrays:
    """Small chains in every container, with the outputs for `x`."""
    x = (picture(6, 10, 3) / 255).astype(np.float32)
    model = fill(
        nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.BatchNorm1d(60), nn.Linear(60, 6), nn.ReLU(), nn.Linear(6, 3),
        )
    )  # fmt: skip
    state = model.state_dict()
    save = torch.save
    save(state, FOLDER / "tiny.pth")
    save(state, FOLDER / "tiny_legacy.pth", _use_new_zipfile_serialization=False)
    save({"epoch": 3, "state_dict": state, "best": 0.5}, FOLDER / "tiny_checkpoint.pth")
    save(
        {name: nn.Parameter(t, False) for name, t in state.items()}, FOLDER / "tiny_parameters.pth"
    )
    half = {n: t.bfloat16() if t.is_floating_point() else t for n, t in state.items()}
    save(half, FOLDER / "tiny_bfloat16.pth")
    save(model, FOLDER / "tiny_whole_model.pth")
    views = {"a": torch.arange(24.0).reshape(4, 6).T[1:4], "b": torch.arange(3)}
    save(views, FOLDER / "views.pth")
    safetensors.torch.save_file(state, FOLDER / "tiny.safetensors")
    safetensors.torch.save_file(half, FOLDER / "tiny_bfloat16.safetensors")
    with torch.no_grad():
        y = model(torch.from_numpy(x).permute(0, 3, 1, 2)).numpy()
    return {"tiny x": x, "tiny torch": y, "tiny keras": tiny_keras(x)}


def tiny_keras(x: np.ndarray) -> np.ndarray:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6, 10, 3)), layers.Conv2D(4, 3, padding="same", name="first"),
            layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D(2), layers.Flatten(),
            layers.BatchNormalization(), layers.Dense(6, activation="relu"), layers.Dense(3, name="last"),
        ]
    )  # fmt: skip
    model.compile(optimizer="adam", loss="mse")
    for variable in model.weights:
        variable.assign(weight(variable.path, tuple(variable.shape)))
    model.save_weights(FOLDER / "tiny.weights.h5")
    model.save(FOLDER / "tiny_model.h5")
    with h5py.File(FOLDER / "tiny.h5", "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return np.asarray(model.predict(x, verbose=0))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    keras.utils.set_random_seed(0)
    torch.set_num_threads(1)
    text = json.dumps(layouts(), separators=(",", ":")).replace('},"', '},\n"')
    (FOLDER / "layouts.json").write_text(text + "\n")
    numbers = {**tiny(), **small_networks()}
    np.savez(FOLDER / "outputs.npz", **numbers)
    np.savez(FOLDER / "vgg16.npz", **vgg16_at_224())
