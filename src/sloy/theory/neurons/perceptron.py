"""The perceptron rule: how a threshold neuron learns (L1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy import ops
from sloy.arguments import finite_array, integer, pair, real
from sloy.errors import ShapeError, SloyError
from sloy.graph import Tensor
from sloy.language import counted, say
from sloy.layers import Dense
from sloy.losses import CustomLoss
from sloy.metrics import Metric
from sloy.optimizers import SGD
from sloy.problem.network import Network
from sloy.text import Shown
from sloy.theory.neurons.separation import Separation, separate, signs
from sloy.training.callbacks import Callback

if TYPE_CHECKING:
    from sloy.training.history import Row
    from sloy.training.run import Run

__all__ = ["PerceptronRun", "perceptron_rule"]


@dataclass(frozen=True)
class PerceptronRun(Shown):
    """What the perceptron rule did.

    Attributes
    ----------
    converged : bool
        Whether a pass over the objects ended without a mistake.
    epochs : int
        Passes, the last one included.
    mistakes : tuple of int
        Of each pass; each mistake was one update of the weights.
    separation : Separation or None
        Where it did not converge: whether the data can be separated at all, with the proof.
    undecided : str
        Why that could not be found out: SciPy is missing, or float64 is not enough.
    """

    converged: bool
    epochs: int
    mistakes: tuple[int, ...] = field(repr=False)
    separation: Separation | None
    undecided: str = ""

    @property
    def updates(self) -> int:
        """How often the weights were changed."""
        return sum(self.mistakes)

    def __str__(self) -> str:
        done = say(
            "after {passes} over the objects and {updates}",
            passes=counted(self.epochs, "pass"),
            updates=counted(self.updates, "update"),
        )
        if self.converged:
            return say("Converged {done}.", done=done)
        why = self.undecided if self.separation is None else self.separation
        return say("Not converged {done}. {why}", done=done, why=why)


def perceptron_rule(
    x: Any,
    y: Any,
    *,
    start: tuple[np.ndarray, float] | None = None,
    learning_rate: float = 1.0,
    max_epochs: int = 1000,
    engine: str = "auto",
) -> tuple[np.ndarray, float, PerceptronRun]:
    """Rosenblatt's rule: for each object in turn that is on the wrong side, w := w + η s x, b := b + η s.

    This is descent, one object at a time, on L = max(0, -s z) with s = ±1 and z = b + Σ_j w_j x_j, and
    `sloy.fit` does it; an object with z = 0 counts as wrong. The order of the objects stays.

    Parameters
    ----------
    x : array, shape (N, I)
    y : array, shape (N,)
        0 and 1, or -1 and 1.
    start : (weights, bias), optional
        Zeros by default.
    learning_rate : float
        η, greater than 0.
    max_epochs : int
        Passes over the objects after which it gives up, and a linear program decides whether the
        data can be separated (`sloy.theory.separate`).
    engine : str
        See `sloy.engines.engine`.

    Returns
    -------
    weights : array, shape (I,)
    bias : float
    run : PerceptronRun

    References
    ----------
    .. [1] F. Rosenblatt, "Principles of Neurodynamics", 1962.
    .. [2] A. Novikoff, "On convergence proofs on perceptrons", Symposium on the Mathematical Theory of
       Automata 12 (1962) 615-622.

    Examples
    --------
    >>> x = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> weights, bias, run = perceptron_rule(x, [0, 0, 0, 1], engine="reference")
    >>> run.converged, (np.array(x) @ weights + bias > 0).astype(int).tolist()
    (True, [0, 0, 0, 1])
    """
    from sloy.training.fit import fit

    where = "perceptron_rule"
    points = finite_array(where, "x", x).astype(np.float32)
    if points.ndim != 2 or not points.size:
        raise ShapeError(f"{where}: `x` has shape {points.shape}; it must be (N, I).")
    side = signs(where, y, len(points))
    rate = real(where, "learning_rate", learning_rate, above=0)
    epochs = integer(where, "max_epochs", max_epochs)
    begin = (np.zeros(points.shape[1]), 0.0) if start is None else start
    weights, bias = pair(where, "start", begin)
    counter = _Stop(len(points))
    model, _ = fit(
        Network((points.shape[1],), [Dense(1)]),
        (points, side[:, None].astype(np.float32)),
        loss=CustomLoss(_rule),
        metrics=[_Mistakes()],
        optimizer=SGD(rate),
        batch_size=1,
        epochs=epochs,
        shuffle=False,
        preprocessing=None,
        parameters={
            "dense_1/weight": np.reshape(weights, (-1, 1)),
            "dense_1/bias": np.array([bias]),
        },
        callbacks=[counter],
        engine=engine,
        threads=1,
        verbose=False,
    )
    found = model.parameters["dense_1/weight"][:, 0].astype(np.float64)
    free = float(model.parameters["dense_1/bias"][0])
    converged = counter.mistakes[-1] == 0
    separation, undecided = None, ""
    if not converged:
        try:
            separation = separate(points, side)
        except SloyError as error:  # the weights are not lost for that
            undecided = say("Whether they can be separated is not known: {error}", error=error)
    epochs = len(counter.mistakes)
    run = PerceptronRun(converged, epochs, tuple(counter.mistakes), separation, undecided)
    return found, free, run


def _rule(output: Tensor, target: Tensor) -> Tensor:
    """max(0, -s z), with the gradient -s at z = 0, where a neuron of zero weights begins."""
    margin = output * target
    return ops.where(margin > 0.0, 0.0, -margin)


@dataclass(frozen=True)
class _Mistakes(Metric):
    """The share of objects on the wrong side, or on the line."""

    @property
    def name(self) -> str:
        return "mistakes"

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        return ops.reduce_mean(ops.less_equal(output * target, 0.0), (1,))


class _Stop(Callback):
    """Counts the mistakes of each pass, and stops after one without."""

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.mistakes: list[int] = []

    def on_epoch_end(self, run: Run, row: Row) -> bool:
        self.mistakes.append(round(row["mistakes"] * self.samples))
        return self.mistakes[-1] == 0
