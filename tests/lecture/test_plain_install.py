"""The rows on a plain install: numpy, rich, matplotlib and pillow, none of the extras."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sloy.lecture import ROWS

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
PLAIN = """
import sys

class Plain:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {extras!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Plain())
from sloy.cli.main import main

code = main(["lecture", *{rows!r}])
assert not {extras!r} & set(sys.modules)
raise SystemExit(code)
"""


def modules_of_the_extras() -> set[str]:
    """What a plain install lacks, by the name of the module."""
    extras = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    kept = [extra for extra in extras if extra not in ("all", "test", "dev", "bench")]
    names = {need.split(">")[0].split("[")[0] for extra in kept for need in extras[extra]}
    assert {"scipy", "scikit-learn", "polars", "onnx"} <= names
    return {{"scikit-learn": "sklearn"}.get(name, name) for name in names}


@pytest.mark.parametrize("rows", [[row.name for row in ROWS[:5]], [row.name for row in ROWS[5:]]])
def test_rows_need_no_extra(rows: list[str], tmp_path: Path) -> None:
    program = PLAIN.format(extras=modules_of_the_extras(), rows=rows)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    if "L3" in rows:
        assert "Not linearly separable: 1/2 (0, 1) + 1/2 (1, 0) = (1/2, 1/2)" in done.stdout
