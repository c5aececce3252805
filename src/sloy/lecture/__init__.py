"""The lecture's rows L1–L25, each a short program that prints and writes its picture.

The programs are also the snippets of docs/lecture.md, where each row is explained.
"""

from sloy.lecture.pages import Page, page, pages, write_index
from sloy.lecture.rows import ROWS, Row, find, program

__all__ = ["ROWS", "Page", "Row", "find", "page", "pages", "program", "write_index"]
