"""Checks of arguments: one text of error for each kind of mistake.

The message names who asks, the argument, its value and what is allowed:
``Dense: `units` (=0) must be an integer of at least 1.``
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from math import inf, isfinite, nan
from numbers import Integral, Real
from operator import ge, gt, index, le, lt
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import numpy as np

from sloy.errors import InvalidArgument
from sloy.text import reason, shortened, shown

LONGEST_NAME, LONGEST_PATH = 255, 4095  # bytes, as Linux has it
LONGEST_LIST = 180  # characters of what messages name as allowed
_SAMPLE_TYPES = frozenset(map(np.dtype, ("uint8", "float32", "float64")))


def integer(where: str, name: str, value: object, least: int = 1, most: float = inf) -> int:
    """The value, an integer of at least `least` and at most `most`."""
    number = int(value) if isinstance(value, Integral) else None
    if number is None or isinstance(value, bool) or not least <= number <= most:
        limit = "" if most == inf else f" and at most {most}"
        raise InvalidArgument(
            f"{where}: `{name}` (={shown(value)}) must be an integer of at least {least}{limit}."
        )
    return number


def real(
    where: str,
    name: str,
    value: object,
    *,
    least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> float:
    """The value, a finite number within bounds: `least` and `most` are allowed, `above` and `below` are not."""
    number = nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    bounds = (
        ("at least", least, ge),
        ("greater than", above, gt),
        ("less than", below, lt),
        ("at most", most, le),
    )
    given = [(word, bound, holds) for word, bound, holds in bounds if bound is not None]
    if not isfinite(number) or not all(holds(number, bound) for _, bound, holds in given):
        allowed = " and ".join(f"{word} {bound:g}" for word, bound, _ in given)
        text = f"{where}: `{name}` (={shown(value)}) must be a finite number {allowed}"
        raise InvalidArgument(f"{text.rstrip()}.")
    return number


def number(where: str, name: str, value: object) -> float:
    """The value as a float, infinities and NaN among them."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidArgument(f"{where}: `{name}` (={shown(value)}) must be a number.")
    return float(value)


def real_or_reals(
    where: str, name: str, value: object, **bounds: float
) -> float | tuple[float, ...]:
    """The value, a number as for `real` or several of them."""
    if not isinstance(value, list | tuple) or not value:
        return real(where, name, value, **bounds)
    return tuple(real(where, f"{name}[{i}]", number, **bounds) for i, number in enumerate(value))


def flag(where: str, name: str, value: object) -> bool:
    """The value, True or False."""
    if not isinstance(value, bool):
        raise InvalidArgument(f"{where}: `{name}` (={shown(value)}) must be True or False.")
    return value


def duration(where: str, name: str, value: object) -> float:
    """Seconds, above 0, of a number or of words: "90s", "2m", "1.5h"; a number alone is seconds.

    Examples
    --------
    >>> duration("here", "time", "1.5h")
    5400.0
    """
    text = str(value).strip().lower() if isinstance(value, str) else value
    factor = 1.0
    if isinstance(text, str):
        unit = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:])
        number, factor = (text[:-1], unit) if unit else (text, 1.0)
        try:
            text = float(number)
        except ValueError:
            text = nan
    if isinstance(text, bool) or not isinstance(text, Real) or not 0 < float(text) < inf:
        raise InvalidArgument(
            f"{where}: `{name}` (={shown(value)}) must be a time above 0, such as 90s, 2m or 1.5h."
        )
    return float(text) * factor


def one_of(where: str, name: str, value: object, allowed: Sequence[str], others: str = "") -> str:
    """The value, one of some words; `others` names in the message what else is allowed."""
    if isinstance(value, str) and value in allowed:
        return value
    words = shortened(", ".join(allowed), LONGEST_LIST)
    raise InvalidArgument(f"{where}: `{name}` (={shown(value)}) must be one of {words}{others}.")


def instance(
    where: str, name: str, value: object, kind: type | UnionType, *, optional: bool = False
) -> None:
    """The value is of a class, or None where that is allowed."""
    if isinstance(value, kind) or (optional and value is None):
        return
    kinds: tuple[Any, ...] = get_args(kind) or (kind,)
    words = " or ".join(k.__name__ for k in kinds)
    rest = " or None" if optional else ""
    raise InvalidArgument(f"{where}: `{name}` (={shown(value)}) must be a {words}{rest}.")


def function(where: str, name: str, value: object) -> None:
    """The value can be called."""
    if not callable(value):
        raise InvalidArgument(f"{where}: `{name}` (={shown(value)}) must be a function.")


