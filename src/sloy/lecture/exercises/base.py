"""An exercise and the verdict on an answer."""

from __future__ import annotations

import runpy
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sloy.arguments import integer
from sloy.language import say, spoken
from sloy.lecture.exercises.learner import Wrong, failure
from sloy.text import Shown

__all__ = ["Exercise", "Verdict"]

WIDTH = 96


@dataclass(frozen=True)
class Verdict(Shown):
    """Whether an answer is right; if not, what is wrong with it.

    Attributes
    ----------
    right : bool
    message : str
    """

    right: bool
    message: str

    def __str__(self) -> str:
        return _wrapped(self.message)


@dataclass(frozen=True)
class Exercise(Shown):
    """An exercise to a row of the lecture.

    Attributes
    ----------
    name : str
        L9, or L9b where a row has several.
    title, task : str
        English; printed in the language that is spoken.
    form : str
        What an answer looks like, in Python.
    judge : callable
        Raises `Wrong` for a wrong answer.
    tips : tuple of str
        The hints, in English.
    solution : str
        Python that makes a right `answer`.
    formula : str
        What stands below the task: a formula, a picture in numbers, a table.
    """

    name: str
    title: str
    task: str
    form: str
    judge: Callable[[object], None] = field(repr=False)
    tips: tuple[str, ...] = field(repr=False)
    solution: str = field(repr=False)
    formula: str = ""

    @property
    def row(self) -> str:
        """The row's name: L9 of L9b."""
        return self.name.rstrip("bcd")

    @property
    def hints(self) -> tuple[str, ...]:
        """In the language that is spoken."""
        return tuple(say(tip) for tip in self.tips)

    def hint(self, number: int = 1) -> str:
        """One of the hints, the first of them the faintest.

        Parameters
        ----------
        number : int
            From 1.

        Raises
        ------
        InvalidArgument
            Where there are not so many.
        """
        return _wrapped(
            self.hints[integer("hint", "number", number, least=1, most=len(self.tips)) - 1]
        )

    def check(self, answer: object) -> Verdict:
        """Whether an answer is right, and what is wrong with it; faults of its code are told, not raised.

        Parameters
        ----------
        answer : object
            What the task asks for: a function, a number, numbers (tuple, list or array), or text.

        Returns
        -------
        Verdict
        """
        try:
            self.judge(answer)
        except Wrong as wrong:
            said = str(wrong)
            return Verdict(right=False, message=capital(said))
        except (Exception, SystemExit) as error:  # an object that fails when it is looked at
            told = failure(error, path="")
            return Verdict(
                right=False, message=say("This cannot be read as an answer: {error}", error=told)
            )
        return Verdict(right=True, message=say("Right."))

    def check_file(self, path: str | Path) -> Verdict:
        """Run a learner's own Python file in this process, and check its `answer`.

        Parameters
        ----------
        path : str or Path
            Defines the name ``answer``.

        Raises
        ------
        OSError
            Where there is no such file.
        """
        Path(path).open("rb").close()
        try:
            names = runpy.run_path(str(path), run_name="answer")
        except (Exception, SystemExit) as error:
            told = failure(error, path=str(path))
            return Verdict(
                right=False, message=say("{file} stops with {error}", file=path, error=told)
            )
        if "answer" not in names:
            own = ", ".join(name for name in names if not name.startswith("_")) or "—"
            told = say(
                "{file} defines no name `answer`; it defines: {names}.", file=path, names=own
            )
            return Verdict(right=False, message=told)
        return self.check(names["answer"])

    def __str__(self) -> str:
        parts = [f"{self.name}  {say(self.title)}", _wrapped(say(self.task))]
        if self.formula:
            parts.append(textwrap.indent(say(self.formula), "    "))
        parts += [say("Answer:"), textwrap.indent(self.form, "    "), self._ways()]
        return "\n\n".join(parts)

    def _ways(self) -> str:
        """How to check an answer, to see a hint or the solution."""
        value = "" if self.form.startswith("def ") else " | --answer …"
        language = "" if spoken() == "en" else f" --lang {spoken()}"
        python, shell = say("Python:"), say("Shell:")
        width = max(len(python), len(shell)) + 1
        ways = [
            f'{python:<{width}}sloy.lecture.exercise("{self.name}").check(answer) | .hint(1) | .solution'
        ]
        if language:
            call = f'sloy.language.speak("{spoken()}")'
            ways.append(" " * width + say("(in this language after {call})", call=call))
        ways += [
            f"{shell:<{width}}sloy lecture {self.name}{language} --check answer.py{value} | --hint 1 | --solution",
            say("Hints: {count}.", count=len(self.tips)),
        ]
        return "\n".join(ways)


def capital(said: str) -> str:
    """A message with a capital letter first; σ stays what it is."""
    return said if said.startswith("σ") else said[:1].upper() + said[1:]


def _wrapped(message: str) -> str:
    """Lines of at most `WIDTH` characters."""
    lines = message.split("\n")
    return "\n".join(textwrap.fill(line, WIDTH, break_long_words=False) for line in lines)
