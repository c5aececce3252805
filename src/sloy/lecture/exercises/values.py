"""Exercises whose answer is one number or a few: each is compared with the right one and with typical mistakes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sloy.language import counted, say
from sloy.lecture.exercises.learner import Wrong, numbers, shown

__all__ = ["Numbers", "Part"]


@dataclass(frozen=True)
class Part:
    """A number that is asked for.

    Attributes
    ----------
    name : str
        What it is.
    right : float
    mistakes : tuple of (float, str)
        Numbers that come out of typical mistakes, and what is to be said of them.
    tolerance : float
        How far from the right number an answer may be.
    least : float, optional
        Where all numbers from it to `right` are right.
    """

    name: str
    right: float
    mistakes: tuple[tuple[float, str], ...] = ()
    tolerance: float = 0.0
    least: float | None = None

    def problem(self, given: float) -> str:
        """What is wrong with a number; empty where nothing is. It does not tell the right one."""
        below = 0.0 if self.least is None else self.right - self.least
        if -below - self.tolerance <= given - self.right <= self.tolerance:
            return ""
        name = say(self.name)
        return f"{name[:1].upper()}{name[1:]}: {shown(given)} — {self._why(given)}"

    def _why(self, given: float) -> str:
        if not np.isfinite(given):
            return say("not a finite number.")
        for value, told in self.mistakes:
            if abs(given - value) <= max(self.tolerance, 1e-9 * abs(value)):
                return say(told)
        if given == -self.right:
            return say("the sign is the other way round.")
        whole = self.right == int(self.right) and self.tolerance == 0 and self.least is None
        if whole and given != int(given):
            return say("it must be a whole number.")
        if self.right > 0 and given < 0:
            return say("it cannot be negative.")
        if np.isclose(given, 100 * self.right):
            return say("a hundred times too large: is it in per cent?")
        return say("too small.") if given < self.right else say("too large.")


@dataclass(frozen=True)
class Numbers:
    """Judges one number, or several in an order.

    Attributes
    ----------
    parts : tuple of Part
    """

    parts: tuple[Part, ...]

    def __call__(self, answer: object) -> None:
        """Raise `Wrong` where a number is not right; the right ones are said to be."""
        given = numbers(answer).ravel()
        names = ", ".join(say(part.name) for part in self.parts)
        if given.size != len(self.parts):
            raise Wrong(
                say(
                    "{asked} asked for ({names}); you give {given}.",
                    asked=counted(len(self.parts), "number"),
                    names=names,
                    given=given.size,
                )
            )
        right = np.array([part.right for part in self.parts])
        if len(set(right)) > 1 and sorted(given) == sorted(right) and list(given) != list(right):
            raise Wrong(
                say("The right numbers, in another order; the order is: {names}.", names=names)
            )
        problems = [part.problem(float(g)) for part, g in zip(self.parts, given, strict=True)]
        fine = [say(part.name) for part, told in zip(self.parts, problems, strict=True) if not told]
        if len(fine) < len(self.parts):
            lines = [told for told in problems if told]
            raise Wrong(
                "\n".join(
                    [*lines, say("Right: {names}.", names=", ".join(fine))] if fine else lines
                )
            )
