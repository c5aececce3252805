"""What a search keeps when it is killed, what it holds of memory, what pruning and a second worker save.

    python benchmarks/tune.py kills --trials 50 --kills 20     # the same trials as of a search that nobody disturbs
    python benchmarks/tune.py memory --trials 200              # the searching process after each quarter
    python benchmarks/tune.py pruner --trials 50               # epochs that pruners save, one search with each
    python benchmarks/tune.py replay --trials 60 --draws 40    # the same, and what they miss, by many searches of 50
    python benchmarks/tune.py workers --trials 20              # time with two workers over that with one
    python benchmarks/tune.py tuned --trials 20 --sets SETS    # tuned against default options: validation and test

Kills are of the searching process (SIGKILL, SIGINT), of the process that runs its trials, and of the trial itself,
at random moments. The exit status of `kills` is 1 where a trial differs. `replay` trains trials at random to their end,
and draws searches from their curves, so that all pruners see the same.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import sloy
from sloy.search import Choice, Int, Layers, Log, TrialEnded, study
from sloy.search.options import PRUNERS
from sloy.search.pruners import EPOCHS

SPACE = {
    "learning_rate": {"float": [1e-3, 0.3], "log": True},
    "network_options__hidden": {"layers": [1, 2], "units": {"int": [4, 64], "log": True}},
    "batch_size": {"choice": [16, 32, 64]},
}


def moons(path: Path, rows: int = 600) -> Path:
    """Two half circles with noise, as a table."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, np.pi, rows)
    side = np.arange(rows) % 2
    x = np.where(side, 1 - np.cos(angle), np.cos(angle)) + rng.normal(0, 0.25, rows)
    y = np.where(side, 0.5 - np.sin(angle), np.sin(angle)) + rng.normal(0, 0.25, rows)
    lines = [f"{a:.5f},{b:.5f},{'up' if s else 'down'}" for a, b, s in zip(x, y, side, strict=True)]
    path.write_text("\n".join(["x,y,side", *lines]) + "\n")
    return path


def command(folder: Path, trials: int, epochs: int, *more: str) -> list[str]:
    """The search of a folder."""
    words = ["--target", "side", "--network", "mlp", "--epochs", str(epochs)]
    words += ["--space", str(folder.parent / "space.json"), "--threads", "1"]
    asked = ["tune", str(folder.parent / "moons.csv"), "--out", str(folder), *words]
    return [sys.executable, "-m", "sloy", *asked, "--trials", str(trials), *more]


def prepared(root: Path) -> None:
    """The data and the space of the searches in a folder."""
    moons(root / "moons.csv")
    (root / "space.json").write_text(json.dumps(SPACE))


def outcome(folder: Path) -> list[tuple[Any, ...]]:
    """What of each trial must be the same whatever was killed."""
    document = json.loads((folder / "tuning.json").read_text())
    names = ("number", "chosen", "ended", "value", "epochs")
    return [tuple(json.dumps(one[name]) for name in names) for one in document["trials"]]


# --- kills ----------------------------------------------------------------------------------------


def children(process: int) -> list[int]:
    """Those of a process."""
    with suppress(OSError):
        words = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        return [int(word) for word in words]
    return []


def victim(process: int, kind: int) -> tuple[int, int]:
    """Whom to kill, and by what: the search by either signal, who runs its trials, or a trial."""
    workers = children(process)
    trials = [child for worker in workers for child in children(worker)]
    found = {0: [process], 1: [process], 2: workers, 3: trials}[kind] or [process]
    return found[0], signal.SIGINT if kind == 1 else signal.SIGKILL


def killed(root: Path, trials: int, kills: int, epochs: int, seed: int = 0) -> list[str]:
    """What differs between a search and the same killed again and again; nothing where all is well."""
    prepared(root)
    once = root / "once"
    began = time.perf_counter()
    subprocess.run(command(once, trials, epochs, "--quiet"), check=True, stdout=subprocess.DEVNULL)
    whole = time.perf_counter() - began
    draw = random.Random(seed)
    moments = sorted(draw.uniform(0, trials) for _ in range(kills))  # how many trials have begun
    often, more, done = root / "often", ("--quiet",), 0
    while True:
        words = command(often, trials, epochs, *more)
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while done < kills and process.poll() is None:
            begun = len([*often.glob("trials/*")]) > moments[done]
            with suppress(subprocess.TimeoutExpired):
                process.wait(draw.uniform(0, 1.6) * whole / trials if begun else 0.05)
                break
            if not begun:
                continue
            target, number = victim(process.pid, done % 4)
            with suppress(ProcessLookupError):
                os.kill(target, number)
            done += 1
        error = process.communicate()[1].decode()
        if process.returncode == 0:
            break
        if process.returncode not in (-signal.SIGKILL, -signal.SIGINT, 128 + signal.SIGINT):
            return [f"exit code {process.returncode}: {error.strip()}"]
        if (often / "search.json").exists():
            more = ("--quiet", "--resume")
    print(f"{trials} trials, {done} kills")
    pairs = zip(outcome(once), outcome(often), strict=True)
    found = [f"{one} is {other}" for one, other in pairs if one != other]
    models = [(folder / "best/model.sloy").read_bytes() for folder in (once, often)]
    return found if models[0] == models[1] else [*found, "the best model has other bytes"]


