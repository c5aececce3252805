"""Rows of a table: CSV, TSV, Parquet, compressed or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sloy import inspection, text, zoo
from sloy.data import Dataset
from sloy.data.tables import DECIMALS, TASKS, Table, TableReader, load_table
from sloy.errors import InvalidArgument, InvalidOption
from sloy.experiments import baselines, classes
from sloy.experiments.recipes import batches_and_epochs
from sloy.experiments.sources.base import Loaded, Measured, Row, Source, Wanted
from sloy.experiments.sources.folder import SHARE_TO_TEST
from sloy.losses import CategoricalCrossentropy, Intervals, Loss, SquaredError
from sloy.metrics.figures import by_class as figures_by_class
from sloy.model import Model
from sloy.options import option, real_option
from sloy.problem import Network
from sloy.training.intervals import least_samples

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".parquet", ".pq")
PACKED = ("", ".gz", ".zst")
MOST_IN_PICTURE = 30  # classes that the confusion matrix has room for
SHOWN = 40  # columns that the opening lists
SMALL = 1000  # rows to train on; with fewer, more is dropped
ADAMW: Mapping[str, Any] = {"learning_rate": 0.005, "weight_decay": 0.3}


@dataclass(frozen=True, eq=False)
class LoadedTable(Loaded):
    """A table that was read."""

    table: Table = field(kw_only=True)


@dataclass(frozen=True)
class TableFile(Source):
    """A file of rows, one column of which is to be predicted."""

    target: str | None = option(
        None, "the column that is to be predicted", kind="text", metavar="COLUMN", once=True
    )
    task: str = option(
        "auto",
        "classes or numbers; auto takes classes where the target holds words or few whole numbers",
        kind="text",
        choices=TASKS,
    )
    ignore: Sequence[str] = option(
        (), "leave a column out; may be repeated", kind="texts", metavar="COLUMN"
    )
    categorical: Sequence[str] = option(
        (),
        "take a column of numbers for names, such as postcodes; may be repeated",
        kind="texts",
        metavar="COLUMN",
    )
    numeric: Sequence[str] = option(
        (),
        "take a column for numbers, whatever words stand in it; may be repeated",
        kind="texts",
        metavar="COLUMN",
    )
    date: Sequence[str] = option(
        (),
        "take a column for dates, of a format such as %%d.%%m.%%Y where given; may be repeated",
        kind="texts",
        metavar="COLUMN[=FORMAT]",
    )
    decimal: str = option(
        "auto",
        "the decimal point of numbers; auto finds it in each column",
        kind="text",
        choices=DECIMALS,
    )
    missing: Sequence[str] = option(
        (),
        "take a word, or a number such as -999, for a missing value; may be repeated",
        kind="texts",
        metavar="WORD",
    )
    test: float = option(
        0.2, SHARE_TO_TEST, kind="real", bounds={"least": 0, "below": 1}, metavar="SHARE"
    )

    intervals: float | None = real_option(
        None,
        "of numbers: an interval beside each answer that holds this share of them, such as 0.9",
        above=0,
        below=1,
    )

    title: ClassVar[str] = "tables"
    defaults: ClassVar[Mapping[str, Any]] = {
        "network": "mlp",
        "optimizer": "adamw",
        "calibrate": "on",
    }

    @staticmethod
    def matches(data: str) -> bool:
        """A file, or a name that ends as those of tables."""
        name = data.lower()
        return name.endswith(tuple(e + p for e in ENDINGS for p in PACKED)) or Path(data).is_file()

    @property
    def name(self) -> str:
        """The file's name."""
        return Path(self.data).name

    def check(self, network: str, *, further: bool) -> None:
        """A table needs a target, and one network suits it."""
        if self.target is None:
            raise InvalidOption(
                f"give the column of {self.data} that is to be predicted: `target` COLUMN"
            )
        if further:
            raise InvalidOption("`from` trains models of pictures further, not those of tables")
        if network != "mlp":
            raise InvalidOption(
                f"`network` (={network!r}): for the rows of a table there is mlp only"
            )

    def load(self, wanted: Wanted) -> LoadedTable:
        """Read, infer, divide, prepare."""
        assert self.target is not None
        table = load_table(
            self.data,
            self.target,
            task=self.task,
            test=self.test,
            validation=wanted.validation,
            seed=wanted.seed,
            ignore=self.ignore,
            categorical=self.categorical,
            numeric=self.numeric,
            dates=self.date,
            decimal=self.decimal,
            missing=self.missing,
            samples=wanted.samples,
        )
        if table.test is None:
            raise InvalidArgument(
                f"{self.data}: no row is left to test on; `test` sets their share."
            )
        return LoadedTable(
            table.train,
            table.test,
            table.validation,
            table.reader,
            self._loss(table),
            "none",
            tuple(opening(table)),
            table=table,
        )

    def _loss(self, table: Table) -> Loss:
        """What the network is trained for; `InvalidOption` where intervals cannot be."""
        if table.is_classification:
            if self.intervals is not None:
                raise InvalidOption(
                    f"`intervals` (={self.intervals:g}) is for numbers; `{table.target}` has classes, whose"
                    " probabilities say how sure an answer is."
                )
            return CategoricalCrossentropy()
        main = SquaredError(unit=table.deviation)
        if self.intervals is None:
            return main
        there = 0 if table.validation is None else len(table.validation)
        if there < (needed := least_samples(self.intervals)):
            raise InvalidOption(
                f"`intervals` (={self.intervals:g}) needs at least {needed} rows to validate on, there are {there};"
                " `validation` sets their share."
            )
        return Intervals(self.intervals, main, unit=table.deviation)

    def defaults_for(self, loaded: Loaded, optimizer: str) -> Mapping[str, Any]:
        """Batches of a 32nd of the rows, between 16 and 256; 200 epochs, fewer where these are over 10 000 steps."""
        rows = len(loaded.train)
        found = batches_and_epochs(rows, part=32, sizes=(16, 256), steps=10_000, epochs=(3, 200))
        patience = {} if loaded.validation is None else {"patience": baselines.PATIENCE}
        return {**found, **patience, **(ADAMW if optimizer == "adamw" else {})}

    def make_network(self, loaded: Loaded, name: str, options: Mapping[str, Any]) -> Network:
        """Categories spread, two hidden layers."""
        if options:
            raise InvalidOption("`network_options`: the network for the rows of a table has none.")
        return _network(loaded, (128, 64), 0.3 if len(loaded.train) < SMALL else 0.1)

    def describe(self, loaded: Loaded) -> str:
        """What is predicted from how much."""
        reader = _table(loaded).reader
        columns = text.many(len(reader.columns), "column")
        return f"{columns} prepared as {text.many(reader.width, 'number')} each"

    def measure(self, model: Model, loaded: Loaded) -> Measured:
        """The network beside a linear model and the simplest answer there is."""
        data = loaded.test
        linear = baselines.linear_model(_network(loaded, (), 0.0), loaded, model.engine)
        answers = {
            "network": model.predict_proba(data.x),
            "linear model": linear.predict_proba(data.x),
            "always the same": baselines.simplest(loaded.train, _table(loaded).mean, len(data)),
        }
        own_classes = classes.answers_of(model, answers["network"]) if data.has_labels else None
        found = {
            name: baselines.measured(answer, data, own_classes if name == "network" else None)
            for name, answer in answers.items()
        }
        own = found.pop("network")
        figures: dict[str, Any] = {f"test_{name}": value for name, value in own.items()}
        figures |= {"test_samples": len(data), "baselines": found}
        told = data.has_labels and classes.are_told(data, loaded.unevenness)
        more = baselines.OF_CLASSES if told else ()
        rows = [("test", baselines.comparison({"network": own, **found}, *more))]
        target = _table(loaded).target
        if told:
            rows.append(("", classes.whose(data)))
        if said := baselines.verdict(own, found, weighted=loaded.class_weight is not None):
            rows.append(("", said))
        if own_classes is not None:
            by_class = figures_by_class(data.y, own_classes, answers["network"])
            figures["classes"] = classes.as_document(data, by_class)
            if told:
                rows.append(("classes", classes.listed(data, by_class)))
        return Measured(
            figures, tuple(rows), lambda: _pictures(data, answers["network"], own_classes, target)
        )


