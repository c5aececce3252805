"""Small estimators, and irises for them."""

from __future__ import annotations

from sklearn.datasets import load_iris

import sloy
from sloy.layers import Dense, Tanh

X, Y = load_iris(return_X_y=True)
FAST = {"threads": 1, "epochs": 20, "learning_rate": 0.02}
SMALL = (Dense(16), Tanh())


def classifier(*rest, **arguments):
    return sloy.Classifier(*(rest or (SMALL,)), **{**FAST, **arguments})


def regressor(*rest, **arguments):
    return sloy.Regressor(*(rest or (SMALL,)), **{**FAST, **arguments})
