"""The command line as its user runs it: in a process of its own, on a small data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import QUICK, Result, Sloy, command, finished, stripes, write_idx


@pytest.fixture
def sloy(tmp_path: Path) -> Sloy:
    """Run `sloy …` in an empty folder; it must end with the exit code."""
    work = tmp_path / "work"
    work.mkdir()

    def run(*arguments: object, code: int = 0, **changes: str) -> Result:
        return finished(command(*arguments), work, code, **changes)

    return run


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four IDX files: 300 pictures to train on, 90 to test."""
    folder = tmp_path_factory.mktemp("data") / "stripes"
    folder.mkdir()
    for part, samples, seed in (("train", 300, 1), ("t10k", 90, 2)):
        x, y = stripes(samples, seed)
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", x)
        write_idx(folder / f"{part}-labels-idx1-ubyte", y)
    return folder


@pytest.fixture(scope="session")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run."""
    out = tmp_path_factory.mktemp("trained") / "run"
    finished(command("train", data, *QUICK, "--epochs", 8, "--out", out, "--quiet"))
    return out