def sequence(where: str, name: str, value: object, kind: type = object) -> tuple[Any, ...]:
    """The value as a tuple: a list or tuple of instances of a class; neither text nor bytes stand for one."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise InvalidArgument(f"{where}: `{name}` (={shown(value)}) must be a list or tuple.")
    for item in value:
        instance(where, name, item, kind)
    return tuple(value)


def extents(where: str, name: str, value: object) -> tuple[int, ...]:
    """The value as the shape of one sample: a list or tuple of integers of at least 1, not empty."""
    if not isinstance(value, list | tuple) or not value:
        raise InvalidArgument(
            f"{where}: `{name}` (={shown(value)}) must be a tuple of extents, such as (28, 28, 1)."
        )
    return tuple(integer(where, name, extent) for extent in value)


def integers(where: str, name: str, value: object) -> tuple[int, ...]:
    """The value as a tuple of integers of any sign: of a list, a tuple, a range or an array with one axis."""
    try:
        if not isinstance(value, list | tuple | range | np.ndarray):
            raise TypeError
        return tuple(map(index, value))
    except TypeError:
        raise InvalidArgument(
            f"{where}: `{name}` (={shown(value)}) must be a tuple of integers."
        ) from None


def word(where: str, name: str, value: object, *, optional: bool = False) -> None:
    """The value is a string."""
    instance(where, name, value, str, optional=optional)


def pair(where: str, name: str, value: object) -> tuple[Any, Any]:
    """The value as a tuple of two."""
    found = sequence(where, name, value)
    if len(found) != 2:
        raise InvalidArgument(f"{where}: `{name}` (={shown(value)}) must have two elements.")
    return found[0], found[1]


def array(where: str, name: str, value: object) -> np.ndarray:
    """The value as an array, itself where it is one; what has no one shape, or hides elements, is refused."""
    if type(value) is np.ndarray:
        return value
    if np.ma.is_masked(value):
        raise InvalidArgument(f"{where}: `{name}` has masked elements; fill or drop them first.")
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(
            f"{where}: `{name}` must be an array, or lists of equal lengths ({reason(error)})."
        ) from None


def finite_array(where: str, name: str, value: object) -> np.ndarray:
    """A copy of the value as an array of finite numbers, float64."""
    given = array(where, name, value)
    if given.dtype.kind not in "biuf":
        raise InvalidArgument(
            f"{where}: `{name}` has dtype {given.dtype}; it must be real numbers."
        )
    found = given.astype(np.float64)
    if not np.isfinite(found).all():
        raise InvalidArgument(f"{where}: `{name}` holds NaN or infinity.")
    return found


def sample_array(where: str, name: str, value: object) -> np.ndarray:
    """The value as an array of samples: uint8, float32 or float64 as they are, other real numbers as floats.

    Integers of up to 16 bits, booleans and float16 become float32, longer integers float64.
    """
    given = array(where, name, value)
    if given.dtype.kind not in "biuf" or given.dtype.itemsize > 8:
        raise InvalidArgument(
            f"{where}: `{name}` has dtype {given.dtype}; it must hold real numbers: uint8, float32,"
            f" float64, or what becomes one of them.{_hint(value)}"
        )
    if given.dtype in _SAMPLE_TYPES:
        return given
    return given.astype(np.promote_types(given.dtype, np.float32))


def _hint(value: Any) -> str:
    """Of a table, which columns are not numbers; nothing of other values."""
    names = getattr(value, "columns", ())
    others = [str(name) for name in names if np.asarray(value[name]).dtype.kind not in "biuf"]
    if not others:
        return ""
    return f" No numbers are in {', '.join(others)}; sloy.data.load_table prepares such tables."


def with_n(shape: tuple[int, ...]) -> str:
    """The shape of any number of samples of a shape, as messages show it: (N, 28, 28, 1)."""
    return f"({', '.join(['N', *map(str, shape)])}{',' if not shape else ''})"


def path_of(where: str, name: str, value: object) -> Path:
    """The value as a path: a string or what stands for one, not empty, without a zero byte, not too long."""
    given = value.__fspath__() if isinstance(value, os.PathLike) else value
    if not isinstance(given, str) or not given or "\0" in given:
        raise InvalidArgument(
            f"{where}: `{name}` (={shown(value)}) must be a path: a string or a Path."
        )
    try:
        written = os.fsencode(given)
    except UnicodeEncodeError:
        raise InvalidArgument(
            f"{where}: `{name}` (={shown(given)}) holds a character that no path can have."
        ) from None
    if max(map(len, written.split(b"/"))) > LONGEST_NAME or len(written) > LONGEST_PATH:
        raise InvalidArgument(
            f"{where}: `{name}` (={shown(given)}) is too long for a path: at most {LONGEST_NAME} bytes"
            f" between slashes, {LONGEST_PATH} in all."
        )
    return value if isinstance(value, Path) else Path(given)


def file_to_write(where: str, name: str, value: object, endings: Sequence[str] = ()) -> Path:
    """The value as the path of a file that may be written: no folder, in one that is there, with such an ending."""
    path = path_of(where, name, value)
    if endings and path.suffix.lower() not in endings:
        raise InvalidArgument(
            f"{where}: `{name}` (={shown(str(path))}) must end in {' or '.join(endings)}."
        )
    if path.is_dir():
        raise InvalidArgument(
            f"{where}: `{name}` (={shown(str(path))}) is a folder; it must be the path of a file."
        )
    if not path.absolute().parent.is_dir():
        raise InvalidArgument(
            f"{where}: `{name}` (={shown(str(path))}) is in a folder that is missing."
        )
    return path


def level_of_user() -> int:
    """The stack level, counted from the caller, of the first frame outside of sloy."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("sloy."):
        frame, level = frame.f_back, level + 1
    return level
