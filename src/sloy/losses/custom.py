"""A user's own loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Tensor
from sloy.graph.graph import topological_order
from sloy.graph.spec import Shape
from sloy.graph.user import call
from sloy.losses.base import Loss, Task, labels, mean_over_outputs, numbers
from sloy.losses.classification import number_of_classes
from sloy.text import shown


@dataclass(frozen=True)
class CustomLoss(Loss):
    """L = f(output, target), f being a function of symbolic tensors.

    Parameters
    ----------
    function : callable
        ``function(output, target) -> Tensor``, written with `sloy.ops`: the loss of each sample (N,), or of each of
        its outputs (N, …), of which the mean is taken.
    targets : "values" or "labels"
        Whether the function gets numbers of the output's shape and dtype, or integer labels (N,) as int32.

    Examples
    --------
    >>> import sloy
    >>> log_cosh = CustomLoss(lambda a, y: sloy.ops.softplus(2.0 * (a - y)) - (a - y))
    """

    function: Callable[[Tensor, Tensor], Tensor]
    targets: Literal["values", "labels"] = "values"

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise InvalidArgument(
                f"CustomLoss: `function` (={shown(self.function)}) must be callable: function(output,"
                " target) -> Tensor."
            )
        if not isinstance(self.targets, str) or self.targets not in ("values", "labels"):
            raise InvalidArgument(
                f"CustomLoss: `targets` (={shown(self.targets)}) must be 'values' or 'labels'."
            )

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """See `Loss.per_sample`."""
        values = call("CustomLoss", self.function, output, target)
        if not any(node is output for node in topological_order([values])):
            raise InvalidArgument(
                "CustomLoss: the function does not use its `output`; the loss would be the same, whatever the network"
                " gives."
            )
        places = zip(values.shape[1:], output.shape[1:], strict=False)
        fits = values.shape[:1] == output.shape[:1] and values.rank <= output.rank
        if not fits or values.dtype != output.dtype or any(a not in (1, b) for a, b in places):
            raise ShapeError(
                f"CustomLoss: the function returned {values.spec} for an output {output.spec} and a target"
                f" {target.spec}; it must return one loss per sample, {output.dtype}[{output.shape[0]}], or one per"
                f" output, {output.spec} (of (N,) beside (N, 1) operands become (N, N))."
            )
        return mean_over_outputs(values)

    def target(self, y: np.ndarray, output_shape: Shape, dtype: str = "float32") -> np.ndarray:
        """Finite numbers of shape (N, *output_shape), or int32 labels (N,); see `Loss.target`."""
        if self.targets == "values":
            return numbers("CustomLoss", y, output_shape, dtype)
        return labels("CustomLoss", y, number_of_classes("CustomLoss", output_shape))

    def task(self, output_shape: Shape) -> Task:
        """See `Loss.task`."""
        return "regression" if self.targets == "values" else "classification"
