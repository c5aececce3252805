"""The samples of a run or a model that pages show."""

from __future__ import annotations

from pathlib import Path

from sloy.app.shelf import Thing
from sloy.data import Dataset, mnist
from sloy.experiments.opening import opened
from sloy.experiments.run_folder import RunFolder
from sloy.model import Model


def samples_of(thing: Thing, model: Model) -> Dataset | None:
    """What a run kept to test on, else what it learned from, as it read them; of a model of digits the bundled ones."""
    if thing.kind == "run":
        experiment = RunFolder.to_read(thing.path).experiment()
        loaded = opened(experiment, Path(thing.path), engine=model.engine, resumed=True).loaded
        data = loaded.test or loaded.train
    elif model.network.input_shape == (28, 28, 1):
        data = mnist().test
    else:
        return None
    return data if data.sample_shape == model.network.input_shape else None
