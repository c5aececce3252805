"""RNN, GRU and LSTM, step by step: the cells' equations as products, sums and activations.

The input's product is one for all steps. Weights become parameters of the names ``lstm/input/weight``,
``lstm/state/weight`` and ``lstm/input/bias``, those of the second direction ``lstm/reverse/…``.

References
----------
.. [1] ONNX operators, RNN, GRU, LSTM, https://onnx.ai/onnx/operators/.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sloy.errors import FileFormatError
from sloy.exchange.onnx.expansion import Walk, expansion
from sloy.exchange.onnx.expansions.control import elements, stacked
from sloy.exchange.onnx.nodes import Node, Unsupported

Array = np.ndarray
Steps = Generator[Node, None, str]

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
ACTIVATIONS = {"RNN": ("Tanh",), "GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh")}
# activation → the operator, its attributes' names and what they are where nothing is said
FORMS: dict[str, tuple[str, tuple[tuple[str, float], ...]]] = {
    "relu": ("Relu", ()),
    "tanh": ("Tanh", ()),
    "sigmoid": ("Sigmoid", ()),
    "softsign": ("Softsign", ()),
    "softplus": ("Softplus", ()),
    "leakyrelu": ("LeakyRelu", (("alpha", 0.01),)),
    "thresholdedrelu": ("ThresholdedRelu", (("alpha", 1.0),)),
    "elu": ("Elu", (("alpha", 1.0),)),
    "hardsigmoid": ("HardSigmoid", (("alpha", 0.2), ("beta", 0.5))),
    "affine": ("", (("alpha", 1.0), ("beta", 0.0))),
    "scaledtanh": ("", (("alpha", 1.0), ("beta", 1.0))),
}


@dataclass
class Cell:
    """One direction of a node: its weights as they stand in products, and its activations.

    Attributes
    ----------
    label : str
        Path of its parameters' names.
    activations : list of (name, numbers)
    peepholes : tuple of str
        Of an LSTM's input, output and forget gates.
    """

    walk: Walk[Any]
    node: Node
    label: str
    size: int
    activations: list[tuple[str, dict[str, float]]]
    peepholes: tuple[str, ...] = ()
    names: dict[str, str] = field(default_factory=dict)

    @property
    def before_reset(self) -> bool:
        """Whether a GRU's state goes through its product before it is reset."""
        return self.node.op == "GRU" and bool(self.node.attributes.get("linear_before_reset", 0))

    def make(self, op: str, *operands: str, path: Any = "", **attributes: Any) -> Steps:
        """One node; its result's name."""
        name = self.walk.new(op)
        yield Node(op, f"/{self.label}/{path}/{op}" if path else "", operands, (name,), attributes)
        return name

    def product(self, x: str, path: str, weight: Array, bias: Array | None = None) -> Steps:
        """x W + b; parameters are the same in every step."""
        y = yield from self.make("MatMul", x, self.kept(path, "weight", weight), path=path)
        if bias is None:
            return y
        return (yield from self.make("Add", y, self.kept(path, "bias", bias), path=path))

    def kept(self, path: str, role: str, array: Array) -> str:
        """A weight by one name for all steps."""
        key = f"{path}/{role}"
        if key not in self.names:
            source = f"{self.label}/{key}"
            self.names[key] = self.walk.give(np.ascontiguousarray(array), key, source)
        return self.names[key]

    def activate(self, number: int, x: str) -> Steps:
        """An activation of the node, of what its `clip` leaves."""
        clip = self.node.attributes.get("clip")
        if clip:
            x = yield from self.make("Clip", x, min=-clip, max=clip)
        name, said = self.activations[number]
        op = FORMS[name][0]
        if op:
            return (yield from self.make(op, x, **said))
        alpha, beta = (self.number(said[key]) for key in ("alpha", "beta"))
        if name == "affine":
            y = yield from self.make("Mul", x, alpha)
            return (yield from self.make("Add", y, beta))
        y = yield from self.make("Mul", x, beta)
        y = yield from self.make("Tanh", y)
        return (yield from self.make("Mul", y, alpha))

    def number(self, value: float) -> str:
        """A constant of that value."""
        return self.walk.give(np.array(value, np.float32), "number")

    def gates(self, x: str, count: int) -> Generator[Node, None, list[str]]:
        """The parts of a value (…, count · size)."""
        parts = tuple(self.walk.new("gate") for _ in range(count))
        yield Node("Split", "", (x,), parts, {"axis": -1, "split": (self.size,) * count})
        return list(parts)

    def sum(self, *terms: str) -> Steps:
        """Of those that are there."""
        total, *rest = (term for term in terms if term)
        for term in rest:
            total = yield from self.make("Add", total, term)
        return total

    def times(self, left: str, right: str) -> Steps:
        """A product of elements; nothing where one is nothing."""
        if not left or not right:
            return ""
        return (yield from self.make("Mul", left, right))


