"""oneDNN's bfloat16 primitives against the float32 kernels, where the processor has AVX-512 (tools/emulate.sh has).

Both sum the same exact products in float32, in another order, and round once: neighbours at most. Elsewhere the same
instructions run between conversions, and these tests hold exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from instructions import Output, rounded, run_instruction, ulps_apart, widened
from sloy.engines.native.engine import _native

PRIMITIVES = _native.bfloat16_support() != "none"


def numbers(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Positive and negative, away from sums that cancel: their error is that of the operands' sizes."""
    return np.random.default_rng(seed).uniform(0.25, 1.0, shape).astype(np.float32) - 0.125


def compare(
    op: str,
    operands: list[np.ndarray],
    bias: list[np.ndarray],
    outputs: list[Output],
    **attributes: Any,
) -> None:
    narrow = [rounded(x) for x in operands]
    actual = run_instruction(op, [*narrow, *bias], outputs, attributes, emulated=True)
    in_float32 = [(shape, "float32") for shape, _ in outputs]
    wide = [widened(x) for x in narrow]
    expected = run_instruction(op, [*wide, *bias], in_float32, attributes)
    for result, wanted, (_, dtype) in zip(actual, expected, outputs, strict=True):
        if dtype == "bfloat16":
            assert ulps_apart(result, rounded(wanted)) <= 1
        else:
            np.testing.assert_allclose(result, wanted, rtol=1e-5)


def was_taken(prefix: str) -> bool:
    """Whether a primitive was tried and found right for the last instruction of this name."""
    found = [why for name, why in _native.bfloat16_checks() if name.startswith(prefix)]
    assert found or not PRIMITIVES, f"{prefix}: nothing was tried"
    bad = ("wrong", "slow", "unavailable")
    return bool(found) and not any(why.startswith(bad) for why in found)


@pytest.mark.parametrize("result", ["bfloat16", "float32"])
@pytest.mark.parametrize("activation", ["", "relu", "tanh", "sigmoid"])
@pytest.mark.parametrize(("m", "k", "n"), [(64, 96, 80), (33, 784, 24), (37, 129, 61)])
def test_products(m: int, k: int, n: int, activation: str, result: str) -> None:
    """Depths that fill a tile and that do not: what lies behind the operands is NaN."""
    bias = numbers((n,), 3)
    how = {"has_bias": 1, "activation": activation}
    compare("matmul", [numbers((m, k), 1), numbers((k, n), 2)], [bias], [((m, n), result)], **how)
    assert was_taken(f"matmul {m} {k} {n} a b bias {activation} {result}") == PRIMITIVES


@pytest.mark.parametrize("transposed", ["a", "b", "ab"])
@pytest.mark.parametrize(("m", "k", "n"), [(64, 96, 80), (48, 130, 72)])
def test_transposed_products(m: int, k: int, n: int, transposed: str) -> None:
    a = numbers((k, m) if "a" in transposed else (m, k), 1)
    b = numbers((n, k) if "b" in transposed else (k, n), 2)
    how = {f"transpose_{operand}": 1 for operand in transposed}
    compare("matmul", [a, b], [], [((m, n), "float32")], **how)
    name = f"matmul {m} {k} {n} {'a' + chr(39) * ('a' in transposed)} b"
    assert was_taken(name) == PRIMITIVES


