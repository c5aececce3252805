"""How a model from another tool's file takes pictures and what it answers: as asked for, else as the file says."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from sloy import losses
from sloy.arguments import flag, instance, integer, one_of, sequence
from sloy.data.pictures import PictureReader
from sloy.data.readers import Reader, reader_from_config
from sloy.errors import FileFormatError, InvalidArgument, ShapeError
from sloy.exchange.onnx.described import Described, before_probabilities, described, ending, layout
from sloy.exchange.onnx.imported import ImportedGraph, convert
from sloy.exchange.onnx.reading import OnnxGraph
from sloy.files.documents import hold, parse
from sloy.graph.spec import Shape
from sloy.layers import Flatten, Layer
from sloy.losses import BinaryCrossentropy, CategoricalCrossentropy, Loss
from sloy.model.signs import expects_prepared
from sloy.preprocessing import Preprocessing
from sloy.problem import Problem
from sloy.text import shown

METADATA = "sloy"  # the key under which exported files say what ONNX has no place for
CLASS_NAMES = "class_names"  # a JSON list of strings
SCALES = ("unit", "none")

Scale = Preprocessing | Literal["unit", "none"] | None


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked for of an ONNX file; see `Model.from_onnx`."""

    input_shape: Sequence[int] | None = None
    output: str | None = None
    channels_last: bool = False
    pictures: bool = False
    size: tuple[int, int] | None = None
    preprocessing: Scale = None
    loss: losses.LossLike | None = None
    class_names: Sequence[str] = ()
    reader: Reader | None = None

    def __post_init__(self) -> None:
        for name in ("channels_last", "pictures"):
            flag("from_onnx", name, getattr(self, name))
        if not isinstance(self.preprocessing, Preprocessing) and self.preprocessing is not None:
            one_of("from_onnx", "preprocessing", self.preprocessing, SCALES)
        instance("from_onnx", "reader", self.reader, Reader, optional=True)
        sequence("from_onnx", "class_names", self.class_names, str)
        if self.size is not None:
            sides = sequence("from_onnx", "size", self.size, int)
            if len(sides) != 2:
                raise InvalidArgument(f"from_onnx: `size` (={shown(self.size)}) must be (H, W).")
            for side in sides:
                integer("from_onnx", "size", side)

    @property
    def takes_pictures(self) -> bool:
        """Whether the model is for picture files."""
        return self.pictures or self.size is not None


@dataclass(frozen=True)
class Said:
    """What a file says of itself: sloy's own export all that ONNX has no place for, others what they do."""

    own: Mapping[str, Any] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    other: Described = field(default_factory=Described)


def said_by(metadata: Mapping[str, str]) -> Said:
    """What the metadata of a file tell."""
    if METADATA not in metadata:
        found = described(metadata)
        return Said({}, found.class_names, found)
    try:
        said = parse(metadata[METADATA])
        names = parse(metadata.get(CLASS_NAMES, "[]"))
        hold(said, {"loss?": str, "reader?": (None, dict), "*": object}, METADATA)
        hold(names, [str], CLASS_NAMES)
    except ValueError as error:
        reason = str(error).removesuffix(".")
        raise FileFormatError(f"its metadata cannot be read ({reason}).") from error
    return Said(said, tuple(names))


def converted(graph: OnnxGraph, wanted: Wanted, said: Said) -> tuple[ImportedGraph, Loss]:
    """The graph as it is asked for, and the loss; probabilities at its end are taken off where the loss makes them."""
    form = layout(graph.inputs[0]) if len(graph.inputs) == 1 else None
    if wanted.takes_pictures and form is None and len(graph.inputs) == 1:
        raise InvalidArgument(
            f"the input {graph.inputs[0].name[:40]!r} of shape {_shown(graph.inputs[0].shape)} is no picture of"
            " 1 or 3 channels."
        )
    turned = (wanted.channels_last and form != "last") or (
        wanted.takes_pictures and form == "first"
    )
    shape = wanted.input_shape
    if form is not None and shape is None:
        shape = _with_size(graph, form, wanted.size or said.other.size, wanted.size)
    loss = _loss(graph, wanted, said)
    output = wanted.output
    if isinstance(loss, CategoricalCrossentropy | BinaryCrossentropy):
        op = "Softmax" if isinstance(loss, CategoricalCrossentropy) else "Sigmoid"
        output = before_probabilities(graph, output, op) or output
    found = convert(graph, input_shape=shape, output=output, takes_channels_last=turned)
    return found, loss


def _with_size(
    graph: OnnxGraph, form: str, size: tuple[int, int] | None, asked: tuple[int, int] | None
) -> Shape | None:
    """The shape of one sample as the file has it, with a size of pictures where that is open."""
    shape = graph.inputs[0].shape
    assert shape is not None
    places = (2, 3) if form == "first" else (1, 2)
    fixed = tuple(shape[axis] for axis in places)
    if all(isinstance(side, int) and side > 0 for side in fixed):
        if asked is not None and asked != fixed:
            raise InvalidArgument(
                f"`size` (={asked[0]}x{asked[1]}): the file is made for pictures of {fixed[0]} × {fixed[1]}."
            )
        return None
    if size is None:
        return None
    sample = [shape[axis] for axis in (1, 2, 3)]
    for axis, side in zip(places, size, strict=True):
        sample[axis - 1] = side
    return tuple(int(extent) for extent in sample if extent is not None)


