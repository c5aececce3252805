"""The layers of a network as a step by hand shows them, and what each needs of the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sloy import ops
from sloy.graph import Tensor, backprop
from sloy.graph.graph import topological_order
from sloy.layers import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    Layer,
    Maxout,
    MaxPool2D,
    PerNeuron,
    Reshape,
    Softmax,
)
from sloy.problem.network import Built, Network
from sloy.theory.activations import acts_alone
from sloy.theory.gradients.trace.layer import LayerTrace, ParameterTrace
from sloy.theory.gradients.trace.mixing import (
    BatchNormTrace,
    MaxoutTrace,
    OtherTrace,
    SoftmaxTrace,
)
from sloy.theory.gradients.trace.neurons import ActivationTrace, DropoutTrace, ReshapeTrace
from sloy.theory.gradients.trace.pool import AveragePoolTrace, MaxPoolTrace, counts_of
from sloy.theory.gradients.trace.weighted import ConvolutionTrace, DenseTrace
from sloy.theory.gradients.trace.windows import Windows

JACOBIAN = 16  # inputs or outputs of a layer whose Jacobian is written


@dataclass(frozen=True)
class Block:
    """A layer, and the activations of single neurons that belong to it.

    Attributes
    ----------
    name : str
    layer : Layer
    inputs, outputs : Tensor
    activation : tuple of Layer
    more : mapping
        What else is wanted of the graph for its trace.
    training : bool
    """

    name: str
    layer: Layer
    inputs: Tensor
    outputs: Tensor
    activation: tuple[Layer, ...] = ()
    more: Mapping[str, Tensor] = field(default_factory=dict)
    training: bool = False


def blocks_of(network: Network, built: Built, *, training: bool) -> list[Block]:
    """The blocks in order, with what each needs. Dropout in use is left out: there it does nothing."""
    blocks: list[Block] = []
    inputs = _samples(built)
    for name, layer in zip(network.layer_names, network.layers, strict=True):
        outputs = built.activations[name]
        idle = isinstance(layer, Dropout) and (not training or layer.rate == 0)
        last = blocks[-1] if blocks else None
        weighted = last is not None and isinstance(last.layer, Dense | Conv2D)
        if last is not None and weighted and _alone(layer, inputs, outputs, training=training):
            behind = () if idle else (layer,)
            blocks[-1] = replace(last, outputs=outputs, activation=(*last.activation, *behind))
        elif not idle:
            blocks.append(Block(name, layer, inputs, outputs, training=training))
        inputs = outputs
    return [replace(block, more=_more(block, built)) for block in blocks]


def trace_of(
    block: Block, values: Mapping[str, np.ndarray], parameters: Mapping[str, ParameterTrace]
) -> LayerTrace:
    """The trace of a block from the values of its tensors."""

    def of(what: str) -> np.ndarray:
        return values[f"{what}:{block.name}"][0]

    shared: dict[str, Any] = {
        "name": block.name,
        "inputs": of("x"),
        "u": of("u"),
        "slope": of("slope") if "slope" in block.more else np.ones_like(of("u")),
        "error": of("error"),
        "input_error": of("input_error"),
        "parameters": parameters,
    }
    return _KINDS[_kind(block)][1](block, shared, of)


def _kind(block: Block) -> Any:
    """The class under which a block's layer is traced; `Layer` for any other."""
    layer, rank = block.layer, block.inputs.rank
    if isinstance(layer, Softmax) and rank != 2:
        return Layer
    for kind in _KINDS:
        if kind is not Layer and isinstance(layer, kind):
            return kind
    alone = _alone(layer, block.inputs, block.outputs, training=block.training)
    return PerNeuron if alone else Layer


def _alone(layer: Layer, inputs: Tensor, outputs: Tensor, *, training: bool) -> bool:
    """Whether a layer treats each neuron alone, and leaves it in its place."""
    if isinstance(layer, Dropout):
        return not training or layer.rate == 0
    if isinstance(layer, Flatten | Reshape) or inputs.spec != outputs.spec:
        return False
    return isinstance(layer, PerNeuron) or acts_alone(layer)


def _samples(built: Built) -> Tensor:
    """The input ``x`` of the graph."""
    (x,) = (
        t
        for t in topological_order([built.output])
        if t.op == "input" and t.attributes["name"] == "x"
    )
    return x


def _more(block: Block, built: Built) -> dict[str, Tensor]:
    return _KINDS[_kind(block)][0](block, built)


# --- by kind of layer: what is wanted of the graph, and the trace of it ------------------------------


def _slope(block: Block, before: Tensor) -> Tensor:
    """∂u/∂z of neurons that are treated alone."""
    return backprop(ops.reduce_sum(block.outputs), [before])[0]


def _jacobian(block: Block) -> dict[str, Tensor]:
    """∂u/∂x row by row, of small layers."""
    x, u = block.inputs, block.outputs
    if max(x.spec.size, u.spec.size) > JACOBIAN:
        return {}
    flat = ops.reshape(u, (u.spec.size,))
    rows = [
        backprop(ops.reduce_sum(ops.slice(flat, (k,), (k + 1,))), [x])[0]
        for k in range(u.spec.size)
    ]
    stacked = ops.concatenate([ops.reshape(row, (1, x.spec.size)) for row in rows], 0)
    return {"jacobian": ops.reshape(stacked, (1, *u.shape[1:], *x.shape[1:]))}


