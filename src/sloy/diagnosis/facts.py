"""What is known of a run's samples before it starts: doubles, contradictions, classes, columns that say too much."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from sloy.data.quality import CHANCE, chance_of_twins
from sloy.data.quality import FEWEST as FEWEST_TWINS
from sloy.diagnosis.columns import (
    FEWEST,
    LINEAR_COLUMNS,
    MOST_IN_PIECES,
    NEIGHBOURS,
    alike_classes,
    columns_of,
    linear_model,
)
from sloy.problem.inputs import Columns
from sloy.training.member_losses import OfMembers
from sloy.training.order import Order
from sloy.training.probe_graph import constant_losses

KEY_NUMBERS = 64  # of a sample, by which equal ones are looked for before they are compared whole
MOST_ROWS = 20_000  # looked at, of each part
MOST_NUMBERS = 20_000_000  # in those rows
MOST_COLUMNS = 300
# Parts differ: by so many deviations, and standard errors; they are so many times as wide.
APART, SURE, WIDE = 1.0, 6.0, 3.0


@dataclass(frozen=True)
class Tail:
    """How much of the variance of all targets a hundredth of them makes, the farthest from the mean."""

    count: int
    share: float
    farthest: float


@dataclass(frozen=True)
class Shift:
    """A column, or a channel of pictures: mean and deviation in training, and of the samples to validate on."""

    column: int
    mean: float
    deviation: float
    held_out_mean: float
    held_out_deviation: float

    @property
    def size(self) -> float:
        """In deviations, or how many times as wide; the larger."""
        apart = abs(self.held_out_mean - self.mean) / max(self.deviation, 1e-30)
        wide = self.held_out_deviation / max(self.deviation, 1e-30)
        return max(apart, wide, 1 / max(wide, 1e-30))


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
    alike : bool
        Whether all samples are the same.
    same_target : float or None
        What all targets are; None where they differ.
    tail : Tail or None
        Of targets that are numbers.
    shifts : tuple of Shift
        Columns, or channels of pictures, that are elsewhere in the samples to validate on.
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
    alike: bool = False
    same_target: float | None = None
    tail: Tail | None = None
    shifts: tuple[Shift, ...] = ()
    doubled: tuple[int, ...] = ()
    counting: tuple[int, ...] = ()
    _linear: Callable[[], float] | None = None
    _train: Part | None = None

    def alike_classes(self, pairs: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
        """The first pair whose samples stand among one another, and apart from the rest; None of none."""
        return None if self._train is None else alike_classes(self._train.x, self._train.y, pairs)

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
        columns = columns_of(train.x, train.y)
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
        alike=bool((train.x[:FEWEST] == train.x[:1]).all() and (train.x == train.x[:1]).all()),
        same_target=_same(data.y),
        tail=_tail(data.y),
        shifts=() if other is None else _shifts(train, other),
        _linear=linear_model(train.x, train.y, problem),
        _train=train.some() if len(counts) > 2 and train.x.shape[1] <= LINEAR_COLUMNS else None,
    )


@dataclass(frozen=True, eq=False)
class Part:
    """Some samples of a part of the data."""

    x: np.ndarray  # (n, numbers)
    y: np.ndarray
    channels: int = 0  # of pictures, whose numbers stand side by side; else 0

    @classmethod
    def of(cls, data: Columns, seed: int) -> Part:
        """At most so many that they are looked through in a moment."""
        rows, numbers = np.arange(len(data)), int(np.prod(data.x.shape[1:]))
        most = max(1, min(MOST_ROWS, MOST_NUMBERS // max(numbers, 1)))
        if len(rows) > most:
            rows = np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])
        x = data.x[rows]
        channels = x.shape[-1] if x.ndim > 2 else 0
        return cls(x.reshape(len(rows), -1), data.y[rows], channels)

    def some(self) -> Part:
        """A copy of a few, all of which can be held against one another."""
        return Part(self.x[:NEIGHBOURS].copy(), self.y[:NEIGHBOURS].copy(), self.channels)

    @property
    def columns(self) -> np.ndarray:
        """Numbers of the samples side by side (n, columns): those of tables, else the mean of each channel."""
        if not self.channels:
            return self.x
        n = len(self.x)
        return self.x.reshape(n, -1, self.channels).mean(1, dtype=np.float32)  # (n, channels)

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
        if found < FEWEST_TWINS or self.agree_by_chance(len(self.x) * len(other.x), found):
            return 0.0
        return found / max(len(other.x), 1)

    def agree_by_chance(self, pairs: int, twins: int) -> bool:
        """Whether so few different values give so many twins among so many pairs of samples."""
        if self.channels or self.x.shape[1] > MOST_COLUMNS:
            return False
        numbers = np.ones(self.x.shape[1], bool)
        return chance_of_twins(self.x, numbers) * pairs > CHANCE * twins


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


# --- targets ------------------------------------------------------------------------------------


def _same(y: np.ndarray) -> float | None:
    """What all targets are, each of one number."""
    flat = y.reshape(len(y), -1)
    if not len(y) or flat.shape[1] != 1 or (flat != flat[0]).any():
        return None
    return float(flat[0, 0])


def _tail(y: np.ndarray) -> Tail | None:
    flat = y.reshape(len(y), -1)
    if y.dtype.kind != "f" or flat.shape[1] != 1 or len(y) < FEWEST:
        return None
    values = flat[:, 0].astype(np.float64)
    squares, count = (values - values.mean()) ** 2, max(1, len(y) // 100)
    total = float(squares.sum())
    if not total:
        return None
    most = float(np.partition(squares, -count)[-count:].sum())
    return Tail(count, most / total, float(values[squares.argmax()]))


# --- parts that differ ----------------------------------------------------------------------------


def _shifts(part: Part, other: Part) -> tuple[Shift, ...]:
    """Columns whose mean or width is another one in the other part, by far more than chance makes it."""
    if part.x.shape[1:] != other.x.shape[1:] or not part.x.size:
        return ()
    if min(len(part.x), len(other.x)) < FEWEST:
        return ()
    if not part.channels and part.x.shape[1] > MOST_COLUMNS:
        return ()
    pair = [one.columns[:MOST_IN_PIECES].astype(np.float64) for one in (part, other)]
    means, deviations = ([f(x, 0) for x in pair] for f in (np.mean, np.std))
    quarters = [np.subtract(*np.quantile(x, (0.75, 0.25), axis=0)) for x in pair]
    error = np.hypot(*(d / len(x) ** 0.5 for d, x in zip(deviations, pair, strict=True)))
    apart = np.abs(means[1] - means[0])
    far = apart > np.maximum(APART * deviations[0], SURE * error)
    with np.errstate(all="ignore"):
        wide = [np.abs(np.log(of[1] / of[0])) > np.log(WIDE) for of in (quarters, deviations)]
    wide = [
        one & (of[0] > 0) & (of[1] > 0)
        for one, of in zip(wide, (quarters, deviations), strict=True)
    ]
    found = [
        Shift(int(k), *map(float, (means[0][k], deviations[0][k], means[1][k], deviations[1][k])))
        for k in np.flatnonzero(far | (wide[0] & wide[1]))
    ]
    return tuple(sorted(found, key=lambda shift: -shift.size))