# --- memory, pruning, workers, what is gained -----------------------------------------------------


def memory(root: Path, trials: int) -> list[float]:
    """MB that the searching process holds after each quarter of the trials."""
    prepared(root)
    held: list[float] = []

    def listen(event: object) -> None:
        if isinstance(event, TrialEnded):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            held.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)

    words = {"target": "side", "network": "mlp", "epochs": 2, "threads": 1}
    sloy.tune(root / "moons.csv", SPACE, trials=trials, out=root / "s", listener=listen, **words)
    return [held[round(share * (trials - 1))] for share in (0.25, 0.5, 0.75, 1)]


def jobs(root: Path, epochs: int) -> dict[str, tuple[str, dict[str, Any]]]:
    """Two moons, and 2 000 digits: data and options of searches by name."""
    space = {
        "learning_rate": Log(1e-3, 0.3),
        "batch_size": Choice(16, 32, 64),
        "network_options__hidden": Layers(1, 2, Int(4, 64, log=True)),
    }
    words = {"network": "mlp", "epochs": epochs, "space": space}
    table = str(moons(root / "moons.csv"))
    return {
        "moons": (table, {"target": "side", **words}),
        "digits": ("mnist", {"samples": 2000, **words}),
    }


def saved(data: str, trials: int, root: Path, **words: Any) -> dict[str, Any]:
    """Epochs that are trained with pruners, over those without, and the best of each."""
    found: dict[str, Any] = {}
    for pruner in PRUNERS[::-1]:
        tuned = sloy.tune(data, trials=trials, pruner=pruner, out=root / pruner, threads=1, **words)
        epochs = tuned.document["epochs"]
        test = {n: v for n, v in tuned.document["test"].items() if n.endswith(("accuracy", "loss"))}
        found[pruner] = {
            **epochs,
            "best": tuned.best["value"],
            "trial": tuned.best["number"],
            **test,
        }
    for pruner in PRUNERS[:-1]:
        found[pruner]["saved"] = 1 - found[pruner]["done"] / found["none"]["done"]
    return found


def curves(data: str, trials: int, root: Path, **words: Any) -> list[list[float]]:
    """The validation loss of each epoch of trials at random, none of which is ended."""
    with patch.object(study, "STARTUP", trials):  # of the sampler
        tuned = sloy.tune(data, trials=trials, pruner="none", out=root, threads=1, **words)
    folders = [root / one["folder"] for one in tuned.trials if one["ended"] == "complete"]
    histories = [json.loads((folder / "summary.json").read_text())["history"] for folder in folders]
    return [[row["val_loss"] for row in history] for history in histories]


def replayed(
    found: Sequence[Sequence[float]], pruner: str, draws: int, size: int
) -> tuple[float, float, float]:
    """What a pruner saves of the epochs, in what share of searches it ends the best, and by how much loss that is."""
    import optuna

    saved, missed, worse = [], [], []
    space, most = {"batch_size": Int(1, 2**30)}, max(map(len, found))
    for draw in range(draws):
        drawn = np.random.default_rng(draw).permutation(len(found))[:size]
        settings = {"direction": "minimize", "seed": 0, "pruner": pruner}
        one = study.Study(optuna.storages.InMemoryStorage(), "s", settings, several=False)
        done, left = 0, []
        for curve in (found[place] for place in drawn):
            trial, _ = one.asked(space)
            one.note(trial, EPOCHS, most)
            hopeless = (
                epoch for epoch, v in enumerate(curve, 1) if one.report(trial, [(epoch, v)])
            )
            if (epoch := next(hopeless, None)) is not None:
                one.end(trial, "pruned")
            else:
                one.complete(trial, {"value": curve[-1], "epochs": len(curve)}, most)
                left.append(curve[-1])
            done += epoch or len(curve)
        best = min(found[place][-1] for place in drawn)
        saved.append(1 - done / sum(len(found[place]) for place in drawn))
        missed.append(min(left) > best)
        worse.append(min(left) / best - 1)
    return float(np.mean(saved)), float(np.mean(missed)), float(np.mean(worse))


