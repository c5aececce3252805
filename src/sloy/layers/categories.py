"""Columns of category codes, spread inside the network."""

from __future__ import annotations

from dataclasses import dataclass

from sloy import ops
from sloy.arguments import integer
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.tensor import Tensor
from sloy.initializers import Normal
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register


@register
@dataclass(frozen=True, repr=False)
class Categories(Layer):
    """The last columns of a table are codes of categories; each becomes a one-hot row, or a learned vector.

    Input (N, M + C): M numbers, then C codes, whole numbers from 0. Output (N, M + Σ_c width_c): the numbers as they
    are, then for each code of K categories a row of K with a 1 at the code, or, where `vectors` has a width D for the
    column, the row of its parameter ``vectors_c`` (K, D) [1]_. A code outside 0 … K − 1, a category that is not known,
    gives zeros. The data keep one number for each column.

    Parameters
    ----------
    classes : tuple of int
        K of each of the last columns.
    vectors : tuple of int
        D of each; 0 for a one-hot row.

    References
    ----------
    .. [1] C. Guo, F. Berkhahn, "Entity embeddings of categorical variables", arXiv:1604.06737 (2016): a one-hot row
       times a matrix without bias.

    Examples
    --------
    >>> Categories((3, 50), (0, 8)).output_shape((6,))
    (15,)
    """

    classes: tuple[int, ...]
    vectors: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("classes", 1), ("vectors", 0)):
            given = getattr(self, name)
            if not isinstance(given, list | tuple) or not given:
                raise InvalidArgument(
                    f"Categories: `{name}` (={given!r}) must be a tuple of integers."
                )
            checked = tuple(integer("Categories", name, value, least) for value in given)
            object.__setattr__(self, name, checked)
        if len(self.classes) != len(self.vectors):
            raise InvalidArgument(
                f"Categories: `classes` has {len(self.classes)} columns, `vectors` {len(self.vectors)}."
            )

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        if x.rank != 2 or x.shape[1] < len(self.classes):
            raise ShapeError(
                f"Categories: the input is {x.shape}; it must be (N, M + {len(self.classes)})."
            )
        n, width = x.shape
        numbers = width - len(self.classes)
        parts = [ops.slice(x, (0, 0), (n, numbers))] if numbers else []
        for place, (classes, vector) in enumerate(zip(self.classes, self.vectors, strict=True)):
            column = ops.slice(x, (0, numbers + place), (n, numbers + place + 1))  # (N, 1)
            codes = ops.cast(ops.reshape(column, (n,)), "int32")
            spread = ops.one_hot(codes, classes, x.dtype)  # (N, K)
            if vector:
                name, shape = f"vectors_{place + 1}", (classes, vector)
                spread = spread @ scope.parameter(name, shape, Normal(deviation=vector**-0.5))
            parts.append(spread)
        return ops.concatenate(parts)
