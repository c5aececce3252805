"""`tune`: trials of an experiment with other options, each a run folder, until the best is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sloy.arguments import function, integer
from sloy.engines import processes_of
from sloy.errors import InvalidArgument, InvalidOption
from sloy.experiments.events import Listener
from sloy.experiments.experiment import Experiment
from sloy.machine import usable_cores
from sloy.search.checks import Checked, check_space
from sloy.search.folder import SearchFolder, Settings
from sloy.search.in_memory import written
from sloy.search.loop import Limits, Search
from sloy.search.options import AUTO, LIMITS, LOSS, PRUNERS, SearchOptions
from sloy.search.result import Tuned, finished
from sloy.search.space import Space, space_of
from sloy.search.storage import storage_of
from sloy.search.study import quiet
from sloy.search.suited import suited, with_network, workers_for


def tune(
    data: Any = None,
    space: Space | Mapping[str, Any] | None = None,
    *,
    trials: int | None = None,
    time: float | None = None,
    workers: int | str | None = None,
    metric: str | None = None,
    pruner: str | None = None,
    out: str | Path | None = None,
    storage: str | None = None,
    study: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    engine: str = "auto",
    threads: int = 0,
    listener: Listener = lambda event: None,
    **words: Any,
) -> Tuned:
    """Search for the options that suit data, by trials whose validation figures are compared.

    Parameters
    ----------
    data : str, path, (x, y), Dataset, TrainTest or data frame
        As of `Experiment.of`, not needed with `resume`. What is in memory is written to the folder ``data`` of the
        search, as each trial is a run of its own, and reads it: data frames, of which `target` names a column, and rows
        x (N, F) as Parquet; pictures (N, H, W) or (N, H, W, C) with labels as IDX, of which the share `test`, 0.1 by
        default, is kept to test on.
    space : mapping, optional
        Path → `Float`, `Int`, `Choice` or `Layers`, or JSON values as of `space_of`; paths are options of
        `Experiment.of` and what is inside them: ``learning_rate``, ``network_options__hidden``. By default what suits
        the kind of data.
    trials : int, optional
        How many, all together, those of earlier calls and other machines too; 50 by default, with `resume` as many as
        the search was to have.
    time : float, optional
        Seconds after which no trial begins; those that run are saved, and taken up by `resume`, which has the same
        time unless it is given anew.
    workers : int or "auto", optional
        Processes side by side, which share the cores; "auto": one for each core where networks are small, else one. 1
        by default, with `resume` as many as the search had.
    metric : "val_loss" or "val_accuracy", optional
        What is compared; by default the loss.
    pruner : "percentile", "median", "hyperband" or "none", optional
        What ends trials that promise little; by default those that are not among the better 40 % of the complete ones,
        "median" 50 %, after a fifth of their epochs; "hyperband": at a third, a ninth … of their epochs, from the
        second on, those that are not the best third of their bracket.
    out : path, optional
        The folder of the search; by default ``runs/tune-DATA-DATE-TIME``.
    storage : str, optional
        URL of Optuna's storage, such as ``postgresql://…``, by which several machines search together; by default a
        journal file in the folder.
    study : str, optional
        Name in the storage; by default that of the folder.
    resume, overwrite : bool
        Whether the search that is in the folder is gone on with, or replaced.
    engine, threads
        See `sloy.engines.engine`; threads of each worker, by default its share of the cores.
    listener : callable
        Told of `TrialEnded`.
    **words
        Options as of `Experiment.of`, the same in all trials.

    Returns
    -------
    Tuned

    Raises
    ------
    InvalidOption
        Where options or paths are unknown, or no samples are held out.
    InvalidArgument
        Where the folder holds a search, or the storage one of other settings.
    NotAvailable
        Where Optuna is not installed.
    KeyboardInterrupt
        All trials are saved; `resume` goes on.

    Examples
    --------
    >>> import sloy, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tuned = sloy.tune("mnist", {"network_options__hidden": sloy.search.Layers(0, 1)}, network="mlp", trials=2,
    ...                       epochs=1, samples=300, out=f"{folder}/search", engine="reference")
    >>> tuned.trials[0]["ended"], tuned.best["number"] in (0, 1)
    ('complete', True)
    """
    function("tune", "listener", listener)
    threads = integer("tune", "threads", threads, 0)
    asked = SearchOptions(
        trials=trials, time=time, workers=workers, metric=metric, pruner=pruner, storage=storage, study=study
    )  # fmt: skip
    if processes_of(engine).count > 1:
        raise InvalidArgument(
            "tune: its trials are runs by themselves, not one of several processes together: leave"
            " `sloy.engines.distributed`; a `storage` shares a search between machines."
        )
    said = {
        "space": None if space is None else space_of(space),
        "metric": asked.metric,
        "pruner": asked.pruner,
    }
    with quiet(), written(data, words) as given:
        if resume:
            if given.folder is not None:
                raise InvalidOption(
                    "tune: `resume` goes on with the data that the search's folder holds: leave `data` out."
                )
            SearchFolder.existing(out).check_same(
                given.words,
                {
                    **said,
                    "storage": storage,
                    "study": study,
                    "engine": None if engine == AUTO else engine,
                    "threads": threads or None,
                },
            )
            folder = SearchFolder.existing(out, asked.limits)
            count = _workers(folder.limits, folder.settings, folder.engine)
        else:
            if storage is not None:
                storage_of(storage, Path())  # raises where there is none
            settings = _settings(given.words, said)
            limits = {**LIMITS, **asked.limits}
            count = _workers(limits, settings, engine)
            folder = SearchFolder.new(
                out,
                settings,
                engine=engine,
                threads=threads or max(1, usable_cores() // count),
                storage=storage,
                study=study,
                limits=limits,
                overwrite=overwrite,
                data=given.folder,
            )
        limited = Limits(folder.limits["trials"], folder.limits["time"], count)
        search = Search(folder, limited, listener)
        search.run()
        return finished(search)


def _workers(limits: Mapping[str, Any], settings: Settings, engine: str) -> int:
    if limits["workers"] != AUTO:
        return int(limits["workers"])
    return workers_for(Experiment.of(**settings.words), engine)


def _settings(given: Mapping[str, Any], said: Mapping[str, Any]) -> Settings:
    """Those of a search that begins; raises where an option is unknown, or a value does not fit."""
    if "data" not in given:
        raise InvalidOption("tune: `data` (=None) is needed for a search that begins.")
    if given.get("from_") is not None or given.get("folds") is not None:
        name = "from" if given.get("from_") is not None else "folds"
        raise InvalidOption(f"`{name}`: a search is made of single runs of new networks.")
    space = said["space"]
    words = with_network(given) if space is None else given
    metric = said["metric"] or LOSS
    if metric == LOSS and "loss" in (space or ()):
        raise InvalidOption(
            "`space`: with another `loss` values of val_loss cannot be compared; `metric` val_accuracy can."
        )
    experiment = Experiment.of(**words)
    base = Checked.of(experiment)
    base.check_metric(metric)
    if space is None:
        space = suited(words, base.experiment)
    else:
        check_space(words, space, base, metric)
    plain = {name: experiment.words().get(name, words[name]) for name in words}
    return Settings(plain, space, metric, said["pruner"] or PRUNERS[0])
