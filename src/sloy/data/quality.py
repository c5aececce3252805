"""What is odd about samples: twins, contradictions, far values, columns that count the rows or give the answer away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sloy import text
from sloy.data.dataset import Dataset
from sloy.data.nearest import Nearest
from sloy.graph.threefry import make_key, permutation
from sloy.language import counted, say

FAR = 10.0  # deviations from the mean
CROSSING = 0.01  # share of a part's samples that are in the training data too, from which on it is worth a warning
FEWEST = 3  # … and as many of them
CHANCE = 0.1  # share of the twins that chance alone may give
LOOKED_AT = 5_000  # samples that single columns are looked at with
BINS = 64
ALONE = 0.99  # accuracy, or R², of one column that gives the answer away
NOISE = 0.02  # … while the other columns' nearest neighbour errs that often at least
_BLOCK = 1 << 22  # bytes hashed together


@dataclass(frozen=True)
class Quality:
    """What was found.

    Attributes
    ----------
    samples : mapping of part to int
    classes : mapping of class to number of training samples
        Of labels.
    duplicates : int
        Training samples that repeat an earlier one, label and all.
    contradictions : int
        Training samples that are equal to an earlier one but for the label or target.
    crossing : mapping of part to int
        Samples of the part that are in the training data too.
    by_chance : bool
        Whether so many twins are to be expected of samples of so few different values.
    far : mapping of column to int
        Numbers more than 10 deviations from the mean.
    constant : int or tuple of str
        Columns, or of samples without names numbers, that are the same in all training samples.
    counting : tuple of str
        Columns that number the rows.
    leaking : mapping of column to float
        Columns that alone give the answer, with their accuracy or R² on samples held out.
    hashed : bool
        Whether twins were looked for.
    """

    samples: Mapping[str, int]
    classes: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0
    contradictions: int = 0
    crossing: Mapping[str, int] = field(default_factory=dict)
    by_chance: bool = False
    far: Mapping[str, int] = field(default_factory=dict)
    constant: int | tuple[str, ...] = 0
    counting: tuple[str, ...] = ()
    leaking: Mapping[str, float] = field(default_factory=dict)
    hashed: bool = True

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be looked at before training."""
        said = []
        for part, count in self.crossing.items():
            if count >= max(FEWEST, CROSSING * self.samples[part]) and not self.by_chance:
                said.append(
                    say(
                        "{count} of {all} samples to {part} on are training samples too: what is measured on them is"
                        " too good",
                        count=text.count(count),
                        all=text.count(self.samples[part]),
                        part=say(part),
                    )
                )
        for name, score in self.leaking.items():
            said.append(
                say(
                    "column `{name}` alone gives the answer ({score}); unless it is known when a prediction is"
                    " asked for, leave it out with --ignore {name}",
                    name=name,
                    score=say("{score} right", score=text.percent(score))
                    if self.classes
                    else f"R² {text.fixed(score)}",
                )
            )
        for name in self.counting:
            said.append(
                say(
                    "column `{name}` numbers the rows; leave it out with --ignore {name}", name=name
                )
            )
        if (
            self.contradictions >= max(FEWEST, CROSSING * self.samples["train"])
            and not self.by_chance
        ):
            said.append(
                say(
                    "{samples} equal an earlier one with another answer",
                    samples=counted(self.contradictions, "training sample"),
                )
            )
        return tuple(said)

    def rows(self) -> list[tuple[str, str]]:
        """What is to be said, as titles and words."""
        said = []
        if self.hashed:
            said.append((say("twins"), self._twins()))
        if isinstance(self.constant, tuple):
            said += [(say("constant"), ", ".join(self.constant))] if self.constant else []
        elif self.constant:
            numbers = counted(self.constant, "number")
            said.append(
                (say("constant"), say("{numbers} of each sample never change", numbers=numbers))
            )
        if self.far:
            told = ", ".join(f"{name} {text.count(n)}" for name, n in list(self.far.items())[:8])
            more = len(self.far) - 8
            told += say(" and {more} more columns", more=more) if more > 0 else ""
            said.append(
                (say("far values"), say("beyond {far:g} deviations: {told}", far=FAR, told=told))
            )
        return said + [(say("warning"), warning) for warning in self.warnings]

    def _twins(self) -> str:
        """How many samples there are twice."""
        counts = {
            say("repeat an earlier training sample"): self.duplicates,
            say("repeat one with another answer"): self.contradictions,
        }
        for part, count in self.crossing.items():
            counts[say("of those to {part} on are training samples", part=say(part))] = count
        told = "; ".join(f"{text.count(count)} {what}" for what, count in counts.items() if count)
        chance = ""
        if self.by_chance:
            chance = say(" (so few different values give as many by chance)")
        return f"{told}{chance}" if told else say("none: no sample is there twice")


