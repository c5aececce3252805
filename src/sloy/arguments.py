"""Checks of arguments: one text of error for each kind of mistake.

The message names the place, the argument, its value and what is allowed:
``Dense: `units` (=0) must be an integer of at least 1.``
"""

from __future__ import annotations

from math import isfinite

from sloy.errors import InvalidArgument


def integer(place: str, name: str, value: object, least: int = 1) -> int:
    """The value, an integer of at least `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InvalidArgument(f"{place}: `{name}` (={value!r}) must be an integer.")
    number = int(value.__index__())
    if number < least:
        raise InvalidArgument(
            f"{place}: `{name}` (={value!r}) must be an integer of at least {least}."
        )
    return number


def real(
    place: str,
    name: str,
    value: object,
    *,
    least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> float:
    """The value, a finite number within bounds: `least` and `most` are allowed, `above` and `below` are not."""
    bounds = {"at least": least, "greater than": above, "less than": below, "at most": most}
    allowed = " and ".join(
        f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None
    )
    text = f"{place}: `{name}` (={value!r}) must be a finite number"
    text = f"{text} {allowed}." if allowed else f"{text}."
    if isinstance(value, bool | str) or not hasattr(value, "__float__"):
        raise InvalidArgument(text)
    number = float(value)
    inside = (
        isfinite(number)
        and (least is None or number >= least)
        and (above is None or number > above)
        and (below is None or number < below)
        and (most is None or number <= most)
    )
    if not inside:
        raise InvalidArgument(text)
    return number


def flag(place: str, name: str, value: object) -> bool:
    """The value, True or False."""
    if not isinstance(value, bool):
        raise InvalidArgument(f"{place}: `{name}` (={value!r}) must be True or False.")
    return value


def instance(place: str, name: str, value: object, kind: type, *, optional: bool = False) -> None:
    """The value is of a class, or None where that is allowed."""
    if isinstance(value, kind) or (optional and value is None):
        return
    rest = " or None" if optional else ""
    raise InvalidArgument(f"{place}: `{name}` (={value!r}) must be a {kind.__name__}{rest}.")
