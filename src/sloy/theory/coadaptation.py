"""Why dropout works: neurons that do not lean on each other (L14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sloy import text
from sloy.arguments import instance, integer, real, sequence
from sloy.data import Dataset, mnist
from sloy.errors import InvalidArgument
from sloy.inspection.style import BLUE, ORANGE, new_figure, styled
from sloy.language import counted, say
from sloy.layers import Dense, Dropout, Flatten, ReLU
from sloy.problem.network import Network
from sloy.theory.estimate import Estimate
from sloy.training.fit import fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sloy.model import Model

__all__ = ["Coadaptation", "CoadaptationRow", "coadaptation", "coadaptation_figure"]

HIDDEN = "relu_1"
DRAWS = 5  # of the neurons that are removed


@dataclass(frozen=True)
class CoadaptationRow:
    """One rate of dropout, over several draws of objects and weights.

    Attributes
    ----------
    rate : float
        p.
    correlation : Estimate
        The mean |correlation| of two hidden neurons over unseen objects; neurons that never change are left out.
    loss : Estimate
        On unseen objects.
    accuracy : tuple of Estimate
        There, for each share of removed neurons.
    """

    rate: float
    correlation: Estimate
    loss: Estimate
    accuracy: tuple[Estimate, ...]


@dataclass(frozen=True)
class Coadaptation(text.Shown):
    """How hidden neurons lean on each other, without and with dropout; printing it gives a table.

    Attributes
    ----------
    rows : tuple of CoadaptationRow
        By rate.
    removed : tuple of float
        Shares of the hidden neurons that were removed after training.
    objects : int
        That were learned.
    seeds : int
        Draws.
    """

    rows: tuple[CoadaptationRow, ...]
    removed: tuple[float, ...]
    objects: int
    seeds: int

    def __str__(self) -> str:
        title = say(
            "Without and with dropout: {objects} to learn from (means over {draws})",
            objects=counted(self.objects, "object"),
            draws=counted(self.seeds, "draw"),
        )
        table = [[say("dropout"), *(f"p = {row.rate:g}" for row in self.rows)]]
        table.append([say("correlation of hidden neurons"), *(str(r.correlation) for r in self.rows)])  # fmt: skip
        table.append([say("loss on unseen objects"), *(str(row.loss) for row in self.rows)])
        for k, share in enumerate(self.removed):
            name = say("accuracy, {percent:.0f} % of them removed", percent=100 * share)
            table.append([name, *(str(row.accuracy[k]) for row in self.rows)])
        return f"{title}\n{text.columns(table, right=True)}"


def coadaptation(
    rates: Sequence[float] = (0.0, 0.5),
    *,
    data: Dataset | None = None,
    unseen: Dataset | None = None,
    objects: int = 1000,
    wrong: float = 0.2,
    units: int = 128,
    epochs: int = 30,
    removed: Sequence[float] = (0.0, 0.25, 0.5, 0.75),
    seeds: int = 3,
) -> Coadaptation:
    """Train one network without and with dropout on few objects, some with wrong labels, and take neurons away.

    The network has one hidden layer of ReLU neurons with dropout behind it. After training, a random share of them is
    removed and the others are scaled by 1 / (1 - share), as dropout does, without further training: neurons that lean
    on each other fail together.

    Parameters
    ----------
    rates : sequence of float
        p of the dropout, from 0 to below 1.
    data, unseen : Dataset, optional
        Labelled samples to learn and to measure on: MNIST's by default, the first 2000 test digits.
    objects : int
        Of `data`, drawn for each seed; of their labels the share `wrong` is drawn anew.
    wrong : float
    units, epochs : int
    removed : sequence of float
        Shares from 0 to below 1.
    seeds : int
        Draws, at least 1; the same for each rate.

    References
    ----------
    .. [1] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov, "Dropout: a simple way to prevent
       neural networks from overfitting", JMLR 15, 2014, §7.1.
    """
    where = "coadaptation"
    chances = [real(where, "rates", p, least=0, below=1) for p in sequence(where, "rates", rates)]
    shares = [real(where, "removed", p, least=0, below=1) for p in sequence(where, "removed", removed)]  # fmt: skip
    if not chances:
        raise InvalidArgument(f"{where}: `rates` is empty; it must hold a rate or more.")
    for name, value in (("data", data), ("unseen", unseen)):
        instance(where, name, value, Dataset, optional=True)
    digits = mnist() if data is None or unseen is None else None
    learned = data if data is not None else digits.train  # type: ignore[union-attr]
    other = unseen if unseen is not None else digits.test.take(range(2000))  # type: ignore[union-attr]
    count = integer(where, "objects", objects, 1, len(learned))
    noise, draws = real(where, "wrong", wrong, least=0, most=1), integer(where, "seeds", seeds)
    sizes = integer(where, "units", units, 2), integer(where, "epochs", epochs)
    rows = []
    for rate in chances:
        found = []
        for seed in range(draws):
            x, y, classes = _noisy(learned, count, noise, seed)
            model = _trained(rate, x, y, classes, sizes, seed)
            found.append(_measured(model, other, shares, seed))
        correlation, loss, *accuracy = map(Estimate.of, np.array(found).T)
        rows.append(CoadaptationRow(rate, correlation, loss, tuple(accuracy)))
    return Coadaptation(tuple(rows), tuple(shares), count, draws)


@styled
def coadaptation_figure(found: Coadaptation) -> Figure:
    """The accuracy by the share of hidden neurons that were removed; bars are standard errors."""
    instance("coadaptation_figure", "found", found, Coadaptation)
    figure = new_figure(4.8, 3.6)
    axes = figure.subplots()
    colours = (ORANGE, BLUE, "#009E73", "#CC79A7")
    for number, row in enumerate(found.rows):
        axes.errorbar(
            [100 * share for share in found.removed],
            [100 * each.mean for each in row.accuracy],
            yerr=[100 * each.error for each in row.accuracy],
            fmt="os^v"[number % 4] + "-",
            color=colours[number % 4],
            capsize=3,
            label=say("trained with p = {rate:g}", rate=row.rate),
        )
    axes.set_xlabel(say("hidden neurons removed (%)"))
    axes.set_ylabel(say("accuracy (%)"))
    axes.set_title(say("Neurons that lean on each other"))
    axes.grid(color="#DDDDDD")
    axes.legend(loc="lower left")
    return figure


def _noisy(
    data: Dataset, count: int, wrong: float, seed: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Some of the samples, a share of their labels drawn anew, and the number of classes."""
    random = np.random.default_rng(seed)
    chosen = data.take(np.sort(random.permutation(len(data))[:count]))
    y, classes = np.array(chosen.y), int(np.max(data.y)) + 1
    changed = random.random(count) < wrong
    y[changed] = random.integers(0, classes, int(changed.sum()))
    return np.asarray(chosen.x), y, classes


