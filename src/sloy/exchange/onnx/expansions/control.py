"""Branches and loops, unrolled: conditions that are known choose one branch, known counts say how many turns."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

import numpy as np

from sloy.errors import FileFormatError
from sloy.exchange.onnx.expansion import Together, Walk, expansion
from sloy.exchange.onnx.nodes import Node, Unsupported


@expansion("If")
def _branch(walk: Walk[Any], node: Node) -> Iterator[Node]:
    """The branch that a known condition chooses; of a computed one both, and each element from one of them."""
    condition, bodies = node.inputs[0], node.attributes
    found = walk.value(condition).array
    if found is not None:
        body = bodies["then_branch"] if bool(found.reshape(-1)[0]) else bodies["else_branch"]
        chosen = yield from walk.inlined(body, (), node.outputs)
        for name, made in zip(node.outputs, chosen, strict=False):
            walk.alias(name, made)
        return
    if walk.trains and not walk.apart:
        raise Together("a condition that is computed from the samples")
    first = yield from walk.inlined(bodies["then_branch"], (), node.outputs)
    second = yield from walk.inlined(bodies["else_branch"], (), node.outputs)
    for name, left, right in zip(node.outputs, first, second, strict=False):
        if left in walk.lists or right in walk.lists:
            raise Unsupported("a computed condition that chooses between sequences")
        shapes = walk.value(left).shape, walk.value(right).shape
        if shapes[0] != shapes[1]:
            raise Unsupported(f"a computed condition that chooses between shapes: {shapes}")
        if name:
            yield Node("Where", node.name, (condition, left, right), (name,), {})


@expansion("Loop")
def _loop(walk: Walk[Any], node: Node) -> Iterator[Node]:
    most, going, *state = node.inputs
    limit = walk.integer(most) if most else None
    body, turn, results = node.attributes["body"], 0, []
    if len(body.outputs) <= len(state) or len(body.inputs) != len(state) + 2:
        raise FileFormatError("a body that does not take and give a condition and what goes round.")
    goes = not going or bool(walk.array(going).reshape(-1)[0])
    while goes and (limit is None or turn < limit):
        walk.tick()
        number, yes = walk.give(np.array(turn, np.int64), "turn"), walk.give(np.array(True), "go")
        end, *made = yield from walk.inlined(body, (number, yes, *state))
        if walk.value(end).array is None:
            raise Unsupported("a loop whose end is computed from the samples")
        goes = bool(walk.array(end).reshape(-1)[0])
        state, turn = made[: len(state)], turn + 1
        results.append(made[len(state) :])
    for name, last in zip(node.outputs, state, strict=False):
        walk.alias(name, last)
    names = node.outputs[len(state) :]
    yield from _stacked(walk, node, names, results, [(0, False)] * len(names))


@expansion("Scan")
def _scan(walk: Walk[Any], node: Node) -> Iterator[Node]:
    if walk.opset < 9:
        raise Unsupported("its form of opset 8")
    said = node.attributes
    count = said["num_scan_inputs"]
    state, given = list(node.inputs[:-count]), node.inputs[-count:]
    axes = _axes(walk, given, said.get("scan_input_axes"))
    backwards = said.get("scan_input_directions") or (0,) * count
    lengths = {walk.value(name).shape[axis] for name, axis in zip(given, axes, strict=True)}
    if len(lengths) != 1:
        raise FileFormatError(f"scanned values of the lengths {sorted(lengths)}.")
    turns = lengths.pop()
    parts = []
    for name, axis, backward in zip(given, axes, backwards, strict=True):
        found = yield from elements(walk, node, name, axis, [1] * turns, keep=False)
        parts.append(found[::-1] if backward else found)
    results = []
    for turn in range(turns):
        inputs = (*state, *(part[turn] for part in parts))
        made = yield from walk.inlined(said["body"], inputs)
        state = made[: len(state)]
        results.append(made[len(state) :])
    for name, last in zip(node.outputs, state, strict=False):
        walk.alias(name, last)
    names = node.outputs[len(state) :]
    places = said.get("scan_output_axes") or (0,) * len(names)
    turned = said.get("scan_output_directions") or (0,) * len(names)
    ways = [(int(a), bool(b)) for a, b in zip(places, turned, strict=True)]
    yield from _stacked(walk, node, names, results, ways)


def _axes(walk: Walk[Any], names: Sequence[str], axes: Sequence[int] | None) -> list[int]:
    found = axes or (0,) * len(names)
    return [a % max(walk.value(n).rank, 1) for n, a in zip(names, found, strict=True)]


def elements(
    walk: Walk[Any], node: Node, name: str, axis: int, sizes: Sequence[int], *, keep: bool
) -> Generator[Node, None, list[str]]:
    """The parts of a value along an axis, of sizes; without that axis where they are single and not kept."""
    parts = [walk.new("part") for _ in sizes]
    if parts:
        split = {"axis": axis, "split": tuple(int(size) for size in sizes)}
        yield Node("Split", node.name, (name,), tuple(parts), split)
    if keep:
        return parts
    single = [walk.new("element") for _ in sizes]
    for part, one in zip(parts, single, strict=True):
        yield Node("Squeeze", node.name, (part,), (one,), {"axes": (axis,)})
    return single


def stacked(
    node: Node, names: Sequence[str], output: str, axis: int, walk: Walk[Any]
) -> Iterator[Node]:
    """Values put together along a new axis."""
    wide = [walk.new("row") for _ in names]
    for name, row in zip(names, wide, strict=True):
        yield Node("Unsqueeze", node.name, (name,), (row,), {"axes": (axis,)})
    yield Node("Concat", node.name, tuple(wide), (output,), {"axis": axis})


def _stacked(
    walk: Walk[Any],
    node: Node,
    names: Sequence[str],
    results: Sequence[Sequence[str]],
    ways: Sequence[tuple[int, bool]],
) -> Iterator[Node]:
    """What each turn gave, along a new axis, backwards where asked for."""
    for k, (name, (axis, backward)) in enumerate(zip(names, ways, strict=True)):
        if not name:
            continue
        if not results:
            raise Unsupported("a loop without a turn that collects values")
        rows = [result[k] for result in results]
        yield from stacked(node, rows[::-1] if backward else rows, name, axis, walk)
