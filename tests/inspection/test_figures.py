"""The figures: what they say is right, and the text in them neither overlaps nor leaves the picture."""

from __future__ import annotations

import io
from math import inf, nan

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from legible import assert_legible, texts
from sloy.errors import InvalidArgument, ShapeError
from sloy.inspection import (
    answers_figure,
    confusion_counts,
    confusion_figure,
    curves_figure,
    filters_figure,
    mistakes_figure,
    png,
    reliability_figure,
)
from sloy.language import speak
from sloy.metrics.figures import reliability

RANDOM = np.random.default_rng(7)
HISTORY = {
    "epoch": [1, 2, 3],
    "loss": [0.2, 0.05, 0.03],
    "accuracy": [0.94, 0.985, 0.991],
    "val_loss": [0.06, 0.04, 0.035],
    "val_accuracy": [0.982, 0.988, 0.9895],
}


def test_answers_are_points_on_and_beside_the_line() -> None:
    figure = answers_figure([1.0, 2.0, 4.0], [1.0, 3.0, 2.0], "m²")
    (axes,) = figure.axes
    (points,) = axes.collections
    assert np.asarray(points.get_offsets()).tolist() == [[1, 1], [2, 3], [4, 2]]
    assert axes.get_title() == "3 samples, RMSE 1.291"  # √((0 + 1 + 4) / 3)
    with pytest.raises(ShapeError, match="answers_figure"):
        answers_figure([1, 2], [1])


def mistakes(samples: int, wrong: int, names: list[str] | None = None) -> Figure:
    true = np.arange(samples) % 10
    probabilities = np.full((samples, 10), 0.01)
    probabilities[np.arange(samples), (true + (np.arange(samples) < wrong)) % 10] = 0.91
    pictures = RANDOM.integers(0, 256, (samples, 8, 8, 1), np.uint8)
    return mistakes_figure(pictures, true, probabilities, names)


RAN_AWAY = {
    "epoch": [1, 2, 3, 4],
    "loss": [2.0, 3e10, 1e30, inf],
    "val_loss": [2.1, 1e34, nan, nan],
    "accuracy": [0.3, 0.2, 0.1, 0.1],
}
FIGURES = {
    "curves": lambda: curves_figure(HISTORY, "digits"),
    "curves of one epoch": lambda: curves_figure({"epoch": [1], "loss": [0.3], "accuracy": [0.9]}),
    "curves of 200 epochs": lambda: curves_figure(
        {"epoch": list(range(1, 201)), "loss": (1 / np.arange(1, 201)).tolist()}
    ),
    "curves of a run that ran away": lambda: curves_figure(RAN_AWAY),
    "curves without a finite loss": lambda: curves_figure({"epoch": [1, 2], "loss": [nan, inf]}),
    "confusion": lambda: confusion_figure(RANDOM.integers(0, 1200, (10, 10))),
    "confusion of two": lambda: confusion_figure(np.array([[5, 1], [0, 60_000]]), ["no", "yes"]),
    "confusion of 26 words": lambda: confusion_figure(
        RANDOM.integers(0, 99, (26, 26)), [chr(65 + i) * 8 for i in range(26)]
    ),
    "filters": lambda: filters_figure(RANDOM.normal(size=(5, 5, 1, 24)), "conv2d_1"),
    "one filter": lambda: filters_figure(RANDOM.normal(size=(3, 3, 1, 1)), "conv2d_1"),
    "colour filters": lambda: filters_figure(RANDOM.normal(size=(3, 3, 3, 32)), "conv2d_1"),
    "dense filters": lambda: filters_figure(RANDOM.normal(size=(28, 28, 1, 128)), "dense_1"),
    "answers": lambda: answers_figure([1, 2, 3], [1.5, 2, 2.5], "price"),
    "one answer": lambda: answers_figure([7e5], [7e5]),
    "many answers": lambda: answers_figure(np.arange(9000) * 1e4, np.arange(9000) * 9e3, "price"),
    "mistakes": lambda: mistakes(200, 83),
    "one mistake": lambda: mistakes(10, 1, [f"a long name {i}" for i in range(10)]),
    "no mistake": lambda: mistakes(10, 0),
}


