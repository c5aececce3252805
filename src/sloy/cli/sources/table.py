"""Rows of a table: CSV, TSV, Parquet, compressed or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sloy.cli import text
from sloy.cli.errors import UsageError
from sloy.cli.sources.base import Loaded, Row, Source, Tested

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from sloy.cli.plan import Plan
    from sloy.data import Dataset
    from sloy.data.tables import Table, TableReader
    from sloy.model import Model
    from sloy.network import Network

ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".parquet", ".pq")
PACKED = ("", ".gz", ".zst")
MOST_IN_PICTURE = 30  # classes that the confusion matrix has room for
SHOWN = 40  # columns that the opening lists
LINEAR_ROWS = 200_000  # that the linear model learns from at most
SMALL = 1000  # rows to train on; with fewer, more is dropped
ADAMW = {"learning_rate": 0.005, "weight_decay": 0.3}
PATIENCE = 30  # epochs without a better validation loss, before training ends


@dataclass(frozen=True, eq=False)
class LoadedTable(Loaded):
    """A table that was read."""

    table: Table = field(kw_only=True)


class TableFile(Source):
    """A file of rows, one column of which is to be predicted."""

    defaults: ClassVar = {"network": "mlp", "optimizer": "adamw"}
    options: ClassVar = frozenset({"target", "task", "ignore", "categorical", "test"})

    @staticmethod
    def matches(data: str) -> bool:
        """A file, or a name that ends as those of tables."""
        name = data.lower()
        return name.endswith(tuple(e + p for e in ENDINGS for p in PACKED)) or Path(data).is_file()

    @property
    def name(self) -> str:
        """The file's name."""
        return Path(self.data).name

    def check(self, plan: Plan) -> None:
        """A table needs a target, and one network suits it."""
        if plan.target is None:
            raise UsageError(
                f"give the column of {self.data} that is to be predicted: --target COLUMN"
            )
        if plan.from_ is not None:
            raise UsageError("--from trains models of pictures further, not those of tables")
        if plan.network != "mlp":
            raise UsageError(f"--network {plan.network}: for the rows of a table there is mlp only")

    def load(self, plan: Plan) -> LoadedTable:
        """Read, infer, divide, prepare."""
        from sloy.data.tables import load_table
        from sloy.errors import InvalidArgument
        from sloy.losses import CategoricalCrossentropy, SquaredError
        from sloy.training.callbacks import EarlyStopping

        assert plan.target is not None
        table = load_table(
            self.data,
            plan.target,
            task=plan.task or "auto",
            test=0.2 if plan.test is None else plan.test,
            validation=plan.validation,
            seed=plan.seed,
            ignore=plan.ignore or (),
            categorical=plan.categorical or (),
            samples=plan.samples,
        )
        if table.test is None:
            raise InvalidArgument(
                f"{self.data}: no row is left to test on; --test sets their share."
            )
        watched = () if table.validation is None else (EarlyStopping(patience=PATIENCE),)
        return LoadedTable(
            table.train,
            table.test,
            table.validation,
            table.reader,
            CategoricalCrossentropy()
            if table.is_classification
            else SquaredError(unit=table.deviation),
            "none",
            watched,
            tuple(opening(table)),
            plan.make_augment(),
            table=table,
        )

    def suited(self, plan: Plan, loaded: Loaded) -> Mapping[str, Any]:
        """Batches of a 32nd of the rows, between 16 and 256; 200 epochs, fewer where these are over 10 000 steps."""
        from math import log2

        rows = len(loaded.train)
        size = int(min(256, max(16, 2 ** round(log2(rows / 32)))))
        suited = {"batch_size": size, "epochs": max(3, min(200, 10_000 * size // rows))}
        return suited | (ADAMW if plan.optimizer == "adamw" else {})

    def make_network(self, plan: Plan, loaded: Loaded) -> Network:
        """Categories spread, two hidden layers."""
        return _network(loaded, (128, 64), 0.3 if len(loaded.train) < SMALL else 0.1)

    def describe(self, loaded: Loaded) -> str:
        """What is predicted from how much."""
        reader = _table(loaded).reader
        columns = text.many(len(reader.columns), "column")
        return f"{columns} prepared as {text.many(reader.width, 'number')} each"

    def test(self, model: Model, loaded: Loaded) -> Tested:
        """The network beside a linear model and the simplest answer there is."""
        data = loaded.test
        answers = {
            "network": model.predict_proba(data.x),
            "linear model": linear_model(model, loaded).predict_proba(data.x),
            "always the same": simplest(loaded, len(data)),
        }
        measure = classified if data.has_labels else measured
        found = {name: measure(answer, data) for name, answer in answers.items()}
        own = found.pop("network")
        figures: dict[str, Any] = {f"test_{name}": value for name, value in own.items()}
        figures |= {"test_samples": len(data), "baselines": found}
        rows = [("test", comparison({"network": own, **found}))]
        target = _table(loaded).target
        if said := verdict(own, found):
            rows.append(("", said))
        return Tested(figures, tuple(rows), lambda: _pictures(data, answers["network"], target))


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
    shown = text.columns([(_short(name), kind, what) for name, kind, what in lines[:SHOWN]])
    return shown + (f"\n… and {more} more" if more > 0 else "")


def linear_model(model: Model, loaded: Loaded) -> Model:
    """A network without hidden layers, trained on the same rows, at most `LINEAR_ROWS` of them."""
    import sloy
    from sloy.graph.threefry import make_key, permutation
    from sloy.training.callbacks import EarlyStopping

    data = loaded.train
    if len(data) > LINEAR_ROWS:
        data = data.take(permutation(len(data), make_key(0, "linear"))[:LINEAR_ROWS])
    size = 256 if len(data) >= 2560 else 32
    found, _ = sloy.fit(
        _network(loaded, (), 0.0),
        data,
        validation=loaded.validation,
        epochs=max(5, min(100, 5000 * size // len(data))),
        batch_size=size,
        optimizer=sloy.Adam(sloy.schedules.OneCycle(0.02)),
        loss=loaded.loss,
        preprocessing="none",
        engine=model.engine,
        callbacks=[EarlyStopping(patience=PATIENCE)] if loaded.validation is not None else (),
        verbose=False,
    )
    return found


def simplest(loaded: Loaded, rows: int) -> np.ndarray:
    """The answer that needs no columns: the shares of the classes, or the mean; one row repeated."""
    import numpy as np

    data, table = loaded.train, _table(loaded)
    if not data.has_labels:
        return np.full((rows, 1), table.mean)
    shares = np.bincount(data.y, minlength=data.classes) / len(data)
    return np.broadcast_to(shares, (rows, len(shares)))


def classified(probabilities: np.ndarray, data: Dataset) -> dict[str, float]:
    """Accuracy and log-loss of probabilities (N, K)."""
    import numpy as np

    own = probabilities[np.arange(len(data)), data.y].astype(np.float64)
    return {
        "accuracy": float((probabilities.argmax(1) == data.y).mean()),
        "log_loss": float(-np.log(np.maximum(own, 1e-7)).mean()),
    }


def measured(answers: np.ndarray, data: Dataset) -> dict[str, float]:
    """Root mean squared error, mean absolute error and R² of numbers (N, 1)."""
    import numpy as np

    y = data.y.astype(np.float64)
    error = answers[:, 0].astype(np.float64) - y
    spread = float(np.square(y - y.mean()).sum())
    return {
        "rmse": sqrt(float(np.square(error).mean())),
        "mae": float(np.abs(error).mean()),
        "r2": 1 - float(np.square(error).sum()) / spread if spread else float("nan"),
    }


_TITLES = {"accuracy": "accuracy", "log_loss": "log-loss", "rmse": "RMSE", "mae": "MAE", "r2": "R²"}


def comparison(found: Mapping[str, Mapping[str, float]]) -> str:
    """A line for each answer, a column for each figure."""
    figures = list(next(iter(found.values())))
    head = ("", *(_TITLES[name] for name in figures))
    lines = [(name, *(_shown(f, row[f]) for f in figures)) for name, row in found.items()]
    return text.columns([head, *lines], right=True)


def verdict(own: Mapping[str, float], others: Mapping[str, Mapping[str, float]]) -> str:
    """What the comparison means where the network is not the best; by log-loss, or by RMSE."""
    figure = "log_loss" if "log_loss" in own else "rmse"
    if own[figure] >= others["always the same"][figure]:
        return "the network is no better than always giving the same answer: it has learned nothing of use"
    if own[figure] >= others["linear model"][figure]:
        return (
            f"the linear model is as good or better ({_TITLES[figure]}): it is simpler, prefer it"
        )
    return ""


def _shown(figure: str, value: float) -> str:
    if figure == "accuracy":
        return text.percent(value)
    return f"{value:.4f}" if figure in ("r2", "log_loss") else f"{value:.5g}"


def _network(loaded: Loaded, hidden: tuple[int, ...], dropout: float) -> Network:
    from sloy import zoo

    table = _table(loaded)
    return zoo.table(
        table.reader.width,
        table.train.classes or 1,
        classes=table.reader.classes,
        hidden=hidden,
        dropout=dropout,
        mean=table.mean,
        deviation=table.deviation,
    )


def _table(loaded: Loaded) -> Table:
    assert isinstance(loaded, LoadedTable)
    return loaded.table


def _pictures(data: Dataset, answers: np.ndarray, name: str) -> dict[str, Figure]:
    from sloy import inspection

    if not data.has_labels:
        return {"answers.png": inspection.answers_figure(data.y, answers[:, 0], name)}
    if len(data.class_names) > MOST_IN_PICTURE:
        return {}
    counts = inspection.confusion_counts(data.y, answers.argmax(1), len(data.class_names))
    return {"confusion.png": inspection.confusion_figure(counts, data.class_names)}


def _short(name: str) -> str:
    return name if len(name) <= 32 else f"{name[:31]}…"
