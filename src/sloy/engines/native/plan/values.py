"""What the values of a graph are to its plan: which are stored, and which are made where they are read."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property

from sloy.engines.native.plan.inlined import chains, is_made_again, sums_channels
from sloy.graph.graph import Graph, Node
from sloy.graph.opdef import REGISTRY

# whose kernels also sum their second operand over all axes but the last
WEIGHT_GRADIENTS = ("conv2d_weight_grad", "conv2d_pooled_weight_grad")
MASKS = ("dropout_mask",)  # made of key and number, element by element, in the group that reads it


class Values:
    """The values of a graph.

    Parameters
    ----------
    graph : Graph
    guard : collection of int
        Nodes that must be known before any variable is written.

    Attributes
    ----------
    views : frozenset of int
        Nodes that only read others' memory: reshapes, broadcasts that elementwise groups read in place, what they make
        again (see `is_made_again` and `chains`), and squares that only a sum of squares needs.
    sums : frozenset of int
        Sums over all axes but the last that the groups of what they sum compute.
    late : frozenset of int
        Elementwise nodes that only the next values of variables need: they run after the guard.
    """

    def __init__(self, graph: Graph, guard: Collection[int] = ()) -> None:
        self.graph = graph
        self._guard = frozenset(guard)
        self._square_sums = self._find_square_sums()
        self.sums = frozenset(i for i in range(len(graph.nodes)) if self._is_group_sum(i))
        self._chains = chains(graph)
        self.views = frozenset(i for i, node in enumerate(graph.nodes) if self._is_view(i, node))
        self.late = self._find_late()

    def _is_elementwise(self, i: int) -> bool:
        definition = REGISTRY.get(self.graph.nodes[i].op)
        return definition is not None and (definition.elementwise or self._is_mask(i))

    def _is_mask(self, i: int) -> bool:
        return self.graph.nodes[i].op in MASKS

    @cached_property
    def _roots(self) -> frozenset[int]:
        return frozenset(self.graph.outputs.values()) | frozenset(self.graph.updates.values())

    def is_root(self, i: int) -> bool:
        """Whether a node is an output or a variable's next value."""
        return i in self._roots

    def _is_view(self, i: int, node: Node) -> bool:
        if node.op == "reshape":
            return True
        users = self.graph.users[i]
        if users and i not in self._roots and self._square_sums.issuperset(users):
            return True
        if i in self._roots or not all(self._is_read_by_group(user) for user in users):
            return False
        return node.op == "broadcast_to" or self._is_made_again(i)

    def _is_made_again(self, i: int) -> bool:
        return i in self._chains or is_made_again(self.graph, i)

    def _is_group_sum(self, i: int) -> bool:
        """Whether a sum of channels belongs to a group: that of what it sums, or one that reads the same."""
        if not sums_channels(self.graph, i):
            return False
        nodes, (x,) = self.graph.nodes, self.graph.nodes[i].inputs
        users = self.graph.users[x]
        if any(nodes[user].op in WEIGHT_GRADIENTS and nodes[user].inputs[1] == x for user in users):
            return False  # whose kernel sums it besides
        return any(self._is_elementwise(k) and not self._is_mask(k) for k in (x, *users))

    def shape_of(self, i: int) -> tuple[int, ...]:
        """The shape of the group that computes node i."""
        node = self.graph.nodes[i]
        return self.graph.nodes[node.inputs[0]].spec.shape if i in self.sums else node.spec.shape

    def _is_read_by_group(self, i: int) -> bool:
        if i in self.sums:
            return True
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

    def sources(self, i: int) -> Iterator[int]:
        """The nodes in memory of which node i is made: itself, or what a view reads."""
        if i not in self.views:
            yield i
            return
        node = self.graph.nodes[i]
        operands = node.inputs if self._is_made_again(i) else node.inputs[:1]
        for operand in operands:
            yield from self.sources(operand)

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
