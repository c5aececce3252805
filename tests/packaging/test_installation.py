"""The installed package: its licences, and an extension that loads the oneDNN it was shipped with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

import pytest

import sloy

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed() -> Distribution:
    try:
        return distribution("sloy")
    except PackageNotFoundError:
        pytest.skip("sloy runs from its source folder here, it is not installed")


def test_one_version(installed: Distribution) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert installed.version == sloy.__version__ == project["version"]


def test_licences_are_installed(installed: Distribution) -> None:
    files = [file for file in installed.files or [] if ".dist-info/licenses/" in str(file)]
    texts = {file.name: file.read_text(encoding="utf-8") for file in files}
    assert {"LICENSE", "oneDNN-LICENSE.txt", "oneDNN-THIRD-PARTY-PROGRAMS.txt"} <= set(texts)
    for name in ("LICENSE", "oneDNN-LICENSE.txt"):
        assert "Apache License" in texts[name]
        assert "END OF TERMS AND CONDITIONS" in texts[name]


def test_the_command_is_installed(installed: Distribution) -> None:
    (script,) = (point for point in installed.entry_points if point.group == "console_scripts")
    assert (script.name, script.value) == ("sloy", "sloy.cli.start:start")
    command = shutil.which("sloy", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert command is not None
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    assert "train" in done.stdout


@pytest.mark.skipif(find_spec("sloy._native") is None, reason="this is the pure-Python package")
def test_the_extension_loads_the_onednn_beside_it() -> None:
    code = """
import sloy._native as native
from pathlib import Path
lines = Path("/proc/self/maps").read_text().splitlines()
print(native.__file__)
print(*sorted({line.split()[-1] for line in lines if "libdnnl" in line}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    extension, library = done.stdout.splitlines()
    assert library == str(Path(extension).with_name("libdnnl.so.3"))
