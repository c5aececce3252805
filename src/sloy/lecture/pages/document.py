"""A page: one file that holds all it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from sloy.errors import UnknownName
from sloy.files.atomic import write_atomically
from sloy.language import say, speak, spoken
from sloy.lecture.pages import learning, neurons, pictures
from sloy.lecture.pages.content import Content
from sloy.lecture.rows import ROWS, Row, find
from sloy.pages import document, script
from sloy.text import framed, shown

FOLDER = Path(__file__).parent
HEIGHT = 820  # pixels of a page in a notebook
SUBJECTS = {**neurons.SUBJECTS, **learning.SUBJECTS, **pictures.SUBJECTS}  # row's number → content
ROWS_WITH_PAGES = tuple(row.name for row in ROWS if row.number in SUBJECTS)


@dataclass(frozen=True)
class Page:
    """A row's page in a language; a notebook shows it where it ends a cell.

    Attributes
    ----------
    row : Row
    language : str
    html : str
        The whole file. Its policy lets it load nothing, and run no script but its own.
    """

    row: Row
    language: str
    html: str

    def save(self, path: str | Path) -> Path:
        """Write the file, and give its path.

        Parameters
        ----------
        path : str or Path
            In a folder that exists.
        """
        write_atomically(path, self.html.encode())
        return Path(path)

    def _repr_html_(self) -> str:
        title = f"{self.row.name}. {_title(self.row, self.language)}"
        return framed(self.html, title, "100%", HEIGHT)

    def __repr__(self) -> str:
        return f"Page({self.row.name}, {self.language!r}, {len(self.html)} characters)"


def page(row: str, *, language: str | None = None) -> Page:
    """The page of a row of the lecture, in which its numbers can be moved.

    Parameters
    ----------
    row : str
        Such as ``"L3"``; `ROWS_WITH_PAGES` names those that have one.
    language : "en" or "ru", optional
        By default the one that is spoken.

    Raises
    ------
    UnknownName
        For a row without a page, and a language that sloy does not speak.

    Examples
    --------
    >>> page("L3")
    Page(L3, 'en', ... characters)
    >>> page("L3", language="ru").html[:31]
    '<!doctype html>\\n<html lang="ru"'
    """
    found = find(row)
    if found.number not in SUBJECTS:
        raise UnknownName(
            f"page: `row` (={shown(row)}) has no page to move things in; {', '.join(ROWS_WITH_PAGES)} have one."
        )
    with speak(spoken() if language is None else language):
        return Page(found, spoken(), _assembled(found, SUBJECTS[found.number]()))


def write_index(folder: Path, rows: Sequence[Row]) -> Path:
    """A list of pages that were written into a folder, ``index.html``."""
    items = "".join(
        f'<li><a href="{row.name}.html">{row.name}. {escape(row.title)}</a></li>' for row in rows
    )
    content = document(
        title=say("The lecture, to be moved"),
        lead=f"<p>{escape(say('Each page computes as you move it, and needs no network.'))}</p>",
        main=f"<ul>{items}</ul>",
        foot=_foot(),
    )
    write_atomically(folder / "index.html", content.encode())
    return folder / "index.html"


# --- parts ----------------------------------------------------------------------------------------


def _title(row: Row, language: str) -> str:
    with speak(language):
        return row.title


def _assembled(row: Row, content: Content) -> str:
    told = {
        "row": row.name,
        "page": content.scripts[-1],
        "texts": {"number": say("as a number"), **content.texts},
        "start": content.start,
    }
    tries = "".join(f"<li>{escape(text)}</li>" for text in content.tries)
    return document(
        title=f"{row.name}. {row.title}",
        heading=row.title,
        above=f"sloy · {row.name}",
        lead=f"<p>{escape(content.about)}</p>\n<ul>{tries}</ul>",
        main=f"<noscript>{escape(say('This page computes with JavaScript.'))}</noscript>",
        foot=_foot(),
        told=told,
        scripts=[script("widgets.js"), *map(script_of, content.scripts)],
    )


def _foot() -> str:
    return say("Everything is computed in this page; nothing is loaded or sent.")


def script_of(name: str) -> str:
    """A subject's script, or one that pages share."""
    own = FOLDER / f"{name}.js"
    return own.read_text(encoding="utf-8") if own.exists() else script(f"{name}.js")
