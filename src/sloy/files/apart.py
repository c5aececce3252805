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
from typing import Any

from sloy.errors import FileFormatError

_PATIENCE = 20  # times as long by the clock as on the processor: disks sleep, processors are shared
_KILLED = (-signal.SIGXCPU, -signal.SIGKILL)

Answer = tuple[dict[str, Any], bytes]


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
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OPENBLAS_NUM_THREADS": "1",  # each would reserve memory
        "POLARS_MAX_THREADS": "1",
    }
    try:
        child = subprocess.run(
            [sys.executable, "-P", program],
            input=json.dumps({**question, "seconds": seconds, "memory": memory}).encode(),
            capture_output=True,
            timeout=_PATIENCE * seconds,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FileFormatError(f"{path}: is damaged: {library} comes to no end with it.") from None
    if child.returncode in _KILLED:
        raise FileFormatError(f"{path}: is damaged: {library} takes more than {seconds} s with it.")
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        raise FileFormatError(
            f"{path}: is damaged, or needs more than {memory >> 20} MiB: {library} crashes with it ({name})."
        )
    first, _, data = child.stdout.partition(b"\n")
    if child.returncode or not first:
        words = child.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:80]
        raise FileFormatError(f"{path}: cannot be read by {library} ({words}).")
    said = json.loads(first)
    if "error" in said:
        raise FileFormatError(f"{path}: {said['error']}.")
    return said, data


def answering(answer: Callable[[dict[str, Any]], Answer]) -> None:
    """Be such a program, whose libraries are imported: take the question, set its limits, answer."""
    question = json.loads(sys.stdin.buffer.read())
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for limit, value in (
        (resource.RLIMIT_AS, used + question["memory"]),
        (resource.RLIMIT_CPU, question["seconds"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    said, data = answer(question)
    sys.stdout.buffer.write(json.dumps(said).encode() + b"\n")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
