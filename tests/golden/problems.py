"""The problems of the golden files: the same networks, numbers and optimisers for sloy and for PyTorch.

Only NumPy and sloy's counter-based generator are used here, so that both sides get the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sloy.graph.threefry import make_key, uniform

STEPS = 50
SNAPSHOTS = (1, 10, 50)  # steps after which the weights are kept
BATCH = 5
SAMPLES = 20

Arrays = dict[str, np.ndarray]


def numbers(name: str, *shape: int) -> np.ndarray:
    """float64 numbers uniform in [-1, 1), a function of the name."""
    return 2.0 * uniform(make_key(2013, name), shape) - 1.0


@dataclass(frozen=True)
class Problem:
    """A network by name, with data and initial weights in sloy's layouts, float64."""

    name: str
    x: np.ndarray  # (SAMPLES, …)
    y: np.ndarray  # (SAMPLES,) int32
    sample_weight: np.ndarray  # (SAMPLES,)
    weights: Arrays

    def batch(self, step: int) -> np.ndarray:
        """Rows of a step, which start anew after all samples."""
        return (BATCH * step + np.arange(BATCH)) % SAMPLES


def mlp() -> Problem:
    """6 inputs, 8 tanh units, 3 classes; samples of different weight."""
    weights = {
        "dense_1/weight": numbers("mlp w1", 6, 8),
        "dense_1/bias": 0.1 * numbers("mlp b1", 8),
        "dense_2/weight": numbers("mlp w2", 8, 3),
        "dense_2/bias": 0.1 * numbers("mlp b2", 3),
    }
    y = np.floor(1.5 * (numbers("mlp y", SAMPLES) + 1.0)).astype(np.int32)
    importance = 1.5 + numbers("mlp importance", SAMPLES)
    return Problem("mlp", numbers("mlp x", SAMPLES, 6), y, importance, weights)


def cnn() -> Problem:
    """6 × 6 pixels of 2 channels, 3 × 3 convolution to 4 channels, max pooling, ReLU, 3 classes."""
    weights = {
        "conv2d_1/weight": 0.5 * numbers("cnn w1", 3, 3, 2, 4),  # (KH, KW, I, O)
        "conv2d_1/bias": 0.1 * numbers("cnn b1", 4),
        "dense_1/weight": 0.3 * numbers("cnn w2", 3 * 3 * 4, 3),
        "dense_1/bias": 0.1 * numbers("cnn b2", 3),
    }
    y = np.floor(1.5 * (numbers("cnn y", SAMPLES) + 1.0)).astype(np.int32)
    x = numbers("cnn x", SAMPLES, 6, 6, 2)
    return Problem("cnn", x, y, np.ones(SAMPLES), weights)


PROBLEMS = {problem.name: problem for problem in (mlp(), cnn())}


@dataclass(frozen=True)
class Descent:
    """An optimiser in sloy's and in PyTorch's words, and how PyTorch clips before it."""

    sloy: str
    sloy_arguments: dict[str, Any]
    torch: str
    torch_arguments: dict[str, Any]
    clip: dict[str, float] = field(default_factory=dict)  # clip_value, clip_norm


def _same(name: str, torch: str, clip: dict[str, float] | None = None, **arguments: Any) -> Descent:
    """An optimiser whose arguments have the same names on both sides, `lr` apart."""
    theirs = {"lr" if key == "learning_rate" else key: arguments[key] for key in arguments}
    return Descent(name, arguments | (clip or {}), torch, theirs, clip or {})


DESCENTS = {
    "sgd": _same("SGD", "SGD", learning_rate=0.1),
    "sgd_decay": _same("SGD", "SGD", learning_rate=0.1, weight_decay=0.05),
    "momentum": _same("SGD", "SGD", learning_rate=0.05, momentum=0.9),
    "nesterov": _same(
        "SGD", "SGD", learning_rate=0.05, momentum=0.9, nesterov=True, weight_decay=0.01
    ),
    "adagrad": _same("Adagrad", "Adagrad", learning_rate=0.1),
    "adagrad_decay": _same("Adagrad", "Adagrad", learning_rate=0.1, weight_decay=0.05),
    "rmsprop": _same("RMSprop", "RMSprop", learning_rate=0.01),
    "rmsprop_momentum": Descent(
        "RMSprop",
        {
            "learning_rate": 0.002,
            "rho": 0.9,
            "momentum": 0.8,
            "epsilon": 1e-6,
            "weight_decay": 0.02,
        },
        "RMSprop",
        {"lr": 0.002, "alpha": 0.9, "momentum": 0.8, "eps": 1e-6, "weight_decay": 0.02},
    ),
    "adam": _same("Adam", "Adam", learning_rate=0.01),
    "adam_decay": Descent(
        "Adam",
        {"learning_rate": 0.02, "beta1": 0.7, "beta2": 0.9, "epsilon": 1e-4, "weight_decay": 0.1},
        "Adam",
        {"lr": 0.02, "betas": (0.7, 0.9), "eps": 1e-4, "weight_decay": 0.1},
    ),
    "adamw": _same("AdamW", "AdamW", learning_rate=0.01, weight_decay=0.1),
    "clip_norm": _same(
        "SGD", "SGD", {"clip_norm": 0.5}, learning_rate=0.1, momentum=0.9, weight_decay=0.01
    ),
    "clip_value": _same("Adam", "Adam", {"clip_value": 0.02}, learning_rate=0.01),
    "clip_both": _same("SGD", "SGD", {"clip_value": 0.1, "clip_norm": 0.3}, learning_rate=0.2),
}

# Outputs and targets of the losses: ordinary numbers, then extreme logits.
OUTPUTS = np.concatenate(
    [3.0 * numbers("loss outputs", 6, 4), 1e4 * np.sign(numbers("loss extremes", 2, 4))]
)
LABELS = np.array([0, 1, 2, 3, 1, 0, 2, 3], np.int32)
VALUES = 3.0 * numbers("loss values", 8, 4)
YES = (numbers("loss yes", 8, 4) > 0).astype(np.float64)
MIXTURE = np.abs(numbers("loss mixture", 8, 4)) + 0.1
MIXTURE = MIXTURE / MIXTURE.sum(axis=1, keepdims=True)

TOTAL_STEPS = 40
# Figures of epochs with plateaus, for a rate that falls on them.
FIGURES = np.concatenate(
    [
        [1.0, 0.8, 0.81, 0.80001, 0.8, 0.79, 0.791, 0.792, 0.793, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7],
        [0.65, np.nan, 0.66, 0.67, 0.64, 0.64, 0.64, 0.64, 0.64],
    ]
)
