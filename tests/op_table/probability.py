"""Rows of softmax, the cross-entropies, batch normalisation and random masks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np

from op_table.case import (
    FLOAT,
    Array,
    Case,
    ErrorCase,
    between,
    chances,
    given,
    operand,
    positive,
)
from op_table.elementwise import LONG
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Spec
from tolerances import COMPOSED

NAN, INF = math.nan, math.inf

# --- softmax, to the letter, in decimals of 60 digits: no overflow, so nothing to stabilise ---------------------------


def _row_probabilities(row: list[float]) -> list[Decimal]:
    weights = [LONG.exp(Decimal(v)) for v in row]
    total = Decimal(0)
    for weight in weights:
        total = LONG.add(total, weight)
    return [LONG.divide(weight, total) for weight in weights]


def _softmax(x: Array) -> Array:
    rows = x.reshape(-1, x.shape[-1]).tolist()
    values = [[float(p) for p in _row_probabilities(row)] for row in rows]
    return np.array(values, np.float64).reshape(x.shape)


def _log_softmax(x: Array) -> Array:
    rows = x.reshape(-1, x.shape[-1]).tolist()
    values = [[float(LONG.ln(p)) for p in _row_probabilities(row)] for row in rows]
    return np.array(values, np.float64).reshape(x.shape)


def _distance(x: Array) -> Array:
    """|x - max|, the number whose rounding the exponential multiplies."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(np.nan_to_num(x - np.max(x, axis=-1, keepdims=True))))


def _softmax_scale(x: Array) -> Array:
    return np.nan_to_num(_softmax(x)) * (1 + _distance(x))


def _log_softmax_scale(x: Array) -> Array:
    return 1 + _distance(x) + math.log(x.shape[-1])


def _cross_entropy(logits: Array, targets: Array) -> Array:
    logarithms = _log_softmax(logits).tolist()
    pairs = zip(logarithms, targets.tolist(), strict=True)
    values = [-math.fsum(t * p for p, t in zip(*both, strict=True) if t != 0) for both in pairs]
    return np.array(values, np.float64)


def _cross_entropy_scale(logits: Array, targets: Array) -> Array:
    return np.asarray(np.sum(np.abs(targets) * _log_softmax_scale(logits), axis=-1))


def _binary(z: float, t: float) -> float:
    """-t log σ(z) - (1 - t) log(1 - σ(z)), with σ(z) = 1 / (1 + e^-z) and 1 - σ(z) = σ(-z)."""
    logarithms = []
    for argument in (z, -z):
        below = LONG.add(Decimal(1), LONG.exp(-Decimal(argument)))
        logarithms.append(-LONG.ln(below))
    first = LONG.multiply(Decimal(t), logarithms[0])
    second = LONG.multiply(LONG.subtract(Decimal(1), Decimal(t)), logarithms[1])
    return float(-LONG.add(first, second))


def _sigmoid_cross_entropy(logits: Array, targets: Array) -> Array:
    pairs = zip(logits.reshape(-1).tolist(), targets.reshape(-1).tolist(), strict=True)
    return np.array([_binary(z, t) for z, t in pairs], np.float64).reshape(logits.shape)


def _sigmoid_cross_entropy_scale(logits: Array, targets: Array) -> Array:
    return np.asarray(1 + np.abs(logits) * (1 + np.abs(targets)))


