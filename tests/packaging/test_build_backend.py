"""A build that fails: the pure package comes, says why, and how to mend it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("scikit_build_core")
from build_backend import LONGEST, first_error

from sloy.engines.native import library

REPOSITORY = Path(__file__).parents[2]
BUILD = "import sys; sys.path[:0] = ['tools']; from build_backend import build_wheel; build_wheel(sys.argv[1])"


def test_a_broken_compiler(tmp_path: Path) -> None:
    site = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(tmp_path)],
        cwd=REPOSITORY,
        env=os.environ | {"CXX": "/bin/false"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "The native engine could not be built: " in done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
        assert archive.testzip() is None
    (kept,) = site.glob("*.dist-info/build_failure.txt")
    assert f"{kept.relative_to(site)},sha256=" in (kept.parent / "RECORD").read_text()
    said = subprocess.run(
        [sys.executable, "-m", "sloy", "engines"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"as its build failed: {kept.read_text().strip().rstrip('.')}. " in said
    assert "then install sloy again" in said
    assert "Training takes 10 to 20 times as long with it" in said


def test_builds_share_no_folder() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["scikit-build"]
    assert "build-dir" not in settings  # scikit-build-core makes a temporary one then


@pytest.mark.parametrize(
    ("log", "error", "way"),
    [
        (
            [
                "-- The CXX compiler identification is unknown",
                "CMake Error at /usr/share/cmake/CMakeTestCXXCompiler.cmake:71 (message):",
                "  The C++ compiler",
                "",
                '    "/bin/false"',
                "",
                "  is not able to compile a simple test program.",
                "",
                "  It fails with the following output:",
                "    ninja: build stopped",
            ],
            'CMake Error at CMakeTestCXXCompiler.cmake:71 (message): The C++ compiler "/bin/false" is not able to'
            " compile a simple test program.",
            "Install a C++ compiler",
        ),
        (
            [
                "CMake Error at /usr/share/cmake/CMakeTestCXXCompiler.cmake:63 (message):",
                '  The C++ compiler "c++" is not able to compile a simple test program.',
                "",
                "  It fails with the following output:",
                "    Building CXX object testCXXCompiler.cxx.o",
                "    c++: fatal error: cannot execute 'cc1plus': No such file or directory",
                "    gmake[1]: *** [testCXXCompiler.cxx.o] Error 1",
            ],
            'CMake Error at CMakeTestCXXCompiler.cmake:63 (message): The C++ compiler "c++" is not able to compile a'
            " simple test program. c++: fatal error: cannot execute 'cc1plus': No such file or directory",
            "Install a C++ compiler",
        ),
        (
            ["[3/9] c++ -c a.cpp", "In file included from a.cpp:1:", "b.h:3:10: fatal error: omp.h: No such file"],
            "b.h:3:10: fatal error: omp.h: No such file",
            "Take g++",
        ),
        (
            ["[3/9] c++", "c++: fatal error: Killed signal terminated program cc1plus", "compilation terminated."],
            "c++: fatal error: Killed signal terminated program cc1plus",
            "Free memory",
        ),
        (["/usr/bin/ld: cannot find -ldnnl", "x"], "/usr/bin/ld: cannot find -ldnnl", "Name a oneDNN"),
        (["something", "odd", ""], "odd", "Mend that"),
        ([], "the build said nothing", "Mend that"),
        (["a.cpp:1:1: error: " + "x" * 999], "a.cpp:1:1: error: " + "x" * (LONGEST - 19) + "…", "Mend that"),
    ],
)  # fmt: skip
def test_the_first_error(
    log: list[str], error: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert first_error(log) == error

    class Installed:
        def read_text(self, name: str) -> str:
            assert name == "build_failure.txt"
            return error + "\n"

    monkeypatch.setattr("importlib.metadata.distribution", lambda name: Installed())
    assert f": {error.rstrip('.')}. {way}" in library._why_missing()
