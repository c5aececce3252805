"""Folders of pictures as data sets: decoded once, in parallel, in bounded memory; split, checked, reported."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from sloy import text
from sloy.arguments import flag, function, instance, integer, real, sequence
from sloy.data.arrays import allocate, reorder
from sloy.data.below import LeftOut
from sloy.data.dataset import Dataset
from sloy.data.deep_colours import is_deep_colour
from sloy.data.greys import is_deep
from sloy.data.images import Encoded, open_picture, quiet, range_of
from sloy.data.listing import Listing, list_pictures
from sloy.data.other_kinds import doubts
from sloy.data.parts import PARTS, TEST, TRAIN, VALIDATION
from sloy.data.pictures import PictureReader, read_pictures
from sloy.errors import FileFormatError, InvalidArgument
from sloy.text import many

IN_MEMORY = 2 << 30  # bytes of decoded pictures that are held in memory; more go to a file
LARGEST_DEFAULT = 64  # pixels of a side, unless a size is given
PURPOSES = {TRAIN: "train", VALIDATION: "validate", TEST: "test"}

_LOOKED_AT = 200  # pictures whose headers tell size and channels
_GREY_MODES = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N", "LA")
_LITTLE = 10  # of a class to train on; fewer are worth a word


@dataclass(frozen=True, eq=False, repr=False)
class PictureFolder(text.Brief):
    """Labelled pictures, decoded and split.

    Attributes
    ----------
    train : Dataset
        x uint8 (N, H, W, C), y int32 (N,).
    validation, test : Dataset or None
    reader : PictureReader
        What made samples of the files.
    paths : mapping
        Part → the file of each sample.
    broken : tuple of str
        Why each picture that was left out could not be read, with its name.
    omitted : tuple of LeftOut
        What else the source holds, and why it is not among the samples.
    duplicates : tuple of (Path, Path)
        Equal pictures, as the network sees them, in two parts.
    contradictions : tuple of (Path, Path)
        Equal pictures in two classes.
    on_disk : bool
        Whether the pictures are in a temporary file that is mapped into memory.
    too_few : tuple of str
        Why a part that was asked for has no pictures.
    """

    train: Dataset
    validation: Dataset | None
    test: Dataset | None
    reader: PictureReader
    paths: dict[str, tuple[Path, ...]]
    broken: tuple[str, ...] = ()
    omitted: tuple[LeftOut, ...] = ()
    duplicates: tuple[tuple[Path, Path], ...] = ()
    contradictions: tuple[tuple[Path, Path], ...] = ()
    on_disk: bool = False
    too_few: tuple[str, ...] = ()

    def remarks(self) -> list[str]:
        """What its owner should know, a sentence each."""
        return [*self.left_out(), *self.too_few, *_remarks(self)]

    def left_out(self) -> list[str]:
        """Those of them that name pictures and files that are not in it."""
        said = []
        if self.broken:
            reasons = [one.removesuffix(".") for one in self.broken]
            said.append(f"{many(len(self.broken), 'file')} skipped: {_some(reasons, '; ')}")
        for item in self.omitted:
            names = item.names or [path.name for path in item.paths]
            most = 3 if item.noun in ("file", "picture") else 12
            said.append(f"{many(len(names), item.noun)} {item.reason}: {_some(names, most=most)}")
        return said


def picture_folder(
    source: str | Path | Listing,
    *,
    size: int | tuple[int, int] | None = None,
    resize: str = "crop",
    reader: PictureReader | None = None,
    class_names: Sequence[str] = (),
    validation: float = 0.1,
    test: float | str | Path | Listing = 0.1,
    seed: int = 0,
    skip_broken: bool = False,
    threads: int = 0,
    in_memory: int = IN_MEMORY,
    folder: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PictureFolder:
    """Read labelled pictures: a folder for each class, folders of parts, or a CSV file; see `sloy.data.listing`.

    Pictures are decoded once, on several threads, into one array. Beside that array (in memory up to `in_memory`
    bytes, else in a file without a name that is mapped into memory) decoding takes at most about ten bytes a pixel:
    160 MB on each thread, and 1 GB for one picture of the largest size allowed, of which no two are decoded at once.

    Parameters
    ----------
    source : str, Path or Listing
    size : int or (H, W), optional
        Default: the size of the pictures where they all have the same, else a square; at most 64 pixels a side.
    resize : "crop", "stretch" or "pad"
        See `PictureReader`.
    reader : PictureReader, optional
        Says all that `size` and `resize` say, and more.
    class_names : sequence of str, optional
        The classes of a model that exists, in its order; by default those found, sorted.
    validation, test : float
        Shares that are split off where the source has no such part, 0 for none: `test` of all pictures, `validation`
        of what then is left to train on. The same share of each class, each keeping one to train on; equal pictures
        stay together. `test` may be other labelled pictures instead, all of which are tested on.
    seed : int
        Of the split.
    skip_broken : bool
        Leave out pictures that cannot be read, instead of refusing the folder.
    threads : int
        That decode; 0 takes the cores that this process may use.
    in_memory : int
        Bytes.
    folder : str or Path, optional
        Where the temporary file goes; by default the system's place for such.
    progress : callable, optional
        Told how many pictures of how many are done, from the threads that do it.

    Raises
    ------
    FileFormatError
        Where the source has none of the three forms, or pictures cannot be read; it names them.
    NotAvailable
        Where the decoded pictures fit neither in memory nor on the disk.
    """
    share = test if isinstance(test, float | int) else 0
    integer("picture_folder", "threads", threads, 0)
    if progress is not None:
        function("picture_folder", "progress", progress)
    _check(validation, share, skip_broken, in_memory, reader)
    listing = source if isinstance(source, Listing) else list_pictures(source)
    if names := sequence("picture_folder", "class_names", class_names, str):
        listing = listing.named(names)
    if isinstance(test, str | Path):
        test = list_pictures(test, fewest=1)
    if isinstance(test, Listing):
        listing = listing.with_test(test)
    if reader is None:
        reader = default_reader(listing, size, resize)
    elif size is not None:
        raise InvalidArgument("picture_folder: `size` belongs to the `reader` where one is given.")
    pixels, on_disk = allocate((len(listing.paths), *reader.shape), "uint8", in_memory, folder)
    digests, failures = _decode(listing, reader, pixels, threads, progress)
    broken = tuple(why(failures[row], listing.paths[row]) for row in sorted(failures))
    if broken and not skip_broken:
        raise FileFormatError(refusal(listing, broken))
    good = np.array([row for row in range(len(listing.paths)) if row not in failures], np.int64)
    groups = _groups(digests, good)
    rows, too_few = split_rows(listing, good, groups, validation, share, seed)
    duplicates, contradictions = _equal(listing, rows, groups)
    reorder(pixels, np.concatenate([rows[part] for part in PARTS]))
    first, sets, paths = 0, dict[str, Dataset | None](), dict[str, tuple[Path, ...]]()
    for part in PARTS:
        last = first + len(rows[part])
        paths[part] = tuple(listing.paths[row] for row in rows[part])
        labels = listing.labels[rows[part]]
        sets[part] = None
        if last > first:
            name = listing.source.resolve().name
            sets[part] = Dataset(pixels[first:last], labels, listing.class_names, name)
        first = last
    train = sets[TRAIN]
    if train is None:
        raise FileFormatError(f"{listing.source}: no picture is left to train on.")
    return PictureFolder(
        train, sets[VALIDATION], sets[TEST], reader, paths, broken, listing.omitted,
        duplicates, contradictions, on_disk, too_few,
    )  # fmt: skip


def default_reader(
    listing: Listing, size: int | tuple[int, int] | None, resize: str
) -> PictureReader:
    """What suits the pictures, told from the headers of some of them: their size up to 64, grey where all are."""
    return reader_for(listing.paths, size, resize)


def reader_for(
    sources: Sequence[Path | Encoded], size: int | tuple[int, int] | None, resize: str
) -> PictureReader:
    """The same for pictures of any place."""
    count = len(sources)
    some = [sources[row] for row in np.unique(np.linspace(0, count - 1, _LOOKED_AT, dtype=int))]
    sizes, modes, deep = list[tuple[int, int]](), set[str](), False
    with quiet():
        for path in some:
            try:
                if isinstance(path, Path) and not path.is_file():
                    continue
                with open_picture(path) as opened:
                    sizes.append((opened.height, opened.width))
                    modes.add(opened.mode)
                    deep = deep or is_deep(opened.mode) or is_deep_colour(opened)
            except Exception:  # it will be named when it is to be decoded
                continue
    if not sizes:
        if isinstance(some[0], Path) and not any(isinstance(p, Path) and p.exists() for p in some):
            raise FileFormatError(
                f"{some[0]}: there is no such file, nor the others that were looked for; paths in a list count from"
                " its own folder."
            )
        raise FileFormatError(f"{some[0]}: none of the first pictures can be read.")
    if size is None:
        height, width = sizes[0]
        if len(set(sizes)) > 1 or max(height, width) > LARGEST_DEFAULT:
            height = width = int(min(median(map(min, sizes)), LARGEST_DEFAULT))
        size = (height, width)
    elif not isinstance(size, tuple):
        side = integer("picture_folder", "size", size)
        size = (side, side)
    grey = all(mode in _GREY_MODES for mode in modes)
    greys = range_of(sources) if deep else None
    return PictureReader(size, 1 if grey else 3, resize=resize, greys=greys)


# --- reading, splitting, comparing ----------------------------------------------------------------


def _decode(
    listing: Listing,
    reader: PictureReader,
    pixels: np.ndarray,
    threads: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[bytes], dict[int, Exception]]:
    """Fill the array; a digest of each row, and what failed."""
    digests = [b""] * len(listing.paths)
    finished = iter(range(1, len(listing.paths) + 1))

    def done(row: int) -> None:
        digests[row] = hashlib.blake2b(pixels[row].reshape(-1), digest_size=16).digest()
        if progress is not None:
            progress(next(finished), len(listing.paths))

    failures = read_pictures(reader, listing.paths, pixels, threads=threads, done=done)
    return digests, failures


def _groups(digests: Sequence[bytes], rows: np.ndarray) -> dict[int, list[int]]:
    """The first of equal pictures → all of them."""
    first: dict[bytes, int] = {}
    groups: dict[int, list[int]] = {}
    for row in map(int, rows):
        groups.setdefault(first.setdefault(digests[row], row), []).append(row)
    return groups


def split_rows(
    listing: Listing,
    good: np.ndarray,
    groups: dict[int, list[int]],
    validation: float,
    test: float,
    seed: int,
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The rows of each part, in the order of the listing; and which parts there are too few pictures for."""
    too_few: list[str] = []
    given = {part: [r for r in map(int, good) if listing.parts[r] == part] for part in ("", *PARTS)}
    given[TRAIN] += given.pop("")
    for part, share in ((TEST, test), (VALIDATION, validation)):
        if given[part] or not share:
            continue
        left = set(given[TRAIN])
        leaders = _not_alone([row for row in groups if row in left], listing.labels)
        if not 0 < round(share * len(leaders)) < len(leaders):
            too_few.append(
                f"{many(len(left), 'picture')}: too few to keep {share:.0%} of them apart to {PURPOSES[part]} on"
            )
            continue
        numbered = Dataset(np.array(leaders, np.float64)[:, None], listing.labels[leaders])
        drawn = numbered.split(share, seed)[1].x[:, 0].astype(int)
        given[part] = [row for leader in drawn for row in groups[leader] if row in left]
        given[TRAIN] = sorted(left - set(given[part]))
    rows = {part: np.array(sorted(found), np.int64) for part, found in given.items()}
    return rows, tuple(too_few)


