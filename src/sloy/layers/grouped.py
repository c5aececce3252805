"""Groups of features, each with a matrix of its own: several networks side by side in one."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt

from sloy import ops
from sloy.arguments import flag, integer
from sloy.errors import ShapeError
from sloy.graph.tensor import Tensor
from sloy.layers.base import Scope
from sloy.layers.config import register
from sloy.layers.weighted import Weighted


@register
@dataclass(frozen=True, repr=False)
class GroupedDense(Weighted):
    """Each group sums its own inputs: y_g = x_g W_g + b_g.

    Input (N, G, I), output (N, G, units); parameters ``weight`` (G, I, units) and ``bias`` (G, units). The same in
    training and in use. With G members of an ensemble as groups it is G dense layers in one product.

    Parameters
    ----------
    units : int
        Outputs of each group.
    normalized : bool
        True takes y_g = x_g W_g / √I + b_g: weights of size 1 then suit any width, and so does one learning rate, as
        in the neural tangent kernel's limit [1]_.
    use_bias, weight_initializer, …
        As of `Dense`.

    References
    ----------
    .. [1] A. Jacot, F. Gabriel, C. Hongler, "Neural tangent kernel: convergence and generalization in neural networks",
       NeurIPS 2018.

    Examples
    --------
    >>> GroupedDense(8).output_shape((4, 5))
    (4, 8)
    """

    units: int
    normalized: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "units", integer(self.kind, "units", self.units))
        flag(self.kind, "normalized", self.normalized)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        if x.rank != 3:
            raise ShapeError(f"GroupedDense: the input is {x.shape}; it must be (N, G, I).")
        _, groups, inputs = x.shape
        weight = self._parameter(
            scope, "weight", (groups, inputs, self.units), (inputs, self.units)
        )
        y = ops.batched_matmul(
            x, weight * (1 / sqrt(inputs)) if self.normalized else weight, batch_axes=(1, 0, 1)
        )
        if not self.use_bias:
            return y
        return y + self._parameter(scope, "bias", (groups, self.units), (inputs, self.units))
