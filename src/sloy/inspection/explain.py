"""Why a model says what it says about a picture: which pixels matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy import ops, text
from sloy.arguments import instance, integer, sequence
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Graph, Tensor, backprop
from sloy.inspection.picture import draw_picture, is_ink_on_paper
from sloy.inspection.style import new_figure, styled
from sloy.model import Model
from sloy.preprocessing import Preprocessing
from sloy.problem.inputs import samples
from sloy.problem.receptive import activation, picture_shape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Explanation", "explanation_figure", "grad_cam", "saliency"]


@dataclass(frozen=True, repr=False)
class Explanation(text.Brief):
    """Which pixels of a picture matter for an output of a model.

    Attributes
    ----------
    picture : array, shape (H, W, C)
    output : int
        The class, or the number of the output.
    value : float
        The raw output there: a logit, or a value.
    heat : array, shape (H, W)
        0 where a pixel does not matter, 1 where it matters most.
    """

    picture: np.ndarray
    output: int
    value: float
    heat: np.ndarray


def saliency(model: Model, picture: Any, output: int | None = None) -> Explanation:
    """How much an output changes with each pixel: |∂ output / ∂ x|, the largest over the channels, scaled to 1.

    Parameters
    ----------
    model : Model
        Of pictures (H, W, C).
    picture : array, shape (H, W, C), or what the model's reader takes
    output : int, optional
        The class, or the number of the output; by default the largest.

    References
    ----------
    .. [1] K. Simonyan, A. Vedaldi, A. Zisserman, "Deep inside convolutional networks", ICLR workshop 2014, section 3.
    """
    chosen = _Explained("saliency", model, picture, output)
    gradient = np.abs(chosen.gradient(lambda x, _: x)[0])  # (H, W, C)
    return chosen.explanation(gradient.max(-1))


def grad_cam(
    model: Model, picture: Any, output: int | None = None, layer: str | None = None
) -> Explanation:
    """Where a layer sees what speaks for an output: Grad-CAM, ReLU(Σ_c α_c A_c) with α_c the mean of ∂ output / ∂ A_c.

    Parameters
    ----------
    model, picture, output
        As for `saliency`.
    layer : str, optional
        A layer with an output (H, W, C); the last such by default whose units still differ in place.

    References
    ----------
    .. [1] R. Selvaraju et al., "Grad-CAM", ICCV 2017, equations 1 and 2.
    """
    chosen = _Explained("grad_cam", model, picture, output)
    name = layer or chosen.last_layer()
    maps = activation(chosen.built.activations, name)
    if maps.rank != 4:
        raise ShapeError(
            f"grad_cam: `layer` (={name!r}) gives {maps.shape}, not maps (N, H, W, C)."
        )
    gradient, values = chosen.gradient(lambda _, built: built.activations[name])  # (h, w, C)
    heat = np.maximum(values @ gradient.mean((0, 1)), 0)  # (h, w)
    return chosen.explanation(enlarge(heat, chosen.x.shape[1:3]))


def enlarge(values: np.ndarray, extents: tuple[int, int]) -> np.ndarray:
    """Bilinear interpolation of (h, w) to (H, W), pixels being areas (as in "align_corners=False")."""
    for axis, extent in enumerate(extents):
        own = values.shape[axis]
        places = np.clip((np.arange(extent) + 0.5) * own / extent - 0.5, 0, own - 1)
        low = np.floor(places).astype(int)
        high = np.minimum(low + 1, own - 1)
        share = np.expand_dims(places - low, 1 - axis)
        values = values.take(low, axis) * (1 - share) + values.take(high, axis) * share
    return values


class _Explained:
    """A picture, an output of a model for it, and gradients of that output."""

    def __init__(self, where: str, model: Model, picture: Any, output: int | None) -> None:
        instance(where, "model", model, Model)
        shape = picture_shape(where, model.network)
        self.model = model
        self.x = one_picture(where, model, picture)  # (1, H, W, C)
        values = model(self.x)[0].ravel()
        self.output = int(values.argmax()) if output is None else output
        integer(where, "output", self.output, 0, len(values) - 1)
        self.value = float(values[self.output])
        self._input = ops.input("x", (1, *shape), model.problem.dtype)
        ready = (model.problem.preprocessing or Preprocessing()).apply(
            self._input, model.problem.dtype
        )
        self.built = model.network.build(ready)

    def last_layer(self) -> str:
        """The last layer whose output is maps of more than one place."""
        names = [
            name
            for name, value in self.built.activations.items()
            if value.rank == 4 and value.shape[1] * value.shape[2] > 1
        ]
        if not names:
            raise InvalidArgument("no layer of the network gives maps (N, H, W, C).")
        return names[-1]

    def gradient(self, by: Any) -> tuple[np.ndarray, np.ndarray]:
        """Of the output by a tensor, and that tensor's value, both of the one sample."""
        wanted: Tensor = by(self._input, self.built)
        flat = ops.reshape(self.built.output, (self.built.output.spec.size,))
        picked = ops.reduce_sum(ops.slice(flat, (self.output,), (self.output + 1,)))
        (gradient,) = backprop(picked, [wanted])
        graph = Graph.of({"gradient": gradient, "value": wanted})
        found = run(self.model, graph, {"x": self.x})
        return found["gradient"][0], found["value"][0]

    def explanation(self, heat: np.ndarray) -> Explanation:
        """With the heat scaled to 1."""
        most = float(heat.max())
        return Explanation(self.x[0], self.output, self.value, heat / most if most > 0 else heat)


