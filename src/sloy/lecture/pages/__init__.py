"""Pages to move things in: one HTML file each, which computes in the browser and asks nothing of anybody.

A page is made by `sloy.pages` of a subject's script, those that pages share, and what Python tells them: texts, numbers
to start with.
"""

from sloy.lecture.pages.document import ROWS_WITH_PAGES, Page, page, write_index

__all__ = ["ROWS_WITH_PAGES", "Page", "page", "write_index"]
