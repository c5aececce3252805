"""What a network's architecture is drawn of: its layers as blocks, activations with the layers that they follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sloy import ops, text
from sloy.graph.graph import topological_order
from sloy.graph.ops.window import pair
from sloy.graph.spec import Shape
from sloy.graph.tensor import Tensor
from sloy.language import say
from sloy.layers import (
    Activation,
    AdaptiveAveragePool2D,
    AveragePool2D,
    BatchNorm,
    Categories,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    Imported,
    Layer,
    Maxout,
    MaxPool2D,
    PerNeuron,
    Rescale,
    Reshape,
    Residual,
    Softmax,
)
from sloy.layers.activations import ACTIVATIONS
from sloy.problem.network import Network

MOST_OPS = 5  # kinds of ops of an imported graph that are named
_POOLS = (MaxPool2D, AveragePool2D, GlobalAveragePool2D, AdaptiveAveragePool2D)
_ELEMENTWISE: tuple[type, ...] = tuple(type(make()) for make in ACTIVATIONS.values())
_FOLLOWING: tuple[type, ...] = (
    *_ELEMENTWISE,
    Softmax,
    Activation,
    PerNeuron,
    BatchNorm,
    Dropout,
    Rescale,
)


@dataclass(frozen=True)
class Block:
    """One box of the picture.

    Attributes
    ----------
    kind : str
        "input", "convolution", "pooling", "reshaping", "dense", "residual" or "other".
    name : str
        Of its first layer.
    lines : tuple of str
        What it does, and each layer that follows in the same box, as ``+ ReLU``.
    shape : tuple of int
        Of the output of one sample.
    parameters : int
        Trained numbers of all its layers.
    """

    kind: str
    name: str
    lines: tuple[str, ...]
    shape: Shape
    parameters: int = 0


def blocks_of(network: Network) -> list[Block]:
    """The input, and the layers in order; normalisation, activations and dropout join the block before them."""
    activations = network.build(ops.input("x", (1, *network.input_shape))).activations
    sizes: Counter[str] = Counter()
    for name, parameter in network.parameters.items():
        sizes[name.split("/")[0]] += parameter.tensor.spec.size
    blocks, seen = [Block("input", say("input"), (), network.input_shape)], set[int]()
    for layer, name in zip(network.layers, network.layer_names, strict=True):
        shape, last = activations[name].shape[1:], blocks[-1]
        new = [t for t in topological_order([activations[name]]) if id(t) not in seen]
        seen |= {id(tensor) for tensor in new}
        joins = isinstance(layer, _FOLLOWING) and last.kind != "input" and shape == last.shape
        if joins:
            lines = (*last.lines, f"+ {_short(layer)}")
            total = last.parameters + sizes[name]
            blocks[-1] = Block(last.kind, last.name, lines, shape, total)
        else:
            lines = tuple(_imported(new) if isinstance(layer, Imported) else _lines(layer))
            blocks.append(Block(_kind(layer), name, lines, shape, sizes[name]))
    return blocks


def kind_name(kind: str) -> str:
    """What a kind of block is called."""
    return {
        "input": say("input"),
        "convolution": say("convolution"),
        "pooling": say("pooling"),
        "reshaping": say("reshaping"),
        "dense": say("fully connected"),
        "residual": say("residual block"),
        "other": say("other layer"),
    }[kind]


def _kind(layer: Layer) -> str:
    kinds: tuple[tuple[str, tuple[type, ...]], ...] = (
        ("convolution", (Conv2D,)),
        ("pooling", _POOLS),
        ("reshaping", (Flatten, Reshape)),
        ("dense", (Dense, Maxout)),
        ("residual", (Residual,)),
    )
    return next((kind for kind, classes in kinds if isinstance(layer, classes)), "other")


def _lines(layer: Layer) -> list[str]:
    """What a layer does, in short lines."""
    if isinstance(layer, Conv2D):
        return _convolution(layer)
    if isinstance(layer, MaxPool2D | AveragePool2D):
        size, stride = (
            pair(value, "")
            for value in (layer.window, layer.window if layer.stride is None else layer.stride)
        )
        window = text.shape(size)
        largest = isinstance(layer, MaxPool2D)
        first = (
            say("max {window}", window=window) if largest else say("mean {window}", window=window)
        )
        return [first, *([] if stride == size else [say("stride {stride}", stride=_pair(stride))])]
    if isinstance(layer, GlobalAveragePool2D):
        return [say("mean of each map")]
    if isinstance(layer, AdaptiveAveragePool2D):
        return [say("means, {grid}", grid=text.shape(pair(layer.grid, "grid")))]
    if isinstance(layer, Maxout):
        return [say("maxout of {pieces}", pieces=layer.pieces)]
    if isinstance(layer, Residual):
        return _residual(layer)
    if isinstance(layer, Categories):
        return [say("{columns} columns of codes", columns=len(layer.classes))]
    return [] if isinstance(layer, Dense | Flatten | Reshape) else [_short(layer)]


def _convolution(layer: Conv2D) -> list[str]:
    lines = [text.shape(pair(layer.kernel_size, "kernel_size"))]
    stride, dilation = pair(layer.stride, "stride"), pair(layer.dilation, "dilation")
    if stride != (1, 1):
        lines.append(say("stride {stride}", stride=_pair(stride)))
    if dilation != (1, 1):
        lines.append(say("dilation {dilation}", dilation=_pair(dilation)))
    if layer.groups != 1:
        lines.append(say("groups {groups}", groups=layer.groups))
    return lines


def _residual(layer: Residual) -> list[str]:
    """The layers inside, and what is added to their result: the input, or what the shortcut makes of it."""
    if layer.shortcut is None:
        return [*_inside(layer.layers), "+ x"]
    return [*_inside(layer.layers), say("+ shortcut:"), *_inside(layer.shortcut)]


def _inside(layers: Sequence[Layer]) -> list[str]:
    """Convolutions one by one, other layers counted by their kind."""
    convolutions = [
        f"{', '.join(_convolution(layer))}, {layer.filters}"
        for layer in layers
        if isinstance(layer, Conv2D)
    ]
    others = Counter(_short(layer) for layer in layers if not isinstance(layer, Conv2D))
    return [*convolutions, *(name if n == 1 else f"{n} {name}" for name, n in others.items())]


def _imported(tensors: Sequence[Tensor]) -> list[str]:
    """The most frequent ops of a graph, and how many others there are."""
    counts = Counter(tensor.op for tensor in tensors if tensor.inputs)
    named = counts.most_common(MOST_OPS)
    rest = sum(counts.values()) - sum(n for _, n in named)
    lines = [say("imported graph:"), *(f"{n} {op}" for op, n in named)]
    return [*lines, say("{count} others", count=rest)] if rest else lines


def _short(layer: Layer) -> str:
    """A layer's class, with what tells it from others of the class: a function's name, a share that is dropped."""
    if isinstance(layer, Dropout):
        return f"{layer.kind} {layer.rate:g}"
    if isinstance(layer, Activation):
        name = getattr(layer.function, "__name__", "<lambda>")
        return layer.kind if name == "<lambda>" else name
    return layer.kind


def _pair(both: tuple[int, int]) -> str:
    return str(both[0]) if both[0] == both[1] else text.shape(both)
