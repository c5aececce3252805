"""Remedies tried by forks of the run: proved where the gain is sure, and said so where it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

from sloy.language import Sentence, counted, say, speak


@dataclass(frozen=True)
class Proof:
    """A remedy that was tried.

    Attributes
    ----------
    change : Sentence
        What is changed, such as "learning rate 0.1 → 0.001".
    moment : Sentence
        "from the start" or "from now"; why it could not be tried, of no steps.
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

    change: Sentence
    moment: Sentence
    steps: int
    orders: int
    before: float
    after: float
    error: float
    proved: bool
    command: str = ""

    @property
    def words(self) -> str:
        """What is changed, in the language that is spoken."""
        return str(self.change)

    @property
    def start(self) -> str:
        """From where, in the language that is spoken."""
        return str(self.moment)

    def __str__(self) -> str:
        if not self.steps:
            return say(
                "{words}: could not be tried ({reason})", words=self.words, reason=self.start
            )
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
        """As JSON values: in English, and with what the words are made of in any language."""
        same = {n: v for n, v in vars(self).items() if n not in ("change", "moment")}
        said = {"words": self.change.to_json(), "start": self.moment.to_json()}
        with speak("en"):
            return {"words": self.words, "start": self.start, **same, "said": said}

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Proof:
        """The proof that `to_json` described; numbers that JSON has not are missing in it."""
        same: dict[str, Any] = {n: nan if v is None else v for n, v in document.items()}
        said = same.pop("said", {})
        for name, key in (("change", "words"), ("moment", "start")):
            told = said.get(key)
            words = same.pop(key)
            same[name] = Sentence(words) if told is None else Sentence.of_json(told)
        return cls(**same)
