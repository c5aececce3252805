"""Rules on what came of a run: signal, noise, fit."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, log2

import numpy as np

from sloy.diagnosis.evidence import Evidence, error_of_share
from sloy.diagnosis.rules.base import Hit, Rule, Severity, by_harm
from sloy.language import sentence
from sloy.layers import Dense
from sloy.text import fixed
from sloy.training.probe import Reading


@dataclass(frozen=True, kw_only=True)
class NoSignal(
    Rule,
    id="D15",
    name="no signal",
    about="the best validation so far beside a constant answer, in standard errors; 2 do where training is better",
    healthy="better by far more than 3",
    causes=(
        "labels that do not belong to the samples",
        "the wrong target or key",
        "features that tell nothing",
    ),
    remedies=("look at some samples with their labels",),
    after=(
        "D01",
        "D02",
        "D05",
        "D06",
        "D07",
        "D08",
        "D09",
        "D10",
        "D11",
        "D12",
        "D20",
    ),
):
    """D15."""

    errors: float = 3.0
    hint: float = 2.0
    unsure: float = 1.0  # where classes are weighed by samples that are too few to be surer
    fewest: int = 10  # of the rarest class, so that they are not

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        base = evidence.facts.base_held_out
        if base is None or not evidence.is_over or len(base) < 30:
            return None
        gain = max(self._gain(reading.held_out["loss"], base) for reading in evidence.readings)
        accuracies = [
            r.held_out_accuracy for r in evidence.readings if r.held_out_accuracy is not None
        ]
        share = evidence.most_frequent
        best = max(accuracies, default=0.0)
        if accuracies:
            gain = max(gain, (best - share) / error_of_share(share, len(base)))
        balanced = []
        own = evidence.facts.base_losses
        trained = -np.inf if own is None else self._gain(evidence.last.values["loss"], own)
        if evidence.weighs_classes:  # accuracy is given up for it
            balanced = [evidence.balanced(r, held_out=True) for r in evidence.readings]
            gain = max(gain, *map(_above, balanced))
            trained = max(trained, _above(evidence.balanced(evidence.last, held_out=False)))
        learned = trained >= self.errors
        # What is learned by heart shows in training alone; a little signal shows in both.
        limit = self.hint if learned else self.errors
        if evidence.weighs_classes and 0 < evidence.rarest_held_out < self.fewest:
            limit = self.unsure
        # All samples to validate on, which the probe may have missed at their best.
        shown = max((row.get("val_accuracy", 0.0) for row in evidence.history), default=0.0)
        sure = (shown - share) / error_of_share(share, max(evidence.facts.held_out, 1))
        if gain >= limit or (sure >= self.errors and not evidence.weighs_classes):
            return None
        said = sentence(
            "on the samples to validate on, the network was never surely better than a constant answer"
        )
        known = [found for found in balanced if found is not None]
        if evidence.weighs_classes and known:
            said = sentence(
                "the balanced accuracy of {count} samples to validate on was at most {best:.1%}; always the same answer"
                " has {share:.1%}",
                count=len(base),
                best=max(found[0] for found in known),
                share=known[0][2],
            )
        elif accuracies:
            best = shown or best
            said = sentence(
                "the validation accuracy was at most {best:.1%}; always the same answer has {share:.1%}",
                best=best,
                share=share,
            )
        # A network that learns samples by heart has units enough.
        return Hit(said, gain, "error", explains=("D10",) if learned else ())

    @staticmethod
    def _gain(losses: np.ndarray, base: np.ndarray) -> float:
        """Of a constant answer over the network, in standard errors of its mean."""
        gain = base - losses.astype(np.float64)
        return float(gain.mean() / max(gain.std() / len(gain) ** 0.5, 1e-12))


def _above(balanced: tuple[float, float, float] | None) -> float:
    """By how many errors a balanced accuracy is above that of always the same answer."""
    if balanced is None:
        return -np.inf
    found, error, share = balanced
    return (found - share) / error


@dataclass(frozen=True, kw_only=True)
class LabelNoise(
    Rule,
    id="D16",
    name="label noise",
    about="by how much the validation is, at some reading, better than the training, nothing being dropped or"
    " augmented",
    healthy="not at all",
    causes=("wrong labels among the samples to train on",),
    remedies=("look at the samples of the largest loss",),
):
    """D16."""

    gap: float = 0.05
    errors: float = 3.0

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        if evidence.drops or not evidence.is_over:
            return None
        # What is wrong is learned last, and by heart: it shows best before.
        found = max(map(self._beyond, evidence.readings[1:]), default=(-1.0, 0.0, 0.0, 0))
        if found[0] <= 0:
            return None
        _, held_out, trained, step = found
        said = sentence(
            "at step {step} the validation, {held_out:.1%}, was better than the training, {trained:.1%}: labels to"
            " train on may be wrong",
            step=step,
            held_out=held_out,
            trained=trained,
        )
        severity: Severity = "warning" if evidence.unsolved or step < evidence.last.step else "note"
        return Hit(said, held_out - trained, severity, step, explains=("D10",))

    def _beyond(self, reading: Reading) -> tuple[float, float, float, int]:
        """By how much the gap is above the limit, both accuracies, and the step."""
        trained, held_out = reading.accuracy, reading.held_out_accuracy
        if trained is None or held_out is None:
            return -1.0, 0.0, 0.0, 0
        n, m = len(reading.values["loss"]), len(reading.held_out["loss"])
        error = float(np.hypot(error_of_share(trained, n), error_of_share(held_out, m)))
        limit = max(self.gap, self.errors * error)
        return held_out - trained - limit, held_out, trained, reading.step


@dataclass(frozen=True, kw_only=True)
class Underfit(
    Rule,
    id="D18",
    name="underfit",
    about="the training score beside a linear model's on rows that it did not see, and a constant's; layers of fewer"
    " units than a class has binary digits",
    healthy="better",
    causes=(
        "too few epochs",
        "a network too small",
        "a layer narrower than the classes",
    ),
    remedies=("more epochs", "more units or layers", "higher rate"),
    after=(
        *("D01", "D02", "D05", "D06", "D07", "D08", "D09", "D10", "D11", "D12", "D13", "D14"),
        *("D15", "D16", "D20"),
    ),
):
    """D18."""

    errors: float = 2.0

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        base = evidence.base
        if not evidence.is_over or not base or evidence.solved:
            return None
        if (narrow := self._narrow(evidence)) is not None:
            return narrow
        linear = evidence.facts.linear
        accuracy, n = evidence.last.accuracy, len(evidence.last.values["loss"])
        balanced = evidence.balanced(evidence.last, held_out=False)
        if evidence.weighs_classes and balanced is not None:
            found, error, share = balanced
            if found > share + self.errors * error:
                return None
            said = sentence(
                "balanced training accuracy {accuracy:.1%}, that of always the same answer is {share:.1%}",
                accuracy=found,
                share=share,
            )
            return Hit(said, share - found)
        if accuracy is not None:
            constant = evidence.most_frequent
            if (
                linear is not None
                and accuracy < linear - self.errors * error_of_share(linear, n) - 0.02
            ):
                said = sentence(
                    "training accuracy {accuracy:.1%}; a linear model has {linear:.1%} on rows it did not see",
                    accuracy=accuracy,
                    linear=linear,
                )
                strong = ("augmentation too strong",) if evidence.recipe.augment is not None else ()
                return Hit(
                    said, linear - accuracy, causes=(*strong, *self.causes) if strong else ()
                )
            if accuracy <= constant and evidence.last.loss > 0.95 * base:
                said = sentence(
                    "training accuracy {accuracy:.1%}, that of always the same answer",
                    accuracy=accuracy,
                )
                return Hit(said, constant - accuracy)
            return None
        score = 1 - evidence.last.loss / base
        if linear is not None and score < linear - 0.1:
            return Hit(
                sentence(
                    "training R² {score}; a linear model has {linear} on others",
                    score=fixed(score, 2),
                    linear=fixed(linear, 2),
                ),
                linear - score,
            )
        return None

    @staticmethod
    def _narrow(evidence: Evidence) -> Hit | None:
        """A layer that lets little pass: where its units are dead, nothing does."""
        network = evidence.problem.network
        pairs = zip(network.layers[:-1], network.layer_names, strict=False)
        widths = [(layer.units, name) for layer, name in pairs if isinstance(layer, Dense)]
        if not widths or not evidence.of_classes:
            return None
        (units, name), classes = min(widths), network.output_shape[-1]
        if units >= log2(max(classes, 2)):
            return None
        said = sentence(
            "{layer} is {units} wide, too narrow to tell {classes} classes apart easily",
            layer=name,
            units=units,
            classes=classes,
        )
        explained = ("D10", "D11", "D12", "D15", "D17")
        return Hit(said, units, by_harm(evidence), layer=name, explains=explained)


@dataclass(frozen=True, kw_only=True)
class Overfit(
    Rule,
    id="D19",
    name="overfit",
    about="training beside validation: accuracy and loss; validation loss beside its best",
    healthy="a gap below 10 points, or losses alike",
    causes=(
        "few samples",
        "a network too large",
        "too many epochs",
        "samples to validate on of another kind",
    ),
    remedies=(
        "stop earlier",
        "weight decay",
        "dropout",
        "augmentation",
        "more samples",
    ),
    after=("D08", "D15"),
):
    """D19."""

    gap: float = 0.1
    nats: float = 0.25
    rise: float = 1.15

    def find(self, evidence: Evidence) -> Hit | None:
        """See `Rule.find`."""
        last = evidence.last
        if last.held_out_loss is None or evidence.base is None or not evidence.is_over:
            return None
        return self._memorised(evidence) or self._stop_earlier(evidence)

    def _memorised(self, evidence: Evidence) -> Hit | None:
        last, base = evidence.last, evidence.base or 1.0
        own, other = last.loss, last.held_out_loss or 0.0
        if last.accuracy is None or last.held_out_accuracy is None:
            losses = last.held_out["loss"].astype(np.float64)
            sure = other - own > 3 * losses.std() / len(losses) ** 0.5
            if sure and other > 2 * own and other - own > self.nats * base:
                said = sentence(
                    "training loss {own:.3g}, validation {other:.3g}: samples are learned by heart",
                    own=own,
                    other=other,
                )
                return Hit(said, other / max(own, 1e-30))
            return None
        shape = evidence.problem.network.output_shape
        classes = max(shape[-1] if shape else 2, 2)
        gap, errors = last.accuracy - last.held_out_accuracy, last.held_out["loss"]
        error = np.hypot(
            error_of_share(last.accuracy, len(last.values["loss"])),
            error_of_share(last.held_out_accuracy, len(last.held_out["loss"])),
        )
        if other - own <= max(self.nats * log(classes), 3 * errors.std() / len(errors) ** 0.5):
            return None
        severity: Severity = "warning" if gap > max(self.gap, 3 * error) else "note"
        said = sentence(
            "training accuracy {trained:.1%}, validation {held_out:.1%} (losses {own:.3g} and {other:.3g}): samples are"
            " learned by heart",
            trained=last.accuracy,
            held_out=last.held_out_accuracy,
            own=own,
            other=other,
        )
        return Hit(said, gap, severity)

    def _stop_earlier(self, evidence: Evidence) -> Hit | None:
        readings = evidence.readings
        held_out = [reading.held_out_loss or 0.0 for reading in readings]
        best = int(np.argmin(held_out))
        rise = readings[-1].held_out["loss"].astype(np.float64) - readings[best].held_out["loss"]
        error = rise.std() / len(rise) ** 0.5
        enough = rise.mean() > max(2 * error, 0.1 * (evidence.base or 0.0))
        if held_out[-1] <= self.rise * held_out[best] or not enough:
            return None
        if readings[-1].loss >= 0.7 * readings[best].loss:
            return None
        step = readings[best].step
        said = sentence(
            "the validation loss was least at step {step}: {least:.3g}, now {now:.3g}",
            step=step,
            least=held_out[best],
            now=held_out[-1],
        )
        return Hit(said, held_out[-1] / held_out[best], "note", step)
