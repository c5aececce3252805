"""The layer table: every registered layer with inputs and an independent definition, by loops over single numbers.

A layer without a row fails `tests/layers/test_values.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from zlib import crc32

import numpy as np

import tabular_formulas as tabular
from layer_formulas import (
    Array,
    Formula,
    adaptive,
    batch_norm,
    categories,
    convolution,
    dense,
    gelu,
    gelu_tanh,
    global_average,
    hard_sigmoid,
    in_fours,
    layer_norm,
    maxout,
    mean,
    per_neuron,
    pointwise,
    pooling,
    relu,
    residual_body,
    residual_shortcut,
    sigmoid,
    softmax,
    squeeze_excitation,
    widened,
)
from sloy import ops
from sloy.graph import Graph
from sloy.layers import (
    ELU,
    GELU,
    SELU,
    Activation,
    AdaptiveAveragePool2D,
    AveragePool2D,
    BatchNorm,
    Blend,
    Categories,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    GroupedDense,
    HardSigmoid,
    HardSwish,
    Heaviside,
    Imported,
    Layer,
    LayerNorm,
    LeakyReLU,
    Limits,
    Maxout,
    MaxPool2D,
    MeanOfMembers,
    Members,
    Mish,
    Periodic,
    PerNeuron,
    PiecewiseLinear,
    QuantileScale,
    ReLU,
    ReLU6,
    Rescale,
    Reshape,
    Residual,
    RobustScale,
    Scale,
    Sequential,
    Sigmoid,
    Sign,
    SiLU,
    Softmax,
    Softplus,
    SqueezeExcitation,
    StochasticDepth,
    Tanh,
    Widen,
    layer_from_config,
)
from sloy.problem.network import Built, Network


@dataclass(frozen=True)
class Case:
    """A layer on an input.

    Parameters
    ----------
    layer : Layer
    shape : tuple of int
        Of the input, N first.
    formula : callable
        ``formula(x, variables) -> y`` in float64; the layer is called ``it``.
    training : bool
        In which mode the formula holds; where both are the same, in training.
    shift : float
        Added to inputs, for functions that need positive ones.
    """

    layer: Layer
    shape: tuple[int, ...]
    formula: Formula
    training: bool = True
    shift: float = 0.0

    @property
    def kind(self) -> str:
        return type(self.layer).__name__

    def __str__(self) -> str:
        return (
            f"{self.layer}-{'×'.join(map(str, self.shape))}-{'train' if self.training else 'use'}"
        )

    def network(self) -> Network:
        return Network(self.shape[1:], [self.layer])

    def built(self, dtype: str) -> Built:
        x = ops.input("x", self.shape, dtype)
        key, step = ops.variable("random/key", (2,), "uint32"), ops.input("step", (), "uint32")
        return self.network().build(x, training=self.training, key=key, step=step)

    def graph(self, dtype: str) -> Graph:
        built = self.built(dtype)
        return Graph.of({"y": built.output}, built.updates)

    def x(self) -> Array:
        """Normal numbers, none closer to 0 than 0.01, where rectifiers have a kink; exact in float32."""
        rng = np.random.default_rng(crc32(str(self).encode()))
        x = rng.normal(size=self.shape)
        x = np.where(np.abs(x) < 0.01, 0.25, x) + self.shift
        return x.astype(np.float32).astype(np.float64)

    def variables(self) -> dict[str, Array]:
        """Random parameters and positive states, exact in float32."""
        rng = np.random.default_rng(crc32(str(self).encode()) + 1)
        network = self.network()
        drawn = {name: rng.normal(size=p.tensor.shape) for name, p in network.parameters.items()}
        drawn |= {n: rng.uniform(0.5, 2, s.tensor.shape) for n, s in network.states.items()}
        return {name: v.astype(np.float32).astype(np.float64) for name, v in drawn.items()}


def imported(shape: tuple[int, ...], nodes: list[dict[str, object]]) -> Imported:
    """A stored graph of one input (N, *shape) as a layer; its last node is the output."""
    inputs = [{"shape": [{"N": 1}, *shape], "dtype": "float"}]
    function = {"inputs": inputs, "nodes": nodes, "output": len(nodes)}
    config = {"layer": "Imported", "function": function, "values": [["last", len(nodes)]], **IT}
    layer = layer_from_config(config)
    assert isinstance(layer, Imported)
    return layer


def node(op: str, *inputs: int, **attributes: object) -> dict[str, object]:
    return {"op": op, "inputs": list(inputs), "attributes": attributes}


def leaf(kind: str, name: str, shape: list[int], initial: object = 0.0) -> dict[str, object]:
    return node(kind, name=name, shape=shape, initial=initial)


IMPORTED_DENSE = [
    leaf("parameter", "weight", [4, 3], "weight"),
    node("matmul", 0, 1, transpose_a=False, transpose_b=False),
    leaf("parameter", "bias", [3]),
    node("broadcast_to", 3, shape=[{"N": 1}, 3]),
    node("add", 2, 4),
]
IMPORTED_NORM = [
    *(leaf("state", f"running_{name}", [3]) for name in ("mean", "variance")),
    *(leaf("parameter", name, [3]) for name in ("scale", "shift")),
    node("dropout", 0, rate=0.0),
    node("batch_normalization", 5, 1, 2, 3, 4, epsilon=1e-5, momentum=0.9),
]

IT = {"name": "it"}
PLAIN = Dense(4, use_bias=False)

CASES: tuple[Case, ...] = (
    Case(Dense(5, **IT), (3, 7), dense),
    Case(Dense(1, use_bias=False, **IT), (1, 17), dense),
    Case(Conv2D(4, 3, **IT), (2, 6, 5, 3), convolution()),
    Case(Conv2D(1, 1, use_bias=False, **IT), (1, 1, 1, 1), convolution()),
    Case(Conv2D(3, (2, 3), stride=(2, 1), padding="same", **IT), (2, 5, 6, 2), convolution((2, 1), (0, 1, 1, 1))),
    Case(Conv2D(6, 3, dilation=2, padding=(2, 1), groups=3, **IT), (1, 6, 7, 3),
         convolution(sides=(2, 2, 1, 1), dilation=(2, 2), groups=3)),
    Case(Conv2D(2, 2, padding=(1, 0, 0, 2), **IT), (1, 3, 3, 17), convolution(sides=(1, 0, 0, 2))),
    Case(MaxPool2D(2, **IT), (2, 5, 4, 3), pooling(max, (2, 2), (2, 2))),
    Case(MaxPool2D((3, 2), stride=(1, 2), padding="same", **IT), (1, 5, 5, 2),
         pooling(max, (3, 2), (1, 2), (1, 1, 0, 1))),
    Case(AveragePool2D(2, **IT), (2, 4, 5, 3), pooling(mean, (2, 2), (2, 2))),
    Case(AveragePool2D(3, stride=2, padding=1, **IT), (1, 5, 5, 1), pooling(mean, (3, 3), (2, 2), (1, 1, 1, 1))),
    Case(AveragePool2D(3, stride=2, padding=1, count_include_pad=True, **IT), (1, 5, 5, 1),
         pooling(mean, (3, 3), (2, 2), (1, 1, 1, 1), 0.0)),
    Case(GlobalAveragePool2D(**IT), (2, 3, 4, 5), global_average),
    Case(AdaptiveAveragePool2D((2, 5), **IT), (2, 4, 5, 3), adaptive(2, 5)),
    Case(AdaptiveAveragePool2D(3, **IT), (2, 5, 7, 2), adaptive(3, 3)),
    Case(AdaptiveAveragePool2D((4, 3), **IT), (1, 1, 2, 3), adaptive(4, 3)),
    Case(Flatten(**IT), (2, 2, 3, 4), lambda x, v: np.array([list(sample.flat) for sample in x])),
    Case(Reshape((4, -1), **IT), (2, 3, 8), in_fours),
    Case(Dropout(0.5, **IT), (3, 9), lambda x, v: x, training=False),
    Case(Dropout(0.0, **IT), (3, 9), lambda x, v: x),
    Case(BatchNorm(**IT), (6, 3), batch_norm(1e-5, training=True)),
    Case(BatchNorm(epsilon=0.1, **IT), (2, 3, 2, 4), batch_norm(0.1, training=True)),
    Case(BatchNorm(**IT), (4, 3, 3, 2), batch_norm(1e-5, training=False), training=False),
    Case(LayerNorm(**IT), (5, 4), layer_norm(1e-5)),
    Case(LayerNorm(epsilon=0.1, **IT), (2, 3, 2, 5), layer_norm(0.1)),
    Case(LayerNorm(epsilon=1e-6, **IT), (2, 3, 2, 5), layer_norm(1e-6), training=False, shift=40.0),
    Case(StochasticDepth(0.5, **IT), (3, 2, 2, 4), lambda x, v: x, training=False),
    Case(StochasticDepth(0.0, **IT), (3, 9), lambda x, v: x),
    Case(SqueezeExcitation(3, **IT), (2, 3, 2, 5), squeeze_excitation(lambda x: relu(x), sigmoid)),
    Case(SqueezeExcitation(2, activation="silu", gate=HardSigmoid(), **IT), (2, 2, 2, 4),
         squeeze_excitation(lambda x: x * sigmoid(x), hard_sigmoid)),
    Case(Maxout(3, **IT), (4, 6), maxout(2)),
    Case(Maxout(2, 5, use_bias=False, **IT), (2, 3), maxout(5)),
    Case(Residual([Dense(5), ReLU(), Dense(3)], **IT), (4, 3), lambda x, v: x + residual_body(x, v)),
    Case(Sequential([Dense(5), ReLU(), Dense(3)], **IT), (4, 3), residual_body),
    Case(Residual([PLAIN], [PLAIN], **IT), (2, 3), residual_shortcut),
    Case(Categories((2, 3), (0, 0), **IT), (9, 5), categories((2, 3), (0, 0))),
    Case(Categories((3, 2, 1), (4, 0, 2), **IT), (11, 3), categories((3, 2, 1), (4, 0, 2))),
    Case(Categories((3, 2), (2, 0), **IT), (7, 2, 4), tabular.member_categories),
    Case(Rescale(2.5, -7.0, **IT), (3, 5), pointwise(lambda x: 2.5 * x - 7)),
    Case(GroupedDense(5, **IT), (3, 2, 4), tabular.grouped(normalized=False)),
    Case(GroupedDense(1, normalized=True, **IT), (2, 3, 7), tabular.grouped(normalized=True)),
    Case(Scale(**IT), (3, 2, 4), tabular.scale),
    Case(Scale(initial=1e-6, per_channel=True, **IT), (2, 3, 2, 4), tabular.scale),
    Case(RobustScale((0.5, -1.0), (2.0, 0.25), **IT), (5, 4), tabular.robust),
    Case(QuantileScale(tabular.KNOTS, tabular.VALUES, **IT), (9, 4), tabular.quantiles),
    Case(QuantileScale(tabular.KNOTS, tabular.VALUES, **IT), (4, 2), tabular.quantiles),
    Case(PiecewiseLinear(tabular.KNOTS, **IT), (9, 3), tabular.piecewise_linear),
    Case(Periodic(2, waves=5, width=3, **IT), (4, 6), tabular.periodic),
    Case(Periodic(3, waves=4, width=2, **IT), (3, 2, 3), tabular.periodic),
    Case(Members([Dense(3), Tanh(), Dense(3)], **IT), (4, 3), tabular.members),
    Case(MeanOfMembers(**IT), (3, 4, 2), tabular.mean_of_values),
    Case(MeanOfMembers("logits", **IT), (3, 4, 5), tabular.mean_of_logits),
    Case(MeanOfMembers("logs", **IT), (3, 4, 2), tabular.mean_of_logs),
    Case(Blend(Tanh(), **IT), (3, 2, 4), tabular.blend),
    Case(Limits(-0.5, 0.75, **IT), (3, 5), pointwise(lambda x: min(max(x, -0.5), 0.75)), training=False),
    Case(Limits(-0.5, 0.75, **IT), (3, 5), lambda x, v: x),
    Case(Widen(0.75, **IT), (6, 3), lambda x, v: np.array([widened(row, 0.75) for row in x])),
    Case(Widen(-0.5, **IT), (6, 3), lambda x, v: np.array([widened(row, -0.5) for row in x])),
    Case(imported((4,), IMPORTED_DENSE), (2, 4), dense),
    Case(imported((3,), IMPORTED_NORM), (6, 3), batch_norm(1e-5, training=True)),
    Case(imported((3,), IMPORTED_NORM), (6, 3), batch_norm(1e-5, training=False), training=False),
    Case(Sign(**IT), (3, 5), pointwise(lambda x: math.copysign(1, x))),
    Case(Heaviside(**IT), (3, 5), pointwise(lambda x: 1.0 if x > 0 else 0.0)),
    Case(Sigmoid(**IT), (3, 5), pointwise(sigmoid)),
    Case(Tanh(**IT), (3, 5), pointwise(math.tanh)),
    Case(ReLU(**IT), (2, 3, 3, 2), pointwise(relu)),
    Case(ReLU6(**IT), (3, 5), pointwise(lambda x: min(relu(x), 6))),
    Case(ReLU6(**IT), (3, 5), pointwise(lambda x: min(relu(x), 6)), shift=5.5),
    Case(HardSigmoid(**IT), (4, 5), pointwise(hard_sigmoid)),
    Case(HardSigmoid(**IT), (4, 5), pointwise(hard_sigmoid), shift=-3.0),
    Case(HardSwish(**IT), (4, 5), pointwise(lambda x: x * hard_sigmoid(x))),
    Case(HardSwish(**IT), (4, 5), pointwise(lambda x: x * hard_sigmoid(x)), shift=3.0),
    Case(LeakyReLU(**IT), (3, 5), pointwise(lambda x: max(0.1 * x, x))),
    Case(LeakyReLU(0.3, **IT), (3, 5), pointwise(lambda x: max(0.3 * x, x))),
    Case(ELU(**IT), (3, 5), pointwise(lambda x: x if x > 0 else math.exp(x) - 1)),
    Case(ELU(0.5, **IT), (3, 5), pointwise(lambda x: x if x > 0 else 0.5 * (math.exp(x) - 1))),
    Case(Softplus(**IT), (3, 5), pointwise(lambda x: math.log(1 + math.exp(x)))),
    Case(GELU(**IT), (3, 5), pointwise(gelu)),
    Case(GELU(approximate=True, **IT), (3, 5), pointwise(gelu_tanh)),
    Case(SiLU(**IT), (3, 5), pointwise(lambda x: x * sigmoid(x))),
    Case(SELU(**IT), (3, 5), pointwise(tabular.selu)),
    Case(Mish(**IT), (3, 5), pointwise(tabular.mish)),
    Case(Softmax(**IT), (3, 5), softmax),
    Case(Softmax(**IT), (2, 2, 2, 3), softmax),
    Case(Activation(lambda z: z * ops.exp(-z * z), **IT), (3, 5), pointwise(lambda x: x * math.exp(-x * x))),
    Case(PerNeuron([Tanh(), ReLU(), Tanh(), Sigmoid(), ReLU()], **IT), (3, 5),
         per_neuron(math.tanh, relu, math.tanh, sigmoid, relu)),
    Case(PerNeuron([(ops.sqrt, 1), (ops.log, 2)], **IT), (2, 2, 3),
         per_neuron(math.sqrt, math.log, math.log), shift=5.0),
)  # fmt: skip