def quality(
    train: Dataset,
    others: Mapping[str, Dataset],
    parts: Mapping[str, Sequence[int]] | None = None,
    *,
    codes: int = 0,
    constant: Sequence[str] = (),
) -> Quality:
    """Look at samples before they are learned from.

    Parameters
    ----------
    train : Dataset
    others : mapping of str to Dataset
        What else they are for, "validate" or "test" → its samples.
    parts : mapping, optional
        Column → the numbers, from 0, of what it became in x (N, F).
    codes : int
        How many of the last numbers of x are codes of categories.
    constant : sequence of str
        Columns that never change, and are left out of x.

    Examples
    --------
    >>> x = np.array([[0.5, 1], [1.5, 2], [0.5, 1], [0.5, 1]], np.float32)
    >>> found = quality(Dataset(x, [0, 1, 0, 1]), {"test": Dataset(x[1:2], [1])})
    >>> found.duplicates, found.contradictions, found.crossing
    (1, 1, {'test': 1})
    """
    samples = {"train": len(train)} | {name: len(data) for name, data in others.items()}
    classes = {}
    if train.has_labels:
        names = train.class_names or tuple(map(str, range(train.classes)))
        classes = dict(
            zip(names, np.bincount(train.y, minlength=train.classes).tolist(), strict=True)
        )
    if not isinstance(train.x, np.ndarray):
        return Quality(samples, classes, hashed=False)
    counting = () if parts is None else _counting(train.x, list(others.values()), parts)
    left_out = [] if parts is None else [number for name in counting for number in parts[name]]
    numbers = np.delete(np.arange(int(np.prod(train.sample_shape))), left_out)
    own = _hashes(train.x, numbers)
    answers = _of_answers(train)
    kept = np.unique(own, return_index=True, return_inverse=True)
    first, group = kept[1], kept[2].reshape(-1)
    repeats = first[group] != np.arange(len(own))
    same = np.unique(own ^ answers, return_index=True, return_inverse=True)
    twins = same[1][same[2].reshape(-1)] != np.arange(len(own))
    crossing = {
        name: int(np.isin(_hashes(data.x, numbers) ^ _of_answers(data), own ^ answers).sum())
        for name, data in others.items()
    }
    duplicates = int((repeats & twins).sum())
    contradictions = int((repeats & ~twins).sum())
    most = max([duplicates + contradictions, *crossing.values()])
    by_chance = False
    if most and parts is not None:
        by_chance = chance_of_twins(train.x, numbers) * len(train) ** 2 / 2 > CHANCE * most
    return Quality(
        samples,
        classes,
        duplicates,
        contradictions,
        crossing,
        by_chance,
        {} if parts is None else _far(train.x, parts, codes),
        tuple(constant) if parts is not None else int(_constant(train.x)),
        counting,
        {} if parts is None else _leaking(train, parts, codes, set(counting)),
    )


