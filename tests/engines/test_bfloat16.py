"""bfloat16 in the native engine: conversions bit for bit, and every kernel between conversions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from instructions import Output, elementwise, rounded, run_instruction, ulps_apart, widened
from sloy.engines.native.engine import _native


def all_halves() -> np.ndarray:
    return np.arange(1 << 16, dtype=np.uint32).astype(np.uint16)


def around_ties() -> np.ndarray:
    """Each upper half with lower halves of 0, one half less and more than a bit, a tie, and all ones."""
    lower = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)
    return ((all_halves().astype(np.uint32) << 16)[:, None] | lower).view(np.float32)


def numbers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """bfloat16 numbers of both signs and many sizes."""
    return rounded(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def test_the_formulas_of_these_tests() -> None:
    assert rounded(np.array([1.0, 1.00390625, 1.01171875, -np.inf], np.float32)).tolist() == [
        0x3F80,
        0x3F80,  # halfway between 0x3F80 and 0x3F81
        0x3F82,  # halfway between 0x3F81 and 0x3F82
        0xFF80,
    ]
    assert np.isnan(widened(rounded(np.array([0x7F800001], np.uint32).view(np.float32))))[0]
    assert ulps_apart(np.array([0x8001], np.uint16), np.array([0x0001], np.uint16)) == 2


def test_every_bfloat16_is_widened(isa: str) -> None:
    (actual,) = elementwise("cast float32 0", [all_halves()], ["float32"], [1])
    assert actual.tobytes() == widened(all_halves()).tobytes()


@pytest.mark.parametrize("threads", [1, 2])
def test_float32_is_rounded(isa: str, threads: int) -> None:
    x = around_ties().ravel()[:-3]  # no whole number of vectors
    (actual,) = elementwise("cast bfloat16 0", [x], ["bfloat16"], [1], threads=threads)
    assert actual.tobytes() == rounded(x).tobytes()


def test_a_rounded_value_is_used_in_its_own_group(isa: str) -> None:
    """The difference of what is kept and what was there, beside the kept value."""
    x = around_ties().ravel()
    x = x[np.isfinite(x) & (np.abs(x) < 1e38)]
    program = "cast bfloat16 0; cast float32 1; sub 2 0"
    difference, kept = elementwise(program, [x], ["float32", "bfloat16"], [3, 1])
    assert kept.tobytes() == rounded(x).tobytes()
    assert difference.tobytes() == (widened(rounded(x)) - x).tobytes()


@pytest.mark.parametrize("size", [1, 7, 64, 513, 5000])
def test_arithmetic_is_float32(isa: str, size: int) -> None:
    a, b = numbers((size,), 1), numbers((size,), 2)
    program = "cast float32 0; cast float32 1; mul 2 3; relu 2; cast bfloat16 4; cast bfloat16 5"
    product, positive = elementwise(program, [a, b], ["bfloat16"] * 2, [6, 7])
    assert product.tobytes() == rounded(widened(a) * widened(b)).tobytes()
    assert positive.tobytes() == rounded(np.maximum(widened(a), 0)).tobytes()


@pytest.mark.parametrize("of_y", [(1, 33), (57, 1), (1, 1), (57, 33)])
def test_operands_that_are_repeated(isa: str, of_y: tuple[int, int]) -> None:
    x, y = numbers((57, 33), 3), numbers(of_y, 4)
    program = "cast float32 0; cast float32 1; add 2 3; cast bfloat16 4"
    (actual,) = elementwise(program, [x, y], ["bfloat16"], [5])
    assert actual.tobytes() == rounded(widened(x) + widened(y)).tobytes()


def test_axes_that_are_expanded(isa: str) -> None:
    x, y = numbers((5, 7, 9), 5), numbers((5, 1, 9), 6)
    program = "cast float32 0; cast float32 1; sub 2 3; cast bfloat16 4"
    (actual,) = elementwise(program, [x, y], ["bfloat16"], [5])
    assert actual.tobytes() == rounded(widened(x) - widened(y)).tobytes()


def test_an_update_of_a_product_of_bfloat16_vectors(isa: str) -> None:
    """w - rate · x d with x and d in bfloat16: not for the kernel that takes them as float32."""
    w = np.random.default_rng(7).integers(-8, 9, (12, 20)).astype(np.float32)
    x, d, rate = numbers((12, 1), 8), numbers((1, 20), 9), np.array([[0.5]], np.float32)
    program = "cast float32 1; cast float32 2; mul 4 5; mul 3 6; sub 0 7"
    (actual,) = elementwise(program, [w, x, d, rate], ["float32"], [8])
    expected = w - 0.5 * widened(x) * widened(d)
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("program", "dtype"),
    [
        ("add 0 0", "bfloat16"),
        ("cast int32 0", "int32"),
        ("cast float32 0", "bfloat16"),
        ("constant bfloat16 1.0", "bfloat16"),
    ],
)
def test_what_is_no_program(program: str, dtype: str) -> None:
    with pytest.raises(ValueError, match=r"elementwise|add"):
        elementwise(program, [numbers((4,))], [dtype], [1])


CONV = {"stride": (1, 1), "dilation": (1, 1), "padding": (1, 1, 1, 1)}
POOL = {"window": (2, 2), "stride": (2, 2), "padding": (0, 0, 0, 0)}
SPREAD = {"window": (3, 3), "stride": (2, 2), "padding": (1, 1, 1, 1)}
IMAGES, SMALLER, KERNELS = (3, 8, 8, 6), (3, 4, 4, 6), (3, 3, 6, 10)
MAPS = (3, 8, 8, 10)
# op, shapes of bfloat16 operands, shapes of float32 operands after them, outputs, attributes
Case = tuple[str, list[tuple[int, ...]], list[tuple[int, ...]], list[Output], dict[str, Any]]
CASES: list[Case] = [
    ("copy", [(5, 9)], [], [((5, 9), "bfloat16")], {}),
    ("transpose", [(5, 9)], [], [((9, 5), "bfloat16")], {"permutation": (1, 0)}),
    ("slice", [(5, 9)], [], [((3, 4), "bfloat16")], {"start": (1, 2)}),
    ("broadcast_to", [(5, 1)], [], [((5, 9), "bfloat16")], {}),
    ("concatenate", [(5, 2), (5, 3)], [], [((5, 5), "bfloat16")], {"axis": 1}),
    (
        "pad",
        [(5, 9)],
        [],
        [((8, 11), "bfloat16")],
        {"before": (1, 2), "after": (2, 0), "value": 1.5},
    ),
    ("reduce_sum", [(57, 9, 5)], [], [((9,), "float32")], {"axes": (0, 2)}),
    ("reduce_sum", [(300, 257)], [], [((257,), "float32")], {"axes": (0,)}),
    ("reduce_max", [(57, 9)], [], [((57,), "bfloat16")], {"axes": (1,)}),
    ("softmax", [(5, 9)], [], [((5, 9), "float32")], {}),
    ("max_pool2d", [IMAGES], [], [(SMALLER, "bfloat16")], POOL),
    ("max_pool2d", [IMAGES], [], [(SMALLER, "bfloat16")], SPREAD),
    ("average_pool2d", [IMAGES], [], [(SMALLER, "bfloat16")], {**SPREAD, "count_include_pad": 1}),
    ("average_pool2d_grad", [SMALLER], [], [(IMAGES, "bfloat16")], POOL),
    ("matmul", [(40, 70), (70, 33)], [(33,)], [((40, 33), "bfloat16")], {"has_bias": 1}),
    ("matmul", [(2, 70), (70, 33)], [], [((2, 33), "float32")], {"activation": "relu"}),
    ("matmul", [(130, 65), (130, 90)], [], [((65, 90), "float32")], {"transpose_a": 1}),
    ("matmul", [(130, 65), (130, 90)], [], [((65, 90), "bfloat16")], {"transpose_a": 1}),
    ("matmul", [(256, 250), (300, 250)], [], [((256, 300), "bfloat16")], {"transpose_b": 1}),
    ("conv2d", [IMAGES, KERNELS], [(10,)], [(MAPS, "bfloat16")], {**CONV, "has_bias": 1}),
    ("conv2d", [IMAGES, KERNELS], [], [(MAPS, "float32")], {**CONV, "activation": "relu"}),
    ("conv2d_input_grad", [MAPS, KERNELS], [], [(IMAGES, "bfloat16")], CONV),
    (
        "conv2d_weight_grad",
        [IMAGES, MAPS],
        [],
        [(KERNELS, "float32"), ((10,), "float32")],
        {**CONV, "has_bias": 1},
    ),
]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("any_threads", [False, True], ids=["same", "any"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}{case[1][0]}")
def test_kernels_are_those_of_float32(case: Case, threads: int, any_threads: bool) -> None:
    """The bits of the float32 kernel on the widened operands, rounded where the result is bfloat16."""
    op, narrow, wide, outputs, attributes = case
    rng = np.random.default_rng(11)
    x = [numbers(shape, 12 + i) for i, shape in enumerate(narrow)]
    rest = [rng.standard_normal(shape).astype(np.float32) for shape in wide]
    actual = run_instruction(
        op, [*x, *rest], outputs, attributes, threads=threads, any_threads=any_threads
    )
    in_float32 = [(shape, "float32") for shape, _ in outputs]
    expected = run_instruction(
        op,
        [*map(widened, x), *rest],
        in_float32,
        attributes,
        threads=threads,
        any_threads=any_threads,
    )
    # A sum over pieces of the batch is rounded piece by piece in float32; in bfloat16 it is not cut.
    same_order = not (any_threads and "transpose_a" in attributes)
    exact = same_order and _native.bfloat16_support() in ("none", "emulated")
    for result, wide_result, (_, dtype) in zip(actual, expected, outputs, strict=True):
        assert np.count_nonzero(wide_result) > wide_result.size / 3
        if dtype == "bfloat16":
            wide_result = rounded(wide_result)
        if exact:
            assert result.tobytes() == wide_result.tobytes()
        elif dtype == "bfloat16":
            assert ulps_apart(result, wide_result) <= 1
        else:
            np.testing.assert_allclose(result, wide_result, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("activation", ["", "relu"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("channels", [1, 3, 8, 16, 33])
@pytest.mark.parametrize(
    ("window", "stride", "padding", "size"),
    [(2, 2, 0, 8), (2, 2, 0, 9), (3, 3, 1, 8), (2, 3, 0, 11), (3, 2, 1, 8)],
)
def test_maximum_and_its_gradient(
    window: int,
    stride: int,
    padding: int,
    size: int,
    channels: int,
    threads: int,
    activation: str,
    isa: str,
) -> None:
    """Windows with ties, NaN and infinities, that tile the picture, leave gaps or overlap; all tensors bfloat16."""
    pool: dict[str, Any] = {
        "window": (window,) * 2,
        "stride": (stride,) * 2,
        "padding": (padding,) * 4,
    }
    smaller = (size + 2 * padding - window) // stride + 1
    images, results = (40, size, size, channels), (40, smaller, smaller, channels)
    x = widened(numbers(images, 1)).round(0)
    x[0, 0, :4], x[0, 2], x[0, 4] = np.nan, -np.inf, np.inf
    (expected,) = run_instruction("max_pool2d", [x], [(results, "float32")], pool)
    (y,) = run_instruction(
        "max_pool2d", [rounded(x)], [(results, "bfloat16")], pool, threads=threads
    )
    assert y.tobytes() == rounded(expected).tobytes()
    g, pool["activation"] = numbers(results, 2), activation
    (actual,) = run_instruction(
        "max_pool2d_grad", [rounded(x), y, g], [(images, "bfloat16")], pool, threads=threads
    )
    (expected,) = run_instruction(
        "max_pool2d_grad", [x, widened(y), widened(g)], [(images, "float32")], pool
    )
    assert np.count_nonzero(expected) > expected.size / 20
    assert actual.tobytes() == rounded(expected).tobytes()


def test_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(ValueError, match="no dtype float16"):
        run_instruction("copy", [numbers((4,))], [((4,), "float16")], {})


@pytest.mark.parametrize("any_threads", [False, True], ids=["same", "any"])
@pytest.mark.parametrize("threads", [1, 2])
def test_batches_that_are_widened_in_chunks(threads: int, any_threads: bool) -> None:
    """Integers, so that sums in any order are exact; a batch that leaves a rest of a chunk."""
    rng = np.random.default_rng(5)
    how = {"stride": (1, 1), "dilation": (1, 1), "padding": (1,) * 4, "has_bias": 1}
    x, w, y = (93, 20, 20, 1), (3, 3, 1, 16), (93, 20, 20, 16)
    rows: Case = ("matmul", [(9001, 60), (60, 16)], [], [((9001, 16), "bfloat16")], {})
    cases: list[Case] = [
        ("conv2d", [x, w], [(16,)], [(y, "bfloat16")], how),
        ("conv2d_input_grad", [y, w], [], [(x, "bfloat16")], {**how, "has_bias": 0}),
        ("conv2d_weight_grad", [x, y], [], [(w, "float32"), ((16,), "float32")], how),
        rows,
    ]
    for op, narrow, wide, outputs, attributes in cases:
        operands = [rng.integers(-3, 4, s).astype(np.float32) for s in (*narrow, *wide)]
        mixed = [rounded(a) if i < len(narrow) else a for i, a in enumerate(operands)]
        for a in mixed:
            assert np.count_nonzero(a) > a.size / 2
        actual = run_instruction(
            op, mixed, outputs, attributes, threads=threads, any_threads=any_threads
        )
        in_float32 = [(shape, "float32") for shape, _ in outputs]
        expected = run_instruction(op, operands, in_float32, attributes)
        for result, wanted, (_, dtype) in zip(actual, expected, outputs, strict=True):
            assert np.array_equal(result, rounded(wanted) if dtype == "bfloat16" else wanted)