def _not_alone(rows: list[int], labels: np.ndarray) -> list[int]:
    """Those whose class has others: its only picture is for training."""
    counts = np.bincount(labels[rows])
    return [row for row in rows if counts[labels[row]] > 1]


def _equal(
    listing: Listing, rows: dict[str, np.ndarray], groups: dict[int, list[int]]
) -> tuple[tuple[tuple[Path, Path], ...], tuple[tuple[Path, Path], ...]]:
    """Equal pictures in two parts, and in two classes."""
    part_of = {int(row): part for part, part_rows in rows.items() for row in part_rows}
    across: list[tuple[Path, Path]] = []
    contradicting: list[tuple[Path, Path]] = []
    for leader, members in groups.items():
        for row in members[1:]:
            pair = listing.paths[leader], listing.paths[row]
            if part_of[row] != part_of[leader]:
                across.append(pair)
            if listing.labels[row] != listing.labels[leader]:
                contradicting.append(pair)
    return tuple(across), tuple(contradicting)


def why(error: Exception, path: Path) -> str:
    """What is wrong with a picture, by its name; what the system says in words of its own."""
    if isinstance(error, FileNotFoundError):
        return f"{path}: is not there."
    if isinstance(error, OSError):
        return f"{path}: cannot be read: {error.strerror or error}."
    return str(error)


