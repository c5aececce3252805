"""`History`: what was measured in training, a row for each epoch."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import overload

import numpy as np

from sloy import text
from sloy.arguments import file_to_write, path_of, sequence
from sloy.errors import FileFormatError, InvalidArgument, UnknownName
from sloy.files.atomic import write_atomically
from sloy.files.documents import hold, parse
from sloy.language import counted, say
from sloy.text import reason, shown

Value = int | float
Row = dict[str, Value]

_LIMIT = 64 << 20  # bytes of a history file
_NUMBERS = (float, int, np.integer, np.floating)


class History:
    """A table: a row for each epoch, a column for each quantity.

    Columns of a training run: ``epoch``, ``loss`` and each metric (means over the epoch's training
    samples, each measured just before the update that used it), ``val_loss`` and ``val_…``
    (validation samples, at the end of the epoch), ``learning_rate`` (last of the epoch),
    ``gradient_norm`` and ``gradient_norm_max`` (mean and greatest over the steps), ``seconds`` and
    ``samples_per_second`` (training alone); with `Recipe.gradient_norms` ``gradient_norm/<parameter>`` (means).

    Parameters
    ----------
    rows : sequence of mappings
        Column name → number; a column that a row lacks is NaN there.

    Examples
    --------
    >>> history = History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    >>> history["loss"].tolist(), history.columns, len(history)
    ([0.5, 0.25], ('epoch', 'loss'), 2)
    >>> history[-1]
    {'epoch': 2, 'loss': 0.25}
    >>> print(history)
    epoch  loss
        1   0.5
        2  0.25
    """

    def __init__(self, rows: Sequence[Mapping[str, Value]] = ()) -> None:
        self._rows: list[Row] = []
        for row in sequence("History", "rows", rows, Mapping):
            self.append(row)

    def append(self, row: Mapping[str, Value]) -> None:
        """Add the row of one more epoch."""
        for name, value in row.items():
            if not isinstance(value, _NUMBERS):
                raise InvalidArgument(f"History: `{name}` (={shown(value)}) must be a number.")
        self._rows.append({name: _plain(value) for name, value in row.items()})

    @property
    def rows(self) -> list[Row]:
        """A copy of the rows."""
        return [dict(row) for row in self._rows]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order of first appearance."""
        return tuple(dict.fromkeys(name for row in self._rows for name in row))

    @overload
    def __getitem__(self, column: str) -> np.ndarray: ...

    @overload
    def __getitem__(self, column: int) -> Row: ...

    def __getitem__(self, column: str | int) -> np.ndarray | Row:
        """A column by its name: float64 (int64 for ``epoch``), shape (epochs,); or a row by its number, -1 the last."""
        if isinstance(column, int | np.integer):
            if not -len(self) <= column < len(self):
                raise IndexError(f"History: no row has the number {column}; there are {len(self)}.")
            return dict(self._rows[column])
        if column not in self.columns:
            held_out = f"val_{column}"
            hint = f" ({held_out!r} is measured, on what is validated)" if held_out in self else ""
            raise UnknownName(
                f"History: no column is named {column!r}{hint}; there are {', '.join(self.columns)}."
            )
        values = [row.get(column, np.nan) for row in self._rows]
        return np.array(values, np.int64 if column == "epoch" else np.float64)

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and repr(self._rows) == repr(other._rows)

    __hash__ = None  # type: ignore[assignment]  # a history grows

    def __repr__(self) -> str:
        lines = text.aligned(self._cells, left=0)
        return "\n".join(lines) if self._rows else "History of no epochs"

    @property
    def _cells(self) -> list[Sequence[str]]:
        return [self.columns, *([_short(row.get(c)) for c in self.columns] for row in self._rows)]

    def to_csv(self, path: str | Path | None = None) -> str:
        """The table as CSV, numbers in full precision; written to a file where a path is given."""
        file = io.StringIO()
        writer = csv.DictWriter(file, self.columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: repr(v) for name, v in row.items()} for row in self._rows)
        return _written(file.getvalue(), path)

    def to_json(self, path: str | Path | None = None) -> str:
        """The rows as a JSON list of objects; NaN and infinities, which JSON lacks, as strings."""
        rows = [{n: v if isfinite(v) else repr(v) for n, v in r.items()} for r in self._rows]
        return _written(json.dumps(rows, indent=1) + "\n", path)

    @classmethod
    def from_csv(cls, path: str | Path) -> History:
        """Read what `to_csv` wrote; `FileFormatError` where the file is something else."""
        try:
            records = list(csv.reader(io.StringIO(_read(path), newline=""), strict=False))
        except csv.Error as error:  # a field of more than 131072 characters
            raise FileFormatError(f"{path}: is no history in CSV ({reason(error)}).") from None
        if not records:
            return cls()
        header, *lines = records
        if len(set(header)) != len(header) or not all(header):
            raise FileFormatError(f"{path}: the first line must name the columns, each once.")
        rows = []
        for number, line in enumerate(lines, 2):
            if len(line) != len(header):
                raise FileFormatError(
                    f"{path}: line {number} has {len(line)} values for {len(header)} columns."
                )
            rows.append(_numbers(path, f"line {number}", zip(header, line, strict=True)))
        return cls(rows)

    @classmethod
    def from_json(cls, path: str | Path) -> History:
        """Read what `to_json` wrote; `FileFormatError` where the file is something else."""
        content = _read(path)
        try:
            rows = parse(content)
            hold(rows, [{"*": (float, str)}])
        except ValueError as error:
            raise FileFormatError(f"{path}: is no history in JSON ({reason(error)}).") from error
        return cls([_numbers(path, f"row {i}", row.items()) for i, row in enumerate(rows)])

    def _repr_html_(self) -> str:
        return f"<div>{curves_svg(self)}{text.html_table(self._cells)}</div>"


