"""What is kept to test on: a share, or samples of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sloy.arguments import real
from sloy.errors import InvalidArgument, InvalidOption
from sloy.files.once import readable
from sloy.options import option
from sloy.text import shown

if TYPE_CHECKING:
    from sloy.data.tables import Split

ABOUT = (
    "share of the rows or pictures that is kept to test on, 0 for none; or another table or folder, all of it to test"
    " on; default: 0.2 of a table, 0.1 of pictures"
)
_BOUNDS = {"least": 0, "below": 1}


def kept_to_test(default: float) -> Any:
    """The option ``test`` of a source: a share from 0 to below 1, or a path."""
    return option(
        default,
        ABOUT,
        kind="real",
        bounds=_BOUNDS,
        also=str,
        parse=share_or_path,
        metavar="SHARE|FILE",
    )


def share_or_path(word: str) -> float | str:
    """A share where the word is a number, else a path.

    Examples
    --------
    >>> share_or_path("0.2"), share_or_path("new.csv")
    (0.2, 'new.csv')
    """
    try:
        number = float(word)
    except ValueError:
        return word
    try:
        return real("", "", number, **_BOUNDS)
    except InvalidArgument:
        raise InvalidArgument(
            f"{shown(word)} is neither a share from 0 to below 1 nor a file or folder"
        ) from None


@contextmanager
def to_test_on(test: float | str) -> Iterator[float | Path]:
    """A share as it is; another table as one that can be read again."""
    if not isinstance(test, str):
        yield test
        return
    with readable(test) as path:
        yield path


def split_of(word: str) -> Split:
    """How rows are divided, of words: `InvalidOption` where they say nothing."""
    from sloy.data.tables import Split

    try:
        return Split.of(word)
    except InvalidArgument as error:
        raise InvalidOption(str(error)) from None
