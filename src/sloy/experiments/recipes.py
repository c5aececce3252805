"""What is known to go well: learning rates by optimiser, options that belong to a network, recipes by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from typing import TYPE_CHECKING, Any

from sloy.arguments import instance
from sloy.errors import InvalidOption
from sloy.text import shown
from sloy.training import tabular
from sloy.training.members import HELD_OUT
from sloy.training.recipe import with_optimizer

if TYPE_CHECKING:
    from sloy.experiments.sources.base import Source

PATIENCE = 30  # of tables: epochs without a better validation loss, before training ends
NETWORK = ("network", "network_options")

# Optimiser → the highest learning rate of a one-cycle run, found on MNIST with batches of 256.
RATES = {
    "adam": 0.01,
    "adamw": 0.01,
    "rmsprop": 0.003,
    "sgd": 0.3,
    "momentum": 0.05,
    "nesterov": 0.05,
    "adagrad": 0.03,
}
# Options that every run has by default, where `sloy.fit` has others.
GENERAL: Mapping[str, Any] = {
    "epochs": 2,
    "batch_size": 256,
    "optimizer": "adam",
    "schedule": "one-cycle",
    "precision": "auto",
}
# Network → options that belong to it. Shifts by a pixel: in ten seeds 99.25 % of MNIST's test digits, 99.17 % without.
# `fast` is a recipe of one epoch, and what it is for.
OF_NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "cnn": {"augment": "crop=1"},
    "fast": {
        "epochs": 1,
        "validation": 0.0,
        "batch_size": 128,
        "learning_rate": 0.02,
        "beta2": 0.95,
        "loss": "cross_entropy=0.1",
    },
    "tabular": {"validation": HELD_OUT, **tabular.OPTIONS},
}


@dataclass(frozen=True)
class NamedRecipe:
    """Options that were tried together.

    Attributes
    ----------
    about : str
        One line: for what, and what it reaches (measured by `benchmarks/recipes.py`).
    options : mapping
        Of an experiment; what the user gives goes before them.
    fixed : bool
        Whether nothing else is chosen by the very data.
    """

    about: str
    options: Mapping[str, Any]
    fixed: bool = True


RECIPES: Mapping[str, NamedRecipe] = {
    "mnist-augmented": NamedRecipe(
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
    "fashion-mnist": NamedRecipe(
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
    "tabular": NamedRecipe(
        "tables: four networks with embeddings of numbers, trained together and averaged",
        {"network": "tabular", "members": 4},
        fixed=False,
    ),
    "fast": NamedRecipe(
        "tables: one such network, in about a third of the time",
        {"network": "tabular", "members": 1},
        fixed=False,
    ),
}


def batches_and_epochs(
    samples: int, *, part: int, sizes: tuple[int, int], steps: int, epochs: tuple[int, int]
) -> dict[str, int]:
    """Batches of about a `part`-th of the samples, a power of two, and epochs for about so many steps.

    Examples
    --------
    >>> batches_and_epochs(1000, part=32, sizes=(8, 128), steps=800, epochs=(8, 30))
    {'batch_size': 32, 'epochs': 25}
    """
    size = int(min(sizes[1], max(sizes[0], 2 ** round(log2(max(samples / part, 1))))))
    return {
        "batch_size": size,
        "epochs": max(epochs[0], min(epochs[1], steps * size // samples)),
    }


def defaults_of(
    source: Source, given: Mapping[str, Any], named: str | None, *, further: bool
) -> dict[str, Any]:
    """Options that suit data, named recipe, and the network and the optimiser that are given.

    Those of the data go before general ones, those of the network before these, those of the recipe before all; what
    belongs to another optimiser than that which is given is left out.
    """
    network = given.get("network")
    instance("experiment", "network", network, str, optional=True)
    recipe: dict[str, Any] = {}
    if named is not None:
        if named not in tuple(RECIPES):
            raise InvalidOption(f"`recipe` (={shown(named)}) must be one of {', '.join(RECIPES)}.")
        recipe = dict(RECIPES[named].options)
        if recipe["network"] not in source.networks:
            fits = [
                name for name, one in RECIPES.items() if one.options["network"] in source.networks
            ]
            raise InvalidOption(
                f"`recipe` (={shown(named)}) is none for {source.data}; there are {', '.join(fits)}."
            )
        if network not in (None, recipe["network"]):
            recipe.pop("network_options", None)
    used = network or recipe.get("network") or source.defaults.get("network", "")
    found = {**GENERAL, **source.defaults, **OF_NETWORKS.get(used, {}), **recipe}
    if further:
        found |= {"augment": None}
        for name in (*NETWORK, "loss"):  # those of the model
            found.pop(name, None)
    return with_optimizer(found, given.get("optimizer"))


def of_table(optimizer: str, *, numbers: bool) -> dict[str, float]:
    """What the network `mlp` is trained with, where the general rate does not suit it.

    Examples
    --------
    >>> of_table("momentum", numbers=True), of_table("momentum", numbers=False)
    ({'learning_rate': 0.01}, {})
    """
    if optimizer == "adamw":
        return {"learning_rate": 0.005, "weight_decay": 0.3}
    if numbers and optimizer in tabular.BY_SIZE:  # squared errors have larger gradients
        return {"learning_rate": RATES[optimizer] / 5}
    return {}


def rate_of(options: Mapping[str, Any], known: float | None = None, share: float = 1.0) -> float:
    """The highest learning rate: one that is known to suit, else the optimiser's; a tenth of it if constant.

    Parameters
    ----------
    options : mapping
        Of a recipe: ``optimizer``, ``schedule``.
    known : float, optional
        Of a schedule that is not constant.
    share : float
        What the optimiser's is multiplied by.

    Examples
    --------
    >>> rate_of({"optimizer": "adam", "schedule": "constant"}), rate_of({"schedule": "cosine"}, 0.2)
    (0.001, 0.2)
    """
    rate = RATES[options["optimizer"]] * share if known is None else known
    return rate * (0.1 if options["schedule"] == "constant" else 1)
