"""`prune`: the model of a file or of a run made smaller by its data, with what was found in a folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sloy import inspection, pruning, text
from sloy.arguments import flag, function, path_of
from sloy.data.dataset import Dataset
from sloy.data.tables import RowsReader
from sloy.engines import Engine
from sloy.errors import InvalidArgument, InvalidOption
from sloy.experiments.events import Counted, Listener, Opened
from sloy.experiments.experiment import FURTHER_RATE, Experiment
from sloy.experiments.opening import opened
from sloy.experiments.run_folder import LINEAR, PRUNED, PRUNING, RunFolder, plan_of
from sloy.experiments.sources import Source, Wanted, source_of
from sloy.experiments.sources.table import TableFile
from sloy.layers import MeanOfMembers
from sloy.model import Model, load
from sloy.model.loading import CONFIGURATION, MODEL, model_file
from sloy.options import takes
from sloy.problem.inputs import divided, split
from sloy.pruning.options import Pruning
from sloy.pruning.pruned import Pruned
from sloy.pruning.retraining import Ensemble
from sloy.training.recipe import Recipe

FILES = (PRUNED, PRUNING, "pruning.png")
UNKNOWN = (
    "which of these samples the model learned from is not known: if it did from those that it was measured on, it is"
    " worse on others"
)


@dataclass(frozen=True, eq=False)
class Material:
    """What a model is pruned by.

    Attributes
    ----------
    model : Model
    train : Dataset
    validation : Dataset
    test : Dataset or None
    recipe : Recipe, optional
        Of the training again.
    note : str
        Of the samples, what is to be said; or nothing.
    ensemble : Ensemble, optional
        What its members learned from.
    """

    model: Model
    train: Dataset
    validation: Dataset
    test: Dataset | None
    recipe: Recipe | None
    note: str = ""
    ensemble: Ensemble | None = None


@takes(Pruning)
def prune(
    model: str | Path,
    data: str | Path | None = None,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    seed: int = 0,
    engine: str | Engine = "auto",
    threads: int = 0,
    listener: Listener = lambda event: None,
    **options: Any,
) -> tuple[Pruned, Path]:
    """Make the model of a run, or of a file, smaller, see `sloy.prune`; and write what came of it.

    Parameters
    ----------
    model : path
        The folder of a run, or a file. A run is pruned by the very samples that it learned from, and measured on those
        that it kept to test on.
    data : path, optional
        As for ``Experiment.of``; by default those of the run.
    out : path, optional
        Folder for `pruned.sloy`, `pruning.json` and `pruning.png`; by default that of the model.
    overwrite : bool
        Whether files of an earlier pruning there are replaced.
    seed : int
        Of the samples that are drawn.
    engine, threads
        See `sloy.engines.engine`.
    listener : callable
        Told of `Counted`.
    <options>

    Returns
    -------
    pruned : Pruned
    folder : Path

    Raises
    ------
    InvalidOption
        Where the data do not fit the model, or none are given for a file.
    InvalidArgument
        Where the folder holds an earlier pruning, or nothing can be removed.
    """
    path_of("prune", "model", model)
    flag("prune", "overwrite", overwrite)
    function("prune", "listener", listener)
    if data is not None:
        path_of("prune", "data", data)
    Pruning(**options, where="prune")  # raises where they do not go together
    file = model_file(model)
    folder = RunFolder(file.parent if out is None else path_of("prune", "out", out))
    there = [name for name in FILES if (folder / name).exists()]
    if there and not overwrite:
        raise InvalidArgument(
            f"{folder.path}: holds {there[0]} already; `overwrite` replaces it, another `out` keeps it."
        )

    def tell(what: str, done: int, total: int) -> None:
        listener(Counted(what, done, total))

    found = material(file, data, engine=engine, threads=threads, listener=listener)
    pruned = pruning.prune(
        found.model,
        found.train,
        validation=found.validation,
        test=found.test,
        recipe=found.recipe,
        ensemble=found.ensemble,
        seed=seed,
        tell=tell,
        **options,
    )
    if found.note:
        pruned = replace(pruned, notes=(*pruned.notes, found.note))
    with folder.alone():
        pruned.model.save(folder / FILES[0])
        folder.write(FILES[1], text.as_json({"of": str(file), **pruned.document()}))
        folder.write(FILES[2], inspection.png(inspection.pruning_figure(pruned)))
    return pruned, folder.path


def material(
    file: Path,
    data: str | Path | None,
    *,
    engine: str | Engine,
    threads: int,
    listener: Listener,
) -> Material:
    """The model of a file, and the samples of its run or of other data."""
    known = load(file, engine=engine, threads=threads).by_class
    configuration = file.parent / CONFIGURATION
    own = configuration.is_file() and file.name in (MODEL, FILES[0], LINEAR)
    if data is None and not own:
        raise InvalidOption(f"`data`: {file} is no run's model; say what it was trained on.")
    if own and (data is None or _is_same(plan_of(configuration)["data"], data)):
        experiment = RunFolder(file.parent).experiment()
        opening = opened(experiment, file.parent, engine=known.engine, tell=listener, resumed=True)
        recipe = experiment.recipe
        rate = recipe.learning_rate
        if isinstance(rate, float | int):
            recipe = replace(recipe, learning_rate=FURTHER_RATE * rate)
        return _split(known, opening, recipe, ensemble=_ensemble(known, opening))
    assert data is not None
    source = source_of(str(data))
    if isinstance(source, TableFile) or isinstance(known.reader, RowsReader):
        return _by_rows(known, file, source)
    experiment = Experiment.of(str(data), from_=str(file))
    opening = opened(experiment, file.parent, engine=known.engine, tell=listener)
    if (
        opening.network != known.network
        and known.network.output_shape != opening.network.output_shape
    ):
        names = opening.loaded.train.class_names
        raise InvalidOption(
            f"`data`: {data} has {len(names)} classes, the model {known.network.output_shape[0]} outputs; it is pruned"
            " by samples of its own classes."
        )
    return _split(known, opening, opening.recipe, UNKNOWN)


def _by_rows(model: Model, file: Path, source: Source) -> Material:
    """The rows of a table that have the target of a model of tables; they are trained on again by its own loss."""
    if not isinstance(source, TableFile):
        assert isinstance(model.reader, RowsReader)
        names = text.named([*map(repr, model.reader.names), *map(repr, model.reader.targets)], 6)
        raise InvalidOption(
            f"`data`: {file} takes rows of a table with the columns {names}; {source.data} is none."
        )
    rows = source.to_test(model, Wanted()).data
    train, validation = divided(rows, pruning.HELD_OUT, 0)
    assert validation is not None
    return Material(model, train, validation, None, None, UNKNOWN)


def _ensemble(model: Model, opening: Opened) -> Ensemble | None:
    """What the members of a run's model learned from."""
    loaded, share = opening.loaded, opening.experiment.validation
    has_members = any(isinstance(layer, MeanOfMembers) for layer in model.network.layers)
    if not has_members or not share or loaded.validation is not None:
        return None
    data = loaded.learned or loaded.train
    return Ensemble(data, loaded.loss, share, opening.recipe.seed)


def _is_same(one: object, other: str | Path) -> bool:
    return str(one) == str(other) or Path(str(one)).resolve() == Path(other).resolve()


def _split(
    model: Model,
    opening: Opened,
    recipe: Recipe,
    note: str = "",
    ensemble: Ensemble | None = None,
) -> Material:
    """Samples to learn from and to go by, as the run had them where it held out a share of them."""
    loaded = opening.loaded
    train, validation = loaded.train, loaded.validation
    if validation is None:
        share = opening.experiment.validation or pruning.HELD_OUT
        rows, validation = split(train, share, recipe.seed)
        assert validation is not None
        train = train.take(rows)
    if loaded.members:  # whose schedule is made for many epochs
        recipe = replace(recipe, schedule="one-cycle")
    return Material(model, train, validation, loaded.test, recipe, note, ensemble)
