"""`scores_of`: how good simpler answers are, which a network has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from sloy import text
from sloy.data import Dataset
from sloy.data.nearest import Nearest
from sloy.experiments import baselines
from sloy.experiments.events import Opened
from sloy.experiments.sources import Loaded
from sloy.experiments.sources.table_loaded import LoadedTable, network_of
from sloy.graph.threefry import make_key, permutation
from sloy.language import Sentence, sentence
from sloy.layers import Dense, Flatten
from sloy.metrics.intervals import from_to, mean_interval, wilson
from sloy.problem import Network

NEAREST = 5_000  # samples that neighbours are looked for among
TOLD = 2_000  # samples that simpler answers are measured on
LINEAR = (20_000, 1_500)  # samples and steps of the linear model


@dataclass(frozen=True)
class Score:
    """How good simpler answers are.

    Attributes
    ----------
    said : Sentence
        What they are.
    figure : "accuracy" or "rmse"
    value, low, high : float
        And its 95 % interval: of an accuracy Wilson's, of an error that of its mean square by Student.
    samples : int
        That they were measured on.
    """

    said: Sentence
    figure: str
    value: float
    low: float
    high: float
    samples: int

    @property
    def name(self) -> str:
        """What they are, in English."""
        return self.said.text.format(**self.said.values)

    def __str__(self) -> str:
        if self.figure == "accuracy":
            return f"{text.percent(self.value)}  ({from_to(self.low, self.high)})"
        if not isfinite(self.high):
            return f"{text.number(self.value)}  (of one sample: no interval)"
        return f"{text.number(self.value)}  ({text.number(self.low, 3)} to {text.number(self.high, 3)})"


def scores_of(opening: Opened, parts: Mapping[str, Dataset]) -> tuple[Score, ...]:
    """Always the same answer, a linear model, nearest neighbours; on samples kept apart where there are some.

    Parameters
    ----------
    opening : Opened
    parts : mapping
        Of its data: "train", and "test" or "validate" where these are there.
    """
    loaded, train = opening.loaded, parts["train"]
    told = parts.get("test", parts.get("validate"))
    if told is None:
        train, told = train.split(0.2, opening.recipe.seed)
    told = _some(told, TOLD)
    some = _some(train, NEAREST)
    codes = 0 if not isinstance(loaded, LoadedTable) else len(loaded.table.reader.classes)
    same = np.tile(baselines.usual(train), (len(told), 1))
    scores = [_score(sentence("always the same"), same, told)]
    learned = replace(loaded, train=train, validation=None)
    rows, steps = LINEAR
    linear = baselines.linear_model(
        _linear_network(learned), learned, opening.engine, rows=rows, steps=steps
    )
    scores.append(_score(sentence("linear model"), linear.predict_proba(told.x), told))
    if isinstance(some.x, np.ndarray):
        near = Nearest(some.x, some.y, classes=train.classes, codes=codes)
        said = sentence(
            "{near} nearest of {all}",
            near=min(near.neighbours, len(some)),
            all=text.count(len(some)),
        )
        scores.append(_score(said, near(told.x), told))
    return tuple(scores)


def _linear_network(loaded: Loaded) -> Network:
    if isinstance(loaded, LoadedTable):
        return network_of(loaded, (), 0.0)
    shape, outputs = loaded.train.sample_shape, loaded.train.classes or 1
    flat = [] if len(shape) == 1 else [Flatten()]
    return Network(shape, [*flat, Dense(outputs)])


def _some(data: Dataset, count: int) -> Dataset:
    if len(data) <= count:
        return data
    return data.take(np.sort(permutation(len(data), make_key(0, "some"))[:count]))


def _score(said: Sentence, answers: np.ndarray, data: Dataset) -> Score:
    """Accuracy, or the root of the mean squared error, and its interval."""
    n = len(data)
    if data.has_labels:
        right = int((answers.argmax(1) == data.y).sum())
        return Score(said, "accuracy", right / n, *wilson(right, n), n)
    squares = np.square(answers[:, 0].astype(np.float64) - data.y.reshape(n, -1)[:, 0])
    root, low, high = (max(end, 0.0) ** 0.5 for end in mean_interval(squares))
    return Score(said, "rmse", root, low, high, n)
