"""`stream`: from what is named or given to a data set that is read while it is used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.arguments import instance, integer, one_of
from sloy.data.dataset import Dataset
from sloy.data.idx import PARTS as IDX_PARTS
from sloy.data.idx import TESTS, check_labels, idx_files, read_idx
from sloy.data.parts import PARTS, TRAIN, part_of
from sloy.data.streams.rows import StreamRows
from sloy.data.streams.sequences import Arrays, Items
from sloy.data.streams.source import HOLD, StreamSource
from sloy.errors import FileFormatError, InvalidArgument
from sloy.text import named, shown

if TYPE_CHECKING:
    from sloy.data.images import Encoded
    from sloy.data.listing import Listing
    from sloy.data.pictures import PictureReader

SHARDS = (".parquet", ".tar")  # of which a folder may hold many
_HEADERS = 200  # pictures that tell size and channels

Found = tuple[StreamSource, np.ndarray, Sequence[str]]  # samples, their labels, names of classes


def stream(
    source: Any,
    labels: Any = None,
    *,
    part: str = TRAIN,
    target: str | None = None,
    size: int | tuple[int, int] | None = None,
    resize: str = "crop",
    reader: PictureReader | None = None,
    class_names: Sequence[str] = (),
    hold: int = HOLD,
) -> Dataset:
    """A data set that is read while it is used, for data that memory does not hold.

    Its ``x`` is no array but rows that are read when they are taken; ``y`` is in memory. `sloy.fit` reads ahead
    in a thread while it computes.

    Parameters
    ----------
    source : path, list of paths, or anything with ``len`` and ``[number]``
        A folder of pictures, as for `picture_folder`; Parquet files with a column of pictures, such as Hugging Face
        writes, or with numbers alone; tar archives as of WebDataset, of ``NAME.jpg`` and ``NAME.cls``; a folder of
        such files; a folder of IDX files; an IDX file of images, with that of its `labels`. Of a sequence, such as a
        data set of PyTorch or Hugging Face: samples, where there are `labels` beside, or pairs (sample, label), or
        mappings with both; it is asked in one thread, which is not the main one.
    labels : array or path, optional
        The label or target of each sample.
    part : "train", "validation" or "test"
        Of data that come in parts: folders, or files whose names begin so.
    target : str, optional
        Which of a mapping's or table's columns is the label; by default one that is called like one.
    size, resize, reader
        How pictures become samples, as for `picture_folder`.
    class_names : sequence of str, optional
    hold : int
        Bytes of data that are held, beside some batches. The more it is, the better do samples mix that lie together;
        it is part of what the order of samples, and so the result, depends on.

    Returns
    -------
    Dataset
        Of which ``x`` is `sloy.data.streams.rows.StreamRows`.

    Raises
    ------
    FileFormatError
        Where files are none of these, or damaged.
    InvalidArgument
        Where labels are missing or do not fit, or `hold` is too small for the blocks that files consist of.

    Examples
    --------
    >>> import numpy as np, sloy
    >>> data = sloy.data.stream([(np.full(3, n, np.float32), n % 2) for n in range(8)])
    >>> len(data), data.x[np.array([5, 2])].tolist(), data.y.tolist()
    (8, [[5.0, 5.0, 5.0], [2.0, 2.0, 2.0]], [0, 1, 0, 1, 0, 1, 0, 1])
    """
    hold = integer("stream", "hold", hold)
    one_of("stream", "part", part, PARTS)
    framing = _Framing(size, resize, reader)
    paths = _paths(source)
    if paths is not None:
        found, own, names = _of_paths(paths, labels, part, target, framing, hold)
    elif hasattr(source, "__len__") and hasattr(source, "__getitem__"):
        found, own, names = _of_sequence(source, labels, target)
    else:
        raise InvalidArgument(
            f"stream: `source` (={shown(source)}) must be a path, a list of paths, or have a length and samples by"
            " number."
        )
    return as_dataset(found, own, tuple(class_names) or names)


def as_dataset(found: StreamSource, labels: np.ndarray, names: Sequence[str]) -> Dataset:
    """A source and its labels as a data set."""
    if len(labels) != found.count:
        raise InvalidArgument(
            f"stream: there are {len(labels)} labels for the {found.count} samples of {found.name}."
        )
    x: Any = StreamRows(found)
    return Dataset(x, labels, tuple(names), found.name)


class _Framing:
    """How pictures become samples."""

    def __init__(
        self, size: int | tuple[int, int] | None, resize: str, reader: PictureReader | None
    ) -> None:
        if reader is not None:
            from sloy.data.pictures import PictureReader

            instance("stream", "reader", reader, PictureReader)
            if size is not None:
                raise InvalidArgument("stream: `size` belongs to the `reader` where one is given.")
        self._given = size, resize
        self._reader = reader

    def reader(self, some: Sequence[Path | Encoded]) -> PictureReader:
        """The reader that is given, or one that suits some of the pictures."""
        from sloy.data.folders import reader_for

        return self._reader or reader_for(some, *self._given)


def _paths(source: Any) -> list[Path] | None:
    """The paths that are given; None where samples are."""
    if isinstance(source, str | Path):
        return [Path(source)]
    is_list = isinstance(source, list | tuple) and source
    if is_list and all(isinstance(one, str | Path) for one in source):
        return [Path(one) for one in source]
    return None


def _of_sequence(source: Any, labels: Any, target: str | None) -> Found:
    if isinstance(source, np.ndarray):
        if labels is None:
            raise InvalidArgument("stream: `labels` are needed beside an array.")
        return Arrays(source, "the array"), np.asarray(labels), ()
    name = f"the {type(source).__name__}"
    items = Items(source, labelled=labels is None, target=target, name=name)
    return items, items.labels() if labels is None else np.asarray(labels), ()


def _of_paths(
    paths: list[Path],
    labels: Any,
    part: str,
    target: str | None,
    framing: _Framing,
    hold: int,
) -> Found:
    for path in paths:
        if not path.exists():
            raise FileFormatError(f"{path}: there is no such file or folder.")
    first = paths[0]
    if isinstance(labels, str | Path):
        return of_idx(first, Path(labels), hold)
    if first.is_dir() and len(paths) == 1:
        if shards := shards_of(first, part):
            paths = shards
        elif any(any(first.glob(f"{name}-*idx*")) for name in IDX_PARTS):
            return of_idx(*idx_files(first, (TRAIN,) if part == TRAIN else TESTS), hold)
    kinds = {path.suffix.lower() for path in paths}
    if kinds == {".parquet"}:
        return _of_parquet(paths, target, framing, hold)
    if kinds == {".tar"}:
        return _of_tars(paths, framing, hold)
    if len(paths) == 1:
        return _of_listing(first, part, framing)
    raise FileFormatError(f"{first}: several paths must be Parquet files, or tar archives.")


def shards_of(folder: Path, part: str) -> list[Path]:
    """The Parquet files or tar archives in a folder that are of a part: all, where names tell no parts."""
    for suffix in SHARDS:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() == suffix)
        told = {path: part_of(path.stem.partition("-")[0]) for path in found}
        if any(told.values()):
            found = [path for path in found if told[path] == part]
            if not found:
                names = named(sorted({str(one) for one in told.values() if one}), 4)
                raise FileFormatError(f"{folder}: has no files of the part {part}, but of {names}.")
        if found:
            return found
    return []


def of_idx(images: Path, labels: Path, hold: int) -> Found:
    """Of two IDX files."""
    from sloy.data.streams.idx import IdxRows

    rows, numbers = IdxRows(images, hold), read_idx(labels)
    check_labels(labels, numbers, images, rows.count)
    return rows, numbers, _numbered(numbers)


def _of_listing(path: Path, part: str, framing: _Framing) -> Found:
    from sloy.data.listing import list_pictures

    listing = list_pictures(path)
    rows = [row for row, own in enumerate(listing.parts) if own == part]
    if not rows and any(listing.parts):
        raise FileFormatError(f"{path}: has no part {part}.")
    chosen = np.array(rows or range(len(listing.paths)))
    return of_listing(listing, chosen, framing.reader(listing.paths))


def of_listing(listing: Listing, rows: np.ndarray, reader: PictureReader) -> Found:
    """Some pictures of a listing."""
    from sloy.data.streams.pictures import PictureFiles

    paths = [listing.paths[row] for row in rows]
    base = listing.source if listing.source.is_dir() else listing.source.parent
    found = PictureFiles(paths, reader, listing.source.resolve().name, base)
    return found, listing.labels[rows], listing.class_names


def _of_tars(paths: list[Path], framing: _Framing, hold: int) -> Found:
    from sloy.data.streams.tars import TarPictures, members, read_members

    found = members(paths)
    some = np.unique(np.linspace(0, len(found) - 1, _HEADERS, dtype=int))
    reader = framing.reader(read_members(paths, [found[row] for row in some]))
    labels, names = _of_words([member.label for member in found])
    return TarPictures(paths, found, reader, hold), labels, names


def _of_parquet(paths: list[Path], target: str | None, framing: _Framing, hold: int) -> Found:
    from sloy.data.images import Encoded
    from sloy.data.streams.parquet import (
        ParquetFiles,
        ParquetNumbers,
        ParquetPictures,
        pictures_of,
    )

    files = ParquetFiles(paths)
    column = files.target(target)
    labels, names = _labels_of(files, column)
    pictures = files.pictures()
    if pictures is None:
        columns = [name for name in files.schema if name != column]
        if others := [name for name in columns if not files.schema[name].is_numeric()]:
            raise InvalidArgument(
                f"stream: {files.name} has no column of pictures, and {named(others, 6)} hold no numbers;"
                " sloy.data.load_table prepares such tables."
            )
        return ParquetNumbers(files, columns, hold), labels, names
    some = [
        Encoded(content, f"{files.name}, row {number + 1}")
        for number, content in enumerate(pictures_of(files, pictures, 0)[:_HEADERS])
    ]
    return ParquetPictures(files, pictures, framing.reader(some), hold), labels, names


def _labels_of(files: Any, column: str) -> tuple[np.ndarray, Sequence[str]]:
    """A column of labels or targets, and the names of classes."""
    values = files.column(column)
    if values.null_count():
        row = int(values.is_null().arg_true()[0])
        raise FileFormatError(f"{files.place(row)}: has no `{column}`.")
    if values.dtype.is_integer():
        return values.to_numpy(), files.names_of_classes(column)
    if values.dtype.is_float():
        return values.to_numpy(), ()
    if values.dtype.is_numeric() or values.dtype.is_nested():
        raise InvalidArgument(
            f"stream: `target` (={column!r}) is {values.dtype}; it must be numbers or words."
        )
    return _of_words(values.cast(str).to_list())


def _of_words(words: list[str]) -> tuple[np.ndarray, Sequence[str]]:
    """Labels that are written: whole numbers as they are, words in their order."""
    if all(map(str.isdecimal, words)):
        numbers = np.array(list(map(int, words)))
        return numbers, _numbered(numbers)
    names, labels = np.unique(words, return_inverse=True)
    return labels, tuple(map(str, names))


def _numbered(labels: np.ndarray) -> tuple[str, ...]:
    return tuple(str(k) for k in range(int(labels.max()) + 1))
