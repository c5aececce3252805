"""Sequences of values and optional values: names of values, as long as it is known which are meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sloy.errors import FileFormatError
from sloy.exchange.onnx.expansion import Walk, expansion
from sloy.exchange.onnx.expansions.control import elements, stacked
from sloy.exchange.onnx.nodes import Node, Unsupported


def _elements(walk: Walk[Any], name: str) -> tuple[str, ...]:
    if name not in walk.lists:
        raise Unsupported(f"{name[:60]!r} is no sequence whose elements are known")
    return walk.lists[name]


def _operand(node: Node, number: int) -> str:
    return node.inputs[number] if number < len(node.inputs) else ""


def _position(walk: Walk[Any], node: Node, number: int, default: int, length: int) -> int:
    name = _operand(node, number)
    found = walk.integer(name) if name else default
    if not -length <= found < max(length, 1):
        raise FileFormatError(f"the position {found} of {length} elements.")
    return found % length if found < 0 else found


@expansion("SequenceEmpty", "SequenceConstruct")
def _construct(walk: Walk[Any], node: Node) -> Iterator[Node]:
    walk.lists[node.outputs[0]] = node.inputs
    yield from ()


@expansion("SequenceInsert")
def _insert(walk: Walk[Any], node: Node) -> Iterator[Node]:
    found = list(_elements(walk, node.inputs[0]))
    found.insert(_position(walk, node, 2, len(found), len(found) + 1), node.inputs[1])
    walk.lists[node.outputs[0]] = tuple(found)
    yield from ()


@expansion("SequenceErase")
def _erase(walk: Walk[Any], node: Node) -> Iterator[Node]:
    found = list(_elements(walk, node.inputs[0]))
    del found[_position(walk, node, 1, -1, len(found))]
    walk.lists[node.outputs[0]] = tuple(found)
    yield from ()


@expansion("SequenceAt")
def _at(walk: Walk[Any], node: Node) -> Iterator[Node]:
    found = _elements(walk, node.inputs[0])
    walk.alias(node.outputs[0], found[_position(walk, node, 1, 0, len(found))])
    yield from ()


@expansion("SequenceLength")
def _length(walk: Walk[Any], node: Node) -> Iterator[Node]:
    count = np.array(len(_elements(walk, node.inputs[0])), np.int64)
    walk.alias(node.outputs[0], walk.give(count, "length"))
    yield from ()


@expansion("SplitToSequence")
def _split(walk: Walk[Any], node: Node) -> Iterator[Node]:
    x = walk.value(node.inputs[0])
    axis = node.attributes.get("axis", 0) % max(x.rank, 1)
    extent = x.shape[axis]
    if not _operand(node, 1):
        sizes, keep = [1] * extent, bool(node.attributes.get("keepdims", 1))
    else:
        given, keep = walk.array(node.inputs[1]), True
        step = int(given) if not given.ndim else 0
        starts = range(0, extent, step) if step > 0 else ()
        sizes = [min(step, extent - i) for i in starts] if starts else given.reshape(-1).tolist()
    parts = yield from elements(walk, node, node.inputs[0], axis, sizes, keep=keep)
    walk.lists[node.outputs[0]] = tuple(parts)


@expansion("ConcatFromSequence")
def _concat(walk: Walk[Any], node: Node) -> Iterator[Node]:
    found, axis = _elements(walk, node.inputs[0]), node.attributes["axis"]
    if not found:
        raise Unsupported("a sequence without an element, put together")
    if node.attributes.get("new_axis", 0):
        yield from stacked(node, found, node.outputs[0], axis, walk)
    else:
        yield Node("Concat", node.name, found, node.outputs, {"axis": axis})


@expansion("SequenceMap")
def _map(walk: Walk[Any], node: Node) -> Iterator[Node]:
    made: list[list[str]] = []
    for k in range(len(_elements(walk, node.inputs[0]))):
        given = [walk.lists[n][k] if n in walk.lists else n for n in node.inputs]
        made.append((yield from walk.inlined(node.attributes["body"], given)))
    for i, name in enumerate(node.outputs):
        walk.lists[name] = tuple(each[i] for each in made)


@expansion("Optional")
def _optional(walk: Walk[Any], node: Node) -> Iterator[Node]:
    if not any(node.inputs):
        raise Unsupported("an optional value that is not there")
    walk.alias(node.outputs[0], node.inputs[0])
    yield from ()


@expansion("OptionalGetElement")
def _got(walk: Walk[Any], node: Node) -> Iterator[Node]:
    walk.alias(node.outputs[0], node.inputs[0])
    yield from ()


@expansion("OptionalHasElement")
def _has(walk: Walk[Any], node: Node) -> Iterator[Node]:
    walk.alias(node.outputs[0], walk.give(np.array(any(node.inputs)), "there"))
    yield from ()
