"""An imported graph as a chain of ordinary layers.

It is cut wherever one value is all that the rest needs. What lies between two cuts becomes the layer that it is:
convolution or dense layer with its bias, normalisation, activation (told from what it computes), pooling, a residual
block, squeeze and excitation. What is none of these stays a graph, from one product with weights to the next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isclose, prod
from typing import Any

from sloy.graph.spec import Shape
from sloy.layers.base import Layer
from sloy.layers.convolution import Conv2D
from sloy.layers.dense import Dense
from sloy.layers.dropout import Dropout
from sloy.layers.imported import Imported
from sloy.layers.normalization import BatchNorm, LayerNorm
from sloy.layers.pooling import AdaptiveAveragePool2D, AveragePool2D, GlobalAveragePool2D, MaxPool2D
from sloy.layers.recognised import (
    activation_of,
    is_alike,
    is_elementwise,
    normalizes,
    number_of,
)
from sloy.layers.reshaping import Flatten, Reshape
from sloy.layers.residual import Residual
from sloy.layers.sigmoids import Softmax
from sloy.layers.squeeze import SqueezeExcitation
from sloy.layers.stored_parts import LEAVES, Parts, Segment, common, spelled, within
from sloy.text import Names


@dataclass(frozen=True)
class Piece:
    """A layer, and what the parameters of the graph are called in it.

    Attributes
    ----------
    layer : Layer
        With a name of its own.
    names : dict
        Name within the imported layer → name within this one; the numbers may have another shape there, in the
        same order.
    """

    layer: Layer
    names: dict[str, str]


@dataclass(frozen=True)
class _Match:
    """A layer that the next segments are, how many of them, and the names of the graph's leaves in it."""

    layer: Layer
    segments: int = 1
    names: tuple[tuple[str, str], ...] = ()
    owner: str = ""  # what its name is made of; by default that of its leaves or of its value


def pieces(layer: Imported, input_shape: Shape, dtype: str = "float32") -> list[Piece]:
    """The chain of layers that an imported graph is.

    Parameters
    ----------
    layer : Imported
    input_shape : tuple of int
        Of one sample.
    dtype : str
        The computing dtype.
    """
    parts = Parts.of(layer, input_shape, dtype)
    return _chain(parts, 0, parts.output, "")


def _chain(parts: Parts, start: int, end: int, prefix: str) -> list[Piece]:
    """What lies between two values as pieces, their names without a prefix."""
    segments = parts.segments(start, end)
    taken = Names()
    found: list[Piece] = []
    rest: list[Segment] = []  # that are no known layer, not yet made a piece
    i = 0

    def keep() -> None:
        if rest:
            found.append(_graph_piece(parts, rest[0].start, rest[-1].end, prefix, taken))
            rest.clear()

    while i < len(segments):
        match = _first(parts, segments[i:])
        if match is not None:
            keep()
            value = segments[i + match.segments - 1].end
            found.append(_named(parts, match, value, prefix, taken))
            i += match.segments
            continue
        if any(map(parts.is_product, segments[i].own)) and any(
            parts.leaves(s.start, s.end) for s in rest
        ):
            keep()
        rest.append(segments[i])
        i += 1
    keep()
    return found


def _first(parts: Parts, segments: Sequence[Segment]) -> _Match | None:
    return next((m for rule in RULES if (m := rule(parts, segments)) is not None), None)


def _named(parts: Parts, match: _Match, value: int, prefix: str, taken: Names) -> Piece:
    owner = match.owner or common([old.rpartition("/")[0] for old, _ in match.names])
    wanted = owner or parts.labels.get(value, "")
    telling = wanted not in parts.owners and not re.fullmatch(r"\w*_\d+|", wanted)
    if (
        not owner and not telling
    ):  # an operator's, which tells less than the layer's own, or a neighbour's
        return Piece(match.layer, {})
    name = taken.new(spelled(within(wanted.replace("/", "."), prefix)))
    return Piece(replace(match.layer, name=name), dict(match.names))


