"""What a loss is, and the checks of targets that losses share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from sloy import arguments, ops
from sloy.arguments import with_n
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Tensor
from sloy.graph.spec import Shape

Task = Literal["regression", "binary", "classification"]


@dataclass(frozen=True)
class Loss(ABC):
    """L(output, target), one number per sample.

    A training step minimises the weighted mean Σ_i w_i L_i / Σ_i w_i over the samples of a batch,
    so every loss takes per-sample weights without knowing of them.

    Attributes
    ----------
    logits : str
        The op that turns the output into probabilities inside the loss (``softmax`` or
        ``sigmoid``); a network must not end in it. Empty where the loss takes the output as it is.
    link : str
        "log" where the output is the logarithm of the answer, else empty.
    middle : float
        Of yes-or-no targets, as the graph takes them, those above it are yes.
    """

    logits: ClassVar[str] = ""
    link: ClassVar[str] = ""
    middle: ClassVar[float] = 0.5

    @abstractmethod
    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of each sample, (N,), from the network's raw output (N, …) and the targets."""

    @abstractmethod
    def target(self, y: np.ndarray, output_shape: Shape, dtype: str = "float32") -> np.ndarray:
        """Targets as the graph takes them, checked.

        Parameters
        ----------
        y : array, shape (N, …)
            What the user has.
        output_shape : tuple of int
            Shape of the network's output for one sample, without N.
        dtype : str
            The computing dtype, float32 or float64, which targets that are numbers get.

        Returns
        -------
        C-contiguous array: int32 labels (N,), or numbers of `dtype` of shape (N, *output_shape)

        Raises
        ------
        InvalidArgument
            Where a target has a wrong shape or dtype, is NaN, or lies outside what is allowed.
        """

    @abstractmethod
    def task(self, output_shape: Shape) -> Task:
        """What a network with this loss learns: numbers, yes or no per output, or one of K classes."""

    def prediction(self, output: Tensor) -> Tensor:
        """Probabilities or values from the network's raw output, of the output's shape where that is all answer."""
        return output

    def measured(self, output: Tensor) -> Tensor:
        """What metrics are measured on: the raw output, or the part of it that answers."""
        return output


def columns(values: Tensor, first: int, last: int) -> Tensor:
    """Some columns of (N, M), up to but not with the last."""
    return ops.slice(values, (0, first), (values.shape[0], last))


def mean_over_outputs(values: Tensor) -> Tensor:
    """The mean over all axes but the first: (N, …) → (N,)."""
    return ops.reduce_mean(values, tuple(range(1, values.rank)))


def numbers(
    name: str, y: np.ndarray, output_shape: Shape, dtype: str, *, finite: bool = True
) -> np.ndarray:
    """Targets that are numbers, of shape (N, *output_shape); (N,) does for a single output."""
    array = _array(name, y)
    if array.dtype.kind not in "biuf":
        raise InvalidArgument(
            f"{name}: the targets have dtype {array.dtype}; they must be real numbers."
        )
    if array.ndim == 1 and output_shape == (1,):
        array = array[:, None]
    if output_shape == () and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape[1:] != output_shape:
        is_labels = array.ndim == 1 and np.array_equal(array, np.round(array))
        hint = "; labels of classes must be integers (`y.astype(int)`)" if is_labels else ""
        raise ShapeError(
            f"{name}: the targets have shape {array.shape}; the network's output needs"
            f" {with_n(output_shape)}{hint}."
        )
    result = np.ascontiguousarray(array, dtype=dtype)
    if finite:
        check_targets(name, result, np.isfinite(result), "finite numbers")
    return result


def labels(name: str, y: np.ndarray, classes: int) -> np.ndarray:
    """Integer class labels 0 … classes - 1 as int32 (N,); (N, 1) does too."""
    array = _array(name, y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ShapeError(f"{name}: the labels have shape {array.shape}; they must be (N,).")
    if array.dtype.kind not in "biu":
        raise InvalidArgument(
            f"{name}: the labels have dtype {array.dtype}; they must be integers from 0 to"
            f" {classes - 1} (`y.astype(int)`), or probabilities of shape (N, {classes})."
        )
    inside = (array >= 0) & (array < classes)
    check_targets(
        name, array, inside, f"labels from 0 to {classes - 1} (the network has {classes} outputs)"
    )
    return np.ascontiguousarray(array, dtype=np.int32)


def check_targets(name: str, y: np.ndarray, good: np.ndarray, allowed: str) -> None:
    """Raise `InvalidArgument` with the first target that is not good."""
    if not good.all():
        place = tuple(int(axis[0]) for axis in np.nonzero(~good))
        where = ", ".join(map(str, place))
        raise InvalidArgument(f"{name}: y[{where}] is {y[place]}; targets must be {allowed}.")


def check_shapes(name: str, output: Tensor, target: Tensor) -> None:
    """Raise `ShapeError` unless output and target are floats of one shape, (N, …)."""
    if output.spec != target.spec or output.rank < 1:
        raise ShapeError(
            f"{name}: the output is {output.spec} and the target {target.spec}; they must be equal."
        )


def _array(name: str, y: np.ndarray) -> np.ndarray:
    array = arguments.array(name, "y", y)
    if array.ndim == 0:
        raise ShapeError(f"{name}: the targets are a single value; they must have shape (N, …).")
    return array
