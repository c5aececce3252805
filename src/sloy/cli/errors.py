"""How commands end other than well, and the exit codes for it."""

from __future__ import annotations

OK, FAILED, USAGE = 0, 1, 2


class UsageError(Exception):
    """Options that do not go together or do not fit the data: one line, exit code 2."""