def _graph_piece(parts: Parts, start: int, end: int, prefix: str, taken: Names) -> Piece:
    """What is no known layer, as a graph."""
    owned = parts.names(parts.leaves(start, end))
    shared = common([name.rpartition("/")[0] for name in owned])
    wanted = shared or parts.labels.get(end, "") or parts.op(end)
    name = taken.new(spelled(within(wanted.replace("/", "."), prefix)))
    names = {own: within(own, shared) for own in owned}
    if len(set(names.values())) < len(names):
        names = {own: own for own in owned}
    return Piece(parts.imported(start, end, name, names), names)


# --- one segment, or a few of one op each -------------------------------------------------------------------------


def _single(segments: Sequence[Segment], position: int = 0) -> int | None:
    """The one value that a segment computes."""
    if position >= len(segments) or len(segments[position].own) != 1:
        return None
    return segments[position].own[0]


def _other(parts: Parts, number: int, start: int) -> int | None:
    """The second operand of a value whose other operand is `start`."""
    operands = parts.operands(number)
    others = [v for v in operands if v != start]
    return others[0] if len(operands) == 2 and len(others) == 1 else None


def _product(parts: Parts, segments: Sequence[Segment]) -> _Match | None:
    v = _single(segments)
    if (
        v is None
        or parts.op(v) not in ("conv2d", "matmul")
        or parts.operands(v)[0] != segments[0].start
    ):
        return None
    weight, attributes = parts.leaf(parts.operands(v)[1]), parts.attributes(v)
    if weight is None:
        return None
    channels = parts.values[v].shape[-1]
    names, count = [(weight, "weight")], 1
    following = _single(segments, 1)
    if following is not None and parts.op(following) == "add":
        other = _other(parts, following, v)
        bias = None if other is None or other in parts.samples else parts.leaf(other, (channels,))
        if bias is not None:
            names, count = [*names, (bias, "bias")], 2
    owner = weight.rpartition("/")[0]
    if parts.op(v) == "matmul":
        if attributes["transpose_a"] or attributes["transpose_b"]:
            return None
        return _Match(Dense(channels, use_bias=count == 2), count, tuple(names), owner)
    layer = Conv2D(
        channels,
        _short(parts.values[parts.operands(v)[1]].shape[:2]),
        stride=_short(attributes["stride"]),
        padding=_padding(attributes["padding"]),
        dilation=_short(attributes["dilation"]),
        groups=attributes["groups"],
        use_bias=count == 2,
    )
    return _Match(layer, count, tuple(names), owner)


def _short(pair: tuple[int, ...]) -> Any:
    """Two equal extents as one."""
    return pair[0] if len(set(pair)) == 1 else tuple(pair)


def _padding(sides: tuple[int, ...]) -> Any:
    """Equal sides as one, none as "valid"."""
    return _short(sides) or "valid"


def _normalization(parts: Parts, segments: Sequence[Segment]) -> _Match | None:
    v = _single(segments)
    if v is None or parts.op(v) != "batch_normalization":
        return None
    roles = ("running_mean", "running_variance", "scale", "shift")
    leaves = [parts.leaf(i) for i in parts.operands(v)[1:]]
    attributes = parts.attributes(v)
    if None in leaves or len(set(leaves)) < 4 or not attributes["momentum"] < 1:
        return None
    names = tuple((str(leaf), role) for leaf, role in zip(leaves, roles, strict=True))
    layer = BatchNorm(momentum=attributes["momentum"], epsilon=attributes["epsilon"])
    return _Match(layer, 1, names, str(leaves[2]).rpartition("/")[0])


