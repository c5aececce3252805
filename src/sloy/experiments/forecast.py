"""`plan`: what the data are, what there is to beat, and what a run would do and take; before it runs."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sloy import text
from sloy.arguments import function
from sloy.data import Dataset
from sloy.data.quality import Quality, quality
from sloy.data.tables.table import of_index
from sloy.engines import Engine
from sloy.errors import InvalidOption
from sloy.experiments.events import Listener, Opened
from sloy.experiments.experiment import Experiment
from sloy.experiments.opening import opened, trained
from sloy.experiments.run_folder import VERSION
from sloy.experiments.sources.base import Row
from sloy.experiments.sources.table_loaded import LoadedTable
from sloy.experiments.to_beat import Score, scores_of
from sloy.layers import Dense, Dropout
from sloy.machine import versions
from sloy.model.origin import from_origin
from sloy.training.history import Row as Epoch
from sloy.training.run import Callback, Run
from sloy.zoo import PRESETS

TIMED = 12  # steps of an epoch that is timed
EPOCHS = 4  # of them, the first of which compiles
ABOUT = {"tabular": "networks with embeddings of numbers, trained together and averaged"}


@dataclass(frozen=True)
class Seconds:
    """How long training takes, measured on a few steps.

    Attributes
    ----------
    epoch, slowest : float
        Seconds of an epoch with its validation: by the fastest, and by the slowest that was timed.
    epochs : int
    before : float
        Seconds until training begins: reading, preparing and compiling.
    """

    epoch: float
    slowest: float
    epochs: int
    before: float

    @property
    def training(self) -> float:
        """Seconds of all epochs."""
        return self.epoch * self.epochs


@dataclass(frozen=True, eq=False)
class Forecast(text.Shown):
    """What `plan` found.

    Attributes
    ----------
    opening : Opened
        The experiment, its data, network and recipe; the memory that it is predicted to take.
    quality : Quality
        What is odd about the data.
    scores : tuple of Score
        What is to be beaten.
    seconds : Seconds
    asked : mapping
        The options that were given, as words.
    """

    opening: Opened
    quality: Quality
    scores: tuple[Score, ...]
    seconds: Seconds
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> dict[str, Any]:
        """The options of the experiment, all of them, as `Experiment.of` takes them."""
        return self.opening.experiment.words()

    @property
    def command(self) -> str:
        """The command line that does it."""
        experiment, recipe = self.opening.experiment, self.opening.recipe
        chosen = {
            "network": experiment.network,
            "epochs": recipe.epochs,
            "batch_size": recipe.batch_size,
            "learning_rate": recipe.learning_rate,
        }
        if self.asked.get("recipe") is not None:
            chosen = {}
        parts = ["sloy", "train", experiment.source.data]
        for name, value in {**chosen, **self.asked}.items():
            option = f"--{name.rstrip('_').replace('_', '-')}"
            if isinstance(value, Mapping):
                value = ",".join(f"{key}={one}" for key, one in value.items())
            for one in value if isinstance(value, list | tuple) else [value]:
                parts += [option] if one is True else [option, str(one)]
        return shlex.join(parts)

    @property
    def told(self) -> list[Row]:
        """What opening the data told, but for the time, which is measured here, and for what `quality` warns of."""
        warned = [("note", text.visible(of_index(name))) for name in self.quality.counting]
        rows = self.opening.loaded.rows
        return [row for row in rows if row[0] != "time" and row not in warned]

    def __str__(self) -> str:
        opening, seconds = self.opening, self.seconds
        experiment, recipe, loaded = opening.experiment, opening.recipe, opening.loaded
        samples = ", ".join(
            f"{text.count(n)} to {part}" for part, n in self.quality.samples.items()
        )
        scores = text.columns([(s.name, str(s)) for s in self.scores])
        figure = "accuracy" if self.scores[0].figure == "accuracy" else "RMSE"
        measured = text.many(self.scores[0].samples, "sample")
        ends = text.interval(text.seconds(seconds.epoch), text.seconds(seconds.slowest))
        ends += " an epoch (measured on a few steps)"
        whole = f"{text.seconds(seconds.training)} for {text.many(recipe.epochs, 'epoch')}"
        fewer = "" if recipe.patience is None and not loaded.members else " at most"
        parameters = text.many(opening.network.parameter_count, "parameter")
        rows: list[Row] = [
            ("data", f"{experiment.source.name}: {samples}\n{experiment.source.describe(loaded)}"),
            *self.told,
            *self.quality.rows(),
            ("to beat", f"{figure} on {measured}, and its 95 % interval\n{scores}"),
            ("network", f"{experiment.network}: {_about(opening)}\n{parameters}"),
            (
                "training",
                f"{recipe.optimizer}, learning rate {recipe.learning_rate:g} ({recipe.schedule}), batches of"
                f" {text.count(recipe.batch_size)}",
            ),
            ("time", f"{ends}, {whole}{fewer}; {text.seconds(seconds.before)} before it"),
            ("memory", f"{text.size(opening.memory)} predicted for the whole program"),
            ("run", text.visible(self.command)),
        ]  # fmt: skip
        return text.fields(rows)

    def document(self) -> dict[str, Any]:
        """JSON values; ``plan`` in it is what `sloy train --plan` takes."""
        quality = self.quality
        return {
            "version": VERSION,
            "plan": self.words,
            "data": {
                "samples": dict(quality.samples),
                "classes": dict(quality.classes),
                "duplicates": quality.duplicates,
                "contradictions": quality.contradictions,
                "crossing": dict(quality.crossing),
                "far": dict(quality.far),
                "constant": quality.constant,
                "counting": list(quality.counting),
                "leaking": dict(quality.leaking),
                "warnings": list(quality.warnings),
                "said": [list(row) for row in self.told],
            },
            "scores": {
                s.name: {s.figure: s.value, "low": s.low, "high": s.high, "samples": s.samples}
                for s in self.scores
            },
            "seconds": {
                "before": self.seconds.before,
                "epoch": self.seconds.epoch,
                "epoch_slowest": self.seconds.slowest,
                "training": self.seconds.training,
            },
            "memory_bytes": self.opening.memory,
            "parameters": self.opening.network.parameter_count,
            "command": self.command,
            "versions": versions(),
        }  # fmt: skip


def plan(
    data: str | Path,
    *,
    engine: str | Engine = "auto",
    threads: int = 0,
    listener: Listener = lambda event: None,
    **words: Any,
) -> Forecast:
    """Look at data, and foresee what training on them does and takes; nothing is written.

    Parameters
    ----------
    data : str or path
        As of `Experiment.of`.
    engine, threads
        See `sloy.engines.engine`.
    listener : callable
        Told of `Counted`.
    **words
        Options as of `Experiment.of`.

    Raises
    ------
    InvalidOption
        Where options do not fit the data, or a model is to be trained further.

    Examples
    --------
    >>> import sloy
    >>> forecast = sloy.plan("mnist", network="mlp", samples=600, engine="reference")
    >>> forecast.quality.samples["train"], forecast.words["epochs"]
    (540, 2)
    """
    function("plan", "listener", listener)
    began = time.perf_counter()
    experiment = Experiment.of(data, **words)
    if experiment.start is not None:
        raise InvalidOption("`from`: a plan is made for networks that are new.")
    if getattr(experiment.source, "folds", None):
        raise InvalidOption("`folds`: a plan is made for one run; leave them out here.")
    opening = opened(experiment, Path(), engine=engine, threads=threads, tell=listener)
    read = time.perf_counter() - began
    return Forecast(
        opening,
        quality_of(opening),
        scores_of(opening, _parts_of(opening)),
        seconds_of(opening, read),
        words,
    )


# --- the data -------------------------------------------------------------------------------------


def _parts_of(opening: Opened) -> dict[str, Dataset]:
    """What the samples are for: "train", "validate", "test"."""
    loaded, share = opening.loaded, opening.experiment.validation
    test = loaded.test
    if test is not None:  # as those to train on are
        test = from_origin(loaded.origin, test)
    found = {"train": loaded.train, "validate": loaded.validation, "test": test}
    if loaded.validation is None and share and not loaded.divided and not loaded.members:
        found["train"], found["validate"] = loaded.train.split(share, opening.recipe.seed)
    return {name: part for name, part in found.items() if part is not None}


def quality_of(opening: Opened) -> Quality:
    """What is odd about the samples of a run."""
    parts = _parts_of(opening)
    train = parts.pop("train")
    loaded = opening.loaded
    if not isinstance(loaded, LoadedTable):
        return quality(train, parts)
    reader = loaded.table.reader
    constant = [name for name, why in loaded.table.left_out.items() if "one value" in why]
    return quality(train, parts, reader.parts, codes=len(reader.classes), constant=constant)


# --- time -----------------------------------------------------------------------------------------


class _Clock(Callback):
    """Seconds of each epoch, its validation and what follows included."""

    def __init__(self) -> None:
        self.begins: list[float] = []

    def on_epoch_begin(self, run: Run, epoch: int) -> None:
        self.begins.append(time.perf_counter())

    def on_epoch_end(self, run: Run, row: Epoch) -> None:
        self.end = time.perf_counter()


def seconds_of(opening: Opened, read: float = 0.0) -> Seconds:
    """Train on a few batches for some epochs; what is measured is for as many samples as there are."""
    loaded, recipe = opening.loaded, opening.recipe
    count = len(loaded.train)
    rows = np.arange(min(count, TIMED * recipe.batch_size))
    share = len(rows) / count
    held = loaded.validation
    if held is not None:
        held = held.take(np.arange(max(1, round(share * len(held)))))
    some = replace(
        opening,
        loaded=replace(
            loaded,
            train=loaded.train.take(rows),
            validation=held,
            learned=None if loaded.learned is None else loaded.learned.take(rows),
        ),
        recipe=replace(recipe, epochs=EPOCHS, patience=None, class_weight=None),
    )
    clock = _Clock()
    began = time.perf_counter()
    trained(some, [clock])
    took = np.diff([*clock.begins, clock.end])
    compiling = max(0.0, clock.begins[0] - began + float(took[0] - took[1:].min()))
    fastest, slowest = float(took[1:].min()) / share, float(took[1:].max()) / share
    return Seconds(fastest, slowest, recipe.epochs, read + compiling)


def _about(opening: Opened) -> str:
    """What the network is; of a plain one its layers, which differ from data to data."""
    name, options = opening.experiment.network, opening.experiment.network_options
    if name == "mlp":
        layers = opening.network.layers
        *hidden, _ = [str(layer.units) for layer in layers if isinstance(layer, Dense)]
        dropped = [f", dropout of {one.rate:g}" for one in layers if isinstance(one, Dropout)]
        noun = "layers" if len(hidden) > 1 else "layer"
        what = f"hidden {noun} of {' and '.join(hidden)} ReLU neurons" if hidden else "linear"
        return what + (dropped[0] if dropped else "")
    preset = PRESETS.get(name)
    about = preset.description if preset else ABOUT.get(name, "")
    return about + "".join(f", {key}={text.shown(value)}" for key, value in options.items())
