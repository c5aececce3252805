"""The folders of runs, as the page shows them: what each came to, its curves, findings and branches."""

from __future__ import annotations

import csv
import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

from sloy import experiments
from sloy.app.shelf import Shelf, Thing
from sloy.diagnosis import Report
from sloy.errors import InvalidArgument, SloyError
from sloy.experiments.diagnosing import written_report
from sloy.experiments.events import Listener
from sloy.experiments.run_folder import (
    BRANCH,
    DIAGNOSIS,
    FILES,
    PRUNED,
    PRUNING,
    REPORT,
    RunFolder,
)
from sloy.language import say, speak
from sloy.model.loading import MODEL
from sloy.text import size

LARGEST = 20_000_000  # bytes of a file that is read whole
MOST_ROWS = 5_000


def listed(shelf: Shelf) -> list[dict[str, Any]]:
    """Each run in a few words, and each pruned model."""
    shelf.refresh()
    runs = shelf.runs()
    ids = {str(Path(run.path).resolve()): run.id for run in runs}
    pruned = [one for one in shelf.models() if Path(one.path).name == PRUNED]
    briefs = [_brief(run, ids, pictures=shelf.may_be_looked_into(run)) for run in runs]
    return [
        *briefs,
        *(_pruned(one, ids, pictures=shelf.may_be_looked_into(one)) for one in pruned),
    ]


def _brief(run: Thing, ids: dict[str, str], *, pictures: bool) -> dict[str, Any]:
    folder = Path(run.path)
    summary, branch = _json(folder / "summary.json"), _json(folder / BRANCH)
    history = _history(folder / "history.csv")
    plan = _json(folder / "configuration.json").get("plan", {})
    parent = branch.get("parent")
    recipe = {
        name: plan[name]
        for name in ("optimizer", "learning_rate", "schedule", "batch_size", "seed")
        if plan.get(name) is not None
    }
    return {
        "id": run.id,
        "name": run.name,
        "data": Path(str(plan.get("data", ""))).name,
        "network": plan.get("network"),
        "epochs": len(next(iter(history.values()), [])),
        "recipe": recipe,
        "figures": {
            name: value
            for name, value in summary.items()
            if name.startswith("test_") and isinstance(value, int | float)
        },
        "last": {name: values[-1] for name, values in history.items() if values},
        "finished": bool(summary),
        "saved": RunFolder(folder).saved,
        "parent": ids.get(str(Path(str(parent)).resolve())) if parent else None,
        "branch": {k: branch[k] for k in ("epoch", "step", "changed") if k in branch},
        "model": (folder / MODEL).is_file(),
        "pictures": pictures,
    }


def _pruned(model: Thing, ids: dict[str, str], *, pictures: bool) -> dict[str, Any]:
    """A pruned model in a few words, under the run that it was made of."""
    folder = Path(model.path).parent
    found = _json(folder / PRUNING)
    parent = ids.get(str(Path(str(found.get("of", ""))).resolve().parent))
    return {
        "id": model.id,
        "name": model.name,
        "parent": parent or ids.get(str(folder.resolve())),
        "pruned": {name: found.get(name) for name in ("before", "after", "comparison", "timings")},
        "model": True,
        "pictures": pictures,
    }


def details(shelf: Shelf, id: str, language: str) -> dict[str, Any]:
    """All that is written of a run, or of a pruned model."""
    thing = shelf.named(id, "run", "model")
    folder = _folder(thing)
    with speak(language):
        files = [
            {"name": name, "size": size((folder / name).stat().st_size), "about": say(FILES[name])}
            for name in _files(thing)
        ]
        report = _report(folder)
        findings = [] if report is None else told(report)
    return {
        "id": id,
        "name": thing.name,
        "history": _history(folder / "history.csv") if thing.kind == "run" else {},
        "findings": findings,
        "diagnosed": report is not None,
        "files": files,
        "plan": _json(folder / "configuration.json").get("plan", {}),
        "pruning": _json(folder / PRUNING) if Path(thing.path).name == PRUNED else None,
    }


def _folder(thing: Thing) -> Path:
    return Path(thing.path) if thing.kind == "run" else Path(thing.path).parent


