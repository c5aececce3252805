"""What single columns of a table tell, and neighbours among the samples, and a linear model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from sloy.problem.problem import Problem

FEWEST = 50  # samples of which a share, or a distance, says something
MOST_IN_PIECES = 4_000  # rows of which columns are judged
NEIGHBOURS = 1_000  # samples whose nearest are looked for
LINEAR_ROWS, LINEAR_COLUMNS = 2_000, 1_000  # of a linear model


def columns_of(x: np.ndarray, y: np.ndarray) -> dict[str, tuple]:  # type: ignore[type-arg]
    x, y = x[:MOST_IN_PIECES].astype(np.float64), y[:MOST_IN_PIECES]
    n, width = x.shape
    low, high = x.min(0), x.max(0)
    constant = np.nonzero(low == high)[0]
    seen: dict[bytes, int] = {}
    doubled = []
    for column in range(width):
        if column not in constant and seen.setdefault(x[:, column].tobytes(), column) != column:
            doubled.append(column)
    varied = [column for column in range(width) if column not in constant]
    return {
        "constant": tuple(constant.tolist()),
        "doubled": tuple(doubled),
        "counting": tuple(
            column for column in varied if n >= FEWEST and _counts_rows(x[:, column])
        ),
        "telling": tuple(_telling(x, y, varied)) if n >= FEWEST else (),
    }


def _counts_rows(values: np.ndarray) -> bool:
    """Whether values are whole steps apart, each once, with few gaps."""
    steps = np.diff(np.sort(values))
    least = steps.min()
    if least <= 0 or (values.max() - values.min()) / least > 2.5 * len(values):
        return False
    return bool(np.abs(steps / least - np.round(steps / least)).max() < 1e-3)


def _telling(x: np.ndarray, y: np.ndarray, columns: list[int]) -> list[tuple[int, float]]:
    """Columns from which alone the target follows, where the others together do not give it away."""
    if y.ndim > 1 and y.shape[1:] != (1,):
        return []
    kinds = np.unique(y)
    if len(kinds) < 2:
        return []
    of_classes = y.dtype.kind == "i" or set(kinds.tolist()) <= {0.0, 1.0}
    target = y.reshape(-1)
    found = []
    for column in columns:
        score = (
            _by_neighbours(x[:, column], target)
            if of_classes
            else _correlation(x[:, column], target)
        )
        if score >= (0.99 if of_classes else 0.995):
            found.append((column, score))
    if not found:
        return []
    others = [column for column in columns if column not in dict(found)]
    if others and _nearest(x[:, others], target, of_classes=of_classes) >= 0.98:
        return []
    return found


def _by_neighbours(values: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy, on one half of the rows, of the label of the nearest value of the other half."""
    order = np.argsort(values[::2], kind="stable")
    known, of_known = values[::2][order], labels[::2][order]
    right = np.clip(np.searchsorted(known, values[1::2]), 1, len(known) - 1)
    nearer = values[1::2] - known[right - 1] < known[right] - values[1::2]
    return float((of_known[np.where(nearer, right - 1, right)] == labels[1::2]).mean())


def _correlation(values: np.ndarray, target: np.ndarray) -> float:
    if target.std() == 0:
        return 0.0
    return float(abs(np.corrcoef(values, target)[0, 1]))


def _nearest(x: np.ndarray, y: np.ndarray, *, of_classes: bool) -> float:
    """Accuracy, or R², of the nearest neighbour's answer."""
    y = y[:NEIGHBOURS].astype(np.float64)
    answer = y[_neighbours(x)]
    if of_classes:
        return float((answer == y).mean())
    return float(1 - ((answer - y) ** 2).mean() / max(y.var(), 1e-30))


def _neighbours(x: np.ndarray) -> np.ndarray:
    """The row of the nearest other one of each."""
    x = x[:NEIGHBOURS].astype(np.float64)
    x /= np.maximum(x.std(0), 1e-12)
    squares = (x**2).sum(1)
    distance = squares[:, None] + squares - 2 * x @ x.T
    np.fill_diagonal(distance, np.inf)
    return np.asarray(distance.argmin(1))


def alike_classes(
    x: np.ndarray, y: np.ndarray, pairs: Sequence[tuple[int, int]]
) -> tuple[int, int] | None:
    """The first pair of classes whose samples stand among one another, and apart from the rest."""
    of_neighbour = y[_neighbours(x)]
    for first, second in pairs:
        own = np.isin(y, (first, second))
        within = own & np.isin(of_neighbour, (first, second))
        if within.sum() < max(2 * FEWEST, 0.8 * own.sum()):
            continue
        shares = np.array([(y[within] == k).mean() for k in (first, second)])
        same = float((y[within] == of_neighbour[within]).mean())
        if same <= float((shares**2).sum()) + 1 / within.sum() ** 0.5:  # two standard errors
            return first, second
    return None


def linear_model(x: np.ndarray, y: np.ndarray, problem: Problem) -> Callable[[], float] | None:
    """What tells how good a linear model is; None where it would take long or says little."""
    n, width = x.shape
    if width > LINEAR_COLUMNS or n < 100 or problem.loss.logits not in ("softmax", ""):
        return None
    if y.ndim > 1 and y.shape[1:] != (1,):
        return None
    return partial(_linear_score, x[:LINEAR_ROWS].copy(), y[:LINEAR_ROWS].copy())


def _linear_score(x: np.ndarray, y: np.ndarray) -> float:
    """Accuracy, or R², of a linear model on a third of the rows, which it did not see."""
    of_classes = y.dtype.kind == "i"
    y, third = y.reshape(-1), len(x) // 3
    targets = np.eye(int(y.max()) + 1)[y] if of_classes else y[:, None].astype(np.float64)
    x = x.astype(np.float32)
    seen, unseen, known = x[third:], x[:third], targets[third:]
    deviation = seen.std(0)
    x -= seen.mean(0)
    x /= np.where(deviation > 0, deviation, 1)
    penalty = 0.1 * len(seen) * np.eye(x.shape[1])
    w = np.linalg.solve(seen.T @ seen + penalty, seen.T @ (known - known.mean(0)))
    answer = unseen @ w + known.mean(0)
    if of_classes:
        return float((answer.argmax(1) == y[:third]).mean())
    return float(1 - ((answer - targets[:third]) ** 2).mean() / max(targets[:third].var(), 1e-30))