def _probability_rows() -> Iterator[Case]:
    unary = (
        ("softmax", _softmax, _softmax_scale),
        ("log_softmax", _log_softmax, _log_softmax_scale),
    )
    for op, formula, scale in unary:
        for shape in ((1, 1), (3,), (5, 10), (2, 3, 17), (2, 1000), (0, 3)):
            yield Case(op, f"{shape}", (operand(shape),), {}, formula, COMPOSED, scale)
        rows = [[1000, 0, -1000], [-5000, -5000, -5001], [88, 89, 90], [-INF, 0, 1], [NAN, 0, 1],
                [30, 0, -30], [3e4, 3e4, 3e4]]  # fmt: skip
        large = operand((7, 3), given(rows))
        yield Case(op, "special", (large,), {}, formula, COMPOSED, scale, smooth=False)
    for shape in ((1, 1), (4, 10), (3, 17), (1, 2), (0, 3)):
        pair = (operand(shape), operand(shape, chances))
        yield Case("softmax_cross_entropy", f"{shape}", pair, {}, _cross_entropy, COMPOSED,
                   _cross_entropy_scale)  # fmt: skip
        pair = (operand(shape), operand(shape, lambda rng, s: rng.uniform(0.1, 0.9, s)))
        yield Case("sigmoid_cross_entropy", f"{shape}", pair, {}, _sigmoid_cross_entropy, COMPOSED,
                   _sigmoid_cross_entropy_scale)  # fmt: skip
    logits = operand(
        (5, 3), given([[1e4, 0, -1e4], [1e4, 0, -1e4], [-INF, 0, 1], [NAN, 0, 1], [1, 2, 3]])
    )
    hot = operand((5, 3), given([[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 0], [0, 0, 0]]))
    yield Case("softmax_cross_entropy", "special", (logits, hot), {}, _cross_entropy, COMPOSED,
               _cross_entropy_scale, smooth=False)  # fmt: skip
    unequal = (operand((4, 3)), operand((4, 3), positive))
    yield Case("softmax_cross_entropy", "targets of any sum", unequal, {}, _cross_entropy, COMPOSED,
               _cross_entropy_scale)  # fmt: skip
    logits = operand((8,), given([0, 1000, -1000, 1000, -1000, 40, -40, NAN]))
    targets = operand((8,), given([0.5, 1, 0, 0, 1, 1, 0, 1]))
    yield Case("sigmoid_cross_entropy", "special", (logits, targets), {}, _sigmoid_cross_entropy,
               COMPOSED, _sigmoid_cross_entropy_scale, smooth=False)  # fmt: skip


# --- batch normalisation ---------------------------------------------------------------------------------------------


def _batch_norm(
    x: Array, mean: Array, variance: Array, scale: Array, shift: Array, epsilon: float
) -> Array:
    y = np.zeros(x.shape)
    for index in np.ndindex(*x.shape):
        c = index[-1]
        deviation = math.sqrt(float(variance[c]) + epsilon)
        y[index] = (float(x[index]) - float(mean[c])) / deviation * float(scale[c]) + float(
            shift[c]
        )
    return y


def _batch_norm_scale(
    x: Array, mean: Array, variance: Array, scale: Array, shift: Array, epsilon: float
) -> Array:
    return _batch_norm(np.abs(x), -np.abs(mean), variance, np.abs(scale), np.abs(shift), epsilon)


def _batch_norm_rows() -> Iterator[Case]:
    for shape in ((4, 3), (2, 3, 4, 17), (1, 1, 1, 1), (3, 2, 1), (0, 3)):
        for epsilon in (1e-5, 0.5):
            channels = shape[-1:]
            operands = (operand(shape), operand(channels), operand(channels, positive),
                        operand(channels), operand(channels))  # fmt: skip
            yield Case("batch_norm", f"{shape} {epsilon}", operands, {"epsilon": epsilon}, _batch_norm,
                       COMPOSED, _batch_norm_scale)  # fmt: skip
    constant_channel = (operand((3, 2)), operand((2,)), operand((2,), given([0, 1])), operand((2,)),
                        operand((2,)))  # fmt: skip
    yield Case("batch_norm", "no variance", constant_channel, {"epsilon": 1e-3}, _batch_norm, COMPOSED,
               _batch_norm_scale, smooth=False)  # fmt: skip


def _channel_variance(x: Array) -> Array:
    columns = [[float(v) for v in column] for column in x.reshape(-1, x.shape[-1]).T]
    means = [math.fsum(column) / len(column) for column in columns]
    pairs = zip(columns, means, strict=True)
    return np.array([math.fsum((v - m) ** 2 for v in c) / len(c) for c, m in pairs])


def _channel_variance_rows() -> Iterator[Case]:
    for shape in ((4, 3), (2, 3, 4, 17), (1, 2), (5, 1), (3, 2, 2, 64)):
        yield Case("channel_variance", f"{shape}", (operand(shape),), {}, _channel_variance, COMPOSED)  # fmt: skip


# --- random masks ----------------------------------------------------------------------------------------------------


