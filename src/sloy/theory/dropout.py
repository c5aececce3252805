"""Dropout seen: the thinned networks of successive steps (L14)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from sloy import ops
from sloy.arguments import instance, integer, sample_array
from sloy.engines import engine as find_engine
from sloy.engines.reference import computed
from sloy.errors import InvalidArgument
from sloy.graph import Graph, Tensor
from sloy.graph.graph import Node, copy_node, topological_order
from sloy.inspection.style import BLUE, GREY, new_figure, styled
from sloy.language import say
from sloy.layers import Dense, Dropout
from sloy.losses import SquaredError
from sloy.problem import Problem
from sloy.problem.graphs import KEY
from sloy.problem.network import Network
from sloy.theory.diagram import RADIUS, column, edge, neuron
from sloy.training.recipe import Recipe
from sloy.training.step import initial_variables, random_key

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["dropout_figure", "dropout_masks", "exact_dropout_mean", "thinned_outputs"]

MOST = 12  # neurons of a layer in a figure
MOST_DROPPED = 16  # neurons whose 2^16 ways of being dropped are all computed
AT_ONCE = 1024  # thinned copies
SCALE = 0.6
MOST_DRAWS = 10_000_000  # of which each takes some hundred bytes


def dropout_masks(network: Network, steps: int = 4, *, seed: int = 0) -> dict[str, np.ndarray]:
    """Which neurons are there in successive training steps, for one object a step.

    They are the very masks of `sloy.fit` with this seed and batches of one.

    Parameters
    ----------
    network : Network
    steps : int
        The first so many.
    seed : int

    Returns
    -------
    dict
        Name of a dropout layer → array (steps, …) of its input's shape: 1 where a neuron is kept, 0 where it is
        dropped.

    Examples
    --------
    >>> from sloy.layers import Dense, ReLU
    >>> network = Network((3,), [Dense(6), ReLU(), Dropout(0.5), Dense(1)])
    >>> dropout_masks(network, 2)["dropout_1"].astype(int).tolist()
    [[0, 0, 1, 0, 1, 1], [1, 1, 1, 0, 0, 1]]
    """
    where = "dropout_masks"
    count = integer(where, "steps", steps)
    found = _found_masks(where, network)
    graph = Graph.of(dict(found))
    run = find_engine("reference").compile(graph, {KEY: random_key(seed)}).run
    each = [run({"step": np.array(step, np.uint32)}) for step in range(count)]
    return {name: np.concatenate([masks[name] for masks in each]) for name, _ in found}


def thinned_outputs(
    network: Network,
    parameters: Mapping[str, np.ndarray],
    x: ArrayLike,
    draws: int = 1000,
    *,
    seed: int = 0,
) -> np.ndarray:
    """The outputs of thinned copies of a network for one object: what training sees of it, again and again.

    Their mean is near to the output in use, see `exact_dropout_mean`, by about its standard error: their standard
    deviation over √draws.

    Parameters
    ----------
    network : Network
    parameters : mapping
        Name → array.
    x : array, shape input_shape
        One object.
    draws : int
        Number of thinned copies.
    seed : int

    Returns
    -------
    float64 array, shape (draws, *output_shape)
    """
    where = "thinned_outputs"
    count = integer(where, "draws", draws, 1, MOST_DRAWS)
    output, fed = _thinned(where, network, parameters, x, count, seed)
    return computed({"output": output}, fed)["output"]


def exact_dropout_mean(
    network: Network, parameters: Mapping[str, np.ndarray], x: ArrayLike
) -> np.ndarray:
    """What is expected of a network in training for one object: the mean over all its thinned copies.

    E a = Σ_m P(m) a(m) over all 2^H masks m of the H neurons that may be dropped, P(m) = Π_h (1 - p_h) if kept, p_h
    if not. Where nothing but linear layers stands behind the dropout it is the output in use: each kept neuron is
    scaled by 1 / (1 - p), so that what is expected of it is what it gives in use. Behind a σ it is not, as
    E σ(z) ≠ σ(E z).

    Parameters
    ----------
    network : Network
        With at most 16 neurons that may be dropped.
    parameters : mapping
        Name → array.
    x : array, shape input_shape
        One object.

    Returns
    -------
    float64 array, shape output_shape

    Raises
    ------
    InvalidArgument
        Without dropout, or for more neurons: `thinned_outputs` draws some of the masks.

    Examples
    --------
    >>> from sloy.layers import Dense, Dropout, Tanh
    >>> parameters = {"dense_1/weight": np.array([[1.0], [2.0]]), "dense_1/bias": np.zeros(1)}
    >>> linear = Network((2,), [Dropout(0.5), Dense(1)])
    >>> exact_dropout_mean(linear, parameters, [1.0, 1.0]).tolist()  # of 0, 2, 4 and 6; in use 3
    [3.0]
    >>> exact_dropout_mean(Network((2,), [*linear.layers, Tanh()]), parameters, [1.0, 1.0]).round(3).tolist()
    [0.741]
    >>> np.tanh(3.0).round(3)
    np.float64(0.995)
    """
    where = "exact_dropout_mean"
    masks = [mask for _, mask in _found_masks(where, network)]
    sizes = [mask.spec.size for mask in masks]
    if sum(sizes) > MOST_DROPPED:
        raise InvalidArgument(
            f"{where}: `network` has {sum(sizes)} neurons that may be dropped; all ways to drop them are"
            f" computed for at most {MOST_DROPPED}. `thinned_outputs` draws some."
        )
    copies = 1 << sum(sizes)
    count = min(copies, AT_ONCE)
    output, fed = _thinned(where, network, parameters, x, count, seed=0)
    streams = [mask.attributes["stream"] for mask in masks]
    graph = Graph.of({"output": output}).rebuild(partial(_with_masks_fed, streams))
    run = find_engine("reference").compile(graph, {n: fed[n] for n in graph.variables}).run
    keep = np.repeat([mask.attributes["keep"] for mask in masks], sizes)  # (H,)
    mean = np.zeros(network.output_shape)
    for first in range(0, copies, count):
        bits = (np.arange(first, first + count)[:, None] >> np.arange(len(keep))) & 1  # (B, H)
        parts = np.split(bits, np.cumsum(sizes)[:-1], axis=1)
        for mask, stream, part in zip(masks, streams, parts, strict=True):
            fed[f"mask {stream}"] = part.reshape(count, *mask.shape[1:]).astype(np.float64)
        probability = np.where(bits, keep, 1 - keep).prod(axis=1)  # (B,)
        outputs = run({name: fed[name] for name in graph.inputs})["output"]
        mean += np.tensordot(probability, outputs, axes=1)
    return mean


@styled
def dropout_figure(network: Network, steps: int = 3, *, seed: int = 0) -> Figure:
    """The network as it is in successive training steps, dropped neurons faded, and in use.

    Parameters
    ----------
    network : Network
        Of dense layers of at most 12 neurons.
    steps, seed
        See `dropout_masks`.
    """
    masks = dropout_masks(network, steps, seed=seed)
    layers = _layers(network)
    panels: list[dict[str, np.ndarray]] = [
        {name: mask[step] for name, mask in masks.items()} for step in range(steps)
    ]
    panels.append({})
    height = 0.72 * max(size for size, _ in layers)
    across = 1.25 * (len(layers) - 1) + 2 * RADIUS + 0.3
    columns = min(4, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(SCALE * columns * across, rows * (SCALE * height + 0.6))
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for number, (axes, dropped) in enumerate(zip(grid, panels, strict=False)):
        _draw(axes, layers, dropped, height)
        in_use = number == steps
        kept = sum(int(mask.sum()) for mask in dropped.values())
        total = sum(mask.size for mask in dropped.values())
        title = say("in use: all of them")
        if not in_use:
            title = say(
                "step {number}: {kept} of {total} kept", number=number + 1, kept=kept, total=total
            )
        axes.set_title(title, color=BLUE if in_use else "black")
    for axes in figure.axes:
        axes.set_axis_off()
    rates = sorted({layer.rate for layer in network.layers if isinstance(layer, Dropout)})
    factors = ", ".join(
        say("p = {rate:g}: kept × {factor:.3g}", rate=rate, factor=1 / (1 - rate)) for rate in rates
    )
    told = say("in training each neuron is dropped with probability p ({factors})", factors=factors)
    figure.supxlabel(told, color=GREY, fontsize=9)
    return figure


# --- parts ----------------------------------------------------------------------------------------


def _thinned(
    where: str,
    network: Network,
    parameters: Mapping[str, np.ndarray],
    x: ArrayLike,
    count: int,
    seed: int,
) -> tuple[Tensor, dict[str, np.ndarray]]:
    """The outputs of so many thinned copies for one object, and all that computing them needs."""
    instance(where, "network", network, Network)
    given = sample_array(where, "x", x).astype(np.float64)
    if given.shape != network.input_shape:
        raise InvalidArgument(
            f"{where}: `x` has shape {given.shape}; it must be one object, {network.input_shape}."
        )
    if network.states:
        raise InvalidArgument(
            f"{where}: `network` has running statistics ({', '.join(network.states)}); in training these"
            " are of a batch, and there is but one object."
        )
    built = network.build(
        ops.input("x", (count, *network.input_shape), "float64"),
        training=True,
        key=ops.variable(KEY, (2,), "uint32"),
        step=ops.input("step", (), "uint32"),
    )
    problem = Problem(network, SquaredError(), dtype="float64")
    variables = initial_variables(problem, Recipe(optimizer="sgd", seed=seed), parameters, where)
    x = np.broadcast_to(given, (count, *given.shape))
    return built.output, {**variables, "x": x, "step": np.array(0, np.uint32)}


def _with_masks_fed(streams: list[int], node: Node, operands: tuple[Tensor, ...]) -> Tensor:
    """A mask that is fed in place of one that is drawn."""
    if node.op == "dropout_mask" and node.attributes["stream"] in streams:
        return ops.input(f"mask {node.attributes['stream']}", node.spec.shape, node.spec.dtype)
    return copy_node(node, operands)


def _found_masks(where: str, network: Network) -> list[tuple[str, Tensor]]:
    instance(where, "network", network, Network)
    built = network.build(
        ops.input("x", (1, *network.input_shape)),
        training=True,
        key=ops.variable(KEY, (2,), "uint32"),
        step=ops.input("step", (), "uint32"),
    )
    dropouts = [
        name
        for name, layer in zip(network.layer_names, network.layers, strict=True)
        if isinstance(layer, Dropout) and layer.rate > 0
    ]
    if not dropouts:
        raise InvalidArgument(f"{where}: `network` has no Dropout layer with a rate above 0.")
    found: list[tuple[str, Tensor]] = []
    seen: set[int] = set()
    for name in dropouts:
        for tensor in topological_order([built.activations[name]]):
            if tensor.op == "dropout_mask" and id(tensor) not in seen:
                seen.add(id(tensor))
                found.append((name, tensor))
    return found


def _layers(network: Network) -> list[tuple[int, str]]:
    """Neurons of the input and of each dense layer, and the dropout that thins them (or none)."""
    shape = network.input_shape
    found = [(shape[0], "")]
    for name, layer in zip(network.layer_names, network.layers, strict=True):
        after = layer.output_shape(shape)
        if isinstance(layer, Dense):
            found.append((layer.units, ""))
        elif isinstance(layer, Dropout):
            found[-1] = (found[-1][0], name)
        if len(shape) != 1 or after != (found[-1][0],) or max(shape[0], after[0]) > MOST:
            raise InvalidArgument(
                f"dropout_figure: the layer `{name}` makes {after} of {shape}; the figure shows dense layers"
                f" of at most {MOST} neurons."
            )
        shape = after
    return found


def _draw(
    axes: Axes, layers: list[tuple[int, str]], masks: dict[str, np.ndarray], height: float
) -> None:
    places = [column(1.25 * i, size, height) for i, (size, _) in enumerate(layers)]
    kept = [
        masks[name].reshape(-1) > 0 if name in masks else np.ones(size, bool)
        for size, name in layers
    ]
    for i in range(len(layers) - 1):
        for j, k in np.ndindex(layers[i][0], layers[i + 1][0]):
            both = kept[i][j] and kept[i + 1][k]
            if both:
                edge(axes, [places[i][j], places[i + 1][k]], GREY, 0.7)
    for points, there in zip(places, kept, strict=True):
        for (x, y), is_there in zip(points, there, strict=True):
            neuron(axes, x, y, "" if is_there else "×", colour="black" if is_there else "#BBBBBB")
    axes.set(
        xlim=(-RADIUS - 0.1, places[-1][0, 0] + RADIUS + 0.1),
        ylim=(-0.1, height + 0.1),
        aspect="equal",
    )
