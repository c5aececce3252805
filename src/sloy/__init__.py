"""sloy (слой, "layer"): neural networks from one neuron to VGG, trained fast on your machine.

Names are imported when they are first used, so that ``import sloy`` costs next to nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

from sloy.version import __version__ as __version__

if TYPE_CHECKING:
    from sloy import data as data
    from sloy import diagnosis as diagnosis
    from sloy import engines as engines
    from sloy import errors as errors
    from sloy import experiments as experiments
    from sloy import graph as graph
    from sloy import initializers as initializers
    from sloy import inspection as inspection
    from sloy import language as language
    from sloy import layers as layers
    from sloy import lecture as lecture
    from sloy import losses as losses
    from sloy import metrics as metrics
    from sloy import ops as ops
    from sloy import optimizers as optimizers
    from sloy import pretrained as pretrained
    from sloy import regularizers as regularizers
    from sloy import schedules as schedules
    from sloy import search as search
    from sloy import theory as theory
    from sloy import zoo as zoo
    from sloy.augmentation import Augment as Augment
    from sloy.data import Dataset as Dataset
    from sloy.diagnosis import Diagnosis as Diagnosis
    from sloy.diagnosis import diagnose as diagnose
    from sloy.estimators import Classifier as Classifier
    from sloy.estimators import Regressor as Regressor
    from sloy.experiments import plan as plan
    from sloy.model import Model as Model
    from sloy.model import load as load
    from sloy.optimizers import SGD as SGD
    from sloy.optimizers import Adagrad as Adagrad
    from sloy.optimizers import Adam as Adam
    from sloy.optimizers import AdamW as AdamW
    from sloy.optimizers import Optimizer as Optimizer
    from sloy.optimizers import RMSprop as RMSprop
    from sloy.preprocessing import Preprocessing as Preprocessing
    from sloy.problem import Network as Network
    from sloy.problem import Problem as Problem
    from sloy.pruning import Pruned as Pruned
    from sloy.pruning import prune as prune
    from sloy.pruning.curvature import curvature as curvature
    from sloy.search.activations import search_activations as search_activations
    from sloy.search.grow import grow as grow
    from sloy.search.tuning import tune as tune
    from sloy.training.callbacks import Callback as Callback
    from sloy.training.callbacks import CSVLog as CSVLog
    from sloy.training.callbacks import EarlyStopping as EarlyStopping
    from sloy.training.checkpoint import Checkpoint as Checkpoint
    from sloy.training.find_rate import find_rate as find_rate
    from sloy.training.fine_tune import fine_tune as fine_tune
    from sloy.training.fit import fit as fit
    from sloy.training.gradients import gradients as gradients
    from sloy.training.history import History as History
    from sloy.training.margins import Margins as Margins
    from sloy.training.members import fit_members as fit_members
    from sloy.training.memory import memory_estimate as memory_estimate
    from sloy.training.progress import ProgressBar as ProgressBar
    from sloy.training.rates import RateRange as RateRange
    from sloy.training.recipe import Recipe as Recipe
    from sloy.training.tabular import Tabular as Tabular
    from sloy.training.timeline import Timeline as Timeline

_ROOMS = (
    "data", "diagnosis", "engines", "errors", "experiments", "graph", "initializers", "inspection", "language",
    "layers", "lecture", "losses", "metrics", "ops", "optimizers", "pretrained", "regularizers", "schedules",
    "search", "theory", "zoo",
)  # fmt: skip
_NAMES = {
    name: f"sloy.{module}"
    for module, names in {
        "augmentation": "Augment",
        "data": "Dataset",
        "diagnosis": "Diagnosis diagnose",
        "experiments": "plan",
        "model": "Model load",
        "optimizers": "SGD Adagrad Adam AdamW Optimizer RMSprop",
        "preprocessing": "Preprocessing",
        "problem": "Network Problem",
        "pruning": "Pruned prune",
        "pruning.curvature": "curvature",
        "search.activations": "search_activations",
        "search.grow": "grow",
        "search.tuning": "tune",
        "training.callbacks": "Callback CSVLog EarlyStopping",
        "training.checkpoint": "Checkpoint",
        "training.fine_tune": "fine_tune",
        "training.find_rate": "find_rate",
        "training.fit": "fit",
        "training.gradients": "gradients",
        "training.history": "History",
        "training.members": "fit_members",
        "training.margins": "Margins",
        "training.memory": "memory_estimate",
        "training.progress": "ProgressBar",
        "training.rates": "RateRange",
        "training.recipe": "Recipe",
        "training.tabular": "Tabular",
        "training.timeline": "Timeline",
    }.items()
    for name in names.split()
}
# Names that need an extra; not part of `from sloy import *`.
_EXTRAS = {"Classifier": "sloy.estimators", "Regressor": "sloy.estimators"}

__all__ = [*_ROOMS, *_NAMES]


def __getattr__(name: str) -> object:
    if name in _EXTRAS:
        return getattr(importlib.import_module(_EXTRAS[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"sloy.{name}")
    if name not in _NAMES:
        raise AttributeError(f"module 'sloy' has no attribute {name!r}")
    value = getattr(importlib.import_module(_NAMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    installed = _EXTRAS if importlib.util.find_spec("sklearn") else ()
    return sorted({*globals(), *__all__, *installed})
