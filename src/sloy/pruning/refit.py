"""The weights that remain of a layer, refitted by least squares to what it gave before units were removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sloy.graph import Graph, Tensor, check
from sloy.graph.graph import topological_order
from sloy.graph.ops.window import Window
from sloy.graph.threefry import make_key, uniform
from sloy.problem.graphs import forward
from sloy.problem.inputs import Columns
from sloy.pruning.groups import Consumer, Structure
from sloy.pruning.passes import Passes
from sloy.pruning.saliency import products

ROWS = 4096  # places of samples that a layer is fitted at
RIDGE = 1e-3  # of the mean square of a feature, on the change of the weights


@dataclass(frozen=True, eq=False)
class Fit:
    """What a layer is fitted to.

    Attributes
    ----------
    targets : array, shape (G, R, O)
        What it gave at some places, in groups.
    rows, tops, lefts : int arrays, shape (R,)
        Samples and places; of a dense layer the samples alone.
    intercept : (str, int) or None
        The parameter or state behind it that takes a constant, and its sign.
    """

    consumer: Consumer
    targets: np.ndarray
    rows: np.ndarray
    tops: np.ndarray
    lefts: np.ndarray
    intercept: tuple[str, int] | None


class Refit:
    """Least squares for the layers behind units.

    Parameters
    ----------
    passes : Passes
        With the parameters of the whole network.
    structure : Structure
    samples : Columns
        Whose targets are what the layers give now.
    seed : int
        Of the places.
    """

    def __init__(self, passes: Passes, structure: Structure, samples: Columns, seed: int) -> None:
        self._passes, self._structure, self._samples = passes, structure, samples
        self._intercepts = _intercepts(structure)
        self.fits = {c.weight: self._begin(c, seed) for c in structure.consumers}

    def names(self, consumer: Consumer) -> list[str]:
        """The parameters that a refit changes."""
        intercept = self.fits[consumer.weight].intercept
        return [consumer.weight, *([] if intercept is None else [intercept[0]])]

    def __call__(self, consumer: Consumer, removed: np.ndarray) -> None:
        """Set the weights of removed units to 0, and the others, with the constant, to what fits best."""
        fit, variables = self.fits[consumer.weight], self._passes.variables
        w = _split(consumer, variables[consumer.weight])  # (G, J, O)
        units = _along(consumer)
        gone = np.isin(units, removed)
        x = self._features(fit)  # (G, R, J)
        w[:, gone] = 0
        shift = np.zeros((len(w), w.shape[2]))
        for g, (features, target) in enumerate(zip(x, fit.targets, strict=True)):
            kept = features[:, ~gone].astype(np.float64)
            rest = target - kept @ w[g, ~gone]
            if fit.intercept is not None:
                centre, shift[g] = kept.mean(0), rest.mean(0)
                kept, rest = kept - centre, rest - shift[g]
            change = _ridge(kept, rest)
            w[g, ~gone] += change
            if fit.intercept is not None:
                shift[g] -= centre @ change
        dtype = self._passes.problem.dtype
        variables.write(consumer.weight, _joined(consumer, w).astype(dtype))
        if fit.intercept is not None:
            name, sign = fit.intercept
            constant = np.asarray(self._base(name), np.float64)
            variables.write(name, (constant + sign * shift.reshape(constant.shape)).astype(dtype))

    def _base(self, name: str) -> np.ndarray:
        """The constant in the whole network: targets do not hold it."""
        return np.asarray(self._passes.model.parameters[name])

    def _begin(self, consumer: Consumer, seed: int) -> Fit:
        count, y = len(self._samples), consumer.product
        key = make_key(seed, "places", consumer.weight)
        rows, tops, lefts = np.arange(count), np.zeros(0, int), np.zeros(0, int)
        if y.op == "conv2d":
            each = min(-(-ROWS // count), y.shape[1] * y.shape[2])
            rows = np.repeat(rows, each)
            drawn = uniform(key, (2, len(rows)))
            tops, lefts = (drawn * np.array(y.shape[1:3])[:, None]).astype(int)
        fit = Fit(consumer, np.zeros(0), rows, tops, lefts, self._intercepts.get(consumer.weight))
        w = _split(consumer, self._passes.variables[consumer.weight])
        targets = np.stack(
            [x.astype(np.float64) @ own for x, own in zip(self._features(fit), w, strict=True)]
        )
        return Fit(consumer, targets, rows, tops, lefts, fit.intercept)

    def _features(self, fit: Fit) -> np.ndarray:
        """What the layer sees now, (G, R, J)."""
        name = fit.consumer.weight
        step = self._passes.executable(
            ("seen", name), lambda size: _seen_graph(self._passes, self._structure, name, size)
        )
        parts = []
        for rows, outputs in self._passes.run(step, {"x": self._samples.x}):
            x = outputs["x"][: rows.stop - rows.start]
            here = (fit.rows >= rows.start) & (fit.rows < rows.stop)
            parts.append(_patches(fit, x, here, rows.start))
        return np.concatenate(parts, 1)


def _patches(fit: Fit, x: np.ndarray, here: np.ndarray, first: int) -> np.ndarray:
    product = fit.consumer.product
    if product.op == "matmul":
        return x[None]
    if product.op == "batched_matmul":
        return x.swapaxes(0, 1)
    a = product.attributes
    kernel = product.inputs[1].shape
    window = Window((kernel[0], kernel[1]), a["stride"], a["padding"], a["dilation"])
    padded = window.pad(x)
    rows, tops, lefts = fit.rows[here] - first, fit.tops[here], fit.lefts[here]
    taps = [
        padded[rows, tops * a["stride"][0] + i * a["dilation"][0], lefts * a["stride"][1] + j * a["dilation"][1]]
        for i in range(kernel[0])
        for j in range(kernel[1])
    ]  # fmt: skip
    seen = np.stack(taps, 1)  # (R, KH·KW, C)
    grouped = seen.reshape(len(rows), len(taps), a["groups"], -1)
    return grouped.transpose(2, 0, 1, 3).reshape(a["groups"], len(rows), -1)


def _split(consumer: Consumer, weight: np.ndarray) -> np.ndarray:
    """A weight as the matrices that multiply, one for each group: float64 (G, J, O)."""
    w = np.asarray(weight, np.float64) * consumer.factor
    if w.ndim == 2:
        return w[None]
    if w.ndim == 3:
        return w
    groups = consumer.product.attributes["groups"]
    return w.reshape(-1, groups, w.shape[3] // groups).transpose(1, 0, 2).copy()


def _joined(consumer: Consumer, w: np.ndarray) -> np.ndarray:
    """The inverse of `_split`."""
    shape = consumer.product.inputs[1].shape
    return (w.transpose(1, 0, 2) if len(shape) == 4 else w).reshape(shape) / consumer.factor


def _along(consumer: Consumer) -> np.ndarray:
    """The unit of each row of the matrices, (J,)."""
    taps = np.prod(consumer.product.inputs[1].shape[:2]) if consumer.product.op == "conv2d" else 1
    return np.tile(consumer.units, int(taps))


def _ridge(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """argmin ‖x c - y‖² + λ ‖c‖², by whichever of xᵀx and x xᵀ is smaller."""
    rows, columns = x.shape
    if not columns:
        return np.zeros((0, y.shape[1]))
    weight = RIDGE * float(np.square(x).sum()) / columns + 1e-12
    if columns <= rows:
        return np.linalg.solve(x.T @ x + weight * np.eye(columns), x.T @ y)
    return x.T @ np.linalg.solve(x @ x.T + weight * np.eye(rows), y)


def _seen_graph(passes: Passes, structure: Structure, name: str, size: int) -> Graph:
    output = forward(passes.problem, size).built.output
    return check(Graph.of({"x": products(output, structure)[name].inputs[0] * 1.0}))


def _intercepts(structure: Structure) -> dict[str, tuple[str, int]]:
    """Where a constant can be added behind each weight: a bias, or the mean that a normalisation takes away."""
    order = topological_order([structure.built.output])
    users: dict[int, list[Tensor]] = {}
    for tensor in order:
        for x in tensor.inputs:
            users.setdefault(id(x), []).append(tensor)
    found = {}
    for consumer in structure.consumers:
        behind = users.get(id(consumer.product), [])
        if len(behind) == 1 and (place := _constant(behind[0], consumer.product)) is not None:
            found[consumer.weight] = place
    return found


def _constant(user: Tensor, product: Tensor) -> tuple[str, int] | None:
    if user.op == "batch_norm" and user.inputs[1].op == "variable":
        return user.inputs[1].attributes["name"], -1
    if user.op != "add":
        return None
    others: Sequence[Tensor] = [x for x in user.inputs if x is not product]
    if len(others) != 1:
        return None
    bias = others[0].inputs[0] if others[0].op == "broadcast_to" else others[0]
    own = product.shape[-1:] if product.op != "batched_matmul" else product.shape[1:]
    return (bias.attributes["name"], 1) if bias.op == "variable" and bias.shape == own else None
