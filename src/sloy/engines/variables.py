"""What is kept between steps, owned by the engine that computes with it.

Parameters, states, optimiser slots and keys are read by name like a mapping, and changed by `write` alone. So an engine
of a device keeps them there for the whole of a run: a run moves nothing, a reader fetches what it asks for, and
a number that is written in the wrong way raises instead of vanishing.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from sloy.errors import ShapeError
from sloy.graph.spec import Spec


class Variables(Mapping[str, np.ndarray]):
    """Arrays by name, where an engine computes; names, shapes and dtypes stay.

    ``variables[name]`` is the newest value: of an engine in host memory the live array itself, which may be written in
    place, of another a copy that is read-only.
    """

    @abstractmethod
    def spec(self, name: str) -> Spec:
        """Shape and dtype of one, without fetching it."""

    @abstractmethod
    def select(self, names: Iterable[str]) -> Variables:
        """Some of them, shared: what is written there is written here."""

    @abstractmethod
    def _put(self, name: str, value: np.ndarray) -> None:
        """Copy in a value of the right shape and dtype."""

    @property
    def specs(self) -> dict[str, Spec]:
        """Shapes and dtypes by name."""
        return {name: self.spec(name) for name in self}

    def write(self, name: str, value: Any) -> None:
        """Copy in a value, an array of the variable's shape, converted to its dtype."""
        spec = self.spec(name)
        array = np.asarray(value, spec.dtype)
        if array.shape != spec.shape:
            raise ShapeError(
                f"variable `{name}` has shape {spec.shape}; it was given {array.shape}."
            )
        self._put(name, array)


class HostVariables(Variables):
    """Variables of an engine that computes in host memory: arrays, taken as they are, live.

    Parameters
    ----------
    arrays : mapping
        Name → array.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._arrays = dict(arrays)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def spec(self, name: str) -> Spec:
        """See `Variables.spec`."""
        array = self._arrays[name]
        return Spec(array.shape, array.dtype.name)

    def select(self, names: Iterable[str]) -> HostVariables:
        """See `Variables.select`."""
        return HostVariables({name: self._arrays[name] for name in names})

    def _put(self, name: str, value: np.ndarray) -> None:
        self._arrays[name][...] = value