# n, h, w, c, kernel, o, stride, padding
SHAPES = [
    (2, 6, 6, 32, 3, 64, 1, 1),
    (3, 10, 10, 32, 3, 48, 1, 0),
    (2, 7, 9, 24, 5, 16, 1, 2),
    (2, 8, 8, 64, 1, 32, 1, 0),
    (2, 9, 9, 16, 3, 33, 2, 1),
    (1, 12, 30, 6, 5, 16, 1, 0),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("activation", ["", "relu"])
def test_convolutions(shape: tuple[int, ...], activation: str) -> None:
    n, h, w, c, k, o, stride, padding = shape
    y = (n, (h + 2 * padding - k) // stride + 1, (w + 2 * padding - k) // stride + 1, o)
    how = {"stride": (stride,) * 2, "dilation": (1, 1), "padding": (padding,) * 4}
    operands, bias = [numbers((n, h, w, c), 1), numbers((k, k, c, o), 2)], [numbers((o,), 3)]
    for result in ("bfloat16", "float32"):
        epilogue = {"has_bias": 1, "activation": activation}
        compare("conv2d", operands, bias, [(y, result)], **how, **epilogue)
    was_taken(f"conv2d x {n} {h} {w} {c} w {k} {k} {o}")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradients_of_convolutions(shape: tuple[int, ...]) -> None:
    n, h, w, c, k, o, stride, padding = shape
    x, weights = (n, h, w, c), (k, k, c, o)
    y = (n, (h + 2 * padding - k) // stride + 1, (w + 2 * padding - k) // stride + 1, o)
    how = {"stride": (stride,) * 2, "dilation": (1, 1), "padding": (padding,) * 4}
    g = numbers(y, 4)
    compare("conv2d_input_grad", [g, numbers(weights, 2)], [], [(x, "bfloat16")], **how)
    outputs: list[Output] = [(weights, "float32"), ((o,), "float32")]
    compare("conv2d_weight_grad", [numbers(x, 1), g], [], outputs, **how, has_bias=1)
    was_taken(f"conv2d_input_grad x {n} {h} {w} {c} w {k} {k} {o}")
    was_taken(f"conv2d_weight_grad x {n} {h} {w} {c} w {k} {k} {o}")


def test_what_stays_in_float32() -> None:
    """Few channels, groups, thin and small products, one factor in float32."""
    before = len(_native.bfloat16_checks())
    how = {"stride": (1, 1), "dilation": (1, 1), "padding": (1,) * 4}
    x, y = (2, 6, 6, 3), (2, 6, 6, 16)
    compare("conv2d", [numbers(x, 1), numbers((3, 3, 3, 16), 2)], [], [(y, "bfloat16")], **how)
    x = (2, 6, 6, 8)
    compare(
        "conv2d",
        [numbers(x, 1), numbers((3, 3, 2, 16), 2)],
        [],
        [(y, "bfloat16")],
        **how,
        groups=4,
    )
    compare("matmul", [numbers((2, 99), 1), numbers((99, 64), 2)], [], [((2, 64), "bfloat16")])
    compare("matmul", [numbers((9, 99), 1), numbers((99, 64), 2)], [], [((9, 64), "bfloat16")])
    a, b = rounded(numbers((64, 96), 1)), numbers((96, 80), 2)
    (actual,) = run_instruction("matmul", [a, b], [((64, 80), "float32")], {}, emulated=True)
    np.testing.assert_allclose(actual, widened(a).astype(np.float64) @ b, rtol=1e-5)
    assert len(_native.bfloat16_checks()) == before


@pytest.mark.parametrize("any_threads", [False, True], ids=["same", "any"])
def test_two_threads(any_threads: bool) -> None:
    """Integers, whose sums are exact in any order."""
    rng = np.random.default_rng(1)
    x, w, y = (6, 10, 10, 32), (3, 3, 32, 40), (6, 10, 10, 40)
    how = {"stride": (1, 1), "dilation": (1, 1), "padding": (1,) * 4}
    outputs: list[Output] = [(w, "float32"), ((40,), "float32")]
    cases: list[tuple[str, list[tuple[int, ...]], list[Output], dict[str, Any]]] = [
        ("matmul", [(70, 100), (100, 90)], [((70, 90), "float32")], {}),
        ("conv2d", [x, w], [(y, "float32")], how),
        ("conv2d_input_grad", [y, w], [(x, "float32")], how),
        ("conv2d_weight_grad", [x, y], outputs, {**how, "has_bias": 1}),
    ]
    for op, shapes, results, attributes in cases:
        operands = [rng.integers(-2, 3, shape).astype(np.float32) for shape in shapes]
        actual = run_instruction(
            op,
            [rounded(a) for a in operands],
            results,
            attributes,
            threads=2,
            any_threads=any_threads,
            emulated=True,
        )
        for result, wanted in zip(
            actual, run_instruction(op, operands, results, attributes), strict=True
        ):
            np.testing.assert_array_equal(result, wanted)


@pytest.mark.parametrize("activation", ["", "relu", "tanh", "sigmoid"])
def test_what_is_not_finite_is_not_hidden(activation: str) -> None:
    """NaN reaches what it is summed into, through every epilogue."""
    x, w = rounded(numbers((64, 128), 1)), rounded(numbers((128, 80), 2))
    x[5, 7] = 0x7FC0
    attributes: dict[str, Any] = {"activation": activation}
    (y,) = run_instruction("matmul", [x, w], [((64, 80), "bfloat16")], attributes, emulated=True)
    assert np.isnan(widened(y[5])).all()
    assert np.isfinite(np.delete(widened(y), 5, axis=0)).all()
    x, w = rounded(numbers((2, 8, 8, 32), 1)), rounded(numbers((3, 3, 32, 48), 2))
    x[0, 4, 4, 3] = 0x7FC0
    attributes = {"stride": (1, 1), "dilation": (1, 1), "padding": (1,) * 4, **attributes}
    (y,) = run_instruction(
        "conv2d", [x, w], [((2, 8, 8, 48), "bfloat16")], attributes, emulated=True
    )
    covered = np.zeros((2, 8, 8), bool)
    covered[0, 3:6, 3:6] = True
    assert np.array_equal(np.isnan(widened(y)).all(axis=3), covered)
    assert np.isfinite(widened(y)[~covered]).all()


def test_a_verdict_is_kept() -> None:
    """The second program of a shape makes no check; one that lies between NaN leaves them alone."""
    operands = [numbers((40, 160), 1), numbers((160, 70), 2)]
    compare("matmul", operands, [], [((40, 70), "float32")])
    before = _native.bfloat16_checks()
    compare("matmul", operands, [], [((40, 70), "float32")])
    assert _native.bfloat16_checks() == before
    assert any(name.startswith("matmul 40 160 70") for name, _ in before) == PRIMITIVES
