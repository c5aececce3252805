"""Simpler answers beside a network's, and what the comparison means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np

from sloy import text
from sloy.data import Dataset
from sloy.engines import Engine
from sloy.experiments.classes import TITLES, figures_of, shown
from sloy.experiments.recipes import PATIENCE
from sloy.experiments.sources.base import FEW_TO_TEST, Loaded, Row
from sloy.graph.threefry import make_key, permutation
from sloy.language import say
from sloy.losses import Loss, Poisson, Quantile
from sloy.model import Model
from sloy.problem import Network
from sloy.training.fit import fit
from sloy.training.recipe import Recipe

LINEAR_ROWS = 200_000  # that the linear model learns from at most
LINEAR_STEPS = 5000


def linear_model(
    network: Network,
    loaded: Loaded,
    engine: Engine,
    *,
    rows: int = LINEAR_ROWS,
    steps: int = LINEAR_STEPS,
) -> Model:
    """A network without hidden layers, trained on the same rows, at most so many of them, in about so many steps."""
    data = loaded.train
    if len(data) > rows:
        data = data.take(permutation(len(data), make_key(0, "linear"))[:rows])
    size = 256 if len(data) >= 2560 else 32
    recipe = Recipe(
        epochs=max(5, min(100, steps * size // len(data))),
        batch_size=size,
        learning_rate=0.02,
        schedule="one-cycle",
        class_weight=loaded.class_weight,
        patience=PATIENCE if loaded.validation is not None else None,
    )
    found, _ = fit(
        network,
        data,
        recipe=recipe,
        validation=loaded.validation,
        loss=loaded.loss,
        preprocessing=loaded.preprocessing,
        engine=engine,
        verbose=False,
    )
    return found


def usual(data: Dataset) -> np.ndarray:
    """The answer that needs no columns: the shares of the classes (K,), or the means of the numbers."""
    if not data.has_labels:
        return np.atleast_1d(data.y.astype(np.float64).mean(0))
    return np.asarray(np.bincount(data.y, minlength=data.classes) / len(data))


def measured(
    answers: np.ndarray,
    data: Dataset,
    classes: np.ndarray | None = None,
    loss: Loss | None = None,
    targets: Sequence[str] = (),
) -> dict[str, Any]:
    """How good answers are: probabilities (N, K) for classes, or numbers (N, K), of several targets each of them.

    Of several targets the mean R² is a figure of all, the others stand under ``targets``, by name.
    """
    if data.has_labels:
        return classified(answers, data, classes)
    if data.y.ndim == 1 or data.y.shape[1] == 1:
        return regressed(answers[:, 0], data.y.reshape(len(data)), loss)
    each = {name: regressed(answers[:, k], data.y[:, k], loss) for k, name in enumerate(targets)}
    return {"r2": float(np.mean([one["r2"] for one in each.values()])), "targets": each}


def classified(
    probabilities: np.ndarray, data: Dataset, classes: np.ndarray | None = None
) -> dict[str, float]:
    """Accuracy, log-loss and the figures of uneven classes.

    Parameters
    ----------
    probabilities : array, shape (N, K)
    data : Dataset
    classes : int array, shape (N,), optional
        The class that each sample was given; the most probable by default.
    """
    own = probabilities[np.arange(len(data)), data.y].astype(np.float64)
    answers = probabilities.argmax(1) if classes is None else classes
    return {
        "accuracy": float((answers == data.y).mean()),
        "log_loss": float(-np.log(np.maximum(own, 1e-7)).mean()),
        **figures_of(data, answers, probabilities),
    }


def regressed(answers: np.ndarray, true: np.ndarray, loss: Loss | None = None) -> dict[str, float]:
    """Root mean squared error, mean absolute error and R² of numbers (N,); of some losses what they are for.

    The mean deviance D = 2 Σ y log(y / μ) - y + μ of a Poisson loss; the mean pinball loss of that of a quantile.
    """
    y, a = true.astype(np.float64), answers.astype(np.float64)
    error = a - y
    spread = float(np.square(y - y.mean()).sum())
    found = {
        "rmse": sqrt(float(np.square(error).mean())),
        "mae": float(np.abs(error).mean()),
        "r2": 1 - float(np.square(error).sum()) / spread if spread else float("nan"),
    }
    if isinstance(loss, Poisson):
        part = y * np.log(np.where(y > 0, y, 1) / np.where(y > 0, a, 1))
        found["deviance"] = float(2 * (part - y + a).mean())
    if isinstance(loss, Quantile):
        found["pinball"] = float(np.maximum(-loss.level * error, (1 - loss.level) * error).mean())
        found["below"] = float((y < a).mean())
    return found


_TITLES = {"accuracy": "accuracy", "log_loss": "log-loss", "rmse": "RMSE", "mae": "MAE", "r2": "R²"}
_TITLES |= TITLES
_TITLES |= {"deviance": "deviance", "pinball": "pinball", "below": "below it"}
PLAIN = (
    "accuracy",
    "log_loss",
    "rmse",
    "mae",
    "r2",
    "deviance",
    "pinball",
    "below",
)  # figures that are shown of any data
JUDGED = (
    "log_loss",
    "deviance",
    "pinball",
    "rmse",
    "r2",
)  # what answers are compared by, the first that there is
_BESIDE = {
    "accuracy": 1,
    "balanced_accuracy": 1,
    "auc": 1,
    "mae": -1,
}  # other figures; 1: more is better
SURE = 2.0  # errors beyond which a figure is surely better
_WHY = {
    "log_loss": ": it tells the classes apart, but how probable it says they are is further from the truth than"
    " their shares",
    "rmse": ": a few of its errors are large",
}
OF_CLASSES = ("auc", "average_precision", "balanced_accuracy", "f1")  # those of uneven classes
_FIGURE = (float, None, {"mean": (float, None), "*": object})  # null is NaN; of several folds
_FIGURES = {"targets?": object, "*": _FIGURE}
OF_SUMMARY = {  # what `of_summary` reads
    "scores?": (_FIGURES, None),
    "folds?": int,
    "baselines?": {"*": _FIGURES},
    **{f"test_{name}?": _FIGURE for name in (*PLAIN, *OF_CLASSES)},
}


def comparison(found: Mapping[str, Mapping[str, float]], *others: str) -> str:
    """A line for each answer, a column for each plain figure and each of the others."""
    row = next(iter(found.values()))
    figures = [name for name in (*PLAIN, *others) if name in row]
    head = ("", *(say(_TITLES[name]) for name in figures))
    columns = [_column(figure, [row[figure] for row in found.values()]) for figure in figures]
    return text.columns([head, *zip(map(say, found), *columns, strict=True)], right=True)


def in_a_line(summary: Mapping[str, Any]) -> str:
    """The network's plain figures that a run's summary holds, with the digits that `comparison` gives them."""
    found = of_summary(summary)
    own = found["network"]
    said = ", ".join(
        f"{_TITLES[figure]} {_column(figure, [one[figure] for one in found.values() if figure in one])[0]}"
        for figure in PLAIN
        if figure in own
    )
    return f"{said}, means of {summary['folds']} folds" if "folds" in summary else said


def of_summary(summary: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The figures of "network" and of simpler answers, as a run's `summary.json` holds them; null is NaN."""
    names = [name for name in (*PLAIN, *OF_CLASSES) if f"test_{name}" in summary]
    own = summary.get("scores") or {name: summary[f"test_{name}"] for name in names}
    found = {"network": own, **summary.get("baselines", {})}
    return {
        who: {name: _mean(value) for name, value in figures.items() if name != "targets"}
        for who, figures in found.items()
    }


