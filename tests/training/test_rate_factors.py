"""Learning rates per layer: `fit(..., rate_factors={pattern: factor})`."""

from __future__ import annotations

import numpy as np
import pytest

import sloy
from available import installed
from sloy.errors import InvalidArgument
from sloy.layers import Dense, Tanh
from training_tasks import blobs, fit

ENGINES = installed()


def network():
    return sloy.Network((4,), [Dense(6), Tanh(), Dense(3, name="last")])


def moved(**arguments):
    """What one full-batch step changes, by parameter, in float64."""
    start = network().initialize(3, arguments.get("precision", "float64"))
    settings = {"optimizer": sloy.SGD(0.5), "precision": "float64", **arguments}
    model, _ = fit(network(), blobs(), epochs=1, batch_size=90, parameters=start, **settings)
    return {name: np.float64(model.parameters[name]) - start[name] for name in start}


def test_a_factor_of_a_tenth_makes_a_tenth_of_the_step():
    whole, slow = moved(), moved(rate_factors={"dense_1/*": 0.1})
    for name, step in whole.items():
        expected = 0.1 * step if name.startswith("dense_1") else step
        np.testing.assert_allclose(slow[name], expected, rtol=1e-12, atol=1e-16)
        assert step.any()


def test_a_power_of_two_is_exact_to_the_bit():
    whole, slow = moved(), moved(rate_factors={"*": 0.5}, optimizer=sloy.SGD(1.0))
    assert all((whole[name] == slow[name]).all() for name in whole)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "optimizer", [sloy.SGD(0.01), sloy.SGD(0.01, 0.9), sloy.Adam(0.01), sloy.AdamW(0.01)], ids=str
)
def test_one_factor_for_all_is_another_learning_rate(engine, optimizer):
    """Three epochs of mini-batches, on every engine, decoupled weight decay included."""
    from dataclasses import replace

    faster = replace(optimizer, learning_rate=0.02)
    same = {"epochs": 3, "batch_size": 16, "engine": engine, "seed": 2, "threads": 1}
    one, _ = fit(network(), blobs(), optimizer=optimizer, rate_factors={"*": 2.0}, **same)
    other, _ = fit(network(), blobs(), optimizer=faster, **same)
    for name, value in one.parameters.items():
        np.testing.assert_allclose(value, other.parameters[name], rtol=2e-5, atol=1e-6)


def test_of_several_patterns_the_last_counts():
    whole = moved()
    found = moved(rate_factors={"*": 0.25, "last/*": 4.0, "*/bias": 2.0})
    factors = {"dense_1/weight": 0.25, "dense_1/bias": 2.0, "last/weight": 4.0, "last/bias": 2.0}
    for name, factor in factors.items():
        np.testing.assert_allclose(found[name], factor * whole[name], rtol=1e-12, atol=1e-16)


def test_frozen_layers_stay_whatever_their_factor():
    found = moved(rate_factors={"*": 3.0}, trainable=["last/*"])
    assert not found["dense_1/weight"].any()
    assert found["last/weight"].any()


def test_a_resumed_run_needs_the_same_factors(tmp_path):
    same = {"checkpoint": tmp_path / "c.sloy", "optimizer": sloy.SGD(0.1)}
    fit(network(), blobs(), epochs=1, rate_factors={"last/*": 0.1}, **same)
    with pytest.raises(InvalidArgument, match="cannot be resumed: its rate_factors"):
        fit(network(), blobs(), epochs=2, resume=True, **same)
    resumed, _ = fit(
        network(), blobs(), epochs=2, resume=True, rate_factors={"last/*": 0.1}, **same
    )
    whole, _ = fit(
        network(), blobs(), epochs=2, rate_factors={"last/*": 0.1}, optimizer=sloy.SGD(0.1)
    )
    for name, value in whole.parameters.items():
        assert (resumed.parameters[name] == value).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"conv*": 0.1}, r"`rate_factors`: 'conv\*' fits none of the parameters dense_1/weight"),
        ({"*": -1}, r"`rate_factors\['\*'\]` \(=-1\) must be a finite number at least 0"),
        ({"*": 0}, r"must be above 0; layers that are not to learn at all are left out of `train"),
        ({"*": "fast"}, r"`rate_factors\['\*'\]` \(='fast'\) must be a finite number"),
        ({3: 1.0}, r"`rate_factors` \(=3\) must be a str"),
        ([("*", 1.0)], "`rate_factors` .* must be a Mapping"),
    ],
)
def test_what_is_refused(given, message):
    with pytest.raises(InvalidArgument, match=message):
        fit(network(), blobs(), rate_factors=given)


def test_a_factor_of_the_weight_decay_changes_the_decay_alone():
    """AdamW's own decay of a weight is η λ w; biases with factor 0 have none."""
    rate, decay = 0.5, 0.25
    start = network().initialize(3, "float64")
    start = {name: value + 1.0 for name, value in start.items()}
    found = {}
    for key, factors in (("all", None), ("some", {"*/bias": 0.0, "last/weight": 0.5})):
        model, _ = fit(
            network(),
            blobs(),
            epochs=1,
            batch_size=90,
            parameters=start,
            precision="float64",
            optimizer=sloy.AdamW(rate, weight_decay=decay),
            decay_factors=factors,
        )
        found[key] = {name: np.float64(model.parameters[name]) for name in start}
    for name, value in start.items():
        spared = {"dense_1/weight": 0.0, "last/weight": 0.5}.get(name, 1.0)
        expected = found["all"][name] + spared * rate * decay * value
        np.testing.assert_allclose(found["some"][name], expected, rtol=1e-12)


def test_a_pattern_of_the_weight_decay_must_fit():
    with pytest.raises(InvalidArgument, match="`decay_factors`: 'nothing' fits none"):
        fit(network(), blobs(), decay_factors={"nothing": 0.0})
