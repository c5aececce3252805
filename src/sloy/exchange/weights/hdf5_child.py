"""A program of its own: lists the arrays of Keras in an HDF5 file, or prints the numbers of one.

One wrong byte can make HDF5's library loop for ever, deaf to signals, or crash. So it does its work in a child process,
whose processor time and memory are limited (`sloy.exchange.weights.keras_file` starts it and judges what it says). The
child imports h5py and little of sloy.

Only groups and datasets that lie in the file itself are followed: links to elsewhere, datasets in other files and
virtual ones are refused, and a dataset must have its bytes in the file.
"""

from __future__ import annotations

import io
import re
from math import prod
from pathlib import Path
from typing import Any, NoReturn

from sloy.files.apart import Answer, answering

# Older names of the same: `kernel:0`, `block1_conv1_W_1:0`, `bn_gamma_1:0`.
_OLD = re.compile(
    r"(?:.*_)?(W|b|gamma|beta|running_mean|running_std|moving_mean|moving_variance)(_\d+)?"
)
_ROLES = {
    "W": "kernel",
    "b": "bias",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",
}
_LARGEST = 100_000  # groups and datasets
_MOST_RANK = 8
_SMALL = 64 << 20  # bytes of an array that may be all zeros, packed as they can be
_DENSEST = 100  # times as many bytes as the file holds, of a larger one; weights are hardly packed to less than half

Row = tuple[str, list[int], str, int | None, str]  # name, shape, dtype, offset in the file, path


class Refused(Exception):
    """The file cannot be used; the message is the reason."""