def _mean(value: Any) -> float:
    """A figure, or the mean of several folds."""
    value = value["mean"] if isinstance(value, Mapping) else value
    return float("nan") if value is None else float(value)


def by_target(found: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """A comparison for each of several targets."""
    names = next(iter(found.values())).get("targets", ())
    return [
        (f"  {name}", comparison({who: figures["targets"][name] for who, figures in found.items()}))
        for name in names
    ]


def comparison_with_errors(
    found: Mapping[str, Mapping[str, Mapping[str, float]]], *others: str
) -> str:
    """The same of several folds: a mean and its standard error in each cell."""
    row = next(iter(found.values()))
    figures = [name for name in (*PLAIN, *others) if name in row]
    head = ("", *(say(_TITLES[name]) for name in figures))
    columns = []
    for figure in figures:
        means, errors = (
            [row[figure][part] for row in found.values()] for part in ("mean", "error")
        )
        cells = _column(figure, means), _column(figure, errors, digits=2)
        columns.append([f"{mean} ± {error}" for mean, error in zip(*cells, strict=True)])
    return text.columns([head, *zip(map(say, found), *columns, strict=True)], right=True)


def verdict(
    own: Mapping[str, float],
    others: Mapping[str, Mapping[str, float]],
    *,
    weighted: bool = False,
    data: Dataset | None = None,
    errors: Mapping[str, float] | None = None,
) -> str:
    """What the comparison means where the network is not the best; by log-loss, or by RMSE.

    Where errors on some classes counted more, probabilities are not shares any more: by balanced accuracy then. Of
    samples that are few, or all the same, nothing is concluded. A network has learned nothing only where no other
    figure is surely better than that of always the same answer: by more than twice its error, which is given or
    follows from the data.
    """
    if data is not None and len(np.unique(data.y)) < 2:
        if data.has_labels:
            return say(
                "all samples are of one class: they cannot say whether the network is better than a simpler answer"
            )
        return say(
            "all samples are of one value: they cannot say whether the network is better than a simpler answer"
        )
    if data is not None and len(data) < FEW_TO_TEST:
        return ""
    figure = next(name for name in JUDGED if name in own)
    sign = -1 if figure == "r2" else 1
    if weighted:
        figure, sign = "balanced_accuracy", -1
    same = others["always the same"]
    if sign * own[figure] >= sign * same[figure]:
        if errors is None:
            errors = {} if data is None else _errors(own, same, data)
        better = [
            say(_TITLES[name])
            for name, sign in _BESIDE.items()
            if name in own and sign * (own[name] - same[name]) > SURE * errors.get(name, np.inf)
        ]
        if better:
            told = say(
                "the network is better than always giving the same answer by {better}, not by {figure}",
                better=", ".join(better),
                figure=say(_TITLES[figure]),
            )
            return told + (say(_WHY[figure]) if figure in _WHY else "")
        linear = others.get("linear model", same)
        if sign * linear[figure] < sign * same[figure]:
            return say(
                "the network is no better than always giving the same answer, but the linear model is ({title}):"
                " prefer it (linear.sloy)",
                title=say(_TITLES[figure]),
            )
        return say(
            "the network is no better than always giving the same answer: it has learned nothing of use"
        )
    if "linear model" not in others:
        return ""
    if sign * own[figure] >= sign * others["linear model"][figure]:
        title = "balanced accuracy" if weighted else _TITLES[figure]
        return say(
            "the linear model is as good or better ({title}): it is simpler, prefer it (linear.sloy)",
            title=say(title),
        )
    return ""


def _errors(own: Mapping[str, float], same: Mapping[str, float], data: Dataset) -> dict[str, float]:
    """Standard errors, or what they are at most, of the figures by which a network may be better all the same."""
    n = len(data)
    if not data.has_labels:
        variance = sum(max(one["rmse"] ** 2 - one["mae"] ** 2, 0.0) for one in (own, same))
        return {"mae": sqrt(variance / n)}
    counts = np.bincount(data.y, minlength=data.classes).astype(np.float64)
    counts = counts[counts > 0]
    right = [own["accuracy"], same["accuracy"]]
    return {
        "accuracy": sqrt(sum(share * (1 - share) for share in right) / n),
        "balanced_accuracy": sqrt((0.25 / counts).sum()) / len(counts),
        # of answers that tell nothing: that of Mann and Whitney's statistic
        "auc": float(np.sqrt((n + 1) / (12 * counts * (n - counts))).mean()),
    }


def _column(figure: str, values: Sequence[float], digits: int = 4) -> list[str]:
    """A figure of several answers; those in the target's units with as many decimals each."""
    if figure in ("accuracy", "below"):
        return [text.percent(value) for value in values]
    if figure in TITLES:
        return [shown(value) for value in values]
    if figure in ("r2", "log_loss"):
        return [text.fixed(value) for value in values]
    return text.alike(values, digits)
