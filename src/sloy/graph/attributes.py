"""The kinds of attributes that ops have beside their operands, and the check of a node's against its op's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from sloy.arguments import flag, integer, integers, number, word
from sloy.errors import InvalidArgument
from sloy.text import shown

AttributeKind = Literal[
    "flag", "integer", "integers", "positive integers", "axes", "float", "dtype", "word"
]
Schema = Mapping[str, AttributeKind]  # name of an attribute → its kind


def check_attributes(op: str, schema: Schema, attributes: Mapping[str, Any]) -> None:
    """Raise `InvalidArgument` unless an op has exactly the attributes of its schema, each of its kind."""
    if not schema and not attributes:
        return
    if attributes.keys() != schema.keys():
        raise InvalidArgument(f"{op}: attributes are {sorted(attributes)}, need {sorted(schema)}.")
    for key, kind in schema.items():
        if not _FITS[kind](attributes[key]):
            raise InvalidArgument(
                f"{op}: `{key}` (={shown(attributes[key])}) is not of kind '{kind}'."
            )


def made(op: str, key: str, kind: AttributeKind, value: object) -> Any:
    """What somebody wrote for an attribute, as the graph holds it; `InvalidArgument` where it is not of its kind."""
    if kind == "flag":
        return flag(op, key, value)
    if kind == "integer":
        return integer(op, key, value, 0)
    if kind == "float":
        return number(op, key, value)
    if kind in ("dtype", "word"):
        word(op, key, value)
        return value
    return integers(op, key, value)


def _is_integer(value: object, least: int = 0) -> bool:
    return type(value) is int and value >= least  # and no bool


def _are_integers(value: object, least: int = 0) -> bool:
    return isinstance(value, tuple) and all(_is_integer(v, least) for v in value)


_FITS: Mapping[AttributeKind, Callable[[Any], bool]] = {
    "flag": lambda value: isinstance(value, bool),
    "integer": _is_integer,
    "integers": _are_integers,
    "positive integers": lambda value: _are_integers(value, 1),
    "axes": lambda value: _are_integers(value) and list(value) == sorted(set(value)),
    "float": lambda value: isinstance(value, float),
    "dtype": lambda value: isinstance(value, str),
    "word": lambda value: isinstance(value, str),
}
