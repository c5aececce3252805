"""Rules on the size of the steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sloy.diagnosis.evidence import FIRST_STEPS, Evidence
from sloy.diagnosis.rules.base import Hit, Rule, by_harm, times
from sloy.language import sentence


@dataclass(frozen=True, kw_only=True)
class StepTooLarge(
    Rule,
    id="D08",
    name="step too large",
    about="by how much of its size a step moves a matrix of weights, the median of all; and steps that a momentum above"
    " 0.94 adds up",
    healthy="first 0.3 to 6 %, later below 0.7 %",
    causes=("learning rate too high",),
    remedies=("lower rate",),
    after=("D06", "D20"),
):
    """D08."""

    first: float = 0.2
    later: float = 0.03

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        if (hit := self._adding_up(evidence)) is not None:
            return hit
        begun = [reading.moved for reading in evidence.begun]
        first, half = max(begun), self._half(evidence)
        if not first <= self.first:
            step = evidence.begun[begun.index(first)].step
            said = sentence(
                "step {step} moves the weights by {share:.0%} of their size (healthy: 0.3 to 6 %)",
                step=step + 1,
                share=first,
            )
            if not first < 10:
                said = sentence(
                    "step {step} moves the weights by {times} their size (healthy: 0.3 to 6 %)",
                    step=step + 1,
                    times=times(first),
                )
            return Hit(said, float(first), by_harm(evidence))
        if half > self.later:
            said = sentence(
                "steps still move the weights by {share:.1%} of their size (healthy: below 0.7 %)",
                share=half,
            )
            if not half < 10:
                said = sentence(
                    "steps still move the weights by {times} their size (healthy: below 0.7 %)",
                    times=times(half),
                )
            return Hit(said, half, by_harm(evidence), evidence.later[0].step)
        return None

    def _adding_up(self, evidence: Evidence) -> Hit | None:
        """Steps that are small, but add up by a high momentum."""
        momentum = getattr(evidence.recipe.descent, "momentum", 0.0)
        times_ = min(1 / (1 - momentum), evidence.total)
        share = evidence.first.moved * times_
        if times_ <= FIRST_STEPS or not self.first < share < np.inf:
            return None
        said = sentence(
            "with a momentum of {momentum:g} steps add up to {share:.0%} of the size of the weights (healthy: 0.3 to 6"
            " %)",
            momentum=momentum,
            share=share,
        )
        causes, remedies = ("momentum too high",), ("lower momentum", "lower rate")
        return Hit(said, share, by_harm(evidence), causes=causes, remedies=remedies)

    @staticmethod
    def _half(evidence: Evidence) -> float:
        later = [reading.moved for reading in evidence.later if np.isfinite(reading.moved)]
        return float(np.median(later)) if later else 0.0


@dataclass(frozen=True, kw_only=True)
class StepTooSmall(
    Rule,
    id="D12",
    name="step too small",
    about="by how much of its size a step moves a matrix of weights, the median of all; which are trained, where the"
    " rate has fallen",
    healthy="first 0.3 to 6 %",
    causes=("learning rate too low",),
    remedies=("higher rate",),
    after=("D02", "D06", "D09", "D10", "D11"),
):
    """D12."""

    first: float = 3e-4
    later: float = 1e-4

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        if (hit := self._untrained(evidence) or self._fallen(evidence)) is not None:
            return hit
        later = [reading.moved for reading in evidence.later if np.isfinite(reading.moved)]
        first = evidence.first.moved
        # A schedule that begins low rises later: the first step counts where later ones are not larger.
        half = float(np.median(later)) if later else first
        if not (
            evidence.unsolved
            and first < self.first
            and half < max(self.later, self.first * (not later))
        ):
            return None
        said = sentence(
            "a step moves the weights by {share:.2g} of their size (healthy: 0.003 to 0.06)",
            share=max(first, half),
        )
        if self._is_clipped(evidence):
            causes, remedies = (
                ("a gradient that is clipped too low",),
                ("no clipping", "higher rate"),
            )
            return Hit(said, max(first, half), causes=causes, remedies=remedies)
        return Hit(said, max(first, half))

    @staticmethod
    def _is_clipped(evidence: Evidence) -> bool:
        most, norms = evidence.recipe.descent.clip_norm, evidence.first.of("gradient_norm")
        return most is not None and sum(float(n) ** 2 for n in norms.values()) > (10 * most) ** 2

    @staticmethod
    def _untrained(evidence: Evidence) -> Hit | None:
        """A run that trains no matrix of weights."""
        trained = evidence.first.of("norm")
        if evidence.first.trains_weights or not trained or not evidence.unsolved:
            return None
        shown = ", ".join(list(trained)[:3]) + ", …" * (len(trained) > 3)
        said = sentence("only {names} are trained: the weights of all layers stay", names=shown)
        causes, remedies = (
            ("`trainable` leaves the weights out",),
            ("train the last layer at least",),
        )
        return Hit(said, 0.0, causes=causes, remedies=remedies)

    def _fallen(self, evidence: Evidence) -> Hit | None:
        """A rate that falls while there is much to learn."""
        later = evidence.later
        if not later or not evidence.unsolved or not evidence.is_over:
            return None
        rates = evidence.recipe.descent.schedule.rates(0, evidence.total, evidence.total)
        step = min(max(later[0].step, evidence.total // 2), evidence.total - 1)
        half = float(np.median([reading.moved for reading in later]))
        if not (half < self.later and rates[step] < 0.01 * rates.max()):
            return None
        said = sentence(
            "by step {step} the learning rate has fallen from {most:.2g} to {rate:.2g}; a step moves the weights by"
            " {share:.2g} of their size",
            step=step,
            most=float(rates.max()),
            rate=float(rates[step]),
            share=half,
        )
        causes, remedies = ("the learning rate falls too early",), ("a schedule that falls later",)
        return Hit(said, half, "warning", step, causes=causes, remedies=remedies)
