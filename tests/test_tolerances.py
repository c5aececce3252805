"""The comparer must see what is wrong: a comparer that accepts zeros proves nothing."""

from __future__ import annotations

import numpy as np
import pytest

from tolerances import (
    ARITHMETIC,
    CENTRAL_DIFFERENCE,
    COMPOSED,
    ELEMENTARY,
    EXACT,
    POWER,
    SAME_FORMULA,
    Tolerance,
    accumulation,
    assert_close,
)

TABLE = (
    EXACT,
    ARITHMETIC,
    ELEMENTARY,
    COMPOSED,
    POWER,
    SAME_FORMULA,
    CENTRAL_DIFFERENCE,
    accumulation(1),
    accumulation(1000),
)
VALUES = np.array([[1.5, -2.25, 3.0], [1e-3, 7e4, -1.0]])

each_tolerance = pytest.mark.parametrize("tolerance", TABLE, ids=lambda t: f"{t.ulps:g}")
each_tolerance_and_dtype = pytest.mark.parametrize(
    ("tolerance", "dtype"),
    [
        (tolerance, dtype)
        for tolerance in TABLE
        for dtype in ("float32", "float64")
        if not (tolerance is CENTRAL_DIFFERENCE and dtype == "float32")
    ],
)


@each_tolerance_and_dtype
def test_accepts_equal_values(tolerance: Tolerance, dtype: str) -> None:
    assert_close(VALUES.astype(dtype), VALUES.astype(dtype), tolerance)


@pytest.mark.parametrize(
    "tolerance", [t for t in TABLE if t is not CENTRAL_DIFFERENCE], ids=lambda t: f"{t.ulps:g}"
)
def test_accepts_rounding_to_float32(tolerance: Tolerance) -> None:
    truth = VALUES / 3
    assert_close(truth.astype(np.float32), truth, tolerance)


@each_tolerance_and_dtype
def test_rejects_zeros(tolerance: Tolerance, dtype: str) -> None:
    with pytest.raises(AssertionError, match="6 of 6 elements"):
        assert_close(np.zeros_like(VALUES, dtype), VALUES.astype(dtype), tolerance)


@each_tolerance_and_dtype
def test_rejects_an_error_of_one_percent_in_one_element(tolerance: Tolerance, dtype: str) -> None:
    expected = VALUES.astype(dtype)
    for place in np.ndindex(expected.shape):
        actual = expected.copy()
        actual[place] *= 1.01
        with pytest.raises(AssertionError, match="1 of 6 elements"):
            assert_close(actual, expected, tolerance)


@each_tolerance
def test_rejects_other_shapes(tolerance: Tolerance) -> None:
    for shape in [(3, 2), (6,), (1, 2, 3)]:
        with pytest.raises(AssertionError, match="shape"):
            assert_close(VALUES.reshape(shape), VALUES, tolerance)
    with pytest.raises(AssertionError, match="shape"):
        assert_close(np.float64(1), np.ones(3), tolerance)  # no broadcasting


@each_tolerance
def test_rejects_other_dtypes(tolerance: Tolerance) -> None:
    with pytest.raises(AssertionError, match="dtype"):
        assert_close(VALUES, VALUES.astype(np.float32), tolerance)
    with pytest.raises(AssertionError, match="dtype"):
        assert_close(np.ones(2, np.int32), np.ones(2), tolerance)
    with pytest.raises(AssertionError, match="dtype"):
        assert_close(np.ones(2, np.int32), np.ones(2, np.uint32), tolerance)


@each_tolerance
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_rejects_other_nans_and_infinities(tolerance: Tolerance, odd: float) -> None:
    with_odd = VALUES.copy()
    with_odd[0, 1] = odd
    assert_close(with_odd, with_odd, tolerance)
    with pytest.raises(AssertionError, match="in one only"):
        assert_close(VALUES, with_odd, tolerance)
    with pytest.raises(AssertionError, match="in one only"):
        assert_close(with_odd, VALUES, tolerance)
    with pytest.raises(AssertionError, match="infinite in one only"):
        assert_close(np.array([np.inf]), np.array([-np.inf]), tolerance)


def test_the_bound_is_sharp() -> None:
    one = np.ones(1, np.float32)
    eps = float(np.finfo(np.float32).eps)
    assert_close(one * np.float32(1 + 3 * eps), one, Tolerance(3))
    with pytest.raises(AssertionError, match="beyond 3 ulps"):
        assert_close(one * np.float32(1 + 4 * eps), one, Tolerance(3))
    with pytest.raises(AssertionError, match="beyond 0 ulps"):
        assert_close(one * np.float32(1 + eps), one, EXACT)


def test_a_scale_replaces_the_expected_size() -> None:
    eps = float(np.finfo(np.float64).eps)
    assert_close(np.array([50 * eps]), np.zeros(1), Tolerance(1), scale=np.array([100.0]))
    with pytest.raises(AssertionError, match="beyond 1 ulps"):
        assert_close(np.array([50 * eps]), np.zeros(1), Tolerance(1))


def test_refuses_a_tolerance_that_sees_nothing() -> None:
    with pytest.raises(ValueError, match="would accept an error of 1 %"):
        assert_close(VALUES.astype(np.float32), VALUES.astype(np.float32), CENTRAL_DIFFERENCE)


def test_integers_must_be_equal() -> None:
    assert_close(np.arange(3), np.arange(3), COMPOSED)
    with pytest.raises(AssertionError, match="must be equal"):
        assert_close(np.arange(3), np.arange(3) + 1, COMPOSED)
