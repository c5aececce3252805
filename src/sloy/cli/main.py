"""`sloy`: the parser, and the one place that turns errors and signals into exit codes.

Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import re
import signal
import sys
import traceback
import warnings
from collections.abc import Collection, Sequence
from functools import partial
from typing import NoReturn

from sloy.cli import (
    bench,
    engines,
    export,
    import_model,
    info,
    inspect,
    lecture,
    predict,
    test,
    train,
)
from sloy.cli.errors import FAILED, INTERRUPTED, TERMINATED, USAGE, Terminated, UsageError
from sloy.cli.options import with_devices
from sloy.version import __version__


class Parser(argparse.ArgumentParser):
    """argparse with one-line errors and without guessing at shortened options."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """One line on the error stream, exit code 2."""
        print(f"{self.prog}: {message} (see `{self.prog} --help`)", file=sys.stderr)
        raise SystemExit(USAGE)


COMMANDS = (train, test, predict, info, inspect, import_model, export, engines, bench, lecture)


def build_parser(named: str | None = None) -> Parser:
    """The parser of all commands; the options of one alone, as they may need much to be imported."""
    parser = Parser(
        prog="sloy",
        description="Trains neural networks on the machine you have, and shows what they do.",
        epilog="Each command has its own help: sloy train --help",
    )
    parser.add_argument("--version", action="version", version=f"sloy {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        added = commands.add_parser(
            command.NAME, help=command.HELP, description=command.DESCRIPTION
        )
        added.set_defaults(run=command.run)
        if named == command.NAME:
            command.add_arguments(added)
            added.add_argument(
                "--debug", action="store_true", help="show the traceback when something goes wrong"
            )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result is the exit code.

    0: done. 1: failed. 2: wrong usage. 130: interrupted (Ctrl-C). 143: terminated (SIGTERM).
    """
    # Of all that a run imported and made, Python would look for cycles to free: as long as two pictures take to draw.
    atexit.register(gc.freeze)
    words = sys.argv[1:] if argv is None else argv
    named = next((word for word in words if not word.startswith("-")), None)
    parser = build_parser(named)
    arguments = parser.parse_args(words)
    before = signal.signal(signal.SIGTERM, _terminate)
    warned = warnings.showwarning
    warnings.showwarning = partial(_show_warning, arguments.command)
    try:
        with_devices(arguments)
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader went away (sloy info … | head): nowhere to say anything
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except BaseException as error:
        if arguments.debug and not isinstance(error, SystemExit):
            traceback.print_exc()
        code, message = explain(error, arguments.command, getattr(arguments, "option_words", ()))
        print(f"sloy {arguments.command}: {message}", file=sys.stderr)
        return code
    finally:
        warnings.showwarning = warned
        signal.signal(signal.SIGTERM, before)


def explain(
    error: BaseException, command: str = "train", options: Collection[str] = ()
) -> tuple[int, str]:
    """The exit code and the line for an error; `options` are the words of the command's, such as --seed."""
    from sloy.errors import InvalidOption, SloyError

    saved = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
    match error:
        case SystemExit():
            raise error
        case KeyboardInterrupt():
            return INTERRUPTED, f"interrupted{saved}"
        case Terminated():
            return TERMINATED, f"terminated{saved}"
        case UsageError() | InvalidOption():
            line = _as_options(_line(error), options).removesuffix(".")
            return USAGE, f"{line} (see `sloy {command} --help`)"
        case SloyError():
            return FAILED, _as_options(_line(error), options) + saved
        case MemoryError():
            advice = "a smaller --batch-size needs less"
            return FAILED, f"not enough memory: {_line(error) or advice}"
        case OSError() if error.strerror:
            where = f"{error.filename}: " if error.filename else ""
            return FAILED, f"{where}{error.strerror}"
        case _:
            name = type(error).__name__
            return FAILED, f"internal error, {name}: {_line(error)} (--debug shows where)"


def _show_warning(command: str, message: Warning | str, *_: object) -> None:
    """One line, as for an error: of no use is the line of the program that said it."""
    print(f"sloy {command}: {' '.join(str(message).split())}", file=sys.stderr)


def _as_options(message: str, options: Collection[str]) -> str:
    """A message of the library, its arguments written as options: `batch_size` as --batch-size; columns stay."""

    def option(found: re.Match[str]) -> str:
        word = f"--{found[1].replace('_', '-')}"
        return word if word in options else found[0]

    return re.sub(r"(?<!column )(?<!target )`(\w+)`", option, message)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _terminate(_number: int, _frame: object) -> NoReturn:
    raise Terminated
