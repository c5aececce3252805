"""Windows over maps: which numbers a position sees, and which positions see a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sloy.graph.ops.window import Padding, Pair, Window, pair, resolve_padding


@dataclass(frozen=True)
class Windows:
    """A window at its positions over maps (H, W).

    Attributes
    ----------
    window : Window
    extents : (int, int)
        H and W.
    outputs : (int, int)
        Number of positions down and across.
    """

    window: Window
    extents: Pair
    outputs: Pair

    @classmethod
    def of(
        cls,
        extents: tuple[int, ...],
        size: int | tuple[int, int],
        stride: int | tuple[int, int] | None,
        padding: Padding,
        dilation: int | tuple[int, int] = 1,
    ) -> Windows:
        """From the arguments of a layer."""
        sides, apart = pair(size, "size"), pair(dilation, "dilation")
        steps = sides if stride is None else pair(stride, "stride")
        both = (extents[0], extents[1])
        padded = resolve_padding(padding, both, sides, steps, apart)
        window = Window(sides, steps, padded, apart)
        return cls(window, both, window.output_extents(*both, "Windows"))

    def start(self, i: int, j: int) -> Pair:
        """Row and column of the first tap; negative in the padding above and to the left."""
        (down, across), (top, _, left, _) = self.window.stride, self.window.padding
        return i * down - top, j * across - left

    def seen(self, i: int, j: int) -> Iterator[tuple[int, int, int, int]]:
        """Taps k, l of a position, and the row and column that each sees; those in the padding are left out."""
        (top, left), (down, across) = self.start(i, j), self.window.dilation
        for k in range(self.window.size[0]):
            for m in range(self.window.size[1]):
                row, column = top + k * down, left + m * across
                if 0 <= row < self.extents[0] and 0 <= column < self.extents[1]:
                    yield k, m, row, column

    def seeing(self, row: int, column: int) -> Iterator[tuple[int, int, int, int]]:
        """Positions i, j that see a number, and the tap k, l with which each does."""
        (down, across), (top, _, left, _) = self.window.stride, self.window.padding
        for k in range(self.window.size[0]):
            for m in range(self.window.size[1]):
                i, over = divmod(row + top - k * self.window.dilation[0], down)
                j, past = divmod(column + left - m * self.window.dilation[1], across)
                inside = 0 <= i < self.outputs[0] and 0 <= j < self.outputs[1]
                if inside and over == past == 0:
                    yield i, j, k, m

    @property
    def any(self) -> str:
        """Where the tap (k, l) of position (i, j) looks: i + k, j + l."""
        top, _, left, _ = self.window.padding
        parts = zip("ij", "kl", self.window.stride, self.window.dilation, (top, left), strict=True)
        return ", ".join(
            f"{_times(step)}{i} + {_times(apart)}{k}{f' − {pad}' if pad else ''}"
            for i, k, step, apart, pad in parts
        )


def _times(number: int) -> str:
    return "" if number == 1 else str(number)
