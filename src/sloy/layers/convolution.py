"""The two-dimensional convolution layer."""

from __future__ import annotations

from dataclasses import dataclass, field

from sloy import ops
from sloy.arguments import integer
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.ops.window import Padding, pair, resolve_padding
from sloy.graph.tensor import Tensor
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register
from sloy.layers.weighted import Weighted
from sloy.text import shown


@register
@dataclass(frozen=True, repr=False)
class Conv2D(Weighted):
    """Each filter slides over the image: y(i, j, o) = b(o) + Σ_k Σ_l Σ_c x(i·s + k·d, j·s + l·d, c) w(k, l, c, o).

    Input (N, H, W, C), output (N, OH, OW, filters); parameters ``weight`` (KH, KW, C / groups, filters) and ``bias``
    (filters,). OH = ⌊(H + padding - (KH - 1) d - 1) / s⌋ + 1. The same in training and in use.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size, stride, dilation : int or (vertical, horizontal)
    padding : "valid", "same", int, (vertical, horizontal) or (top, bottom, left, right)
        "valid" adds nothing; "same" makes OH = ⌈H / stride⌉, an odd rest of zeros going to the bottom and right.
    groups : int
        Channels are split into this many groups, which are convolved apart; it divides C and `filters`.
    use_bias, weight_initializer, … :
        See `sloy.layers.weighted.Weighted`.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
       Proceedings of the IEEE 86 (1998) 2278-2324.

    Examples
    --------
    >>> Conv2D(32, 5, stride=2, padding="same").output_shape((28, 28, 1))
    (14, 14, 32)
    """

    filters: int
    kernel_size: int | tuple[int, int]
    stride: int | tuple[int, int] = field(default=1, kw_only=True)
    padding: Padding = field(default="valid", kw_only=True)
    dilation: int | tuple[int, int] = field(default=1, kw_only=True)
    groups: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "filters", integer(self.kind, "filters", self.filters))
        object.__setattr__(self, "groups", integer(self.kind, "groups", self.groups))
        for name in ("kernel_size", "stride", "dilation"):
            check_pair(self, name)
        check_padding(self)
        if self.filters % self.groups:
            raise InvalidArgument(
                f"Conv2D: `groups` (={self.groups}) must divide `filters` (={self.filters})."
            )

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        check_image(self, x)
        if x.shape[3] % self.groups:
            raise ShapeError(
                f"`groups` (={self.groups}) must divide the {x.shape[3]} channels of {x.shape}."
            )
        size = pair(self.kernel_size, "kernel_size")
        weight = self.weight(scope, (*size, x.shape[3] // self.groups, self.filters))
        y = ops.conv2d(
            x,
            weight,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )
        return self.add_bias(scope, y, weight)


def check_image(layer: Layer, x: Tensor) -> None:
    """The input is a batch of images."""
    if x.rank != 4:
        raise ShapeError(
            f"{layer.kind} needs an input (N, H, W, C), this one is {x.shape};"
            " Reshape((H, W, C)) makes one."
        )


def check_pair(layer: Layer, name: str) -> None:
    """One positive integer or two, kept as an int or a tuple."""
    value = getattr(layer, name)
    try:
        both = pair(tuple(value) if isinstance(value, list) else value, name)
    except (InvalidArgument, TypeError):
        both = (0, 0)
    if min(both) < 1 or isinstance(value, bool):
        raise InvalidArgument(
            f"{layer.kind}: `{name}` (={shown(value)}) must be an integer of at least 1, or two of them."
        )
    object.__setattr__(layer, name, value if isinstance(value, int) else both)


def check_padding(layer: Layer) -> None:
    """One of the forms of `padding`, lists becoming tuples."""
    value = getattr(layer, "padding")  # noqa: B009  three layers have it, their base does not
    try:
        if isinstance(value, bool):
            raise TypeError
        resolve_padding(value, (1, 1), (1, 1), (1, 1), (1, 1))
    except (InvalidArgument, TypeError):
        raise InvalidArgument(
            f"{layer.kind}: `padding` (={shown(value)}) must be 'valid', 'same', an integer,"
            " (vertical, horizontal) or (top, bottom, left, right), none negative."
        ) from None
    object.__setattr__(layer, "padding", tuple(value) if isinstance(value, list) else value)
