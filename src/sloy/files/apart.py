"""Programs of sloy's that read files with libraries which damaged files make hang, crash, or take all memory.

Each is a file that runs by itself: it takes a question in JSON from standard input, sets the limits that the
question brings, and answers with a line of JSON and bytes after it (`answering`). It should import little.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sloy.errors import FileFormatError

PATIENCE = 20  # times as long by the clock as on the processor: disks sleep, processors are shared
_KILLED = (-signal.SIGXCPU, -signal.SIGKILL)

Answer = tuple[dict[str, Any], bytes]


class Endless(Exception):
    """A program that lasts too long by the clock."""


class Ended(NamedTuple):
    """A program's exit code, negative where a signal ended it, and what it wrote."""

    code: int
    out: bytes
    err: bytes


def ended(program: str, question: Mapping[str, Any]) -> Ended:
    """How a new process of a program ends with a question; `Endless` where it does not."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OPENBLAS_NUM_THREADS": "1",  # each would reserve memory
        "POLARS_MAX_THREADS": "1",
    }
    try:
        child = subprocess.run(
            [sys.executable, "-P", program],
            input=json.dumps(question).encode(),
            capture_output=True,
            timeout=PATIENCE * question["seconds"],
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Endless from None
    return Ended(child.returncode, child.stdout, child.stderr)


def asked(
    program: str, library: str, question: Mapping[str, Any], *, seconds: int, memory: int
) -> Answer:
    """What a program answers about a file.

    Parameters
    ----------
    program : str
        Its path.
    library : str
        What messages call the library that it stands on.
    question : mapping
        JSON values; `path` is the file.
    seconds : int
        Of the processor.
    memory : int
        Bytes that it may take beside the library itself.

    Returns
    -------
    said : dict
    data : bytes

    Raises
    ------
    FileFormatError
        Where it says what is wrong with the file (`error`), or comes to no answer within the limits.
    """
    path = question["path"]
    question = {**question, "seconds": seconds, "memory": memory}
    try:
        child = ended(program, question)
    except Endless:
        raise FileFormatError(f"{path}: is damaged: {library} comes to no end with it.") from None
    if child.code in _KILLED:
        raise FileFormatError(f"{path}: is damaged: {library} takes more than {seconds} s with it.")
    if child.code < 0:
        name = signal.Signals(-child.code).name
        raise FileFormatError(
            f"{path}: is damaged, or needs more than {memory >> 20} MiB: {library} crashes with it ({name})."
        )
    first, _, data = child.out.partition(b"\n")
    if child.code or not first:
        words = child.err.decode("utf-8", "replace").strip().rpartition("\n")[2][:80]
        raise FileFormatError(f"{path}: cannot be read by {library} ({words}).")
    said = json.loads(first)
    if "error" in said:
        raise FileFormatError(f"{path}: {said['error']}.")
    return said, data


def answering(answer: Callable[[dict[str, Any]], Answer]) -> None:
    """Be such a program, whose libraries are imported: take the question, set its limits, answer."""
    question = json.loads(sys.stdin.buffer.read())
    limit(question)
    for part in written(*answer(question)):
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


def limit(question: Mapping[str, Any]) -> None:
    """Set the limits of this process that a question brings."""
    for kind, value in (
        (resource.RLIMIT_AS, used() + question["memory"]),
        (resource.RLIMIT_CPU, question["seconds"]),
        (resource.RLIMIT_CORE, 0),
    ):
        most = resource.getrlimit(kind)[1]  # can't be raised
        least = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(kind, (least, least))


def used() -> int:
    """Bytes of addresses that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def written(said: Mapping[str, Any], data: bytes) -> tuple[bytes, bytes]:
    """An answer, as it goes through the pipe."""
    return json.dumps(said).encode() + b"\n", data
