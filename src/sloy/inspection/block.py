"""A box of a drawn network, and how windows are told in it."""

from __future__ import annotations

from dataclasses import dataclass

from sloy import text
from sloy.graph.spec import Shape
from sloy.language import say


@dataclass(frozen=True)
class Block:
    """One box of the picture.

    Attributes
    ----------
    kind : str
        "input", "convolution", "pooling", "reshaping", "dense", "residual", "block" or "other".
    name : str
        Of its first layer.
    lines : tuple of str
        What it does, and each layer that follows in the same box, as ``+ ReLU``.
    shape : tuple of int
        Of the output of one sample.
    parameters : int
        Trained numbers of all its layers.
    """

    kind: str
    name: str
    lines: tuple[str, ...]
    shape: Shape
    parameters: int = 0


def window_lines(
    size: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...], groups: int
) -> list[str]:
    """Of a convolution: the kernel, and what is not 1."""
    lines = [text.shape(size)]
    if stride != (1, 1):
        lines.append(say("stride {stride}", stride=_pair(stride)))
    if dilation != (1, 1):
        lines.append(say("dilation {dilation}", dilation=_pair(dilation)))
    if groups != 1:
        lines.append(say("groups {groups}", groups=groups))
    return lines


def pooling_lines(size: tuple[int, ...], stride: tuple[int, ...], *, largest: bool) -> list[str]:
    """Of a pooling: the largest or the mean of each window, and the stride where windows overlap or leave gaps."""
    window = text.shape(size)
    first = say("max {window}", window=window) if largest else say("mean {window}", window=window)
    return [first, *([] if stride == size else [say("stride {stride}", stride=_pair(stride))])]


def _pair(both: tuple[int, ...]) -> str:
    return str(both[0]) if both[0] == both[1] else text.shape(both)
