"""A plan in the words of the extension: places and instructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sloy.engines.native.instruction import Instruction, TensorCode
from sloy.engines.native.plan.inlined import is_number, without_reshapes
from sloy.engines.native.plan.planner import Plan, Step
from sloy.engines.native.plan.values import MASKS
from sloy.engines.native.rewrite.copies import copied
from sloy.graph import REGISTRY
from sloy.graph.graph import Graph, Node
from sloy.graph.spec import BFLOAT16, WIDTHS, Spec

DTYPES = ("float32", "int32", "uint32", "uint8")
Place = int | np.ndarray


def supported_ops(kernels: set[str]) -> set[str]:
    """Ops that run without being expanded: those with a kernel, and what the one of elementwise groups interprets."""
    return {
        name
        for name, definition in REGISTRY.items()
        if name in kernels
        or name in MASKS
        or (definition.elementwise and definition.expand is None)
    }


class Encoder:
    """The arguments of `_native.Program` for a plan.

    Attributes
    ----------
    inputs : dict
        Name of an input → number of its place; one that nothing reads has a place of its own.
    """

    def __init__(
        self, plan: Plan, variables: Mapping[str, np.ndarray], inputs: Mapping[str, Spec]
    ) -> None:
        self.plan = plan
        self.variables = variables
        self.places: list[Place] = []
        self._numbers: dict[int, int] = {}
        self._copied: dict[int, int] = {}  # copy -> the node whose value it holds
        self._kept: dict[str, int] = {}  # name of a copy of a variable -> its offset in the arena
        self.refreshing: list[Instruction] = []  # what makes those anew
        self.arena_bytes = plan.arena_bytes
        self.instructions = [self._instruction(step) for step in plan.steps]
        self.inputs = {
            node.attributes["name"]: self.number(i)
            for i, node in enumerate(plan.graph.nodes)
            if node.op == "input"
        }
        for name in [name for name in inputs if name not in self.inputs]:
            self.inputs[name] = len(self.places)
            self.places.append(self.arena_bytes)
            self.arena_bytes += inputs[name].nbytes

    def number(self, value: int) -> int:
        """The place of a value, by its number in `places`."""
        if value not in self._numbers:
            place = self._place(value)
            self._numbers[value] = len(self.places)
            self.places.append(place)
        return self._numbers[value]

    def _place(self, value: int) -> Place:
        place = self.plan.places[value]
        if place.kind == "variable":
            name = copied(place.name)
            if name is not None:
                return self._kept_place(place.name, self.variables[name])
            return self.variables[place.name]
        if place.kind == "constant":
            array: np.ndarray = _source(self.plan.graph, value).attributes["value"]
            return array
        return place.offset

    def _kept_place(self, copy: str, variable: np.ndarray) -> int:
        """Where the bfloat16 copy of a variable lies from step to step."""
        if copy not in self._kept:
            self._kept[copy] = offset = -(-self.arena_bytes // 64) * 64
            self.arena_bytes = offset + variable.size * WIDTHS[BFLOAT16]
            shape = (variable.size,)
            to = (BFLOAT16, shape, len(self.places))
            source = ("float32", shape, len(self.places) + 1)
            self.places += [offset, variable]
            program = {"shape": shape, "strides": [1], "program": "cast bfloat16 0", "results": [1]}
            self.refreshing.append(("elementwise", [source], [to], program))
        return self._kept[copy]

    def _node(self, value: int) -> Node:
        return self.plan.graph.nodes[value]

    def _tensor(self, value: int, like: int | None = None) -> TensorCode:
        spec = self._node(value if like is None else like).spec
        return (spec.dtype, spec.shape, self.number(value))

    def _instruction(self, step: Step) -> Instruction:
        if step.kernel == "elementwise":
            return self._group(step)
        if step.kernel == "copy":
            (source,) = step.inputs
            like = self._copied[step.outputs[0]] = self._copied.get(source, source)
            sides = [[self._tensor(value, like)] for value in (source, step.outputs[0])]
            return "copy", sides[0], sides[1], {}
        return (
            step.kernel,
            [self._tensor(i) for i in step.inputs],
            [self._tensor(i) for i in step.outputs],
            {name: value for name, value in step.attributes.items() if value is not None},
        )

    # --- elementwise groups: one instruction with a program of its own --------------------------------------------

    def _group(self, step: Step) -> Instruction:
        sums = [i for i in step.nodes if self._node(i).op == "reduce_sum"]
        first = step.nodes[0]
        shape = self._node(self._node(first).inputs[0] if first in sums else first).spec.shape
        masks = [node for node in map(self._node, step.nodes) if node.op in MASKS]
        keys = {operand for node in masks for operand in node.inputs}  # read as a whole
        inputs, strides = [], []
        for value in step.inputs:
            dense = self._dense(value)
            spec = self._node(dense).spec
            inputs.append((spec.dtype, spec.shape, self.number(value)))
            whole = value in keys and spec.shape != shape
            strides += [0] * len(shape) if whole else _strides(spec.shape, shape)
        statements = _Statements(self.plan.graph, step.inputs)
        for i in step.nodes:
            if i not in sums:
                statements.add(i)
        results = [
            statements.number(self._node(i).inputs[0] if i in sums else i) for i in step.outputs
        ]
        attributes: dict[str, Any] = {
            "shape": shape,
            "strides": strides,
            "program": "; ".join(statements.lines),
            "results": results,
        }
        if sums:
            attributes["sums"] = len(sums)  # of the results, the last
        return ("elementwise", inputs, [self._tensor(i) for i in step.outputs], attributes)

    def _dense(self, value: int) -> int:
        """The value itself; or what it repeats, where it has no memory of its own."""
        node = self._node(value)
        repeated = node.op == "broadcast_to" and value not in self.plan.buffers
        return node.inputs[0] if repeated else value


class _Statements:
    """The program of an elementwise group: a line for each value that is made of others.

    No function of it refers to itself but through the object, so that no cycle keeps an encoder and its arrays alive.
    """

    def __init__(self, graph: Graph, inputs: Sequence[int]) -> None:
        self.lines: list[str] = []
        self._graph = graph
        self._inputs = len(inputs)
        self._numbers = {value: k for k, value in enumerate(inputs)}

    def add(self, value: int) -> None:
        """Make a value of the group."""
        self._numbers[value] = self._made(value)

    def number(self, value: int) -> int:
        """Of a value that is read: an input's, a line's, of a constant a new line's."""
        value = without_reshapes(self._graph, value)
        if value not in self._numbers:
            if is_number(self._graph, value):
                self._numbers[value] = self._line(_constant(_source(self._graph, value)))
            else:
                self.add(value)
        return self._numbers[value]

    def _line(self, text: str) -> int:
        self.lines.append(text)
        return self._inputs + len(self.lines) - 1

    def _made(self, value: int) -> int:
        node = self._graph.nodes[value]
        words = [node.op, *(str(self.number(operand)) for operand in node.inputs)]
        if node.op == "cast":
            words.insert(1, node.attributes["dtype"])
        elif node.op in MASKS:
            words[1:1] = [repr(node.attributes["keep"]), str(node.attributes["stream"])]
        elif node.op == "clip":
            bounds = (float(np.float32(node.attributes[key])) for key in ("low", "high"))
            words += [str(self._line(f"constant {node.spec.dtype} {bound!r}")) for bound in bounds]
        return self._line(" ".join(words))


def _source(graph: Graph, value: int) -> Node:
    """What a value repeats or reshapes."""
    node = graph.nodes[value]
    while node.inputs:
        node = graph.nodes[node.inputs[0]]
    return node


def _strides(source: tuple[int, ...], shape: tuple[int, ...]) -> list[int]:
    """Elements from one index to the next along each axis of `shape`, 0 where the source is repeated."""
    strides, step = [0] * len(shape), 1
    for back in range(1, len(source) + 1):
        if source[-back] != 1:
            strides[-back] = step
        step *= source[-back]
    return strides


def _constant(node: Node) -> str:
    value = np.asarray(node.attributes["value"]).reshape(())
    number = repr(float(value)) if node.spec.is_float else str(int(value))
    return f"constant {node.spec.dtype} {number}"