def _no_more(block: Block, built: Built) -> dict[str, Tensor]:
    return {}


def _weighted_more(block: Block, built: Built) -> dict[str, Tensor]:
    z = built.activations[block.name]
    return {"z": z, "slope": _slope(block, z)}


def _slope_more(block: Block, built: Built) -> dict[str, Tensor]:
    return {"slope": _slope(block, block.inputs)}


def _mask_more(block: Block, built: Built) -> dict[str, Tensor]:
    return {"mask": _slope(block, block.inputs)}


def _softmax_more(block: Block, built: Built) -> dict[str, Tensor]:
    return _jacobian(block)


def _maxout_more(block: Block, built: Built) -> dict[str, Tensor]:
    u = block.outputs
    while u.op != "reduce_max":
        (u,) = u.inputs
    (z,) = u.inputs  # (1, units, pieces)
    return {"z": z, "share": _slope(block, z)}


def _norm_more(block: Block, built: Built) -> dict[str, Tensor]:
    if block.training:
        mean, variance = ops.moments(block.inputs)
    else:
        mean, variance = (
            built.states[f"{block.name}/running_{what}"].tensor for what in ("mean", "variance")
        )
    channels = (1, *mean.shape)
    return {"mean": ops.reshape(mean, channels), "variance": ops.reshape(variance, channels)}


def _other_more(block: Block, built: Built) -> dict[str, Tensor]:
    has_parameters = any(name.startswith(f"{block.name}/") for name in built.parameters)
    return {} if has_parameters else _jacobian(block)


Values = Callable[[str], np.ndarray]


def _dense(block: Block, shared: dict[str, Any], of: Values) -> LayerTrace:
    return DenseTrace(**shared, activation=block.activation, z=of("z"))


def _convolution(block: Block, shared: dict[str, Any], of: Values) -> LayerTrace:
    layer = block.layer
    assert isinstance(layer, Conv2D)
    windows = Windows.of(
        shared["inputs"].shape, layer.kernel_size, layer.stride, layer.padding, layer.dilation
    )
    return ConvolutionTrace(
        **shared, activation=block.activation, z=of("z"), windows=windows,
        groups=layer.groups,
    )  # fmt: skip


def _activation(block: Block, shared: dict[str, Any], of: Values) -> LayerTrace:
    return ActivationTrace(**shared, activation=block.layer)


def _dropout(block: Block, shared: dict[str, Any], of: Values) -> LayerTrace:
    assert isinstance(block.layer, Dropout)
    return DropoutTrace(**shared, rate=block.layer.rate, factor=of("mask"))


def _reshape(block: Block, shared: dict[str, Any], of: Values) -> LayerTrace:
    return ReshapeTrace(**shared)


def _max_pool(block: Block, shared: dict[str, Any], of: Values) -> LayerTrace:
    layer = block.layer
    assert isinstance(layer, MaxPool2D)
    windows = Windows.of(shared["inputs"].shape, layer.window, layer.stride, layer.padding)
    return MaxPoolTrace(**shared, windows=windows)


def _average_pool(block: Block, shared: dict[str, Any], of: Values) -> LayerTrace:
    layer, shape = block.layer, shared["inputs"].shape
    if isinstance(layer, AveragePool2D):
        windows = Windows.of(shape, layer.window, layer.stride, layer.padding)
        counts = counts_of(windows, padding=layer.count_include_pad)
    else:
        windows = Windows.of(shape, shape[:2], None, "valid")
        counts = counts_of(windows, padding=False)
    return AveragePoolTrace(**shared, windows=windows, counts=counts)


def _softmax(block: Block, shared: dict[str, Any], of: Values) -> LayerTrace:
    return SoftmaxTrace(**shared, jacobian=of("jacobian") if "jacobian" in block.more else None)


def _maxout(block: Block, shared: dict[str, Any], of: Values) -> LayerTrace:
    return MaxoutTrace(**shared, z=of("z"), share=of("share"))


def _norm(block: Block, shared: dict[str, Any], of: Values) -> LayerTrace:
    assert isinstance(block.layer, BatchNorm)
    deviation = np.sqrt(of("variance") + block.layer.epsilon)
    return BatchNormTrace(**shared, mean=of("mean"), deviation=deviation, training=block.training)


def _other(block: Block, shared: dict[str, Any], of: Values) -> LayerTrace:
    jacobian = of("jacobian") if "jacobian" in block.more else None
    return OtherTrace(**shared, kind=block.layer.kind, jacobian=jacobian)


_More = Callable[[Block, Built], dict[str, Tensor]]
_Trace = Callable[[Block, dict[str, Any], Values], LayerTrace]

_KINDS: dict[Any, tuple[_More, _Trace]] = {
    Dense: (_weighted_more, _dense),
    Conv2D: (_weighted_more, _convolution),
    Maxout: (_maxout_more, _maxout),
    MaxPool2D: (_no_more, _max_pool),
    AveragePool2D: (_no_more, _average_pool),
    GlobalAveragePool2D: (_no_more, _average_pool),
    Flatten: (_no_more, _reshape),
    Reshape: (_no_more, _reshape),
    Softmax: (_softmax_more, _softmax),
    Dropout: (_mask_more, _dropout),
    BatchNorm: (_norm_more, _norm),
    PerNeuron: (_slope_more, _activation),  # and all activations of single neurons
    Layer: (_other_more, _other),  # and all others
}
