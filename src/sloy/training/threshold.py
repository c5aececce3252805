"""From which probability on the second of two classes is the answer, chosen on samples that were not trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from sloy.arguments import instance, one_of, real
from sloy.errors import InvalidArgument
from sloy.metrics.figures import Counts
from sloy.model import Model
from sloy.problem.inputs import Data
from sloy.problem.problem import is_yes_or_no
from sloy.text import shown
from sloy.training.held_out import HeldOut, held_out

RULES = ("f1", "balanced")
Rule = Literal["f1", "balanced"]


@dataclass(frozen=True)
class Threshold:
    """A threshold that was chosen.

    Attributes
    ----------
    value : float
        The probability of the second class above which it is the answer.
    rule : str
        What it makes greatest: the F1 of the second class, or the balanced accuracy.
    figure, at_half : float
        That figure of the samples with it, and with ½.
    samples : int
    """

    value: float
    rule: Rule
    figure: float
    at_half: float
    samples: int


def threshold_words(words: str) -> float | Rule:
    """A threshold in words: f1, balanced, or a probability.

    Examples
    --------
    >>> threshold_words("0.3"), threshold_words("f1")
    (0.3, 'f1')
    """
    if words in RULES:
        return words  # type: ignore[return-value]
    try:
        return real("", "", float(words), above=0, below=1)
    except (ValueError, InvalidArgument):
        raise InvalidArgument(
            f"{shown(words)} is neither f1, balanced nor a probability above 0 and below 1"
        ) from None


def check_threshold(where: str, model: Model) -> None:
    """Raise `InvalidArgument` where a model's answers are not of two classes with probabilities."""
    if not is_yes_or_no(model.loss, model.network.output_shape):
        raise InvalidArgument(
            f"{where}: a threshold is for the probability of one of two classes; the network has outputs"
            f" {model.network.output_shape}, the loss is {type(model.loss).__name__}."
        )


def with_threshold(model: Model, value: float) -> Model:
    """The same model, whose `predict` answers the second of two classes where its probability is above `value`.

    Examples
    --------
    >>> import sloy
    >>> x = np.array([[-1.0], [0.0], [1.0]])
    >>> network = sloy.Network((1,), [sloy.layers.Dense(2)])
    >>> model, _ = sloy.fit(network, (x, [0, 1, 1]), engine="reference", verbose=False)
    >>> model.parameters["dense_1/weight"] = [[0.0, 1.0]]
    >>> model.parameters["dense_1/bias"] = [0.0, 0.0]
    >>> with_threshold(model, 0.3).predict(x).tolist(), with_threshold(model, 0.1).predict(x).tolist()
    ([0, 1, 1], [1, 1, 1])
    """
    instance("with_threshold", "model", model, Model)
    check_threshold("with_threshold", model)
    value = real("with_threshold", "value", value, above=0, below=1)
    parts = model.parts
    return Model.of(parts._replace(problem=replace(parts.problem, threshold=value)), model.engine)


def choose_threshold(model: Model, data: Data | HeldOut, rule: Rule) -> tuple[Model, Threshold]:
    """The model with the threshold that makes a figure of some samples greatest.

    Thresholds halfway between neighbouring probabilities are looked at; of equally good ones that nearest to ½ is
    taken.

    Parameters
    ----------
    model : Model
        Of two classes, or one yes-or-no output, with a cross-entropy; it stays as it is.
    data : Dataset, (x, y) or HeldOut
        Samples that it was not trained on, of both classes.
    rule : "f1" or "balanced"
        F1 of the second class; or the mean of the recalls of both, which Youden's index is twice of, less 1 [1]_.

    References
    ----------
    .. [1] W. J. Youden, "Index for rating diagnostic tests", Cancer 3 (1950) 32-35.
    """
    instance("choose_threshold", "model", model, Model)
    check_threshold("choose_threshold", model)
    one_of("choose_threshold", "rule", rule, tuple(RULES))
    held = held_out(model, data)
    target = model.loss.target(held.data.y, model.network.output_shape)
    yes = target.reshape(len(target)) > model.loss.middle
    if yes.all() or not yes.any():
        raise InvalidArgument(
            f"choose_threshold: `data` hold {'only' if yes.any() else 'no'} samples of the second class."
        )
    z = held.output
    odds = z[:, 1] - z[:, 0] if z.shape[1] == 2 else z[:, 0]
    cut = best_cut(odds, yes, rule)
    found = Threshold(
        _probability(cut), rule, _figure(yes, odds > cut, rule), _figure(yes, odds > 0, rule),
        len(yes),
    )  # fmt: skip
    return with_threshold(model, found.value), found


def best_cut(odds: np.ndarray, yes: np.ndarray, rule: Rule) -> float:
    """The log-odds above which yes is answered, such that a figure is greatest.

    Parameters
    ----------
    odds : float64 array, shape (N,)
    yes : bool array, shape (N,)
        What is true, of both kinds.
    rule : "f1" or "balanced"
    """
    values, place = np.unique(odds, return_inverse=True)
    yes_of, all_of = np.bincount(place, yes), np.bincount(place)
    cuts = np.concatenate([[values[0] - 1], (values[1:] + values[:-1]) / 2, [values[-1] + 1], [0]])
    above = np.searchsorted(values, cuts, side="right")  # the first value that is above
    right = np.concatenate([np.cumsum(yes_of[::-1])[::-1], [0]])[above]
    answered = np.concatenate([np.cumsum(all_of[::-1])[::-1], [0]])[above]
    total, others = yes.sum(), (~yes).sum()
    figures = {
        "f1": 2 * right / (answered + total),
        "balanced": (right / total + 1 - (answered - right) / others) / 2,
    }
    figure = figures[rule]
    best = np.flatnonzero(figure >= figure.max() - 1e-12)
    return float(cuts[best[np.argmin(np.abs(cuts[best]))]])


def _figure(yes: np.ndarray, answers: np.ndarray, rule: Rule) -> float:
    counts = Counts.of(yes, answers)
    if rule == "f1":
        return counts.f1
    return (counts.recall + Counts.of(~yes, ~answers).recall) / 2


def _probability(odds: float) -> float:
    """σ of log-odds, above 0 and below 1."""
    return float(np.clip(1 / (1 + np.exp(-np.clip(odds, -500, 500))), 1e-12, 1 - 1e-12))
