"""`Metric`, and the checks that metrics share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sloy import ops
from sloy.errors import ShapeError
from sloy.graph import Tensor


@dataclass(frozen=True)
class Metric(ABC):
    """A figure of merit.

    Attributes
    ----------
    additive : bool
        Whether the figure is the weighted mean of the samples' values. Only then has a training step a figure of its
        own; the others are for whole data sets.
    larger_is_better : bool
        What an improvement is.
    """

    additive: ClassVar[bool] = True
    larger_is_better: ClassVar[bool] = True

    @property
    @abstractmethod
    def name(self) -> str:
        """The column of the history."""

    @abstractmethod
    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """The value of each sample, (N,); or of shape (N, P) what `aggregate` needs of it.

        `output` is the network's raw output (N, …), `target` what the loss made of the user's targets.
        """

    def aggregate(self, values: np.ndarray, weights: np.ndarray | None = None) -> float:
        """The figure of many samples.

        Parameters
        ----------
        values : array, shape (N,) or (N, P)
            What `per_sample` gave, of all samples.
        weights : array, shape (N,), optional
            The samples' weights; 1 each by default.

        Returns
        -------
        float
            Σ_i w_i v_i / Σ_i w_i; NaN where the weights are all 0 or there is no sample.
        """
        w = weights_of(values, weights)
        total = float(w.sum())
        return float(w @ values.astype(np.float64)) / total if total else float("nan")


def labels(target: Tensor) -> Tensor:
    return target if target.dtype == "int32" else ops.argmax(target)


def weights_of(values: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    if weights is None:
        return np.ones(len(values))
    return np.asarray(weights, np.float64)


def check_classes(name: str, output: Tensor) -> int:
    if output.rank != 2:
        raise ShapeError(f"{name}: the output is {output.spec}; it must be (N, K) with K classes.")
    return output.shape[1]


def check_values(name: str, output: Tensor, target: Tensor) -> None:
    if output.spec != target.spec:
        raise ShapeError(
            f"{name}: the output is {output.spec} and the target {target.spec}; they must be equal."
        )
