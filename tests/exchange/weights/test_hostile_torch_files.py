"""Hostile and damaged files of PyTorch, which are pickles, are refused by one clear error and never run."""

from __future__ import annotations

import io
import pickle
import struct
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from refusals import read_all, refused
from sloy.errors import FileFormatError
from sloy.exchange.weights.pickled import LARGEST
from sloy.exchange.weights.readers import read_tensors

GOLDEN = Path(__file__).parents[2] / "golden/pretrained"


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


TWICE = b"K\x01\x85q\x00" + b"0h\x00h\x00\x86q\x00" * 60  # 2⁶⁰ ones, when hashed or written out


@pytest.mark.parametrize("endless", [TWICE, b")" + b"\x85" * 3_000])
def test_what_never_ends_when_written_out(tmp_path: Path, endless: bytes) -> None:
    """As a key, an extent, a shape, a class of storage, an identifier, a name."""
    sound = state_dict((3, 4), (4, 1), storage())
    shape, kind = pickle.dumps((3, 4), 2)[2:-1], b"ctorch\nFloatStorage\n"
    whole = storage()
    for part, reason in (
        (b"X\x01\0\0\0w", "neither a text nor an integer"),
        (shape[:2], "impossible shape"),
        (shape, "impossible shape"),
        (kind, "storages of kind tuple"),
        (whole, "is damaged"),
        (whole[:-1], "cannot be understood"),
    ):
        assert part in sound
        refused(write_zip(tmp_path / "x.pth", pickle_of(sound.replace(part, endless, 1))), reason)


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


@pytest.mark.parametrize("entry", ["tiny/data/0", "tiny/data.pkl"])
def test_a_damaged_entry_of_a_zip_is_seen(tmp_path: Path, entry: str) -> None:
    """In the pickle it might be an offset: other numbers, and no error."""
    data = bytearray((GOLDEN / "tiny.pth").read_bytes())
    place = data.find(entries()[entry])
    assert place > 0
    data[place + 5] ^= 1
    path = tmp_path / "flipped.pth"
    path.write_bytes(data)
    refused(path, "is damaged .its CRC-32")


def test_a_bit_that_flipped_under_a_view_is_seen(tmp_path: Path) -> None:
    """Not only where a tensor is its whole storage."""
    made = state_dict((3, 4), (4, 1), storage(), offset=5)
    path = write_zip(tmp_path / "view.pth", pickle_of(made))
    data = bytearray(path.read_bytes())
    data[data.find(entries()["tiny/data/0"]) + 25] ^= 1
    path.write_bytes(data)
    refused(path, "tensor 'w' is damaged .its CRC-32")


def test_mappings_that_are_named_again_and_again_are_looked_through_once(tmp_path: Path) -> None:
    """Of 20 000 names for a mapping of 20 000 each, below a key of a megabyte: 4e8 looks, and 20 GB of keys."""
    inner = {str(n): None for n in range(20_000)}
    value = {"x" * 1_000_000: {f"k{n}": inner for n in range(20_000)}}
    path = write_zip(tmp_path / "w.pth", pickle_of(pickle.dumps(value, 2)))
    before = time.process_time()
    assert not read_tensors(path).tensors
    assert time.process_time() - before < 5
