"""`Problem`: what is to be learned, and from what."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from math import log
from typing import Any

import numpy as np

from sloy import ops
from sloy.arguments import instance, one_of, real, real_or_reals, sequence
from sloy.errors import InvalidArgument
from sloy.graph import Tensor
from sloy.graph.spec import FLOATS, Shape
from sloy.losses import Loss
from sloy.metrics import Metric
from sloy.preprocessing import Preprocessing
from sloy.problem.network import Network
from sloy.text import shown

RESERVED = ("loss", "weight", "gradient_norm")  # outputs of a training step


@dataclass(frozen=True)
class Problem:
    """What a model computes, and what is measured of it: all that is known before there are numbers.

    Parameters
    ----------
    network : Network
    loss : Loss
        What the network's output is compared with targets by.
    metrics : tuple of Metric
        Measured beside the loss.
    preprocessing : Preprocessing, optional
        Applied to x first; without it x is cast to the computing dtype.
    data_dtype : str
        Of the input ``x``: float32, float64, uint8, …
    target_shape, target_dtype
        Of one sample of the input ``y``, as `Loss.target` gives it.
    dtype : str
        The computing dtype: float32 or float64.
    threshold : float, optional
        Of two classes, or a single yes-or-no output, with probabilities: the answer is the second, or yes, where its
        probability is above this. ½ where it is not given.
    origin : tuple of float
        Of numbers that lie far from 0: targets are learned less this, and a model adds it to answers in float64, as
        float32 does not hold their digits. One for each output; none by default.

    Examples
    --------
    >>> from sloy.layers import Dense
    >>> from sloy.losses import SquaredError
    >>> problem = Problem(Network((2,), [Dense(1)]), SquaredError(), target_shape=(1,), target_dtype="float32")
    >>> problem.network.output_shape, problem.dtype
    ((1,), 'float32')
    """

    network: Network
    loss: Loss
    _: KW_ONLY
    metrics: tuple[Metric, ...] = ()
    preprocessing: Preprocessing | None = None
    data_dtype: str = "float32"
    target_shape: Shape = ()
    target_dtype: str = "int32"
    dtype: str = "float32"
    threshold: float | None = None
    origin: tuple[float, ...] = ()

    @classmethod
    def of(
        cls, network: Network, loss: Loss, x: np.ndarray, y: np.ndarray, *, dtype: str, **rest: Any
    ) -> Problem:
        """A problem of samples x (N, …) and y (N, …) as its graphs take them."""
        rest |= {
            "data_dtype": x.dtype.name,
            "target_shape": y.shape[1:],
            "target_dtype": y.dtype.name,
        }
        return cls(network, loss, dtype=dtype, **rest)

    def __post_init__(self) -> None:
        instance("Problem", "network", self.network, Network)
        instance("Problem", "loss", self.loss, Loss)
        one_of("Problem", "dtype", self.dtype, FLOATS)
        sequence("Problem", "metrics", self.metrics, Metric)
        names = [metric.name for metric in self.metrics]
        for name in names:
            if name in RESERVED or names.count(name) > 1:
                raise InvalidArgument(f"`metrics`: the name {name!r} is taken; each is given once.")
        numbers = sequence("Problem", "origin", self.origin)
        if numbers:
            object.__setattr__(self, "origin", real_or_reals("Problem", "origin", numbers))
            if self.network.output_shape != (len(self.origin),):
                raise InvalidArgument(
                    f"Problem: `origin` (={self.origin}) needs a number for each of the outputs"
                    f" {self.network.output_shape}."
                )
        if self.threshold is not None:
            real("Problem", "threshold", self.threshold, above=0, below=1)
            if not is_yes_or_no(self.loss, self.network.output_shape):
                raise InvalidArgument(
                    f"Problem: `threshold` (={shown(self.threshold)}) is for the probability of one of two classes; the"
                    f" network has outputs {self.network.output_shape}, the loss is {type(self.loss).__name__}."
                )

    @property
    def shift(self) -> np.ndarray | None:
        """What is added to raw outputs before their answers are taken, of the shape of one; None where nothing is.

        With -log(t / (1 - t)) for the second class, or yes, the largest output, or one above 0, is the answer by the
        `threshold` t.
        """
        if self.threshold is None:
            return None
        own = -log(self.threshold / (1 - self.threshold))
        both = [own] if self.network.output_shape == (1,) else [0.0, own]
        return np.array(both, self.dtype)

    def ahead(self, x: Any) -> Preprocessing | None:
        """What is done to samples, an array or `SparseRows`, before a graph takes them, as in `fit`."""
        known = self.preprocessing
        if known is None or not isinstance(x, np.ndarray) or self.data_dtype != self.dtype:
            return None
        return known if known.is_ahead(x, self.dtype) else None

    def measured(self, output: Tensor) -> Tensor:
        """What metrics are measured on, of the network's raw output (N, …)."""
        found, shift = self.loss.measured(output), self.shift
        return found if shift is None else found + ops.constant(shift, self.dtype)


def is_yes_or_no(loss: Loss, output_shape: Shape) -> bool:
    """Whether there are two classes with probabilities, by one output or by two."""
    return (loss.logits, output_shape) in (("sigmoid", (1,)), ("softmax", (2,)))
