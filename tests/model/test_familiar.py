"""What samples are like to a model: distances by the formula, the limit, and what a file holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sloy
from sloy.errors import FileFormatError
from sloy.files.container import read_container, write_container
from sloy.layers import Dense, ReLU, Scale
from sloy.model import Familiar, Model, familiar_with
from training_tasks import fit


def clouds(n: int) -> sloy.Dataset:
    """Three round clouds of points."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    return sloy.Dataset(rng.normal(size=(n, 2)) + np.array([[6, 0], [-3, 5], [-3, -5]])[y], y)


@pytest.fixture(scope="module")
def trained() -> Model:
    network = sloy.Network((2,), [Dense(16), ReLU(), Dense(3)])
    model, _ = fit(network, clouds(600), epochs=10, loss="categorical_crossentropy")
    model.familiar = familiar_with(model, clouds(1500))
    return model


def test_distances_are_mahalanobis() -> None:
    rng = np.random.default_rng(1)
    means, root = rng.normal(size=(3, 5)), rng.normal(size=(5, 5))
    found = Familiar("dense_1", means.astype("f4"), (root @ root.T).astype("f4"), 2.0)
    x = rng.normal(size=(7, 5))
    spread = found.covariance.astype(float)
    inverse = np.linalg.inv(spread + 0.003 * spread.diagonal().mean() * np.eye(5))
    wanted = [
        min((d := row / np.linalg.norm(row) - mean) @ inverse @ d for mean in found.means)
        for row in x
    ]
    np.testing.assert_allclose(found.distances(x), np.array(wanted) / 2, rtol=1e-6)


def test_few_known_samples_lie_beyond_the_limit_and_strange_ones_do(trained: Model) -> None:
    known = trained.familiar
    assert known is not None
    assert known.layer == "relu_1"
    ours = known.distances(trained.activations(clouds(900).x, ["relu_1"])["relu_1"])
    assert 0 < (ours > 1).mean() < 0.06
    between = np.array([[2.0, 3.0], [-4.0, 0.0], [2.0, -3.0]])  # on the lines between two classes
    assert known.distances(trained.activations(between, ["relu_1"])["relu_1"]).min() > 1


def test_where_nothing_is_found(trained: Model) -> None:
    assert familiar_with(trained, clouds(30)) is None  # fewer than two samples for each of 16 units
    data = sloy.Dataset(clouds(60).x, clouds(60).x[:, :1])
    assert familiar_with(trained, data) is None  # numbers, no classes
    for layers in ([Dense(3)], [Dense(600), Dense(3)], [Dense(16), Dense(3), Scale()]):
        network = sloy.Network((2,), layers)
        model, _ = fit(network, clouds(60), epochs=1, loss="categorical_crossentropy")
        assert familiar_with(model, clouds(2000)) is None


def test_a_file_holds_it(trained: Model, tmp_path: Any) -> None:
    trained.save(tmp_path / "m.sloy")
    again = sloy.load(tmp_path / "m.sloy")
    assert (again.familiar.layer, again.familiar.limit) == ("relu_1", trained.familiar.limit)
    for name, array in trained.familiar.tensors().items():
        assert again.familiar.tensors()[name].tobytes() == array.tobytes()
    assert set(again.parameters) == set(trained.parameters)
    again.save(tmp_path / "again.sloy")
    assert (tmp_path / "again.sloy").read_bytes() == (tmp_path / "m.sloy").read_bytes()


def _spoilt(tensors: dict[str, np.ndarray], document: dict[str, Any], how: str) -> None:
    means, covariance = "familiar:means", "familiar:covariance"
    match how:
        case "tensors of finite":
            del tensors[means]
        case "no parameter or state|unknown|familiar:":
            del document["familiar"]
        case "the layer 'dense_2'":
            document["familiar"]["layer"] = "dense_2"
        case "the limit 0":
            document["familiar"]["limit"] = 0.0
        case r"a covariance \[16, 15\]":
            tensors[covariance] = tensors[covariance][:, :-1]
        case r"means \[3, 9\]":
            tensors[means] = tensors[means][:, :9]
        case "a covariance that is none":
            tensors[covariance] = -tensors[covariance]
        case "finite float32":
            tensors[means] = tensors[means] * np.nan


@pytest.mark.parametrize(
    "how",
    [
        "tensors of finite", "no parameter or state|unknown|familiar:", "the layer 'dense_2'", "the limit 0",
        r"a covariance \[16, 15\]", r"means \[3, 9\]", "a covariance that is none", "finite float32",
    ],
)  # fmt: skip
def test_what_a_file_may_not_hold(trained: Model, tmp_path: Any, how: str) -> None:
    trained.save(tmp_path / "m.sloy")
    tensors, document = read_container(tmp_path / "m.sloy")
    _spoilt(tensors, document, how)
    document["version"] = 2 if "familiar" in document else 1
    write_container(tmp_path / "m.sloy", tensors, document)
    with pytest.raises(FileFormatError, match=how):
        sloy.load(tmp_path / "m.sloy")
