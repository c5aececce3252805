"""A program of its own: reads a Parquet file from its beginning to its end, and says whether that can be done.

One wrong bit in the head of a page can make the library ask for all memory, end the process, or panic. What it could
read here, with little time and memory, it can read in the process that asks, which then does.
"""

from __future__ import annotations

from typing import Any

from sloy.files.apart import Answer, answering
from sloy.text import reason


def answer(question: dict[str, Any]) -> Answer:
    """How many rows the file at `path` has, read in pieces of about `cells` cells; or an error."""
    import polars as pl

    try:
        columns = len(pl.read_parquet_schema(question["path"]))
        size, rows = max(1024, question["cells"] // max(1, columns)), 0
        while found := pl.scan_parquet(question["path"]).slice(rows, size).collect().height:
            rows += found
    except BaseException as error:  # panics are no `Exception`
        return {"error": f"damaged Parquet: {reason(error, 120)}"}, b""
    return {"rows": rows}, b""


if __name__ == "__main__":
    import polars  # noqa: F401  its memory is not the file's

    answering(answer)
