"""Ways to bend a file: as bytes, and by the structure of each format, so that what is checked first still holds."""

from __future__ import annotations

import io
import json
import pickletools
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

Random = np.random.Generator
Mutator = Callable[[Random, bytes], bytes]

CANARY = "/tmp/sloy-fuzz-canary"  # a file that is there once something in a file was executed
MARK = "Q" * 200  # messages may quote 80 characters of it
_CALL = f"__import__('os').system('touch {CANARY}')"
NUMBERS = (
    0, 1, -1, 2, 7, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**63 - 1,
    2**63, 2**64 - 1, -(2**31), -(2**63), 10**9, 10**30,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, *NUMBERS, 0.5, -0.0, 1e-300, 1e300, float("nan"), float("inf"), "", "x", "a\nb", "\x1b[31m",
    "é\u202e", "\ud800", MARK, _CALL, "../../etc/passwd", "/dev/zero", "float32", [], {}, [[]], [None], [1, 2, 3],
    {"": None}, {"x": 1}, [MARK] * 50,
)  # fmt: skip


def pick(random: Random, items: Any) -> Any:
    """One of several things."""
    return items[int(random.integers(len(items)))]


# --- bytes ------------------------------------------------------------------------------------------------------------


def bent(random: Random, data: bytes, first: int = 0, last: int | None = None) -> bytes:
    """Bytes with one to four of them, or stretches, changed between two places."""
    out = bytearray(data)
    for _ in range(int(random.integers(1, 5))):
        end = min(len(out), len(out) if last is None else last)
        if end <= first:
            break
        at = int(random.integers(first, end))
        _BENDS[int(random.integers(len(_BENDS)))](random, out, at)
    return bytes(out)


def _number(random: Random, out: bytearray, at: int) -> None:
    size, order = pick(random, (1, 2, 4, 8)), pick(random, ("little", "big"))
    value = pick(random, NUMBERS) % (1 << (8 * size))
    out[at : at + size] = value.to_bytes(size, order)[: len(out) - at]


def _flip(random: Random, out: bytearray, at: int) -> None:
    out[at] ^= 1 << int(random.integers(8))


def _byte(random: Random, out: bytearray, at: int) -> None:
    out[at] = int(random.integers(256))


def _away(random: Random, out: bytearray, at: int) -> None:
    del out[at : at + int(random.integers(1, 40))]


def _twice(random: Random, out: bytearray, at: int) -> None:
    out[at:at] = out[at : at + int(random.integers(1, 40))] * int(random.integers(1, 4))


def _moved(random: Random, out: bytearray, at: int) -> None:
    source, size = int(random.integers(len(out))), int(random.integers(1, 40))
    piece = out[source : source + size]
    out[at : at + len(piece)] = piece[: len(out) - at]


_BENDS = (_flip, _flip, _byte, _byte, _number, _number, _away, _twice, _moved)


def truncated(random: Random, data: bytes) -> bytes:
    """The beginning of a file."""
    return data[: int(random.integers(len(data)))] if data else data


# --- JSON -------------------------------------------------------------------------------------------------------------


def json_value(random: Random, document: Any) -> Any:
    """A document with one to three of its values, keys or lists changed."""
    document = json.loads(json.dumps(document))
    for _ in range(int(random.integers(1, 4))):
        places = list(_places(document))
        if not places:
            return deepcopy(pick(random, VALUES))
        holder, key = pick(random, places)
        _change(random, holder, key)
    return document


def _places(value: Any) -> Any:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        keys = item.keys() if isinstance(item, dict) else range(len(item))
        for key in keys:
            yield item, key
            if isinstance(item[key], dict | list):
                waiting.append(item[key])


def _change(random: Random, holder: Any, key: Any) -> None:
    how = int(random.integers(12))
    if how < 6:
        holder[key] = deepcopy(pick(random, VALUES))  # it may be changed in turn
    elif how == 6:
        del holder[key]
    elif how == 7 and isinstance(holder, dict):
        holder[pick(random, ("x", "", MARK, "layer", "op", str(key).upper()))] = holder.pop(key)
    elif how == 8 and isinstance(holder[key], list) and holder[key]:
        holder[key] = (holder[key] * 300)[:300]
    elif how == 9:
        for _ in range(pick(random, (30, 100, 400))):
            holder[key] = [holder[key]] if isinstance(holder, list) else {str(key): holder[key]}
    elif how == 10 and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
        holder[key] = pick(
            random, (-holder[key], holder[key] + 1, holder[key] * 1000, str(holder[key]))
        )
    else:
        other = pick(random, list(holder) if isinstance(holder, dict) else range(len(holder)))
        holder[key], holder[other] = holder[other], holder[key]


