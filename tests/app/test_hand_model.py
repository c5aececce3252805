"""A model of any size by hand: its parts beside the engine's own numbers, and backprop's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sloy
from sloy.app.hand_model import PARTS, Hands
from sloy.app.shelf import Shelf
from sloy.errors import InvalidArgument
from sloy.layers import AveragePool2D, Conv2D, Dense, Flatten, MaxPool2D, ReLU, Tanh
from sloy.training.gradients import gradients

PICTURES = sloy.Network(
    (28, 28, 1),
    [
        Conv2D(4, 5, stride=2), Tanh(), Conv2D(6, 3, groups=2), ReLU(), MaxPool2D(2), AveragePool2D(2), Flatten(),
        Dense(60), ReLU(), Dense(10),
    ],
)  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hand") / "digits.sloy"
    digits = sloy.data.mnist().train.take(range(300))
    model, _ = sloy.fit(PICTURES, digits, epochs=1, batch_size=30, engine="native", verbose=False)
    model.save(path)
    return path


@pytest.fixture(scope="module")
def hands(pictures: Path) -> Hands:
    return Hands(Shelf(str(pictures)))


def test_what_units_are_made_of(pictures: Path, hands: Hands) -> None:
    (one,) = (one for one in hands.models() if one["name"] == "digits.sloy")
    step = hands.step(one["id"], 5, 0.01, "en")
    model, test = sloy.load(pictures), sloy.data.mnist().test
    names = [layer["name"] for layer in step["layers"]]
    assert not step["whole"]
    assert step["samples"] == len(test)
    assert step["prediction"] == pytest.approx(model.predict_proba(test.x[5:6])[0], abs=1e-5)
    assert step["new_loss"] < step["loss"]
    own = model.activations(test.x[5:6], names)
    for k, (name, layer) in enumerate(zip(names, step["layers"], strict=True)):
        for told in layer["units"][::5]:
            unit = hands.unit(one["id"], 5, 0.01, k, told["unit"])
            total = sum(part["product"] for part in unit["parts"]) + unit["rest"]["sum"]
            if "z" in unit:
                assert total + unit["bias"][0] == pytest.approx(unit["z"], abs=1e-9), name
            if not unit["activation"]:
                assert unit["u"] == pytest.approx(own[name].flat[told["unit"]], abs=1e-4)
            if unit["outs"]:
                back = sum(part["product"] for part in unit["outs"]) + unit["outs_rest"]["sum"]
                assert back == pytest.approx(unit["error"], abs=1e-9), name
            assert len(unit["parts"]) <= PARTS
            if unit["kind"] == "maxpool":
                assert max(part["x"] for part in unit["parts"]) == unit["u"]
                assert [part["x"] for part in unit["parts"] if part["won"]] == [unit["u"]]


def test_gradients_are_those_of_training(pictures: Path, hands: Hands) -> None:
    id = hands.models()[0]["id"]
    hands.step(id, 5, 0.5, "en")
    model, test = sloy.load(pictures), sloy.data.mnist().test
    assert model.problem.preprocessing is not None
    x = model.problem.preprocessing.compute(test.x[5:6])
    own = {name: np.asarray(value) for name, value in model.parameters.items()}
    found = gradients(
        model.network, own, x, test.y[5:6], model.loss, dtype="float32", engine="native"
    )
    hands.step(id, 2, 0.5, "en")  # of another page
    last = hands.unit(id, 5, 0.5, 6, 3)
    for part in last["parts"]:
        w, slope = part["w"], found["dense_2/weight"][part["place"][0], 3]
        assert part["gradient"] == pytest.approx(slope, abs=1e-5)
        assert part["new"] == pytest.approx(w - 0.5 * slope, abs=1e-5)


def test_small_networks_are_told_whole_and_unknown_data_are_noise(tmp_path: Path) -> None:
    network = sloy.Network((3,), [Dense(4), Tanh(), Dense(2)])
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    model, _ = sloy.fit(network, (x, (x[:, 0] > 0).astype(int)), epochs=1, verbose=False)
    model.save(tmp_path / "small.sloy")
    hands = Hands(Shelf(str(tmp_path / "small.sloy")))
    id = hands.models()[0]["id"]
    step = hands.step(id, 0, 0.1, "ru")
    assert (step["whole"], step["samples"], step["classes"]) == (True, 0, ["0", "1"])
    weight = np.array(step["layers"][0]["parameters"]["weight"]["value"])
    assert weight == pytest.approx(np.asarray(model.parameters["dense_1/weight"]))
    for layer, unit in ((-1, 0), (2, 0), (0, 4), (0, -1)):
        with pytest.raises(InvalidArgument, match=r"by hand: `(layer|unit)` must be from 0 to"):
            hands.unit(id, 0, 0.1, layer, unit)
