"""Names of a room whose modules are imported when a name is first used (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping


def later(
    room: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a room.

    Parameters
    ----------
    room : str
        The package, its ``__name__``.
    modules : mapping
        Module of the room → names in it, with blanks between.

    Examples
    --------
    >>> get, names = later("sloy.data", {"idx": "read_idx load_idx_folder"})
    >>> get("read_idx").__name__
    'read_idx'
    """
    place = {name: module for module, names in modules.items() for name in names.split()}
    held = vars(sys.modules[room])

    def get(name: str) -> object:
        if name not in place:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{room}.{place[name]}"), name)
        held[name] = value
        return value

    def names() -> list[str]:
        return sorted({*held, *place})

    return get, names
