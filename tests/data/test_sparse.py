"""`SparseRows` beside SciPy's, and training on them beside the dense rows."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import sloy
from available import installed
from sloy import ops
from sloy.data.dataset import Dataset
from sloy.data.sparse import Entries, SparseRows
from sloy.engines import pieces
from sloy.engines.processes import ONE
from sloy.errors import InvalidArgument
from sloy.graph import Graph, backprop
from sloy.graph.sparse import by_entries
from sloy.layers import Dense, Dropout, ReLU
from sloy.preprocessing import Preprocessing
from training_tasks import environment

scipy_sparse = pytest.importorskip("scipy.sparse")
RNG = np.random.default_rng(0)
DENSE = np.where(RNG.random((57, 40)) < 0.1, RNG.normal(size=(57, 40)), 0).astype(np.float32)
ROWS = SparseRows.of(scipy_sparse.csr_matrix(DENSE))


def test_rows_are_those_of_scipy():
    order = RNG.permutation(57)[:20]
    assert np.array_equal(ROWS[order], DENSE[order])
    assert np.array_equal(ROWS[3:9], DENSE[3:9])
    assert np.array_equal(ROWS.take(order)[:], DENSE[order])
    assert (ROWS.shape, ROWS.dtype, len(ROWS)) == ((57, 40), np.float32, 57)


@pytest.mark.parametrize("weights", [None, RNG.random(57)])
def test_moments(weights):
    mean, deviation = ROWS.moments(weights)
    dense = DENSE.astype(np.float64)
    expected = np.average(dense, 0, weights)
    np.testing.assert_allclose(mean, expected, atol=1e-7)
    squares = np.average((dense - expected) ** 2, 0, weights)
    np.testing.assert_allclose(deviation, np.sqrt(squares), atol=1e-7)


def test_a_data_set_of_them():
    data = Dataset(ROWS, np.arange(57) % 2)
    some = data.take([5, 1])
    assert isinstance(some.x, SparseRows)
    assert np.array_equal(some.x[:], DENSE[[5, 1]])
    broken = SparseRows(ROWS.starts, ROWS.places, np.full_like(ROWS.values, np.nan), 40)
    with pytest.raises(InvalidArgument, match="NaN"):
        Dataset(broken, np.arange(57) % 2)


ENGINES = [name for name in ("reference", "native") if name in installed()]


@pytest.mark.parametrize("engine", ENGINES)
def test_training_on_them_is_training_on_the_dense_rows(engine, monkeypatch):
    """Where a layer needs the rows whole, as dropout does: to the bit."""
    monkeypatch.setattr(pieces, "PIECE_BYTES", 3000)  # two steps at a time
    layers = [Dropout(0.1), Dense(8), ReLU(), Dense(2)]
    found = [trained(x, layers, engine) for x in (DENSE, ROWS)]
    assert np.array_equal(found[0][0], found[1][0])
    assert found[0][1:] == found[1][1:]


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_products_with_the_entries_are_those_with_whole_rows(engine, scaled, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_BYTES", 300)
    thin = np.pad(DENSE, ((0, 0), (0, 160)))
    thin[3] = 0
    sparse = SparseRows.of(scipy_sparse.csr_matrix(thin))
    assert sparse.is_worth_it
    mean, deviation = sparse.moments()
    scale = Preprocessing(tuple(mean.tolist()), tuple(np.maximum(deviation, 0.1).tolist()))
    layers = [Dense(8), ReLU(), Dense(2)]
    scales = scale if scaled else "none"
    whole, by_entries = (trained(x, layers, engine, scales) for x in (thin, sparse))
    for one, other in zip(whole, by_entries, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


def trained(x, layers, engine, preprocessing="none"):
    labels = (np.asarray(x[:]).sum(1) > 0).astype(int)
    network = sloy.Network((x.shape[1],), layers)
    model, history = sloy.fit(
        network, Dataset(x, labels), validation=0.2, epochs=3, batch_size=8, engine=engine,
        verbose=False, preprocessing=preprocessing,
    )  # fmt: skip
    return model(x), history["loss"].tolist(), history["val_loss"].tolist()


def test_the_graph_has_no_whole_rows():
    x, w = ops.input("x", (4, 1000)), ops.variable("w", (1000, 2))
    scaled = (x - ops.constant(np.arange(1000.0))) * 0.5
    loss = ops.reduce_sum(ops.tanh(scaled @ w))
    graph = by_entries(Graph.of({"loss": loss}, {"w": w - backprop(loss, [w])[0]}), "x", 3)
    assert {name: str(spec) for name, spec in graph.inputs.items()} == {
        "x/places": "int32[4, 3]",
        "x/values": "float32[4, 3]",
    }
    assert [node.op for node in graph.nodes].count("sparse_matmul") == 2
    for whole in (ops.tanh(x) @ w, x * x, ops.transpose(w) @ ops.transpose(x)):
        assert by_entries(Graph.of({"y": whole}), "x", 3) is None


def test_entries():
    column = Entries(ROWS, "values")
    places = Entries(ROWS, "places")
    assert (
        column.shape == places.shape == (57, 1 << (int((DENSE != 0).sum(1).max()) - 1).bit_length())
    )
    rows = RNG.permutation(57)[:9]
    found = np.zeros((9, 41))
    np.put_along_axis(
        found, places[rows].astype(int), column[rows], 1
    )  # place -1 is the column behind
    assert np.array_equal(found[:, :40], DENSE[rows])
    with pytest.raises(InvalidArgument, match="`places` are from 0 to 9; the columns are 0 to 8"):
        Entries(SparseRows(np.array([0, 2]), np.array([0, 9]), np.ones(2), 9), "places")


def test_poll_sees_all_steps_and_ends_the_run(monkeypatch):
    from sloy.engines.base import BatchRun

    monkeypatch.setattr(pieces, "PIECE_BYTES", 1)
    seen = []

    class Counting:
        processes = ONE

        def run_batches(self, executables, columns, order, batch_size, inputs, poll):
            assert isinstance(columns["x"], np.ndarray)
            poll(1, {"loss": inputs["rate"]})
            stopped = len(seen) == 3
            return BatchRun("interrupted" if stopped else "done", 1, {"loss": inputs["rate"]}, 0.0)

    def poll(steps, outputs):
        seen.append((steps, outputs["loss"].tolist()))

    rates = {"rate": np.arange(8.0)}
    run = pieces.run_in_pieces(Counting(), {}, {"x": ROWS}, np.arange(57), 8, rates, poll)
    assert seen == [(1, [0.0]), (2, [0.0, 1.0]), (3, [0.0, 1.0, 2.0])]
    assert (run.status, run.steps, run.outputs["loss"].tolist()) == (
        "interrupted",
        3,
        [0.0, 1.0, 2.0],
    )


CODE = """
import resource, numpy as np, scipy.sparse, sloy
rng = np.random.default_rng(0)
n, d = 3000, 40_000
places = (np.repeat(np.arange(n), 40), rng.integers(0, d, 40 * n))
x = scipy.sparse.csr_matrix((rng.random(40 * n, np.float32), places), shape=(n, d))
layers = (sloy.layers.Dense(16), sloy.layers.ReLU())
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sloy.Classifier(layers, epochs=1, threads=1, batch_size=64).fit(x[:, :100], np.arange(n) % 2)
before = peak()
net = sloy.Classifier(layers, epochs=1, threads=1, batch_size=64).fit(x, np.arange(n) % 2)
net.predict(x)
print((peak() - before) / 1024)
"""


@pytest.mark.skipif("native" not in installed(), reason="the memory of the native engine")
def test_memory_is_far_below_that_of_the_dense_rows():
    """458 MiB dense (float32); batches of 256 rows to predict would be 39 MiB."""
    pytest.importorskip("sklearn")
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True,
        env={**environment(), "OMP_NUM_THREADS": "1"} | {k: v for k, v in os.environ.items() if k == "PATH"},
    )  # fmt: skip
    assert float(done.stdout) < 100
