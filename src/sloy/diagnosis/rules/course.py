"""Rules on the course of a run: units, gradients, the way of the loss."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from sloy.diagnosis.evidence import FIRST_STEPS, Evidence
from sloy.diagnosis.rules.base import Hit, Rule, Severity, by_harm, times
from sloy.language import sentence
from sloy.training.probe import Reading

DEAD = 0.5  # share of a layer's units that give 0 for every sample
OFTEN = 3  # rises, of which one or two are accidents


def _worst(shares: dict[str, float]) -> tuple[str, float]:
    return max(shares.items(), key=lambda pair: pair[1], default=("", 0.0))


@dataclass(frozen=True, kw_only=True)
class Saturated(
    Rule,
    id="D09",
    name="saturated units",
    about="share of a layer's units whose slope is below 5 % of the layer's largest for 9 of 10 samples",
    healthy="0",
    causes=(
        "initial weights too large",
        "samples are not scaled",
        "learning rate too high",
    ),
    remedies=(
        "initial weights of the layer's own",
        "standardize",
        "lower rate",
    ),
    after=("D02", "D08"),
):
    """D09."""

    share: float = 0.5

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        found = evidence.since(lambda reading: _worst(reading.flat)[1] >= self.share)
        if found is None:
            return None
        at = next(r for r in evidence.readings if r.step == found[0])
        layer, share = _worst(at.flat)
        said = sentence(
            "{share:.0%} of the units of {layer} are flat for nearly all samples: they hardly learn",
            share=share,
            layer=layer,
        )
        severity: Severity = "note" if found[1] is not None else by_harm(evidence)
        return Hit(said, share, severity, *found, layer)


def _has_dead(limit: float, reading: Reading) -> bool:
    return _worst(reading.dead)[1] > limit


@dataclass(frozen=True, kw_only=True)
class Dead(
    Rule,
    id="D10",
    name="dead units",
    about="share of a layer's units that give 0 for every sample of the probe",
    healthy="at most 25 %",
    causes=("learning rate too high", "biases far below 0"),
    remedies=(
        "lower rate",
        "initial weights of the layer's own",
        "leaky",
    ),
    after=("D02", "D06", "D08", "D20"),
):
    """D10."""

    share: float = DEAD
    noted: float = 0.2

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        for limit in (self.share, self.noted):
            found = evidence.since(partial(_has_dead, limit))
            if found is None:
                continue
            at = next(r for r in evidence.readings if r.step == found[0])
            layer, share = _worst(at.dead)
            units = len(at.values[f"max/{layer}"])
            said = sentence(
                "{dead} of {units} units of {layer} give 0 for all {samples} samples of the probe",
                dead=round(share * units),
                units=units,
                layer=layer,
                samples=len(at.values["loss"]),
            )
            severity: Severity = by_harm(evidence) if limit == self.share else "note"
            return Hit(said, share, "note" if found[1] is not None else severity, *found, layer)
        return None


@dataclass(frozen=True, kw_only=True)
class Vanishing(
    Rule,
    id="D11",
    name="vanishing gradient",
    about="root mean square of the last matrix's gradient over that of the first; of what the first bent layer gives"
    " over what the last gives",
    healthy="below 60; 165 with three layers of sigmoids",
    causes=(
        "many layers of sigmoids",
        "initial weights too large or small",
    ),
    remedies=("relu", "batch normalisation or residual layers"),
    after=("D06", "D09", "D10", "D05", "D20"),
):
    """D11."""

    ratio: float = 100.0
    signal: float = 1000.0

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        if (hit := self._signal(evidence)) is not None:
            return hit
        first = evidence.first.gradient_ratio
        later = [reading.gradient_ratio for reading in evidence.later]
        half = float(np.median(later)) if later else 0.0
        ratio = max(first, half)
        if not ratio > self.ratio:
            return None
        severity: Severity = "warning" if evidence.unsolved else "note"
        since = 0 if first > self.ratio else evidence.later[0].step
        said = sentence(
            "the gradient of the first layer is {times} smaller than that of the last",
            times=times(ratio),
        )
        causes = ("a layer without a slope, such as a step",) if not np.isfinite(first) else ()
        return Hit(said, ratio, severity, since, causes=causes)

    def _signal(self, evidence: Evidence) -> Hit | None:
        """What shrinks on its way through the layers."""
        first = evidence.first
        squares = [first.of("mean_square")[name] for name in first.of("flat")]
        sizes = [float(np.sqrt(square.mean(dtype=np.float64))) for square in squares]
        dead = (
            max(first.dead.values(), default=0.0) > DEAD
        )  # which lets nothing through, but not for its weights
        if len(sizes) < 2 or dead or not evidence.unsolved or not sizes[0] > 0:
            return None
        shrinks = sizes[0] / max(sizes[-1], 1e-30)
        if not shrinks > self.signal:
            return None
        said = sentence(
            "what the last layer is given is {times} smaller than what the first one gives",
            times=times(shrinks),
        )
        return Hit(
            said,
            shrinks,
            by_harm(evidence),
            causes=("initial weights too small",),
            remedies=(
                "initial weights of the layer's own",
                "batch normalisation or residual layers",
            ),
            explains=("D10", "D12", "D15", "D17", "D18"),
        )


@dataclass(frozen=True, kw_only=True)
class Exploding(
    Rule,
    id="D13",
    name="exploding gradient",
    about="largest norm of the gradient over its median so far; weights over those at the start",
    healthy="below 100; below 30",
    causes=("learning rate too high", "a few samples far out"),
    remedies=("clip the gradient", "lower rate"),
    after=("D02", "D05", "D08"),
):
    """D13."""

    gradient: float = 100.0
    weights: float = 30.0

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        severity: Severity = by_harm(evidence, harmful="warning")
        worst = self._gradient(evidence)
        if worst > self.gradient:
            said = sentence(
                "the norm of the gradient rose to {times} its median", times=times(worst)
            )
            return Hit(said, worst, severity)
        first, last = evidence.first.of("norm"), evidence.last.of("norm")
        for name, start in evidence.start.items():
            if start.ndim > 1 and name in first and first[name] > 0:
                grown = float(last[name] / first[name])
                if grown > self.weights:
                    return Hit(
                        sentence(
                            "{name} has grown to {times} its size", name=name, times=times(grown)
                        ),
                        grown,
                        severity,
                        layer=name,
                    )
        return None

    @staticmethod
    def _gradient(evidence: Evidence) -> float:
        seen: list[float] = []
        worst = 0.0
        for row in evidence.history:
            if len(seen) >= 3 and (median := float(np.median(seen[-50:]))) > 0:
                worst = max(worst, float(row["gradient_norm_max"]) / median)
            seen.append(float(row["gradient_norm"]))
        return worst


@dataclass(frozen=True, kw_only=True)
class Oscillating(
    Rule,
    id="D14",
    name="oscillating loss",
    about="share of the loss's changes, in the last two thirds of the readings, that are rises",
    healthy="below 30 %, of small changes",
    causes=("learning rate too high", "batches too small"),
    remedies=("lower rate", "a schedule that lets the rate fall"),
    after=("D02", "D08"),
):
    """D14."""

    rises: float = 0.3
    change: float = 0.1

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        losses = evidence.losses[len(evidence.losses) // 3 :]
        losses = losses[np.isfinite(losses)]
        if len(losses) < 6 or evidence.base is None or losses[-1] <= 0.1 * evidence.base:
            return None
        changes = np.diff(losses)
        size = np.abs(changes)
        share = float(np.maximum(changes, 0).sum() / max(size.sum(), 1e-30))
        relative = changes / np.maximum(losses[:-1], 1e-30)
        mean, often = float(np.abs(relative).mean()), int((relative > self.change).sum())
        if share <= self.rises or mean <= self.change or often < OFTEN:
            return None
        said = sentence("the loss goes up and down by {mean:.0%} between readings", mean=mean)
        return Hit(said, share, by_harm(evidence, harmful="warning"))


@dataclass(frozen=True, kw_only=True)
class Plateau(
    Rule,
    id="D17",
    name="plateau",
    about="by how much the loss falls in the last quarter of the readings",
    healthy="more than 1 %, or the run is solved",
    causes=("a fault above", "a network too small"),
    remedies=("higher rate", "more units or layers"),
    after=(
        *(
            "D01",
            "D02",
            "D06",
            "D07",
            "D08",
            "D09",
            "D10",
            "D11",
            "D12",
            "D13",
            "D14",
            "D15",
            "D16",
        ),
        *("D05", "D20"),
    ),
):
    """D17."""

    improved: float = 0.01

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        losses, steps = evidence.losses, [reading.step for reading in evidence.readings]
        if not evidence.is_over or not evidence.unsolved or evidence.last.step < 2 * FIRST_STEPS:
            return None
        quarter = [
            loss for loss, step in zip(losses, steps, strict=True) if step >= 0.75 * steps[-1]
        ]
        if len(quarter) < 3:
            return None
        fallen = float((quarter[0] - min(quarter)) / max(quarter[0], 1e-30))
        if fallen >= self.improved:
            return None
        return Hit(
            sentence(
                "in the last quarter the loss fell by {fallen:.1%}, and stands at {loss:.3g}",
                fallen=max(fallen, 0),
                loss=losses[-1],
            ),
            fallen,
        )
