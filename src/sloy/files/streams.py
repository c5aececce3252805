"""Text streams that show anything: what a terminal would obey is escaped, what an encoding lacks too, and a stream that
is closed or full is told of once.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import IO, Any

from sloy.text import visible

Text = IO[str] | None


class Stream:
    """A text stream in front of another one, which may be closed, full or of an encoding that lacks characters.

    Parameters
    ----------
    stream : text file or None
        The other; of None, which Python has for a stream that was closed before it began, nothing comes.
    lasting : bool
        Whether a program goes on when writing fails; otherwise the error is raised.
    escaping : bool
        Whether control characters but line ends and tabs are escaped.

    Attributes
    ----------
    failure : OSError or None
        The error of the first writing that failed.
    """

    def __init__(self, stream: Text, *, lasting: bool, escaping: bool = True) -> None:
        self.stream = stream.stream if isinstance(stream, Stream) else stream
        self.failure: OSError | None = None
        self._lasting = lasting
        self._escaping = escaping

    def write(self, words: str) -> int:
        """Write what people read."""
        return self.write_data(visible(words, keep="\n\t") if self._escaping else words)

    def write_data(self, words: str) -> int:
        """Write what programs read: control characters as they are."""
        if self.stream is not None and self.failure is None:
            try:
                self.stream.write(_encodable(words, self.stream))
            except OSError as error:
                self._failed(error)
        return len(words)

    def flush(self) -> None:
        """Write what waits."""
        if self.stream is not None and self.failure is None:
            try:
                self.stream.flush()
            except OSError as error:
                self._failed(error)

    def isatty(self) -> bool:
        """Whether people look on."""
        return self.stream is not None and self.stream.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def _failed(self, error: OSError) -> None:
        """What waits, and all that comes, goes nowhere: Python would try again at its end."""
        self.failure = error
        with suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())  # type: ignore[union-attr]
            os.close(nowhere)
        if not self._lasting:
            raise error


def to_draw_on(stream: Text) -> Stream:
    """A stream, or the error stream, for lines and bars of sloy's own: nothing is escaped, nothing is raised."""
    return Stream(stream or sys.stderr, lasting=True, escaping=False)


def set_apart(out: Stream) -> None:
    """Until the process ends, what libraries in C++ write on standard output goes to the error stream, not to `out`."""
    if out.stream is None:
        return
    out.flush()
    number, encoding = os.dup(1), getattr(out.stream, "encoding", "utf-8")
    os.dup2(2, 1)
    out.stream = open(number, "w", encoding=encoding)  # noqa: SIM115 - until the end


def open_closed() -> None:
    """Give the standard streams that were closed before this process began to /dev/null.

    Files opened later would take their numbers, and what is printed would go into them.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the least number that is free
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - until the end
            setattr(sys, name, stream)


def _encodable(words: str, stream: IO[str]) -> str:
    """Characters that the stream's encoding lacks as escapes, which JSON reads too: \\u0434."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        words.encode(encoding)
        return words
    except UnicodeEncodeError:
        return "".join(_written(letter, encoding) for letter in words)


def _written(letter: str, encoding: str) -> str:
    try:
        letter.encode(encoding)
        return letter
    except UnicodeEncodeError:
        code = letter.encode("utf-16-be", "surrogatepass").hex()
        return "".join(f"\\u{code[at : at + 4]}" for at in range(0, len(code), 4))
