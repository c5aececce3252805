"""Files of safetensors by other tools: PyTorch's names and layouts. (sloy's own files: `sloy.files.container`.)

References
----------
.. [1] The safetensors format, https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from sloy.exchange.weights.tensors import FileTensor, checked_shape, widened
from sloy.files.container import DTYPES, LARGEST_HEADER, fail
from sloy.files.documents import parse

_KNOWN = {**DTYPES, "BF16": "<u2", "BOOL": "|b1"}


def read_safetensors(path: Path) -> dict[str, FileTensor]:
    """The tensors of a file, each within its bounds, none over another, none missing.

    Raises
    ------
    FileFormatError
        Where lengths, shapes or offsets contradict each other or the file's size.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        length = int.from_bytes(file.read(8), "little")
        if length > min(LARGEST_HEADER, size - 8):
            fail(path, f"is damaged or no safetensors file (a header of {length} bytes)")
        header = file.read(length)
    try:
        entries = parse(header.decode("utf-8"))
    except ValueError as error:
        fail(path, f"its header cannot be understood ({str(error)[:80]})")
    if not isinstance(entries, dict):
        fail(path, "its header cannot be understood")
    metadata = entries.pop("__metadata__", {})
    if isinstance(metadata, dict) and "sloy" in metadata:
        fail(path, "is a model of sloy itself; `sloy.load(path)` reads it")
    found = {name: _tensor(path, name, entry, 8 + length, size) for name, entry in entries.items()}
    ends = sorted(entry["data_offsets"] for entry in entries.values())
    if any(before[1] != after[0] for before, after in pairwise(ends)) or (
        ends and (ends[0][0] != 0 or 8 + length + ends[-1][1] != size)
    ):
        fail(path, "is damaged (tensors overlap, or leave bytes of the file over)")
    return found


def _tensor(path: Path, name: str, entry: Any, first: int, size: int) -> FileTensor:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        fail(path, f"is damaged (the entry of tensor {name[:80]!r})")
    shape = checked_shape(path, name, entry["shape"])
    code, offsets = entry["dtype"], entry["data_offsets"]
    if not isinstance(code, str) or code not in _KNOWN:
        fail(path, f"tensor {name[:80]!r} has the dtype {str(code)[:20]!r}, which is not read")
    raw = np.dtype(_KNOWN[code])
    if (
        not isinstance(offsets, list)
        or len(offsets) != 2
        or not all(type(offset) is int and 0 <= offset <= size - first for offset in offsets)
        or offsets[1] - offsets[0] != prod(shape) * raw.itemsize
    ):
        fail(path, f"tensor {name[:80]!r} does not lie where its shape {shape} needs it")
    dtype = "bfloat16" if code == "BF16" else raw.name

    def load() -> np.ndarray:
        flat = np.fromfile(path, raw, prod(shape), offset=first + offsets[0])
        if flat.size != prod(shape):
            fail(path, f"is truncated in tensor {name[:80]!r}")
        return widened(flat.reshape(shape), dtype)

    return FileTensor(shape, dtype, load)
