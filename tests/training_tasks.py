"""Small things to train, shared by the tests of training, and by the processes that they start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import sloy
from sloy.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU
from sloy.training.run import Run


def environment() -> dict[str, str]:
    """For processes that import what this one can."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def train_process(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `train_process.py` to its end."""
    script = Path(__file__).parent / "training/train_process.py"
    return subprocess.run(
        [sys.executable, str(script), *(str(getattr(a, "value", a)) for a in arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def blobs(count: int = 90, classes: int = 3, seed: int = 5) -> sloy.Dataset:
    """Clouds of points in four dimensions, one for each class, far apart."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % classes
    centres = rng.normal(size=(classes, 4)) * 4
    return sloy.Dataset((centres[y] + rng.normal(size=(count, 4))).astype(np.float32), y)


def stripes(count: int = 60, seed: int = 5) -> sloy.Dataset:
    """Pictures of 8 × 8 bytes with a bright row (class 0) or column (class 1)."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 60, (count, 8, 8, 1), np.uint8)
    y = np.arange(count) % 2
    for picture, label, place in zip(x, y, rng.integers(0, 8, count), strict=True):
        (picture if label == 0 else picture.transpose(1, 0, 2))[place] += 190
    return sloy.Dataset(x, y, class_names=("row", "column"))


def mlp(classes: int = 3) -> sloy.Network:
    """A net with every kind of variable: parameters, running statistics, random masks."""
    return sloy.Network(
        (4,), [Dense(16), BatchNorm(), ReLU(), Dropout(0.2), Dense(classes, name="last")]
    )


def cnn() -> sloy.Network:
    """A small convolutional net for `stripes`."""
    return sloy.Network((8, 8, 1), [Conv2D(4, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(2)])


def fit(network: sloy.Network, data: Any, **arguments: Any) -> tuple[sloy.Model, sloy.History]:
    """`sloy.fit` in silence, on the reference engine unless another is named."""
    return sloy.fit(network, data, **{"verbose": False, "engine": "reference", **arguments})


def run_bytes(callback_into: list[Run]) -> dict[str, bytes]:
    """All variables of a run that a `Spy` caught."""
    return {name: value.tobytes() for name, value in callback_into[0].variables.items()}


class Spy(sloy.Callback):
    """Remembers the run, and what was called; calls a function at each epoch's end."""

    def __init__(self, at_epoch_end: Callable[[Run, dict[str, Any]], Any] | None = None) -> None:
        self.runs: list[Run] = []
        self.calls: list[str] = []
        self.progress: list[Any] = []
        self.at_epoch_end = at_epoch_end

    def on_fit_begin(self, run: Run) -> None:
        self.runs.append(run)
        self.calls.append("fit begins")

    def on_epoch_begin(self, run: Run, epoch: int) -> None:
        self.calls.append(f"epoch {epoch} begins")

    def on_progress(self, run: Run, progress: Any) -> None:
        self.progress.append(progress)

    def on_epoch_end(self, run: Run, row: dict[str, Any]) -> Any:
        self.calls.append(f"epoch {row['epoch']} ends")
        return self.at_epoch_end(run, row) if self.at_epoch_end else None

    def on_fit_end(self, run: Run) -> None:
        self.calls.append("fit ends")
