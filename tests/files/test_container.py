"""The container: what is written comes back, equal contents are equal bytes, and no damage passes."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from sloy.errors import FileFormatError, InvalidArgument
from sloy.files.container import LARGEST_HEADER, read_container, write_container

DTYPES = ["u1", "i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8"]


def small_tensors() -> dict[str, np.ndarray]:
    return {
        "dense_1/weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 7,
        "dense_1/bias": np.array([1, -2], np.int32),
        "step": np.array(7, np.int64),
        "nothing": np.zeros((0, 3), np.float32),
        "key": np.array([1, 2, 255], np.uint8),
    }


def write_small(path: Path) -> bytes:
    write_container(path, small_tensors(), {"classes": ["ноль", "one"], "epoch": 3})
    return path.read_bytes()


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_comes_back(tmp_path: Path, dtype: str) -> None:
    tensors = {"a": np.arange(24).astype(dtype).reshape(2, 3, 4), "b": np.array(3).astype(dtype)}
    write_container(tmp_path / "f", tensors, {"x": 1.5})
    found, metadata = read_container(tmp_path / "f")
    assert_same(found, tensors)
    assert metadata == {"x": 1.5}
    assert all(array.flags.writeable and array.flags.c_contiguous for array in found.values())


@given(
    array=arrays(
        st.sampled_from([np.dtype(code) for code in DTYPES]), array_shapes(min_side=0, max_dims=4)
    ),
    metadata=st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text(max_size=3), inner, max_size=3)
            ),
            max_leaves=5,
        ),
        max_size=4,
    ),
    name=st.text(max_size=8).filter(lambda text: text != "__metadata__"),
)
def test_any_content_comes_back(tmp_path_factory, array, metadata, name) -> None:
    path = tmp_path_factory.mktemp("any") / "f"
    write_container(path, {name: array}, metadata)
    found, read_metadata = read_container(path)
    assert_same(found, {name: array})
    assert read_metadata == metadata


def test_any_memory_layout_comes_back(tmp_path: Path) -> None:
    base = np.arange(120, dtype=np.float32).reshape(4, 5, 6)
    tensors = {
        "transposed": base.transpose(2, 0, 1),
        "strided": base[::2, ::-1, 1::3],
        "fortran": np.asfortranarray(base),
        "broadcast": np.broadcast_to(np.float32(3), (2, 2)),
        "big_endian": base.astype(">f4"),
    }
    write_container(tmp_path / "f", tensors, {})
    found, _ = read_container(tmp_path / "f")
    for name, array in tensors.items():
        np.testing.assert_array_equal(found[name], array)
    theirs = safetensors.numpy.load_file(tmp_path / "f")
    for name, array in tensors.items():
        np.testing.assert_array_equal(theirs[name], array)


def test_safetensors_reads_it(tmp_path: Path) -> None:
    write_small(tmp_path / "f.sloy")
    assert_same(safetensors.numpy.load_file(tmp_path / "f.sloy"), small_tensors())
    with safetensors.safe_open(tmp_path / "f.sloy", "numpy") as file:
        document = json.loads(file.metadata()["sloy"])
    assert document["metadata"] == {"classes": ["ноль", "one"], "epoch": 3}
    weight = small_tensors()["dense_1/weight"]
    assert document["sha256"]["dense_1/weight"] == hashlib.sha256(weight.tobytes()).hexdigest()


def test_equal_contents_are_equal_bytes(tmp_path: Path) -> None:
    first = write_small(tmp_path / "a")
    assert write_small(tmp_path / "a") == first
    backwards = dict(reversed(small_tensors().items()))
    write_container(tmp_path / "b", backwards, {"epoch": 3, "classes": ["ноль", "one"]})
    assert (tmp_path / "b").read_bytes() == first
    tensors, metadata = read_container(tmp_path / "a")
    write_container(tmp_path / "c", tensors, metadata)
    assert (tmp_path / "c").read_bytes() == first


def test_nothing_at_all_is_a_file_too(tmp_path: Path) -> None:
    write_container(tmp_path / "f", {}, {})
    assert read_container(tmp_path / "f") == ({}, {})
    assert safetensors.numpy.load_file(tmp_path / "f") == {}


def test_truncated_at_every_offset(tmp_path: Path) -> None:
    whole = write_small(tmp_path / "f")
    for length in range(len(whole)):
        (tmp_path / "f").write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match=str(tmp_path / "f")):
            read_container(tmp_path / "f")


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_every_byte_damaged(tmp_path: Path, mask: int) -> None:
    whole = write_small(tmp_path / "f")
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= mask
        (tmp_path / "f").write_bytes(damaged)
        with pytest.raises(FileFormatError, match=str(tmp_path / "f")):
            read_container(tmp_path / "f")


def test_bytes_that_follow(tmp_path: Path) -> None:
    whole = write_small(tmp_path / "f")
    (tmp_path / "f").write_bytes(whole + b"\0")
    with pytest.raises(FileFormatError, match="1 bytes follow"):
        read_container(tmp_path / "f")


@pytest.mark.parametrize("length", [0, 1, 2**20, LARGEST_HEADER + 8, 2**40, 2**63, 2**64 - 1])
def test_header_lengths_that_cannot_be(tmp_path: Path, length: int) -> None:
    whole = write_small(tmp_path / "f")
    (tmp_path / "f").write_bytes(length.to_bytes(8, "little") + whole[8:])
    with pytest.raises(FileFormatError, match="header"):
        read_container(tmp_path / "f")


def test_foreign_files(tmp_path: Path) -> None:
    safetensors.numpy.save_file({"a": np.ones(3, np.float32)}, tmp_path / "plain")
    np.savez(tmp_path / "archive.npz", a=np.ones(3))
    (tmp_path / "text").write_text("weights\n" * 100)
    (tmp_path / "empty").touch()
    for name in ("plain", "archive.npz", "text", "empty"):
        with pytest.raises(FileFormatError, match="not a sloy file"):
            read_container(tmp_path / name)
    with pytest.raises(FileFormatError, match="not a file"):
        read_container(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_container(tmp_path / "missing")


def forge(path: Path, *, entries: str | None = None, data: bytes = b"", **document: object) -> None:
    """Write a file whose checksum holds, but whose content was made up."""
    made = {"format": 1, "metadata": {}, "sha256": {}} | document
    inner = json.dumps({"checksum": "0" * 64} | made, separators=(",", ":"))
    first = json.dumps({"__metadata__": {"sloy": inner}}, separators=(",", ":"))
    text = first if entries is None else f"{first[:-1]},{entries}}}"
    header = text.encode() + b" " * (-len(text.encode()) % 8)
    checksum = hashlib.sha256(header).hexdigest().encode()
    header = header.replace(b"0" * 64, checksum, 1)
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)


SUM = {"a": hashlib.sha256(bytes(8)).hexdigest()}


def entry(
    name: str = "a", dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)
) -> str:
    return f'"{name}":' + json.dumps({"data_offsets": offsets, "dtype": dtype, "shape": shape})


def test_the_forger_can_make_a_sound_file(tmp_path: Path) -> None:
    forge(tmp_path / "f", entries=entry(), data=bytes(8), sha256=SUM)
    found, _ = read_container(tmp_path / "f")
    assert found["a"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("reason", "forged"),
    [
        ("given twice", {"entries": entry() + "," + entry()}),
        (
            "given twice",
            {"entries": '"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}'},
        ),
        ("does not lie", {"entries": entry(offsets=(8, 16))}),
        ("does not lie", {"entries": entry(offsets=(0, 4))}),
        ("does not lie", {"entries": entry(offsets=(-8, 0))}),
        ("does not lie", {"entries": entry(offsets="08")}),
        ("does not lie", {"entries": entry() + "," + entry("b"), "sha256": SUM | {"b": ""}}),
        ("truncated", {"entries": entry(shape=(2**40, 2), offsets=(0, 2**43))}),
        ("impossible shape", {"entries": entry(shape=(2**50, 2**50))}),
        ("impossible shape", {"entries": entry(shape=(-2, -1))}),
        ("impossible shape", {"entries": entry(shape=(2.0,))}),
        ("impossible shape", {"entries": entry(shape=(True, 2))}),
        ("impossible shape", {"entries": entry(shape=[1] * 40 + [2])}),
        ("impossible shape", {"entries": entry(shape=2)}),
        ("unknown dtype", {"entries": entry(dtype="BF16")}),
        ("unknown dtype", {"entries": entry(dtype=["F32"])}),
        ("cannot be understood", {"entries": '"a":5'}),
        ("cannot be understood", {"entries": '"a":{"dtype":"F32","shape":[2]}'}),
        ("cannot be understood", {"entries": '"a":' + "[" * 100_000}),
        ("cannot be understood", {"entries": '"a":NaN'}),
        ("cannot be understood", {"entries": '"a":'}),
        ("contradicts itself", {"entries": entry(), "sha256": {}}),
        ("contradicts itself", {"sha256": {"b": ""}}),
        (
            "contradicts itself",
            {"entries": entry("b") + "," + entry("a"), "sha256": SUM | {"b": ""}},
        ),
        ("`metadata` is", {"metadata": [1]}),
        ("`sha256.a` is 5, not a text", {"entries": entry(), "sha256": {"a": 5}}),
        ("reads format 1", {"format": 2}),
        ("reads format 1", {"format": "1"}),
    ],
)
def test_made_up_headers(tmp_path: Path, reason: str, forged: dict) -> None:
    forge(tmp_path / "f", **({"data": bytes(8), "sha256": SUM} | forged))
    with pytest.raises(FileFormatError, match=reason):
        read_container(tmp_path / "f")


@given(noise=st.binary(max_size=300))
def test_noise_is_refused(tmp_path_factory, noise: bytes) -> None:
    path = tmp_path_factory.mktemp("noise") / "f"
    path.write_bytes(noise)
    with pytest.raises(FileFormatError):
        read_container(path)


@pytest.mark.parametrize(
    ("tensors", "metadata", "reason"),
    [
        ({"a": np.array(["text"])}, {}, "'a' has dtype"),
        ({"a": np.array([True])}, {}, "'a' has dtype bool"),
        ({"a": np.array([1j])}, {}, "'a' has dtype complex128"),
        ({"a": np.array([object()])}, {}, "'a' has dtype object"),
        ({"__metadata__": np.ones(1)}, {}, "tensor's name"),
        ({}, {"loss": float("nan")}, "JSON"),
        ({}, {"loss": float("inf")}, "JSON"),
        ({}, {"loss": np.float32(1)}, "JSON"),
    ],
)
def test_what_cannot_be_stored(tmp_path: Path, tensors: dict, metadata: dict, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        write_container(tmp_path / "f", tensors, metadata)
    assert os.listdir(tmp_path) == []
