"""The whole VGG-16 at 224 × 224 against PyTorch: the same 138 million weights, made anew from their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from golden.pretrained_problems import digest, picture, weight
from sloy import Model, zoo
from sloy.exchange.weights.conversion import convert
from sloy.exchange.weights.names import torchvision
from sloy.exchange.weights.pretrained import CONVENTIONS
from sloy.exchange.weights.tensors import FileTensor, TensorFile
from sloy.losses import CategoricalCrossentropy
from sloy.problem import Problem

GOLDEN = Path(__file__).parents[2] / "golden/pretrained/vgg16.npz"
RELATIVE = 1e-4  # of the largest number of each output, in float32


def state_dict() -> TensorFile:
    """torchvision's VGG-16 as a file that makes each tensor when it is read."""
    sizes = {0: (64, 3), 2: (64, 64), 5: (128, 64), 7: (128, 128), 10: (256, 128), 12: (256, 256)}
    sizes |= {14: (256, 256), 17: (512, 256)} | dict.fromkeys((19, 21, 24, 26, 28), (512, 512))
    shapes: dict[str, tuple[int, ...]] = {f"features.{i}": (*s, 3, 3) for i, s in sizes.items()}
    shapes |= {
        "classifier.0": (4096, 25088),
        "classifier.3": (4096, 4096),
        "classifier.6": (1000, 4096),
    }
    tensors = {}
    for name, shape in shapes.items():
        for role, extents in (("weight", shape), ("bias", shape[:1])):
            full = f"{name}.{role}"
            load = lambda full=full, extents=extents: weight(full, extents)  # noqa: E731
            tensors[full] = FileTensor(extents, "float32", load)
    return TensorFile(Path("vgg16.pth"), "torch", tensors)


def test_vgg16_agrees_with_pytorch() -> None:
    network = zoo.make("vgg16", (224, 224, 3), 1000)
    file = state_dict()
    assert sum(np.prod(tensor.shape) for tensor in file.tensors.values()) == 138_357_544
    preprocessing = CONVENTIONS["torch"].preprocessing
    problem = Problem(
        network, CategoricalCrossentropy(), preprocessing=preprocessing, data_dtype="uint8"
    )
    model = Model(problem, convert(network, file, torchvision(network)), threads=1)
    golden = np.load(GOLDEN)
    names = [name for name in golden if name != "logits"]
    outputs = model.activations(picture(224, 224), names)
    for name in names:
        found, expected = digest(outputs[name]), golden[name]
        assert np.abs(found - expected).max() <= RELATIVE * np.abs(expected).max(), name
    logits = outputs["fc8"]
    assert np.abs(logits - golden["logits"]).max() <= RELATIVE * np.abs(golden["logits"]).max()
