"""How raw things, picture files or rows of a table, become the array that a network takes.

A reader belongs to a model, is saved with it, and lets `Model.predict` take what its user has.
"""

from __future__ import annotations

import importlib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sloy.errors import FileFormatError

# Kind → module and class; imported when a model of that kind is read.
_READERS = {
    "pictures": ("sloy.data.pictures", "PictureReader"),
    "handwriting": ("sloy.data.handwriting", "HandwritingReader"),
    "table": ("sloy.data.tables", "TableReader"),
    "numbers": ("sloy.data.tables", "NumbersReader"),
}


class Reader(ABC):
    """What turns raw things into samples; an immutable value."""

    kind: ClassVar[str]
    instead_of_arrays: ClassVar[str] = ""  # what is given to a model that takes no arrays
    of_tables: ClassVar[bool] = False  # whether samples are rows of tables

    @abstractmethod
    def takes(self, source: Any) -> bool:
        """Whether `source` is something to be read; arrays of numbers are not."""

    @abstractmethod
    def read(self, source: Any) -> np.ndarray:
        """The samples, (N, *input_shape), uint8 or float32; `FileFormatError` where they cannot be read."""

    def labels_of(self, class_names: Sequence[str]) -> np.ndarray:
        """What predictions are, (K,): the names of the classes; see the function of that name."""
        return labels_of(class_names)

    @abstractmethod
    def to_config(self) -> dict[str, Any]:
        """What `from_config` makes the same reader of, in JSON values."""

    @classmethod
    @abstractmethod
    def from_config(cls, config: Mapping[str, Any]) -> Reader:
        """The reader that `to_config` described; everything is checked, as it comes from a file."""


def labels_of(class_names: Sequence[str], kind: str = "text") -> np.ndarray:
    """Names as an array: integers or truth where all are written as Python writes these, else strings.

    Parameters
    ----------
    class_names : sequence of str
    kind : str
        What they were: "string", "float" or "boolean"; by what they look like for others.

    Examples
    --------
    >>> labels_of(("3", "10")).tolist(), labels_of(("False", "True")).tolist(), labels_of(("02", "10")).tolist()
    ([3, 10], [False, True], ['02', '10'])
    """
    names = list(class_names)
    if kind == "boolean":
        return np.array([name.lower() == "true" for name in names])
    if kind in ("string", "float"):
        return np.array(names, str if kind == "string" else np.float64)
    if all(re.fullmatch("0|-?[1-9][0-9]{0,17}", name) for name in names):
        return np.array(names, np.int64)
    if set(names) == {"True", "False"}:
        return np.array([name == "True" for name in names])
    return np.array(names, str)


def reader_to_config(reader: Reader | None) -> dict[str, Any] | None:
    """A reader as JSON, its kind under `reader`."""
    return None if reader is None else {"reader": reader.kind, **reader.to_config()}


def reader_from_config(config: Any) -> Reader | None:
    """The reader that `reader_to_config` described; `FileFormatError` where it is none."""
    if config is None:
        return None
    if not isinstance(config, dict) or config.get("reader") not in _READERS:
        raise FileFormatError(
            f"the reader is described by {str(config)[:80]}; its kind must be one of"
            f" {', '.join(_READERS)}."
        )
    module, name = _READERS[config["reader"]]
    found: type[Reader] = getattr(importlib.import_module(module), name)
    return found.from_config({key: value for key, value in config.items() if key != "reader"})
