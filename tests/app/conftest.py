"""One server and one browser for all tests of the app, in a folder with runs, a table, a link out of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sloy
from app_server import Served
from browser import ARGUMENTS, CHROMIUM
from sloy.app.server import Local
from sloy.experiments import Experiment
from sloy.experiments.run_folder import VERSION
from sloy.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU

NETWORK = [Conv2D(4, 5), ReLU(), MaxPool2D(4), Flatten(), Dense(10)]
FINDINGS = [
    {"id": "D08", "name": "step too large", "severity": "error", "since": 3, "cured": None, "layer": "",
     "measured": None, "limits": {}, "healthy": "", "causes": [], "remedies": [], "under": "", "proofs": [],
     "sentence": "the loss goes up and down by 20% between readings",
     "said": {"text": "the loss goes up and down by {mean:.0%} between readings", "values": {"mean": 0.2}}}
]  # fmt: skip


def _fill(folder: Path) -> None:
    """Runs of digits, one a branch of the other; a table; a run outside, which a link leads to."""
    digits = sloy.data.mnist().train.take(range(800))
    model, _ = sloy.fit(
        sloy.Network((28, 28, 1), NETWORK), digits, epochs=2, learning_rate=0.01, verbose=False
    )
    for name, rate in (("digits", 0.01), ("slow", 0.001)):
        run = folder / "runs" / name
        run.mkdir(parents=True)
        words = Experiment.of("mnist", samples=800, epochs=2, learning_rate=rate).words()
        _write(run / "configuration.json", {"version": VERSION, "plan": words})
        _write(run / "summary.json", {"test_accuracy": 0.9, "test_loss": rate, "seconds": 1.0})
        rows = [f"{epoch},{rate * 9 / epoch},{1 / epoch},nan" for epoch in (1, 2)]
        (run / "history.csv").write_text("\n".join(["epoch,loss,val_loss,odd", *rows]) + "\n")
        model.save(run / "model.sloy")
    parent = str(folder / "runs/digits")
    said = {"parent": parent, "epoch": 2, "step": 0, "changed": {"learning_rate": 0.001}}
    _write(folder / "runs/slow/branch.json", said)
    _write(folder / "runs/slow/diagnosis.json", {"steps": 9, "readings": 2, "findings": FINDINGS})
    x = np.random.default_rng(0).normal(size=(120, 3))
    rows = [
        f"{a:.3f},{b:.3f},{c:.3f},{'pq'[k % 2]},{'yes' if a * b > 0 else 'no'}"
        for k, (a, b, c) in enumerate(x)
    ]
    (folder / "table.csv").write_text("\n".join(["size,weight,age,town,kind", *rows]) + "\n")
    outside = folder.parent / f"{folder.name}-outside"
    outside.mkdir()
    _write(outside / "configuration.json", {"plan": {"data": "secret-word"}})
    (folder / "runs/linked").symlink_to(outside)


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document))


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("app")
    ready = threading.Event()
    with chdir(folder):
        _fill(folder)
        local = Local("table.csv")
    thread = threading.Thread(target=lambda: local.serve(lambda link: ready.set()))
    thread.start()
    assert ready.wait(20)
    yield Served(local, folder)
    local.stop()
    thread.join(20)
    assert not thread.is_alive()


Window = Callable[..., Any]


@pytest.fixture(
    scope="module"
)  # no longer: while one is open, no other test of the process may open one
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def window(served: Served, browser: Any) -> Window:
    """A page of the app that was let in; what its console says, and any request elsewhere, fails the test."""

    @contextmanager
    def inner(page: str = "playground", width: int = 1280, language: str = "en") -> Iterator[Any]:
        context = browser.new_context(viewport={"width": width, "height": 900}, locale=language)
        name, value = served.cookie.split("=", 1)
        context.add_cookies([{"name": name, "value": value, "url": served.base}])
        opened = context.new_page()
        complaints: list[str] = []
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda line: complaints.append(line.text))
        opened.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith((served.base, f"ws://127.0.0.1:{served.port}"))
                else complaints.append(f"asked for {asked.url}")
            ),
        )
        opened.complaints = complaints
        opened.goto(f"{served.base}/#{page}")
        opened.wait_for_selector("h1")
        yield opened
        context.close()
        assert not complaints, complaints

    return inner
