"""Calling what a user wrote: a function of symbolic tensors."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from inspect import Signature, signature

from sloy.errors import InvalidArgument
from sloy.graph.graph import topological_order
from sloy.graph.opdef import REGISTRY
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
        if is_for_numpy(error):
            raise InvalidArgument(f"{place}: the function {FOR_NUMPY}.") from error
        raise
    if not isinstance(result, Tensor):
        raise InvalidArgument(
            f"{place}: the function returned a {type(result).__name__}; it must return a Tensor."
        )
    return result


FOR_NUMPY = "hands a symbolic tensor to NumPy; write it with `sloy.ops`"


def is_for_numpy(error: Exception) -> bool:
    """Whether NumPy refused a symbolic tensor: ``np.tanh(x)``."""
    return isinstance(error, TypeError) and "__array_ufunc__" in str(error)


def check_apart(place: str, x: Tensor, y: Tensor) -> None:
    """Raise where samples x (N, …) are reduced over axis 0 on their way to y: each would depend on the others."""
    by_sample = {id(x)}  # what has a sample at each place of its first axis
    for tensor in topological_order([y], {id(x)}):
        if not by_sample.intersection(map(id, tensor.inputs)):
            continue
        reduces = tensor.op.startswith("reduce_")
        if reduces and 0 in tensor.attributes["axes"]:
            raise InvalidArgument(
                f"{place}: the function reduces over axis 0, whose places are the samples of a batch ({tensor.op}): the"
                " answer for one would depend on the others. Name the other `axes`."
            )
        definition = REGISTRY.get(tensor.op)
        if reduces or (definition is not None and definition.elementwise):
            by_sample.add(id(tensor))


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
