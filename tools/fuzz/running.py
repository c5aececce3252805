"""Mutations in forked children with limits, watched from outside."""

from __future__ import annotations

import contextlib
import importlib
import json
import mmap
import os
import pickle
import re
import resource
import signal
import struct
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fuzz import warm
from fuzz.formats import FORMATS, Format, change
from fuzz.mutations import CANARY

_IMPORTED = (
    "sloy.cli.info",
    "sloy.cli.main",
    "sloy.experiments",
    "sloy.exchange.weights.readers",
    "sloy.model.exchange",
    "sloy.data.tables",
    "sloy.data.images",
    "sloy.training.checkpoint",
    "sloy.engines.reference",
    "polars",
    "onnx",
    "h5py",
    "safetensors.numpy",
    "fastexcel",
    "xlsxwriter",
    "PIL.Image",
    "PIL.PngImagePlugin",
    "PIL.TiffImagePlugin",
    "sloy.experiments.reporting",
    "sloy.search.loop",
    "optuna",
    "backports.zstd",
)  # fmt: skip
SECONDS = 10.0  # of the processor for one file; by the clock others may have it
_BY_THE_CLOCK = 600.0
MEMORY = 1 << 30  # bytes that reading one file may take beside what was there
LONGEST = 300  # characters of a refusal, without the file's path
QUOTED = 80  # characters of one value
_STATE = struct.Struct("<q4d")  # index, clock and processor when it began, done, refused


@dataclass
class Report:
    """What came of mutations of one format.

    Attributes
    ----------
    format : str
    done, refused : int
        Mutations that were read, and how many of them one error answered.
    findings : list of dicts
        What must not be: `verdict`, `message`, `index`, `how`, `name`, and `file` where it was kept.
    seconds : float
    passed : list of int
        Indices of what took too long once and not when it was read again: a machine that stood still.
    """

    format: str
    done: int = 0
    refused: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    passed: list[int] = field(default_factory=list)

    def kinds(self) -> list[tuple[str, str, int, int]]:
        """Findings that look alike: verdict, message, how many, the index of the first."""
        alike: dict[tuple[str, str], list[int]] = {}
        for one in self.findings:
            key = (one["verdict"], re.sub(r"\d+", "#", one["message"])[:100])
            alike.setdefault(key, []).append(one["index"])
        return [(*key, len(indices), indices[0]) for key, indices in sorted(alike.items())]


def campaign(
    name: str,
    seed: int,
    *,
    count: int | None = None,
    seconds: float | None = None,
    first: int = 0,
    keep: Path | None = None,
) -> Report:
    """Bend files of a format and read them, until so many or so long; the n-th of a seed is always the same."""
    format_, report, begun = FORMATS[name], Report(name), time.monotonic()
    for module in _IMPORTED:  # once, not in every child; importing them starts no threads
        importlib.import_module(module)
    with warm.programs():
        _run(format_, report, seed, count, seconds, first, keep)
    report.seconds = time.monotonic() - begun
    return report


def _run(
    format_: Format,
    report: Report,
    seed: int,
    count: int | None,
    seconds: float | None,
    first: int,
    keep: Path | None,
) -> None:
    seeds = apart(format_.seeds)
    sound = apart(lambda: _digests(format_, seeds))
    last = first + count if count is not None else sys.maxsize
    end = time.monotonic() + seconds if seconds is not None else float("inf")
    with tempfile.TemporaryDirectory(prefix="sloy-fuzz-") as folder:
        work = Path(folder)
        at = first
        while at < last and time.monotonic() < end:
            task = _Task(report.format, seed, seeds, sound, at, last, end, work, keep)
            at = _watched(task, report)
            if report.findings and report.findings[-1]["verdict"] == "hang":
                _hung_again(task, report)


def apart(function: Callable[[], Any]) -> Any:
    """What a function returns, called in a child: threads that libraries start here would not survive a fork."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            with os.fdopen(writer, "wb") as file:
                pickle.dump(function(), file)
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
        os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        data = file.read()
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("the sound files of a format cannot be made or read")
    return pickle.loads(data)


def _digests(format_: Format, seeds: list[tuple[str, bytes]]) -> list[str]:
    """What the sound files hold."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = []
        for name, data in seeds:
            (Path(folder) / name).write_bytes(data)
            found.append(format_.read(Path(folder) / name))
        return found


@dataclass(frozen=True)
class _Task:
    """A stretch of mutations for one child."""

    name: str
    seed: int
    seeds: list[tuple[str, bytes]]
    sound: list[str]
    first: int
    last: int
    end: float
    work: Path
    keep: Path | None

    def mutation(self, index: int) -> tuple[int, bytes, str]:
        """The number of the sound file, what was made of it, and how."""
        random = np.random.default_rng([self.seed, sum(self.name.encode()), index])
        number = int(random.integers(len(self.seeds)))
        name, data = self.seeds[number]
        return number, *change(random, name, data, FORMATS[self.name])