def test_curves_of_a_run_that_ran_away() -> None:
    """All magnitudes are seen, and each value that is not finite is a cross at its epoch."""
    loss, accuracy = curves_figure(RAN_AWAY).axes
    assert (loss.get_yscale(), accuracy.get_yscale()) == ("log", "linear")
    lines = {line.get_label(): line for line in loss.lines}
    assert lines["training"].get_ydata().tolist()[:3] == [2.0, 3e10, 1e30]
    assert [line.get_xdata().tolist() for line in loss.lines if line.get_marker() == "x"] == [
        [4],
        [3, 4],
    ]
    low, high = loss.get_ylim()
    assert 0 < low < 2.0
    assert 1e34 < high < 1e40
    (empty,) = curves_figure({"epoch": [1, 2], "loss": [nan, inf]}).axes
    assert [line.get_xdata().tolist() for line in empty.lines] == [[1, 2]]
    assert not len(empty.get_yticks())
    assert curves_figure(HISTORY).axes[0].get_yscale() == "linear"
    assert png(curves_figure({"epoch": [1, 2, 3], "loss": [1.0, 1e300, 1e308]}))


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("name", FIGURES)
def test_text_is_legible(name: str, language: str) -> None:
    with speak(language):
        assert_legible(FIGURES[name]())


def test_words_in_russian() -> None:
    with speak("ru"):
        loss, accuracy = curves_figure(HISTORY).axes
        matrix = confusion_figure(np.array([[700, 300], [100, 900]]))
        assert (loss.get_xlabel(), loss.get_ylabel()) == ("эпоха", "потери")
        assert accuracy.get_ylabel() == "доля верных ответов (%)"
        assert "верно 1 600 из 2 000 (80.00 %)" in texts(matrix)
        assert {"на самом деле", "ответ сети", "полнота"} <= set(texts(matrix))


def test_the_legibility_check_sees_overlap_and_cut_text() -> None:
    figure = Figure()
    figure.text(0.5, 0.5, "one")
    figure.text(0.5, 0.51, "other")
    with pytest.raises(AssertionError, match="lies over"):
        assert_legible(figure)
    figure = Figure()
    figure.text(0.98, 0.5, "over the edge")
    with pytest.raises(AssertionError, match="leaves the figure"):
        assert_legible(figure)


@pytest.mark.parametrize("name", FIGURES)
def test_png_holds_a_picture(name: str) -> None:
    with Image.open(io.BytesIO(png(FIGURES[name]()))) as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("L").getcolors()) > 1


def test_drawing_leaves_pyplot_and_settings_alone() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    curves_figure(HISTORY)
    assert dict(matplotlib.rcParams) == before


def test_curves_draw_the_numbers() -> None:
    loss, accuracy = curves_figure(HISTORY).axes
    training, validation = loss.get_lines()
    assert training.get_ydata().tolist() == HISTORY["loss"]
    assert validation.get_ydata().tolist() == HISTORY["val_loss"]
    np.testing.assert_allclose(accuracy.get_lines()[1].get_ydata(), [98.2, 98.8, 98.95])
    assert accuracy.get_ylabel() == "accuracy (%)"
    assert loss.get_xlabel() == "epoch"


@pytest.mark.parametrize("history", [{"epoch": [1]}, {"loss": [1.0]}, {"epoch": [], "loss": []}])
def test_curves_need_epochs_and_loss(history: dict[str, list[float]]) -> None:
    with pytest.raises(InvalidArgument, match="`epoch` and `loss`"):
        curves_figure(history)


def test_confusion_counts_by_a_loop() -> None:
    true, predicted = RANDOM.integers(0, 5, 300), RANDOM.integers(0, 5, 300)
    expected = [[sum((true == i) & (predicted == j)) for j in range(5)] for i in range(5)]
    assert confusion_counts(true, predicted, 5).tolist() == expected


def test_classes_are_whole_numbers() -> None:
    assert confusion_counts([0.0, 1.0], [1, 1], 2).tolist() == [[0, 1], [0, 1]]
    with pytest.raises(InvalidArgument, match="`true` must hold whole numbers"):
        confusion_counts([0, 1.5], [0, 1], 2)


def test_confusion_counts_reject_strangers() -> None:
    with pytest.raises(InvalidArgument, match="0 … 2"):
        confusion_counts([0, 3], [0, 1], 3)
    with pytest.raises(InvalidArgument, match="0 … 2"):
        confusion_counts([0, 1], [-1, 1], 3)
    with pytest.raises(ShapeError, match="one length"):
        confusion_counts([0, 1], [0], 3)


def test_confusion_says_every_count_and_the_recall() -> None:
    said = texts(confusion_figure(np.array([[40, 3, 0], [7, 20, 0], [0, 0, 0]])))
    assert {"40", "3", "7", "20", "93.0 %", "74.1 %"} <= set(said)
    assert "60 of 70 correct (85.71 %)" in said
    assert "recall" in said


