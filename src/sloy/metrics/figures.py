"""Figures of answers, from arrays: how well scores rank, how right answers are class by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sloy import text
from sloy.arguments import integer
from sloy.errors import InvalidArgument, ShapeError
from sloy.text import shown

NAN = float("nan")


def roc_auc(truth: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The area under the ROC curve: the chance that a sample which is meant scores above one which is not.

    .. math:: AUC = P(s^+ > s^-) + ½ P(s^+ = s^-)

    Parameters
    ----------
    truth : array, shape (N,)
        Which samples are meant: above 0.
    scores : array, shape (N,)
    weights : array, shape (N,), optional
        Of the samples; 1 each by default.

    Returns
    -------
    float
        NaN where all samples are meant, or none is, or a score is NaN: there it is not defined.

    References
    ----------
    .. [1] J. A. Hanley, B. J. McNeil, "The meaning and use of the area under a receiver operating characteristic
       (ROC) curve", Radiology 143 (1982) 29-36.

    Examples
    --------
    >>> roc_auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8]))
    0.875
    """
    _, meant, others = _by_score(truth, scores, weights)
    total = meant.sum() * others.sum()
    if not total > 0 or np.isnan(scores).any():
        return NAN
    below = np.cumsum(others) - others
    return float(meant @ (below + 0.5 * others) / total)


def average_precision(
    truth: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Σ_n (R_n - R_{n-1}) P_n over the thresholds, from the highest down: precision P where recall R grows.

    Equal scores are one threshold; nothing is interpolated, as in scikit-learn. Answers at random give the share of
    the samples that are meant.

    Parameters
    ----------
    truth, scores, weights
        As for `roc_auc`.

    Returns
    -------
    float
        NaN where no sample is meant, or a score is NaN: there it is not defined.

    Examples
    --------
    >>> round(average_precision(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])), 4)
    0.8333
    """
    _, meant, others = _by_score(truth, scores, weights)
    total = meant.sum()
    if not total > 0 or np.isnan(scores).any():
        return NAN
    hits, all_of_them = np.cumsum(meant[::-1]), np.cumsum((meant + others)[::-1])
    taken = all_of_them > 0  # those above weigh 0
    return float(meant[::-1][taken] @ (hits[taken] / all_of_them[taken]) / total)


def _by_score(
    truth: np.ndarray, scores: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The different scores, rising, and for each the weight of the samples that are meant and of the others."""
    _same_length("scores", truth=truth, scores=scores, weights=weights)
    w = np.ones(len(scores)) if weights is None else np.asarray(weights, np.float64)
    values, place = np.unique(np.asarray(scores, np.float64), return_inverse=True)
    yes = np.asarray(truth) > 0
    meant = np.bincount(place, w * yes, len(values))
    return values, meant, np.bincount(place, w * ~yes, len(values))


def _same_length(where: str, **arrays: np.ndarray | None) -> None:
    """Refuse arrays (N,) that are not of one length, which is named."""
    shapes = {name: np.shape(array) for name, array in arrays.items() if array is not None}
    if len(set(shapes.values())) > 1 or len(next(iter(shapes.values()))) != 1:
        given = ", ".join(f"`{name}` has shape {shape}" for name, shape in shapes.items())
        raise ShapeError(f"{where}: {given}; all must be (N,).")


def _check_probabilities(where: str, y: np.ndarray, probabilities: np.ndarray) -> None:
    """Refuse labels and probabilities that cannot be of the same N samples of K classes; NaN may stand among them."""
    shape = np.shape(probabilities)
    if len(shape) != 2 or np.shape(y) != shape[:1]:
        raise ShapeError(
            f"{where}: `y` has shape {np.shape(y)}, `probabilities` {shape}; they must be (N,) and (N, K)."
        )
    labels, p = np.asarray(y), np.asarray(probabilities)
    if wrong := [label for label in np.unique(labels).tolist() if label not in range(shape[1])]:
        raise InvalidArgument(
            f"{where}: `y` holds {shown(wrong[0])}; its labels must be whole numbers from 0 to {shape[1] - 1}."
        )
    if (far := p[np.abs(p - 0.5) > 0.5 + 1e-6]).size:
        raise InvalidArgument(
            f"{where}: `probabilities` holds {far[0]:g}; each must be from 0 to 1."
        )


@dataclass(frozen=True)
class Counts:
    """How often a class was answered, and rightly.

    Attributes
    ----------
    right : float
        Samples of the class that were given it (true positives).
    answered : float
        Samples that were given it.
    samples : float
        Samples of the class.
    """

    right: float
    answered: float
    samples: float

    @classmethod
    def of(
        cls, truth: np.ndarray, answers: np.ndarray, weights: np.ndarray | None = None
    ) -> Counts:
        """Of which samples are of the class, and which were given it: (N,) each, above 0."""
        w = np.ones(len(truth)) if weights is None else np.asarray(weights, np.float64)
        yes, given = np.asarray(truth) > 0, np.asarray(answers) > 0
        return cls(float(w @ (yes & given)), float(w @ given), float(w @ yes))

    @property
    def precision(self) -> float:
        """The share of the samples that were given the class which are of it; NaN where none was given it."""
        return self.right / self.answered if self.answered else NAN

    @property
    def recall(self) -> float:
        """The share of the samples of the class that were given it; NaN where there is none."""
        return self.right / self.samples if self.samples else NAN

    @property
    def f1(self) -> float:
        """2 P R / (P + R), the harmonic mean of the two; NaN where the class is neither there nor given."""
        both = self.answered + self.samples
        return 2 * self.right / both if both else NAN


