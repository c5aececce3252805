"""Remedies tried by forks of the run: proved where the gain is sure, and said so where it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

from sloy.language import counted, say


@dataclass(frozen=True)
class Proof:
    """A remedy that was tried.

    Attributes
    ----------
    words : str
        What is changed, such as "learning rate 0.1 → 0.001".
    start : str
        "from the start" or "from now".
    steps, orders : int
        How many steps, and in how many orders of the samples.
    before, after : float
        The loss without and with it at the end of these steps, on the same samples, the mean of the orders.
    error : float
        Standard error of the gain.
    proved : bool
        Whether the gain is above three errors and a tenth of the loss, and did not fall in its second half, or so
        little that it would still be above a tenth after as many steps again.
    command : str
        What to run instead.
    """

    words: str
    start: str
    steps: int
    orders: int
    before: float
    after: float
    error: float
    proved: bool
    command: str = ""

    def __str__(self) -> str:
        if not self.steps:
            return say("{words}: could not be tried", words=self.words)
        told = say(
            "{words}, {start}: loss {before:.3g} → {after:.3g} after {steps}, {orders}, ± {error:.2g}",
            words=self.words,
            start=self.start,
            before=self.before,
            after=self.after,
            steps=counted(self.steps, "step"),
            orders=counted(self.orders, "order"),
            error=self.error,
        )
        return told if self.proved else say("{told}: tried, no sure gain", told=told)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return dict(vars(self))

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Proof:
        """The proof that `to_json` described; numbers that JSON has not are missing in it."""
        found: dict[str, Any] = {n: nan if v is None else v for n, v in document.items()}
        return cls(**found)
