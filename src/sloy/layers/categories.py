"""Columns of category codes, spread inside the network."""

from __future__ import annotations

from dataclasses import dataclass, field

from sloy import ops
from sloy.arguments import integer, real
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.tensor import Tensor
from sloy.initializers import Normal
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register
from sloy.text import shown


@register
@dataclass(frozen=True, repr=False)
class Categories(Layer):
    """The last columns of a table are codes of categories; each becomes a one-hot row, or a learned vector.

    Input (N, …, M + C): M numbers, then C codes, whole numbers from 0. Output (N, …, M + Σ_c width_c): the numbers as
    they are, then for each code of K categories a row of K with a 1 at the code, or, where `vectors` has a width D for
    the column, the row of its parameter ``vectors_c`` (K, D) [1]_. A code outside 0 … K − 1, a category that is not
    known, gives zeros. The data keep one number for each column. With an axis of G members between, (N, G, M + C), each
    member has vectors of its own: (G, K, D).

    Parameters
    ----------
    classes : tuple of int
        K of each of the last columns.
    vectors : tuple of int
        D of each; 0 for a one-hot row.
    deviation : float, optional
        Of the vectors' numbers at the start; by default 1 / √D.

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
    deviation: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("classes", 1), ("vectors", 0)):
            given = getattr(self, name)
            if not isinstance(given, list | tuple) or not given:
                raise InvalidArgument(
                    f"Categories: `{name}` (={shown(given)}) must be a tuple of integers."
                )
            checked = tuple(integer("Categories", name, value, least) for value in given)
            object.__setattr__(self, name, checked)
        if self.deviation is not None:
            real("Categories", "deviation", self.deviation, above=0)
        if len(self.classes) != len(self.vectors):
            raise InvalidArgument(
                f"Categories: `classes` has {len(self.classes)} columns, `vectors` {len(self.vectors)}."
            )

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        if x.rank not in (2, 3) or x.shape[-1] < len(self.classes):
            raise ShapeError(
                f"Categories: the input is {x.shape}; it must be (N, M + {len(self.classes)}) or"
                f" (N, G, M + {len(self.classes)})."
            )
        *outer, width = x.shape
        numbers, start = width - len(self.classes), (0,) * len(outer)
        parts = [ops.slice(x, (*start, 0), (*outer, numbers))] if numbers else []
        for place, (classes, vector) in enumerate(zip(self.classes, self.vectors, strict=True)):
            column = ops.slice(x, (*start, numbers + place), (*outer, numbers + place + 1))
            codes = ops.cast(ops.reshape(column, (-1,)), "int32")
            spread = ops.reshape(ops.one_hot(codes, classes, x.dtype), (*outer, classes))
            if vector:
                name, shape = f"vectors_{place + 1}", (*outer[1:], classes, vector)
                vectors = scope.parameter(
                    name, shape, Normal(deviation=self.deviation or vector**-0.5)
                )
                spread = (
                    spread @ vectors
                    if x.rank == 2
                    else ops.batched_matmul(spread, vectors, batch_axes=(1, 0, 1))
                )
            parts.append(spread)
        return ops.concatenate(parts)
