"""What the scripts of a model's page are told of tables."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import sloy
from sloy.data.tables.columns import Date
from sloy.model.page_data import known_of
from sloy.model.page_told import _moment, input_told, plane_of


def test_a_table_of_two_numbers_has_a_plane_with_its_samples(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    a, b = draw.uniform(10, 20, 60), draw.uniform(-3, 0, 60)
    rows = [f"{x:.3f},{y:.4f},{x * y:.3f}" for x, y in zip(a, b, strict=True)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a,b,c", *rows]))
    table = sloy.data.load_table(path, "c", test=0, validation=0)
    network = sloy.Network((2,), [sloy.layers.Dense(1)])
    model, _ = sloy.fit(network, table.train, epochs=1, engine="reference", verbose=False)
    parts = model.parts._replace(reader=table.reader)
    answers = np.zeros((60, 1))
    known = known_of(table.train, answers, answers[:, 0], plane=plane_of(parts))
    told = input_told(parts, known, ahead=False)
    assert told["plane"] is True
    points = sorted(map(tuple, told["points"]))
    expected = sorted(zip(np.round(a, 3), np.round(b, 4), np.round(a * b, 3), strict=True))
    assert np.allclose(points, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("when", ["2021-02-28 00:00", "1999-12-31 17:45"])
def test_the_date_of_a_sample(when: str) -> None:
    moment = datetime.fromisoformat(when).replace(tzinfo=UTC)
    angle = (moment.hour + moment.minute / 60) * np.pi / 12
    values = {"year": moment.year, "month": moment.month, "day": moment.day,
              "hour sin": np.sin(angle), "hour cos": np.cos(angle)}  # fmt: skip
    column = Date("d", "%Y-%m-%d %H:%M", tuple((part, 3.0, 2.0) for part in values), True)
    prepared = np.array([*((value - 3) / 2 for value in values.values()), 0], np.float32)
    assert _moment(column, prepared) == moment.timestamp()
    prepared[-1] = 1
    assert _moment(column, prepared) is None
