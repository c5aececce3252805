"""Parameters and states that come from outside: of the network's names and shapes, real numbers, finite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sloy.arguments import array, instance
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.spec import Shape
from sloy.network import Network


def check_names(place: str, network: Network, given: Mapping[str, Any]) -> None:
    """Raise `InvalidArgument` unless these are all parameters and states of the network, and nothing else."""
    instance(place, "parameters", given, Mapping)
    unknown, missing = given.keys() - network.shapes.keys(), network.shapes.keys() - given.keys()
    if unknown or missing:
        raise InvalidArgument(
            f"{place}: `parameters`: unknown {sorted(map(str, unknown))}, missing {sorted(missing)}."
        )


def real_array(place: str, name: str, value: Any, shape: Shape) -> np.ndarray:
    """The value of a parameter as an array of real numbers, of its shape; itself where it is one."""
    found = array(place, f"parameters[{name!r}]", value)
    if found.dtype.kind not in "iuf":
        raise InvalidArgument(
            f"{place}: parameter `{name}` has dtype {found.dtype}; it must hold real numbers."
        )
    if found.shape != shape:
        raise ShapeError(
            f"{place}: parameter `{name}` has shape {found.shape}; the network needs {shape}."
        )
    return found


def finite_copy(place: str, name: str, value: Any, shape: Shape, dtype: str) -> np.ndarray:
    """A copy of the value of a parameter, C-contiguous, of its shape and dtype, every number finite."""
    with np.errstate(over="ignore"):
        copied = np.array(real_array(place, name, value, shape), dtype, order="C")
    if not np.isfinite(copied).all():
        raise InvalidArgument(
            f"{place}: parameter `{name}` holds a value that is not finite in {dtype}."
        )
    return copied
