"""Anything with ``len`` and ``[number]`` as a stream: samples are asked for one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sloy.arguments import sample_array
from sloy.data.streams.source import StreamSource, digest
from sloy.errors import InvalidArgument, ShapeError
from sloy.text import shown

LABELS = ("label", "labels", "target", "y")  # what samples that are mappings call theirs


class Items(StreamSource):
    """The samples of a sequence: each a sample, a pair (sample, label), or a mapping with both.

    Parameters
    ----------
    items : object with ``len`` and ``[number]``
    labelled : bool
        Whether each item holds its label, too.
    target : str, optional
        What it is called where items are mappings.
    name : str
    """

    def __init__(self, items: Any, *, labelled: bool, target: str | None, name: str) -> None:
        self._items = items
        self._labelled = labelled
        self._target = target
        count = len(items)
        if not count:
            raise InvalidArgument(f"stream: {name} holds no sample.")
        self.name = name
        first = self._sample(0)
        told = [type(items).__qualname__, str(count), str(first.shape), first.dtype.name]
        ends = [self._sample(row).tobytes().hex() for row in sorted({0, count // 2, count - 1})]
        super().__init__(count, first.shape, first.dtype.name, name, digest([*told, *ends]))

    def fill(self, rows: np.ndarray, out: np.ndarray) -> None:
        """See `StreamSource.fill`."""
        for place, row in enumerate(rows.tolist()):
            out[place] = self._checked(row)
        self.counts.samples += len(rows)

    def labels(self) -> np.ndarray:
        """The label of every sample, (N,) or (N, …); the sequence's own list of them where it has one."""
        for name in ("targets", "labels"):
            own = getattr(self._items, name, None)
            if own is not None and not callable(own) and np.shape(own)[:1] == (self.count,):
                return np.asarray(own)
        if self._target is not None and hasattr(self._items, "column_names"):  # Hugging Face's
            return np.asarray(self._items[self._target])
        return np.asarray([self._pair(row)[1] for row in range(self.count)])

    def _checked(self, row: int) -> np.ndarray:
        sample = self._sample(row)
        if sample.shape != self.sample_shape or sample.dtype != self.dtype:
            raise ShapeError(
                f"{self.place(row)} is {sample.dtype}{list(sample.shape)}; the first is"
                f" {self.dtype}{list(self.sample_shape)}, and all must be alike."
            )
        return sample

    def _sample(self, row: int) -> np.ndarray:
        item = self._pair(row)[0] if self._labelled else self._items[row]
        found = sample_array("stream", f"item {row}", item)
        return found[..., None] if found.ndim == 2 and found.dtype == np.uint8 else found

    def _pair(self, row: int) -> tuple[Any, Any]:
        item = self._items[row]
        if isinstance(item, tuple | list) and len(item) == 2:
            return item[0], item[1]
        if isinstance(item, Mapping):
            names = [name for name in (self._target, *LABELS) if name in item]
            rest = [name for name in item if name not in names[:1]]
            if names and len(rest) == 1:
                return item[rest[0]], item[names[0]]
            raise InvalidArgument(
                f"stream: item {row} holds {', '.join(map(str, item))}; it must hold a sample and its label, whose"
                " name `target` gives."
            )
        raise InvalidArgument(
            f"stream: item {row} is {shown(item)}; it must be a pair (sample, label), or give `labels` beside the"
            " samples."
        )


class Arrays(StreamSource):
    """An array, such as one that is mapped from a file, of which rows are taken."""

    def __init__(self, array: np.ndarray, name: str) -> None:
        self._array = array
        told = [str(array.shape), array.dtype.name, str(getattr(array, "filename", ""))]
        ends = [
            np.ascontiguousarray(array[row]).tobytes().hex() for row in (0, len(array) // 2, -1)
        ]
        super().__init__(
            len(array), array.shape[1:], array.dtype.name, name, digest([*told, *ends])
        )

    def fill(self, rows: np.ndarray, out: np.ndarray) -> None:
        """See `StreamSource.fill`."""
        order = np.argsort(rows, kind="stable")
        out[order] = self._array[rows[order]]
        self.counts.samples += len(rows)
        self.counts.nbytes += out.nbytes
