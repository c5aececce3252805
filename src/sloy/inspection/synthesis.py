"""Pictures made to excite a unit: gradient ascent with the library's own backprop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sloy import ops, text
from sloy.arguments import instance, integer, real
from sloy.errors import InvalidArgument
from sloy.graph import Graph, Tensor, backprop
from sloy.model import Model
from sloy.preprocessing import Preprocessing
from sloy.problem.receptive import activation, picture_shape
from sloy.text import shown

__all__ = ["Synthesized", "synthesize"]

_SPREAD = 2.5  # deviations around the mean: the range of data that are no bytes
_NOISE = 0.02  # of the range, to begin with


@dataclass(frozen=True, repr=False)
class Synthesized(text.Brief):
    """A picture that excites a channel.

    Attributes
    ----------
    picture : array, shape (H, W, C), float32
        In the units of the raw data.
    layer : str
    channel : int
    before, after : float
        The activation that was raised, at the start and at the end.
    """

    picture: np.ndarray
    layer: str
    channel: int
    before: float
    after: float


def synthesize(
    model: Model,
    layer: str,
    channel: int,
    *,
    unit: tuple[int, int] | None = None,
    steps: int = 100,
    rate: float = 0.01,
    smoothness: float = 0.1,
    seed: int = 0,
) -> Synthesized:
    """A picture that excites a channel of a layer, from grey noise by gradient ascent.

        x ← clip(x + rate · range · (u(∂a/∂x) − smoothness · u(∂r/∂x))),   u(g) = g / √mean(g²)

    with a the activation and r the mean squared difference of neighbouring pixels.

    The picture stays within the range of the data: 0 to 255 for bytes, else mean ± 2.5 deviations of the preprocessing.
    Activations before a ReLU give a slope everywhere; after one, a channel that is 0 on noise stays 0.

    Parameters
    ----------
    model : Model
        Of pictures (H, W, C).
    layer : str
        A layer with an output (H, W, C) or (C,).
    channel : int
        The channel or neuron.
    unit : (row, column), optional
        The unit of the channel that is raised; the mean of all by default.
    steps : int
    rate : float
        Of the range of the data, how far a typical pixel moves in a step.
    smoothness : float
        At least 0: the weight of smoothing against the ascent.
    seed : int
        Of the noise.

    References
    ----------
    .. [1] D. Erhan, Y. Bengio, A. Courville, P. Vincent, "Visualizing higher-layer features of a deep network", 2009.
    """
    where = "synthesize"
    instance(where, "model", model, Model)
    shape = picture_shape(where, model.network)
    steps = integer(where, "steps", steps)
    rate = real(where, "rate", rate, above=0)
    smoothness = real(where, "smoothness", smoothness, least=0)
    low, high = data_range(model)
    random = np.random.default_rng(integer(where, "seed", seed, 0))
    start = (low + high) / 2 + _NOISE * (high - low) * random.standard_normal((1, *shape))
    picture = np.clip(start, low, high).astype(model.problem.dtype)
    graph = _ascent(model, (layer, channel, unit), rate, smoothness, (low, high))
    variables = {**model.parameters, "picture": picture}
    executable = model.engine.compile(graph, variables)
    values = [float(executable.run({})["activation"]) for _ in range(steps + 1)]
    return Synthesized(picture[0].astype(np.float32), layer, channel, values[0], values[-1])


def data_range(model: Model) -> tuple[float, float]:
    """The smallest and largest value of a pixel, as raw data."""
    if model.problem.data_dtype == "uint8":
        return 0.0, 255.0
    known = model.problem.preprocessing or Preprocessing()
    mean, deviation = float(np.mean(known.mean)), float(np.mean(known.deviation))
    return mean - _SPREAD * deviation, mean + _SPREAD * deviation


def _ascent(
    model: Model,
    raised: tuple[str, int, tuple[int, int] | None],
    rate: float,
    smoothness: float,
    bounds: tuple[float, float],
) -> Graph:
    """One step: output `activation`, and the picture's next value."""
    dtype, scale = model.problem.dtype, bounds[1] - bounds[0]
    x = ops.variable("picture", (1, *model.network.input_shape), dtype)
    built = model.network.build((model.problem.preprocessing or Preprocessing()).apply(x, dtype))
    value = _raised(built.activations, *raised)
    (up,) = backprop(value, [x])
    (rough,) = backprop(_roughness(x * (1.0 / scale)), [x])
    ascent = _normed(up) - smoothness * _normed(rough)
    moved = x + rate * scale * ascent
    return Graph.of({"activation": value}, {"picture": ops.clip(moved, *bounds)})


def _raised(
    activations: Mapping[str, Tensor], layer: str, channel: int, unit: tuple[int, int] | None
) -> Tensor:
    """The mean of a channel, or one unit of it, a scalar."""
    where = "synthesize"
    value = activation(activations, layer)
    if value.rank not in (2, 4) or (value.rank == 2 and unit is not None):
        raise InvalidArgument(
            f"{where}: `layer` (={shown(layer)}) gives {value.shape}, `unit` is {unit}; it must give"
            " (N, H, W, C), or (N, C) without a `unit`."
        )
    integer(where, "channel", channel, 0, value.shape[-1] - 1)
    start, stop = [0] * value.rank, list(value.shape)
    start[-1], stop[-1] = channel, channel + 1
    for axis, position in enumerate(unit or (), start=1):
        integer(where, "unit", position, 0, value.shape[axis] - 1)
        start[axis], stop[axis] = position, position + 1
    return ops.reduce_mean(ops.slice(value, start, stop))


def _normed(g: Tensor) -> Tensor:
    """Divided by its root mean square."""
    return g / (ops.sqrt(ops.reduce_mean(ops.square(g))) + 1e-12)


def _roughness(x: Tensor) -> Tensor:
    """The mean squared difference of neighbours, down and across."""
    _, height, width, channels = x.shape
    total = ops.constant(0.0, x.dtype)
    if height > 1:
        down = ops.slice(x, (0, 1, 0, 0), (1, height, width, channels)) - ops.slice(
            x, (0, 0, 0, 0), (1, height - 1, width, channels)
        )
        total = total + ops.reduce_mean(ops.square(down))
    if width > 1:
        across = ops.slice(x, (0, 0, 1, 0), (1, height, width, channels)) - ops.slice(
            x, (0, 0, 0, 0), (1, height, width - 1, channels)
        )
        total = total + ops.reduce_mean(ops.square(across))
    return total
