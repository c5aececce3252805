"""Files that PyTorch, safetensors and Keras wrote are read; hostile and damaged ones are refused by one clear error."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import safetensors.numpy

from golden.pretrained_problems import weight
from sloy.errors import FileFormatError
from sloy.exchange.pickled import LARGEST
from sloy.exchange.tensors import read_tensors

GOLDEN = Path(__file__).parents[1] / "golden/pretrained"
SHAPES: dict[str, tuple[int, ...]] = {
    "0.weight": (4, 3, 3, 3), "0.bias": (4,), "6.weight": (6, 60), "6.bias": (6,), "8.weight": (3, 6), "8.bias": (3,),
    **{f"{n}.{role}": (c,) for n, c in ((1, 4), (5, 60)) for role in ("weight", "bias", "running_mean", "running_var")},
}  # fmt: skip
# How the older layout has them: the same tensors in the order of the network.
TORCH = [
    "tiny.pth",
    "tiny_legacy.pth",
    "tiny_checkpoint.pth",
    "tiny_parameters.pth",
    "tiny.safetensors",
]
HALF = ["tiny_bfloat16.pth", "tiny_bfloat16.safetensors"]


@pytest.mark.parametrize("name", TORCH + HALF)
def test_files_of_pytorch(name: str) -> None:
    file = read_tensors(GOLDEN / name)
    assert file.tool == "torch"
    counters = {f"{n}.num_batches_tracked" for n in (1, 5)}
    assert set(file.tensors) == {*SHAPES, *counters}
    for key, shape in SHAPES.items():
        tensor = file.tensors[key]
        assert tensor.shape == shape
        assert tensor.dtype == ("bfloat16" if name in HALF else "float32")
        found, expected = tensor.load(), weight(key, shape)
        assert found.dtype == np.float32
        if name in HALF:  # 8 bits of mantissa
            assert np.abs(found - expected).max() <= 2.0**-8 * np.abs(expected).max()
            assert not np.array_equal(found, expected)
        else:
            assert np.array_equal(found, expected)


def test_strided_tensors() -> None:
    tensors = read_tensors(GOLDEN / "views.pth").tensors
    expected = np.arange(24, dtype=np.float32).reshape(4, 6).T[1:4]
    assert np.array_equal(tensors["a"].load(), expected)
    assert tensors["b"].load().tolist() == [0, 1, 2]
    assert tensors["b"].dtype == "int64"


def test_the_oldest_layout(tmp_path: Path) -> None:
    """As PyTorch before 0.4 wrote it on Python 2: byte strings, pairs as lists, tensors without gradients' flags."""
    values = np.arange(12, dtype="<f4")
    reference = b"(U\x07storagectorch\nFloatStorage\nU\x0814159265U\x03cpuK\x0cNtQ"  # protocol 2, Python 2's strings
    tensor = b"ctorch._utils\n_rebuild_tensor\n(" + reference + b"K\x02(K\x02K\x05t(K\x05K\x01ttR"
    state = b"\x80\x02ccollections\nOrderedDict\n]](U\x08a.weight" + tensor + b"ea\x85R."
    first = [pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    path = tmp_path / "old.pth"
    keys = pickle.dumps(["14159265"], 2)
    path.write_bytes(b"".join(first) + state + keys + struct.pack("<q", 12) + values.tobytes())
    found = read_tensors(path).tensors
    assert found["a.weight"].load().tolist() == values[2:].reshape(2, 5).tolist()


@pytest.mark.parametrize("name", ["tiny.h5", "tiny_model.h5", "tiny.weights.h5"])
def test_files_of_keras(name: str) -> None:
    file = read_tensors(GOLDEN / name)
    assert file.tool == "keras"
    numbered = name == "tiny.weights.h5"
    first = "conv2d" if numbered else "first"
    last, role = ("dense_1", "0") if numbered else ("last", "kernel")
    assert file.tensors[f"{first}/{role}"].shape == (3, 3, 3, 4)
    expected = weight("sequential/last/kernel", (6, 3))
    assert np.array_equal(file.tensors[f"{last}/{role}"].load(), expected)
    norms = [key for key in file.tensors if key.startswith("batch_normalization")]
    assert len(norms) == 8
    assert len(file.tensors) == 14


def test_older_names_of_keras(tmp_path: Path) -> None:
    """keras-applications' published files: `block1_conv1_W_1:0`."""
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["layer_names"] = np.array([b"block1_conv1", b"block1_pool", b"fc1"])
        for layer, names in (
            ("block1_conv1", ("W", "b")),
            ("block1_pool", ()),
            ("fc1", ("W", "b")),
        ):
            group = file.create_group(layer)
            full = [f"{layer}_{name}_1:0".encode() for name in names]
            group.attrs["weight_names"] = np.array(full, dtype="S32")
            for place, key in enumerate(full):
                group[key] = np.full((2, 3)[: 2 - place], place, np.float32)
    tensors = read_tensors(tmp_path / "old.h5").tensors
    assert list(tensors) == ["block1_conv1/kernel", "block1_conv1/bias", "fc1/kernel", "fc1/bias"]
    assert tensors["fc1/bias"].load().tolist() == [1, 1]


def test_a_model_within_a_model_of_keras(tmp_path: Path) -> None:
    path = tmp_path / "nested.h5"
    names = ["block1_conv1/kernel:0", "block1_conv1/bias:0", "block1_conv2/kernel:0"]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([b"vgg16", b"dense"])
        for layer, given in (("vgg16", names), ("dense", ["dense/kernel:0"])):
            group = file.create_group(layer)
            group.attrs["weight_names"] = np.array(given, dtype="S40")
            for name in given:
                group[name] = np.zeros(3, np.float32)
    assert list(read_tensors(path).tensors) == [
        n.removesuffix(":0") for n in [*names, "dense/kernel:0"]
    ]
    with h5py.File(path, "r+") as file:
        file.copy("vgg16", "again")
        file.attrs["layer_names"] = np.array([b"vgg16", b"again"])
    refused(path, "two arrays named 'block1_conv1/kernel'")


# --- hostile files of PyTorch ----------------------------------------------------------------------


def entries(name: str = "tiny.pth") -> dict[str, bytes]:
    with zipfile.ZipFile(GOLDEN / name) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def write_zip(
    path: Path, changed: dict[str, bytes | None], method: int = zipfile.ZIP_STORED
) -> Path:
    """`tiny.pth` with some entries exchanged or left out."""
    everything = {**entries(), **changed}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in everything.items():
            if data is not None:
                archive.writestr(zipfile.ZipInfo(name), data, method)
    return path


def pickle_of(value: bytes) -> dict[str, bytes | None]:
    return {"tiny/data.pkl": value}


def storage(kind: str = "FloatStorage", key: str = "0", elements: int = 108) -> bytes:
    """The reference to a storage, as opcodes."""
    count = pickle.dumps(elements, 2)[2:-1]
    name = key.encode()
    return (
        b"(X\x07\0\0\0storagectorch\n" + kind.encode() + b"\nX"
        + struct.pack("<I", len(name)) + name + b"X\x03\0\0\0cpu" + count + b"tQ"
    )  # fmt: skip


def state_dict(
    shape: tuple[int, ...], strides: tuple[int, ...], where: bytes, offset: int = 0
) -> bytes:
    """A state dict of one tensor `w`, as opcodes."""
    plain = b"".join(pickle.dumps(value, 2)[2:-1] for value in (offset, shape, strides, False, {}))
    call = b"ctorch._utils\n_rebuild_tensor_v2\n(" + where + plain + b"tR"
    return b"\x80\x02}X\x01\0\0\0w" + call + b"s."


def bomb(target: Path) -> bytes:
    return (
        b"\x80\x02}X\x01\0\0\0wcposix\nsystem\nX"
        + struct.pack("<I", len(f"touch {target}"))
        + (f"touch {target}".encode() + b"\x85Rs.")
    )


def read_all(path: Path) -> None:
    for tensor in read_tensors(path).tensors.values():
        tensor.load()


def refused(path: Path, reason: str) -> str:
    """The one error, raised by reading the list or a tensor; memory stays small."""
    tracemalloc.start()
    try:
        with pytest.raises(FileFormatError, match=reason) as caught:
            read_all(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    assert len(text) < 500 + len(str(path))
    return text


def test_a_payload_is_not_run(tmp_path: Path) -> None:
    target = tmp_path / "ran"
    path = write_zip(tmp_path / "evil.pth", pickle_of(bomb(target)))
    assert "nothing was executed" in refused(path, "'posix.system'")
    legacy = tmp_path / "legacy.pth"
    start = (GOLDEN / "tiny_legacy.pth").read_bytes()
    legacy.write_bytes(bomb(target))
    refused(legacy, "none that PyTorch writes")
    third = [len(pickle.dumps(v, 2)) for v in (0x1950A86A20F9469CFC6C, 1001)]
    system = start[sum(third) :]
    length = pickle_length(system)
    legacy.write_bytes(start[: sum(third) + length] + bomb(target) + pickle.dumps([], 2))
    refused(legacy, "'posix.system'")
    assert not target.exists()


def pickle_length(data: bytes) -> int:
    stream = io.BytesIO(data)
    pickle.Unpickler(stream).load()
    return stream.tell()


def test_a_whole_model_is_refused() -> None:
    refused(GOLDEN / "tiny_whole_model.pth", r"save `model.state_dict\(\)`")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"tiny/data/0": b"\0" * 16}, "has 16 bytes, not 432"),
        ({"tiny/data/0": None}, "entry 'tiny/data/0' is missing"),
        ({"tiny/data.pkl": None}, "without the data.pkl"),
        ({"other/data.pkl": b"\x80\x02}."}, "without the data.pkl"),
        ({"tiny/byteorder": b"big"}, "big-endian"),
        (pickle_of(b"\x80\x02]."), "no state dict"),
        (pickle_of(b"\x80\x02}K\x01K\x02s."), "no state dict"),
        (pickle_of(b"garbage"), "damaged"),
        (pickle_of(b"\x80\x02" + b"N0" * LARGEST), "more than 16 MiB"),
        (
            pickle_of(state_dict((2**30, 2**30), (0, 0), storage())),
            "reaches beyond its 108 numbers",
        ),
        (pickle_of(state_dict((2**40,), (1,), storage())), "impossible shape"),
        (pickle_of(state_dict((-1,), (1,), storage())), "impossible shape"),
        (pickle_of(state_dict((2,) * 9, (1,) * 9, storage())), "impossible shape"),
        (pickle_of(state_dict((108,), (2,), storage())), "reaches beyond"),
        (pickle_of(state_dict((4,), (1,), storage(), offset=105)), "reaches beyond"),
        (pickle_of(state_dict((4,), (1,), storage(), offset=-1)), "strides"),
        (pickle_of(state_dict((4,), (1, 1), storage())), "strides"),
        (pickle_of(state_dict((4,), (-1,), storage())), "impossible shape"),
        (pickle_of(state_dict((108,), (1,), storage(elements=2**50))), "cannot be understood"),
        (pickle_of(state_dict((9,), (1,), storage(elements=2**31))), "has 432 bytes, not"),
        (pickle_of(state_dict((9,), (1,), storage(kind="QInt8Storage"))), "QInt8Storage"),
        (
            pickle_of(state_dict((9,), (1,), storage(key="../../x"))),
            "'tiny/data/../../x' is missing",
        ),
        (pickle_of(state_dict((9,), (1,), b"K\x01")), "damaged"),
    ],
)
def test_damaged_zips(tmp_path: Path, changed: dict[str, bytes | None], reason: str) -> None:
    refused(write_zip(tmp_path / "bad.pth", changed), reason)


