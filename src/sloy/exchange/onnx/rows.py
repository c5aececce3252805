"""Which operators keep an axis of samples, the first, to itself; with what the file says of its extent put right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from sloy.exchange.onnx.conversion import Conversion, Unsupported, integers
from sloy.exchange.onnx.equation import labels
from sloy.exchange.onnx.folding import axes_of, reshaped, slices
from sloy.exchange.onnx.nodes import Node
from sloy.exchange.onnx.values import Value, known
from sloy.graph.spec import Shape
from sloy.text import shown

WAY_OUT = (
    "export it with a dynamic batch axis: torch.onnx.export(…, dynamic_axes={'input': {0: 'batch'}}) or, with"
    " dynamo=True, dynamic_shapes=({0: 'batch'},); tf2onnx takes a signature of (None, …)"
)


@dataclass(frozen=True)
class Operand:
    """A value and where its samples are: nowhere (""), on its first axis ("rows"), or "apart" from the file's axes.

    Attributes
    ----------
    shape : tuple of int
        As the file has it.
    """

    value: Value
    way: str = ""
    shape: Shape = ()

    def __post_init__(self) -> None:
        if not self.way:
            object.__setattr__(self, "shape", self.value.shape)

    @property
    def rank(self) -> int:
        """Number of the file's axes."""
        return len(self.shape)


@dataclass(frozen=True)
class Use:
    """A node with its operands, in a file for `written` samples that is read for n."""

    c: Conversion
    node: Node
    operands: list[Operand | None]
    written: int
    n: int

    @property
    def x(self) -> Operand:
        """The first operand."""
        found = self.operands[0]
        assert found is not None
        return found

    @property
    def others(self) -> list[Operand]:
        """Those behind the first."""
        return [v for v in self.operands[1:] if v is not None]

    @property
    def alone(self) -> bool:
        """Whether no operand but the first depends on the samples."""
        return bool(self.x.way) and not any(v.way for v in self.others)

    def axis(self, default: int, rank: int = 0) -> int:
        """The node's axis, counted from 0."""
        return int(self.node.attributes.get("axis", default)) % max(rank or self.x.rank, 1)

    def arrays(self) -> list[Any]:
        """Known operands."""
        return [None if v is None else v.value.array for v in self.operands]

    def given(self, **changed: Value) -> list[Value | None]:
        """The operands' values, some of them others: ``_1=value``."""
        values: list[Value | None] = [None if v is None else v.value for v in self.operands]
        for key, value in changed.items():
            values[int(key[1:])] = value
        return values


def mixed(node: Node, why: str) -> Unsupported:
    """What is raised where samples cannot be told apart, with the way out."""
    return Unsupported(
        f"node {shown(node.name or node.outputs[0], 60)} ({node.op}): {why}; {WAY_OUT}"
    )


Found = (
    list["Value | None"] | None
)  # operands as the node takes them for n samples; None where it does not keep rows
Keeps = Callable[[Use], Found]
KEEPS: dict[str, Keeps] = {}


def as_rows(
    c: Conversion, node: Node, operands: list[Operand | None], written: int, n: int
) -> tuple[Node, list[Value | None]] | None:
    """The node and its operands for n samples, where it keeps the first axis to itself; None where it does not."""
    use = Use(c, node, operands, written, n)
    if node.op not in KEEPS or any(v.way and not v.rank for v in [use.x, *use.others]):
        return None
    found = KEEPS[node.op](use)
    if found is None:
        return None
    changed = {
        key: v for key, v in node.attributes.items() if key != "shape" or node.op != "Reshape"
    }
    return replace(node, attributes=changed), found


def keeps(*names: str) -> Callable[[Keeps], Keeps]:
    """Add a rule to the table; a decorator."""

    def add(rule: Keeps) -> Keeps:
        KEEPS.update(dict.fromkeys(names, rule))
        return rule

    return add


# --- by kinds of operators -------------------------------------------------------------------------------------------

ALONG = (
    "AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "DepthToSpace", "GlobalAveragePool",
    "GlobalLpPool", "GlobalMaxPool", "GroupNormalization", "InstanceNormalization", "LRN", "LpPool", "MaxPool",
    "SpaceToDepth",
)  # fmt: skip
# operator → the axis that it treats otherwise, where it says none
ALONG_AXIS = {
    "ArgMax": 0, "ArgMin": 0, "LayerNormalization": -1, "LpNormalization": -1, "RMSNormalization": -1, "Split": 0,
    "TopK": -1,
}  # fmt: skip
PROBABILITIES = ("Softmax", "LogSoftmax", "Hardmax")


