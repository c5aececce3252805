"""Every parameter: what it refuses, and what it says then; nested parameters, clones and searches."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sloy
from sloy.errors import InvalidArgument, NotAvailable, SloyError
from sloy.layers import Dense, ReLU
from sloy.text import shown

X, Y = load_iris(return_X_y=True)
X, Y = X[::5].astype(np.float32), Y[::5]  # (30, 4), three classes
NUMBERS = X[:, 0] * 2.0

WRONG_KINDS = [object(), {"a": 1}]
NO_COUNT = [0, -1, 1.5, "many", *WRONG_KINDS]
NO_FLAG = [2, "yes", *WRONG_KINDS]
NO_RATE = [-1.0, float("nan"), float("inf"), "fast", True, *WRONG_KINDS]

# Parameter → values that must be refused.
BAD = {
    "hidden": [3, "nothing", Dense(3), Dense, [3], [Dense], ["relu"], None, *WRONG_KINDS],
    "input_shape": [(3, 3), (0, 4), 4, "flat", (2.0, 2), *WRONG_KINDS],
    "table": [3, "decimal", {"digits": 1}, {"decimal": ";"}, {"numeric": "c"}, {"ignore": ["c"]}],
    "loss": ["nothing", 3, sloy.losses.Loss, *WRONG_KINDS],
    "optimizer": ["nothing", 3, None, sloy.Adam, *WRONG_KINDS],
    "learning_rate": NO_RATE,
    "schedule": ["nothing", 3, True, *WRONG_KINDS],
    "momentum": [1.0, *NO_RATE],
    "weight_decay": NO_RATE,
    "epochs": [None, *NO_COUNT],
    "batch_size": NO_COUNT,
    "validation_fraction": [0.0, 1.0, -0.1, 1.5, True, 1, "some", float("nan"), *WRONG_KINDS],
    "early_stopping": [None, *NO_FLAG],
    "patience": [None, *NO_COUNT],
    "class_weight": ["even", 3, {7: 1.0}, {0: -1.0}, {0: "much"}, [1, 2, 3]],
    "calibrate": [None, *NO_FLAG],
    "intervals": [0, 1, 1.0, -0.5, "most", float("nan"), *WRONG_KINDS],
    "augment": [3, "turn=3", ["rotation=3"], *WRONG_KINDS],
    "standardize": [None, *NO_FLAG],
    "recipe": ["quick", 3, None, *WRONG_KINDS],
    "members": NO_COUNT,
    "beta2": [-0.1, 1.0, "much", *WRONG_KINDS],
    "decay_factors": [3, {"nothing": 1.0}, {"*": "slow"}, {3: 1.0}, ["*"]],
    "rate_factors": [3, {"nothing": 1.0}, {"*": 0.0}, {"*": "slow"}, {3: 1.0}, ["*"]],
    "trainable": [3, ["nothing"], [3], {"*"}],
    "features": [3, "nothing", ["relu_1"], *WRONG_KINDS],
    "precision": ["float16", 32, None, "half", *WRONG_KINDS],
    "deterministic": ["never", 1, None, *WRONG_KINDS],
    "gradient_norms": [None, *NO_FLAG],
    "engine": ["nothing", 3, None, *WRONG_KINDS],
    "threads": [-1, 1.5, "all", 10**6, *WRONG_KINDS],
    "random_state": [-1, 1.5, "seed", 2**64, *WRONG_KINDS],
    "warm_start": [None, *NO_FLAG],
    "callbacks": [3, [3], sloy.EarlyStopping(), *WRONG_KINDS],
    "verbose": [None, -1, *NO_FLAG],
}
CASES = [
    (kind, name, value)
    for kind in (sloy.Classifier, sloy.Regressor)
    for name, values in BAD.items()
    for value in values
    if name in inspect.signature(kind).parameters
]


def test_every_parameter_is_here():
    classes = {"class_weight", "calibrate"}
    assert set(BAD) - {"intervals"} == set(sloy.Classifier().get_params(deep=False))
    assert set(BAD) - classes == set(sloy.Regressor().get_params(deep=False))


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    CASES,
    ids=[f"{k.__name__}-{n}-{i}" for i, (k, n, _) in enumerate(CASES)],
)
def test_a_bad_value_is_one_clear_error(kind, name, value):
    target = Y if kind is sloy.Classifier else NUMBERS
    net = kind(**{"epochs": 1, "engine": "reference", name: value})
    with pytest.raises(SloyError) as caught:
        net.fit(X, target)
    message = str(caught.value)
    assert isinstance(caught.value, InvalidArgument | NotAvailable)
    assert "\n" not in message
    assert f"`{name}" in message, message
    if not isinstance(value, list | tuple | dict | set) or value == {
        "a": 1
    }:  # else the item at fault is named
        assert shown(value) in message, message
    assert any(
        word in message
        for word in ("must", "there are", "fits none of", "is none of", "not there yet")
    )


def test_a_bad_value_is_found_at_fit_not_before():
    """As scikit-learn has it: neither the constructor nor set_params looks at values."""
    for kind, name, value in CASES:
        assert getattr(kind(**{name: value}), name) is value
        assert getattr(kind().set_params(**{name: value}), name) is value


def test_a_failed_fit_leaves_the_fitted_model():
    net = sloy.Classifier(epochs=1, engine="reference").fit(X, Y)
    before = net.predict_proba(X)
    with pytest.raises(InvalidArgument):
        net.set_params(epochs=0).fit(X, Y)
    assert (net.predict_proba(X) == before).all()


# --- nested parameters ----------------------------------------------------------------------------

HIDDEN = (Dense(8), ReLU(), Dense(4, weight_initializer="he_normal"))


def test_nested_parameters_are_listed_and_set():
    optimizer = sloy.SGD(0.1, momentum=0.9)
    net = sloy.Classifier(HIDDEN, optimizer=optimizer)
    deep = net.get_params()
    assert deep["hidden__0__units"] == 8
    assert deep["optimizer__momentum"] == 0.9
    assert deep["hidden__0"] is HIDDEN[0]
    net.set_params(hidden__0__units=5, hidden__2=Dense(3), optimizer__momentum=0.5)
    assert net.hidden == (Dense(5), ReLU(), Dense(3))
    assert net.optimizer == sloy.SGD(0.1, momentum=0.5)
    assert optimizer.momentum == 0.9  # others may hold it
    assert HIDDEN[0].units == 8
    network = sloy.Network((4,), [Dense(8), ReLU(), Dense(3)])
    net.set_params(hidden=network, hidden__layers__0__units=6)
    assert net.hidden.layers[0].units == 6
    assert network.layers[0].units == 8


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"optimizer__learning_rate": 0.1},
            r"`optimizer` \(='auto'\) has no .*: nothing can be set inside",
        ),
        ({"hidden__7__units": 1}, "has no parameter '7': there are 0, 1, 2"),
        (
            {"hidden__0__filters": 1},
            r"`hidden__0` \(=Dense\(8\)\) has no parameter 'filters': there are .*units",
        ),
        ({"nothing__at": 1}, "there is no parameter 'nothing'"),
        ({"hidden__0__units": 0}, r"Dense: `units` \(=0\) must be an integer of at least 1"),
    ],
)
def test_nested_parameters_that_are_not_there(given, message):
    with pytest.raises(InvalidArgument, match=message):
        sloy.Classifier(HIDDEN).set_params(**given)


def test_clones_are_equal_and_apart():
    net = sloy.Classifier(
        HIDDEN, optimizer=sloy.Adam(0.1), loss=sloy.losses.Hinge(), trainable=["*"]
    )
    copied = clone(net)
    assert copied.get_params(deep=False) == net.get_params(deep=False)
    assert copied.trainable is not net.trainable
    fitted = net.set_params(epochs=1, engine="reference").fit(X, Y)
    assert not hasattr(clone(fitted), "model_")
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.decision_function(X) == fitted.decision_function(X)).all()


def test_a_search_over_layers_and_optimisers():
    pipeline = make_pipeline(
        StandardScaler(), sloy.Classifier(HIDDEN, optimizer=sloy.Adam(), epochs=8, threads=1)
    )
    grid = {
        "classifier__hidden__0__units": [2, 16],
        "classifier__optimizer__learning_rate": [1e-5, 0.05],
    }
    search = GridSearchCV(pipeline, grid, cv=2).fit(*load_iris(return_X_y=True))
    assert search.best_params_["classifier__optimizer__learning_rate"] == 0.05
    assert search.best_score_ > 0.8
    worst = search.cv_results_["mean_test_score"].min()
    assert worst < 0.7
    best = search.best_estimator_[-1]
    assert best.model_.parameters["dense_1/weight"].shape == (4, best.hidden[0].units)