def test_a_sound_state_dict_of_the_same_making_is_read(tmp_path: Path) -> None:
    """So that the refusals above are for what they say."""
    made = state_dict((3, 4), (4, 1), storage(), offset=5)
    tensors = read_tensors(write_zip(tmp_path / "good.pth", pickle_of(made))).tensors
    expected = np.frombuffer(entries()["tiny/data/0"], "<f4")[5:17].reshape(3, 4)
    assert np.array_equal(tensors["w"].load(), expected)


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    zeros = bytes(40 << 20)
    path = write_zip(tmp_path / "bomb.pth", {"tiny/data/0": zeros}, zipfile.ZIP_DEFLATED)
    del zeros
    assert path.stat().st_size < 1_000_000
    refused(path, "is compressed")


def test_a_zip_that_is_all_directory_is_refused(tmp_path: Path) -> None:
    """A directory said to have 4 GB, and one that really has 20 MB."""
    path = write_zip(tmp_path / "lie.pth", {})
    data = bytearray(path.read_bytes())
    end = data.rfind(b"PK\x05\x06")
    data[end + 12 : end + 16] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(data)
    refused(path, "truncated, or no zip")
    path = tmp_path / "long.pth"
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 60_000) + bytes(16) + b"x" * 60_000
    directory = entry * 340
    head = b"PK\x03\x04" + bytes(26)
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 340, 340, len(directory), len(head), 0)
    path.write_bytes(head + directory + tail)
    refused(path, "truncated, or no zip")