def check_measured(where: str, monitor: str, columns: Sequence[str]) -> None:
    """Raise `InvalidArgument` unless a run measures what someone wants to watch."""
    if monitor not in columns:
        raise InvalidArgument(
            f"{where}: `monitor` (={shown(monitor)}) is not measured in this run; there are"
            f" {', '.join(columns)}."
        )


def curves_svg(history: History) -> str:
    """Training and validation loss over the epochs as an SVG element, "" where there is no loss."""
    curves = [(n, c, history[n]) for n, c in _CURVES if n in history]
    values = np.concatenate([v for _, _, v in curves]) if curves else np.zeros(0)
    values = values[np.isfinite(values)]
    if not values.size:
        return ""
    low, high = min(0.0, float(values.min())), float(values.max())
    span, steps = (high - low) or 1.0, max(1, len(history) - 1)
    width, height = 480, 160
    label = say("loss by epoch")
    left, top, right, bottom = 50, 18, width - 10, height - 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11"'
        f' role="img" aria-label="{label}">',
        f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="#888"/>',
        f'<text x="{left - 4}" y="{top + 4}" text-anchor="end" fill="#888">{high:.3g}</text>',
        f'<text x="{left - 4}" y="{bottom}" text-anchor="end" fill="#888">{low:.3g}</text>',
        f'<text x="{right}" y="{height - 5}" text-anchor="end" fill="#888">'
        f"{counted(len(history), 'epoch')}</text>",
    ]
    for number, (name, colour, column) in enumerate(curves):
        xs = left + (right - left) * np.arange(len(column)) / steps
        ys = bottom - (bottom - top) * (column - low) / span
        points = [f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True) if isfinite(y)]
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}"/>')
        parts += [
            f'<circle cx="{p.split(",")[0]}" cy="{p.split(",")[1]}" r="2" fill="{colour}"/>'
            for p in points
        ]
        parts.append(
            f'<text x="{left + 10 + 80 * number}" y="{top - 6}" fill="{colour}">{name}</text>'
        )
    return "".join(parts) + "</svg>"


_CURVES = (("loss", "#1f77b4"), ("val_loss", "#d62728"))


def _plain(value: Value) -> Value:
    if type(value) is float or type(value) is int:
        return value
    return int(value) if isinstance(value, int | np.integer) else float(value)


def _short(value: Value | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.5g}"


def _numbers(path: object, where: str, items: object) -> Row:
    row: Row = {}
    for name, value in items:  # type: ignore[attr-defined]
        if value == "" or name == "":
            continue
        try:
            row[name] = int(value) if name == "epoch" else float(value)
        except (TypeError, ValueError, OverflowError):
            raise FileFormatError(
                f"{path}: {where}, `{name[:40]}` is {str(value)[:40]!r}, no number."
            ) from None
    return row


def _read(path: str | Path) -> str:
    path = path_of("History", "path", path)
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror}.") from error
    if len(data) > _LIMIT:
        raise FileFormatError(f"{path}: larger than {_LIMIT >> 20} MiB, no history.")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path}: not text: {reason(error)}.") from error


def _written(content: str, path: str | Path | None) -> str:
    if path is not None:
        write_atomically(file_to_write("History", "path", path), content.encode())
    return content