def opening(table: Table) -> list[Row]:
    """What was found in the table."""
    kind = "classification" if table.is_classification else "regression"
    if table.is_classification:
        names = table.train.class_names
        what = f"{len(names)} classes ({', '.join(names[:6])}{', …' if len(names) > 6 else ''})"
    else:
        what = f"mean {table.mean:.5g}, deviation {table.deviation:.4g}"
    target = ("target", f"{table.target}: {kind} ({table.reason}), {what}")
    columns = ("columns", listed(table.reader, table.left_out))
    return [target, columns, *(("note", note) for note in table.notes)]


def listed(reader: TableReader, left_out: Mapping[str, str]) -> str:
    """A line for each column: its name, its kind, what it holds and becomes."""
    lines = [(c.name, c.kind, c.describe()) for c in reader.columns]
    lines += [(name, "left out", why) for name, why in left_out.items()]
    more = len(lines) - SHOWN
    shown = text.columns(
        [(text.shortened(name, 32), kind, what) for name, kind, what in lines[:SHOWN]]
    )
    return shown + (f"\n… and {more} more" if more > 0 else "")


def _network(loaded: Loaded, hidden: tuple[int, ...], dropout: float) -> Network:
    table = _table(loaded)
    return zoo.table(
        table.reader.width,
        table.train.classes or (3 if isinstance(loaded.loss, Intervals) else 1),
        classes=table.reader.classes,
        hidden=hidden,
        dropout=dropout,
        mean=table.mean,
        deviation=table.deviation,
    )


def _table(loaded: Loaded) -> Table:
    assert isinstance(loaded, LoadedTable)
    return loaded.table


def _pictures(
    data: Dataset, answers: np.ndarray, given: np.ndarray | None, name: str
) -> dict[str, Figure]:
    if given is None:
        return {"answers.png": inspection.answers_figure(data.y, answers[:, 0], name)}
    if len(data.class_names) > MOST_IN_PICTURE:
        return {}
    counts = inspection.confusion_counts(data.y, given, len(data.class_names))
    return {"confusion.png": inspection.confusion_figure(counts, data.class_names)}
