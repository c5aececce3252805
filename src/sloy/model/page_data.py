"""What of labelled samples goes into the page of a model: some to load, its mistakes, their range."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sloy.data import Dataset
from sloy.model.page_told import Known, Sample
from sloy.text import number

OFFERED, WRONG, POINTS = 12, 24, 400  # samples that are offered, mistakes, marks in a plane
MOST_BYTES = 400_000  # of samples in a page


def known_of(
    data: Dataset,
    answers: np.ndarray,
    given: np.ndarray,
    *,
    plane: tuple[int, int] | None = None,
    targets: Callable[[np.ndarray], np.ndarray] = lambda y: y,
) -> Known:
    """What is known of a model from samples that it answered.

    Parameters
    ----------
    data : Dataset
    answers : array, shape (N, K) or (N, 1)
        Probabilities, or numbers.
    given : int array, shape (N,)
        The class of each; of none for numbers.
    plane : (int, int), optional
        The two numbers of the input in whose plane the samples are shown, see `page_told.plane_of`.
    targets : callable
        From targets to what is shown of them.
    """
    x, y = np.asarray(data.x), np.asarray(data.y)
    flat = x.reshape(len(x), -1)
    most = max(1, MOST_BYTES // max(1, flat.shape[1] * flat.itemsize))
    if not data.has_labels:
        rows = np.linspace(0, len(x) - 1, min(OFFERED, most, len(x))).astype(int)
        shown = [Sample(x[k], text=_numbers(targets(y[k]))) for k in rows]
        return Known(shown, (), flat.min(0), flat.max(0), _points(flat, y, plane))
    names = data.class_names or tuple(map(str, range(answers.shape[1])))
    firsts = [int(np.argmax(y == k)) for k in range(len(names)) if (y == k).any()]
    offered = [Sample(x[k], names[y[k]]) for k in firsts[: min(OFFERED, most)]]
    wrong = np.flatnonzero(given != y)
    shares = (
        answers[wrong, given[wrong]] if answers.shape[1] > 1 else np.abs(answers[wrong, 0] - 0.5)
    )
    wrong = wrong[np.argsort(-shares, kind="stable")][: min(WRONG, most)]
    mistakes = [Sample(x[k], names[y[k]], names[given[k]]) for k in wrong]
    return Known(offered, mistakes, flat.min(0), flat.max(0), _points(flat, y, plane))


def _points(
    flat: np.ndarray, y: np.ndarray, plane: tuple[int, int] | None
) -> list[tuple[float, float, float]]:
    """Samples in a plane, with their class or number."""
    if plane is None:
        return []
    some = np.linspace(0, len(flat) - 1, min(POINTS, len(flat))).astype(int)
    values = y.reshape(len(y), -1)[some, 0]
    return [
        (*map(float, flat[k, list(plane)]), value)
        for k, value in zip(some, values.tolist(), strict=True)
    ]


def _numbers(y: np.ndarray) -> str:
    return ", ".join(number(float(value)) for value in np.atleast_1d(y))
