"""What the tests of the command line share: a small data set, and how a command is started."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import sloy
from sloy.cli.main import main

Result = subprocess.CompletedProcess[str]
Sloy = Callable[..., Result]

QUICK = ("--network", "mlp", "--epochs", "2", "--batch-size", "16", "--threads", "1")


def write_idx(path: Path, values: np.ndarray) -> None:
    head = struct.pack(">BBBB", 0, 0, 8, values.ndim) + struct.pack(
        f">{values.ndim}I", *values.shape
    )
    data = head + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def stripes(samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures 9 × 8 with a bright bar: upright (0), lying (1) or slanting (2)."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, samples)
    x = random.integers(0, 60, (samples, 9, 8))
    for picture, kind in zip(x, y, strict=True):
        place = random.integers(1, 7)
        if kind == 2:
            picture[np.arange(8), np.arange(8)] += 180
        elif kind == 1:
            picture[place, :] += 180
        else:
            picture[:, place] += 180
    return x, y


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "sloy", *map(str, arguments)]


def environment(**changes: str) -> dict[str, str]:
    """Ours, with warnings as errors, and the same sloy whatever folder the command runs in."""
    package = str(Path(sloy.__file__).parents[1])
    return {**os.environ, "PYTHONWARNINGS": "error", "PYTHONPATH": package, **changes}


def finished(
    program: Sequence[str], folder: Path | None = None, code: int = 0, **changes: str
) -> Result:
    """A program that was run in a folder; it must have ended with the exit code."""
    done = subprocess.run(
        program,
        cwd=folder,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


def exit_code(*arguments: str) -> int:
    """Run `sloy …` in this process."""
    try:
        return main(arguments)
    except SystemExit as end:
        return int(end.code or 0)
