"""Why dropout works: correlations and accuracies computed here by loops, from the same trained network."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import sloy
from legible import assert_legible, texts
from sloy.data import Dataset
from sloy.errors import InvalidArgument
from sloy.language import speak
from sloy.layers import Dense, Flatten, ReLU
from sloy.theory import Coadaptation, coadaptation, coadaptation_figure

RANDOM = np.random.default_rng(11)


def blobs(count: int) -> Dataset:
    y = np.arange(count) % 3
    x = RANDOM.normal(size=(count, 4, 4, 1)).astype(np.float32) + y[:, None, None, None]
    return Dataset(x, y)


LEARNED, UNSEEN = blobs(60), blobs(90)
OPTIONS = {"data": LEARNED, "unseen": UNSEEN, "objects": 60, "units": 12, "epochs": 40}


@cache
def measured() -> Coadaptation:
    return coadaptation((0.0, 0.5), wrong=0.0, removed=(0.0, 0.5, 0.9), seeds=2, **OPTIONS)  # type: ignore[arg-type]


def test_the_numbers_by_loops() -> None:
    correlations, losses, accuracies = [], [], []
    for seed in (0, 1):
        model, _ = sloy.fit(
            sloy.Network((4, 4, 1), [Flatten(), Dense(12), ReLU(), Dense(3)]),
            LEARNED, optimizer=sloy.Adam(0.002), epochs=40, batch_size=50, seed=seed, threads=1, verbose=False,
        )  # fmt: skip
        x, y = np.asarray(UNSEEN.x), np.asarray(UNSEEN.y)
        u = model.activations(x, ["relu_1"])["relu_1"].astype(np.float64)
        pairs = [
            abs(np.corrcoef(u[:, i], u[:, j])[0, 1])
            for i in range(12)
            for j in range(i)
            if u[:, i].any() and u[:, j].any()
        ]
        correlations.append(np.mean(pairs))
        losses.append(-np.log(model.predict_proba(x)[np.arange(90), y]).mean())
        accuracies.append((model.predict(x) == y).mean())
    row = measured().rows[0]
    assert row.correlation.mean == pytest.approx(np.mean(correlations), rel=1e-5)
    assert row.correlation.error == pytest.approx(abs(np.subtract(*correlations)) / 2, rel=1e-3)
    assert row.loss.mean == pytest.approx(np.mean(losses), rel=1e-4)
    assert row.accuracy[0].mean == pytest.approx(np.mean(accuracies), abs=1e-9)


def test_accuracy_falls_when_most_neurons_are_gone() -> None:
    for row in measured().rows:
        assert row.accuracy[0].mean > row.accuracy[2].mean + 0.1


def test_wrong_labels_are_learned_too() -> None:
    noisy = coadaptation((0.0,), wrong=1.0, removed=(0.0,), seeds=1, **OPTIONS)  # type: ignore[arg-type]
    assert noisy.rows[0].loss.mean > measured().rows[0].loss.mean


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_table_and_the_figure(language: str) -> None:
    with speak(language):
        figure = coadaptation_figure(measured())
        assert_legible(figure)
        said, shown = str(measured()), texts(figure)
    assert ("Without and with" in said) == (language == "en")
    assert (
        "accuracy (%)" in shown, "доля верных ответов (%)" in shown
    ) == (language == "en", language == "ru")  # fmt: skip
    assert len(said.splitlines()) == 1 + 3 + 3
    line = figure.axes[0].get_lines()[0]
    assert line.get_ydata()[0] == pytest.approx(100 * measured().rows[0].accuracy[0].mean)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rates": (1.0,)}, "`rates` \\(=1.0\\)"),
        ({"rates": ()}, "`rates` is empty"),
        ({"removed": (1.0,)}, "`removed` \\(=1.0\\)"),
        ({"objects": 61}, "`objects` \\(=61\\)"),
        ({"data": 3}, "`data` \\(=3\\)"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        coadaptation(**{**OPTIONS, **options})  # type: ignore[arg-type]
