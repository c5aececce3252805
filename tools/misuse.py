"""Calls sloy's public functions and classes wrongly: one argument of a right call is replaced by what it cannot be.

    PYTHONPATH=src python tools/misuse.py --calls 2000
    PYTHONPATH=src python tools/misuse.py --right          # whether the right calls are right

Names and arguments come from the signatures. Each call must work, or raise one clear error of sloy's, a line of at most
`LONGEST` characters. The exit status is 1 if one does not.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import random
import re
import resource
import signal
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from right_calls import by_function, by_name

import sloy
from sloy import ops
from sloy.errors import SloyError

LONGEST = 400
POINTING = re.compile(r"\n    .*\n *\^$")  # the end of what shows a place by a mark below it
SECONDS, MEMORY = 10, 8 << 30  # of a call; of the process
BESIDE = (
    "app.hand",
    "app.line",
    "app.scenes",
    "estimators",
    "files",
    "pages",
    "preprocessing",
    "pruning",
    "training",
)
# Arguments that say how often something is done: a call that lasts as long as it was told to is right.
REPEATS = ("draws", "epochs", "retrain", "seeds", "steps")
# Rooms of which users make the values.
MADE = ("initializers", "layers", "losses", "metrics", "optimizers", "regularizers", "schedules")
# No use in calling: classes of errors, abstract ones, what only passes on what it is given.
PASSED_OVER = re.compile(
    r"Error$|^(Any|InvalidArgument|NotAvailable|InUse|Run|Layer|Loss|Metric|Optimizer|Schedule|Scope)$"
)


# Of which no right call is made: what they take is a large file, or comes out of one.
UNTRIED = re.compile(r"layers\.Imported|pretrained\.(fetch|read_)")


class Absurd:
    """An object that is nothing."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def __repr__(self) -> str:
        return "<absurd>"


class Unfit(Exception):
    """What a user's own function raises: it goes through to the user."""


def unfit(*_: object, **__: object) -> None:
    """A function that no argument suits."""
    raise Unfit


WRONG: dict[str, Callable[[Path], Any]] = {
    "None": lambda folder: None,
    "3": lambda folder: 3,
    "-1": lambda folder: -1,
    "2**31": lambda folder: 2**31,
    "2**70": lambda folder: 2**70,
    "0.5": lambda folder: 0.5,
    "nan": lambda folder: float("nan"),
    "True": lambda folder: True,
    "''": lambda folder: "",
    "'nonsense'": lambda folder: "nonsense",
    "bytes": lambda folder: b"nonsense",
    "NUL": lambda folder: "a\0b",
    "a folder": lambda folder: folder,
    "a name too long": lambda folder: "x" * 5000,
    "[]": lambda folder: [],
    "{}": lambda folder: {},
    "an object": lambda folder: Absurd(),
    "a class": lambda folder: Absurd,
    "a function": lambda folder: unfit,
    "an array of objects": lambda folder: np.array([None, "a"], object),
    "an empty array": lambda folder: np.zeros((0, 3), np.float32),
    "a complex array": lambda folder: np.ones((2, 2), complex),
    "lists of lengths": lambda folder: [[1], [2, 3]],
    "a tensor": lambda folder: ops.input("x", (2, 2)),
    "a tuple": lambda folder: (1, "a", None),
}


def rooms() -> list[Any]:
    """The front door, the rooms that it names, and some beside them."""
    named = [name for name in sloy.__all__ if inspect.ismodule(getattr(sloy, name))]
    return [sloy, *(importlib.import_module(f"sloy.{name}") for name in (*named, *BESIDE))]


def callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Name → what can be called, of the front door and of the rooms."""
    seen: set[int] = set()
    for module in rooms():
        told = getattr(module, "__all__", None)
        for name in told or sorted(vars(module)):
            value = getattr(module, name, None)
            if name.startswith("_") or PASSED_OVER.search(name) or not callable(value):
                continue
            own = str(getattr(value, "__module__", ""))
            inside = own.startswith(module.__name__) or module is sloy.ops
            if not own.startswith("sloy") or not (told or inside):
                continue  # what it imports
            if inspect.isabstract(value) or id(value) in seen or _is_answer(module, value):
                continue
            seen.add(id(value))
            yield f"{module.__name__}.{name}", value


def _is_answer(module: Any, value: Any) -> bool:
    """Whether a class only holds what sloy finds, so that nobody else makes one."""
    made = module.__name__.partition(".")[2] in MADE or hasattr(value, "__post_init__")
    return is_dataclass(value) and not made


def arguments_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def call(
    function: Callable[..., Any], given: dict[str, Any], parameters: list[inspect.Parameter]
) -> Any:
    first = [
        given.pop(p.name) for p in parameters if p.kind is p.POSITIONAL_ONLY and p.name in given
    ]
    return function(*first, **given)


class TooLong(BaseException):
    pass


def verdict(
    function: Callable[..., Any],
    given: dict[str, Any],
    parameters: list[inspect.Parameter],
    base: dict[str, Any],
) -> str:
    """What is wrong with how a wrong call ends; nothing where it works, is refused well, or lasts as the right one."""

    def stop(*_: object) -> None:
        raise TooLong

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of the processor
    try:
        call(function, dict(given), parameters)
        return ""
    except SloyError as error:
        said = POINTING.sub("", str(error))
        if "\n" in said or len(said) > LONGEST:
            return f"{len(said)} characters in {said.count(chr(10)) + 1} lines"
        return ""
    except OSError as error:
        return "" if error.filename else f"{error} names no file"
    except TypeError as error:  # Python's own, of a signature
        absent = [p.name for p in parameters if p.default is p.empty and p.name not in given]
        told = "required" in str(error) and any(f"'{name}'" in str(error) for name in absent)
        return "" if told else f"TypeError: {str(error)[:110]!r}"
    except Unfit:
        return "" if any(value is unfit for value in given.values()) else "Unfit"
    except TooLong:
        return "" if lasts(function, base, parameters) else f"takes more than {SECONDS} s"
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:110]!r}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def lasts(
    function: Callable[..., Any], base: dict[str, Any], parameters: list[inspect.Parameter]
) -> bool:
    """Whether the right call takes too long too."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        call(function, dict(base), parameters)
    except TooLong:
        return True
    except Exception:  # refused: what is right of one argument is not of all
        return False
    return False


def wrong_calls(
    values: dict[str, Any], folder: Path
) -> Iterator[tuple[str, str, str, partial[str]]]:
    """Function, argument, what it is given, and the call."""
    model, beside = values["model"], by_function(values)
    for name, found in callables():
        function = getattr(model, name.partition(".")[2]) if name.startswith("model.") else found
        parameters = arguments_of(function)
        needed = {p.name for p in parameters if p.default is p.empty}
        if not needed <= set(values):
            needed &= set(values)
        base = {key: values[key] for key in needed}
        if name.startswith("sloy.ops."):
            base |= {key: ops.input("t", (2, 4)) for key in needed & {"x", "z", "a", "b", "labels"}}
        base |= beside.get(name, {})
        if "verbose" in {p.name for p in parameters}:
            base["verbose"] = False
        for parameter in parameters:
            for word, make in WRONG.items():
                given = {**base, parameter.name: make(folder)}
                yield (
                    name,
                    parameter.name,
                    word,
                    partial(verdict, function, given, parameters, base),
                )


def right_calls(folder: Path) -> int:
    """Make the calls of which wrong ones are made; 1 if one is refused."""
    refused, bases = 0, {}
    for name, _, _, made in wrong_calls(by_name(folder), folder):
        bases.setdefault(name, made.args)
    for name, (function, _, parameters, base) in bases.items():
        try:
            call(function, dict(base), parameters)
        except Exception as error:
            if not UNTRIED.search(name):
                refused += 1
                print(f"{name}: {type(error).__name__}: {str(error)[:200]}", flush=True)
    print(f"{len(bases)} right calls, {refused} refused")
    return int(refused > 0)


def main() -> int:
    """Call, count, tell what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="functions whose names have this in them")
    parser.add_argument("--right", action="store_true", help="make the right calls alone")
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    found = Counter[str]()
    with tempfile.TemporaryDirectory(prefix="sloy-misuse-") as name:
        folder = Path(name)
        os.chdir(folder)  # files of wrong names are written there
        if given.right:
            return right_calls(folder)
        several = [one for one in wrong_calls(by_name(folder), folder) if given.only in one[0]]
        chosen = random.Random(given.seed).sample(several, min(given.calls, len(several)))
        for function, argument, word, made in sorted(chosen, key=lambda one: one[:3]):
            found["calls"] += 1
            said = made()
            if said and not (argument in REPEATS and said.startswith("takes more than")):
                found["wrong"] += 1
                print(f"{function}({argument}={word}): {said}", flush=True)
    print(
        "; ".join(f"{count} {what}" for what, count in found.items()), f"of {len(several)} possible"
    )
    return int(found["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
