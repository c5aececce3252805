"""ImageNet's networks with their weights: layers, numbers, preprocessing, class names and reader of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sloy import zoo
from sloy.arguments import integer, path_of
from sloy.data.imagenet import imagenet_classes
from sloy.data.pictures import PictureReader
from sloy.data.readers import Reader
from sloy.errors import FileFormatError, InvalidArgument
from sloy.exchange.weights.block_names import Names
from sloy.exchange.weights.conversion import convert, first_of, layer_of, modules_of
from sloy.exchange.weights.downloads import fetch, published
from sloy.exchange.weights.names import Naming, namings
from sloy.exchange.weights.published import PUBLISHED, Published
from sloy.exchange.weights.readers import read_tensors
from sloy.exchange.weights.tensors import TensorFile
from sloy.graph.spec import Shape
from sloy.losses import CategoricalCrossentropy, SquaredError
from sloy.metrics import Accuracy, TopK
from sloy.preprocessing import Preprocessing
from sloy.problem import Network, Problem
from sloy.text import shown

SIZE = 224  # pixels a side, in training


@dataclass(frozen=True)
class Convention:
    """How a tool's networks take pictures.

    Attributes
    ----------
    preprocessing : Preprocessing
        Of uint8 values, red, green, blue.
    bgr : bool
        Whether the first convolution takes blue first; its weights are turned, so that sloy's always takes red first.
    """

    preprocessing: Preprocessing
    bgr: bool


# torchvision, timm: x / 255, then ImageNet's mean and deviation. Keras: converted from Caffe, BGR minus the mean.
CONVENTIONS = {
    "torch": Convention(
        Preprocessing(
            mean=(123.675, 116.28, 103.53),  # 255 · (0.485, 0.456, 0.406)
            deviation=(58.395, 57.12, 57.375),  # 255 · (0.229, 0.224, 0.225)
        ),
        bgr=False,
    ),
    "keras": Convention(Preprocessing(mean=(123.68, 116.779, 103.939)), bgr=True),
}

Parts = tuple[Problem, dict[str, np.ndarray], tuple[str, ...], Reader | None]


def read_pretrained(
    name: str,
    weights: str | Path | None = None,
    *,
    input_shape: Shape = (SIZE, SIZE, 3),
    classes: int | None = None,
    seed: int = 0,
    **options: Any,
) -> Parts:
    """The parts of a model of the zoo with published or given weights; `sloy.load(name)` makes the model of them.

    Parameters
    ----------
    name : str
        One of `sloy.pretrained.PUBLISHED`: ``vgg16``, ``resnet50``, ``mobilenet_v2``, ``efficientnet_b0`` …
    weights : path, "torchvision", "torchvision-v1", "timm", "keras" or None
        A file, or whose weights to download; None is torchvision's.
    input_shape : (H, W, 3)
        Of the pictures. Where it is not 224 × 224, the last maps of VGG are averaged to 7 × 7 before the dense layers;
        the other networks average them to one number for each channel at any size.
    classes : int, optional
        By default as many as the weights have. Another number gets a new last layer, drawn by `seed`, to be trained.
    seed : int
    **options
        Of the zoo's function: ``include_top=False`` gives the feature maps.

    Returns
    -------
    problem, parameters, class_names, reader
    """
    if not isinstance(name, str) or name not in PUBLISHED:
        raise InvalidArgument(
            f"load: `name` (={shown(name)}) must be one of {', '.join(PUBLISHED)}; weights of other networks:"
            " `sloy.pretrained.read_weights(network, path)`."
        )
    if classes is not None:
        integer("load", "classes", classes)
    path = _file(name, weights)
    file = read_tensors(path)
    naming, names = fitting(name, file)
    top = options.get("include_top", True)
    head = _head(name)
    trained = _trained_classes(file, names[head], name) if top else 0
    count = trained if classes is None else classes
    options = {**naming.options, **options}
    if top and name.startswith("vgg") and tuple(input_shape[:2]) != (SIZE, SIZE):
        options = {"grid": 7, **options}
    network = zoo.make(name, input_shape, max(count, 1), **options)
    used = _used(network, names, () if not top or count == trained else (head,))
    parameters = {**_initial(network, used, seed), **convert(network, file, used, partly=True)}
    convention = CONVENTIONS[file.tool]
    if convention.bgr:
        _turn_channels(parameters)
    class_names = imagenet_classes() if top and count == trained == 1000 else ()
    reader = _reader(network, _publication(name, path, naming))
    return _problem(network, convention, top=top), parameters, class_names, reader


def _file(name: str, weights: str | Path | None) -> Path:
    """The given file, or the downloaded one."""
    if weights is None:
        return fetch(published(name))
    path = path_of("read_pretrained", "weights", weights)
    publishers = {publisher for files in PUBLISHED.values() for publisher in files}
    if str(weights) in publishers and not path.exists():
        return fetch(published(name, str(weights)))
    if not path.is_file():
        where = published(name).url
        raise FileFormatError(
            f"{path}: there is no such file of weights; those of {name} are published at {where}."
        )
    return path


def _publication(name: str, path: Path, naming: Naming) -> Published:
    """The published file that a file is by its name; else the first of the source whose names it has."""
    files = PUBLISHED[name]
    same = (found for found in files.values() if found.file_name == path.name)
    return next(same, files.get(naming.source, published(name)))


def fitting(name: str, file: TensorFile) -> tuple[Naming, Names]:
    """How a file with all that a network needs up to its dense layers calls the layers."""
    if (found := _naming(name, file)) is not None:
        return found
    others = [other for other in PUBLISHED if _naming(other, file) is not None]
    hint = f" They are those of {' or '.join(others)}." if others else ""
    modules = modules_of(file)
    raise FileFormatError(
        f"{file.path}: holds no weights of {name}: its layers are {', '.join(modules[:4])} …"
        f" ({len(modules)}).{hint}"
    )


def _naming(name: str, file: TensorFile) -> tuple[Naming, Names] | None:
    """The first naming by which a file fits a network; behind the feature maps it may have other dense layers."""
    if not (known := namings(name, file.tool)):
        return None
    network = zoo.make(name, (SIZE, SIZE, 3), 1000)
    layers, present = set(map(layer_of, network.shapes)), set(modules_of(file))
    features = _ranks(zoo.make(name, (SIZE, SIZE, 3), 1000, include_top=False))
    for naming in known:
        names = naming.names(network)
        if set(names) != layers:  # Keras has no names for norms
            continue
        others = present - set(names.values())
        if all(_rank(file, names[layer]) in ranks for layer, ranks in features.items()) and all(
            _rank(file, module) == 2 for module in others
        ):
            return naming, names
    return None


def _ranks(network: Network) -> dict[str, tuple[int, ...]]:
    """Layer with weights → the ranks that its weight may have in a file."""
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in network.shapes.items():
        if name.endswith(("/weight", "/scale")):
            dense_alike = len(shape) == 2 or shape[:2] == (1, 1)  # or a 1 × 1 convolution
            found[layer_of(name)] = (2, 4) if dense_alike else (4,) if len(shape) == 4 else (1, 3)
    return found


def _rank(file: TensorFile, module: str) -> int:
    """Of a layer's weight in the file; 0 where it is missing."""
    tensor = first_of(file, module, "weight") or first_of(file, module, "scale")
    return len(tensor.shape) if tensor is not None else 0


