"""Sound folders of runs and searches, plans, spaces, archives of samples; and who reads them."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.corpus import Corpus, pictures, summaries, text_tables
from fuzz.mutations import Random, bent, json_text, text_bent, zipped

NAME = "sloy-fuzz"  # of the study


def plans() -> Corpus:
    """What `sloy plan --out` writes, short of the data's figures."""
    from sloy.experiments import Experiment

    plan = Experiment.of("mnist", network="mlp", epochs=2, batch_size=50).words()
    document = {"schema": 1, "version": 2, "plan": plan, "seconds": 1.5, "notes": ["a"]}
    return [("plan.json", json.dumps(document).encode())]


def spaces() -> Corpus:
    """A domain of each form."""
    document = {
        "learning_rate": {"float": [0.001, 0.1], "log": True},
        "batch_size": {"choice": [32, 64]},
        "network_options__dropout": {"float": [0.0, 0.5]},
        "network_options__hidden": {"layers": [1, 3], "units": {"int": [8, 64], "log": True}},
    }
    return [("space.json", json.dumps(document).encode())]


def tars() -> Corpus:
    """Samples in the manner of WebDataset: with labels beside pictures, and in folders."""
    png = dict(pictures())["c.png"]
    beside = {f"{n}.{end}": what for n in range(3) for end, what in _sample(n, png).items()}
    inside = {f"{'ab'[n % 2]}/{n}.png": png for n in range(3)}
    return [("beside.tar", _tar(beside)), ("inside.tar", _tar(inside))]


def _sample(number: int, png: bytes) -> dict[str, bytes]:
    return {"png": png, "cls": b"%d" % (number % 2), "json": b"{}"}


