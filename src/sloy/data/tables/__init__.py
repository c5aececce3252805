"""Tables: CSV, TSV and Parquet files and data frames, prepared for training; the preparation is part of the model."""

from typing import TYPE_CHECKING

from sloy.later import later

if TYPE_CHECKING:
    from sloy.data.tables.division import Split
    from sloy.data.tables.numbers import NumbersReader
    from sloy.data.tables.pixels import of_pixels
    from sloy.data.tables.prepared import labelled_rows
    from sloy.data.tables.reader import RowsReader, TableReader
    from sloy.data.tables.sources import open_table
    from sloy.data.tables.table import Table, load_table
    from sloy.data.tables.targets import target_names
    from sloy.data.tables.values import DECIMALS, TASKS

__all__ = [
    "DECIMALS",
    "TASKS",
    "NumbersReader",
    "RowsReader",
    "Split",
    "Table",
    "TableReader",
    "labelled_rows",
    "load_table",
    "of_pixels",
    "open_table",
    "target_names",
]

__getattr__, __dir__ = later(
    __name__,
    {
        "division": "Split",
        "pixels": "of_pixels",
        "prepared": "labelled_rows",
        "numbers": "NumbersReader",
        "reader": "RowsReader TableReader",
        "sources": "open_table",
        "table": "Table load_table",
        "targets": "target_names",
        "values": "DECIMALS TASKS",
    },
)
