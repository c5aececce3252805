"""A device in miniature: an engine with memory of its own, and what goes there and back, counted.

It computes by the reference engine's definitions, so that its numbers are the same to the last bit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from sloy.engines import Executable, ReferenceEngine
from sloy.engines.base import Engine
from sloy.engines.host import check_variables
from sloy.engines.names import Arithmetic, Determinism, Row
from sloy.engines.variables import Variables
from sloy.graph import Graph, check
from sloy.graph.spec import FLOATS, Spec

ROW = Row("device_engine", "DeviceEngine", "a device in miniature")


@dataclass
class Memory:
    """The device's arrays, and those of the host that still say the same."""

    arrays: dict[str, np.ndarray]
    traffic: Counter[str]
    copies: dict[str, np.ndarray] = field(default_factory=dict)


class DeviceVariables(Variables):
    """Reads are copies that cannot be written, fetched once for each value."""

    def __init__(self, memory: Memory, names: Iterable[str]) -> None:
        self.memory = memory
        self._names = tuple(names)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise KeyError(name)
        copies = self.memory.copies
        if name not in copies:
            self.memory.traffic["read"] += 1
            copies[name] = self.memory.arrays[name].copy()
            copies[name].flags.writeable = False
        return copies[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def spec(self, name: str) -> Spec:
        array = self.memory.arrays[name]
        return Spec(array.shape, array.dtype.name)

    def select(self, names: Iterable[str]) -> DeviceVariables:
        return DeviceVariables(self.memory, names)

    def _put(self, name: str, value: np.ndarray) -> None:
        self.memory.traffic["written"] += 1
        self.memory.arrays[name][...] = value
        self.changed([name])

    def changed(self, names: Iterable[str]) -> None:
        for name in names:
            self.memory.copies.pop(name, None)


class DeviceExecutable(Executable):
    """What the reference engine compiled, on the device's arrays; host arrays are moved there and back by each run."""

    def __init__(
        self, compiled: Executable, variables: DeviceVariables, host: Mapping[str, np.ndarray]
    ) -> None:
        self.graph, self.guard = compiled.graph, compiled.guard
        self._compiled, self._variables, self._host = compiled, variables, host

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return self.run_polled(inputs, lambda: None)

    def run_polled(
        self, inputs: Mapping[str, np.ndarray], poll: Callable[[], None]
    ) -> dict[str, np.ndarray]:
        for name, array in self._host.items():
            self._variables.write(name, array)
        outputs = self._compiled.run_polled(inputs, poll)
        self._variables.changed(self.graph.updates)
        for name in self.graph.updates.keys() & self._host.keys():
            self._host[name][...] = self._variables[name]
        return outputs


@dataclass
class DeviceEngine(Engine):
    """The engine; `traffic` counts arrays read from the device, and written to it."""

    name = "device"
    threads: int = field(default=0, repr=False)
    deterministic: Determinism = "same-threads"
    precision: Arithmetic = "float32"
    traffic: Counter[str] = field(default_factory=Counter, compare=False)

    def __str__(self) -> str:
        return f"{self.name}, {self.precision}"

    @classmethod
    def supports(cls, dtype: str, precision: Arithmetic = "float32") -> bool:
        return dtype in FLOATS

    def variables(self, arrays: Mapping[str, np.ndarray]) -> Variables:
        if isinstance(arrays, DeviceVariables):
            return arrays
        self.traffic["written"] += len(arrays)
        copies = {name: np.array(value, order="C") for name, value in arrays.items()}
        return DeviceVariables(Memory(copies, self.traffic), copies)

    def compile(
        self, graph: Graph, variables: Mapping[str, np.ndarray], guard: Iterable[str] = ()
    ) -> DeviceExecutable:
        check(graph)
        if not isinstance(variables, DeviceVariables):
            check_variables(graph, variables)
        own = self.variables(variables)
        assert isinstance(own, DeviceVariables)
        compiled = ReferenceEngine(precision=self.precision).compile(
            graph, own.memory.arrays, guard
        )
        return DeviceExecutable(compiled, own, {} if own is variables else variables)

    def memory_forecast(self, graph: Graph, guard: Iterable[str] = ()) -> int:
        return ReferenceEngine(precision=self.precision).memory_forecast(graph, guard)
