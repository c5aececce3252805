"""What is known of a run's samples before it starts: doubles, contradictions, classes, columns that say too much."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from sloy.problem.inputs import Columns
from sloy.problem.problem import Problem
from sloy.training.member_losses import OfMembers
from sloy.training.order import Order
from sloy.training.probe_graph import constant_losses

KEY_NUMBERS = 64  # of a sample, by which equal ones are looked for before they are compared whole
MOST_ROWS = 20_000  # looked at, of each part
MOST_NUMBERS = 20_000_000  # in those rows
MOST_COLUMNS = 300
MOST_IN_PIECES = 4_000  # rows of which columns are judged
LINEAR_ROWS, LINEAR_COLUMNS = 2_000, 1_000  # of a linear model


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known before the first step.

    Attributes
    ----------
    samples, held_out : int
        To train on, and to validate on.
    base_losses : array (samples of the probe,) or None
        Loss of the best constant answer to the probe's samples to train on; None where there is none known.
    base_held_out : array or None
        The same answer's loss for its samples to validate on.
    counts : int array (K,)
        Samples of each class; empty of numbers.
    missing : tuple of int
        Classes without samples to train on, though there are some to validate on, or the other way round.
    contradictions : int
        Samples whose equals have another label.
    leaked : float
        Share of the samples to validate on that are trained on too, of those looked at.
    telling : tuple of (column, share or correlation)
        Columns that tell the target alone.
    constant, doubled, counting : tuple of int
        Columns that are all alike, equal to another, or count the rows.
    """

    samples: int
    held_out: int
    base_losses: np.ndarray | None = None
    base_held_out: np.ndarray | None = None
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    missing: tuple[int, ...] = ()
    contradictions: int = 0
    leaked: float = 0.0
    telling: tuple[tuple[int, float], ...] = ()
    constant: tuple[int, ...] = ()
    doubled: tuple[int, ...] = ()
    counting: tuple[int, ...] = ()
    _linear: Callable[[], float] | None = None

    @cached_property
    def linear(self) -> float | None:
        """Accuracy of a linear model on rows that it did not see, or its R²; fitted when it is first asked for."""
        return None if self._linear is None else self._linear()

    @property
    def base(self) -> float | None:
        """Mean loss of the best constant answer."""
        return None if self.base_losses is None else float(self.base_losses.mean())


def facts(order: Order, rows: np.ndarray, held_out_rows: np.ndarray | None) -> Facts:
    """The facts of a run; `rows` are those of the probe."""
    data, validation, problem = order.data, order.validation, order.problem
    if isinstance(problem.loss, OfMembers):  # each of whom holds out samples that others learn from
        return Facts(len(data), 0)
    train = Part.of(data, order.recipe.seed)
    other = None if validation is None else Part.of(validation, order.recipe.seed)
    base = constant_losses(order, data.y[rows])
    held = None if validation is None else constant_losses(order, validation.y[held_out_rows])
    classes = problem.network.output_shape[-1] if problem.loss.logits == "softmax" else 2
    counts, missing = _counts(data.y, None if validation is None else validation.y, classes)
    columns = {}
    if data.x.ndim == 2 and data.x.shape[1] <= MOST_COLUMNS:
        columns = _columns(train)
    return Facts(
        len(data),
        0 if validation is None else len(validation),
        base,
        held,
        counts,
        missing,
        train.contradictions() if len(counts) else 0,
        0.0 if other is None else train.share_of(other),
        **columns,
        _linear=_linear_model(train, problem),
    )


