"""Boolean expressions: a small parser, and values on all inputs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sloy.arguments import instance, sequence
from sloy.errors import InvalidArgument
from sloy.theory.logic.truth_table import TruthTable, all_inputs

__all__ = ["Expression", "parse"]

# From weakest to strongest; words mean the same as signs.
BINARY = {"|": 1, "^": 2, "&": 3}
NOT = 4
SPELLINGS = {
    "|": "|", "||": "|", "or": "|", "∨": "|", "^": "^", "xor": "^", "⊕": "^",
    "&": "&", "&&": "&", "and": "&", "∧": "&", "~": "~", "!": "~", "not": "~", "¬": "~",
    "(": "(", ")": ")", "0": "0", "1": "1", "false": "0", "true": "1",
}  # fmt: skip
SHOWN = 80  # characters of a text around the place that a message points to
DEEPEST = 200  # parentheses and negations inside each other
_TOKEN = re.compile(r"\s*(?:(\|\||&&|[|^&~!¬∧∨⊕()])|([^\W\d]\w*)|(\d\w*)|(\S))")

# A node: (sign, operands…): ("x", name), ("0",), ("1",), ("~", a), ("&", a, b), ("|", a, b), ("^", a, b)
Node = tuple[object, ...]


@dataclass(frozen=True)
class Expression:
    """A Boolean expression; make one with `parse`.

    Attributes
    ----------
    text : str
    names : tuple of str
        The variables in the order of a network's inputs.
    root : tuple
        The expression as nested tuples: ``("|", ("x", "a"), ("~", ("x", "b")))``.
    """

    text: str
    names: tuple[str, ...]
    root: Node

    def table(self) -> TruthTable:
        """The values on all 2^n inputs."""
        columns = dict(zip(self.names, all_inputs(len(self.names)).T > 0, strict=True))
        values = np.broadcast_to(_evaluate(self.root, columns), (1 << len(self.names),))
        return TruthTable.of(values.astype(int))


def parse(text: str, names: Sequence[str] | None = None) -> Expression:
    """Read a Boolean expression.

    not ``~ ! ¬ not`` binds strongest, then and ``& && ∧ and``, exclusive or ``^ ⊕ xor``, or ``| || ∨ or``; then
    there are parentheses, the constants ``0 1 false true`` and names of variables.

    Parameters
    ----------
    text : str
    names : sequence of str, optional
        The variables in the order of the inputs; variables that the expression does not use may be among
        them. By default those of the expression, sorted: a, b, x2, x10.

    Raises
    ------
    InvalidArgument
        Where the text is no expression; the message shows the place.

    Examples
    --------
    >>> parse("(a & ~b) | c").names
    ('a', 'b', 'c')
    >>> parse("a & | b")
    Traceback (most recent call last):
        ...
    sloy.errors.InvalidArgument: expression: at position 5 `|` stands where a variable, a constant, `~` or `(` must be:
        a & | b
            ^
    """
    instance("parse", "text", text, str)
    parser = _Parser(text)
    root = parser.expression(0, 0)
    parser.expect_end()
    used = sorted(parser.names, key=_natural)
    if names is None:
        if not used:
            raise InvalidArgument(
                f"expression: {text!r} has no variable; name the inputs with `names`."
            )
        return Expression(text, tuple(used), root)
    given = sequence("parse", "names", names, str)
    if len(set(given)) != len(given) or not given:
        raise InvalidArgument(f"parse: `names` (={list(given)}) must be different names.")
    for name in used:
        if name not in given:
            position = parser.names[name]
            raise parser.error(position, f"the variable {name} is not among {', '.join(given)}")
    return Expression(text, given, root)


class _Parser:
    """Precedence climbing over (token, position)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: dict[str, int] = {}
        self.tokens = self._tokens()
        self.at = 0

    def _tokens(self) -> list[tuple[str, int]]:
        found = []
        for match in _TOKEN.finditer(self.text):
            sign, word, number, strange = match.groups()
            position = match.start(match.lastindex or 0)
            if strange or (number and number not in SPELLINGS):
                raise self.error(position, f"`{strange or number}` is no part of an expression")
            token = sign or word or number
            found.append((SPELLINGS.get(token, SPELLINGS.get(token.lower(), token)), position))
        return [*found, ("", len(self.text.rstrip()))]

    def error(self, position: int, reason: str) -> InvalidArgument:
        first = max(0, position - SHOWN // 2)
        line = "".join(c if c.isprintable() else " " for c in self.text[first : first + SHOWN])
        mark = " " * (position - first)
        return InvalidArgument(
            f"expression: at position {position + 1} {reason}:\n    {line}\n    {mark}^"
        )

    def _unexpected(self, wanted: str) -> InvalidArgument:
        token, position = self.tokens[self.at]
        if not token:
            return self.error(position, f"the text ends where {wanted} must be")
        shown = self.text[position : position + len(token)] if token in "01" else token
        return self.error(position, f"`{shown}` stands where {wanted} must be")

    def expression(self, least: int, depth: int) -> Node:
        """An expression of operators that bind at least so strongly."""
        left = self._operand(depth)
        while (strength := BINARY.get(self.tokens[self.at][0], -1)) > least:
            sign = self.tokens[self.at][0]
            self.at += 1
            left = (sign, left, self.expression(strength, depth + 1))
        return left

    def _operand(self, depth: int) -> Node:
        token, position = self.tokens[self.at]
        if depth > DEEPEST:
            raise self.error(position, f"more than {DEEPEST} operators are nested")
        if token == "~":
            self.at += 1
            return ("~", self._operand(depth + 1))
        if token == "(":
            self.at += 1
            inside = self.expression(0, depth + 1)
            if self.tokens[self.at][0] != ")":
                raise self._unexpected("an operator or `)`")
            self.at += 1
            return inside
        if token in BINARY or token in (")", ""):
            raise self._unexpected("a variable, a constant, `~` or `(`")
        self.at += 1
        if token in "01":
            return (token,)
        self.names.setdefault(token, position)
        return ("x", token)

    def expect_end(self) -> None:
        """Raise where there is more."""
        if self.tokens[self.at][0]:
            raise self._unexpected("an operator or the end")


def _evaluate(root: Node, columns: dict[str, np.ndarray]) -> np.ndarray:
    """The values of a node where the variables have these columns: bool (rows,) or (). Long chains lean to the
    left, so the left side is followed in a loop and only the right one by recursion.
    """
    waiting: list[Node] = []
    while root[0] in BINARY:
        waiting.append(root)
        root = root[1]  # type: ignore[assignment]
    if root[0] == "x":
        value = columns[str(root[1])]
    elif root[0] == "~":
        value = ~_evaluate(root[1], columns)  # type: ignore[arg-type]
    else:
        value = np.array(root[0] == "1")
    for node in reversed(waiting):
        other = _evaluate(node[2], columns)  # type: ignore[arg-type]
        sign = node[0]
        value = value & other if sign == "&" else value | other if sign == "|" else value ^ other
    return value


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Sorts x2 before x10."""
    parts = re.split(r"(\d+)", name)
    return [(1, int(p)) if p.isdigit() else (0, p) for p in parts if p]