def _layer_norm(parts: Parts, segments: Sequence[Segment]) -> _Match | None:
    """The channels of each place normalised, in one or two segments, times a scale, plus a shift."""
    for count in (1, 2):
        if len(segments) < count + 2:
            return None
        done = segments[count - 1]
        leaves = []
        for step, op in enumerate(("mul", "add")):
            segment = segments[count + step]
            v = _single(segments, count + step)
            other = None if v is None or parts.op(v) != op else _other(parts, v, segment.start)
            shape = parts.values[segment.start].shape[-1:]
            trained = other is not None and other not in parts.samples
            leaves.append(parts.leaf(other, shape) if trained and other is not None else None)
        first, start = parts.values[segments[0].start], segments[0].start
        if None in leaves or parts.leaves(start, done.end) or first.rank < 2:
            continue
        epsilon = normalizes(first, parts.values[done.end])
        if epsilon is not None:
            names = ((str(leaves[0]), "scale"), (str(leaves[1]), "shift"))
            return _Match(LayerNorm(epsilon=epsilon), count + 2, names)
    return None


def _pooling(parts: Parts, segments: Sequence[Segment]) -> _Match | None:
    v = _single(segments)
    if v is None or parts.op(v) not in ("max_pool2d", "average_pool2d"):
        return None
    a = parts.attributes(v)
    window, stride, padding = _short(a["window"]), _short(a["stride"]), _padding(a["padding"])
    if parts.op(v) == "max_pool2d":
        return _Match(MaxPool2D(window, stride=stride, padding=padding))
    counted = a["count_include_pad"]
    return _Match(AveragePool2D(window, stride=stride, padding=padding, count_include_pad=counted))


def _mean(parts: Parts, segments: Sequence[Segment]) -> _Match | None:
    """The mean of maps, which may keep axes of extent 1 that are taken off at once."""
    total, mean = _single(segments), _single(segments, 1)
    if total is None or mean is None or parts.op(total) != "reduce_sum" or parts.op(mean) != "mul":
        return None
    x, other = parts.values[segments[0].start], _other(parts, mean, total)
    axes = tuple(axis % x.rank for axis in parts.attributes(total)["axes"])
    share = None if other is None else number_of(parts.values[other])
    if x.rank != 4 or axes != (1, 2) or share is None:
        return None
    if not isclose(share * prod(x.shape[1:3]), 1, rel_tol=1e-6):
        return None
    if parts.values[mean].rank == 2:
        return _Match(GlobalAveragePool2D(), 2)
    flat = _single(segments, 2)
    if flat is not None and parts.op(flat) == "reshape" and parts.values[flat].rank == 2:
        return _Match(GlobalAveragePool2D(), 3)
    return _Match(AdaptiveAveragePool2D(1), 2)


def _reshaping(parts: Parts, segments: Sequence[Segment]) -> _Match | None:
    v = _single(segments)
    if v is None or parts.op(v) != "reshape" or parts.values[v].rank < 2:
        return None
    shape = parts.values[v].shape[1:]
    return _Match(Flatten() if len(shape) == 1 else Reshape(shape))


def _of_one(parts: Parts, segments: Sequence[Segment]) -> _Match | None:
    """Dropout; a softmax over the last axis."""
    v = _single(segments)
    if v is not None and parts.op(v) == "dropout":
        return _Match(Dropout(parts.attributes(v)["rate"]))
    if v is not None and parts.op(v) == "softmax":
        axis, rank = parts.attributes(v).get("axis", -1), parts.values[v].rank
        return _Match(Softmax()) if axis in (-1, rank - 1) else None
    return None


def _activation(parts: Parts, segments: Sequence[Segment]) -> _Match | None:
    """The longest run of functions of single elements that has a name; as a whole where none has."""
    start = parts.values[segments[0].start]
    run = 0
    while run < len(segments) and is_alike(
        [
            parts.values[v]
            for s in segments[: run + 1]
            for v in s.own
            if parts.op(v) != "broadcast_to"
        ],
        start,
    ):
        run += 1
    found: dict[int, Layer] = {}
    for count in range(run, 0, -1):
        layer = activation_of(start, parts.values[segments[count - 1].end])
        if layer is not None:
            found[count] = layer
            if layer.kind != "Activation":
                return _Match(layer, count)
    longest = max(found, default=0)
    return _Match(found[longest], longest) if longest else None


