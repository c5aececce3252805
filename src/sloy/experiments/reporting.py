"""`report`: a finished run as one HTML file: its model running, curves, what went wrong, mistakes, versions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from html import escape
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from sloy import text
from sloy.arguments import file_to_write, flag, function
from sloy.data import Dataset
from sloy.diagnosis.report import Finding
from sloy.engines import Engine
from sloy.errors import InvalidArgument, SloyError
from sloy.exchange.source.javascript import Precision
from sloy.experiments.baselines import OF_SUMMARY, comparison, of_summary
from sloy.experiments.diagnosing import written_report
from sloy.experiments.events import Counted, Listener, Opened
from sloy.experiments.forecast import quality_of
from sloy.experiments.opening import opened
from sloy.experiments.run_folder import DIAGNOSIS, LINEAR, RunFolder
from sloy.experiments.sources import Measured
from sloy.files.atomic import write_atomically
from sloy.files.documents import read_document
from sloy.language import say, speak
from sloy.model import Model, load
from sloy.model.loading import MODEL
from sloy.model.outward import SUFFIXES, mistakes
from sloy.model.page import (
    Section,
    as_stored,
    definitions,
    describe,
    page,
    precision_for,
)
from sloy.model.page_data import known_of
from sloy.model.page_told import Known, plane_of
from sloy.training.history import History

CHECKED = 1000  # samples that the page's weights are tried on
MOST_CLASSES = 20  # of a matrix that is shown
HIDDEN = ("epoch", "seconds", "samples_per_second", "gradient_norm_max")


@dataclass(frozen=True)
class Reported:
    """What was written.

    Attributes
    ----------
    path : Path
    precision : str
        Of the weights in the file.
    samples : int
        That the file's weights were tried on; 0 where they are the model's own, or the data are gone.
    largest : float
        Difference of an answer to the model's own, over these.
    same : float
        Share of them that are given the same class; 1 for numbers.
    notes : tuple of str
        What is not in it, and why.
    """

    path: Path
    precision: Precision
    samples: int
    largest: float
    same: float
    notes: tuple[str, ...]


def report(
    run: str | Path,
    path: str | Path,
    *,
    samples: bool = True,
    language: str | None = None,
    engine: str | Engine = "auto",
    threads: int = 0,
    listener: Listener = lambda event: None,
) -> Reported:
    """Write a finished run as one HTML file that needs nothing else; see docs/report.md.

    Parameters
    ----------
    run : path
        Its folder. Where its data are still there, test samples, mistakes and what was taken for what are shown.
    path : path
        The file.
    samples : bool
        Whether samples of the data are in it: those to load, the mistakes, the marks in a plane. Without them what the
        model itself holds remains: names of columns and classes, words of categories, ranges; and figures of all
        samples together.
    language : "en" or "ru", optional
        By default the one that is spoken.
    engine, threads
        See `sloy.engines.engine`.
    listener : callable
        Told of `Counted`.

    Raises
    ------
    FileFormatError
        Where the folder holds no finished run.
    InvalidArgument
        Where the file's name does not end in ``.html`` or ``.htm``, or the folder holds a cross-validation.
    NotAvailable
        Where the network cannot run in a page.
    """
    path = file_to_write("report", "path", path, SUFFIXES)
    flag("report", "samples", samples)
    function("report", "listener", listener)
    folder = RunFolder.to_read(run)
    if folder.within:
        raise InvalidArgument(
            f"{run}: holds a cross-validation; report one of its runs, such as {folder.within[0].path}."
        )
    model = load(folder.path, engine=engine, threads=threads)
    tell = listener
    with nullcontext() if language is None else speak(language):
        found = _Run(folder, model, samples)
        found.open(engine, threads, tell)
        written, html = found.written(path)
    write_atomically(path, html)
    return written


@dataclass
class _Run:
    """A run's folder, read."""

    folder: RunFolder
    model: Model
    samples: bool = True
    opening: Opened | None = None
    measured: Measured | None = None
    notes: tuple[str, ...] = ()

    def open(self, engine: str | Engine, threads: int, tell: Listener) -> None:
        """Read the data once more, and measure the model on what is kept apart to test on."""
        try:
            experiment = self.folder.experiment()
            self.opening = opened(
                experiment,
                self.folder.path,
                engine=engine,
                threads=threads,
                tell=lambda event: tell(event) if isinstance(event, Counted) else None,
                resumed=True,
            )
        except (SloyError, OSError) as error:
            reason = str(error).removesuffix(".")
            self.notes += (say("The run's data cannot be read now: {reason}.", reason=reason),)
            return
        if not self.samples:
            self.notes += (say("Samples of the data are left out, as was asked for."),)
        if self.test is None:
            self.notes += (say("Nothing was kept apart to test on."),)
            return
        linear = self.folder / LINEAR
        simpler = load(linear, engine=engine, threads=threads) if linear.is_file() else None
        loaded = self.opening.loaded
        self.measured = experiment.source.measure(self.model, self.test, loaded, simpler)

    @property
    def test(self) -> Dataset | None:
        """The samples to test on."""
        return None if self.opening is None else self.opening.loaded.test

    def written(self, path: Path) -> tuple[Reported, str]:
        """The file, and what is to be said of it."""
        parts = self.model.parts._replace(reader=self.model.picture_reader)
        precision = precision_for(parts)
        samples, largest, same = self._tried(precision)
        said = Reported(path, precision, samples, largest, same, self.notes)
        curves = self._curves()
        known = self._known()
        known = replace(known, told={"curves": curves})
        html = page(
            parts,
            title=say("Report of {run}", run=text.visible(self.folder.path.resolve().name)),
            precision=precision,
            known=known,
            first=[Section("summary", say("Summary"), self._summary(said))],
            last=[
                *([mistakes()] if known.wrong else []),
                *self._confusion(),
                *([self._curves_section()] if curves else []),
                *self._diagnosis(),
                *self._data_section(),
                Section("network-of", say("The network"), describe(parts, precision)),
                Section("about", say("The run"), self._about()),
            ],
        )
        return said, html

    # --- parts ------------------------------------------------------------------------------------

    def _tried(self, precision: Precision) -> tuple[int, float, float]:
        """How the page's weights answer test samples beside the model's own."""
        if self.test is None or precision == "float32":  # these are the model's own
            return 0, 0.0, 1.0
        some = self.test.take(np.arange(min(CHECKED, len(self.test))))
        stored = Model.of(as_stored(self.model.parts, precision), engine=self.model.engine)
        (own, classes), (found, others) = self._both(some.x, stored)
        same = float((classes == others).mean()) if classes.size else 1.0
        return len(some), float(np.abs(own - found).max()), same

    def _both(self, x: Any, stored: Model) -> tuple[Any, Any]:
        return self._prepared(self.model)._answers(x), self._prepared(stored)._answers(x)

    @staticmethod
    def _prepared(model: Model) -> Model:
        return model.prepared if model.reader is not None and model.reader.of_tables else model

    def _known(self) -> Known:
        if self.test is None or self.measured is None or not self.samples:
            return Known()
        known = known_of(
            self.test,
            self.measured.answers,
            self.measured.given,
            plane=plane_of(self.model.parts),
        )
        return known if np.asarray(self.test.x).dtype != object else Known()

    def _summary(self, said: Reported) -> str:
        rows = [*(self.measured.rows if self.measured else self._rows_written())]
        if said.samples:
            words = say(
                "{precision}; on {count} test samples the answers differ by at most {largest} from those of the model"
                " file, {same} are the same class",
                precision=said.precision,
                count=text.count(said.samples),
                largest=f"{said.largest:.2g}",
                same=text.percent(said.same),
            )
            rows.append((say("weights in this page"), words))
        notes = "".join(f'<p class="warns">{escape(note)}</p>' for note in self.notes)
        return definitions(rows) + notes

    def _rows_written(self) -> list[tuple[str, str]]:
        """Figures of the run's summary, where nothing can be measured again."""
        found = of_summary(self._document)
        return [(say("test"), comparison(found))] if found["network"] else []

    @cached_property
    def _document(self) -> Mapping[str, Any]:
        path = self.folder / "summary.json"
        schema = OF_SUMMARY | {"plan?": dict, "versions?": dict, "*": object}
        return read_document(path, schema, "the summary of a run") if path.is_file() else {}

    @cached_property
    def _history(self) -> History:
        path = self.folder / "history.csv"
        return History.from_csv(path) if path.is_file() else History()

    def _curves(self) -> list[dict[str, Any]]:
        """A chart for each quantity: training and validation together."""
        history = self._history
        if not len(history):
            return []
        shown = [c for c in history.columns if c not in HIDDEN and not c.startswith("val_")]
        charts = []
        for column in shown:
            names = [(column, say("training")), (f"val_{column}", say("validation"))]
            lines = [
                {"name": words, "values": _finite(history[name])}
                for name, words in names
                if name in history and np.isfinite(history[name]).any()
            ]
            if lines:
                if len(lines) == 1:
                    lines[0]["name"] = ""
                title = say(column.replace("_", " "))
                charts.append({"title": title, "epochs": history["epoch"].tolist(), "lines": lines})
        return charts

    def _curves_section(self) -> Section:
        history = self._history
        cells = [
            history.columns,
            *([_cell(row.get(c)) for c in history.columns] for row in history),
        ]
        table = text.html_table([[str(c) for c in row] for row in cells])
        words = escape(say("The same as numbers"))
        below = (
            f'<details><summary>{words}</summary><div class="scroll" role="region" tabindex="0"'
            f' aria-label="{words}">{table}</div></details>'
        )
        return Section("curves", say("Curves"), f'<div class="charts" data-curves></div>{below}')

    def _diagnosis(self) -> list[Section]:
        path = self.folder / DIAGNOSIS
        if not path.is_file():
            return []
        found = written_report(path)
        items = "".join(
            f"<li><strong>{escape(f'{one.harm}: {one.name}')}</strong><br>{escape(one.sentence)}<br>"
            f"{escape(_advice(one))}</li>"
            for one in found.findings
        )
        html = f'<ul class="findings">{items}</ul>' if items else f"<p>{escape(str(found))}</p>"
        return [Section("diagnosis", say("Diagnosis"), html)]

    def _data_section(self) -> list[Section]:
        """How many samples there are of what, and what is odd about them."""
        if self.opening is None or not isinstance(self.opening.loaded.train, Dataset):
            return []
        found = quality_of(self.opening)
        parts = ", ".join(f"{say(part)} {text.count(n)}" for part, n in found.samples.items())
        rows = [(say("samples of each part"), parts)]
        counts = [f"{text.shortened(k, 30)} {text.count(n)}" for k, n in found.classes.items()]
        if counts:
            more = ", …" * (len(counts) > MOST_CLASSES)
            rows.append((say("training samples"), ", ".join(counts[:MOST_CLASSES]) + more))
        html = definitions([*rows, *found.rows()])
        if not found.warnings:
            html += f"<p>{escape(say('Nothing to warn of was found.'))}</p>"
        return [Section("data", say("The data"), html)]

    def _confusion(self) -> list[Section]:
        """What was taken for what, as a table whose cells are coloured."""
        if self.measured is None or not self.measured.confusion.size or self.test is None:
            return []
        counts = self.measured.confusion
        names = text.shortened_apart(self.test.class_names, 16)
        names = names or [str(k) for k in range(len(counts))]
        if len(names) > MOST_CLASSES:
            return []
        return [Section("confusion", say("What was taken for what"), _matrix(counts, names))]

    def _about(self) -> str:
        document = self._document
        plan = document.get("plan", {})
        rows = [(say("plan"), ", ".join(f"{k} {_words(v)}" for k, v in plan.items() if v is not None))]  # fmt: skip
        if self.opening is not None:
            rows = [*((title, words) for title, words in self.opening.loaded.rows), *rows]
        versions = document.get("versions", {})
        rows.append((say("versions"), ", ".join(f"{k} {v}" for k, v in versions.items())))
        digest = sha256((self.folder / MODEL).read_bytes()).hexdigest()
        rows.append((say("model file"), f"sha256 {digest}"))
        return definitions([(title, words) for title, words in rows if words])


