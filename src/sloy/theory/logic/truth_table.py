"""Truth tables: Boolean functions of n variables, some rows perhaps free (L2-L4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sloy.arguments import integer, one_of
from sloy.errors import InvalidArgument
from sloy.text import Shown, shown
from sloy.theory.notation import input_names

__all__ = ["TruthTable"]

MOST_VARIABLES = 16  # 3^16 products of literals, as bytes, are 43 MB
FREE = -1  # a row whose value does not matter

Table = Any  # what `TruthTable.of` takes


@dataclass(frozen=True, eq=False)
class TruthTable(Shown):
    """The values of a Boolean function on all 2^n inputs; make one with `TruthTable.of`.

    Attributes
    ----------
    values : array of int8, shape (2^n,)
        0, 1, or -1 where the value does not matter. Row r has the binary digits of r as its inputs, x1 the
        highest: 00, 01, 10, 11.

    Examples
    --------
    >>> table = TruthTable.of([0, 1, 1, None])
    >>> print(table)
    x1 x2 | y
     0  0 | 0
     0  1 | 1
     1  0 | 1
     1  1 | -
    """

    values: np.ndarray

    @property
    def variables(self) -> int:
        """n."""
        return len(self.values).bit_length() - 1

    @property
    def inputs(self) -> np.ndarray:
        """All inputs in the order of the rows: float32 (2^n, n) of 0 and 1."""
        return all_inputs(self.variables)

    @classmethod
    def of(cls, table: Table, *, missing: str = "error") -> TruthTable:
        """A truth table from what a user has.

        Parameters
        ----------
        table : sequence, str, mapping or TruthTable
            2^n values 0, 1, or None where the value does not matter, the last input changing fastest;
            the same as a string, ``"011-"``; or a mapping of inputs to values, ``{(0, 1): 1, …}``.
        missing : "error" or "free"
            What rows are that a mapping lacks: a mistake, or such whose value does not matter.

        Raises
        ------
        InvalidArgument
            Where a value is not 0, 1 or None, or rows are missing.
        """
        if isinstance(table, TruthTable):
            return table
        one_of("truth table", "missing", missing, ("error", "free"))
        if isinstance(table, Mapping):
            return cls(_from_mapping(table, free=missing == "free"))
        if isinstance(table, np.ndarray):
            table = table.tolist()
        if not isinstance(table, Sequence):
            raise InvalidArgument(
                f"truth table: `table` (={shown(table)}) must be a sequence of 0 and 1, a string of them,"
                " or a mapping of inputs to values."
            )
        count = len(table)
        if count < 2 or count & (count - 1):
            below = 1 << max(1, count.bit_length() - 1)
            raise InvalidArgument(
                f"truth table: `table` has {count} rows; n variables have 2^n rows, such as"
                f" {below} or {2 * below}."
            )
        n = _few(count.bit_length() - 1)
        values = [_value(value, f"row {bits(row, n)}") for row, value in enumerate(table)]
        return cls(np.array(values, np.int8))

    @classmethod
    def of_function(cls, function: Callable[..., Any], variables: int) -> TruthTable:
        """The table of a function of n arguments that are 0 or 1.

        Examples
        --------
        >>> TruthTable.of_function(lambda a, b: a != b, 2).values.tolist()
        [0, 1, 1, 0]
        """
        n = _few(integer("truth table", "variables", variables))
        rows = all_inputs(n).astype(int).tolist()
        return cls.of([function(*row) for row in rows])

    def agrees(self, answers: np.ndarray) -> np.ndarray:
        """Which rows 0-1 answers (2^n,) are right in, rows that do not matter included."""
        return (self.values == FREE) | (self.values == answers)

    def __str__(self) -> str:
        n = self.variables
        names = input_names("truth table", None, n)
        lines = [f"{' '.join(names)} | y"]
        for row, value in enumerate(self.values.tolist()):
            cells = [str(b).rjust(len(name)) for b, name in zip(bits(row, n), names, strict=True)]
            lines.append(f"{' '.join(cells)} | {'-' if value == FREE else value}")
        return "\n".join(lines)


def all_inputs(variables: int) -> np.ndarray:
    """The 2^n rows of n binary digits, the first the highest: float32 (2^n, n)."""
    rows = np.arange(1 << variables)[:, None]
    return (rows >> np.arange(variables - 1, -1, -1) & 1).astype(np.float32)


def bits(row: int, variables: int) -> tuple[int, ...]:
    """The inputs of a row.

    Examples
    --------
    >>> bits(5, 4)
    (0, 1, 0, 1)
    """
    return tuple(row >> shift & 1 for shift in range(variables - 1, -1, -1))


def _few(variables: int) -> int:
    if variables > MOST_VARIABLES:
        raise InvalidArgument(
            f"truth table: {variables} variables are too many; tables of up to {MOST_VARIABLES}"
            f" variables ({1 << MOST_VARIABLES} rows) are taken."
        )
    return variables


def _value(value: Any, where: str) -> int:
    if value is None or (isinstance(value, str) and value == "-"):
        return FREE
    if isinstance(value, str) and value in ("0", "1"):
        return int(value)
    if isinstance(value, str) or value not in (0, 1):
        raise InvalidArgument(
            f"truth table: the value of {where} is {value!r}; it must be 0 or 1, or None where it does"
            " not matter."
        )
    return int(value)


def _from_mapping(table: Mapping[Any, Any], *, free: bool) -> np.ndarray:
    keys = list(table)
    good = all(isinstance(k, tuple) and k and set(k) <= {0, 1} for k in keys)
    if not keys or not good or len({len(k) for k in keys}) != 1:
        raise InvalidArgument(
            "truth table: the keys of `table` must be tuples of 0 and 1 of one length, such as (0, 1)."
        )
    n = _few(len(keys[0]))
    values = np.full(1 << n, FREE, np.int8)
    for key, value in table.items():
        values[int("".join(str(int(b)) for b in key), 2)] = _value(value, f"row {key}")
    given = {tuple(int(b) for b in key) for key in keys}
    lacking = [row for r in range(1 << n) if (row := bits(r, n)) not in given]
    if lacking and not free:
        some = ", ".join(map(str, lacking[:4])) + (", …" if len(lacking) > 4 else "")
        raise InvalidArgument(
            f"truth table: {len(lacking)} of {1 << n} rows are missing: {some}; give them, or say"
            " missing='free' where their values do not matter."
        )
    return values
