"""What each unit is worth: the change of the loss, to second order, when it gives its mean instead of what it sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sloy import ops
from sloy.graph import Graph, Tensor, backprop, check
from sloy.graph.backprop import vector_jacobian
from sloy.graph.graph import topological_order
from sloy.problem.graphs import forward
from sloy.problem.inputs import Columns
from sloy.pruning.groups import Structure
from sloy.pruning.labels import weight_of
from sloy.pruning.loss_root import directions, loss_gradients
from sloy.pruning.passes import Passes

SURE = 2.0  # standard errors: a gradient that is less is that of these samples alone
CONSTANT = 1e-6  # of the largest value: a range that is rounding alone


@dataclass(frozen=True, eq=False)
class Activity:
    """What the units give, as the weights that sum over them see it.

    Attributes
    ----------
    means : dict
        Name of a weight → the mean of each channel that it is given, float64 (C,).
    constant : set of int
        Units that give the same for all samples and places.
    """

    means: dict[str, np.ndarray]
    constant: frozenset[int]


def activity(passes: Passes, structure: Structure, samples: Columns) -> Activity:
    """Means of the units, and which of them never change."""
    step = passes.executable("activity", lambda size: _activity_graph(passes, structure, size))
    sums: dict[str, np.ndarray] = {}
    high: dict[str, np.ndarray] = {}
    low: dict[str, np.ndarray] = {}
    for rows, outputs in passes.run(step, {"x": samples.x}):
        for name, of in ((n.removeprefix("sum/"), v) for n, v in outputs.items() if "sum/" in n):
            total = of[: rows.stop - rows.start].sum(0, dtype=np.float64)
            sums[name] = sums.get(name, 0.0) + total
            high[name] = np.maximum(high.get(name, -np.inf), outputs[f"max/{name}"])
            low[name] = np.minimum(low.get(name, np.inf), outputs[f"min/{name}"])
    varied: set[int] = set()
    for consumer in structure.consumers:
        name, units = consumer.weight, channels_of(consumer.product, consumer.units)
        size = np.maximum(np.abs(high[name]), np.abs(low[name]))
        varied |= set(units[high[name] - low[name] > CONSTANT * size].tolist())
    constant = frozenset(int(u) for g in structure.groups for u in g.units if u not in varied)
    places = {c.weight: _places(c.product) for c in structure.consumers}
    means = {name: total / len(samples) / places[name] for name, total in sums.items()}
    return Activity(means, constant)


def scores(
    passes: Passes,
    structure: Structure,
    samples: Columns,
    means: dict[str, np.ndarray],
    seed: int,
    draws: int = 0,
) -> dict[int, float]:
    """By unit, the rise of the mean loss foreseen when it gives its mean: -gᵀd + ½ dᵀHd along d = x - mean.

    H is that of Gauss and Newton; `draws` as of `directions`. Of a trained network gᵀd is about 0; where it is less
    than two standard errors it is left out, as it would favour what is good for these samples alone.
    """
    step = passes.executable("scores", lambda size: _scores_graph(passes, structure, size))
    numbers = np.concatenate([group.units for group in structure.groups])
    index = np.full(int(numbers.max()) + 1, -1)
    index[numbers] = np.arange(len(numbers))
    places = {}
    for consumer in structure.consumers:
        units = channels_of(consumer.product, consumer.units)
        inside = np.where(units < len(index), index[np.minimum(units, len(index) - 1)], -1)
        places[consumer.weight] = _Sums(inside, len(numbers))
    gradient, spread, square = np.zeros((3, len(numbers)))
    roots = directions(passes, samples, seed, draws)
    every = [loss_gradients(passes, samples), *roots.swapaxes(0, 1)]
    for r, direction in enumerate(every):
        feeds = {"x": samples.x, "direction": direction.astype(passes.problem.dtype)}
        for rows, outputs in passes.run(step, feeds):
            count = rows.stop - rows.start
            along = np.zeros((count, len(numbers)))
            for name, sums in places.items():
                moved = outputs[f"with/{name}"] - means[name] * outputs[f"of/{name}"]
                along += sums(moved[:count].astype(np.float64))
            if r:
                square += np.square(along).sum(0)
            else:
                gradient += along.sum(0)
                spread += np.square(along).sum(0)
    count = len(samples)
    gradient /= count
    noise = (
        np.maximum(spread / count - np.square(gradient), 0) / count
    )  # the variance of such a mean
    sure = np.square(gradient) > SURE**2 * noise
    found = 0.5 * square / count - np.where(sure, gradient, 0)
    return dict(zip(numbers.tolist(), found.tolist(), strict=True))


def channels_of(product: Tensor, units: np.ndarray) -> np.ndarray:
    """The units along the last axis of what a product is given, from those along the axis of its weight."""
    return np.tile(units, product.attributes.get("groups", 1))


class _Sums:
    """Sums of columns by unit: (N, C) → (N, U)."""

    def __init__(self, index: np.ndarray, count: int) -> None:
        inside = np.flatnonzero(index >= 0)
        self._order = inside[np.argsort(index[inside], kind="stable")]
        self._units, self._starts = np.unique(index[self._order], return_index=True)
        self._count = count

    def __call__(self, values: np.ndarray) -> np.ndarray:
        found = np.zeros((len(values), self._count))
        if len(self._order):
            found[:, self._units] = np.add.reduceat(values[:, self._order], self._starts, axis=1)
        return found


def _places(product: Tensor) -> int:
    """At how many places of a sample a product is given a channel."""
    x = product.inputs[0]
    return int(np.prod(x.shape[1:-1]))


def products(output: Tensor, structure: Structure) -> dict[str, Tensor]:
    """The products with the weights that sum over units, in a graph of any batch size."""
    wanted = {consumer.weight for consumer in structure.consumers}
    return {
        weight[0]: tensor
        for tensor in topological_order([output])
        if (weight := weight_of(tensor)) is not None and weight[0] in wanted
    }


def _activity_graph(passes: Passes, structure: Structure, size: int) -> Graph:
    outputs = {}
    for name, tensor in products(forward(passes.problem, size).built.output, structure).items():
        x = tensor.inputs[0]
        inside = tuple(range(1, x.rank - 1))
        outputs[f"sum/{name}"] = ops.reduce_sum(x, inside) if inside else x * 1.0
        outputs[f"max/{name}"] = ops.reduce_max(x, tuple(range(x.rank - 1)))
        outputs[f"min/{name}"] = ops.reduce_min(x, tuple(range(x.rank - 1)))
    return check(Graph.of(outputs))


def _scores_graph(passes: Passes, structure: Structure, size: int) -> Graph:
    """Of each product, the gradient by what it is given: times that, and alone, summed over places."""
    output = forward(passes.problem, size).built.output
    direction = ops.input("direction", (size, passes.outputs), passes.problem.dtype)
    along = ops.reduce_sum(direction * ops.reshape(output, (size, passes.outputs)))
    found = products(output, structure)
    gradients = backprop(along, list(found.values()))
    outputs = {}
    for (name, tensor), g in zip(found.items(), gradients, strict=True):
        x, gx = tensor.inputs[0], vector_jacobian(tensor, g)[0]
        assert gx is not None  # products have gradients by both operands
        inside = tuple(range(1, x.rank - 1))
        outputs[f"with/{name}"] = ops.reduce_sum(gx * x, inside) if inside else gx * x
        outputs[f"of/{name}"] = ops.reduce_sum(gx, inside) if inside else gx * 1.0
    return check(Graph.of(outputs))