def one_picture(where: str, model: Model, picture: Any) -> np.ndarray:
    """The picture as raw data (1, H, W, C), by the model's reader where it is not an array."""
    reader = model.picture_reader
    if reader is not None and reader.takes(picture):
        x = reader.read(picture)
    else:
        x = np.asarray(picture)
        x = x[None] if x.ndim == len(model.network.input_shape) else x
    found = samples(
        x, model.network.input_shape, model.problem.dtype, where, model.problem.data_dtype
    )
    if len(found) != 1:
        raise ShapeError(f"{where}: `picture` is {len(found)} pictures; it must be one.")
    return found


def run(model: Model, graph: Graph, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run a graph of a model's network once; the inputs are cast to what the graph takes."""
    fed = {
        name: np.ascontiguousarray(inputs[name], spec.dtype) for name, spec in graph.inputs.items()
    }
    return model.engine.compile(graph, dict(model.parameters)).run(fed)


@styled
def explanation_figure(
    explanations: Mapping[str, Explanation], class_names: tuple[str, ...] = ()
) -> Figure:
    """The picture, what is explained (the raw output: a logit, or a value), and beside it the heat of each explanation.

    Equal heat has equal colours, whatever lies there in the picture; of ink on paper its outline is drawn over it.

    Parameters
    ----------
    explanations : mapping of title to Explanation
        Of the same picture.
    class_names : sequence of str
    """
    instance("explanation_figure", "explanations", explanations, Mapping)
    for one in explanations.values():
        instance("explanation_figure", "explanations", one, Explanation)
    class_names = sequence("explanation_figure", "class_names", class_names, str)
    if not explanations:
        raise InvalidArgument("`explanations` is empty; it needs one or more.")
    first = next(iter(explanations.values()))
    columns = 1 + len(explanations)
    figure = new_figure(2.7 * columns + 0.9, 3.3)
    panels = figure.subplots(1, columns)
    on_paper = is_ink_on_paper(first.picture[None])
    name = class_names[first.output] if class_names else f"output {first.output}"
    draw_picture(panels[0], first.picture, on_paper=on_paper)
    panels[0].set_title(f"{name}: raw output {first.value:.4g}", fontsize=10)
    for axes, (title, found) in zip(panels[1:], explanations.items(), strict=True):
        shown = axes.imshow(found.heat, cmap="inferno", vmin=0, vmax=1)
        if on_paper and np.ptp(found.picture):
            ink = found.picture[..., 0].astype(np.float64)
            axes.contour(ink, [float(ink.max()) / 2], colors="white", linewidths=0.8)
        axes.set_axis_off()
        axes.set_title(title, fontsize=10)
    figure.colorbar(shown, ax=panels, shrink=0.8, label="heat, as a share of the largest")
    return figure
