"""`stream`: from what is named or given to a data set that is read while it is used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sloy.arguments import integer
from sloy.data.dataset import Dataset
from sloy.data.idx import PARTS, TRAIN, check_labels, idx_files, read_idx
from sloy.data.streams.idx import IdxRows
from sloy.data.streams.rows import StreamRows
from sloy.data.streams.sequences import Arrays, Items
from sloy.data.streams.source import HOLD, StreamSource
from sloy.errors import FileFormatError, InvalidArgument
from sloy.text import shown


def stream(
    source: Any,
    labels: Any = None,
    *,
    target: str | None = None,
    class_names: Sequence[str] = (),
    hold: int = HOLD,
) -> Dataset:
    """A data set that is read while it is used, for data that memory does not hold.

    Its ``x`` is no array but rows that are read when they are taken; ``y`` is in memory. `sloy.fit` reads ahead
    in a thread while it computes.

    Parameters
    ----------
    source : path, or anything with ``len`` and ``[number]``
        A folder of IDX files, of which the part to train on is taken, or an IDX file of images, with that of its
        `labels`. Of a sequence, such as a data set of PyTorch or Hugging Face: samples, where there are `labels`
        beside, or pairs (sample, label), or mappings with both. It is asked in one thread, which is not the main one.
    labels : array or path, optional
        The label or target of each sample.
    target : str, optional
        Which of a mapping's or table's columns is the label.
    class_names : sequence of str, optional
    hold : int
        Bytes of data that are held, beside some batches. The more it is, the better do samples mix that lie together;
        it is part of what the order of samples, and so the result, depends on.

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
    if isinstance(source, str | Path):
        found, own, names = _of_path(Path(source), labels, hold)
    elif hasattr(source, "__len__") and hasattr(source, "__getitem__"):
        found, own, names = _of_sequence(source, labels, target)
    else:
        raise InvalidArgument(
            f"stream: `source` (={shown(source)}) must be a path, or have a length and samples by number."
        )
    return Dataset(StreamRows(found), own, tuple(class_names) or names, found.name)  # type: ignore[arg-type]


Found = tuple[StreamSource, np.ndarray, tuple[str, ...]]  # the samples, their labels, names of classes


def _of_sequence(source: Any, labels: Any, target: str | None) -> Found:
    name = type(source).__name__
    if isinstance(source, np.ndarray):
        if labels is None:
            raise InvalidArgument("stream: `labels` are needed beside an array.")
        return Arrays(source, "the array"), np.asarray(labels), ()
    items = Items(source, labelled=labels is None, target=target, name=f"the {name}")
    return items, items.labels() if labels is None else np.asarray(labels), ()


def _of_path(path: Path, labels: Any, hold: int) -> Found:
    if path.is_dir():
        part = next((p for p in PARTS if any(path.glob(f"{p}-*idx*"))), TRAIN)
        return _of_idx(*idx_files(path, (part,)), hold)
    if path.is_file() and isinstance(labels, str | Path):
        return _of_idx(path, Path(labels), hold)
    raise FileFormatError(f"{path}: is no folder of IDX files.")


def _of_idx(images: Path, labels: Path, hold: int) -> Found:
    rows, numbers = IdxRows(images, hold), read_idx(labels)
    check_labels(labels, numbers, images, rows.count)
    return rows, numbers, tuple(str(k) for k in range(int(numbers.max()) + 1))
