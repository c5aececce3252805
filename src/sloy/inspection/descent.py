"""How a network comes to its decision: its figure as it trains (L3, L7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.arguments import instance, integer, word
from sloy.inspection.animation import Animation, frame_of
from sloy.inspection.decision import Decision
from sloy.inspection.style import BLUE, GREY, new_figure, styled
from sloy.language import say
from sloy.model import Model
from sloy.problem.inputs import Data, as_dataset
from sloy.problem.network import Network
from sloy.training.callbacks import Callback
from sloy.training.fit import fit
from sloy.training.history import History, Row
from sloy.training.run import Run

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DescentAnimation", "descent_animation"]

Weights = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False, repr=False)
class DescentAnimation(Animation):
    """A network's decision as it trained; see `Animation` and `descent_animation`.

    Attributes
    ----------
    model : Model
        The trained network.
    history : History
    epochs : tuple of int
        Of each frame, 0 before training.
    """

    model: Model = field(kw_only=True)
    history: History = field(kw_only=True)
    epochs: tuple[int, ...] = field(kw_only=True)


MOST_EPOCHS, MOST_FRAMES = 10**9, 10_000


def descent_animation(
    network: Network,
    data: Data,
    *,
    epochs: int = 200,
    frames: int = 40,
    names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    threshold: float | None = None,
    title: str = "",
    seconds: float = 0.2,
    **options: Any,
) -> DescentAnimation:
    """Train a network of two inputs, and show what it decides as it learns, beside its loss.

    Parameters
    ----------
    network : Network
    data : Dataset or (x, y)
        x (N, 2), y (N,).
    epochs : int
    frames : int
        Pictures, the first before training; the epochs between are equally long.
    names, class_names, threshold, title
        As of `decision_figure`.
    seconds : float
        How long each is shown.
    **options
        Of `sloy.fit`.

    Returns
    -------
    DescentAnimation
        ``animation.save("xor.html")``, or ``"xor.gif"``; ``animation.model`` is the trained network.

    Examples
    --------
    >>> import numpy as np, sloy
    >>> from sloy.layers import Dense, Tanh
    >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    >>> network = sloy.Network((2,), [Dense(4), Tanh(), Dense(2)])
    >>> animation = descent_animation(network, (x, np.array([0, 1, 1, 0])), epochs=60, frames=4,
    ...                               optimizer=sloy.Adam(0.1), engine="reference")
    >>> animation.epochs, animation.model.predict(x).tolist()
    ((0, 20, 40, 60), [0, 1, 1, 0])
    """
    where = "descent_animation"
    word(where, "title", title)
    instance(where, "network", network, Network)
    epochs, frames = (
        integer(where, "epochs", epochs, 1, MOST_EPOCHS),
        integer(where, "frames", frames, 2, MOST_FRAMES),
    )
    given = as_dataset(data)
    kept = _Kept(np.unique(np.linspace(0, epochs, frames).round().astype(int)).tolist())
    options = {"verbose": False, **options, "callbacks": [*options.get("callbacks", ()), kept]}
    model, history = fit(network, given, epochs=epochs, **options)
    shown = Model(
        model.problem, kept.weights[0], class_names=model.class_names, engine=model.engine
    )
    decision = Decision(shown, given.x, given.y, class_names, threshold)
    losses = history["loss"]
    figure = _figure(decision, losses, names, title)
    return DescentAnimation(
        tuple(_frames(figure, shown, decision, kept, losses)),
        tuple(_caption(epoch, losses) for epoch in kept.epochs),
        title=title or say("A network learns"), seconds=seconds,
        model=model, history=history, epochs=tuple(kept.epochs),
    )  # fmt: skip


class _Kept(Callback):
    """The weights at some epochs, and at the last."""

    def __init__(self, wanted: Sequence[int]) -> None:
        self.wanted = set(wanted)
        self.epochs: list[int] = []
        self.weights: list[Weights] = []

    def on_fit_begin(self, run: Run) -> None:
        self._keep(run, run.epoch)

    def on_epoch_end(self, run: Run, row: Row) -> None:
        if row["epoch"] in self.wanted:
            self._keep(run, int(row["epoch"]))

    def on_fit_end(self, run: Run) -> None:
        if run.epoch != self.epochs[-1]:  # stopped early
            self._keep(run, run.epoch)

    def _keep(self, run: Run, epoch: int) -> None:
        self.epochs.append(epoch)
        self.weights.append({name: np.array(value) for name, value in run.weights.items()})


def _caption(epoch: int, losses: np.ndarray) -> str:
    if not epoch:
        return say("before training")
    return say("epoch {epoch}, loss {loss:.3g}", epoch=epoch, loss=losses[epoch - 1])


@styled
def _figure(
    decision: Decision, losses: np.ndarray, names: Sequence[str] | None, title: str
) -> Figure:
    """What all frames share, and the first of them."""
    figure = new_figure(7.4, 4.7)
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1.6, 1]})
    decision.shade(left)
    decision.finish(left, names)
    right.plot(np.arange(1, len(losses) + 1), losses, color=GREY, lw=0.8, alpha=0.5)
    right.set(xlabel=say("epoch"), ylabel=say("loss"), xlim=(0, len(losses) + 1))
    right.grid(axis="y")
    if title:
        figure.suptitle(title)
    return figure


@styled
def _frames(
    figure: Figure, model: Model, decision: Decision, kept: _Kept, losses: np.ndarray
) -> list[bytes]:
    """The figure with each of the weights kept; what stays the same is drawn once."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    left, right = figure.axes[:2]
    above = [*left.lines, *left.spines.values()]  # objects and the frame, over the shades
    for part in (*left.images, *left.collections, *above):
        part.set_animated(True)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    same = canvas.copy_from_bbox(figure.bbox)
    frames = []
    for epoch, weights in zip(kept.epochs, kept.weights, strict=True):
        for name, value in weights.items():
            model.parameters[name] = value
        parts = decision.shade(left)
        canvas.restore_region(same)
        for part in (*parts, *above):
            left.draw_artist(part)
        for part in (mark := _loss_so_far(right, epoch, losses)):
            right.draw_artist(part)
        frames.append(frame_of(canvas))
        for part in (*parts, *mark):
            part.remove()
    return frames


def _loss_so_far(axes: Axes, epoch: int, losses: np.ndarray) -> list[Artist]:
    done = np.arange(1, epoch + 1)
    return [
        *axes.plot(done, losses[:epoch], color=BLUE, lw=1.8),
        *axes.plot(done[-1:], losses[:epoch][-1:], "o", color=BLUE, markersize=6, clip_on=False),
    ]
