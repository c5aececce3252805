"""Bends files of every format that sloy reads, and watches what reading them does.

    python tools/fuzz --format torch,keras --seconds 600 --seed 3
    python tools/fuzz                                  200 of each format, of slow ones fewer
    python tools/fuzz --format onnx --seed 3 --first 4711 --count 1 --keep /tmp/found      one again, kept
    python tools/fuzz --list

What must not be: a crash; a hang (more than 10 s of the processor); an execution of something in the file; a partial
load (the beginning of a file, or one whose checksums do not hold, read as another); more than 1 GiB of memory; an
internal error; a refusal of several lines, of more than 300 characters, or that quotes more than 80 of a value; noise:
what a library says past sloy. The exit status is 1 if any of it was. The same seed, format and index make the same
file.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")
sys.path[:0] = [str(Path(__file__).parents[1])]

from fuzz.formats import FORMATS  # noqa: E402  the paths first
from fuzz.running import campaign  # noqa: E402


def main() -> int:
    """Do as the command line says; 1 if something was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--format", default=",".join(FORMATS), help="one or more, with commas between; default: all"
    )
    parser.add_argument("--seconds", type=float, help="for each format")
    parser.add_argument(
        "--count", type=int, help="mutations of each format, of slow ones fewer; default: 200"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the index of the first mutation")
    parser.add_argument(
        "--keep", type=Path, help="a folder for the files that did what must not be"
    )
    parser.add_argument("--list", action="store_true", help="name the formats")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(FORMATS))
        return 0
    names = arguments.format.split(",")
    if unknown := [name for name in names if name not in FORMATS]:
        parser.error(f"no format is named {unknown[0]!r}; there are {', '.join(FORMATS)}")
    found = total = 0
    for name in names:
        count = arguments.count or (None if arguments.seconds else 200)
        count = count and max(1, count // FORMATS[name].slow)
        report = campaign(
            name,
            arguments.seed,
            count=count,
            seconds=arguments.seconds,
            first=arguments.first,
            keep=arguments.keep,
        )
        found, total = found + len(report.findings), total + report.done
        print(
            f"{name:<14} {report.done:>8} mutations, {report.refused:>8} refused, {len(report.findings):>5} findings,"
            f" {report.seconds:.1f} s",
            flush=True,
        )
        if report.passed:
            print(f"    too long once, not again: {report.passed[:9]}", flush=True)
        for verdict, message, times, index in report.kinds():
            print(f"    {verdict}, {times} times, first {index}: {message!r}", flush=True)
    print(f"{total} mutations, {found} findings")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
