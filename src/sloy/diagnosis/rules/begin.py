"""Rules on the network before its first step: pairing, first loss, symmetry; and what was not finite."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np

from sloy import layers
from sloy.diagnosis.evidence import Evidence
from sloy.diagnosis.rules.base import Hit, Rule, Severity, by_harm
from sloy.language import sentence
from sloy.losses import AbsoluteError, Huber, SquaredError

BOUNDS = {
    "ReLU": (0.0, np.inf),
    "Tanh": (-1.0, 1.0),
    "Sigmoid": (0.0, 1.0),
    "Softplus": (0.0, np.inf),
}
CLASSES = ("classes are learned as numbers",)
NUMBERS = (SquaredError, AbsoluteError, Huber)


@dataclass(frozen=True, kw_only=True)
class NotFinite(
    Rule,
    id="D01",
    name="not finite",
    about="the first value that is NaN or infinite: layer, step",
    healthy="none",
    causes=(
        "learning rate too high",
        "samples are not scaled",
        "a loss of log 0",
    ),
    remedies=("lower rate", "standardize", "clip the gradient"),
    after=("D02", "D05", "D08"),
):
    """D01."""

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        error = evidence.not_finite
        if np.isnan(evidence.first.loss) and not evidence.first.step:
            count = len(evidence.first.values["loss"])
            return Hit(
                sentence(
                    "the loss of {bad} of {count} samples is NaN before the first step",
                    bad=int(np.isnan(evidence.first.values["loss"]).sum()),
                    count=count,
                ),
                float("nan"),
                "error",
                causes=(
                    "a loss that is not defined for what the network gives, such as the log of a number below 0",
                ),
                remedies=("another loss",),
                explains=(
                    "D05",
                    "D08",
                    "D09",
                    "D10",
                    "D11",
                    "D12",
                    "D13",
                    "D15",
                    "D17",
                    "D18",
                    "D20",
                ),
            )
        if error is not None:
            before = ", ".join(f"{loss:.3g}" for loss in evidence.losses[-10:] if np.isfinite(loss))
            told = sentence(
                "NaN or infinite, epoch {epoch}, step {step}; losses read before: {before}",
                epoch=error.epoch,
                step=error.step,
                before=before,
            )
            if error.name:
                told = sentence(
                    "NaN or infinite in {place}, epoch {epoch}, step {step}; losses read before: {before}",
                    place=f"{error.kind} {error.name}",
                    **told.values,
                )
            return Hit(
                told,
                float("nan"),
                "error",
                (error.epoch - 1) * evidence.steps + error.step,
                layer=error.name,
            )
        found = evidence.since(lambda reading: not np.isfinite(reading.loss))
        if found is None:
            return None
        return Hit(sentence("the loss of the probe is not finite"), float("nan"), "error", *found)


@dataclass(frozen=True, kw_only=True)
class FirstLoss(
    Rule,
    id="D05",
    name="first loss",
    about="the loss before the first step, the network in use; mean and deviation of targets that are numbers",
    healthy="about that of a constant answer",
    causes=("initial weights too large", "samples are not scaled"),
    remedies=("initial weights of the layer's own", "standardize"),
    after=("D02",),
):
    """D05."""

    nats: float = 2.0
    variances: float = 10.0
    targets: float = 100.0

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        if evidence.first.step or evidence.base is None:
            return None
        loss, logits = evidence.first.loss, evidence.problem.loss.logits
        if logits:
            shape = evidence.problem.network.output_shape
            most = log(max(shape[-1], 2) if logits == "softmax" else 2) + self.nats
        else:
            most = self.variances * evidence.base
            if (hit := self._of_targets(evidence, above=loss > most)) is not None:
                return hit
        if not loss > most:
            return None
        return Hit(
            sentence(
                "the loss begins at {loss:.3g}; a constant answer has {base:.3g}",
                loss=loss,
                base=evidence.base,
            ),
            loss,
            by_harm(evidence),
        )

    def _of_targets(self, evidence: Evidence, *, above: bool) -> Hit | None:
        """Targets of another size than what a network gives at its start."""
        if not isinstance(evidence.problem.loss, NUMBERS) or evidence.solved:
            return None
        if any(
            isinstance(layer, layers.Rescale) for layer in evidence.layers
        ):  # to the targets' units
            return None
        y = evidence.labels.astype(np.float64)
        mean, deviation = float(y.mean()), float(y.std())
        far = abs(mean) > 3 * deviation and evidence.first.loss < 3 * float((y**2).mean())
        small = max(abs(mean), deviation) < 1 / self.targets
        if not deviation or not (deviation > self.targets or (above and (far or small))):
            return None
        return Hit(
            sentence(
                "the targets have mean {mean:.3g} and deviation {deviation:.3g}; a network begins with answers near 0"
                " and of deviation 1",
                mean=mean,
                deviation=deviation,
            ),
            evidence.first.loss,
            by_harm(evidence),
            causes=("targets are not scaled",),
            remedies=("scale the targets to mean 0 and deviation 1",),
            explains=("D08", "D12", "D13", "D14", "D17"),
        )


@dataclass(frozen=True, kw_only=True)
class Symmetry(
    Rule,
    id="D06",
    name="symmetry",
    about="share of a layer's units with equal weights before the first step",
    healthy="0",
    causes=("initial weights that are all alike",),
    remedies=("initial weights of the layer's own",),
):
    """D06."""

    equal: float = 0.2

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        named = ((n, w) for n, w in evidence.start.items() if n.endswith("weight"))
        matrices = [(name, w) for name, w in named if w.ndim > 1 and w.shape[-1] > 1]
        for name, weights in matrices[:-1]:
            units = weights.reshape(-1, weights.shape[-1]).T
            different = len({unit.tobytes() for unit in np.ascontiguousarray(units)})
            share = 1 - different / len(units) if different > 1 else 1.0
            if share > self.equal:
                return Hit(
                    sentence(
                        "{share:.0%} of the units of {layer} begin with the weights of another one: they learn the"
                        " same",
                        share=share,
                        layer=name.rpartition("/")[0],
                    ),
                    share,
                    by_harm(evidence),
                    layer=name.rpartition("/")[0],
                )
        return None


@dataclass(frozen=True, kw_only=True)
class Pairing(
    Rule,
    id="D07",
    name="pairing of layers",
    about="what the last layer is beside what the loss expects; squared error on classes, or on what may be"
    " their numbers; one output of softmax; dropout at the end; a loss that no parameter changes; a bias before batch"
    " normalisation",
    healthy="a linear last layer",
    causes=("a habit of other libraries, whose losses take probabilities",),
    remedies=("remove the last activation", "another loss"),
):
    """D07."""

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        harm = by_harm(evidence)
        network, loss = evidence.problem.network, evidence.problem.loss
        last = network.layers[-1]
        kind, name = type(last).__name__, network.layer_names[-1]
        if isinstance(last, layers.Dropout):
            said = sentence("dropout is the last layer: it drops answers")
            return Hit(said, 1.0, harm, layer=name, remedies=("remove the last activation",))
        if self._is_deaf(evidence):
            return Hit(
                sentence(
                    "no parameter has a gradient: the loss is the same, whatever the network gives"
                ),
                0.0,
                "error",
                causes=("a loss that does not use the answers", "a last layer without a slope"),
                remedies=("another loss", "remove the last activation"),
                explains=("D09", "D10", "D11", "D12", "D15", "D17", "D18"),
            )
        if loss.logits and kind in BOUNDS:
            return Hit(
                sentence(
                    "{layer} is behind the last layer, but {loss} takes numbers of both signs and any size",
                    layer=name,
                    loss=type(loss).__name__,
                ),
                1.0,
                "warning" if harm == "note" else harm,
                layer=name,
            )
        if loss.logits == "softmax" and network.output_shape[-1:] == (1,):
            said = sentence("softmax of one output is always 1")
            return Hit(said, 1.0, "error", layer=name)
        if isinstance(loss, NUMBERS):
            if (hit := self._unreachable(evidence, kind, name)) is not None:
                return hit
            if self._of_classes(evidence):
                mild = by_harm(evidence, harmful="warning")
                said = sentence("{loss} learns what are classes", loss=type(loss).__name__)
                return Hit(said, 1.0, mild, causes=CLASSES, remedies=("another loss",))
            if (hit := self._numbered(evidence)) is not None:
                return hit
        return self._bias(evidence)

    @staticmethod
    def _is_deaf(evidence: Evidence) -> bool:
        """Whether no parameter has a gradient at the first two looks, though there is a loss."""
        looks = evidence.readings[:2]
        norms = [float(n) for look in looks for n in look.of("gradient_norm").values()]
        return bool(norms) and not any(norms) and evidence.first.loss > 0

    @staticmethod
    def _numbered(evidence: Evidence) -> Hit | None:
        """Classes that are given as numbers."""
        y = evidence.labels
        kinds = np.unique(y)
        few = 3 <= len(kinds) <= 20 and len(y) >= 10 * len(kinds)
        if (
            y.size != len(y)
            or not few
            or not np.array_equal(kinds, kinds[0] + np.arange(len(kinds)))
        ):
            return None
        said = sentence(
            "the targets are {count} whole numbers, {low:g} to {high:g}: classes are to be given as integers",
            count=len(kinds),
            low=kinds[0],
            high=kinds[-1],
        )
        return Hit(said, len(kinds), "note", causes=CLASSES, remedies=("another loss",))

    @staticmethod
    def _of_classes(evidence: Evidence) -> bool:
        y = evidence.labels
        return (
            y.ndim == 2
            and y.shape[1] > 1
            and bool(((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all())
        )

    @staticmethod
    def _unreachable(evidence: Evidence, kind: str, name: str) -> Hit | None:
        if kind not in BOUNDS:
            return None
        low, high = BOUNDS[kind]
        share = float(((evidence.labels < low) | (evidence.labels > high)).mean())
        if not share:
            return None
        severity: Severity = "error" if share > 0.05 else "warning"
        return Hit(
            sentence(
                "{share:.0%} of the targets are outside what {layer} can give, {low:g} to {high:g}",
                share=share,
                layer=name,
                low=low,
                high=high,
            ),
            share,
            severity,
            layer=name,
        )

    @staticmethod
    def _bias(evidence: Evidence) -> Hit | None:
        network = evidence.problem.network
        pairs = zip(network.layers, network.layers[1:], network.layer_names, strict=False)
        for _, following, name in pairs:
            if isinstance(following, layers.BatchNorm) and f"{name}/bias" in network.parameters:
                said = sentence(
                    "the bias of {layer} is taken away again by the batch normalisation behind it",
                    layer=name,
                )
                causes, remedies = ("it has a shift of its own",), ("leave the bias out",)
                return Hit(said, 1.0, "note", layer=name, causes=causes, remedies=remedies)
        return None
