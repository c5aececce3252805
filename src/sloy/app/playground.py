"""`Playground`: lines that train in a thread of their own, and who watches them."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from sloy.app.designs import Design
from sloy.app.frames import frame
from sloy.app.line import Line
from sloy.app.scenes import Scene, made
from sloy.engines import engine as find_engine
from sloy.errors import FileFormatError, InvalidArgument, SloyError
from sloy.files.documents import hold

T = TypeVar("T")

FRAMES = 12.0  # a second, at most
SHARE = 0.035  # of the time that measuring and showing may take while it plays
CHUNK = 0.02  # seconds of steps between two looks at what is asked, of the processor's time
LATE = 5  # times as long by the clock: where other programs have the cores, steps would come one at a time
MOST_LINES = 4
MOST_STEPS = 100_000  # asked for at once
COMMANDS: dict[str, Any] = {  # what the page may ask for, and with what
    "play": {},
    "pause": {},
    "step": {"count": int},
    "epoch": {},
    "rewind": {"step": int},
    "branch": {},
    "remove": {"line": int},
    "select": {"line": int},
    "together": {"on": bool},
    "speed": {"steps": int},
    "design": {"design": object},
    "reset": {"seed": int},
    "scene": {"name": str, "count": int, "noise": float, "seed": int},
    "look": {},
}
Listener = Callable[["bytes | dict[str, Any]"], None]


class Playground:
    """Lines on one scene; a thread does what is asked for, and trains while it plays.

    Listeners are called from that thread with frames (bytes, see `frames`) and states (JSON values), and must return at
    once.

    Parameters
    ----------
    threads : int
        Of the engine.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._asked: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._listeners: set[Listener] = set()
        self._thread = threading.Thread(target=self._work, name="playground", daemon=True)
        self._begun = threading.Lock()
        self._engine: Any = None
        self.scene: Scene
        self.lines: list[Line] = []
        self._keys = itertools.count()
        self.active = 0
        self.playing = self.together = False
        self.speed = 0  # steps of a frame; 0: as many as there is time for
        self._rate, self._chunk, self._shown, self._cost = 0.0, 0.0, 0.0, 0.0

    # --- from other threads -----------------------------------------------------------------------

    def ask(self, function: Callable[[], T]) -> Future[T]:
        """Have something done in the playground's thread, between two stretches of steps."""
        done: Future[T] = Future()

        def task() -> None:
            if not done.set_running_or_notify_cancel():
                return
            try:
                done.set_result(function())
            except Exception as error:
                done.set_exception(error)

        with self._begun:
            if not self._thread.is_alive() and not self._thread.ident:
                self._thread.start()
        self._asked.put(task)
        return done

    def command(self, given: Mapping[str, Any]) -> Future[None]:
        """Do what the page asks for, see `COMMANDS`; all who watch are told what came of it."""
        words = dict(given)
        name = words.pop("do", None)
        if not isinstance(name, str) or name not in COMMANDS:
            raise InvalidArgument(f"playground: `do` must be one of {', '.join(COMMANDS)}.")
        try:
            hold(words, COMMANDS[name])
        except FileFormatError as error:
            raise InvalidArgument(f"playground: {name}: {error}") from None

        def task() -> None:
            getattr(self, f"_{name}")(**words)
            self.tell()
            self._settle()

        return self.ask(task)

    def open(self, scene: Scene) -> Future[None]:
        """Begin anew on a scene."""

        def task() -> None:
            self._open(scene)
            self.tell()

        return self.ask(task)

    def watch(self, listener: Listener) -> None:
        """Tell a listener from now on, beginning with what is there."""
        self.ask(lambda: self._greet(listener))

    @property
    def watching(self) -> frozenset[Listener]:
        """Who is told."""
        return frozenset(self._listeners)

    def leave(self, listener: Listener) -> None:
        """Tell it no more."""
        self.ask(lambda: self._listeners.discard(listener))

    def stop(self) -> None:
        """End the thread."""
        self._asked.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    # --- the thread -------------------------------------------------------------------------------

    def _work(self) -> None:
        self._engine = find_engine("auto", self._threads)
        self._open(made("moons"))
        while True:
            try:
                task = self._asked.get(block=not self.playing)
            except queue.Empty:
                self._go_on()
                continue
            if task is None:
                return
            task()

    def _go_on(self) -> None:
        """Some steps, and a frame where one is due."""
        lines = self.lines if self.together else [self.lines[self.active]]
        begun, own = time.perf_counter(), time.thread_time()
        for line in lines:
            line.advance(self.speed or self._count(line))
        took = max(time.thread_time() - own, (time.perf_counter() - begun) / LATE)
        done = self.speed or self._count(lines[0])
        self._chunk = 0.7 * self._chunk + 0.3 * took / done if self._chunk else took / done
        if all(line.failed for line in lines):
            self.playing = False
            self.tell()
            return
        apart = max(1 / FRAMES, self._cost / SHARE)
        wait = self._shown + apart - time.perf_counter()
        if self.speed and wait > 0 and self._asked.empty():
            time.sleep(wait)
        if wait <= CHUNK / 2 or self.speed:  # the end of the next steps would be later
            since = time.perf_counter() - self._shown
            self._rate = self._steps_since(lines[0], since)
            self._frames()

    def _steps_since(self, line: Line, seconds: float) -> float:
        """Steps per second since the last frame."""
        rows = line.curve.rows
        return (line.step - rows[-1][0]) / max(seconds, 1e-9) if rows else 0.0

    def _count(self, line: Line) -> int:
        """As many steps as there is time for, in whole epochs where that is more than one."""
        steps = int(CHUNK / self._chunk) if self._chunk else 1
        epoch = line.steps_of_epoch
        within = line.step % epoch
        if steps < epoch:
            return max(1, min(steps, epoch - within if within else epoch))
        return steps // epoch * epoch

    def _open(self, scene: Scene) -> None:
        self.scene = scene
        self.lines, self.active, self.playing = [self._new(Design())], 0, False
        self._chunk = 0.0

    def _new(self, design: Design) -> Line:
        return Line(self.scene, design, self._engine, next(self._keys))

    # --- commands ---------------------------------------------------------------------------------

    def _play(self) -> None:
        self.playing = not self.lines[self.active].failed
        self._shown = time.perf_counter()

    def _pause(self) -> None:
        self.playing = False

    def _step(self, count: int) -> None:
        if not 1 <= count <= MOST_STEPS:
            raise InvalidArgument(f"playground: `count` (={count}) must be from 1 to {MOST_STEPS}.")
        self.playing = False
        for line in self.lines if self.together else [self.lines[self.active]]:
            line.advance(count)

    def _epoch(self) -> None:
        line = self.lines[self.active]
        self._step(line.steps_of_epoch)

    def _rewind(self, step: int) -> None:
        self.playing = False
        self.lines[self.active].back_to(step)

    def _branch(self) -> None:
        if len(self.lines) >= MOST_LINES:
            raise InvalidArgument(f"playground: there are {MOST_LINES} lines; remove one first.")
        self.lines.append(self.lines[self.active].branched(next(self._keys)))
        self.active = len(self.lines) - 1

    def _remove(self, line: int) -> None:
        number = self._one(line)
        if len(self.lines) == 1:
            raise InvalidArgument("playground: the only line stays.")
        del self.lines[number]
        self.active = min(self.active, len(self.lines) - 1)

    def _select(self, line: int) -> None:
        self.active = self._one(line)

    def _together(self, on: bool) -> None:
        self.together = on

    def _speed(self, steps: int) -> None:
        if not 0 <= steps <= 10_000:
            raise InvalidArgument(f"playground: `steps` (={steps}) must be from 0 to 10000.")
        self.speed = steps

    def _design(self, design: Any) -> None:
        self.lines[self.active].change(Design.of(design))

    def _reset(self, seed: int) -> None:
        design = replace(self.lines[self.active].design, seed=seed)
        self.lines[self.active] = self._new(design)
        self.playing = False

    def _scene(self, name: str, count: int, noise: float, seed: int) -> None:
        if not 20 <= count <= 2000 or not 0 <= noise <= 1 or not 0 <= seed < 2**31:
            raise InvalidArgument(
                "playground: `count` must be from 20 to 2000, `noise` from 0 to 1, `seed` at least 0."
            )
        self._open(made(name, count=count, noise=noise, seed=seed))

    def _look(self) -> None:
        """Tell what is there."""

    def _one(self, line: int) -> int:
        """The place of the line of a key."""
        keys = [one.key for one in self.lines]
        if line not in keys:
            raise InvalidArgument(f"playground: `line` (={line}) must be one of {keys}.")
        return keys.index(line)

    # --- telling ----------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What is there, but for numbers that move."""
        return {
            "scene": self.scene.told(),
            "lines": [
                {"key": line.key, "design": line.design.told(), "first": line.first, "step": line.step,
                 "epoch": line.steps_of_epoch}
                for line in self.lines
            ],
            "active": self.active,
            "playing": self.playing,
            "together": self.together,
            "speed": self.speed,
        }  # fmt: skip

    def tell(self) -> None:
        """Send the state and frames to all."""
        state = self.state()
        for listener in tuple(self._listeners):
            listener(state)
        self._frames(every=True)

    def _settle(self) -> None:
        """Compile what was changed, which all have seen by now."""
        for line in self.lines:
            try:
                line.settle()
            except SloyError:
                self.tell()
                raise

    def _greet(self, listener: Listener) -> None:
        self._listeners.add(listener)
        listener(self.state())
        for number in range(len(self.lines)):
            listener(self._frame(number))

    def _frames(self, *, every: bool = False) -> None:
        """Measure the lines that move, and show them where somebody watches."""
        numbers = range(len(self.lines)) if every or self.together else [self.active]
        begun = time.thread_time()
        for number in numbers:
            self.lines[number].measure()
            if self._listeners:
                found = self._frame(number)
                for listener in tuple(self._listeners):
                    with suppress(RuntimeError):  # its loop has ended
                        listener(found)
        self._cost = time.thread_time() - begun
        self._shown = time.perf_counter()

    def _frame(self, number: int) -> bytes:
        rate = self._rate if self.playing else 0.0
        return frame(self.lines[number], speed=rate, units=number == self.active)
