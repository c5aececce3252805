"""Rows divided by time, by groups, fold by fold; against what must hold of any such division."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from sloy.data.tables import Split, load_table
from sloy.data.tables.values import LEFT_OUT, TEST, TRAIN, VALIDATE
from sloy.errors import InvalidArgument

RANDOM = np.random.default_rng(0)
ROWS = 400
DAYS = np.datetime64("2021-01-01") + RANDOM.integers(0, 60, ROWS)


def frame(**more: object) -> pl.DataFrame:
    x = RANDOM.normal(size=ROWS)
    columns = {"x": x, "y": x + RANDOM.normal(size=ROWS), "day": DAYS, **more}
    return pl.DataFrame(columns).with_columns(pl.col("day").cast(pl.Date))


def part_of(table: pl.DataFrame, **options: object) -> np.ndarray:
    return load_table(table, "y", **options).part  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["date", "text", "number", "German"])
def test_the_last_in_time_test_and_the_last_before_validate(form: str) -> None:
    table = frame()
    forms = {
        "text": pl.col("day").cast(pl.String),
        "number": pl.col("day").cast(pl.Int32),
        "German": pl.col("day").dt.strftime("%d.%m.%Y"),
    }
    written = table.with_columns(forms[form]) if form in forms else table
    part = part_of(written, split="time=day", test=0.2, validation=0.1)
    ends = [(DAYS[part == k].min(), DAYS[part == k].max()) for k in (TRAIN, VALIDATE, TEST)]
    assert ends[0][1] < ends[1][0] <= ends[1][1] < ends[2][0]  # whole days, none on both sides
    most = max(np.unique(DAYS, return_counts=True)[1])
    assert abs((part == TEST).sum() - 0.2 * ROWS) <= most / 2 + 1
    assert abs((part == VALIDATE).sum() - 0.1 * (part != TEST).sum()) <= most / 2 + 1


def test_what_is_said_of_a_division_by_time() -> None:
    table = load_table(frame(), "y", split="time=day")
    last = str(DAYS.max())
    assert table.notes[0].startswith("rows are divided by `day`: 2021-01-01 to 2021-")
    assert f"to {last} to test; `day` stays among the inputs" in table.notes[0]
    assert "day" in table.reader.names


def test_rows_without_a_time_are_left_out_and_counted() -> None:
    gaps = np.arange(ROWS) % 10 == 0
    table = frame().with_columns(
        pl.when(pl.Series(gaps)).then(None).otherwise(pl.col("day")).alias("day")
    )
    found = load_table(table, "y", split="time=day")
    assert_array_equal(found.part == LEFT_OUT, gaps)
    assert "; 40 rows without it are left out" in found.notes[0]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (["spring", "autumn"] * (ROWS // 2), "'spring'.*neither dates nor numbers; --date day"),
        (["10:30", "11:45"] * (ROWS // 2), "'10:30'.*neither dates nor numbers"),
        (["2020-01-01"] * ROWS, "all 400 rows are of one moment"),
    ],
)
def test_what_has_no_order_in_time_is_refused(column: list[str], words: str) -> None:
    table = frame().drop("day").with_columns(pl.Series("day", column))
    with pytest.raises(InvalidArgument, match=words):
        load_table(table, "y", split="time=day")


def test_groups_stay_together_and_are_no_input() -> None:
    shops = RANDOM.choice([f"shop {k}" for k in range(50)], ROWS)
    table = load_table(frame(shop=shops), "y", split="group=shop", test=0.2, validation=0.1)
    parts = [set(shops[table.part == k]) for k in (TRAIN, VALIDATE, TEST)]
    assert all(parts)
    assert sum(map(len, parts)) == len(set(shops))  # so no shop is in two of them
    largest = max(np.unique(shops, return_counts=True)[1])
    assert abs((table.part == TEST).sum() - 0.2 * ROWS) <= largest
    assert table.left_out["shop"] == "its groups divide the rows"
    assert "shop" not in table.reader.names
    ends = ("to train on", "to validate", "to test")
    counts = [f"{len(p)} group{'s' * (len(p) > 1)} {e}" for p, e in zip(parts, ends, strict=True)]
    assert f"the same `shop` stay together: {', '.join(counts)}; `shop` is" in table.notes[0]


def test_groups_are_drawn_by_the_seed() -> None:
    shops = RANDOM.choice(list("abcdefghij"), ROWS)
    tables = [load_table(frame(shop=shops), "y", split="group=shop", seed=s) for s in (0, 0, 1)]
    assert_array_equal(tables[0].part, tables[1].part)
    assert (tables[0].part != tables[2].part).any()


def test_too_few_groups_are_refused() -> None:
    shops = ["a", "b"] * (ROWS // 2)
    with pytest.raises(InvalidArgument, match="there are 2 groups; 3 are needed"):
        load_table(frame(shop=shops), "y", split="group=shop")
    with pytest.raises(InvalidArgument, match="there are 2 groups; 6 are needed"):
        load_table(frame(shop=shops), "y", split="group=shop", fold=(1, 5))


@pytest.mark.parametrize("grouped", [False, True])
def test_every_row_is_tested_on_in_one_fold(grouped: bool) -> None:
    shops = RANDOM.choice([f"shop {k}" for k in range(40)], ROWS)
    table = frame(shop=shops)
    options: dict[str, object] = {"split": "group=shop"} if grouped else {"ignore": ("shop",)}
    parts = [part_of(table, fold=(k, 5), **options) for k in range(1, 6)]
    tested = np.array([part == TEST for part in parts])
    assert_array_equal(tested.sum(0), np.ones(ROWS))
    assert all((part == VALIDATE).any() for part in parts)
    if grouped:
        assert all(not set(shops[t]) & set(shops[~t]) for t in tested)
        assert np.ptp(tested.sum(1)) <= max(np.unique(shops, return_counts=True)[1])
    else:
        assert_array_equal(tested.sum(1), [80] * 5)


def test_each_fold_has_its_share_of_each_class() -> None:
    """As of scikit-learn's StratifiedKFold: counts of a class differ by one at most."""
    kinds = RANDOM.choice(["a", "b", "c"], ROWS, p=[0.7, 0.27, 0.03])
    table = pl.DataFrame({"x": RANDOM.normal(size=ROWS), "y": kinds})
    folds = [kinds[part_of(table, fold=(k, 4)) == TEST] for k in range(1, 5)]
    for kind in "abc":
        assert np.ptp([int((fold == kind).sum()) for fold in folds]) <= 1
    assert np.ptp([len(fold) for fold in folds]) <= 1


@pytest.mark.parametrize("word", ["time", "time=", "=day", "shop=day", "day"])
def test_what_a_split_must_be(word: str) -> None:
    with pytest.raises(InvalidArgument, match="must be time=COLUMN or group=COLUMN"):
        Split.of(word)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "group=shp", "ignore": ("day",)}, "`split` .='shp'. is none of its columns"),
        ({"split": "group=y"}, "`split` holds the target, 'y'"),
        ({"split": "time=day", "fold": (1, 5)}, "`folds` would test on rows that come before"),
        ({"fold": (6, 5)}, "`fold` .=6."),
        ({"fold": (1, 500)}, "`folds` .=500.: there are only 400 rows"),
    ],
)
def test_what_does_not_go_together(options: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        part_of(frame(), **options)


def test_the_sample_is_of_the_raw_test_rows() -> None:
    table = frame(shop=RANDOM.choice(list("abc"), ROWS))
    found = load_table(table, "y")
    rows = table.select(found.reader.names).filter(pl.Series(found.part == TEST))
    assert found.sample.equals(rows)
    assert not len(load_table(table, "y", test=0).sample)
