"""Rules on the samples: scale, labels, leakage."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from sloy.diagnosis.evidence import Evidence
from sloy.diagnosis.rules.base import Hit, Rule, by_harm
from sloy.language import Sentence, sentence
from sloy.losses import SquaredError


@dataclass(frozen=True, kw_only=True)
class InputScale(
    Rule,
    id="D02",
    name="input scale",
    about="mean and deviation of each number that the first layer with weights is given; in the samples to validate"
    " on beside those to train on",
    healthy="mean near 0, deviation near 1",
    causes=("samples are not scaled",),
    remedies=("standardize",),
):
    """D02."""

    mean: float = 3.0
    small: float = 0.05
    large: float = 5.0

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        values = evidence.first.values
        if evidence.facts.alike:
            return Hit(
                sentence("all samples are alike: they tell nothing of the target"),
                0.0,
                "error",
                causes=("features that tell nothing",),
                remedies=("look at some samples with their labels",),
                explains=("D03", "D04", "D10", "D15", "D17", "D18"),
            )
        if "mean/input" in values:
            mean = values["mean/input"].astype(np.float64)
            deviation = np.sqrt(
                np.maximum(values["mean_square/input"].astype(np.float64) - mean**2, 0)
            )
            varied = deviation > 1e-6 * np.maximum(np.abs(mean), 1e-30)
            if (hit := self._scale(mean[varied], deviation[varied], evidence)) is not None:
                return hit
        return self._shift(evidence) or self._columns(evidence)

    @staticmethod
    def _shift(evidence: Evidence) -> Hit | None:
        """Samples to validate on that are of another kind."""
        shifts = evidence.facts.shifts
        if not shifts:
            return None
        worst = shifts[0]
        return Hit(
            sentence(
                "the samples to validate on are others: {column} has mean {held_out_mean:.3g} and deviation"
                " {held_out_deviation:.3g} there, {mean:.3g} and {deviation:.3g} in training",
                column=evidence.column(worst.column),
                mean=worst.mean,
                deviation=worst.deviation,
                held_out_mean=worst.held_out_mean,
                held_out_deviation=worst.held_out_deviation,
            ),
            worst.size,
            "note" if evidence.solved else "warning",
            causes=("a split by order", "samples to validate on that are made in another way"),
            remedies=("shuffle before the split", "prepare both parts alike"),
            explains=("D15", "D19"),
        )

    def _scale(self, mean: np.ndarray, deviation: np.ndarray, evidence: Evidence) -> Hit | None:
        if not len(mean):
            return None
        far = (np.abs(mean) > self.mean) | (deviation > self.large)
        severity = by_harm(evidence)
        if far.any():
            worst = int(np.argmax(np.maximum(np.abs(mean) / self.mean, deviation / self.large)))
            return Hit(
                sentence(
                    "{far} of {all} numbers that the first layer is given are not scaled: one has mean {mean:.3g} and"
                    " deviation {deviation:.3g} (healthy: 0 and 1)",
                    far=int(far.sum()),
                    all=len(mean),
                    mean=mean[worst],
                    deviation=deviation[worst],
                ),
                float(max(abs(mean[worst]), deviation[worst])),
                severity,
            )
        if deviation.max() < self.small:
            return Hit(
                sentence(
                    "the numbers that the first layer is given hardly vary: their largest deviation is {deviation:.3g}"
                    " (healthy: 1)",
                    deviation=deviation.max(),
                ),
                float(deviation.max()),
                severity,
            )
        return None

    def _columns(self, evidence: Evidence) -> Hit | None:
        facts, parts = evidence.facts, []
        for columns, what in (
            (facts.constant, sentence("all alike")),
            (facts.doubled, sentence("equal to another")),
            (facts.counting, sentence("counting the rows")),
        ):
            if columns:
                names = list(dict.fromkeys(map(evidence.column, columns)))
                shown = ", ".join(names[:5]) + ", …" * (len(names) > 5)
                values = {"count": len(columns), "what": what, "shown": shown}
                one = sentence("{count} column {what} ({shown})", **values)
                many = sentence("{count} columns {what} ({shown})", **values)
                parts.append(one if len(columns) == 1 else many)
        if not parts:
            return None
        told = parts[0]
        for part in parts[1:]:
            told = Sentence("{a}; {b}", {"a": told, "b": part})
        count, useless = float(len(facts.constant)), ("columns that tell nothing",)
        return Hit(told, count, "note", causes=useless, remedies=("leave the column out",))


UNEVEN = 5.0  # times as many samples of one class as of another, above which one is rare


@dataclass(frozen=True, kw_only=True)
class Labels(
    Rule,
    id="D03",
    name="labels",
    about="how even the classes are and how often the rarest is found; classes missing in a part; equal samples of"
    " different labels; targets all alike; the share of their variance that a hundredth of them makes",
    healthy="classes alike, each in both parts",
    causes=(
        "few samples of a class",
        "a split by order",
        "labels given twice",
    ),
    remedies=("class weights",),
):
    """D03."""

    unevenness: float = UNEVEN
    recall: float = 0.7
    contradicting: float = 0.01
    tail: float = 0.5

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        facts = evidence.facts
        if facts.same_target is not None:
            return Hit(
                sentence(
                    "all {samples} targets are {target}: there is nothing to learn",
                    samples=facts.samples,
                    target=evidence.class_(int(facts.same_target))
                    if len(facts.counts)
                    else f"{facts.same_target:g}",
                ),
                1.0,
                "error",
                causes=("the wrong target or key",),
                remedies=("look at some samples with their labels",),
                explains=("D05", "D12", "D15", "D17", "D18"),
            )
        if (hit := self._tail(evidence)) is not None:
            return hit
        if facts.missing:
            shown = ", ".join(map(evidence.class_, facts.missing[:5]))
            shown += ", …" * (len(facts.missing) > 5)
            return Hit(
                sentence("classes without samples in a part: {shown}", shown=shown),
                float(len(facts.missing)),
                causes=("a split by order",),
                remedies=("split each class alike",),
                explains=("D15", "D19"),
            )
        share = facts.contradictions / max(facts.samples, 1)
        if share > self.contradicting:
            return Hit(
                sentence(
                    "{count} samples have an equal one of another label", count=facts.contradictions
                ),
                share,
                "warning",
                causes=("labels given twice",),
                remedies=("look at some samples with their labels",),
            )
        return self._rare(evidence) or self._alike(evidence)

    def _alike(self, evidence: Evidence) -> Hit | None:
        """Two classes of the same samples."""
        reading = evidence.last
        margin, labels = reading.held_out.get("margin"), evidence.held_out_labels
        if margin is None or labels is None:
            margin, labels = reading.values.get("margin"), evidence.labels
        if (
            margin is None
            or labels.ndim != 1
            or not evidence.is_over
            or len(evidence.facts.counts) < 3
        ):
            return None
        recalls = {int(k): float((margin[labels == k] > 0).mean()) for k in np.unique(labels)}
        missed = [
            pair
            for pair in combinations(recalls, 2)
            if sum(recalls[k] for k in pair) < 2 * self.recall
        ]
        pair = evidence.facts.alike_classes(missed) if missed else None
        if pair is None:
            return None
        said = sentence(
            "classes {first} and {second} are not told apart: {share:.0%} of their samples are found",
            first=evidence.class_(pair[0]),
            second=evidence.class_(pair[1]),
            share=(recalls[pair[0]] + recalls[pair[1]]) / 2,
        )
        causes, remedies = ("one class under two names",), ("make one class of them",)
        return Hit(said, 2.0, causes=causes, remedies=remedies, explains=("D15", "D18", "D19"))

    def _tail(self, evidence: Evidence) -> Hit | None:
        """Targets of which a few make the loss."""
        tail = evidence.facts.tail
        if tail is None or tail.share <= self.tail:
            return None
        if not isinstance(evidence.problem.loss, SquaredError):
            return None
        return Hit(
            sentence(
                "{count} of {samples} targets make {share:.0%} of the variance of all, the farthest is {farthest:.4g}",
                count=tail.count,
                samples=evidence.facts.samples,
                share=tail.share,
                farthest=tail.farthest,
            ),
            tail.share,
            by_harm(evidence, harmful="warning"),
            causes=("targets on a scale of products, such as prices", "a slip in a target"),
            remedies=("learn the logarithm of the target", "the Huber loss"),
            explains=("D05", "D13", "D14", "D15", "D18", "D19"),
        )

    def _rare(self, evidence: Evidence) -> Hit | None:
        counts = evidence.facts.counts
        if len(counts) < 2 or counts.min() == 0 or counts.max() <= self.unevenness * counts.min():
            return None
        held_out = evidence.last.held_out
        margin, labels = held_out.get("margin"), evidence.held_out_labels
        rarest = int(counts.argmin())
        if margin is None or labels is None or (labels == rarest).sum() < 2:
            margin, labels = evidence.last.values.get("margin"), evidence.labels
        few = (labels == rarest).sum() < 5
        if margin is None or labels.ndim != 1 or evidence.last.step < evidence.total // 2:
            return None
        recalls = [float((margin[labels == k] > 0).mean()) for k in np.unique(labels)]
        own = float((margin[labels == rarest] > 0).mean()) if (labels == rarest).any() else 0.0
        if own >= (0.5 if few else 1.0) * self.recall * float(np.mean(recalls)):
            return None
        return Hit(
            sentence(
                "class {rarest} has {least} samples, the most frequent {most}; of the rare one {own:.0%} are found, of"
                " a class on average {mean:.0%}",
                rarest=evidence.class_(rarest),
                least=int(counts.min()),
                most=int(counts.max()),
                own=own,
                mean=float(np.mean(recalls)),
            ),
            float(counts.max() / counts.min()),
            causes=("few samples of a class",),
        )


@dataclass(frozen=True, kw_only=True)
class Leakage(
    Rule,
    id="D04",
    name="leakage",
    about="share of the samples to validate on that are trained on too; columns that tell the target alone",
    healthy="none",
    causes=(
        "doubles on both sides of the split",
        "a column made of the target",
    ),
    remedies=(
        "split by groups, or remove doubles before the split",
        "leave the column out",
    ),
):
    """D04."""

    shared: float = 0.01

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        facts = evidence.facts
        if facts.leaked > self.shared:
            return Hit(
                sentence(
                    "{share:.0%} of the samples to validate on are trained on too: the figures of validation are too"
                    " good",
                    share=facts.leaked,
                ),
                facts.leaked,
                "error",
                causes=("doubles on both sides of the split",),
                remedies=("split by groups, or remove doubles before the split",),
            )
        if facts.telling:
            column, score = facts.telling[0]
            said = sentence(
                "column {column} alone gives the target away ({score:.3f})",
                column=evidence.column(column),
                score=score,
            )
            causes, remedies = ("a column made of the target",), ("leave the column out",)
            return Hit(said, score, "error", causes=causes, remedies=remedies)
        return None
