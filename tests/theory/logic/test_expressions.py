"""Expressions of logic: what they mean, and what is no expression."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloy.errors import InvalidArgument
from sloy.theory import (
    network_from_expression,
    parse,
    to_expression,
)

SPELLED = [
    ("(a & ~b) | c", lambda a, b, c: (a and not b) or c),
    ("a and not b or c", lambda a, b, c: (a and not b) or c),
    ("a ∧ ¬b ∨ c", lambda a, b, c: (a and not b) or c),
    ("a && !b || c", lambda a, b, c: (a and not b) or c),
    ("a | b & c", lambda a, b, c: a or (b and c)),
    ("a ^ b ^ c", lambda a, b, c: (a + b + c) % 2),
    ("a ^ b & c", lambda a, b, c: a != (b and c)),
    ("a | b ^ c", lambda a, b, c: a or (b != c)),
    ("~a & b | c", lambda a, b, c: ((not a) and b) or c),
    ("~~(a or b xor c)", lambda a, b, c: a or (b != c)),
    ("NOT a AND (b OR TRUE) OR c AND 0", lambda a, b, c: not a),
    ("1 & a & b & c", lambda a, b, c: a and b and c),
]


@pytest.mark.parametrize(("text", "meaning"), SPELLED, ids=[text for text, _ in SPELLED])
def test_expressions_mean_what_they_say(text: str, meaning: Callable[..., object]) -> None:
    table = parse(text, ["a", "b", "c"]).table().values.tolist()
    assert table == [int(bool(meaning(*bits))) for bits in itertools.product((0, 1), repeat=3)]


def expressions(names: str) -> st.SearchStrategy[str]:
    """Python's own expressions, fully in parentheses."""
    leaves = st.sampled_from([*names, "0", "1"])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(lambda a: f"(1 ^ {a})"),
            st.tuples(inner, st.sampled_from("&|^"), inner).map(
                lambda t: f"({t[0]} {t[1]} {t[2]})"
            ),
        ),
        max_leaves=20,
    )


@settings(max_examples=150)
@given(expressions("abcd"))
def test_expressions_agree_with_pythons(text: str) -> None:
    table = parse(text, list("abcd")).table().values.tolist()
    rows = itertools.product((0, 1), repeat=4)
    assert table == [eval(text, {}, dict(zip("abcd", row, strict=True))) for row in rows]


@settings(max_examples=40)
@given(expressions("abcd"))
def test_the_way_there_and_back(text: str) -> None:
    model = network_from_expression(text, list("abcd"), engine="reference")
    back = to_expression(model, list("abcd"))
    same = parse(back, list("abcd")).table().values
    assert same.tolist() == parse(text, list("abcd")).table().values.tolist()


def test_names_are_sorted_as_a_reader_would() -> None:
    assert parse("x10 | x2 & x1 | b").names == ("b", "x1", "x2", "x10")
    assert parse("b & a", ["b", "a", "c"]).names == ("b", "a", "c")


BAD_TEXTS = [
    ("a & | b", 5, r"`\|` stands where a variable"),
    ("a b", 3, "`b` stands where an operator or the end must be"),
    ("(a | b", 6, r"the text ends where an operator or `\)`"),
    ("a)", 2, r"`\)` stands where an operator or the end"),
    ("a @ b", 3, "`@` is no part"),
    ("a & 2b", 5, "`2b` is no part"),
    ("a and", 5, "the text ends where a variable"),
    ("", 1, "the text ends where a variable"),
    ("not", 3, "the text ends"),
    ("~" * 300 + "a", 202, "more than 200 operators are nested"),
    ("(" * 100000, 202, "more than 200"),
    ("__import__('os')", 12, r"`'` is no part"),
]


@pytest.mark.parametrize(("text", "position", "message"), BAD_TEXTS, ids=[m for *_, m in BAD_TEXTS])
def test_syntax_errors_show_the_place(text: str, position: int, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message) as caught:
        network_from_expression(text)
    line, pointer = str(caught.value).split("\n    ", 1)[1].split("\n")
    told = int(str(caught.value).split("position ")[1].split()[0])
    assert abs(told - position) <= 1
    assert pointer.strip() == "^"
    first = told - (len(pointer) - 4)  # of a long text what is around the place
    assert line == text[first : first + 80]
    assert first == 0 or len(text) > 80


def test_long_chains_need_no_deep_recursion() -> None:
    text = " & ".join(["a", "b"] * 20_000)
    assert parse(text).table().values.tolist() == [0, 0, 0, 1]


def test_other_mistakes_in_expressions() -> None:
    with pytest.raises(InvalidArgument, match="the variable c is not among a, b"):
        parse("a | c", ["a", "b"])
    with pytest.raises(InvalidArgument, match="must be different names"):
        parse("a", ["a", "a"])
    with pytest.raises(InvalidArgument, match="has no variable"):
        parse("1 | 0")
    with pytest.raises(InvalidArgument, match="17 variables are too many"):
        network_from_expression(" | ".join(f"x{j}" for j in range(17)))
    with pytest.raises(InvalidArgument, match="`text`"):
        parse(7)  # type: ignore[arg-type]
