"""Tables: CSV, TSV and Parquet files and data frames, prepared for training; the preparation is part of the model."""

from sloy.data.tables.division import Split
from sloy.data.tables.reader import TableReader
from sloy.data.tables.table import DECIMALS, TASKS, Table, load_table

__all__ = ["DECIMALS", "TASKS", "Split", "Table", "TableReader", "load_table"]
