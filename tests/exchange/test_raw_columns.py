"""Exported models of tables take raw columns: onnxruntime and compiled C against `predict_proba` of the data frame."""

from __future__ import annotations

import ctypes
import datetime
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import sloy
from sloy import losses
from sloy.data.tables import load_table
from sloy.data.tables.values import AROUND
from sloy.errors import NotAvailable

N = 300
CLOSE = 1e-5
FLAGS = ("-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-pedantic", "-shared", "-fPIC")
EPOCH = datetime.datetime(1970, 1, 1)
MIDNIGHT = EPOCH.date()

compiled = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler, gcc")


def dirty_frame(seed: int, rows: int = N) -> pl.DataFrame:
    """Columns of every kind, with gaps, odd words, far numbers and dates of eight centuries."""
    random = np.random.default_rng(seed)
    start = datetime.datetime(1601, 3, 1)
    days = random.integers(0, 300_000, rows)
    minutes = random.integers(0, 1440, rows)
    when: list[Any] = [
        start + datetime.timedelta(int(d), minutes=int(m))
        for d, m in zip(days, minutes, strict=True)
    ]
    leap = [
        datetime.datetime(2000, 2, 29),
        datetime.datetime(1900, 3, 1),
        datetime.datetime(2100, 2, 28),
    ]
    when[: len(leap)] = leap
    area: list[Any] = random.uniform(20, 200, rows).tolist()
    stamp = (1e8 + random.normal(size=rows)).tolist()
    age: list[Any] = random.integers(18, 90, rows).tolist()
    town: list[Any] = random.choice(["Oslo", "Rome", 'Zü"rich?', "*/ Paris"], rows).tolist()
    for row in random.choice(rows, 30, replace=False):
        area[row] = None
    for row in random.choice(np.arange(10, rows), 20, replace=False):
        when[row], town[row] = None, None
    for row in random.choice(rows, 15, replace=False):
        age[row] = -999
    area[5], town[6] = 1e15, f"seen once {seed}"
    spans = [datetime.timedelta(seconds=int(s)) for s in random.integers(0, 90_000, rows)]
    return pl.DataFrame(
        {
            "area": area, "stamp": stamp, "town": town, "when": when, "age": pl.Series(age, dtype=pl.Float64),
            "lift": random.random(rows) < 0.5, "day": [w and w.date() for w in when], "spent": spans,
            "zip": random.choice(["02116", "10001"], rows), "output": random.normal(size=rows),
            "clock": [datetime.time(int(m) // 60, int(m) % 60) for m in minutes],
        }
    )  # fmt: skip


def trained(task: str) -> sloy.Model:
    frame = dirty_frame(0)
    signal = np.nan_to_num(frame["area"].cast(pl.Float64).to_numpy(), nan=90.0).clip(0, 300)
    signal = signal + 40 * (frame["stamp"].to_numpy() - 1e8) + 30 * frame["lift"].to_numpy()
    y: Any = signal * 10 if task == "regression" else np.where(signal > 120, "yes", "no")
    table = load_table(
        frame.with_columns(y=pl.Series(y)), "y", task=task, validation=0.0, missing=["-999"]
    )
    loss = losses.SquaredError(unit=table.deviation) if task == "regression" else None
    network = sloy.zoo.table(
        table.reader.width, table.train.classes or 1, classes=table.reader.classes, hidden=(16,),
        mean=table.mean, deviation=table.deviation,
    )  # fmt: skip
    model, _ = sloy.fit(
        network, table.train, loss=loss, preprocessing="none", epochs=8, learning_rate=0.01,
        engine="reference", verbose=False,
    )  # fmt: skip
    model.reader = table.reader
    return model


@pytest.fixture(scope="module", params=["classification", "regression"])
def model(request: pytest.FixtureRequest) -> sloy.Model:
    return trained(request.param)


def seconds(value: Any) -> float:
    """What the files want of dates, times and durations, worked out by Python's own calendar."""
    if value is None:
        return float("nan")
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, datetime.time):
        return (datetime.datetime.combine(MIDNIGHT, value) - EPOCH).total_seconds()
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, datetime.time())
    return (value - EPOCH).total_seconds()


TEMPORAL = ("when", "day", "spent", "clock")
WORDS = ("town", "lift", "zip")


def numbers(frame: pl.DataFrame, name: str) -> np.ndarray:
    if name in TEMPORAL:
        return np.array([seconds(value) for value in frame[name].to_list()])
    return frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def words(frame: pl.DataFrame, name: str) -> list[str]:
    return ["" if value is None else str(value) for value in frame[name].to_list()]


