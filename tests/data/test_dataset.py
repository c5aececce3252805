"""Dataset: what it accepts, what it refuses, and its parts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sloy.data import Dataset
from sloy.errors import InvalidArgument, ShapeError

SPLIT_OF_SEED_7 = [
    57,
    143,
    277,
    290,
    308,
    319,
    341,
    664,
    816,
    988,
]  # never to change from one version to the next

# What pandas reads from a file with a column of words and one of dates.
FRAME = pd.DataFrame(
    {"area": [50.0, 70.0], "town": ["Rome", "Oslo"], "day": np.array(["2026-01-01"] * 2, "M8[s]")}
)


def numbered(count: int, classes: int = 3) -> Dataset:
    """Sample i holds the number i; its label is i modulo the number of classes."""
    x = np.arange(count, dtype=np.float32).reshape(count, 1)
    return Dataset(x, np.arange(count) % classes)


def test_labels_become_int32_and_samples_stay_as_they_are() -> None:
    x = np.zeros((3, 2, 2, 1), np.uint8)
    data = Dataset(x, np.array([2, 0, 1], np.uint8), ["a", "b", "c"], "three")
    assert data.x is x
    assert data.y.dtype == np.int32
    assert data.y.tolist() == [2, 0, 1]
    assert (len(data), data.classes, data.sample_shape) == (3, 3, (2, 2, 1))
    assert (data.class_names, data.name, data.has_labels) == (("a", "b", "c"), "three", True)
    assert repr(data) == "Dataset('three', x uint8 (3, 2, 2, 1), y (3,), 3 classes)"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 3)])
def test_real_targets_stay_as_they_are(dtype: type, shape: tuple[int, ...]) -> None:
    y = np.ones(shape, dtype)
    data = Dataset(np.zeros((4, 2), dtype), y)
    assert data.y is y
    assert not data.has_labels
    assert data.classes == 0


def test_it_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        numbered(3).y = np.zeros(3)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("x", "y", "names", "error", "message"),
    [
        (np.zeros((3, 2), np.float32), [0, 1], (), ShapeError, "3 samples .* `y` has 2"),
        (np.float32(1), [0], (), ShapeError, "single number"),
        (
            np.zeros((2, 2), np.float32),
            [[0, 1], [1, 0]],
            (),
            ShapeError,
            r"shape \(N,\), got \(2, 2\)",
        ),
        (np.zeros((2, 2), np.float32), np.zeros((2, 1, 1)), (), ShapeError, r"\(N,\) or \(N, M\)"),
        (np.zeros((2, 2), complex), [0, 1], (), InvalidArgument, "`x` has dtype complex128"),
        (np.zeros((2, 2), object), [0, 1], (), InvalidArgument, "`x` has dtype object"),
        ([[1, 2], [3]], [0, 1], (), InvalidArgument, "`x` must be an array, or lists of equal"),
        (np.zeros((2, 2)), [0, 1], "ab", InvalidArgument, "`class_names` .* must be a list"),
        (np.array(["a", "b"]), [0, 1], (), InvalidArgument, "`x` has dtype"),
        (FRAME, [0, 1], (), InvalidArgument, "real numbers.*No numbers are in town, day;"),
        (
            np.zeros((2, 2), np.float32),
            ["a", "b"],
            (),
            InvalidArgument,
            "`y` has dtype .*takes labels of any type",
        ),
        (np.zeros((2, 2), np.float32), [0, 2**40], (), InvalidArgument, "from 0 to 2147483647"),
        (np.zeros((2, 2), np.float32), [1j, 0], (), InvalidArgument, "`y` has dtype complex128"),
        (
            np.zeros((2, 2), np.float32),
            [[1], [0]],
            (),
            ShapeError,
            r"\(2, 1\); .* y.astype\('float32'\)",
        ),
        (np.zeros((2, 2), np.float32), [0, -1], (), InvalidArgument, "from -1 to 0"),
        (np.zeros((2, 2), np.float32), [0, 2**31], (), InvalidArgument, "from 0 to 2147483648"),
        (np.zeros((2, 2), np.float32), [0, 2], ("a", "b"), InvalidArgument, "label 2 .* holds 2"),
        (np.zeros((2, 2), np.float32), [0, 1], ("a", "a"), InvalidArgument, "'a' twice"),
        (
            np.zeros((2, 2), np.float32),
            [0.0, 1.0],
            ("a", "b"),
            InvalidArgument,
            "belong to integer",
        ),
        (np.array([[0.0, 0.0], [1.0, np.nan]]), [0, 1], (), InvalidArgument, "`x` .* in sample 1"),
        (np.zeros((2, 2), np.float32), [0.0, np.inf], (), InvalidArgument, "`y` .* in sample 1"),
    ],
)
def test_what_is_refused(x, y, names, error, message) -> None:
    with pytest.raises(error, match=message):
        Dataset(x, y, names)


def test_truth_is_0_and_1() -> None:
    labels = Dataset(np.zeros((3, 2)), np.array([True, False, True])).y
    assert (labels.tolist(), labels.dtype) == ([1, 0, 1], np.int32)
    several = Dataset(np.zeros((2, 2)), np.array([[True, False], [True, True]])).y
    assert (several.tolist(), several.dtype) == ([[1, 0], [1, 1]], np.float32)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.uint8, np.uint8),
        (np.float64, np.float64),
        (bool, np.float32),
        (np.float16, np.float32),
        (np.int16, np.float32),
        (np.uint32, np.float64),
        (np.int64, np.float64),
    ],
)
def test_samples_are_bytes_or_floats(given, kept) -> None:
    data = Dataset(np.array([[0, 1], [1, 0]], given), [0, 1])
    assert data.x.dtype == kept
    assert data.x.tolist() == [[0, 1], [1, 0]]


def test_take_keeps_order_and_number_of_classes() -> None:
    part = numbered(9).take(np.array([5, 0, 0], np.uint8))
    assert part.x.ravel().tolist() == [5, 0, 0]
    assert part.y.tolist() == [2, 0, 0]
    assert numbered(9).take([0]).classes == 3
    assert len(numbered(9).take([])) == 0


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([0, 9], "0 to 8"),
        ([-1], "0 to 8"),
        ([[0]], "shape"),
        ([0.0], "integers"),
        ([True] * 9, "integers"),
    ],
)
def test_take_refuses(indices: list, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        numbered(9).take(indices)


@given(
    labels=st.lists(st.integers(0, 4), min_size=4, max_size=60),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 2**64 - 1),
    stratify=st.booleans(),
)
def test_split_loses_nothing_and_keeps_the_order(labels, fraction, seed, stratify) -> None:
    count = len(labels)
    data = Dataset(np.arange(count, dtype=np.float32), labels)
    size = round(fraction * count)
    if not 0 < size < count:
        with pytest.raises(InvalidArgument, match="leaves one side empty"):
            data.split(fraction, seed, stratify=stratify)
        return
    rest, part = data.split(fraction, seed, stratify=stratify)
    assert len(part) == size
    assert sorted([*rest.x, *part.x]) == list(range(count))
    assert (np.diff(rest.x) > 0).all()
    assert (np.diff(part.x) > 0).all()
    np.testing.assert_array_equal(part.y, data.y[part.x.astype(int)])
    if stratify:
        counts, expected = (
            np.bincount(part.y, minlength=5),
            np.bincount(labels, minlength=5) * fraction,
        )
        assert (np.abs(counts - expected) < 1).all()


def test_split_depends_on_the_seed_alone() -> None:
    data = numbered(1000)
    first, again, other = (data.split(0.3, seed)[1].x.ravel() for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert 50 < len(set(first) & set(other)) < 150  # of 300; chance gives 90
    assert data.split(0.01, 7, stratify=False)[1].x.ravel().tolist() == SPLIT_OF_SEED_7


def test_split_of_targets_is_plain() -> None:
    data = Dataset(np.zeros((10, 1)), np.arange(10.0))
    assert len(data.split(0.2)[1]) == 2
    with pytest.raises(InvalidArgument, match="needs integer labels"):
        data.split(0.2, stratify=True)


@pytest.mark.parametrize("sample", [0, 1023, 1024, 2499])
def test_every_block_of_samples_is_looked_at(sample: int) -> None:
    x = np.zeros((2500, 1024), np.float32)
    x[sample, 5] = np.inf
    with pytest.raises(InvalidArgument, match=f"`x` .* in sample {sample}\\."):
        Dataset(x, np.zeros(2500, int))


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_split_refuses_fractions(fraction: float) -> None:
    with pytest.raises(InvalidArgument, match="`fraction`"):
        numbered(10).split(fraction)
