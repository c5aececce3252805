"""The pages for teachers: every row has its section, with all a lesson needs; courses fit their hours."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest

import sloy
from sloy.language import speak
from sloy.layers import Conv2D, Dense, Sigmoid
from sloy.lecture import ROWS, Row

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = {  # file, and its words
    "en": ("teaching.md", "min", ("Show", "Ask", "Goes wrong", "Exercise"), ""),
    "ru": ("teaching.ru.md", "мин", ("Показать", "Спросить", "Что путают", "Задание"), " --lang ru"),
}  # fmt: skip
HEADING = re.compile(r"(?m)^## (L\d+)\. (.+) · (\d+) (min|мин)$")
EXAMPLE = [[7, 2, 3, 3, 8], [4, 5, 3, 8, 4], [3, 3, 2, 8, 4], [2, 8, 7, 2, 7], [5, 4, 4, 5, 4]]
in_both = pytest.mark.parametrize("language", PAGES)


def page(language: str) -> str:
    return (DOCS / PAGES[language][0]).read_text(encoding="utf-8")


def section(row: Row, language: str) -> str:
    (found,) = re.findall(rf"(?ms)^## {row.name}\..*?(?=^## |\Z)", page(language))
    return found


def answers(text: str) -> list[str]:
    return re.findall(r"(?m)^\d\. .+[?.] — \*(.+)\*$", text)


@in_both
def test_every_row_has_its_section(language: str) -> None:
    found = [(name, title, unit) for name, title, _, unit in HEADING.findall(page(language))]
    with speak(language):
        assert found == [(row.name, row.title, PAGES[language][1]) for row in ROWS]


@in_both
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_lesson_is_whole(row: Row, language: str) -> None:
    text = section(row, language)
    _, _, parts, option = PAGES[language]
    assert re.findall(r"(?m)^\*\*(.+?):\*\*", text) == list(parts)
    assert 2 <= len(answers(text)) == len(re.findall(r"(?m)^\d\. ", text)) <= 3
    assert f"`sloy lecture {row.name}{option} --exercise`" in text


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_languages_agree(row: Row) -> None:
    """In minutes, and in the numbers of answers."""
    english, russian = (section(row, language) for language in PAGES)
    numbers = [
        [re.findall(r"\d+", answer) for answer in answers(text)] for text in (english, russian)
    ]
    assert numbers[0] == numbers[1]
    assert HEADING.findall(english)[0][2] == HEADING.findall(russian)[0][2]


@in_both
def test_courses_fit_their_hours(language: str) -> None:
    minutes = {name: int(number) for name, _, number, _ in HEADING.findall(page(language))}
    courses = re.findall(r"(?m)^\| (\d) \| (L[\dL, –]+) \|", page(language))
    assert [int(hours) for hours, _ in courses] == [2, 4, 8]
    for hours, rows in courses:
        chosen = list(minutes) if "–" in rows else rows.split(", ")
        assert 0.85 * 60 * int(hours) <= sum(minutes[name] for name in chosen) <= 60 * int(hours)


@in_both
def test_other_pages_lead_here(language: str) -> None:
    lecture = {"en": "lecture.md", "ru": "lecture.ru.md"}[language]
    name = PAGES[language][0]
    for path in (DOCS / lecture, DOCS / "README.md"):
        assert f"({name})" in path.read_text(encoding="utf-8"), path.name
    assert f"(docs/{name})" in (DOCS.parent / "README.md").read_text(encoding="utf-8")


def test_answers_are_true() -> None:
    """Numbers that the pages give as answers, counted."""
    lenet, vgg = sloy.zoo.lenet5((28, 28, 1), 10), sloy.zoo.vgg(16, (224, 224, 3), 1000)
    dense = max(math.prod(shape) for shape in vgg.shapes.values()) + 4096
    conv = 28 * 28 * 6 * 25 + 10 * 10 * 16 * 25 * 6
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    lines = itertools.product(np.arange(-4, 5), np.arange(-4, 5), np.arange(-4.5, 5))
    functions = {tuple(corners @ (w1, w2) + w0 > 0) for w1, w2, w0 in lines}
    counted = {
        "L2": len(functions),
        "L6": sloy.Network((784,), [Dense(100), Sigmoid(), Dense(10)]).parameter_count,
        "L18": sloy.theory.convolve(
            np.full((7, 7), 50), sloy.theory.CURVE_FILTER, edges="valid"
        ).item(),
        "L19": sloy.theory.convolve(EXAMPLE, [[1, 0, -1]] * 3, edges="valid")[0, 1],
        "L20": sloy.Network((32, 32, 3), [Conv2D(32, 5)]).parameter_count,
        "L24": [math.prod(lenet.shapes["dense_1/weight"]) + 120, lenet.parameter_count, conv],
        "L25": dense,
    }
    for name, found in counted.items():
        text = section(ROWS[int(name[1:]) - 1], "en").replace("−", "-").replace(" ", "")
        for number in found if isinstance(found, list) else [found]:
            assert re.search(rf"(?<!\d){number:.0f}(?!\d)", text), (name, number)
