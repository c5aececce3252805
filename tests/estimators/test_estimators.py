"""`Classifier` and `Regressor`: what they learn, from what, and how they go on."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import scipy.special
import sklearn
import sklearn.metrics
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sloy
from sloy import ops
from sloy.errors import InvalidArgument, NonFiniteError, ShapeError
from sloy.layers import Activation, Conv2D, Dense, Flatten, MaxPool2D, ReLU, Tanh
from training_tasks import Spy, environment

X, Y = load_iris(return_X_y=True)
FAST = {"threads": 1, "epochs": 20, "learning_rate": 0.02}
SMALL = (Dense(16), Tanh())


def classifier(*rest, **arguments):
    return sloy.Classifier(*(rest or (SMALL,)), **{**FAST, **arguments})


def regressor(*rest, **arguments):
    return sloy.Regressor(*(rest or (SMALL,)), **{**FAST, **arguments})


# --- what it is given -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        np.array(["versicolor", "setosa", "virginica"]),
        np.array([-1, 7, 3]),
        np.array([2.0, 1.0, 0.0]),
        np.array(["b", "a", "ä"], object),
    ],
    ids=["text", "integers", "floats", "objects"],
)
def test_labels_of_any_type(names):
    net = classifier().fit(X, names[Y])
    assert net.classes_.tolist() == sorted(names.tolist())
    assert net.classes_.dtype == names.dtype
    assert (net.predict(X) == names[Y]).mean() > 0.95
    chances = net.predict_proba(X)
    assert (net.classes_[chances.argmax(1)] == net.predict(X)).all()
    np.testing.assert_allclose(chances.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.exp(net.predict_log_proba(X)), chances, rtol=1e-5)


def test_two_classes_have_one_output_and_one_score():
    labels = np.where(Y == 2, "yes", "no")
    net = classifier().fit(X, labels)
    scores = net.decision_function(X)
    assert net.model_.network.output_shape == (1,)
    assert ((scores > 0) == (net.predict(X) == "yes")).all()
    expected = 1 / (1 + np.exp(-scores.astype(np.float64)))
    np.testing.assert_allclose(net.predict_proba(X)[:, 1], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "hinge", None])
def test_other_losses_of_two_classes(loss):
    net = classifier(loss=loss).fit(X, Y == 0)
    assert net.model_.network.output_shape == ((2,) if loss == "categorical_crossentropy" else (1,))
    assert net.decision_function(X).shape == (150,)
    assert net.score(X, Y == 0) == 1.0
    assert hasattr(net, "predict_proba") == (loss != "hinge")


def test_several_labels_at_once():
    x, y = make_multilabel_classification(300, n_classes=4, random_state=0)
    net = classifier(epochs=60).fit(x, y)
    assert net.predict(x).shape == net.predict_proba(x).shape == (300, 4)
    assert set(np.unique(net.predict(x))) == {0, 1}
    assert (net.predict(x) == y).mean() > 0.9
    assert ((net.decision_function(x) > 0) == net.predict(x)).all()
    sparse = classifier(epochs=60).fit(x, scipy.sparse.csr_matrix(y))
    assert (sparse.predict(x) == net.predict(x)).all()


def test_one_number_and_several():
    x, y = load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()
    one = regressor(epochs=50).fit(x, y)
    assert one.predict(x).shape == (442,)
    assert one.score(x, y) > 0.45
    both = regressor(epochs=50).fit(x, np.stack([y, -2 * y], 1))
    assert both.predict(x).shape == (442, 2)
    assert both.score(x, np.stack([y, -2 * y], 1)) > 0.45
    assert regressor(epochs=1).fit(x, y[:, None]).predict(x).shape == (442, 1)


def test_labels_of_any_library_are_the_same() -> None:
    """Arrays, lists, and series of pandas and of polars."""
    import polars as pl

    X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    words = np.where(X[:, 0] > 0, "yes", "no")
    given = (
        words,
        words.tolist(),
        pd.Series(words),
        pl.Series(words),
        pl.Series(words, dtype=pl.Categorical),
    )
    models = [
        sloy.Classifier((Dense(4), Tanh()), epochs=2, random_state=0).fit(X, y) for y in given
    ]
    for model in models:
        assert model.classes_.tolist() == ["no", "yes"]
        assert np.array_equal(model.predict_proba(X), models[0].predict_proba(X))
    numbers = [
        sloy.Regressor((Dense(4), Tanh()), epochs=2, random_state=0).fit(X, y)
        for y in (X[:, 0], pl.Series(X[:, 0]))
    ]
    assert np.array_equal(numbers[0].predict(X), numbers[1].predict(X))


def test_frames_and_sparse_rows_and_plain_lists_are_one():
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    net = classifier().fit(frame, Y)
    assert net.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert net.n_features_in_ == 4
    expected = net.predict_proba(frame)
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(frame[["b", "a", "c", "d"]])
    for other in (X.tolist(), scipy.sparse.csr_matrix(X), np.asfortranarray(X)):
        assert (classifier().fit(other, Y.tolist()).predict_proba(other) == expected).all()


def test_pictures_and_flat_rows_of_pictures():
    rows, y = load_digits(return_X_y=True)
    pictures = rows.reshape(-1, 8, 8, 1).astype(np.uint8)
    layers = (Conv2D(8, 3), ReLU(), MaxPool2D(2), Flatten())
    net = classifier(layers, epochs=5).fit(pictures, y)
    assert net.n_features_in_ == 64
    assert net.score(pictures, y) > 0.95
    assert (net.predict(pictures.reshape(-1, 64)) == net.predict(pictures)).all()
    flat = classifier(layers, epochs=5, input_shape=(8, 8, 1)).fit(rows, y)
    assert flat.score(rows, y) > 0.95
    network = sloy.Network((8, 8, 1), [*layers, Dense(10)])
    whole = classifier(network, epochs=5).fit(rows, y)
    assert (whole.predict_proba(rows) == flat.predict_proba(rows)).all()
    with pytest.raises(
        ShapeError, match=r"X has samples of shape \(7, 8, 1\), with 56 numbers each"
    ):
        net.predict(pictures[:, 1:])


def test_a_preset_and_no_hidden_layer():
    rows, y = load_digits(return_X_y=True)
    lenet = classifier("mlp", epochs=3).fit(rows, y)
    assert lenet.model_.network.layer_names == ("dense_1", "relu_1", "dense_2")
    linear = classifier((), epochs=300, batch_size=None, learning_rate=0.1).fit(X, Y)
    theirs = LogisticRegression(C=np.inf, max_iter=10_000).fit(X, Y)
    assert linear.score(X, Y) >= theirs.score(X, Y) - 0.01


# --- weights --------------------------------------------------------------------------------------


def test_class_weights_are_sample_weights():
    named = np.array(["a", "b", "c"])[Y]
    by_class = classifier(class_weight={"a": 2.0, "c": 0.5}, standardize=False).fit(X, named)
    by_sample = classifier(standardize=False).fit(
        X, named, sample_weight=np.array([2.0, 1.0, 0.5])[Y]
    )
    assert (by_class.predict_proba(X) == by_sample.predict_proba(X)).all()


def test_balanced_classes():
    rows = np.r_[0:50, 50:55]
    x, y = X[rows][:, :1], Y[rows]  # one feature, 50 against 5
    plain = classifier(()).fit(x, y)
    even = classifier((), class_weight="balanced").fit(x, y)
    assert (even.predict(x) == 1).sum() > (plain.predict(x) == 1).sum()


def test_scales_follow_the_sample_weights():
    weight = np.where(Y == 0, 0.0, 1.0)
    net = regressor(epochs=1).fit(X, X[:, 0], sample_weight=weight)
    scales = net.model_.problem.preprocessing
    np.testing.assert_allclose(scales.mean, X[Y > 0].mean(0))
    np.testing.assert_allclose(scales.deviation, X[Y > 0].std(0))


def test_what_is_held_out_has_no_part_in_the_scales():
    caught = Spy()
    net = classifier(validation_fraction=0.2, callbacks=[caught], epochs=1).fit(X, Y)
    scales, order = net.model_.problem.preprocessing, caught.runs[0].order
    np.testing.assert_allclose(order.data.x.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(order.data.x.std(0), 1, atol=1e-6)
    assert np.abs(order.validation.x.mean(0)).max() > 0.01
    assert not np.allclose(scales.mean, X.mean(0), rtol=1e-4)


# --- validation, stopping, callbacks --------------------------------------------------------------


def test_validation_data_of_ones_own_and_the_best_weights():
    net = classifier(early_stopping=True, patience=3, epochs=500, learning_rate=0.1)
    net.fit(X[::2], Y[::2], validation_data=(X[1::2], Y[1::2]))
    losses = net.history_["val_loss"]
    assert net.n_iter_ == len(losses) < 500
    assert net.best_epoch_ == 1 + int(np.argmin(losses))
    assert net.n_iter_ == net.best_epoch_ + 3
    found = net.model_.evaluate((X[1::2], Y[1::2]))["loss"]
    assert found == pytest.approx(losses.min(), rel=1e-5)


def test_patience_that_is_given_stops_early_and_needs_no_other_word():
    options = {"patience": 2, "epochs": 60, "learning_rate": 0.5}
    found, said = (
        classifier(**options, **more).fit(X, Y) for more in ({}, {"early_stopping": True})
    )
    assert found.history_["val_loss"].tolist() == said.history_["val_loss"].tolist()
    assert found.n_iter_ == found.best_epoch_ + 2 < 60
    with pytest.raises(InvalidArgument, match=r"`patience` \(=2\) is that of early stopping"):
        classifier(**options, early_stopping=False).fit(X, Y)


def test_a_held_out_share_keeps_the_classes():
    caught = Spy()
    classifier(validation_fraction=0.2, callbacks=[caught], epochs=2).fit(X, Y)
    assert np.bincount(caught.runs[0].order.validation.y).tolist() == [10, 10, 10]
    assert "val_accuracy" in caught.runs[0].history


def test_callbacks_see_every_batch():
    class Losses(sloy.Callback):
        def on_fit_begin(self, run):
            self.found = []

        def on_batch_end(self, run, batch):
            self.found.append(batch.values["loss"])

    watcher = Losses()
    classifier(callbacks=[watcher], epochs=3).fit(X, Y)
    assert len(watcher.found) == 3 * 5
    assert watcher.found[-1] < watcher.found[0]


def test_what_is_not_finite_has_a_cause():
    broken = (Dense(4), Activation(lambda z: ops.log(z)))
    with pytest.raises(
        NonFiniteError,
        match="first value that is not finite is in the output of the layer `activation_1`",
    ):
        classifier(broken).fit(X, Y)


def test_a_loss_and_an_activation_of_ones_own():
    def log_cosh(output, target):
        error = ops.absolute(output - target)
        return error + ops.softplus(-2.0 * error)

    own = regressor((Dense(16), Activation(lambda z: z * ops.sigmoid(z))), loss=log_cosh, epochs=60)
    assert own.fit(X[:, :3], X[:, 3]).score(X[:, :3], X[:, 3]) > 0.9

    def focal(output, labels):
        chances = ops.softmax(output)
        own = ops.reduce_sum(ops.where(ops.one_hot(labels, 3, output.dtype), chances, 0.0), -1)
        return -ops.square(1.0 - own) * ops.log(own + 1e-6)

    net = classifier(loss=focal).fit(X, Y)
    assert net.score(X, Y) > 0.95
    assert not hasattr(net, "predict_proba")


# --- going on -------------------------------------------------------------------------------------


def same(one, other):
    return all((one.model_.parameters[n] == v).all() for n, v in other.model_.parameters.items())


def test_partial_fit_is_fit_epoch_by_epoch():
    whole = classifier(epochs=4).fit(X, Y)
    parts = classifier(epochs=99)
    for _ in range(4):
        parts.partial_fit(X, Y, classes=[0, 1, 2])
    assert same(whole, parts)
    assert parts.history_["epoch"].tolist() == [1, 2, 3, 4]
    assert (parts.history_["loss"] == whole.history_["loss"]).all()
    thawed = pickle.loads(pickle.dumps(parts)).partial_fit(X, Y)
    assert same(thawed, parts.partial_fit(X, Y))


def test_warm_start_goes_on_with_the_optimiser():
    whole = regressor(epochs=6).fit(X[:, :3], X[:, 3])
    parts = regressor(epochs=3, warm_start=True)
    parts.fit(X[:, :3], X[:, 3]).fit(X[:, :3], X[:, 3])
    assert same(whole, parts)
    assert parts.n_iter_ == 6
    cold = regressor(epochs=3).fit(X[:, :3], X[:, 3]).fit(X[:, :3], X[:, 3])
    assert cold.n_iter_ == 3
    assert not same(cold, parts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda net: net.partial_fit(X, Y + 1), "y holds 3, which is none of the classes"),
        (
            lambda net: net.partial_fit(X, Y, classes=[0, 1]),
            "`classes` .*differ from those of the first",
        ),
        (
            lambda net: net.partial_fit(X[:, :2], Y),
            "X has 2 features, but Classifier is expecting 4",
        ),
        (lambda net: net.partial_fit(X, np.eye(3, dtype=int)[Y]), r"it was fitted with \(N,\)"),
        (
            lambda net: net.set_params(optimizer="sgd").partial_fit(X, Y),
            "is of another .*optimiser",
        ),
        (
            lambda net: classifier().partial_fit(X, Y),
            "`classes` .*must hold all labels at the first",
        ),
    ],
)
def test_what_cannot_go_on(change, message):
    net = classifier(epochs=1).fit(X, Y)
    with pytest.raises(ValueError, match=message):
        change(net)


def test_the_same_run_after_run():
    assert same(classifier().fit(X, Y), classifier().fit(X, Y))
    assert same(*(classifier(random_state=np.random.RandomState(3)).fit(X, Y) for _ in range(2)))
    assert not same(classifier().fit(X, Y), classifier(random_state=1).fit(X, Y))
    assert not same(*(classifier(random_state=None).fit(X, Y) for _ in range(2)))


# --- among scikit-learn's tools -------------------------------------------------------------------


def test_features_for_another_estimator():
    pipeline = make_pipeline(classifier(features="tanh_1"), LogisticRegression())
    assert pipeline.fit(X, Y).score(X, Y) > 0.95
    net = pipeline[0]
    names = net.get_feature_names_out()
    assert names[[0, -1]].tolist() == ["tanh_1_0", "tanh_1_15"]
    expected = net.model_.activations(X, ["tanh_1"])["tanh_1"]
    assert (net.transform(X) == expected).all()
    frame = net.set_output(transform="pandas").transform(X)
    assert frame.columns.tolist() == names.tolist()


def test_layers_frozen_and_slowed():
    start = classifier(epochs=1, learning_rate=1e-12).fit(X, Y).model_.parameters
    frozen = classifier(trainable=["dense_2/*"], rate_factors={"*/bias": 0.5}).fit(X, Y)
    assert np.allclose(frozen.model_.parameters["dense_1/weight"], start["dense_1/weight"])
    assert not np.allclose(frozen.model_.parameters["dense_2/weight"], start["dense_2/weight"])


def test_the_model_in_a_file_answers_alike(tmp_path):
    net = classifier().fit(X, np.array(["a", "b", "c"])[Y])
    net.model_.save(tmp_path / "iris.sloy")
    model = sloy.load(tmp_path / "iris.sloy", threads=1)
    assert model.class_names == ("a", "b", "c")
    assert (model.predict_proba(X) == net.predict_proba(X)).all()


def test_metadata_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        net = classifier().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        found = cross_validate(net, X, Y, cv=2, params={"sample_weight": np.ones(150)})
        assert found["test_score"].mean() > 0.9
        refusing = (
            classifier().set_fit_request(sample_weight=False).set_score_request(sample_weight=False)
        )
        with pytest.raises(TypeError, match="got unexpected argument"):
            cross_validate(refusing, X, Y, cv=2, params={"sample_weight": np.ones(150)})


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_jobs_side_by_side_share_the_cores(backend):
    """Two jobs on two cores: a thread each; alone, a large network takes all cores, a small one one."""
    import joblib

    from sloy.engines import engine

    wide = (Dense(4096), ReLU(), Dense(4096), ReLU())

    def threads_of(jobs, hidden):
        net = classifier(hidden, threads=None, epochs=1)
        with joblib.parallel_config(backend, n_jobs=jobs):
            nets = cross_validate(net, X[::10], Y[::10], cv=2, return_estimator=True)["estimator"]
        return [net.model_.engine.threads for net in nets]

    assert threads_of(1, wide) == [engine().threads] * 2
    share = max(1, joblib.cpu_count() // 2) if backend == "loky" else 1
    assert threads_of(2, wide) == [share] * 2
    assert threads_of(1, SMALL) == [1, 1]


def test_a_notebook_shows_layers_and_curve():
    net = classifier()
    assert "<svg" not in net._repr_html_()
    shown = net.fit(X, Y)._repr_html_()
    assert "sk-estimator" in shown
    assert "dense_1" in shown
    assert 'aria-label="loss by epoch"' in shown
    assert "text/html" in net._repr_mimebundle_()
    assert repr(net).startswith("Classifier(")
    inside = make_pipeline(StandardScaler(), net)._repr_html_()
    assert "Classifier" in inside


def test_no_warnings_and_silence(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cross_val_score(classifier(verbose=0), X, Y, cv=2)
    assert capfd.readouterr() == ("", "")
    classifier(verbose=1, epochs=1).fit(X, Y)
    assert capfd.readouterr().err.startswith("epoch 1/1: loss")


def test_without_scikit_learn_one_sentence():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import sloy; sloy.Network; dir(sloy)\n"
        "try: sloy.Classifier\n"
        "except sloy.errors.NotAvailable as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
    )
    assert done.stdout.strip() == (
        "sloy.Classifier and sloy.Regressor need scikit-learn: pip install 'sloy[sklearn]'."
    )


@pytest.mark.parametrize(
    ("arguments", "y", "message"),
    [
        ({"loss": "squared_error"}, Y, "`loss` .*does not fit 3 classes: it must be categorical_cross"),
        ({"loss": "binary_crossentropy"}, Y, "`loss` .*does not fit 3 classes"),
        ({"loss": "hinge"}, np.eye(3, dtype=int)[Y], "does not fit several labels at once: .*binary_cross"),
        ({"class_weight": "balanced"}, np.eye(3, dtype=int)[Y], "needs one label for each sample"),
        ({}, np.stack([Y, Y], 1), "several outputs of many classes are not supported"),
        ({}, np.zeros(150), "y holds only one class, 0.0;"),
        ({"learning_rate": sloy.schedules.Cosine(0.1), "schedule": "cosine"}, Y, "`schedule` .*given twice"),
        ({"schedule": sloy.schedules.Cosine(0.1)}, Y, r"`learning_rate` \(=0.02\) is given twice"),
        ({"schedule": "cosine", "learning_rate": None, "optimizer": sloy.SGD(sloy.schedules.Cosine(1))}, Y,
         "`schedule` is given twice"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(arguments, y, message):
    with pytest.raises(InvalidArgument, match=message):
        classifier(**arguments).fit(X, y)


def test_a_network_of_ones_own_must_fit_the_classes():
    with pytest.raises(
        ShapeError, match=r"the network has outputs of shape \(5,\); the data need \(3,\)"
    ):
        classifier(sloy.Network((4,), [Dense(5)])).fit(X, Y)
    with pytest.raises(InvalidArgument, match="is for classes; a regressor takes squared_error"):
        regressor(loss="hinge").fit(X, X[:, 0])
    with pytest.raises(ShapeError, match=r"outputs of shape \(2,\); the data need \(1,\)"):
        regressor(sloy.Network((4,), [Dense(2)])).fit(X, X[:, 0])


def test_mixed_precision_is_that_of_fit():
    model = sloy.Classifier(epochs=5, engine="reference", precision="emulated", random_state=0)
    plain = sloy.Classifier(epochs=5, engine="reference", random_state=0)
    x, y = load_iris(return_X_y=True)
    near, far = model.fit(x, y).predict_proba(x), plain.fit(x, y).predict_proba(x)
    np.testing.assert_allclose(near, far, atol=0.02)
    assert not np.array_equal(near, far)


# --- probabilities and intervals by samples that are held out -----------------------------------


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("held_out", [{}, {"early_stopping": True}, {"validation_fraction": 0.3}])
def test_probabilities_are_calibrated(classes, held_out):
    """Labels by chance beside what can be learned, and a network that learns them by heart."""
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 8))
    y = np.where(
        random.random(400) < 0.3, random.integers(0, classes, 400), (x[:, 0] > 0).astype(int)
    )
    options = {"epochs": 150, "learning_rate": 0.01, "batch_size": 16, **held_out}
    plain, net = classifier(**options).fit(x, y), classifier(calibrate=True, **options)
    assert not hasattr(plain, "calibration_")
    net.fit(x, y)
    assert net.calibration_.samples == {0.3: 120}.get(held_out.get("validation_fraction"), 40)
    assert np.array_equal(net.predict(x), net.classes_[net.predict_proba(x).argmax(1)])
    if not net.calibration_.kept:
        assert held_out == {"early_stopping": True}
        return
    fresh = random.normal(size=(2000, 8))
    truth = np.where(
        random.random(2000) < 0.3, random.integers(0, classes, 2000), (fresh[:, 0] > 0).astype(int)
    )
    raw = net.model_.activations(fresh, [net._network.layer_names[-1]])
    raw = next(iter(raw.values()))
    scaled = net.decision_function(fresh).reshape(len(fresh), -1)
    assert np.allclose(scaled, raw / net.calibration_.temperature, rtol=1e-5)
    assert sklearn.metrics.log_loss(truth, net.predict_proba(fresh)) < sklearn.metrics.log_loss(
        truth, _softened(raw, 1.0)
    )
    assert net.get_feature_names_out().tolist() == plain.get_feature_names_out().tolist()
    assert net.transform(x).shape == plain.transform(x).shape


def _softened(raw, temperature):
    raw = raw / temperature
    if raw.shape[1] == 1:
        raw = np.concatenate([0 * raw, raw], axis=1)
    return scipy.special.softmax(raw.astype(float), axis=1)


def test_calibration_goes_on_with_warm_start():
    """The temperature is no part of what is trained."""
    options = {"calibrate": True, "validation_fraction": 0.3, "epochs": 4}
    net = classifier(warm_start=True, **options).fit(X, Y).fit(X, Y)
    whole = classifier(**{**options, "epochs": 8}).fit(X, Y)
    assert net._network == whole._network
    for name, value in net.model_.parameters.items():
        assert np.array_equal(value, whole.model_.parameters[name])
    assert pickle.loads(pickle.dumps(net)).calibration_ == net.calibration_


def test_calibration_needs_probabilities():
    with pytest.raises(InvalidArgument, match=r"`calibrate` \(=True\) needs probabilities"):
        classifier(loss="hinge", calibrate=True).fit(X, Y)


@pytest.mark.parametrize("loss", [None, "absolute_error", "huber"])
@pytest.mark.parametrize("unit", [1.0, 1e5])
def test_intervals_hold_what_they_promise(loss, unit):
    """y = x + (0.3 + |x|) e, in units of the target that should not matter."""
    random = np.random.default_rng(0)
    x = random.normal(size=(3000, 2))
    y = unit * (x[:, 0] + (0.3 + abs(x[:, 0])) * random.normal(size=3000) + 7)
    net = regressor(loss=loss, intervals=0.8, validation_fraction=0.25, epochs=80)
    net.fit(x[:1500], y[:1500])
    ends = net.predict_interval(x[1500:])
    held = np.mean((ends[:, 0] <= y[1500:]) & (y[1500:] <= ends[:, 1]))
    assert held == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / 1500 + 0.16 / 375))
    assert net.predict(x).shape == (3000,)
    assert net.score(x[1500:], y[1500:]) > 0.25
    assert net.widening_.samples == 375
    widths = (ends[:, 1] - ends[:, 0]) / unit
    inner, outer = abs(x[1500:, 0]) < 0.3, abs(x[1500:, 0]) > 1.2
    assert widths[outer].mean() > 2 * widths[inner].mean()


def test_what_intervals_refuse():
    data = load_diabetes(return_X_y=True)
    with pytest.raises(InvalidArgument, match="needs one number for each sample"):
        regressor(intervals=0.9).fit(X, X[:, :2])
    with pytest.raises(
        InvalidArgument, match="needs at least 9 samples that are held out, there are 4"
    ):
        regressor(intervals=0.9).fit(X[::4], X[::4, 0])
    with pytest.raises(InvalidArgument, match="needs a fit with `intervals`"):
        regressor(epochs=1).fit(*data).predict_interval(data[0])
