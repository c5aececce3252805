"""Recipes: options of `sloy train` that were tried together and are known to go well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """A named set of options of the plan.

    Attributes
    ----------
    about : str
        One line: for what, and what it reaches (measured by `benchmarks/recipes.py`).
    options : mapping
        Fields of the plan; what stands on the command line goes before them.
    """

    about: str
    options: Mapping[str, Any]


# Network → options that belong to it: `fast` is a recipe of one epoch, and what it is for.
OF_NETWORKS: dict[str, Mapping[str, Any]] = {
    "fast": {"epochs": 1, "validation": 0.0, "momentum": 0.7}
}

RECIPES: dict[str, Recipe] = {
    "mnist-augmented": Recipe(
        "MNIST with turned, scaled and shifted digits",
        {
            "network": "cnn_deep",
            "epochs": 15,
            "batch_size": 128,
            "optimizer": "adam",
            "learning_rate": 0.005,
            "schedule": "one-cycle",
            "validation": 0.0,
            "augment": "rotation=10,scale=0.1,shift=0.1",
        },
    ),
    "fashion-mnist": Recipe(
        "Fashion-MNIST with the standard architecture, flips and crops",
        {
            "network": "standard_cnn",
            "network_options": {"batch_norm": True, "dropout": 0.25},
            "epochs": 16,
            "batch_size": 128,
            "optimizer": "adam",
            "learning_rate": 0.003,
            "schedule": "one-cycle",
            "validation": 0.0,
            "augment": "flip=horizontal,crop=1",
        },
    ),
}
