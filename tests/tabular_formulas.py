"""What the layers for tables compute, by loops over single numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

Array = np.ndarray
Variables = Mapping[str, Array]

KNOTS = ((-1.0, 0.0, 2.0), (-0.5, 0.5))
VALUES = ((3.0, 4.0, -1.0), (0.0, 1.0))


def grouped(*, normalized: bool):
    def formula(x: Array, v: Variables) -> Array:
        weight, bias = v["it/weight"], v["it/bias"]
        n, groups, inputs = x.shape
        y = np.zeros((n, groups, weight.shape[2]))
        for i, g, o in np.ndindex(y.shape):
            y[i, g, o] = sum(x[i, g, k] * weight[g, k, o] for k in range(inputs))
            y[i, g, o] = y[i, g, o] / (math.sqrt(inputs) if normalized else 1) + bias[g, o]
        return y

    return formula


def scale(x: Array, v: Variables) -> Array:
    return x * v["it/scale"]


def robust(x: Array, v: Variables) -> Array:
    y = x.copy()
    for row in y:
        for column, (centre, factor) in enumerate(((0.5, 2.0), (-1.0, 0.25))):
            z = (row[column] - centre) * factor
            row[column] = z / math.sqrt(1 + (z / 3) ** 2)
    return y


def code(x: float, low: float, high: float) -> float:
    return min(max((x - low) / (high - low), 0.0), 1.0)


def quantiles(x: Array, v: Variables) -> Array:
    y = x.copy()
    for row in y:
        for column, (knots, values) in enumerate(zip(KNOTS, VALUES, strict=True)):
            row[column] = np.interp(row[column], knots, values)
    return y


def piecewise_linear(x: Array, v: Variables) -> Array:
    rows = []
    for row in x:
        first = [code(row[0], -1, 0), code(row[0], 0, 2)]
        rows.append([*first, code(row[1], -0.5, 0.5), 0.0, *row])
    return np.array(rows)


def periodic(x: Array, v: Variables) -> Array:
    frequencies, phases = v["it/frequencies"], v["it/phases"]
    weight, bias = v["it/weight"], v["it/bias"]
    *_, columns, waves, width = weight.shape
    outer = x.shape[1:-1]
    y = np.zeros((*x.shape[:-1], columns * width))
    for place in np.ndindex(x.shape[:-1]):
        inner = place[1:] if outer else ()
        for m in range(columns):
            turns = [
                math.cos(
                    2 * math.pi * (x[*place, m] * frequencies[*inner, m, h] + phases[*inner, m, h])
                )
                for h in range(waves)
            ]
            for d in range(width):
                found = sum(turns[h] * weight[*inner, m, h, d] for h in range(waves))
                y[*place, m * width + d] = found + bias[*inner, m * width + d]
    return np.concatenate([y, x], -1)


def members(x: Array, v: Variables) -> Array:
    one = x @ v["it/seen_1/weight"] + v["it/seen_1/bias"]
    return np.stack([one, np.tanh(x), one], 1)


def mean_of_values(x: Array, v: Variables) -> Array:
    return x.sum(1) / x.shape[1]


def mean_of_logits(x: Array, v: Variables) -> Array:
    e = np.exp(x)
    return np.log((e / e.sum(-1, keepdims=True)).mean(1))


def mean_of_logs(x: Array, v: Variables) -> Array:
    return np.log(np.exp(x).mean(1))


def blend(x: Array, v: Variables) -> Array:
    return x + v["it/share"] * (np.tanh(x) - x)


def member_categories(x: Array, v: Variables) -> Array:
    """Two numbers, then codes of 3 categories (a vector of 2 for each of G members) and of 2 (one-hot)."""
    vectors = v["it/vectors_1"]  # (G, 3, 2)
    y = np.zeros((*x.shape[:2], 2 + 2 + 2))
    for n, g in np.ndindex(x.shape[:2]):
        y[n, g, :2] = x[n, g, :2]
        first, second = int(x[n, g, 2]), int(x[n, g, 3])
        y[n, g, 2:4] = vectors[g, first] if 0 <= first < 3 else 0
        if 0 <= second < 2:
            y[n, g, 4 + second] = 1
    return y


def selu(x: float) -> float:
    return 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * (math.exp(x) - 1))


def mish(x: float) -> float:
    return x * math.tanh(math.log(1 + math.exp(x)))
