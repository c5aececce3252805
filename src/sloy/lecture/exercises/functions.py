"""Exercises whose answer is a function: it is called, and compared with the formula and with typical mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from sloy import text
from sloy.language import say
from sloy.lecture.exercises.learner import Wrong, call, function_of, numbers, shown

__all__ = ["FunctionOf", "Mistake", "close"]

SEED = 13
Case = tuple[Any, ...]


@dataclass(frozen=True)
class Mistake:
    """A formula that learners write instead of the right one, and what is to be said of it."""

    formula: Callable[..., Any]
    told: str


@dataclass(frozen=True)
class FunctionOf:
    """Judges a function of named arguments.

    Attributes
    ----------
    names : tuple of str
        Of the arguments.
    right : callable
        The formula, in plain NumPy.
    cases : callable
        From a random generator to lists of arguments: easy ones first.
    mistakes : tuple of Mistake
    limits : str
        What is said where it fails in a case though the easier ones were right.
    """

    names: tuple[str, ...]
    right: Callable[..., Any]
    cases: Callable[[np.random.Generator], Sequence[Case]]
    mistakes: tuple[Mistake, ...] = ()
    limits: str = ""

    def __call__(self, answer: object) -> None:
        """Raise `Wrong` where the answer is not the formula."""
        function = function_of(answer, self.names)
        cases = self.cases(np.random.default_rng(SEED))
        right = [np.asarray(self.right(*case), float) for case in cases]
        given: list[np.ndarray] = []
        for case, expected in zip(cases, right, strict=True):
            given.append(self._given(function, case, expected, easier=(given, right)))
        wrong = [k for k, pair in enumerate(zip(given, right, strict=True)) if not close(*pair)]
        if wrong:
            fact = self._fact(cases[wrong[0]], given[wrong[0]], right[wrong[0]])
            why = next(self._reasons(cases, given, right, first=wrong[0]), "")
            raise Wrong(f"{fact} {why}".rstrip())

    def _given(
        self,
        function: Callable[..., object],
        case: Case,
        expected: np.ndarray,
        easier: tuple[list[np.ndarray], list[np.ndarray]],
    ) -> np.ndarray:
        """The learner's numbers for a case; one number may come in an array of its own."""
        said = self._arguments(case)
        try:
            value = numbers(call(function, case))
        except Wrong as wrong:
            told = f"{say('For {arguments}', arguments=said)}: {wrong}"
            if self.limits and easier[0] and all(map(close, *easier)):
                told = f"{told} {say(self.limits)}"
            raise Wrong(told) from None
        return value.reshape(()) if expected.ndim == 0 and value.size == 1 else value

    def _arguments(self, case: Case) -> str:
        return ", ".join(f"{n} = {shown(a)}" for n, a in zip(self.names, case, strict=True))

    def _fact(self, case: Case, given: np.ndarray, right: np.ndarray) -> str:
        """What the learner gives in a case, and what is right."""
        said = self._arguments(case)
        if given.shape != right.shape:
            return say(
                "For {arguments} the answer must be {right}; yours is {given}.",
                arguments=said,
                right=_kind(right),
                given=_kind(given),
            )
        if right.size > 4:
            at = tuple(int(i[0]) for i in np.nonzero(~_equal(given, right)))
            return say(
                "For {arguments} you give {given} at [{at}]; it must be {right}.",
                arguments=said,
                given=shown(given[at]),
                right=shown(right[at]),
                at=", ".join(map(str, at)),
            )
        return say(
            "For {arguments} you give {given}; it must be {right}.",
            arguments=said,
            given=shown(given),
            right=shown(right),
        )

    def _reasons(
        self,
        cases: Sequence[Case],
        given: list[np.ndarray],
        right: list[np.ndarray],
        first: int,
    ) -> Iterator[str]:
        """What the learner seems to have computed instead, the most telling first."""
        for mistake in self.mistakes:
            if _same(given, _tried(mistake.formula, cases), first):
                yield say(mistake.told)
        for order in permutations(range(len(self.names))):
            moved = [tuple(case[i] for i in order) for case in cases]
            if _same(given, _tried(self.right, moved), first):
                taken = ", ".join(self.names[i] for i in order)
                yield say(
                    "You take the arguments as ({taken}); they come as ({names}).",
                    taken=taken,
                    names=", ".join(self.names),
                )
        if self.limits and first and not np.isfinite(given[first]).all():
            yield say(self.limits)
        if not all(map(np.shape, given)) and any(map(np.shape, right)):
            yield say("One number came where several are asked for: nothing may be summed away.")
        elif any(map(np.shape, given)) and not any(map(np.shape, right)):
            yield say("Several numbers came where one is asked for: is a sum missing?")
        if [g.shape for g in given] == [r.shape for r in right]:
            yield from _relations(given, right)


def close(given: np.ndarray, right: np.ndarray) -> bool:
    """Whether shapes are equal and numbers agree, to five digits; NaN equals NaN."""
    return given.shape == right.shape and bool(_equal(given, right).all())


def _equal(given: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.isclose(given, right, rtol=1e-5, atol=1e-8, equal_nan=True)


def _same(given: list[np.ndarray], other: list[np.ndarray] | None, first: int) -> bool:
    """Whether a mistake explains the first wrong case, and all in which the learner's numbers are finite."""
    return other is not None and all(
        close(
            pair[0],
            pair[1].reshape(pair[0].shape) if pair[1].size == 1 == pair[0].size else pair[1],
        )
        for k, pair in enumerate(zip(given, other, strict=True))
        if k == first or np.isfinite(pair[0]).all()
    )


def _tried(formula: Callable[..., Any], cases: Sequence[Case]) -> list[np.ndarray] | None:
    """A formula's numbers, or None where it does not take these arguments."""
    try:
        with np.errstate(all="ignore"):
            return [np.asarray(formula(*case), float) for case in cases]
    except Exception:  # arguments in an order that means nothing
        return None


def _kind(value: np.ndarray) -> str:
    """One number, or numbers in a shape."""
    if value.ndim == 0:
        return say("one number")
    return say("an array of {shape} numbers", shape=text.shape(value.shape))


def _relations(given: list[np.ndarray], right: list[np.ndarray]) -> Iterator[str]:
    """How numbers of the right shapes stand to the right ones."""
    if any(not np.isfinite(value).all() for value in given):
        yield say("A number of yours is not finite: something is divided by 0 or overflows.")
        return
    if all(close(g.T, r) for g, r in zip(given, right, strict=True)):
        yield say("Yours is the transpose of the right answer: rows and columns are exchanged.")
    if len(given) > 1 and all(g.shape == given[0].shape and close(g, given[0]) for g in given):
        yield say("You give the same for all inputs: does your function use its arguments?")
    ours, theirs = (np.concatenate([v.ravel() for v in values]) for values in (right, given))
    if np.allclose(theirs, -ours):
        yield say("The sign is the other way round: yours is always minus the right answer.")
    there = np.abs(ours) > 1e-9
    if there.any() and np.allclose(theirs, ours * np.median(theirs[there] / ours[there])):
        factor = float(np.median(theirs[there] / ours[there]))
        yield say("Yours is always {factor} times the right answer.", factor=shown(factor))
    more = theirs - ours
    if np.allclose(more, more[0]):
        if more[0] > 0:
            yield say("Yours is always {more} more than the right answer.", more=shown(more[0]))
        yield say("Yours is always {less} less than the right answer.", less=shown(-more[0]))
