"""The figures that sloy gives: matplotlib's, which a notebook shows where they end a cell."""

from __future__ import annotations

import sys
import tempfile
import webbrowser
from pathlib import Path

from matplotlib.figure import Figure

from sloy.errors import NotAvailable
from sloy.inspection.encoded import png


class ShownFigure(Figure):
    """A figure that shows itself: at the end of a notebook's cell, or by `show`."""

    def _repr_png_(self) -> bytes:
        return png(self)

    def show(self, warn: bool = True) -> None:
        """Show the picture: in a notebook where this runs in one, else in the viewer of this machine.

        Parameters
        ----------
        warn : bool
            Not used; matplotlib's own `show` has it.

        Raises
        ------
        NotAvailable
            Where there is no screen; ``figure.savefig("name.png")`` writes a file anywhere.
        """
        ipython = sys.modules.get("IPython")
        if ipython is not None and hasattr(ipython.get_ipython(), "kernel"):
            ipython.display.display(self)
            return
        with tempfile.NamedTemporaryFile(suffix=".png", prefix="sloy-", delete=False) as file:
            file.write(png(self))
        if not webbrowser.open(Path(file.name).as_uri()):
            Path(file.name).unlink()
            raise NotAvailable(
                "show: no viewer was found on this machine; `figure.savefig('name.png')` writes the picture."
            )
