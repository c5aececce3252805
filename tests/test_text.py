"""How quantities are written."""

from __future__ import annotations

import pytest

from sloy import text
from sloy.engines import engine


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (text.count(60_000), "60 000"),
        (text.size(512), "512 B"),
        (text.size(1500), "1.5 kB"),
        (text.size(98_400_000), "98 MB"),
        (text.size(2_500_000_000), "2.5 GB"),
        (text.many(1, "thread"), "1 thread"),
        (text.many(2, "thread"), "2 threads"),
        (text.many(1000, "sample"), "1 000 samples"),
        (text.shape((28, 28, 1)), "28 × 28 × 1"),
        (text.shape(()), ""),
    ],
)
def test_quantities_as_people_write_them(said: str, expected: str) -> None:
    assert said == expected


def test_an_engine_says_how_many_threads_it_has() -> None:
    assert str(engine("reference", 1)) == "reference, 1 thread, float32"
    assert str(engine("reference", 2)) == "reference, 2 threads, float32"
    assert str(engine("reference")) == "reference, float32"


def test_names_take_the_same_time_each() -> None:
    """As many of one name as a hostile file may hold nodes; one number after another would take minutes."""
    names = text.Names(["add_3"])
    given = [names.new("add") for _ in range(1 << 16)]
    assert given[:3] == ["add", "add_2", "add_4"]
    assert len(set(given)) == len(given)
    assert names.new("add_2") == "add_2_2"


def test_shortened_words_stay_apart() -> None:
    names = ["треугольник 1", "треугольник 2", "квадрат"]
    assert text.shortened_apart(names, 12) == ["треуго…ник 1", "треуго…ник 2", "квадрат"]
    inside = ["a" * 20 + "1" + "b" * 20, "a" * 20 + "2" + "b" * 20]  # alike at both ends
    found = text.shortened_apart(inside, 8)
    assert len(set(found)) == 2
    assert all(len(word) <= 41 for word in found)
    assert text.shortened_apart(["same" * 9, "same" * 9], 8) == ["same" * 9] * 2  # one word twice
    assert text.shortened_apart([], 8) == []
    assert text.shortened_apart(["one\n2", "b"], 8) == ["one\\n2", "b"]


def test_a_literal_with_a_backslash_that_means_nothing_is_no_warning() -> None:
    assert text.literal(r"{0: 'a\d'}") == {0: r"a\d"}
    for written in ("a b", "1 +", "[" * 300, "{[]: 1}"):
        with pytest.raises(ValueError, match="is no literal"):
            text.literal(written)
