"""How PyTorch and Keras name and lay out the numbers of a layer, and how sloy's are made of them.

Everything that differs between the tools stands in `TOOLS`. What their shapes do not show is the order of a flattened
map: PyTorch's rows are (C, H, W), sloy's and Keras's (H, W, C).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from sloy import ops
from sloy.exchange.weights.tensors import FileTensor
from sloy.graph.spec import Shape
from sloy.layers import BatchNorm, Dense, Flatten
from sloy.problem.network import Network

_BLOCK = 256


@dataclass(frozen=True)
class Tool:
    """What one tool calls the parameters of a layer, and how it lays them out.

    Attributes
    ----------
    separator : str
        Between a layer's name and a parameter's.
    roles : mapping
        sloy's name of a parameter → the tool's; several where files differ.
    axes : mapping
        Rank of a weight → the axes of it that are sloy's, in order.
    channels_first : bool
        Whether its maps are (C, H, W).
    ignored : tuple of str
        Parameters that are of no use here.
    """

    separator: str
    roles: Mapping[str, tuple[str, ...]]
    axes: Mapping[int, tuple[int, ...]]
    channels_first: bool
    ignored: tuple[str, ...] = ()


TOOLS = {
    "torch": Tool(
        separator=".",
        roles={
            "weight": ("weight",),
            "bias": ("bias",),
            "scale": ("weight", "layer_scale", "gamma"),
            "shift": ("bias",),
            "running_mean": ("running_mean",),
            "running_variance": ("running_var",),
        },
        axes={4: (2, 3, 1, 0), 2: (1, 0)},  # (O, I, KH, KW), (O, I)
        channels_first=True,
        ignored=("num_batches_tracked",),
    ),
    "keras": Tool(  # names of .h5, numbers of .weights.h5
        separator="/",
        roles={
            "weight": ("kernel", "0"),
            "bias": ("bias", "1"),
            "scale": ("gamma", "0"),
            "shift": ("beta", "1"),
            "running_mean": ("moving_mean", "2"),
            "running_variance": ("moving_variance", "3"),
        },
        axes={},  # (KH, KW, I, O), (I, O): sloy's own
        channels_first=False,
    ),
}


def flattened_maps(network: Network) -> dict[str, Shape]:
    """Layer → the map (H, W, C) whose elements it takes one after another, behind a `Flatten`.

    That is every layer from the `Flatten` of a map to the first `Dense`, whose outputs have no such order.

    Examples
    --------
    >>> from sloy import zoo
    >>> flattened_maps(zoo.make("vgg11", (64, 64, 3), 10))["fc6"]
    (2, 2, 512)
    """
    shapes = network.build(ops.input("x", (1, *network.input_shape))).activations
    shape: Shape = network.input_shape
    found: dict[str, Shape] = {}
    current: Shape | None = None
    for name, layer in zip(network.layer_names, network.layers, strict=True):
        if isinstance(layer, Flatten) and len(shape) == 3:
            current = shape
        elif current is not None and isinstance(layer, Dense | BatchNorm):
            found[name] = current
            current = None if isinstance(layer, Dense) else current
        shape = shapes[name].shape[1:]
    return found


def shape_of(tool: Tool, tensor: FileTensor, shape: Shape) -> Shape:
    """The shape that a tool's tensor has in sloy, where `shape` is wanted."""
    axes = tool.axes.get(len(tensor.shape), tuple(range(len(tensor.shape))))
    found = tuple(tensor.shape[axis] for axis in axes)
    if (
        len(found) == 4 and len(shape) == 2
    ):  # a dense layer written as a convolution of the whole map
        return (prod(found[:3]), found[3])
    if len(found) == 2 and len(shape) == 4:  # a 1 × 1 convolution written as a dense layer
        return (1, 1, *found)
    if (
        len(found) == 3 and len(shape) == 1 and found[1:] == (1, 1)
    ):  # factors of channels, (C, 1, 1)
        return found[:1]
    return found


def converted(tool: Tool, tensor: FileTensor, shape: Shape, flattened: Shape | None) -> np.ndarray:
    """A tool's tensor as sloy has it: float32, C-contiguous, of `shape`, which `shape_of` has confirmed.

    Parameters
    ----------
    tool : Tool
    tensor : FileTensor
    shape : tuple of int
    flattened : (H, W, C) or None
        The map that the layer's inputs were, see `flattened_maps`.
    """
    given = tensor.load()
    if tool.channels_first and flattened is not None and given.ndim < 4:
        height, width, channels = flattened
        if given.ndim == 1:  # (C·H·W,) → (H·W·C,)
            return _compact(given.reshape(channels, height, width).transpose(1, 2, 0)).reshape(
                shape
            )
        maps = given.reshape(-1, channels, height, width)  # (O, C, H, W)
        return _compact(maps.transpose(2, 3, 1, 0)).reshape(shape)  # (H·W·C, O)
    moved = given.transpose(tool.axes[given.ndim]) if given.ndim in tool.axes else given
    return _compact(moved).reshape(shape)


def _compact(view: np.ndarray) -> np.ndarray:
    """A transposed view as a float32 array of its own, 256 outputs at a time (fc6: 0.5 s, at once 2.0 s).

    What float32 cannot hold becomes infinite, which `convert` refuses.
    """
    out = np.empty(view.shape, np.float32)
    with np.errstate(over="ignore"):
        for first in range(0, view.shape[-1], _BLOCK):
            out[..., first : first + _BLOCK] = view[..., first : first + _BLOCK]
    return out
