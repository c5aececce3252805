"""Which attributes each op has, of which kind: what an untrusted graph is checked against.

An op that is not listed has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sloy.errors import InvalidArgument

_CONVOLUTION = {
    "stride": "positive integers",
    "padding": "integers",
    "dilation": "positive integers",
    "groups": "integer",
}
_POOLING = {
    "window": "positive integers",
    "stride": "positive integers",
    "padding": "integers",
}
_AVERAGE = {**_POOLING, "count_include_pad": "flag"}
_REDUCTION = {"axes": "axes", "keepdims": "flag"}

ATTRIBUTES: dict[str, dict[str, str]] = {
    "argmax": {"axis": "integer"},
    "average_pool2d": _AVERAGE,
    "average_pool2d_grad": {**_AVERAGE, "extents": "integers"},
    "batch_norm": {"epsilon": "float"},
    "broadcast_to": {"shape": "integers"},
    "cast": {"dtype": "dtype"},
    "clip": {"low": "float", "high": "float"},
    "concatenate": {"axis": "integer"},
    "conv2d": _CONVOLUTION,
    "conv2d_input_grad": {**_CONVOLUTION, "extents": "integers"},
    "conv2d_weight_grad": {**_CONVOLUTION, "kernel_size": "positive integers"},
    "dropout_mask": {"stream": "integer", "keep": "float", "shape": "integers", "dtype": "dtype"},
    "matmul": {"transpose_a": "flag", "transpose_b": "flag"},
    "max_pool2d": _POOLING,
    "max_pool2d_grad": _POOLING,
    "one_hot": {"classes": "integer", "dtype": "dtype"},
    "pad": {"before": "integers", "after": "integers", "value": "float"},
    "reduce_max": _REDUCTION,
    "reduce_min": _REDUCTION,
    "reduce_sum": _REDUCTION,
    "reshape": {"shape": "integers"},
    "slice": {"start": "integers", "stop": "integers"},
    "transpose": {"permutation": "integers"},
}


def check_attributes(
    op: str, attributes: Mapping[str, Any], ranks: Sequence[int] | None = None
) -> None:
    """Raise `InvalidArgument` unless an op has exactly its attributes, each of its kind.

    Parameters
    ----------
    op : str
    attributes : mapping
    ranks : sequence of int, optional
        Of the operands; the axes of a reduction lie within the first.
    """
    kinds = ATTRIBUTES.get(op, {})
    if set(attributes) != set(kinds):
        raise InvalidArgument(f"{op}: attributes are {sorted(attributes)}, need {sorted(kinds)}.")
    for key, kind in kinds.items():
        if not _fits(attributes[key], kind):
            raise InvalidArgument(f"{op}: `{key}` (={attributes[key]!r}) is not of kind '{kind}'.")
    if ranks and "axes" in attributes and any(axis >= ranks[0] for axis in attributes["axes"]):
        raise InvalidArgument(f"{op}: `axes` (={attributes['axes']}) exceed rank {ranks[0]}.")


def _fits(value: object, kind: str) -> bool:
    if kind == "float":
        return isinstance(value, float)
    if kind == "flag":
        return isinstance(value, bool)
    if kind == "dtype":
        return isinstance(value, str)
    if kind == "integer":
        return _is_integer(value, 0)
    if not isinstance(value, tuple):
        return False
    if kind == "axes" and list(value) != sorted(set(value)):
        return False
    return all(_is_integer(v, 1 if kind == "positive integers" else 0) for v in value)


def _is_integer(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
