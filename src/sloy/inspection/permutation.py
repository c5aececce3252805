"""What a model's columns are worth: how much worse its answers become when one of them is shuffled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy import text
from sloy.arguments import instance, integer, word
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.threefry import Key, make_key, permutation
from sloy.inspection.rows import affordable, answers, as_dataset, rows_of, some, truth_of
from sloy.inspection.style import BLUE, GREY, new_figure, styled
from sloy.language import counted, say
from sloy.model import Model
from sloy.text import Shown, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Importance", "importance", "importance_figure"]

SHOWN = 10  # columns in a table of text
IN_FIGURE = 20
SURE = 2.0  # errors from 0 within which a column counts as one that does nothing


@dataclass(frozen=True, eq=False)
class Importance(Shown):
    """By how much the score of a model worsens when a column is shuffled.

    Attributes
    ----------
    columns : tuple of str
        The raw columns, the most important first.
    mean : array, shape (C,)
        The mean loss of score of each; about 0 where a column does nothing.
    error : array, shape (C,)
        Its standard error: how far it would differ on other rows.
    score : str
        "log_loss", "accuracy", "r2" or "mae".
    base : float
        The score without shuffling.
    rows, of : int
        On how many rows it was measured, of how many.
    repeats : int
        How often each column was shuffled.
    """

    columns: tuple[str, ...]
    mean: np.ndarray
    error: np.ndarray
    score: str
    base: float
    rows: int
    of: int
    repeats: int

    def __str__(self) -> str:
        return self.listed()

    def listed(self, most: int = SHOWN) -> str:
        """A line for each of the first columns, and what the numbers are."""
        digits = decimals(self.error, self.mean)
        lines = [
            (text.shortened(name, 32), f"{text.fixed(mean, digits)} ± {error:.{digits}f}")
            for name, mean, error in zip(self.columns, self.mean, self.error, strict=True)
        ]
        said = [say(TITLES[self.score], how=self.counted())]
        said.append(text.columns(lines[:most], right=True))
        if len(lines) > most:
            said.append(say("… and {more} more", more=len(lines) - most))
        if none := self.idle():
            rest = len(none) - 6
            more = say(" and {more} more", more=rest)
            shown = text.named(none, 6, more) if rest > 1 else text.named(none, 7)
            said.append(say("not to be told from 0: {columns}", columns=shown))
        return "\n".join(said)

    def counted(self) -> str:
        """Rows and repeats, in words."""
        part = rows = counted(self.rows, "row")
        if self.rows < self.of:
            part = say("{rows} of {total}, drawn", rows=rows, total=text.count(self.of))
        return f"{counted(self.repeats, 'time')}, {part}"

    def idle(self) -> list[str]:
        """The columns whose importance lies within twice its error of 0, or below."""
        return [
            name
            for name, mean, error in zip(self.columns, self.mean, self.error, strict=True)
            if mean <= SURE * error
        ]

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "score": self.score,
            "base": self.base,
            "rows": self.rows,
            "of_rows": self.of,
            "repeats": self.repeats,
            "columns": [
                {"column": name, "mean": float(mean), "error": float(error)}
                for name, mean, error in zip(self.columns, self.mean, self.error, strict=True)
            ],
        }


def importance(
    model: Model,
    table: Any,
    *,
    target: Any = None,
    score: str | None = None,
    repeats: int = 5,
    rows: int | None = None,
    names: Sequence[str] = (),
    seed: int = 0,
) -> Importance:
    """How much worse a model's answers become when one column is shuffled among the rows [1]_.

    A raw column is shuffled whole: the parts of a date and the mark of a missing value go with it. The importance of a
    column is the mean over the rows, and over the shuffles, of what each row's score loses; its standard error says how
    far that would differ on other rows.

    Parameters
    ----------
    model : Model
        One that takes rows: with the reader of a table, or of an input (F,).
    table : path, data frame, mapping, Dataset or array
        Rows that the model was not trained on. What the reader of a table takes, or samples (N, F).
    target : str or array, shape (N,) or (N, M), optional
        What is true of each row: labels from 0, or numbers; or the name of its column. By default the target of the
        training, or what a Dataset has.
    score : "log_loss", "accuracy", "r2" or "mae", optional
        Of classes log-loss, or accuracy where the model has no probabilities; of numbers R².
    repeats : int
        Shuffles of each column.
    rows : int, optional
        As many rows at most, drawn by the seed. By default what takes about two seconds of one core, at least 1000.
    names : sequence of str, optional
        Of the columns of a plain array.
    seed : int
        Of the shuffles, and of the draw of the rows.

    Returns
    -------
    Importance

    Raises
    ------
    InvalidArgument, ShapeError
        Where the model takes no rows, or what is true is missing or does not fit.

    Notes
    -----
    Columns that tell the same share their importance: shuffling one of them leaves the other to go by. The importance
    says what the model goes by, not what causes the target.

    References
    ----------
    .. [1] A. Fisher, C. Rudin, F. Dominici, "All models are wrong, but many are useful", JMLR 20 (2019) 177, eq. 3.4.

    Examples
    --------
    >>> import sloy
    >>> x = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    >>> network = sloy.Network((2,), [sloy.layers.Dense(1)])
    >>> model, _ = sloy.fit(network, (x, 3 * x[:, :1]), epochs=50, optimizer=sloy.Adam(0.1), verbose=False)
    >>> found = importance(model, x, target=3 * x[:, 0], names=("cause", "noise"))
    >>> found.columns, found.score, found.idle()
    (('cause', 'noise'), 'r2', ['noise'])
    """
    where = "importance"
    repeats = integer(where, "repeats", repeats)
    seed = integer(where, "seed", seed, 0, 2**64 - 1)
    table, target = as_dataset(table, target)
    found = rows_of(where, model, table, names)
    y, known = truth_of(where, model, table, target)
    if len(y) != len(found.x):
        raise ShapeError(
            f"{where}: `target` has {len(y)} values, the table {text.many(len(found.x), 'row')}."
        )
    usable = np.flatnonzero(known)
    if not len(usable):
        raise InvalidArgument(f"{where}: no row has a known `target`.")
    times = repeats * len(found.parts)
    most = affordable(model, len(usable), times)
    if rows is not None:
        most = min(len(usable), integer(where, "rows", rows))
    chosen = usable[some(len(usable), most, seed)]
    x = found.x[chosen]
    answered = answers(model, x)  # (n, K)
    losses = _scoring(where, model, y[chosen], answered.shape[1], score)
    before = losses.of(answered)  # (n,)
    measured = [
        _shuffled(
            model, x, part, losses, before, [make_key(seed, f"{k} {r}") for r in range(repeats)]
        )
        for k, part in enumerate(found.parts.values())
    ]
    mean, error = np.array(measured).T
    ranked = np.argsort(-mean, kind="stable")
    return Importance(
        tuple(list(found.parts)[k] for k in ranked), mean[ranked], error[ranked],
        losses.score, losses.total(before), len(x), len(usable), repeats,
    )  # fmt: skip


def _shuffled(
    model: Model,
    x: np.ndarray,
    part: tuple[int, ...],
    losses: _Scoring,
    before: np.ndarray,
    keys: Sequence[Key],
) -> tuple[float, float]:
    """Mean loss of score, and its standard error, of columns of x (N, F) that are shuffled together, once for each key.

    A row counts twice: with its own target and another's value, and with its own value and another's target; the error
    is that of the mean of both (Hájek's projection), as if rows had been drawn anew.
    """
    taken, given = np.zeros(len(x)), np.zeros(len(x))
    for key in keys:
        order = permutation(len(x), key)
        shuffled = x.copy()
        shuffled[:, part] = x[order][:, part]
        lost = losses.of(answers(model, shuffled))
        taken += lost / len(keys)
        given[order] += lost / len(keys)
    if len(x) == 1:
        return float((taken - before).mean()), float("inf")
    error = (taken + given - before).std(ddof=1) / np.sqrt(len(x))
    return float((taken - before).mean()), float(error)


# --- scores, each a mean over the rows of what the rows lose ----------------------------------------------------------

TITLES = {
    "log_loss": "rise of the log-loss when a column is shuffled ({how})",
    "accuracy": "loss of accuracy when a column is shuffled ({how})",
    "r2": "loss of R² when a column is shuffled ({how})",
    "mae": "rise of the mean absolute error when a column is shuffled ({how})",
}


@dataclass(frozen=True, eq=False)
class _Scoring:
    """What each row's answer loses, (N, K) → float64 (N,)."""

    score: str
    of: Callable[[np.ndarray], np.ndarray]

    def total(self, lost: np.ndarray) -> float:
        """The score itself."""
        mean = float(lost.mean())
        return 1 - mean if self.score in ("r2", "accuracy") else mean


def _scoring(where: str, model: Model, y: np.ndarray, outputs: int, score: str | None) -> _Scoring:
    task, logits = model.loss.task(model.network.output_shape), model.loss.logits
    allowed: tuple[str, ...] = ("r2", "mae") if task == "regression" else ("log_loss", "accuracy")
    if task != "regression" and not logits:
        allowed = ("accuracy",)
    score = allowed[0] if score is None else score
    if not isinstance(score, str) or score not in allowed:
        raise InvalidArgument(
            f"{where}: `score` (={shown(score)}) must be one of {', '.join(allowed)} for this model."
        )
    if task == "regression":
        return _Scoring(score, _of_numbers(where, _shaped(where, y, outputs), score))
    if task == "classification":
        return _Scoring(score, _of_classes(where, y, outputs, score))
    yes = _shaped(where, y, outputs) > model.loss.middle
    middle = 0.5 if logits else 0.0
    if score == "accuracy":
        return _Scoring(score, lambda a: ((a > middle) != yes).mean(1))
    return _Scoring(score, lambda a: _surprise(np.where(yes, a, 1 - a)).mean(1))


def _shaped(where: str, y: np.ndarray, outputs: int) -> np.ndarray:
    """Numbers (N, K)."""
    found = y.astype(np.float64).reshape(len(y), -1)  # (N, K)
    if found.shape[1] != outputs:
        raise ShapeError(
            f"{where}: `target` has shape {y.shape}; the model gives {text.many(outputs, 'number')} for each row."
        )
    return found


def _of_numbers(where: str, y: np.ndarray, score: str) -> Callable[[np.ndarray], np.ndarray]:
    if not np.isfinite(y).all():
        raise InvalidArgument(f"{where}: `target` must be finite numbers.")
    if score == "mae":
        return lambda a: abs(a - y).mean(1)
    spread = y.var(0)
    if not spread.all():
        raise InvalidArgument(f"{where}: `target` does not vary among these rows; R² needs that.")
    return lambda a: ((a - y) ** 2 / spread).mean(1)


def _of_classes(
    where: str, y: np.ndarray, classes: int, score: str
) -> Callable[[np.ndarray], np.ndarray]:
    labels = y.reshape(-1)  # (N,)
    if (
        len(labels) != len(y)
        or y.dtype.kind not in "biu"
        or not (0 <= labels.min() <= labels.max() < classes)
    ):
        raise InvalidArgument(
            f"{where}: `target` must be labels from 0 to {classes - 1}, one for each row."
        )
    row = np.arange(len(labels))
    if score == "accuracy":
        return lambda a: np.asarray(a.argmax(1) != labels, np.float64)
    return lambda a: _surprise(a[row, labels])


def _surprise(probability: np.ndarray) -> np.ndarray:
    found: np.ndarray = -np.log(np.maximum(probability.astype(np.float64), 1e-7))
    return found


# --- figure -----------------------------------------------------------------------------------------------------------


def decimals(error: np.ndarray, mean: np.ndarray) -> int:
    """Places behind the point that show the middle one of the errors in two digits; from 1 to 6."""
    known = error[np.isfinite(error) & (error > 0)]
    unit = float(np.median(known)) if len(known) else float(abs(mean).max()) / 100
    return int(np.clip(1 - np.floor(np.log10(unit)), 1, 6)) if unit else 3


@styled
def importance_figure(found: Importance, title: str = "") -> Figure:
    """Bars: how much the score worsens when a column is shuffled, with twice the standard error on both sides.

    Parameters
    ----------
    found : Importance
        Of which the first 20 columns are drawn.
    title : str
        By default what the score is.
    """
    instance("importance_figure", "found", found, Importance)
    word("importance_figure", "title", title)
    shown = min(len(found.columns), IN_FIGURE)
    figure = new_figure(5.6, 1.1 + 0.27 * shown)
    axes = figure.subplots()
    places, mean = np.arange(shown)[::-1], found.mean[:shown]
    idle = set(found.idle())
    colours = [GREY if name in idle else BLUE for name in found.columns[:shown]]
    whiskers = SURE * found.error[:shown]
    axes.barh(places, mean, color=colours, height=0.7)
    axes.errorbar(mean, places, xerr=whiskers, fmt="none", ecolor="black", elinewidth=1, capsize=2)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(places, [text.shortened(name, 28) for name in found.columns[:shown]])
    axes.set_ylim(-0.7, shown - 0.3)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.set_xlabel(_AXES[found.score]())
    title = title or say("A column shuffled")
    if (total := len(found.columns)) > shown:
        title += " " + say("(the first {shown} of {total})", shown=shown, total=total)
    axes.set_title(title)
    return figure


_AXES: Mapping[str, Callable[[], str]] = {
    "log_loss": lambda: say("rise of the log-loss, ± 2 standard errors"),
    "accuracy": lambda: say("loss of accuracy, ± 2 standard errors"),
    "r2": lambda: say("loss of R², ± 2 standard errors"),
    "mae": lambda: say("rise of the mean absolute error, ± 2 standard errors"),
}
