"""How often the rules of `sloy.Diagnosis` are right: planted faults and healthy runs on small data sets.

Each fault is planted into a network, a recipe or samples; what is counted is which finding comes first. The healthy
variants must have no error and no warning. `--held-out` takes other data sets, depths and strengths, on which no limit
was chosen. `--proof` also tries the remedies of some faults, and those of healthy runs.

    python benchmarks/diagnosis.py [--seeds N] [--first N] [--held-out] [--proof] [--only NAME] [--data NAME]
    python benchmarks/diagnosis.py --cost [--rounds N]
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import sloy
from sloy import initializers, layers, regularizers
from sloy.diagnosis import Report


@dataclass(frozen=True, eq=False)
class Job:
    """A run: samples, a network as its parts, and options of `sloy.fit`."""

    x: np.ndarray
    y: np.ndarray
    hidden: tuple[int, ...] = (32, 32)
    act: Callable[[], Any] = layers.ReLU
    front: tuple[Any, ...] = ()
    between: Callable[[], tuple[Any, ...]] = tuple
    ending: tuple[Any, ...] = ()
    weights: Any = None
    biases: Any = None
    l2: float = 0.0
    held_out: tuple[np.ndarray, np.ndarray] | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def outputs(self) -> int:
        """Of the last layer."""
        return 1 if self.y.dtype.kind == "f" else int(self.y.max()) + 1

    def dense(self, units: int) -> layers.Dense:
        """A layer with what is planted."""
        options: dict[str, Any] = {}
        if self.weights is not None:
            options["weight_initializer"] = self.weights
        if self.biases is not None:
            options["bias_initializer"] = self.biases
        if self.l2:
            options["weight_regularizer"] = regularizers.L2(self.l2)
        return layers.Dense(units, **options)

    def network(self) -> sloy.Network:
        """All of it."""
        hidden = [
            part for n in self.hidden for part in (self.dense(n), *self.between(), self.act())
        ]
        last = replace(self, biases=None).dense(self.outputs)
        return sloy.Network(self.x.shape[1:], [*self.front, *hidden, last, *self.ending])

    def fit_options(self, seed: int) -> dict[str, Any]:
        """Arguments of `sloy.fit` beside network and data."""
        plain = {"validation": self.held_out or 0.25, "batch_size": 32, "learning_rate": 0.003}
        return {**plain, "epochs": 20, "threads": 1, "seed": seed, **self.options}

    def with_options(self, **options: Any) -> Job:
        """The same, some options changed."""
        return replace(self, options={**self.options, **options})


# --- data ---------------------------------------------------------------------------------------------------------


def moons(seed: int) -> Job:
    """Two half circles, 600 points."""
    from sklearn.datasets import make_moons

    x, y = make_moons(600, noise=0.15, random_state=seed)
    return Job(x.astype(np.float32), y.astype(np.int64), options={"epochs": 40})


def tabular(name: str, *, scale: bool = True, **options: Any) -> Callable[[int], Job]:
    """A table of scikit-learn, standardized."""

    def load(seed: int) -> Job:
        from sklearn import datasets

        data = getattr(datasets, f"load_{name}")()
        x = data.data.astype(np.float32)
        if scale:
            x = (x - x.mean(0)) / np.maximum(x.std(0), 1e-6)
        y = data.target
        if name == "diabetes":
            y = ((y - y.mean()) / y.std()).astype(np.float32)
        return Job(
            x.astype(np.float32), y if y.dtype.kind == "f" else y.astype(np.int64), options=options
        )

    return load


def mnist(count: int, *, convolutional: bool = False, epochs: int = 6) -> Callable[[int], Job]:
    """Some of MNIST's digits, for a dense or a convolutional network."""

    def load(seed: int) -> Job:
        train = sloy.data.mnist().train
        rows = np.random.default_rng(seed).permutation(len(train))[:count]
        front: tuple[Any, ...] = (layers.Flatten(),)
        if convolutional:
            conv = (layers.Conv2D(8, 3), layers.ReLU(), layers.MaxPool2D(2))
            front = (
                *conv,
                layers.Conv2D(16, 3),
                layers.ReLU(),
                layers.MaxPool2D(2),
                layers.Flatten(),
            )
        x, y = train.x[rows], train.y[rows].astype(np.int64)
        return Job(x, y, hidden=(64,), front=front, options={"epochs": epochs})

    return load


