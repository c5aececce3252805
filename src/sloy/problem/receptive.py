"""What of the input a unit of a layer sees, read off the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sloy import ops
from sloy.arguments import instance, integer
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import REGISTRY, Graph, Node, Spec, Tensor, lower
from sloy.language import say
from sloy.problem.network import Network
from sloy.text import Shown

Pair = tuple[int, int]
Box = tuple[int, int, int, int]  # top, left, bottom, right; the last two are beyond it


@dataclass(frozen=True)
class ReceptiveField(Shown):
    """The part of the input that units of a layer see.

    Unit (i, j) sees the rows from ``start[0] + i · stride[0]`` on, ``size[0]`` of them, and the columns likewise;
    those beyond the picture are padding.

    Attributes
    ----------
    layer : str
    input_extents, extents : (H, W)
        Of the picture, and of the layer's output.
    size, stride, start : (vertical, horizontal)
        In pixels of the input. A unit that sees everything, such as a neuron of a dense layer, has the size of the
        picture and stride 0.

    References
    ----------
    .. [1] A. Araujo, W. Norris, J. Sim, "Computing receptive fields of convolutional neural networks", Distill, 2019.
    """

    layer: str
    input_extents: Pair
    extents: Pair
    size: Pair
    stride: Pair
    start: Pair

    def box(self, row: int = 0, column: int = 0) -> Box:
        """(top, left, bottom, right) of what unit (row, column) sees of the picture; bottom and right are beyond it."""
        at = (
            integer("ReceptiveField.box", "row", row, 0, self.extents[0] - 1),
            integer("ReceptiveField.box", "column", column, 0, self.extents[1] - 1),
        )
        first = [s + i * d for s, i, d in zip(self.start, at, self.stride, strict=True)]
        last = [f + size for f, size in zip(first, self.size, strict=True)]
        return (
            max(first[0], 0),
            max(first[1], 0),
            min(last[0], self.input_extents[0]),
            min(last[1], self.input_extents[1]),
        )

    def __str__(self) -> str:
        if not any(self.stride):
            size = f"{self.size[0]} × {self.size[1]}"
            return say("{layer}: {size} pixels, the whole picture", layer=self.layer, size=size)
        size, stride, start = (f"{a} × {b}" for a, b in (self.size, self.stride, self.start))
        return say(
            "{layer}: {size} pixels, stride {stride}, the first from {start} on",
            layer=self.layer,
            size=size,
            stride=stride,
            start=start,
        )


@dataclass(frozen=True)
class _Span:
    """Along one axis: unit i sees [start + i · stride, start + i · stride + size)."""

    stride: int
    start: int
    size: int

    def through(self, kernel: int, stride: int, before: int, dilation: int) -> _Span:
        """Seen through a window that slides over units of this span."""
        return _Span(
            self.stride * stride,
            self.start - self.stride * before,
            self.size + self.stride * (kernel - 1) * dilation,
        )

    def joined(self, other: _Span) -> _Span | None:
        """Both together; None where they move apart."""
        if self.stride != other.stride:
            return None
        start = min(self.start, other.start)
        return _Span(
            self.stride, start, max(self.start + self.size, other.start + other.size) - start
        )


_Spans = tuple[_Span, _Span]


def receptive_field(network: Network, layer: str) -> ReceptiveField:
    """The receptive field of the units of a layer.

    Parameters
    ----------
    network : Network
        With pictures (H, W, C) as its input.
    layer : str
        Full name: ``conv2d_2``, ``residual_1/conv2d_1``.

    Examples
    --------
    >>> from sloy import zoo
    >>> print(receptive_field(zoo.cnn((28, 28, 1), 10), "conv2d_2"))
    conv2d_2: 10 × 10 pixels, stride 2 × 2, the first from 0 × 0 on
    """
    instance("receptive_field", "network", network, Network)
    shape = picture_shape("receptive_field", network)
    x = ops.input("x", (1, *shape))
    y = activation(network.build(x).activations, layer)
    extents = (y.shape[1], y.shape[2]) if y.rank == 4 else (1, 1)
    vertical, horizontal = _spans(y, shape) or _everything(shape)
    return ReceptiveField(
        layer,
        shape[:2],
        extents,
        (vertical.size, horizontal.size),
        (vertical.stride, horizontal.stride),
        (vertical.start, horizontal.start),
    )


def picture_shape(where: str, network: Network) -> tuple[int, int, int]:
    """(H, W, C) of the input; `ShapeError` where it is no picture."""
    if len(network.input_shape) != 3:
        raise ShapeError(
            f"{where}: the network takes samples of shape {network.input_shape}; it must take"
            " pictures (H, W, C)."
        )
    height, width, channels = network.input_shape
    return height, width, channels


def activation(activations: Mapping[str, Tensor], layer: str) -> Tensor:
    """The output of a layer; an error that names those there are."""
    if layer not in activations:
        raise InvalidArgument(f"no layer is named {layer!r}; there are {', '.join(activations)}.")
    return activations[layer]


def _everything(shape: tuple[int, int, int]) -> _Spans:
    return _Span(0, 0, shape[0]), _Span(0, 0, shape[1])


def _spans(output: Tensor, shape: tuple[int, int, int]) -> _Spans | None:
    """What a value sees of the input; None where it does not depend on it."""
    simple = {name for name, op in REGISTRY.items() if op.kind != "composite"}
    graph = lower(Graph.of({"output": output}), simple, "receptive field")
    found: list[_Spans | None] = []
    for node in graph.nodes:
        if not node.inputs:
            own = (_Span(1, 0, 1), _Span(1, 0, 1))
            found.append(own if node.op == "input" else None)
            continue
        dependent = [spans for i in node.inputs if (spans := found[i]) is not None]
        specs = [graph.nodes[i].spec for i in node.inputs]
        found.append(_seen(node, specs, dependent, shape) if dependent else None)
    return found[graph.outputs["output"]]


def _seen(
    node: Node, specs: list[Spec], operands: list[_Spans], shape: tuple[int, int, int]
) -> _Spans:
    """What the result of an op sees, from what those of its operands see that depend on the input."""
    first, attributes, definition = operands[0], node.attributes, REGISTRY[node.op]
    everything = _everything(shape)
    if definition.kind == "window" or node.op == "conv2d":
        size = specs[1].shape[:2] if node.op == "conv2d" else attributes["window"]
        dilation = attributes.get("dilation", (1, 1))
        padding = attributes["padding"][0], attributes["padding"][2]
        windows = zip(first, size, attributes["stride"], padding, dilation, strict=True)
        vertical, horizontal = (span.through(*window) for span, *window in windows)
        return vertical, horizontal
    if node.op in ("pad", "slice") and node.spec.rank == 4:
        moves = [attributes["before"][k] if node.op == "pad" else -attributes["start"][k]
                 for k in (1, 2)]  # fmt: skip
        vertical, horizontal = (
            _Span(span.stride, span.start - span.stride * move, span.size)
            for span, move in zip(first, moves, strict=True)
        )
        return vertical, horizontal
    in_place = definition.elementwise
    in_place |= node.op == "concatenate" and attributes["axis"] == 3
    in_place |= node.op == "broadcast_to" and node.spec == specs[0]
    if not in_place:
        return everything
    for spans in operands[1:]:
        joined = [a.joined(b) for a, b in zip(first, spans, strict=True)]
        if joined[0] is None or joined[1] is None:
            return everything
        first = joined[0], joined[1]
    return first
