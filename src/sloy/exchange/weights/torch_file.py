"""State dicts of PyTorch (`torch.save`), read without executing anything.

Two layouts: a zip of uncompressed entries (``…/data.pkl``, which names the tensors, and ``…/data/0`` …, their numbers),
and the older one of pickles after each other with the numbers behind them. Both pickles are read as data
(`sloy.exchange.weights.pickled`), the numbers straight from their place in the file, whose bounds are checked before.

References
----------
.. [1] PyTorch, "Serialization semantics", section on the file format, https://pytorch.org/docs/stable/notes/serialization.html
"""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from sloy.errors import FileFormatError
from sloy.exchange.weights.archive import Span, check_crc, check_directory, span_of
from sloy.exchange.weights.pickled import LARGEST, Call, Named, Persistent, PickleError, read_pickle
from sloy.exchange.weights.tensors import FileTensor, checked_shape, widened
from sloy.files.container import fail
from sloy.text import shortened

_LEGACY = 0x1950A86A20F9469CFC6C  # the first pickle of the older layout
_STORAGES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16", "LongStorage": "int64", "IntStorage": "int32",
    "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8", "BoolStorage": "bool",
}  # fmt: skip
_REBUILD = {"torch._utils._rebuild_tensor_v2": 6, "torch._utils._rebuild_tensor": 4}
_PARAMETER = "torch._utils._rebuild_parameter"
# Where checkpoints keep the weights, the usual place first; other keys are taken too where there is one alone.
_INSIDE = (
    ("state_dict",), ("model_state_dict",), ("model",), ("model", "state_dict"), ("state_dict", "model"), ("net",),
    ("network",), ("module",), ("net", "state_dict"), ("weights",), ("params",),
)  # fmt: skip
_DEEPEST = 2  # keys above each other


_Locate = Callable[[str, int, int], Span]  # key, elements, bytes of an element


