"""Slow convergence: how many epochs a descent takes, by the size of its steps (L11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from sloy import text
from sloy.arguments import integer, real, sequence
from sloy.errors import InvalidArgument, NonFiniteError
from sloy.language import counted, say
from sloy.layers import Dense, Tanh
from sloy.optimizers import SGD
from sloy.problem.network import Network
from sloy.text import Shown
from sloy.theory.estimate import Estimate
from sloy.training.fit import fit

__all__ = ["SlowConvergence", "StepSize", "slow_convergence"]

RATES = (0.01, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True)
class StepSize(Shown):
    """One η, from several starts.

    Attributes
    ----------
    learning_rate : float
        η.
    epochs : tuple of float
        For each start the epochs, here as many steps, to the goal; infinite where it was not reached.
    diverged : int
        Of how many starts the loss ended above where it began, or was no longer finite.
    """

    learning_rate: float
    epochs: tuple[float, ...]
    diverged: int

    @property
    def reached(self) -> Estimate | None:
        """The mean number of epochs of the starts that came to the goal, and its standard error."""
        finite = [number for number in self.epochs if number < inf]
        return Estimate.of(finite) if finite else None

    def __str__(self) -> str:
        found, total = self.reached, len(self.epochs)
        count = sum(number < inf for number in self.epochs)
        if self.diverged == total:
            return say("diverges")
        if found is None:
            return say("not reached")
        return str(found) if count == total else f"{found} ({count}/{total})"


@dataclass(frozen=True)
class SlowConvergence(text.Shown):
    """Epochs to a loss by the size of the steps; printing it gives a table.

    Attributes
    ----------
    rows : tuple of StepSize
        By η.
    goal : float
        The mean squared error that was waited for.
    most : int
        Epochs that were waited.
    """

    rows: tuple[StepSize, ...]
    goal: float
    most: int

    def __str__(self) -> str:
        title = say(
            "Slow convergence: epochs until the loss is {goal:g}, of at most {most}, by η",
            goal=self.goal,
            most=self.most,
        )
        cells = [["η", say("epochs")]]
        cells += [[f"{row.learning_rate:g}", str(row)] for row in self.rows]
        starts = say("means over {starts}", starts=counted(len(self.rows[0].epochs), "start"))
        return f"{title} ({starts})\n{text.columns(cells, right=True)}"


def slow_convergence(
    learning_rates: Sequence[float] = RATES,
    *,
    goal: float = 0.05,
    epochs: int = 1500,
    seeds: int = 3,
) -> SlowConvergence:
    """Fit a sine by full-batch descent with steps of several sizes, and count the epochs to a loss.

    The network has one hidden layer of 16 neurons with tanh, the data are 40 points of sin(3x) on [-1, 1], the loss is
    the mean squared error. The starts are the network's own for the seeds 0, 1, …, the same for each η.

    Parameters
    ----------
    learning_rates : sequence of float
        Each above 0.
    goal : float
        The loss to reach, above 0.
    epochs : int
        After so many it is not waited any longer.
    seeds : int
        Starts, at least 1.

    Examples
    --------
    >>> found = slow_convergence((0.1, 0.3), seeds=2, epochs=500)
    >>> slow, fitting = (row.reached.mean for row in found.rows)
    >>> 2 < slow / fitting < 4
    True
    """
    where = "slow_convergence"
    rates = sorted(
        {
            real(where, "learning_rates", rate, above=0)
            for rate in sequence(where, "learning_rates", learning_rates)
        }
    )
    if not rates:
        raise InvalidArgument(f"{where}: `learning_rates` is empty; it must hold a number or more.")
    goal = real(where, "goal", goal, above=0)
    most, starts = integer(where, "epochs", epochs), integer(where, "seeds", seeds)
    rows = []
    for rate in rates:
        losses = [_losses(rate, most, seed) for seed in range(starts)]
        reached = tuple(
            float(np.argmax(each <= goal)) if (each <= goal).any() else inf for each in losses
        )
        diverged = sum(not each[-1] <= each[0] for each in losses)
        rows.append(StepSize(rate, reached, diverged))
    return SlowConvergence(tuple(rows), goal, most)


def _losses(learning_rate: float, epochs: int, seed: int) -> np.ndarray:
    """The loss before each step; NaN where it ceased to be finite."""
    x = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    try:
        _, history = fit(
            Network((1,), [Dense(16), Tanh(), Dense(1)]),
            (x, np.sin(3 * x)),
            loss="squared_error",
            metrics=(),
            preprocessing=None,
            optimizer=SGD(learning_rate),
            epochs=epochs,
            batch_size=len(x),
            seed=seed,
            threads=1,
            verbose=False,
        )
    except NonFiniteError:
        return np.array([np.nan])
    return history["loss"]
