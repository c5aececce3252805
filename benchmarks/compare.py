"""sloy and each peer present on the same jobs, in turn in one run: python benchmarks/compare.py

Every side (a peer in one of its ways to do the job) is a process of its own with the same number of threads, the same
initial weights and the same batches. The losses of the first steps are compared with sloy's, in float32 to 1e-4
(without dropout, in that check alone); a side whose losses differ does not count. Then rounds are timed in turn, A B C
A B C …, each of as many steps as fill `--round-seconds`, while the processes of the others are stopped.

A peer in an environment of its own is given by its interpreter; a peer that this environment has is found:

    python benchmarks/compare.py --peer torch=PATH_TO_PYTHON --peer jax=PATH_TO_PYTHON --json results.json
    python benchmarks/compare.py --jobs cnn-128 vgg16-8 --rounds 5
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jobs import JOBS, RECIPES, Job
from peers.protocol import Client, Failed
from report import markdown
from sloy.engines import engine
from sloy.machine import instruction_sets, system, usable_cores
from startup import MODULES, imports, prompt

PEERS = tuple(MODULES)
TOLERANCE = {
    "float32": 1e-4,
    "bfloat16": 3e-2,
}  # relative; sums in other orders, 8 bits of mantissa
MOST_STEPS = 20_000


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes
    ----------
    pythons : mapping
        Peer → the interpreter of its environment.
    threads, rounds : int
    round_seconds : float
        What a round of steps takes, at least one step.
    patience : float
        Seconds that one request may take.
    variants : set of str
        Ways to do a job that are taken; all where empty.
    """

    pythons: Mapping[str, str]
    threads: int
    rounds: int
    round_seconds: float
    patience: float
    variants: frozenset[str] = frozenset()

    def client(self, peer: str) -> Client:
        """A new process of a peer."""
        return Client(peer, self.pythons[peer], self.threads, self.patience)


@dataclass
class Side:
    """A peer in one of its ways to do a job, and what was measured.

    Attributes
    ----------
    first_step : float
        Seconds of building (compiling) the network and of its first step, the libraries imported.
    from_start : float
        Seconds from the start of the process to the end of the first step.
    losses : list
        Of the first steps.
    difference : float
        The greatest relative difference of a loss from sloy's.
    steps : int
        In a round.
    seconds : list
        Per step, of each round.
    memory : int
        Peak of the process, bytes.
    failure : str
        Why it does not count.
    """

    peer: str
    variant: str
    precision: str
    first_step: float = 0.0
    from_start: float = 0.0
    losses: list[float] = field(default_factory=list)
    difference: float = 0.0
    steps: int = 0
    seconds: list[float] = field(default_factory=list)
    memory: int = 0
    failure: str = ""


def compare(job: Job, settings: Settings) -> list[Side]:
    """All sides on one job; sloy is the first."""
    pairs: list[tuple[Side, Client]] = []
    try:
        for peer in settings.pythons:
            pairs += _start(peer, job, settings)
        _check(pairs)
        for side, client in pairs:
            _attempt(side, _calibrate, client, settings.round_seconds)
        for _ in range(settings.rounds):
            for side, client in pairs:
                _attempt(side, _round, client)
        for side, client in pairs:
            _attempt(side, _memory, client)
    finally:
        for _, client in pairs:
            client.close()
    return [side for side, _ in pairs]


def _start(peer: str, job: Job, settings: Settings) -> list[tuple[Side, Client]]:
    """A process for each way of a peer, at the job's first steps."""
    client = settings.client(peer)
    try:
        variants = client("variants", job=job.name)
    finally:
        client.close()
    pairs = []
    for variant, precision in variants.items():
        if peer != "sloy" and settings.variants and variant not in settings.variants:
            continue
        pair = Side(peer, variant, precision), settings.client(peer)
        pairs.append(pair)
        _attempt(pair[0], _prepare, pair[1], job, settings.threads)
    return pairs


def _attempt(side: Side, part: Any, *arguments: Any) -> None:
    """Do a part of a side's work, unless it has failed before."""
    if side.failure:
        return
    try:
        part(side, *arguments)
    except Failed as failure:
        side.failure = str(failure)


def _prepare(side: Side, client: Client, job: Job, threads: int) -> None:
    given = {"job": job.name, "variant": side.variant, "threads": threads}
    reply = client("prepare", **given, dropout=True)
    side.first_step, side.losses = reply["seconds"], reply["losses"]
    side.from_start = reply["done"] - client.started
    if job.random:
        side.losses = client("prepare", **given, dropout=False)["losses"]
        client("prepare", **given, dropout=True)


def _check(pairs: list[tuple[Side, Client]]) -> None:
    """Hold the losses against sloy's."""
    expected = np.array(pairs[0][0].losses)
    for side, _ in pairs:
        if side.failure or not len(expected):
            continue
        relative = np.abs(np.array(side.losses) - expected) / np.abs(expected)
        side.difference = float(np.max(relative))
        if not side.difference <= TOLERANCE[side.precision]:
            side.failure = f"losses differ from sloy's by {side.difference:.1e}"


def _calibrate(side: Side, client: Client, round_seconds: float) -> None:
    """Find how many steps fill a round; what depends on their number is compiled on the way."""
    side.steps = 1
    while True:
        client("run", steps=side.steps)
        seconds = client("run", steps=side.steps)["seconds"]
        if seconds >= round_seconds / 2 or side.steps == MOST_STEPS:
            return
        side.steps = min(MOST_STEPS, int(side.steps * round_seconds / seconds) + 1)


