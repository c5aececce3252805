"""The one table of tolerances, and the comparer that every numerical test uses.

A tolerance is a number of units in the last place of a *scale*: the error allowed of an element is

    ulps · eps(dtype) · scale + tiny(dtype)

where the scale is |expected| unless a test gives a better one. For a sum of n products the rounding errors are
bounded by n · eps/2 · Σ|a_k b_k| in any order of summation [1]_, so the scale is the sum of the absolute products and
the number of ulps comes from n alone (`accumulation`). `tiny` is the smallest normal number: results below it may be
flushed to 0.

References
----------
.. [1] N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., SIAM 2002, §3.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tolerance:
    """How far a result may be from what is expected.

    Parameters
    ----------
    ulps : float
        Error allowed, in units of eps(dtype) · scale.
    """

    ulps: float


WIDEST = 0.005  # relative: a tolerance that sees no error of 1 % is a mistake in the test

EXACT = Tolerance(0)
# One or two IEEE operations, each rounded once.
ARITHMETIC = Tolerance(1)
# exp, log, tanh, erf … of NumPy's and the engines' vector libraries: within 4 ulp of the true value.
ELEMENTARY = Tolerance(4)
# A few elementary functions and a short sum on one row: softmax and the cross-entropies.
COMPOSED = Tolerance(16)
# x^y = e^(y log x): in float32 the error of y log x is multiplied by |y log x| (up to 20 in the table).
POWER = Tolerance(32)
# Two ways to write the same formula, both in float64.
SAME_FORMULA = Tolerance(64)
# Central differences, in float64 alone, with a step of 1e-5 of the scale: error of order step² and eps / step.
CENTRAL_DIFFERENCE = Tolerance(1e-7 / np.finfo(np.float64).eps)


def accumulation(length: int) -> Tolerance:
    """The bound of a sum of `length` products, one more rounding allowed; the scale is the sum of their sizes."""
    return Tolerance(0.5 * (length + 1))


def assert_close(
    actual: object,
    expected: object,
    tolerance: Tolerance,
    *,
    scale: object = None,
    name: str = "result",
) -> None:
    """Raise `AssertionError` unless two arrays agree in shape, dtype, NaN, infinities and, within a tolerance, values.

    Parameters
    ----------
    actual, expected : array
        `expected` may be float64 where `actual` is float32: it is then the truth before rounding. Otherwise the dtypes
        must be equal.
    tolerance : Tolerance
        From the table above.
    scale : array, optional
        What `ulps` multiplies, of a shape that broadcasts to the result; |expected| by default.
    """
    a, e = np.asarray(actual), np.asarray(expected)
    assert a.shape == e.shape, f"{name}: shape is {a.shape}, expected {e.shape}"
    rounded = a.dtype == np.float32 and e.dtype == np.float64
    assert a.dtype == e.dtype or rounded, f"{name}: dtype is {a.dtype}, expected {e.dtype}"
    if a.dtype.kind != "f":
        _report(name, a, e, a != e, "must be equal")
        return
    with np.errstate(over="ignore"):
        e_here = e.astype(a.dtype)
    _report(name, a, e, np.isnan(a) != np.isnan(e), "NaN in one only")
    infinite = np.isinf(a) | np.isinf(e_here)
    _report(name, a, e, infinite & (a != e_here), "infinite in one only")
    limits = np.finfo(a.dtype)
    if scale is None and tolerance.ulps * float(limits.eps) > WIDEST:
        raise ValueError(f"{tolerance} would accept an error of 1 % in {a.dtype}")
    finite = np.isfinite(a) & np.isfinite(e_here)
    size = np.where(finite, e if scale is None else np.asarray(scale, np.float64), 0.0)
    bound = tolerance.ulps * float(limits.eps) * np.abs(size)
    bound = bound + float(limits.tiny) if tolerance.ulps else bound
    error = np.abs(np.where(finite, a, 0).astype(np.float64) - np.where(finite, e, 0))
    if not tolerance.ulps:
        error = np.abs(np.where(finite, a, 0).astype(np.float64) - np.where(finite, e_here, 0))
    _report(name, a, e, ~(error <= bound), f"beyond {tolerance.ulps:g} ulps of the scale")


def _report(name: str, a: np.ndarray, e: np.ndarray, wrong: np.ndarray, why: str) -> None:
    count = int(np.count_nonzero(wrong))
    if count:
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise AssertionError(
            f"{name}: {count} of {a.size} elements: {why}; first at {place}: {a[place]!r}, expected {e[place]!r}"
        )
