"""A short slice of `tools/fuzz`: files of every format, bent, do nothing but be refused in a line, or be read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_a_slice_of_the_fuzzer() -> None:
    """In a process of its own, which forks: libraries have started threads in this one."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/fuzz"), "--count", "20", "--seed", "5"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert done.stdout.count(" mutations, ") == 23, done.stdout
