"""Models that the tests of models and of their files share."""

from __future__ import annotations

import numpy as np

import sloy
from sloy.layers import Dense
from sloy.model import Model
from sloy.problem import Problem
from training_tasks import cnn, fit, stripes


def trained_cnn() -> Model:
    """A model of pictures of bytes, with class names."""
    return fit(cnn(), stripes(), epochs=4, batch_size=16, optimizer=sloy.Adam(0.01))[0]


def affine(loss, outputs=1, **more):
    """A model of one dense layer, a = 2 x1 + 3 x2 + 1 in each output times (1, 2, …)."""
    network = sloy.Network((2,), [Dense(outputs)])
    target = {"target_shape": (outputs,), "target_dtype": "float32"} | more
    model = Model(Problem(network, loss, **target), network.initialize(0), engine="reference")
    k = np.arange(1, outputs + 1)
    model.parameters["dense_1/weight"] = np.array([[2.0], [3.0]]) * k
    model.parameters["dense_1/bias"] = k
    return model


X = np.array([[1.0, 1.0], [-2.0, 0.0], [0.0, 0.5]], np.float32)
A = np.array([[6.0], [-3.0], [2.5]])
