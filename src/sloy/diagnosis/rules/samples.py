"""Rules on the samples: scale, labels, leakage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sloy.diagnosis.evidence import Evidence
from sloy.diagnosis.rules.base import Hit, Rule, by_harm
from sloy.language import Sentence, sentence


@dataclass(frozen=True, kw_only=True)
class InputScale(
    Rule,
    id="D02",
    name="input scale",
    about="mean and deviation of each number that the first layer with weights is given",
    healthy="mean near 0, deviation near 1",
    causes=("samples are not scaled",),
    remedies=("standardize",),
):
    """D02."""

    mean: float = 3.0
    small: float = 0.2
    large: float = 5.0

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        values = evidence.first.values
        if "mean/input" in values:
            mean = values["mean/input"].astype(np.float64)
            deviation = np.sqrt(
                np.maximum(values["mean_square/input"].astype(np.float64) - mean**2, 0)
            )
            varied = deviation > 1e-6 * np.maximum(np.abs(mean), 1e-30)
            if (hit := self._scale(mean[varied], deviation[varied], evidence)) is not None:
                return hit
        return self._columns(evidence)

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
                shown = ", ".join(map(str, columns[:5])) + ", …" * (len(columns) > 5)
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
    " different labels",
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

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        facts = evidence.facts
        if facts.missing:
            shown = ", ".join(map(str, facts.missing[:5]))
            said = sentence("classes without samples in a part: {shown}", shown=shown)
            return Hit(said, float(len(facts.missing)))
        share = facts.contradictions / max(facts.samples, 1)
        if share > self.contradicting:
            return Hit(
                sentence(
                    "{count} samples have an equal one of another label", count=facts.contradictions
                ),
                share,
                "warning",
            )
        return self._rare(evidence)

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
                rarest=rarest,
                least=int(counts.min()),
                most=int(counts.max()),
                own=own,
                mean=float(np.mean(recalls)),
            ),
            float(counts.max() / counts.min()),
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
            )
        if facts.telling:
            column, score = facts.telling[0]
            said = sentence(
                "column {column} alone gives the target away ({score:.3f})",
                column=str(column),
                score=score,
            )
            return Hit(said, score, "error")
        return None