def _head(name: str) -> str:
    """The layer that gives the class scores: the last one with weights."""
    network = zoo.make(name, (SIZE, SIZE, 3), 1)
    return [layer for layer in map(layer_of, network.parameters) if layer in network.layer_names][
        -1
    ]


def _trained_classes(file: TensorFile, head: str, name: str) -> int:
    """Classes of the last layer in the file."""
    tensor = first_of(file, head, "bias")
    if tensor is None or len(tensor.shape) != 1:
        raise FileFormatError(
            f"{file.path}: holds the convolutions of {name}, but not its dense layers; give"
            " include_top=False, and layers of your own behind them."
        )
    return tensor.shape[0]


def _used(network: Network, names: Names, new: Sequence[str]) -> Names:
    """The layers that take weights from the file, those that are new left out."""
    there = set(map(layer_of, network.shapes)) - set(new)
    return {layer: module for layer, module in names.items() if layer in there}


def _initial(network: Network, used: Names, seed: int) -> dict[str, np.ndarray]:
    """First values of the layers that the file has none for."""
    missing = [name for name in network.shapes if layer_of(name) not in used]
    return network.initialize(seed, names=missing)


def _turn_channels(parameters: dict[str, np.ndarray]) -> None:
    """Weights of the first convolution for red, green, blue, which were for blue, green, red."""
    first = "conv1_1/weight"
    parameters[first] = np.ascontiguousarray(parameters[first][:, :, ::-1])


def _problem(network: Network, convention: Convention, *, top: bool) -> Problem:
    """What the model computes: class scores, or values."""
    if top:
        return Problem(
            network,
            CategoricalCrossentropy(),
            preprocessing=convention.preprocessing,
            metrics=(Accuracy(), TopK(5)) if network.output_shape[0] > 5 else (Accuracy(),),
            data_dtype="uint8",
        )
    return Problem(
        network,
        SquaredError(),
        preprocessing=convention.preprocessing,
        data_dtype="uint8",
        target_shape=network.output_shape,
        target_dtype="float32",
    )


def _reader(network: Network, found: Published) -> PictureReader:
    """Resize the shorter side as the weights want it, take the middle 224 × 224; other sizes in proportion."""
    height, width, channels = network.input_shape
    shorter = round(min(height, width) * found.resize_to / SIZE)
    return PictureReader(
        (height, width),
        channels,
        resize="crop",
        resize_to=max(shorter, height, width),
        resampling=found.resampling,
    )
