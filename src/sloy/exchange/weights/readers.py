"""`read_tensors`: the file of another tool, by the reader that its first bytes ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sloy.arguments import path_of
from sloy.errors import FileFormatError
from sloy.exchange.weights.keras_file import is_keras_zip, read_keras
from sloy.exchange.weights.safetensors_file import read_safetensors
from sloy.exchange.weights.tensors import FileTensor, TensorFile
from sloy.exchange.weights.torch_file import read_torch


@dataclass(frozen=True)
class _Format:
    """How a format is known by the first 16 bytes of a file, and read; the rest as in `TensorFile`."""

    begins: Callable[[bytes], bool]
    read: Callable[[Path], dict[str, FileTensor]]
    tool: str
    ordered: bool = True


_FORMATS = (
    _Format(lambda start: start.startswith(b"\x89HDF\r\n\x1a\n"), read_keras, "keras"),
    _Format(lambda start: start[8:9] == b"{", read_safetensors, "torch", ordered=False),
    _Format(lambda start: start.startswith((b"PK\x03\x04", b"\x80")), read_torch, "torch"),
)


def read_tensors(path: str | Path) -> TensorFile:
    """What a file of weights holds.

    Parameters
    ----------
    path : str or Path
        A state dict of PyTorch (``.pth``, ``.pt``, ``.bin``; zip or legacy layout), ``.safetensors``, or HDF5 of Keras
        (``.h5`` with or without the model, ``.weights.h5``, ``.keras``). The format is found by the contents.

    Raises
    ------
    FileFormatError
        Where it is none of these, is damaged, or asks for anything but tensors; nothing in it is executed.
    NotAvailable
        Where HDF5 needs the extra ``pretrained``.
    """
    path = path_of("read_weights", "path", path)
    if not path.is_file():
        reason = "is a folder" if path.is_dir() else "there is no such file"
        raise FileFormatError(f"{path}: {reason}.")
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror or error}.") from error
    if start.startswith(b"PK") and is_keras_zip(path):
        return TensorFile(path, "keras", read_keras(path, zipped=True))
    for known in _FORMATS:
        if known.begins(start):
            return TensorFile(path, known.tool, known.read(path), known.ordered)
    raise FileFormatError(
        f"{path}: is a whole model; `sloy.Model.from_onnx(path)` reads it."
        if path.suffix == ".onnx"
        else f"{path}: is no file of weights, neither PyTorch's, nor safetensors, nor Keras's HDF5."
    )
