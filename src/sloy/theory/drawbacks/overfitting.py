"""Overfitting, without and with each remedy (L12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sloy import text
from sloy.arguments import integer, one_of, sequence
from sloy.errors import InvalidArgument
from sloy.language import counted, say
from sloy.layers import Dense, Dropout, Layer, ReLU
from sloy.problem.network import Network
from sloy.regularizers import L1, L2, Constraint, MaxNorm, Regularizer
from sloy.theory.estimate import Estimate
from sloy.training.fit import fit

__all__ = ["REMEDIES", "Overfitting", "Remedy", "RemedyRow", "overfitting"]

FEATURES = 10
OBJECTS = 100  # to learn from
UNSEEN = 2000  # to measure on
VALIDATION = 200  # for early stopping alone


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """What is done against overfitting.

    Attributes
    ----------
    units : int
        Of each of the two hidden layers.
    objects : int
        To learn from.
    dropout : float
        Behind each hidden layer; 0 is none.
    regularizer, constraint : optional
        Of the weights of the hidden layers.
    patience : int, optional
        Of early stopping, on 200 further objects.
    """

    units: int = 32
    objects: int = OBJECTS
    dropout: float = 0.0
    regularizer: Regularizer | None = None
    constraint: Constraint | None = None
    patience: int | None = None

    def network(self) -> Network:
        """Two hidden layers with ReLU, two classes."""
        layers: list[Layer] = []
        for _ in range(2):
            layers += [
                Dense(
                    self.units,
                    weight_regularizer=self.regularizer,
                    weight_constraint=self.constraint,
                ),
                ReLU(),
            ]
            layers += [Dropout(self.dropout)] if self.dropout else []
        return Network((FEATURES,), [*layers, Dense(2)])


REMEDIES = {
    "none": Remedy(),
    "L2": Remedy(regularizer=L2(0.02)),
    "L1": Remedy(regularizer=L1(0.005)),
    "max-norm": Remedy(constraint=MaxNorm(0.5)),
    "dropout": Remedy(dropout=0.5),
    "early stopping": Remedy(patience=10),
    "fewer neurons": Remedy(units=4),
    "more data": Remedy(objects=10 * OBJECTS),
}


@dataclass(frozen=True)
class RemedyRow:
    """One remedy, over several draws of objects and weights.

    Attributes
    ----------
    name : str
        Of `REMEDIES`.
    train_loss, loss, accuracy : Estimate
        The cross-entropy on the objects that were learned; on 2000 unseen ones; the share of right answers there.
    epochs : Estimate
        Of training.
    """

    name: str
    train_loss: Estimate
    loss: Estimate
    accuracy: Estimate
    epochs: Estimate


@dataclass(frozen=True)
class Overfitting(text.Shown):
    """Losses on learned and on unseen objects by remedy; printing it gives a table.

    Attributes
    ----------
    rows : tuple of RemedyRow
    seeds : int
        Draws.
    """

    rows: tuple[RemedyRow, ...]
    seeds: int

    def __str__(self) -> str:
        title = say(
            "Overfitting: {objects} to learn from (means over {draws})",
            objects=counted(OBJECTS, "object"),
            draws=counted(self.seeds, "draw"),
        )
        head = (
            say("remedy"),
            say("loss in training"),
            say("on unseen objects"),
            say("accuracy on unseen"),
        )
        cells = [[*head, say("epochs")]]
        for row in self.rows:
            numbers = (row.train_loss, row.loss, row.accuracy, row.epochs)
            cells.append([say(row.name), *map(str, numbers)])
        return f"{title}\n{text.columns(cells, right=True)}"


def overfitting(
    remedies: Sequence[str] = tuple(REMEDIES), *, epochs: int = 60, seeds: int = 5
) -> Overfitting:
    """Let a network learn few noisy objects, without and with each remedy, and measure it on unseen ones.

    The class of an object of ten normal features is [x1 + x2 · x3 + noise > 0], the noise normal with deviation 0.7.
    The network has two hidden layers of 32 ReLU neurons and learns 100 objects by Adam in batches of 20. Each remedy
    changes one thing, see `REMEDIES`; objects and weights are drawn anew for each seed, the same for all remedies.
    Early stopping watches 200 objects of its own; nothing is chosen by the 2000 that are measured on.

    Parameters
    ----------
    remedies : sequence of str
        Names of `REMEDIES`.
    epochs : int
        Of 100 objects; with more of them fewer, so that the steps are as many.
    seeds : int
        Draws, at least 1.

    Examples
    --------
    >>> none, dropout = overfitting(["none", "dropout"], seeds=2).rows
    >>> none.train_loss.mean < 0.01, none.loss.mean > 1.5, dropout.loss.mean < none.loss.mean
    (True, True, True)
    """
    where = "overfitting"
    given = sequence(where, "remedies", remedies)
    names = [one_of(where, "remedies", name, tuple(REMEDIES)) for name in given]
    if not names:
        raise InvalidArgument(
            f"{where}: `remedies` is empty; it must hold one of {', '.join(REMEDIES)}."
        )
    passes, draws = integer(where, "epochs", epochs), integer(where, "seeds", seeds)
    rows = []
    for name in names:
        found = [_measured(REMEDIES[name], passes, seed) for seed in range(draws)]
        rows.append(RemedyRow(name, *map(Estimate.of, zip(*found, strict=True))))
    return Overfitting(tuple(rows), draws)


def _measured(remedy: Remedy, epochs: int, seed: int) -> tuple[float, float, float, float]:
    """Loss on what was learned, loss and accuracy on the unseen, epochs."""
    learned, validation, unseen = (
        _objects(seed, part, count)
        for part, count in enumerate((remedy.objects, VALIDATION, UNSEEN))
    )
    model, history = fit(
        remedy.network(),
        learned,
        validation=validation if remedy.patience else None,
        patience=remedy.patience,
        optimizer="adam",
        learning_rate=0.01,
        epochs=max(1, round(epochs * OBJECTS / remedy.objects)),  # so that all do as many steps
        batch_size=20,
        seed=seed,
        threads=1,
        verbose=False,
    )
    seen, other = model.evaluate(learned), model.evaluate(unseen)
    return seen["loss"], other["loss"], other["accuracy"], float(len(history))


def _objects(seed: int, part: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (count, 10), classes (count,); more objects begin with the same."""
    random = np.random.default_rng([seed, part])
    numbers = random.normal(size=(count, FEATURES + 1))
    x, noise = numbers[:, :FEATURES], 0.7 * numbers[:, FEATURES]
    return x, (x[:, 0] + x[:, 1] * x[:, 2] + noise > 0).astype(int)
