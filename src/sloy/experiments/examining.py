"""`examine`: a model that exists, measured on labelled data; what `run` does at its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sloy import inspection, text
from sloy.arguments import flag, function, path_of
from sloy.engines import Engine
from sloy.errors import InvalidArgument, InvalidOption
from sloy.experiments.events import Counted, Drawn, Listener, Saved, Tested
from sloy.experiments.run_folder import LINEAR, RunFolder, plan_of
from sloy.experiments.sources import Measured, Source, source_of
from sloy.experiments.sources.base import ToTest, Wanted
from sloy.experiments.sources.digits import Mnist
from sloy.experiments.sources.folder import PictureSource
from sloy.experiments.sources.table import TableFile
from sloy.files.once import called
from sloy.files.tables import as_csv
from sloy.machine import versions
from sloy.model import Model, load
from sloy.model.loading import CONFIGURATION, MODEL, model_file


@dataclass(frozen=True, eq=False)
class Examined:
    """How good a model is on labelled data.

    Attributes
    ----------
    model : Model
    tested : ToTest
        The samples, and what is to be said of them.
    measured : Measured
    summary : mapping
        What `summary.json` says.
    folder : Path or None
        Where files were written.
    """

    model: Model
    tested: ToTest
    measured: Measured
    summary: Mapping[str, Any]
    folder: Path | None


def examine(
    model: str | Path,
    data: str | Path,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    skip_broken: bool = False,
    engine: str | Engine = "auto",
    threads: int = 0,
    listener: Listener = lambda event: None,
) -> Examined:
    """Measure a model on labelled data; nothing is written but to `out`.

    Parameters
    ----------
    model : str or path
        A file, or the folder of a run.
    data : str or path
        As for ``Experiment.of``: "mnist", a folder of pictures or of IDX files, a list of pictures, a table with the
        model's target. Where it has a part to test on, that part alone.
    out : path, optional
        Folder for `summary.json`, `predictions.csv`, `confusion.csv` and the pictures; made where missing.
    overwrite : bool
        Whether files of an earlier test there are replaced.
    skip_broken : bool
        Whether pictures that cannot be read are left out, and named; otherwise they are refused.
    engine, threads
        See `sloy.engines.engine`.
    listener : callable
        Told of `Counted`, `Tested`, `Saved` and `Drawn`.

    Raises
    ------
    InvalidOption
        Where the data are not what the model answers, or options do not fit them.
    InvalidArgument
        Where `out` holds other files of these names, or columns are missing.

    Examples
    --------
    >>> import sloy, tempfile
    >>> experiment = sloy.experiments.Experiment.of("mnist", network="mlp", samples=500, epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = sloy.experiments.run(experiment, folder, engine="reference")
    ...     again = sloy.experiments.examine(folder, "mnist", engine="reference")
    >>> again.measured.figures == result.measured.figures
    True
    """
    path_of("examine", "model", model), path_of("examine", "data", data)
    function("examine", "listener", listener)
    for name, value in (("overwrite", overwrite), ("skip_broken", skip_broken)):
        flag("examine", name, value)
    into = nullcontext() if out is None else _folder(path_of("examine", "out", out), overwrite)
    with into as folder:
        file = model_file(model)
        found = load(file, engine=engine, threads=threads).by_class
        source = _source(found, str(data), skip_broken=skip_broken)
        wanted = Wanted(counted=lambda what, done, total: listener(Counted(what, done, total)))
        tested = source.to_test(found, wanted)
        if tested.whole and _trained_on(Path(file), str(data)):
            samples = "pictures" if isinstance(source, PictureSource) else "rows"
            note = (
                f"{text.visible(model)} was trained on these {samples}, or most of them: on others it"
                " is likely worse"
            )
            tested = replace(tested, rows=(*tested.rows, ("note", note)))
        simpler = _simpler(Path(file), engine, threads)
        measured = source.measure(found, tested.data, simpler=simpler)
        summary = _summary(model, data, tested, measured)
        listener(Tested(measured, summary))
        if folder is not None:
            targets = getattr(found.reader, "targets", ())
            _write(folder, tested, measured, summary, targets, listener)
        return Examined(found, tested, measured, summary, None if folder is None else folder.path)


def _simpler(file: Path, engine: str | Engine, threads: int) -> Model | None:
    """The linear model that lies beside the model of a run."""
    path = file.parent / LINEAR
    there = path.is_file() and (file.parent / CONFIGURATION).is_file() and file.name == MODEL
    return load(path, engine=engine, threads=threads) if there else None


def _source(model: Model, data: str, *, skip_broken: bool) -> Source:
    """The kind of data, as the model takes it."""
    is_table = model.reader is not None and model.reader.of_tables
    others = Mnist.matches(data) or Path(data).is_dir()
    source = TableFile(data) if is_table and not others else source_of(data)
    if not skip_broken:
        return source
    if not isinstance(source, PictureSource):
        raise InvalidOption(f"`skip_broken` does not belong to {called(data)}.")
    return replace(source, skip_broken=True)


def _trained_on(file: Path, data: str) -> bool:
    """Whether the model lies in the folder of a run on the same data."""
    try:
        words = plan_of(file.parent / CONFIGURATION)
        return Path(words["data"]).resolve() == Path(data).resolve()
    except (OSError, ValueError):
        return False


def _summary(
    model: str | Path, data: str | Path, tested: ToTest, measured: Measured
) -> dict[str, Any]:
    """What `summary.json` says."""
    found = {"model": str(model), "data": str(data), **measured.figures}
    if "classes" in found:
        found["figures_of_classes"] = found.pop("classes")
    if measured.confusion.size:
        found["classes"] = list(tested.data.class_names)
        found["confusion"] = measured.confusion.tolist()
    return {**found, "notes": [words for title, words in tested.rows if title == "note"]} | {
        "versions": versions()
    }


# --- files ------------------------------------------------------------------------------------------------------------


@contextmanager
def _folder(path: Path, overwrite: bool) -> Iterator[RunFolder]:
    """Where the files go; refused where the model of a run, or files of these names, would be replaced."""
    folder = RunFolder(path)
    if any((folder / name).exists() for name in (MODEL, CONFIGURATION)):
        raise InvalidArgument(
            f"{path}: is the folder of a run, whose files stay; `out` must be another."
        )
    if folder.held() and not overwrite:
        raise InvalidArgument(
            f"{path}: holds {folder.held()[0].name} already; `overwrite` replaces it, another `out` keeps it."
        )
    with folder.alone():
        yield folder


def _write(
    folder: RunFolder,
    tested: ToTest,
    measured: Measured,
    summary: Mapping[str, Any],
    targets: Sequence[str],
    listener: Listener,
) -> None:
    folder.begin()
    names = tested.data.class_names
    files = {"summary.json": text.as_json(summary)}
    files["predictions.csv"] = as_csv(_predictions(tested, measured, targets))
    if measured.confusion.size:
        rows = zip(names, measured.confusion.tolist(), strict=True)
        files["confusion.csv"] = as_csv([["true", *names], *([name, *row] for name, row in rows)])
    for name, content in files.items():
        folder.write(name, content)
        listener(Saved(folder / name))
    for name, figure in measured.pictures().items():
        folder.write(name, inspection.png(figure))
        listener(Drawn(folder / name))


def _predictions(
    tested: ToTest, measured: Measured, targets: Sequence[str]
) -> Iterator[Sequence[Any]]:
    """A head, and a line for each sample: what tells it apart, the answer, the probability of each class."""
    names, beside = tested.data.class_names, tested.beside
    titles = [f"probability_{name}" for name in names]
    several = [f"prediction_{name}" for name in targets] if len(targets) > 1 else ["prediction"]
    ends = measured.ends_by_column
    yield [*beside, *several, *titles, *ends]
    said = [[names[k]] for k in measured.given] if names else measured.answers[:, : len(several)]
    columns = [*beside.values(), *ends.values()]
    for answer, row, *cells in zip(said, measured.answers, *columns, strict=True):
        own, end = cells[: len(beside)], cells[len(beside) :]
        yield [*own, *answer, *(row if names else ()), *end]
