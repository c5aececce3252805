"""`sloy lecture`: the rows of the lecture, each a short program that prints and draws."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sloy import text
from sloy.cli import exercise
from sloy.cli.errors import FAILED, OK, UsageError
from sloy.language import say

if TYPE_CHECKING:
    from sloy.lecture import Row


NAME = "lecture"
HELP = "first principles, row by row: list them, or run some"
DESCRIPTION = (
    "Lists the rows of the lecture behind sloy, or runs some of them: each prints what it computes"
    " and writes its pictures."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "rows",
        metavar="ROW",
        nargs="*",
        help="such as L3; `all` runs all; without any, the rows are listed",
    )
    parser.add_argument(
        "--lang",
        choices=("en", "ru", "auto"),
        default="en",
        help="language of what programs print and draw; `auto` takes that of the locale",
    )
    parser.add_argument(
        "--out", metavar="DIR", help="folder of pictures and pages (default: lecture)"
    )
    parser.add_argument(
        "--code", action="store_true", help="show the programs instead of running them"
    )
    exercise.add_arguments(parser)
    parser.add_argument(
        "--html",
        action="store_true",
        help="write pages in which the rows' numbers can be moved instead of running them",
    )


def run(arguments: argparse.Namespace) -> int:
    """List the rows, show their programs, or run them."""
    from sloy.language import of_locale, speak

    with speak(of_locale() if arguments.lang == "auto" else arguments.lang):
        return _carry_out(arguments)


def _carry_out(arguments: argparse.Namespace) -> int:
    from sloy.language import spoken
    from sloy.lecture import ROWS, program

    if exercise.asked(arguments):
        return exercise.run(arguments)
    rows = _chosen(arguments.rows)
    if arguments.html:
        _write_pages(arguments, rows)
    elif arguments.code:
        programs = (
            f"# {row.name}: {row.title}\n\n{program(row, spoken())}" for row in rows or ROWS
        )
        print("\n".join(programs), end="")
    elif not rows:
        print(_table(ROWS))
    else:
        folder = Path(arguments.out or "lecture")
        folder.mkdir(parents=True, exist_ok=True)
        return _run_each(rows, folder)
    return OK


def _chosen(names: list[str]) -> list[Row]:
    from sloy.errors import UnknownName
    from sloy.lecture import ROWS, find

    try:
        return [row for name in names for row in (ROWS if name == "all" else [find(name)])]
    except UnknownName as error:
        raise UsageError(str(error).removesuffix(".")) from None


def _write_pages(arguments: argparse.Namespace, rows: list[Row]) -> None:
    """A page for each row; for `all` one for each row that has one, and a list of them."""
    from sloy.lecture import ROWS_WITH_PAGES, page
    from sloy.lecture.pages import write_index

    everything = "all" in arguments.rows
    there = [row for row in dict.fromkeys(rows) if row.name in ROWS_WITH_PAGES]
    without = [] if everything else [row.name for row in rows if row.name not in ROWS_WITH_PAGES]
    if arguments.code:
        raise UsageError("--html and --code do not go together")
    if without or not rows:
        told = f"no page for {', '.join(without)}" if without else "--html needs a row"
        raise UsageError(
            f"{told}: there are those of {', '.join(ROWS_WITH_PAGES)}, `all` writes them all"
        )
    folder = Path(arguments.out or "lecture")
    folder.mkdir(parents=True, exist_ok=True)
    written = [page(row.name).save(folder / f"{row.name}.html") for row in there]
    if everything:
        written.append(write_index(folder, there))
    print(f"{say('written')}: {', '.join(map(text.visible, written))}")


def _table(rows: tuple[Row, ...]) -> str:
    lines = [
        (
            row.name,
            f"{row.title}\n{say('partly')}: {say(row.missing)}" if row.missing else row.title,
        )
        for row in rows
    ]
    told = say("`sloy lecture L3` runs one, `sloy lecture L3 --code` shows its program")
    return f"{text.fields(lines)}\n\n{told}"


def _run_each(rows: list[Row], folder: Path) -> int:
    """Run rows; one that needs what is not installed says so, and the others run."""
    from sloy.errors import NotAvailable

    missed = []
    for number, row in enumerate(rows):
        print(("\n" if number else "") + f"{row.name}  {row.title}\n")
        try:
            _run(row, folder)
        except (NotAvailable, ImportError) as error:
            missed.append(row.name)
            print(f"{row.name}: {error}")
    if not missed:
        return OK
    names = ", ".join(missed)
    print(f"sloy lecture: not run, as something is not installed: {names}", file=sys.stderr)
    return FAILED


def _run(row: Row, folder: Path) -> None:
    """Run a row in a folder, and name what it wrote there."""
    from sloy.language import spoken

    before = _written(row, folder)
    with contextlib.chdir(folder):
        row.run(spoken())
    new = [path for path, when in _written(row, folder).items() if before.get(path) != when]
    if new:
        print(f"\n{say('written')}: {', '.join(map(text.visible, new))}")


def _written(row: Row, folder: Path) -> dict[Path, int]:
    """Files of a row, and when they were written."""
    return {path: path.stat().st_mtime_ns for path in sorted(folder.glob(f"{row.name}.*"))}
