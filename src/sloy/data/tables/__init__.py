"""Tables: CSV, TSV and Parquet files and data frames, prepared for training; the preparation is part of the model."""

from sloy.data.tables.division import Split
from sloy.data.tables.numbers import NumbersReader
from sloy.data.tables.reader import RowsReader, TableReader
from sloy.data.tables.table import DECIMALS, TASKS, Table, load_table

__all__ = [
    "DECIMALS",
    "TASKS",
    "NumbersReader",
    "RowsReader",
    "Split",
    "Table",
    "TableReader",
    "load_table",
]
