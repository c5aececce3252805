"""The pages for teachers: every row has its section, with all a lesson needs; courses fit their hours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sloy.language import speak
from sloy.lecture import ROWS, Row

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = {  # file, and its words
    "en": ("teaching.md", "min", ("Show", "Ask", "Goes wrong", "Exercise"), ""),
    "ru": ("teaching.ru.md", "мин", ("Показать", "Спросить", "Что путают", "Упражнение"), " --lang ru"),
}  # fmt: skip
HEADING = re.compile(r"(?m)^## (L\d+)\. (.+) · (\d+) (min|мин)$")
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
