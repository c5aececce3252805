"""`Classifier` and `Regressor`: validation, stopping, callbacks, and how they go on."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import sloy
from estimator_tasks import X, Y, classifier, regressor
from sloy import ops
from sloy.errors import InvalidArgument, NonFiniteError
from sloy.layers import Activation, Dense
from training_tasks import Spy

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
