"""What layers compute, by loops over single numbers: the definitions that the layer table holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

Array = np.ndarray
Formula = Callable[[Array, Mapping[str, Array]], Array]


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
