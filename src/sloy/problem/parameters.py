"""Parameters and states that come from outside: of the network's names and shapes, real numbers, finite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np

from sloy.arguments import array, instance
from sloy.engines.variables import Variables
from sloy.errors import InvalidArgument, ShapeError, UnknownName
from sloy.graph.spec import Shape
from sloy.problem.network import Network


def check_names(where: str, network: Network, given: Mapping[str, Any]) -> None:
    """Raise `InvalidArgument` unless these are all parameters and states of the network, and nothing else."""
    instance(where, "parameters", given, Mapping)
    unknown, missing = given.keys() - network.shapes.keys(), network.shapes.keys() - given.keys()
    if unknown or missing:
        raise InvalidArgument(
            f"{where}: `parameters`: unknown {sorted(map(str, unknown))}, missing {sorted(missing)}."
        )


def real_array(where: str, name: str, value: Any, shape: Shape) -> np.ndarray:
    """The value of a parameter as an array of real numbers, of its shape; itself where it is one."""
    found = array(where, f"parameters[{name!r}]", value)
    if found.dtype.kind not in "iuf":
        raise InvalidArgument(
            f"{where}: parameter `{name}` has dtype {found.dtype}; it must hold real numbers."
        )
    if found.shape != shape:
        raise ShapeError(
            f"{where}: parameter `{name}` has shape {found.shape}; the network needs {shape}."
        )
    return found


def finite_copy(where: str, name: str, value: Any, shape: Shape, dtype: str) -> np.ndarray:
    """A copy of the value of a parameter, C-contiguous, of its shape and dtype, every number finite."""
    with np.errstate(over="ignore"):
        copied = np.array(real_array(where, name, value, shape), dtype, order="C")
    if not np.isfinite(copied).all():
        raise InvalidArgument(
            f"{where}: parameter `{name}` holds a value that is not finite in {dtype}."
        )
    return copied


class Parameters(MutableMapping[str, np.ndarray]):
    """The parameters and states of a model: name → array, readable and settable.

    Names and shapes stay. Reading gives the model's own array: what is written into it counts; an engine that does not
    compute in host memory has taken it elsewhere by the model's first use, and gives copies that cannot be written.
    Setting copies the values, converted to the model's dtype.
    """

    def __init__(self, variables: Callable[[], Variables]) -> None:
        self._variables = variables  # the newest ones: a model's move where its engine computes

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._variables():
            raise UnknownName(
                f"no parameter is named {name!r}; there are {', '.join(self._variables())}."
            )
        return self._variables()[name]

    def __setitem__(self, name: str, value: Any) -> None:
        own = self[name]
        if value is not own:  # as it is after `parameters[name] *= 2`
            copied = finite_copy("Model", name, value, own.shape, own.dtype.name)
            self._variables().write(name, copied)

    def __delitem__(self, name: str) -> None:
        raise InvalidArgument(f"parameter `{name}` belongs to the network; it cannot be removed.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables())

    def __len__(self) -> int:
        return len(self._variables())

    def __repr__(self) -> str:
        lines = [f"{name}: {v.dtype}{list(v.shape)}" for name, v in self.items()]
        return "\n".join(lines)
