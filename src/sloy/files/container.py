"""The one file format of models and checkpoints: named tensors and one JSON document.

The layout is that of safetensors: 8 bytes header length (little-endian), a JSON header, the tensors' bytes one after
another. What safetensors leaves open is fixed here, so that equal contents are equal bytes and damage never passes:

* the header starts with `__metadata__`, then the tensors sorted by name; spaces pad its length to a multiple of 8;
* `__metadata__` holds the single key `sloy`: one JSON string `{"checksum": …, "format": 1, "metadata": …, "sha256": …}`
  with the SHA-256 of each tensor, and as `checksum` that of the whole header, taken with zeros in its own place;
* tensors are C-contiguous, little-endian, in the order of the header, without holes, to the last byte of the file.

References
----------
.. [1] The safetensors format, https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np

from sloy.errors import FileFormatError, InvalidArgument
from sloy.files.atomic import write_atomically
from sloy.files.documents import hold, parse
from sloy.text import shown

FORMAT = 1
LARGEST_HEADER = 100_000_000  # bytes, the limit of safetensors
DTYPES = {
    "U8": "<u1", "I8": "<i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4", "I32": "<i4",
    "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8",
}  # fmt: skip
_NAMES = {np.dtype(code): name for name, code in DTYPES.items()}
_DOCUMENT = {"checksum": str, "format": int, "metadata": dict, "sha256": {"*": str}}
_START = rb'{"__metadata__":{"sloy":"{\"checksum\":\"'
_ZEROS = b"0" * 64


def write_container(
    path: str | Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]
) -> None:
    """Write tensors and a JSON document to one file, atomically; the same contents give the same bytes.

    Parameters
    ----------
    path : str or Path
    tensors : mapping of str to array
        Integers of 8 to 64 bits and floats of 16 to 64 bits, of any shape and memory layout.
    metadata : mapping
        What `json.dumps` takes; numbers must be finite, keys strings.

    Raises
    ------
    InvalidArgument
        When a name, dtype or metadata value cannot be stored.
    OSError
        When the file cannot be written; an older file of that name is untouched then.
    """
    arrays: dict[str, np.ndarray] = {}
    for name in sorted(tensors):
        array = np.asarray(tensors[name])
        dtype = array.dtype.newbyteorder("<")
        if dtype not in _NAMES:
            raise InvalidArgument(
                f"write_container: tensor {shown(name)} has dtype {array.dtype}; allowed are"
                f" {', '.join(known.name for known in _NAMES)}."
            )
        if name == "__metadata__":
            raise InvalidArgument("write_container: `__metadata__` cannot be a tensor's name.")
        arrays[name] = np.ascontiguousarray(array, dtype).reshape(array.shape)
    header = _header(arrays, metadata)
    if len(header) > LARGEST_HEADER:
        raise InvalidArgument(
            f"write_container: names and metadata take {len(header)} bytes; allowed are {LARGEST_HEADER}."
        )

    def write(file: IO[bytes]) -> None:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        for array in arrays.values():
            file.write(_bytes(array))

    write_atomically(path, write)


def read_container(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `write_container` wrote: (tensors, metadata).

    Every length is checked against the file's size before memory is reserved, every byte against a checksum.

    Raises
    ------
    FileFormatError
        When the file is damaged, truncated, too long, of another format or another version; it names file and reason.
    OSError
        When the file cannot be opened.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise FileFormatError(f"{path}: is not a file.")
    with naming(path), path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        header = _read_header(path, file, size)
        entries, document = _parse(path, header)
        tensors, end = {}, 8 + len(header)
        for name, entry in entries.items():
            array = _empty(path, name, entry, end - 8 - len(header), size - end)
            end += array.nbytes
            if file.readinto(_bytes(array)) != array.nbytes:
                fail(path, f"truncated in tensor {shown(name)}")
            if _sha256(array) != document["sha256"].get(name):
                fail(path, f"tensor {shown(name)} is damaged (its SHA-256 differs)")
            tensors[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
        if end != size:
            fail(path, f"{size - end} bytes follow the last tensor")
    return tensors, document["metadata"]


def read_metadata(path: str | Path) -> dict[str, Any]:
    """The metadata alone of what `write_container` wrote; its tensors are not read.

    Raises
    ------
    FileFormatError, OSError
        As `read_container`, as far as the header tells.
    """
    path = Path(path)
    with naming(path), path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        _, document = _parse(path, _read_header(path, file, size))
    found: dict[str, Any] = document["metadata"]
    return found


def check_kind(path: str | Path, metadata: Mapping[str, Any], kind: str, version: int) -> None:
    """Raise `FileFormatError` unless a container holds what it should ("sloy.model", …), in this version."""
    found, word = str(metadata.get("kind"))[:40], kind.removeprefix("sloy.")
    if found != kind:
        raise FileFormatError(f"{path}: is not a {word} (kind {found!r}).")
    if (own := metadata.get("version")) != version:
        age = "an older" if isinstance(own, int) and own < version else "another"
        raise FileFormatError(
            f"{path}: is a {word} of version {shown(own, 40)}, of {age} sloy; this one reads version"
            f" {version}."
        )


def _header(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> bytes:
    entries, start = {}, 0
    for name, array in arrays.items():
        offsets = [start, start + array.nbytes]
        dtype, shape = _NAMES[array.dtype], list(array.shape)
        entries[name] = {"data_offsets": offsets, "dtype": dtype, "shape": shape}
        start += array.nbytes
    document = {
        "checksum": _ZEROS.decode(),
        "format": FORMAT,
        "metadata": dict(metadata),
        "sha256": {name: _sha256(array) for name, array in arrays.items()},
    }
    try:
        first = _dump({"__metadata__": {"sloy": _dump(document)}})
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(
            f"write_container: `metadata` cannot be stored as JSON ({error})."
        ) from None
    text = f"{first[:-1]},{_dump(entries)[1:]}" if entries else first
    header = text.encode("ascii")
    header += b" " * (-len(header) % 8)
    return _with_checksum(header, hashlib.sha256(header).hexdigest().encode())


def _with_checksum(header: bytes, checksum: bytes) -> bytes:
    return _START + checksum + header[len(_START) + len(checksum) :]


def _dump(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _bytes(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(_bytes(array)).hexdigest()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """A context whose errors of the system name a file, as those of a disk that cannot be read name none."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def fail(path: Path, reason: str) -> NoReturn:
    """Raise the one error of a file that cannot be used."""
    raise FileFormatError(f"{path}: {reason}.")


