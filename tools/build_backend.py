"""The build backend of `pip install .`: scikit-build-core's, and a pure-Python package where the C++ build fails.

Each build has a temporary folder of its own. Where the native one fails, the first error of CMake, the compiler or the
linker is kept as `build_failure.txt` in the package's metadata, where the note that the reference engine runs finds it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from scikit_build_core.build import (
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
]

FAILURE = "build_failure.txt"
PURE = "SLOY_NO_NATIVE"
LONGEST = 400  # characters of an error that are kept
_ERROR = re.compile(r"\b(fatal )?error\b:|undefined reference to|cannot find -l|: not found", re.I)
_NEXT = "import sys; from scikit_build_core.build import {0}; print({0}(sys.argv[1], eval(sys.argv[2])))"

Settings = dict[str, list[str] | str] | None


def build_wheel(folder: str, settings: Settings = None, metadata: str | None = None) -> str:
    """A wheel with the native engine, else without."""
    return _built("build_wheel", folder, settings)


def build_editable(folder: str, settings: Settings = None, metadata: str | None = None) -> str:
    """A wheel that refers to the source folder."""
    return _built("build_editable", folder, settings)


def _built(kind: str, folder: str, settings: Settings) -> str:
    name, log = _run(kind, folder, settings, os.environ)
    if name is not None:
        return name
    if os.environ.get(PURE):
        raise SystemExit(1)
    reason = first_error(log)
    print(
        f"\n*** The native engine could not be built: {reason}\n*** sloy is installed without it: the reference engine"
        " runs, far slower; `sloy engines` says this again.",
        file=sys.stderr,
    )
    name, _ = _run(kind, folder, settings, os.environ | {PURE: "1"})
    if name is None:
        raise SystemExit(1)
    add_to_metadata(Path(folder, name), FAILURE, reason + "\n")
    return name


def _run(
    kind: str, folder: str, settings: Settings, environment: os._Environ[str] | dict[str, str]
) -> tuple[str | None, list[str]]:
    """scikit-build-core in a process of its own: the wheel's name, None where it failed; and what was said."""
    command = [sys.executable, "-c", _NEXT.format(kind), folder, repr(settings or {})]
    log: list[str] = []
    with subprocess.Popen(
        command, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            log.append(line.rstrip())
    made = (line for line in reversed(log) if line.endswith(".whl"))
    return (next(made) if process.returncode == 0 else None), log


def first_error(log: Sequence[str]) -> str:
    """The first error in what CMake, a compiler or a linker said, in one line.

    >>> first_error(["-- ok", "CMake Error at a.txt:25 (find_package):", "  Could NOT find OpenMP", "", "-- no"])
    'CMake Error at a.txt:25 (find_package): Could NOT find OpenMP'
    >>> first_error(["[1/2] c++", "csrc/a.cpp:3:10: fatal error: omp.h: No such file", "compilation terminated."])
    'csrc/a.cpp:3:10: fatal error: omp.h: No such file'
    """
    for number, line in enumerate(log):
        if line.startswith("CMake Error"):
            said = [line]
            for place, more in enumerate(log[number + 1 :], number + 1):
                if "fails with the following" in more:  # what the compiler itself said
                    said += [text.strip() for text in log[place:] if _ERROR.search(text)][:1]
                    break
                if more and not more.startswith(" "):
                    break
                said.append(more.strip())
            return _short(re.sub(r" at /\S*/", " at ", " ".join(filter(None, said))))
        if _ERROR.search(line):
            return _short(line.strip())
    said = [line.strip() for line in log if line.strip()]
    return _short(said[-1] if said else "the build said nothing")


def _short(line: str) -> str:
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def add_to_metadata(wheel: Path, name: str, text: str) -> None:
    """Put a file into a wheel's `.dist-info`, and into its list of files."""
    data = text.encode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    part = wheel.with_name(wheel.name + ".part")
    with (
        zipfile.ZipFile(wheel) as old,
        zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            held = old.read(entry)
            if entry.filename.endswith(".dist-info/RECORD"):
                path = entry.filename.removesuffix("RECORD") + name
                new.writestr(path, data)
                held = f"{path},sha256={digest},{len(data)}\n".encode() + held
            new.writestr(entry, held)
    part.replace(wheel)
