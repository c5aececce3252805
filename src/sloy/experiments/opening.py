"""From an experiment to all that is known before it trains, and its training alone: no folder, no test, no pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sloy.engines import Engine
from sloy.errors import InvalidOption
from sloy.experiments import classes
from sloy.experiments.events import Counted, Listener, Opened
from sloy.experiments.experiment import Experiment
from sloy.experiments.fitting import is_diagnosed, training_of
from sloy.experiments.memory import predicted, problem_of
from sloy.experiments.run_folder import CHECKPOINT
from sloy.experiments.sources.base import Loaded, Wanted
from sloy.model import Model, load
from sloy.training.checkpoint import Checkpoint
from sloy.training.history import History
from sloy.training.rates import HELD_OUT, ORDERS, RateRange, in_small, search
from sloy.training.recipe import AUTO, Recipe, engine_of
from sloy.training.run import Callback
from sloy.training.stages import stages
from sloy.training.step import training_graph


def opened(
    experiment: Experiment,
    folder: Path,
    *,
    engine: str | Engine = "auto",
    threads: int = 0,
    tell: Listener = lambda event: None,
    resumed: bool = False,
    diagnose: bool | None = None,
    loaded: Loaded | None = None,
) -> Opened:
    """Read the data, choose what suits them, and foresee what it takes; nothing is written.

    Parameters
    ----------
    experiment : Experiment
    folder : Path
        Of the run that would follow.
    engine, threads
        See `sloy.engines.engine`.
    tell : callable
        Told of `Counted`.
    resumed : bool
        Whether all was chosen already, by the run that is resumed.
    diagnose : bool, optional
        See `run`; it takes memory.
    loaded : Loaded, optional
        The data, where they are read already.
    """
    recipe = experiment.recipe
    _, chosen = engine_of("experiment", recipe, engine, threads)
    start = None if experiment.start is None else load(experiment.start, engine=chosen)
    loaded = loaded_of(experiment, start, tell) if loaded is None else loaded
    if not resumed:
        experiment = experiment.with_defaults_for(loaded)
        experiment, loaded = experiment.within_time(loaded, chosen)
    experiment.check_fits(loaded)
    weights = experiment.recipe.class_weight
    notes = classes.notes(loaded.train, loaded.unevenness) if weights is None else ()
    loaded = replace(loaded, class_weight=weights, rows=(*loaded.rows, *notes))
    network = experiment.network_for(loaded, start)
    recipe = experiment.recipe
    parts = stages(network, experiment.fine_tuning, recipe) if start else []
    if recipe.batch_size <= len(loaded.train):  # else all samples are one batch
        chosen.check_batch_size(recipe.batch_size)
    step = training_graph(problem_of(loaded, network, recipe), recipe, recipe.batch_size)
    summary = network.summary(recipe.batch_size, step=step, engine=chosen)
    opening = Opened(experiment, loaded, network, summary, recipe, parts, chosen, 0, folder, start)
    watched = is_diagnosed(diagnose, opening)
    memory = predicted(experiment, loaded, network, parts, chosen, watched=watched)
    opening = replace(opening, memory=memory)
    if experiment.given.get("learning_rate") != AUTO or resumed:
        return opening
    found = rate_range(opening, tell)
    given = {**experiment.given, "learning_rate": found.best}
    experiment = replace(experiment, given=given)
    rows = (*loaded.rows, ("rate", f"{found.best:g}: {found.why}"))
    loaded = replace(loaded, rows=rows)
    return replace(opening, experiment=experiment, loaded=loaded, recipe=experiment.recipe)


def loaded_of(
    experiment: Experiment, start: Model | None = None, tell: Listener = lambda event: None
) -> Loaded:
    """The data of an experiment, read and split, for a new network or for one to start from."""
    return experiment.load(
        Wanted(
            experiment.validation,
            experiment.samples,
            experiment.recipe.seed,
            start,
            experiment.network,
            lambda what, done, total: tell(Counted(what, done, total)),
            network_options=experiment.network_options,
        )
    )


def rate_range(opening: Opened, tell: Listener = lambda event: None) -> RateRange:
    """The learning rate that suits what was opened, see `sloy.find_rate`."""
    experiment, loaded = opening.experiment, opening.loaded
    if opening.start is not None:
        raise InvalidOption(
            "`learning_rate` (='auto') is found for networks that are new, not with `from`; `first_rate` says how fast"
            " the first layers learn."
        )
    if loaded.learns_from_all:
        raise InvalidOption(
            "`learning_rate` (='auto'): the linear network for few rows of many columns is solved; there is no rate."
        )
    if loaded.validation is None and not (experiment.validation and not loaded.divided):
        experiment = replace(experiment, validation=experiment.validation or HELD_OUT)
        loaded = replace(loaded, divided=False)
    small = in_small(opening.network, opening.recipe, loaded.trained_on(experiment.validation))
    rows = small.rows(len(loaded.train))
    learned = None if loaded.learned is None else loaded.learned.take(rows)
    loaded = replace(loaded, train=loaded.train.take(rows), learned=learned)
    some = replace(opening, experiment=experiment, loaded=loaded)
    done = 0

    def begin(recipe: Recipe, callback: Callback) -> None:
        nonlocal done
        done += 1
        tell(Counted("orders for the learning rate", done, ORDERS))
        trained(replace(some, recipe=recipe), [callback])

    return search(begin, small)


def trained(
    opening: Opened,
    callbacks: Sequence[Callback] = (),
    *,
    folder: Path | None = None,
    resume: bool = False,
) -> tuple[Model, History]:
    """Train as was foreseen; with checkpoints in a folder, and from the one that is there where that is asked for."""
    checkpoint: Any = None if folder is None else folder / CHECKPOINT
    if checkpoint is not None and opening.start is None:
        checkpoint = Checkpoint(checkpoint, epoch_seconds=1)
    train = training_of(opening)
    return train(callbacks=list(callbacks), checkpoint=checkpoint, resume=resume)
