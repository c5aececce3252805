"""The playground without its page: moments again to the bit, changes, branches, frames; scenes and numbers by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sloy
from sloy.app.designs import ACTIVATIONS, Design, Hidden, carried
from sloy.app.frames import frame
from sloy.app.hand import of_line, of_picture, picture
from sloy.app.line import POINTS, Curve, Line
from sloy.app.playground import Playground
from sloy.app.scenes import COARSE, FINE, MAKERS, PRINCIPAL, Scene, made, of_table, seen
from sloy.engines import Engine, engine
from sloy.errors import InvalidArgument
from sloy.training.state import TrainingState

SMALL = Design((Hidden(1, 4, "tanh"), Hidden(2, 3, "relu", {1: "sigmoid"})))


@pytest.fixture(scope="module")
def one() -> Engine:
    return engine("auto", 1)


@pytest.fixture
def line(one: Engine) -> Line:
    return Line(made("moons", count=100), SMALL, one)


def numbers(line: Line) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in line.model.parameters.items()}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


# --- lines ------------------------------------------------------------------------------------------


def test_a_line_learns_what_fit_learns(line: Line, one: Engine) -> None:
    """In stretches of any length: the very numbers of one call of `sloy.fit`."""
    for steps in (1, 5, 8, 7, 14):
        line.advance(steps)
    model, _ = sloy.fit(
        SMALL.network(2, 2), line.scene.part(test=False), epochs=5, batch_size=10, learning_rate=0.01,
        optimizer="adam", preprocessing="none", engine=one, verbose=False,
    )  # fmt: skip
    assert (line.step, line.epoch) == (35, 5.0)
    assert same(numbers(line), {name: np.array(v) for name, v in model.parameters.items()})


def test_any_moment_again(line: Line) -> None:
    seen_at = {}
    for step in range(1, 40):
        line.advance(1)
        seen_at[step] = numbers(line)
    for step in (39, 30, 28, 17, 7, 3):
        line.back_to(step)
        assert line.step == step
        assert same(numbers(line), seen_at[step])
    line.advance(9)
    assert same(numbers(line), seen_at[12])
    for wrong in (-1, 13):
        with pytest.raises(InvalidArgument, match="must be from 0 to 12"):
            line.back_to(wrong)


def test_another_rate_keeps_what_the_optimiser_knows(line: Line, one: Engine) -> None:
    """As a run that goes on with `state`; and back before the change the old rate goes on."""
    line.advance(14)
    before = numbers(line)
    line.change(replace(line.design, learning_rate=0.1))
    line.advance(7)
    state, data = TrainingState(), line.scene.part(test=False)
    for rate, epochs in ((0.01, 2), (0.1, 1)):
        network = SMALL.network(2, 2)
        model, _ = sloy.fit(
            network, data, epochs=epochs, batch_size=10, learning_rate=rate, optimizer="adam",
            preprocessing="none", engine=one, state=state, verbose=False,
        )  # fmt: skip
    assert same(numbers(line), {name: np.array(v) for name, v in model.parameters.items()})
    line.back_to(14)
    assert same(numbers(line), before)
    line.back_to(3)
    assert line.design.learning_rate == 0.01


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_wider_layer_answers_as_before(one: Engine, activation: str) -> None:
    design = Design((Hidden(1, 4, activation), Hidden(2, 3, activation)))
    line = Line(made("rings", count=60), design, one)
    line.advance(20)
    answers = line.model(line.scene.x)
    for units in ((6, 3), (6, 8)):
        line.change(
            replace(design, layers=tuple(Hidden(k + 1, n, activation) for k, n in enumerate(units)))
        )
        np.testing.assert_allclose(line.model(line.scene.x), answers, rtol=1e-5, atol=1e-6)
    line.advance(5)
    assert not np.allclose(line.model(line.scene.x), answers)


def test_layers_that_come_and_go() -> None:
    old, new = (Design(tuple(Hidden(k, 3, "tanh") for k in keys)) for keys in ((1, 2), (1, 7, 2)))
    weights = {n: v + 1 for n, v in old.network(2, 2).initialize(0).items()}
    drawn = new.network(2, 2).initialize(0)
    found = carried(old, weights, new, drawn)
    assert np.array_equal(found["dense_1/weight"], weights["dense_1/weight"])
    assert np.array_equal(found["dense_2/weight"], drawn["dense_2/weight"])  # the new one
    assert np.array_equal(found["dense_3/weight"], drawn["dense_3/weight"])  # behind it, drawn anew
    assert np.array_equal(found["dense_4/weight"], weights["dense_3/weight"])


def test_a_branch_goes_its_own_way(line: Line) -> None:
    line.advance(10)
    other = line.branched(1)
    assert other.epoch == line.epoch
    assert same(numbers(line), numbers(other))
    other.change(replace(other.design, learning_rate=0.5))
    other.advance(5)
    line.advance(5)
    assert not same(numbers(line), numbers(other))
    with pytest.raises(InvalidArgument, match="must be from 10"):
        other.back_to(9)
    line.back_to(2)


def test_what_is_not_finite_stops_and_can_be_left(one: Engine) -> None:
    design = Design((Hidden(1, 8, "relu"),), optimizer="sgd", learning_rate=100.0)
    line = Line(made("waves", count=60), design, one)
    line.advance(400)
    assert line.failed
    step = line.step
    line.advance(10)
    assert line.step == step
    assert all(np.isfinite(value).all() for value in numbers(line).values())
    line.back_to(0)
    assert not line.failed


def test_curves_are_thinned_and_keep_both_ends() -> None:
    curve = Curve()
    for step in range(5000):
        curve.add(step, 0.0, 0.0, 0.0, 0.0)
    steps = [row[0] for row in curve.rows]
    assert len(steps) <= POINTS + 1
    assert (steps[0], steps[-1]) == (0, 4999)
    assert steps == sorted(set(steps))
    curve.back_to(100)
    assert curve.rows[-1][0] <= 100


# --- designs and scenes ---------------------------------------------------------------------------------


def test_designs_as_the_page_tells_them() -> None:
    assert Design.of(json.loads(json.dumps(SMALL.told()))) == SMALL
    for key, value in (
        ("layers", [{"key": 1, "units": 0, "activation": "tanh"}]), ("learning_rate", 0),
        ("layers", [{"key": 1, "units": 4, "activation": "none"}]), ("dropout", 1), ("optimizer", "x"),
        ("layers", [{"key": 1, "units": 4, "activation": "relu"}] * 2), ("seed", -1), ("batch_size", 0),
        ("layers", [{"key": k, "units": 4, "activation": "relu"} for k in range(7)]), ("l1", "x"),
    ):  # fmt: skip
        with pytest.raises(InvalidArgument, match=r"design|layer"):
            Design.of({**SMALL.told(), key: value})
    assert sloy.layers.PerNeuron in [type(layer) for layer in SMALL.network(2, 2).layers]


def test_every_activation_can_be_of_a_layer_and_of_a_unit(one: Engine) -> None:
    names = tuple(ACTIVATIONS)
    design = Design((Hidden(1, len(names), "tanh", dict(enumerate(names))), Hidden(2, 2, "linear")))
    line = Line(made("clouds", count=40), design, one)
    line.advance(3)
    assert np.isfinite(line.model(line.scene.x)).all()


@pytest.mark.parametrize("name", MAKERS)
def test_scenes_by_name(name: str) -> None:
    scene, again = made(name, count=60), made(name, count=60)
    assert np.array_equal(scene.x, again.x)
    np.testing.assert_allclose(scene.x.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(scene.x.std(0), 1, atol=1e-5)
    assert scene.is_test.sum() == 18
    left, right, bottom, top = scene.window
    assert ((scene.places > [left, bottom]) & (scene.places < [right, top])).all()
    grid = scene.grid(COARSE).reshape(COARSE, COARSE, 2)
    np.testing.assert_allclose(grid[0, 0], [left, top], rtol=1e-5)
    np.testing.assert_allclose(grid[-1, -1], [right, bottom], rtol=1e-5)


def test_the_plane_of_principal_components() -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(200, 5)) @ draw.normal(size=(5, 5))
    scene = seen("x", x, draw.integers(0, 2, 200), ["a", "b"], list("abcde"), PRINCIPAL)
    values, vectors = np.linalg.eigh(np.cov(scene.x.T))
    for row, k in zip(scene.basis, (-1, -2), strict=True):
        assert abs(row @ vectors[:, k]) == pytest.approx(1, abs=1e-4)
    assert scene.places.var(0, ddof=1) == pytest.approx(values[[-1, -2]], rel=1e-4)
    two = seen("x", x[:, :2], draw.integers(0, 2, 200), ["a", "b"], list("ab"), PRINCIPAL)
    assert two.axes == ("a", "b"), "components would only turn the plane of two columns"
    columns = seen("x", x, draw.normal(size=200), [], list("abcde"), ["d", "b"])
    assert np.array_equal(columns.places, columns.x[:, [3, 1]])
    for axes in (["a"], ["a", "a"], ["a", "z"]):
        with pytest.raises(InvalidArgument, match="must be two of"):
            seen("x", x, draw.normal(size=200), [], list("abcde"), axes)


def test_the_scene_of_a_table(tmp_path: Path) -> None:
    rows = [f"{k % 7},{k % 3 * 1.5},{'xyz'[k % 3]},{['no', 'yes'][k % 2]}" for k in range(60)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a,b,word,target", *rows]))
    scene = of_table(path, "t", "target", [], ["a", "b"])
    assert scene.columns == ("a", "b", "word: x", "word: y", "word: z")
    assert scene.classes == ("no", "yes")
    spread = scene.x[:, 2:]
    assert all(len(np.unique(column)) == 2 for column in spread.T)
    assert of_table(path, "t", "a", ["b", "word"], PRINCIPAL).x.shape == (60, 4)
    with pytest.raises(InvalidArgument, match="`none` cannot be learned from"):
        of_table(path, "t", "target", ["none"], PRINCIPAL)


# --- frames --------------------------------------------------------------------------------------------


def read(given: bytes) -> tuple[dict[str, Any], memoryview]:
    length = int.from_bytes(given[:4], "little")
    return json.loads(given[4 : 4 + length]), memoryview(given)[4 + length :]


@pytest.mark.parametrize("name", ["moons", "clouds", "waves"])
def test_a_frame_is_what_the_network_gives(one: Engine, name: str) -> None:
    line = Line(made(name, count=60), SMALL, one)
    line.advance(12)
    head, rest = read(frame(line, speed=3.4))
    scene: Scene = line.scene
    assert (head["step"], head["speed"], head["line"]) == (12, 3, 0)
    grid = scene.grid(COARSE)
    found = line.model.activations(grid, ["tanh_1", "per_neuron_1"])
    units = np.concatenate([found["tanh_1"], found["per_neuron_1"]], 1)
    planes = np.frombuffer(rest[: 7 * COARSE**2], np.uint8).reshape(7, -1)
    scales = np.concatenate([layer["scales"] for layer in head["layers"]])
    np.testing.assert_allclose(
        (planes.T - 128.0) / 127 * scales, units, atol=0.006 * scales.max() + 1e-3
    )
    answer = np.frombuffer(rest[7 * COARSE**2 :][: FINE**2], np.uint8)
    probability = line.model.predict_proba(scene.grid(FINE))
    if name == "moons":
        np.testing.assert_allclose(answer / 255, probability[:, 1], atol=0.003)
    elif name == "clouds":
        assert np.array_equal(answer, probability.argmax(1))
    at = 7 * COARSE**2 + (2 if name == "clouds" else 1) * FINE**2
    at += -at % 4
    for k, (rows, columns) in enumerate(head["dense"], 1):
        weight = np.frombuffer(rest[at:], "<f4", rows * columns).reshape(rows, columns)
        assert np.array_equal(weight, line.model.parameters[f"dense_{k}/weight"])
        at += 4 * (rows + 1) * columns
    curve = np.frombuffer(rest[at:], "<f4").reshape(head["curve"], 5)
    figures = line.model.evaluate(scene.part(test=True))
    line.measure()
    assert curve[0, 0] == 0
    assert line.curve.rows[-1][3] == pytest.approx(figures["loss"])
    assert len(frame(line, speed=0, units=False)) < len(frame(line, speed=0))


def test_listeners_get_states_and_frames_and_the_thread_ends() -> None:
    playground, told = Playground(), list[Any]()
    playground.watch(told.append)
    playground.command({"do": "epoch"}).result(20)
    assert isinstance(told[0], dict)
    head, _ = read(told[-1])
    assert head["step"] == 35
    playground.command({"do": "branch"}).result(20)
    design = {
        **told[-3 if isinstance(told[-3], dict) else 0]["lines"][0]["design"],
        "optimizer": "sgd",
    }
    playground.command({"do": "design", "design": design}).result(20)
    playground.command({"do": "together", "on": True}).result(20)
    playground.command({"do": "step", "count": 5}).result(20)
    assert [line.step for line in playground.lines] == [40, 40]
    assert [line.design.optimizer for line in playground.lines] == ["adam", "sgd"]
    playground.command({"do": "select", "line": 0}).result(20)
    playground.command({"do": "rewind", "step": 3}).result(20)
    playground.command({"do": "remove", "line": 1}).result(20)
    assert [line.step for line in playground.lines] == [3]
    with pytest.raises(InvalidArgument, match="the only line stays"):
        playground.command({"do": "remove", "line": 0}).result(20)
    playground.stop()
    assert not playground._thread.is_alive()


# --- by hand ---------------------------------------------------------------------------------------------


def test_by_hand_a_dense_network(line: Line) -> None:
    """Against the same step written out in NumPy."""
    line.advance(9)
    w = {name: value.astype(np.float64) for name, value in numbers(line).items()}
    found = of_line(line, 4, 0.1, "en")
    x, label = line.scene.x[4].astype(np.float64), int(line.scene.y[4])
    z1 = x @ w["dense_1/weight"] + w["dense_1/bias"]
    u1 = np.tanh(z1)
    z2 = u1 @ w["dense_2/weight"] + w["dense_2/bias"]
    u2 = np.where([True, False, True], np.maximum(z2, 0), 1 / (1 + np.exp(-z2)))
    a = u2 @ w["dense_3/weight"] + w["dense_3/bias"]
    p = np.exp(a) / np.exp(a).sum()
    e3 = p - np.eye(2)[label]
    s2 = np.where([True, False, True], z2 > 0, u2 * (1 - u2))
    e2 = w["dense_3/weight"] @ e3
    e1 = w["dense_2/weight"] @ (e2 * s2)
    gradient = np.outer(x, e1 * (1 - u1**2))
    first, second, third = found["layers"]
    for layer, name, value in (
        (first, "z", z1), (first, "u", u1), (first, "error", e1), (second, "slope", s2),
        (second, "error", e2), (third, "u", a), (third, "error", e3),
    ):  # fmt: skip
        np.testing.assert_allclose(layer[name], value, rtol=1e-9, atol=1e-12, err_msg=name)
    weight = first["parameters"]["weight"]
    np.testing.assert_allclose(weight["gradient"], gradient, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        weight["new"], w["dense_1/weight"] - 0.1 * gradient, rtol=1e-9, atol=1e-12
    )
    assert found["loss"] == pytest.approx(-np.log(p[label]))
    assert found["new_loss"] < found["loss"]


def test_by_hand_a_picture() -> None:
    found = of_picture("cross", None, 0.1, 1, "ru")
    conv, pool = found["layers"][0], found["layers"][1]
    x, weight = picture("cross"), np.array(conv["parameters"]["weight"]["value"])
    z = [
        [(x[i : i + 3, j : j + 3, 0, None] * weight[:, :, 0]).sum((0, 1)) for j in range(6)]
        for i in range(6)
    ]
    np.testing.assert_allclose(conv["z"], z, atol=1e-12)
    u = np.maximum(z, 0)
    np.testing.assert_allclose(pool["u"], u.reshape(3, 2, 3, 2, 2).max((1, 3)), atol=1e-12)
    assert conv["title"] != of_picture("cross", None, 0.1, 1, "en")["layers"][0]["title"]
    inked = of_picture("cross", [255] * 64, 0.1, 1, "en")
    assert np.all(np.array(inked["x"]) == 1)
