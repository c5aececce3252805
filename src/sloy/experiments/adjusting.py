"""What is done to a trained model by samples it did not learn from: probabilities, threshold, intervals."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy import inspection, text
from sloy.data import Dataset
from sloy.experiments.classes import answers_of, figures_of, in_words, names_of
from sloy.experiments.experiment import Experiment
from sloy.experiments.sources import Loaded, Measured
from sloy.experiments.sources.base import Row
from sloy.losses import Intervals
from sloy.metrics.figures import calibration_error, reliability
from sloy.model import Model
from sloy.problem.inputs import split
from sloy.training.calibration import (
    RANGE,
    Calibration,
    calibrate,
    uncalibrated,
)
from sloy.training.held_out import HeldOut, held_out, held_out_by_members
from sloy.training.intervals import Widening, widen
from sloy.training.threshold import Threshold, choose_threshold, with_threshold

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEWEST = 10  # samples held out that a temperature is found on
TITLES = {"f1": "F1", "balanced": "balanced accuracy"}


@dataclass(frozen=True)
class Adjusted:
    """What was done to the model.

    Attributes
    ----------
    wanted : bool
        Whether probabilities were to be set right.
    calibration : Calibration, optional
    threshold : Threshold, optional
        One that was chosen; the model has also those that were given.
    widening : Widening, optional
    few : int, optional
        Samples that are held out, where they are too few to find a temperature on.
    """

    wanted: bool = False
    calibration: Calibration | None = None
    threshold: Threshold | None = None
    widening: Widening | None = None
    few: int | None = None

    def told(self, model: Model, data: Dataset, measured: Measured) -> Measured:
        """What was measured, and what came of it on the test data beside it."""
        figures: dict[str, Any] = dict(measured.figures)
        rows: list[Row] = list(measured.rows)
        pictures, model = measured.pictures, model.prepared
        if self.widening is not None:
            figures["intervals"] = {**figures["intervals"], **asdict(self.widening)}
            place = [title for title, _ in rows].index("intervals")
            rows.insert(place + 1, _widened(self.widening))
        if model.threshold is not None or self.calibration is not None:
            probabilities = model.predict_proba(data.x)  # (N, K)
        if (found := self.calibration) is not None:
            figures["calibration"], row = _calibration(found, probabilities, data)
            rows.append(row)
            pictures = lambda: {  # noqa: E731
                **measured.pictures(),
                "reliability.png": _picture(found, probabilities, data),
            }
        elif self.few is not None:
            said = f"none: {text.many(self.few, 'sample')} held out, at least {FEWEST} are needed to find it on"
            rows.append(("calibration", said))
        elif self.wanted:
            rows.append(("calibration", "none: there are no validation samples to find it on"))
        if model.threshold is not None:
            figures["threshold"], row = self._threshold(model, probabilities, data)
            rows.append(row)
        return replace(measured, figures=figures, rows=tuple(rows), pictures=pictures)

    def _threshold(
        self, model: Model, probabilities: np.ndarray, data: Dataset
    ) -> tuple[dict[str, Any], Row]:
        value, name = model.threshold, names_of(data)[1]
        said = f"{name} where its probability is above {value:.4g}"
        found: dict[str, Any] = {"value": value, "class": name}
        if (chosen := self.threshold) is not None:
            said += (
                f": {TITLES[chosen.rule]} {chosen.figure:.4f} on {text.count(chosen.samples)} validation samples,"
                f" {chosen.at_half:.4f} with ½"
            )
            found["validation"] = asdict(chosen)
        half = figures_of(data, probabilities.argmax(1), probabilities)
        names = ("balanced_accuracy", "precision", "recall", "f1")
        own = figures_of(data, answers_of(model, probabilities), probabilities)
        said += f"\nwith ½ the test gives {in_words({n: half[n] for n in names})}"
        found |= {"test": {n: own[n] for n in names}, "test_at_half": {n: half[n] for n in names}}
        return found, ("threshold", said)


def adjust(experiment: Experiment, loaded: Loaded, model: Model) -> tuple[Model, Adjusted]:
    """The model that is saved, and what was done to it; where nothing is asked for it is the given one."""
    wanted = experiment.calibrate == "on" and bool(model.loss.logits)
    chosen, seed = experiment.threshold, experiment.recipe.seed
    intervals = isinstance(model.loss, Intervals)
    held = None
    if wanted or intervals or isinstance(chosen, str):
        held = left_out(loaded, model, experiment.validation, seed)
    calibration = threshold = widening = few = None
    if intervals and held is not None:
        by = held if held.by_members else held.data
        model, widening = widen(model, by, not_negative=loaded.not_negative)
    if wanted and held is not None and len(held.data) < FEWEST:
        few = len(held.data)
    elif wanted and held is not None:
        model, calibration = calibrate(model, held)
        if calibration.kept:
            held = held.divided(calibration.of_member or calibration.temperature)
    if isinstance(chosen, str) and held is not None:
        model, threshold = choose_threshold(model, held, chosen)  # type: ignore[arg-type]
    elif chosen is not None:
        model = with_threshold(model, float(chosen))
    return model, Adjusted(wanted, calibration, threshold, widening, few)


def left_out(loaded: Loaded, model: Model, share: float, seed: int) -> HeldOut | None:
    """Answers to samples that who gives them did not learn from; None where there are none."""
    if loaded.learns_from_all:
        return None
    if loaded.validation is not None:
        return held_out(model, loaded.validation)
    if not share:
        return None
    if loaded.members:
        return held_out_by_members(model, loaded.learned or loaded.train, share, seed)
    taken = None if loaded.divided else split(loaded.train, share, seed)[1]
    return None if taken is None else held_out(model, taken)


def _calibration(
    found: Calibration, probabilities: np.ndarray, data: Dataset
) -> tuple[dict[str, Any], Row]:
    change = f"the log-loss of {text.many(found.samples, 'validation sample')}"
    temperature = f"temperature {found.temperature:.3g}"
    if found.of_member is not None:
        temperature += f", the square root of that of one member, {found.of_member:.3g}"
        change += ", each answered by the member that holds it out,"
    document: dict[str, Any] = {**asdict(found), "kept": found.kept}
    if found.kept:
        given = uncalibrated(probabilities, found.temperature)
        before, after = (calibration_error(data.y, p) for p in (given, probabilities))
        said = (
            f"{temperature}: {change} {found.before:.4f} → {found.after:.4f}"
            f" (± {found.error:.4f})\nexpected calibration error of the test {before:.4f} → {after:.4f}"
        )
    else:
        before = after = calibration_error(data.y, probabilities)
        gained = found.before - found.after
        said = (
            f"as it is: {_of(found)} would lower {change} by {gained:.4f} only"
            f" (± {found.error:.4f})\nexpected calibration error of the test {after:.4f}"
        )
    document["test_expected_calibration_error"] = {"before": before, "after": after}
    return document, ("calibration", said)


def _of(found: Calibration) -> str:
    """The temperature that the log-losses are of."""
    own = found.temperature if found.of_member is None else found.of_member
    whose = "" if found.of_member is None else " of one member"
    end = ", the end of what is searched," if not 1.01 * RANGE[0] < own < 0.99 * RANGE[1] else ""
    return f"temperature {own:.3g}{whose}{end}"


def _picture(found: Calibration, probabilities: np.ndarray, data: Dataset) -> Figure:
    before = None
    if found.kept:
        before = reliability(data.y, uncalibrated(probabilities, found.temperature))
    name = names_of(data)[1] if data.classes == 2 else ""
    return inspection.reliability_figure(
        reliability(data.y, probabilities), before=before, name=name
    )


def _widened(found: Widening) -> Row:
    side = "wider" if found.by >= 0 else "narrower"
    by = f"{side} by {text.number(abs(found.by))} on either side than learned"
    return "", f"{by}, by {text.count(found.samples)} validation samples"