def _loss(graph: OnnxGraph, wanted: Wanted, said: Said) -> Loss:
    """The loss that is asked for, else the file's, else that of classes where there are any, else squared error."""
    if wanted.loss is not None:
        return losses.loss(wanted.loss)
    name = said.own.get("loss")
    if isinstance(name, str) and (own := losses.named(name)) is not None:
        return own
    last = ending(graph, wanted.output)
    known = {info.name: info.shape for info in graph.outputs}
    shape = known.get(graph.outputs[0].name if wanted.output is None else wanted.output)
    classes = bool(wanted.class_names) or (
        wanted.takes_pictures and last is not None and last.op == "Softmax" and _is_vector(shape)
    )
    if not classes and wanted.takes_pictures and said.class_names:
        classes = shape is not None and shape[1:] == (len(said.class_names),)
    return CategoricalCrossentropy() if classes else losses.SquaredError()


def _is_vector(shape: Sequence[int | str | None] | None) -> bool:
    """Whether an output may be one vector for each sample, no steps of a sequence and no map; None: not known."""
    sequence = shape is not None and len(shape) == 3
    return sum(e != 1 and (isinstance(e, int) or sequence) for e in (shape or ())[1:]) <= 1


def flattening(layer: Layer, input_shape: Shape, loss: Loss) -> list[Layer]:
    """A `Flatten` where classes come as (K, 1, 1), as of networks whose last layer is a convolution."""
    shape = layer.output_shape(input_shape)
    spread = len(shape) > 1 and max(shape) == np.prod(shape) > 1
    return [Flatten()] if spread and isinstance(loss, CategoricalCrossentropy) else []


def class_names_of(wanted: Wanted, said: Said, output_shape: Shape) -> tuple[str, ...]:
    """The names that are asked for, else the file's where they fit what the network gives."""
    count = output_shape[0] if len(output_shape) == 1 else None
    if wanted.class_names:
        names = tuple(wanted.class_names)
        if len(names) != count:
            raise InvalidArgument(
                f"`class_names`: there are {len(names)}, the network's output is (N, {_joined(output_shape)})."
            )
        return names
    return said.class_names if said.own or len(said.class_names) == count else ()


def reader_of(wanted: Wanted, said: Said, input_shape: Shape) -> Reader | None:
    """What makes samples of picture files: what is asked for, else the file's, else one of the network's size."""
    if wanted.reader is not None:
        return wanted.reader
    own = reader_from_config(said.own.get("reader"))
    if own is not None or not wanted.takes_pictures or input_shape[-1] not in (1, 3):
        return own
    height, width, channels = input_shape
    return PictureReader((height, width), channels, resize="crop", order=said.other.order)


def prepared(
    problem: Problem, parameters: Mapping[str, np.ndarray], wanted: Wanted, said: Said
) -> Problem:
    """The problem with what is done to pictures first; a warning where that seems to be missing."""
    if wanted.preprocessing is None:
        known = said.other.preprocessing if wanted.takes_pictures else None
        if known is None and wanted.takes_pictures and not said.own:
            _warn(problem, parameters)
    elif isinstance(wanted.preprocessing, Preprocessing):
        known = wanted.preprocessing
    else:
        unit = wanted.preprocessing == "unit"
        known = Preprocessing(deviation=(255.0,)) if unit else Preprocessing()
    if known is None or known.is_identity:
        return problem
    try:
        known.check(problem.network.input_shape)
    except ShapeError as error:
        hint = (
            ""
            if wanted.channels_last or problem.network.input_shape[0] not in (1, 3)
            else "; `channels_last` makes (N, H, W, C) of the file's (N, C, H, W)"
        )
        raise ShapeError(f"{str(error).removesuffix('.')}{hint}.") from None
    return replace(problem, preprocessing=known)


_TORCHVISION = "0.485,0.456,0.406 and 0.229,0.224,0.225"


def _warn(problem: Problem, parameters: Mapping[str, np.ndarray]) -> None:
    if (sign := expects_prepared(problem, parameters)) is not None:
        grey = problem.network.input_shape[-1] == 1
        usual = "0.1307 and 0.3081 of MNIST" if grey else f"{_TORCHVISION} of torchvision"
        warnings.warn(
            f"bytes from 0 to 255 go into a network that seems to expect prepared pictures ({sign}). Give the mean"
            " and deviation that it is published with (`preprocessing`; sloy import --mean --std), such as"
            f" {usual}, or 0 and 1 for pixels from 0 to 1.",
            stacklevel=5,
        )


def _shown(shape: Sequence[int | str | None] | None) -> str:
    return "unknown" if shape is None else f"({', '.join(str(e or '?') for e in shape)})"


def _joined(shape: Shape) -> str:
    return ", ".join(map(str, shape))
