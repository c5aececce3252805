"""Single instructions of the native engine, and bfloat16 in NumPy: uint16 arrays, the upper halves of float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sloy.engines.native.engine import _native

Output = tuple[tuple[int, ...], str]  # shape, dtype


def rounded(x: np.ndarray) -> np.ndarray:
    """The bfloat16 nearest to each float32, ties to even; NaN stays NaN, made quiet."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    nearest = bits + 0x7FFF + (bits >> 16 & 1)
    return (np.where(np.isnan(x), bits | 0x400000, nearest) >> 16).astype(np.uint16)


def widened(x: np.ndarray) -> np.ndarray:
    """The float32 that equals each bfloat16."""
    return (x.astype(np.uint32) << 16).view(np.float32)


def ulps_apart(a: np.ndarray, b: np.ndarray) -> int:
    """How many bfloat16 numbers lie between two arrays of them, at most."""

    def position(x: np.ndarray) -> np.ndarray:
        size = (x & 0x7FFF).astype(np.int64)
        return np.where(x >> 15, -size, size)

    return int(np.max(np.abs(position(a) - position(b)), initial=0))


def dtype_name(x: np.ndarray) -> str:
    return "bfloat16" if x.dtype == np.uint16 else str(x.dtype)


def run_instruction(
    op: str,
    inputs: Sequence[np.ndarray],
    outputs: Sequence[Output],
    attributes: Mapping[str, Any],
    *,
    threads: int = 1,
    any_threads: bool = False,
    emulated: bool = False,
    updates: bool = False,
) -> list[np.ndarray]:
    """What one instruction, perhaps of a program that updates variables, makes of arrays; all lie in the arena, apart
    by NaN that must stay as they are.
    """
    results = [np.empty(shape, np.uint16 if t == "bfloat16" else t) for shape, t in outputs]
    guard = np.full(128, 0xFF, np.uint8)
    places: list[int] = []
    offset = 0
    for array in (*inputs, *results):
        places += [offset, offset + (array.nbytes + 63) // 64 * 64]
        offset = places[-1] + guard.nbytes
    program = _native.Program(
        places,
        [
            (
                op,
                [(dtype_name(x), x.shape, 2 * i) for i, x in enumerate(inputs)],
                [(t, s, 2 * (len(inputs) + i)) for i, (s, t) in enumerate(outputs)],
                dict(attributes),
            )
        ],
        0 if updates else 1,
        [],
        offset,
        threads,
        any_threads,
        emulated,
    )
    for i, x in enumerate(inputs):
        program.write(2 * i, np.ascontiguousarray(x))
    for place in range(1, len(places), 2):
        program.write(place, guard)
    program.run()
    program.run()  # scratch holds what the first run left
    for i, result in enumerate(results):
        program.read(2 * (len(inputs) + i), result)
    found = np.empty_like(guard)
    for place in range(1, len(places), 2):
        program.read(place, found)
        assert (found == guard).all(), f"{op} writes beside its operands"
    return results


def elementwise(
    program: str,
    inputs: Sequence[np.ndarray],
    dtypes: Sequence[str],
    results: Sequence[int],
    *,
    threads: int = 1,
) -> list[np.ndarray]:
    """A program of elementwise statements; the inputs broadcast to the first one's shape."""
    shape = inputs[0].shape
    strides: list[int] = []
    for x in inputs:
        whole = np.broadcast_to(x, shape).strides
        strides += [s // x.itemsize for s in whole]
    attributes = {"shape": shape, "strides": strides, "program": program, "results": list(results)}
    return run_instruction(
        "elementwise", inputs, [(shape, t) for t in dtypes], attributes, threads=threads
    )
