"""Kinds of numbers on the command line, and options that several commands share."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any

from sloy import text
from sloy.cli.errors import UsageError
from sloy.engines.names import NAMES, TABLE
from sloy.engines.processes import started_with
from sloy.errors import InvalidArgument
from sloy.files.streams import Stream, set_apart

LARGEST = 2**31 - 1


def positive(word: str) -> int:
    """An integer of at least 1."""
    return integer(word, 1)


def not_negative(word: str) -> int:
    """An integer of at least 0."""
    return integer(word, 0)


def rate(word: str) -> float:
    """A positive finite number."""
    found = number(word)
    if not found > 0 or not isfinite(found):
        raise argparse.ArgumentTypeError(f"{word!r} is not a positive number")
    return found


def add_model(parser: argparse.ArgumentParser) -> None:
    """`MODEL`, what `sloy.load` takes."""
    parser.add_argument("model", metavar="MODEL", help="a .sloy file, or the folder of a run")


def add_json(parser: argparse.ArgumentParser) -> None:
    """`--json`."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def add_overwrite(add: Callable[..., Any], what: str) -> None:
    """`--overwrite`: without it nothing that is there is replaced, see `keep`."""
    add("--overwrite", action="store_true", help=f"replace {what}; without it they stay")


def keep(paths: Iterable[str | Path | None], *, overwrite: bool) -> None:
    """Raise where a file that a command would write is there already, unless it may be replaced."""
    there = next((path for path in paths if path is not None and Path(path).is_file()), None)
    if there is not None and not overwrite:
        raise InvalidArgument(
            f"{text.visible(there)}: is there already; --overwrite replaces it, another name keeps it."
        )


def written(path: Path) -> tuple[str, str]:
    """The line for a file that was written: its name, and its size where it has one."""
    return "written", text.visible(path) + (
        f", {text.size(path.stat().st_size)}" if path.is_file() else ""
    )


def print_result(document: Mapping[str, Any], words: object, *, json: bool) -> None:
    """What a command found: as its JSON document, or in words."""
    print(text.as_json(document) if json else words, end="" if json else "\n")


def add_engine_options(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """`--engine`, `--threads` and `--devices`, of which there may be several numbers."""
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
    more = "; of several numbers, such as 1,2,4, each is timed, and what bounds it is told"
    parser.add_argument(
        "--devices",
        type=counts if several else positive,
        metavar="N,…" if several else "N",
        help="with --engine jax: GPUs or other devices that share each batch; all that there are, by default"
        + more * several,
    )


def name_options(parser: argparse.ArgumentParser) -> None:
    """Note the options by name, so that messages of the library can speak of them."""
    parser.set_defaults(option_words=frozenset(parser._option_string_actions))


def counts(word: str) -> tuple[int, ...]:
    """Integers of at least 1, with commas between them, each once."""
    return tuple(dict.fromkeys(positive(part) for part in word.split(",")))


def with_devices(arguments: argparse.Namespace) -> None:
    """Put `--devices` behind the engine's name, as `sloy.engines.engine` takes it."""
    devices = vars(arguments).pop("devices", None)
    if devices is None:
        return
    row = TABLE.get(arguments.engine)
    if row is None or not row.devices:
        able = " or ".join(name for name, row in TABLE.items() if row.devices)
        given = devices if isinstance(devices, int) else ",".join(map(str, devices))
        raise UsageError(f"--devices (={given}) needs --engine {able}.")
    if isinstance(devices, int):
        arguments.engine += f":{devices}"
    else:
        arguments.several = devices


@contextmanager
def together(arguments: argparse.Namespace) -> Iterator[bool]:
    """Compute with the processes of `--distributed`, else alone; gives whether this one writes and shows."""
    if arguments.distributed is None:
        if others := started_with(os.environ):
            print(
                f"sloy train: this is {others}; each trains the whole run by itself. --distributed trains one run with"
                " all of them.",
                file=sys.stderr,
            )
        yield True
        return
    from sloy.engines import distributed

    plain = arguments.engine.partition(":")[0]
    able = [name for name, row in TABLE.items() if row.devices]
    if plain not in ("auto", *able):
        raise UsageError(f"--distributed needs --engine {' or '.join(able)}.")
    arguments.engine = able[0] if plain == "auto" else arguments.engine
    if isinstance(sys.stdout, Stream):
        set_apart(sys.stdout)  # gloo says there whom it reaches
    with distributed(arguments.distributed) as processes:
        yield processes.leads


def integer(word: str, least: int, most: int = LARGEST) -> int:
    try:
        number = int(_plain(word))
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        limit = "" if number < least else f" and at most {most}"
        raise argparse.ArgumentTypeError(f"{word!r} is not an integer of at least {least}{limit}")
    return number


def number(word: str) -> float:
    try:
        return float(_plain(word))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number") from None


def _plain(word: str) -> str:
    """What Python takes for a number, without the forms of programs and of other scripts: 1_0, ٣."""
    return word if word.isascii() and "_" not in word else ""
