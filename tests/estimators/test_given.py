"""`Classifier` and `Regressor`: what they learn from, and what weighs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import scipy.special
from sklearn.datasets import load_diabetes, load_digits, make_multilabel_classification
from sklearn.linear_model import LogisticRegression

import sloy
from estimator_tasks import X, Y, classifier, regressor
from sloy.errors import ShapeError
from sloy.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Tanh
from training_tasks import Spy

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
