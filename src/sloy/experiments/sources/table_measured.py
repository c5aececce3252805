"""How good a model of a table is: beside simpler answers, class by class, and what its columns are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy import inspection
from sloy.data import Dataset
from sloy.data.tables import TableReader
from sloy.experiments import baselines, classes
from sloy.experiments.sources.base import Loaded, Measured, Row, few
from sloy.metrics.figures import by_class as figures_by_class
from sloy.model import Model

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

MOST_IN_PICTURE = 30  # classes that the confusion matrix has room for
DRAWN = 4  # columns whose partial dependence is drawn


@dataclass(frozen=True, eq=False)
class Beside:
    """What is known of a model that was just trained.

    Attributes
    ----------
    loaded : Loaded
        What it was trained on.
    linear : Model
        Without hidden layers, trained on the same.
    mean : float
        Of the numbers to predict.
    sample : DataFrame or None
        Raw rows.
    """

    loaded: Loaded
    linear: Model
    mean: float
    sample: pl.DataFrame | None


def measured_on(
    model: Model, data: Dataset, beside: Beside | None = None, *, seed: int = 0
) -> Measured:
    """A model beside the simplest answer there is, and a linear model where that is known.

    Parameters
    ----------
    model : Model
        With the reader of a table.
    data : Dataset
        Prepared rows.
    beside : Beside, optional
    seed : int
        Of the shuffles that tell what columns are worth.
    """
    answers = _answers(model, data, beside)
    probabilities = answers["network"]
    given = classes.answers_of(model, probabilities) if data.has_labels else None
    found = {
        name: baselines.measured(answer, data, given if name == "network" else None)
        for name, answer in answers.items()
    }
    own = found.pop("network")
    figures: dict[str, Any] = {f"test_{name}": value for name, value in own.items()}
    figures |= {"test_samples": len(data), "baselines": found}
    uneven = classes.unevenness(data) if beside is None else beside.loaded.unevenness
    told = data.has_labels and classes.are_told(data, uneven)
    more = baselines.OF_CLASSES if told else ()
    rows: list[Row] = [("test", baselines.comparison({"network": own, **found}, *more))]
    if told:
        rows.append(("", classes.whose(data)))
    weighted = beside is not None and beside.loaded.class_weight is not None
    if said := baselines.verdict(own, found, weighted=weighted):
        rows.append(("", said))
    counts = np.empty((0, 0), np.int64)
    if given is not None:
        counts = inspection.confusion_counts(data.y, given, data.classes)
        by_class = figures_by_class(data.y, given, probabilities)
        figures["classes"] = classes.as_document(data, by_class)
        if told:
            rows.append(("classes", classes.listed(data, by_class)))
    worth = None
    if len(np.unique(data.y)) > 1:  # one answer to all rows is no measure of columns
        worth = inspection.importance(model, data, seed=seed)
        figures["importance"] = worth.document()
        rows.append(("importance", worth.listed()))
    target, predicted = _reader(model).target, probabilities[:, 0] if given is None else given
    sample = None if beside is None else beside.sample
    return Measured(
        figures,
        (*rows, *few(data)),
        lambda: {
            **answers_pictures(data.y, predicted, data.class_names, target),
            **({} if worth is None else _explained(model, worth, sample)),
        },
        probabilities,
        counts,
        np.empty(0, np.int64) if given is None else given,
    )


def _answers(model: Model, data: Dataset, beside: Beside | None) -> dict[str, np.ndarray]:
    """Probabilities, or numbers, by who gives them."""
    answers = {"network": model.prepared.predict_proba(data.x)}
    same, mean = data, 0.0 if data.has_labels else float(data.y.mean())
    if beside is not None:
        answers["linear model"] = beside.linear.predict_proba(data.x)
        same, mean = beside.loaded.train, beside.mean
    answers["always the same"] = baselines.simplest(same, mean, len(data))
    return answers


def _reader(model: Model) -> TableReader:
    assert isinstance(model.reader, TableReader)
    return model.reader


def _explained(
    model: Model, worth: inspection.Importance, sample: pl.DataFrame | None
) -> dict[str, Figure]:
    """What the columns are worth; and where raw rows are at hand, how the answers depend on the first of them."""
    figures = {"importance.png": inspection.importance_figure(worth)}
    if sample is not None and len(sample):
        first = worth.columns[:DRAWN]
        found = [inspection.partial_dependence(model, sample, name) for name in first]
        name = "" if model.class_names else _reader(model).target
        drawn = inspection.partial_dependence_figure(found, name=name)
        figures["partial-dependence.png"] = drawn
    return figures


def answers_pictures(
    true: np.ndarray, predicted: np.ndarray, names: Sequence[str], target: str
) -> Mapping[str, Figure]:
    """Answers beside what is true, (N,) each: labels of classes with names, or numbers."""
    if not names:
        return {"answers.png": inspection.answers_figure(true, predicted, target)}
    if len(names) > MOST_IN_PICTURE:
        return {}
    counts = inspection.confusion_counts(true, predicted, len(names))
    return {"confusion.png": inspection.confusion_figure(counts, names)}
