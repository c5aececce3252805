"""sloy (слой, "layer"): neural networks from one neuron to VGG, trained fast on your machine.

Names are imported when they are first used, so that ``import sloy`` costs next to nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sloy import (
        data,
        engines,
        errors,
        graph,
        initializers,
        inspection,
        layers,
        losses,
        metrics,
        ops,
        optimizers,
        pretrained,
        regularizers,
        schedules,
        theory,
        zoo,
    )
    from sloy.augmentation import Augment
    from sloy.data import Dataset
    from sloy.estimators import Classifier as Classifier
    from sloy.estimators import Regressor as Regressor
    from sloy.model import Model, load
    from sloy.network import Network
    from sloy.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
    from sloy.preprocessing import Preprocessing
    from sloy.training.callbacks import Callback, CSVLog, EarlyStopping
    from sloy.training.checkpoint import Checkpoint
    from sloy.training.finetune import fine_tune
    from sloy.training.fit import fit
    from sloy.training.gradients import gradients
    from sloy.training.history import History
    from sloy.training.memory import memory_estimate
    from sloy.training.progress import ProgressBar

__version__ = "0.1.0"

_NAMES = {
    "Augment": "sloy.augmentation",
    "Dataset": "sloy.data",
    "gradients": "sloy.training.gradients",
    "Model": "sloy.model",
    "load": "sloy.model",
    "Network": "sloy.network",
    "SGD": "sloy.optimizers",
    "Adagrad": "sloy.optimizers",
    "Adam": "sloy.optimizers",
    "AdamW": "sloy.optimizers",
    "Optimizer": "sloy.optimizers",
    "RMSprop": "sloy.optimizers",
    "Preprocessing": "sloy.preprocessing",
    "Callback": "sloy.training.callbacks",
    "CSVLog": "sloy.training.callbacks",
    "EarlyStopping": "sloy.training.callbacks",
    "Checkpoint": "sloy.training.checkpoint",
    "fine_tune": "sloy.training.finetune",
    "fit": "sloy.training.fit",
    "History": "sloy.training.history",
    "memory_estimate": "sloy.training.memory",
    "ProgressBar": "sloy.training.progress",
}

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Augment",
    "CSVLog",
    "Callback",
    "Checkpoint",
    "Dataset",
    "EarlyStopping",
    "History",
    "Model",
    "Network",
    "Optimizer",
    "Preprocessing",
    "ProgressBar",
    "RMSprop",
    "data",
    "engines",
    "errors",
    "fine_tune",
    "fit",
    "gradients",
    "graph",
    "initializers",
    "inspection",
    "layers",
    "load",
    "losses",
    "memory_estimate",
    "metrics",
    "ops",
    "optimizers",
    "pretrained",
    "regularizers",
    "schedules",
    "theory",
    "zoo",
]


# Names that need an extra; not part of `from sloy import *`.
_EXTRAS = {"Classifier": "sloy.estimators", "Regressor": "sloy.estimators"}


def __getattr__(name: str) -> object:
    if name in _EXTRAS:
        return getattr(importlib.import_module(_EXTRAS[name]), name)
    if name not in __all__:
        raise AttributeError(f"module 'sloy' has no attribute {name!r}")
    if name not in _NAMES:
        return importlib.import_module(f"sloy.{name}")
    value = getattr(importlib.import_module(_NAMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    installed = _EXTRAS if importlib.util.find_spec("sklearn") else ()
    return sorted({*globals(), *__all__, *installed})
