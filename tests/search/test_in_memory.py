"""Data in memory as a search writes them for its trials: nothing of them is lost, nothing is left behind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import sloy
from sloy.errors import SloyError
from sloy.experiments import Experiment
from sloy.search.checks import Checked
from sloy.search.in_memory import written

pytest.importorskip("optuna", minversion="5")


def test_rows_are_written_with_their_names_and_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 3)).astype(np.float32)
    labels, numbers = rng.integers(0, 2, 30), rng.normal(size=(30, 2))
    with written(sloy.Dataset(x, labels, ("no", "yes")), {"epochs": 2}) as found:
        frame = pl.read_parquet(found.words["data"])
        checked = Checked.of(Experiment.of(**found.words))
        assert found.words["epochs"] == 2
    np.testing.assert_array_equal(frame.select("x1", "x2", "x3").to_numpy(), x)
    assert frame["y"].to_list() == [("no", "yes")[label] for label in labels]
    assert list(checked.loaded.train.class_names) == ["no", "yes"]
    assert not Path(found.words["data"]).exists()
    parts = sloy.data.TrainTest(sloy.Dataset(x, numbers), sloy.Dataset(x[:9], numbers[:9]))
    with written(parts, {}) as found:
        frame = pl.read_parquet(found.words["data"])
        np.testing.assert_array_equal(frame.select("y1", "y2").to_numpy(), numbers)
        loaded = Checked.of(Experiment.of(**found.words)).loaded
    assert (len(loaded.train), len(loaded.test)) == (30, 9)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_pictures_are_written_to_the_last_bit(kind: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (40, 5, 6, 3)).astype(kind)
    if kind is np.float32:
        x /= 255
    y = np.arange(40) % 4
    with written((x, y), {"test": 0.25, "network": "mlp"}) as found:
        both = sloy.data.load_idx_folder(found.words["data"])
        Checked.of(Experiment.of(**found.words))
    train, test = sloy.Dataset(x, y).split(0.25, 0)
    for part, own in ((both.train, train), (both.test, test)):
        assert part.x.dtype == kind
        np.testing.assert_array_equal(part.x, own.x)
        np.testing.assert_array_equal(part.y, own.y)


_X = np.zeros((20, 3), np.float32)
_PICTURES = np.zeros((20, 4, 4), np.uint8)
_LABELS = np.arange(20) % 2


@pytest.mark.parametrize(
    ("data", "given", "said"),
    [
        (3, {}, r"`data` \(a int\) must be a path, 'mnist', a data frame, a Dataset or a pair"),
        ((_X[:, 0], _LABELS), {}, r"x of .* must be rows \(N, F\), or pictures"),
        ((_X, _LABELS[:5]), {}, r"`x` has 20 samples .*, `y` has 5"),
        ((_X, _LABELS), {"target": "y"}, r"`target` \(='y'\) is of tables"),
        ((_X, _LABELS), {"network": "cnn"}, "for the data there are tabular, mlp"),
        ((_PICTURES, _LABELS * 1.0), {}, "pictures with numbers to predict"),
        (sloy.Dataset(_PICTURES, _LABELS, ("a", "b")), {}, "a folder of pictures; leave `class_names` out"),
        ((_PICTURES, _LABELS), {"test": 1.5}, r"tune: `test` \(=1.5\)"),
        (pl.DataFrame({"a": [1, 2]}), {}, "give the column of the data that is to be predicted"),
        (pl.DataFrame({"a": [1, 2]}), {"target": "b"}, r"`target` \(='b'\) is none of its columns: a"),
    ],
)  # fmt: skip
def test_what_in_memory_is_refused(
    data: Any, given: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SloyError, match=said) as caught:
        sloy.tune(data, **given)
    assert "sloy-tune-" not in str(caught.value)
    assert not os.listdir()