def _hashes(x: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """64 bits of each sample, uint64 (N,), of some of its numbers."""
    random = np.random.Generator(np.random.PCG64(0))
    found = np.empty(len(x), np.uint64)
    width = len(numbers) * x.dtype.itemsize
    words = -(-width // 8)
    factors = random.integers(0, 2**63, words, np.uint64) * np.uint64(2) + np.uint64(1)
    step = max(1, _BLOCK // max(width, 1))
    whole = len(numbers) == int(np.prod(x.shape[1:]))
    for start in range(0, len(x), step):
        block = np.asarray(x[start : start + step]).reshape(-1, int(np.prod(x.shape[1:])))
        block = block if whole else block[:, numbers]
        block = block + block.dtype.type(0)  # −0 is 0
        padded = np.zeros((len(block), 8 * words), np.uint8)
        padded[:, :width] = np.ascontiguousarray(block).view(np.uint8).reshape(len(block), width)
        mixed = padded.view(np.uint64) * factors
        mixed ^= mixed >> np.uint64(29)
        found[start : start + step] = (mixed * factors[::-1]).sum(1, dtype=np.uint64)
    return found


def _of_answers(data: Dataset) -> np.ndarray:
    """64 bits of each answer."""
    y = np.ascontiguousarray(data.y.reshape(len(data), -1), np.float64)
    return _hashes(y, np.arange(y.shape[1])) * np.uint64(0x9E3779B97F4A7C15)


def chance_of_twins(x: np.ndarray, numbers: np.ndarray) -> float:
    """The probability that two samples agree in all numbers, were these independent."""
    some = _some(x)[:, numbers].astype(np.float64)
    found = 1.0
    for column in some.T:
        shares = np.unique(column, return_counts=True)[1] / len(column)
        found *= float(np.square(shares).sum())
    return found


def _constant(x: np.ndarray) -> int:
    """How many numbers of a sample are the same in all."""
    flat = x.reshape(len(x), -1)
    suspects = np.flatnonzero((_some(x) == flat[0]).all(0))
    step = max(1, _BLOCK // max(flat.dtype.itemsize * flat.shape[1], 1))
    for start in range(0, len(flat), step):
        block = flat[start : start + step]
        suspects = suspects[(block[:, suspects] == flat[0, suspects]).all(0)]
    return len(suspects)


def _some(x: np.ndarray) -> np.ndarray:
    """At most `LOOKED_AT` samples, evenly taken, flat (n, F)."""
    rows = np.linspace(0, len(x), min(len(x), LOOKED_AT), endpoint=False).astype(np.int64)
    return np.asarray(x[rows]).reshape(len(rows), -1)


def _counting(
    x: np.ndarray, others: Sequence[Dataset], parts: Mapping[str, Sequence[int]]
) -> tuple[str, ...]:
    """Columns whose numbers are all different and lie as close as those of the rows."""
    found = []
    for name, numbers in parts.items():
        if len(numbers) != 1:
            continue
        values = np.concatenate([x[:, numbers[0]], *(data.x[:, numbers[0]] for data in others)])
        values = np.sort(values.astype(np.float64))
        gaps = np.diff(values)
        if len(gaps) < 20 or not (gaps > 0).all():
            continue
        unit = float(gaps.min())
        steps = gaps / unit
        span = (values[-1] - values[0]) / unit
        near = abs(steps - np.round(steps)).max() < 0.2
        if near and span < 2 * len(values):
            found.append(name)
    return tuple(found)


def _far(x: np.ndarray, parts: Mapping[str, Sequence[int]], codes: int) -> dict[str, int]:
    """Column → how many of its numbers are far from the mean, where there are any."""
    first_code = x.shape[1] - codes
    found = {}
    for name, numbers in parts.items():
        if not numbers or numbers[0] >= first_code:
            continue
        values = x[:, numbers[0]].astype(np.float64)
        deviation = values.std()
        if deviation and (count := int((abs(values - values.mean()) > FAR * deviation).sum())):
            found[name] = count
    return found


# --- columns that give the answer away ------------------------------------------------------------


def _leaking(
    data: Dataset, parts: Mapping[str, Sequence[int]], codes: int, aside: set[str]
) -> dict[str, float]:
    """Columns that alone give the answer, where the others together do not."""
    if data.y.ndim != 1 or len(data) < 50 or len(parts) < 2:
        return {}
    order = permutation(len(data), make_key(0, "leaking"))[:LOOKED_AT]
    half = len(order) // 2
    fit, held = data.take(np.sort(order[:half])), data.take(np.sort(order[half:]))
    suspects = {
        name: score
        for name, numbers in parts.items()
        if name not in aside and (score := _alone(fit, held, numbers)) >= ALONE
    }
    found = {}
    for name, score in suspects.items():
        others = [n for other, ns in parts.items() if other not in suspects for n in ns]
        if not others or 1 - _others(fit, held, others, codes) > NOISE:
            found[name] = score
    return found


def _alone(fit: Dataset, held: Dataset, numbers: Sequence[int]) -> float:
    """Accuracy, or R², of the answers that one column gives: the commonest of each bin, or on lines.

    An accuracy counts only where it is ten times nearer to 1 than that of the commonest class.
    """
    x, new = (part.x[:, numbers].astype(np.float64) for part in (fit, held))
    column = int(np.argmax([len(np.unique(x[:, k])) for k in range(x.shape[1])]))
    edges = np.unique(np.quantile(x[:, column], np.linspace(0, 1, BINS + 1)[1:-1]))
    bins, of_new = (np.searchsorted(edges, part[:, column], side="left") for part in (x, new))
    if fit.has_labels:
        counts = np.zeros((len(edges) + 1, fit.classes))
        np.add.at(counts, (bins, fit.y), 1)
        right = float((counts.argmax(1)[of_new] == held.y).mean())
        commonest = float((np.bincount(fit.y).argmax() == held.y).mean())
        return right if 1 - right <= (1 - commonest) / 10 else 0.0
    order = np.argsort(x[:, column], kind="stable")
    answer = np.interp(new[:, column], x[order, column], fit.y[order].astype(np.float64))
    return max(_r2(answer, held.y), _r2(_on_a_line(x[:, column], fit.y, new[:, column]), held.y))


def _on_a_line(x: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Answers of the line of least squares, which goes on beyond the numbers it was fitted to."""
    centred = x - x.mean()
    slope = (centred @ y) / max(float(centred @ centred), 1e-300)
    return np.asarray(y.mean() + slope * (new - x.mean()))


def _others(fit: Dataset, held: Dataset, numbers: Sequence[int], codes: int) -> float:
    """Accuracy, or R², of the nearest neighbours in some columns."""
    width = fit.x.shape[1]
    kept = np.sort(np.array(numbers))
    of_codes = int((kept >= width - codes).sum())
    near = Nearest(fit.x[:, kept], fit.y, classes=fit.classes, codes=of_codes, neighbours=1)
    answers = near(held.x[:, kept])
    if fit.has_labels:
        return float((answers.argmax(1) == held.y).mean())
    return _r2(answers[:, 0], held.y)


def _r2(answers: np.ndarray, y: np.ndarray) -> float:
    true = y.astype(np.float64)
    spread = float(np.square(true - true.mean()).sum())
    return 1 - float(np.square(answers - true).sum()) / spread if spread else 0.0
