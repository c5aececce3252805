"""Hostile and damaged files of safetensors and Keras, and files of something else, are refused by one clear error."""

from __future__ import annotations

import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from refusals import refused

GOLDEN = Path(__file__).parents[2] / "golden/pretrained"


def write_safetensors(path: Path, header: Any, data: bytes = bytes(16)) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def one(shape: Any = (4,), dtype: str = "F32", offsets: Any = (0, 16)) -> dict[str, Any]:
    return {"w": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (one((2**40, 2**40), offsets=(0, 16)), "impossible shape"),
        (one((2**30, 2**30)), "does not lie"),
        (one((-1,)), "impossible shape"),
        (one((True,)), "impossible shape"),
        (one((8,), offsets=(0, 32)), "does not lie"),
        (one(offsets=(16, 32)), "does not lie"),
        (one(offsets=(-16, 0)), "does not lie"),
        (one(offsets=(0.0, 16.0)), "does not lie"),
        (one((2,), offsets=(0, 8)), "leave bytes"),
        (one(dtype="F8_E4M3"), "F8_E4M3"),
        ({**one(), "v": one()["w"]}, "overlap"),
        ({"w": 3}, "entry of tensor 'w'"),
        ([1], "no file of weights"),
        (b'{"w":1,"w":2}', "given twice"),
        (b'{"w":NaN}', "NaN"),
        (b'{"a":' * 5000, "understood"),
        (b"{broken", "understood"),
        (b'{"\xff":1}', "understood"),
    ],
)
def test_hostile_safetensors(tmp_path: Path, header: Any, reason: str) -> None:
    refused(write_safetensors(tmp_path / "bad.safetensors", header), reason)


def test_lengths_of_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "long.safetensors"
    path.write_bytes(struct.pack("<Q", 2**50) + b"{" + bytes(100))
    refused(path, f"header of {2**50} bytes")


def test_a_model_of_sloy_is_not_taken_for_weights(tmp_path: Path) -> None:
    from sloy.files.container import write_container

    write_container(tmp_path / "m.sloy", {"a": np.zeros(2, np.float32)}, {})
    refused(tmp_path / "m.sloy", r"sloy.load\(path\)")


# --- HDF5 ------------------------------------------------------------------------------------------


def keras_file(path: Path, change: Callable[[Any], None]) -> Path:
    shutil.copy(GOLDEN / "tiny.h5", path)
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def replace(file: Any, value: Any) -> None:
    """Another thing in place of the first convolution's bias."""
    group = file["first/sequential/first"]
    del group["bias"]
    group["bias"] = value


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", (4,))
    group = file["first/sequential/first"]
    del group["bias"]
    group.create_virtual_dataset("bias", layout)


def external(file: Any) -> None:
    group = file["first/sequential/first"]
    del group["bias"]
    group.create_dataset("bias", (4,), "f4", external=[("/etc/hostname", 0, 16)])


def absurd(file: Any) -> None:
    group = file["first/sequential/first"]
    del group["bias"]
    group.create_dataset("bias", (2**30, 2**10), "f4", chunks=(1024, 1024))


def huge(file: Any) -> None:
    group = file["first/sequential/first"]
    del group["bias"]
    group.create_dataset("bias", (2**40,), "f4", chunks=(1024,))


def bomb(file: Any) -> None:
    """A gigabyte of which one block is there."""
    group = file["first/sequential/first"]
    del group["bias"]
    made = group.create_dataset("bias", (1 << 28,), "f4", chunks=(1 << 18,), compression="gzip")
    made[: 1 << 18] = 0


def no_names(file: Any) -> None:
    del file.attrs["layer_names"]


def table_of_names(file: Any) -> None:
    """An attribute of another shape."""
    del file.attrs["layer_names"]
    file.attrs["layer_names"] = np.full((2, 3), b"x")


