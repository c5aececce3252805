"""Products of integers, as quantised networks have them, spelled out as the products of numbers that they stand for.

References
----------
.. [1] ONNX operators, QLinearConv, QLinearMatMul, ConvInteger, MatMulInteger, https://onnx.ai/onnx/operators/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from sloy.exchange.onnx.nodes import Node

ONE = "sloy/one"  # an initialiser: the scale of integers that have none
_INT32 = 6


def spelled_out(
    nodes: Sequence[Node], initializers: Mapping[str, np.ndarray]
) -> tuple[tuple[Node, ...], dict[str, np.ndarray]]:
    """The nodes; `DequantizeLinear`, `Conv` or `MatMul`, and `QuantizeLinear` or `Cast` for each integer product."""
    found: list[Node] = []
    for node in nodes:
        found += _FORMS[node.op](node) if node.op in _FORMS and node.outputs else [node]
    more = {**initializers}
    if any(node.op in _UNSCALED for node in nodes):
        more[ONE] = np.array(1.0, np.float32)
    return tuple(found), more


def _operand(node: Node, number: int) -> str:
    return node.inputs[number] if number < len(node.inputs) else ""


def _as_numbers(node: Node, word: str, operands: Iterable[str], axis: int) -> Node:
    """`DequantizeLinear`: integers, their scale, their zero point."""
    names = [*operands]
    given = tuple(names if names[-1] else names[:-1])
    return Node(
        "DequantizeLinear", node.name, given, (f"{node.outputs[0]}/{word}",), {"axis": axis}
    )


def _scaled(op: str, axes: tuple[int, int]) -> Callable[[Node], list[Node]]:
    """Operands x, its scale and zero point, w, its two, the result's two, and a bias in units of both scales."""

    def spell(node: Node) -> list[Node]:
        result = node.outputs[0]
        made = [
            _as_numbers(node, "x", (_operand(node, k) for k in (0, 1, 2)), axes[0]),
            _as_numbers(node, "w", (_operand(node, k) for k in (3, 4, 5)), axes[1]),
        ]
        operands = [one.outputs[0] for one in made]
        if op == "Conv" and (bias := _operand(node, 8)):
            unit = f"{result}/unit"
            made.append(Node("Mul", node.name, (_operand(node, 1), _operand(node, 4)), (unit,), {}))
            made.append(_as_numbers(node, "b", (bias, unit, ""), 0))
            operands.append(made[-1].outputs[0])
        made.append(Node(op, node.name, tuple(operands), (f"{result}/y",), node.attributes))
        last = (f"{result}/y", _operand(node, 6), _operand(node, 7))
        return [*made, Node("QuantizeLinear", node.name, last, node.outputs, {})]

    return spell


def _unscaled(op: str, axes: tuple[int, int]) -> Callable[[Node], list[Node]]:
    """Operands x and w, and their zero points; the result is of 32 bits."""

    def spell(node: Node) -> list[Node]:
        made = [
            _as_numbers(node, word, (_operand(node, k), ONE, _operand(node, k + 2)), axes[k])
            for k, word in enumerate(("x", "w"))
        ]
        result = f"{node.outputs[0]}/y"
        operands = tuple(one.outputs[0] for one in made)
        made.append(Node(op, node.name, operands, (result,), node.attributes))
        return [*made, Node("Cast", node.name, (result,), node.outputs, {"to": _INT32})]

    return spell


_UNSCALED = {
    "ConvInteger": _unscaled("Conv", (1, 0)),
    "MatMulInteger": _unscaled("MatMul", (-2, -1)),
}
_FORMS = {
    "QLinearConv": _scaled("Conv", (1, 0)),
    "QLinearMatMul": _scaled("MatMul", (-2, -1)),
    **_UNSCALED,
}
