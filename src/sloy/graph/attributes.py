"""The kinds of attributes that ops have beside their operands, and the check of a node's against its op's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sloy.errors import InvalidArgument

AttributeKind = Literal[
    "flag", "integer", "integers", "positive integers", "axes", "float", "dtype", "word"
]
Schema = Mapping[str, AttributeKind]  # name of an attribute → its kind


def check_attributes(op: str, schema: Schema, attributes: Mapping[str, Any]) -> None:
    """Raise `InvalidArgument` unless an op has exactly the attributes of its schema, each of its kind."""
    if attributes.keys() != schema.keys():
        raise InvalidArgument(f"{op}: attributes are {sorted(attributes)}, need {sorted(schema)}.")
    for key, kind in schema.items():
        if not _fits(attributes[key], kind):
            raise InvalidArgument(f"{op}: `{key}` (={attributes[key]!r}) is not of kind '{kind}'.")


def _fits(value: object, kind: AttributeKind) -> bool:
    if kind == "float":
        return isinstance(value, float)
    if kind == "flag":
        return isinstance(value, bool)
    if kind in ("dtype", "word"):
        return isinstance(value, str)
    if kind == "integer":
        return _is_integer(value, 0)
    if not isinstance(value, tuple):
        return False
    if kind == "axes" and list(value) != sorted(set(value)):
        return False
    return all(_is_integer(v, 1 if kind == "positive integers" else 0) for v in value)


def _is_integer(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
