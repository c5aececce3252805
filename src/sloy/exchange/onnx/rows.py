"""Which operators keep an axis of samples, the first, to itself; with what the file says of its extent put right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from sloy.exchange.onnx.conversion import Conversion, integers
from sloy.exchange.onnx.equation import labels
from sloy.exchange.onnx.folding import axes_of, reshaped
from sloy.exchange.onnx.nodes import Node, Unsupported
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
        axis = self.node.attributes.get("axis", default)
        if not isinstance(axis, int):
            raise mixed(self.node, f"its axis (={shown(axis)}) is no integer")
        return axis % max(rank or self.x.rank, 1)

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
    "AveragePool", "BatchNormalization", "Col2Im", "Conv", "ConvTranspose", "DepthToSpace", "GlobalAveragePool",
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


@keeps("CumSum", "CumProd")
def _cumulative(use: Use) -> Found:
    (axis,) = integers(use.others[0].value) or (0,)
    return use.given() if axis % use.x.rank and use.alone else None


@keeps("QuantizeLinear", "DequantizeLinear")
def _quantized(use: Use) -> Found:
    scales = all(v.value.size == 1 for v in use.others) or use.axis(1) != 0
    return use.given() if use.alone and scales else None


@keeps("Compress")
def _compress(use: Use) -> Found:
    return use.given() if use.alone and use.axis(0) and "axis" in use.node.attributes else None


@keeps("ReverseSequence")
def _reverse(use: Use) -> Found:
    """The samples' own axis has one length, of the one sample; it is the same for all."""
    time, batch = use.node.attributes.get("time_axis", 0), use.node.attributes.get("batch_axis", 1)
    return use.given() if use.alone and time == 1 and batch == 0 and use.written == 1 else None


@keeps("GridSample", "AffineGrid")
def _sampled(use: Use) -> Found:
    """A picture and a grid for each sample; one of them may be the same for all."""
    values: list[Value | None] = []
    for v in [use.x, *use.others][: 2 if use.node.op == "GridSample" else 1]:
        if not v.way and v.shape[0] != 1:
            return None
        values.append(v.value if v.way else repeated(use.c, v.value, (use.n, *v.shape[1:])))
    return values if use.node.op == "GridSample" else use.given()


@keeps("STFT")
def _transformed(use: Use) -> Found:
    return use.given() if use.alone else None


@keeps("DFT")
def _dft(use: Use) -> Found:
    return use.given() if use.alone and dft_axis(use) else None


def dft_axis(use: Use) -> int:
    """The axis of a transform, an operand in newer opsets."""
    newer = use.c.graph.opset >= 20
    if newer and len(use.operands) > 2 and use.operands[2] is not None:
        (axis,) = integers(use.operands[2].value) or (0,)
        return axis % use.x.rank
    return use.axis(-2 if newer else 1)


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


def target(use: Use) -> tuple[int, ...]:
    """The file's shape of what Reshape and Flatten make."""
    shape, attributes = use.x.shape, use.node.attributes
    if use.node.op == "Flatten":
        axis = attributes.get("axis", 1)
        axis = axis + len(shape) if axis < 0 else axis
        return prod(shape[:axis]), prod(shape[axis:])
    given = attributes.get("shape") if not use.others else integers(use.others[0].value)
    return reshaped(shape, given or (), allow_zero=bool(attributes.get("allowzero", 0)))


def repeated(c: Conversion, value: Value, shape: Shape) -> Value:
    """A value in a shape with more axes before, or longer ones of extent 1."""
    return c.call("Expand", value, known(np.array(shape, np.int64)))


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
