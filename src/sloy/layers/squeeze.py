"""Squeeze and excitation: channels weighed by what the whole picture holds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sloy import ops
from sloy.arguments import integer
from sloy.graph.tensor import Tensor
from sloy.layers.activations import activation
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register
from sloy.layers.convolution import check_image
from sloy.layers.dense import Dense
from sloy.layers.pooling import GlobalAveragePool2D
from sloy.layers.rectifiers import ReLU
from sloy.layers.sigmoids import Sigmoid


@register
@dataclass(frozen=True, repr=False)
class SqueezeExcitation(Layer):
    """Each channel is weighed by the means of all: y(i, j, c) = x(i, j, c) g(c), g = σ(W₂ a(W₁ mean(x) + b₁) + b₂).

    Input and output (N, H, W, C). Inside: ``mean`` (N, C), the dense layers ``reduce`` (N, channels) and ``expand``
    (N, C) with their ``weight`` and ``bias``, and ``gate``, the weights g.

    Parameters
    ----------
    channels : int
        Neurons of the first dense layer, usually a quarter or a sixteenth of C.
    activation, gate : str or Layer
        a and σ, activations by name or as layers.

    References
    ----------
    .. [1] J. Hu, L. Shen, G. Sun, "Squeeze-and-excitation networks", CVPR 2018.

    Examples
    --------
    >>> import sloy
    >>> network = sloy.Network((8, 8, 16), [SqueezeExcitation(4)])
    >>> network.shapes["squeeze_excitation_1/reduce/weight"]
    (16, 4)
    """

    channels: int
    activation: str | Layer = field(default=ReLU(), kw_only=True)
    gate: str | Layer = field(default=Sigmoid(), kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "channels", integer(self.kind, "channels", self.channels))
        for name in ("activation", "gate"):
            object.__setattr__(self, name, activation(self.kind, getattr(self, name)))

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        check_image(self, x)
        g = scope.chain(
            [
                GlobalAveragePool2D(name="mean"),
                Dense(self.channels, weight_initializer="he_normal", name="reduce"),
                replace(activation(self.kind, self.activation), name="activation"),
                Dense(x.shape[3], name="expand"),
                replace(activation(self.kind, self.gate), name="gate"),
            ],
            x,
        )
        return x * ops.reshape(g, (x.shape[0], 1, 1, x.shape[3]))  # (N, 1, 1, C)
