"""What the instructions of a program are, which layer they belong to, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from sloy.engines.base import Timed
from sloy.engines.native.fused import multiply_adds
from sloy.engines.native.instruction import Instruction
from sloy.engines.native.plan.planner import Plan, Step
from sloy.graph import REGISTRY
from sloy.graph.spec import WIDTHS


def timed(
    plan: Plan, instructions: Sequence[Instruction], microseconds: Sequence[float]
) -> list[Timed]:
    """A row for each instruction, in the order they run."""
    trained = _Trained(plan)
    return [
        Timed(step.kernel, trained.layer(step), text(code), time * 1e-6, _flops(plan, step), _bytes(code))
        for step, code, time in zip(plan.steps, instructions, microseconds, strict=True)
    ]  # fmt: skip


def text(instruction: Instruction) -> str:
    """An instruction as a line: op, shapes read, shapes written, and a group's program."""
    op, inputs, outputs, attributes = instruction
    shapes = [" ".join(str(list(shape)) for _, shape, _ in side) for side in (inputs, outputs)]
    return f"{op} {shapes[0]} -> {shapes[1]} {attributes.get('program', '')}".rstrip()


class _Trained:
    """Which layer's parameters an instruction reads, or makes the gradient or the next value of."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        nodes = plan.graph.nodes
        self._leads: list[set[str]] = [set() for _ in nodes]  # node → variables it becomes part of
        for name, number in plan.graph.updates.items():
            self._leads[number].add(name)
        for i in reversed(range(len(nodes))):
            definition = REGISTRY.get(nodes[i].op)
            if (definition and definition.elementwise) or nodes[i].op in ("reshape", "reduce_sum"):
                for operand in nodes[i].inputs:
                    if nodes[operand].spec.shape and nodes[i].spec.shape:
                        self._leads[operand] |= self._leads[i]

    def layer(self, step: Step) -> str:
        """Its name; "" where there is none or are several."""
        found = {name.rpartition("/")[0] for name in self._variables(step)}
        return found.pop() if len(found) == 1 else ""

    def _variables(self, step: Step) -> Iterator[str]:
        """Parameters and states; an optimiser's slots count as the parameter they belong to."""
        for value in (*step.inputs, *step.outputs):
            place = self.plan.places[value]
            names = {place.name} if place.kind == "variable" else set()
            if value in step.outputs and value < len(self._leads):
                names |= self._leads[value]
            for name in names:
                if name.startswith("optimizer/"):
                    name = name.split("/", 2)[2]
                if not name.startswith("random/"):
                    yield name


def _flops(plan: Plan, step: Step) -> int:
    nodes = plan.graph.nodes
    operands = {i: [nodes[k].spec for k in nodes[i].inputs] for i in step.nodes}
    return 2 * sum(multiply_adds(nodes[i], specs) for i, specs in operands.items())


def _bytes(instruction: Instruction) -> int:
    _, inputs, outputs, _ = instruction
    return sum(WIDTHS[dtype] * prod(shape) for dtype, shape, _ in (*inputs, *outputs))