def timed(root: Path, trials: int, epochs: int, turns: int) -> float:
    """Time of a search by two workers over that by one, a thread each, taken in turn: from its begin to its last trial.

    What follows, the test of the best and the pictures, is done once whatever there are workers.
    """
    prepared(root)
    took: dict[int, list[float]] = {1: [], 2: []}
    words = {"target": "side", "network": "mlp", "epochs": epochs, "threads": 1, "pruner": "none"}
    for turn in range(turns):
        for workers in (1, 2) if turn % 2 == 0 else (2, 1):
            times: list[float] = []
            sloy.tune(
                root / "moons.csv", SPACE, trials=trials, workers=workers, out=root / f"{turn}-{workers}",
                listener=lambda event, times=times: times.append(time.perf_counter()), **words
            )  # fmt: skip
            took[workers].append(times[-1] - times[0])
            print(f"{workers} at a time: {took[workers][-1]:.1f} s", flush=True)
    return min(took[2]) / min(took[1])


# Of scikit-learn, and of benchmarks/tabular_sets.py; and 2 000 digits.
TABLES = ("breast_cancer", "diabetes", "german", "insurance", "wine")


def tables(root: Path, sets: Path | None, network: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Data and options by name, those of a folder of tables where there is one."""
    from sklearn import datasets

    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for name in TABLES:
        path = root / f"{name}.csv"
        if load := getattr(datasets, f"load_{name}", None):
            load(as_frame=True).frame.to_csv(path, index=False)
        elif sets is not None:
            path = sets / f"{name}.csv"
        else:
            continue
        found[name] = (str(path), {"target": "target", "network": network})
    found["mnist"] = ("mnist", {"network": "mlp", "samples": 2000, "epochs": 8})
    return found


def gained(data: str, words: Mapping[str, Any], trials: int, root: Path) -> str:
    """Figures with the default options and with the tuned ones, and seconds of processor time, a thread each."""
    begun = processor_time()
    experiment = sloy.experiments.Experiment.of(data, validation=0.2, **words)
    base = sloy.experiments.run(experiment, root / "default", threads=1)
    middle = processor_time()
    tuned = sloy.tune(data, trials=trials, out=root / "tuned", threads=1, validation=0.2, **words)
    after = processor_time()
    figures = (base.measured.figures, tuned.result.measured.figures)
    names = [
        n for n in ("test_accuracy", "test_rmse", "test_log_loss", "test_loss") if n in figures[0]
    ]
    last = base.summary["best_epoch"] or len(base.history)
    rows = [("val_loss", float(base.history["val_loss"][last - 1]), tuned.best["value"])]
    rows += [(name, *(float(one[name]) for one in figures)) for name in names]
    said = [f"{name} {before:.4g} -> {now:.4g}" for name, before, now in rows]
    ended = ", ".join(f"{count} {how}" for how, count in tuned.document["ended"].items() if count)
    said += [
        f"of {base.summary['test_samples']} samples",
        f"{middle - begun:.0f} -> {after - middle:.0f} s",
        ended,
    ]
    return "; ".join(said)


def processor_time() -> float:
    """Seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("kills", "memory", "pruner", "replay", "workers", "tuned"))
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--turns", type=int, default=2, help="of `workers`")
    parser.add_argument("--draws", type=int, default=40, help="searches of `replay`")
    parser.add_argument(
        "--only", help="a name: of `tuned` a data set, of `pruner` and `replay` moons or digits"
    )
    parser.add_argument(
        "--sets", type=Path, help="of `tuned`: what benchmarks/tabular_sets.py wrote"
    )
    parser.add_argument("--network", default="tabular", help="of the tables of `tuned`")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        match options.what:
            case "kills":
                found = killed(root, options.trials, options.kills, options.epochs, options.seed)
                print("\n".join(found) or "the same trials, the same best model")
                return bool(found)
            case "memory":
                held = memory(root, options.trials)
                print("MB after each quarter:", *(f"{one:.1f}" for one in held))
            case "pruner" | "replay":
                for job, (data, words) in jobs(root, options.epochs).items():
                    if options.only not in (None, job):
                        continue
                    if options.what == "pruner":
                        (root / job).mkdir()
                        print(job, json.dumps(saved(data, options.trials, root / job, **words)))
                        continue
                    whole = curves(data, options.trials, root / job, **words)
                    for pruner in PRUNERS[:-1]:
                        told = replayed(whole, pruner, options.draws, min(50, len(whole)))
                        said = "saves {:.0%}, misses the best in {:.0%}, by {:.1%}".format(*told)
                        print(f"{job}, {len(whole)} curves, {pruner}: {said}", flush=True)
            case "workers":
                print(
                    f"two workers over one: {timed(root, options.trials, options.epochs, options.turns):.2f}"
                )
            case "tuned":
                for job, (data, words) in tables(root, options.sets, options.network).items():
                    if options.only in (None, job):
                        (root / job).mkdir()
                        print(
                            f"{job}: {gained(data, words, options.trials, root / job)}", flush=True
                        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
