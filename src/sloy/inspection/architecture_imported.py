"""The blocks of an imported graph: one for each value that has a name, with what it takes where that is not plain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sloy.graph import REGISTRY, Tensor
from sloy.inspection.block import Block, pooling_lines, window_lines
from sloy.language import say

MOST_OPS = 5  # kinds of ops of one block that are named
MOST_SOURCES = 3  # values that a block takes, by name
_PLUMBING = ("broadcast_to", "reshape", "transpose")


def imported_blocks(
    name: str, values: Mapping[str, Tensor], x: Tensor, sizes: Mapping[str, int]
) -> list[Block]:
    """Blocks of a layer that is a graph.

    Parameters
    ----------
    name : str
        Of the layer.
    values : mapping
        Full name (``imported_1/conv_1``) → value, in the order of computation; the layer's own output last.
    x : Tensor
        What the layer takes.
    sizes : mapping
        Name of each of its parameters → how many numbers it is.

    Returns
    -------
    list of Block
        Values that only act on each number of the one before join its block (``+ relu``).
    """
    known = {id(x): ""}
    parts: list[_Part] = []
    before = ""  # the value that the next one is expected to take
    for full, y in values.items():
        if id(y) in known:
            continue  # the layer's output, which had a name already
        new, sources = _since(y, known)
        value = full.removeprefix(f"{name}/")
        known[id(y)] = value
        count = sum(sizes.get(str(t.attributes["name"]), 0) for t in new if t.op == "variable")
        done = [tensor for tensor in new if tensor.inputs]
        plain = sources == [before]
        if plain and parts and y.shape[1:] == parts[-1].block.shape and _follows(done):
            last = parts[-1].block
            lines = (*last.lines, *(f"+ {op}" for op in _named_ops(done)))
            parts[-1].block = replace(last, lines=lines, parameters=last.parameters + count)
            parts[-1].values.append(value)
        else:
            kind, told = _described(done)
            block = Block(kind, value, tuple(told), y.shape[1:], count)
            parts.append(_Part(block, [value], [] if plain else sources, len(told)))
        before = value
    return [_with_sources(part, parts) for part in parts]


@dataclass
class _Part:
    """A block that is being made: its values, and those of others that it takes, told after so many of its lines."""

    block: Block
    values: list[str]
    sources: list[str]
    place: int


def _with_sources(part: _Part, parts: Sequence[_Part]) -> Block:
    """The block with a line that names the blocks whose values it takes, if that is not plain."""
    if not part.sources:
        return part.block
    names = []
    for source in part.sources[:MOST_SOURCES]:
        owner = next((other for other in parts if source in other.values), None)
        if owner is None:
            names.append(say("input"))
        else:
            inner = "" if source == owner.values[-1] else f" ({source})"
            names.append(f"{owner.block.name}{inner}")
    names += ["…"] if len(part.sources) > MOST_SOURCES else []
    lines = list(part.block.lines)
    lines.insert(part.place, say("of {sources}", sources=", ".join(names)))
    return replace(part.block, lines=tuple(lines))


def _since(y: Tensor, known: Mapping[int, str]) -> tuple[list[Tensor], list[str]]:
    """The tensors that y is made of beyond known ones, and the names of the known ones, each once."""
    found: dict[int, Tensor] = {}
    sources: dict[str, None] = {}
    waiting = [y]
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in known:
            sources[known[id(tensor)]] = None
        elif id(tensor) not in found:
            found[id(tensor)] = tensor
            waiting += reversed(tensor.inputs)
    return list(found.values()), list(sources)


def _follows(tensors: Sequence[Tensor]) -> bool:
    """Whether a value only changes numbers where they are: an activation, a normalisation."""
    kinds = {REGISTRY[t.op].kind for t in tensors if t.op not in _PLUMBING}
    return kinds <= {"elementwise", "comparison", "composite", "random"}


def _described(tensors: Sequence[Tensor]) -> tuple[str, list[str]]:
    """Kind of a block and its lines, by the ops of its value."""
    by_op = {t.op: t for t in tensors}
    if (t := by_op.get("conv2d")) is not None:
        a = t.attributes
        size = t.inputs[1].shape[:2]
        return "convolution", window_lines(size, a["stride"], a["dilation"], a["groups"])
    for op, largest in (("max_pool2d", True), ("average_pool2d", False)):
        if (t := by_op.get(op)) is not None:
            a = t.attributes
            return "pooling", pooling_lines(a["window"], a["stride"], largest=largest)
    if "matmul" in by_op:
        return "dense", []
    if set(by_op) <= set(_PLUMBING):
        return "reshaping", []
    if any(op.startswith("reduce_") for op in by_op) and len(tensors[-1].shape) == 4:
        return "pooling", _named_ops(tensors)
    return "other", _named_ops(tensors)


def _named_ops(tensors: Sequence[Tensor]) -> list[str]:
    """The most frequent ops, and how many others there are; what only moves numbers is left out where more happens."""
    counts = Counter(t.op for t in tensors if t.op not in _PLUMBING)
    counts = counts or Counter(t.op for t in tensors)
    named = counts.most_common(MOST_OPS)
    rest = sum(counts.values()) - sum(n for _, n in named)
    lines = [op if n == 1 else f"{n} {op}" for op, n in named]
    return [*lines, say("{count} others", count=rest)] if rest else lines