def made(seed: int) -> Job:
    """Numbers that follow from five of ten others, 500 rows."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(500, 10)).astype(np.float32)
    y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.5 * x[:, 3] - x[:, 4] + 0.1 * rng.normal(size=500)
    return Job(x, (y / y.std()).astype(np.float32))


CALIBRATION = {
    "moons": moons,
    "breast cancer": tabular("breast_cancer"),
    "diabetes": tabular("diabetes", epochs=15, learning_rate=0.001),
    "mnist mlp": mnist(2000),
    "mnist cnn": mnist(1500, convolutional=True),
}
HELD_OUT = {
    "digits": tabular("digits", epochs=15),
    "wine": tabular("wine", epochs=40),
    "made": made,
    "mnist cnn 2": mnist(1000, convolutional=True, epochs=8),
}

# --- healthy ------------------------------------------------------------------------------------------------------

HEALTHY: dict[str, Callable[[Job], Job]] = {
    "adam": lambda job: job,
    "sgd": lambda job: job.with_options(optimizer="sgd", learning_rate=0.05),
    "momentum": lambda job: job.with_options(optimizer="momentum", learning_rate=0.01),
    "tanh": lambda job: replace(job, act=layers.Tanh),
    "sigmoid": lambda job: replace(job, act=layers.Sigmoid),
    "wide": lambda job: replace(job, hidden=tuple(2 * n for n in job.hidden)),
    "dropout": lambda job: replace(job, between=lambda: (layers.Dropout(0.3),)),
    "batch norm": lambda job: replace(job, between=lambda: (layers.BatchNorm(),)),
    "residual": lambda job: replace(job, front=(*job.front, *_residual(job))),
    "one cycle": lambda job: job.with_options(schedule="one-cycle", learning_rate=0.01),
    "penalties": lambda job: replace(job, l2=1e-3),
}


def _residual(job: Job) -> tuple[Any, ...]:
    own = layers.Residual([layers.Dense(32), layers.ReLU(), layers.Dense(32)])
    return layers.Dense(32), layers.ReLU(), own, layers.ReLU()


# --- faults -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """Something planted, and which finding is right."""

    plant: Callable[[Job, int], Job]
    right: tuple[str, ...]
    fits: Callable[[Job], bool] = lambda job: True
    proved: bool = False  # whether its remedy is to be proved


def _rate(factor: float) -> Callable[[Job, int], Job]:
    return lambda job, seed: job.with_options(
        learning_rate=factor * job.options.get("learning_rate", 0.003)
    )


def _unscaled(job: Job, seed: int) -> Job:
    x = job.x.astype(np.float32)
    x = x if job.x.dtype == np.uint8 else 100 * x + 200
    return replace(job, x=x).with_options(preprocessing="none")


def _shuffled(job: Job, seed: int) -> Job:
    return replace(job, y=np.random.default_rng(seed).permutation(job.y))


def _noisy(job: Job, seed: int) -> Job:
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(job.x))
    kept, apart = rows[len(rows) // 4 :], rows[: len(rows) // 4]
    y = job.y[kept].copy()
    wrong = rng.random(len(y)) < 0.35
    y[wrong] = (y[wrong] + rng.integers(1, job.outputs, wrong.sum())) % job.outputs
    return replace(job, x=job.x[kept], y=y, held_out=(job.x[apart], job.y[apart]))


def _few(job: Job, seed: int) -> Job:
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(job.x))
    kept, apart = rows[: 4 * max(job.outputs, 5)], rows[len(rows) // 2 :]
    if job.outputs > 1:
        first = [np.nonzero(job.y == k)[0][:2] for k in range(job.outputs)]
        kept = np.unique(np.concatenate([*first, kept]))
        apart = np.setdiff1d(apart, kept)
    few = replace(job, x=job.x[kept], y=job.y[kept], held_out=(job.x[apart], job.y[apart]))
    return few.with_options(epochs=200)


def _leaked(job: Job, seed: int) -> Job:
    rows = np.random.default_rng(seed).permutation(len(job.x))
    apart = rows[: len(rows) // 4]
    kept = np.concatenate([rows[len(rows) // 4 :], apart[: len(apart) // 3]])
    return replace(job, x=job.x[kept], y=job.y[kept], held_out=(job.x[apart], job.y[apart]))


def _telling(job: Job, seed: int) -> Job:
    own = job.y.astype(np.float32)
    own = (own - own.mean()) / own.std() + 0.01 * np.random.default_rng(seed).normal(size=len(own))
    y = job.y
    if job.outputs > 1:  # what no other column tells
        y = np.random.default_rng(seed + 1).permutation(y)
        own = (y - y.mean()) / y.std()
    return replace(job, x=np.hstack([job.x, own[:, None].astype(np.float32)]), y=y)


def _rare(job: Job, seed: int) -> Job:
    rng = np.random.default_rng(seed)
    rare = np.nonzero(job.y == 1)[0]
    others = np.nonzero(job.y != 1)[0]
    rows = rng.permutation(np.concatenate([others, rare[: max(8, len(others) // 60)]]))
    noise = rng.normal(size=(len(rows), *job.x.shape[1:])).astype(np.float32)
    return replace(job, x=job.x[rows] + 1.5 * noise, y=job.y[rows])


def _faults(strong: float) -> dict[str, Fault]:
    """The faults; `strong` is how far those are planted that have a strength."""
    classes = lambda job: job.outputs > 1  # noqa: E731
    table = lambda job: job.x.ndim == 2  # noqa: E731
    return {
        "rate high": Fault(_rate(100 * strong), ("D08", "D01"), proved=True),
        "rate low": Fault(_rate(1e-3 / strong), ("D12",), proved=True),
        "unscaled": Fault(_unscaled, ("D02",), proved=True),
        "zero weights": Fault(
            lambda job, seed: replace(job, weights=initializers.Zeros()), ("D06",), proved=True
        ),
        "large weights": Fault(
            lambda job, seed: replace(job, weights=initializers.Normal(1.0 * strong)),
            ("D05", "D11", "D09"),
        ),
        "dead": Fault(
            lambda job, seed: replace(job, biases=initializers.Constant(-8.0 * strong)),
            ("D10",),
            proved=True,
        ),
        "saturated": Fault(
            lambda job, seed: replace(
                job, act=layers.Tanh, weights=initializers.Normal(5.0 * strong)
            ),
            ("D09", "D05"),
            proved=True,
        ),
        "deep sigmoids": Fault(
            lambda job, seed: replace(job, act=layers.Sigmoid, hidden=(32,) * 8), ("D11",)
        ),
        "shuffled": Fault(_shuffled, ("D15",)),
        "noisy": Fault(_noisy, ("D16",), classes),
        "few": Fault(_few, ("D19", "D15")),
        "relu last": Fault(lambda job, seed: replace(job, ending=(layers.ReLU(),)), ("D07",)),
        "bounded": Fault(
            lambda job, seed: replace(job, ending=(layers.Sigmoid(),)),
            ("D07",),
            lambda job: job.outputs == 1,
        ),
        "rare class": Fault(_rare, ("D03",), lambda job: classes(job) and table(job)),
        "leaked rows": Fault(_leaked, ("D04",)),
        "telling column": Fault(_telling, ("D04",), table),
        "regularised": Fault(lambda job, seed: replace(job, l2=1.0 * strong), ("D20",)),
        "narrow": Fault(
            lambda job, seed: replace(job, hidden=(1, 1)),
            ("D18", "D17"),
            lambda job: job.outputs > 4,
        ),
    }


# --- runs ---------------------------------------------------------------------------------------------------------


def diagnosed(job: Job, seed: int, *, proof: bool = False) -> Report:
    """The report of a run."""
    options = {**job.fit_options(seed), "try_remedies": proof, "seconds": 20.0}
    return sloy.diagnose(job.network(), (job.x, job.y), **options)


def _outcomes(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    jobs = HELD_OUT if args.held_out else CALIBRATION
    strong = 0.6 if args.held_out else 1.0
    for data, make in jobs.items():
        if args.data not in ("", data):
            continue
        for seed in range(args.first, args.first + args.seeds):
            job = make(seed)
            if args.held_out:
                job = replace(job, hidden=(24,) * (3 if job.x.ndim == 2 else 2))
            for name, change in HEALTHY.items():
                if args.only in ("", "healthy"):
                    yield _outcome(data, f"healthy {name}", change(job), seed, (), proof=args.proof)
            for name, fault in _faults(strong).items():
                if fault.fits(job) and args.only in ("", name):
                    planted = fault.plant(job, seed)
                    proof = args.proof and fault.proved
                    if args.proof and not fault.proved:
                        continue
                    yield _outcome(data, name, planted, seed, fault.right, proof=proof)


def _outcome(
    data: str, name: str, job: Job, seed: int, right: tuple[str, ...], *, proof: bool
) -> dict[str, Any]:
    begun = time.perf_counter()
    report = diagnosed(job, seed, proof=proof)
    serious = [finding.id for finding in report.findings if finding.severity != "note"]
    every = [finding.id for finding in report.findings]
    found = serious or (every if right else [])  # a fault that the run has overcome is a note
    proofs = [p for finding in report.findings for p in finding.proofs]
    return {
        "data": data,
        "name": name,
        "seed": seed,
        "found": serious,
        "all": every,
        "first": bool(found and found[0] in right),
        "two": bool(set(found[:2]) & set(right)),
        "right": right,
        "proved": any(p.proved for p in proofs),
        "tried": len(proofs),
        "seconds": round(time.perf_counter() - begun, 2),
    }


COST_EPOCHS = {"mlp": 10, "cnn": 1, "lenet5": 2, "moons": 4000, "short mlp": 1, "short moons": 200}


def _cost(rounds: int, only: str) -> None:
    """Processor time of runs with and without a watch, in turn, and of the report that is asked for after them."""
    digits = sloy.data.mnist().train
    options: dict[str, Any] = {"batch_size": 128, "threads": 1, "verbose": False}
    jobs: dict[str, tuple[Any, ...]] = {
        name: (sloy.zoo.make(name, (28, 28, 1), 10), digits, 0.1)
        for name in ("mlp", "cnn", "lenet5")
    }
    points = moons(0)
    jobs["moons"] = (points.network(), (points.x, points.y), None)
    jobs |= {f"short {name}": jobs[name] for name in ("mlp", "moons")}
    for name, (network, data, held_out) in jobs.items():
        if only not in ("", name):
            continue
        times: list[tuple[float, float]] = []
        sloy.fit(network, data, validation=held_out, **options)  # what the first run alone takes
        for turn in range(rounds):
            pair = {}
            for watched in (False, True) if turn % 2 else (True, False):
                watch = sloy.Diagnosis()
                gc.collect()  # of the run before, which its watch still holds
                begun = time.process_time()
                callbacks = [watch] * watched
                epochs = COST_EPOCHS[name]
                sloy.fit(
                    network,
                    data,
                    validation=held_out,
                    epochs=epochs,
                    callbacks=callbacks,
                    **options,
                )
                pair[watched] = time.process_time() - begun
                if watched:
                    asked = time.process_time()
                    count = len(watch.report.findings), len(watch.readings)
                    asked = time.process_time() - asked
            times.append((pair[False], pair[True]))
        more = sorted(100 * (watching / without - 1) for without, watching in times)
        print(
            f"{name}: {np.median([without for without, _ in times]):.2f} s; watched {np.median(more):+.1f} % (quarters"
            f" {np.quantile(more, 0.25):+.1f} and {np.quantile(more, 0.75):+.1f}); report {asked:.2f} s, {count[1]}"
            " readings",
            flush=True,
        )


def main() -> None:
    """Run, print a line for each run, and the confusion."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--proof", action="store_true")
    parser.add_argument("--only", default="", help="a fault, or healthy; of --cost a job")
    parser.add_argument("--data", default="", help="a data set")
    parser.add_argument("--cost", action="store_true", help="what watching costs, and no more")
    parser.add_argument("--rounds", type=int, default=3, help="pairs of runs of --cost")
    args = parser.parse_args()
    if args.cost:
        _cost(args.rounds, args.only)
        return
    outcomes = []
    for outcome in _outcomes(args):
        outcomes.append(outcome)
        print(json.dumps(outcome), flush=True)
    healthy = [o for o in outcomes if not o["right"]]
    faulty = [o for o in outcomes if o["right"]]
    print(
        f"\nhealthy: {len(healthy)} runs, {sum(bool(o['found']) for o in healthy)} with an error or warning"
    )
    if faulty:
        first, two = (sum(o[key] for o in faulty) for key in ("first", "two"))
        print(f"faulty: {len(faulty)} runs, right finding first {first}, among the first two {two}")
    for name in dict.fromkeys(o["name"] for o in faulty):
        own = [o for o in faulty if o["name"] == name]
        taken = Counter((o["found"] or o["all"] or ["nothing"])[0] for o in own)
        shown = ", ".join(f"{rule} {count}" for rule, count in taken.most_common())
        proved = f", proved {sum(o['proved'] for o in own)}" if args.proof else ""
        print(f"  {name}: {sum(o['first'] for o in own)} of {len(own)} right ({shown}){proved}")
    if args.proof and healthy:
        print(f"  healthy: proved {sum(o['proved'] for o in healthy)} of {len(healthy)}")


if __name__ == "__main__":
    main()
