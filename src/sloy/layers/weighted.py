"""What layers with a weight and a bias share."""

from __future__ import annotations

from dataclasses import dataclass, field

from sloy.arguments import flag, instance
from sloy.graph.spec import Shape
from sloy.graph.tensor import Tensor
from sloy.initializers import GlorotUniform, Initializer, Zeros, as_initializer
from sloy.layers.base import Layer, Scope
from sloy.regularizers import Constraint, Regularizer


@dataclass(frozen=True, repr=False)
class Weighted(Layer):
    """The arguments of `Dense`, `Conv2D` and `Maxout` beside their sizes.

    Parameters
    ----------
    use_bias : bool
        Whether there is a bias.
    weight_initializer, bias_initializer : Initializer or str
        Glorot uniform and zeros by default, as in Keras; ``"fan_in_uniform"`` for both is PyTorch's default.
    weight_regularizer, bias_regularizer : Regularizer, optional
    weight_constraint, bias_constraint : Constraint, optional
    """

    use_bias: bool = field(default=True, kw_only=True)
    weight_initializer: Initializer | str = field(default=GlorotUniform(), kw_only=True)
    bias_initializer: Initializer | str = field(default=Zeros(), kw_only=True)
    weight_regularizer: Regularizer | None = field(default=None, kw_only=True)
    bias_regularizer: Regularizer | None = field(default=None, kw_only=True)
    weight_constraint: Constraint | None = field(default=None, kw_only=True)
    bias_constraint: Constraint | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        flag(self.kind, "use_bias", self.use_bias)
        for which in ("weight", "bias"):
            initializer = f"{which}_initializer"
            found = as_initializer(self.kind, initializer, getattr(self, initializer))
            object.__setattr__(self, initializer, found)
            for name, kind in (("regularizer", Regularizer), ("constraint", Constraint)):
                value = getattr(self, f"{which}_{name}")
                instance(self.kind, f"{which}_{name}", value, kind, optional=True)

    def weight(self, scope: Scope, shape: Shape) -> Tensor:
        """The parameter ``weight``."""
        return self._parameter(scope, "weight", shape, shape)

    def add_bias(self, scope: Scope, y: Tensor, weight: Tensor) -> Tensor:
        """y (…, O) plus the parameter ``bias`` (O,), if there is one."""
        if not self.use_bias:
            return y
        return y + self._parameter(scope, "bias", y.shape[-1:], weight.shape)

    def _parameter(self, scope: Scope, which: str, shape: Shape, fans_of: Shape) -> Tensor:
        initializer = getattr(self, f"{which}_initializer")
        return scope.parameter(
            which,
            shape,
            as_initializer(self.kind, f"{which}_initializer", initializer),
            fans_of=fans_of,
            regularizer=getattr(self, f"{which}_regularizer"),
            constraint=getattr(self, f"{which}_constraint"),
        )
