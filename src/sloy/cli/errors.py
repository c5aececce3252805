"""How commands end other than well, and the exit codes for it."""

from __future__ import annotations

OK, FAILED, USAGE, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


class UsageError(Exception):
    """Options that do not go together or do not fit the data: one line, exit code 2."""


class Terminated(BaseException):
    """SIGTERM came. Like KeyboardInterrupt, what can be saved is saved on the way out."""
