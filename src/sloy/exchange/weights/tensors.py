"""Tensors in the files of other tools: what a file holds, and the checks that every reader makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sloy.files.container import fail
from sloy.graph.spec import Shape


@dataclass(frozen=True)
class FileTensor:
    """A tensor in a file.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
        NumPy's name, or ``bfloat16``.
    load : callable
        ``load() -> array`` of that shape; bfloat16 as float32. Only this reserves memory for the values.
    """

    shape: Shape
    dtype: str
    load: Callable[[], np.ndarray]


@dataclass(frozen=True)
class TensorFile:
    """The tensors of a file.

    Attributes
    ----------
    path : Path
    tool : "torch" or "keras"
        Whose names and layouts they have.
    tensors : mapping
        Name → `FileTensor`, in the order of the file. Names of Keras are ``layer/role``: ``block1_conv1/kernel``.
    ordered : bool
        Whether that is the order of the layers; safetensors sorts by name.
    """

    path: Path
    tool: str
    tensors: Mapping[str, FileTensor]
    ordered: bool = True


def checked_shape(path: Path, name: str, shape: object) -> Shape:
    """A shape that a file states, once it is one: at most 8 extents below 2³¹."""
    if (
        not isinstance(shape, tuple | list)
        or len(shape) > 8
        or not all(type(extent) is int and 0 <= extent < 2**31 for extent in shape)
    ):
        fail(path, f"tensor {name[:80]!r} has the impossible shape {_told(shape)[:80]}")
    return tuple(shape)


def _told(shape: object) -> str:
    """A wrong shape in words; only integers are written, as what a pickle holds can be endless when written out."""
    if not isinstance(shape, tuple | list):
        return type(shape).__name__
    extents = (str(e) if isinstance(e, int) else type(e).__name__ for e in shape[:9])
    return f"({', '.join(extents)})"


def widened(raw: np.ndarray, dtype: str) -> np.ndarray:
    """What stands in a file as an array of `dtype`; bfloat16, uint16 in `raw`, as float32."""
    if dtype != "bfloat16":
        return raw
    return (raw.astype(np.uint32) << np.uint32(16)).view(np.float32)
