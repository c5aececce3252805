"""The layer table: every registered layer with inputs and an independent definition, by loops over single numbers.

A layer without a row fails `tests/layers/test_values.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np

import tabular_formulas as tabular
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

Array = np.ndarray
Formula = Callable[[Array, Mapping[str, Array]], Array]


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


def pointwise(function: Callable[[float], float]) -> Formula:
    """A formula that treats each element alike."""

    def formula(x: Array, variables: Mapping[str, Array]) -> Array:
        return np.array([function(v) for v in x.reshape(-1).tolist()]).reshape(x.shape)

    return formula


def in_fours(x: Array, v: Mapping[str, Array]) -> Array:
    size = x[0].size // 4
    rows = [[list(sample.flat)[i * size : (i + 1) * size] for i in range(4)] for sample in x]
    return np.array(rows)


def dense(x: Array, v: Mapping[str, Array]) -> Array:
    weight = v["it/weight"]
    bias = v.get("it/bias", np.zeros(weight.shape[1]))
    rows = [
        [math.fsum([*(row * weight[:, o]), bias[o]]) for o in range(weight.shape[1])] for row in x
    ]
    return np.array(rows)


def convolution(
    stride: tuple[int, int] = (1, 1),
    sides: tuple[int, int, int, int] = (0, 0, 0, 0),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> Formula:
    """The lecture's formula, one output at a time."""

    def formula(x: Array, v: Mapping[str, Array]) -> Array:
        w = v["it/weight"]
        bias = v.get("it/bias", np.zeros(w.shape[3]))
        padded = np.pad(x, ((0, 0), sides[:2], sides[2:], (0, 0)))
        reach = [(k - 1) * d + 1 for k, d in zip(w.shape, dilation, strict=False)]
        oh = (padded.shape[1] - reach[0]) // stride[0] + 1
        ow = (padded.shape[2] - reach[1]) // stride[1] + 1
        y = np.zeros((len(x), oh, ow, w.shape[3]))
        for n, i, j, o in np.ndindex(*y.shape):
            first = o // (w.shape[3] // groups) * w.shape[2]
            total = bias[o]
            for k, m, c in np.ndindex(*w.shape[:3]):
                row, column = i * stride[0] + k * dilation[0], j * stride[1] + m * dilation[1]
                total += padded[n, row, column, first + c] * w[k, m, c, o]
            y[n, i, j, o] = total
        return y

    return formula


def pooling(
    reduce: Callable[[list[float]], float],
    window: tuple[int, int],
    stride: tuple[int, int],
    sides: tuple[int, int, int, int] = (0, 0, 0, 0),
    fill: float | None = None,
) -> Formula:
    """Windows gathered as lists; padding is left out, or counts as `fill`."""

    def formula(x: Array, v: Mapping[str, Array]) -> Array:
        height, width = x.shape[1:3]
        oh = (height + sides[0] + sides[1] - window[0]) // stride[0] + 1
        ow = (width + sides[2] + sides[3] - window[1]) // stride[1] + 1
        y = np.zeros((len(x), oh, ow, x.shape[3]))
        for n, i, j, c in np.ndindex(*y.shape):
            seen = []
            for k, m in np.ndindex(*window):
                row, column = i * stride[0] + k - sides[0], j * stride[1] + m - sides[2]
                if 0 <= row < height and 0 <= column < width:
                    seen.append(float(x[n, row, column, c]))
                elif fill is not None:
                    seen.append(fill)
            y[n, i, j, c] = reduce(seen)
        return y

    return formula


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def adaptive(rows: int, columns: int) -> Formula:
    """Each window by its bounds, ⌊i H / OH⌋ to ⌈(i + 1) H / OH⌉."""

    def formula(x: Array, v: Mapping[str, Array]) -> Array:
        n, height, width, channels = x.shape
        y = np.zeros((n, rows, columns, channels))
        for s, i, j, c in np.ndindex(*y.shape):
            top, bottom = math.floor(i * height / rows), math.ceil((i + 1) * height / rows)
            left, right = math.floor(j * width / columns), math.ceil((j + 1) * width / columns)
            y[s, i, j, c] = mean([float(f) for f in x[s, top:bottom, left:right, c].flat])
        return y

    return formula


def global_average(x: Array, v: Mapping[str, Array]) -> Array:
    n, _, _, c = x.shape
    return np.array(
        [[mean(x[i, :, :, k].reshape(-1).tolist()) for k in range(c)] for i in range(n)]
    )


