"""How many samples a model takes at a time."""

from __future__ import annotations

import numpy as np

from sloy import ops
from sloy.graph.spec import Shape
from sloy.problem import Network

BATCH = 256  # samples at a time, fewer where one is large
BATCH_BYTES = 64 << 20  # of the largest activation of a batch


def default_batch(network: Network, dtype: str) -> int:
    """Samples at a time: a power of two up to 256, such that one activation stays within 64 MiB."""
    built = network.build(ops.input("x", (1, *network.input_shape)))
    shapes: list[Shape] = [network.input_shape, *(t.shape for t in built.activations.values())]
    largest = max(int(np.prod(shape)) for shape in shapes) * np.dtype(dtype).itemsize
    return 1 << max(0, min(BATCH, BATCH_BYTES // largest).bit_length() - 1)
