"""What C and JavaScript say differently; kernels and expressions are written once, in these words."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import isinf, isnan
from typing import Any

import numpy as np

from sloy.exchange.elementwise import FORMS, Form


def indented(lines: Sequence[str]) -> list[str]:
    """The lines of a block."""
    return [f"    {line}" for line in lines]


@dataclass(frozen=True)
class Dialect(ABC):
    """How a language writes statements on floats.

    Parameters
    ----------
    prefix : str
        What the names of functions in the file begin with.
    """

    prefix: str

    @property
    @abstractmethod
    def name(self) -> str:
        """Of the language, in messages."""

    @abstractmethod
    def number(self, value: Any) -> str:
        """A float32 number, exact to the last bit."""

    @abstractmethod
    def at(self, place: str, index: str) -> str:
        """An element of a buffer, or of a row that `row` named."""

    @abstractmethod
    def row(self, name: str, buffer: str, start: str) -> str:
        """The declaration of a place within a buffer."""

    @abstractmethod
    def value(self, name: str, text: str) -> str:
        """The declaration of a float that does not change."""

    @abstractmethod
    def integer(self, name: str, text: str) -> str:
        """The declaration of an integer that does not change."""

    @abstractmethod
    def total(self, **values: str) -> str:
        """The declaration of floats that change."""

    @abstractmethod
    def counter(self, name: str) -> str:
        """The declaration of an integer that counts from 0."""

    @abstractmethod
    def real(self, text: str) -> str:
        """An integer, or a truth, as a float."""

    @abstractmethod
    def call(self, function: str, argument: str) -> str:
        """A function of the standard library, named as in C without its f."""

    @abstractmethod
    def quotient(self, index: str, divisor: int) -> str:
        """An index divided, without the remainder."""

    @abstractmethod
    def text_of(self, form: Form) -> str:
        """The form's expression, or the definition of its function, in this language."""

    def is_function(self, form: Form) -> bool:
        """Whether a form is the definition of a function, which is called."""
        return self.text_of(form).startswith(("static ", "function "))

    @abstractmethod
    def _head(self, letter: str, extent: int) -> str: ...

    def loop(self, names: Sequence[str], extents: Sequence[int], body: Sequence[str]) -> list[str]:
        """Nested loops, one for each letter; without any a block."""
        lines = list(body) if names else ["{", *indented(body), "}"]
        for name, extent in reversed(list(zip(names, extents, strict=True))):
            lines = [f"{self._head(name, extent)} {{", *indented(lines), "}"]
        return lines

    def fill(self, y: str, size: int, value: float) -> list[str]:
        """The same number everywhere."""
        return self.loop("i", [size], [f"{self.at(y, 'i')} = {self.number(value)};"])

    def function_text(self, op: str) -> str:
        """The definition of the function that an op calls, named after the file's own names."""
        return self.text_of(FORMS[op]).replace("sloy_", f"{self.prefix}_")


@dataclass(frozen=True)
class C(Dialect):
    """C99."""

    @property
    def name(self) -> str:
        """See `Dialect`."""
        return "C"

    def number(self, value: Any) -> str:
        """See `Dialect`."""
        value = float(np.float32(value))
        if isnan(value):
            return "NAN"
        if isinf(value):
            return "INFINITY" if value > 0 else "-INFINITY"
        text = f"{value:.9g}"
        text = text if any(mark in text for mark in ".e") else f"{text}.0"
        return f"({text}f)" if value < 0 else f"{text}f"

    def at(self, place: str, index: str) -> str:
        """See `Dialect`."""
        return f"{place}[{index}]"

    def row(self, name: str, buffer: str, start: str) -> str:
        """See `Dialect`."""
        return (
            f"float *{name} = {buffer};" if start == "0" else f"float *{name} = {buffer} + {start};"
        )

    def value(self, name: str, text: str) -> str:
        """See `Dialect`."""
        return f"const float {name} = {text};"

    def integer(self, name: str, text: str) -> str:
        """See `Dialect`."""
        return f"const int {name} = {text};"

    def total(self, **values: str) -> str:
        """See `Dialect`."""
        return f"float {', '.join(f'{name} = {text}' for name, text in values.items())};"

    def counter(self, name: str) -> str:
        """See `Dialect`."""
        return f"int {name} = 0;"

    def real(self, text: str) -> str:
        """See `Dialect`."""
        return f"(float){text}"

    def call(self, function: str, argument: str) -> str:
        """See `Dialect`."""
        return f"{function}f({argument})"

    def quotient(self, index: str, divisor: int) -> str:
        """See `Dialect`."""
        return f"{index} / {divisor}"

    def text_of(self, form: Form) -> str:
        """See `Dialect`."""
        return form.c

    def _head(self, letter: str, extent: int) -> str:
        return f"for (int {letter} = 0; {letter} < {extent}; ++{letter})"


@dataclass(frozen=True)
class JavaScript(Dialect):
    """ECMAScript on one Float32Array `m`, in which buffers are offsets; `f` rounds to float32."""

    @property
    def name(self) -> str:
        """See `Dialect`."""
        return "JavaScript"

    def number(self, value: Any) -> str:
        """See `Dialect`."""
        value = float(np.float32(value))
        if isnan(value):
            return "NaN"
        if isinf(value):
            return "Infinity" if value > 0 else "(-Infinity)"
        text = repr(value).removesuffix(".0")  # of the double that the float32 is
        return f"({text})" if text.startswith("-") else text

    def at(self, place: str, index: str) -> str:
        """See `Dialect`."""
        if place.isdigit() and index.isdigit():
            return f"m[{int(place) + int(index)}]"
        return f"m[{index}]" if place == "0" else f"m[{place} + {index}]"

    def row(self, name: str, buffer: str, start: str) -> str:
        """See `Dialect`."""
        return f"const {name} = {buffer} + {start};"

    def value(self, name: str, text: str) -> str:
        """See `Dialect`."""
        return f"const {name} = {text};"

    def integer(self, name: str, text: str) -> str:
        """See `Dialect`."""
        return f"const {name} = {text};"

    def total(self, **values: str) -> str:
        """See `Dialect`."""
        return f"let {', '.join(f'{name} = {text}' for name, text in values.items())};"

    def counter(self, name: str) -> str:
        """See `Dialect`."""
        return f"let {name} = 0;"

    def real(self, text: str) -> str:
        """See `Dialect`."""
        return (
            text
            if re.fullmatch(r"\w+", text)
            else f"Number({text.removeprefix('(').removesuffix(')')})"
        )

    def call(self, function: str, argument: str) -> str:
        """See `Dialect`."""
        return f"f(Math.{function}({argument}))"

    def quotient(self, index: str, divisor: int) -> str:
        """See `Dialect`."""
        return f"(({index}) / {divisor} | 0)"

    def text_of(self, form: Form) -> str:
        """See `Dialect`."""
        return form.javascript

    def _head(self, letter: str, extent: int) -> str:
        return f"for (let {letter} = 0; {letter} < {extent}; ++{letter})"