@expansion("RNN", "GRU", "LSTM")
def _recurrent(walk: Walk[Any], node: Node) -> Iterator[Node]:
    names = [*node.inputs, *[""] * 8][:8]
    x, lengths = names[0], names[4]
    turned = bool(node.attributes.get("layout", 0))
    given = walk.value(x).shape
    count = given[int(turned)]
    if lengths and not (walk.array(lengths) == count).all():
        raise Unsupported("sequences of different lengths (`sequence_lens`)")
    cells = _cells(walk, node, names)
    starts = []
    for name in (names[5], names[6]):
        starts.append((yield from _starts(walk, node, name, len(cells), turned=turned)))
    if turned:
        steps_first = walk.new("x")
        yield Node("Transpose", node.name, (x,), (steps_first,), {"perm": (1, 0, 2)})
        x = steps_first
    results: list[list[str]] = []
    last: list[tuple[str, str]] = []
    for d, cell in enumerate(cells):
        backward = node.attributes.get("direction", "forward") == "reverse" or d == 1
        states, end = yield from _steps(
            cell, x, count, names, d, (starts[0][d], starts[1][d]), backward=backward
        )
        results.append(states)
        last.append((states[0] if backward else states[-1], end))
    yield from _outputs(walk, node, results, last, turned=turned)


def _steps(
    cell: Cell,
    x: str,
    count: int,
    names: Sequence[str],
    d: int,
    start: tuple[str, str],
    *,
    backward: bool,
) -> Generator[Node, None, tuple[list[str], str]]:
    """The states of one direction in the order of the input, and an LSTM's last cell state."""
    walk, op = cell.walk, cell.node.op
    weight, state_weight = (walk.array(name)[d] for name in names[1:3])
    own, hidden = _biases(cell, walk.array(names[3])[d]) if names[3] else (None, None)
    rows = yield from cell.product(x, "input", weight.T, own)
    steps = yield from elements(walk, cell.node, rows, 0, [1] * count, keep=False)
    h, memory = start
    states = []
    rule = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}[op]
    for step in steps[::-1] if backward else steps:
        h, memory = yield from rule(cell, step, h, memory, state_weight, hidden)
        states.append(h)
    return states[::-1] if backward else states, memory


def _biases(cell: Cell, both: Array) -> tuple[Array, Array | None]:
    """What is added to the input's product, and what stays beside the state's: a GRU's, where it is reset behind it."""
    own, recurrent = np.split(both, 2)
    if not cell.before_reset:
        return own + recurrent, None
    size = cell.size
    return np.concatenate([own[: 2 * size] + recurrent[: 2 * size], own[2 * size :]]), recurrent[
        2 * size :
    ]


Rule = Generator[Node, None, tuple[str, str]]


def _rnn(cell: Cell, x: str, h: str, memory: str, weight: Array, bias: Array | None) -> Rule:
    """h = f(x + h R)."""
    term = (yield from cell.product(h, "state", weight.T)) if h else ""
    total = yield from cell.sum(x, term)
    return (yield from cell.activate(0, total)), memory


def _gru(cell: Cell, x: str, h: str, memory: str, weight: Array, bias: Array | None) -> Rule:
    """h = (1 - z) g(x_h + (r h) R_h) + z h, or with r (h R_h + b) before the reset."""
    size = cell.size
    xz, xr, xh = yield from cell.gates(x, 3)
    hz = hr = inner = ""
    if cell.before_reset:
        if h:
            term = yield from cell.product(h, "state", weight.T)
            hz, hr, inner = yield from cell.gates(term, 3)
        if bias is not None:
            kept = cell.kept("candidate", "bias", bias)
            inner = (yield from cell.make("Add", inner, kept, path="candidate")) if inner else kept
    elif h:
        term = yield from cell.product(h, "state", weight[: 2 * size].T)
        hz, hr = yield from cell.gates(term, 2)
    z = yield from cell.activate(0, (yield from cell.sum(xz, hz)))
    r = yield from cell.activate(0, (yield from cell.sum(xr, hr)))
    if cell.before_reset:
        inner = yield from cell.times(r, inner)
    elif h:
        reset = yield from cell.make("Mul", r, h)
        inner = yield from cell.product(reset, "candidate", weight[2 * size :].T)
    new = yield from cell.activate(1, (yield from cell.sum(xh, inner)))
    rest = yield from cell.make("Sub", cell.number(1.0), z)
    kept_part = yield from cell.times(z, h)
    fresh = yield from cell.times(rest, new)
    return (yield from cell.sum(fresh, kept_part)), memory


