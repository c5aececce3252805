"""How sloy writes quantities, tables and JSON; plain text, no colours."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import floor, isfinite, log10
from reprlib import Repr
from typing import Any

_QUOTING = Repr()
_QUOTING.maxlevel, _QUOTING.maxlist, _QUOTING.maxtuple, _QUOTING.maxdict = 4, 12, 12, 8
_QUOTING.maxstring = _QUOTING.maxother = 100
UNITS = ("B", "kB", "MB", "GB")  # of sizes, each 1000 of the one before
SCHEMA = 1  # of every JSON document that is printed or written


def count(number: int) -> str:
    """60000 → 60 000, the thousands apart."""
    return f"{number:,}".replace(",", " ")


def many(number: int, noun: str) -> str:
    """So many of something, in English.

    Examples
    --------
    >>> many(1, "thread"), many(60_000, "sample"), many(2, "pass"), many(2, "batch"), many(2, "epoch")
    ('1 thread', '60 000 samples', '2 passes', '2 batches', '2 epochs')
    """
    ending = "es" if noun.endswith(("s", "tch")) else "s"
    return f"{count(number)} {noun if number == 1 else noun + ending}"


# What terminals obey or what turns the direction of writing, and what no encoding has; not spaces of other widths.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def visible(word: object, keep: str = "") -> str:
    """A name from somebody else's file as it can be shown: control characters, line ends too, as escapes.

    Parameters
    ----------
    word : object
        Shown as `str` gives it.
    keep : str
        Control characters that stay.

    Examples
    --------
    >>> print(visible("red\\x1b[31m\\nfake: line"))
    red\\x1b[31m\\nfake: line
    """

    def escaped(found: re.Match[str]) -> str:
        return found[0] if found[0] in keep else repr(found[0])[1:-1]

    return _CONTROLS.sub(escaped, str(word))


def named(names: Sequence[str], most: int, more: str = ", …") -> str:
    """The first names, as they can be shown, and `more` where there are others."""
    return ", ".join(map(visible, names[:most])) + (more if len(names) > most else "")


class Names:
    """Names that are given once each, in the same time whatever their number.

    Parameters
    ----------
    taken : iterable of str
        Names that are never given.

    Examples
    --------
    >>> names = Names(["conv_2"])
    >>> [names.new(wanted) for wanted in ("conv", "conv", "conv", "dense")]
    ['conv', 'conv_3', 'conv_4', 'dense']
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._numbers = dict.fromkeys(taken, 1)  # name → the last number that was put behind it

    def new(self, wanted: str) -> str:
        """The name, or where it is taken the first of it with a number, from 2, that is not."""
        found, number = wanted, self._numbers.get(wanted, 0)
        while found in self._numbers:
            number += 1
            found = f"{wanted}_{number}"
        self._numbers[wanted] = max(number, 1)
        self._numbers.setdefault(found, 1)
        return found


def shortened(word: str, most: int = 30) -> str:
    """A word as it can be shown, of at most so many characters, the rest as "…"."""
    word = visible(word)
    return word if len(word) <= most else f"{word[: most - 1]}…"


def shortened_apart(words: Sequence[str], most: int) -> list[str]:
    """Different words as they can be shown, `shortened`; those that would look alike keep their ends, or are longer.

    Examples
    --------
    >>> shortened_apart(["triangle 1", "triangle 2", "square"], 8)
    ['tria…e 1', 'tria…e 2', 'square']
    """
    whole = [visible(word) for word in words]
    found = [shortened(word, most) for word in words]
    for width in range(most, max(map(len, whole), default=0) + 1):
        alike = {word for word, times in Counter(found).items() if times > 1}
        if not alike:
            break
        end = (width - 1) // 2
        found = [
            short
            if short not in alike
            else word
            if len(word) <= width
            else f"{word[: width - 1 - end]}…{word[-end:]}"
            for word, short in zip(whole, found, strict=True)
        ]
    return found


def literal(written: str) -> Any:
    r"""The value of a literal of Python's; `ValueError` where it is none.

    Examples
    --------
    >>> literal("{0: 'cat'}"), literal(r"'\d'")
    ({0: 'cat'}, '\\d')
    """
    import ast
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of backslashes that mean nothing
        try:
            return ast.literal_eval(written)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            raise ValueError(f"{shortened(written)!r} is no literal") from error


def meant(name: str, names: Iterable[str], most: int = 3) -> str:
    """Which of the names that there are somebody may have meant by another; nothing where none is like it.

    Examples
    --------
    >>> meant("learning_rat", ["learning_rate", "epochs"]), meant("x", ["epochs"])
    ("; did you mean 'learning_rate'?", '')
    """
    from difflib import get_close_matches

    close = get_close_matches(name, list(names), most)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def shown(value: object, most: int = 80) -> str:
    """A value as messages quote it: as Python writes it, in one line, at most about so many characters of it.

    Examples
    --------
    >>> shown("a\\nb"), shown(["x" * 99] * 50, 20)
    ("'a\\\\nb'", "['xxxxxxxxxxxxxxxxxx…")
    """
    if isinstance(value, int) and value.bit_length() > 4 * most:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, str | bytes):
        written, cut = repr(value[:most]), len(value) > most
    else:
        written, cut = " ".join(_QUOTING.repr(value).split()), False
    return f"{written[:most].rstrip()}…" if cut or len(written) > most + 2 else written


