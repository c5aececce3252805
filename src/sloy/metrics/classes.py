"""Metrics of classes that are not equally frequent: how well outputs rank, how right answers are class by class."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sloy import ops
from sloy.graph import Tensor
from sloy.losses.base import columns
from sloy.metrics.base import Metric, check_classes, check_values, labels
from sloy.metrics.figures import Counts, average_precision, mean_defined, roc_auc


@dataclass(frozen=True)
class ByClass(Metric):
    """A figure of a class against the others, of a whole data set.

    Of two classes it is that of the second; of more the mean over the classes with samples, each against all others; of
    several yes-or-no outputs the mean over those with a yes. NaN where it is not defined, as without a sample of
    the class.

    Parameters
    ----------
    middle : float, optional
        Of yes-or-no outputs: targets above it are yes. None for outputs that are classes.
    """

    additive: ClassVar[bool] = False
    middle: float | None = None

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """For each of Q questions a score or an answer, then what is true, (N, 2 Q); see `Metric.per_sample`."""
        name = type(self).__name__
        if self.middle is not None:
            check_values(name, output, target)
            flat = (output.shape[0], -1)
            scores = ops.reshape(output, flat)
            return ops.concatenate(
                [self.of_values(scores), ops.reshape(target > self.middle, flat)]
            )
        classes = check_classes(name, output)
        truth = ops.one_hot(labels(target), classes, output.dtype)
        return ops.concatenate(
            [self.second(self.of_classes(output)), self.second(truth)]
            if classes == 2
            else [self.of_classes(output), truth]
        )

    def second(self, values: Tensor) -> Tensor:
        """What is needed of (N, 2) for two classes."""
        return columns(values, 1, 2)

    @abstractmethod
    def of_values(self, output: Tensor) -> Tensor:
        """From yes-or-no outputs (N, M) what the figure takes, (N, M)."""

    @abstractmethod
    def of_classes(self, output: Tensor) -> Tensor:
        """From outputs for K classes (N, K) what the figure takes, (N, K)."""

    @abstractmethod
    def of_question(self, given: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
        """The figure of one question, from (N,) each; NaN where it is not defined."""

    def aggregate(self, values: np.ndarray, weights: np.ndarray | None = None) -> float:
        """See `Metric.aggregate`."""
        w = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
        given, truth = np.split(np.asarray(values, np.float64), 2, axis=1)  # (N, Q) each
        if given.shape[1] == 1:
            return self.of_question(given[:, 0], truth[:, 0], w)
        there = np.flatnonzero(w @ truth > 0)
        return mean_defined([self.of_one_of_many(given[:, q], truth[:, q], w) for q in there])

    def of_one_of_many(self, given: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
        """The same as a part of a mean, of a question that has samples."""
        return self.of_question(given, truth, weights)


@dataclass(frozen=True)
class _Ranking(ByClass):
    """A figure of scores: of two classes the difference of the outputs, of more the probabilities (softmax)."""

    def of_values(self, output: Tensor) -> Tensor:
        return output

    def of_classes(self, output: Tensor) -> Tensor:
        if output.shape[1] == 2:  # the same order, without probabilities that are 1 by rounding
            first, second = columns(output, 0, 1), columns(output, 1, 2)
            return ops.concatenate([first - second, second - first])
        return ops.softmax(output)


@dataclass(frozen=True)
class AUC(_Ranking):
    """The area under the ROC curve, see `sloy.metrics.figures.roc_auc`; of classes see `ByClass`.

    1 is perfect, ½ what answers at random give.
    """

    name: ClassVar[str] = "auc"

    def of_question(self, given: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
        """See `ByClass.of_question`."""
        return roc_auc(truth, given, weights)


@dataclass(frozen=True)
class AveragePrecision(_Ranking):
    """The mean precision over recall, see `sloy.metrics.figures.average_precision`; of classes see `ByClass`.

    1 is perfect, the share of the class what answers at random give.
    """

    name: ClassVar[str] = "average_precision"

    def of_question(self, given: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
        """See `ByClass.of_question`."""
        return average_precision(truth, given, weights)


@dataclass(frozen=True)
class _Counted(ByClass):
    """A figure of answers: yes where an output is above 0, the class of the largest output."""

    def of_values(self, output: Tensor) -> Tensor:
        return output > 0.0

    def of_classes(self, output: Tensor) -> Tensor:
        return ops.one_hot(ops.argmax(output), output.shape[1], output.dtype)


@dataclass(frozen=True)
class Precision(_Counted):
    """The share of the samples that were given a class which are of it; of classes see `ByClass`.

    Not defined where no sample was given it; in a mean over classes it counts 0 then.
    """

    name: ClassVar[str] = "precision"

    def of_question(self, given: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
        """See `ByClass.of_question`."""
        return Counts.of(truth, given, weights).precision

    def of_one_of_many(self, given: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
        """See `ByClass.of_one_of_many`."""
        return float(np.nan_to_num(self.of_question(given, truth, weights)))


@dataclass(frozen=True)
class Recall(_Counted):
    """The share of the samples of a class that were given it; of classes see `ByClass`."""

    name: ClassVar[str] = "recall"

    def of_question(self, given: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
        """See `ByClass.of_question`."""
        return Counts.of(truth, given, weights).recall


@dataclass(frozen=True)
class F1(_Counted):
    """The harmonic mean of precision and recall, 2 P R / (P + R); of classes see `ByClass`."""

    name: ClassVar[str] = "f1"

    def of_question(self, given: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
        """See `ByClass.of_question`."""
        return Counts.of(truth, given, weights).f1


@dataclass(frozen=True)
class BalancedAccuracy(Recall):
    """The mean of the recalls of the classes that have samples, of two classes too.

    1/K is what answers without regard to the sample give. Of a yes-or-no output the two classes are yes and no.
    """

    name: ClassVar[str] = "balanced_accuracy"

    def second(self, values: Tensor) -> Tensor:
        """Both classes."""
        return values

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """See `ByClass.per_sample`; of yes-or-no outputs also for no."""
        found = super().per_sample(output, target)
        if self.middle is None:
            return found
        questions = found.shape[1] // 2
        answers = columns(found, 0, questions)
        truth = columns(found, questions, 2 * questions)
        return ops.concatenate([answers, 1.0 - answers, truth, 1.0 - truth])
