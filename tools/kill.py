"""Kills runs at named moments, goes on with them and compares the last bits; starts pairs of runs in one folder.

    PYTHONPATH=src python tools/kill.py --kills 1000 --pairs 500

A moment is before or after a call of the system that touches a file ("before replace 7 model.sloy"), or a time. Each
run is killed up to three times, with SIGKILL or with SIGINT, and gone on with; its model must have the bytes of a run
that nobody disturbed, and its folder no other file. Of a pair one must run and one be refused. The exit status is 1 if
not.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of a library's threads a fork has none

import numpy as np

from sloy import experiments
from sloy.errors import FileFormatError, InUse, InvalidArgument
from sloy.experiments import Experiment, running
from sloy.experiments.run_folder import CONFIGURATION, FILES
from sloy.training.checkpoint import Checkpoint
from sloy.training.fine_tune import fine_tune

CALLS = ("open", "link", "replace", "unlink", "fsync", "ftruncate", "pwrite")
DONE, STOPPED, REFUSED, FAILED = 0, 10, 11, 12
MODEL = "model.sloy"
TOLD = 10  # runs after which it is said how far it is
LONGEST = 900  # seconds of one process


@dataclass(frozen=True)
class Moment:
    """When a process is killed: around its n-th call of the system, or after some seconds."""

    call: int = 0
    after: bool = False
    seconds: float = 0.0
    number: int = signal.SIGKILL

    def __str__(self) -> str:
        when = f"{self.seconds:.3f} s" if self.seconds else f"call {self.call}{'+' * self.after}"
        return f"{signal.Signals(self.number).name} at {when}"


@dataclass(frozen=True)
class Kind:
    """An experiment, the bytes of its model, how many calls and seconds it takes."""

    experiment: Experiment
    model: bytes
    calls: int
    seconds: float


# --- a process --------------------------------------------------------------------------------------------------------


def forked(body: Callable[[], int]) -> int:
    """The number of a child that runs a function, whose result is its exit code."""
    sys.stdout.flush()
    if number := os.fork():
        return number
    try:
        code = body()
    except KeyboardInterrupt:
        code = STOPPED
    except InUse:
        code = REFUSED
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        code = FAILED
    os._exit(code)


def ended(number: int) -> int:
    """The exit code of a child; one that hangs is ended."""
    limit = time.monotonic() + LONGEST
    while time.monotonic() < limit:
        found, status = os.waitpid(number, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(number, signal.SIGKILL)
    os.waitpid(number, 0)
    return FAILED


def watched(moment: Moment | None, log: list[str]) -> None:
    """Make calls of the system known, and end this process at the moment."""

    def around(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def inner(*arguments: Any, **keywords: Any) -> Any:
            log.append(
                f"{name} {Path(str(arguments[-1 if name in ('link', 'replace') else 0])).name}"
            )
            now = moment is not None and moment.call == len(log)
            if now and moment is not None and not moment.after:
                os.kill(os.getpid(), moment.number)
            result = call(*arguments, **keywords)
            if now and moment is not None and moment.after:
                os.kill(os.getpid(), moment.number)
            return result

        return inner

    for name in CALLS:
        setattr(os, name, around(name, getattr(os, name)))
    if moment is not None and moment.seconds:
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), moment.number))
        signal.setitimer(signal.ITIMER_REAL, moment.seconds)


def often_saved(path: Any, **_: Any) -> Checkpoint:
    return Checkpoint(path, seconds=0.01)


def tuned(start: Any, data: Any, *, checkpoint: Any, **options: Any) -> Any:
    return fine_tune(start, data, checkpoint=often_saved(checkpoint), **options)


def trained(experiment: Experiment, folder: Path) -> int:
    """Train anew or go on, without pictures, saved all the time."""
    running._Running._draw = lambda *_: None  # type: ignore[method-assign]
    running.Checkpoint, running.fine_tune = often_saved, tuned  # type: ignore[misc,assignment]
    if (folder / CONFIGURATION).is_file():
        experiments.resume(folder, threads=1)
    else:
        experiments.run(experiment, folder, threads=1, overwrite=True)
    return DONE


# --- kills ------------------------------------------------------------------------------------------------------------


def leftovers(folder: Path) -> list[str]:
    """Files that no undisturbed run leaves."""
    known = {*FILES, *(f"{name}.previous" for name in FILES)}
    return sorted(set(os.listdir(folder)) - known)


def killed(kind: Kind, folder: Path, moments: list[Moment]) -> tuple[list[int], str]:
    """What became of a run that is killed at moments, one after another, and goes on: exit codes, and what is wrong."""
    codes = []
    for moment in [*moments, None]:

        def body(moment: Moment | None = moment) -> int:
            watched(moment, [])
            return trained(kind.experiment, folder)

        codes.append(ended(forked(body)))
    if codes[-1] != DONE:
        return codes, f"ended with {codes[-1]}"
    if (folder / MODEL).read_bytes() != kind.model:
        return codes, "another model"
    return codes, f"left {', '.join(left)}" if (left := leftovers(folder)) else ""


def drawn(kind: Kind, draw: random.Random) -> list[Moment]:
    """One to three moments of a kind of run."""
    found = []
    for _ in range(draw.randint(1, 3)):
        number = draw.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGINT))
        if draw.random() < 0.3:
            found.append(Moment(seconds=draw.uniform(0.001, kind.seconds), number=number))
        else:
            found.append(Moment(draw.randint(1, kind.calls), draw.random() < 0.5, number=number))
    return found


# --- pairs ------------------------------------------------------------------------------------------------------------


def paired(first: Kind, second: Kind, folder: Path, delay: float, *, resumed: bool) -> str:
    """What is wrong with two runs that begin in one folder; both go on with one that was killed, or begin anew."""
    if resumed:
        killed_at = Moment(first.calls // 2)

        def begun() -> int:
            watched(killed_at, [])
            return trained(first.experiment, folder)

        ended(forked(begun))
        second = first
    start = time.monotonic() + 0.05

    def body(kind: Kind, wait: float) -> Callable[[], int]:
        def inner() -> int:
            running._Running._draw = lambda *_: None  # type: ignore[method-assign]
            while time.monotonic() < start + wait:
                pass
            try:
                if resumed:
                    return trained(kind.experiment, folder)
                experiments.run(kind.experiment, folder, threads=1)
            except (InUse, InvalidArgument, FileFormatError):
                return REFUSED
            return DONE

        return inner

    numbers = [forked(body(first, 0.0)), forked(body(second, delay))]
    codes = [ended(number) for number in numbers]
    if resumed and codes == [DONE, DONE]:  # the second went on with what the first had done wholly
        codes = [DONE, REFUSED]
    if sorted(codes) != [DONE, REFUSED]:
        return f"ended with {codes}"
    winner = (first, second)[codes.index(DONE)]
    if (folder / MODEL).read_bytes() != winner.model:
        return "another model than the winner's"
    return f"left {', '.join(left)}" if (left := leftovers(folder)) else ""


# --- all --------------------------------------------------------------------------------------------------------------


def write_digits(folder: Path) -> None:
    """Four IDX files: 96 pictures of three classes to train on, 24 to test."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    for part, samples in (("train", 96), ("t10k", 24)):
        y = draw.integers(0, 3, samples).astype(np.uint8)
        x = (draw.integers(0, 120, (samples, 8, 8)) + 60 * y[:, None, None] // 2).astype(np.uint8)
        for name, values in (("images-idx3", x), ("labels-idx1", y)):
            head = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
            (folder / f"{part}-{name}-ubyte").write_bytes(head + values.tobytes())


def kinds(folder: Path) -> Iterator[Kind]:
    """Runs of several kinds, undisturbed."""
    write_digits(folder / "digits")
    shared = {"network": "mlp", "batch_size": 16, "validation": 0.2}
    plain = [
        Experiment.of(folder / "digits", epochs=6, seed=seed, patience=6, **shared)
        for seed in (1, 2)
    ]
    for number, experiment in enumerate(plain):
        yield undisturbed(experiment, folder / f"plain-{number}")
    start = folder / "plain-0" / MODEL
    further = {
        "from_": str(start),
        "unfreeze": True,
        "head_epochs": 2,
        "epochs": 3,
        "batch_size": 16,
    }
    yield undisturbed(Experiment.of(folder / "digits", **further), folder / "tuned")


def undisturbed(experiment: Experiment, folder: Path) -> Kind:
    """A run, and how many calls it makes.

    It is done once here, on one thread: the plans of its graphs are then there in every child, which takes a quarter of
    the time.
    """
    count = folder.with_suffix(".calls")
    trained(experiment, folder.with_suffix(".here"))
    if len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("a run on one thread left another, which no fork has")

    def body() -> int:
        log: list[str] = []
        watched(None, log)
        trained(experiment, folder)
        count.write_text("\n".join(log))
        return DONE

    began = time.monotonic()
    if ended(forked(body)) != DONE:
        raise InvalidArgument(f"{experiment}: does not run")
    calls = len(count.read_text().splitlines())
    return Kind(experiment, (folder / MODEL).read_bytes(), calls, time.monotonic() - began)


def main() -> int:
    """Kill, pair, count."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    draw, found = random.Random(given.seed), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="sloy-kill-") as name:
        folder = Path(name)
        several = list(kinds(folder))
        gc.freeze()  # no child looks for cycles in what it shares
        done = 0
        while done < given.kills:
            kind = draw.choice(several)
            moments = drawn(kind, draw)
            with tempfile.TemporaryDirectory(dir=folder) as run:
                codes, wrong = killed(kind, Path(run) / "run", moments)
            done += len(moments)
            found["kills"] += len(moments)
            found["kills that came before the end"] += sum(code != DONE for code in codes[:-1])
            found["runs"] += 1
            if found["runs"] % TOLD == 0:
                print(_counted(found), flush=True)
            if wrong:
                found["runs that went wrong"] += 1
                print(f"{wrong}: {', '.join(map(str, moments))}; codes {codes}", flush=True)
        for number in range(given.pairs):
            delay = 0.0 if number % 2 else draw.uniform(0, several[0].seconds)
            with tempfile.TemporaryDirectory(dir=folder) as run:
                both = several[0], several[1]
                wrong = paired(*both, Path(run) / "run", delay, resumed=number % 4 == 3)
            found["pairs"] += 1
            if found["pairs"] % TOLD == 0:
                print(_counted(found), flush=True)
            if wrong:
                found["pairs that went wrong"] += 1
                print(f"pair {number}, {delay:.3f} s apart: {wrong}", flush=True)
    print(_counted(found))
    return int(any("wrong" in what for what in found))


def _counted(found: Counter[str]) -> str:
    return "; ".join(f"{count} {what}" for what, count in found.items())


if __name__ == "__main__":
    sys.exit(main())