_LONG_WORD = re.compile("[^\\s/]{81,}")


def reason(error: BaseException, most: int = 200) -> str:
    """What an error says as a part of another's message: one line without a full stop, what it quotes shortened.

    Examples
    --------
    >>> reason(ValueError("could not convert\\n'" + "x" * 99 + "'."), 40)
    "could not convert 'xxxxxxxxxxxxxxxxxxxx…"
    """
    words = " ".join(str(error).split()).removesuffix(".") or type(error).__name__
    return shortened(_LONG_WORD.sub(lambda found: f"{found[0][:79]}…", words), most)


def is_number(word: str) -> bool:
    """Whether a word is one of a number, as Python reads them: 3, -0.5, 1e6, nan."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def size(number: int | float) -> str:
    """Bytes in the unit that fits: 512 B, 1.5 kB, 98 MB, 1.2 GB (powers of 1000)."""
    for unit in UNITS[:-1]:
        if number < 999.5:
            return f"{number:.0f} {unit}" if number >= 10 or unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} {UNITS[-1]}"


def shape(extents: Sequence[int]) -> str:
    """(28, 28, 1) → 28 × 28 × 1."""
    return " × ".join(map(str, extents))


def interval(low: str, high: str) -> str:
    """Two ends as they are written: 0.5 s to 0.7 s; one where they are written alike.

    Examples
    --------
    >>> interval("0.5 s", "0.7 s"), interval("13.0 s", "13.0 s")
    ('0.5 s to 0.7 s', '13.0 s')
    """
    return low if low == high else f"{low} to {high}"


def seconds(number: float) -> str:
    """0.83 s, 12.4 s, 3 min 5 s, 2 h 10 min."""
    if number < 10:
        return f"{number:.2f} s"
    if number < 60:
        return f"{number:.1f} s"
    minutes, rest = divmod(round(number), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def number(value: float, digits: int = 5) -> str:
    """A number of so many digits: 95417, 0.01235, −0 is 0; with an exponent only where it is very large or small.

    Examples
    --------
    >>> number(8649.8), number(50850.3), number(1234567.8), number(-0.0), number(0.000123456), number(1.5e12)
    ('8649.8', '50850', '1234568', '0', '0.00012346', '1.5e+12')
    """
    size = abs(value)
    if 10**digits <= size < 1e9:
        return f"{value:.0f}"
    if 0 < size < 1e-5 or size >= 1e9 or not isfinite(value):
        return f"{value:.{digits}g}"
    decimals = max(0, digits - 1 - floor(log10(size))) if size else 0
    found = fixed(float(f"{value:.{digits}g}"), decimals)
    return found.rstrip("0").rstrip(".") if decimals else found


def alike(values: Sequence[float], digits: int = 4) -> list[str]:
    """Numbers of one column with as many decimals each: so many digits of the smallest; see `number` for wide ranges.

    Examples
    --------
    >>> alike([6907.14, 6881.0, 50607.3]), alike([0.1, 0.25, 12]), alike([1e-7, 1.0])
    (['6907', '6881', '50607'], ['0.1000', '0.2500', '12.0000'], ['1e-07', '1'])
    """
    sizes = [abs(value) for value in values if value]
    if not sizes or not isfinite(sum(sizes)) or min(sizes) < 1e-4 or max(sizes) >= 1e9:
        return [number(value) for value in values]
    places = max(0, digits - 1 - floor(log10(min(sizes))))
    return [fixed(value, places) for value in values]


def fixed(value: float, places: int = 4) -> str:
    """A number with so many decimals, never −0.0000; with an exponent where it is very large.

    Examples
    --------
    >>> fixed(-0.00001), fixed(0.98765), fixed(-1.5e26)
    ('0.0000', '0.9877', '-1.5e+26')
    """
    if abs(value) >= 1e9:
        return f"{value:.5g}"
    found = f"{value:.{places}f}"
    return found.lstrip("-") if not float(found) else found


def percent(share: float) -> str:
    """0.9912 → 99.12 %."""
    return f"{100 * share:.2f} %"


def fields(rows: Sequence[tuple[str, str]]) -> str:
    """Lines "name   value", the values in one column; lines after a value's first are indented with it."""
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(
        name.ljust(width) + value.replace("\n", "\n" + " " * width) for name, value in rows
    )


