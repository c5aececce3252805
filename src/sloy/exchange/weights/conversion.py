"""`read_weights`: the numbers of another tool's network, in sloy's names and layouts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sloy.arguments import instance
from sloy.errors import FileFormatError, InvalidArgument
from sloy.exchange.weights.block_names import Names
from sloy.exchange.weights.layouts import TOOLS, converted, flattened_maps, shape_of
from sloy.exchange.weights.names import keras_counted
from sloy.exchange.weights.readers import read_tensors
from sloy.exchange.weights.tensors import FileTensor, TensorFile
from sloy.problem import Network


def read_weights(
    network: Network, path: str | Path, names: Mapping[str, str] | None = None
) -> dict[str, np.ndarray]:
    """Weights that PyTorch or Keras trained, for the same network written with sloy's layers.

    Layouts are converted, the order of a flattened map too. Nothing in the file is executed.

    Parameters
    ----------
    network : Network
    path : str or Path
        See `sloy.exchange.weights.readers.read_tensors`: ``.pth``, ``.safetensors``, ``.h5``, ``.weights.h5``.
    names : mapping, optional
        sloy's layer → the layer in the file: ``{"conv2d_1": "features.0", "dense_1": "head"}``. By default the layers
        with weights are taken in order, which needs a plain chain of layers.

    Returns
    -------
    dict
        Name → float32 array, every parameter and state of the network: for `sloy.fit(parameters=…)` or `sloy.Model`.

    Raises
    ------
    FileFormatError
        Where the file is damaged, or holds other tensors than the network needs; it names the first.

    Notes
    -----
    Layers compute alike where their arguments are alike, and defaults differ: the ``epsilon`` of `BatchNorm` is 1e-5
    here and in PyTorch, 1e-3 in Keras; with a stride, ``padding="same"`` pads as in Keras, ``padding=1`` as in PyTorch.

    Examples
    --------
    ::

        network = sloy.Network((28, 28, 1), [Conv2D(8, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(10)])
        parameters = sloy.pretrained.read_weights(network, "mine.pth")
        model, history = sloy.fit(network, data, parameters=parameters)
    """
    instance("read_weights", "network", network, Network)
    file = read_tensors(path)
    if names is None:
        names = in_order(network, file)
    unknown = set(names) - {layer_of(name) for name in network.shapes}
    if unknown:
        raise InvalidArgument(
            f"read_weights: `names` has {sorted(unknown)}; the layers with weights are"
            f" {', '.join(dict.fromkeys(map(layer_of, network.shapes)))}."
        )
    return convert(network, file, names)


def convert(
    network: Network, file: TensorFile, names: Mapping[str, str], *, partly: bool = False
) -> dict[str, np.ndarray]:
    """The tensors of the layers in `names`, converted.

    Parameters
    ----------
    network : Network
    file : TensorFile
    names : mapping
        sloy's layer → the layer in the file.
    partly : bool
        Whether layers may be missing in `names`, and tensors of the file left over.
    """
    found = {
        name: (find(file, names, name), shape)
        for name, shape in network.shapes.items()
        if not partly or layer_of(name) in names
    }
    tool = TOOLS[file.tool]
    left = set(file.tensors) - {source for source, _ in found.values()}
    left = {name for name in left if not name.endswith(tool.ignored)} if tool.ignored else left
    if left and not partly:
        some = ", ".join(sorted(left)[:4])
        raise FileFormatError(
            f"{file.path}: holds {len(left)} tensors that the network has no place for: {some}"
            f"{' …' if len(left) > 4 else ''}."
        )
    maps = flattened_maps(network)
    for name, (source, shape) in found.items():
        there = shape_of(tool, file.tensors[source], shape)
        if there != shape:
            raise FileFormatError(
                f"{file.path}: {source!r} has shape {file.tensors[source].shape}, which is {there} in"
                f" sloy's layout; {name!r} needs {shape}."
            )
    arrays = {}
    for name, (source, shape) in found.items():
        layer, _, role = name.rpartition("/")
        map_ = None if role == "bias" else maps.get(layer)  # a bias belongs to the outputs
        array = converted(tool, file.tensors[source], shape, map_)
        if not np.isfinite(array).all():
            raise FileFormatError(
                f"{file.path}: {source!r} holds a value that is not finite in float32."
            )
        arrays[name] = array
    return arrays


def find(file: TensorFile, names: Mapping[str, str], name: str) -> str:
    """The tensor of the file that is the network's parameter `name`."""
    tool, layer, role = TOOLS[file.tool], layer_of(name), name.rpartition("/")[2]
    if layer not in names:
        raise InvalidArgument(f"{file.path}: `names` says nothing of the layer {layer!r}.")
    tried = [f"{names[layer]}{tool.separator}{its}" for its in tool.roles.get(role, ())]
    for source in tried:
        if source in file.tensors:
            return source
    wanted = " or ".join(map(repr, tried)) or f"for {role!r}"
    held = ", ".join(list(file.tensors)[:3])
    raise FileFormatError(
        f"{file.path}: has no tensor {wanted}, which {name!r} needs; it holds"
        f" {len(file.tensors)}: {held}{' …' if len(file.tensors) > 3 else ''}."
    )


def in_order(network: Network, file: TensorFile) -> Names:
    """sloy's layers with weights and those of the file, one after another."""
    layers = list(dict.fromkeys(map(layer_of, network.shapes)))
    if any("/" in layer for layer in layers):
        raise InvalidArgument(
            "read_weights: `names` is needed for a network with layers inside layers, whose order in the"
            " file does not tell which is which."
        )
    modules = _ordered(file)
    if file.tool == "keras" and all(name.rpartition("/")[2].isdecimal() for name in file.tensors):
        return keras_counted(network)
    if len(modules) != len(layers):
        raise FileFormatError(
            f"{file.path}: holds weights of {len(modules)} layers ({_some(modules)}), the network has"
            f" {len(layers)} ({_some(layers)})."
        )
    return dict(zip(layers, modules, strict=True))


def _ordered(file: TensorFile) -> list[str]:
    """The layers of a file in the order of the network: that of the file, or of the numbers that they are called."""
    modules = modules_of(file)
    if file.ordered:
        return modules
    parts = [module.rpartition(".") for module in modules]
    if len({stem for stem, _, _ in parts}) > 1 or not all(n.isdecimal() for _, _, n in parts):
        raise InvalidArgument(
            f"read_weights: `names` is needed: {file.path} keeps no order of its layers"
            f" ({_some(modules)})."
        )
    return sorted(modules, key=lambda module: int(module.rpartition(".")[2]))


def modules_of(file: TensorFile) -> list[str]:
    """The layers of a file, in its order."""
    separator = TOOLS[file.tool].separator
    return list(dict.fromkeys(name.rpartition(separator)[0] for name in file.tensors))


def layer_of(name: str) -> str:
    """The layer of a parameter."""
    return name.rpartition("/")[0]


def first_of(file: TensorFile, module: str, role: str) -> FileTensor | None:
    """A tensor of a layer of the file by sloy's name of it."""
    tool = TOOLS[file.tool]
    tried = (f"{module}{tool.separator}{its}" for its in tool.roles[role])
    return next((file.tensors[name] for name in tried if name in file.tensors), None)


def _some(names: list[str]) -> str:
    return ", ".join(names) if len(names) < 6 else f"{', '.join(names[:2])} … {names[-1]}"