def _trained(
    rate: float, x: np.ndarray, y: np.ndarray, classes: int, sizes: tuple[int, int], seed: int
) -> Model:
    units, epochs = sizes
    dropped = [Dropout(rate)] if rate else []
    network = Network(x.shape[1:], [Flatten(), Dense(units), ReLU(), *dropped, Dense(classes)])
    model, _ = fit(
        network,
        (x, y),
        optimizer="adam",
        learning_rate=0.002,
        epochs=epochs,
        batch_size=50,
        seed=seed,
        threads=1,
        verbose=False,
    )
    return model


def _measured(
    model: Model, unseen: Dataset, removed: Sequence[float], seed: int
) -> tuple[float, ...]:
    """The mean |correlation|, the loss, and the accuracy by share."""
    x, y = np.asarray(unseen.x), np.asarray(unseen.y)
    u = model.activations(x, [HIDDEN])[HIDDEN].astype(np.float64)
    weight, bias = (np.asarray(model.parameters[f"dense_2/{name}"]) for name in ("weight", "bias"))
    alive = u[:, u.std(axis=0) > 0]
    size = alive.shape[1]
    correlations = np.abs(np.corrcoef(alive.T)).reshape(size, size)
    between = (correlations.sum() - size) / (size * (size - 1))  # without each neuron with itself
    random, shares = np.random.default_rng([seed, 1]), []
    for share in removed:
        masks = (random.random((DRAWS, u.shape[1])) >= share) / (1 - share)
        right = [((u * mask) @ weight + bias).argmax(axis=1) == y for mask in masks]
        shares.append(float(np.mean(right)))
    return float(between), model.evaluate(unseen)["loss"], *shares
