"""The mapping before the first layer: in the graph and in NumPy, by channel."""

from __future__ import annotations

import numpy as np
import pytest

from sloy import ops
from sloy.engines import ReferenceEngine
from sloy.errors import FileFormatError, InvalidArgument, ShapeError
from sloy.graph import Graph
from sloy.preprocessing import Preprocessing, choose, standardize

RNG = np.random.default_rng(2)
BYTES = RNG.integers(0, 256, (6, 4, 5, 3), np.uint8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("x", [BYTES, BYTES.astype(np.float32), BYTES.astype(np.float64)])
@pytest.mark.parametrize(
    "mapping",
    [
        Preprocessing(),
        Preprocessing(deviation=(255.0,)),
        Preprocessing((10.0,), (2.0,)),
        Preprocessing((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)),
        Preprocessing((1.0, 2.0, 3.0)),
    ],
)
def test_the_graph_computes_the_formula(mapping, x, dtype):
    tensor = mapping.apply(ops.input("x", x.shape, x.dtype.name), dtype)
    found = ReferenceEngine().compile(Graph.of({"y": tensor}), {}).run({"x": x})["y"]
    expected = (x - np.array(mapping.mean)) / np.array(mapping.deviation)
    assert found.dtype == dtype
    # Two roundings of values up to 300, and one of the reciprocal.
    np.testing.assert_allclose(found, expected, rtol=0, atol=600 * np.finfo(dtype).eps)
    np.testing.assert_allclose(mapping.compute(x), expected, rtol=1e-15)


def test_auto_scales_bytes_and_leaves_numbers():
    assert choose("auto", BYTES) == Preprocessing(deviation=(255.0,))
    assert choose("auto", BYTES.astype(np.float32)).is_identity
    assert choose(None, BYTES).is_identity
    assert choose("none", BYTES).is_identity
    assert choose("unit", BYTES.astype(np.float32)).deviation == (255.0,)


@pytest.mark.parametrize("x", [BYTES, RNG.normal(1e6, 1e-3, (500, 4))])
def test_standardize_by_channel(x):
    y = choose("standardize", x).compute(x)
    axes = tuple(range(x.ndim - 1))
    np.testing.assert_allclose(y.mean(axes), 0, atol=1e-6)
    np.testing.assert_allclose(y.std(axes), 1, rtol=1e-6)


def test_standardize_in_blocks(monkeypatch):
    whole = choose("standardize", BYTES)
    monkeypatch.setattr("sloy.preprocessing._BLOCK", 7)
    parts = choose("standardize", BYTES)
    np.testing.assert_allclose(whole.mean, parts.mean, rtol=1e-12)
    np.testing.assert_allclose(whole.deviation, parts.deviation, rtol=1e-12)


@pytest.mark.parametrize("value", [0.1, 5.0, 1e6])
def test_a_constant_channel_is_only_centred(value):
    x = np.stack([np.full(1001, value), np.arange(1001.0)], 1).astype(np.float32)
    found = choose("standardize", x)
    assert found.deviation[0] == 1.0
    assert np.abs(found.compute(x)[:, 0]).max() < 1e-9 * value


def test_configuration_comes_back():
    mapping = Preprocessing((0.1, 0.2), (1 / 3, 2.0))
    assert Preprocessing.from_config(mapping.to_config()) == mapping


@pytest.mark.parametrize(
    "config",
    [{}, [], {"mean": 0, "deviation": 1}, {"mean": [0], "deviation": [0]}, {"mean": ["x"], "deviation": [1]},
     {"mean": [], "deviation": [1]}, {"mean": [0, 1], "deviation": [1, 2, 3]}, None],
)  # fmt: skip
def test_a_bad_configuration(config):
    with pytest.raises(FileFormatError):
        Preprocessing.from_config(config)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mean": [0.0]}, "`mean` .*must be a tuple of finite numbers"),
        ({"mean": ()}, "`mean`"),
        ({"mean": (np.nan,)}, "`mean`"),
        ({"deviation": (-1.0,)}, "`deviation` .*must be above 0"),
        ({"deviation": (True,)}, "`deviation`"),
    ],
)
def test_a_bad_argument(arguments, message):
    with pytest.raises(InvalidArgument, match=message):
        Preprocessing(**arguments)


def test_channels_must_fit():
    with pytest.raises(
        ShapeError, match=r"`mean` has 2 channels; samples of shape \(4, 5, 3\) have 3"
    ):
        choose(Preprocessing((1.0, 2.0)), BYTES)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (len, "must be real numbers"),
        ([], r"of shape \(0,\) must be \(3,\)"),
        ([1.0, -1.0, 1.0], "at least 0"),
        ([0, 0, 0], "not all 0"),
    ],
)
def test_weights_of_samples_that_are_none(weights: object, said: str) -> None:
    with pytest.raises(InvalidArgument, match=f"standardize: `weights` .*{said}"):
        standardize(np.eye(3), weights)  # type: ignore[arg-type]
