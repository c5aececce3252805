"""`sloy`: the parser, and the one place that turns errors and signals into exit codes.

Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import Collection, Sequence
from functools import partial
from typing import NoReturn

from sloy.cli import (
    app,
    bench,
    branch,
    diagnose,
    engines,
    export,
    find_rate,
    import_model,
    info,
    inspect,
    lecture,
    plan,
    predict,
    prune,
    report,
    samples,
    test,
    train,
    tune,
)
from sloy.cli.errors import FAILED, OK, USAGE, UsageError
from sloy.cli.options import name_options, with_devices
from sloy.files.failures import in_words
from sloy.files.streams import Stream
from sloy.stopping import INTERRUPTED, TERMINATED, Stopping, Terminated
from sloy.text import reason
from sloy.version import __version__

_LONGEST = 1000  # characters of what is said about a command line; a value is quoted up to 80
CALLED = "app|distributed|engine|experiment|export|fit|load|page|plan|prune|report|stream|tune"


class Parser(argparse.ArgumentParser):
    """argparse with one-line errors and without guessing at shortened options."""

    named = ""  # the command that is parsed, whose unknown words come to the parser of all

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """One line on the error stream, exit code 2."""
        prog = f"{self.prog} {self.named}".rstrip()
        said = reason(ValueError(message), _LONGEST)
        print(f"{prog}: {said} (see `{prog} --help`)", file=sys.stderr)
        raise SystemExit(USAGE)


COMMANDS = (
    *(train, plan, find_rate, tune, branch, diagnose, samples, prune, report, test, predict, info),
    *(inspect, import_model, export, engines, bench, lecture, app),
)


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
            parser.named = command.NAME
            command.add_arguments(added)
            added.add_argument(
                "--debug", action="store_true", help="show the traceback when something goes wrong"
            )
            name_options(added)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result is the exit code.

    0: done. 1: failed. 2: wrong usage. 130: interrupted (Ctrl-C). 143: terminated (SIGTERM).
    """
    # Of all that a run imported and made, Python would look for cycles to free: as long as two pictures take to draw.
    atexit.register(gc.freeze)
    words = sys.argv[1:] if argv is None else argv
    command = next((word for word in words if not word.startswith("-")), "")
    before = sys.stdout, sys.stderr, warnings.showwarning
    os.environ.pop("MPLBACKEND", None)  # which may name none; pictures are files here
    if logging.lastResort is not None:  # no folder for its caches, says Matplotlib in two lines
        logging.lastResort.setLevel(logging.ERROR)
    # Training is not for what it prints: it goes on where nobody reads that.
    out = Stream(sys.stdout, lasting=command == train.NAME)
    sys.stdout, sys.stderr = out, Stream(sys.stderr, lasting=True)
    warnings.showwarning = partial(_show_warning, command)
    try:
        with Stopping() as stopping:
            code = _ended(_run(command, words, stopping), command, out)
            if with_others := sys.modules.get("sloy.engines.processes"):
                with_others.end_at_once(code)
            return code
    finally:
        sys.stdout, sys.stderr, warnings.showwarning = before


def _run(command: str, words: Sequence[str], stopping: Stopping) -> int:
    """The exit code of a command; what it raises is told in one line."""
    arguments = argparse.Namespace()
    try:
        build_parser(command).parse_args(words, arguments)
        with_devices(arguments)
        return int(arguments.run(arguments))
    except SystemExit as end:  # of the parser
        return end.code if isinstance(end.code, int) else OK
    except BaseException as error:
        given = vars(arguments)
        if given.get("debug"):
            traceback.print_exc()
        if error is getattr(sys.stdout, "failure", None):
            return FAILED
        code, message = explain(error, command, given.get("option_words", ()))
        if stopping.code and code != stopping.code:  # somebody made another error of it
            code, message = stopping.code, stopping.word
        message = message.removeprefix(f"{command}: ")  # the function of that name
        print(f"sloy {command}".rstrip() + f": {message}", file=sys.stderr)
        return code


