"""An imported graph as a chain of layers: cut where one value is all that the rest needs.

A piece begins with a product with weights, as a convolution, and ends before the next that can be cut off: a layer with
its bias, normalisation and activation; a residual block as a whole. A matrix product with a bias at the end becomes
`Dense`, which fine-tuning can make anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sloy import ops
from sloy.graph.opdef import REGISTRY
from sloy.graph.spec import Shape
from sloy.graph.tensor import Tensor
from sloy.layers.base import Layer, Scope
from sloy.layers.dense import Dense
from sloy.layers.imported import Imported, handlers

LEAVES = ("parameter", "state")
_SAMPLES = 2  # that shapes are looked at for


@dataclass(frozen=True)
class Piece:
    """A layer, and what the parameters of the graph are called in it.

    Attributes
    ----------
    layer : Layer
        With a name of its own.
    names : dict
        Name within the imported layer → name within this one.
    """

    layer: Layer
    names: dict[str, str]


def pieces(layer: Imported, input_shape: Shape, dtype: str = "float32") -> list[Piece]:
    """The chain of layers that an imported graph is; one piece where it cannot be cut.

    Parameters
    ----------
    layer : Imported
    input_shape : tuple of int
        Of one sample.
    dtype : str
        The computing dtype.
    """
    graph = _Graph.of(layer, input_shape, dtype)
    ends = [*graph.boundaries(), graph.output]
    found: list[Piece] = []
    taken: set[str] = set()
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        piece = graph.piece(start, end, taken)
        taken.add(str(piece.layer.name))
        found.append(piece)
    return found


@dataclass
class _Graph:
    """The stored graph, with what is known of its values."""

    nodes: list[dict[str, Any]]  # node i makes value i + 1
    given: dict[str, Any]
    output: int
    values: list[Tensor]
    named: Sequence[tuple[str, int]]

    @staticmethod
    def of(layer: Imported, input_shape: Shape, dtype: str) -> _Graph:
        config = layer.function.config
        graph = config if "nodes" in config else config[dtype]
        x = ops.input("x", (_SAMPLES, *input_shape), dtype)
        values, output = layer.function.evaluate([x], handlers(Scope(dtype=dtype)))
        return _Graph(graph["nodes"], graph["inputs"][0], output, values, layer.values)

    def __post_init__(self) -> None:
        self.needed = self._reached(self.output, 0)
        self.samples = {0}  # values that are computed of the samples
        for number in sorted(self.needed):
            if number and self.samples & set(self._operands(number)):
                self.samples.add(number)
        self.last = {
            v: max((u for u in self.samples if u and v in self._operands(u)), default=v)
            for v in self.samples
        }

    def _operands(self, number: int) -> list[int]:
        return self.nodes[number - 1].get("inputs", []) if number else []

    def _reached(self, end: int, start: int) -> set[int]:
        """All that a value is made of, not going behind `start`."""
        found: set[int] = set()
        waiting = [end]
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting += self._operands(number) if number != start else []
        return found

    def boundaries(self) -> list[int]:
        """Where pieces end, but the last: the last cut before each product with weights, no weights on both sides."""
        kind = self.values[0].dtype
        cuts, furthest = [], 0
        for v in sorted(self.samples):
            whole = self.values[v].shape[:1] == (_SAMPLES,) and self.values[v].dtype == kind
            if furthest <= v and v and whole:
                cuts.append(v)
            furthest = max(furthest, self.last[v])
        found: list[int] = []
        for v in sorted(self.samples):
            if v and self._is_product(v) and (before := [c for c in cuts if c < v]):
                start = found[-1] if found else 0
                if before[-1] > start and self._leaves(start, before[-1]):
                    found.append(before[-1])
        return self._apart(found)

    def _apart(self, ends: list[int]) -> list[int]:
        """Without the ends between pieces that share weights."""
        while True:
            starts, owners = [0, *ends], [*ends, self.output]
            leaves = [self._leaves(s, e) for s, e in zip(starts, owners, strict=True)]
            shared = next(
                (
                    (i, j)
                    for i in range(len(leaves))
                    for j in range(i + 1, len(leaves))
                    if leaves[i] & leaves[j]
                ),
                None,
            )
            if shared is None:
                return ends
            ends = [*ends[: shared[0]], *ends[shared[1] :]]

    def _is_product(self, number: int) -> bool:
        op = self.nodes[number - 1]["op"]
        if op not in REGISTRY or REGISTRY[op].kind != "product":
            return False
        return any(self._leaves(v, v) for v in self._operands(number) if v not in self.samples)

    def _leaves(self, start: int, end: int) -> set[int]:
        """The parameters and states of what lies between."""
        behind = self._reached(end, start) if end != start else self._reached(end, -1)
        return {v for v in behind if v and self.nodes[v - 1]["op"] in LEAVES}

    def piece(self, start: int, end: int, taken: set[str]) -> Piece:
        """The layer from one value to another."""
        inside = sorted(self._reached(end, start) - {start})
        owned = [
            self.nodes[v - 1]["attributes"]["name"] for v in inside if v in self._leaves(start, end)
        ]
        prefix = _common([name.rpartition("/")[0] for name in owned])
        name = _unique(prefix, taken)
        names = {own: _within(own, prefix) for own in owned}
        if len(set(names.values())) < len(names):
            names = {own: own for own in owned}
        if (dense := self._dense(start, end, name)) is not None:
            return dense
        place = {start: 0, **{v: i for i, v in enumerate(inside, 1)}}
        nodes = [self._moved(v, place, names) for v in inside]
        given = (
            self.given
            if start == 0
            else {"dtype": "float", "shape": [{"N": 1}, *self.values[start].shape[1:]]}
        )
        function = {"inputs": [given], "nodes": nodes, "output": place[end]}
        kept = [
            (_within(n, prefix), place[v]) for n, v in self.named if v in inside and n != prefix
        ]
        config = {"function": function, "values": [list(pair) for pair in kept], "name": name}
        return Piece(Imported.from_config(config), names)

    def _moved(self, number: int, place: dict[int, int], names: dict[str, str]) -> dict[str, Any]:
        node = dict(self.nodes[number - 1])
        if "inputs" in node:
            node["inputs"] = [place[v] for v in node["inputs"]]
        if node["op"] in LEAVES:
            node["attributes"] = {
                **node["attributes"],
                "name": names[node["attributes"]["name"]],
            }
        return node

    def _dense(self, start: int, end: int, name: str) -> Piece | None:
        """`Dense` where it is just that."""
        own = [v for v in sorted(self._reached(end, start)) if v in self.samples and v != start]
        nodes = [self.nodes[v - 1] for v in own]
        kinds = [node["op"] for node in nodes]
        if kinds not in (["matmul"], ["matmul", "add"]) or self.values[start].rank != 2:
            return None
        x, weight = nodes[0]["inputs"]
        turned = nodes[0]["attributes"]["transpose_a"] or nodes[0]["attributes"]["transpose_b"]
        if x != start or turned or self.nodes[weight - 1]["op"] != "parameter":
            return None
        names = {self.nodes[weight - 1]["attributes"]["name"]: "weight"}
        units = self.values[end].shape[-1]
        if len(nodes) == 2:
            (bias,) = [v for v in nodes[1]["inputs"] if v != own[0]] or [own[0]]
            leaves = [self.nodes[v - 1] for v in self._leaves(bias, bias)]
            chain = {self.nodes[v - 1]["op"] for v in self._reached(bias, -1)}
            if len(leaves) != 1 or not chain <= {"parameter", "broadcast_to", "reshape"}:
                return None
            if leaves[0]["op"] != "parameter" or leaves[0]["attributes"]["shape"] != [units]:
                return None
            names[leaves[0]["attributes"]["name"]] = "bias"
        return Piece(Dense(units, use_bias=len(nodes) == 2, name=name), names)


def _common(owners: Sequence[str]) -> str:
    """What names of layers begin with together, part by part; that of the first where it is nothing."""
    parts = [owner.replace("/", ".").split(".") for owner in owners]
    if not parts:
        return ""
    shared: list[str] = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return ".".join(shared or parts[0])


def _within(name: str, prefix: str) -> str:
    """A name without what the piece is called."""
    plain = name.replace("/", ".", name.count("/") - 1) if prefix and "/" in name else name
    for start in (f"{prefix}/", f"{prefix}."):
        if prefix and plain.startswith(start) and len(plain) > len(start):
            return plain[len(start) :]
    return name


def _unique(wanted: str, taken: set[str]) -> str:
    """A name for a layer that none has yet."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", wanted) or "piece"
    plain = plain if re.match(r"[A-Za-z_]", plain) else f"_{plain}"
    found, number = plain, 2
    while found in taken:
        found, number = f"{plain}_{number}", number + 1
    return found
