"""What makes small data quick, and changes nothing: shared plans, orders drawn together, samples prepared ahead."""

from __future__ import annotations

import numpy as np
import pytest

import sloy
from available import available
from sloy import ops
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Graph
from sloy.graph.threefry import fold_in, fold_in_range, make_key, permutation, permutations
from sloy.layers import Dense
from sloy.preprocessing import Preprocessing, standardize
from sloy.schedules import Constant, Cosine, OneCycle, named
from training_tasks import blobs, fit


def test_orders_drawn_together_are_those_drawn_one_by_one():
    key = make_key(7, "shuffle")
    keys = fold_in_range(key, 5, 4)
    assert (keys == np.stack([fold_in(key, 5 + i) for i in range(4)])).all()
    together = permutations(33, keys)
    assert (together == np.stack([permutation(33, k) for k in keys])).all()
    assert len(np.unique(together, axis=0)) == 4


def test_graphs_of_one_structure_share_a_plan():
    available("native")
    from sloy.engines.native.engine import SUPPORTED
    from sloy.engines.native.plan.cache import planned

    def graph(number, name="y"):
        x, w = ops.input("x", (4, 3)), ops.variable("w", (3, 2))
        return Graph.of({name: ops.tanh(x @ w) * number})

    plan = planned(graph(2.0), (), SUPPORTED)
    assert planned(graph(2.0), (), SUPPORTED) is plan
    for other in (graph(3.0), graph(2.0, "z"), graph(-2.0)):
        assert planned(other, (), SUPPORTED) is not plan
    assert planned(graph(0.0), (), SUPPORTED) is not planned(graph(-0.0), (), SUPPORTED)


def test_samples_prepared_ahead_make_the_same_model():
    data = blobs(60)
    scales = standardize(data.x)
    ready = (scales.compute(data.x), data.y)
    same = {"epochs": 60, "precision": "float64", "optimizer": sloy.SGD(0.1)}
    network = sloy.Network((4,), [Dense(3)])
    inside, _ = fit(network, data, preprocessing=scales, **same)
    ahead, _ = fit(network, ready, preprocessing=scales, preprocessed=True, **same)
    assert ahead.problem.preprocessing == scales
    np.testing.assert_allclose(ahead(data.x), inside(data.x), rtol=1e-9)
    assert ahead.evaluate(data)["accuracy"] > 0.9


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            {"preprocessed": True},
            InvalidArgument,
            "`preprocessing` .*must be a Preprocessing where",
        ),
        ({"preprocessed": 1}, InvalidArgument, "`preprocessed` .*must be True or False"),
        (
            {"preprocessed": True, "preprocessing": Preprocessing((0.0,) * 3, (1.0,) * 3)},
            ShapeError,
            "`mean` has 3 channels",
        ),
    ],
)
def test_what_was_done_ahead_must_be_said(given, error, message):
    with pytest.raises(error, match=message):
        fit(sloy.Network((4,), [Dense(3)]), blobs(), **given)


def test_scales_of_weighted_samples_are_those_of_repeated_ones():
    rng = np.random.default_rng(0)
    x, weights = rng.normal(3, 2, (50, 4)).astype(np.float32), rng.integers(0, 4, 50)
    repeated = np.repeat(x, weights, axis=0)
    found = standardize(x, weights.astype(float))
    np.testing.assert_allclose(found.mean, repeated.mean(0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(found.deviation, repeated.std(0, dtype=np.float64), rtol=1e-12)
    pictures = x.reshape(50, 2, 2, 1)
    np.testing.assert_allclose(
        standardize(pictures, weights.astype(float)).mean, [repeated.mean(dtype=np.float64)]
    )


def test_schedules_by_name():
    assert [named(name, 0.1) for name in ("constant", "cosine", "one-cycle")] == [
        Constant(0.1), Cosine(0.1), OneCycle(0.1)
    ]  # fmt: skip
    with pytest.raises(InvalidArgument, match=r"`schedule` \(='steps'\) must be one of constant"):
        named("steps", 0.1)
    with pytest.raises(InvalidArgument, match="`schedule` is given twice"):
        named("cosine", Cosine(0.1))
