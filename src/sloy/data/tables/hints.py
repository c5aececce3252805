"""What a user says of the columns, in the shell and in Python, and how messages advise to say it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sloy.arguments import sequence
from sloy.data.tables.dates import EXCEL
from sloy.data.tables.values import DECIMALS
from sloy.errors import InvalidArgument
from sloy.text import shown

if TYPE_CHECKING:
    from sloy.data.tables.sources import Source

# Options of a shell that say how columns are read, and what `load_table` calls them.
IN_PYTHON = {
    "date": "dates", "numeric": "numeric", "categorical": "categorical", "missing": "missing", "decimal": "decimal",
    "ignore": "ignore",
}  # fmt: skip
_PLAIN = r"[\w%=.:/+-]*[\w%]|[.,]"  # what a shell takes without quotation marks; no mark of a sentence behind it
_QUOTED = r"'[^']*'(?:\"'\"'[^']*')*"


@dataclass(frozen=True)
class Hints:
    """What the user says of the columns.

    Attributes
    ----------
    categorical, numeric : collection of str
        Columns that are names, or numbers, whatever they look like.
    dates : mapping
        Column of dates → format, or empty where it is to be found.
    decimal : ".", "," or ""
        The decimal point of all texts; found where empty.
    elsewhere : ".", "," or ""
        That of columns which leave no doubt; it decides where a column may be read in two ways.
    missing : tuple of str
        More words that stand for a missing value.
    """

    categorical: Collection[str] = ()
    numeric: Collection[str] = ()
    dates: Mapping[str, str] = field(default_factory=dict)
    decimal: str = ""
    elsewhere: str = ""
    missing: tuple[str, ...] = ()

    def with_point_of(self, source: Source) -> Hints:
        """These, and the decimal point that the table's columns tell, where none is said."""
        return self if self.decimal else replace(self, elsewhere=source.decimal_point())

    def named(self) -> tuple[tuple[str, Collection[str]], ...]:
        """Option → the columns that it names."""
        return (
            ("categorical", self.categorical),
            ("numeric", self.numeric),
            ("dates", self.dates),
        )


def hints_of(
    where: str,
    *,
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
    dates: Sequence[str] | Mapping[str, str] = (),
    decimal: str = "auto",
    missing: Sequence[str] = (),
) -> Hints:
    """What the user says of the columns, checked but for their names; see `load_table`.

    Raises
    ------
    InvalidArgument
        Where a value is none of those that are allowed, or a column is named twice.
    """
    if not isinstance(decimal, str) or decimal not in DECIMALS:
        raise InvalidArgument(f"{where}: `decimal` (={shown(decimal)}) must be '.', ',' or 'auto'.")
    given = (
        dates
        if isinstance(dates, Mapping)
        else dict(named.partition("=")[::2] for named in sequence(where, "dates", dates, str))
    )
    names, numbers = (
        frozenset(sequence(where, option, value, str))
        for option, value in (("categorical", categorical), ("numeric", numeric))
    )
    for one, other in ((names, numbers), (names, given.keys()), (numbers, given.keys())):
        if both := sorted(one & other):
            raise InvalidArgument(
                f"{where}: {both[0]!r} is named twice; a column is one of `categorical`, `numeric` and `dates`."
            )
    for name, format in given.items():
        if format and "%" not in format and format != EXCEL:
            raise InvalidArgument(
                f"{where}: the format {format!r} of dates {name!r} is not {EXCEL!r} and has none of strftime's codes."
            )
    words = tuple(word.strip() for word in sequence(where, "missing", missing, str))
    return Hints(names, numbers, dict(given), decimal.removeprefix("auto"), missing=words)


def option(name: str, value: str) -> str:
    """An option as it is typed in a shell.

    Examples
    --------
    >>> option("numeric", "age"), option("numeric", "age of roof"), option("decimal", ",")
    ('--numeric age', "--numeric 'age of roof'", '--decimal ,')
    """
    return f"--{name} {value if re.fullmatch(_PLAIN, value) else shlex.quote(value)}"


def in_python(message: str, parameter: str) -> str:
    """A message, its options of a shell as an estimator's parameter takes them.

    Examples
    --------
    >>> in_python("say --decimal , or --missing -999, or leave it out with --ignore 'a b'.", "table")
    "say table={'decimal': ','} or table={'missing': ['-999']}, or leave it out with table={'ignore': ['a b']}."
    """

    def said(found: re.Match[str]) -> str:
        key, (value,) = IN_PYTHON[found[1]], shlex.split(found[2])
        return f"{parameter}={ {key: value if key == 'decimal' else [value]} }"

    message = re.sub(r" \(in Python [^)]*\)", "", message)  # which load_table takes
    return re.sub(rf"--({'|'.join(IN_PYTHON)}) ({_QUOTED}|{_PLAIN})", said, message)