def _advice(finding: Finding) -> str:
    """What may be behind a finding, and what helps; what was proved of it, where something was."""
    proved = [str(proof) for proof in finding.proofs if proof.proved]
    causes = say("because") + ": " + say(" or ").join(finding.causes) if finding.causes else ""
    helps = say("tried") + ": " + "; ".join(proved)
    if not proved:
        helps = say("remedy") + ": " + "; ".join(finding.remedies)
    return ". ".join(filter(None, [causes, helps]))


def _matrix(counts: np.ndarray, names: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    lines = []
    for true, row in enumerate(counts.tolist()):
        total = max(1, sum(row))
        cells = "".join(
            f'<td data-share="{n / total:.4f}"{" data-wrong" * (true != k)}>{n}</td>'
            for k, n in enumerate(row)
        )
        lines.append(f'<tr><th scope="row">{escape(names[true])}</th>{cells}</tr>')
    caption = escape(say("Rows: what samples are; columns: what they were taken for."))
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{caption}"><table class="matrix">'
        f"<caption>{caption}</caption><thead><tr><td></td>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _finite(values: np.ndarray) -> list[float | None]:
    return [float(f"{v:.6g}") if isfinite(v) else None for v in values]


def _cell(value: Any) -> str:
    return "" if value is None else text.number(float(value))


def _words(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
