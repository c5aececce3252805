"""JSON documents that come from files: read within bounds, and held against a schema before anything uses them.

A schema is made of plain values:

* `str`, `int`, `float`, `bool`, `None`: a value of that type; `int` is no truth, `float` takes integers too;
* `object`: any value;
* ``(a, b)``: one of several schemas; ``[a]``: a list of such values; ``{"x", "y"}``: one of these words;
* ``{"name": a, "other?": b, "*": c}``: an object with these keys; ``other`` may be missing, ``*`` are the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isinf
from pathlib import Path
from typing import Any, NoReturn

from sloy.errors import FileFormatError
from sloy.text import reason, shown

LARGEST = 100_000_000  # bytes
DEEPEST = 200  # lists and objects within each other: of a network of layers within layers about 100

_LONGEST = 300  # characters of an integer: what is longer may be no float

Schema = Any
_WORDS: dict[Any, str] = {
    str: "a text", int: "an integer", float: "a number", bool: "true or false", list: "a list", dict: "an object",
    None: "null",
}  # fmt: skip


def parse(text: str) -> Any:
    """The value of a JSON text.

    Raises
    ------
    ValueError
        Where it is none, holds a key twice, NaN (which `json` lets pass) or a number that no float is, or is nested
        deeper than `DEEPEST`.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a key is given twice")
        return result

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not allowed")

    def integer(digits: str) -> int:
        if len(digits) > _LONGEST:
            raise ValueError(f"an integer of {len(digits)} digits is too large")
        return int(digits)

    def real(digits: str) -> float:
        if isinf(number := float(digits)):
            raise ValueError(f"{digits[:40]} is too large")
        return number

    try:
        value = json.loads(
            text,
            object_pairs_hook=unique,
            parse_constant=refuse,
            parse_int=integer,
            parse_float=real,
        )
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEEPEST}") from None
    level, depth = [value], 0
    while level := [inner for item in level for inner in _parts(item)]:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"it is nested deeper than {DEEPEST}")
    return value


def _parts(item: Any) -> Iterator[Any]:
    """The lists and objects within a list or object."""
    if isinstance(item, dict | list):
        values = item.values() if isinstance(item, dict) else item
        yield from (value for value in values if isinstance(value, dict | list))


def read_document(path: Path, schema: Schema, what: str) -> Any:
    """The document of a file that follows a schema.

    Parameters
    ----------
    path : Path
    schema : see the module
    what : str
        What the file should be: "the configuration of a run".

    Raises
    ------
    FileFormatError
        Where it cannot be read, is no JSON or does not follow the schema; the message names file and place.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "plan.json"
    >>> _ = path.write_text('{"epochs": "many"}')
    >>> try:
    ...     read_document(path, {"epochs": int}, "a plan")
    ... except FileFormatError as error:
    ...     str(error).removeprefix(str(path))
    ": is not a plan (`epochs` is 'many', not an integer)."
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror or error}.") from None
    try:
        if len(data) > LARGEST:
            raise ValueError(f"it has more than {LARGEST} bytes")
        value = parse(data.decode())
        hold(value, schema)
    except UnicodeDecodeError:
        raise FileFormatError(f"{path}: is not {what} (it is no text in UTF-8).") from None
    except ValueError as error:
        raise FileFormatError(f"{path}: is not {what} ({reason(error)}).") from None
    return value


def hold(value: Any, schema: Schema, place: str = "") -> None:
    """Raise `FileFormatError` unless a value follows a schema; the message names the place, `a.b[3]`.

    Examples
    --------
    >>> hold({"size": [3, 4]}, {"size": [int], "name?": str})
    """
    if isinstance(schema, dict) and isinstance(value, dict):
        _hold_object(value, schema, place)
    elif isinstance(schema, list) and isinstance(value, list):
        for number, item in enumerate(value):
            hold(item, schema[0], f"{place}[{number}]")
    elif isinstance(schema, tuple):
        _hold_one_of(value, schema, place)
    elif not _is(value, schema):
        where = f"`{shown_place(place)}` is" if place else "it is"
        raise FileFormatError(f"{where} {shown(value)}, not {_told(schema)}.")


def _hold_object(value: dict[str, Any], schema: dict[str, Schema], place: str) -> None:
    before = f"{place}." if place else ""
    for key, rule in schema.items():
        name = key.removesuffix("?")
        if name in value:
            hold(value[name], rule, before + name)
        elif key == name and key != "*":
            raise FileFormatError(f"`{shown_place(before + name)}` is missing.")
    known = {key.removesuffix("?") for key in schema} - {"*"}
    for name in value.keys() - known:
        if "*" not in schema:
            raise FileFormatError(f"`{shown_place(before + name)}` is no key that it has.")
        hold(value[name], schema["*"], before + name)


def _hold_one_of(value: Any, schemas: tuple[Schema, ...], place: str) -> None:
    """One of several; what is wrong within a list or object is told where one of them is alike."""
    for schema in schemas:
        if isinstance(value, dict | list) and isinstance(schema, type(value)):
            return hold(value, schema, place)
        if not isinstance(schema, dict | list) and _is(value, schema):
            return None
    where = f"`{shown_place(place)}` is" if place else "it is"
    raise FileFormatError(f"{where} {shown(value)}, not {' or '.join(map(_told, schemas))}.")


def _is(value: Any, schema: Schema) -> bool:
    """Whether a value is of a plain type."""
    if schema is None:
        return value is None
    if isinstance(schema, set | frozenset):
        return isinstance(value, str) and value in schema
    if schema is int or schema is float:
        return type(value) is int or (schema is float and type(value) is float)
    return isinstance(schema, type) and isinstance(value, schema)


def _told(schema: Schema) -> str:
    if isinstance(schema, set | frozenset):
        return f"one of {', '.join(sorted(schema))[:80]}"
    kind = type(schema) if isinstance(schema, list | dict) else schema
    return _WORDS.get(kind, "what is allowed")


def shown_place(place: str) -> str:
    """A place in a document, at most 60 characters of it."""
    return shown(place, 60).strip("'\"")
