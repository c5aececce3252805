"""Layers that move elements without changing them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from sloy import ops
from sloy.arguments import integer
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.tensor import Tensor
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register
from sloy.text import shown


@register
@dataclass(frozen=True, repr=False)
class Flatten(Layer):
    """All elements of a sample on one axis, in row-major order: (N, H, W, C) gives (N, H·W·C).

    Examples
    --------
    >>> Flatten().output_shape((7, 7, 64))
    (3136,)
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return ops.reshape(x, (x.shape[0], prod(x.shape[1:])))


@register
@dataclass(frozen=True, repr=False)
class Reshape(Layer):
    """The elements of a sample, in row-major order, in another shape: (N, …) gives (N, *shape).

    Parameters
    ----------
    shape : tuple of int
        Without N; one extent may be -1, which is worked out from the others.

    Examples
    --------
    >>> Reshape((28, 28, 1)).output_shape((784,))
    (28, 28, 1)
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.shape
        if not isinstance(given, list | tuple) or list(given).count(-1) > 1 or not given:
            raise InvalidArgument(
                f"Reshape: `shape` (={shown(given)}) must be a tuple of extents, at most one of them -1."
            )
        shape = tuple(e if e == -1 else integer("Reshape", "shape", e) for e in given)
        object.__setattr__(self, "shape", shape)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        size, known = prod(x.shape[1:]), prod(e for e in self.shape if e != -1)
        if size % known or (-1 not in self.shape and size != known):
            raise ShapeError(
                f"a sample of shape {x.shape[1:]} has {size} elements, which do not fit"
                f" `shape` (={self.shape})."
            )
        shape = tuple(size // known if extent == -1 else extent for extent in self.shape)
        return ops.reshape(x, (x.shape[0], *shape))