def refusal(listing: Listing, broken: Sequence[str]) -> str:
    """That pictures cannot be read."""
    shown = "\n".join(f"  {reason}" for reason in broken[:20])
    more = f"\n  and {len(broken) - 20} more" if len(broken) > 20 else ""
    return (
        f"{listing.source}: {many(len(broken), 'file')} of {len(listing.paths)} cannot be read (repair or"
        f" remove them, or skip them by `skip_broken`):\n{shown}{more}"
    )


def _check(
    validation: float, test: float, skip_broken: bool, in_memory: int, reader: PictureReader | None
) -> None:
    where = "picture_folder"
    real(where, "validation", validation, least=0, below=1)
    real(where, "test", test, least=0, below=1)
    flag(where, "skip_broken", skip_broken)
    integer(where, "in_memory", in_memory, 0)
    instance(where, "reader", reader, PictureReader, optional=True)


def _remarks(found: PictureFolder) -> list[str]:
    names = found.train.class_names
    counts = np.bincount(found.train.y, minlength=len(names))
    said = []
    least = int(counts.argmin())
    if counts[least] == 0:
        said.append(f"no picture of {names[least]} to train on")
    elif counts[least] < _LITTLE:
        said.append(f"only {counts[least]} of {names[least]} to train on")
    said += doubts(names)
    for pairs, where in ((found.duplicates, "parts"), (found.contradictions, "classes")):
        if pairs:
            shown = [f"{_short(a)} = {_short(b)}" for a, b in pairs]
            said.append(f"{many(len(pairs), 'picture')} in two {where}: {_some(shown)}")
    return said


def _short(path: Path) -> str:
    return "/".join(path.parts[-3:])


def _some(words: Sequence[str], separator: str = ", ", most: int = 3) -> str:
    return separator.join([*words[:most], *(["…"] if len(words) > most else [])])
