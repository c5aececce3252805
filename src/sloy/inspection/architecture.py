"""What a network's architecture is drawn of: its layers as blocks, activations with the layers that they follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sloy import ops, text
from sloy.graph.ops.window import pair
from sloy.inspection.architecture_imported import imported_blocks
from sloy.inspection.block import Block, pooling_lines, window_lines
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
    LayerNorm,
    Maxout,
    MaxPool2D,
    PerNeuron,
    Rescale,
    Reshape,
    Residual,
    Sequential,
    Softmax,
    SqueezeExcitation,
    StochasticDepth,
    Widen,
)
from sloy.layers.activations import ACTIVATIONS
from sloy.problem.network import Network

_POOLS = (MaxPool2D, AveragePool2D, GlobalAveragePool2D, AdaptiveAveragePool2D)
_ELEMENTWISE: tuple[type, ...] = tuple(type(make()) for make in ACTIVATIONS.values())
_FOLLOWING: tuple[type, ...] = (
    *_ELEMENTWISE,
    Softmax,
    Activation,
    PerNeuron,
    BatchNorm,
    LayerNorm,
    Dropout,
    StochasticDepth,
    Rescale,
    Widen,
)


def blocks_of(network: Network) -> list[Block]:
    """The input, and the layers in order; normalisation, activations and dropout join the block before them."""
    x = ops.input("x", (1, *network.input_shape))
    activations = network.build(x).activations
    sizes = {name: p.tensor.spec.size for name, p in network.parameters.items()}
    blocks = [Block("input", say("input"), (), network.input_shape)]
    for layer, name in zip(network.layers, network.layer_names, strict=True):
        y, last, inside = activations[name], blocks[-1], f"{name}/"
        count = sum(size for key, size in sizes.items() if key.startswith(inside))
        if isinstance(layer, Imported):
            named = {key: value for key, value in activations.items() if key.startswith(inside)}
            blocks += imported_blocks(name, {**named, name: y}, x, sizes)
        elif isinstance(layer, _FOLLOWING) and last.kind != "input" and y.shape[1:] == last.shape:
            lines = (*last.lines, f"+ {_short(layer)}")
            blocks[-1] = replace(last, lines=lines, parameters=last.parameters + count)
        else:
            blocks.append(Block(_kind(layer), name, tuple(_lines(layer)), y.shape[1:], count))
        x = y
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
        "block": say("layers as one"),
        "other": say("other layer"),
    }[kind]


def _kind(layer: Layer) -> str:
    kinds: tuple[tuple[str, tuple[type, ...]], ...] = (
        ("convolution", (Conv2D,)),
        ("pooling", _POOLS),
        ("reshaping", (Flatten, Reshape)),
        ("dense", (Dense, Maxout)),
        ("residual", (Residual,)),
        ("block", (Sequential, SqueezeExcitation)),
    )
    return next((kind for kind, classes in kinds if isinstance(layer, classes)), "other")


def _lines(layer: Layer) -> list[str]:
    """What a layer does, in short lines."""
    if isinstance(layer, Conv2D):
        return _convolution(layer)
    if isinstance(layer, MaxPool2D | AveragePool2D):
        size = pair(layer.window, "window")
        stride = size if layer.stride is None else pair(layer.stride, "stride")
        return pooling_lines(size, stride, largest=isinstance(layer, MaxPool2D))
    if isinstance(layer, GlobalAveragePool2D):
        return [say("mean of each map")]
    if isinstance(layer, AdaptiveAveragePool2D):
        return [say("means, {grid}", grid=text.shape(pair(layer.grid, "grid")))]
    if isinstance(layer, Maxout):
        return [say("maxout of {pieces}", pieces=layer.pieces)]
    if isinstance(layer, Residual):
        return _residual(layer)
    if isinstance(layer, Sequential):
        return _inside(layer.layers)
    if isinstance(layer, Categories):
        return [say("{columns} columns of codes", columns=len(layer.classes))]
    return [] if isinstance(layer, Dense | Flatten | Reshape) else [_short(layer)]


def _convolution(layer: Conv2D) -> list[str]:
    size, stride, dilation = (
        pair(value, "") for value in (layer.kernel_size, layer.stride, layer.dilation)
    )
    return window_lines(size, stride, dilation, layer.groups)


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


def _short(layer: Layer) -> str:
    """A layer's class, with what tells it from others of the class: a function's name, a share that is dropped."""
    if isinstance(layer, Dropout | StochasticDepth):
        return f"{layer.kind} {layer.rate:g}"
    if isinstance(layer, Activation):
        name = getattr(layer.function, "__name__", "<lambda>")
        return layer.kind if name == "<lambda>" else name
    return layer.kind
