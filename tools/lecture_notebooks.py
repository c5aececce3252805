"""Make docs/notebooks: a notebook for each row of the lecture, in English and in Russian.

    python tools/lecture_notebooks.py

Its prose is the row's section of docs/lecture.md or docs/lecture.ru.md, its cells are the row's program, which shows
its figures and results where it prints and saves them on the page. Nothing in docs/notebooks is written by hand.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from lecture_page import CODE, DOCS, PAGES, sections
from program_cells import cells

from sloy import lecture
from sloy.lecture import ROWS, Row, program

MOVE = True  # show the pages to move, of the rows that have one
PRACTISE = True  # end with the row's exercises
FOLDER = DOCS / "notebooks"
WORDS = {
    "en": {
        "page": "the lecture, row by row",
        "other": "по-русски",
        "install": "Where sloy is not installed yet: `pip install . jupyterlab` in a copy of its repository,"
        " then `jupyter lab docs/notebooks`. Cells run from top to bottom; change numbers in them and run them again.",
        "move": "## To move",
        "practise": "## To practise\n\n`.check(answer)` says whether an answer is right, and what is wrong;"
        " `.hint(1)` and `.solution` help.",
    },
    "ru": {
        "page": "лекция, пункт за пунктом",
        "other": "in English",
        "install": "Если sloy ещё не установлен: `pip install . jupyterlab` в копии его репозитория, затем"
        " `jupyter lab docs/notebooks`. Ячейки выполняются сверху вниз; меняйте в них числа и выполняйте снова.",
        "move": "## Подвигать",
        "practise": "## Задания\n\n`.check(ответ)` говорит, верен ли ответ и что в нём не так;"
        " `.hint(1)` и `.solution` помогают.",
    },
}
LEFT_OUT = (
    re.compile(  # of a section: its pictures, which the cells draw, and what is for the page alone
        r"(?m)^(!\[.*\n?|- \*(Tests|Тесты):\*.*\n?|- \*(State|Состояние):\* (works|работает)\n?)"
    )
)


def path(row: Row, language: str) -> Path:
    """L03.ipynb in the language's folder."""
    return FOLDER / language / f"L{row.number:02}.ipynb"


def notebook(row: Row, language: str) -> str:
    """The text of a row's notebook."""
    section = sections(PAGES[language].read_text(encoding="utf-8"))[row.number]
    title, _, prose = section.removeprefix("## ").partition("\n")
    before, after = (
        from_notebook(LEFT_OUT.sub("", part), language) for part in CODE.split(prose)[::2]
    )
    found = [
        markdown(f"# {title}\n\n{WORDS[language]['install']}\n\n{links(row, language, title)}")
    ]
    found += [markdown(before), *map(source, programmed(row, language))]
    if after:
        found.append(markdown(after))
    found += [*moved(row, language), *practised(row, language)]
    for number, cell in enumerate(found, 1):
        cell["id"] = f"{row.name}-{number}"
    document = {
        "cells": found,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def programmed(row: Row, language: str) -> list[str]:
    """The program's cells; from the first on, the language is spoken."""
    imports, *rest = cells(program(row, language))
    if language != "en":
        imports += f'\n\nsloy.language.speak("{language}");'
    return [imports, *rest]


def moved(row: Row, language: str) -> list[dict[str, Any]]:
    """Cells of the page in which the row's numbers can be moved."""
    if not MOVE or row.name not in lecture.ROWS_WITH_PAGES:
        return []
    return [markdown(WORDS[language]["move"]), source(f'sloy.lecture.page("{row.name}")')]


def practised(row: Row, language: str) -> list[dict[str, Any]]:
    """Cells of the row's exercises."""
    if not PRACTISE:
        return []
    names = [exercise.name for exercise in lecture.EXERCISES if exercise.row == row.name]
    tasks = (source(f'sloy.lecture.exercise("{name}")') for name in names)
    return [markdown(WORDS[language]["practise"]), *tasks]


def links(row: Row, language: str, title: str) -> str:
    """To the rows beside this one, the other language, and the page."""
    anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
    other = "en" if language == "ru" else "ru"
    found = [
        f"[L{near.number}]({path(near, language).name})"
        for near in ROWS
        if abs(near.number - row.number) == 1
    ]
    found.append(f"[{WORDS[language]['other']}](../{other}/{path(row, other).name})")
    found.append(f"[{WORDS[language]['page']}](../../{PAGES[language].name}#{anchor})")
    return " · ".join(found)


def from_notebook(text: str, language: str) -> str:
    """Markdown of the page, its links as they are from a notebook's folder."""
    text = text.replace("](#", f"]({PAGES[language].name}#")
    return re.sub(r"\]\((?!\w+://)", "](../../", text).strip()


def markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def source(code: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": code.splitlines(keepends=True),
    }


def main() -> None:
    for language in PAGES:
        (FOLDER / language).mkdir(parents=True, exist_ok=True)
        for row in ROWS:
            path(row, language).write_text(notebook(row, language), encoding="utf-8")


if __name__ == "__main__":
    main()
