"""What any model of two inputs decides, drawn in the plane of its inputs (L1-L4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.arguments import sequence, word
from sloy.errors import InvalidArgument
from sloy.inspection.deciding import Decider, class_numbers, deciding
from sloy.inspection.plane import Window, border, draw_classes, light, look, objects, shade
from sloy.inspection.style import GREY, new_figure, styled
from sloy.language import say
from sloy.layers import Dense
from sloy.model import Model
from sloy.text import is_number

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["decision_figure"]

COARSE = 61  # points along each side where neurons' curves are looked for
LINES: dict[str, Any] = {"color": GREY, "lw": 1.1, "ls": "--"}
PALEST, DEEPEST = (
    0.08,
    0.5,
)  # of the colour of a class, where all are equal and where one is certain


@styled
def decision_figure(
    model: Any,
    x: Any,
    y: Any,
    *,
    names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    threshold: float | None = None,
    title: str = "",
) -> Figure:
    """What a model of two inputs answers everywhere around some objects, and the lines of its first neurons.

    Of two classes one scale goes from no to yes, with the border between; of K classes each has its colour, the deeper
    the more probable; of numbers it is a map of values. Dashed lines show where the neurons of the first dense layer
    are 0, in the inputs' own units, whatever the preprocessing.

    Parameters
    ----------
    model : Model or an estimator of scikit-learn
        `sloy.Classifier`, `sloy.Regressor` or any that is fitted and has ``predict``.
    x : array, shape (N, 2)
        Objects.
    y : array, shape (N,)
        Their classes as the model was given them, or numbers.
    names : two str, optional
        Of the inputs.
    class_names : sequence of K str, optional
        By default the model's.
    threshold : float, optional
        Above which the one output of a network means yes. By default 0 for a loss from logits; else ½ where the output
        stays within 0 and 1 or was fitted to 0 and 1, and 0 for every other.
    title : str

    Raises
    ------
    InvalidArgument
        Where the model does not have two inputs, or answers several questions at once.

    Examples
    --------
    >>> import sloy
    >>> x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), [0, 1, 1, 0]
    >>> network = sloy.Network((2,), [Dense(4), sloy.layers.Tanh(), Dense(2)])
    >>> model, _ = sloy.fit(network, (x, y), epochs=100, optimizer=sloy.Adam(0.1), verbose=False)
    >>> figure = decision_figure(model, x, y, title="XOR")
    """
    word("decision_figure", "title", title)
    drawing = Decision(model, x, y, class_names, threshold)
    figure = new_figure(5.6, 5.0)
    axes = figure.subplots()
    drawing.shade(axes)
    drawing.finish(axes, names)
    if title:
        axes.set_title(title)
    return figure


class Decision:
    """A model's answers around objects, to be drawn once or anew as the model changes.

    Parameters
    ----------
    model, x, y, class_names, threshold
        As of `decision_figure`.
    """

    def __init__(
        self,
        model: Any,
        x: Any,
        y: Any,
        class_names: Sequence[str] | None = None,
        threshold: float | None = None,
    ) -> None:
        where = "decision_figure"
        self.points = objects(where, x)
        self.decider = deciding(where, model, y, threshold)
        self.given = class_numbers(where, y, len(self.points), self.decider)
        self.window = Window.around(self.points)
        self.names = _class_names(where, self.decider, class_names)
        self.features = getattr(model, "feature_names_in_", None)

    def shade(self, axes: Axes) -> list[Artist]:
        """Shades, borders and lines as the model is now; what was drawn."""
        numbers = self.decider.numbers(self.window.places())
        if self.decider.kind == "value":
            parts = self._values(axes, numbers)
        elif self.decider.kind == "yes":
            parts = self._yes(axes, numbers)
        else:
            parts = self._classes(axes, numbers)
        return [*parts, *self._lines(axes)]

    def finish(self, axes: Axes, names: Sequence[str] | None) -> None:
        """What stays as the model changes: objects, names, legend, scale."""
        from matplotlib.lines import Line2D

        words = _input_names(names, self.features)
        axes.set(xlabel=words[0], ylabel=words[1])
        handles: list[Any] = []
        if self.decider.kind == "value":
            low, high = self._range
            axes.scatter(
                self.points[:, 0], self.points[:, 1], c=self.given, cmap="viridis", vmin=low, vmax=high,
                edgecolors="white", linewidths=0.8, s=36,
            )  # fmt: skip
        else:
            draw_classes(axes, self.points, self.given, self.names)
            handles, _ = axes.get_legend_handles_labels()
        if self.decider.kind == "yes":
            handles.append(Line2D([], [], color="black", lw=1.8, label=say("border")))
        if count := self._first_neurons():
            label = say("lines of the hidden neurons ({count})", count=count)
            handles.append(Line2D([], [], **LINES, label=label))
        figure: Any = axes.figure
        if label := self._scale():
            extend = "neither" if self.decider.probabilities else "both"
            image = axes.get_images()[0]
            figure.colorbar(image, ax=axes, label=label, shrink=0.85, extend=extend)
        if handles:
            short = max(len(str(handle.get_label())) for handle in handles) < 14
            columns = min(4 if short else 2, len(handles))
            figure.legend(handles=handles, loc="outside lower center", ncols=columns)

    # --- parts ------------------------------------------------------------------------------------

    def _yes(self, axes: Axes, numbers: np.ndarray) -> list[Artist]:
        no, yes = (light(look(number)[0]) for number in (0, 1))
        shown, middle = numbers, self.decider.threshold
        if self.decider.probabilities:
            shown, middle = self.decider.probabilities(numbers), 0.5
        reach = 0.5 if middle == 0.5 else 1.0
        limits = (middle - reach, middle + reach)
        image = shade(axes, self.window, shown, (no, "white", yes), limits)
        return [image, *border(axes, self.window, numbers, self.decider.threshold)]

    def _classes(self, axes: Axes, numbers: np.ndarray) -> list[Artist]:
        """Each point in the colour of its class, (FINE², 3), the deeper the more probable."""
        count = numbers.shape[1]
        chosen = self.decider.classes(numbers)
        depth = np.full(len(chosen), DEEPEST)
        if self.decider.probabilities:
            largest = self.decider.probabilities(numbers).max(1)
            depth = PALEST + (DEEPEST - PALEST) * (largest * count - 1) / (count - 1)
        colours = np.array([light(look(number)[0], 1.0) for number in range(count)])
        picture = 1 - depth[:, None] * (1 - colours[chosen])
        parts: list[Artist] = [shade(axes, self.window, picture, ("white", "black"), (0, 1))]
        for number in range(count):
            ahead = numbers[:, number] - np.delete(numbers, number, 1).max(1)
            parts += border(axes, self.window, ahead, colors="black", linewidths=0.9)
        return parts

    def _values(self, axes: Axes, numbers: np.ndarray) -> list[Artist]:
        from matplotlib import colormaps

        colours = list(colormaps["viridis"](np.linspace(0, 1, 64)))
        return [shade(axes, self.window, numbers, colours, self._range)]

    @property
    def _range(self) -> tuple[float, float]:
        """Of the numbers given."""
        low, high = float(self.given.min()), float(self.given.max())
        return (low, high) if low < high else (low - 0.5, high + 0.5)

    def _lines(self, axes: Axes) -> list[Artist]:
        """Where the neurons of the first dense layer are 0: lines, or curves where they see products."""
        if not self._first_neurons() or self.decider.model is None:
            return []
        model = self.decider.model
        place, name = first_dense(model) or (0, "")
        count = 2 if place == 0 else COARSE  # of a linear function two points a side say all
        sums = model.activations(self.window.places(count), [name])[name]  # (count², units)
        return [
            part
            for column in sums.T
            for part in border(
                axes, self.window, column, colors=GREY, linewidths=LINES["lw"], linestyles="--"
            )
        ]

    def _first_neurons(self) -> int:
        """How many hidden neurons see the inputs."""
        model = self.decider.model
        found = None if model is None else first_dense(model)
        if model is None or found is None or not has_more_weights(model, found[0]):
            return 0
        return int(model.parameters[f"{found[1]}/weight"].shape[1])

    def _scale(self) -> str:
        """What the shades mean, where a scale tells it."""
        if self.decider.kind == "classes":
            return ""
        if self.decider.kind == "value":
            return say("answer")
        loss = None if self.decider.model is None else self.decider.model.loss
        if self.decider.probabilities and (loss is None or loss.logits):
            return say("probability of {name}", name=self.names[1])
        return say("answer")


def first_dense(model: Model) -> tuple[int, str] | None:
    """Place and name of a network's first dense layer, where nothing before it has parameters."""
    network = model.network
    weighted = {name.split("/")[0] for name in network.parameters}
    for place, (layer, name) in enumerate(zip(network.layers, network.layer_names, strict=True)):
        if isinstance(layer, Dense):
            return place, name
        if name in weighted:
            return None
    return None


def has_more_weights(model: Model, place: int) -> bool:
    """Whether a layer after this one has parameters, so that this one is hidden."""
    weighted = {name.split("/")[0] for name in model.network.parameters}
    return bool(weighted & set(model.network.layer_names[place + 1 :]))


def _class_names(
    where: str, decider: Decider, class_names: Sequence[str] | None
) -> tuple[str, ...]:
    if decider.kind == "value":
        return ()
    if class_names is None:
        names = decider.names
        return tuple(say("class {name}", name=n) if is_number(n) else n for n in names)
    given = sequence(where, "class_names", class_names, str)
    if len(given) != len(decider.names):
        raise InvalidArgument(
            f"{where}: `class_names` has {len(given)} names for {len(decider.names)} classes."
        )
    return given


def _input_names(names: Sequence[str] | None, known: Any) -> tuple[str, ...]:
    if names is None:
        return tuple(map(str, known)) if known is not None else ("x1", "x2")
    given = sequence("decision_figure", "names", names, str)
    if len(given) != 2:
        raise InvalidArgument(f"decision_figure: `names` has {len(given)} names; it needs 2.")
    return given