def _files(thing: Thing) -> list[str]:
    """The files of a run, or of a pruned model, that the page may have."""
    folder = _folder(thing)
    own = thing.kind == "run" or Path(thing.path).name == PRUNED
    found = [n for n in FILES if (folder / n).is_file() and not (folder / n).is_symlink()]
    return found if own else []


def file(shelf: Shelf, id: str, name: str) -> tuple[Path, str]:
    """A file of a run, and the name under which the browser keeps it."""
    thing = shelf.named(id, "run", "model")
    if name not in _files(thing):
        raise InvalidArgument(f"file: {thing.name} has no such file.")
    return _folder(thing) / name, f"{_folder(thing).name}-{name}"


def _report(folder: Path) -> Report | None:
    """What was found in a run while it ran; None where nothing is written, or what is damaged."""
    path = folder / DIAGNOSIS
    with suppress(SloyError, OSError):
        if path.stat().st_size <= LARGEST:
            return written_report(path)
    return None


def told(report: Report) -> list[dict[str, Any]]:
    """The findings for the page, in the language that is spoken, those first that explain others."""
    return [
        {
            "id": one.id,
            "name": one.name,
            "severity": one.severity,
            "harm": one.harm,
            "sentence": one.sentence,
            "state": one.state,
            "under": one.under,
            "causes": one.causes,
            "remedies": one.remedies,
            "proofs": [str(proof) for proof in one.proofs],
        }
        for one in report.findings
    ]


def diagnose(shelf: Shelf, id: str, language: str) -> list[dict[str, Any]]:
    """What went wrong in a run; it is run again in memory where it was not watched."""
    found = experiments.diagnose(shelf.named(id, "run").path)
    with speak(language):
        return told(found.report)


def report(shelf: Shelf, id: str, language: str, listener: Listener) -> dict[str, Any]:
    """Write a run as one page into its folder, in place of an earlier one."""
    run = shelf.named(id, "run")
    found = experiments.report(
        run.path, Path(run.path) / REPORT, language=language, threads=1, listener=listener
    )
    return {"name": REPORT, "size": size(found.path.stat().st_size), "notes": list(found.notes)}


def prune(
    shelf: Shelf, id: str, language: str, keep: float | None, listener: Listener
) -> dict[str, Any]:
    """Make a run's model smaller, in a new folder beside it."""
    run = shelf.named(id, "run")
    out = _beside(shelf, f"{run.name}-pruned")
    options: dict[str, Any] = {} if keep is None else {"keep": keep}
    experiments.prune(run.path, out=out, threads=1, listener=listener, **options)
    shelf.refresh()
    (made,) = (one for one in shelf.models() if Path(one.path).parent == out)
    return details(shelf, made.id, language)


def _beside(shelf: Shelf, stem: str) -> Path:
    """A new folder among the runs."""
    number = 1
    while (out := shelf.root / f"{stem}-{number}").exists():
        number += 1
    return out


def resume(shelf: Shelf, id: str) -> dict[str, Any]:
    """Go on with a run that was interrupted, to its end."""
    run = shelf.named(id, "run")
    experiments.resume(run.path)
    return {"name": run.name}


def branch(shelf: Shelf, id: str, epoch: int, step: int, learning_rate: float) -> dict[str, Any]:
    """A run again up to a moment, and on with another learning rate, in a new folder beside it."""
    run = shelf.named(id, "run")
    RunFolder.to_read(run.path)
    out = _beside(shelf, f"{run.name}-branch")
    experiments.branch(run.path, out, epoch=epoch, step=step, learning_rate=learning_rate)
    shelf.refresh()
    return {"name": out.name}


def _json(path: Path) -> dict[str, Any]:
    """A document of a run; an empty one where it is missing or damaged."""
    with suppress(OSError, ValueError):
        if path.stat().st_size <= LARGEST:
            found = json.loads(path.read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
    return {}


def _history(path: Path) -> dict[str, list[float | None]]:
    """Columns of numbers; None where one is missing or not finite."""
    with suppress(OSError, ValueError, csv.Error):
        if path.stat().st_size <= LARGEST:
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))[-MOST_ROWS:]
            return {
                name: [_number(row[name]) for row in rows] for name in (rows[0] if rows else ())
            }
    return {}


def _number(word: str | None) -> float | None:
    try:
        value = float(word or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
