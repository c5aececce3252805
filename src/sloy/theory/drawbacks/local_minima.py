"""Local minima: how many starts of a network learn XOR, by its hidden neurons (L11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sloy import text
from sloy.arguments import integer, real, sequence
from sloy.errors import InvalidArgument
from sloy.language import counted, say
from sloy.layers import Conv2D, Dense, Flatten, Reshape, Sigmoid, Tanh
from sloy.model import Model
from sloy.optimizers import SGD
from sloy.problem.network import Network
from sloy.theory.gradients.loss import half_squared_error
from sloy.theory.ready import ready_model
from sloy.training.fit import fit
from sloy.training.gradients import gradients

__all__ = ["LocalMinima", "XorRuns", "local_minima"]

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([[0], [1], [1], [0]], np.float32)


@dataclass(frozen=True, eq=False)
class XorRuns:
    """All starts with one number of hidden neurons.

    Attributes
    ----------
    hidden : int
    answers : array, shape (starts, 4)
        To (0, 0), (0, 1), (1, 0) and (1, 1), after training.
    gradient_norms : array, shape (starts,)
        There.
    parameters : mapping
        Name → array (starts, …): those of the network ``Dense(hidden), Tanh(), Dense(1), Sigmoid()``.
    """

    hidden: int
    answers: np.ndarray
    gradient_norms: np.ndarray
    parameters: Mapping[str, np.ndarray]

    @cached_property
    def is_solved(self) -> np.ndarray:
        """Whether all four answers are on the right side of ½: bool, shape (starts,)."""
        return np.asarray(((self.answers > 0.5) == (Y[:, 0] > 0.5)).all(axis=1))

    @property
    def solved(self) -> int:
        """How many starts learned XOR."""
        return int(self.is_solved.sum())

    @property
    def error(self) -> float:
        """The binomial standard error of `solved`, √(n p (1 - p)) with p = solved / n; 0 where all or none did."""
        starts = len(self.answers)
        return float(np.sqrt(self.solved * (1 - self.solved / starts)))

    @property
    def losses(self) -> np.ndarray:
        """½ (a - y)², its mean over the four objects: shape (starts,)."""
        return np.asarray(0.5 * np.mean((self.answers - Y[:, 0]) ** 2, axis=1))

    def model(self, start: int) -> Model:
        """The trained network of one start."""
        at = integer("XorRuns.model", "start", start, 0, len(self.answers) - 1)
        own = {name: values[at] for name, values in self.parameters.items()}
        return ready_model(_network(self.hidden), own)


@dataclass(frozen=True, eq=False)
class LocalMinima(text.Shown):
    """How many starts learned XOR, by hidden neurons; printing it gives a table.

    Attributes
    ----------
    rows : tuple of XorRuns
        By number of hidden neurons.
    epochs : int
        Steps of each.
    """

    rows: tuple[XorRuns, ...]
    epochs: int

    def __str__(self) -> str:
        starts = len(self.rows[0].answers)
        title = say(
            "Local minima: starts of {starts} that learn XOR in {steps}, by hidden neurons",
            starts=starts,
            steps=counted(self.epochs, "step"),
        )
        cells = [
            [
                say("hidden neurons"),
                say("solved"),
                say("loss of the others"),
                say("their gradient norm"),
            ]
        ]
        for row in self.rows:
            stuck = ~row.is_solved
            loss, norm = row.losses[stuck], row.gradient_norms[stuck]
            solved = f"{row.solved} ± {row.error:.0f}" if row.error else str(row.solved)
            others = [f"{np.median(loss):.4f}", f"{np.median(norm):.4f}"] if len(loss) else ["", ""]
            cells.append([str(row.hidden), solved, *others])
        return f"{title}\n{text.columns(cells, right=True)}"


def local_minima(
    hidden: Sequence[int] = (2, 3, 4, 8),
    *,
    seeds: int = 100,
    learning_rate: float = 3.0,
    epochs: int = 1000,
) -> LocalMinima:
    """Train XOR by full-batch descent from many starts, and count those that get there.

    The networks are ``Dense(hidden), Tanh(), Dense(1), Sigmoid()`` with the lecture's loss ½ (a - y)²; the starts are
    their own for the seeds 0, 1, …. All starts run at once as one network of blocks (convolutions with a group for
    each), which gives each the steps it would take alone.

    Parameters
    ----------
    hidden : sequence of int
        Numbers of hidden neurons.
    seeds : int
        Starts, at least 1.
    learning_rate : float
        η.
    epochs : int
        Steps.

    Notes
    -----
    With two hidden neurons, a start that fails ends near the loss 1/16: two answers right and two at ½, in a valley
    whose floor falls ever more slowly while the weights grow. Five times as many steps free none of the first hundred.

    References
    ----------
    .. [1] L. Hamey, "XOR has no local minima: a case study in neural network error surface analysis", Neural Networks
       11, 1998: such valleys lead to infinity, so in the strict sense they are not minima.

    Examples
    --------
    >>> found = local_minima((2, 8), seeds=20)
    >>> [row.solved for row in found.rows]
    [15, 20]
    """
    where = "local_minima"
    sizes = sorted({integer(where, "hidden", h) for h in sequence(where, "hidden", hidden)})
    if not sizes:
        raise InvalidArgument(f"{where}: `hidden` is empty; it must hold a number or more.")
    starts, steps = integer(where, "seeds", seeds), integer(where, "epochs", epochs)
    rate = real(where, "learning_rate", learning_rate, above=0)
    return LocalMinima(tuple(_runs(size, starts, rate, steps) for size in sizes), steps)


def _network(hidden: int) -> Network:
    return Network((2,), [Dense(hidden), Tanh(), Dense(1), Sigmoid()])


def _runs(hidden: int, starts: int, learning_rate: float, epochs: int) -> XorRuns:
    one = _network(hidden)
    drawn = [one.initialize(seed) for seed in range(starts)]
    together = {name: np.stack([each[name] for each in drawn], axis=-1) for name in drawn[0]}
    # Channel s of the second convolution is start s; channel h · starts + s of the first is its hidden neuron h.
    blocks = Network(
        (1, 2, hidden * starts),
        [
            Conv2D(hidden * starts, (1, 2), groups=hidden * starts),
            Tanh(),
            Reshape((1, hidden, starts)),
            Conv2D(starts, (1, hidden), groups=starts),
            Sigmoid(),
            Flatten(),
        ],
    )
    shapes = {n: p.tensor.shape for n, p in blocks.parameters.items()}
    x = np.repeat(X.reshape(4, 1, 2, 1), hidden * starts, axis=3)
    y = np.repeat(Y, starts, axis=1)  # (4, starts)
    model, _ = fit(
        blocks,
        (x, y),
        loss=half_squared_error,
        metrics=(),
        preprocessing=None,
        optimizer=SGD(learning_rate),
        epochs=epochs,
        batch_size=4,
        parameters={_of_blocks(n): w.reshape(shapes[_of_blocks(n)]) for n, w in together.items()},
        threads=1,
        verbose=False,
    )
    slopes = gradients(blocks, dict(model.parameters), x, y, half_squared_error)

    def apart(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Name in one network → array (starts, …)."""
        each = {n: arrays[_of_blocks(n)].reshape(w.shape) for n, w in together.items()}
        return {n: np.moveaxis(w, -1, 0).copy() for n, w in each.items()}

    squares = [np.sum(g.reshape(starts, -1) ** 2, axis=1) for g in apart(slopes).values()]
    norms = np.sqrt(np.sum(squares, axis=0))
    return XorRuns(hidden, np.array(model(x)).T, norms, apart(model.parameters))


def _of_blocks(name: str) -> str:
    """dense_1/weight → conv2d_1/weight."""
    return name.replace("dense", "conv2d")