def _read_header(path: Path, file: IO[bytes], size: int) -> bytes:
    """The header's bytes, once their length and checksum hold."""
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or file.read(len(_START)) != _START:
        fail(path, "not a sloy file, or damaged in its first bytes")
    if length > LARGEST_HEADER or length < len(_START) + len(_ZEROS) or length % 8:
        fail(path, f"damaged: a header of {length} bytes cannot be")
    if 8 + length > size:
        fail(path, f"truncated: the header needs {8 + length} bytes, the file has {size}")
    file.seek(8)
    header = file.read(length)
    found = header[len(_START) : len(_START) + len(_ZEROS)]
    if hashlib.sha256(_with_checksum(header, _ZEROS)).hexdigest().encode() != found:
        fail(path, "damaged: the checksum of its header differs")
    return header


def _parse(path: Path, header: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors' entries by name, and the document in the metadata."""
    try:
        entries = parse(header.decode("ascii"))
        hold(entries, {"__metadata__": {"sloy": str}, "*": object})
        document = parse(entries.pop("__metadata__")["sloy"])
        hold(document, {"format": object, "*": object})
        if (version := document["format"]) == FORMAT:
            hold(document, _DOCUMENT)
    except ValueError as error:  # FileFormatError is one
        fail(path, f"its header cannot be understood ({str(error).removesuffix('.')[:160]})")
    if version != FORMAT:
        fail(path, f"has format {shown(version)}; this version of sloy reads format {FORMAT}")
    if list(entries) != sorted(entries) or set(document["sha256"]) != set(entries):
        fail(path, "its header contradicts itself")
    return entries, document


def _empty(path: Path, name: str, entry: Any, start: int, left: int) -> np.ndarray:
    """Memory for one tensor, once its entry fits its place in the file, `left` bytes before the end."""
    if not isinstance(entry, dict) or set(entry) != {"data_offsets", "dtype", "shape"}:
        fail(path, f"the entry of tensor {shown(name)} cannot be understood")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        fail(path, f"tensor {shown(name)} has the unknown dtype {shown(dtype)}")
    if (
        not isinstance(shape, list)
        or len(shape) > 32
        or not all(type(extent) is int and 0 <= extent < 2**48 for extent in shape)
    ):
        fail(path, f"tensor {shown(name)} has the impossible shape {shown(shape)}")
    size = prod(shape) * np.dtype(DTYPES[dtype]).itemsize
    if offsets != [start, start + size]:
        fail(path, f"tensor {shown(name)} does not lie where shape and order put it")
    if size > left:
        fail(path, f"truncated: tensor {shown(name)} needs {size} bytes, {left} are left")
    return np.empty(shape, DTYPES[dtype])
