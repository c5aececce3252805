"""The curvature of the loss along each weight: the diagonal of the Gauss-Newton matrix, or of the Hessian itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sloy import ops
from sloy.arguments import flag, instance, integer
from sloy.errors import InvalidArgument
from sloy.graph import Graph, Tensor, backprop, check
from sloy.graph.graph import topological_order
from sloy.graph.tensor import apply
from sloy.model import Model
from sloy.problem.graphs import forward
from sloy.problem.inputs import Columns, Data, as_dataset
from sloy.pruning.loss_root import directions
from sloy.pruning.passes import Passes, some_rows

MOST_EXACT = 5_000  # weights whose second derivatives are computed one by one
SAMPLES = 1_024


def curvature(
    model: Model, data: Data, *, samples: int = SAMPLES, exact: bool = False, seed: int = 0
) -> dict[str, np.ndarray]:
    """The second derivative of the mean loss by each parameter, ∂²L/∂w².

    By default its Gauss-Newton part, Σ_n ‖√H_n · ∂z_n/∂w‖² / N with z the network's output and H_n the Hessian of the
    loss by it: it is never negative, and takes a backward pass for each column of √H_n. Where the output is linear in
    each single weight (ReLU, leaky ReLU, maxout, pooling, batch normalisation in use) it is the second derivative
    itself; with smooth activations, such as tanh, it is not.

    Parameters
    ----------
    model : Model
        In use: dropout keeps everything, batch normalisation takes its running statistics.
    data : Dataset or (x, y)
    samples : int
        As many are drawn; all where there are no more.
    exact : bool
        Whether the Hessian's own diagonal is computed, by differentiating twice; of at most 5 000 weights.
    seed : int
        Of the samples; and of the 8 random directions that take the place of the columns where a network has more than
        32 outputs.

    Returns
    -------
    dict
        Name of each parameter → float64 array of its shape. Penalties are not part of the loss here.

    Raises
    ------
    InvalidArgument
        Where the data are not what the model takes, or the weights too many for `exact`.

    References
    ----------
    .. [1] Y. LeCun, J. Denker, S. Solla, "Optimal brain damage", NIPS 1989.
    .. [2] N. Schraudolph, "Fast curvature matrix-vector products for second-order gradient descent", Neural Computation
       14 (2002).

    Examples
    --------
    >>> import numpy as np, sloy
    >>> x = np.array([[1.0], [2.0]], np.float32)
    >>> network = sloy.Network((1,), [sloy.layers.Dense(1)])
    >>> options = {"preprocessing": "none", "engine": "reference", "verbose": False}
    >>> model, _ = sloy.fit(network, (x, 3 * x), epochs=1, **options)  # the mean of (wx + b - y)²
    >>> {name: round(float(h.item()), 4) for name, h in curvature(model, (x, 3 * x)).items()}
    {'dense_1/weight': 5.0, 'dense_1/bias': 2.0}
    """
    instance("curvature", "model", model, Model)
    integer("curvature", "samples", samples)
    integer("curvature", "seed", seed, least=0)
    flag("curvature", "exact", exact)
    passes = Passes(model)
    rows = some_rows(len(as_dataset(data)), samples, seed)
    found = passes.samples(data, "curvature", rows)
    if exact:
        return hessian_diagonal(passes, found)
    return gauss_newton_diagonal(passes, found, seed)


def gauss_newton_diagonal(passes: Passes, samples: Columns, seed: int) -> dict[str, np.ndarray]:
    """The diagonal of the Gauss-Newton matrix of the mean loss, by parameter."""
    columns = directions(passes, samples, seed)  # (N, R, K)
    network = passes.problem.network
    totals = {name: np.zeros(p.tensor.shape) for name, p in network.parameters.items()}
    step = passes.executable("squares", lambda size: _squares_graph(passes, size)[0])
    rest = _squares_graph(passes, 1)[1]
    for r in range(columns.shape[1]):
        feeds = {"x": samples.x, "direction": columns[:, r].astype(passes.problem.dtype)}
        for _, outputs in passes.run(step, feeds):
            for name, squares in outputs.items():
                totals[name] += squares
        if not rest:
            continue
        single = passes.executable("single", lambda size: _single_graph(passes, rest), 1)
        for _, outputs in passes.run(single, feeds, 1):
            for name, gradient in outputs.items():
                totals[name] += np.square(gradient, dtype=np.float64)
    return {name: total / len(samples) for name, total in totals.items()}


def hessian_diagonal(passes: Passes, samples: Columns) -> dict[str, np.ndarray]:
    """The diagonal of the Hessian of the mean loss, by parameter: a product with each unit vector."""
    network = passes.problem.network
    if (count := network.parameter_count) > MOST_EXACT:
        raise InvalidArgument(
            f"curvature: `exact` (=True) is for at most {MOST_EXACT} weights; the network has {count}."
        )
    size = min(passes.batch_size, len(samples))
    step = passes.executable("hessian", lambda size: _hessian_graph(passes, size), size)
    vectors = {
        f"v/{name}": np.zeros(p.tensor.shape, passes.problem.dtype)
        for name, p in network.parameters.items()
    }
    totals = {name: np.zeros(p.tensor.shape) for name, p in network.parameters.items()}
    for first in range(0, len(samples), size):
        rows = np.minimum(np.arange(first, first + size), len(samples) - 1)
        counts = (np.arange(first, first + size) < len(samples)).astype(passes.problem.dtype)
        feeds: dict[str, Any] = {"x": samples.x[rows], "y": samples.y[rows], "counts": counts}
        for name, total in totals.items():
            vector, sums = vectors[f"v/{name}"].reshape(-1), total.reshape(-1)
            for place in range(sums.size):
                vector[place] = 1.0
                sums[place] += step.run(feeds | vectors)[name].reshape(-1)[place]
                vector[place] = 0.0
    return {name: total / len(samples) for name, total in totals.items()}


# --- graphs -----------------------------------------------------------------------------------------------------------


def _along(passes: Passes, size: int) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """Σ direction · output; the parameters; the output."""
    run = forward(passes.problem, size)
    output = run.built.output
    direction = ops.input("direction", (size, passes.outputs), passes.problem.dtype)
    flat = ops.reshape(output, (size, passes.outputs))
    tensors = {name: p.tensor for name, p in run.built.parameters.items()}
    return ops.reduce_sum(direction * flat), tensors, output


def _squares_graph(passes: Passes, size: int) -> tuple[Graph, tuple[str, ...]]:
    """Σ_n (∂(direction · output)_n / ∂w)² of parameters with a rule; and the names of those without."""
    scalar, parameters, output = _along(passes, size)
    uses: dict[int, list[tuple[Tensor, int]]] = {id(w): [] for w in parameters.values()}
    for tensor in topological_order([output]):
        for place, x in enumerate(tensor.inputs):
            if id(x) in uses:
                uses[id(x)].append((tensor, place))
    single = {name: uses[id(w)][0] for name, w in parameters.items() if len(uses[id(w)]) == 1}
    results = list({id(tensor): tensor for tensor, _ in single.values()}.values())
    gradients = dict(zip(map(id, results), backprop(scalar, results), strict=True))
    outputs: dict[str, Tensor] = {}
    for name, (tensor, place) in single.items():
        squares = _squares(tensor, place, gradients[id(tensor)], size)
        if squares is not None:
            outputs[name] = squares
    rest = tuple(name for name, w in parameters.items() if name not in outputs and uses[id(w)])
    if not outputs:
        outputs["/"] = ops.reduce_sum(output) * 0.0
    return check(Graph.of(outputs)), rest


def _single_graph(passes: Passes, names: Sequence[str]) -> Graph:
    """∂(direction · output)/∂w of one sample."""
    scalar, parameters, _ = _along(passes, 1)
    found = backprop(scalar, [parameters[name] for name in names])
    return check(Graph.of(dict(zip(names, found, strict=True))))


def _hessian_graph(passes: Passes, size: int) -> Graph:
    """The product of the Hessian of Σ counts · loss with the vectors ``v/<name>``."""
    run = forward(passes.problem, size)
    counts = ops.input("counts", (size,), passes.problem.dtype)
    tensors = {name: p.tensor for name, p in run.built.parameters.items()}
    gradients = backprop(ops.reduce_sum(run.losses * counts), list(tensors.values()))
    along = ops.constant(0.0, passes.problem.dtype)
    for (name, w), g in zip(tensors.items(), gradients, strict=True):
        along = along + ops.reduce_sum(g * ops.input(f"v/{name}", w.shape, w.dtype))
    products = backprop(along, list(tensors.values()))
    return check(Graph.of(dict(zip(tensors, products, strict=True))))


# --- gradients of each sample, squared and summed ---------------------------------------------------------------------


def _squares(result: Tensor, place: int, g: Tensor, size: int) -> Tensor | None:
    """Σ_n (gradient of sample n by an operand)², from the gradient by the result; None where no rule is known."""
    if not result.rank or result.shape[0] != size:
        return None
    w = result.inputs[place]
    if result.op == "matmul" and place == 1 and not any(result.attributes.values()):
        product = {"transpose_a": True, "transpose_b": False}
        return apply("matmul", (ops.square(result.inputs[0]), ops.square(g)), product)
    if result.op == "batched_matmul" and place == 1 and _is_grouped(result):
        squares = ops.square(result.inputs[0]), ops.square(g)
        return ops.batched_matmul(*squares, transpose_a=True, batch_axes=(1, 1, 0))
    if result.op == "conv2d" and place == 1:
        return _of_convolution(result, g, size)
    if result.op == "broadcast_to" and result.rank > w.rank:
        return _summed(g, w, size)
    if result.op == "batch_norm" and place in (3, 4):
        x, mean, variance, _, _ = result.inputs
        if place == 3:
            g = g * ((x - mean) / ops.sqrt(variance + result.attributes["epsilon"]))
        return _summed(g, w, size)
    return None


def _is_grouped(result: Tensor) -> bool:
    attributes = dict(result.attributes)
    return tuple(attributes.pop("batch_axes")) == (1, 0, 1) and not any(attributes.values())


def _summed(g: Tensor, w: Tensor, size: int) -> Tensor:
    """Of a parameter that each sample adds at some places: Σ_n (Σ_places g)², of the parameter's shape."""
    lead = g.rank - w.rank
    axes = [axis for axis in range(1, g.rank) if axis < lead or w.shape[axis - lead] == 1]
    each = ops.reduce_sum(g, tuple(axes)) if axes else g
    return ops.reshape(ops.reduce_sum(ops.square(each), 0), w.shape)


def _of_convolution(result: Tensor, g: Tensor, size: int) -> Tensor:
    """Samples become groups of channels: one convolution then gives the gradient of each by itself."""
    x, w = result.inputs
    kh, kw, inputs, filters = w.shape
    groups = result.attributes["groups"]
    attributes = {name: result.attributes[name] for name in ("stride", "padding", "dilation")}
    attributes |= {"groups": groups * size, "kernel_size": (kh, kw)}
    each = apply("conv2d_weight_grad", (_as_channels(x), _as_channels(g)), attributes)
    squares = ops.reshape(ops.square(each), (kh, kw, inputs, size, filters))
    return ops.reduce_sum(squares, 3)


def _as_channels(x: Tensor) -> Tensor:
    """(N, H, W, C) → (1, H, W, N·C)."""
    n, height, width, channels = x.shape
    moved = ops.transpose(x, (1, 2, 0, 3))
    return ops.reshape(moved, (1, height, width, n * channels))