def read_torch(path: Path) -> dict[str, FileTensor]:
    """The tensors of a state dict; of a checkpoint that holds one under ``state_dict``, ``model``, … these.

    A warning says which were taken where that is not the usual place, or there are others.

    Raises
    ------
    FileFormatError
        Where the file holds anything but tensors and plain values, is damaged, or has compressed entries.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        zipped = file.read(2) == b"PK"
        try:
            value, locate = _read_zip(path, size) if zipped else _read_legacy(path, size)
        except FileFormatError:
            raise
        except PickleError as error:
            reason = (
                f"{error}; nothing was executed. Of a model of your own save `model.state_dict()`"
            )
            fail(path, f"is no state dict that can be read: {reason}")
        except (zipfile.BadZipFile, OSError, ValueError, LookupError, zlib.error) as error:
            fail(path, f"is damaged ({str(error)[:80]})")
        except (NotImplementedError, RuntimeError) as error:
            fail(path, f"is a zip of a kind that PyTorch does not write ({str(error)[:80]})")
    checked: set[Span] = set()
    return {
        name: _tensor(path, name, found, locate, checked)
        for name, found in _state_dict(path, value).items()
        if not _is_plain(found)
    }


def _read_zip(path: Path, size: int) -> tuple[Any, _Locate]:
    """The pickle of the zip layout, and where its storages lie."""
    check_directory(path, size)
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if len(entries) != len(archive.infolist()):
            fail(path, "is damaged (two entries of the zip have one name)")
        pickles = [name for name in entries if name.endswith("data.pkl") and name.count("/") <= 1]
        if len(pickles) != 1:
            fail(path, "is a zip without the data.pkl that PyTorch writes")
        folder = pickles[0].removesuffix("data.pkl")
        for entry in entries.values():
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > size:
                fail(
                    path, f"entry {entry.filename[:80]!r} is compressed; PyTorch stores its entries"
                )
        if entries[pickles[0]].file_size > LARGEST:
            fail(path, f"its data.pkl has more than {LARGEST >> 20} MiB")
        order = entries.get(f"{folder}byteorder")
        if order is not None and _entry(path, order, size) != b"little":
            fail(path, "its numbers are big-endian, which is not read")
        value, _ = read_pickle(_entry(path, entries[pickles[0]], size))

    def locate(key: str, elements: int, itemsize: int) -> Span:
        name = f"{folder}data/{key}"
        if name not in entries:
            fail(path, f"is damaged (the entry {name[:80]!r} is missing)")
        span = span_of(path, entries[name], size)
        if span.size != elements * itemsize:
            fail(
                path,
                f"is damaged ({name[:80]!r} has {span.size} bytes, not {elements * itemsize})",
            )
        return span

    return value, locate


def _entry(path: Path, entry: zipfile.ZipInfo, size: int) -> bytes:
    span = span_of(path, entry, size)
    if span.size > LARGEST:
        fail(path, f"entry {entry.filename[:80]!r} has more than {LARGEST >> 20} MiB")
    check_crc(path, f"entry {entry.filename[:80]!r}", span)
    with path.open("rb") as file:
        file.seek(span.start)
        return file.read(span.size)


def _read_legacy(path: Path, size: int) -> tuple[Any, _Locate]:
    """The pickle of the older layout, and where its storages lie: behind the last pickle, each after its length."""
    with path.open("rb") as file:
        data = file.read(min(size, LARGEST))
    values, start = [], 0
    for number in range(
        5
    ):  # magic number, version, system, the state dict, the keys of the storages
        value, length = read_pickle(data[start:])
        start += length
        values.append(value)
        if number == 0 and value != _LEGACY:
            fail(path, "is a pickle, but none that PyTorch writes")
    if not isinstance(values[2], dict) or values[2].get("little_endian") is not True:
        fail(path, "its numbers are big-endian, which is not read")
    keys = values[4]
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        fail(path, "is damaged (the list of its storages)")
    itemsizes = _itemsizes(values[3])
    spans: dict[str, Span] = {}
    with path.open("rb") as file:
        for key in keys:
            file.seek(start)
            elements = int.from_bytes(file.read(8), "little")
            spans[key] = Span(start + 8, elements * itemsizes.get(key, 1))
            start += 8 + spans[key].size
            if start > size:
                fail(path, f"is truncated (storage {key[:40]!r} ends behind the file)")

    def locate(key: str, elements: int, itemsize: int) -> Span:
        if key not in spans or spans[key].size != elements * itemsize:
            fail(path, f"is damaged (storage {key[:40]!r})")
        return spans[key]

    return values[3], locate


def _itemsizes(value: Any) -> dict[str, int]:
    """Key → bytes of an element, of all storages that a value refers to."""
    found: dict[str, int] = {}
    waiting, seen = [value], set()
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, Persistent):
            key, dtype, _ = _storage(item)
            found[key] = np.dtype(_raw(dtype)).itemsize
        elif isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list | tuple):
            waiting += item
        elif isinstance(item, Call):
            waiting += item.arguments
    return found


def _state_dict(path: Path, value: Any) -> Mapping[str, Any]:
    """Name → tensor, as a state dict has it; of a checkpoint the one that it holds, under whatever key."""
    found = _mappings(value)
    usual = [key for key in _INSIDE if key in found]
    if usual or (found and () not in found):
        if not usual and len(found) > 1:
            fail(path, f"holds several state dicts, {_called(*found)}; save one of them alone")
        key = usual[0] if usual else next(iter(found))
        value, others = found[key], [other for other in found if other not in ((), key)]
        if others or not usual:
            beside = f", not those under {_called(*others)}" if others else ""
            warnings.warn(
                f"{path}: the weights under {_called(key)} are taken{beside}.", stacklevel=2
            )
    if isinstance(value, Call):
        fail(path, _refusal(value.function))
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        fail(path, "holds no state dict: a mapping of names to tensors")
    return value


def _called(*keys: tuple[str, ...]) -> str:
    """The first of several places, as messages name them; a part of a place may be as long as the file."""
    names = (repr(".".join(part[:40] for part in key)[:40]) for key in keys[:8])
    return shortened(", ".join(names), 160)


def _mappings(value: Any) -> dict[tuple[str, ...], Any]:
    """Mappings with tensors by the keys above them: none, ``("net",)``, ``("net", "state_dict")``.

    A pickle can name a mapping again and again: each is looked through once.
    """
    found: dict[tuple[str, ...], Any] = {}
    waiting: list[tuple[tuple[str, ...], Any]] = [((), value)]
    has_tensors: dict[int, bool] = {}
    for key, item in waiting:  # which grows
        if not isinstance(item, dict):
            continue
        if id(item) not in has_tensors:
            named = all(isinstance(name, str) for name in item)
            has_tensors[id(item)] = named and any(map(_is_tensor, item.values()))
            if named and not has_tensors[id(item)] and len(key) < _DEEPEST:
                waiting += [((*key, name), each) for name, each in item.items()]
        if has_tensors[id(item)]:
            found[key] = item
    return found


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Call) and value.function.name in (*_REBUILD, _PARAMETER)


def _is_plain(value: Any) -> bool:
    return not isinstance(value, Call | Named | Persistent)


def _refusal(function: Named) -> str:
    return (
        f"asks for {function.name[:80]!r}, which a state dict does not need; nothing was executed."
        " Of a model of your own save `model.state_dict()`"
    )


def _tensor(path: Path, name: str, value: Any, locate: _Locate, checked: set[Span]) -> FileTensor:
    """A tensor from the call that would have made it; the checksum of a storage is compared once, before the first."""
    if isinstance(value, Call) and value.function.name == _PARAMETER and value.arguments:
        value = value.arguments[0]
    if not isinstance(value, Call) or value.function.name not in _REBUILD:
        called = value.function if isinstance(value, Call) else value
        fail(path, _refusal(called) if isinstance(called, Named) else f"{name[:80]!r} is no tensor")
    arguments = value.arguments
    if len(arguments) < _REBUILD[value.function.name] or not isinstance(arguments[0], Persistent):
        fail(path, f"is damaged (tensor {name[:80]!r})")
    offset = arguments[1]
    shape = checked_shape(path, name, arguments[2])
    strides = checked_shape(path, name, arguments[3])
    try:
        key, dtype, elements = _storage(arguments[0])
    except PickleError as error:
        fail(path, f"tensor {name[:80]!r}: {error}")
    last = sum((extent - 1) * stride for extent, stride in zip(shape, strides, strict=False))
    reach = last + 1 if prod(shape) else 0
    if len(strides) != len(shape) or type(offset) is not int or offset < 0:
        fail(path, f"is damaged (the strides of tensor {name[:80]!r})")
    if offset + reach > elements or prod(shape) > elements:
        fail(path, f"tensor {name[:80]!r} of shape {shape} reaches beyond its {elements} numbers")
    raw = np.dtype(_raw(dtype))
    span = locate(key, elements, raw.itemsize)

    def load() -> np.ndarray:
        if span not in checked:
            check_crc(path, f"tensor {name[:80]!r}", span)
            checked.add(span)
        start = span.start + offset * raw.itemsize
        flat = np.fromfile(path, raw, reach, offset=start)
        if len(flat) != reach:
            fail(path, f"is truncated in tensor {name[:80]!r}")
        steps = tuple(stride * raw.itemsize for stride in strides)
        return widened(np.lib.stride_tricks.as_strided(flat, shape, steps, writeable=False), dtype)

    return FileTensor(shape, dtype, load)


def _storage(reference: Persistent) -> tuple[str, str, int]:
    """(key, dtype, elements) of a reference ('storage', class, key, device, elements[, view])."""
    identifier = reference.identifier
    if not isinstance(identifier, tuple) or len(identifier) not in (5, 6):
        raise PickleError("the reference to a storage cannot be understood")
    word, kind, key, _, elements = identifier[:5]
    module, _, storage = kind.name.rpartition(".") if isinstance(kind, Named) else ("", "", "")
    if word != "storage" or module != "torch" or storage not in _STORAGES:
        named = shortened(kind.name, 80) if isinstance(kind, Named) else type(kind).__name__
        raise PickleError(f"storages of kind {named} are not read")
    if not isinstance(key, str) or type(elements) is not int or not 0 <= elements < 2**48:
        raise PickleError("the reference to a storage cannot be understood")
    if identifier[5:] not in ((), (None,)):
        raise PickleError("a storage that is a part of another is not read")
    return key, _STORAGES[storage], elements


def _raw(dtype: str) -> str:
    return "<u2" if dtype == "bfloat16" else np.dtype(dtype).newbyteorder("<").str