def json_text(random: Random, data: bytes) -> bytes:
    """A JSON file: its values changed, or its text."""
    if random.random() < 0.15:
        return bent(random, data)
    text = json.dumps(json_value(random, json.loads(data)))
    how = random.random()
    if how < 0.02:
        return b"[" * 100_000
    if how < 0.04:
        return text.encode() + b"x"
    if how < 0.06:
        return text.replace("{", '{"a": 1, "a": 2, ', 1).encode()
    return text.encode()


# --- zip --------------------------------------------------------------------------------------------------------------


def zipped(random: Random, data: bytes, inner: Callable[[str], Mutator]) -> bytes:
    """An archive with one of its entries changed by `inner(name)`, its checksums made right again."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = [(e.filename, archive.read(e), e.compress_type) for e in archive.infolist()]
    number = int(random.integers(len(entries)))
    name, content, method = entries[number]
    how = int(random.integers(20))
    if how < 15:
        content = inner(name)(random, content)
    elif how == 15:
        name = pick(random, (MARK, "../" + name, name.upper(), "", "a/b/" + name))
    elif how == 16:
        method = pick(random, (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    elif how == 17:
        content, method = bytes(4_000_000), zipfile.ZIP_DEFLATED
    entries[number] = (name, content, method)
    if how == 18:
        del entries[number]
    if how == 19:
        entries.append(entries[number])
    return zip_of(entries)


def zip_of(entries: list[tuple[str, bytes, int]]) -> bytes:
    """An archive of entries (name, content, method)."""
    import warnings

    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore")  # two entries of one name
        for name, content, method in entries:
            archive.writestr(zipfile.ZipInfo(name or "x"), content, method)
    return file.getvalue()


def text_bent(random: Random, data: bytes) -> bytes:
    """Text: numbers and words exchanged for odd ones, or bytes bent."""
    if random.random() < 0.4:
        return bent(random, data)
    words = list(re.finditer(rb"[\w.+-]+", data))
    if not words:
        return bent(random, data)
    out = data
    for word in sorted({int(i) for i in random.integers(len(words), size=2)}, reverse=True):
        odd = str(
            pick(
                random,
                (
                    *NUMBERS,
                    "",
                    "nan",
                    "inf",
                    "1e999",
                    "0x1",
                    "é",
                    MARK,
                    "A" * 5000,
                    '"',
                    "\r",
                    "=1+1",
                    "-",
                ),
            )
        )
        out = out[: words[word].start()] + odd.encode() + out[words[word].end() :]
    return out


# --- pickles ----------------------------------------------------------------------------------------------------------

_PAYLOADS = (
    f"cposix\nsystem\n(S'touch {CANARY}'\ntR".encode(), f"cbuiltins\neval\n(V{_CALL}\ntR".encode(),
    f"(S'touch {CANARY}'\nios\nsystem\n".encode(), b"K\x01\x85q\x00" + b"0h\x00h\x00\x86q\x00" * 60,
    b")" + b"\x85" * 3000, b"r\xff\xff\xff\xff", b"\x8a\x08" + b"\xff" * 8, b"}", b"]", b"(", b")", b"N", b"K\x07",
    b"0", b"2", b"1", b"e", b"u", b"R", b"b", b"Q", b"\x93", b"\x95" + b"\xff" * 8, b"X\xff\xff\xff\x7f",
)  # fmt: skip


def pickled(random: Random, data: bytes) -> bytes:
    """A pickle with opcodes dropped, doubled, exchanged, or strange ones put in."""
    if random.random() < 0.2:
        return bent(random, data)
    try:
        starts = [at for _, _, at in pickletools.genops(data) if at is not None]
    except Exception:
        return bent(random, data)
    ends = [*starts[1:], len(data)]
    parts = [data[a:b] for a, b in zip(starts, ends, strict=True)]
    for _ in range(int(random.integers(1, 4))):
        at, other = (int(i) for i in random.integers(len(parts), size=2))
        how = int(random.integers(6))
        if how == 0:
            parts[at] = b""
        elif how == 1:
            parts[at] = parts[at] * 2
        elif how == 2:
            parts[at], parts[other] = parts[other], parts[at]
        elif how == 3:
            parts[at] = parts[other]
        elif how == 4:
            parts.insert(at, pick(random, _PAYLOADS))
        else:
            parts[at] = pick(random, _PAYLOADS)
    return b"".join(parts)


# --- protocol buffers -------------------------------------------------------------------------------------------------


def protobuf(random: Random, data: bytes, depth: int = 0) -> bytes:
    """A message with one field, at any depth, changed; lengths above it follow."""
    fields = _fields(data)
    if not fields:
        return bent(random, data) if data else struct.pack("<I", int(random.integers(2**32)))
    at = int(random.integers(len(fields)))
    key, kind, value = fields[at]
    how = int(random.integers(10))
    if how == 0:
        del fields[at]
    elif how == 1:
        fields.insert(at, fields[at])
    elif how == 2:
        other = int(random.integers(len(fields)))
        fields[at], fields[other] = fields[other], fields[at]
    elif kind == 0:
        fields[at] = (key, 0, pick(random, NUMBERS) % 2**64)
    elif kind == 2 and how == 3:
        odd = pick(
            random,
            (
                b"",
                MARK.encode(),
                b"\xff\xfe",
                b"x",
                b"\0" * 8,
                _CALL.encode(),
                value * 2,
                value[:-1],
            ),
        )
        fields[at] = (key, 2, odd)
    elif kind == 2 and depth < 6:
        fields[at] = (key, 2, protobuf(random, value, depth + 1))
    else:
        fields[at] = (key, kind, bent(random, value) if isinstance(value, bytes) else value)
    return b"".join(_field(*field) for field in fields)


def _fields(data: bytes) -> list[tuple[int, int, Any]]:
    """Fields (number, wire type, value) of a message; none where it is no message."""
    found, at = [], 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if number == 0 or kind not in (0, 1, 2, 5):
            return []
        if kind == 0:
            value, at = _varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(kind, 0)
            if kind == 2:
                size, at = _varint(data, at)
            if at + size > len(data):
                return []
            value, at = data[at : at + size], at + size
        found.append((number, kind, value))
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
        shift += 7
    return 0, len(data) + 1


def _field(number: int, kind: int, value: Any) -> bytes:
    head = _as_varint(number << 3 | kind)
    if kind == 0:
        return head + _as_varint(value)
    return head + (_as_varint(len(value)) if kind == 2 else b"") + value


def _as_varint(value: int) -> bytes:
    out = bytearray()
    while True:
        out.append(value & 127 | (128 if value > 127 else 0))
        value >>= 7
        if not value:
            return bytes(out)


# --- pictures ---------------------------------------------------------------------------------------------------------


def png(random: Random, data: bytes) -> bytes:
    """A PNG with a chunk changed and its checksum made right."""
    if random.random() < 0.3 or not data.startswith(b"\x89PNG"):
        return bent(random, data)
    chunks, at = [], 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    number = int(random.integers(len(chunks)))
    kind, content = chunks[number]
    how = int(random.integers(8))
    if how == 0:
        kind = pick(
            random,
            (b"IHDR", b"PLTE", b"tRNS", b"acTL", b"fdAT", b"eXIf", b"iCCP", b"zTXt", b"gAMA"),
        )
    elif how == 1 and kind == b"IDAT":
        raw = zlib.decompress(content)
        content = zlib.compress(
            pick(random, (raw * 500, raw[:-5], bent(random, raw), bytes(30_000_000)))
        )
    else:
        content = bent(random, content)
    chunks[number] = (kind, content)
    if how == 2:
        chunks.insert(number, chunks[number])
    if how == 3:
        del chunks[number]
    packed = (
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks
    )
    return data[:8] + b"".join(packed)
