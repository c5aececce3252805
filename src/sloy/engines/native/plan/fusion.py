"""Which nodes run together: groups of elementwise ops, and kernels with an epilogue.

A unit is a set of nodes that one kernel call computes. Two units may become one only while the graph of units stays
acyclic: no third unit may need the one and be needed by the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sloy.engines.native.plan.inlined import is_number, without_reshapes
from sloy.engines.native.plan.values import WEIGHT_GRADIENTS, Values
from sloy.graph.graph import Graph, Node
from sloy.graph.spec import BFLOAT16

GROUP_LIMIT = 96  # nodes of one elementwise group
ANCHORS = ("conv2d", "matmul")  # whose kernels add a bias and apply one of `EPILOGUES`
ROUNDED = (*ANCHORS, "conv2d_input_grad")  # kernels that can store their result in bfloat16
EPILOGUES = ("relu", "sigmoid", "tanh")
ENDED = (
    "has_scale",
    "has_residual",
)  # what the kernel of a convolution in float32 does besides, and ReLU6
SECOND_RESULTS = ("conv2d_places",)  # which the kernel of their operand writes besides


@dataclass
class Unit:
    """Nodes that one kernel computes.

    Attributes
    ----------
    kernel : str
        ``"elementwise"`` or the name of an op.
    nodes : list of int
        What it computes, in order; the last is the result of a kernel with an epilogue.
    operands : tuple of int
        What a kernel reads, in its order; of a group see `Fusion.group_operands`.
    results : tuple of int
        What a kernel writes, in its order; a group's results are found from its users.
    attributes : dict
        Of the kernel.
    """

    kernel: str
    nodes: list[int]
    operands: tuple[int, ...] = ()
    results: tuple[int, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)


class Fusion(Values):
    """The units of a graph.

    Parameters
    ----------
    graph : Graph
    guard : collection of int
        Nodes that must be known before any variable is written.

    Attributes
    ----------
    units : dict
        Number → `Unit`.
    """

    def __init__(self, graph: Graph, guard: Collection[int] = ()) -> None:
        super().__init__(graph, guard)
        self.units: dict[int, Unit] = {}
        self.unit_of: dict[int, int] = {}
        self._ancestors: dict[int, int] = {}
        for i, node in enumerate(graph.nodes):
            if node.is_leaf or i in self.views:
                continue
            self._add(i, node)
            if self._is_elementwise(i) or i in self.sums:
                self._join_group(i)
        self._attach(WEIGHT_GRADIENTS, 1, self._sums_channels, has_bias=1)
        self._absorb_averaged_gradients()
        self._attach(("softmax_cross_entropy",), 0, self._is_softmax)

    # --- units ---------------------------------------------------------------------------------------------------

    def _needs(self, i: int) -> Iterator[int]:
        """The units that node i reads from."""
        for operand in self.graph.nodes[i].inputs:
            for source in self.sources(operand):
                if source in self.unit_of:
                    yield self.unit_of[source]

    def _add(self, i: int, node: Node) -> None:
        anchor = self._anchor_of(i)
        if anchor is not None:
            self._absorb(i, anchor)
            return
        if node.op in SECOND_RESULTS:
            number = self.unit_of[i] = self.unit_of[node.inputs[0]]
            self.units[number].nodes.append(i)
            self.units[number].results += (i,)
            return
        kernel = "elementwise" if self._is_elementwise(i) or i in self.sums else node.op
        if i in self._square_sums:
            kernel = "sum_of_squares"
        self.units[i] = Unit(kernel, [i], node.inputs, (i,), dict(node.attributes))
        self.unit_of[i] = i
        self._ancestors[i] = 0
        for unit in self._needs(i):
            self._ancestors[i] |= self._ancestors[unit] | 1 << unit

    def _can_merge(self, a: int, b: int) -> bool:
        """Whether no third unit lies on a path between the two."""
        for first, last in ((a, b), (b, a)):
            if not self._ancestors[last] >> first & 1:
                continue
            between = {unit for i in self.units[last].nodes for unit in self._needs(i)}
            if any(self._ancestors[unit] >> first & 1 for unit in between - {first, last}):
                return False
        return True

    def merge(self, a: int, b: int) -> int:
        """Make unit b part of unit a."""
        self.units[a].nodes = sorted(self.units[a].nodes + self.units.pop(b).nodes)
        for i in self.units[a].nodes:
            self.unit_of[i] = a
        joint = (self._ancestors[a] | self._ancestors.pop(b)) & ~(1 << a | 1 << b)
        self._ancestors[a] = joint
        for unit, ancestors in self._ancestors.items():
            if unit != a and (ancestors >> a & 1 or ancestors >> b & 1):
                self._ancestors[unit] = ((ancestors & ~(1 << b)) | 1 << a) | joint
        return a

    # --- elementwise groups --------------------------------------------------------------------------------------

    def _join_group(self, i: int) -> None:
        unit = self.unit_of[i]
        if self.units[unit].kernel != "elementwise" or self._is_mask(i):
            return  # absorbed by an anchor; or joined by the first that reads it
        for candidate in self._neighbours(i):
            if candidate == self.unit_of[i] or candidate not in self.units:
                continue
            size = len(self.units[candidate].nodes) + len(self.units[self.unit_of[i]].nodes)
            if (
                size <= GROUP_LIMIT
                and not self._waits_within(candidate, self.unit_of[i])
                and self._can_merge(candidate, self.unit_of[i])
            ):
                self.merge(candidate, self.unit_of[i])

    def _waits_within(self, a: int, b: int) -> bool:
        """Whether a mask of one of two units is drawn with a number of the other, or one reads a sum of the other."""
        nodes = [i for unit in (a, b) for i in self.units[unit].nodes]
        if any(unit in (a, b) for i in nodes if self._is_mask(i) for unit in self._needs(i)):
            return True
        sums = self.sums.intersection(nodes)
        return bool(sums) and any(
            source in sums
            for i in nodes
            for operand in self.graph.nodes[i].inputs
            for source in self.sources(operand)
        )

    def _neighbours(self, i: int) -> list[int]:
        """Groups of the node's shape and phase: first those that it reads, then those that read what it reads."""
        producers, siblings = [], []
        for operand in self.graph.nodes[i].inputs:
            for source in self.sources(operand):
                if source in self.unit_of:
                    producers.append(self.unit_of[source])
                if self.graph.nodes[source].spec.size > 1:
                    siblings += [
                        self.unit_of[user]
                        for user in self._readers({operand, source})
                        if user in self.unit_of
                    ]
        return [unit for unit in dict.fromkeys(producers + siblings) if self._fits(unit, i)]

    def _readers(self, values: Collection[int]) -> Iterator[int]:
        """Who reads values, themselves or through what is made of them again."""
        for value in sorted(values):
            for user in self.graph.users[value]:
                yield user
                if user in self.views and self._is_made_again(user):
                    yield from self._readers({user})

    def _fits(self, unit: int, i: int) -> bool:
        first = self.units[unit].nodes[0]
        return (
            self.units[unit].kernel == "elementwise"
            and self.shape_of(first) == self.shape_of(i)
            and (first in self.late) == (i in self.late)
        )

    def group_operands(self, unit: Unit) -> tuple[int, ...]:
        """What an elementwise group reads from outside, in order of first use; single constants are left out."""
        inside = set(unit.nodes)
        found: dict[int, None] = {}
        for i in unit.nodes:
            if self._is_mask(i):
                found |= dict.fromkeys(self.graph.nodes[i].inputs)
                continue
            for operand in self.graph.nodes[i].inputs:
                found |= dict.fromkeys(self._read(operand, inside))
        return tuple(found)

    def _read(self, operand: int, inside: Collection[int]) -> Iterator[int]:
        """What a group reads from memory for an operand."""
        operand = without_reshapes(self.graph, operand)
        if operand in inside or is_number(self.graph, operand):
            return
        if operand in self.views and self._is_made_again(operand):
            for source in self.graph.nodes[operand].inputs:
                yield from self._read(source, inside)
        else:
            yield operand

    def group_results(self, unit: Unit) -> tuple[int, ...]:
        """What of an elementwise group is needed outside of it, sums last."""
        inside = set(unit.nodes)
        needed = (i for i in unit.nodes if i in self._roots or self._read_outside(i, inside))
        return tuple(sorted(needed, key=lambda i: i in self.sums))

    def _read_outside(self, i: int, inside: set[int]) -> bool:
        return any(
            self._read_outside(user, inside) or user in self._roots
            if user in self.views
            else user not in inside
            for user in self.graph.users[i]
        )

    # --- kernels with an epilogue --------------------------------------------------------------------------------

    def _anchor_of(self, i: int) -> int | None:
        """The unit whose epilogue node i can be: a bias added to, an activation of, or a rounding of its result."""
        node = self.graph.nodes[i]
        if i in self.late:
            return None
        for operand in node.inputs:
            unit = self.unit_of.get(operand)
            if unit is None or self.graph.users[operand] != (i,) or operand in self._roots:
                continue
            rounding = node.op == "cast" and node.spec.dtype == BFLOAT16
            there = self.units[unit].attributes
            plain = there.get("activation") != "relu6" and not there.keys() & set(ENDED)
            if rounding and plain and self.units[unit].kernel in ROUNDED:
                return unit
            if self.units[unit].kernel not in ANCHORS:
                continue
            if "activation" not in self.units[unit].attributes and self._ending(i, operand, unit):
                return unit
        return None

    def _ending(self, i: int, result: int, unit: int) -> str:
        """What the kernel of a unit would do to its result for node i; "" where it would not."""
        node, there = self.graph.nodes[i], self.units[unit].attributes
        if node.op in EPILOGUES:
            return node.op
        if node.op == "clip":
            six = (node.attributes["low"], node.attributes["high"]) == (0.0, 6.0)
            return "relu6" if six and self._ends_further(unit) else ""
        if node.op not in ("add", "mul"):
            return ""
        vector = self._bias_of(i, result, unit) is not None
        if node.op == "add" and vector and not {"has_bias", "has_residual"} & there.keys():
            return "has_bias"
        if not self._ends_further(unit):
            return ""
        if node.op == "mul" and vector and not {"has_bias", *ENDED} & there.keys():
            return "has_scale"
        if node.op == "add" and "has_residual" not in there and self._is_residual(i, result, unit):
            return "has_residual"
        return ""

    def _ends_further(self, unit: int) -> bool:
        """Whether a unit is a convolution that computes and writes float32."""
        taken = self.units[unit]
        values = (*taken.operands[:2], taken.results[0])
        whole = all(self.graph.nodes[k].spec.dtype == "float32" for k in values)
        return taken.kernel == "conv2d" and whole

    def _is_residual(self, i: int, result: int, unit: int) -> bool:
        """Whether the other operand of a sum is in memory before a unit's kernel runs."""
        first, second = self.graph.nodes[i].inputs
        other = second if first == result else first
        return first != second and other not in self.views and self._is_known(other, unit)

    def _is_known(self, value: int, unit: int) -> bool:
        """Whether a value in memory depends on nothing that a unit computes."""
        other = self.unit_of.get(value)
        return other is None or not (other == unit or self._ancestors[other] >> unit & 1)

    def _bias_of(self, i: int, result: int, unit: int) -> int | None:
        """The (O,) vector that node i adds to every position of an anchor's result."""
        first, second = self.graph.nodes[i].inputs
        other = second if first == result else first
        node = self.graph.nodes[other]
        if first == second or node.op != "broadcast_to":
            return None
        bias = node.inputs[0]
        channels = self.graph.nodes[i].spec.shape[-1]
        shape = self.graph.nodes[bias].spec.shape
        vector = shape[-1:] == (channels,) and self.graph.nodes[bias].spec.size == channels
        source = self.source(bias)
        return source if vector and self._is_known(source, unit) else None

    def _absorb(self, i: int, unit: int) -> None:
        taken, node = self.units[unit], self.graph.nodes[i]
        ending = "" if node.op == "cast" else self._ending(i, taken.nodes[-1], unit)
        if ending == "has_residual":
            first, second = node.inputs
            self._take(unit, second if first == taken.nodes[-1] else first, len(taken.operands))
        elif ending in ("has_bias", "has_scale"):
            vector = self._bias_of(i, taken.nodes[-1], unit)
            assert vector is not None
            self._take(unit, vector, 2)  # the bias before the scale
        if ending.startswith("has_"):
            taken.attributes[ending] = 1
        elif ending:
            taken.attributes["activation"] = ending
        taken.nodes.append(i)
        taken.results = (i,)
        self.unit_of[i] = unit

    def _take(self, unit: int, value: int, place: int) -> None:
        """Let a unit's kernel read a value; nothing reads its result yet, so no other unit gains an ancestor."""
        operands = self.units[unit].operands
        self.units[unit].operands = (*operands[:place], value, *operands[place:])
        if value in self.unit_of:
            other = self.unit_of[value]
            self._ancestors[unit] |= self._ancestors[other] | 1 << other

    def _attach(
        self, kernels: Collection[str], place: int, fits: Callable[[int, int], bool], **flags: int
    ) -> None:
        """Let kernels also give, as a second result, the first user of an operand that `fits(their unit, it)`."""
        for number, unit in list(self.units.items()):
            if unit.kernel not in kernels:
                continue
            for user in self.graph.users[unit.operands[place]]:
                other = self.unit_of.get(user, number)
                if other != number and fits(number, user) and self._can_merge(number, other):
                    self.merge(number, other)
                    unit.results = (unit.results[0], user)
                    unit.attributes |= flags
                    break

    def _sums_channels(self, number: int, i: int) -> bool:
        """Whether a node sums over all axes but the last, as a bias gradient does."""
        node = self.graph.nodes[i]
        rank = self.graph.nodes[node.inputs[0]].spec.rank
        return node.op == "reduce_sum" and tuple(node.attributes["axes"]) == tuple(range(rank - 1))

    def _is_softmax(self, number: int, i: int) -> bool:
        """Whether a node is a softmax, and not the target of the cross-entropy."""
        other = self.unit_of[i]
        return self.units[other].kernel == "softmax" and not self._ancestors[number] >> other & 1

    def _absorb_averaged_gradients(self) -> None:
        """Let the kernel of a weight gradient spread that of averages, where nothing else reads the result."""
        for number, unit in list(self.units.items()):
            if unit.kernel != "conv2d_weight_grad":
                continue
            g = unit.operands[1]
            made = self.unit_of.get(g)
            if made is None or self.units[made].kernel != "average_pool2d_tanh_grad":
                continue
            alone = all(self.unit_of.get(user) == number for user in self.graph.users[g])
            if alone and g not in self._roots and self._can_merge(number, made):
                unit.operands = (unit.operands[0], *self.units[made].operands)
                unit.attributes["averaged"] = 1
                self.merge(number, made)

    def dependencies(self) -> Mapping[int, set[int]]:
        """For each unit the units that it reads from."""
        needs: dict[int, set[int]] = {}
        for number, unit in self.units.items():
            found = {other for i in unit.nodes for other in self._needs(i)}
            needs[number] = found - {number}
        return needs
