"""The exercises of `sloy lecture`: tasks, hints, solutions, and checking a learner's own answer."""

from __future__ import annotations

import argparse
import re
from contextlib import suppress

from sloy.cli.errors import FAILED, OK, UsageError
from sloy.text import literal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group(
        "exercises, instead of running rows"
    ).add_mutually_exclusive_group()
    group.add_argument(
        "--exercise", action="store_true", help="show the exercises of rows, or of all"
    )
    group.add_argument(
        "--check", metavar="FILE", help="run your Python file, and check the `answer` it defines"
    )
    group.add_argument("--answer", metavar="VALUE", help="check a number, numbers or text")
    # argparse takes what begins with a minus for an option unless it looks like this.
    parser._negative_number_matcher = re.compile(r"^-[\d.][-+\d.,;/ eE]*$")
    group.add_argument("--hint", metavar="N", type=int, help="a hint, from 1")
    group.add_argument("--solution", action="store_true", help="show a right answer")


def asked(arguments: argparse.Namespace) -> bool:
    """Whether an exercise is meant."""
    given = (arguments.check, arguments.answer, arguments.hint)
    return arguments.exercise or arguments.solution or any(value is not None for value in given)


def run(arguments: argparse.Namespace) -> int:
    """Show exercises, or check an answer: FAILED where it is wrong."""
    if other := [f"--{name}" for name in ("code", "html") if getattr(arguments, name)]:
        raise UsageError(f"{other[0]} and exercises do not go together")
    from sloy.errors import InvalidArgument
    from sloy.lecture import EXERCISES, exercise

    names = arguments.rows
    try:
        if arguments.exercise:
            named = {exercise(name).name for name in names if name != "all"}
            chosen = [e for e in EXERCISES if not named or {e.name, e.row} & named]
            print("\n\n\n".join(map(str, chosen)))
            return OK
        if len(names) != 1:
            raise UsageError("name one exercise, such as L9")
        one = exercise(names[0])
        if arguments.hint is not None and not 1 <= arguments.hint <= len(one.hints):
            raise UsageError(
                f"--hint (={arguments.hint}): {one.name} has hints 1 to {len(one.hints)}"
            )
        if arguments.hint is not None or arguments.solution:
            print(one.solution.rstrip() if arguments.solution else one.hint(arguments.hint))
            return OK
        verdict = (
            one.check(_value(arguments.answer))
            if arguments.check is None
            else one.check_file(arguments.check)
        )
    except InvalidArgument as error:
        raise UsageError(str(error).removesuffix(".")) from None
    except OSError as error:
        raise UsageError(f"cannot read {arguments.check}: {error.strerror}") from None
    print(verdict)
    return OK if verdict.right else FAILED


def _value(written: str) -> object:
    """A Python literal; numbers as people write them: -3/2, 132 863 336, 1 -2 3; else the text itself."""
    from fractions import Fraction

    text = written.strip().replace("−", "-")
    with suppress(ValueError):
        return literal(text)
    if re.fullmatch(r"\d{1,3}( \d{3})+", text):
        return int(text.replace(" ", ""))
    try:
        found = tuple(float(Fraction(word)) for word in re.split(r"[,;\s]+", text.strip("()[] ")))
    except (ValueError, ZeroDivisionError):
        return written
    return found[0] if len(found) == 1 else found
