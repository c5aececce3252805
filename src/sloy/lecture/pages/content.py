"""What Python tells a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Content:
    """A page's words and numbers.

    Attributes
    ----------
    about : str
        What is to be seen.
    tries : tuple of str
        What to move, and what to look for.
    scripts : tuple of str
        Names of the scripts behind ``widgets``, the subject's last.
    texts : dict
        Key → text that the scripts show; fields in braces are filled there.
    start : dict
        Numbers to start with, the argument of the subject's function.
    """

    about: str
    tries: tuple[str, ...]
    scripts: tuple[str, ...]
    texts: dict[str, str]
    start: dict[str, Any]