def _tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def headers(random: Random, name: str, data: bytes) -> bytes:
    """A tar archive with the header of one of its members bent, and its checksum made right."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        offsets = [member.offset for member in archive]
    at = offsets[int(random.integers(len(offsets)))]
    header = bytearray(bent(random, data[at : at + 512])[:512].ljust(512, b"\0"))
    if random.random() < 0.9:
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
    return data[:at] + bytes(header) + data[at + 512 :]


@cache
def _of_a_run() -> dict[str, bytes]:
    """The files of a small run that has ended, on a table that stays: reports read it."""
    from sloy.experiments import Experiment, run

    rows = Path(tempfile.gettempdir()) / "sloy-fuzz-rows" / "rows.csv"
    rows.parent.mkdir(exist_ok=True)
    rows.write_bytes(dict(text_tables())["t.csv"])
    with tempfile.TemporaryDirectory() as name:
        run(
            Experiment.of(
                str(rows), target="price", network="mlp", epochs=1, network_options={"hidden": [4]}
            ),
            Path(name) / "run",
            engine="reference",
            diagnose=True,
            tested=False,
        )
        found = {
            p.name: p.read_bytes() for p in sorted((Path(name) / "run").iterdir()) if p.is_file()
        }
    return found | {"summary.json": summaries()[0][1]}


def _archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def finished_runs() -> Corpus:
    """What `sloy report` reads."""
    wanted = ("configuration.json", "summary.json", "history.csv", "diagnosis.json", "model.sloy")
    return [("run.zip", _archive({name: _of_a_run()[name] for name in wanted}))]


def diagnoses() -> Corpus:
    """What a run wrote of itself, with findings and remedies that were tried."""
    from sloy.diagnosis import Report
    from sloy.diagnosis.proof import Proof
    from sloy.diagnosis.report import Finding
    from sloy.diagnosis.rules import RULES
    from sloy.language import sentence

    proof = Proof(
        sentence("learning rate 0.1 → 0.01"),
        sentence("from now"),
        20,
        3,
        2.0,
        0.5,
        float("nan"),
        True,
        "sloy train",
    )
    found = tuple(
        Finding(
            rule, sentence("a sentence"), 1.5, "warning", since=3, layer="dense_1", proofs=(proof,)
        )
        for rule in RULES[:3]
    )
    from sloy.text import as_json

    return [("diagnosis.json", as_json(Report(found, 10, 5).to_json()).encode())]


def searches() -> Corpus:
    """A search with two trials that ended and one that runs, as an archive of its files."""
    from sloy.search.folder import JOURNAL, SEARCH, Settings
    from sloy.search.space import space_of
    from sloy.search.storage import storage_of
    from sloy.search.study import Study, quiet

    settings = Settings(
        {"data": "mnist", "network": "mlp", "epochs": 2, "samples": 60},
        space_of(json.loads(spaces()[0][1])),
        "val_loss",
        "median",
    )
    document = settings.document() | {"version": 1, "engine": "reference", "threads": 1}
    document |= {
        "storage": None,
        "study": NAME,
        "limits": {"trials": 3, "time": None, "workers": 1},
    }
    with tempfile.TemporaryDirectory() as name, quiet():
        journal = Path(name) / JOURNAL
        study = Study(storage_of(None, journal), NAME, settings.document(), several=False)
        for value in (0.5, 0.25, None):
            trial, _ = study.asked(settings.space)
            study.report(trial, [(1, 1.0), (2, 0.75)])
            if value is not None:
                study.complete(trial, {"value": value, "epochs": 2, "epoch": 2, "seconds": 1.0}, 2)
        files = {SEARCH: json.dumps(document).encode(), JOURNAL: journal.read_bytes()}
    return [("search.zip", _archive(files))]


def texts(random: Random, name: str, data: bytes) -> bytes:
    """An archive with one of its texts bent; journals line by line."""
    kinds = {"json": json_text, "csv": text_bent, "log": _lines}
    return zipped(random, data, lambda entry: kinds.get(entry.rpartition(".")[2], lambda r, d: d))


def _lines(random: Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    at = int(random.integers(len(lines)))
    how = random.random()
    if how < 0.6:
        lines[at] = json_text(random, lines[at]) + b"\n"
    elif how < 0.7:
        del lines[at]
    elif how < 0.8:
        lines.insert(at, lines[int(random.integers(len(lines)))])
    else:
        lines[at] = bent(random, lines[at])
    return b"".join(lines)


# --- who reads them ---------------------------------------------------------------------------------------------------


def _unpacked(path: Path) -> Path:
    folder = path.with_name("folder")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


def read_plan(path: Path) -> Any:
    """`sloy train --plan`, up to the data."""
    from sloy.experiments import Experiment
    from sloy.experiments.run_folder import plan_of

    words = plan_of(path)
    return Experiment.of(words.pop("data"), **words).words()


def read_space(path: Path) -> Any:
    """`sloy tune --space`."""
    from sloy.files.documents import read_document
    from sloy.search.space import documented, space_of

    return documented(space_of(read_document(path, {"*": object}, "a space to search"), str(path)))


def read_tar(path: Path) -> Any:
    """All samples of a stream."""
    import sloy

    data = sloy.data.stream(path)
    return np.asarray(data.x[np.arange(len(data))]), np.asarray(data.y), data.class_names


def read_report(path: Path) -> Any:
    """`sloy report`."""
    from sloy.experiments import report

    folder = _unpacked(path)
    done = report(folder, path.with_name("report.html"), engine="reference")
    return done.precision, done.samples, done.path.stat().st_size


def read_diagnosis(path: Path) -> Any:
    """`sloy diagnose` of a run that was watched."""
    from sloy.experiments.diagnosing import written_report

    report = written_report(path)
    return str(report), report.to_json(), report._repr_html_()


def read_search(path: Path) -> Any:
    """`sloy tune --resume`, before its trials."""
    from sloy.search.folder import SearchFolder
    from sloy.search.loop import known_study
    from sloy.search.study import quiet

    with quiet():
        folder = SearchFolder.existing(_unpacked(path))
        study = known_study(folder, several=False)
        study.taken_up(folder.settings.space)
        best = study.best()
        values = [study.value(trial) for trial in study.ended()]
        return folder.limits, values, best and study.chosen(folder.settings.space, best)
