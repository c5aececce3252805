"""What the page may ask for, by name: with which values, and who answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sloy.app import data, hand, runs
from sloy.app.designs import ACTIVATIONS
from sloy.app.hand_model import Hands
from sloy.app.look import Gallery
from sloy.app.playground import Playground
from sloy.app.scenes import MAKERS
from sloy.app.shelf import Shelf
from sloy.errors import FileFormatError, InvalidArgument, SloyError
from sloy.experiments.events import Counted, Event
from sloy.files.documents import hold
from sloy.machine import versions
from sloy.optimizers import NAMES as OPTIMIZERS


class Busy(SloyError):
    """Something long is being done; one thing at a time is."""


@dataclass
class Desk:
    """All that the app holds: what may be named, what trains, what is looked into.

    Attributes
    ----------
    shelf : Shelf
    playground : Playground
    gallery : Gallery
    hands : Hands
    """

    shelf: Shelf
    playground: Playground
    gallery: Gallery
    hands: Hands
    _long: threading.Lock = field(default_factory=threading.Lock)
    _counted: Counted | None = None

    @classmethod
    def of(cls, opened: str | None = None, threads: int = 1) -> Desk:
        """For what the command names."""
        shelf = Shelf(opened)
        return cls(shelf, Playground(threads), Gallery(shelf, threads), Hands(shelf, threads))

    def answer(self, name: str, given: Any) -> Any:
        """What an action gives.

        Raises
        ------
        InvalidArgument
            Where there is no such action, or what is given is not as it takes it.
        Busy
            Where another one that takes long is at work.
        """
        if name not in ACTIONS:
            raise InvalidArgument(f"app: there is no action {name[:40]!r}.")
        action = ACTIONS[name]
        try:
            hold(given, action.schema)
        except FileFormatError as error:
            raise InvalidArgument(f"{name}: {error}") from None
        if not action.long:
            return action.function(self, **given)
        if not self._long.acquire(blocking=False):
            raise Busy("app: something else is being computed; try again when it is done.")
        try:
            return action.function(self, **given)
        finally:
            self._counted = None
            self._long.release()

    def listen(self, event: Event) -> None:
        """Hear how far what takes long has come."""
        if isinstance(event, Counted):
            self._counted = event

    def progress(self) -> dict[str, Any]:
        """How far it has come, for the page; empty where nothing is known."""
        found = self._counted
        return {} if found is None else dict(vars(found))

    def close(self) -> None:
        """End what runs, and remove what was uploaded."""
        self.playground.stop()
        self.shelf.close()


@dataclass(frozen=True)
class Action:
    """An action: what it takes, and whether only one such goes at a time."""

    schema: Any
    function: Callable[..., Any]
    long: bool = False


def _start(desk: Desk) -> dict[str, Any]:
    return {
        **desk.shelf.told(),
        "scenes": list(MAKERS),
        "activations": list(ACTIVATIONS),
        "optimizers": list(OPTIMIZERS),
        "versions": versions(),
    }


def _scene(
    desk: Desk, id: str, target: str | None, columns: list[str], axes: list[str] | None
) -> dict[str, Any]:
    scene = data.scene(desk.shelf, id, target, columns, axes)
    desk.playground.open(scene).result()
    return {"name": scene.name}


def _hand(desk: Desk, sample: int, learning_rate: float, language: str) -> dict[str, Any]:
    playground = desk.playground

    def trace() -> dict[str, Any]:
        line = playground.lines[playground.active]
        return hand.of_line(line, sample, learning_rate, language)

    return playground.ask(trace).result()


_ID = {"id": str}
_SPOKEN = {"id": str, "language": str}
ACTIONS: dict[str, Action] = {
    "start": Action({}, _start),
    "columns": Action(_ID, lambda desk, id: data.columns(desk.shelf, id)),
    "plan": Action(
        {**_SPOKEN, "target": (None, str)},
        lambda desk, **given: data.forecast(desk.shelf, **given),
        long=True,
    ),
    "scene": Action(
        {"id": str, "target": (None, str), "columns": [str], "axes": (None, [str])},
        _scene,
        long=True,
    ),
    "folder": Action({}, lambda desk: desk.shelf.picture_folder().told()),
    "hand": Action({"sample": int, "learning_rate": float, "language": str}, _hand),
    "hand_picture": Action(
        {
            "name": str,
            "pixels": (None, [int]),
            "learning_rate": float,
            "seed": int,
            "language": str,
        },
        lambda desk, **given: hand.of_picture(**given),
    ),
    "hand_models": Action({}, lambda desk: desk.hands.models()),
    "hand_model": Action(
        {**_SPOKEN, "sample": int, "learning_rate": float},
        lambda desk, **given: desk.hands.step(**given),
        long=True,
    ),
    "hand_unit": Action(
        {"id": str, "sample": int, "learning_rate": float, "layer": int, "unit": int},
        lambda desk, **given: desk.hands.unit(**given),
    ),
    "models": Action({}, lambda desk: desk.gallery.models()),
    "train_small": Action({}, lambda desk: desk.gallery.train_small(), long=True),
    "model": Action(_ID, lambda desk, id: desk.gallery.about(id), long=True),
    "sample": Action(
        {"id": str, "number": int}, lambda desk, id, number: desk.gallery.sample(id, number)
    ),
    "drawn": Action(
        {"id": str, "side": int, "pixels": str},
        lambda desk, **given: desk.gallery.drawn(**given),
    ),
    "maps": Action(
        {"id": str, "picture": int, "layer": str}, lambda desk, **given: desk.gallery.maps(**given)
    ),
    "unit": Action(
        {"id": str, "picture": int, "layer": str, "channel": int, "row": int, "column": int},
        lambda desk, **given: desk.gallery.unit(**given),
    ),
    "synthesize": Action(
        {"id": str, "layer": str, "channel": int},
        lambda desk, **given: desk.gallery.synthesize(**given),
        long=True,
    ),
    "why": Action(
        {"id": str, "picture": int, "output": (None, int)},
        lambda desk, **given: desk.gallery.why(**given),
    ),
    "runs": Action({}, lambda desk: runs.listed(desk.shelf)),
    "run": Action(_SPOKEN, lambda desk, **given: runs.details(desk.shelf, **given)),
    "diagnose": Action(
        _SPOKEN, lambda desk, **given: runs.diagnose(desk.shelf, **given), long=True
    ),
    "resume": Action(_ID, lambda desk, id: runs.resume(desk.shelf, id), long=True),
    "report": Action(
        _SPOKEN,
        lambda desk, **given: runs.report(desk.shelf, **given, listener=desk.listen),
        long=True,
    ),
    "prune": Action(
        {**_SPOKEN, "keep": (None, float)},
        lambda desk, **given: runs.prune(desk.shelf, **given, listener=desk.listen),
        long=True,
    ),
    "progress": Action({}, lambda desk: desk.progress()),
    "branch": Action(
        {"id": str, "epoch": int, "step": int, "learning_rate": float},
        lambda desk, **given: runs.branch(desk.shelf, **given),
        long=True,
    ),
}