# --- blocks -------------------------------------------------------------------------------------------------------


def _residual(parts: Parts, segments: Sequence[Segment]) -> _Match | None:
    """Two ways from one value that are added."""
    start, end = segments[0].start, segments[0].end
    if parts.op(end) != "add" or len(parts.operands(end)) != 2:
        return None
    ways = sorted(parts.operands(end), reverse=True)
    both = [parts.reached(way, start) for way in ways]
    shared = both[0] & both[1] - {start}
    if not set(ways) <= parts.samples or ways[0] == ways[1] or shared & parts.samples:
        return None
    if any(parts.op(v) in LEAVES for v in shared):
        return None
    owned = parts.names(parts.leaves(start, end))
    if not owned:
        return None
    ways.sort(key=lambda way: len(parts.reached(way, start)), reverse=True)
    prefix = common([name.rpartition("/")[0] for name in owned])
    main = _chain(parts, start, ways[0], prefix)
    straight = [] if ways[1] == start else _chain(parts, start, ways[1], prefix)
    names = [*_inside(main, ""), *_inside(straight, "shortcut/")]
    layers, shortcut = [p.layer for p in main], [p.layer for p in straight]
    return _Match(Residual(layers, shortcut or None), 1, tuple(names), prefix)


def _inside(chain: Sequence[Piece], where: str) -> list[tuple[str, str]]:
    return [(old, f"{where}{p.layer.name}/{new}") for p in chain for old, new in p.names.items()]


def _squeeze(parts: Parts, segments: Sequence[Segment]) -> _Match | None:
    """Channels weighed by the means of all."""
    start, end = segments[0].start, segments[0].end
    gate = _other(parts, end, start) if parts.op(end) == "mul" else None
    x = parts.values[start]
    if gate is None or gate not in parts.samples or x.rank != 4:
        return None
    while parts.op(gate) in ("broadcast_to", "reshape") and gate != start:
        (gate,) = parts.operands(gate)
    if prod(parts.values[gate].shape[1:]) != x.shape[-1]:
        return None
    chain = _chain(parts, start, gate, "")
    kept = [p for p in chain if p.layer.kind not in ("Reshape", "Flatten")]
    if len(kept) != 5 or kept[0].layer.kind not in ("GlobalAveragePool2D", "AdaptiveAveragePool2D"):
        return None
    reduce, expand = kept[1], kept[3]
    if not _is_dense(reduce) or not _is_dense(expand) or kept[2].names or kept[4].names:
        return None
    if not all(is_elementwise(kept[i].layer) for i in (2, 4)):
        return None
    names = [
        (old, f"{name}/{new}")
        for piece, name in ((reduce, "reduce"), (expand, "expand"))
        for old, new in piece.names.items()
    ]
    own, gating = (replace(kept[i].layer, name=None) for i in (2, 4))
    channels = getattr(reduce.layer, "units", getattr(reduce.layer, "filters", 0))
    layer = SqueezeExcitation(channels, activation=own, gate=gating)
    return _Match(layer, 1, tuple(names), common([old.rpartition("/")[0] for old, _ in names]))


def _is_dense(piece: Piece) -> bool:
    """Whether it is a product of all channels with a bias, of maps of one pixel too."""
    layer = piece.layer
    if isinstance(layer, Conv2D):
        moves = (layer.kernel_size, layer.stride, layer.padding, layer.groups) != (1, 1, "valid", 1)
        return layer.use_bias and not moves
    return isinstance(layer, Dense) and layer.use_bias


RULES: tuple[Callable[[Parts, Sequence[Segment]], _Match | None], ...] = (
    _product,
    _normalization,
    _layer_norm,
    _pooling,
    _mean,
    _reshaping,
    _of_one,
    _activation,
    _squeeze,
    _residual,
)
