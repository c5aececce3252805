"""Full-batch, mini-batch and per-object descent on one loss surface (L7, L10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sloy import ops
from sloy.arguments import instance, integer, real, word
from sloy.engines import engine as find_engine
from sloy.errors import InvalidArgument
from sloy.graph import Graph
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.language import counted, say
from sloy.losses import LossLike
from sloy.optimizers import SGD
from sloy.problem.graphs import forward
from sloy.problem.inputs import Data, as_dataset
from sloy.problem.network import Network
from sloy.training.callbacks import Batch, Callback
from sloy.training.fit import fit
from sloy.training.gradients import problem_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sloy.training.run import Run

__all__ = ["Descent", "DescentPath", "compare_descents", "descent_figure"]

GREEN = "#009E73"
WAYS = {"full batch": 0, "mini-batches of 8": 8, "object by object": 1}
POINTS = 300  # of a path whose loss on all objects is measured
GRID = 45  # rows and columns of the surface


@dataclass(frozen=True, eq=False)
class DescentPath:
    """Where one way of descent went.

    Attributes
    ----------
    weights : array, shape (steps + 1, P)
        All parameters one after another, before the first step and after each.
    objects : array, shape (n,)
        Objects seen at some of these steps, all of them where there are few.
    losses : array, shape (n,)
        The mean loss on all objects there.
    """

    weights: np.ndarray
    objects: np.ndarray
    losses: np.ndarray


@dataclass(frozen=True, eq=False)
class Descent:
    """Ways of descent compared, and the surface they went down.

    Attributes
    ----------
    paths : dict
        Name of a way → `DescentPath`.
    directions : array, shape (2, P)
        The plane of the surface: the two parameters, where there are only two, else the paths' two principal
        directions.
    centre : array, shape (P,)
        Its origin.
    labels : (str, str)
        Of its axes.
    across, up : array, shape (45,)
    surface : array, shape (45, 45)
        The mean loss at ``centre + across[j] * directions[0] + up[i] * directions[1]``.
    """

    paths: dict[str, DescentPath]
    directions: np.ndarray
    centre: np.ndarray
    labels: tuple[str, str]
    across: np.ndarray
    up: np.ndarray
    surface: np.ndarray


def compare_descents(
    network: Network,
    data: Data,
    *,
    loss: LossLike = "squared_error",
    learning_rate: float | Mapping[str, float] = 0.1,
    epochs: int = 20,
    ways: Mapping[str, int] | None = None,
    parameters: Mapping[str, np.ndarray] | None = None,
    seed: int = 0,
) -> Descent:
    """Train one network from one start in several ways, and keep every step of them.

    A step goes down the mean loss of its objects, Q / n, not the sum Q of the lecture: the minimum is the same, and the
    lecture's step size is η / n. So one η suits steps of any number of objects.

    Parameters
    ----------
    network : Network
    data : Dataset or (x, y)
    loss : Loss, str or callable
    learning_rate : float or mapping
        η, one for all or by the name of the way.
    epochs : int
        Passes over the data.
    ways : mapping
        Name → objects of a step; 0 takes all. By default all, 8, and 1.
    parameters : mapping, optional
        The start; by default the network's own for the seed.
    seed : int

    References
    ----------
    .. [1] H. Li, Z. Xu, G. Taylor, C. Studer, T. Goldstein, "Visualizing the loss landscape of neural nets",
       NeurIPS 2018, §7 (paths drawn in the plane of their principal directions).

    Examples
    --------
    >>> from sloy.layers import Dense
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> descent = compare_descents(Network((1,), [Dense(1)]), (x, 2 * x + 1), epochs=5)
    >>> {name: path.weights.shape for name, path in descent.paths.items()}
    {'full batch': (6, 2), 'mini-batches of 8': (16, 2), 'object by object': (101, 2)}
    """
    where = "compare_descents"
    instance(where, "network", network, Network)
    if network.parameter_count < 2 or network.states:
        raise InvalidArgument(
            f"{where}: `network` has {network.parameter_count} parameters and {len(network.states)} running"
            " statistics; it must have two parameters or more, and none of the latter."
        )
    given = as_dataset(data)
    ways = WAYS if ways is None else ways
    instance(where, "ways", ways, Mapping)
    ways = dict(ways)
    sizes = {n: integer(where, "ways", size, 0) or len(given) for n, size in ways.items()}
    if isinstance(learning_rate, Mapping) and set(learning_rate) != set(ways):
        raise InvalidArgument(
            f"{where}: `learning_rate` has {sorted(learning_rate)}; it must name the ways {sorted(ways)}."
        )
    measure = _measure(network, given.x, given.y, loss)
    if parameters is not None:
        instance(where, "parameters", parameters, Mapping)
    start = network.initialize(seed) if parameters is None else dict(parameters)
    paths = {}
    for name, size in sizes.items():
        rate = learning_rate[name] if isinstance(learning_rate, Mapping) else learning_rate
        recorder = _Recorder(network)
        fit(
            network, given, epochs=epochs, batch_size=size, loss=loss, metrics=(), seed=seed,
            optimizer=SGD(real(where, "learning_rate", rate, above=0)), parameters=start,
            preprocessing=None, callbacks=[recorder], threads=1, verbose=False,
        )  # fmt: skip
        paths[name] = _path(np.array(recorder.weights), size, len(given), measure)
    return _with_surface(network, paths, measure)


@styled
def descent_figure(descent: Descent, title: str = "") -> Figure:
    """The loss surface with the paths on it, and the loss on all objects by the number of objects seen."""
    from matplotlib.ticker import NullFormatter

    instance("descent_figure", "descent", descent, Descent)
    word("descent_figure", "title", title)
    figure = new_figure(9.4, 4.2)
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1.15, 1]})
    _draw_surface(left, descent)
    styles = ((BLUE, "-", 2.4), (GREEN, "-", 1.6), (ORANGE, "-", 0.9))
    for (name, path), (colour, line, width) in zip(descent.paths.items(), styles * 9, strict=False):
        shown = (path.weights - descent.centre) @ np.linalg.pinv(
            descent.directions
        )  # (steps + 1, 2)
        steps = len(path.weights) - 1
        mark = "o" if steps <= 60 else None
        shared = {"color": colour, "ls": line, "lw": width}
        left.plot(
            *shown.T,
            **shared,
            marker=mark,
            markersize=3,
            label=f"{say(name)}, {counted(steps, 'step')}",
        )
        left.plot(*shown[-1], "s", color=colour, markeredgecolor="white", markersize=8, zorder=4)
        right.plot(path.objects, path.losses, **shared)
    first = (next(iter(descent.paths.values())).weights[0] - descent.centre) @ np.linalg.pinv(
        descent.directions
    )
    left.plot(*first, "o", color="black", markersize=7, zorder=5, label=say("start"))
    left.plot([], [], "s", color=GREY, markersize=7, label=say("end"))
    figure.legend(loc="outside lower center", ncols=min(3, len(descent.paths)), fontsize=9)
    losses = np.concatenate([path.losses for path in descent.paths.values()])
    wide = 0 < 10 * losses.min() < losses.max()
    right.set(xlabel=say("objects seen"), ylabel=say("mean loss on all objects"))
    right.set_yscale("log" if wide else "linear")
    right.grid(axis="y")
    if wide:
        right.yaxis.set_minor_formatter(NullFormatter())
    if title:
        figure.suptitle(title)
    return figure


# --- parts ----------------------------------------------------------------------------------------


class _Recorder(Callback):
    """All parameters before the first step and after each."""

    def __init__(self, network: Network) -> None:
        self.names = list(network.parameters)
        self.weights: list[np.ndarray] = []

    def on_fit_begin(self, run: Run) -> None:
        self._record(run)

    def on_batch_end(self, run: Run, batch: Batch) -> None:
        self._record(run)

    def _record(self, run: Run) -> None:
        flat = [run.weights[name].ravel().astype(np.float64) for name in self.names]
        self.weights.append(np.concatenate(flat))


def _measure(
    network: Network, x: np.ndarray, y: np.ndarray, loss: LossLike
) -> Callable[[np.ndarray], float]:
    """The mean loss on all objects as a function of all parameters, (P,)."""
    problem, inputs = problem_of("compare_descents", network, x, y, loss, "float64")
    run = forward(problem, len(inputs["x"]))
    graph = Graph.of({"loss": run.built.penalized(ops.reduce_mean(run.losses))})
    variables = network.initialize(0, "float64")
    executable = find_engine("reference").compile(graph, variables)

    def measure(weights: np.ndarray) -> float:
        first = 0
        for name in network.parameters:
            array = variables[name]
            array[...] = weights[first : first + array.size].reshape(array.shape)
            first += array.size
        return float(executable.run(inputs)["loss"])

    return measure


def _path(
    weights: np.ndarray, size: int, count: int, measure: Callable[[np.ndarray], float]
) -> DescentPath:
    steps = len(weights) - 1
    per_epoch = -(-count // size)
    chosen = np.unique(np.linspace(0, steps, min(steps + 1, POINTS)).round().astype(int))
    seen = chosen // per_epoch * count + np.minimum(chosen % per_epoch * size, count)
    return DescentPath(weights, seen, np.array([measure(weights[step]) for step in chosen]))


def _with_surface(
    network: Network, paths: dict[str, DescentPath], measure: Callable[[np.ndarray], float]
) -> Descent:
    everywhere = np.concatenate([path.weights for path in paths.values()])
    if network.parameter_count == 2:
        directions, centre = np.eye(2), np.zeros(2)
        labels = _names(network)
    else:
        centre = everywhere.mean(axis=0)
        _, lengths, rows = np.linalg.svd(everywhere - centre, full_matrices=False)
        directions, share = rows[:2], lengths**2 / (lengths**2).sum()
        labels = (
            say(
                "first principal direction of the paths ({share:.0f} % of their variance)",
                share=100 * share[0],
            ),
            say("second ({share:.0f} %)", share=100 * share[1]),
        )
    flat = (everywhere - centre) @ directions.T
    low, high = flat.min(axis=0), flat.max(axis=0)
    margin = 0.3 * np.maximum(high - low, 0.3 * (high - low).max() + 1e-9)
    across, up = (np.linspace(low[i] - margin[i], high[i] + margin[i], GRID) for i in (0, 1))
    surface = np.array(
        [[measure(centre + a * directions[0] + u * directions[1]) for a in across] for u in up]
    )
    return Descent(paths, directions, centre, labels, across, up, surface)


def _names(network: Network) -> tuple[str, str]:
    """The two parameters of a network by name, with their places where an array holds both."""
    found = [
        name if parameter.tensor.spec.size == 1 else f"{name}[{i}]"
        for name, parameter in network.parameters.items()
        for i in range(parameter.tensor.spec.size)
    ]
    return found[0], found[1]


def _draw_surface(axes: Axes, descent: Descent) -> None:
    values = descent.surface
    low, high = float(values.min()), float(values.max())
    levels = low + (high - low) * np.linspace(0, 1, 16) ** 2.5
    if high > low:
        axes.contourf(descent.across, descent.up, values, levels=levels, cmap="Greys_r", alpha=0.4)
        axes.contour(
            descent.across, descent.up, values, levels=levels[1::3], colors=GREY, linewidths=0.6
        )
    axes.set(xlabel=descent.labels[0], ylabel=descent.labels[1])
