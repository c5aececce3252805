"""The lecture's rows L1–L25, each a short program that prints and writes its picture.

The programs are also the snippets of docs/lecture.md, where each row is explained. To each row there are
exercises: ``exercise("L9")``.
"""

from sloy.lecture.exercises import EXERCISES, Exercise, Verdict, exercise
from sloy.lecture.pages import ROWS_WITH_PAGES, Page, page
from sloy.lecture.rows import ROWS, Row, find, program

__all__ = [
    "EXERCISES", "ROWS", "ROWS_WITH_PAGES", "Exercise", "Page", "Row", "Verdict", "exercise", "find", "page", "program",
]  # fmt: skip
