"""`curvature` against the Hessian itself, by differentiating twice, and against central differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import sloy
from sloy.errors import InvalidArgument
from sloy.layers import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePool2D,
    GroupedDense,
    Layer,
    LeakyReLU,
    Maxout,
    MaxPool2D,
    ReLU,
    Residual,
    Tanh,
)
from sloy.problem.problem import Problem

COUNT = 11
CONVOLUTIONS = [
    Conv2D(4, 2, padding="same", use_bias=False),
    BatchNorm(),
    ReLU(),
    MaxPool2D(2),
    Conv2D(4, 2, groups=2, padding=1, stride=2),
    LeakyReLU(),
    Residual([Conv2D(4, 2, padding="same", groups=4)]),
    GlobalAveragePool2D(),
    Dense(3),
]
AVERAGES = [Conv2D(3, 2, dilation=2), ReLU(), AveragePool2D(2), GlobalAveragePool2D(), Dense(3)]
NETWORKS: dict[str, tuple[tuple[int, ...], Sequence[Layer], str]] = {
    "dense": ((4,), [Dense(5), ReLU(), Dense(3)], "categorical_crossentropy"),
    "convolutions": ((5, 5, 2), CONVOLUTIONS, "categorical_crossentropy"),
    "averages": ((6, 6, 1), AVERAGES, "categorical_crossentropy"),
    "maxout": ((4,), [Maxout(3), Dense(2)], "categorical_crossentropy"),
    "groups": ((3, 4), [GroupedDense(3), ReLU(), Flatten(), Dense(2)], "categorical_crossentropy"),
    # Weights that are changed before they multiply have no rule: each sample by itself.
    "by samples": (
        (3, 4),
        [GroupedDense(3, normalized=True), ReLU(), Flatten(), Dense(2)],
        "squared_error",
    ),
    "numbers": ((4,), [Dense(5), ReLU(), Dense(2)], "squared_error"),
    "answers": ((4,), [Dense(5), ReLU(), Dense(2)], "binary_crossentropy"),
    "coupled": ((4,), [Dense(5), ReLU(), Dense(1)], "huber"),
}


def made(name: str, dtype: str = "float64") -> tuple[sloy.Model, tuple[np.ndarray, np.ndarray]]:
    """A model with weights that are not 0, and data."""
    shape, layers, loss = NETWORKS[name]
    random = np.random.default_rng(1)
    network = sloy.Network(shape, layers)
    x = random.normal(size=(COUNT, *shape)).astype(dtype)
    y: Any = random.integers(0, network.output_shape[0], COUNT)
    if loss != "categorical_crossentropy":
        y = random.random((COUNT, *network.output_shape)).astype(dtype)
    values = {
        n: np.abs(v) + 0.1 if n.endswith("variance") else v + 0.2 * random.normal(size=v.shape)
        for n, v in network.initialize(3, dtype).items()
    }
    return model_of(network, (x, y), loss, values), (x, y)


def model_of(
    network: sloy.Network,
    data: tuple[np.ndarray, Any],
    loss: str = "categorical_crossentropy",
    values: dict[str, np.ndarray] | None = None,
) -> sloy.Model:
    """The model of a network, in the dtype of the data."""
    x, y = data
    found = sloy.losses.loss(loss)
    target = found.target(np.asarray(y), network.output_shape, x.dtype.name)
    problem = Problem.of(network, found, x, target, dtype=x.dtype.name)
    values = values or network.initialize(1, x.dtype.name)
    engine = "reference" if x.dtype == np.float64 else "auto"
    return sloy.Model(problem, values, engine=engine)


@pytest.mark.parametrize("name", NETWORKS)
def test_of_straight_pieces_it_is_that_of_the_hessian(name: str) -> None:
    model, data = made(name)
    found, exact = sloy.curvature(model, data), sloy.curvature(model, data, exact=True)
    assert found.keys() == model.network.parameters.keys()
    for parameter, values in exact.items():
        assert np.abs(values).max() > 1e-3, parameter
        assert found[parameter] == pytest.approx(values, rel=1e-6, abs=1e-9), parameter


def test_exact_is_what_differences_say() -> None:
    """Of tanh, where Gauss and Newton leave something out."""
    random = np.random.default_rng(2)
    network = sloy.Network((3,), [Dense(4), Tanh(), Dense(2)])
    data = random.normal(size=(9, 3)), random.integers(0, 2, 9)
    model = model_of(network, data)
    exact, h = sloy.curvature(model, data, exact=True), 1e-4

    def loss() -> float:
        return model.evaluate(data)["loss"]

    for name, second in exact.items():
        weights, middle = np.asarray(model.parameters[name]), loss()
        for place in np.ndindex(weights.shape):
            kept, ends = weights[place], 0.0
            for step in (-h, h):
                weights[place] = kept + step
                ends += loss()
            weights[place] = kept
            assert (ends - 2 * middle) / h**2 == pytest.approx(second[place], abs=1e-6)
    of_pieces = sloy.curvature(model, data)
    assert all((values >= 0).all() for values in of_pieces.values())
    assert not np.allclose(of_pieces["dense_1/weight"], exact["dense_1/weight"], rtol=0.05)


def test_the_native_engine_gives_the_same() -> None:
    model, data = made("convolutions")
    single = data[0].astype(np.float32), data[1]
    values32 = {name: np.asarray(v, np.float32) for name, v in model.parameters.items()}
    other = model_of(model.network, single, values=values32)
    expected = sloy.curvature(model, data)
    for name, values in sloy.curvature(other, single).items():
        assert values == pytest.approx(expected[name], rel=1e-3, abs=1e-4 * expected[name].max())


def test_random_directions_stand_for_many_outputs() -> None:
    """On average: 200 outputs and one sample's worth of directions each."""
    random = np.random.default_rng(4)
    network = sloy.Network((3,), [Dense(40)])
    data = random.normal(size=(300, 3)), random.integers(0, 40, 300)
    model = model_of(network, data)
    found = sloy.curvature(model, data)["dense_1/weight"]
    exact = sloy.curvature(model, data, exact=True)["dense_1/weight"]
    assert found.sum() == pytest.approx(exact.sum(), rel=0.05)
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.9


def test_what_it_refuses() -> None:
    network = sloy.Network((100,), [Dense(80), ReLU(), Dense(2)])
    data = np.zeros((4, 100), np.float32), np.zeros(4, int)
    model = model_of(network, data)
    with pytest.raises(InvalidArgument, match="at most 5000 weights; the network has 8242"):
        sloy.curvature(model, data, exact=True)
    with pytest.raises(InvalidArgument, match="`samples` \\(=0\\)"):
        sloy.curvature(model, data, samples=0)
