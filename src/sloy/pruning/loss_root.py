"""The root of the Hessian of the loss by the network's output, column by column."""

from __future__ import annotations

import numpy as np

from sloy import ops
from sloy.errors import NotAvailable
from sloy.graph import Graph, backprop, check
from sloy.graph.threefry import make_key, uniform
from sloy.losses import CategoricalCrossentropy
from sloy.problem.graphs import inference_graph
from sloy.problem.inputs import Columns
from sloy.problem.runner import Runner
from sloy.pruning.passes import Passes

MOST_COLUMNS = 32  # of a root that are all taken; of more, random sums
DRAWS = 8
MOST_OUTPUTS = 256  # of a loss that couples them and has no root of its own here


def directions(passes: Passes, samples: Columns, seed: int, draws: int = 0) -> np.ndarray:
    """Vectors v_r of each sample with Σ_r v_r v_rᵀ the Hessian of its loss by the output, or an estimate of it.

    Where the loss is not convex its negative curvature counts 0.

    Parameters
    ----------
    draws : int
        As many random sums of the columns; 0 takes all columns, and `DRAWS` sums where there are more than 32.

    Returns
    -------
    float64 array, shape (N, R, K)
    """
    outputs = raw_outputs(passes, samples)
    count, size = outputs.shape
    if not draws and size > MOST_COLUMNS:
        draws = DRAWS
    signs = None
    if draws:
        drawn = uniform(make_key(seed, "curvature"), (count, draws, size))
        signs = np.where(drawn < 0.5, -1.0, 1.0) / np.sqrt(draws)
    if type(passes.problem.loss) is CategoricalCrossentropy:
        return _of_softmax(outputs, signs)
    step = _Derivatives(passes, samples, outputs)
    diagonal = step.diagonal(seed)
    if diagonal is not None:
        root = np.sqrt(np.maximum(diagonal, 0))[:, None, :]
        return root * (np.eye(size)[None] if signs is None else signs)
    if size > MOST_OUTPUTS:
        raise NotAvailable(
            f"curvature: {type(passes.problem.loss).__name__} couples the {size} outputs; at most {MOST_OUTPUTS} are"
            " possible."
        )
    values, vectors = np.linalg.eigh(step.hessian())
    roots = (vectors * np.sqrt(np.maximum(values, 0))[:, None, :]).swapaxes(1, 2)
    return roots if signs is None else signs @ roots


def raw_outputs(passes: Passes, samples: Columns) -> np.ndarray:
    """The network's output as (N, K), float64."""
    run = Runner(
        passes.engine, passes.variables, lambda size: inference_graph(passes.problem, size)
    )
    found = run({"x": samples.x}, passes.batch_size)["output"]
    return found.reshape(len(found), -1).astype(np.float64)


def loss_gradients(passes: Passes, samples: Columns) -> np.ndarray:
    """The gradient of each sample's loss by its output, (N, K), float64."""
    outputs = raw_outputs(passes, samples)
    return _Derivatives(passes, samples, outputs).gradients


def _of_softmax(outputs: np.ndarray, signs: np.ndarray | None) -> np.ndarray:
    """The columns √p_k (e_k - p) of the root of diag(p) - p pᵀ; smoothed labels have the same."""
    e = np.exp(outputs - outputs.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    root = np.sqrt(p)
    if signs is None:
        return root[:, :, None] * (np.eye(p.shape[1])[None] - p[:, None, :])
    sums = signs * root[:, None, :]
    found: np.ndarray = sums - p[:, None, :] * sums.sum(2, keepdims=True)
    return found


class _Derivatives:
    """First and second derivatives of the loss of each sample by the output."""

    def __init__(self, passes: Passes, samples: Columns, outputs: np.ndarray) -> None:
        problem, count = passes.problem, len(outputs)
        shape = (count, *problem.network.output_shape)
        z = ops.input("z", shape, problem.dtype)
        v = ops.input("v", shape, problem.dtype)
        target = ops.input("y", (count, *problem.target_shape), problem.target_dtype)
        (g,) = backprop(ops.reduce_sum(problem.loss.per_sample(z, target)), [z])
        (h,) = backprop(ops.reduce_sum(g * v), [z])
        graph = check(Graph.of({"g": g, "h": h, "v": v + z * 0.0}))
        self._step = passes.engine.compile(graph, passes.engine.variables({}))
        self._feeds = {"z": outputs.astype(problem.dtype).reshape(shape), "y": samples.y}
        self._feeds = {name: array for name, array in self._feeds.items() if name in graph.inputs}
        self._shape, self._dtype, self._size = shape, problem.dtype, outputs.shape[1]

    def _run(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        v = np.broadcast_to(vector.astype(self._dtype), (self._shape[0], self._size))
        found = self._step.run({**self._feeds, "v": np.ascontiguousarray(v.reshape(self._shape))})
        return {n: a.reshape(self._shape[0], -1).astype(np.float64) for n, a in found.items()}

    @property
    def gradients(self) -> np.ndarray:
        return self._run(np.zeros(self._size))["g"]

    def diagonal(self, seed: int) -> np.ndarray | None:
        """Where the outputs do not act on each other, the second derivatives by each (N, K)."""
        found = self._run(np.ones(self._size))["h"]
        for draw in range(2):
            signs = np.where(uniform(make_key(seed, "signs", draw), (self._size,)) < 0.5, -1.0, 1.0)
            if not np.allclose(self._run(signs)["h"], signs * found, rtol=1e-4, atol=1e-7):
                return None
        return found

    def hessian(self) -> np.ndarray:
        """(N, K, K)."""
        rows = [self._run(e)["h"] for e in np.eye(self._size)]
        found = np.stack(rows, 1)
        return (found + found.swapaxes(1, 2)) / 2
