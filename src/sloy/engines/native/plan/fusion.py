"""Which nodes run together: groups of elementwise ops, and kernels with an epilogue.

A unit is a set of nodes that one kernel call computes. Two units may become one only while the graph of units stays
acyclic: no third unit may need the one and be needed by the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sloy.engines.native.plan.inlined import is_made_again, is_number, without_reshapes
from sloy.graph.graph import Graph, Node
from sloy.graph.opdef import REGISTRY
from sloy.graph.spec import BFLOAT16

GROUP_LIMIT = 96  # nodes of one elementwise group
ANCHORS = (
    "conv2d",
    "matmul",
    "batched_matmul",
)  # whose kernels add a bias and apply one of `EPILOGUES`
ROUNDED = (*ANCHORS, "conv2d_input_grad")  # kernels that can store their result in bfloat16
# whose kernels also sum their second operand over all axes but the last
WEIGHT_GRADIENTS = ("conv2d_weight_grad", "conv2d_pooled_weight_grad")
EPILOGUES = ("relu", "sigmoid", "tanh")
MASKS = ("dropout_mask",)  # made of key and number, element by element, in the group that reads it
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


class Fusion:
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
    views : frozenset of int
        Nodes that only read others' memory: reshapes, broadcasts that elementwise groups read in place, what they make
        again (see `is_made_again`), and squares that only a sum of squares needs.
    late : frozenset of int
        Elementwise nodes that only the next values of variables need: they run after the guard.
    """

    def __init__(self, graph: Graph, guard: Collection[int] = ()) -> None:
        self.graph = graph
        self._guard = frozenset(guard)
        self._square_sums = self._find_square_sums()
        self.views = frozenset(i for i, node in enumerate(graph.nodes) if self._is_view(i, node))
        self.late = self._find_late()
        self.units: dict[int, Unit] = {}
        self.unit_of: dict[int, int] = {}
        self._ancestors: dict[int, int] = {}
        for i, node in enumerate(graph.nodes):
            if node.is_leaf or i in self.views:
                continue
            self._add(i, node)
            if self._is_elementwise(i):
                self._join_group(i)
        self._attach(WEIGHT_GRADIENTS, 1, self._sums_channels, has_bias=1)
        self._absorb_averaged_gradients()
        self._attach(("softmax_cross_entropy",), 0, self._is_softmax)

    # --- what nodes are ------------------------------------------------------------------------------------------

    def _is_elementwise(self, i: int) -> bool:
        definition = REGISTRY.get(self.graph.nodes[i].op)
        return definition is not None and (definition.elementwise or self._is_mask(i))

    def _is_mask(self, i: int) -> bool:
        return self.graph.nodes[i].op in MASKS

    @cached_property
    def _roots(self) -> frozenset[int]:
        return frozenset(self.graph.outputs.values()) | frozenset(self.graph.updates.values())

    def _is_view(self, i: int, node: Node) -> bool:
        if node.op == "reshape":
            return True
        users = self.graph.users[i]
        if users and i not in self._roots and self._square_sums.issuperset(users):
            return True
        if i in self._roots or not all(self._is_read_by_group(user) for user in users):
            return False
        return node.op == "broadcast_to" or is_made_again(self.graph, i)

    def _is_read_by_group(self, i: int) -> bool:
        alone = self._square_sums.issuperset(self.graph.users[i]) and bool(self.graph.users[i])
        return self._is_elementwise(i) and not self._is_mask(i) and not alone

    def _find_square_sums(self) -> frozenset[int]:
        """Sums over all elements of x · x, where nothing else needs the product."""
        return frozenset(
            i
            for i, node in enumerate(self.graph.nodes)
            if node.op == "reduce_sum"
            and node.spec.dtype == "float32"
            and node.spec.size == 1
            and self._is_lone_square(node.inputs[0])
        )

    def _is_lone_square(self, i: int) -> bool:
        node = self.graph.nodes[i]
        square = node.op == "mul" and node.inputs[0] == node.inputs[1]
        return square and len(self.graph.users[i]) == 1 and i not in self._roots

    def source(self, i: int) -> int:
        """The node whose memory holds node i: i itself, or what a view reads."""
        while i in self.views:
            i = self.graph.nodes[i].inputs[0]
        return i

    def _find_late(self) -> frozenset[int]:
        outputs, updates = set(self.graph.outputs.values()), set(self.graph.updates.values())
        late: set[int] = set()
        for i in range(len(self.graph.nodes) - 1, -1, -1):
            users = self.graph.users[i]
            wanted = bool(users) or i in updates
            fits = self._is_elementwise(i) or i in self.views
            if fits and wanted and i not in outputs and all(user in late for user in users):
                late.add(i)
        return frozenset(late - self._guard)

    # --- units ---------------------------------------------------------------------------------------------------

    def _needs(self, i: int) -> Iterator[int]:
        """The units that node i reads from."""
        for operand in self.graph.nodes[i].inputs:
            source = self.source(operand)
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
        kernel = "elementwise" if self._is_elementwise(i) else node.op
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

    def _merge(self, a: int, b: int) -> int:
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
                and not self._draws_from(candidate, self.unit_of[i])
                and self._can_merge(candidate, self.unit_of[i])
            ):
                self._merge(candidate, self.unit_of[i])

    def _draws_from(self, a: int, b: int) -> bool:
        """Whether a mask of one of two units is drawn with a number that the other computes."""
        masks = [i for unit in (a, b) for i in self.units[unit].nodes if self._is_mask(i)]
        return any(unit in (a, b) for i in masks for unit in self._needs(i))

    def _neighbours(self, i: int) -> list[int]:
        """Groups of the node's shape and phase: first those that it reads, then those that read what it reads."""
        producers, siblings = [], []
        for operand in self.graph.nodes[i].inputs:
            source = self.source(operand)
            if source in self.unit_of:
                producers.append(self.unit_of[source])
            if self.graph.nodes[source].spec.size > 1:
                siblings += [
                    self.unit_of[user] for user in self.graph.users[operand] if user in self.unit_of
                ]
        return [unit for unit in dict.fromkeys(producers + siblings) if self._fits(unit, i)]

    def _fits(self, unit: int, i: int) -> bool:
        first = self.units[unit].nodes[0]
        return (
            self.units[unit].kernel == "elementwise"
            and self.graph.nodes[first].spec.shape == self.graph.nodes[i].spec.shape
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
                operand = without_reshapes(self.graph, operand)
                while operand in self.views and is_made_again(self.graph, operand):
                    operand = without_reshapes(self.graph, self.graph.nodes[operand].inputs[0])
                if operand not in inside and not is_number(self.graph, operand):
                    found[operand] = None
        return tuple(found)

    def group_results(self, unit: Unit) -> tuple[int, ...]:
        """What of an elementwise group is needed outside of it."""
        inside = set(unit.nodes)
        return tuple(i for i in unit.nodes if i in self._roots or self._read_outside(i, inside))

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
            if rounding and self.units[unit].kernel in ROUNDED:
                return unit
            if self.units[unit].kernel not in ANCHORS:
                continue
            if "activation" in self.units[unit].attributes:
                continue
            if node.op in EPILOGUES:
                return unit
            has_bias = "has_bias" in self.units[unit].attributes
            if node.op == "add" and not has_bias and self._bias_of(i, operand, unit) is not None:
                return unit
        return None

    def _bias_of(self, i: int, result: int, unit: int) -> int | None:
        """The (O,) vector that node i adds to every position of an anchor's result; of a stack, a vector for each."""
        first, second = self.graph.nodes[i].inputs
        other = second if first == result else first
        node = self.graph.nodes[other]
        if first == second or node.op != "broadcast_to":
            return None
        bias = node.inputs[0]
        spec = self.graph.nodes[bias].spec
        channels = node.spec.shape[-1]
        vector = spec.shape[-1:] == (channels,) and spec.size == channels
        if "batch_axes" in self.units[unit].attributes:
            rows = 1 - self.units[unit].attributes["batch_axes"][2]
            each = tuple(1 if k == rows else extent for k, extent in enumerate(node.spec.shape))
            vector |= (1,) * (3 - spec.rank) + spec.shape == each
        source = self.source(bias)
        other_unit = self.unit_of.get(source)
        known = other_unit is None or not (
            other_unit == unit or self._ancestors[other_unit] >> unit & 1
        )
        return source if vector and known else None

    def _absorb(self, i: int, unit: int) -> None:
        taken = self.units[unit]
        node = self.graph.nodes[i]
        if node.op == "add":
            bias = self._bias_of(i, taken.nodes[-1], unit)
            assert bias is not None
            taken.operands += (bias,)
            if (
                bias in self.unit_of
            ):  # nothing but node i reads the anchor, so no other unit gains an ancestor
                self._ancestors[unit] |= (
                    self._ancestors[self.unit_of[bias]] | 1 << self.unit_of[bias]
                )
            taken.attributes["has_bias"] = 1
        elif node.op in EPILOGUES:
            taken.attributes["activation"] = node.op
        taken.nodes.append(i)
        taken.results = (i,)
        self.unit_of[i] = unit

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
                    self._merge(number, other)
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
                self._merge(number, made)

    def dependencies(self) -> Mapping[int, set[int]]:
        """For each unit the units that it reads from."""
        needs: dict[int, set[int]] = {}
        for number, unit in self.units.items():
            found = {other for i in unit.nodes for other in self._needs(i)}
            needs[number] = found - {number}
        return needs
