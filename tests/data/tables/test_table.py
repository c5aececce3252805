"""`load_table`: the target, the division of the rows, room for the prepared ones, and what it refuses."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import sloy
from sloy.data.arrays import allocate, available
from sloy.data.tables import Table, load_table
from sloy.data.tables.division import divide
from sloy.data.tables.target import Target
from sloy.data.tables.values import LEFT_OUT, TEST, TRAIN, VALIDATE
from sloy.errors import InvalidArgument, SloyError

N = 300


def columns(**more: Any) -> dict[str, Any]:
    """Two columns to predict from, and others."""
    random = np.random.default_rng(2)
    return {"a": random.normal(size=N), "b": random.choice(["u", "v"], N).tolist(), **more}


def parts(table: Table) -> list[Any]:
    return [part for part in (table.train, table.validation, table.test) if part is not None]


KIND = {
    "words": (["no", "yes", "yes"] * 100, ("no", "yes"), "it holds words"),
    "truth": ([True, False, True] * 100, ("false", "true"), "it holds words"),
    "few whole": ([10.0, 9.0, 2.0] * 100, ("2", "9", "10"), "3 different whole numbers"),
    "few, not whole": ([0.5, 1.0, 2.0] * 100, (), "3 different numbers"),
    "many whole": (list(range(N)), (), "300 different numbers"),
}


@pytest.mark.parametrize("name", KIND)
def test_classes_or_numbers(name: str) -> None:
    values, classes, reason = KIND[name]
    table = load_table(columns(y=values), "y")
    assert tuple(table.train.class_names) == classes
    assert table.is_classification == bool(classes)
    assert table.reason == reason
    if classes:
        everything = np.concatenate([part.y for part in parts(table)])
        assert sorted(np.bincount(everything)) == sorted(np.unique(values, return_counts=True)[1])
        assert (table.mean, table.deviation) == (0, 1)
    else:
        train = table.train.y.astype(np.float64)
        assert table.mean == pytest.approx(train.mean())
        assert table.deviation == pytest.approx(train.std())


def test_the_task_may_be_asked_for() -> None:
    ages = [20.0, 30.0, 40.0] * 100
    assert not load_table(columns(y=ages), "y", task="regression").is_classification
    halves = [0.5, 1.5, 2.5] * 100
    table = load_table(columns(y=halves), "y", task="classification")
    assert table.train.class_names == ("0.5", "1.5", "2.5")
    with pytest.raises(InvalidArgument, match="holds 'no', which is no number"):
        load_table(columns(y=["1", "no", "2"] * 100), "y", task="regression")


def test_each_row_is_in_one_part_and_every_class_gives_its_share() -> None:
    labels = np.repeat([0, 1, 2], [600, 300, 100]).astype(np.int32)
    target = Target("y", labels, ("a", "b", "c"), "")
    part = divide(target, 0.2, 0.125, seed=3)
    assert np.bincount(part).tolist() == [700, 100, 200]
    for key, share in ((TEST, 0.2), (VALIDATE, 0.1), (TRAIN, 0.7)):
        counts = np.bincount(labels[part == key])
        assert abs(counts - share * np.array([600, 300, 100])).max() <= 1
    assert np.array_equal(part, divide(target, 0.2, 0.125, seed=3))
    other = divide(target, 0.2, 0.125, seed=4)
    assert 0.03 < np.mean((part == TEST) & (other == TEST)) < 0.05, "the draws are not independent"


def test_rows_without_a_target_are_left_out() -> None:
    values = np.arange(N, dtype=float)
    values[::10] = math.nan
    table = load_table(columns(y=values), "y")
    assert sum(map(len, parts(table))) == 270
    assert "30 of 300 rows have no `y`" in table.notes[0]
    assert (divide(Target("y", values, (), ""), 0.2, 0.1, 0) == LEFT_OUT).sum() == 30


def test_figures_are_those_of_the_training_rows() -> None:
    y = np.arange(N, dtype=float)
    table = load_table(columns(y=y), "y", seed=5)
    own = columns()["a"][table.train.y.astype(int)]
    (column, _) = table.reader.columns
    assert column.mean == pytest.approx(own.mean())  # type: ignore[attr-defined]
    assert column.deviation == pytest.approx(own.std())  # type: ignore[attr-defined]
    assert abs(own.mean() - columns()["a"].mean()) > 1e-3, (
        "training rows as the whole: nothing shown"
    )


def test_rows_keep_their_targets() -> None:
    a = np.arange(N, dtype=float)
    for part in parts(load_table({"a": a, "y": 3 * a + 1}, "y")):
        (column,) = load_table({"a": a, "y": 3 * a + 1}, "y").reader.columns
        raw = part.x[:, 0] * column.deviation + column.mean  # type: ignore[attr-defined]
        np.testing.assert_allclose(3 * raw + 1, part.y, rtol=1e-5)


def test_fewer_training_rows() -> None:
    whole, cut = (load_table(columns(y=list(range(N))), "y", samples=s) for s in (None, 50))
    assert cut.train.y.tolist() == whole.train.y[:50].tolist()
    assert cut.test is not None
    assert whole.test is not None
    assert np.array_equal(cut.test.y, whole.test.y)
    with pytest.raises(InvalidArgument, match=r"`samples` \(=5000\) is more than the 216 rows"):
        load_table(columns(y=list(range(N))), "y", samples=5000)


def test_what_does_not_fit_in_memory_is_mapped_to_a_file_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    inside = load_table(columns(y=list(range(N))), "y")
    mapped = load_table(columns(y=list(range(N))), "y", memory=100)
    assert isinstance(mapped.train.x.base, np.memmap)
    assert not isinstance(inside.train.x.base, np.memmap)
    assert np.array_equal(mapped.train.x, inside.train.x)
    assert list(tmp_path.iterdir()) == []
    assert not allocate((3, 2), "float32", 24)[1]
    assert available() > 0


def test_a_column_that_counts_the_rows_is_told() -> None:
    table = load_table(columns(id=list(range(1, N + 1)), y=[0, 1, 2] * 100), "y")
    assert any("`id` counts the rows" in note and "--ignore id" in note for note in table.notes)


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "target absent": (
        {},
        {"target": "prise"},
        r"`target` \(='prise'\) is none of its columns; did you mean 'price'\?",
    ),
    "far from any": ({}, {"target": "xyz"}, "is none of its columns: a, b, price"),
    "no name": ({}, {"target": 3}, r"`target` \(=3\) must be the name of a column"),
    "ignored target": ({}, {"ignore": ["price"]}, "`ignore` holds the target"),
    "unknown ignored": ({}, {"ignore": ["x"]}, r"`ignore` \(='x'\) is none"),
    "unknown category": ({}, {"categorical": ["x"]}, r"`categorical` \(='x'\) is none"),
    "constant target": ({"price": [7] * N}, {}, "the target `price` is '7' in every row"),
    "empty target": ({"price": [None] * N}, {}, "the target `price` has no value"),
    "infinite target": (
        {"price": [math.inf, *range(1, N)]},
        {},
        "the target `price` holds an infinite",
    ),
    "text target": (
        {"price": [f"word {i}" for i in range(N)]},
        {},
        "300 different values in 300 rows",
    ),
    "text": ({"c": [f"word {i}" for i in range(N)]}, {}, "free text or identifiers: 'c'"),
    "nothing left": (
        {"a": [1] * N, "b": [2] * N},
        {},
        "no column is left to predict the target `price` from",
    ),
    "task": ({}, {"task": "guess"}, r"`task` \(='guess'\) must be one of auto"),
    "test": ({}, {"test": 1.0}, r"`test` \(=1.0\) must be"),
    "validation": ({}, {"validation": -0.1}, r"`validation` \(=-0.1\) must be"),
    "seed": ({}, {"seed": -1}, r"`seed` \(=-1\) must be"),
    "samples": ({}, {"samples": 0}, r"`samples` \(=0\) must be"),
    "memory": ({}, {"memory": 0}, r"`memory` \(=0\) must be"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_one_clear_error(name: str) -> None:
    change, options, message = REFUSED[name]
    table = columns(price=list(range(N))) | change
    with pytest.raises(SloyError, match=message) as caught:
        load_table(table, **{"target": "price", **options})
    assert "\n" not in str(caught.value)


def test_too_few_rows() -> None:
    with pytest.raises(InvalidArgument, match="has no rows"):
        load_table(pl.DataFrame({"a": [], "y": []}), "y")
    with pytest.raises(InvalidArgument, match="more rows are needed"):
        load_table({"a": [1, 2], "y": ["n", "y"]}, "y", test=0.5)


def test_training_from_a_mapped_table_gives_the_same_model() -> None:
    models = []
    for memory in (None, 100):
        table = load_table(columns(y=list(range(N))), "y", memory=memory)
        network = sloy.zoo.table(2, 1, classes=(2,), mean=table.mean, deviation=table.deviation)
        model, _ = sloy.fit(
            network, table.train, validation=table.validation, preprocessing="none", epochs=2,
            loss=sloy.losses.SquaredError(unit=table.deviation), verbose=False, threads=1,
        )  # fmt: skip
        models.append(model)
    for name, value in models[0].parameters.items():
        assert np.array_equal(value, models[1].parameters[name])


@pytest.mark.parametrize("name", ["Q" * 200, "9223372036854775807", "with a blank " * 9])
@pytest.mark.parametrize("written", ["word {0} of many that are long", "{0}.5"])
def test_a_refusal_of_text_fits_its_line(name, written):
    cells = [written.format(i) if i % 3 else f"odd {i}" for i in range(N)]
    with pytest.raises(InvalidArgument, match="free text or identifiers") as caught:
        load_table({name: cells, "y": [float(i) for i in range(N)]}, "y")
    assert len(str(caught.value)) <= 300
    assert "QQ" * 40 not in str(caught.value)
