"""Put the programs of `sloy.lecture` into docs/lecture.md and docs/lecture.ru.md, and with --pictures run them.

    python tools/lecture_page.py [--pictures [ROW…]]

The prose is written by hand; the Python of each row, and its pictures in docs/images/lecture (the Russian ones in
its folder ru), come from src/sloy/lecture. tools/lecture_notebooks.py makes notebooks of the pages.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from sloy.lecture import ROWS, Row, program

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = {"en": DOCS / "lecture.md", "ru": DOCS / "lecture.ru.md"}
PICTURES = {"en": "images/lecture", "ru": "images/lecture/ru"}  # in DOCS
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def sections(page: str) -> list[str]:
    """What stands before the first row, then a section for each row."""
    return re.split(r"(?m)^(?=## L\d+\.)", page)


def up_to_date(page: str, language: str) -> str:
    """A page with the program of each row in its first Python fence, and its pictures of the language."""
    page = re.sub(r"\]\(images/lecture/(?:ru/)?", f"]({PICTURES[language]}/", page)
    first, *rows = sections(page)
    for place, section in enumerate(rows):
        code = program(ROWS[int(section.split(".", 1)[0].removeprefix("## L")) - 1], language)
        rows[place] = CODE.sub(lambda _, code=code: f"```python\n{code}```", section, count=1)
    return first + "".join(rows)


def draw(rows: Sequence[Row], language: str) -> None:
    """Run rows, and keep their pictures, in few colours."""
    folder = DOCS / PICTURES[language]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        with contextlib.chdir(work):
            for row in rows:
                row.run(language)
        for picture in Path(work).glob("*.png"):
            with Image.open(picture) as opened:
                small = opened.convert("RGB").quantize(64, dither=Image.Dither.NONE)
            small.save(folder / picture.name, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Bring the lecture's pages up to date.")
    parser.add_argument(
        "--pictures",
        nargs="*",
        metavar="ROW",
        help="run rows (by default all) in both languages, keep their pictures",
    )
    options = parser.parse_args()
    for language, path in PAGES.items():
        page = path.read_text(encoding="utf-8")
        path.write_text(up_to_date(page, language), encoding="utf-8")
        if options.pictures is not None:
            chosen = [row for row in ROWS if not options.pictures or row.name in options.pictures]
            draw(chosen, language)


if __name__ == "__main__":
    main()