@dataclass(frozen=True, eq=False)
class Part:
    """Some samples of a part of the data."""

    x: np.ndarray  # (n, numbers)
    y: np.ndarray

    @classmethod
    def of(cls, data: Columns, seed: int) -> Part:
        """At most so many that they are looked through in a moment."""
        rows, numbers = np.arange(len(data)), int(np.prod(data.x.shape[1:]))
        most = max(1, min(MOST_ROWS, MOST_NUMBERS // max(numbers, 1)))
        if len(rows) > most:
            rows = np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])
        x = data.x[rows]
        return cls(x.reshape(len(rows), -1), data.y[rows])

    @cached_property
    def keys(self) -> list[bytes]:
        """A few numbers of each sample, by which equal ones meet."""
        width = self.x.shape[1]
        chosen = np.unique(np.linspace(0, width - 1, min(width, KEY_NUMBERS)).astype(np.int64))
        return [row.tobytes() for row in np.ascontiguousarray(self.x[:, chosen])]

    @cached_property
    def by_key(self) -> dict[bytes, list[int]]:
        """The rows of each key."""
        found: dict[bytes, list[int]] = defaultdict(list)
        for row, key in enumerate(self.keys):
            found[key].append(row)
        return found

    def contradictions(self) -> int:
        """How many have an equal one of another label."""
        found = 0
        for rows in self.by_key.values():
            if len(rows) > 1 and len(np.unique(self.y[rows], axis=0)) > 1:
                labels: dict[bytes, set[bytes]] = defaultdict(set)
                for row in rows:
                    labels[self.x[row].tobytes()].add(self.y[row].tobytes())
                found += sum(len(labels[self.x[row].tobytes()]) > 1 for row in rows)
        return found

    def share_of(self, other: Part) -> float:
        """Which share of another part's samples are here too."""
        if self.x.dtype != other.x.dtype or self.x.shape[1:] != other.x.shape[1:]:
            return 0.0
        found = 0
        for row, key in enumerate(other.keys):
            same = self.by_key.get(key, ())
            found += any(np.array_equal(self.x[mine], other.x[row]) for mine in same[:50])
        return found / max(len(other.x), 1)


def _counts(
    y: np.ndarray, held_out: np.ndarray | None, classes: int
) -> tuple[np.ndarray, tuple[int, ...]]:
    if y.dtype.kind != "i" or y.ndim != 1:
        return np.zeros(0, np.int64), ()
    counts = np.bincount(y, minlength=classes)
    if held_out is None:
        return counts, tuple(np.nonzero(counts == 0)[0].tolist())
    other = np.bincount(held_out, minlength=classes)
    expected = counts * (len(held_out) / max(len(y), 1))
    gone = ((counts == 0) & (other > 0)) | ((other == 0) & (expected >= 5))
    return counts, tuple(np.nonzero(gone)[0].tolist())


# --- columns of tables ----------------------------------------------------------------------------


def _columns(part: Part) -> dict[str, tuple]:  # type: ignore[type-arg]
    x, y = part.x[:MOST_IN_PIECES].astype(np.float64), part.y[:MOST_IN_PIECES]
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
        "counting": tuple(column for column in varied if n >= 50 and _counts_rows(x[:, column])),
        "telling": tuple(_telling(x, y, varied)) if n >= 50 else (),
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
    of_classes = y.dtype.kind == "i" or set(np.unique(y).tolist()) <= {0.0, 1.0}
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
    x = x[:1000] / np.maximum(x[:1000].std(0), 1e-12)
    y = y[:1000].astype(np.float64)
    squares = (x**2).sum(1)
    distance = squares[:, None] + squares - 2 * x @ x.T
    np.fill_diagonal(distance, np.inf)
    answer = y[distance.argmin(1)]
    if of_classes:
        return float((answer == y).mean())
    return float(1 - ((answer - y) ** 2).mean() / max(y.var(), 1e-30))


def _linear_model(part: Part, problem: Problem) -> Callable[[], float] | None:
    """What tells how good a linear model is; None where it would take long or says little."""
    n, width = part.x.shape
    if width > LINEAR_COLUMNS or n < 100 or problem.loss.logits not in ("softmax", ""):
        return None
    if part.y.ndim > 1 and part.y.shape[1:] != (1,):
        return None
    return partial(_linear_score, part.x[:LINEAR_ROWS].copy(), part.y[:LINEAR_ROWS].copy())


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