def batch_norm(epsilon: float, *, training: bool) -> Formula:
    def formula(x: Array, v: Mapping[str, Array]) -> Array:
        y = np.empty_like(x)
        for c in range(x.shape[-1]):
            values = x[..., c].reshape(-1).tolist()
            mu, variance = v["it/running_mean"][c], v["it/running_variance"][c]
            if training:
                mu = mean(values)
                variance = mean([(value - mu) ** 2 for value in values])
            scale, shift = v["it/scale"][c], v["it/shift"][c]
            y[..., c] = (x[..., c] - mu) / math.sqrt(variance + epsilon) * scale + shift
        return y

    return formula


def layer_norm(epsilon: float) -> Formula:
    """Each place by itself: a list of its channels."""

    def formula(x: Array, v: Mapping[str, Array]) -> Array:
        rows = []
        for values in x.reshape(-1, x.shape[-1]).tolist():
            mu = mean(values)
            deviation = math.sqrt(mean([(value - mu) ** 2 for value in values]) + epsilon)
            rows.append([(value - mu) / deviation for value in values])
        return np.array(rows).reshape(x.shape) * v["it/scale"] + v["it/shift"]

    return formula


def squeeze_excitation(
    activation: Callable[[float], float], gate: Callable[[float], float]
) -> Formula:
    def formula(x: Array, v: Mapping[str, Array]) -> Array:
        inner = {
            name: {f"it/{role}": v[f"it/{name}/{role}"] for role in ("weight", "bias")}
            for name in ("reduce", "expand")
        }
        hidden = pointwise(activation)(dense(global_average(x, v), inner["reduce"]), v)
        weights = pointwise(gate)(dense(hidden, inner["expand"]), v)
        y = np.empty_like(x)
        for n, i, j, c in np.ndindex(*x.shape):
            y[n, i, j, c] = x[n, i, j, c] * weights[n, c]
        return y

    return formula


def maxout(pieces: int) -> Formula:
    def formula(x: Array, v: Mapping[str, Array]) -> Array:
        linear = dense(x, v)
        units = linear.shape[1] // pieces
        rows = [[max(row[u * pieces : (u + 1) * pieces]) for u in range(units)] for row in linear]
        return np.array(rows)

    return formula


def softmax(x: Array, v: Mapping[str, Array]) -> Array:
    def row(values: list[float]) -> list[float]:
        weights = [math.exp(value - max(values)) for value in values]
        return [weight / math.fsum(weights) for weight in weights]

    return np.array([row(r) for r in x.reshape(-1, x.shape[-1]).tolist()]).reshape(x.shape)


def per_neuron(*functions: Callable[[float], float]) -> Formula:
    def formula(x: Array, v: Mapping[str, Array]) -> Array:
        y = np.empty_like(x)
        for c, function in enumerate(functions):
            y[..., c] = pointwise(function)(x[..., c], v)
        return y

    return formula


def widened(row: Array, by: float) -> tuple[float, float, float]:
    """The number, and the ends in order, moved outwards, or inwards until they meet; none passes the number."""
    number, low, high = row[0], min(row[1:]) - by, max(row[1:]) + by
    if low > high:
        low = high = (low + high) / 2
    return number, min(low, number), max(high, number)


def categories(classes: tuple[int, ...], vectors: tuple[int, ...]) -> Formula:
    """The numbers, then for each code a row of one 1, or the row of a table; nothing where there is no category."""

    def formula(x: Array, v: Mapping[str, Array]) -> Array:
        rows = []
        for sample in x.tolist():
            row = sample[: len(sample) - len(classes)]
            for place, (k, width) in enumerate(zip(classes, vectors, strict=True)):
                code = math.trunc(sample[len(sample) - len(classes) + place])
                table = v[f"it/vectors_{place + 1}"].tolist() if width else np.eye(k).tolist()
                row += table[code] if 0 <= code < k else [0.0] * len(table[0])
            rows.append(row)
        return np.array(rows)

    return formula


def residual_body(x: Array, v: Mapping[str, Array]) -> Array:
    hidden = np.maximum(
        dense(x, {"it/weight": v["it/dense_1/weight"], "it/bias": v["it/dense_1/bias"]}), 0
    )
    return dense(hidden, {"it/weight": v["it/dense_2/weight"], "it/bias": v["it/dense_2/bias"]})


def residual_shortcut(x: Array, v: Mapping[str, Array]) -> Array:
    straight = {"it/weight": v["it/shortcut/dense_1/weight"]}
    return dense(x, {"it/weight": v["it/dense_1/weight"]}) + dense(x, straight)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def hard_sigmoid(x: float) -> float:
    return 0.0 if x <= -3 else 1.0 if x >= 3 else x / 6 + 0.5


def relu(x: float) -> float:
    return x if x > 0 else 0.0


def gelu(x: float) -> float:
    return x * 0.5 * math.erfc(-x / math.sqrt(2))


def gelu_tanh(x: float) -> float:
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


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
