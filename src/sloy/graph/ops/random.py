"""Random masks that are a function of key, stream, step and position."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import threefry
from sloy.graph.opdef import Attributes, register
from sloy.graph.spec import Shape, Spec
from sloy.graph.tensor import Tensor, applied

__all__ = ["dropout_mask"]


def _infer(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    key, step = specs
    if key != Spec((2,), "uint32") or step != Spec((), "uint32"):
        raise ShapeError(f"dropout_mask: key {key} and step {step} must be uint32[2] and uint32[].")
    if not 0.0 <= attributes["keep"] <= 1.0:
        raise InvalidArgument(f"dropout_mask: `keep` (={attributes['keep']}) must lie in [0, 1].")
    if not 0 <= attributes["stream"] < 2**32:
        raise InvalidArgument(
            f"dropout_mask: `stream` (={attributes['stream']}) must lie from 0 to 2^32 - 1."
        )
    return Spec(attributes["shape"], attributes["dtype"])


def _reference(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    key, step = arrays
    stream = threefry.fold_in(key, attributes["stream"])
    mask = threefry.keep_mask(
        threefry.fold_in(stream, int(step)), attributes["shape"], attributes["keep"]
    )
    return mask.astype(attributes["dtype"])


register(
    "dropout_mask",
    "random",
    2,
    _infer,
    _reference,
    attributes={"stream": "integer", "keep": "float", "shape": "integers", "dtype": "dtype"},
    differentiable=False,
    doc="1 with probability `keep`, else 0, by threefry2x32 of (key, stream, step) and the index",
)


def dropout_mask(
    key: Tensor, step: Tensor, *, stream: int, keep: float, shape: Shape, dtype: str = "float32"
) -> Tensor:
    """A mask of 1 (with probability `keep`) and 0.

    Parameters
    ----------
    key : uint32 (2,)
        See `sloy.graph.threefry.make_key`.
    step : uint32 ()
        The number of the training step.
    stream : int
        Tells the masks of one step apart, from 0 to 2^32 - 1.
    """
    return applied("dropout_mask", key, step, stream=stream, keep=keep, shape=shape, dtype=dtype)
