"""How large a model is: numbers, multiply-adds, bytes of its file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sloy import ops
from sloy.graph.graph import topological_order
from sloy.model import Model
from sloy.problem.summary import multiply_adds
from sloy.pruning.pruned import Size


def size_of(model: Model, widths: Mapping[str, int]) -> Size:
    """The sizes of a model; `widths` of what is tied in it."""
    network = model.network
    weights = [np.asarray(model.parameters[name]) for name in network.parameters]
    built = network.build(ops.input("x", (1, *network.input_shape)))
    count = multiply_adds(topological_order([built.output]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.sloy"
        model.save(path)
        nbytes = path.stat().st_size
    zeros = sum(int(np.count_nonzero(w == 0)) for w in weights if w.ndim > 1)
    return Size(sum(w.size for w in weights), zeros, count, nbytes, dict(widths))
