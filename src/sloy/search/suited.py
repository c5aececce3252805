"""What a search varies where nothing is said, and how many trials run side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sloy import machine
from sloy.experiments.experiment import Experiment
from sloy.experiments.forecast import seconds_of
from sloy.experiments.opening import opened
from sloy.experiments.sources.table import TableFile
from sloy.search.space import Choice, Domain, Float, Int, Layers, Log

WORTH = 1.2  # times as many epochs a second that several workers must give

# Network → what of it is varied.
STRUCTURES: Mapping[str, Mapping[str, Domain]] = {
    "mlp": {"network_options__hidden": Layers(1, 3, Int(16, 512, log=True))},
    "standard_cnn": {
        "network_options__channels": Layers(2, 4, Int(16, 128, log=True)),
        "network_options__units": Layers(0, 2, Int(32, 256, log=True)),
        "network_options__batch_norm": Choice(False, True),
        "network_options__dropout": Float(0.0, 0.5),
    },
    "cnn_deep": {"network_options__dropout": Float(0.0, 0.5)},
}
OF_TABLES: Mapping[str, Mapping[str, Domain]] = {
    "mlp": {
        "network_options__hidden": Layers(1, 4, Int(16, 512, log=True)),
        "network_options__dropout": Float(0.0, 0.5),
    },
    "tabular": {
        "network_options__hidden": Layers(1, 4, Int(32, 512, log=True)),
        "network_options__dropout": Float(0.0, 0.5),
    },
}
SIZES = {"small": Choice(16, 32, 64, 128, 256), "large": Choice(32, 64, 128, 256)}
DECAYS = Log(1e-3, 1.0)  # of AdamW
RATE = 0.01  # where one is to be found, or a schedule has its own
AROUND = 10.0  # by how much rates are below and above what suits optimiser and data in general


def with_network(words: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an experiment, with a network that can be varied: of pictures and digits `standard_cnn`."""
    tables = isinstance(Experiment.of(**words).source, TableFile)
    if tables or "network" in words or "recipe" in words:
        return dict(words)
    return {**words, "network": "standard_cnn"}


def suited(words: Mapping[str, Any], experiment: Experiment) -> dict[str, Domain]:
    """A space for the experiment that options make.

    Of tables the layers, their neurons and dropout, of pictures and digits the channels of `standard_cnn` too; learning
    rate, around what suits the data, batch size, and the decay of AdamW. What is given is not varied.

    Examples
    --------
    >>> words = {"data": "mnist", "network": "mlp"}
    >>> sorted(suited(words, Experiment.of(**words)))
    ['batch_size', 'learning_rate', 'network_options__hidden']
    """
    tables = isinstance(experiment.source, TableFile)
    recipe, structures = experiment.recipe, OF_TABLES if tables else STRUCTURES
    rate = recipe.learning_rate if isinstance(recipe.learning_rate, float) else RATE
    space: dict[str, Domain] = {"learning_rate": Log(rate / AROUND, min(rate * AROUND, 1.0))}
    space["batch_size"] = SIZES["small" if tables else "large"]
    if recipe.optimizer == "adamw":
        space["weight_decay"] = DECAYS
    space |= structures.get(experiment.network, {})
    given = {*words, *(f"network_options__{name}" for name in words.get("network_options", {}))}
    return {path: domain for path, domain in space.items() if path not in given}


def workers_for(experiment: Experiment, engine: str) -> int:
    """As many processes as cores where one thread each gives more epochs a second, measured on a few steps; else 1."""
    cores = machine.usable_cores()
    if cores == 1:
        return 1
    took = {
        threads: seconds_of(opened(experiment, Path(), engine=engine, threads=threads)).epoch
        for threads in (1, cores)
    }
    return cores if cores / took[1] > WORTH / took[cores] else 1