def _lstm(cell: Cell, x: str, h: str, memory: str, weight: Array, bias: Array | None) -> Rule:
    """c = f c + i g(…), h = o k(c), with i, o, f the gates."""
    term = (yield from cell.product(h, "state", weight.T)) if h else ""
    total = yield from cell.sum(x, term)
    xi, xo, xf, xc = yield from cell.gates(total, 4)
    pi, po, pf = cell.peepholes or ("", "", "")
    seen = yield from cell.times(pi, memory)
    i = yield from cell.activate(0, (yield from cell.sum(xi, seen)))
    if cell.node.attributes.get("input_forget", 0):
        f = yield from cell.make("Sub", cell.number(1.0), i)
    else:
        seen = yield from cell.times(pf, memory)
        f = yield from cell.activate(0, (yield from cell.sum(xf, seen)))
    new = yield from cell.activate(1, xc)
    fresh = yield from cell.times(i, new)
    memory = yield from cell.sum(fresh, (yield from cell.times(f, memory)))
    seen = yield from cell.times(po, memory)
    o = yield from cell.activate(0, (yield from cell.sum(xo, seen)))
    return (yield from cell.times(o, (yield from cell.activate(2, memory)))), memory


# --- what a node says ------------------------------------------------------------------------------------------------


def _cells(walk: Walk[Any], node: Node, names: Sequence[str]) -> list[Cell]:
    directions = 2 if node.attributes.get("direction", "forward") == "bidirectional" else 1
    gates, recurrent = GATES[node.op], walk.array(names[2])
    size = int(node.attributes.get("hidden_size", recurrent.shape[-1]))
    if recurrent.shape != (directions, gates * size, size):
        raise FileFormatError(f"recurrent weights of {recurrent.shape} for {size} units.")
    path = node.name.strip("/").rpartition("/")[0] or f"{node.op.lower()}_{walk.tick()}"
    chosen = _activations(node, directions)
    cells = []
    for d in range(directions):
        peepholes: tuple[str, ...] = ()
        if names[7]:
            parts = np.split(walk.array(names[7])[d], 3)
            peepholes = tuple(walk.give(part, "peephole") for part in parts)
        label = f"{path}/reverse" if d else path
        cells.append(Cell(walk, node, label, size, chosen[d], peepholes))
    return cells


def _activations(node: Node, directions: int) -> list[list[tuple[str, dict[str, float]]]]:
    """Of each direction the activations with their numbers, which the node lists in order."""
    default = ACTIVATIONS[node.op]
    names = [n.lower() for n in node.attributes.get("activations") or default * directions]
    unknown = next((name for name in names if name not in FORMS), None)
    if unknown is not None or len(names) != len(default) * directions:
        raise Unsupported(f"the activations {', '.join(names)}")
    lists = {key: list(node.attributes.get(f"activation_{key}") or ()) for key in ("alpha", "beta")}
    found = []
    for name in names:
        said = {}
        for key, value in FORMS[name][1]:
            said[key] = lists[key].pop(0) if lists[key] else value
        found.append((name, said))
    return [found[d * len(default) : (d + 1) * len(default)] for d in range(directions)]


def _starts(
    walk: Walk[Any], node: Node, name: str, directions: int, *, turned: bool
) -> Generator[Node, None, list[str]]:
    """The state that each direction starts from; nothing where it is 0."""
    if not name:
        return [""] * directions
    array = walk.value(name).array
    if array is not None and not array.any():
        return [""] * directions
    return (yield from elements(walk, node, name, int(turned), [1] * directions, keep=False))


def _outputs(
    walk: Walk[Any],
    node: Node,
    results: list[list[str]],
    last: list[tuple[str, str]],
    *,
    turned: bool,
) -> Iterator[Node]:
    """All states (T, D, N, H) and the last (D, N, H); batch first where the layout says so."""
    whole, state, memory = [*node.outputs, "", ""][:3]
    if whole:
        rows = []
        for states in zip(*results, strict=True):
            rows.append(walk.new("states"))
            yield from stacked(node, states, rows[-1], 1 if turned else 0, walk)
        yield from stacked(node, rows, whole, 1 if turned else 0, walk)
    for name, place in ((state, 0), (memory, 1)):
        if name:
            yield from stacked(node, [each[place] for each in last], name, int(turned), walk)