def threefry(key: tuple[int, int], counter: tuple[int, int]) -> tuple[int, int]:
    """threefry2x32 with 20 rounds, in plain integers modulo 2^32 (Salmon et al. 2011, §4.1)."""
    modulus = 2**32
    schedule = [key[0], key[1], 0x1BD11BDA ^ key[0] ^ key[1]]
    left, right = (counter[0] + schedule[0]) % modulus, (counter[1] + schedule[1]) % modulus
    rotations = [13, 15, 26, 6, 17, 29, 16, 24]
    for number in range(20):
        turn = rotations[number % 8]
        left = (left + right) % modulus
        right = (right * 2**turn) % modulus + right // 2 ** (32 - turn)
        right ^= left
        if number % 4 == 3:
            injection = number // 4 + 1
            left = (left + schedule[injection % 3]) % modulus
            right = (right + schedule[(injection + 1) % 3] + injection) % modulus
    return left, right


def _mask(
    key: Array, step: Array, stream: int, keep: float, shape: tuple[int, ...], dtype: str
) -> Array:
    first, second = (int(k) for k in key)
    derived = threefry(threefry((first, second), (0, stream)), (0, int(step)))
    values = []
    for index in range(math.prod(shape)):
        left, right = threefry(derived, (0, index))
        uniform = ((left ^ right) >> 9) / 2**23
        values.append(float(uniform < float(np.float32(keep))))
    return np.array(values, np.float64).reshape(shape)


def _mask_rows() -> Iterator[Case]:
    for shape in ((), (1,), (3, 17), (2, 3, 3, 3), (3, 1031), (0,)):
        for keep in (0.0, 0.25, 0.3, 0.9, 1.0):
            for step in (0, 2**32 - 1):
                operands = (operand((2,), between(0, 2**32), "uint32"),
                            operand((), given(step), "uint32"))  # fmt: skip
                attributes: dict[str, Any] = {
                    "stream": 7,
                    "keep": keep,
                    "shape": shape,
                    "dtype": FLOAT,
                }
                if shape == (3, 1031) and keep != 0.3:
                    continue
                yield Case("dropout_mask", f"{shape} {keep} {step}", operands, attributes, _mask)


def cases() -> list[Case]:
    """Every row of the family."""
    return [*_probability_rows(), *_batch_norm_rows(), *_channel_variance_rows(), *_mask_rows()]


def errors() -> list[ErrorCase]:
    """What the family must refuse."""
    a, i, c = Spec((3, 4), "float32"), Spec((3, 4), "int32"), Spec((4,), "float32")
    key, step = Spec((2,), "uint32"), Spec((), "uint32")
    mask = {"stream": 0, "keep": 0.5, "shape": (3,), "dtype": "float32"}
    row = ErrorCase
    return [
        row("softmax", (Spec((), "float32"),), {}, ShapeError, "must be float with a last axis"),
        row("softmax", (i,), {}, ShapeError, "must be float with a last axis"),
        row("log_softmax", (Spec((3, 0), "float32"),), {}, ShapeError, "float with a last axis"),
        row("softmax_cross_entropy", (a, c), {}, ShapeError, r"must be equal float \(N, K\)"),
        row("softmax_cross_entropy", (c, c), {}, ShapeError, r"must be equal float \(N, K\)"),
        row("sigmoid_cross_entropy", (a, c), {}, ShapeError, "must be equal"),
        row("sigmoid_cross_entropy", (i, i), {}, InvalidArgument, "are int32, not float"),
        row("batch_norm", (a, c, c, c, Spec((3,), "float32")), {"epsilon": 1e-5}, ShapeError,
            r"needs four operands float32\[4\]"),
        row("batch_norm", (c, c, c, c, c), {"epsilon": 1e-5}, ShapeError, "needs four operands"),
        row("batch_norm", (a, c, c, c, c), {"epsilon": 0.0}, InvalidArgument,
            r"`epsilon` \(=0.0\) must be positive"),
        row("channel_variance", (Spec((3,), "float32"),), {}, ShapeError, r"must be float \(…, C\)"),
        row("channel_variance", (Spec((0, 3), "float32"),), {}, ShapeError, "with elements"),
        row("dropout_mask", (key, step), {**mask, "keep": 1.5}, InvalidArgument,
            r"`keep` \(=1.5\) must lie in \[0, 1\]"),
        row("dropout_mask", (key, key), mask, ShapeError, r"must be uint32\[2\] and uint32\[\]"),
        row("dropout_mask", (c, step), mask, ShapeError, r"must be uint32\[2\] and uint32\[\]"),
        row("dropout_mask", (key, step), {**mask, "dtype": "float16"}, InvalidArgument, "float16"),
        row("dropout_mask", (key, step), {**mask, "stream": -1}, InvalidArgument, r"`stream` \(=-1\)"),
    ]  # fmt: skip
