"""The lecture's rows L1–L25, each a short program that prints and writes its picture.

The programs are also the snippets of docs/lecture.md, where each row is explained.
"""

from sloy.lecture.pages import ROWS_WITH_PAGES, Page, page
from sloy.lecture.rows import ROWS, Row, find, program

__all__ = ["ROWS", "ROWS_WITH_PAGES", "Page", "Row", "find", "page", "program"]
