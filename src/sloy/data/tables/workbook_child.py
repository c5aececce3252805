"""A program of its own: reads the first sheet of a workbook of Excel, and answers with it in Arrow's format.

The library reserves memory for all cells between the first and the last, whatever is between them, and ends the process
where there is none. So it does its work in a child process, whose time and memory are limited (`sloy.files.apart`).
"""

from __future__ import annotations

import io
from typing import Any

from sloy.files.apart import Answer, answering


def answer(question: dict[str, Any]) -> Answer:
    """The first sheet of the file at `path`."""
    import polars as pl

    try:
        frame = pl.read_excel(question["path"])
        top = pl.read_excel(question["path"], has_header=False, read_options={"n_rows": 1})
        file = io.BytesIO()
        frame.write_ipc(file)
        return {"rows": frame.height, "names": _names(frame.columns, top.row(0))}, file.getvalue()
    except pl.exceptions.NoDataError:
        return {"error": "is a workbook whose first sheet is empty"}, b""
    except (
        BaseException
    ) as error:  # of calamine, of fastexcel, of polars; panics are no `Exception`
        first = str(error).partition("\n")[0].removeprefix("calamine error: ")
        return {"error": f"is a damaged workbook ({first[:120] or type(error).__name__})"}, b""


def _names(read: list[str], cells: tuple[Any, ...]) -> list[str]:
    """The names as the sheet has them: the library numbers those that come again, and names those that are empty."""
    if len(read) != len(cells):
        return read
    said = ["" if cell is None else str(cell) for cell in cells]
    return [
        word if not word or said.count(word) > 1 else name
        for name, word in zip(read, said, strict=True)
    ]


if __name__ == "__main__":
    import fastexcel  # noqa: F401  their memory is not the file's
    import polars  # noqa: F401

    answering(answer)
