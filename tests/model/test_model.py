"""`Model`: its answers and its parameters."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import sloy
from available import installed
from model_tasks import A, X, affine, trained_cnn
from sloy import losses
from sloy.errors import InvalidArgument, ShapeError
from sloy.layers import Dense, Flatten
from sloy.model import Model, default_batch
from sloy.preprocessing import Preprocessing
from sloy.problem import Network, Problem
from training_tasks import cnn, stripes

ENGINES = installed()


@pytest.fixture(scope="module")
def trained() -> Model:
    """A model of pictures of bytes, with class names."""
    return trained_cnn()


def test_regression_gives_values():
    model = affine(losses.SquaredError())
    assert (model(X) == A).all()
    assert (model.predict(X) == A).all()
    assert (model.predict_proba(X) == A).all()


def test_yes_or_no():
    model = affine(losses.BinaryCrossentropy())
    assert model.predict(X).tolist() == [1, 0, 1]
    np.testing.assert_allclose(model.predict_proba(X), 1 / (1 + np.exp(-A)), rtol=1e-6)
    two = affine(losses.BinaryCrossentropy(), outputs=2)
    assert two.predict(X).tolist() == [[1, 1], [0, 0], [1, 1]]


def test_classes():
    model = affine(losses.CategoricalCrossentropy(), 3, target_shape=(), target_dtype="int32")
    logits = A * [1, 2, 3]
    assert (model(X) == logits).all()
    assert model.predict(X).tolist() == [2, 0, 2]
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-5)


def test_evaluate_is_the_mean_over_samples():
    model = affine(losses.SquaredError())
    assert model.evaluate((X, A[:, 0])) == {"loss": 0.0}
    errors = np.array([1.0, -2.0, 3.0])
    found = model.evaluate((X, A[:, 0] + errors), batch_size=2)
    one = Problem(model.network, losses.SquaredError(), target_shape=(1,), target_dtype="float32")
    per_sample = [
        Model(one, model.parameters, engine="reference").evaluate((X[i : i + 1], A[i] + errors[i]))
        for i in range(3)
    ]
    assert found["loss"] == pytest.approx(np.mean([row["loss"] for row in per_sample]))
    assert found["loss"] == pytest.approx(np.mean(errors**2) * per_sample[0]["loss"])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 37])
@pytest.mark.parametrize("batch_size", [None, 1, 8])
def test_batches_do_not_matter(engine, count, batch_size):
    network = cnn()
    problem = Problem(network, losses.CategoricalCrossentropy(), data_dtype="uint8")
    model = Model(problem, network.initialize(1), engine=engine)
    x = stripes(count).x
    together = model(x, batch_size)
    assert together.shape == (count, 2)
    alone = np.concatenate([model(x[i : i + 1]) for i in range(count)])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("engine", ENGINES)
def test_examine_is_evaluate_and_predict_proba_at_once(engine, trained):
    model = Model(trained.problem, trained.parameters, engine=engine)
    data = stripes(37)
    figures, probabilities = model.examine(data, batch_size=8)
    assert figures == pytest.approx(model.evaluate(data), rel=1e-6)
    assert 0 < figures["loss"] < 1
    np.testing.assert_allclose(probabilities, model.predict_proba(data.x), rtol=1e-5, atol=1e-7)
    assert probabilities.shape == (37, 2)


def test_no_samples(trained):
    none = np.zeros((0, 8, 8, 1), np.uint8)
    assert trained(none).shape == (0, 2)
    assert trained.predict(none).shape == (0,)
    with pytest.raises(InvalidArgument, match="no sample"):
        trained.evaluate((none, np.zeros(0, int)))


def test_few_executables_serve_all_numbers_of_samples():
    model = affine(losses.SquaredError())
    for count in range(1, 40):
        model(np.zeros((count, 2), np.float32), batch_size=16)
    assert len(model._runners["infer", (), False]._executables) == 5  # 1, 2, 4, 8, 16


def test_large_samples_go_in_small_batches():
    assert default_batch(cnn(), "float32") == 256
    assert default_batch(sloy.Network((512, 512, 64), [Flatten()]), "float32") == 1
    assert default_batch(sloy.Network((512, 512, 8), [Flatten()]), "float32") == 8


def test_activations_of_layers(trained):
    x = stripes(5).x
    found = trained.activations(x, trained.network.layer_names[:2])
    raw, rectified = found.values()
    assert raw.shape == (5, 6, 6, 4)
    assert (rectified == np.maximum(raw, 0)).all()
    assert (raw < 0).any()
    with pytest.raises(InvalidArgument, match="no layer is named 'conv'"):
        trained.activations(x, ["conv"])


# --- parameters -----------------------------------------------------------------------------------


def test_parameters_are_seen_by_the_next_call():
    model = affine(losses.SquaredError())
    model.parameters["dense_1/bias"] = [10]
    assert (model(X) == A + 9).all()
    model.parameters["dense_1/bias"] += 1
    assert (model(X) == A + 10).all()
    model.parameters["dense_1/weight"][...] = 0
    assert (model(X) == 11).all()
    assert list(model.parameters) == ["dense_1/weight", "dense_1/bias"]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_sees_them(engine):
    network = sloy.Network((2,), [Dense(1)])
    problem = Problem(network, losses.SquaredError(), target_shape=(1,), target_dtype="float32")
    model = Model(problem, network.initialize(0), engine=engine)
    model(X)
    model.parameters["dense_1/weight"] = [[2.0], [3.0]]
    model.parameters["dense_1/bias"] = [1.0]
    np.testing.assert_allclose(model(X), A, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        (
            "dense_1/bias",
            [1.0, 2.0],
            ShapeError,
            r"`dense_1/bias` has shape \(2,\); .* needs \(1,\)",
        ),
        ("dense_1/bias", [np.nan], InvalidArgument, "not finite in float32"),
        ("dense_1/bias", [1e300], InvalidArgument, "not finite in float32"),
        ("dense_1/bias", ["a"], InvalidArgument, "must hold real numbers"),
        ("dense_1/bias", [1j], InvalidArgument, "must hold real numbers"),
        ("dense_1/bias", [[1.0], [1.0, 2.0]], InvalidArgument, "array, or lists of equal lengths"),
        ("dense_2/bias", [1.0], InvalidArgument, "^no parameter is named"),
        ("dense_2/bias", [1.0], KeyError, "no parameter is named 'dense_2/bias'"),
    ],
)
def test_a_wrong_parameter(name, value, error, message):
    model = affine(losses.SquaredError())
    with pytest.raises(error, match=message):
        model.parameters[name] = value
    assert (model(X) == A).all()
    with pytest.raises(InvalidArgument, match="cannot be removed"):
        del model.parameters["dense_1/bias"]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 3), np.float32), r"`x` has shape \(3, 3\); the network takes \(N, 2\)"),
        (np.zeros(2, np.float32), r"for a single sample write x\[None\]"),
        (np.zeros((3, 2), complex), "`x` has dtype complex128"),
        (np.array([["a", "b"]]), "`x` has dtype <U1"),
        (np.array([[0.0, np.inf]]), r"x\[0, 1\] is inf; it must be finite"),
    ],
)
def test_wrong_samples(x, message):
    with pytest.raises(InvalidArgument, match=message):
        affine(losses.SquaredError())(x)


def test_bytes_and_fractions_are_not_confused(trained):
    x = stripes(4).x
    assert (trained(x) == trained(x.astype(np.float64))).all()
    with pytest.raises(InvalidArgument, match="trained on uint8 data and scales them itself"):
        trained(x / 255)


def test_parameters_that_do_not_fit_the_network():
    network = sloy.Network((2,), [Dense(1)])
    problem = Problem(network, losses.SquaredError(), target_shape=(1,), target_dtype="float32")
    with pytest.raises(InvalidArgument, match=r"unknown \['w'\], missing \['dense_1/bias'"):
        Model(problem, {"w": np.zeros(1)})
    start = network.initialize(0)
    with pytest.raises(ShapeError, match=r"`dense_1/bias` has shape \(2,\)"):
        Model(problem, start | {"dense_1/bias": np.zeros(2)})


def test_a_model_is_copied_and_pickled():
    model = affine(losses.SquaredError())
    model(X)  # something compiled, which stays behind
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert (again(X) == A).all()
        again.parameters["dense_1/bias"] = [7.0]
        assert (model(X) == A).all()


def test_a_model_of_float64_needs_no_word_about_its_engine(tmp_path):
    network = sloy.Network((2,), [Dense(1)])
    model, _ = sloy.fit(network, (X, X[:, :1]), precision="float64", verbose=False)
    model.save(tmp_path / "m.sloy")
    again = sloy.load(tmp_path / "m.sloy")
    assert again(X).dtype == np.float64
    assert (again(X) == model(X)).all()


def test_no_samples_have_no_activations():
    model = affine(losses.SquaredError())
    assert list(model.activations(X)) == list(model.network.layer_names)
    assert {n: v.shape for n, v in model.activations(X[:0], ["dense_1"]).items()} == {
        "dense_1": (0, 1)
    }
    with pytest.raises(InvalidArgument, match=r"`layers` .*must be a list or tuple"):
        model.activations(X, "dense_1")


def test_a_prediction_that_came_before_is_looked_at_again() -> None:
    """Shapes that were seen take a shorter way; what is not finite, of another kind, or changed, does not."""
    model = Model(
        Problem(Network((3,), [Dense(2)]), losses.SquaredError(), target_shape=(2,), target_dtype="float32"),
        {"dense_1/weight": np.ones((3, 2), np.float32), "dense_1/bias": np.zeros(2, np.float32)},
    )  # fmt: skip
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    expected = np.repeat(x.sum(1, keepdims=True), 2, 1)
    for _ in range(3):
        np.testing.assert_array_equal(model(x), expected)
    first = model(x)
    model.parameters["dense_1/bias"] = [1.0, 2.0]
    np.testing.assert_array_equal(model(x), expected + np.float32([1, 2]))
    np.testing.assert_array_equal(first, expected)  # results are the caller's
    for bad in (np.nan, np.inf, -np.inf):
        spoilt = x.copy()
        spoilt[2, 1] = bad
        with pytest.raises(InvalidArgument, match=r"x\[2, 1\] is -?(nan|inf); it must be finite"):
            model(spoilt)
    for other in (x.astype(np.float64), np.asfortranarray(x), x.tolist(), x[::-1][::-1]):
        np.testing.assert_array_equal(model(other), expected + np.float32([1, 2]))
    with pytest.raises(ShapeError):
        model(x[:, :2])
    large = np.full((4, 3), np.finfo(np.float32).max, np.float32)
    large[0] = -1e-45
    assert np.isinf(model(large)[1:]).all()  # a sum may overflow, the numbers are finite


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_prepared_samples_take_the_shorter_way_too(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models with a preprocessing, of numbers and of bytes, look in full once; others each time."""
    network = Network((3,), [Dense(1)])
    problem = Problem(
        network, losses.SquaredError(), target_shape=(1,), target_dtype="float32",
        data_dtype=dtype, preprocessing=Preprocessing((1.0, 2.0, 3.0), (2.0, 4.0, 8.0)),
    )  # fmt: skip
    model = Model(problem, network.initialize(0))
    model.parameters["dense_1/weight"] = [[2.0], [4.0], [8.0]]
    x = np.arange(12, dtype=dtype).reshape(4, 3)
    expected = np.float32(x.sum(1, keepdims=True, dtype=np.int64) - 6)
    np.testing.assert_array_equal(model(x), expected)
    with monkeypatch.context() as patch:
        patch.delattr("sloy.model.model.samples")  # looks in full
        for again in (x, x.copy(), x + x.dtype.type(1)):
            extra = np.float32(3 * int(again[0, 0] - x[0, 0]))
            np.testing.assert_array_equal(model(again), expected + extra)
    other = x.astype("float32" if dtype == "uint8" else "uint8")
    for given in (other, x.astype(np.float64), x.tolist()):
        np.testing.assert_array_equal(model(given), expected)
    spoilt = x.astype(np.float32)
    spoilt[1, 2] = np.nan
    for _ in range(2):
        with pytest.raises(InvalidArgument, match=r"x\[1, 2\] is nan"):
            model(spoilt)
