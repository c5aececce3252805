"""The line protocol between the runner and a worker: one JSON object a line, a reply for each request.

A worker is a process of one peer (sloy is one too), possibly in an environment of its own. Its module gives a
`Worker`, and `serve` does the rest. Requests name what to do, and carry that function's arguments:

* ``about``: version, bytes installed alone and with all dependencies.
* ``variants``: name → precision of the ways in which this peer can do a job.
* ``prepare``: builds a job from its initial weights and does the first `checked` steps; the seconds that the first
  took with the building, when it was done (Unix time), and the losses. What was prepared before is dropped.
* ``run``: the seconds that so many further steps took.
* ``product``: floating-point operations per second of a large square matrix product; null where there is none.
* ``memory``: the peak of this process, bytes.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jobs import JOBS, Job, samples

# Does so many steps; a loss per step in training, the logits (N, K) of each in inference.
Run = Callable[[int], Sequence[Any]]
PRODUCT = 2048  # rows and columns of the matrix product
BENCHMARKS = Path(__file__).parents[1]
THREAD_NAMES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")


class Failed(Exception):
    """A worker could not do what it was asked."""


# --- the worker's side -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Worker:
    """What a peer can do.

    Attributes
    ----------
    distribution : str
        Name under which it is installed.
    version : str
    variants : callable
        Job → name and precision of each way to do it.
    build : callable
        Job, variant, threads → what runs it.
    product : callable
        Precision, size → a function that multiplies two square matrices, or None.
    """

    distribution: str
    version: str
    variants: Callable[[Job], dict[str, str]]
    build: Callable[[Job, str, int], Run]
    product: Callable[[str, int], Callable[[], Any] | None] = lambda precision, size: None


def serve(worker: Worker) -> None:
    """Answer requests until the input ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not stand between the replies
    session = _Session(worker)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = getattr(session, request.pop("do"))(**request)
        except Exception as error:  # any failure of a peer is a result
            reply = {"error": f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"}
        print(json.dumps(reply), file=replies, flush=True)


class _Session:
    """The requests, as methods."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._run: Run | None = None

    def about(self) -> dict[str, Any]:
        sizes = dict(installed(self._worker.distribution))
        return {
            "version": self._worker.version,
            "size": sizes[self._worker.distribution],
            "size_with_dependencies": sum(sizes.values()),
        }

    def variants(self, job: str) -> dict[str, str]:
        return self._worker.variants(JOBS[job])

    def prepare(self, job: str, variant: str, threads: int, *, dropout: bool) -> dict[str, Any]:
        self._run = None
        wanted = JOBS[job] if dropout else JOBS[job].without_dropout()
        start = time.perf_counter()
        run = self._worker.build(wanted, variant, threads)
        results = list(run(1))
        seconds, done = time.perf_counter() - start, time.time()
        for _ in range(wanted.checked - 1):
            results.extend(run(1))
        self._run = run
        return {"seconds": seconds, "done": done, "losses": _losses(wanted, results)}

    def run(self, steps: int) -> dict[str, float]:
        if self._run is None:
            raise Failed("nothing is prepared")
        start = time.perf_counter()
        self._run(steps)
        return {"seconds": time.perf_counter() - start}

    def product(self, precision: str, threads: int) -> dict[str, float | None]:
        multiply = self._worker.product(precision, threads)
        if multiply is None:
            return {"flops": None}
        best = float("inf")
        for _ in range(8):
            start = time.perf_counter()
            multiply()
            best = min(best, time.perf_counter() - start)
        return {"flops": 2 * PRODUCT**3 / best}

    def memory(self) -> dict[str, int]:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"bytes": peak if sys.platform == "darwin" else peak * 1024}


def _losses(job: Job, results: Sequence[Any]) -> list[float]:
    """The losses of training, or the mean cross-entropy of the logits of inference."""
    if job.task == "training":
        return [float(loss) for loss in results]
    labels = samples(job)[1].reshape(job.batches, job.batch)  # (batches, N)
    losses = []
    for k, result in enumerate(results):
        logits = np.asarray(result, np.float64)
        top = logits.max(-1, keepdims=True)
        logs = logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
        losses.append(-float(logs[np.arange(job.batch), labels[k % job.batches]].mean()))
    return losses


def installed(name: str) -> Iterator[tuple[str, int]]:
    """Each distribution that `name` needs, itself first, with the bytes of its files.

    A package that runs from its source tree is what would be installed: the files of its folder, those that Python
    compiled among them, and what its pyproject.toml requires.
    """
    try:
        yield from _distributions(name, set())
        return
    except importlib.metadata.PackageNotFoundError:
        folder = Path(str(importlib.import_module(name).__file__)).parent
    compiled = f".{sys.implementation.cache_tag}."
    files = (f for f in folder.rglob("*") if f.parent.name != "__pycache__" or compiled in f.name)
    yield name, _bytes(files)
    project = tomllib.loads((folder.parents[1] / "pyproject.toml").read_text())["project"]
    yield from _required(project["dependencies"], {name})


def _distributions(name: str, seen: set[str]) -> Iterator[tuple[str, int]]:
    distribution = importlib.metadata.distribution(name)
    yield name, _bytes(Path(str(file.locate())) for file in distribution.files or ())
    yield from _required(distribution.requires or (), seen)


def _required(requirements: Iterable[str], seen: set[str]) -> Iterator[tuple[str, int]]:
    for requirement in requirements:
        other = re.split(r"[^\w.-]", requirement)[0].lower()
        if "extra ==" not in requirement and other not in seen:
            seen.add(other)
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                yield from _distributions(other, seen)


def _bytes(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.is_file())


# --- the runner's side -----------------------------------------------------------------------------


class Client:
    """A worker process, stopped between requests: threads of it that wait awake would take the cores of others.

    Parameters
    ----------
    peer : str
        ``peers/<peer>_worker.py`` is its module.
    python : str
        The interpreter of its environment.
    threads : int
    patience : float
        Seconds to wait for a reply; then the process is killed.

    Attributes
    ----------
    started : float
        Unix time.
    """

    def __init__(self, peer: str, python: str, threads: int, patience: float) -> None:
        self._patience = patience
        self.started = time.time()
        self._process = subprocess.Popen(
            [python, "-m", f"peers.{peer}_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(threads),
        )

    def __call__(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Ask, and wait for the reply; `Failed` with the reason where there is none."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        timer = threading.Timer(self._patience, self._process.kill)
        timer.start()
        self._process.send_signal(signal.SIGCONT)
        try:
            stdin.write(json.dumps({"do": what, **arguments}) + "\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            self._process.send_signal(signal.SIGSTOP)
            late = timer.finished.is_set()
            timer.cancel()
        if not line:
            self.close()
            reason = f"over {self._patience:g} s" if late else "died; see its message"
            raise Failed(f"{what}: {reason}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise Failed(reply["error"])
        return reply

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGCONT)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def environment(threads: int) -> dict[str, str]:
    """Of a worker: the same threads for each library, this folder on the path of modules."""
    paths = [str(BENCHMARKS), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        **dict.fromkeys(THREAD_NAMES, str(threads)),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
