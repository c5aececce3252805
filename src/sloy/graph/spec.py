"""What is known about a tensor before it is computed: its shape and its dtype."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from sloy.errors import InvalidArgument
from sloy.text import shown

DTYPES = ("float32", "float64", "int32", "uint32", "uint8")
FLOATS = ("float32", "float64")
BFLOAT16 = "bfloat16"

# Bytes of an element.
WIDTHS = {"float32": 4, "float64": 8, "int32": 4, "uint32": 4, "uint8": 1, BFLOAT16: 2}

MOST_BYTES = 1 << 47  # of an array: what a process can address

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Spec:
    """The shape and dtype of a tensor.

    Parameters
    ----------
    shape : tuple of int
        Extents, none negative; ``()`` is a scalar.
    dtype : str
        One of ``float32``, ``float64``, ``int32``, ``uint32``, ``uint8``; or ``bfloat16``, the upper half of a
        float32, in which values between ops are stored. No input, variable, constant or result is bfloat16.

    Examples
    --------
    >>> spec = Spec((32, 28, 28, 1), "float32")
    >>> print(spec, spec.size, spec.nbytes)
    float32[32, 28, 28, 1] 25088 100352
    """

    shape: Shape
    dtype: str

    def __post_init__(self) -> None:
        if not isinstance(self.dtype, str) or self.dtype not in WIDTHS:
            raise InvalidArgument(
                f"`dtype` (={shown(self.dtype)}) must be one of {', '.join(WIDTHS)}."
            )
        try:
            negative = any(extent < 0 for extent in self.shape)
        except (TypeError, ValueError):  # of arrays of arrays
            raise InvalidArgument(f"`shape` (={shown(self.shape)}) must be integers.") from None
        if negative:
            raise InvalidArgument(f"`shape` (={self.shape}) must have no negative extent.")
        if self.nbytes >= MOST_BYTES:
            raise InvalidArgument(
                f"`shape` (={self.shape}) of {self.dtype} takes more than {MOST_BYTES >> 40} TiB."
            )

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
        return self.size * WIDTHS[self.dtype]

    @property
    def is_float(self) -> bool:
        """Whether the elements are floating-point numbers that are computed with."""
        return self.dtype in FLOATS

    @property
    def is_factor(self) -> bool:
        """Whether products and maxima take such elements: floating-point numbers, stored ones too."""
        return self.is_float or self.dtype == BFLOAT16

    @property
    def sum_dtype(self) -> str:
        """What products of such elements are summed in: float32 for bfloat16, else the same."""
        return "float32" if self.dtype == BFLOAT16 else self.dtype

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"
