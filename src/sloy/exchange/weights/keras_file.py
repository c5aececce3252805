"""Weights of Keras in HDF5: ``.h5`` (weights, or a whole model) and ``.weights.h5`` of Keras 3.

Only groups and datasets that lie in the file itself are followed: links to elsewhere, datasets in other files and
virtual ones are refused, and a dataset must have its bytes in the file. Names become ``layer/role``:
``block1_conv1/kernel``.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from sloy.errors import FileFormatError, NotAvailable
from sloy.exchange.weights.tensors import FileTensor, checked_shape
from sloy.exchange.weights.torch_file import check_directory
from sloy.files.container import fail

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
INSIDE = "model.weights.h5"  # of a .keras file
_LARGEST = 100_000  # groups and datasets


@dataclass(frozen=True)
class _File:
    """HDF5 in a file, or in memory where it was part of one."""

    path: Path
    data: bytes | None = None

    def __str__(self) -> str:
        return str(self.path)

    def open(self, h5py: Any) -> Any:
        """The file for h5py."""
        return h5py.File(self.path if self.data is None else BytesIO(self.data), "r")


def is_keras_zip(path: Path) -> bool:
    """Whether a zip is a ``.keras`` file."""
    check_directory(path, path.stat().st_size)
    try:
        with zipfile.ZipFile(path) as archive:
            return INSIDE in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, LookupError, RuntimeError):
        return False  # damaged: who reads it as one of PyTorch says how


def _unzipped(path: Path) -> bytes:
    """The weights of a ``.keras`` file, which Keras stores as they are."""
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(INSIDE)
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > path.stat().st_size:
            fail(path, f"entry {INSIDE!r} is compressed; Keras stores it")
        return archive.read(entry)


def read_keras(path: Path, *, zipped: bool = False) -> dict[str, FileTensor]:
    """The tensors of a file, in the order of its layers; `zipped`: of a ``.keras`` file.

    In ``.weights.h5`` layers are counted by class and variables have numbers: ``conv2d_1/0``.

    Raises
    ------
    FileFormatError
        Where the file is truncated or damaged, is none of Keras, or refers to other files.
    NotAvailable
        Where h5py is missing.
    """
    try:
        import h5py  # type: ignore[import-untyped]
    except ImportError:
        raise NotAvailable(
            f"{path}: files of Keras need h5py: pip install 'sloy[pretrained]'."
        ) from None
    try:
        where = _File(path, _unzipped(path) if zipped else None)
        with where.open(h5py) as file:
            if "layers" in file and "layer_names" not in file.attrs:
                return _numbered(where, h5py, _group(where, h5py, file, "layers"))
            whole = "model_weights" in file
            root = _group(where, h5py, file, "model_weights") if whole else file
            if "layer_names" not in root.attrs:
                fail(path, "is HDF5, but none that Keras writes (no `layer_names`, no `layers`)")
            return _named(where, h5py, root)
    except FileFormatError:
        raise
    except (
        zipfile.BadZipFile,
        EOFError,
        OSError,
        KeyError,
        RuntimeError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        fail(path, f"is damaged or truncated ({str(error)[:120]})")


def _named(path: _File, h5py: Any, root: Any) -> dict[str, FileTensor]:
    """The older layout: attributes name the layers, and the datasets of each, those of models within too."""
    found: dict[str, FileTensor] = {}
    for layer in _texts(path, root, "layer_names"):
        group = _group(path, h5py, root, layer)
        for name in _texts(path, group, "weight_names"):
            *above, role = name.split("/")
            role = role.removesuffix(":0")
            if old := _OLD.fullmatch(role):
                role = _ROLES.get(old[1], old[1])
            full = f"{above[-1] if above else layer}/{role}"
            if full in found:
                fail(path.path, f"has two arrays named {full[:80]!r}")
            found[full] = _dataset(path, h5py, group, name)
    return found


def _numbered(path: _File, h5py: Any, layers: Any) -> dict[str, FileTensor]:
    """The layout of Keras 3: ``layers/conv2d_1/vars/0``."""
    found: dict[str, FileTensor] = {}
    for group in sorted(layers, key=_counted):
        inner = _group(path, h5py, layers, group)
        if "vars" not in inner:
            continue
        variables = _group(path, h5py, inner, "vars")
        for number in sorted(variables):
            found[f"{group}/{number}"] = _dataset(path, h5py, variables, number)
    return found


def _counted(name: str) -> tuple[str, int]:
    """``conv2d_10`` behind ``conv2d_9``."""
    stem, _, number = name.rpartition("_")
    return (stem, int(number)) if number.isdecimal() and len(number) < 10 else (name, 0)


def _texts(path: _File, group: Any, name: str) -> list[str]:
    """The texts of an attribute, whose size is looked at before it is read."""
    if name not in group.attrs:
        return []
    shape = group.attrs.get_id(name).shape
    if len(shape) != 1 or shape[0] > _LARGEST:
        fail(path.path, f"is damaged (the attribute {name!r} has the shape {shape})")
    values = group.attrs[name]
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _own(path: _File, h5py: Any, group: Any, name: str) -> Any:
    """The object of a path within a group, every step of it a hard link."""
    for step in name.split("/"):
        if not isinstance(group, h5py.Group) or step in ("", ".", ".."):
            fail(path.path, f"is damaged ({name[:80]!r} is no path)")
        link = group.get(step, getlink=True)
        if link is not None and not isinstance(link, h5py.HardLink):
            fail(path.path, f"{name[:80]!r} is a link to elsewhere, which is not followed")
        group = group[step]
    return group


def _group(path: _File, h5py: Any, parent: Any, name: str) -> Any:
    found = _own(path, h5py, parent, name)
    if not isinstance(found, h5py.Group) or len(found) > _LARGEST:
        fail(path.path, f"is damaged ({name[:80]!r} is no group of layers)")
    return found


def _dataset(path: _File, h5py: Any, parent: Any, name: str) -> FileTensor:
    found = _own(path, h5py, parent, name)
    if not isinstance(found, h5py.Dataset) or found.shape is None:
        fail(path.path, f"is damaged ({name[:80]!r} is no array)")
    if found.external or found.is_virtual:
        fail(path.path, f"{name[:80]!r} lies in another file, which is not read")
    if found.dtype.kind not in "iuf":
        fail(path.path, f"{name[:80]!r} has the dtype {found.dtype}, which is not read")
    shape = checked_shape(path.path, name, found.shape)
    needed, stored = prod(shape) * found.dtype.itemsize, found.id.get_storage_size()
    if stored < needed and not (found.compression and stored):
        fail(
            path.path,
            f"{name[:80]!r} of shape {shape} needs {needed} bytes, the file holds {stored}",
        )
    full_name = found.name

    def load() -> np.ndarray:
        try:
            with path.open(h5py) as file:
                return np.asarray(file[full_name][...])
        except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
            fail(path.path, f"{name[:80]!r} cannot be read ({str(error)[:80]})")

    return FileTensor(shape, found.dtype.name, load)
