"""Memory and time of `sloy train` on a large CSV file: by default 2 million rows of 30 columns.

    python benchmarks/table_memory.py [--rows 2000000] [--epochs 1] [--threads 1] [--recipe fast] [--keep FILE]

The table (24 columns of numbers, some with gaps, four of categories, a date, and the target) is drawn from a fixed seed
and written in pieces. What `sloy train` does then runs in a process of its own; its peak memory (VmHWM, which counts
what the libraries map) is compared with that of a bare interpreter, the time before its first epoch with that of polars
alone, which reads the file into memory.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

NUMBERS = 24
PIECE = 100_000
LIMIT = 1 << 30  # bytes above the interpreter's


def write_table(path: Path, rows: int) -> None:
    """The table, in pieces; the target is "yes" or "no"."""
    with path.open("wb") as file:
        for number, first in enumerate(range(0, rows, PIECE)):
            frame = piece(min(PIECE, rows - first), number)
            frame.write_csv(file, include_header=not first)


def piece(rows: int, seed: int) -> pl.DataFrame:
    """Some rows of it."""
    random = np.random.default_rng([7, seed])
    x = random.normal(size=(rows, NUMBERS)).round(4)
    kinds = random.integers(0, 5, rows)
    towns = random.integers(0, 400, rows)
    level = np.random.default_rng(3).normal(size=400)
    score = x[:, 0] * level[towns] + np.sin(2 * x[:, 1]) + (kinds == 2) * x[:, 2] + 0.5 * x[:, 3]
    days = random.integers(0, 3650, rows)
    columns: dict[str, object] = {f"x{i}": x[:, i] for i in range(NUMBERS)}
    columns |= {
        "kind": [f"kind {k}" for k in kinds],
        "town": [f"town {t}" for t in towns],
        "colour": np.array(["red", "green", "blue"])[random.integers(0, 3, rows)],
        "grade": np.array(list("ABCDEFGH"))[random.integers(0, 8, rows)],
        "day": np.datetime64("2015-01-01") + days,
        "answer": np.where(score + random.normal(size=rows) > 0, "yes", "no"),
    }
    frame = pl.DataFrame(columns).with_columns(pl.col("day").cast(pl.Date))
    gaps = {f"x{i}": pl.Series(random.random(rows) < 0.05) for i in (5, 6)}
    return frame.with_columns(
        pl.when(gap).then(None).otherwise(pl.col(name)).alias(name) for name, gap in gaps.items()
    )


# The peak is read by the process itself: what `getrusage` says of a child counts its parent before exec.
BARE = "print(open('/proc/self/status').read())"
TRAIN = f"""
import json, sys, time
from sloy.experiments import Experiment, run
from sloy.experiments.events import EpochBegan
table, folder, words = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
threads, begun = words.pop("threads"), []
def listener(event):
    if isinstance(event, EpochBegan) and not begun:
        begun.extend([time.time(), time.process_time()])
run(Experiment.of(table, **words), folder, threads=threads, listener=listener)
print(json.dumps(begun))
{BARE}
"""
POLARS = f"import sys, polars; frame = polars.read_csv(sys.argv[1], try_parse_dates=True); {BARE}"


@dataclass(frozen=True)
class Process:
    """What Python code took: peak memory in bytes (VmHWM), seconds on the clock and of processors; what it printed."""

    begun: float  # seconds since 1970
    peak: int
    seconds: float
    cpu: float
    output: str


def process(code: str, *arguments: str, threads: int = 1) -> Process:
    """Run Python code by itself."""
    begun, started, before = time.time(), time.perf_counter(), os.times()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "POLARS_MAX_THREADS": str(threads)},
    )
    seconds, after = time.perf_counter() - started, os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])  # of children that ended
    output, _, status = done.stdout.rpartition("Name:")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return Process(begun, 1024 * int(found[1]), seconds, cpu, output)


def said(of: Process) -> str:
    """Its seconds."""
    return f"{of.seconds:.1f} s, {of.cpu:.1f} s of processors"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--recipe", choices=("tabular", "fast"), default="tabular")
    parser.add_argument("--keep", type=Path, help="write the table here and keep it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="table-memory-") as folder:
        table = arguments.keep or Path(folder) / "table.csv"
        if not table.exists():
            write_table(table, arguments.rows)
        size = table.stat().st_size
        print(f"{arguments.rows} rows of 30 columns, {size / 1e6:.0f} MB of CSV", flush=True)
        bare, polars = process(BARE), process(POLARS, str(table), threads=arguments.threads)
        words = {name: getattr(arguments, name) for name in ("epochs", "threads", "recipe")}
        options = json.dumps({"target": "answer", **words})
        run = Path(folder) / "run"
        trained = process(TRAIN, str(table), str(run), options, threads=arguments.threads)
        summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    first, cpu = json.loads(trained.output)
    above = trained.peak - bare.peak
    print(f"interpreter   {bare.peak / 2**20:7.0f} MiB")
    print(f"polars        {polars.peak / 2**20:7.0f} MiB, {said(polars)}")
    print(
        f"sloy train    {trained.peak / 2**20:7.0f} MiB, {above / 2**20:.0f} MiB above the interpreter's; at most"
        f" 1024 are allowed; {said(trained)}"
    )
    print(f"first epoch   after {first - trained.begun:.1f} s, {cpu:.1f} s of processors")
    print(f"training      {summary['times_seconds']['training']:.1f} s")
    print(f"accuracy      {summary['test_accuracy']:.4f}, baselines {summary['baselines']}")
    return int(above > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
