"""What is odd about samples, planted and found; nothing in clean sets."""

from __future__ import annotations

import numpy as np
import pytest

from sloy.data import Dataset
from sloy.data.nearest import Nearest
from sloy.data.quality import Quality, quality


def table(rows: int = 400, *, numbers: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """x (N, 4) float32 of which the last counts the rows, and a noisy answer."""
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 4)).astype(np.float32)
    noisy = x[:, 0] + random.normal(size=rows)
    x[:, 3] = (random.permutation(rows) - rows / 2) / 100
    return x, noisy if numbers else (noisy > 0).astype(int)


def looked_at(x: np.ndarray, y: np.ndarray, held: int = 100, codes: int = 0) -> Quality:
    parts = {f"c{k}": (k,) for k in range(x.shape[1])}
    test = {"test": Dataset(x[:held], y[:held])}
    return quality(Dataset(x[held:], y[held:]), test, parts, codes=codes)


def test_a_column_that_counts_is_named_and_twins_are_found_without_it() -> None:
    x, y = table()
    x[:20, :3], y[:20] = x[200:220, :3], y[200:220]  # of those to test
    x[390:, :3], y[390:395], y[395:] = x[300:310, :3], y[300:305], 1 - y[305:310]
    found = looked_at(x, y)
    assert found.counting == ("c3",)
    assert (found.duplicates, found.contradictions) == (5, 5)
    assert found.crossing == {"test": 20}
    assert not found.by_chance
    assert "20 of 100 samples to test on are training samples" in found.warnings[0]
    assert "c3" in found.warnings[1]
    bare = quality(Dataset(x[:, :3], y), {})
    assert bare.duplicates == 20 + 5
    assert bare.constant == 0


@pytest.mark.parametrize("numbers", [False, True])
def test_a_column_that_gives_the_answer_away_is_named(numbers: bool) -> None:
    x, y = table(numbers=numbers)
    random = np.random.default_rng(1)
    clean = looked_at(x, y)
    assert not clean.leaking
    x[:, 1] = np.exp(y) if numbers else (2 * y - 1) * random.uniform(0.5, 2, len(y))
    assert list(looked_at(x, y).leaking) == ["c1"]
    x[:, 2] = 3 * x[:, 1]  # its copy too
    assert list(looked_at(x, y).leaking) == ["c1", "c2"]
    easy = x[:, :2].copy()
    easy[:, 0] = x[:, 1]  # and where all columns know the answer, none gives it away … but together
    assert list(looked_at(easy, y).leaking) == ["c0", "c1"]


def test_an_easy_answer_is_no_leak() -> None:
    """Several columns of different noise that each tell nearly all: the others' neighbours are right too."""
    random = np.random.default_rng(2)
    y = random.integers(0, 2, 600)
    x = (y[:, None] * 8 + random.normal(size=(600, 3)) * [1.0, 2.2, 2.4]).astype(np.float32)
    assert not looked_at(x, y).leaking


def test_few_values_give_twins_by_chance() -> None:
    random = np.random.default_rng(3)
    x = random.integers(0, 3, (600, 3)).astype(np.float32)
    found = looked_at(x, random.integers(0, 2, 600), codes=3)
    assert found.duplicates > 100
    assert found.by_chance
    assert not found.warnings


def test_far_and_constant_numbers_are_counted() -> None:
    x, y = table()
    x[150, 0] = 1000
    assert looked_at(x, y).far == {"c0": 1}
    pictures = np.zeros((50, 3, 3, 1), np.uint8)
    pictures[:, 1, 1] = np.arange(50)[:, None]
    found = quality(Dataset(pictures, np.arange(50) % 2), {})
    assert found.constant == 8
    assert found.duplicates == 0
    assert found.classes == {"0": 25, "1": 25}


@pytest.mark.parametrize(
    "name", ["iris", "wine", "breast_cancer", "diabetes", "digits", "linnerud"]
)
def test_nothing_is_said_against_clean_sets(name: str) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    given = getattr(datasets, f"load_{name}")()
    y = given.target if given.target.ndim == 1 else given.target[:, 0]
    classes = np.issubdtype(y.dtype, np.integer)
    x = given.data.astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    found = looked_at(x[order], y[order] if classes else y[order].astype(float), len(x) // 5)
    assert not found.warnings


def test_neighbours_are_those_of_scikit_learn() -> None:
    neighbours = pytest.importorskip("sklearn.neighbors")
    random = np.random.default_rng(4)
    x, y = random.normal(size=(90, 5)), random.integers(0, 3, 90)
    near = Nearest(x[:60], y[:60], classes=3, neighbours=4)
    theirs = neighbours.KNeighborsClassifier(4).fit(x[:60], y[:60])
    assert np.allclose(near(x[60:]), theirs.predict_proba(x[60:]))
    alone = Nearest(x, x[:, 0], neighbours=1)
    own = neighbours.NearestNeighbors(n_neighbors=2).fit(x).kneighbors(x, return_distance=False)
    assert np.array_equal(alone.indices(x, beside=True)[:, 0], own[:, 1])
    words = Nearest(
        np.array([[0.0, 1], [1.0, 2]]), np.array([0, 1]), classes=2, codes=1, neighbours=1
    )
    assert words(np.array([[0.9, 1.0]])).argmax() == 0  # another category is √2 away
