"""HTML files that hold all they need: their style, their scripts, what Python tells them; they ask nothing of anybody.

`page.html` is their frame; `widgets.js`, `plane.js` and `grid.js` are what their scripts share: controls, planes with
axes, numbers in a grid and pictures of pixels. The pages of the lecture, animations and reports are made of them.
"""

from sloy.pages.document import document, plain, script

__all__ = ["document", "plain", "script"]