@pytest.mark.parametrize(
    "name", ["tiny.pth", "tiny_legacy.pth", "tiny.safetensors", "tiny.h5", "tiny.weights.h5"]
)
def test_truncated_anywhere(tmp_path: Path, name: str) -> None:
    data = (GOLDEN / name).read_bytes()
    path = tmp_path / name
    for length in sorted({0, 1, 8, 20, *range(50, len(data), len(data) // 23), len(data) - 1}):
        path.write_bytes(data[:length])
        refused(path, ".")


@pytest.mark.parametrize("name", ["tiny.pth", "tiny_legacy.pth", "tiny.safetensors"])
def test_changed_anywhere(tmp_path: Path, name: str) -> None:
    """A changed byte is refused, or changes what is read, or is of no account; nothing else is raised."""
    data = (GOLDEN / name).read_bytes()
    path = tmp_path / name
    refusals = 0
    for place in range(0, len(data), 53):
        changed = bytearray(data)
        changed[place] ^= 0xFF
        path.write_bytes(changed)
        try:
            read_all(path)
        except FileFormatError:
            refusals += 1
    assert refusals > 20


def test_a_damaged_tensor_of_a_zip_is_seen(tmp_path: Path) -> None:
    data = bytearray((GOLDEN / "tiny.pth").read_bytes())
    place = data.find(entries()["tiny/data/0"])
    assert place > 0
    data[place + 5] ^= 1
    path = tmp_path / "flipped.pth"
    path.write_bytes(data)
    refused(path, "'0.weight' is damaged")


# --- safetensors -----------------------------------------------------------------------------------


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


def test_safetensors_own_writer(tmp_path: Path) -> None:
    arrays = {
        "a": np.arange(6, dtype=np.float16).reshape(2, 3), "b": np.array(3.0), "c": np.zeros((0, 2), np.int64),
        "d": np.array([True, False]),
    }  # fmt: skip
    safetensors.numpy.save_file(arrays, tmp_path / "x.safetensors")
    found = read_tensors(tmp_path / "x.safetensors").tensors
    for name, array in arrays.items():
        assert np.array_equal(found[name].load(), array)
        assert found[name].dtype == array.dtype.name


def test_a_model_of_sloy_is_not_taken_for_weights(tmp_path: Path) -> None:
    from sloy.exchange.container import write_container

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


# --- what is no file of weights --------------------------------------------------------------------


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"\x08\x07\x12\x07pytorch")
    (tmp_path / "x.txt").write_text("hello there, this is text")
    (tmp_path / "x.keras").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "x.keras", "w") as archive:
        archive.writestr("model.weights.h5", b"")
    refused(tmp_path / "x.onnx", r"sloy.Model.from_onnx\(path\)")
    refused(tmp_path / "x.txt", "no file of weights")
    refused(tmp_path / "x.keras", "take model.weights.h5 out")
    refused(tmp_path / "none.pth", "no such file")
    refused(tmp_path, "is a folder")
