"""What happens to the data before the first layer: y = (x − mean) / deviation.

The mapping belongs to the model: it is saved with it, and the same is done in training, evaluation and prediction. It
is part of the graph, except that data in float64 are scaled before they become float32 (`Preprocessing.is_ahead`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, Union

import numpy as np

from sloy.arguments import finite_array, instance, sample_array
from sloy.errors import FileFormatError, InvalidArgument, ShapeError
from sloy.graph.ops.elementwise import cast
from sloy.graph.spec import Shape
from sloy.graph.tensor import Tensor, constant
from sloy.text import reason, shown

Choice = Union["Preprocessing", Literal["auto", "unit", "standardize", "none"], None]

CHOICES = ("auto", "unit", "standardize", "none")

_BLOCK = 1 << 17  # elements converted to float64 at a time: 1 MB, which stays in the cache


@dataclass(frozen=True)
class Preprocessing:
    """y = (x − mean) / deviation, with one number for all channels or one for each (last axis).

    Parameters
    ----------
    mean : tuple of float
        One number, or one for each channel.
    deviation : tuple of float
        One number above 0, or one for each channel.

    Examples
    --------
    >>> Preprocessing(deviation=(255.0,)).compute(np.array([0, 51, 255], np.uint8)).tolist()
    [0.0, 0.2, 1.0]
    """

    mean: tuple[float, ...] = (0.0,)
    deviation: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        for name in ("mean", "deviation"):
            values = getattr(self, name)
            if not isinstance(values, tuple) or not values or not all(map(_is_finite, values)):
                raise InvalidArgument(
                    f"Preprocessing: `{name}` (={shown(values)}) must be a tuple of finite numbers."
                )
        if min(self.deviation) <= 0:
            raise InvalidArgument(
                f"Preprocessing: `deviation` (={self.deviation}) must be above 0."
            )
        if 1 not in (lengths := {len(self.mean), len(self.deviation)}) and len(lengths) > 1:
            raise ShapeError(
                f"Preprocessing: `mean` has {len(self.mean)} channels,"
                f" `deviation` {len(self.deviation)}."
            )

    @property
    def is_identity(self) -> bool:
        """Whether nothing but the dtype changes."""
        return set(self.mean) == {0.0} and set(self.deviation) == {1.0}

    def check(self, sample_shape: Shape) -> None:
        """Raise `ShapeError` unless the number of channels fits samples of that shape."""
        channels = sample_shape[-1] if sample_shape else 1
        for name, values in (("mean", self.mean), ("deviation", self.deviation)):
            if len(values) not in (1, channels):
                raise ShapeError(
                    f"Preprocessing: `{name}` has {len(values)} channels; samples of shape"
                    f" {sample_shape} have {channels}."
                )

    def apply(self, x: Tensor, dtype: str = "float32") -> Tensor:
        """Symbolic: x (N, …, C) of any dtype → the same shape in the computing dtype."""
        exact = not x.spec.is_float
        x = cast(x, dtype)
        if self.is_identity:
            return x
        mean, deviation = np.asarray(self.mean), np.asarray(self.deviation)
        scale = constant(_scalar_or_channels(1.0 / deviation), dtype)
        if exact:
            shift = -mean / deviation
            y = x * scale
            return y + constant(_scalar_or_channels(shift), dtype) if shift.any() else y
        # Floats less their mean first, which keeps their digits; then what rounding the mean took.
        near = mean.astype(dtype)
        y = (x - constant(_scalar_or_channels(near), dtype) if near.any() else x) * scale
        rest = (near - mean) / deviation
        small = np.abs(rest).max() <= np.finfo(dtype).eps
        return y if small else y + constant(_scalar_or_channels(rest), dtype)

    def is_ahead(self, x: np.ndarray, dtype: str) -> bool:
        """Whether data are scaled before a graph of the computing dtype takes them: float64, which it would round."""
        return x.dtype == np.float64 and dtype != "float64" and not self.is_identity

    def compute(self, x: np.ndarray, dtype: str = "float64") -> np.ndarray:
        """The same in NumPy, computed in float64: x (N, …, C) → the same shape in `dtype`."""
        given = np.asarray(x)
        mean, deviation = np.asarray(self.mean), np.asarray(self.deviation)
        found = np.empty(given.shape, dtype)
        if not given.ndim:
            found[...] = ((given - mean) / deviation).reshape(())
            return found
        step = max(1, _BLOCK // max(1, given[:1].size))
        with np.errstate(over="ignore"):
            for first in range(0, len(given), step):
                block = np.asarray(given[first : first + step], np.float64)
                found[first : first + step] = (block - mean) / deviation
        return found

    @classmethod
    def of_pictures(
        cls, mean: float | Sequence[float], std: float | Sequence[float]
    ) -> Preprocessing:
        """Of bytes, from the numbers that a network is published with.

        Parameters
        ----------
        mean, std : float or sequence of float
            Of pixels from 0 to 1, as torchvision and timm state them; or of bytes, where numbers exceed 1.

        Raises
        ------
        InvalidArgument
            Where one could be of the one scale and the other of the other.

        Examples
        --------
        >>> Preprocessing.of_pictures((0.5, 0.5, 0.5), 0.5)
        Preprocessing(mean=(127.5, 127.5, 127.5), deviation=(127.5,))
        >>> Preprocessing.of_pictures((123.68, 116.779, 103.939), 1)
        Preprocessing(mean=(123.68, 116.779, 103.939), deviation=(1.0,))
        """
        given = {"mean": mean, "std": std}
        values: dict[str, tuple[float, ...]] = {}
        for name, numbers in given.items():
            several = numbers if isinstance(numbers, Sequence) else (numbers,)
            if isinstance(several, str) or not all(map(_is_finite, several)) or not several:
                raise InvalidArgument(
                    f"Preprocessing: `{name}` (={shown(numbers)}) must be a finite number, or one for each channel."
                )
            values[name] = tuple(map(float, several))
        large = {name: max(map(abs, numbers)) > 1 for name, numbers in values.items()}
        if large["std"] and set(values["mean"]) == {0.0}:
            large["mean"] = True
        elif large["mean"] and set(values["std"]) == {1.0}:
            large["std"] = True
        if large["mean"] != large["std"]:
            raise InvalidArgument(
                f"Preprocessing: `mean` (={shown(mean)}) and `std` (={shown(std)}) must be of one scale: both of pixels"
                " from 0 to 1, or both of bytes from 0 to 255."
            )
        unit = 1.0 if large["mean"] else 255.0
        return cls(tuple(unit * m for m in values["mean"]), tuple(unit * s for s in values["std"]))

    def to_config(self) -> dict[str, Any]:
        """What `from_config` makes the same preprocessing of, in JSON values."""
        return {"mean": list(self.mean), "deviation": list(self.deviation)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Preprocessing:
        """The preprocessing that `to_config` described; `FileFormatError` where it is none."""
        try:
            mean, deviation = config["mean"], config["deviation"]
            if not isinstance(mean, list) or not isinstance(deviation, list):
                raise TypeError("lists are needed")
            return cls(tuple(map(float, mean)), tuple(map(float, deviation)))
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(f"the preprocessing cannot be read: {reason(error)}.") from error


def choose(choice: Choice, x: np.ndarray) -> Preprocessing:
    """The preprocessing that a choice means for this data.

    Parameters
    ----------
    choice : Preprocessing, "auto", "unit", "standardize", "none" or None
        "auto": "unit" for uint8, else "none". "unit": x / 255. "standardize": zero mean and unit
        deviation of each channel (last axis) of `x`; a constant channel is only centred. "none"
        and None: x as it is.
    x : array, shape (N, …, C)
        The training data.
    """
    if isinstance(choice, Preprocessing):
        choice.check(x.shape[1:])
        return choice
    if choice is None:
        return Preprocessing()
    if not isinstance(choice, str) or choice not in CHOICES:
        raise InvalidArgument(
            f"`preprocessing` (={shown(choice)}) must be a Preprocessing, None or one of"
            f" {', '.join(CHOICES)}."
        )
    if choice == "standardize":
        return standardize(sample_array("choose", "x", x))
    if choice == "unit" or (choice == "auto" and x.dtype == np.uint8):
        return Preprocessing(deviation=(255.0,))
    return Preprocessing()


def standardize(x: np.ndarray, weights: np.ndarray | None = None) -> Preprocessing:
    """Zero mean and unit deviation for each channel (last axis) of x (N, …, C), in two passes.

    With `weights` (N,), at least 0 and not all 0, a sample of weight 2 counts as two.
    """
    instance("standardize", "x", x, np.ndarray)
    if not x.size:
        raise InvalidArgument(f"standardize: `x` of shape {x.shape} is empty.")
    rows = x.reshape(-1, x.shape[-1] if x.ndim > 1 else 1)  # (N · …, C)
    step = max(1, _BLOCK // rows.shape[1])
    blocks = [slice(first, first + step) for first in range(0, len(rows), step)]
    share = None
    if weights is not None:
        given = finite_array("standardize", "weights", weights)
        if given.shape != x.shape[:1] or given.min(initial=0) < 0 or not given.any():
            raise InvalidArgument(
                f"standardize: `weights` of shape {given.shape} must be ({len(x)},), at least 0 and not all 0."
            )
        share = np.repeat(np.asarray(weights), len(rows) // len(x))[:, None]
    total = len(rows) if share is None else share.sum()

    def summed(values: np.ndarray, block: slice) -> np.ndarray:
        part = values if share is None else values * share[block]
        return part.sum(0, dtype=np.float64)

    mean = np.asarray(sum(summed(rows[b], b) for b in blocks) / total)
    with np.errstate(over="ignore"):
        square = sum(summed(np.square(rows[b].astype(np.float64) - mean), b) for b in blocks)
    deviation = units(np.asarray(np.sqrt(square / total)), mean)
    if not (np.isfinite(mean) & np.isfinite(deviation)).all():
        raise InvalidArgument(
            f"standardize: numbers up to {np.abs(rows).max():.3g} are too large to be squared in float64 (1e154)."
        )
    return Preprocessing(tuple(map(float, mean)), tuple(map(float, deviation)))


def units(deviation: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Deviations to divide by: 1 in place of what rounding leaves of numbers that are all the same.

    Examples
    --------
    >>> units(np.array([2.0, 0.0, 1e-9, 1e-9]), np.array([0.0, 0.0, 0.0, 1e6])).tolist()
    [2.0, 1.0, 1e-09, 1.0]
    """
    return np.where(deviation <= 1e-12 * np.abs(mean), 1.0, deviation)


def _scalar_or_channels(values: np.ndarray) -> np.ndarray:
    return values.reshape(()) if len(values) == 1 else values


def _is_finite(value: object) -> bool:
    return (
        isinstance(value, int | float | np.floating)
        and not isinstance(value, bool)
        and isfinite(value)
    )
