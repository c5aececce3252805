"""A page: one file that holds all it needs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from sloy.errors import UnknownName
from sloy.files.atomic import write_atomically
from sloy.language import say, speak, spoken
from sloy.lecture.pages import learning, neurons, pictures
from sloy.lecture.pages.content import Content
from sloy.lecture.rows import ROWS, Row, find
from sloy.text import framed, script_json, shown

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
    content = _filled(
        title=say("The lecture, to be moved"),
        above="sloy",
        lead=f"<p>{escape(say('Each page computes as you move it, and needs no network.'))}</p>",
        main=f"<ul>{items}</ul>",
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
    return _filled(
        title=row.title,
        above=f"sloy · {row.name}",
        lead=f"<p>{escape(content.about)}</p>\n<ul>{tries}</ul>",
        main=f"<noscript>{escape(say('This page computes with JavaScript.'))}</noscript>",
        data=told,
        scripts=[f"{name}.js" for name in ("widgets", *content.scripts)],
    )


def _filled(
    *,
    title: str,
    above: str,
    lead: str,
    main: str,
    data: dict[str, Any] | None = None,
    scripts: Iterable[str] = (),
) -> str:
    """`page.html` with everything in it, and the policy that allows just this."""
    style, sources = _file("page.css"), [_file(name) for name in scripts]
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src"
        f" {' '.join(map(_hash, sources)) or chr(39) + 'none' + chr(39)}; img-src data:; base-uri 'none';"
        " form-action 'none'"
    )
    blocks = [f"<script>{source}</script>" for source in sources]
    if data is not None:
        blocks.insert(
            0, f'<script type="application/json" id="lesson">{script_json(data)}</script>'
        )
    return Template(_file("page.html")).substitute(
        language=spoken(),
        policy=policy,
        title=escape(f"{above.removeprefix('sloy · ')}. {title}" if data else title),
        heading=escape(title),
        above=escape(above),
        lead=lead,
        main=main,
        style=style,
        foot=escape(say("Everything is computed in this page; nothing is loaded or sent.")),
        scripts="\n".join(blocks),
    )


@cache
def _file(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What a policy calls an inline script or style by."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
