"""Small problems of the lecture and of scikit-learn's data sets, each trained in a second or two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

import sloy
from sloy.graph.threefry import make_key, uniform
from sloy.layers import Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU, Sigmoid, Tanh

Samples = tuple[np.ndarray, np.ndarray]  # x (N, …), y (N,) or (N, D)


@dataclass(frozen=True)
class Problem:
    """What is learnt, by which network, and how."""

    samples: Callable[[], Samples]
    network: sloy.Network
    optimizer: sloy.optimizers.Optimizer
    epochs: int
    batch_size: int = 32
    validation: float | None = 0.25

    def figure(self, seed: int, precision: Literal["float32", "mixed", "emulated"]) -> float:
        """Accuracy, or R² of numbers, in percent: of the samples held out, or of all where none are."""
        _, history = sloy.fit(
            self.network,
            self.samples(),
            validation=self.validation,
            optimizer=self.optimizer,
            epochs=self.epochs,
            preprocessing="standardize",
            batch_size=self.batch_size,
            seed=seed,
            precision=precision,
            threads=1,
            verbose=False,
        )
        prefix = "" if self.validation is None else "val_"
        name = "accuracy" if f"{prefix}accuracy" in history.columns else "r2"
        return 100.0 * float(history[prefix + name][-1])


def _xor() -> Samples:
    return np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0])


def _three_functions() -> Samples:
    x = np.random.default_rng(0).uniform(-1, 1, (600, 2))
    return x, np.stack([x[:, 0] * x[:, 1], np.sin(3 * x[:, 0]), x[:, 1] ** 2], axis=1)  # (N, 3)


def _product_sign() -> Samples:
    random = np.random.default_rng(0)
    x = random.normal(size=(1000, 5))
    return x, (x[:, 0] * x[:, 1] + random.normal(0, 0.5, 1000) > 0).astype(int)


def _golden(name: str, *shape: int) -> Callable[[], Samples]:
    """The 20 samples of tests/golden/problems.py, whose labels are random."""

    def samples() -> Samples:
        x, y = (2.0 * uniform(make_key(2013, f"{name} {axis}"), (20, *s)) - 1.0
                for axis, s in (("x", shape), ("y", ())))  # fmt: skip
        return x, np.floor(1.5 * (y + 1.0)).astype(int)

    return samples


def _sklearn(name: str, shape: tuple[int, ...] = (-1,)) -> Callable[[], Samples]:
    def samples() -> Samples:
        from sklearn import datasets

        x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        return x.reshape(len(x), *shape), y if y.dtype.kind == "i" else y[:, None] / y.std()

    return samples


_ADAM = sloy.Adam(0.01)
_PICTURES = [
    Conv2D(16, 3, padding="same"), ReLU(), Conv2D(32, 3), ReLU(), MaxPool2D(2), Flatten(),
    Dropout(0.3), Dense(10),
]  # fmt: skip

PROBLEMS = {
    "xor": Problem(  # L9
        _xor, sloy.Network((2,), [Dense(4), Tanh(), Dense(2)]), sloy.Adam(0.1), 200, 4, None
    ),
    "golden mlp": Problem(
        _golden("mlp", 6), sloy.Network((6,), [Dense(8), Tanh(), Dense(3)]), _ADAM, 50, 5, None
    ),
    "golden cnn": Problem(
        _golden("cnn", 6, 6, 2),
        sloy.Network(
            (6, 6, 2), [Conv2D(4, 3, padding="same"), MaxPool2D(2), ReLU(), Flatten(), Dense(3)]
        ),
        _ADAM, 25, 5, None,
    ),
    "functions": Problem(  # L6
        _three_functions, sloy.Network((2,), [Dense(20), Sigmoid(), Dense(3)]), sloy.Adam(0.03), 60
    ),
    "remedies": Problem(  # L12
        _product_sign, sloy.Network((5,), [Dense(32), ReLU(), Dropout(0.2), Dense(2)]), _ADAM, 60
    ),
    "breast_cancer": Problem(
        _sklearn("breast_cancer"), sloy.Network((30,), [Dense(16), ReLU(), Dense(2)]), _ADAM, 20
    ),
    "diabetes": Problem(
        _sklearn("diabetes"), sloy.Network((10,), [Dense(16), ReLU(), Dense(1)]), _ADAM, 30
    ),
    "digits": Problem(
        _sklearn("digits", (8, 8, 1)), sloy.Network((8, 8, 1), _PICTURES), sloy.Adam(0.003), 8
    ),
}  # fmt: skip
