"""`Dataset`: samples with their labels or targets, checked once, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sloy.arguments import array, real, sample_array, sequence
from sloy.data.lazy_rows import LazyRows
from sloy.data.sparse import SparseRows
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.threefry import make_key, permutation
from sloy.text import shown

TARGET_DTYPES = ("float32", "float64")

_BLOCK = 1 << 20  # numbers looked at together


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples and what is to be learned from them.

    Parameters
    ----------
    x : array, shape (N, …)
        The samples; pictures are (N, H, W, C). uint8, float32 and float64 are kept; other integers, booleans and
        float16 become float32, or float64 where they are longer than 16 bits.
    y : array
        Labels: integers 0 … K - 1 of shape (N,), kept as int32; booleans are 0 and 1. Or targets: float32 or float64 of
        shape (N,) or (N, M).
    class_names : sequence of str
        One name per class; empty for targets, and for labels without names.
    name : str
        What the data set is called in messages and files.

    Raises
    ------
    ShapeError
        When `x` and `y` hold different numbers of samples, or `y` has the wrong number of axes.
    InvalidArgument
        When a dtype is not allowed, a number is not finite, or a label has no class.

    Examples
    --------
    >>> data = Dataset(np.zeros((4, 2), np.float32), [0, 1, 1, 0], class_names=("no", "yes"))
    >>> len(data), data.classes, data.take([1, 2]).y.tolist()
    (4, 2, [1, 1])
    """

    x: np.ndarray
    y: np.ndarray
    class_names: Sequence[str] = ()
    name: str = "data"

    def __post_init__(self) -> None:
        x, y = _samples(self.x), _labels_or_targets(self.y)
        if len(x) != len(y):
            raise ShapeError(
                f"Dataset: `x` has {len(x)} samples (shape {x.shape}), `y` has {len(y)} (shape {y.shape});"
                " they must agree."
            )
        class_names = sequence("Dataset", "class_names", self.class_names, str)
        if y.dtype == np.int32:
            _check_labels(y, class_names)
        elif class_names:
            raise InvalidArgument(
                f"Dataset: `class_names` (={shown(class_names)}) belong to integer labels, but `y` holds {y.dtype}"
                " targets."
            )
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "y", y)
        object.__setattr__(self, "class_names", class_names)

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        kind = f"{self.classes} classes" if self.has_labels else f"{self.y.dtype} targets"
        return f"Dataset({self.name!r}, x {self.x.dtype} {self.x.shape}, y {self.y.shape}, {kind})"

    @property
    def has_labels(self) -> bool:
        """True for integer labels (classification), False for real targets (regression)."""
        return self.y.dtype == np.int32

    @property
    def classes(self) -> int:
        """The number of classes K; 0 for targets."""
        if not self.has_labels:
            return 0
        return len(self.class_names) or (int(self.y.max()) + 1 if len(self) else 0)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.x.shape[1:])

    def take(self, indices: Any) -> Dataset:
        """The samples of `indices` (integers, shape (n,)), in that order, as a data set of their own."""
        chosen = np.asarray(indices)
        if chosen.size == 0:
            chosen = chosen.astype(np.int64)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
            raise InvalidArgument(
                f"Dataset.take: `indices` must be integers of shape (n,), got {chosen.dtype} of shape"
                f" {chosen.shape}."
            )
        if chosen.size and (chosen.min() < 0 or chosen.max() >= len(self)):
            raise InvalidArgument(
                f"Dataset.take: `indices` run from {chosen.min()} to {chosen.max()}, but only 0 to"
                f" {len(self) - 1} are allowed."
            )
        names = self.class_names or tuple(str(k) for k in range(self.classes))
        x = self.x.take(chosen) if isinstance(self.x, LazyRows) else self.x[chosen]
        return Dataset(x, self.y[chosen], names, self.name)

    def split(
        self, fraction: float, seed: int = 0, *, stratify: bool | None = None
    ) -> tuple[Dataset, Dataset]:
        """Split off a random part: (the rest, the part), both in the order of this data set.

        Parameters
        ----------
        fraction : float
            The share of the samples that goes to the part, between 0 and 1; the part gets round(fraction · N).
        seed : int
            The same seed gives the same split, on every machine.
        stratify : bool, optional
            Keep every class's share of the whole, to the nearest sample. Default: for labels, yes.
        """
        fraction = real("Dataset.split", "fraction", fraction, above=0, below=1)
        if stratify is None:
            stratify = self.has_labels
        if stratify and not self.has_labels:
            raise InvalidArgument("Dataset.split: `stratify` (=True) needs integer labels.")
        size = round(fraction * len(self))
        if not 0 < size < len(self):
            raise InvalidArgument(
                f"Dataset.split: `fraction` (={shown(fraction)}) of {len(self)} samples leaves one side empty."
            )
        order = permutation(len(self), make_key(seed, "split"))
        chosen = _stratified(self.y[order], order, fraction, size) if stratify else order[:size]
        in_part = np.zeros(len(self), bool)
        in_part[chosen] = True
        return self.take(np.flatnonzero(~in_part)), self.take(np.flatnonzero(in_part))


