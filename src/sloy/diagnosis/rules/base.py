"""What a rule is: a measure with its limits, a sentence, causes and remedies; and what it finds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any, ClassVar, Literal

from sloy.diagnosis.evidence import Evidence
from sloy.language import Sentence, sentence

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Hit:
    """What a rule found in the evidence.

    Attributes
    ----------
    sentence : Sentence
        With the numbers.
    measured : float
        What stands against the limit.
    severity : "error", "warning" or "note"
    since : int
        The step from which it holds.
    cured : int or None
        The step from which it held no more.
    layer : str
        Where, if it is in one place.
    explains : tuple of str
        Rules whose findings this one explains, though theirs mostly explain it.
    causes, remedies : tuple of str
        In place of the rule's.
    """

    sentence: Sentence
    measured: float
    severity: Severity = "warning"
    since: int = 0
    cured: int | None = None
    layer: str = ""
    explains: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rule(ABC):
    """A rule: its fields are its limits, which can be set.

    Attributes
    ----------
    id, name : str
    about : str
        What is measured, in a sentence.
    healthy : str
        What healthy runs measure.
    causes : tuple of str
        What may be behind it.
    remedies : tuple of str
        What helps, by the names in `sloy.diagnosis.remedies`, or in words.
    after : tuple of str
        Rules whose finding explains this one.
    """

    id: ClassVar[str]
    name: ClassVar[str]
    about: ClassVar[str]
    healthy: ClassVar[str]
    causes: ClassVar[tuple[str, ...]]
    remedies: ClassVar[tuple[str, ...]]
    after: ClassVar[tuple[str, ...]]

    def __init_subclass__(
        cls,
        *,
        id: str,
        name: str,
        about: str,
        healthy: str = "",
        causes: tuple[str, ...] = (),
        remedies: tuple[str, ...] = (),
        after: tuple[str, ...] = (),
    ) -> None:
        """What is said of it, in the line of its class."""
        super().__init_subclass__()
        cls.id, cls.name, cls.about, cls.healthy = id, name, about, healthy
        cls.causes, cls.remedies, cls.after = causes, remedies, after

    @abstractmethod
    def find(self, evidence: Evidence) -> Hit | None:
        """What the rule says of a run; None where it has nothing to say."""

    @property
    def limits(self) -> dict[str, Any]:
        """Its limits by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def times(value: float) -> Sentence:
    """How many times, as a sentence within others.

    Examples
    --------
    >>> str(times(692.3)), str(times(float("inf")))
    ('692 times', 'infinitely many times')
    """
    if not isfinite(value):
        return sentence("infinitely many times")
    return sentence("{value:.3g} times", value=float(value))


def by_harm(evidence: Evidence, *, harmful: Severity = "error") -> Severity:
    """A severity that falls where the run has overcome it."""
    if evidence.solved:
        return "note"
    return harmful if evidence.unsolved else "warning"
