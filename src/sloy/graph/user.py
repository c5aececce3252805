"""Calling what a user wrote: a function of symbolic tensors."""

from __future__ import annotations

from collections.abc import Callable

from sloy.errors import InvalidArgument
from sloy.graph.tensor import Tensor


def call(place: str, function: Callable[..., Tensor], *arguments: Tensor) -> Tensor:
    """What the function makes of tensors: a tensor. Errors of its own pass through.

    Raises
    ------
    InvalidArgument
        Where it gives something else, or hands a tensor to NumPy.
    """
    try:
        result = function(*arguments)
    except TypeError as error:
        if "__array_ufunc__" not in str(error):
            raise
        raise InvalidArgument(
            f"{place}: the function hands a symbolic tensor to NumPy; write it with `sloy.ops`."
        ) from error
    if not isinstance(result, Tensor):
        raise InvalidArgument(
            f"{place}: the function returned a {type(result).__name__}; it must return a Tensor."
        )
    return result
