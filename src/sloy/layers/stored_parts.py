"""A stored graph of ops as something to cut: what values are made of, and where one value is all that is needed."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sloy import ops
from sloy.graph.opdef import REGISTRY
from sloy.graph.spec import Shape
from sloy.graph.tensor import Tensor
from sloy.layers.base import Scope
from sloy.layers.imported import Imported, handlers

LEAVES = ("parameter", "state")
_SAMPLES = 2  # that shapes are looked at for


@dataclass(frozen=True)
class Segment:
    """What lies between two values of which each is all that the rest needs.

    Attributes
    ----------
    start, end : int
        Numbers of values.
    own : tuple of int
        The values computed of samples, in order, `end` the last of them.
    """

    start: int
    end: int
    own: tuple[int, ...]


@dataclass
class Parts:
    """The stored graph, with what is known of its values."""

    nodes: list[dict[str, Any]]  # node i makes value i + 1
    given: dict[str, Any]
    output: int
    values: list[Tensor]
    named: Sequence[tuple[str, int]]

    @staticmethod
    def of(layer: Imported, input_shape: Shape, dtype: str) -> Parts:
        """The graph of a layer that is given samples of a shape."""
        config = layer.function.config
        graph = config if "nodes" in config else config[dtype]
        x = ops.input("x", (_SAMPLES, *input_shape), dtype)
        values, output = layer.function.evaluate([x], handlers(Scope(dtype=dtype)))
        return Parts(graph["nodes"], graph["inputs"][0], output, values, layer.values)

    def __post_init__(self) -> None:
        self.samples = {0}  # values that are computed of the samples
        for number in sorted(self.reached(self.output, 0)):
            if number and self.samples & set(self.operands(number)):
                self.samples.add(number)
        named = self.names(self.leaves(-1, self.output))
        self.owners = {name.rpartition("/")[0].replace("/", ".") for name in named}
        self.labels = {number: _path(name) for name, number in self.named}

    def op(self, number: int) -> str:
        """What makes a value."""
        return str(self.nodes[number - 1]["op"]) if number else "input"

    def attributes(self, number: int) -> Any:
        """Attributes of the op that makes a value: of ops those of the tensor, else those that are stored."""
        known = self.op(number) in REGISTRY
        return self.values[number].attributes if known else self.nodes[number - 1]["attributes"]

    def operands(self, number: int) -> list[int]:
        """What a value is made of at once."""
        return self.nodes[number - 1].get("inputs", []) if number else []

    def reached(self, end: int, start: int) -> set[int]:
        """All that a value is made of, not going behind `start`."""
        found: set[int] = set()
        waiting = [end]
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting += self.operands(number) if number != start else []
        return found

    def leaves(self, start: int, end: int) -> set[int]:
        """The parameters and states of what lies between."""
        return {v for v in self.reached(end, start) if v and v != start and self.op(v) in LEAVES}

    def leaf(self, number: int, shape: Shape | None = None) -> str | None:
        """The name of the leaf that a value is or repeats along leading axes; None where it is none, of that shape."""
        chain = ("broadcast_to", "reshape") if shape is not None else ()
        while self.op(number) in chain and len(self.operands(number)) == 1:
            (number,) = self.operands(number)
        if self.op(number) not in LEAVES:
            return None
        found = self.nodes[number - 1]["attributes"]
        fits = shape is None or tuple(found["shape"]) == shape
        return str(found["name"]) if fits else None

    def names(self, leaves: set[int]) -> list[str]:
        """Names of leaves, in order."""
        return [self.nodes[v - 1]["attributes"]["name"] for v in sorted(leaves)]

    def segments(self, start: int, end: int) -> list[Segment]:
        """What lies between two values, cut wherever it can be, no leaves on both sides of a cut."""
        inside = sorted(v for v in self.reached(end, start) & self.samples if v != start)
        last: dict[int, int] = {}
        for number in inside:
            last.update(dict.fromkeys(self.operands(number), number))
        kind, cuts, furthest = self.values[0].dtype, [], last.get(start, start)
        for v in inside:
            whole = self.values[v].shape[:1] == (_SAMPLES,) and self.values[v].dtype == kind
            if furthest <= v and (whole or v == end):
                cuts.append(v)
            furthest = max(furthest, last.get(v, v))
        cuts = self._apart(start, cuts)
        found, begin, first = [], start, 0
        for cut in cuts:
            behind = bisect_right(inside, cut, first)
            found.append(Segment(begin, cut, tuple(inside[first:behind])))
            begin, first = cut, behind
        return found

    def _apart(self, start: int, ends: list[int]) -> list[int]:
        """Without the ends between segments that share leaves."""
        first: dict[int, int] = {}  # leaf → the segment that has it
        kept: list[int] = []
        own: list[set[int]] = []  # the leaves of each segment
        begin = start
        for end in ends:
            leaves = self.leaves(begin, end)
            shared = min((first[v] for v in leaves if v in first), default=len(kept))
            leaves = leaves.union(*own[shared:])
            first.update(dict.fromkeys(leaves, shared))
            kept[shared:], own[shared:] = [end], [leaves]
            begin = end
        return kept

    def is_product(self, number: int) -> bool:
        """Whether a value is a product with weights."""
        op = self.op(number)
        if op not in REGISTRY or REGISTRY[op].kind != "product":
            return False
        others = [v for v in self.operands(number) if v not in self.samples]
        return any(self.leaves(-1, v) for v in others)

    def imported(self, start: int, end: int, name: str, names: dict[str, str]) -> Imported:
        """What lies between as a layer that is a graph, its leaves under other names."""
        inside = sorted(self.reached(end, start) - {start})
        place = {start: 0, **{v: i for i, v in enumerate(inside, 1)}}
        nodes = []
        for v in inside:
            node = dict(self.nodes[v - 1])
            if "inputs" in node:
                node["inputs"] = [place[i] for i in node["inputs"]]
            if node["op"] in LEAVES:
                own = {"name": names[node["attributes"]["name"]]}
                node["attributes"] = {**node["attributes"], **own}
            nodes.append(node)
        rest = [{"N": 1}, *self.values[start].shape[1:]]
        given = self.given if start == 0 else {"dtype": "float", "shape": rest}
        function = {"inputs": [given], "nodes": nodes, "output": place[end]}
        kept = [
            (within(n, name), place[v])
            for n, v in self.named
            if v in place and v != start and n != name
        ]
        config = {"function": function, "values": [list(pair) for pair in kept], "name": name}
        return Imported.from_config(config)


def _path(name: str) -> str:
    """A name as exporters spell the way to it, each part once: ``layer1/layer1.0/relu`` is layer1.0.relu."""
    parts = name.split("/")
    pairs = zip(parts, [*parts[1:], ""], strict=True)
    return ".".join(part for part, after in pairs if not after.startswith(f"{part}."))


def common(owners: Sequence[str]) -> str:
    """What names of layers begin with together, part by part; that of the first where it is nothing.

    Examples
    --------
    >>> common(["layer1.0.conv1", "layer1.0.bn1"]), common(["conv4_expand", "conv4_linear"])
    ('layer1.0', 'conv4')
    """
    dotted = [owner.replace("/", ".") for owner in owners]
    if shared := _shared(dotted, "."):
        return shared
    spelled = _shared(dotted, "_")
    return spelled if any(map(str.isdigit, spelled)) else (dotted or [""])[0]


def _shared(names: Sequence[str], separator: str) -> str:
    shared: list[str] = []
    for level in zip(*(name.split(separator) for name in names), strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return separator.join(shared)


def within(name: str, prefix: str) -> str:
    """A name without what the piece is called."""
    plain = name.replace("/", ".", name.count("/") - 1) if prefix and "/" in name else name
    for start in (f"{prefix}/", f"{prefix}."):
        if prefix and plain.startswith(start) and len(plain) > len(start):
            return plain[len(start) :]
    return name


def spelled(wanted: str) -> str:
    """A name with the letters that layers' names have."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", wanted) or "piece"
    return plain if re.match(r"[A-Za-z_]", plain) else f"_{plain}"