@pytest.mark.filterwarnings("ignore:column")
def test_onnx_takes_raw_columns(model: sloy.Model, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    path = tmp_path / "t.onnx"
    model.export(path)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    said = json.loads(session.get_modelmeta().custom_metadata_map["columns"])
    assert [each["column"] for each in said] == list(model.reader.names)  # type: ignore[union-attr]
    assert [i.name for i in session.get_inputs()] == [each["input"] for each in said]
    assert {i.name: i.type for i in session.get_inputs()} == {
        each["input"]: f"tensor({each['type']})" for each in said
    }
    names = [o.name for o in session.get_outputs()]
    for seed in (0, 1):
        frame = dirty_frame(seed)
        fed = {}
        for each in said:
            name = each["column"]
            strings = each["type"] == "string"
            values = np.array(words(frame, name), object) if strings else numbers(frame, name)
            fed[each["input"]] = values[:, None]  # (N, 1)
        found = dict(zip(names, session.run(None, fed), strict=True))
        expected = model.predict_proba(frame)
        answer = found["probabilities" if "probabilities" in found else "output"]
        assert np.abs(answer - expected).max() <= CLOSE * max(1.0, np.abs(expected).max())
    assert expected.std() > 0.05 * np.abs(expected).max()
    with pytest.raises(NotAvailable, match="preparation of a table's columns"):
        sloy.Model.from_onnx(path)


@compiled
@pytest.mark.filterwarnings("ignore:column")
@pytest.mark.parametrize("suffix", [".c", ".h"])
def test_c_takes_raw_columns(model: sloy.Model, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"t{suffix}"
    model.export(path)
    source = path
    if suffix == ".h":
        source = tmp_path / "use.c"
        source.write_text('#define T_IMPLEMENTATION\n#include "t.h"\n')
    library = tmp_path / "t.so"
    done = subprocess.run(
        ["gcc", *FLAGS, "-o", library, source, "-lm"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = ctypes.CDLL(str(library))
    reader: Any = model.reader
    names = reader.names
    for place, name in enumerate(names):
        assert (ctypes.c_char_p * len(names)).in_dll(loaded, "t_columns")[place] == name.encode()
    loaded.t_time.restype = ctypes.c_double
    for when in (
        EPOCH,
        datetime.datetime(1600, 2, 29, 23, 59),
        datetime.datetime(2400, 12, 31, 1, 5),
    ):
        given = (when.year, when.month, when.day, when.hour, when.minute)
        assert loaded.t_time(*given) == (when - EPOCH).total_seconds()
    outputs = model.network.output_shape[0]
    for seed in (0, 1):
        frame = dirty_frame(seed)
        x = np.empty((N, len(names)))
        for place, name in enumerate(names):
            if name in WORDS:
                codes = [loaded.t_code(place, w.encode() or None) for w in words(frame, name)]
                x[:, place] = codes
            else:
                x[:, place] = numbers(frame, name)
        y = np.full((N, outputs), np.nan, np.float32)
        for row, result in zip(x, y, strict=True):
            loaded.t_predict(
                row.ctypes.data_as(ctypes.c_void_p), result.ctypes.data_as(ctypes.c_void_p)
            )
        expected = model.predict_proba(frame)
        assert np.abs(y - expected).max() <= CLOSE * max(1.0, np.abs(expected).max())
        assert {loaded.t_wrong(row.ctypes.data_as(ctypes.c_void_p)) for row in x} == {-1}
    for place, name in enumerate(names):
        bad = (
            (0.5, -2.0, 1e9)
            if name in WORDS
            else (np.inf, -np.inf)
            if name in ("when", "day", "clock")
            else ()
        )
        for value in bad:
            row = x[0].copy()
            row[place] = value
            assert loaded.t_wrong(row.ctypes.data_as(ctypes.c_void_p)) == place, name
    assert loaded.t_code(99, b"Oslo") == loaded.t_code(names.index("area"), b"Oslo") == -2
    town = names.index("town")
    for mark in AROUND:
        for word in ("Oslo", "", "elsewhere"):
            around = f"{mark} {word}{mark}{mark}".encode()
            assert loaded.t_code(town, around) == loaded.t_code(town, word.encode())
    assert loaded.t_code(names.index("lift"), b"True") == loaded.t_code(
        names.index("lift"), b"true"
    )


@pytest.mark.parametrize("offset", [1e8, 1.7e9])
def test_numbers_far_from_0_are_taken_in_double_precision(offset: float, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    random = np.random.default_rng(5)
    x = offset + random.normal(size=(N, 3)) * [1, 2, 3]
    y = (x[:, 0] > offset).astype(int)
    network = sloy.Network((3,), [sloy.layers.Dense(8), sloy.layers.ReLU(), sloy.layers.Dense(2)])
    model, _ = sloy.fit(
        network, (x, y), preprocessing="standardize", epochs=20, learning_rate=0.05, verbose=False
    )
    assert model.evaluate((x, y))["accuracy"] > 0.95
    model.export(tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].type == "tensor(double)"
    (found,) = session.run(["probabilities"], {"input": x})
    assert np.abs(found - model.predict_proba(x)).max() < CLOSE
    near, _ = sloy.fit(
        network, (x - offset, y), preprocessing="standardize", epochs=1, verbose=False
    )
    near.export(tmp_path / "n.onnx")
    plain = runtime.InferenceSession(tmp_path / "n.onnx", providers=["CPUExecutionProvider"])
    assert plain.get_inputs()[0].type == "tensor(float)"
    if shutil.which("gcc") is not None:
        model.export(tmp_path / "m.c")
        library = tmp_path / "m.so"
        subprocess.run(["gcc", *FLAGS, "-o", library, tmp_path / "m.c", "-lm"], check=True)
        loaded = ctypes.CDLL(str(library))
        for value, wrong in ((0.0, -1), (np.nan, 1), (np.inf, 1)):
            given = np.array([0.0, value, 0.0])
            assert loaded.m_wrong(given.ctypes.data_as(ctypes.c_void_p)) == wrong
        for row, expected in zip(x[:50], model.predict_proba(x[:50]), strict=True):
            result = np.empty(2, np.float32)
            loaded.m_predict(
                row.ctypes.data_as(ctypes.c_void_p), result.ctypes.data_as(ctypes.c_void_p)
            )
            assert np.abs(result - expected).max() < CLOSE
