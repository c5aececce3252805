"""`Classifier` and `Regressor` among scikit-learn's tools."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
import sklearn
import sklearn.metrics
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sloy
from estimator_tasks import SMALL, X, Y, classifier, regressor
from sloy.errors import InvalidArgument, ShapeError
from sloy.layers import Dense, ReLU
from training_tasks import environment


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
