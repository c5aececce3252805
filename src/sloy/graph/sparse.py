"""A graph whose samples are sparse rows: the first products are computed from the entries alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sloy.graph.graph import Graph, Node, copy_node
from sloy.graph.ops.reduction import reduce_sum
from sloy.graph.ops.shape import reshape
from sloy.graph.ops.sparse import sparse_matmul, sparse_scale
from sloy.graph.tensor import Tensor, broadcast_to, constant, input


class _Dense(Exception):
    """Something needs the rows whole."""


@dataclass(frozen=True, eq=False)
class _Rows:
    """What stands for rows x (N, I): the entries, each times the factor of its place, plus an offset (I,) to all."""

    factor: np.ndarray | None = None  # (I,)
    offset: np.ndarray | None = None


def entry_names(name: str) -> tuple[str, str]:
    """The names of the inputs that take the places of an input: places and values."""
    return f"{name}/places", f"{name}/values"


def by_entries(graph: Graph, name: str, entries: int) -> Graph | None:
    """The same graph with the entries of an input's rows in the place of the input.

    The input x (N, I) may be scaled and moved column by column; then it must be an operand of products alone, as the
    first dense layer's x W and, for its gradient, xᵀ g.

    Parameters
    ----------
    graph : Graph
    name : str
        Of the input.
    entries : int
        P, the most that a row has.

    Returns
    -------
    Graph, or None where something else needs the rows whole
        Instead of the input it has ``<name>/places`` int32 (N, P) and ``<name>/values`` (N, P) in the input's dtype;
        see `sloy.graph.ops.sparse`.

    Notes
    -----
    Sums are in another order than in the product of whole rows.

    Examples
    --------
    >>> from sloy import ops
    >>> x, w = ops.input("x", (4, 1000)), ops.variable("w", (1000, 2))
    >>> print(by_entries(Graph.of({"y": x @ w}), "x", entries=3))
    %0 = input 'x/places' : int32[4, 3]
    %1 = input 'x/values' : float32[4, 3]
    %2 = variable 'w' : float32[1000, 2]
    %3 = sparse_matmul(%0, %1, %2) columns=1000 transpose_a=False : float32[4, 2]
    output y = %3
    """
    try:
        return graph.rebuild(_Writer(graph, name, entries), leaves=True)
    except _Dense:
        return None


class _Writer:
    """The rule that writes it, node by node."""

    def __init__(self, graph: Graph, name: str, entries: int) -> None:
        self._name = name
        spec = graph.inputs.get(name)
        if spec is None or spec.rank != 2 or not spec.is_float:
            raise _Dense
        self._samples, self._columns = spec.shape
        of_places, of_values = entry_names(name)
        self._places = input(of_places, (self._samples, entries), "int32")
        self._values = input(of_values, (self._samples, entries), spec.dtype)
        self._scaled: dict[int, Tensor] = {}  # by the factor's id
        self._rows: dict[int, _Rows] = {}  # by the id of what stands for them
        self._kept: list[Tensor] = []  # so that no id comes again

    def __call__(self, node: Node, operands: tuple[Tensor, ...]) -> Tensor:
        """See `Graph.rebuild`."""
        if node.op == "input" and node.attributes["name"] == self._name:
            return self._stand(copy_node(node, ()), _Rows())
        sparse = [self._rows.get(id(operand)) for operand in operands]
        if not any(sparse):
            return copy_node(node, operands)
        first = sparse[0]
        if node.op == "matmul" and first and not sparse[1]:
            return self._product(node, first, operands[1])
        moved = self._moved(node, operands, sparse)
        if moved is None:
            raise _Dense
        return self._stand(copy_node(node, operands), moved)

    def _stand(self, tensor: Tensor, rows: _Rows) -> Tensor:
        self._rows[id(tensor)] = rows
        self._kept.append(tensor)
        return tensor

    def _moved(
        self, node: Node, operands: tuple[Tensor, ...], sparse: list[_Rows | None]
    ) -> _Rows | None:
        """The rows after an addition, subtraction or multiplication of a number for each column."""
        if node.op not in ("add", "sub", "mul") or all(sparse):
            return None
        side = 0 if sparse[0] else 1
        rows, number = sparse[side], self._of_columns(operands[1 - side])
        if rows is None or number is None or (node.op == "sub" and side):
            return None
        offset = np.zeros(self._columns) if rows.offset is None else rows.offset
        if node.op == "mul":
            factor = number if rows.factor is None else rows.factor * number
            return _Rows(factor, None if rows.offset is None else offset * number)
        return _Rows(rows.factor, offset + number if node.op == "add" else offset - number)

    def _of_columns(self, x: Tensor) -> np.ndarray | None:
        """A constant of one number for each column, or for all, in float64 (I,)."""
        source = x
        while source.op in ("broadcast_to", "reshape"):
            source = source.inputs[0]
        if source.op != "constant" or source.spec.size not in (1, self._columns):
            return None
        if source.spec.size > 1 and (x.op != "broadcast_to" or source.shape[-1] != self._columns):
            return None
        value = np.asarray(source.attributes["value"], np.float64)
        return np.array(np.broadcast_to(value.reshape(-1), (self._columns,)))

    def _product(self, node: Node, rows: _Rows, other: Tensor) -> Tensor:
        """x W, or xᵀ g."""
        if node.attributes["transpose_b"]:
            raise _Dense
        transposed = node.attributes["transpose_a"]
        values = self._entries(rows.factor)
        y = sparse_matmul(
            self._places, values, other, columns=self._columns, transpose_a=transposed
        )
        if rows.offset is None or not rows.offset.any():
            return y
        offset = constant(rows.offset[None], y.dtype)  # (1, I)
        if transposed:  # the offset of each column times the sum of g over the samples
            sums = reshape(reduce_sum(other, 0), (1, other.shape[1]))
            column = reshape(offset, (self._columns, 1))
            return y + broadcast_to(column, y.shape) * broadcast_to(sums, y.shape)
        return y + broadcast_to(offset @ other, y.shape)

    def _entries(self, factor: np.ndarray | None) -> Tensor:
        """The values of the entries times the factors of their places."""
        if factor is None:
            return self._values
        if id(factor) not in self._scaled:
            numbers = constant(factor, self._values.dtype)
            self._scaled[id(factor)] = sparse_scale(self._places, self._values, numbers)
        return self._scaled[id(factor)]