class _Part(io.RawIOBase):
    """A part of a file, such as an entry of an archive."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self._file = path.open("rb")
        self._start, self._size, self._at = start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """What is left of the part, at most; HDF5 asks beyond its end where a file is truncated."""
        count = max(0, min(len(buffer), self._size - self._at))
        self._file.seek(self._start + self._at)
        done = self._file.readinto(memoryview(buffer)[:count])
        self._at += done
        return done

    def close(self) -> None:
        self._file.close()
        super().close()


def answer(question: dict[str, Any]) -> Answer:
    """What a question asks for: all arrays, or the numbers of one; errors as words.

    Parameters
    ----------
    question : dict
        `path`, `start`, `size` of the part of the file that is HDF5; `dataset`, or None for the list.

    Returns
    -------
    said : dict
        `arrays` or `error`.
    numbers : bytes
    """
    import h5py  # type: ignore[import-untyped]

    try:
        with (
            _Part(Path(question["path"]), question["start"], question["size"]) as part,
            h5py.File(part, "r") as file,
        ):
            if question["dataset"] is None:
                return {"arrays": _arrays(h5py, file)}, b""
            return {}, file[question["dataset"]][...].tobytes()
    except Refused as error:
        return {"error": str(error)}, b""
    except MemoryError:
        return {"error": "takes more memory than a file of its size may"}, b""
    except Exception as error:  # h5py raises almost anything
        words = " ".join(str(error).split())[:80] or type(error).__name__
        name = question["dataset"]
        where = f"{name[:80]!r} cannot be read: it " if name is not None else ""
        return {"error": f"{where}is damaged or truncated ({words})"}, b""


def _arrays(h5py: Any, file: Any) -> list[Row]:
    """The arrays of a file, in the order of its layers."""
    if "layers" in file and "layer_names" not in file.attrs:
        return _numbered(h5py, _group(h5py, file, "layers"))
    root = _group(h5py, file, "model_weights") if "model_weights" in file else file
    if "layer_names" not in root.attrs:
        _refuse("is HDF5, but none that Keras writes (no `layer_names`, no `layers`)")
    return _named(h5py, root)


def _named(h5py: Any, root: Any) -> list[Row]:
    """The older layout: attributes name the layers, and the datasets of each, those of models within too."""
    found: dict[str, Row] = {}
    for layer in _texts(root, "layer_names"):
        group = _group(h5py, root, layer)
        for name in _texts(group, "weight_names"):
            *above, role = name.split("/")
            role = role.removesuffix(":0")
            if old := _OLD.fullmatch(role):
                role = _ROLES.get(old[1], old[1])
            full = f"{above[-1] if above else layer}/{role}"
            if full in found:
                _refuse(f"has two arrays named {full[:80]!r}")
            found[full] = _dataset(h5py, group, name, full)
    return list(found.values())


def _numbered(h5py: Any, layers: Any) -> list[Row]:
    """The layout of Keras 3: ``layers/conv2d_1/vars/0``."""
    found: list[Row] = []
    for group in sorted(layers, key=_counted):
        inner = _group(h5py, layers, group)
        if "vars" not in inner:
            continue
        variables = _group(h5py, inner, "vars")
        found += [_dataset(h5py, variables, n, f"{group}/{n}") for n in sorted(variables)]
    return found


def _counted(name: str) -> tuple[str, int]:
    """``conv2d_10`` behind ``conv2d_9``."""
    stem, _, number = name.rpartition("_")
    return (stem, int(number)) if number.isdecimal() and len(number) < 10 else (name, 0)


def _texts(group: Any, name: str) -> list[str]:
    """The texts of an attribute, whose size is looked at before it is read."""
    if name not in group.attrs:
        return []
    shape = group.attrs.get_id(name).shape
    if len(shape) != 1 or shape[0] > _LARGEST:
        _refuse(f"is damaged (the attribute {name!r} has the shape {shape})")
    values = group.attrs[name]
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _own(h5py: Any, group: Any, name: str) -> Any:
    """The object of a path within a group, every step of it a hard link."""
    for step in name.split("/"):
        if not isinstance(group, h5py.Group) or step in ("", ".", ".."):
            _refuse(f"is damaged ({name[:80]!r} is no path)")
        link = group.get(step, getlink=True)
        if link is not None and not isinstance(link, h5py.HardLink):
            _refuse(f"{name[:80]!r} is a link to elsewhere, which is not followed")
        if link is None:
            _refuse(f"is damaged ({step[:80]!r} is missing)")
        group = group[step]
    return group


def _group(h5py: Any, parent: Any, name: str) -> Any:
    found = _own(h5py, parent, name)
    if not isinstance(found, h5py.Group) or len(found) > _LARGEST:
        _refuse(f"is damaged ({name[:80]!r} is no group of layers)")
    return found


def _dataset(h5py: Any, parent: Any, name: str, called: str) -> Row:
    found = _own(h5py, parent, name)
    if not isinstance(found, h5py.Dataset) or found.shape is None:
        _refuse(f"is damaged ({name[:80]!r} is no array)")
    if found.external or found.is_virtual:
        _refuse(f"{name[:80]!r} lies in another file, which is not read")
    if found.dtype.kind not in "iuf" or found.dtype.itemsize > 8:
        _refuse(f"{name[:80]!r} has the dtype {str(found.dtype)[:40]}, which is not read")
    shape = [int(extent) for extent in found.shape]
    if len(shape) > _MOST_RANK or any(extent >= 2**31 for extent in shape):
        _refuse(f"tensor {name[:80]!r} has the impossible shape {str(shape)[:80]}")
    needed, stored = prod(shape) * found.dtype.itemsize, found.id.get_storage_size()
    packed = found.compression and (needed < _SMALL or needed <= _DENSEST * stored)
    if stored < needed and not (packed and stored):
        _refuse(
            f"{name[:80]!r} of shape {tuple(shape)} needs {needed} bytes, the file holds {stored}"
        )
    plain = found.chunks is None and found.id.get_create_plist().get_nfilters() == 0
    offset = found.id.get_offset() if plain else None
    return called, shape, found.dtype.str, offset, found.name


def _refuse(reason: str) -> NoReturn:
    raise Refused(reason)


if __name__ == "__main__":
    import h5py  # noqa: F401  its memory is not the file's

    answering(answer)