@pytest.mark.parametrize("counts", [np.zeros((2, 3)), np.zeros(4), np.zeros((0, 0))])
def test_confusion_needs_a_square(counts: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="K, K"):
        confusion_figure(counts)


def test_confusion_needs_a_name_for_each_class() -> None:
    with pytest.raises(InvalidArgument, match="2 names for 3"):
        confusion_figure(np.eye(3, dtype=int), ["a", "b"])


def test_filters_share_one_scale_around_zero() -> None:
    weights = RANDOM.normal(size=(3, 3, 1, 4))
    pictures = [image for axes in filters_figure(weights).axes for image in axes.get_images()]
    assert len(pictures) == 4
    limit = np.percentile(np.abs(weights), 99)
    for number, image in enumerate(pictures):
        np.testing.assert_array_equal(image.get_array(), weights[:, :, 0, number])
        assert image.get_clim() == (-limit, limit)


def test_filters_of_many_inputs_are_seen_and_counted_from_0() -> None:
    """The scale is that of the means which are drawn, not of single weights."""
    weights = RANDOM.normal(size=(3, 3, 32, 8))
    figure = filters_figure(weights)
    pictures = [image for axes in figure.axes[:1] for image in axes.get_images()]
    assert pictures[0].get_clim()[1] < np.abs(weights.mean(2)).max() < np.abs(weights).max() / 3
    assert {"channel 0", "channel 7", "weight, mean over 32 input channels"} <= set(texts(figure))
    assert "channel 8" not in texts(figure)


def test_filters_say_how_many_are_shown() -> None:
    assert "dense_1 (the first 64 of 100)" in texts(
        filters_figure(RANDOM.normal(size=(4, 4, 1, 100)), "dense_1")
    )
    with pytest.raises(ShapeError, match="KH, KW, I, O"):
        filters_figure(np.zeros((3, 3)))


def test_mistakes_come_with_the_most_confident_first() -> None:
    true = np.array([0, 1, 2, 3])
    probabilities = np.array(
        [[0.9, 0.1, 0, 0], [0.6, 0.4, 0, 0], [0, 0.2, 0.8, 0], [0.8, 0, 0, 0.2]]
    )
    pictures = RANDOM.integers(0, 256, (4, 5, 5, 1), np.uint8)
    figure = mistakes_figure(pictures, true, probabilities, ["w", "x", "y", "z"])
    drawn = [axes for axes in figure.axes if axes.get_images()]
    assert [axes.get_title() for axes in drawn] == ["true z", "true x"]
    assert [axes.get_xlabel() for axes in drawn] == ["w?  80 %", "w?  60 %"]
    np.testing.assert_array_equal(drawn[0].get_images()[0].get_array(), pictures[3, :, :, 0])
    assert "2 mistakes in 4 samples" in texts(figure)


def test_mistakes_need_fitting_arrays() -> None:
    with pytest.raises(ShapeError, match="\\(N, H, W, C\\)"):
        mistakes_figure(np.zeros((3, 5, 5, 1)), np.zeros(2, int), np.zeros((3, 4)))


def test_whiskers_of_shares_stay_between_0_and_1() -> None:
    """Two samples a bin, all right or all wrong: the standard error is ½ √(¼ · ¾) = 0.217 then."""
    p = np.repeat(np.linspace(0.05, 0.95, 10), 2)
    found = reliability((p > 0.5).astype(int), np.stack([1 - p, p], 1))
    axes = reliability_figure(found).axes[0]
    (bars,) = (
        c for c in axes.collections if len(c.get_segments()) == int((found.samples > 0).sum())
    )
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    assert ends.min() == 0
    assert ends.max() == 1
    assert (ends[:, 1] - ends[:, 0] > 0.1).all()


def test_answers_of_several_targets_have_a_panel_each() -> None:
    true = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 20.0]])
    axes = answers_figure(true, true + np.array([1.0, 0.0]), "price, rent").axes
    assert [one.get_title() for one in axes] == ["3 samples, RMSE 1", "3 samples, RMSE 0"]
    assert [one.get_xlabel() for one in axes] == ["true price", "true rent"]


def test_logarithmic_axes_have_plain_numbers() -> None:
    """No text of a figure is read as mathematics, so none may be written as such."""
    figure = curves_figure({"epoch": [1, 2, 3], "loss": [1e6, 1.0, 0.5]})
    figure.canvas.draw()
    said = [label.get_text() for label in figure.axes[0].get_yticklabels(which="both")]
    assert "100" in said
    assert not any("$" in word for word in said)