def probability_axis(use: Use) -> int:
    """The axis of a softmax, whose default changed with opset 13."""
    return use.axis(-1 if use.c.graph.opset >= 13 else 1)


@keeps(*ALONG)
def _along(use: Use) -> Found:
    return use.given() if use.alone else None


@keeps(*ALONG_AXIS)
def _along_axis(use: Use) -> Found:
    return use.given() if use.axis(ALONG_AXIS[use.node.op]) and use.alone else None


@keeps("GatherElements")
def _gather_elements(use: Use) -> Found:
    computed = all(v.way for v in [use.x, *use.others])
    return use.given() if computed and use.axis(0) else None


@keeps(*PROBABILITIES)
def _probabilities(use: Use) -> Found:
    return use.given() if probability_axis(use) else None


@keeps("OneHot")
def _one_hot(use: Use) -> Found:
    return use.given() if use.axis(-1, use.x.rank + 1) and use.alone else None


@keeps("CumSum")
def _cumulative(use: Use) -> Found:
    (axis,) = integers(use.others[0].value) or (0,)
    return use.given() if axis % use.x.rank and use.alone else None


@keeps("QuantizeLinear", "DequantizeLinear")
def _quantized(use: Use) -> Found:
    scales = all(v.value.size == 1 for v in use.others) or use.axis(1) != 0
    return use.given() if use.alone and scales else None


@keeps("Trilu")
def _triangle(use: Use) -> Found:
    return use.given() if use.alone and use.x.rank > 2 else None


def elementwise(use: Use) -> Found:
    """Operands of full rank with samples, others that are repeated for each of them."""
    operands = [use.x, *use.others]
    rank = max(v.rank for v in operands)
    for v in operands:
        if (v.way and v.rank < rank) or (not v.way and v.rank == rank and v.shape[0] != 1):
            return None
    return use.given()


def reduced_axes(use: Use) -> tuple[int, ...]:
    """The axes of a reduction, counted from 0."""
    axes = axes_of(use.node, use.arrays())
    if not axes:
        empty = use.node.attributes.get("noop_with_empty_axes", 0)
        return () if empty else tuple(range(use.x.rank))
    return tuple(a % use.x.rank for a in axes)


def reduction(use: Use) -> Found:
    """Sums and the like along other axes."""
    return use.given() if use.alone and 0 not in reduced_axes(use) else None


@keeps("MeanVarianceNormalization")
def _mean_variance(use: Use) -> Found:
    axes = use.node.attributes.get("axes", (0, 2, 3))
    return use.given() if 0 not in [a % use.x.rank for a in axes] else None


# --- shapes ----------------------------------------------------------------------------------------------------------


def target(use: Use) -> tuple[int, ...]:
    """The file's shape of what Reshape and Flatten make."""
    shape, attributes = use.x.shape, use.node.attributes
    if use.node.op == "Flatten":
        axis = attributes.get("axis", 1)
        axis = axis + len(shape) if axis < 0 else axis
        return prod(shape[:axis]), prod(shape[axis:])
    given = attributes.get("shape") if not use.others else integers(use.others[0].value)
    return reshaped(shape, given or (), allow_zero=bool(attributes.get("allowzero", 0)))


@keeps("Reshape")
def _reshape(use: Use) -> Found:
    shape = target(use)
    if not shape or shape[0] != use.written or 0 in shape:
        return None
    return [use.x.value, known(np.array((use.n, *shape[1:]), np.int64))]


@keeps("Flatten")
def _flatten(use: Use) -> Found:
    axis = use.node.attributes.get("axis", 1)
    return use.given() if (axis + use.x.rank if axis < 0 else axis) == 1 else None


@keeps("Transpose")
def _transpose(use: Use) -> Found:
    order = use.node.attributes.get("perm") or tuple(reversed(range(use.x.rank)))
    return use.given() if order[0] == 0 else None


@keeps("Squeeze")
def _squeeze(use: Use) -> Found:
    axes = axes_of(use.node, use.arrays())
    return use.given() if axes is not None and 0 not in [a % use.x.rank for a in axes] else None


@keeps("Unsqueeze")
def _unsqueeze(use: Use) -> Found:
    axes = axes_of(use.node, use.arrays()) or ()
    return use.given() if 0 not in [a % (use.x.rank + len(axes)) for a in axes] else None


