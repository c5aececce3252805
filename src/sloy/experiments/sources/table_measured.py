"""How good a model of a table is: beside simpler answers, class by class, and what its columns are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy import inspection, text
from sloy.data import Dataset
from sloy.data.tables.values import TEST
from sloy.errors import InvalidArgument
from sloy.experiments import baselines, classes
from sloy.experiments.sources.base import Loaded, Measured, Row, few
from sloy.language import say
from sloy.losses import Intervals
from sloy.metrics.figures import by_class as figures_by_class
from sloy.metrics.intervals import from_to, wilson
from sloy.model import Model

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

    from sloy.data.tables import RowsReader, Table
    from sloy.data.tables.sources import Source as TableSource

MOST_IN_PICTURE = 30  # classes that the confusion matrix has room for
DRAWN = 4  # columns whose partial dependence is drawn


def measured_on(
    model: Model,
    data: Dataset,
    linear: Model | None = None,
    loaded: Loaded | None = None,
    *,
    sample: pl.DataFrame | None = None,
    seed: int = 0,
) -> Measured:
    """A model beside the simplest answer there is, and a linear model where there is one.

    Parameters
    ----------
    model : Model
        With the reader of a table.
    data : Dataset
        Prepared rows.
    linear : Model, optional
        Without hidden layers, trained on the same.
    loaded : Loaded, optional
        What it was just trained on.
    sample : DataFrame, optional
        Raw rows.
    seed : int
        Of the shuffles that tell what columns are worth.
    """
    answers = _answers(model, data, linear)
    probabilities = answers["network"]
    given = classes.answers_of(model, probabilities) if data.has_labels else None
    found = {
        name: baselines.measured(
            answer, data, given if name == "network" else None, model.loss, _reader(model).targets
        )
        for name, answer in answers.items()
    }
    own = found.pop("network")
    figures: dict[str, Any] = {f"test_{name}": value for name, value in own.items()}
    figures |= {"test_samples": len(data), "baselines": found}
    uneven = classes.unevenness(data) if loaded is None else loaded.unevenness
    told = data.has_labels and classes.are_told(data, uneven)
    more = baselines.OF_CLASSES if told else ()
    rows: list[Row] = [(say("test"), baselines.comparison({"network": own, **found}, *more))]
    if told:
        rows.append(("", classes.whose(data)))
    weighted = loaded is not None and loaded.class_weight is not None
    if said := baselines.verdict(own, found, weighted=weighted, data=data):
        rows.append(("", said))
    rows += baselines.by_target({"network": own, **found})
    ends = np.empty((0, 2))
    if isinstance(model.loss, Intervals):
        ends = model.prepared.predict_interval(data.x)
        figures["intervals"], row = _intervals(model.loss.share, ends.astype(np.float64), data)
        rows.append(row)
    counts = np.empty((0, 0), np.int64)
    if given is not None:
        counts = inspection.confusion_counts(data.y, given, data.classes)
        by_class = figures_by_class(data.y, given, probabilities)
        figures["classes"] = classes.as_document(data, by_class)
        if told:
            rows.append((say("classes"), classes.listed(data, by_class)))
    worth = None
    if all(
        len(np.unique(y)) > 1 for y in data.y.reshape(len(data), -1).T
    ):  # one answer to all rows is no measure of columns
        worth = inspection.importance(model, data, seed=seed)
        figures["importance"] = worth.document()
        rows.append((say("importance"), worth.listed()))
    several = given is None and probabilities.shape[1] > 1
    predicted = given if given is not None else probabilities if several else probabilities[:, 0]
    return Measured(
        figures,
        (*rows, *few(data)),
        lambda: {
            **answers_pictures(data.y, predicted, data.class_names, _reader(model).targets),
            **({} if worth is None else _explained(model, worth, sample)),
        },
        probabilities,
        counts,
        np.empty(0, np.int64) if given is None else given,
        ends,
    )


def _answers(model: Model, data: Dataset, linear: Model | None) -> dict[str, np.ndarray]:
    """Probabilities, or numbers, by who gives them; the same to all by the training rows, where known."""
    answers = {"network": model.prepared.predict_proba(data.x)}
    if linear is not None:
        answers["linear model"] = linear.prepared.predict_proba(data.x)
    usual = _reader(model).usual or tuple(np.atleast_1d(baselines.usual(data)).tolist())
    answers["always the same"] = np.broadcast_to(np.array(usual), (len(data), len(usual)))
    return answers


def _intervals(share: float, ends: np.ndarray, data: Dataset) -> tuple[dict[str, Any], Row]:
    """How many of the targets lie within the intervals, whose ends are (N, 2), and how wide these are."""
    y = np.asarray(data.y, np.float64).reshape(len(data))
    covered = float(((ends[:, 0] <= y) & (y <= ends[:, 1])).mean())
    width = float((ends[:, 1] - ends[:, 0]).mean())
    sure = from_to(*wilson(covered * len(y), len(y)))
    said = (
        f"of {share:g}: they hold {text.percent(covered)} ({sure} by its 95 % interval) of the test, mean width"
        f" {text.number(width)}"
    )
    return {"share": share, "test_covered": covered, "test_mean_width": width}, ("intervals", said)


def predictions_of(
    table: Table, measured: Measured, source: TableSource, fold: int
) -> list[Sequence[Any]]:
    """Lines for the rows that a fold tests on: row (from 1), fold, ids, truth, answer, probabilities."""
    from sloy.data.tables.prepared import columns_of

    numbers = np.flatnonzero(table.part == TEST)
    beside = columns_of(source, [*table.reader.ids, *table.reader.targets])[numbers]
    names = table.train.class_names
    rows: list[Sequence[Any]] = [
        [
            "row",
            "fold",
            *beside.columns,
            "prediction",
            *(f"probability_{n}" for n in names),
            *measured.ends_by_column,
        ]
    ]
    ends = measured.ends if len(measured.ends) else np.empty((len(numbers), 0))
    given = measured.given if names else np.zeros(len(numbers), np.int64)
    for number, cells, answer, k, end in zip(
        numbers, beside.iter_rows(), measured.answers, given, ends, strict=True
    ):
        said = (names[k], *answer) if names else (answer[0], *end)
        rows.append([number + 1, fold, *cells, *said])
    return rows


def _reader(model: Model) -> RowsReader:
    from sloy.data.tables import RowsReader

    assert isinstance(model.reader, RowsReader)
    return model.reader


def _explained(
    model: Model, worth: inspection.Importance, sample: pl.DataFrame | None
) -> dict[str, Figure]:
    """What the columns are worth; and where raw rows are at hand, how the answers depend on the first of them."""
    figures = {"importance.png": inspection.importance_figure(worth)}
    if sample is not None and len(sample):
        first = worth.columns[:DRAWN]
        found = []
        for name in first:
            with suppress(InvalidArgument):  # a column without a value in these rows
                found.append(inspection.partial_dependence(model, sample, name))
        if not found:
            return figures
        targets = () if model.class_names else _reader(model).targets
        name = targets[0] if len(targets) == 1 else ""
        drawn = inspection.partial_dependence_figure(found, name=name)
        figures["partial-dependence.png"] = drawn
    return figures


def answers_pictures(
    true: np.ndarray, predicted: np.ndarray, names: Sequence[str], targets: Sequence[str]
) -> Mapping[str, Figure]:
    """Answers beside what is true, (N,) each: labels of classes with names, or numbers."""
    if not names:
        return {"answers.png": inspection.answers_figure(true, predicted, targets)}
    if len(names) > MOST_IN_PICTURE:
        return {}
    counts = inspection.confusion_counts(true, predicted, len(names))
    return {"confusion.png": inspection.confusion_figure(counts, names)}