def columns(rows: Sequence[Sequence[str]], *, right: bool = False) -> str:
    """Lines of cells; `right` aligns all columns but the first to the right."""
    return "\n".join(aligned(rows, left=1 if right else None, gap="   "))


def aligned(rows: Sequence[Sequence[str]], *, left: int | None, gap: str = "  ") -> list[str]:
    """A line for each row, columns as wide as their widest cells: the first `left`, or all, aligned to the left."""
    rows = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    to_left = len(widths) if left is None else left
    sides = [str.ljust if number < to_left else str.rjust for number in range(len(widths))]
    cells = ([side(c, w) for side, c, w in zip(sides, row, widths, strict=True)] for row in rows)
    return [gap.join(row).rstrip() for row in cells]


def html_table(rows: Sequence[Sequence[str]]) -> str:
    """Cells as an HTML table, those of the first row its head."""
    head, *body = ([escape(cell) for cell in row] for row in rows)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in body)
    names = "".join(f"<th>{name}</th>" if name else "<td></td>" for name in head)
    return f"<table><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>"


def script_json(value: Any) -> str:
    """JSON that can stand inside a script element, which no text in it can end."""
    found = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return found.replace("<", "\\u003c")


def framed(page: str, title: str, width: int | str, height: int) -> str:
    """A whole HTML page within another, such as a notebook: its scripts run, and reach nothing outside."""
    return (
        f'<iframe srcdoc="{escape(page)}" title="{escape(title)}" sandbox="allow-scripts" width="{width}"'
        f' height="{height}" style="border: 0; max-width: 100%"></iframe>'
    )


class Brief:
    """Dataclasses that print in a few lines whatever they hold: arrays as their shapes, long values cut.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(repr=False)
    ... class Found(Brief):
    ...     words: list
    ...     left: object = None
    >>> Found(["a long word"] * 50)
    Found(words=50 items)
    """

    def __repr__(self) -> str:
        values = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}  # type: ignore[arg-type]
        told = (f"{name}={_brief(value)}" for name, value in values.items() if _is_told(value))
        return f"{type(self).__name__}({', '.join(told)})"


def _is_told(value: Any) -> bool:
    return value is not None and not (isinstance(value, Mapping | Sequence) and not value)


def _brief(value: Any) -> str:
    if hasattr(value, "shape") and not isinstance(value, Brief):
        return f"{getattr(value, 'dtype', type(value).__name__)} {shape(value.shape) or 'number'}"
    if isinstance(value, Mapping | list | tuple) and len(value) > 4:
        return many(len(value), "item")
    return shown(value, 60)


class Shown:
    """What prints as text is shown so in a notebook too, its columns under one another."""

    def _repr_html_(self) -> str:
        return f'<pre style="line-height: 1.25">{escape(str(self))}</pre>'


class Text(str, Shown):
    """A string of several lines that a notebook shows as it prints."""


def as_json(document: Mapping[str, Any]) -> str:
    """A document with the schema's version, in strict JSON: NaN and infinities, which it lacks, become null."""
    found = json.dumps(
        finite({"schema": SCHEMA, **document}), indent=2, ensure_ascii=False, allow_nan=False
    )

    def escaped(control: re.Match[str]) -> str:  # in strings: JSON itself has line ends alone
        return control[0] if control[0] == "\n" else f"\\u{ord(control[0]):04x}"

    return _CONTROLS.sub(escaped, found) + "\n"


def finite(value: Any) -> Any:
    """JSON values with null for what JSON lacks: NaN and infinities."""
    if isinstance(value, Mapping):
        return {str(name): finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
