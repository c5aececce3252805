"""`stream`: from what is named or given to a data set that is read while it is used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.arguments import instance, integer, one_of, path_of, sequence
from sloy.data.dataset import Dataset
from sloy.data.idx import PARTS as IDX_PARTS
from sloy.data.idx import TESTS, check_labels, idx_files, is_idx, read_idx
from sloy.data.parts import PARTS, TEST, TRAIN, part_of
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
        The label or target of each sample, where they are not in what is named.
    part : "train", "validation" or "test"
        Of data that come in parts: folders, or files whose names begin so; of others "train" gives all.
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
        Where labels are missing or do not fit, `part` is none of the data's, or `hold` is too small for the blocks
        that files consist of.

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
    if part != TRAIN and paths is None:
        raise _in_no_parts("samples by number", part)
    if paths is not None:
        found, own, names = _of_paths(paths, labels, part, target, framing, hold)
    elif hasattr(source, "__len__") and hasattr(source, "__getitem__"):
        found, own, names = _of_sequence(source, labels, target)
    else:
        raise InvalidArgument(
            f"stream: `source` (={shown(source)}) must be a path, a list of paths, or have a length and samples by"
            " number."
        )
    return as_dataset(found, own, sequence("stream", "class_names", class_names, str) or names)


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
        return [path_of("stream", "source", source)]
    is_list = isinstance(source, list | tuple) and source
    if is_list and all(isinstance(one, str | Path) for one in source):
        return [path_of("stream", "source", one) for one in source]
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
    if is_idx(first) and len(paths) == 1:
        if labels is None:
            raise InvalidArgument(
                f"stream: {first} is an IDX file; `labels` are needed beside it, an array or the IDX file of them, or"
                " the folder of both."
            )
        _check_part(paths, part)
        return of_idx(first, Path(labels) if isinstance(labels, str) else labels, hold)
    if labels is not None:
        raise InvalidArgument(
            f"stream: `labels` go with samples by number, or with one IDX file; {first} has its own."
        )
    if first.is_dir() and len(paths) == 1:
        if shards := shards_of(first, part):
            paths = shards
        elif any(any(first.glob(f"{name}-*idx*")) for name in IDX_PARTS):
            return _of_idx_folder(first, part, hold)
    elif any(path.suffix.lower() in SHARDS for path in paths):
        _check_part(paths, part)
    kinds = {path.suffix.lower() for path in paths}
    if kinds == {".parquet"}:
        return _of_parquet(paths, target, framing, hold)
    if kinds == {".tar"}:
        return _of_tars(paths, framing, hold)
    if len(paths) == 1:
        return _of_listing(first, part, framing)
    raise FileFormatError(f"{first}: several paths must be Parquet files, or tar archives.")


def shards_of(folder: Path, part: str) -> list[Path]:
    """The Parquet files or tar archives in a folder that are of a part: all to train on, where names tell no parts."""
    for suffix in SHARDS:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() == suffix)
        told = {path: _part_named(path) for path in found}
        if any(told.values()):
            own = [path for path in found if told[path] == part]
            if not own:
                raise _without(folder, part, told.values())
            return own
        if found and part != TRAIN:
            raise _in_no_parts(str(folder), part)
        if found:
            return found
    return []


def _part_named(path: Path) -> str:
    """The part that a file's name begins with; or ""."""
    word = path.stem.partition("-")[0]
    return TEST if word in TESTS else part_of(word)


def _check_part(paths: Sequence[Path], part: str) -> None:
    """Raise where files that are named one by one are asked for a part that they are not called after."""
    if part != TRAIN and {_part_named(path) for path in paths} != {part}:
        raise _in_no_parts(str(paths[0]), part)


def _in_no_parts(where: str, part: str) -> InvalidArgument:
    return InvalidArgument(
        f"stream: `part` (={shown(part)}) is of data that come in parts; of {where} {TRAIN!r} gives all, and"
        " `Dataset.split` keeps some apart."
    )


def _without(where: Path, part: str, there: Iterable[str]) -> FileFormatError:
    own = named(sorted({one for one in there if one}), 4)
    return FileFormatError(f"{where}: has nothing of the part {part}, but of {own}.")


def _of_idx_folder(folder: Path, part: str, hold: int) -> Found:
    parts = {TRAIN: (TRAIN,), TEST: TESTS}
    if part not in parts:
        raise _without(folder, part, parts)
    return of_idx(*idx_files(folder, parts[part]), hold)


def of_idx(images: Path, labels: Any, hold: int) -> Found:
    """Of an IDX file of images, and that of its labels, or these as an array."""
    from sloy.data.streams.idx import IdxRows

    rows = IdxRows(images, hold)
    if not isinstance(labels, Path):
        return rows, np.asarray(labels), ()
    numbers = read_idx(labels)
    check_labels(labels, numbers, images, rows.count)
    return rows, numbers, _numbered(numbers)


def _of_listing(path: Path, part: str, framing: _Framing) -> Found:
    from sloy.data.listing import list_pictures

    listing = list_pictures(path)
    rows = [row for row, own in enumerate(listing.parts) if (own or TRAIN) == part]
    if not rows:
        there = any(listing.parts)
        raise _without(path, part, listing.parts) if there else _in_no_parts(str(path), part)
    return of_listing(listing, np.array(rows), framing.reader(listing.paths))


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
        raise FileFormatError(f"{files.place(row)}: has nothing in column `{column}`.")
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
