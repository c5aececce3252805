"""What an ONNX file says of itself beside its numbers: pictures, names of classes, what it ends in.

Keys of ``metadata_props`` that are read: those of the ONNX standard for pictures [1]_, of Ultralytics' exporter
(``names``, ``imgsz``, ``task``), and the plain ones that many write (``class_names``, ``classes``, ``labels``,
``character``, ``mean`` and ``std``). What cannot be understood there is left alone: such keys follow no standard.

References
----------
.. [1] https://github.com/onnx/onnx/blob/main/docs/MetadataProps.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sloy.data.class_names import names_in, value_of
from sloy.errors import InvalidArgument, ShapeError
from sloy.exchange.onnx.nodes import Node
from sloy.exchange.onnx.reading import Info, OnnxGraph
from sloy.preprocessing import Preprocessing

CHANNELS = (1, 3)  # of pictures
_NAMES = ("names", "class_names", "classes", "labels", "character")
_RANGES = {  # what bytes become, by `Image.NominalPixelRange`
    "NominalRange_0_255": Preprocessing(),
    "Normalized_0_1": Preprocessing(deviation=(255.0,)),
    "Normalized_1_1": Preprocessing((127.5,), (127.5,)),
    "NominalRange_16_235": Preprocessing((-16 * 255 / 219,), (255 / 219,)),
}


@dataclass(frozen=True)
class Described:
    """What another tool's file says of the pictures that it takes and the classes that it gives.

    Attributes
    ----------
    class_names : tuple of str
    size : (H, W) or None
    preprocessing : Preprocessing or None
        Of bytes.
    order : "RGB" or "BGR"
    """

    class_names: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    preprocessing: Preprocessing | None = None
    order: str = "RGB"


def described(metadata: Mapping[str, str]) -> Described:
    """What the metadata of a file tell.

    Examples
    --------
    >>> said = described({"names": "{0: 'cat', 1: 'dog'}", "imgsz": "[64, 96]", "mean": "[0.5]", "std": "[0.5]"})
    >>> said.class_names, said.size, said.preprocessing.mean
    (('cat', 'dog'), (64, 96), (127.5,))
    """
    names = next((found for key in _NAMES if (found := names_in(value_of(metadata.get(key))))), ())
    order = "BGR" if metadata.get("Image.BitmapPixelFormat", "").startswith("Bgr") else "RGB"
    return Described(names, _size(value_of(metadata.get("imgsz"))), _scale(metadata), order)


def _size(value: Any) -> tuple[int, int] | None:
    """``[640, 640]`` or 640."""
    sides = [value, value] if type(value) is int else value
    if not isinstance(sides, list | tuple) or len(sides) != 2:
        return None
    height, width = sides
    fits = all(type(side) is int and 0 < side <= 1 << 14 for side in sides)
    return (height, width) if fits else None


def _scale(metadata: Mapping[str, str]) -> Preprocessing | None:
    """What is done to bytes before they are given to the graph."""
    if (known := _RANGES.get(metadata.get("Image.NominalPixelRange", ""))) is not None:
        return known
    mean, std = (value_of(metadata.get(key)) for key in ("mean", "std"))
    if mean is not None and std is not None:
        try:
            return Preprocessing.of_pictures(mean, std)
        except (InvalidArgument, ShapeError):
            return None
    ultralytics = "ultralytics" in metadata.get("author", "").lower()
    return Preprocessing(deviation=(255.0,)) if ultralytics else None


def layout(info: Info) -> str | None:
    """ "first" for pictures (N, C, H, W), "last" for (N, H, W, C), of 1 or 3 channels; None for anything else."""
    if info.shape is None or len(info.shape) != 4:
        return None
    first, last = (info.shape[axis] in CHANNELS for axis in (1, 3))
    return None if first == last else "first" if first else "last"


def ending(graph: OnnxGraph, value: str | None) -> Node | None:
    """The node that makes a value, the first output by default, nodes that change nothing passed over."""
    name = graph.outputs[0].name if value is None else value
    makers = {name: node for node in graph.nodes for name in node.outputs if name}
    while (node := makers.get(name)) is not None and node.op in ("Identity", "Dropout"):
        name = node.inputs[0]
    return node


def before_probabilities(graph: OnnxGraph, value: str | None, op: str) -> str | None:
    """The value that probabilities are made of by an operator at the end, such as the logits before a softmax."""
    node = ending(graph, value)
    if node is None or node.op != op:
        return None
    made = {name for each in graph.nodes for name in each.outputs}
    return node.inputs[0] if node.inputs[0] in made else None
