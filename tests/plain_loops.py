"""Forward and backward of layers in plain Python loops over lists of numbers; nothing of sloy computes here.

Maps are dicts (row, column, channel) → number, neurons dicts (k,) → number. Each function takes the ε of its outputs
and gives that of its inputs, and adds the gradients of its parameters to a dict.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np

Numbers = dict[tuple[int, ...], float]


def numbers(array: Any) -> Numbers:
    """An array as a dict."""
    return {index: float(array[index]) for index in np.ndindex(*np.shape(array))}


def dense(x: Numbers, W: Any, b: Any) -> Numbers:
    outputs = range(len(W[0]))
    return {
        (k,): sum(W[j][k] * x[j,] for j in range(len(W))) + (b[k] if b is not None else 0.0)
        for k in outputs
    }


def dense_back(x: Numbers, W: Any, delta: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """ε of the inputs, ∂L/∂W, ∂L/∂b."""
    before = {j: sum(delta[k,] * W[j[0]][k] for k in range(len(W[0]))) for j in x}
    weights = {(j, k): x[j,] * delta[k,] for j in range(len(W)) for k in range(len(W[0]))}
    return before, weights, dict(delta)


def places(size: int, kernel: int, stride: int, low: int, high: int, dilation: int = 1) -> int:
    return (size + low + high - (kernel - 1) * dilation - 1) // stride + 1


class Window:
    """Sizes of a window: kernel, stride, padding (top, bottom, left, right), dilation."""

    def __init__(self, shape: Any, kernel: Any, stride: Any, padding: Any, dilation: Any = (1, 1)):
        self.H, self.W = shape[:2]
        self.kernel, self.stride, self.padding, self.dilation = kernel, stride, padding, dilation
        top, bottom, left, right = padding
        self.OH = places(self.H, kernel[0], stride[0], top, bottom, dilation[0])
        self.OW = places(self.W, kernel[1], stride[1], left, right, dilation[1])

    def seen(self, i: int, j: int) -> list[tuple[int, int, int, int]]:
        found = []
        for k in range(self.kernel[0]):
            for m in range(self.kernel[1]):
                r = i * self.stride[0] + k * self.dilation[0] - self.padding[0]
                c = j * self.stride[1] + m * self.dilation[1] - self.padding[2]
                if 0 <= r < self.H and 0 <= c < self.W:
                    found.append((k, m, r, c))
        return found


def same_padding(shape: Any, kernel: Any, stride: Any) -> tuple[int, int, int, int]:
    totals = [
        max((math.ceil(e / s) - 1) * s + k - e, 0)
        for e, k, s in zip(shape[:2], kernel, stride, strict=True)
    ]
    return totals[0] // 2, totals[0] - totals[0] // 2, totals[1] // 2, totals[1] - totals[1] // 2


def convolution(
    x: Numbers, w: Numbers, b: Any, window: Window, C: int, filters: int, groups: int
) -> Numbers:
    z: Numbers = {}
    for i in range(window.OH):
        for j in range(window.OW):
            for o in range(filters):
                group = o // (filters // groups)
                total = 0.0 if b is None else float(b[o])
                for k, m, r, c in window.seen(i, j):
                    for q in range(C // groups):
                        total += w[k, m, q, o] * x[r, c, group * (C // groups) + q]
                z[i, j, o] = total
    return z


def convolution_back(
    x: Numbers,
    w: Numbers,
    delta: Numbers,
    window: Window,
    C: int,
    filters: int,
    groups: int,
) -> tuple[Numbers, Numbers, Numbers]:
    before: Numbers = defaultdict(float, dict.fromkeys(x, 0.0))
    weights: Numbers = defaultdict(float, dict.fromkeys(w, 0.0))
    bias: Numbers = defaultdict(float)
    for (i, j, o), d in delta.items():
        group = o // (filters // groups)
        bias[o,] += d
        for k, m, r, c in window.seen(i, j):
            for q in range(C // groups):
                channel = group * (C // groups) + q
                before[r, c, channel] += d * w[k, m, q, o]
                weights[k, m, q, o] += d * x[r, c, channel]
    return before, weights, bias


def max_pool(x: Numbers, window: Window, C: int) -> tuple[Numbers, dict[Any, Any]]:
    """The largest numbers, and where each was: the first of equal ones."""
    u: Numbers = {}
    winners: dict[Any, Any] = {}
    for i in range(window.OH):
        for j in range(window.OW):
            for c in range(C):
                best = None
                for _, _, r, q in window.seen(i, j):
                    if best is None or x[r, q, c] > x[best]:
                        best = (r, q, c)
                assert best is not None
                u[i, j, c], winners[i, j, c] = x[best], best
    return u, winners


def max_pool_back(x: Numbers, winners: dict[Any, Any], errors: Numbers) -> Numbers:
    before: Numbers = defaultdict(float, dict.fromkeys(x, 0.0))
    for k, e in errors.items():
        before[winners[k]] += e
    return before


def mean_pool(
    x: Numbers, window: Window, C: int, *, padding: bool
) -> tuple[Numbers, dict[Any, int]]:
    u: Numbers = {}
    counts: dict[Any, int] = {}
    for i in range(window.OH):
        for j in range(window.OW):
            seen = window.seen(i, j)
            counts[i, j] = window.kernel[0] * window.kernel[1] if padding else len(seen)
            for c in range(C):
                u[i, j, c] = sum(x[r, q, c] for _, _, r, q in seen) / counts[i, j]
    return u, counts


def mean_pool_back(x: Numbers, window: Window, counts: dict[Any, int], errors: Numbers) -> Numbers:
    before: Numbers = defaultdict(float, dict.fromkeys(x, 0.0))
    for (i, j, c), e in errors.items():
        for _, _, r, q in window.seen(i, j):
            before[r, q, c] += e / counts[i, j]
    return before


def softmax(x: Numbers) -> Numbers:
    largest = max(x.values())
    total = sum(math.exp(v - largest) for v in x.values())
    return {k: math.exp(v - largest) / total for k, v in x.items()}


def softmax_back(u: Numbers, errors: Numbers) -> Numbers:
    """By the Jacobian ∂u_m/∂z_k = u_m ([m = k] − u_k), sum by sum."""
    return {k: sum(errors[m] * u[m] * ((m == k) - u[k]) for m in u) for k in u}


def maxout(x: Numbers, W: Any, b: Any, pieces: int) -> tuple[Numbers, dict[int, list[int]]]:
    """The largest piece of each unit, and which pieces are that large."""
    z = dense(x, W, b)
    u: Numbers = {}
    won: dict[int, list[int]] = {}
    for unit in range(len(z) // pieces):
        values = [z[unit * pieces + p,] for p in range(pieces)]
        u[unit,] = max(values)
        won[unit] = [p for p in range(pieces) if values[p] == max(values)]
    return u, won


def maxout_delta(won: dict[int, list[int]], errors: Numbers, pieces: int) -> Numbers:
    return {
        (unit * pieces + p,): errors[unit,] / len(won[unit]) if p in won[unit] else 0.0
        for unit in won
        for p in range(pieces)
    }


def normalised(
    x: Numbers, scale: Any, shift: Any, epsilon: float
) -> tuple[Numbers, Numbers, list[float]]:
    """u, x̂ and s of maps by the moments of their own positions."""
    u: Numbers = {}
    normal: Numbers = {}
    deviations = []
    for c in range(len(scale)):
        values = [v for k, v in x.items() if k[-1] == c]
        mean = sum(values) / len(values)
        variance = sum((v - mean) ** 2 for v in values) / len(values)
        deviations.append(math.sqrt(variance + epsilon))
        for k, v in x.items():
            if k[-1] == c:
                normal[k] = (v - mean) / deviations[c]
                u[k] = scale[c] * normal[k] + shift[c]
    return u, normal, deviations


def normalised_back(normal: Numbers, s: list[float], scale: Any, errors: Numbers) -> Numbers:
    before: Numbers = {}
    for k in normal:
        own = [m for m in normal if m[-1] == k[-1]]
        mean = sum(errors[m] for m in own) / len(own)
        along = sum(errors[m] * normal[m] for m in own) / len(own)
        before[k] = scale[k[-1]] / s[k[-1]] * (errors[k] - mean - normal[k] * along)
    return before


def sums(errors: Numbers, normal: Numbers, channels: int) -> tuple[Numbers, Numbers]:
    """∂L/∂scale and ∂L/∂shift."""
    scale = {
        (c,): sum(e * normal[k] for k, e in errors.items() if k[-1] == c) for c in range(channels)
    }
    shift = {(c,): sum(e for k, e in errors.items() if k[-1] == c) for c in range(channels)}
    return scale, shift


def four_loops(F: Any, G: Any) -> np.ndarray:
    """f(i, j) = Σ_k Σ_l F(i + k, j + l) G(k, l), where all of it is inside."""
    rows, columns = len(F) - len(G) + 1, len(F[0]) - len(G[0]) + 1
    found = [[0.0] * columns for _ in range(rows)]
    for i in range(rows):
        for j in range(columns):
            for k in range(len(G)):
                for m in range(len(G[0])):
                    found[i][j] += F[i + k][j + m] * G[k][m]
    return np.array(found)