def _round(side: Side, client: Client) -> None:
    side.seconds.append(client("run", steps=side.steps)["seconds"] / side.steps)


def _memory(side: Side, client: Client) -> None:
    side.memory = client("memory")["bytes"]


def ceiling(settings: Settings) -> dict[str, float]:
    """The fastest large matrix product of any peer, by precision, FLOP/s; bfloat16 where the CPU has it.

    Measured before and after the jobs, of which the higher counts.
    """
    sets = instruction_sets() or {}
    fast = sets.get("AMX-BF16") or sets.get("AVX512-BF16")
    precisions = ("float32", "bfloat16") if fast else ("float32",)
    found: dict[str, float] = {}
    for peer in settings.pythons:
        client = settings.client(peer)
        try:
            for precision in precisions:
                reply = client("product", precision=precision, threads=settings.threads)
                found[precision] = max(found.get(precision, 0.0), reply["flops"] or 0.0)
        finally:
            client.close()
    return found


def about(settings: Settings) -> dict[str, Any]:
    """Version and installed bytes of each peer."""
    found = {}
    for peer in settings.pythons:
        client = settings.client(peer)
        try:
            found[peer] = client("about")
        finally:
            client.close()
    return found


def machine() -> dict[str, Any]:
    """What everything ran on."""
    found = instruction_sets() or {}
    return {
        "processor": _processor(),
        "instruction_sets": [name for name, there in found.items() if there],
        "cores": usable_cores(),
        "load": os.getloadavg()[0],
    }


def _processor() -> str:
    """Its name, where the system tells; else its kind."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else system()


def find_pythons(given: list[str]) -> dict[str, str]:
    """Peer → interpreter: sloy here, peers as given, else here where they can be imported."""
    pythons = {"sloy": sys.executable}
    chosen = dict(entry.partition("=")[::2] for entry in given)
    for name in (*PEERS, *chosen):
        if name not in PEERS:
            raise SystemExit(f"--peer {name}=…: the peers are {', '.join(PEERS)}.")
        if name in chosen and chosen[name] in ("", "none"):
            continue
        if name in chosen:
            pythons[name] = chosen[name]
        elif importlib.util.find_spec(name) is not None:
            pythons[name] = sys.executable
    return pythons


def main(arguments: list[str] | None = None) -> int:
    """The command; 1 where sloy failed, or a side's losses are not sloy's."""
    options = _parser().parse_args(arguments)
    pythons = find_pythons(options.peer)
    settings = Settings(
        pythons,
        options.threads,
        options.rounds,
        options.round_seconds,
        options.patience,
        frozenset(options.variants),
    )
    results: dict[str, Any] = {
        "machine": machine(),
        "threads": settings.threads,
        "rounds": settings.rounds,
        "peers": about(settings),
        "ceiling": ceiling(settings),
        "jobs": {},
    }
    for name in options.jobs:
        _say(name)
        sides = compare(JOBS[name], settings)
        row = {"flops": JOBS[name].flops, "sides": [asdict(side) for side in sides]}
        results["jobs"][name] = row
        _save(results, options.json)
    for precision, flops in ceiling(settings).items():
        results["ceiling"][precision] = max(flops, results["ceiling"][precision])
    if options.startup:
        _say("startup")
        results["imports"] = imports(pythons, settings.threads, settings.rounds)
    if options.prompt:
        _say(f"shell prompt to test accuracy, {options.prompt}")
        runs = prompt(pythons, options.prompt, settings.threads, options.prompt_rounds)
        results["prompt"] = {"network": options.prompt, "runs": runs}
    _save(results, options.json)
    text = markdown(results)
    if options.markdown:
        options.markdown.write_text(text)
    print(text)
    found = [side for row in results["jobs"].values() for side in row["sides"]]
    return int(any(s["failure"] and (s["peer"] == "sloy" or s["difference"]) for s in found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    short = [name for name, job in JOBS.items() if not job.long]
    add("--jobs", nargs="*", choices=tuple(JOBS), default=short, metavar="JOB", help=_jobs_help())
    add("--peer", action="append", default=[], metavar="NAME=PYTHON", help=_peer_help())
    add("--variants", nargs="*", default=[], help="ways of the peers, such as eager; default: all")
    add("--threads", type=int, default=engine("auto").threads or usable_cores())
    add("--rounds", type=int, default=7)
    add("--round-seconds", type=float, default=0.3, help="of steps in a round")
    add("--patience", type=float, default=120.0, help="seconds that one request may take")
    add("--startup", action="store_true", help="time the imports too")
    add("--prompt", choices=tuple(RECIPES), help="time a whole training on MNIST too")
    add("--prompt-rounds", type=int, default=3, help="seeds of --prompt")
    add("--json", type=Path, help="file for all figures")
    add("--markdown", type=Path, help="file for the tables")
    return parser


def _jobs_help() -> str:
    long = ", ".join(name for name, job in JOBS.items() if job.long)
    return f"of {', '.join(JOBS)}; default: all but {long}"


def _peer_help() -> str:
    return f"of {', '.join(PEERS)}; PYTHON none leaves it out"


def _save(results: dict[str, Any], path: Path | None) -> None:
    """Write what there is, so that a run that is ended leaves its figures."""
    if path is not None:
        path.write_text(json.dumps(results, indent=1) + "\n")


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
