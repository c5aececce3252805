"""Calling what a user wrote: a function of symbolic tensors."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from inspect import Signature, signature

from sloy.errors import InvalidArgument
from sloy.graph.tensor import Tensor


def call(place: str, function: Callable[..., Tensor], *arguments: Tensor) -> Tensor:
    """What the function makes of tensors: a tensor. Errors of its own pass through, but for calls that do not fit.

    Raises
    ------
    InvalidArgument
        Where it gives something else, hands a tensor to NumPy, or calls something with arguments that it does not take.
    """
    try:
        result = function(*arguments)
    except TypeError as error:
        if (wrong := _wrong_call(str(error))) is not None:
            raise InvalidArgument(f"{place}: the function fails: {wrong}.") from error
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


def _wrong_call(said: str) -> str | None:
    """What Python says of a call with wrong arguments, with those that an op takes; None of other errors."""
    found = re.search(r"([\w<>.]+)\(\) (?:got|takes|missing) .*argument", said)
    if found is None:
        return None
    op = getattr(import_module("sloy.ops"), found[1], None)
    return said if op is None else f"{said}; ops.{found[1]}{_arguments(op)} is what there is"


def _arguments(op: Callable[..., Tensor]) -> str:
    """Names and defaults, without types: (x, axes=None, keepdims=False)."""
    plain = [p.replace(annotation=p.empty) for p in signature(op).parameters.values()]
    return str(Signature(plain))
