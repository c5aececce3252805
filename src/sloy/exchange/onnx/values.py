"""Values of an ONNX graph while it becomes ops: known arrays, or tensors held in an order of axes of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sloy import ops
from sloy.graph.spec import Shape
from sloy.graph.tensor import Tensor

Order = tuple[int, ...]

# How ONNX's dtypes are held in a graph; what is missing is held as it is, floats in the computing dtype.
HELD = {
    "bool": "int32", "int8": "int32", "int16": "int32", "int64": "int32", "uint16": "uint32", "uint64": "uint32",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Value:
    """One value.

    Attributes
    ----------
    shape : tuple of int
        As ONNX has it.
    dtype : str
        ONNX's, by its NumPy name.
    array : array or None
        What it is, where that is known before anything runs.
    tensor : Tensor or None
        Holds it, its axes in another order and not merged: axis i of the tensor is axis ``order[i]`` of `fine`.
    order : tuple of int
    fine : tuple of int
        The shape before neighbouring axes were merged: (N, C, H, W) of a flattened (N, C·H·W).
    source : str
        Name of the initialiser or constant that the array came from, unchanged but for its shape.
    trained : bool
        Whether it depends on a parameter.
    """

    shape: Shape
    dtype: str
    array: np.ndarray | None = None
    tensor: Tensor | None = None
    order: Order = ()
    fine: Shape = ()
    source: str = ""
    trained: bool = False
    _moved: dict[Order, Tensor] = field(default_factory=dict)

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64)) if self.shape else 1

    @property
    def is_float(self) -> bool:
        """Whether it holds floating-point numbers."""
        return self.dtype.startswith("float")

    @property
    def is_known(self) -> bool:
        """Whether it is an array and nothing else."""
        return self.array is not None and self.tensor is None

    @property
    def is_merged(self) -> bool:
        """Whether its tensor has more axes than itself."""
        return self.tensor is not None and self.fine != self.shape

    def moved(self, order: Order) -> Tensor:
        """The tensor with its axes in another order, `fine` ones where that is longer than the rank."""
        assert self.tensor is not None
        if self.is_merged and len(order) != len(self.fine):
            flat = ops.reshape(self.moved(identity(len(self.fine))), self.shape)
            return permuted(flat, order)
        if order == self.order:
            return self.tensor
        if order not in self._moved:
            self._moved[order] = permuted(self.tensor, tuple(self.order.index(a) for a in order))
        return self._moved[order]


def identity(rank: int) -> Order:
    """The order of ONNX itself."""
    return tuple(range(rank))


def channels_last(rank: int) -> Order:
    """(N, C, …) as (N, …, C)."""
    return (0, *range(2, rank), 1)


def without(order: Order, axes: Sequence[int]) -> Order:
    """An order after axes are gone."""
    left = [axis for axis in order if axis not in axes]
    return tuple(sorted(left).index(axis) for axis in left)


def permuted(x: Tensor, permutation: Sequence[int]) -> Tensor:
    """A transpose, a reshape where only axes of extent 1 change place."""
    order = [axis for axis in permutation if x.shape[axis] != 1]
    if order == sorted(order):
        return ops.reshape(x, tuple(x.shape[axis] for axis in permutation))
    return ops.transpose(x, tuple(permutation))


def known(array: np.ndarray, source: str = "") -> Value:
    """A value that is an array."""
    return Value(array.shape, array.dtype.name, array, source=source)


def held(tensor: Tensor, dtype: str, order: Order | None = None, *, trained: bool = False) -> Value:
    """A value that a tensor holds in an order of axes."""
    order = identity(tensor.rank) if order is None else order
    shape = tuple(tensor.shape[order.index(axis)] for axis in range(tensor.rank))
    return Value(shape, dtype, tensor=tensor, order=order, fine=shape, trained=trained)
