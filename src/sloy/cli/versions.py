"""What is installed: versions of sloy and of what it stands on."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from sloy import __version__

PACKAGES = ("numpy", "rich", "matplotlib", "pillow")


def versions() -> dict[str, str]:
    """Name → version: Python, sloy and the packages that it uses."""
    found = {"sloy": __version__, "python": platform.python_version()}
    return found | {name: _version(name) or "missing" for name in PACKAGES}


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
