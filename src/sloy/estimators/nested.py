"""Parameters inside parameters: ``optimizer__learning_rate``, ``hidden__0__units``.

Optimisers, layers, losses and schedules are frozen dataclasses: setting a nested parameter makes a new one with
that field replaced, so that estimators may share them, and a clone's are its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from sloy.errors import UnknownName
from sloy.text import shown


def nested(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The parameters inside a parameter, by their full names.

    Examples
    --------
    >>> from sloy.layers import Dense, ReLU
    >>> dict(nested("hidden", (Dense(8), ReLU())))["hidden__0__units"]
    8
    """
    for key, inner in _parts(value):
        full = f"{name}__{key}"
        yield full, inner
        yield from nested(full, inner)


def replaced(where: str, name: str, value: Any, path: list[str], new: Any) -> Any:
    """The value with a parameter inside it replaced.

    Parameters
    ----------
    where : str
        Whose parameter it is, for the message.
    name : str
        The parameter.
    value : object
        What it is now.
    path : list of str
        Where inside: fields of dataclasses, places in sequences.
    new : object
    """
    if not path:
        return new
    key, *rest = path
    parts = dict(_parts(value))
    if key not in parts:
        inside = f"there are {', '.join(parts)}" if parts else "nothing can be set inside it"
        raise UnknownName(
            f"{where}: `{name}` (={shown(value)}) has no parameter {key!r}: {inside}."
        )
    inner = replaced(where, f"{name}__{key}", parts[key], rest, new)
    if isinstance(value, list | tuple):
        items = [inner if str(i) == key else item for i, item in enumerate(value)]
        return type(value)(items)
    return replace(value, **{key: inner})


def _parts(value: Any) -> list[tuple[str, Any]]:
    """What a parameter consists of; nothing for those that are not made of others."""
    if is_dataclass(value) and not isinstance(value, type):
        return [(f.name, getattr(value, f.name)) for f in fields(value) if f.init]
    if isinstance(value, list | tuple) and any(is_dataclass(item) for item in value):
        return [(str(i), item) for i, item in enumerate(value)]
    return []
