"""C that prepares raw columns before a network: numbers in double precision, dates, the codes of categories."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

from sloy.data.tables import TableReader
from sloy.data.tables.columns import Category, Column, Date, Numeric
from sloy.data.tables.dates import PARTS, has_day
from sloy.data.tables.values import AROUND
from sloy.exchange.raw import Raw, codes, numbers_for_missing, taken
from sloy.exchange.source.expressions import string


@dataclass(frozen=True)
class Preparation:
    """What a file has before its network.

    Parameters
    ----------
    count : int
        Numbers that are given.
    said : tuple of str
        Lines on each, for the head of the file.
    declared : tuple of str
        Declarations of what the caller needs, besides ``NAME_predict``.
    defined : tuple of str
        Their definitions, and that of ``static void NAME_prepare(const double *x, float *y)``.
    wrong : tuple of str
        Statements that return the place of a number that cannot be; none where all that are finite can.
    """

    count: int
    said: tuple[str, ...]
    declared: tuple[str, ...]
    defined: tuple[str, ...]
    wrong: tuple[str, ...] = ()


def preparation(raw: Raw, name: str, width: int) -> Preparation:
    """The C of what makes `width` numbers for the network."""
    if isinstance(raw, TableReader):
        return _table(raw, name)
    channels = max(len(raw.mean), len(raw.deviation))
    means, deviations = (
        ", ".join(map(double, values * (1 if len(values) == channels else channels)))
        for values in (raw.mean, raw.deviation)
    )
    body = f"for (int i = 0; i < {width}; ++i)"
    lines = [
        *_preparing(name),
        f"    static const double mean[{channels}] = {{{means}}};",
        f"    static const double deviation[{channels}] = {{{deviations}}};",
        f"    {body} y[i] = (float)((x[i] - mean[i % {channels}]) / deviation[i % {channels}]);",
        "}",
    ]
    return Preparation(width, ("in double precision",), (), tuple(lines))


def double(value: float) -> str:
    """A double as C has it, exact to the last bit."""
    text = repr(float(value))
    text = text if any(mark in text for mark in ".e") else f"{text}.0"
    return f"({text})" if value < 0 else text


def _table(reader: TableReader, name: str) -> Preparation:
    columns = reader.columns
    said, declared = ["the raw columns, NAN where a value is missing"], []
    width = max(len(commented(column.name)) for column in columns)
    for place, column in enumerate(columns):
        what = taken(column)
        if isinstance(column, Category):
            what = f"a category, its code from {name}_code({place}, word)"
        elif isinstance(column, Date) and has_day(column.format):
            what = f"{what}, from {name}_time(year, month, day, hour, minute)"
        said.append(f"{place:>4}  {commented(column.name):<{width}}  {commented(what)}")
    declared.append(f"extern const char *const {name}_columns[{len(columns)}];")
    defined = [f"const char *const {name}_columns[{len(columns)}] = {{"]
    defined += [*(f"    {string(column.name)}," for column in columns), "};"]
    categories = {p: c for p, c in enumerate(columns) if isinstance(c, Category)}
    if categories:
        declared.append(f"int {name}_code(int column, const char *word);")
        defined += _codes(name, categories, reader.missing)
    dates = [c for c in columns if isinstance(c, Date)]
    if dates:
        if any(has_day(c.format) for c in dates):
            declared.append(
                f"double {name}_time(int year, int month, int day, int hour, int minute);"
            )
            defined += ["", *_time(name)]
        defined += ["", *_parts(name)]
    defined += ["", *_prepare(name, reader)]
    wrong = tuple(f"    if ({_wrong(c, f'x[{k}]')}) return {k};" for k, c in enumerate(columns))
    return Preparation(len(columns), tuple(said), tuple(declared), tuple(defined), wrong)


def _wrong(column: Column, x: str) -> str:
    """Whether a raw value cannot be: a code that no word has, an infinite number that is not brought to the nearest."""
    if isinstance(column, Category):
        return f"{x} == {x} && !({x} >= -1.0 && {x} < {column.classes}.0 && {x} == floor({x}))"
    return "0" if isinstance(column, Numeric) and column.ends else f"isinf({x})"


def _preparing(name: str) -> list[str]:
    return [f"static void {name}_prepare(const double *x, float *y)", "{"]


def _prepare(name: str, reader: TableReader) -> list[str]:
    """One statement for each prepared column."""
    where = {column.name: place for place, column in enumerate(reader.columns)}
    lines, at = [], 0
    missing = numbers_for_missing(reader.missing)
    for column in reader.arranged:
        made = _statements(name, column, f"x[{where[column.name]}]", missing)
        lines += [f"    /* {commented(column.name)} */"]
        if isinstance(column, Date):
            lines.append(f"    {name}_parts(x[{where[column.name]}], part);")
        for expression in made:
            lines.append(f"    y[{at}] = {expression};")
            at += 1
    parts = [f"    double part[{len(PARTS)}];"] if "_parts(" in "".join(lines) else []
    return [*_scaled(name, lines), *_preparing(name), *parts, *lines, "}"]


def _statements(name: str, column: Column, x: str, missing: Sequence[float]) -> list[str]:
    """Expressions of the prepared columns of a column."""
    if isinstance(column, Category):
        empty = column.classes - 1 if column.missing else -1
        return [f"(float)({x} != {x} ? {double(empty)} : {x})"]
    gap = f"{x} != {x}"
    if isinstance(column, Date):
        found = [
            f"{name}_scaled({gap}, part[{PARTS.index(part)}], {double(mean)}, {double(deviation)})"
            for part, mean, deviation in column.parts
        ]
    else:
        assert isinstance(column, Numeric)
        gap = " || ".join([gap, *(f"{x} == {double(number)}" for number in missing)])
        value = x
        if column.ends:
            (a, low), (b, high) = (map(double, end) for end in column.ends)
            value = f"{x} < {a} ? {low} : {x} > {b} ? {high} : {x}"
        found = [
            f"{name}_scaled({gap}, {value}, {double(column.mean)}, {double(column.deviation)})"
        ]
    return [*found, *[f"(float)({gap})"] * column.missing]


def _scaled(name: str, lines: Sequence[str]) -> list[str]:
    if f"{name}_scaled(" not in "".join(lines):
        return []
    return [
        f"static float {name}_scaled(int missing, double x, double mean, double deviation)",
        "{",
        "    return missing ? 0.0f : (float)((x - mean) / deviation);",
        "}",
        "",
    ]


def _codes(name: str, categories: dict[int, Category], missing: Sequence[str]) -> list[str]:
    """Tables of words with their codes, and the function that looks into them."""
    lines, cases = [], []
    for place, column in categories.items():
        words, other = codes(column, missing)
        pairs = [f"    {{{string(word)}, {code}}}," for word, code in words.items()]
        table = f"{name}_words_{place}"
        lines += ["", f"/* {commented(column.name)} */"]
        lines += [f"static const struct {name}_word {table}[{len(words)}] = {{", *pairs, "};"]
        cases.append(
            f"    case {place}: words = {table}; count = {len(words)}; other = {other}; break;"
        )
    return [
        "",
        f"struct {name}_word {{ const char *word; int code; }};",
        *lines,
        "",
        "/* What nobody sees around a word, in UTF-8. */",
        f"static const char *const {name}_around[{len(AROUND)}] = {{",
        *(f"    {string(mark)}," for mark in AROUND),
        "};",
        "",
        "/* Bytes of such a mark at the first, or last, of so many bytes; 0 where there is none. */",
        f"static size_t {name}_mark(const char *text, size_t length, int last)",
        "{",
        f"    for (int k = 0; k < {len(AROUND)}; ++k) {{",
        f"        size_t bytes = strlen({name}_around[k]);",
        "        const char *at = last ? text + length - bytes : text;",
        f"        if (bytes <= length && memcmp(at, {name}_around[k], bytes) == 0) return bytes;",
        "    }",
        "    return 0;",
        "}",
        "",
        "/* The number of a category; what training did not have has one too, or -1. NULL is missing. */",
        "/* -2: the column has no words. */",
        f"int {name}_code(int column, const char *word)",
        "{",
        f"    const struct {name}_word *words;",
        "    size_t length, bytes;",
        "    int count, other;",
        "    switch (column) {",
        *cases,
        "    default: return -2;",
        "    }",
        '    if (word == NULL) word = "";',
        "    length = strlen(word);",
        f"    while ((bytes = {name}_mark(word, length, 0)) > 0) word += bytes, length -= bytes;",
        f"    while ((bytes = {name}_mark(word, length, 1)) > 0) length -= bytes;",
        "    for (int k = 0; k < count; ++k)",
        "        if (strlen(words[k].word) == length && memcmp(words[k].word, word, length) == 0)",
        "            return words[k].code;",
        "    return other;",
        "}",
    ]


def _time(name: str) -> list[str]:
    """Seconds of a date: the days of a year that begins in March."""
    return [
        "/* Seconds since 1970-01-01 00:00, in the Gregorian calendar. */",
        f"double {name}_time(int year, int month, int day, int hour, int minute)",
        "{",
        "    double since = year - (month <= 2), era = floor(since / 400.0), of_era = since - 400.0 * era;",
        "    double months = (month + 9) % 12, days = floor((153.0 * months + 2.0) / 5.0) + day - 1.0;",
        "    days += 365.0 * of_era + floor(of_era / 4.0) - floor(of_era / 100.0) + 146097.0 * era - 719468.0;",
        "    return 86400.0 * days + 3600.0 * hour + 60.0 * minute;",
        "}",
    ]


def _parts(name: str) -> list[str]:
    """Parts of a date; see `sloy.exchange.onnx.raw` for the calendar."""
    turn = double(2 * pi / (24 * 60))
    return [
        "/* Year, month, day, day of the week (1 is Monday), and the hour as a point on a circle. */",
        f"static void {name}_parts(double seconds, double *part)",
        "{",
        "    double days = floor(seconds / 86400.0), since = days + 719468.0;",
        "    double era = floor(since / 146097.0), day = since - 146097.0 * era;",
        "    double leaps = floor(day / 36524.0) - floor(day / 1460.0) - floor(day / 146096.0);",
        "    double year = floor((day + leaps) / 365.0);",
        "    double of_year = day - (365.0 * year + floor(year / 4.0) - floor(year / 100.0));",
        "    double month = floor((5.0 * of_year + 2.0) / 153.0);",
        f"    double angle = floor((seconds - 86400.0 * days) / 60.0) * {turn};",
        "    part[0] = year + 400.0 * era + (month >= 10.0);",
        "    part[1] = month + (month < 10.0 ? 3.0 : -9.0);",
        "    part[2] = of_year - floor((153.0 * month + 2.0) / 5.0) + 1.0;",
        "    part[3] = days + 3.0 - 7.0 * floor((days + 3.0) / 7.0) + 1.0;",
        "    part[4] = sin(angle);",
        "    part[5] = cos(angle);",
        "}",
    ]


def commented(text: str) -> str:
    """Text within a comment of C."""
    plain = text if text.isprintable() else json.dumps(text)
    return plain.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")
