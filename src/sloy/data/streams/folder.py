"""Folders of pictures and files with pictures in them, split into parts, as streams."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sloy.data.dataset import Dataset
from sloy.data.folders import PictureFolder, refusal, split_rows, why
from sloy.data.listing import Listing
from sloy.data.parts import PARTS, TEST, TRAIN, VALIDATION
from sloy.data.pictures import PictureReader, read_pictures
from sloy.data.streams.kinds import as_dataset, of_listing, shards_of, stream
from sloy.data.streams.rows import StreamRows
from sloy.errors import FileFormatError, InvalidArgument

_TOGETHER = 64  # pictures that are looked at before a run


def streamed_folder(
    listing: Listing,
    reader: PictureReader,
    *,
    validation: float,
    test: float,
    seed: int,
    skip_broken: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> PictureFolder:
    """What `picture_folder` gives, its pictures decoded whenever they are taken; equal ones are not looked for.

    With `skip_broken` all are decoded once before, and those that cannot be are left out.
    """
    broken: dict[int, Exception] = {}
    if skip_broken:
        broken = _broken(listing, reader, progress)
        if len(broken) == len(listing.paths):
            raise FileFormatError(
                refusal(listing, [why(error, listing.paths[row]) for row, error in broken.items()])
            )
    good = np.array([row for row in range(len(listing.paths)) if row not in broken], np.int64)
    groups = {int(row): [int(row)] for row in good}
    rows, too_few = split_rows(listing, good, groups, validation, test, seed)
    if not len(rows[TRAIN]):
        raise FileFormatError(f"{listing.source}: no picture is left to train on.")
    sets = {
        part: as_dataset(*of_listing(listing, rows[part], reader)) if len(rows[part]) else None
        for part in PARTS
    }
    paths = {part: tuple(listing.paths[row] for row in rows[part]) for part in PARTS}
    train = sets[TRAIN]
    assert train is not None
    train.x[:1]  # all that decodes is loaded from here on
    said = tuple(why(broken[row], listing.paths[row]) for row in sorted(broken))
    return PictureFolder(
        train, sets[VALIDATION], sets[TEST], reader, paths, said, listing.omitted, too_few=too_few
    )


def _broken(
    listing: Listing, reader: PictureReader, progress: Callable[[int, int], None] | None
) -> dict[int, Exception]:
    """The pictures that cannot be decoded, by row; some are in memory at a time."""
    found: dict[int, Exception] = {}
    count = len(listing.paths)
    out = np.empty((min(count, _TOGETHER), *reader.shape), np.uint8)
    for first in range(0, count, _TOGETHER):
        paths = listing.paths[first : first + _TOGETHER]
        failures = read_pictures(reader, paths, out[: len(paths)])
        found |= {first + row: error for row, error in failures.items()}
        if progress is not None:
            progress(first + len(paths), count)
    return found


def streamed_shards(
    path: Path,
    *,
    validation: float,
    test: float,
    seed: int,
    looked_at: Callable[[Dataset], Dataset] = lambda data: data,
    **options: Any,
) -> tuple[Dataset, Dataset | None, Dataset | None]:
    """To train on, to validate on and to test on: parts that files are named after, or shares in whole blocks.

    What was opened goes through `looked_at`; `options` as of `stream`.
    """
    train = looked_at(stream(path, **options))
    options["reader"], options["size"] = reader_of(train), None
    names = train.class_names
    found: dict[str, Dataset | None] = {}
    for part, share, salt in ((TEST, test, 1), (VALIDATION, validation, 0)):
        own = path.is_dir() and has_part(path, part)
        found[part] = (
            looked_at(stream(path, part=part, class_names=names, **options)) if own else None
        )
        if own or not share:
            continue
        taken = rows_of(train).in_blocks(share, seed + salt)
        if taken is None:
            train, found[part] = train.split(share, seed + salt)
            continue
        kept = np.setdiff1d(np.arange(len(train)), taken, assume_unique=True)
        train, found[part] = train.take(kept), train.take(taken)
    return train, found[VALIDATION], found[TEST]


def sound(
    data: Dataset, progress: Callable[[int, int], None] | None = None
) -> tuple[Dataset, list[str]]:
    """A stream without the pictures that cannot be decoded, and why; all are decoded once."""
    rows, good, said = rows_of(data), list[int](), list[str]()
    for first in range(0, len(data), _TOGETHER):
        some = np.arange(first, min(first + _TOGETHER, len(data)))
        try:
            rows[some]
            good += some.tolist()
        except (FileFormatError, OSError):
            for row in some.tolist():
                try:
                    rows[row : row + 1]
                    good.append(row)
                except (FileFormatError, OSError) as error:
                    said.append(str(error))
        if progress is not None:
            progress(int(some[-1]) + 1, len(data))
    if not good:
        raise FileFormatError(f"{data.name}: none of its pictures can be read: {said[0]}")
    return (data.take(good) if said else data), said


def has_part(folder: Path, part: str) -> bool:
    """Whether files of a folder are named after a part."""
    try:
        return shards_of(folder, part) != shards_of(folder, TRAIN)
    except (FileFormatError, InvalidArgument):
        return False


def rows_of(data: Dataset) -> StreamRows:
    """The rows of a data set that is a stream."""
    x: Any = data.x
    assert isinstance(x, StreamRows)
    return x


def reader_of(data: Dataset) -> PictureReader:
    """What makes samples of the pictures of a stream."""
    reader: PictureReader | None = getattr(rows_of(data).source, "reader", None)
    assert reader is not None
    return reader
