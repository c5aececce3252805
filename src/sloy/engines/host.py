"""What the engines that compute in host memory, on its processor's cores, have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sloy.engines.base import Engine
from sloy.engines.names import Arithmetic, Determinism
from sloy.engines.variables import HostVariables, Variables
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Graph
from sloy.text import many


@dataclass(frozen=True)
class HostEngine(Engine):
    """An engine whose variables are arrays of NumPy, written in place.

    Parameters
    ----------
    threads : int
        Number of threads; 0 takes the physical cores that this process may use.
    deterministic : "same-threads" or "any-threads"
        What gives the same bits again: the same number of threads, or any. The reference engine's
        do not depend on threads.
    precision : "float32", "mixed" or "emulated"
        See `Engine`.
    """

    threads: int = 0
    deterministic: Determinism = "same-threads"
    precision: Arithmetic = "float32"

    def __str__(self) -> str:
        threads = [many(self.threads, "thread")] if self.threads else []
        return ", ".join([self.name, *threads, self.precision])

    @property
    def settings(self) -> dict[str, int | str]:
        """See `Engine.settings`."""
        return {"threads": self.threads, **super().settings}

    def variables(self, arrays: Mapping[str, np.ndarray]) -> Variables:
        """The arrays as they are; see `Engine.variables`."""
        return arrays if isinstance(arrays, HostVariables) else HostVariables(arrays)


def check_variables(graph: Graph, variables: Mapping[str, np.ndarray]) -> None:
    """Raise `InvalidArgument` or `ShapeError` unless every variable of the graph has its array."""
    specs = dict(graph.variables)
    specs |= {name: graph.nodes[number].spec for name, number in graph.updates.items()}
    for name, spec in specs.items():
        value = variables.get(name)
        if value is None:
            raise InvalidArgument(f"variable `{name}` ({spec}) has no value.")
        if value.shape != spec.shape or value.dtype != spec.dtype or not value.flags.c_contiguous:
            raise ShapeError(
                f"variable `{name}` is {value.dtype.name}{list(value.shape)}; it must be a"
                f" C-contiguous {spec}."
            )
        if name in graph.updates and not value.flags.writeable:
            raise InvalidArgument(f"variable `{name}` is updated, but its array is read-only.")
