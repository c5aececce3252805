"""A real kernel of Jupyter that runs notebooks, and what they showed."""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from IPython.display import display
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

import sloy
from legible import assert_legible, texts
from sloy.inspection.figure import ShownFigure

TESTS = Path(__file__).parent
Output = dict[str, Any]


def prepare() -> None:
    """Within the kernel: digits are unpacked once; a figure that is shown must be legible and tells its texts."""
    draw = ShownFigure._repr_png_

    def checked(figure: ShownFigure) -> bytes:
        assert_legible(figure)
        display({"text/figure": "\n".join(texts(figure))}, raw=True)
        return draw(figure)

    ShownFigure._repr_png_ = checked  # type: ignore[method-assign]
    sloy.data.mnist = functools.cache(sloy.data.mnist)


@dataclass(frozen=True)
class Kernel:
    """One process that runs notebooks one after another, each without the names of those before."""

    client: NotebookClient

    def run(self, notebook: Any) -> list[list[Output]]:
        """Outputs of each code cell; a cell that fails ends it with `CellExecutionError`."""
        self.client.nb = notebook
        for place, cell in enumerate(notebook.cells):
            self.client.execute_cell(cell, place)
        return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]

    def run_cells(self, *sources: str) -> list[list[Output]]:
        """Outputs of cells with these sources."""
        return self.run(new_notebook(cells=[new_code_cell(source) for source in sources]))

    def run_file(self, path: Path) -> list[list[Output]]:
        """Outputs of the code cells of a notebook's file."""
        self.run_cells("%reset -f\nimport sloy\nsloy.language.speak('en');\n%reset -f")
        return self.run(nbformat.read(path, as_version=4))


@contextmanager
def kernel(folder: Path) -> Iterator[Kernel]:
    """A kernel that writes into a folder only."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(folder / name.lower()))
        where = {"metadata": {"path": str(folder)}}
        client = NotebookClient(new_notebook(), kernel_name="python3", timeout=120, resources=where)
        with client.setup_kernel():
            running = Kernel(client)
            running.run_cells(
                f"import sys\nsys.path.insert(0, {str(TESTS)!r})\nimport kernel\nkernel.prepare()"
            )
            yield running


def kinds(outputs: Sequence[Output]) -> set[str]:
    """MIME types of what a cell showed."""
    return {kind for output in outputs for kind in output.get("data", {})}


def said(outputs: Sequence[Output]) -> str:
    """What a reader of the cell's outputs reads, figures aside."""
    return "\n".join(_text(output) for output in outputs)


def drawn(outputs: Sequence[Output]) -> str:
    """Texts in figures."""
    return "\n".join(output.get("data", {}).get("text/figure", "") for output in outputs)


def _text(output: Output) -> str:
    if "text" in output:
        return str(output["text"])
    data = output.get("data", {})
    if "text/html" in data:
        plain = re.sub(r"(?s)<(script|style)\b.*?</\1>|<[^>]+>", " ", data["text/html"])
        return html.unescape(plain)
    return "" if "image/png" in data else data.get("text/plain", "")
