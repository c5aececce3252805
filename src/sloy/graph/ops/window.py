"""Windows that slide over the H and W of (N, H, W, C): the arithmetic that convolution and pooling share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sloy.errors import InvalidArgument, ShapeError
from sloy.text import shown

Pair = tuple[int, int]
Padding = str | int | Sequence[int]
Sides = tuple[int, int, int, int]  # top, bottom, left, right


@dataclass(frozen=True)
class Window:
    """A window of extent `size`, moved by `stride` over a padded image, its taps `dilation` apart."""

    size: Pair
    stride: Pair
    padding: Sides
    dilation: Pair = (1, 1)

    def output_extents(self, height: int, width: int, name: str) -> Pair:
        """Number of positions down and across: ⌊(padded - reach) / stride⌋ + 1."""
        top, bottom, left, right = self.padding
        padded = (height + top + bottom, width + left + right)
        reach = tuple((k - 1) * d + 1 for k, d in zip(self.size, self.dilation, strict=True))
        if reach[0] > padded[0] or reach[1] > padded[1]:
            raise ShapeError(
                f"{name}: the window (={reach[0]} × {reach[1]}) is larger than the padded input"
                f" ({padded[0]} × {padded[1]})."
            )
        return (
            (padded[0] - reach[0]) // self.stride[0] + 1,
            (padded[1] - reach[1]) // self.stride[1] + 1,
        )

    def taps(self, output_extents: Pair) -> Iterator[tuple[int, int, tuple[slice, ...]]]:
        """For each tap (i, j) in row-major order, the slices of the padded input that it sees."""
        for i in range(self.size[0]):
            for j in range(self.size[1]):
                starts = (i * self.dilation[0], j * self.dilation[1])
                rows, columns = (
                    slice(start, start + (extent - 1) * step + 1, step)
                    for start, extent, step in zip(starts, output_extents, self.stride, strict=True)
                )
                yield i, j, (slice(None), rows, columns)

    def pad(self, x: np.ndarray, value: float = 0.0) -> np.ndarray:
        """x (N, H, W, C) with the padding around it."""
        top, bottom, left, right = self.padding
        return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)

    def crop(self, padded: np.ndarray) -> np.ndarray:
        """The inverse of `pad`."""
        top, bottom, left, right = self.padding
        height, width = padded.shape[1] - bottom, padded.shape[2] - right
        return np.ascontiguousarray(padded[:, top:height, left:width])


def pair(value: int | Sequence[int], name: str, least: int = 1) -> Pair:
    """One number for both directions, or (vertical, horizontal)."""
    given: tuple[int, ...] = tuple(value) if isinstance(value, Sequence) else (value,)
    both = given * 2 if isinstance(value, int) else given
    if len(both) != 2 or any(not isinstance(v, int) or v < least for v in both):
        raise InvalidArgument(
            f"`{name}` (={shown(value)}) must be an integer of at least {least}, or two of them."
        )
    return both[0], both[1]


def resolve_padding(
    padding: Padding, extents: Pair, size: Pair, stride: Pair, dilation: Pair
) -> Sides:
    """Padding as (top, bottom, left, right).

    ``"valid"`` is none; ``"same"`` makes the output ⌈extent / stride⌉, an odd rest going to the bottom and right;
    otherwise a number for all sides, (vertical, horizontal), or (top, bottom, left, right).
    """
    word = padding if isinstance(padding, str) else ""
    if word == "valid":
        return (0, 0, 0, 0)
    if word == "same":
        totals = [
            max((-(-e // s) - 1) * s + (k - 1) * d + 1 - e, 0)
            for e, k, s, d in zip(extents, size, stride, dilation, strict=True)
        ]
        (top, left) = (total // 2 for total in totals)
        return (top, totals[0] - top, left, totals[1] - left)
    if isinstance(padding, str) or not isinstance(padding, int | tuple | list):
        raise InvalidArgument(
            f"`padding` (={shown(padding)}) must be 'valid', 'same', an integer, 2 or 4 integers."
        )
    sides: tuple[int, ...] = (padding,) * 4 if isinstance(padding, int) else tuple(padding)
    if len(sides) == 2:
        sides = (sides[0], sides[0], sides[1], sides[1])
    if len(sides) != 4 or any(not isinstance(s, int) or s < 0 for s in sides):
        raise InvalidArgument(
            f"`padding` (={shown(padding)}) must be 'valid', 'same', an integer, 2 or 4 integers, none negative."
        )
    return sides[0], sides[1], sides[2], sides[3]
