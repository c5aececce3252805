"""Graphs that are written for one sample, for any number: each sample goes through as if it were alone.

A value that depends on the samples is held in one of two ways:

* as *rows*: its first axis, of extent 1 in the file, holds the samples. Operators that keep that axis to themselves are
  read as they stand (`sloy.exchange.onnx.rows`);
* *apart*: the samples lie on an axis of their own before those of the file. Every other operator is read so, its axes
  counted one further (`sloy.exchange.onnx.apart`); what comes out with a first axis of extent 1 is held as rows again.

Shapes are those of the file, so whatever it computes of them is right. A file for several samples at once is read as
long as all its operators keep rows; where one does not, what belongs to each sample cannot be told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sloy.exchange.onnx import apart, moving_rows, rows  # noqa: F401  fill the tables
from sloy.exchange.onnx.conversion import Conversion
from sloy.exchange.onnx.expansion import Walk, needed
from sloy.exchange.onnx.folding import OF_SHAPES
from sloy.exchange.onnx.nodes import Node, blamed
from sloy.exchange.onnx.operators.elementwise import COMPARISONS, LOGIC, ROLES
from sloy.exchange.onnx.operators.functions import UNARY
from sloy.exchange.onnx.operators.reduction import REDUCTIONS
from sloy.exchange.onnx.rows import Operand, as_rows
from sloy.exchange.onnx.values import Value

ELEMENTWISE = {
    *UNARY, *ROLES, *COMPARISONS, *LOGIC, "Cast", "CastLike", "Clip", "Dropout", "Identity", "IsInf", "IsNaN", "Max",
    "Mean", "Min", "Mod", "PRelu", "Pow", "Sum", "Where",
}  # fmt: skip
rows.KEEPS.update(
    {**dict.fromkeys(ELEMENTWISE, rows.elementwise), **dict.fromkeys(REDUCTIONS, rows.reduction)}
)
apart.SHIFTED.update(
    {**dict.fromkeys(ELEMENTWISE, apart.elementwise), **dict.fromkeys(REDUCTIONS, apart.reduction)}
)


def run(
    c: Conversion, inputs: Mapping[str, Value], wanted: Sequence[str], written: int
) -> dict[str, Value]:
    """The values of that name for as many samples as the inputs hold, of a graph that is written for `written`.

    Each result has the samples on its first axis: in the place of the file's, or before all of them.

    Raises
    ------
    Unsupported
        Where the samples cannot be told apart; the message says how to export a file in which they can.
    """
    values = {name: Operand(value) for name, value in c.known().items()}
    for name, value in inputs.items():
        values[name] = Operand(value, "rows", (written, *value.shape[1:]))
    walk = Walk(
        values,
        lambda node, operands: _apply(c, node, operands, written),
        lambda v: replace(v.value, shape=v.shape),
        Operand,
        c.graph.opset,
        apart=written == 1,
        trains=c.trains,
    )
    walk.run(needed(c.graph.nodes, wanted))
    return {name: values[name].value for name in wanted}


def _apply(
    c: Conversion, node: Node, operands: list[Operand | None], written: int
) -> list[Operand]:
    given = [v for v in operands if v is not None]
    if not any(v.way for v in given):
        return [
            Operand(v) for v in c.apply(node, [None if v is None else v.value for v in operands])
        ]
    if node.op in OF_SHAPES:
        stated = replace(given[0].value, shape=given[0].shape, tensor=None, array=None)
        return [Operand(v) for v in c.apply(node, [stated])]
    n = next(v.value.shape[0] for v in given if v.way)
    if all(v.way != "apart" for v in given):
        with blamed(node):
            kept = as_rows(c, node, operands, written, n)
        if kept is not None:
            return [Operand(v, "rows", (written, *v.shape[1:])) for v in c.apply(*kept)]
    if written != 1:
        raise rows.mixed(
            node,
            f"it is written for {written} samples at once, and what belongs to each cannot be told here",
        )
    moved = [None if v is None else _apart(c, v) for v in operands]
    return [_rows_again(c, v) for v in apart.apart(c, node, moved, n)]


def _apart(c: Conversion, operand: Operand) -> Operand:
    """A value whose samples lie on an axis of their own."""
    if operand.way != "rows":
        return operand
    value = c.call("Unsqueeze", operand.value, axes=(1,))
    return Operand(value, "apart", value.shape[1:])


def _rows_again(c: Conversion, value: Value) -> Operand:
    if value.rank > 1 and value.shape[1] == 1 and value.tensor is not None:
        found = c.call("Squeeze", value, axes=(1,))
        return Operand(found, "rows", (1, *found.shape[1:]))
    return Operand(value, "apart", value.shape[1:])
