"""Paralysis: slopes, gradients and learning of a network by the scale of its weights (L11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sloy import text
from sloy.arguments import integer, real, sequence
from sloy.errors import InvalidArgument
from sloy.language import counted, say
from sloy.layers import Dense, Sigmoid, Tanh
from sloy.optimizers import SGD
from sloy.problem.network import Network
from sloy.theory.estimate import Estimate
from sloy.theory.ready import ready_model
from sloy.training.fit import fit
from sloy.training.gradients import gradients

__all__ = ["Paralysis", "WeightScale", "paralysis"]

HIDDEN = ("tanh_1", "tanh_2")


@dataclass(frozen=True)
class WeightScale:
    """One scale of the first weights, over several starts.

    Attributes
    ----------
    scale : float
        What the weights that are usually drawn were multiplied by.
    slope : Estimate
        The mean |σ′| of the hidden neurons before training.
    gradient_norm : Estimate
        Of the loss, before training.
    loss : Estimate
        The mean squared error after training.
    """

    scale: float
    slope: Estimate
    gradient_norm: Estimate
    loss: Estimate


@dataclass(frozen=True)
class Paralysis(text.Shown):
    """How a network fares by the scale of its first weights; printing it gives a table.

    Attributes
    ----------
    rows : tuple of WeightScale
        By scale.
    epochs : int
        Of training.
    seeds : int
        Starts.
    """

    rows: tuple[WeightScale, ...]
    epochs: int
    seeds: int

    def __str__(self) -> str:
        title = say(
            "Paralysis: weights times a factor (means over {starts})",
            starts=counted(self.seeds, "start"),
        )
        after = say("loss after {epochs}", epochs=counted(self.epochs, "epoch"))
        cells = [[say("factor"), say("mean |σ′|"), say("gradient norm"), after]]
        for row in self.rows:
            numbers = (row.slope, row.gradient_norm, row.loss)
            cells.append([f"{row.scale:g}", *map(str, numbers)])
        return f"{title}\n{text.columns(cells, right=True)}"


def paralysis(
    scales: Sequence[float] = (0.1, 1.0, 10.0, 100.0), *, epochs: int = 100, seeds: int = 5
) -> Paralysis:
    """Train one network from small, usual and large weights: large ones press σ against its flat ends.

    The network has two hidden layers of 16 neurons with tanh and a sigmoid at its end; it learns the sign of x1 · x2 of
    200 points of [-1, 1]² by descent with η = 0.5 in batches of 10, with the mean squared error. Points and weights are
    drawn anew for each seed; a scale multiplies the weights that the network draws by itself.

    Parameters
    ----------
    scales : sequence of float
        Each above 0.
    epochs : int
    seeds : int
        Starts, at least 1.

    Examples
    --------
    >>> usual, large = paralysis((1, 100), seeds=2, epochs=20).rows
    >>> usual.slope.mean > 0.9, large.slope.mean < 0.03, large.loss.mean > 2 * usual.loss.mean
    (True, True, True)
    """
    where = "paralysis"
    factors = sorted({real(where, "scales", s, above=0) for s in sequence(where, "scales", scales)})
    if not factors:
        raise InvalidArgument(f"{where}: `scales` is empty; it must hold a factor or more.")
    passes, starts = integer(where, "epochs", epochs), integer(where, "seeds", seeds)
    rows = []
    for scale in factors:
        found = np.array([_measured(scale, passes, seed) for seed in range(starts)])
        rows.append(WeightScale(scale, *map(Estimate.of, found.T)))
    return Paralysis(tuple(rows), passes, starts)


def _measured(scale: float, epochs: int, seed: int) -> tuple[float, float, float]:
    """Mean |σ′| and the norm of the gradient before training, the loss after it."""
    x = np.random.default_rng(seed).uniform(-1, 1, (200, 2))
    y = (x[:, :1] * x[:, 1:] > 0).astype(float)
    network = Network((2,), [Dense(16), Tanh(), Dense(16), Tanh(), Dense(1), Sigmoid()])
    start = {name: scale * w for name, w in network.initialize(seed, "float64").items()}
    hidden = ready_model(network, start, dtype="float64").activations(x, HIDDEN)
    slope = np.mean([1 - u**2 for u in hidden.values()])  # tanh′ = 1 - tanh²
    found = gradients(network, start, x, y, "squared_error")
    norm = np.sqrt(sum(np.sum(g**2) for g in found.values()))
    model, _ = fit(
        network,
        (x, y),
        loss="squared_error",
        metrics=(),
        preprocessing=None,
        optimizer=SGD(0.5),
        epochs=epochs,
        batch_size=10,
        parameters={name: w.astype(np.float32) for name, w in start.items()},
        seed=seed,
        threads=1,
        verbose=False,
    )
    return float(slope), float(norm), float(np.mean((model(x) - y) ** 2))