def _ended(code: int, command: str, out: Stream) -> int:
    """The exit code once all is written: of an output stream that could not be, but one whose reader went away."""
    try:
        out.flush()
    except OSError:
        code = code or FAILED
    sys.stderr.flush()
    if out.failure is None or isinstance(out.failure, BrokenPipeError):
        return code
    print(f"sloy {command}: standard output: {out.failure.strerror}", file=sys.stderr)
    return code or FAILED


def explain(
    error: BaseException, command: str = "train", options: Collection[str] = ()
) -> tuple[int, str]:
    """The exit code and the line for an error; `options` are the words of the command's, such as --seed."""
    from sloy.errors import FileFormatError, InvalidArgument, InvalidOption, SloyError

    saved = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
    match error:
        case KeyboardInterrupt():
            return INTERRUPTED, f"interrupted{saved}"
        case Terminated():
            return TERMINATED, f"terminated{saved}"
        case UsageError() | InvalidOption():
            line = _as_options(_without_name(_line(error)), options).removesuffix(".")
            return USAGE, f"{line} (see `sloy {command} --help`)"
        case InvalidArgument() if _of_option(
            line := _as_options(_without_name(_line(error)), options)
        ):
            return USAGE, line + saved
        case SloyError():
            of_file = isinstance(error, FileFormatError)  # it begins with the file's name
            line = _listed(error) if of_file else _without_name(_listed(error))
            return FAILED, _as_options(line, options) + saved
        case ImportError() if "failed to map" in str(error):
            return FAILED, f"not enough memory to load a library: {reason(error)}"
        case SystemError() if "without exception" in str(error):  # as C code does at its end
            return FAILED, "not enough memory: a library failed without saying at what"
        case MemoryError():
            advice = "a smaller --batch-size needs less" if "--batch-size" in options else ""
            return FAILED, f"not enough memory: {_line(error) or advice}".removesuffix(": ")
        case OSError() if error.strerror:
            return FAILED, in_words(error)
        case _:
            name = type(error).__name__
            return FAILED, f"internal error, {name}: {_line(error)} (--debug shows where)"


def _show_warning(command: str, message: Warning | str, *_: object) -> None:
    """One line, as for an error: of no use is the line of the program that said it."""
    print(f"sloy {command}: {' '.join(str(message).split())}", file=sys.stderr)


def _as_options(message: str, options: Collection[str]) -> str:
    """A message of the library, its arguments written as options: `batch_size` as --batch-size; columns stay.

    What the library takes as several, `dates`, is an option that may be repeated, --date. Columns are called so where
    messages name them: column `id`, the targets `id`, `test`.
    """

    def option(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        word = f"--{found[1].replace('_', '-')}"
        words = (word, word.removesuffix("s"))
        return next((word for word in words if word in options), found[0])

    name = r"`[^`]*`(?: \([^)]*\))?"
    columns = rf"\b(?:columns?|targets?) {name}(?:(?:,| and) {name})*"
    return re.sub(rf"{columns}|`(\w+)`", option, message)


def _without_name(message: str) -> str:
    """A message without the function or class of the library that it begins with, which is no file here."""
    name, colon, rest = message.partition(": ")
    ours = re.fullmatch(r"[a-z]+(?:_[a-z]+)+|[A-Z][a-z]+(?:[A-Z]\w*)?|" + CALLED, name)
    return rest if ours and colon and not os.path.exists(name) else message


def _of_option(line: str) -> bool:
    """Whether a message says that the value of an option is wrong."""
    return re.search(r"(?:^|\s)--[a-z][a-z-]* \(=", line) is not None


def _listed(error: BaseException) -> str:
    """A line, and one more for each thing that the message lists, indented."""
    return "\n  ".join(" ".join(part.split()) for part in str(error).split("\n  "))


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
