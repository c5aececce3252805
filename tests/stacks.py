"""A function of a user for each way in which the samples lie in products of stacks of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sloy import ops
from sloy.graph import Tensor


def _numbers(z: Tensor, *shape: int) -> Tensor:
    """A constant without a symmetry."""
    values = np.cos(np.arange(np.prod(shape)) * 1.7) + 0.1
    return ops.constant(values.reshape(shape), z.dtype)


def _rows(z: Tensor, **how: Any) -> Tensor:
    """The samples (N, 5) as rows: five groups of three features."""
    x = ops.reshape(z, (-1, 5, 1)) * _numbers(z, 5, 3)
    return ops.batched_matmul(x, _numbers(z, *how.pop("weight")), **how)


def _matrices(z: Tensor) -> Tensor:
    """A matrix for each sample, (N, 5, 2)."""
    return ops.reshape(z, (-1, 5, 1)) * _numbers(z, 5, 2)


def _attention(z: Tensor) -> Tensor:
    q, k = _matrices(z), ops.tanh(_matrices(z))
    weights = ops.softmax(ops.batched_matmul(q, k, transpose_b=True))
    return ops.batched_matmul(weights, k * k)


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "groups": lambda z: _rows(z, weight=(5, 3, 2), batch_axes=(1, 0, 1)),
    "groups, biased": lambda z: ops.relu(
        _rows(z, weight=(5, 3, 2), batch_axes=(1, 0, 1)) + _numbers(z, 5, 2)
    ),
    "groups first": lambda z: ops.transpose(
        _rows(z, weight=(5, 2, 3), transpose_b=True, batch_axes=(1, 0, 0)), (1, 0, 2)
    ),
    "groups of weights in the middle": lambda z: _rows(z, weight=(3, 5, 2), batch_axes=(1, 1, 1)),
    "weights first": lambda z: ops.transpose(
        ops.batched_matmul(
            _numbers(z, 5, 4, 2), _matrices(z), transpose_b=True, batch_axes=(0, 1, 0)
        ),
        (2, 0, 1),
    ),
    "attention": _attention,
    "transposed": lambda z: ops.batched_matmul(
        _matrices(z),
        ops.batched_matmul(_matrices(z), _matrices(z), transpose_a=True),
        transpose_b=True,
    ),
    "samples in the middle": lambda z: ops.batched_matmul(
        ops.transpose(_matrices(z), (1, 0, 2)), _matrices(z), transpose_a=True, batch_axes=(1, 0, 0)
    ),
}
