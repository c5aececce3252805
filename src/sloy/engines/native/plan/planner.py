"""The plan of a graph: which kernels run, in which order, and where every value lies.

    graph ──fusion──▶ units ──order──▶ steps ──lifetimes──▶ places in one arena

Steps before `Plan.first_write` write into the arena only. Those from there on write variables; between the two an
engine checks the guard, so that a run that stops leaves every variable as it was.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sloy.engines.native.instruction import Takes
from sloy.engines.native.plan.fusion import Fusion, Unit
from sloy.engines.native.plan.separable import join_separable
from sloy.graph.arena import Lifetime, assign_offsets
from sloy.graph.graph import Graph, Node, copy_node
from sloy.graph.tensor import Tensor, apply


@dataclass(frozen=True)
class Place:
    """Where a value lies: in the arena at `offset`, or in the variable or constant itself."""

    kind: Literal["arena", "variable", "constant"]
    offset: int = 0
    name: str = ""


@dataclass(frozen=True)
class Step:
    """One kernel call.

    Attributes
    ----------
    kernel : str
        ``"elementwise"`` (a group, see `nodes`), ``"copy"``, ``"sum_of_squares"`` (of all elements of a value), or
        the name of an op.
    nodes : tuple of int
        The nodes it computes, in order; none for a copy.
    inputs, outputs : tuple of int
        Values read and written, as keys of `Plan.places`: numbers of nodes, and from ``len(graph.nodes)`` on the
        numbers of copies.
    attributes : mapping
        The op's, and ``has_bias`` or ``activation`` where an epilogue is fused.
    """

    kernel: str
    nodes: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """Steps, and places of all values.

    Attributes
    ----------
    graph : Graph
    steps : tuple of Step
    first_write : int
        Number of the first step that writes a variable.
    places : mapping
        Value → `Place`; views have the place of what they read.
    arena_bytes : int
        Size of the arena.
    outputs : mapping
        Name of an output → value that holds it after the run.
    buffers : mapping
        Value → its `Lifetime` in the arena; values that share memory share one entry of equal content.
    """

    graph: Graph
    steps: tuple[Step, ...]
    first_write: int
    places: Mapping[int, Place]
    arena_bytes: int
    outputs: Mapping[str, int]
    buffers: Mapping[int, Lifetime]

    def __str__(self) -> str:
        lines = [
            f"{'write ' if k >= self.first_write else ''}{step.kernel}{list(step.inputs)} ->"
            f" {list(step.outputs)}"
            for k, step in enumerate(self.steps)
        ]
        return "\n".join([*lines, f"arena {self.arena_bytes} bytes"])


def plan(graph: Graph, guard: Iterable[str] = (), takes: Takes | None = None) -> Plan:
    """Plan a graph.

    Parameters
    ----------
    graph : Graph
        Optimised and lowered.
    guard : names of outputs
        What must be known before the first write.
    takes : function, optional
        Tells for which convolutions one kernel does several, see `join_separable`; without it, none.
    """
    graph = graph.rebuild(_own_square)
    fusion = Fusion(graph, [graph.outputs[name] for name in guard])
    if takes is not None:
        join_separable(fusion, takes)
    return _Planner(graph, fusion).plan()


def _own_square(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
    """A sum of squares with a product of its own, which is never written; others make theirs where they need it."""
    if node.op == "reduce_sum" and node.spec.size == 1 and operands[0].op == "mul":
        left, right = operands[0].inputs
        if left is right:
            return apply(node.op, (apply("mul", (left, left), {}),), node.attributes)
    return copy_node(node, operands)


class _Planner:
    def __init__(self, graph: Graph, fusion: Fusion) -> None:
        self.graph = graph
        self.fusion = fusion
        self.variable_of = {  # node of a variable's old value → its name
            i: node.attributes["name"]
            for i, node in enumerate(graph.nodes)
            if node.op == "variable"
        }
        self.updates = {
            name: i
            for name, i in graph.updates.items()
            if self.variable_of.get(fusion.source(i))
            != name  # a variable that stays is not written
        }
        self.copies: list[int] = []  # copy number k is value len(nodes) + k: what it copies
        self.written: dict[int, str] = {}  # value → variable that a late group computes it into

    # --- steps ---------------------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        needs = self.fusion.dependencies()
        late = {n for n, unit in self.fusion.units.items() if unit.nodes[0] in self.fusion.late}
        order = _sorted_units(needs, set(self.fusion.units) - late)
        early = [self._step(self.fusion.units[number]) for number in order]
        outputs = self._copied_outputs(early)
        moves = self._moves(early)
        writes = self._write_steps(needs, late, moves)
        steps = early + writes
        return self._with_memory(steps, len(early), outputs)

    def _step(self, unit: Unit) -> Step:
        if unit.kernel == "elementwise":
            inputs = self.fusion.group_operands(unit)
            return Step(
                "elementwise", tuple(unit.nodes), inputs, self.fusion.group_results(unit), {}
            )
        return Step(unit.kernel, tuple(unit.nodes), unit.operands, unit.results, unit.attributes)

    def _copy(self, value: int) -> Step:
        self.copies.append(value)
        return Step("copy", (), (value,), (len(self.graph.nodes) + len(self.copies) - 1,), {})

    def _copied_outputs(self, early: list[Step]) -> dict[str, int]:
        """Outputs that are old values of variables which the run will overwrite are copied before."""
        outputs = dict(self.graph.outputs)
        for name, i in outputs.items():
            if self.variable_of.get(self.fusion.source(i)) in self.updates:
                early.append(self._copy(i))
                outputs[name] = early[-1].outputs[0]
        return outputs

    def _moves(self, early: list[Step]) -> list[tuple[str, int]]:
        """Variables that get a value by a copy: all but those that a late group computes in place."""
        moves = []
        for name, i in self.updates.items():
            source = self.fusion.source(i)
            if source in self.fusion.late and source not in self.written:
                self.written[source] = name
            elif source in self.variable_of and self.variable_of[source] in self.updates:
                early.append(self._copy(i))
                moves.append((name, early[-1].outputs[0]))
            else:
                moves.append((name, i))
        return moves

    def _write_steps(
        self, needs: Mapping[int, set[int]], late: set[int], moves: list[tuple[str, int]]
    ) -> list[Step]:
        """Late units, each variable's old value read by all before it is overwritten; then the copies."""
        units = {number: self.fusion.units[number] for number in late}
        reads = {number: self._old_values(unit) for number, unit in units.items()}
        postponed: list[tuple[str, int]] = []
        while True:
            writes = {
                number: {self.written[i] for i in unit.nodes if i in self.written}
                for number, unit in units.items()
            }
            after = {
                number: (needs[number] & late)
                | {o for o in late if o != number and reads[o] & writes[number]}
                for number in late
            }
            order = _sorted_units(after, late, partial=True)
            if len(order) == len(late):
                break
            # A circle of units that overwrite what others still read: one of them writes through a copy.
            stuck = min(n for n in late - set(order) if writes[n])
            for i in [i for i in units[stuck].nodes if i in self.written]:
                postponed.append((self.written.pop(i), i))
        steps = [self._step(units[number]) for number in order]
        for name, i in moves + postponed:
            step = self._copy(i)
            self.written[step.outputs[0]] = name
            steps.append(step)
        return steps

    def _old_values(self, unit: Unit) -> set[str]:
        sources = (self.fusion.source(i) for i in self.fusion.group_operands(unit))
        return {self.variable_of[s] for s in sources if s in self.variable_of}

    # --- memory --------------------------------------------------------------------------------------------------

    def _source(self, value: int) -> int:
        return value if value >= len(self.graph.nodes) else self.fusion.source(value)

    def _nbytes(self, value: int) -> int:
        while value >= len(self.graph.nodes):
            value = self.copies[value - len(self.graph.nodes)]
        return self.graph.nodes[value].spec.nbytes

    def _with_memory(self, steps: list[Step], first_write: int, outputs: Mapping[str, int]) -> Plan:
        lifetimes = self._lifetimes(steps, outputs)
        shared = self._in_place(steps, lifetimes)
        merged: dict[int, Lifetime] = {}
        for value, life in lifetimes.items():
            root = _find(shared, value)
            known = merged.get(root, life)
            merged[root] = Lifetime(
                max(known.size, life.size), min(known.first, life.first), max(known.last, life.last)
            )
        offsets, total = assign_offsets(list(merged.values()))
        offset_of = dict(zip(merged, offsets, strict=True))
        places = {value: Place("arena", offset_of[_find(shared, value)]) for value in lifetimes}
        for i, node in enumerate(self.graph.nodes):
            if node.op in ("variable", "constant"):
                places[i] = Place(node.op, name=node.attributes.get("name", ""))  # type: ignore[arg-type]
        for value, name in self.written.items():
            places[value] = Place("variable", name=name)
        for view in self.fusion.views:
            source = self.fusion.source(view)
            if source in places:
                places[view] = places[source]
        buffers = {value: merged[_find(shared, value)] for value in lifetimes}
        return Plan(self.graph, tuple(steps), first_write, places, total, outputs, buffers)

    def _lifetimes(self, steps: list[Step], outputs: Mapping[str, int]) -> dict[int, Lifetime]:
        """Values in the arena: inputs from before the first step, results from their step, to the last reader."""
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for i, node in enumerate(self.graph.nodes):
            if node.op == "input":
                first[i] = last[i] = -1
        for k, step in enumerate(steps):
            for value in step.outputs:
                if value not in self.written:
                    first[value] = last[value] = k
            for value in map(self._source, step.inputs):
                if value in first:
                    last[value] = k
        for value in map(self._source, outputs.values()):
            if value in first:
                last[value] = len(steps)
        return {v: Lifetime(self._nbytes(v), first[v], last[v]) for v in first}

    def _in_place(self, steps: list[Step], lifetimes: Mapping[int, Lifetime]) -> dict[int, int]:
        """Results of groups that take over the memory of an operand that dies there: value → operand."""
        shared: dict[int, int] = {}
        for k, step in enumerate(steps):
            if step.kernel != "elementwise":
                continue
            sources = [self.fusion.source(i) for i in step.inputs]
            free = [
                s
                for i, s in zip(step.inputs, sources, strict=True)
                if s in lifetimes
                and lifetimes[s].last == k
                and sources.count(s) == 1
                and self._same_elements(i, step.outputs[0])
            ]
            for value in step.outputs:
                size = self.graph.nodes[value].spec.nbytes
                fits = [s for s in free if self.graph.nodes[s].spec.nbytes == size]
                if value in lifetimes and fits:
                    shared[value] = fits[0]
                    free.remove(fits[0])
        return shared

    def _same_elements(self, operand: int, result: int) -> bool:
        """Whether an operand is read densely: no broadcast between it and its memory."""
        source = self.graph.nodes[self.fusion.source(operand)].spec
        return source.size == self.graph.nodes[result].spec.size


def _find(shared: Mapping[int, int], value: int) -> int:
    while value in shared:
        value = shared[value]
    return value


def _sorted_units(
    needs: Mapping[int, Iterable[int]], chosen: set[int], *, partial: bool = False
) -> list[int]:
    """The chosen units, each after those that it needs, otherwise by number."""
    missing = {number: {n for n in needs[number] if n in chosen} for number in chosen}
    waiting: dict[int, list[int]] = {}
    for number, others in missing.items():
        for other in others:
            waiting.setdefault(other, []).append(number)
    ready = [number for number, others in missing.items() if not others]
    heapq.heapify(ready)
    order = []
    while ready:
        number = heapq.heappop(ready)
        order.append(number)
        for user in waiting.get(number, ()):
            missing[user].discard(number)
            if not missing[user]:
                heapq.heappush(ready, user)
    if len(order) < len(chosen) and not partial:
        raise AssertionError(
            "the units of a plan form a circle"
        )  # a defect of Fusion, not of the user
    return order
