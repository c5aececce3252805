"""Pages to move things in: one HTML file each, which computes in the browser and asks nothing of anybody.

A page is `page.html` with its style, its scripts and what Python tells them (texts, numbers to start with) inside.
The scripts are plain: `widgets.js` and `plane.js` are shared, the others are a subject each.
"""

from sloy.lecture.pages.document import ROWS_WITH_PAGES, Page, page, write_index

__all__ = ["ROWS_WITH_PAGES", "Page", "page", "write_index"]
