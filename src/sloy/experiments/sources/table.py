"""Rows of a table: CSV, TSV, Parquet, compressed or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sloy import text
from sloy.arguments import duration
from sloy.data import Dataset, tables
from sloy.data.tables.values import DECIMALS, TASKS
from sloy.errors import InvalidArgument, InvalidOption, SloyError
from sloy.experiments import baselines
from sloy.experiments.recipes import PATIENCE, batches_and_epochs, of_table
from sloy.experiments.sources.base import TARGET, Loaded, Measured, Source, ToTest, Wanted
from sloy.experiments.sources.kept import kept_to_test, split_of, to_test_on
from sloy.experiments.sources.table_loaded import (
    LoadedTable,
    network_of,
    opening,
    places_of,
    sizes_of,
    solved_of,
    table_of,
)
from sloy.experiments.sources.table_losses import loss_of, usual_of
from sloy.experiments.sources.table_measured import measured_on, predictions_of
from sloy.files.once import STANDARD_INPUT, called, is_read_once, readable
from sloy.files.tables import as_csv
from sloy.losses import Loss
from sloy.model.origin import from_origin, origin_of
from sloy.options import integer_option, option, real_option
from sloy.text import shown
from sloy.training.members import held_out_by_each
from sloy.training.tabular import MEMBERS, TARGET_SCALES, Tabular
from sloy.training.wide import STILL

if TYPE_CHECKING:
    from sloy.data.tables import Table
    from sloy.engines import Engine
    from sloy.model import Model
    from sloy.problem import Network
    from sloy.training.recipe import Recipe

ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".parquet", ".pq")
PACKED = ("", ".gz", ".zst")
PREDICTIONS = "predictions.csv"
TESTED = 0.2  # share of the rows
LEAST_ROWS = 8  # to learn from: fewer say nothing of others


@dataclass(frozen=True)
class TableFile(Source):
    """A file of rows, one column of which is to be predicted."""

    target: str | None = option(None, TARGET, kind="text", metavar="COLUMN[,COLUMN]", once=True)
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
    id: Sequence[str] = option(
        (),
        "leave a column out, and keep it beside predictions: what tells rows apart; may be repeated",
        kind="texts",
        metavar="COLUMN",
    )
    test: float | str = kept_to_test(TESTED)
    split: str | None = option(
        None,
        "validate and test on the last rows in time, or on whole groups of rows; default: rows at random",
        kind="text",
        metavar="time=COLUMN|group=COLUMN",
    )
    folds: int | None = option(
        None,
        "cross-validate: train K times, each time on all rows but a K-th, which is predicted; then once on all rows",
        kind="integer",
        bounds={"least": 2},
        metavar="K",
    )
    fold: int | None = option(None, kind="integer")  # the one of them that this run tests on
    members: int = integer_option(
        MEMBERS,
        "networks that are trained together and averaged, each with rows of its own held out",
    )
    target_scale: str = option(
        "standard",
        "how a number is learned: as it is, by its logarithm (prices, incomes: errors count by their share), or by its"
        " quantiles",
        kind="text",
        choices=TARGET_SCALES,
    )
    time: float | None = option(
        None,
        "train as many members and epochs as fit into a time such as 2m; it is measured before, on a few batches",
        parse=partial(duration, "experiment", "time"),
        metavar="TIME",
    )
    intervals: float | None = real_option(
        None,
        "of numbers: an interval beside each answer that holds this share of them, such as 0.9",
        above=0,
        below=1,
    )

    title: ClassVar[str] = "tables"
    chooses_loss: ClassVar[bool] = True
    networks: ClassVar[Sequence[str]] = ("tabular", "mlp")
    defaults: ClassVar[Mapping[str, Any]] = {
        "network": "tabular",
        "optimizer": "adamw",
        "calibrate": "on",
    }
    patience: ClassVar[int | None] = PATIENCE

    @staticmethod
    def matches(data: str) -> bool:
        """A file, or a name that ends as those of tables."""
        name = data.lower()
        known = name.endswith(tuple(e + p for e in ENDINGS for p in PACKED))
        return known or is_read_once(data) or Path(data).is_file()

    @property
    def name(self) -> str:
        """The file's name."""
        return Path(called(self.data)).name

    def check(self, network: str, *, further: bool) -> None:
        """A table needs a target, and two networks suit it."""
        if self.target is None:
            way = "" if is_read_once(self.data) else tables.of_pixels(Path(self.data))
            raise InvalidOption(
                f"give the column of {called(self.data)} that is to be predicted: `target` COLUMN{way}"
            )
        if self.data == self.test == STANDARD_INPUT:
            raise InvalidOption("`test` (='-'): standard input is the data to train on already")
        if further:
            raise InvalidOption("`from` trains models of pictures further, not those of tables")
        if self.split is not None:
            split = split_of(self.split)
            if self.folds is not None and split.kind == "time":
                raise InvalidOption(
                    "`folds` would test on rows that come before those to train on; with `split` time=… `test` says"
                    " how many of the last rows are tested on."
                )
        if self.folds is not None and is_read_once(self.data):
            raise InvalidOption(
                f"`folds` reads the data again for each, which {called(self.data)} cannot; save it to a file"
            )
        if self.folds is not None and self.test != TESTED:
            raise InvalidOption(
                f"`test` (={shown(self.test)}): `folds` tests on every row in its turn; give one of both"
            )
        if self.folds is not None and len(self._targets) > 1:
            raise InvalidOption(
                f"`folds` is for one target; train once for each of {self.target}, or leave it out"
            )
        if self.fold is not None and not 1 <= self.fold <= (self.folds or 0):
            raise InvalidOption(f"`fold` (={self.fold}) must be one of `folds` (={self.folds}).")
        super().check(network, further=further)
        if network == "mlp" and self.members not in (1, MEMBERS):
            raise InvalidOption(f"`members` (={self.members}): the network mlp is a single one")
        if network == "mlp" and self.time is not None:
            raise InvalidOption(
                f"`time` (={self.time:g} s): the network mlp has no members to fit into it; `epochs` says how long"
            )
        if network == "mlp" and self.target_scale != "standard":
            raise InvalidOption(
                f"`target_scale` (={text.shown(self.target_scale)}): the network mlp learns numbers as they are"
            )

    @property
    def _targets(self) -> tuple[str, ...]:
        """The columns to predict; none where the header cannot be read, which is said later."""
        try:
            return tables.target_names(tables.open_table(self.data), self.target)
        except (SloyError, OSError):
            return ()

    def load(self, wanted: Wanted) -> LoadedTable:
        """Read, infer, divide, prepare."""
        with readable(self.data) as data, to_test_on(self.test) as test:
            table = self._read(data, test, wanted)
        if (there := len(table.train) + len(table.validation or ())) < LEAST_ROWS:
            few = f"{text.many(there, 'row')} to learn from; {LEAST_ROWS} are needed"
            raise InvalidOption(f"{self.data}: leaves {few}.")
        loss = loss_of(table, wanted.loss, self.intervals, self._held_out(table, wanted))
        numbers, validation = not table.is_classification, table.validation
        origin = origin_of(table.train.y) if numbers and not loss.link else ()
        loaded = LoadedTable(
            from_origin(origin, table.train),
            table.test,
            None if validation is None else from_origin(origin, validation),
            replace(table.reader, usual=usual_of(loss, table)),
            loss,
            "none",
            divided=True,
            rows=tuple(opening(table)),
            places=places_of(table),
            origin=origin,
            not_negative=numbers and not origin and bool((table.train.y >= 0).all()),
            table=table,
        )
        if loaded.solved is not None:
            among = "" if validation is None else "; the rows to validate on are among them"
            return replace(loaded, rows=(*loaded.rows, ("note", loaded.solved.note + among)))
        return loaded if wanted.network != "tabular" else self._by_members(loaded, wanted)

    def _held_out(self, table: Table, wanted: Wanted) -> int:
        """Rows that are held out, by all members together where there are some."""
        if table.validation is not None:
            return len(table.validation)
        if wanted.network != "tabular" or not wanted.validation:
            return 0
        return self.members * held_out_by_each(len(table.train), self.members, wanted.validation)

    def _by_members(self, loaded: LoadedTable, wanted: Wanted) -> LoadedTable:
        assert isinstance(loaded.loss, Loss)
        try:
            tabular = Tabular(
                loaded.train,
                codes=loaded.table.reader.classes,
                members=self.members,
                seed=wanted.seed,
                chosen=loaded.loss,
                target_scale=self.target_scale,
                **sizes_of(loaded, wanted.network, wanted.network_options),
            )
        except InvalidArgument as error:
            raise InvalidOption(str(error).removeprefix("Tabular: ")) from None
        return replace(
            loaded,
            loss=tabular.loss,
            members=self.members,
            learned=tabular.train,
            ending=tabular.ending,
            tabular=tabular,
        )

    def _read(self, data: Path, test: float | Path, wanted: Wanted) -> Table:
        assert self.target is not None
        own = wanted.network == "tabular" and self.split is None  # members hold out rows themselves
        return tables.load_table(
            data,
            self.target,
            task=self.task,
            test=test,
            validation=0 if own else wanted.validation,
            seed=wanted.seed,
            ignore=self.ignore,
            ids=self.id,
            categorical=self.categorical,
            numeric=self.numeric,
            dates=self.date,
            decimal=self.decimal,
            missing=self.missing,
            split=self.split,
            fold=None if self.fold is None or self.folds is None else (self.fold, self.folds),
            samples=wanted.samples,
        )

    def defaults_for(self, loaded: Loaded, network: str, optimizer: str) -> Mapping[str, Any]:
        """For members what `Tabular.options` says.

        Else batches of a 32nd of the rows, 16 to 256; 200 epochs, fewer where these are over 10 000 steps.
        """
        assert isinstance(loaded, LoadedTable)
        if loaded.tabular is not None:
            return loaded.tabular.options(optimizer)
        rows = len(loaded.train)
        if solved_of(loaded) is not None:
            return {**STILL, "batch_size": min(rows, 256), "weight_decay": 0.0}
        found = batches_and_epochs(rows, part=32, sizes=(16, 256), steps=10_000, epochs=(3, 200))
        own = of_table(optimizer, numbers=not loaded.train.has_labels)
        return {**found, **self.patience_for(loaded), **own}

    def within_time(
        self, loaded: Loaded, recipe: Recipe, engine: Engine
    ) -> tuple[TableFile, Loaded, int]:
        """Itself, what is loaded, and epochs, with members that fit into `time`; all as they are without one."""
        assert isinstance(loaded, LoadedTable)
        if loaded.tabular is None:
            return self, loaded, recipe.epochs
        seconds = loaded.tabular.seconds_of_epoch(recipe, engine)
        members, epochs = loaded.tabular.members, recipe.epochs
        if self.time is not None:
            members, epochs = loaded.tabular.within(self.time, seconds, epochs)
        foreseen = text.seconds(seconds * epochs * members / loaded.tabular.members)
        said = f"about {foreseen} of training, less where it ends before its last epoch"
        if self.time is not None:
            said = f"{text.seconds(self.time)} of training at most, about {foreseen} foreseen"
        tabular = replace(loaded.tabular, members=members)
        rows = (*loaded.rows, ("time", said))
        return (
            replace(self, members=members),
            replace(loaded, members=members, tabular=tabular, rows=rows),
            epochs,
        )

    def make_network(self, loaded: Loaded, name: str, options: Mapping[str, Any]) -> Network:
        """The network of members; or categories spread, two hidden layers."""
        assert isinstance(loaded, LoadedTable)
        sizes = sizes_of(loaded, name, options)
        if (solved := solved_of(loaded)) is not None:
            return solved.network
        if loaded.tabular is not None:
            return loaded.tabular.network
        return network_of(loaded, **sizes)

    def parameters_for(self, loaded: Loaded) -> Mapping[str, np.ndarray] | None:
        """Those of the linear network that was solved; of members, weights that fit the rows."""
        assert isinstance(loaded, LoadedTable)
        if (solved := solved_of(loaded)) is not None:
            return solved.parameters
        return None if loaded.tabular is None else loaded.tabular.start()

    def describe(self, loaded: Loaded) -> str:
        """What is predicted from how much."""
        reader = table_of(loaded).reader
        return f"{text.many(len(reader.columns), 'column')} prepared as {text.many(reader.width, 'number')} each"

    def to_test(self, model: Model, wanted: Wanted) -> ToTest:
        """All rows with a target."""
        reader = model.reader
        if not isinstance(reader, tables.RowsReader):
            raise InvalidOption(f"{called(self.data)}: the model takes no rows of a table.")
        with readable(self.data) as path:
            model.reader = reader = reader.within(tables.open_table(path))  # columns by their names
            found = tables.labelled_rows(path, reader, model.class_names)
        beside = found.beside
        ids = [name for name in beside.columns if name not in reader.targets]
        return ToTest(
            found.data,
            f"{text.many(len(found.data), 'row')} with `{', '.join(map(text.visible, reader.targets))}`",
            True,
            tuple(("note", text.visible(note)) for note in found.notes),
            {name: beside[name].to_list() for name in (*ids, *reader.targets)},
        )

    def files(self, loaded: Loaded, measured: Measured) -> Mapping[str, str]:
        """Of a fold the predictions for its rows: row (from 1), fold, ids, truth, answer, probabilities."""
        if self.fold is None:
            return {}
        rows = predictions_of(table_of(loaded), measured, tables.open_table(self.data), self.fold)
        return {PREDICTIONS: as_csv(rows)}

    def simpler(self, loaded: Loaded, engine: Engine) -> Model:
        """A linear model of the same rows."""
        return baselines.linear_model(network_of(loaded, (), 0.0), loaded, engine)

    def measure(
        self,
        model: Model,
        data: Dataset,
        loaded: Loaded | None = None,
        simpler: Model | None = None,
    ) -> Measured:
        """The network beside a linear model and the simplest answer there is."""
        sample = None if loaded is None else table_of(loaded).sample
        return measured_on(model, data, simpler, loaded, sample=sample, seed=self.fold or 0)
