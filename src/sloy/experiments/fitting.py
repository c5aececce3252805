"""The call that trains what an experiment opened: the same for a run, and for what tries a run again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

from sloy.arguments import flag
from sloy.experiments.events import Opened
from sloy.experiments.sources import Loaded
from sloy.model import Familiar, Model, familiar_with
from sloy.model.origin import with_origin
from sloy.training.fine_tune import fine_tune
from sloy.training.fit import fit
from sloy.training.history import History
from sloy.training.members import fit_members

if TYPE_CHECKING:
    from sloy.diagnosis import Diagnosis

Training = Callable[..., tuple[Model, History]]
OPERATIONS = 5e10  # a second, of a large network; small ones are slower
LOOKS = 4  # at least, of a run that is watched
LONG = 20.0  # seconds, beside which what a diagnosis compiles is little
MANY = 150_000  # samples seen, beside which those that it reads a few times are less than 2 %


def training_of(opening: Opened) -> Training:
    """What trains: `fit`, `fit_members` or `fine_tune` with all but callbacks and checkpoint."""
    experiment, loaded, start = opening.experiment, opening.loaded, opening.start
    share = None if loaded.divided and not loaded.members else experiment.validation or None
    shared: dict[str, Any] = {
        "validation": loaded.validation or share,
        "recipe": opening.recipe,
        "engine": opening.engine,
        "verbose": False,
    }
    if start is not None:
        tuning = experiment.fine_tuning
        chosen = {field.name: getattr(tuning, field.name) for field in fields(tuning)}
        return partial(fine_tune, model=start, data=loaded.train, **shared, **chosen)
    if loaded.members:
        shared["ending"] = loaded.ending
    return partial(
        fit_members if loaded.members else fit,
        network=opening.network,
        data=loaded.learned or loaded.train,
        loss=loaded.loss,
        preprocessing=loaded.preprocessing,
        parameters=experiment.source.parameters_for(loaded),
        **shared,
    )


def with_reader(model: Model, loaded: Loaded) -> Model:
    """The model with the reader of its data, and the origin of their numbers."""
    problem = with_origin(model.problem, loaded.origin)
    parts = model.parts._replace(problem=problem, reader=loaded.reader)
    return Model.of(parts, model.engine)


def handwriting_of(model: Model, loaded: Loaded) -> Familiar | None:
    """What handwriting is like to a model that learned from it; None of other data."""
    if loaded.reader is None or loaded.reader.kind != "handwriting":
        return None
    return familiar_with(model, loaded.train)


def watch_of(opening: Opened, **options: Any) -> Diagnosis:
    """What watches a run, and calls the columns of its table by their names."""
    from sloy.diagnosis import Diagnosis

    return Diagnosis(columns=getattr(opening.loaded.reader, "prepared_names", ()), **options)


def is_diagnosed(wanted: bool | None, opening: Opened) -> bool:
    """Whether a run is watched: as is wanted, else where its training is foreseen to be long beside the watching."""
    if wanted is not None:
        return flag("run", "diagnose", wanted)
    samples = opening.loaded.trained_on(opening.experiment.validation) * opening.recipe.epochs
    if samples < MANY:
        return False
    return 6 * opening.summary.multiply_adds * samples / OPERATIONS >= LONG
