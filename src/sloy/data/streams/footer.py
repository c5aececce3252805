"""The row groups of a Parquet file, from its footer: Thrift's compact protocol, as far as it takes.

References
----------
.. [1] Apache Parquet, "File format", https://parquet.apache.org/docs/file-format/, and parquet.thrift.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sloy.errors import FileFormatError
from sloy.text import reason

MAGIC = b"PAR1"
_ROW_GROUPS, _BYTES, _ROWS = 4, 2, 3  # numbers of the fields, of FileMetaData and of RowGroup
_LARGEST, _DEEPEST = 1 << 30, 16


@dataclass(frozen=True)
class RowGroup:
    """Rows, and their bytes when unpacked."""

    rows: int
    nbytes: int


def row_groups(path: Path) -> list[RowGroup]:
    """The row groups of a file in their order.

    Raises
    ------
    FileFormatError
        Where it is no Parquet file, or its footer is damaged.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 8))
        tail = file.read(8)
        length = int.from_bytes(tail[:4], "little")
        if len(tail) < 8 or tail[4:] != MAGIC or not 0 < length <= min(size - 8, _LARGEST):
            raise FileFormatError(f"{path}: is no Parquet file, or was cut short.")
        file.seek(size - 8 - length)
        footer = file.read(length)
    try:
        groups = _Compact(footer).struct()[_ROW_GROUPS]
        found = [RowGroup(group[_ROWS], group[_BYTES]) for group in groups]
        if any(group.rows < 0 or group.nbytes < 0 for group in found):
            raise ValueError("numbers below 0")
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise FileFormatError(f"{path}: its footer cannot be read ({reason(error)}).") from None
    return found


class _Compact:
    """Reads values of the compact protocol one after another."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Fields by number."""
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            number = number + step if step else self._whole()
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind, depth + 1)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("too deep")
        if kind in (1, 2, 3):  # truth within lists, and a byte
            return self._byte()
        if kind in (4, 5, 6):
            return self._whole()
        if kind == 7:
            return self._bytes(8)
        if kind == 8:
            return self._bytes(self._unsigned())
        if kind in (9, 10):
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._unsigned()
            return [self._value(head & 15, depth + 1) for _ in range(self._fits(count))]
        if kind == 11:
            count = self._fits(self._unsigned())
            kinds = self._byte() if count else 0
            value = self._value
            return [
                (value(kinds >> 4, depth + 1), value(kinds & 15, depth + 1)) for _ in range(count)
            ]
        if kind == 12:
            return self.struct(depth)
        raise ValueError(f"a value of kind {kind}")

    def _byte(self) -> int:
        self._at += 1
        return self._content[self._at - 1]

    def _bytes(self, count: int) -> bytes:
        self._at += self._fits(count)
        return self._content[self._at - count : self._at]

    def _unsigned(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 128:
            value |= (byte & 127) << shift
            shift += 7
            if shift > 63:
                raise ValueError("a number too long")
        return value | byte << shift

    def _whole(self) -> int:
        value = self._unsigned()
        return value >> 1 ^ -(value & 1)

    def _fits(self, count: int) -> int:
        if count > len(self._content) - self._at:
            raise ValueError("cut short")
        return count
