"""Figures show themselves: in a notebook's cell, on a screen; they stay matplotlib's figures."""

from __future__ import annotations

import copy
import pickle
import sys
import types
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest
from matplotlib.figure import Figure

from kernel import Kernel, kernel, kinds, said
from sloy.errors import NotAvailable
from sloy.inspection import curves_figure
from sloy.inspection.encoded import png
from sloy.inspection.figure import ShownFigure

DRAW = (
    "from sloy.inspection import curves_figure\n"
    "figure = curves_figure({'epoch': [1, 2], 'loss': [0.5, 0.2]})\n"
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with kernel(tmp_path_factory.mktemp("kernel")) as found:
        yield found


@pytest.fixture
def figure() -> ShownFigure:
    drawn = curves_figure({"epoch": [1, 2], "loss": [0.5, 0.2]})
    assert isinstance(drawn, ShownFigure)
    return drawn


@pytest.mark.parametrize("ending", ["figure", "figure.show()", "figure.show()\nprint('then')"])
def test_a_cell_shows_it_once(running: Kernel, ending: str) -> None:
    (outputs,) = running.run_cells(DRAW + ending)
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 1
    assert ("then" in said(outputs)) == ("then" in ending)


def test_a_cell_that_only_draws_shows_nothing(running: Kernel) -> None:
    (outputs,) = running.run_cells(DRAW)
    assert kinds(outputs) == set()


def test_on_a_screen(figure: ShownFigure, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's viewer opens a picture."""
    opened: list[Path] = []

    def viewer(uri: str) -> bool:
        opened.append(Path(urlparse(uri).path))
        return True

    monkeypatch.setattr(webbrowser, "open", viewer)
    figure.show()
    (picture,) = opened
    assert picture.read_bytes() == png(figure)
    picture.unlink()


def test_in_a_terminal_of_ipython(figure: ShownFigure, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no pictures of its own, unlike a kernel."""
    terminal = types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython", terminal)
    test_on_a_screen(figure, monkeypatch)


def test_without_a_screen(
    figure: ShownFigure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda uri: False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(
        NotAvailable, match=r"no viewer .*; `figure\.savefig\('name\.png'\)` writes"
    ):
        figure.show()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("copied", [lambda f: pickle.loads(pickle.dumps(f)), copy.deepcopy])
def test_copies_are_the_same(copied: object, figure: ShownFigure) -> None:
    assert callable(copied)
    other = copied(figure)
    assert type(other) is ShownFigure
    assert other is not figure
    assert other._repr_png_() == figure._repr_png_() == png(figure)


def test_files_are_as_matplotlib_writes_them(figure: ShownFigure, tmp_path: Path) -> None:
    plain = pickle.loads(pickle.dumps(figure))
    plain.__class__ = Figure
    for number, drawn in enumerate((figure, plain)):
        drawn.savefig(tmp_path / f"{number}.png", dpi=80)
        drawn.savefig(tmp_path / f"{number}.svg", metadata={"Date": None})
    assert (tmp_path / "0.png").read_bytes() == (tmp_path / "1.png").read_bytes()
    assert b"<svg" in (tmp_path / "0.svg").read_bytes()
