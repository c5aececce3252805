"""Pages to move things in: one HTML file each, which computes in the browser and asks nothing of anybody.

A page is `page.html` with its style, its scripts and what Python tells them (texts, numbers to start with) inside.
The scripts are plain: `widgets.js` and `plane.js` are shared, the others are a subject each.
"""

from sloy.lecture.pages.page import Page, page, pages, write_index

__all__ = ["Page", "page", "pages", "write_index"]
