"""The rule on regularisation: penalties, weight decay, dropout, batch normalisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sloy.diagnosis.evidence import Evidence
from sloy.diagnosis.rules.base import Hit, Rule, by_harm, times
from sloy.language import sentence
from sloy.layers import BatchNorm, Dropout
from sloy.optimizers import AdamW


@dataclass(frozen=True, kw_only=True)
class TooRegular(
    Rule,
    id="D20",
    name="regularisation too strong",
    about="norm of the penalties' gradient, or of the weight decay, over that of the rest; loss of the network in use"
    " over that in training; share of a layer that is dropped",
    healthy="below 2; below 1.5",
    causes=(
        "penalties or weight decay too strong",
        "running statistics that lag",
    ),
    remedies=("less regularisation",),
):
    """D20."""

    ratio: float = 2.0
    switch: float = 1.5
    dropped: float = 0.8

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        if evidence.solved or evidence.base is None or not evidence.is_over:
            return None
        if (hit := self._decay(evidence) or self._dropout(evidence)) is not None:
            return hit
        strong = [reading for reading in evidence.readings if reading.penalty_ratio > self.ratio]
        if len(strong) >= 5:
            ratio = float(np.median([reading.penalty_ratio for reading in strong]))
            said = sentence(
                "the gradient of the penalties is {times} that of the rest of the loss",
                times=times(ratio),
            )
            return Hit(said, ratio, by_harm(evidence, harmful="warning"), strong[0].step)
        last = evidence.last
        trained = float(last.values["training_loss"])
        if (
            evidence.unsolved
            and last.step > 50
            and last.loss > self.switch * trained
            and last.loss - trained > 0.1 * evidence.base
        ):
            said = sentence(
                "in use the network has a loss of {used:.3g}, in training {trained:.3g} of the same",
                used=last.loss,
                trained=trained,
            )
            normed = any(isinstance(layer, BatchNorm) for layer in evidence.layers)
            return Hit(
                said,
                last.loss / max(trained, 1e-30),
                causes=("running statistics that lag", "batches too small for batch normalisation")
                if normed
                else (),
                remedies=("larger batches", "layer normalisation") if normed else (),
            )
        return None

    def _decay(self, evidence: Evidence) -> Hit | None:
        """A weight decay that outweighs the gradient at the first step."""
        descent, first = evidence.recipe.descent, evidence.first
        norms = {kind: _norm(first.of(kind)) for kind in ("norm", "gradient_norm", "update_norm")}
        decay = descent.weight_decay * norms["norm"]
        rest = norms["gradient_norm"]
        if isinstance(descent, AdamW):  # which takes it from the weights themselves
            rates = descent.schedule.rates(0, evidence.total, evidence.total)
            decay *= float(rates[min(first.step, len(rates) - 1)])
            rest = max(norms["update_norm"] ** 2 - decay**2, 0.0) ** 0.5
        if not decay > self.ratio * rest:
            return None
        ratio = decay / max(rest, 1e-30)
        said = sentence(
            "the weight decay of {decay:g} is {times} what the gradient moves at the first step",
            decay=descent.weight_decay,
            times=times(ratio),
        )
        causes = ("weight decay too strong",)
        return Hit(said, ratio, by_harm(evidence, harmful="warning"), causes=causes)

    def _dropout(self, evidence: Evidence) -> Hit | None:
        """Dropout that leaves too little."""
        rates = [layer.rate for layer in evidence.layers if isinstance(layer, Dropout)]
        if not rates or max(rates) <= self.dropped or not evidence.unsolved:
            return None
        said = sentence("dropout leaves {share:.0%} of a layer's numbers", share=1 - max(rates))
        return Hit(said, max(rates), causes=("dropout too strong",))


def _norm(norms: dict[str, np.ndarray]) -> float:
    """Of all parameters, by those of each."""
    return float(np.sqrt(sum(float(norm) ** 2 for norm in norms.values())))
