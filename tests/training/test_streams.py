"""Training on streams: the numbers of training in memory, within bounded memory, the same bits after a kill."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import sloy
from available import available, installed
from sloy.data.streams.rows import StreamRows
from sloy.data.streams.source import StreamSource
from sloy.engines import pieces
from sloy.errors import FileFormatError
from streams_made import as_folder, as_parquet, pictures
from training import stream_process
from training_tasks import Spy, environment, fit, run_bytes

X, Y = pictures(90)


def network():
    """For these pictures, with random masks."""
    layers = [
        sloy.layers.Flatten(),
        sloy.layers.Dense(8),
        sloy.layers.ReLU(),
        sloy.layers.Dropout(0.3),
    ]
    return sloy.Network(X.shape[1:], [*layers, sloy.layers.Dense(3)])


def trained(data, **options):
    """All variables, and the figures of the epochs."""
    spy = Spy()
    settings = {"epochs": 3, "batch_size": 8, "optimizer": sloy.Adam(0.01), "threads": 1}
    model, history = fit(network(), data, callbacks=[spy], **{**settings, **options})
    return run_bytes(spy.runs), history["loss"].tolist(), model


@pytest.mark.parametrize("engine", installed())
def test_the_bits_of_training_in_memory(engine, monkeypatch):
    """Also where reading is cut into many pieces, and with samples that become floats on the way."""
    monkeypatch.setattr(pieces, "PIECE_BYTES", 20 * X[0].nbytes)
    for x in (X, X[:, 0] / 255) if engine != "jax" else (X,):  # which takes long to compile
        layers = [sloy.layers.Flatten(), sloy.layers.Dense(3)]
        made = network() if x.ndim == 4 else sloy.Network(x.shape[1:], layers)
        runs = []
        for data in ((x, Y), sloy.data.stream(list(zip(x, Y, strict=True)))):
            spy = Spy()
            fit(made, data, epochs=3, batch_size=8, validation=0.2, preprocessing="standardize", engine=engine,
                threads=1, callbacks=[spy])  # fmt: skip
            runs.append(run_bytes(spy.runs))
        assert runs[0] == runs[1]


def test_a_model_answers_on_a_stream():
    _, _, model = trained((X, Y))
    data = sloy.data.stream(X, Y)
    assert model.evaluate(data) == model.evaluate((X, Y))
    assert (model.predict_proba(data.x) == model.predict_proba(X)).all()


class Slow(StreamSource):
    """Samples whose reading takes a while, or fails at one."""

    def __init__(self, seconds=0.0, fails_at=None):
        super().__init__(len(X), X.shape[1:], "uint8", "slow", "slow")
        self.seconds, self.fails_at, self.at = seconds, fails_at, []

    def fill(self, rows, out):
        self.at.append(time.monotonic())
        time.sleep(self.seconds)
        if self.fails_at in rows:
            raise FileFormatError(f"sample {self.fails_at} is damaged")
        out[...] = X[rows]


def slow(**options):
    source = Slow(**options)
    return sloy.Dataset(StreamRows(source), Y), source


def test_it_reads_ahead_while_the_engine_computes(monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_BYTES", 1)
    data, source = slow()
    engine, seen = available("native", 1), []
    compute = type(engine).run_batches

    def watched(self, executables, columns, *rest):
        if pieces.are_arrays(columns):
            deadline = time.monotonic() + 20  # until the two pieces that follow are being read
            while len(source.at) < min(len(seen) + 3, 12) and time.monotonic() < deadline:
                time.sleep(0.001)
            seen.append(len(source.at))
        return compute(self, executables, columns, *rest)

    monkeypatch.setattr(type(engine), "run_batches", watched)
    fit(network(), data, epochs=1, batch_size=8, engine=engine, preprocessing="unit")
    assert seen == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12, 12]


def test_what_it_waited_for_is_told(monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_BYTES", 1)
    spy = Spy()
    data, _ = slow(seconds=0.01)
    fit(network(), data, epochs=1, batch_size=8, engine=available("native", 1), callbacks=[spy])
    assert 0.05 < spy.runs[0].waited < 5


def test_reading_that_fails_ends_the_run_with_its_own_error(monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_BYTES", 1)
    data, _ = slow(fails_at=30)
    with pytest.raises(FileFormatError, match="sample 30 is damaged"):
        fit(
            network(),
            data,
            epochs=1,
            batch_size=8,
            engine=available("native", 1),
            preprocessing="unit",
        )


def test_a_run_is_stopped_while_it_waits(tmp_path, monkeypatch):
    """Ctrl-C is heard while a piece is read, and the checkpoint resumes to the same bits."""
    monkeypatch.setattr(pieces, "PIECE_BYTES", 1)

    class Interrupt(Slow):
        def fill(self, rows, out):
            super().fill(rows, out)
            if len(self.at) == 15:
                signal.raise_signal(signal.SIGINT)
                time.sleep(0.2)

    options = {
        "epochs": 2,
        "batch_size": 8,
        "engine": available("native", 1),
        "preprocessing": "unit",
    }
    whole = trained(sloy.Dataset(StreamRows(Slow()), Y), **options)
    data = sloy.Dataset(StreamRows(Interrupt()), Y)
    with pytest.raises(KeyboardInterrupt):
        trained(data, checkpoint=tmp_path / "c.sloy", **options)
    again = sloy.Dataset(StreamRows(Slow()), Y)
    assert trained(again, checkpoint=tmp_path / "c.sloy", resume=True, **options)[:2] == whole[:2]


# --- in processes of their own --------------------------------------------------------------------


# What is freed goes back at once: else malloc keeps large blocks, more or fewer by how threads take turns.
FREED = {"MALLOC_MMAP_THRESHOLD_": "65536"}


def process(*arguments):
    script = Path(__file__).parent / "stream_process.py"
    return subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        env={**environment(), **FREED, "POLARS_MAX_THREADS": "1"},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def test_killed_in_an_epoch_it_ends_with_the_same_bits(tmp_path, monkeypatch):
    engine = "native" if "native" in installed() else "reference"
    source = as_parquet(tmp_path / "a.parquet", *pictures(240))
    run = process("killed", source, tmp_path / "c.sloy", engine)
    assert run.returncode == -signal.SIGKILL, run.stderr
    monkeypatch.setattr(stream_process.parquet, "BLOCK", 600)
    seen = []
    for checkpoint in (tmp_path / "c.sloy", None):
        spy = Spy()
        given = {"checkpoint": checkpoint, "resume": True} if checkpoint else {}
        watch = [stream_process.Begins(seen), spy]
        stream_process.small(str(source), engine=engine, callbacks=watch, **given)
        seen.append(run_bytes(spy.runs))
    begin, resumed, zero, whole = seen
    assert begin[0] == 1  # within the second epoch
    assert begin[1] >= 5
    assert zero == (0, 0)
    assert resumed == whole


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Data of 160 MB: pictures of 512 × 512 once they are decoded, and a file of such as they are."""
    folder = tmp_path_factory.mktemp("large")
    for label in range(2):
        (folder / f"pictures/{label}").mkdir(parents=True)
        for number in range(100):
            picture = Image.new("RGB", (512, 512), (number, 90 * label, 40))
            picture.save(folder / f"pictures/{label}/{number}.jpg")
    head = io.BytesIO()
    Image.new("RGB", (512, 512)).save(head, "BMP")  # as large as its pixels
    rng, size = np.random.default_rng(0), 512 * 512 * 3
    files = [head.getvalue()[:-size] + rng.bytes(size) for _ in range(4)] * 50
    schema = {"image": pl.Struct({"bytes": pl.Binary}), "label": pl.Int64}
    columns = {"image": [{"bytes": file} for file in files], "label": [0, 1] * 100}
    frame = pl.DataFrame(columns, schema=schema)
    frame.write_parquet(folder / "pictures.parquet", compression="uncompressed", row_group_size=2)
    return folder


@pytest.mark.parametrize(
    ("kind", "name"), [("folder", "pictures"), ("parquet", "pictures.parquet")]
)
def test_data_larger_than_the_memory_that_is_allowed(large, kind, name):
    if kind == "parquet":
        assert (large / name).stat().st_size > 110 << 20
    whole = process("limited", "memory", large / name, 110)
    assert whole.returncode
    assert "Memory" in whole.stderr
    run = process("limited", kind, large / name, 110)
    assert run.returncode == 0, run.stderr
    epochs, held, nbytes, samples, _ = map(int, run.stdout.split())
    assert epochs == 2
    assert held < 20 << 20
    assert nbytes > 110 << 20
    assert samples >= 2 * 200


def test_folders_of_pictures_end_to_end(tmp_path):
    data = sloy.data.stream(as_folder(tmp_path, X, Y))
    direct = trained((np.stack([np.asarray(Image.open(p)) for p in data.x.source._paths]), data.y))
    assert trained(data)[:2] == direct[:2]
