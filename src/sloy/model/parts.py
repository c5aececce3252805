"""`Parts`: what a model is made of, as files hold it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from sloy.data.readers import Reader
from sloy.engines.variables import HostVariables, Variables
from sloy.errors import InvalidArgument
from sloy.model.familiar import Familiar
from sloy.problem import Problem
from sloy.problem.parameters import check_names, real_array


class Parts(NamedTuple):
    """All of a model but what computes it.

    Attributes
    ----------
    problem : Problem
    parameters : mapping
        Name → array, all parameters and states of the network.
    class_names : tuple of str
    reader : Reader or None
    familiar : Familiar or None
    """

    problem: Problem
    parameters: Mapping[str, np.ndarray]
    class_names: tuple[str, ...] = ()
    reader: Reader | None = None
    familiar: Familiar | None = None


def checked(problem: Problem, parameters: Mapping[str, np.ndarray]) -> Variables:
    """The arrays in the network's order, each of its shape and the computing dtype; a run's variables as they are."""
    check_names("Model", problem.network, parameters)
    if isinstance(parameters, Variables):
        return parameters
    arrays = {
        name: real_array("Model", name, parameters[name], shape)
        for name, shape in problem.network.shapes.items()
    }
    required = {name: np.require(v, problem.dtype, ["C", "W"]) for name, v in arrays.items()}
    return HostVariables(required)


def refuse_arrays(reader: Reader | None, argument: str, x: Any) -> None:
    """Raise where the reader of a model must have prepared its samples."""
    if reader is not None and reader.instead_of_arrays:
        raise InvalidArgument(
            f"Model: `{argument}` is of type {type(x).__name__}; a model of a {reader.kind} takes"
            f" {reader.instead_of_arrays}."
        )
