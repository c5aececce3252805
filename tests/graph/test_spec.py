"""Specs: shape and dtype, checked when they are made."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from sloy.errors import InvalidArgument
from sloy.graph import Spec
from sloy.graph.spec import DTYPES


@pytest.mark.parametrize(
    ("shape", "dtype", "rank", "size", "nbytes", "text"),
    [
        ((), "float32", 0, 1, 4, "float32[]"),
        ((3,), "float64", 1, 3, 24, "float64[3]"),
        ((2, 0, 5), "int32", 3, 0, 0, "int32[2, 0, 5]"),
        ((32, 28, 28, 1), "uint8", 4, 25088, 25088, "uint8[32, 28, 28, 1]"),
        ((2,), "uint32", 1, 2, 8, "uint32[2]"),
    ],
)
def test_what_a_spec_knows(
    shape: tuple[int, ...], dtype: str, rank: int, size: int, nbytes: int, text: str
) -> None:
    spec = Spec(shape, dtype)
    assert (spec.rank, spec.size, spec.nbytes, str(spec)) == (rank, size, nbytes, text)


def test_floats() -> None:
    assert [dtype for dtype in DTYPES if Spec((), dtype).is_float] == ["float32", "float64"]


def test_equal_specs_are_one() -> None:
    assert Spec((2, 3), "float32") == Spec((2, 3), "float32")
    assert len({Spec((2,), "int32"), Spec((2,), "int32"), Spec((2,), "uint32")}) == 2
    assert Spec((2, 3), "float32") != Spec((3, 2), "float32")


def test_a_spec_is_immutable() -> None:
    with pytest.raises(FrozenInstanceError):
        Spec((2,), "float32").shape = (3,)  # type: ignore[misc]


@pytest.mark.parametrize("dtype", ["float16", "bool", "int64", "", "Float32"])
def test_unknown_dtypes_are_named(dtype: str) -> None:
    with pytest.raises(InvalidArgument, match=f"`dtype` \\(='{dtype}'\\) must be one of float32"):
        Spec((2,), dtype)


def test_negative_extents_are_named() -> None:
    with pytest.raises(InvalidArgument, match=r"`shape` \(=\(2, -1\)\) must have no negative"):
        Spec((2, -1), "float32")
