"""Data in memory, written to files: each trial is a run of its own, which reads them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from sloy.arguments import path_of
from sloy.data import Dataset, TrainTest
from sloy.data.idx import write_idx_part
from sloy.data.tables.sources import FrameTable, is_table, open_table
from sloy.data.tables.values import polars
from sloy.errors import InvalidArgument, InvalidOption, SloyError
from sloy.problem.inputs import as_dataset
from sloy.search.folder import DATA
from sloy.text import shape, shown

ROWS, ROWS_TO_TEST = "data.parquet", "test.parquet"
TESTED = 0.1  # share of pictures


@dataclass(frozen=True)
class Written:
    """Data as options of an experiment have them.

    Attributes
    ----------
    words : mapping
        All options, ``data`` among them.
    folder : Path, optional
        Of the files that were written, until they are moved into that of the search; None of data by their path.
    """

    words: Mapping[str, Any]
    folder: Path | None = None


@contextmanager
def written(data: Any, words: Mapping[str, Any]) -> Iterator[Written]:
    """Options with data by their path; what is in memory as files of a folder that is there meanwhile.

    Raises
    ------
    InvalidArgument
        Where no experiment takes such data.
    InvalidOption
        Where an option does not go with them.
    """
    if data is None or isinstance(data, str | os.PathLike):
        given = {} if data is None else {"data": str(path_of("tune", "data", data))}
        yield Written({**words, **given})
        return
    with TemporaryDirectory(prefix="sloy-tune-") as name:
        folder = Path(name).resolve() / DATA
        folder.mkdir()
        try:
            yield Written(_written(data, dict(words), folder), folder)
        except SloyError as error:  # which knows the files alone
            said = str(error)
            for path in (folder / ROWS, folder / ROWS_TO_TEST, folder):
                said = said.replace(str(path), "the data")
            error.args = (said, *error.args[1:])
            raise


def _written(data: Any, words: dict[str, Any], folder: Path) -> dict[str, Any]:
    if is_table(data):
        table = open_table(data)
        assert isinstance(table, FrameTable)
        table.frame.write_parquet(folder / ROWS)
        return {**words, "data": str(folder / ROWS)}
    both = isinstance(data, TrainTest)
    if not (both or isinstance(data, Dataset | tuple | list)):
        raise InvalidArgument(
            f"tune: `data` (a {type(data).__name__}) must be a path, 'mnist', a data frame, a Dataset or a pair (x, y)"
            " of arrays."
        )
    train, test = (data.train, data.test) if both else (as_dataset(data), None)
    if not isinstance(train.x, np.ndarray):
        raise InvalidArgument(
            "tune: `data`: sparse rows, and rows of a stream, are no data of a search; those of a file are by its path."
        )
    if both and "test" in words:
        raise InvalidOption("tune: `test`: the data have a part of their own to test on.")
    if train.x.ndim == 2:
        return _as_table(train, test, words, folder)
    if train.x.ndim in (3, 4):
        return _as_pictures(train, test, words, folder)
    raise InvalidArgument(
        f"tune: `data`: x of {shape(train.x.shape)} must be rows (N, F), or pictures (N, H, W) or (N, H, W, C)."
    )


def _as_table(
    train: Dataset, test: Dataset | None, words: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """A column for each feature, x1 …, and y, or y1 … of several targets; all of x are numbers."""
    for name in ("target", "task"):
        if name in words:
            raise InvalidOption(
                f"tune: `{name}` (={shown(words[name])}) is of tables; of a pair (x, y) y is learned, classes where it"
                " holds integers."
            )
    names = [f"x{place}" for place in range(1, train.x.shape[1] + 1)]
    columns = 1 if train.y.ndim == 1 else train.y.shape[1]
    targets = ["y"] if columns == 1 else [f"y{place}" for place in range(1, columns + 1)]
    for part, file in ((train, ROWS), (test, ROWS_TO_TEST)):
        if part is None:
            continue
        y = np.array(part.class_names)[part.y] if part.class_names else part.y
        of_each = y.reshape(len(part), columns).T  # (M, N)
        found = [*zip(names, part.x.T, strict=True), *zip(targets, of_each, strict=True)]
        polars().DataFrame({name: np.ascontiguousarray(of) for name, of in found}).write_parquet(
            folder / file
        )
    others = {*words.get("categorical", ()), *words.get("ignore", ()), *words.get("id", ())}
    own: dict[str, Any] = {
        "data": str(folder / ROWS),
        "target": ",".join(targets),
        "task": "classification" if train.has_labels else "regression",
        "numeric": [name for name in names if name not in others],
    }
    if test is not None:
        own["test"] = str(folder / ROWS_TO_TEST)
    return {**own, **words}


def _as_pictures(
    train: Dataset, test: Dataset | None, words: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """Four IDX files, in the manner of MNIST."""
    if not train.has_labels:
        raise InvalidArgument(
            "tune: `data`: pictures with numbers to predict are no data of a search; labels are whole numbers from 0."
        )
    if tuple(train.class_names) not in ((), tuple(map(str, range(train.classes)))):
        raise InvalidArgument(
            f"tune: `data`: pictures of classes with names (={shown(tuple(train.class_names)[:3])}) are searched on as"
            " a folder of pictures; leave `class_names` out, or give the folder."
        )
    share = words.pop("test", TESTED)
    if test is None:
        try:
            train, test = train.split(share, words.get("seed", 0))
        except InvalidArgument as error:
            said = str(error).replace("Dataset.split: `fraction`", "tune: `test`")
            raise InvalidOption(said) from None
    write_idx_part(folder, "train", train)
    write_idx_part(folder, "t10k", test)
    return {**words, "data": str(folder)}