def climbing(file: Any) -> None:
    file["first"].attrs["weight_names"] = np.array([b"../last/sequential/last/kernel"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: replace(f, h5py.SoftLink("/last/sequential/last/kernel")), "link to elsewhere"),
        (lambda f: replace(f, h5py.ExternalLink("other.h5", "/x")), "link to elsewhere"),
        (virtual, "lies in another file"),
        (external, "lies in another file"),
        (absurd, "the file holds 0"),
        (huge, "impossible shape"),
        (bomb, "needs 1073741824 bytes, the file holds"),
        (lambda f: replace(f, np.array([b"text"])), "dtype"),
        (lambda f: replace(f, h5py.Empty("f4")), "no array"),
        (no_names, "none that Keras writes"),
        (table_of_names, r"'layer_names' has the shape \(2, 3\)"),
        (climbing, "no path"),
        (lambda f: f.__delitem__("last"), "damaged .*'last'"),
    ],
)
def test_hostile_hdf5(tmp_path: Path, change: Callable[[Any], None], reason: str) -> None:
    refused(keras_file(tmp_path / "bad.h5", change), reason)


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"\x08\x07\x12\x07pytorch")
    (tmp_path / "x.txt").write_text("hello there, this is text")
    (tmp_path / "x.keras").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "x.keras", "w") as archive:
        archive.writestr("model.weights.h5", b"")
    refused(tmp_path / "x.onnx", r"sloy.Model.from_onnx\(path\)")
    refused(tmp_path / "x.txt", "no file of weights")
    refused(tmp_path / "x.keras", "is damaged or truncated")
    with zipfile.ZipFile(tmp_path / "x.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(1 << 20))
    refused(tmp_path / "x.keras", "is compressed; Keras stores it")
    refused(tmp_path / "none.pth", "no such file")
    refused(tmp_path, "is a folder")


def test_a_file_that_the_library_loops_in_is_refused(tmp_path: Path, child_process: None) -> None:
    """Of each kind of end that the child may come to."""
    from sloy.errors import FileFormatError
    from sloy.files.apart import asked

    for body, reason in (
        ("while True: pass", "takes more than 1 s"),
        ("import os; os.abort()", r"crashes with it \(SIGABRT\)"),
        ("bytearray(1 << 40)", "cannot be read by the library .MemoryError"),
    ):
        program = tmp_path / "program.py"
        program.write_text(
            f"from sloy.files.apart import answering\nanswering(lambda question: eval({body!r}))\n".replace(
                "lambda question: eval", "lambda question: exec"
            )
        )
        with pytest.raises(FileFormatError, match=reason) as caught:
            asked(str(program), "the library", {"path": "x.h5"}, seconds=1, memory=1 << 28)
        assert str(caught.value).startswith("x.h5: ")


def test_the_child_reads_what_this_process_does(child_process: None) -> None:
    from sloy.exchange.weights.readers import read_tensors

    tensors = read_tensors(GOLDEN / "tiny.weights.h5").tensors
    with h5py.File(GOLDEN / "tiny.weights.h5") as file:
        for name, tensor in tensors.items():
            layer, number = name.split("/")
            assert np.array_equal(tensor.load(), file[f"layers/{layer}/vars/{number}"][...])


def test_packed_numbers_and_a_bit_that_flipped_in_an_archive(tmp_path: Path) -> None:
    from sloy.exchange.weights.readers import read_tensors

    path, values = tmp_path / "w.h5", np.arange(600.0, dtype=np.float32).reshape(20, 30)
    with h5py.File(path, "w") as file:
        file.create_dataset("layers/dense/vars/0", data=values, compression="gzip", shuffle=True)
        file["layers/dense/vars/1"] = values[0]
    with zipfile.ZipFile(tmp_path / "w.keras", "w") as archive:
        archive.write(path, "model.weights.h5")
    for read in (path, tmp_path / "w.keras"):
        tensors = read_tensors(read).tensors
        assert np.array_equal(tensors["dense/0"].load(), values)
        assert np.array_equal(tensors["dense/1"].load(), values[0])
    data = bytearray((tmp_path / "w.keras").read_bytes())
    data[data.find(values[0].tobytes()) + 9] ^= 4
    (tmp_path / "w.keras").write_bytes(data)
    refused(tmp_path / "w.keras", "its CRC-32 differs")
