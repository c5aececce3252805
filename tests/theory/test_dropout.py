"""Dropout seen: the masks of training, the expected output, the thinned networks drawn (L14)."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import sloy
from legible import assert_legible, texts
from sloy import theory
from sloy.errors import InvalidArgument
from sloy.language import speak
from sloy.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, ReLU, Tanh
from sloy.losses import SquaredError
from sloy.problem import Problem
from sloy.theory import dropout_masks, thinned_outputs

DENSE = sloy.Network((3,), [Dense(6), Tanh(), Dropout(0.4), Dense(2)])
CONVOLUTION = sloy.Network((5, 5, 1), [Conv2D(3, 3), ReLU(), Dropout(0.25), Flatten(), Dense(2)])


@pytest.mark.parametrize("network", [DENSE, CONVOLUTION], ids=["dense", "convolution"])
def test_the_expected_training_output_is_the_output_in_use(network: sloy.Network) -> None:
    """The mean of 40 000 thinned networks, within 5 of its standard errors."""
    parameters = network.initialize(1, "float64")
    x = np.random.default_rng(2).normal(size=network.input_shape)
    thinned = thinned_outputs(network, parameters, x, 40_000, seed=3)
    problem = Problem(
        network,
        SquaredError(),
        data_dtype="float64",
        target_shape=(2,),
        target_dtype="float64",
        dtype="float64",
    )
    in_use = sloy.Model(problem, parameters, engine="reference")(x[None])[0]
    error = thinned.std(axis=0) / np.sqrt(len(thinned))
    assert (error > 0).all()
    assert (np.abs(thinned.mean(axis=0) - in_use) < 5 * error).all()
    assert (np.abs(in_use) > 20 * error).any()  # a wrong scale would be seen


def test_the_expected_output_is_exact() -> None:
    """All 2^6 thinned networks, each with its probability, by hand: their mean is the output in use, to rounding."""
    parameters = DENSE.initialize(1, "float64")
    x = np.array([0.3, -1.0, 2.0])
    W1, b1, W2, b2 = parameters.values()
    hidden, keep = np.tanh(x @ W1 + b1), 0.6
    expected = np.zeros(2)
    outputs = []
    for mask in product((0, 1), repeat=6):
        probability = keep ** sum(mask) * (1 - keep) ** (6 - sum(mask))
        outputs.append((hidden * mask / keep) @ W2 + b2)
        expected += probability * outputs[-1]
    np.testing.assert_allclose(expected, hidden @ W2 + b2, rtol=1e-12)
    for thinned in thinned_outputs(DENSE, parameters, x, 200):  # and the library's are among them
        assert min(np.abs(np.array(outputs) - thinned).max(axis=1)) < 1e-12


def test_each_neuron_is_dropped_with_probability_p() -> None:
    masks = dropout_masks(DENSE, 800)["dropout_1"]
    assert masks.shape == (800, 6)
    assert set(np.unique(masks)) == {0, 1}
    share = masks.mean(axis=0)  # standard error 0.017
    assert (np.abs(share - 0.6) < 0.08).all()
    assert (
        np.abs(np.corrcoef(masks.T) - np.eye(6)).max() < 0.12
    )  # neurons are dropped one without the other


def test_the_masks_are_those_of_training() -> None:
    """A step of `fit` moves only the weights of the neurons that the mask keeps."""
    x, y = np.ones((1, 3)), np.ones((1, 2))
    start = DENSE.initialize(5)
    for epochs in (1, 2, 3):
        before = start if epochs == 1 else after  # noqa: F821
        model, _ = sloy.fit(
            DENSE, (x, y), epochs=epochs, batch_size=1, loss="squared_error", seed=5, verbose=False,
            optimizer=sloy.SGD(0.5), preprocessing=None,
        )  # fmt: skip
        after = {name: value.copy() for name, value in model.parameters.items()}
        moved = np.abs(after["dense_2/weight"] - before["dense_2/weight"]).max(axis=1) > 0
        assert (
            moved.tolist()
            == (dropout_masks(DENSE, 3, seed=5)["dropout_1"][epochs - 1] > 0).tolist()
        )


def test_several_layers_have_masks_of_their_own() -> None:
    network = sloy.Network((20,), [Dropout(0.5), Dense(20), Dropout(0.5), Dense(1)])
    masks = dropout_masks(network, 3)
    assert list(masks) == ["dropout_1", "dropout_2"]
    assert not np.array_equal(masks["dropout_1"], masks["dropout_2"])
    assert not np.array_equal(masks["dropout_1"][0], masks["dropout_1"][1])
    again = dropout_masks(network, 3)
    assert np.array_equal(masks["dropout_1"], again["dropout_1"])
    assert not np.array_equal(masks["dropout_1"], dropout_masks(network, 3, seed=1)["dropout_1"])


def test_the_figure() -> None:
    network = sloy.Network((4,), [Dropout(0.2), Dense(6), ReLU(), Dropout(0.5), Dense(2)])
    figure = theory.dropout_figure(network, 5)
    assert_legible(figure)
    said = texts(figure)
    masks = dropout_masks(network, 5)
    kept = [int(masks["dropout_1"][i].sum() + masks["dropout_2"][i].sum()) for i in range(5)]
    assert [f"step {i + 1}: {kept[i]} of 10 kept" in said for i in range(5)] == [True] * 5
    assert "in use: all of them" in said
    assert said.count("×") == 50 - sum(kept)
    with speak("ru"):
        russian = theory.dropout_figure(network, 3)
        assert_legible(russian)
        assert {"при применении: все", f"шаг 1: {kept[0]} из 10"} <= set(texts(russian))


def test_the_exact_mean_of_many_masks() -> None:
    """2^12 masks, in parts: linear behind the dropout, so it is the output in use."""
    network = sloy.Network((12,), [Dropout(0.3), Dense(1)])
    parameters = {"dense_1/weight": np.arange(12.0)[:, None], "dense_1/bias": np.ones(1)}
    found = theory.exact_dropout_mean(network, parameters, np.ones(12))
    np.testing.assert_allclose(found, [66 + 1], rtol=1e-12)


def test_bad_input() -> None:
    many = sloy.Network((17,), [Dropout(0.5), Dense(1)])
    with pytest.raises(InvalidArgument, match=r"17 neurons that may be dropped.*at most 16"):
        theory.exact_dropout_mean(many, many.initialize(), np.ones(17))
    with pytest.raises(InvalidArgument, match="has no Dropout layer"):
        theory.exact_dropout_mean(sloy.Network((3,), [Dense(1)]), None, np.ones(3))
    of_batches = sloy.Network((3,), [BatchNorm(), Dropout(0.5), Dense(1)])
    for function in (theory.exact_dropout_mean, thinned_outputs):
        with pytest.raises(InvalidArgument, match="running statistics"):
            function(of_batches, of_batches.initialize(), np.ones(3))
    with pytest.raises(InvalidArgument, match="has no Dropout layer"):
        dropout_masks(sloy.Network((3,), [Dense(1)]))
    with pytest.raises(InvalidArgument, match=r"`steps` \(=0\)"):
        dropout_masks(DENSE, 0)
    with pytest.raises(InvalidArgument, match=r"`x` has shape \(4,\)"):
        thinned_outputs(DENSE, DENSE.initialize(), np.ones(4))
    with pytest.raises(InvalidArgument, match=r"the figure shows dense layers"):
        theory.dropout_figure(CONVOLUTION)
    with pytest.raises(InvalidArgument, match=r"of at most 12 neurons"):
        theory.dropout_figure(sloy.Network((3,), [Dense(60), Dropout(0.5), Dense(1)]))
