"""Loading the extension `sloy._native`, with one sentence where it cannot be loaded."""

from __future__ import annotations

import ctypes
import importlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from sloy.errors import NotAvailable

FAILURE = "build_failure.txt"  # in the metadata of an installation
# What is found in the first error of a build, and what mends it.
_WAYS = (
    ("killed|out of memory|cannot allocate", "Free memory, or build on one core (CMAKE_BUILD_PARALLEL_LEVEL=1)"),
    ("no space left", "Free space on the disk"),
    ("onednn|dnnl", "Name a oneDNN by -Ccmake.define.SLOY_ONEDNN_ROOT=/prefix; its wheels are for Linux on x86-64"),
    ("openmp|omp\\.h|lgomp", "Take g++ as the compiler (CXX=g++), which brings OpenMP along"),
    (r"python\.h|development\.", "Install Python's headers (Debian, Ubuntu: apt install python3-dev)"),
    ("compiler|CMAKE_CXX", "Install a C++ compiler (Debian, Ubuntu: apt install g++), or name one by CXX=…"),
    ("", "Mend that (pip install -v . shows the whole build)"),
)  # fmt: skip
_INSTALL = "install sloy on Linux x86-64 with a C++ compiler (pip install .)"


def load() -> ModuleType:
    """The extension, safe to fork after use.

    Raises
    ------
    NotAvailable
        Where it is missing, does not load, or belongs to another version of sloy.
    """
    try:
        with _short_spins():
            native = importlib.import_module("sloy._native")
    except ModuleNotFoundError:
        raise NotAvailable(_why_missing()) from None
    except ImportError as error:
        raise NotAvailable(_explain(str(error))) from None
    expected = _installed_version()
    if expected is not None and native.version != expected:
        raise NotAvailable(
            f"the native engine is of version {native.version}, sloy of {expected}; reinstall sloy."
        )
    return native


@contextmanager
def _short_spins() -> Iterator[None]:
    """Let OpenMP's threads wait awake for some 0.2 ms only, then sleep, unless the user chose a policy.

    That is longer than what one thread does alone within a step, which waking another would double. By default libgomp
    spins for milliseconds: where another program holds a core, the thread that spins keeps the one it waits for from
    running. libgomp reads the variable once, when it is loaded.
    """
    name = "GOMP_SPINCOUNT"
    if name in os.environ or "OMP_WAIT_POLICY" in os.environ:
        yield
        return
    os.environ[name] = "10000"
    try:
        yield
    finally:
        del os.environ[name]


def _why_missing() -> str:
    """Why the installation has no extension: the first error of its build, which tools/build_backend.py keeps."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        failure = distribution("sloy").read_text(FAILURE)
    except (PackageNotFoundError, OSError, UnicodeDecodeError):
        failure = None
    if not failure:
        return f"the native engine is not part of this installation; {_INSTALL}."
    way = next(way for words, way in _WAYS if re.search(words, failure, re.IGNORECASE))
    return (
        "the native engine is not part of this installation, as its build failed:"
        f" {failure.strip().rstrip('.')}. {way}, then install sloy again (pip install --force-reinstall --no-deps .)."
    )


def _explain(reason: str) -> str:
    if "libgomp" in reason:
        return (
            "the native engine needs the OpenMP library libgomp.so.1; install it"
            " (Debian, Ubuntu: apt install libgomp1; Fedora: dnf install libgomp)."
        )
    return f"the native engine does not load ({reason}); {_INSTALL}."


def _installed_version() -> str | None:
    """The version of the Python side; None where it is not installed (a source tree on the path)."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("sloy")
    except PackageNotFoundError:
        return None


def stop_threads_at_fork(native: ModuleType) -> None:
    """Stop OpenMP's idle threads before every fork: a child that inherited them would wait for them for ever.

    Looked up through libdnnl, because several copies of libgomp may live in one process; ours is the one that
    libdnnl is linked to. Costs about a microsecond per fork.
    """
    assert native.__file__ is not None
    library = ctypes.CDLL(str(Path(native.__file__).with_name("libdnnl.so.3")))
    pause = library.omp_pause_resource_all
    soft = 1
    os.register_at_fork(before=lambda: pause(soft))
