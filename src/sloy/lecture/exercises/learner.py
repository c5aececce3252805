"""What a learner hands in, read and called so that any fault of it is told in words."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from sloy import text
from sloy.language import say

__all__ = ["Wrong", "call", "failure", "function_of", "numbers", "shown", "text_of"]

LONGEST = 12  # numbers of an array that are written out


class Wrong(Exception):
    """Says what is wrong with an answer, in the language that is spoken."""


def shown(value: Any) -> str:
    """A number, a short array, or what else there is, in a few characters.

    Examples
    --------
    >>> shown(np.array([0.5, -2.0])), shown(1 / 3), shown(np.zeros((5, 5)))
    ('[0.5, −2]', '0.333333', 'an array of 5 × 5 numbers')
    """
    try:
        found = _shown(value)
    except Exception:  # an object of the learner's own may fail at anything
        found = f"<{type(value).__name__}>"
    return found if len(found) <= 80 else f"{found[:79]}…"


def _shown(value: Any) -> str:
    if isinstance(value, np.number):
        value = value.item()
    if isinstance(value, int | float) and not isinstance(value, bool):
        sign, size = "−" if value < 0 else "", abs(value)
        whole = size < 1e15 and size == int(size)
        return f"{sign}{int(size)}" if whole else f"{sign}{size:.6g}"
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        if value.ndim == 0:
            return shown(value[()])
        if value.size > LONGEST:
            return say("an array of {shape} numbers", shape=text.shape(value.shape))
    if isinstance(value, tuple | list | np.ndarray) and len(value) <= LONGEST:
        return f"[{', '.join(map(shown, value))}]"
    return repr(value)


def numbers(value: object) -> np.ndarray:
    """What can be read as numbers, as a float64 array; NaN and infinities are let through."""
    if value is None:
        raise Wrong(say("there is nothing (None): is a `return` missing?"))
    if callable(value):
        raise Wrong(say("numbers are asked for; this is a function or a class: call it first."))
    try:
        array = np.asarray(value)
    except ValueError:
        raise Wrong(say("the rows of {value} are not of one length.", value=shown(value))) from None
    if array.dtype.kind in "US":
        raise Wrong(say("{value} is text; numbers are asked for.", value=shown(value)))
    if array.dtype.kind == "c":
        raise Wrong(say("{value} is complex; real numbers are asked for.", value=shown(value)))
    try:
        return array.astype(float)
    except (TypeError, ValueError, OverflowError):
        kind = type(value).__name__
        raise Wrong(
            say("{value} ({kind}) cannot be read as numbers.", value=shown(value), kind=kind)
        ) from None


def text_of(value: object) -> str:
    """An answer in words, such as an expression."""
    if not isinstance(value, str):
        raise Wrong(say("Text in quotes is asked for; this is {value}.", value=shown(value)))
    return value


def function_of(answer: object, names: Sequence[str]) -> Callable[..., object]:
    """The answer, if it is a function that takes the arguments."""
    signature = f"answer({', '.join(names)})"
    if not callable(answer):
        raise Wrong(
            say(
                "A function {signature} is asked for; this is {value}.",
                signature=signature,
                value=shown(answer),
            )
        )
    try:
        inspect.signature(answer).bind(*names)
    except TypeError:
        own = str(inspect.signature(answer))
        raise Wrong(
            say(
                "Your function takes {own}; it is called as {signature}.",
                own=own,
                signature=signature,
            )
        ) from None
    except ValueError:  # a built-in that does not tell
        pass
    return answer


def call(function: Callable[..., object], arguments: Sequence[Any]) -> object:
    """What the learner's function gives; a failure of it is told with the learner's own line.

    Parameters
    ----------
    function : callable
    arguments : sequence
        Arrays are copied, so that a function that writes into them does itself no harm.
    """
    own = [np.array(a) if isinstance(a, np.ndarray) else a for a in arguments]
    try:
        with np.errstate(all="ignore"):
            return function(*own)
    except Wrong:
        raise
    except (Exception, SystemExit) as error:
        told = failure(error)
        raise Wrong(say("your function stops with {error}", error=told)) from None


def failure(error: BaseException, path: str | None = None) -> str:
    """An error in words: its class, its message, and the learner's line where it came up.

    Parameters
    ----------
    error : exception
        Caught by the caller, whose own frame is the first.
    path : str, optional
        The learner's file; by default that of the frame after the first.
    """
    message = " ".join(str(error).split())
    told = f"{type(error).__name__}: {message}" if message else type(error).__name__
    if isinstance(error, SyntaxError):
        line, code = error.lineno, (error.text or "").strip()
        told = f"{type(error).__name__}: {error.msg}"
    else:
        line, code = _line(error.__traceback__, path)
    if not line:
        return f"{told}."
    return say("{error}, in line {line}: {code}", error=told, line=line, code=code)


def _line(trace: TracebackType | None, path: str | None) -> tuple[int | None, str]:
    """The last line of the learner's file on the way to an error."""
    inner = trace.tb_next if trace else None
    if inner and path is None:
        path = inner.tb_frame.f_code.co_filename
    if path is None or (path == __file__) or "site-packages" in Path(path).parts:
        return None, ""
    number = None
    while inner:
        if inner.tb_frame.f_code.co_filename == path:
            number = inner.tb_lineno
        inner = inner.tb_next
    linecache.checkcache(path)
    return number, linecache.getline(path, number or 0).strip()
