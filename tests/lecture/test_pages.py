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
from legible import assert_legible
from sloy.errors import UnknownName
from sloy.lecture import ROWS, ROWS_WITH_PAGES, Row, find, program

DOCS = Path(__file__).resolve().parents[2] / "docs"
PICTURES = DOCS / "images/lecture"
LARGEST = 62_000  # bytes of a picture
LANGUAGES = {  # page, and how it says where, by what and how far
    "en": ("lecture.md", "In sloy", "Tests", "State", "works", "partly: "),
    "ru": ("lecture.ru.md", "В sloy", "Тесты", "Состояние", "работает", "частично: "),
}
SAID = {  # what a row's program must print
    1: [r"a\(x\) = σ\(.* x1 .* x2", r"right: (1\.0|0\.9)", r"Converged after \d+ passes"],
    2: [
        r"x1 \+ x2 - 3/2 > 0\] \[0\. 0\. 0\. 1\.\]", r"x1 \+ x2 - 1/2 > 0\] \[0\. 1\. 1\. 1\.\]",
        r"-x1 \+ 1/2 > 0\] \[1\. 0\.\]",
    ],
    3: [r"Not linearly separable", r"(?s)(\[0\. 1\. 1\. 0\.\].*){2}", r"learned: \[0 1 1 0\]"],
    4: [r"\(a & ~b\) \| c", r"parity of three: .*&.*\|"],
    5: [r"20 units \(steps\): greatest error 0\.09\d+ on", r"\d\d units \(ramps\): greatest error 0\.0009"],
    6: [r"123 parameters; H \(n \+ M \+ 1\) \+ M = 123", r"R² on objects held out: 0\.9"],
    7: [r"full batch: 15 steps", r"object by object: 600 steps, mean loss 0\.1"],
    8: [
        r"P\^(1\.[89]|2\.[01])\d the naive way and as P\^(0\.9|1\.[01])\d by backprop",
        r"seconds up to [\d ]+ parameters: a pass costs no more than starting it",
    ],
    9: [
        r"ε\^h = Σ_m ε\^m σ′_m w_hm", r"the ½ makes it ε\^m = a\^m − y\^m",
        r"converged after \d+ passes", r"XOR: \[0\.0\d 0\.9\d? 0\.9\d? 0\.0\d\]",
    ],
    10: [r"σ: passed", r"L: passed", r"largest error: 0\.[01]"],
    11: [
        r"0\.03 +1\d\d\d ± \d+\n0\.1 +\d{3} ± \d+\n0\.3 +1\d\d ± \d+\n1 +diverges", r"\n2 +(6|7)\d ± 5 +0\.062\d",
        r"\n3 +9\d ± [23] ", r"\n4 +100\n8 +100\n",
        r"100 +0\.018\d ±.* 0\.(4|5)\d ± 0\.0\d\n", r"val_loss rises to [1-9]",
    ],
    12: [
        r"none +0\.000.*  1\.\d\d ±", r"L2 .* 0\.[67]\d ±", r"more data .* 0\.4\d* ± 0\.01\d +0\.8",
        r"stopped after \d\d? epochs, accuracy on unseen objects 0\.[789]",
    ],
    13: [
        r"L = 0\.126928 1\.313262 1000\.0\n-\[y ln a .* = 0\.126928 1\.313262\n",
        r"L = 0\.169846 0\.861995 2000\.0\n-Σ .* = 0\.169846 0\.861995\n",
        r"class_weight=balanced: finds [5-9]\d %",
    ],
    14: [
        r"dense: in use (-?\d\.\d{6}), mean over all masks \1,",
        r"convolution: in use (-?\d\.\d{6}), mean over all masks \1,",
        r"mean of 1000 drawn -?\d\.\d+ ± 0\.0\d+",
    ],
    15: [
        r"(?s)(passed.*){5}", r"= \[-1\. +1\.\] σ′\(z\) = \[0\. 0\.\]", r"Maxout\(4, 2\) +4 +48",
        r"differ by \de-0[67]",
    ],
    16: [r"0 +0 +0 +3 +18 +18 +18 126 136 175 +26 166 255 247 127", r"blue:\n 60  60  60 .*(\n.*){3}120 120 120  90"],
    17: [r"\(28, 28\) \(26, 26\)"],
    18: [r"\[\[6600\.\]\]\n\[\[0\.\]\]"],
    19: [r"\[ 6\. -9\. -8\.\]", r"7·1 \+ 2·0 \+ 3·\(−1\)", r"= 6", r"f\(2, 2\) = 2·1 \+ 8·0 \+ 4·\(−1\)"],
    20: [r"(?s)( 1\. +-?0\. +-1\..*){3}", r"16 × 16 × 8"],
    21: [
        r"conv2d_1: 5 × 5 pixels", r"conv2d_2: 10 × 10 pixels", r"conv2d_3: 20 × 20 pixels",
        r"most, (8\.\d|9\.0) are the same\nChange",
        r"conv2d_1( +0\.00){4}  ", r"max_pool2d_1 +0\.[345]\d +0\.00 ", r"right answers, %",
    ],
    22: [r"\[\[6\. 8\.\]\n \[3\. 4\.\]\]", r"\[ 0\. +0\.1 +0\. +-0\.2\]", r"54170 without pooling, 13610 with it"],
    23: [r"9\d\.\d % of the 10 000 test digits"],
    24: [r"356 810", r"61 706"],
    25: [r"138357544", r"tabby", r"a small VGG-11 after 2000 digits: [3-9]\d %"],
}  # fmt: skip


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
    assert snippet(section) == program(row), "run `python tools/lecture_page.py`"
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
    assert snippet(english) == snippet(russian)
    for one, other in (("In sloy", "В sloy"), ("Tests", "Тесты")):
        assert linked(field(english, one)) == linked(field(russian, other))
    picture = r"\]\((images/[^)]+)\)"
    assert re.findall(picture, english) == re.findall(picture, russian)
    if row.missing:
        assert field(english, "State") == f"partly: {row.missing}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_names_its_page_to_move_things_in(row: Row) -> None:
    command = f"`sloy lecture {row.name} --html`"
    expected = [command] if row.name in ROWS_WITH_PAGES else []
    assert re.findall(r"(?m)^- \*To move:\* (.+)$", SECTIONS["en"][row.number]) == expected
    expected = [text.replace("--html", "--html --lang ru") for text in expected]
    assert re.findall(r"(?m)^- \*Подвигать:\* (.+)$", SECTIONS["ru"][row.number]) == expected


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_pictures_of_the_page(row: Row) -> None:
    """A program's picture is on the page, and no other."""
    shown = re.findall(r"!\[[^\]]+\]\(images/lecture/([^)]+)\)", SECTIONS["en"][row.number])
    assert shown == re.findall(r'savefig\(\s*"([^"]+)"', program(row))
    for name in shown:
        assert name.startswith(f"{row.name}.")
        assert 1000 < (PICTURES / name).stat().st_size < LARGEST


def test_no_picture_is_left_over() -> None:
    shown = {name for row in ROWS for name in re.findall(r'savefig\(\s*"([^"]+)"', program(row))}
    assert {path.name for path in PICTURES.iterdir()} == shown


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
    said = capsys.readouterr().out
    for pattern in SAID[number]:
        assert re.search(pattern, said), f"{pattern!r} is not in:\n{said}"
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
