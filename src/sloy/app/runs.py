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
from sloy.experiments.run_folder import BRANCH, DIAGNOSIS, FILES, RunFolder
from sloy.model.loading import MODEL
from sloy.text import size

LARGEST = 20_000_000  # bytes of a file that is read whole
MOST_ROWS = 5_000


def listed(shelf: Shelf) -> list[dict[str, Any]]:
    """Each run in a few words."""
    shelf.refresh()
    runs = shelf.runs()
    ids = {str(Path(run.path).resolve()): run.id for run in runs}
    return [_brief(run, ids) for run in runs]


def _brief(run: Thing, ids: dict[str, str]) -> dict[str, Any]:
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
    }


def details(shelf: Shelf, id: str) -> dict[str, Any]:
    """All that is written of a run."""
    run = shelf.named(id, "run")
    folder = Path(run.path)
    report = _json(folder / DIAGNOSIS)
    files = [
        {"name": name, "size": size((folder / name).stat().st_size), "about": about}
        for name, about in FILES.items()
        if (folder / name).is_file() and not (folder / name).is_symlink()
    ]
    return {
        "id": id,
        "name": run.name,
        "history": _history(folder / "history.csv"),
        "findings": report.get("findings", []),
        "diagnosed": bool(report),
        "files": files,
        "plan": _json(folder / "configuration.json").get("plan", {}),
    }


def diagnose(shelf: Shelf, id: str) -> dict[str, Any]:
    """What went wrong in a run; it is run again in memory where it was not watched."""
    found = experiments.diagnose(shelf.named(id, "run").path)
    return {"source": found.source, **found.report.to_json()}


def resume(shelf: Shelf, id: str) -> dict[str, Any]:
    """Go on with a run that was interrupted, to its end."""
    run = shelf.named(id, "run")
    experiments.resume(run.path)
    return {"name": run.name}


def branch(shelf: Shelf, id: str, epoch: int, step: int, learning_rate: float) -> dict[str, Any]:
    """A run again up to a moment, and on with another learning rate, in a new folder beside it."""
    run = shelf.named(id, "run")
    RunFolder.to_read(run.path)
    number = 1
    while (out := shelf.root / f"{run.name}-branch-{number}").exists():
        number += 1
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