@dataclass(frozen=True)
class TrainTest:
    """A data set that comes in two parts: to train on, and to test on."""

    train: Dataset
    test: Dataset


def _samples(values: Any) -> Any:
    if isinstance(values, SparseRows):
        _check_finite("x", values.values)
    if isinstance(values, LazyRows):
        return values
    x = sample_array("Dataset", "x", values)
    if x.ndim == 0:
        raise ShapeError("Dataset: `x` is a single number; its first axis must be the sample.")
    if x.dtype != np.uint8:
        _check_finite("x", x)
    return x


def _labels_or_targets(values: Any) -> np.ndarray:
    y = array("Dataset", "y", values)
    if y.dtype.kind == "b":
        y = y.astype(np.int32 if y.ndim == 1 else np.float32)
    if y.dtype.kind in "iu":
        if y.ndim != 1:
            raise ShapeError(
                f"Dataset: labels `y` must have shape (N,), got {y.shape}; numbers to predict, (N, M), are floats:"
                " y.astype('float32')."
            )
        most = np.iinfo(np.int32).max
        if y.size and (y.min() < 0 or y.max() > most):
            raise InvalidArgument(
                f"Dataset: labels `y` run from {y.min()} to {y.max()}; they must be from 0 to {most}"
                " (np.unique(y, return_inverse=True)[1] numbers them)."
            )
        return y.astype(np.int32, copy=False)
    if y.dtype.name not in TARGET_DTYPES:
        raise InvalidArgument(
            f"Dataset: `y` has dtype {y.dtype}; allowed are integers (labels) and"
            f" {', '.join(TARGET_DTYPES)} (targets); sloy.Classifier takes labels of any type, and"
            " np.unique(y, return_inverse=True)[1] numbers them."
        )
    if y.ndim not in (1, 2):
        raise ShapeError(f"Dataset: targets `y` must have shape (N,) or (N, M), got {y.shape}.")
    _check_finite("y", y)
    return y


def _check_finite(argument: str, values: np.ndarray) -> None:
    """Raise at the first number that is not finite; looked for in blocks, which take little memory."""
    step = max(1, _BLOCK // max(1, values[:1].size))
    for first in range(0, len(values), step):
        finite = np.isfinite(values[first : first + step])
        if not finite.all():
            sample = first + int(np.argwhere(~finite)[0][0])
            raise InvalidArgument(
                f"Dataset: `{argument}` holds a value that is NaN or infinite, first in sample {sample}."
            )


def _check_labels(y: np.ndarray, class_names: tuple[str, ...]) -> None:
    if class_names and y.size and int(y.max()) >= len(class_names):
        raise InvalidArgument(
            f"Dataset: label {int(y.max())} in `y` has no name: `class_names` holds {len(class_names)}"
            f" (0 to {len(class_names) - 1})."
        )
    if len(set(class_names)) != len(class_names):
        twice = next(name for name in class_names if class_names.count(name) > 1)
        raise InvalidArgument(f"Dataset: `class_names` holds {twice!r} twice.")


def _stratified(labels: np.ndarray, order: np.ndarray, fraction: float, size: int) -> np.ndarray:
    """Of each class the first samples in `order`: its exact share rounded down, the largest remainders first up."""
    counts = np.bincount(labels)
    shares = counts * fraction
    take = np.floor(shares).astype(np.int64)
    first_up = np.argsort(take - shares, kind="stable")  # most negative: the largest remainder
    take[first_up[: size - int(take.sum())]] += 1
    chosen = [order[labels == k][: take[k]] for k in range(len(counts))]
    return np.concatenate(chosen)
