"""Pooling layers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sloy import ops
from sloy.arguments import flag
from sloy.graph.ops.window import Padding, pair
from sloy.graph.tensor import Tensor
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register
from sloy.layers.convolution import check_image, check_padding, check_pair


@dataclass(frozen=True, repr=False)
class _Pool2D(Layer):
    window: int | tuple[int, int] = 2
    stride: int | tuple[int, int] | None = field(default=None, kw_only=True)
    padding: Padding = field(default="valid", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_pair(self, "window")
        if self.stride is not None:
            check_pair(self, "stride")
        check_padding(self)


@register
@dataclass(frozen=True, repr=False)
class MaxPool2D(_Pool2D):
    """The largest element of each window: y(i, j, c) = max x(i·s + k, j·s + l, c), 0 ≤ k, l < window.

    Input (N, H, W, C), output (N, OH, OW, C), OH = ⌊(H + padding - window) / s⌋ + 1; padding never wins. Fewer
    positions mean fewer parameters in the dense layers behind (L22). The gradient goes to the first largest element.

    Parameters
    ----------
    window : int or (vertical, horizontal)
    stride : int or (vertical, horizontal), optional
        The window by default.
    padding : "valid", "same", int, (vertical, horizontal) or (top, bottom, left, right)

    References
    ----------
    .. [1] K. Yamaguchi et al., "A neural network for speaker-independent isolated word recognition", ICSLP 1990.

    Examples
    --------
    >>> MaxPool2D(2).output_shape((28, 28, 32))
    (14, 14, 32)
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        check_image(self, x)
        return ops.max_pool2d(x, self.window, stride=self.stride, padding=self.padding)


@register
@dataclass(frozen=True, repr=False)
class AveragePool2D(_Pool2D):
    """The mean of each window: y(i, j, c) = (1/n) Σ_k Σ_l x(i·s + k, j·s + l, c), 0 ≤ k, l < window, n elements.

    Input (N, H, W, C), output (N, OH, OW, C) as for `MaxPool2D`. Each element of a window gets 1/n of the gradient.

    Parameters
    ----------
    window : int or (vertical, horizontal)
    stride : int or (vertical, horizontal), optional
        The window by default.
    padding : "valid", "same", int, (vertical, horizontal) or (top, bottom, left, right)
    count_include_pad : bool
        Whether padding counts, as zeros; by default a window at the border averages its own elements only.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
       Proceedings of the IEEE 86 (1998) 2278-2324 ("sub-sampling").

    Examples
    --------
    >>> AveragePool2D(2, stride=1).output_shape((5, 5, 3))
    (4, 4, 3)
    """

    count_include_pad: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        flag(self.kind, "count_include_pad", self.count_include_pad)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        check_image(self, x)
        return ops.average_pool2d(
            x,
            self.window,
            stride=self.stride,
            padding=self.padding,
            count_include_pad=self.count_include_pad,
        )


@register
@dataclass(frozen=True, repr=False)
class GlobalAveragePool2D(Layer):
    """The mean of each channel over the whole image: y(c) = Σ_i Σ_j x(i, j, c) / (H W); (N, H, W, C) gives (N, C).

    References
    ----------
    .. [1] M. Lin, Q. Chen, S. Yan, "Network in network", ICLR 2014.

    Examples
    --------
    >>> GlobalAveragePool2D().output_shape((7, 7, 512))
    (512,)
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        check_image(self, x)
        return ops.reduce_mean(x, (1, 2))


@register
@dataclass(frozen=True, repr=False)
class AdaptiveAveragePool2D(Layer):
    """The mean of windows that cut an image of any size into a grid of a given one.

    Input (N, H, W, C), output (N, OH, OW, C): y(i, j, c) is the mean of x(k, l, c) over the rows
    ⌊i H / OH⌋ ≤ k < ⌈(i + 1) H / OH⌉ and the columns ⌊j W / OW⌋ ≤ l < ⌈(j + 1) W / OW⌉. Windows overlap where the
    extents do not divide, and repeat where the image is smaller than the grid. Dense layers behind it fit pictures of
    any size. PyTorch's layer of this name is the same.

    Parameters
    ----------
    grid : int or (vertical, horizontal)
        OH and OW.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Spatial pyramid pooling in deep convolutional networks for visual
       recognition", ECCV 2014, section 2.2.

    Examples
    --------
    >>> AdaptiveAveragePool2D(7).output_shape((10, 8, 512))
    (7, 7, 512)
    """

    grid: int | tuple[int, int]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_pair(self, "grid")

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        check_image(self, x)
        n, height, width, channels = x.shape
        rows, columns = pair(self.grid, "grid")
        if (height, width) == (rows, columns):
            return x
        if height % rows == 0 and width % columns == 0:
            return ops.average_pool2d(x, (height // rows, width // columns))
        shares = np.kron(_shares(height, rows), _shares(width, columns))  # (OH · OW, H · W)
        maps = ops.reshape(ops.transpose(x, (0, 3, 1, 2)), (n * channels, height * width))
        y = ops.matmul(maps, ops.constant(shares.T, x.dtype))
        return ops.transpose(ops.reshape(y, (n, channels, rows, columns)), (0, 2, 3, 1))


def _shares(extent: int, parts: int) -> np.ndarray:
    """(parts, extent): what each element counts in the mean of each window."""
    shares = np.zeros((parts, extent))
    for i in range(parts):
        window = slice(i * extent // parts, -(-(i + 1) * extent // parts))
        shares[i, window] = 1.0 / (window.stop - window.start)
    return shares