@keeps("Expand")
def _expand(use: Use) -> Found:
    shape = np.broadcast_shapes(use.x.shape, integers(use.others[0].value) or ())
    if len(shape) != use.x.rank or shape[0] != use.written:
        return None
    return [use.x.value, known(np.array((use.n, *shape[1:]), np.int64))]


@keeps("Tile")
def _tile(use: Use) -> Found:
    repeats = integers(use.others[0].value) or (1,)
    return use.given() if repeats[0] == 1 else None


@keeps("Pad")
def _pad(use: Use) -> Found:
    attributes = use.node.attributes
    pads_, _, axes_ = [*use.given()[1:], None, None, None][:3]
    given = attributes.get("pads") or attributes.get("paddings") or ()
    pads = given or integers(pads_) or ()
    axes = integers(axes_) or tuple(range(use.x.rank))
    sides = zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True)
    return (
        use.given()
        if all(a % use.x.rank or (not low and not high) for a, low, high in sides)
        else None
    )


@keeps("Slice")
def _slice(use: Use) -> Found:
    found = slices(use.node, use.arrays(), use.x.shape)
    return use.given() if all(axis for axis, *_ in found) else None


@keeps("Concat")
def _concat(use: Use) -> Found:
    """Operands that are the same for all samples, such as a class token, are repeated for each."""
    if not use.axis(0):
        return None
    values: list[Value | None] = []
    for v in [use.x, *use.others]:
        if v.way or v.shape[0] != 1:
            values.append(v.value)
        else:
            values.append(repeated(use.c, v.value, (use.n, *v.shape[1:])))
    return values


def repeated(c: Conversion, value: Value, shape: Shape) -> Value:
    """A value in a shape with more axes before, or longer ones of extent 1."""
    return c.call("Expand", value, known(np.array(shape, np.int64)))


@keeps("Gather")
def _gather(use: Use) -> Found:
    if use.x.way:
        return use.given() if use.axis(0) and use.alone else None
    return use.given() if use.axis(0) == 0 else None


@keeps("Resize", "Upsample")
def _resize(use: Use) -> Found:
    """The file's extent of the first axis, and its scale, which is 1."""
    attributes = use.node.attributes
    axes = attributes.get("axes")
    if not use.alone:
        return None
    if axes is not None:
        return use.given() if 0 not in [a % use.x.rank for a in axes] else None
    at = next((i for i, v in enumerate(use.operands) if i and v is not None and v.value.size), 0)
    if at != 3:
        scales = attributes.get("scales")
        position = 1 if len(use.operands) < 3 else 2
        if scales is None and position < len(use.operands):
            scale = use.operands[position]
            scales = scale.value.array.tolist() if scale and scale.value.array is not None else None
        if scales:
            return use.given() if scales[0] == 1.0 else None
    sizes = integers(use.operands[3].value) if len(use.operands) > 3 and use.operands[3] else None
    if not sizes or sizes[0] != use.written:
        return None
    return use.given(_3=known(np.array((use.n, *sizes[1:]), np.int64)))


# --- products --------------------------------------------------------------------------------------------------------


@keeps("MatMul")
def _matmul(use: Use) -> Found:
    a, b = use.x, use.others[0]
    rank = max(a.rank, b.rank)
    if a.way and not b.way and a.rank == 2 and b.rank <= 2:
        return use.given()
    for v in (a, b):
        if (v.way and (v.rank < rank or rank < 3)) or (
            not v.way and v.rank == rank and v.shape[0] != 1
        ):
            return None
    return use.given()


@keeps("Gemm")
def _gemm(use: Use) -> Found:
    bias = use.operands[2] if len(use.operands) > 2 else None
    fits = bias is None or bias.rank < 2 or bias.shape[0] == 1
    return use.given() if use.alone and not use.node.attributes.get("transA", 0) and fits else None


@keeps("Einsum")
def _einsum(use: Use) -> Found:
    """A label of the samples that leads all terms that have them, and the result."""
    operands = [use.x, *use.others]
    terms, result = labels(use.node.attributes["equation"], [v.rank for v in operands])
    leading = {t[0] for t, v in zip(terms, operands, strict=True) if v.way}
    others = "".join(t for t, v in zip(terms, operands, strict=True) if not v.way)
    fits = leading == {result[:1]} and result[0] not in others
    return use.given() if fits else None
