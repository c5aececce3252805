"""Buffers in one arena: no two that live at the same time overlap."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from sloy.graph.arena import ALIGNMENT, Lifetime, assign_offsets


@given(
    lives=st.lists(
        st.tuples(st.integers(0, 5000), st.integers(0, 12), st.integers(0, 6)), max_size=25
    )
)
def test_offsets_never_overlap(lives: list[tuple[int, int, int]]) -> None:
    buffers = [Lifetime(size, first, first + length) for size, first, length in lives]
    offsets, total = assign_offsets(buffers)
    placed = list(zip(offsets, buffers, strict=True))
    for offset, buffer in placed:
        assert offset % ALIGNMENT == 0
        assert offset + buffer.size <= total
    for (a, x), (b, y) in combinations(placed, 2):
        if x.first <= y.last and y.first <= x.last and x.size and y.size:
            assert a + x.size <= b or b + y.size <= a
