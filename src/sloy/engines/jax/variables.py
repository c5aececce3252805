"""Variables on JAX's devices: kept there between steps, copied out where somebody reads one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import jax
import numpy as np
from jax.sharding import Sharding

from sloy.engines.variables import Variables
from sloy.graph import Spec


def placed(array: np.ndarray, sharding: Sharding) -> jax.Array:
    """A copy on the devices, never NumPy's own memory, which may be written later."""
    with jax.enable_x64(True):
        if sharding.is_fully_addressable:
            return jax.device_put(array, sharding, may_alias=False)
        kept = np.array(array)  # of several processes, each of which has all of it
        return jax.make_array_from_callback(kept.shape, sharding, lambda index: kept[index])


@dataclass
class Memory:
    """The devices' arrays by name, and copies on the host of those that were read since they changed."""

    arrays: dict[str, jax.Array]
    sharding: Sharding
    copies: dict[str, np.ndarray] = field(default_factory=dict)

    def replace(self, arrays: Mapping[str, jax.Array]) -> None:
        """Take what a run left."""
        self.arrays |= arrays
        for name in arrays:
            self.copies.pop(name, None)

    def read(self, name: str) -> np.ndarray:
        """The newest value, read-only."""
        if name not in self.copies:
            copy = np.array(self.arrays[name])
            copy.flags.writeable = False
            self.copies[name] = copy
        return self.copies[name]


class JaxVariables(Variables):
    """Names in a memory, which selections share."""

    def __init__(self, memory: Memory, names: Iterable[str]) -> None:
        self.memory = memory
        self._names = tuple(names)

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], sharding: Sharding) -> JaxVariables:
        """Copies of arrays."""
        there = {name: placed(np.asarray(value), sharding) for name, value in arrays.items()}
        return cls(Memory(there, sharding), there)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise KeyError(name)
        return self.memory.read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def spec(self, name: str) -> Spec:
        """See `Variables.spec`."""
        array = self.memory.arrays[name]
        return Spec(array.shape, array.dtype.name)

    def select(self, names: Iterable[str]) -> JaxVariables:
        """See `Variables.select`."""
        return JaxVariables(self.memory, names)

    def _put(self, name: str, value: np.ndarray) -> None:
        self.memory.replace({name: placed(value, self.memory.sharding)})