def _watched(task: _Task, report: Report) -> int:
    """Let a child do it; where the next begins: behind a crash, a hang, or at the end."""
    shared = mmap.mmap(-1, _STATE.size)
    shared[:] = _STATE.pack(task.first, time.monotonic(), 0.0, 0.0, 0.0)
    findings = task.work / "findings"
    findings.write_text("")
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os._exit(_work(task, shared, findings))
        os._exit(70)
    hung = False
    while True:
        ended, status, _ = os.wait4(child, os.WNOHANG)
        if ended:
            break
        _, began, processor, _, _ = _STATE.unpack(shared[:])
        if _processor(child) - processor > SECONDS or time.monotonic() - began > _BY_THE_CLOCK:
            os.kill(child, signal.SIGKILL)
            hung = True
        time.sleep(0.02)
    index, _, _, done, refused = _STATE.unpack(shared[:])
    report.done += int(done)
    report.refused += int(refused)
    report.findings += [json.loads(line) for line in findings.read_text().splitlines()]
    code = os.waitstatus_to_exitcode(status)
    if code in (0, _ENOUGH):
        return task.last if code == 0 else index + 1
    report.done += 1
    verdict = "hang" if hung else "crash"
    said = (
        f"more than {SECONDS:g} s" if hung else f"ended with {code} ({_tail(task.work / 'noise')})"
    )
    report.findings.append(_finding(task, index, verdict, said))
    return index + 1


def _hung_again(task: _Task, report: Report) -> None:
    """Read what hung once more, alone; where that is done in time, it was no hang."""
    once = report.findings.pop()
    index, again = once["index"], Report(report.format)
    _watched(replace(task, first=index, last=index + 1, end=float("inf")), again)
    report.refused += again.refused
    report.findings += again.findings
    if not any(found["verdict"] == "hang" for found in again.findings):
        report.passed.append(index)


def _processor(pid: int) -> float:
    """Seconds of the processor that a process and its children that ended have had."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


_ENOUGH = 7  # the exit code of a child that has become large


def _work(task: _Task, shared: mmap.mmap, findings: Path) -> int:
    """Read one file after another."""
    os.environ["POLARS_MAX_THREADS"] = "1"
    noise = os.open(task.work / "noise", os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    os.dup2(noise, 1)
    os.dup2(noise, 2)
    folder = task.work / "here"
    folder.mkdir(exist_ok=True)
    done = refused = 0
    base, deadline = _peak(), task.end
    with findings.open("a") as file:
        for index in range(task.first, task.last):
            if time.monotonic() > deadline:
                return 0
            number, data, how = task.mutation(index)
            times = os.times()
            shared[:] = _STATE.pack(index, time.monotonic(), sum(times[:4]), done, refused)
            path = folder / task.seeds[number][0]
            path.write_bytes(data)
            verdicts = list(_read(task, path, number, how))
            for verdict, said in verdicts:
                if verdict == "refused":
                    refused += 1
                    continue
                file.write(json.dumps(_finding(task, index, verdict, said)) + "\n")
                file.flush()
            if size := os.fstat(noise).st_size:
                said = os.pread(noise, min(size, 200), 0).decode("utf-8", "replace")
                file.write(json.dumps(_finding(task, index, "noise", said)) + "\n")
                file.flush()
                os.ftruncate(noise, 0)
            done += 1
            shared[:] = _STATE.pack(index, time.monotonic(), sum(os.times()[:4]), done, refused)
            _clear(folder)
            if (taken := _peak() - base) > MEMORY:
                file.write(json.dumps(_finding(task, index, "memory", f"{taken >> 20} MiB")) + "\n")
                return _ENOUGH
    return 0


def _clear(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def _peak() -> int:
    """The most bytes that this process, or a child of it, has had."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(one).ru_maxrss for one in who) * 1024


def _read(task: _Task, path: Path, number: int, how: str) -> Iterator[tuple[str, str]]:
    """Read one file; what is to be said of it."""
    from sloy.cli.main import explain
    from sloy.errors import SloyError

    format_, found = FORMATS[task.name], None
    before = str(path.parent)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            found = format_.read(path)
        except SloyError as error:
            yield "refused", ""
            yield from _said(str(error), before)
        except OSError as error:
            said = explain(error)[1]
            yield ("refused", "") if error.strerror else ("internal error", said[:200])
        except BaseException as error:
            yield "internal error", f"{type(error).__name__}: {str(error)[:200]}"
    for warning in warned:
        if issubclass(warning.category, UserWarning):
            yield from _said(str(warning.message), before)
        elif not issubclass(warning.category, ResourceWarning):
            yield "noise", f"{warning.category.__name__}: {str(warning.message)[:200]}"
    if os.path.exists(CANARY):
        os.unlink(CANARY)
        yield "execution", "something in the file was executed"
    sealed = path.name.endswith(format_.sealed) if format_.sealed else False
    exact = (how == "truncated" and format_.whole) or (how != "structured" and sealed)
    if exact and found is not None and found != task.sound[number]:
        yield "partial load", f"a {how} file was read as another"


def _said(message: str, folder: str) -> Iterator[tuple[str, str]]:
    """What is wrong with a message."""
    short = message.replace(folder + "/", "")
    if "\n" in short or "\r" in short:
        yield "several lines", short[:200]
    if len(short) > LONGEST:
        yield "long", short[:200]
    if "Q" * (QUOTED + 1) in short:
        yield "quotes much", short[:200]


def _finding(task: _Task, index: int, verdict: str, said: str) -> dict[str, Any]:
    number, data, how = task.mutation(index)
    found = {
        "verdict": verdict,
        "message": said,
        "index": index,
        "how": how,
        "name": task.seeds[number][0],
    }
    if task.keep is not None:
        task.keep.mkdir(parents=True, exist_ok=True)
        kept = task.keep / f"{task.name}-{task.seed}-{index}-{task.seeds[number][0]}"
        kept.write_bytes(data)
        found["file"] = str(kept)
    return found


def _tail(path: Path) -> str:
    try:
        return " ".join(path.read_text("utf-8", "replace").split())[-150:]
    except OSError:
        return ""
