"""A short slice of tools/kill.py and tools/misuse.py; CONTRIBUTING.md tells the long ones."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from command_line import environment

TOOLS = Path(__file__).parents[1] / "tools"


def counted(tool: str, *words: object) -> str:
    """What a tool counts in the end, nothing of it wrong."""
    done = subprocess.run(
        [sys.executable, TOOLS / tool, *map(str, words)],
        env=environment(PYTHONWARNINGS="ignore", OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


def test_kills_and_pairs() -> None:
    said = counted("kill.py", "--kills", 16, "--pairs", 6, "--seed", 1)
    assert re.match(r"1[67] kills|18 kills", said)
    early = re.search(r"(\d+) kills that came before the end", said)
    assert early is not None
    assert int(early[1]) >= 8
    assert "6 pairs" in said


def test_wrong_calls() -> None:
    assert counted("misuse.py", "--calls", 300, "--seed", 2).startswith("300 calls")
