"""The lecture's pages: every row is there, its program runs as it stands and says the lecture's numbers."""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.figure
import pytest

import sloy
from lecture_said import assert_said
from legible import assert_legible
from sloy.errors import UnknownName
from sloy.lecture import ROWS, ROWS_WITH_PAGES, Row, find, program

DOCS = Path(__file__).resolve().parents[2] / "docs"
PICTURES = {"en": "images/lecture", "ru": "images/lecture/ru"}  # in DOCS
LARGEST = 62_000  # bytes of a picture
LANGUAGES = {  # page, and how it says where, by what and how far
    "en": ("lecture.md", "In sloy", "Tests", "State", "works", "partly: "),
    "ru": ("lecture.ru.md", "В sloy", "Тесты", "Состояние", "работает", "частично: "),
}


def sections(language: str) -> dict[int, str]:
    """Number of a row → its section."""
    text = (DOCS / LANGUAGES[language][0]).read_text(encoding="utf-8")
    parts = re.split(r"(?m)^## ", text)[1:]
    numbers = [re.match(r"L(\d+)\. \S", part) for part in parts]
    assert all(numbers), "every section is a row of the lecture"
    assert len(parts) == len({m[1] for m in numbers if m}), "a row is there twice"
    return {int(m[1]): part for m, part in zip(numbers, parts, strict=True) if m}


def field(section: str, name: str) -> str:
    (found,) = re.findall(rf"(?m)^- \*{name}:\* (.+)$", section)
    return found


def linked(text: str) -> list[str]:
    """Names and targets of links."""
    return re.findall(r"`[^`]+`|\]\([^)]+\)", text)


def pictures(section: str, language: str) -> list[str]:
    """Names of the programs' pictures that a section shows; there are no others."""
    paths = [Path(path) for path in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", section)]
    assert {path.parent.as_posix() for path in paths} <= {PICTURES[language]}
    return [path.name for path in paths]


def snippet(section: str) -> str:
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return code


SECTIONS = {language: sections(language) for language in LANGUAGES}


def resolve(name: str) -> Any:
    """What a dotted public name stands for."""
    found: Any = sloy
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_row_is_missing(language: str) -> None:
    assert list(SECTIONS[language]) == list(range(1, 26)) == [row.number for row in ROWS]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_contents_lead_to_every_row(language: str) -> None:
    text = (DOCS / LANGUAGES[language][0]).read_text(encoding="utf-8")
    headings = re.findall(r"(?m)^## (.+)$", text)
    anchors = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    assert sorted(re.findall(r"\]\(#([^)]+)\)", text)) == sorted(anchors)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_says_all_it_must(row: Row, language: str) -> None:
    _, where, tests, state, works, partly = LANGUAGES[language]
    section = SECTIONS[language][row.number]
    assert snippet(section) == program(row, language), "run `python tools/lecture_page.py`"
    names = re.findall(r"`(sloy[\w.]*)`", field(section, where))
    assert names
    for name in names:
        assert resolve(name) is not None
    files = re.findall(r"\]\((\.\./tests/[^)]+)\)", field(section, tests))
    assert files
    for path in files:
        assert "def test_" in (DOCS / path).read_text(encoding="utf-8")
    if row.missing:
        assert field(section, state).startswith(partly)
    else:
        assert field(section, state) == works
    words = re.sub(r"(?s)```.*?```|^.*?\n", "", section, count=2)
    assert len(words) > 60, "what the lecture says, in own words"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_languages_agree(row: Row) -> None:
    english, russian = SECTIONS["en"][row.number], SECTIONS["ru"][row.number]
    for one, other in (("In sloy", "В sloy"), ("Tests", "Тесты")):
        assert linked(field(english, one)) == linked(field(russian, other))
    assert pictures(english, "en") == pictures(russian, "ru")
    if row.missing:
        assert field(english, "State") == f"partly: {row.missing}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_names_its_page_to_move_things_in(row: Row) -> None:
    command = f"`sloy lecture {row.name} --html`"
    expected = [command] if row.name in ROWS_WITH_PAGES else []
    assert re.findall(r"(?m)^- \*To move:\* (.+)$", SECTIONS["en"][row.number]) == expected
    expected = [text.replace("--html", "--html --lang ru") for text in expected]
    assert re.findall(r"(?m)^- \*Подвигать:\* (.+)$", SECTIONS["ru"][row.number]) == expected


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_pictures_of_the_page(row: Row, language: str) -> None:
    """A program's pictures are on the page, and no others."""
    shown = pictures(SECTIONS[language][row.number], language)
    assert shown == re.findall(r'savefig\(\s*"([^"]+)"', program(row, language))
    for name in shown:
        assert name.startswith(f"{row.name}.")
        assert 1000 < (DOCS / PICTURES[language] / name).stat().st_size < LARGEST


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_picture_is_left_over(language: str) -> None:
    shown = {
        name for section in SECTIONS[language].values() for name in pictures(section, language)
    }
    assert {path.name for path in (DOCS / PICTURES[language]).glob("*.*")} == shown


@pytest.mark.parametrize("number", range(1, 26))
def test_the_program_runs(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it stands on the page; it prints the lecture's numbers, and its pictures are legible."""
    save: Callable[..., None] = matplotlib.figure.Figure.savefig
    code = snippet(SECTIONS["en"][number])

    def checked(figure: matplotlib.figure.Figure, *arguments: Any, **options: Any) -> None:
        assert_legible(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", checked)
    with contextlib.chdir(tmp_path):
        exec(compile(code, f"L{number} of docs/lecture.md", "exec"), {})
    assert_said(number, capsys.readouterr().out)
    for name in re.findall(r'savefig\(\s*"([^"]+)"', code):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_rows_are_found_by_name() -> None:
    assert find("L3") is find("l3") is find("3") is ROWS[2]
    for wrong in ("L0", "L26", "x", "", "L-1"):
        with pytest.raises(UnknownName, match="there are L1 to L25"):
            find(wrong)


def test_the_room_is_light() -> None:
    """Programs import what they need when they run."""
    for module in ("neurons", "networks", "learning", "pictures"):
        names = vars(importlib.import_module(f"sloy.lecture.{module}"))
        assert not {"np", "sloy", "matplotlib"} & set(names)
