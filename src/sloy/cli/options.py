"""Kinds of numbers on the command line, and options that several commands share."""

from __future__ import annotations

import argparse
from math import isfinite

from sloy.engines.names import NAMES

LARGEST = 2**31 - 1


def positive(word: str) -> int:
    """An integer of at least 1."""
    return _integer(word, 1)


def not_negative(word: str) -> int:
    """An integer of at least 0."""
    return _integer(word, 0)


def rate(word: str) -> float:
    """A positive finite number."""
    number = _number(word)
    if not number > 0 or not isfinite(number):
        raise argparse.ArgumentTypeError(f"{word!r} is not a positive number")
    return number


def fraction(word: str) -> float:
    """A number from 0 to below 1."""
    number = _number(word)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{word!r} is not a share from 0 to below 1")
    return number


def share(word: str) -> float:
    """A number above 0, at most 1."""
    number = _number(word)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{word!r} is not a share above 0, at most 1")
    return number


def extents(word: str) -> list[int]:
    """A side, or height and width: 64, 48x64."""
    sides = word.lower().replace("×", "x").split("x")
    if len(sides) > 2 or not all(side.isdecimal() and 0 < int(side) <= LARGEST for side in sides):
        raise argparse.ArgumentTypeError(f"{word!r} is not a size, such as 64 or 48x64")
    return [int(side) for side in sides]


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """`--engine` and `--threads`."""
    parser.add_argument(
        "--engine",
        choices=NAMES,
        default="auto",
        help="what computes; auto takes the fastest that is installed (see `sloy engines`)",
    )
    parser.add_argument(
        "--threads",
        type=not_negative,
        default=0,
        metavar="N",
        help="threads to compute with; 0, the default, takes the cores that this process may use",
    )


def _integer(word: str, least: int) -> int:
    try:
        number = int(word)
    except ValueError:
        number = least - 1
    if not least <= number <= LARGEST:
        raise argparse.ArgumentTypeError(f"{word!r} is not an integer of at least {least}")
    return number


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number") from None
