"""Pickles read as data: what Python's pickler writes of plain values comes back, what would run code does not run."""

from __future__ import annotations

import os
import pickle
import struct
import tracemalloc
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sloy.exchange.weights.pickled import Call, Named, PickleError, read_pickle

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**100), 2**100)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.tuples(inner, inner, inner, inner)
        | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(PLAIN, st.sampled_from([3, 4, 5]))
def test_plain_values_come_back(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    assert read_pickle(data + b"rest") == (value, len(data))


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol(protocol: int) -> None:
    value = OrderedDict(a=[1, -2, 2**40], b=("text", 2.5, None, True), c={"d": ()})
    found, _ = read_pickle(pickle.dumps(value, protocol))
    assert found == dict(value)
    assert type(found) is dict


def test_shared_parts_stay_shared() -> None:
    part = [1]
    found, _ = read_pickle(pickle.dumps([part, part], 2))
    assert found[0] is found[1]


class Bomb:
    """What an attacker pickles: on loading, a command is run."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_call_is_told_not_made(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "ran"
    data = pickle.dumps({"a": Bomb(target)}, protocol)
    found, _ = read_pickle(data)
    assert isinstance(found["a"], Call)
    assert found["a"].function == Named(f"{os.system.__module__}.system")
    assert not target.exists()
    pickle.loads(data)  # it is a bomb indeed
    assert target.exists()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "damaged"),
        (b"\x80\x02}", "damaged"),
        (b"\x80\x02.", "damaged"),
        (b"\x80\x02u.", "damaged"),
        (b"\x80\x02}K\x01s.", "damaged"),
        (b"\x80\x02K\x01e.", "mark is missing"),
        (b"\x80\x02(K\x01K\x02e.", "damaged"),
        (b"\x80\x02h\x07.", "damaged"),
        (b"\x80\x02K\x01K\x02R.", "no function"),
        (b"\x80\x02K\x01\x86.", "stack is empty"),
        (b"\x80\x02K\x01K\x02b.", "not a dictionary"),
        (b"\x80\x04K\x01K\x02\x93.", "a name is no text"),
        (b"\x80\x02X\xff\xff\xff\x7fabc.", "damaged"),
        (b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.", "damaged"),
        (b"cos\nsystem\n)\x81.", "NEWOBJ"),
        (b"\x80\x02(cos\nsystem\no.", "OBJ"),
        (b"(ios\nsystem\n.", "INST"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"\xff\xff", "damaged"),
        (b"\x80\x02\x8b" + struct.pack("<i", 64) + b"\x01" * 64 + b".", "integer of no use"),
    ],
)
def test_what_is_no_plain_data_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(PickleError, match=reason):
        read_pickle(data)


TWICE = b"K\x01\x85q\x00" + b"0h\x00h\x00\x86q\x00" * 60  # 2⁶⁰ ones, when hashed or written out


@pytest.mark.parametrize(
    "key",
    [
        TWICE,
        b")" + b"\x85" * 100_000,  # hashing it overflows the stack of C
        b"\x8a\x08" + struct.pack("<q", 2**61 - 1),  # its multiples all hash to 0
        b"N",
        b"cos\nsystem\n",
    ],
)
def test_keys_are_texts_or_small_integers(key: bytes) -> None:
    for data in (b"}" + key + b"K\x01s.", b"}(" + key + b"K\x01u.", b"(" + key + b"K\x01d."):
        with pytest.raises(PickleError, match="neither a text nor an integer"):
            read_pickle(b"\x80\x02" + data)
    ordered = b"\x80\x02ccollections\nOrderedDict\n(]]" + key + b"aK\x01aatR."
    with pytest.raises(PickleError, match="neither a text nor an integer"):
        read_pickle(ordered)


def test_an_ordered_dict_of_python_2() -> None:
    data = b"\x80\x02ccollections\nOrderedDict\n](](U\x01aK\x01e](U\x01bK\x02ee\x85R."
    assert read_pickle(data)[0] == {"a": 1, "b": 2}


def test_a_list_that_is_read_again_and_again() -> None:
    """Each time costs six bytes of the file, and a look at 200 000 pairs."""
    pairs = b"](U\x01aK\x01eq\x00" + b"](" + b"h\x00" * 200_000 + b"e\x85q\x01"
    calls = b"ccollections\nOrderedDict\nq\x02" + b"h\x02h\x01R0" * 100_000
    with pytest.raises(PickleError, match="items of an OrderedDict"):
        read_pickle(b"\x80\x02" + pairs + calls + b".")


def test_too_many_opcodes() -> None:
    with pytest.raises(PickleError, match="more than 2097152 opcodes"):
        read_pickle(b"\x80\x02" + b"N0" * (1 << 21) + b".")


def test_no_large_allocation() -> None:
    """A memo index of 2³² - 1 makes Python's own unpickler reserve tens of gigabytes; lengths beyond the file too."""
    huge = [
        b"\x80\x02K\x01r\xff\xff\xff\xff.",
        b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b".",
        b"\x80\x02T" + struct.pack("<i", 2**31 - 1) + b".",
        b"\x80\x02]" + b"q\x00(h\x00h\x00h\x00h\x00h\x00e" * 10_000 + b".",
    ]
    tracemalloc.start()
    for data in huge:
        with suppress(PickleError):
            read_pickle(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000
