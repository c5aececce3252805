"""What is known about a tensor before it is computed: its shape and its dtype."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from sloy.errors import InvalidArgument

DTYPES = ("float32", "float64", "int32", "uint32", "uint8")
FLOATS = ("float32", "float64")

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Spec:
    """The shape and dtype of a tensor.

    Parameters
    ----------
    shape : tuple of int
        Extents, none negative; ``()`` is a scalar.
    dtype : str
        One of ``float32``, ``float64``, ``int32``, ``uint32``, ``uint8``.

    Examples
    --------
    >>> spec = Spec((32, 28, 28, 1), "float32")
    >>> print(spec, spec.size, spec.nbytes)
    float32[32, 28, 28, 1] 25088 100352
    """

    shape: Shape
    dtype: str

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise InvalidArgument(f"`dtype` (={self.dtype!r}) must be one of {', '.join(DTYPES)}.")
        if any(extent < 0 for extent in self.shape):
            raise InvalidArgument(f"`shape` (={self.shape}) must have no negative extent.")

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the dense array."""
        return self.size * np.dtype(self.dtype).itemsize

    @property
    def is_float(self) -> bool:
        """Whether the elements are floating-point numbers."""
        return self.dtype in FLOATS

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"
