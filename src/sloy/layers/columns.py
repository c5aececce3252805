"""Numbers of a table as networks take them well: fixed changes of scale, and embeddings."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite, pi

import numpy as np

from sloy import ops
from sloy.arguments import flag, integer, real, sequence
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.tensor import Tensor
from sloy.initializers import Constant, Normal, Uniform
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register
from sloy.text import many, shown

SOFT_LIMIT = 3.0  # what `RobustScale` bends values towards


@register
@dataclass(frozen=True, repr=False)
class Scale(Layer):
    """A trained factor for each feature: y = s ⊙ x.

    Input and output (N, …); parameter ``scale`` of the shape of one sample, or (C,). In front of a network it learns
    which columns matter; per channel and with a small first value at the end of a `Residual` it is the layer scale of
    deep networks [1]_.

    Parameters
    ----------
    initial : float
        The first value of every factor.
    per_channel : bool
        One factor for each channel, the last axis, in place of one for each element of a sample.

    References
    ----------
    .. [1] H. Touvron, M. Cord, A. Sablayrolles, G. Synnaeve, H. Jégou, "Going deeper with image transformers", ICCV
       2021, section 2 ("LayerScale").

    Examples
    --------
    >>> Scale().output_shape((5,))
    (5,)
    >>> Scale(initial=1e-6, per_channel=True).output_shape((7, 7, 96))
    (7, 7, 96)
    """

    initial: float = field(default=1.0, kw_only=True)
    per_channel: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "initial", real(self.kind, "initial", self.initial))
        flag(self.kind, "per_channel", self.per_channel)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        shape = x.shape[-1:] if self.per_channel and x.rank > 1 else x.shape[1:]
        return x * scope.parameter("scale", shape, Constant(self.initial))


@register
@dataclass(frozen=True, repr=False)
class RobustScale(Layer):
    """The first columns, less a centre and times a factor, bent so that none is beyond ±3: z / √(1 + (z / 3)²).

    Input and output (N, M + C): z = (x − centre) · factor of the first M columns, the others stay. With the median
    and the inverse of the interquartile range no outlier changes the scale of the others [1]_.

    Parameters
    ----------
    centres, factors : tuple of float
        M of each.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees on
       tabular data", NeurIPS 2024, appendix A ("robust scale and smooth clipping").

    Examples
    --------
    >>> RobustScale((0.5, 0.0), (2.0, 1.0)).output_shape((6,))
    (6,)
    """

    centres: tuple[float, ...]
    factors: tuple[float, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("centres", "factors"):
            object.__setattr__(self, name, _numbers(self.kind, name, getattr(self, name)))
        if len(self.centres) != len(self.factors):
            raise InvalidArgument(
                f"RobustScale: there are {len(self.centres)} `centres`, and {len(self.factors)} `factors`."
            )

    def __repr__(self) -> str:
        return _of_columns(self, self.centres)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        first, rest = _split(self.kind, x, len(self.centres))
        z = (first - np.array(self.centres)) * np.array(self.factors)
        z = z / ops.sqrt(ops.square(z * (1 / SOFT_LIMIT)) + 1.0)
        return ops.concatenate([z, *rest])


@register
@dataclass(frozen=True, repr=False)
class QuantileScale(Layer):
    """The first columns by fixed broken lines: from a column's quantiles to those of another distribution.

    Input and output (N, M + C): each of the first M columns goes along the line through its points (x = knots_t,
    y = values_t), and keeps the value of the last point outside of them; the others stay. With quantiles of the
    data as knots and those of the normal distribution as values a heavy tail weighs no more than others.

    Parameters
    ----------
    knots, values : tuple of tuple of float
        Of each of the M columns; knots increase.

    Examples
    --------
    >>> QuantileScale(((0.0, 1.0, 10.0),), ((-1.0, 0.0, 1.0),)).output_shape((4,))
    (4,)
    """

    knots: tuple[tuple[float, ...], ...]
    values: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "knots", _edges(self.kind, "knots", self.knots))
        given = sequence(self.kind, "values", self.values)
        lines = tuple(_numbers(self.kind, "values", line) for line in given)
        object.__setattr__(self, "values", lines)
        if [len(line) for line in self.knots] != [len(line) for line in lines]:
            raise InvalidArgument("QuantileScale: each column needs as many `values` as `knots`.")

    def __repr__(self) -> str:
        return _of_columns(self, self.knots)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        first, rest = _split(self.kind, x, len(self.knots))
        codes = _codes(first, self.knots)  # (N, M, T)
        rises = np.zeros(codes.shape[1:])
        for place, line in enumerate(self.values):
            rises[place, : len(line) - 1] = np.diff(line)
        start = np.array([line[0] for line in self.values])
        moved = ops.reduce_sum(codes * rises, -1) + start
        return ops.concatenate([moved, *rest])


@register
@dataclass(frozen=True, repr=False)
class PiecewiseLinear(Layer):
    """The first columns beside their piecewise-linear codes [1]_: c_t = clip((x − b_t) / (b_{t+1} − b_t), 0, 1).

    Input (N, M + C), output (N, M · T + M + C), with T the most bins that a column has (columns of fewer have zeros):
    the codes, then the input.

    Parameters
    ----------
    edges : tuple of tuple of float
        b_0 < b_1 < … of each of the first M columns.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning",
       NeurIPS 2022, section 3.2.

    Examples
    --------
    >>> PiecewiseLinear(((0.0, 1.0, 3.0), (0.0, 1.0))).output_shape((2,))
    (6,)
    """

    edges: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "edges", _edges(self.kind, "edges", self.edges))

    def __repr__(self) -> str:
        return _of_columns(self, self.edges)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        first, _ = _split(self.kind, x, len(self.edges))
        codes = _codes(first, self.edges)
        return ops.concatenate([ops.reshape(codes, (x.shape[0], -1)), x])  # (N, M · T + …)


@register
@dataclass(frozen=True, repr=False)
class Periodic(Layer):
    """The first columns beside periodic embeddings of them, of each z = W₂ cos(2π (w₁ x + b₁)) + b₂ with trained waves.

    Input (N, …, M + C), output (N, …, width · M + M + C): the embeddings, then the input [1]_, [2]_. Parameters, with
    the axes between N and the last in front: ``frequencies`` and ``phases`` (…, M, waves), ``weight``
    (…, M, waves, width), ``bias`` (…, M · width).

    Parameters
    ----------
    columns : int
        M.
    waves, width : int
        Cosines of each column, and numbers made of them.
    deviation : float
        Of the frequencies at the start.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning",
       NeurIPS 2022, section 3.3.
    .. [2] D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by default", NeurIPS 2024, appendix A ("PBLD").

    Examples
    --------
    >>> Periodic(3).output_shape((5,))
    (14,)
    """

    columns: int
    waves: int = field(default=16, kw_only=True)
    width: int = field(default=3, kw_only=True)
    deviation: float = field(default=0.1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("columns", "waves", "width"):
            object.__setattr__(self, name, integer(self.kind, name, getattr(self, name)))
        deviation = real(self.kind, "deviation", self.deviation, above=0)
        object.__setattr__(self, "deviation", deviation)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        if x.rank < 2 or x.shape[-1] < self.columns:
            raise ShapeError(
                f"Periodic: the input is {x.shape}; it must be (N, …, {self.columns} + C)."
            )
        n, *outer, _ = x.shape
        m, waves, width = self.columns, self.waves, self.width
        around = Uniform(-(waves**-0.5), waves**-0.5)
        stop = (*x.shape[:-1], m)
        numbers = ops.reshape(ops.slice(x, (0,) * x.rank, stop), (*stop, 1))
        frequencies = scope.parameter(
            "frequencies", (*outer, m, waves), Normal(deviation=self.deviation)
        )
        phases = scope.parameter("phases", (*outer, m, waves), Uniform(-0.5, 0.5))
        weight = scope.parameter("weight", (*outer, m, waves, width), around)
        bias = scope.parameter("bias", (*outer, m * width), around)
        turns = ops.cos((numbers * frequencies + phases) * (2 * pi))  # (N, …, M, waves)
        groups = int(np.prod(outer, dtype=int)) * m
        mixed = ops.batched_matmul(
            ops.reshape(turns, (n, groups, waves)),
            ops.reshape(weight, (groups, waves, width)),
            batch_axes=(1, 0, 1),
        )
        return ops.concatenate([ops.reshape(mixed, (n, *outer, m * width)) + bias, x])


def _of_columns(layer: Layer, columns: tuple[object, ...]) -> str:
    """The layer in short: it holds too many numbers to show."""
    name = "" if layer.name is None else f", name={layer.name!r}"
    return f"{layer.kind}(<{many(len(columns), 'column')}>{name})"


def _split(kind: str, x: Tensor, columns: int) -> tuple[Tensor, list[Tensor]]:
    """The first columns of x (N, F), and the others, if there are any."""
    if x.rank != 2 or x.shape[1] < columns:
        raise ShapeError(f"{kind}: the input is {x.shape}; it must be (N, {columns} + C).")
    n, width = x.shape
    rest = [ops.slice(x, (0, columns), (n, width))] if width > columns else []
    return ops.slice(x, (0, 0), (n, columns)), rest


def _codes(x: Tensor, edges: tuple[tuple[float, ...], ...]) -> Tensor:
    """The piecewise-linear codes (N, M, T) of x (N, M), 0 where a column has fewer than T bins."""
    n, m = x.shape
    bins = max(len(line) for line in edges) - 1
    low, factor = np.zeros((m, bins)), np.zeros((m, bins))
    for place, line in enumerate(edges):
        low[place, : len(line) - 1] = line[:-1]
        factor[place, : len(line) - 1] = 1 / np.diff(line)
    return ops.clip((ops.reshape(x, (n, m, 1)) - low) * factor, 0.0, 1.0)


def _edges(kind: str, name: str, lines: object) -> tuple[tuple[float, ...], ...]:
    if not isinstance(lines, list | tuple) or not lines:
        raise InvalidArgument(f"{kind}: `{name}` must hold a tuple of numbers for each column.")
    found = tuple(_numbers(kind, name, line) for line in lines)
    for place, line in enumerate(found):
        if len(line) < 2 or any(a >= b for a, b in pairwise(line)):
            raise InvalidArgument(
                f"{kind}: `{name}[{place}]` must be two numbers or more that increase."
            )
    return found


def _numbers(kind: str, name: str, values: object) -> tuple[float, ...]:
    if not isinstance(values, list | tuple) or not values:
        raise InvalidArgument(f"{kind}: `{name}` (={shown(values)}) must be a tuple of numbers.")
    if not all(isinstance(v, int | float) and isfinite(v) for v in values):
        raise InvalidArgument(f"{kind}: `{name}` must hold finite numbers.")
    return tuple(float(value) for value in values)
