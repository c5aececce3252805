"""What layers give when they are built: the tensors of a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sloy.graph import Tensor
from sloy.layers.base import Parameter, State


@dataclass(frozen=True)
class Built:
    """A network as tensors.

    Attributes
    ----------
    output : Tensor
        What the last layer gives, (N, …).
    activations : mapping
        Full name of a layer (``conv2d_1``, ``residual_1/conv2d_1``) → its output.
    parameters : mapping
        Name → `Parameter`: the variable, its initialiser, regulariser and constraint.
    states : mapping
        Name → `State`: the variable and its initial value.
    updates : mapping
        Name of a state → its next value; empty unless built for training.
    """

    output: Tensor
    activations: Mapping[str, Tensor]
    parameters: Mapping[str, Parameter]
    states: Mapping[str, State]
    updates: Mapping[str, Tensor]

    def penalty(self) -> Tensor | None:
        """The sum of all regularisers, a scalar; None where there are none."""
        total: Tensor | None = None
        for parameter in self.parameters.values():
            if parameter.regularizer is not None:
                term = parameter.regularizer.penalty(parameter.tensor)
                total = term if total is None else total + term
        return total

    def penalized(self, loss: Tensor) -> Tensor:
        """A loss and the penalty, a scalar; the loss itself where there are no regularisers."""
        penalty = self.penalty()
        return loss if penalty is None else loss + penalty
