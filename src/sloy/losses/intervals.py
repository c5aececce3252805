"""Numbers with an interval around each."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from sloy.arguments import instance, real
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Tensor
from sloy.graph.spec import Shape
from sloy.losses.base import Loss, Task, columns, numbers
from sloy.losses.regression import Quantile, SquaredError
from sloy.text import shown

OUTPUTS = 3  # the number, the lower and the upper end


@dataclass(frozen=True)
class Intervals(Loss):
    """L = ℓ(a, y) + ρ_{α/2}(l, y) + ρ_{1-α/2}(h, y): a number, and an interval for a share 1 - α of targets.

    The network's output for a sample is (a, l, h): the number, which `main` (ℓ) is for, and two quantiles, which learn
    by the pinball loss ρ, see `Quantile`. `prediction` and the metrics are those of the number.

    Parameters
    ----------
    share : float
        1 - α, above 0 and below 1.
    main : Loss
        Of the number; a loss on one number.
    unit : float
        What errors of the quantiles are measured in, such as the targets' deviation.

    Notes
    -----
    Targets are (N,) or (N, 1). Quantiles that were only trained hold too few targets as a rule, and may cross; see
    `sloy.training.intervals.widen`.

    References
    ----------
    .. [1] R. Koenker, G. Bassett, "Regression quantiles", Econometrica 46 (1978) 33-50.
    .. [2] Y. Romano, E. Patterson, E. Candès, "Conformalized quantile regression", NeurIPS 2019.

    Examples
    --------
    >>> Intervals(0.9).target(np.array([1.0, 2.0]), (3,)).shape
    (2, 1)
    """

    share: float = 0.9
    main: Loss = field(default_factory=SquaredError)
    _: KW_ONLY
    unit: float = 1.0

    def __post_init__(self) -> None:
        real("Intervals", "share", self.share, above=0, below=1)
        real("Intervals", "unit", self.unit, above=0)
        instance("Intervals", "main", self.main, Loss)
        if isinstance(self.main, Intervals) or self.main.task((1,)) != "regression":
            raise InvalidArgument(
                f"Intervals: `main` (={shown(self.main)}) must be a loss on numbers."
            )

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """See `Loss.per_sample`."""
        _check(output.shape[1:])
        number, low, high = (columns(output, j, j + 1) for j in range(OUTPUTS))
        outside = (1 - self.share) / 2
        ends = Quantile(outside, unit=self.unit), Quantile(1 - outside, unit=self.unit)
        return (
            self.main.per_sample(number, target)
            + ends[0].per_sample(low, target)
            + ends[1].per_sample(high, target)
        )

    def target(self, y: np.ndarray, output_shape: Shape, dtype: str = "float32") -> np.ndarray:
        """Finite numbers (N, 1); see `Loss.target`."""
        _check(output_shape)
        return numbers("Intervals", y, (1,), dtype)

    def task(self, output_shape: Shape) -> Task:
        """See `Loss.task`."""
        return "regression"

    def prediction(self, output: Tensor) -> Tensor:
        """The number, (N, 1)."""
        return columns(output, 0, 1)

    def measured(self, output: Tensor) -> Tensor:
        """The number, (N, 1); see `Loss.measured`."""
        return columns(output, 0, 1)


def _check(output_shape: Shape) -> None:
    if output_shape != (OUTPUTS,):
        raise ShapeError(
            f"Intervals: the network's output for one sample has shape {output_shape}; it must be (3,): the number,"
            " the lower and the upper end."
        )