def mean_defined(values: Sequence[float]) -> float:
    """The mean of the values that are not NaN; NaN where all are."""
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else NAN


@dataclass(frozen=True)
class ClassFigures:
    """How well one class is told from the others.

    Attributes
    ----------
    samples : int
    precision, recall, f1 : float
        Of the answers, see `Counts`.
    auc, average_precision : float
        Of its probabilities, this class against all others. NaN where a figure is not defined.
    """

    samples: int
    precision: float
    recall: float
    f1: float
    auc: float
    average_precision: float


def by_class(y: np.ndarray, answers: np.ndarray, probabilities: np.ndarray) -> list[ClassFigures]:
    """The figures of each class.

    Parameters
    ----------
    y : int array, shape (N,)
        Labels from 0 to K - 1.
    answers : int array, shape (N,)
        The class that each sample was given.
    probabilities : array, shape (N, K)

    Returns
    -------
    list of ClassFigures, one for each class

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    >>> found = by_class(np.array([0, 1, 1]), p.argmax(1), p)
    >>> [(one.samples, one.precision, one.recall) for one in found]
    [(1, 0.5, 1.0), (2, 1.0, 0.5)]
    """
    _check_probabilities("by_class", y, probabilities)
    _same_length("by_class", y=y, answers=answers)
    found = []
    for k, scores in enumerate(probabilities.T):
        own = y == k
        counts = Counts.of(own, answers == k)
        found.append(
            ClassFigures(
                int(own.sum()), counts.precision, counts.recall, counts.f1,
                roc_auc(own, scores), average_precision(own, scores),
            )
        )  # fmt: skip
    return found


def over_classes(classes: Sequence[ClassFigures]) -> dict[str, float]:
    """One figure of each kind: of two classes those of the second, of more the means over the classes with samples.

    The balanced accuracy is the mean of the recalls in both cases. In a mean the precision of a class that was never
    given counts 0. A figure that is not defined is NaN.
    """
    there = [one for one in classes if one.samples]
    balanced = {"balanced_accuracy": mean_defined([one.recall for one in there])}
    if len(classes) == 2:
        second = classes[1]
        names = ("auc", "average_precision", "precision", "recall", "f1")
        return {**balanced, **{name: float(getattr(second, name)) for name in names}}
    return {
        **balanced,
        "auc": mean_defined([one.auc for one in there]),
        "average_precision": mean_defined([one.average_precision for one in there]),
        "precision": mean_defined([np.nan_to_num(one.precision) for one in there]),
        "recall": balanced["balanced_accuracy"],
        "f1": mean_defined([one.f1 for one in there]),
    }


BINS = 15  # of probabilities, as in the literature


@dataclass(frozen=True, eq=False, repr=False)
class Reliability(text.Brief):
    """How often probabilities were right, bin by bin.

    Attributes
    ----------
    probability : float64 array, shape (B,)
        The mean of those in a bin; NaN where it is empty.
    right : float64 array, shape (B,)
        The share of them that were right; NaN where it is empty.
    samples : int array, shape (B,)
    """

    probability: np.ndarray
    right: np.ndarray
    samples: np.ndarray


def reliability(y: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> Reliability:
    """How often probabilities were right, in bins of equal width: of two classes the second's, else the answer's.

    Parameters
    ----------
    y : int array, shape (N,)
        Labels from 0 to K - 1.
    probabilities : array, shape (N, K)
    bins : int

    Examples
    --------
    >>> found = reliability(np.array([0, 1, 1, 1]), np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.1, 0.9]]), 2)
    >>> found.samples.tolist(), found.right.tolist()
    ([2, 2], [0.5, 1.0])
    """
    _check_probabilities("reliability", y, probabilities)
    integer("reliability", "bins", bins, least=1)
    if np.isnan(probabilities).any():
        raise InvalidArgument("reliability: `probabilities` holds NaN; each must be from 0 to 1.")
    p = probabilities.astype(np.float64)
    if p.shape[1] == 2:
        given, right = p[:, 1], y == 1
    else:
        given, right = p.max(axis=1), p.argmax(axis=1) == y
    place = np.minimum((given * bins).astype(np.int64), bins - 1)
    samples = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean, share = (np.bincount(place, v, bins) / samples for v in (given, right))
    return Reliability(mean, share, samples)


def calibration_error(y: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> float:
    """The expected calibration error Σ_b n_b / N · |right_b - probability_b| over the bins of `reliability`.

    NaN of no sample. It is above 0 for true probabilities too, by chance: about √(p (1 - p) B / N).

    References
    ----------
    .. [1] M. P. Naeini, G. F. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning",
       AAAI 2015.
    """
    found = reliability(y, probabilities, bins)
    there = found.samples > 0
    if not there.any():
        return NAN
    gaps = np.abs(found.right - found.probability)[there]
    return float(found.samples[there] @ gaps / found.samples.sum())
