"""Put the programs of `sloy.lecture` into docs/lecture.md and docs/lecture.ru.md, and with --pictures run them.

    python tools/lecture_page.py [--pictures]

The prose is written by hand; the Python of each row, and its picture in docs/images/lecture, come from
src/sloy/lecture.
"""

from __future__ import annotations

import argparse
import contextlib
import re
from pathlib import Path

from PIL import Image

from sloy.lecture import ROWS, program

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = (DOCS / "lecture.md", DOCS / "lecture.ru.md")


def with_programs(page: str) -> str:
    """A page with the program of each row in its first Python fence."""
    parts = re.split(r"(?m)^(?=## L\d+\.)", page)
    for place, part in enumerate(parts):
        if match := re.match(r"## L(\d+)\.", part):
            code = program(ROWS[int(match[1]) - 1])
            parts[place] = re.sub(
                r"```python\n.*?```",
                lambda _, code=code: f"```python\n{code}```",
                part,
                count=1,
                flags=re.DOTALL,
            )
    return "".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description="Bring the lecture's pages up to date.")
    parser.add_argument(
        "--pictures",
        nargs="*",
        metavar="ROW",
        help="run rows (by default all), keep their pictures",
    )
    options = parser.parse_args()
    for page in PAGES:
        page.write_text(with_programs(page.read_text(encoding="utf-8")), encoding="utf-8")
    if options.pictures is not None:
        folder = DOCS / "images/lecture"
        folder.mkdir(exist_ok=True)
        with contextlib.chdir(folder):
            for row in ROWS:
                if not options.pictures or row.name in options.pictures:
                    row.run("en")
        for picture in folder.glob("*.png"):
            with Image.open(picture) as opened:
                small = opened.convert("RGB").quantize(64, dither=Image.Dither.NONE)
            small.save(picture, optimize=True)
        for other in set(folder.iterdir()) - set(folder.glob("*.png")):
            other.unlink()  # what rows write beside pictures


if __name__ == "__main__":
    main()
