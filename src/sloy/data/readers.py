"""How raw things, picture files or rows of a table, become the array that a network takes.

A reader belongs to a model, is saved with it, and lets `Model.predict` take what its user has.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sloy.errors import FileFormatError

# Kind → module and class; imported when a model of that kind is read.
_READERS = {
    "pictures": ("sloy.data.pictures", "PictureReader"),
    "handwriting": ("sloy.data.handwriting", "HandwritingReader"),
    "table": ("sloy.data.tables", "TableReader"),
}


class Reader(ABC):
    """What turns raw things into samples; an immutable value."""

    kind: ClassVar[str]

    @abstractmethod
    def takes(self, source: Any) -> bool:
        """Whether `source` is something to be read; arrays of numbers are not, they pass as they are."""

    @abstractmethod
    def read(self, source: Any) -> np.ndarray:
        """The samples, (N, *input_shape), uint8 or float32; `FileFormatError` where they cannot be read."""

    @abstractmethod
    def to_config(self) -> dict[str, Any]:
        """What `from_config` makes the same reader of, in JSON values."""

    @classmethod
    @abstractmethod
    def from_config(cls, config: Mapping[str, Any]) -> Reader:
        """The reader that `to_config` described; everything is checked, as it comes from a file."""


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
