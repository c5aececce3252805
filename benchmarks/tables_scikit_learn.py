"""`sloy train` on tables, as it comes, beside scikit-learn's models as they come, on data that scikit-learn ships.

    python benchmarks/tables_scikit_learn.py [--seeds 5]

Each data set is written as CSV. For each seed the rows are divided (72 % to train, 8 % to validate, 20 % to test); sloy
stops by its validation rows, scikit-learn's models train on both parts. Accuracy, or R² for diabetes, on the test rows:
the mean over the seeds, and its standard error.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn import datasets
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor

import sloy
from sloy.experiments import Experiment, Wanted
from sloy.experiments.sources.table_loaded import LoadedTable

DATA: dict[str, Callable[[], Any]] = {
    "breast cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
    "iris": datasets.load_iris,
    "digits": datasets.load_digits,
    "diabetes": datasets.load_diabetes,
}
CLASSIFIERS = {
    "linear": lambda seed: LogisticRegression(max_iter=1000),
    "MLP": lambda seed: MLPClassifier(random_state=seed),
    "random forest": lambda seed: RandomForestClassifier(random_state=seed),
}
REGRESSORS = {
    "linear": lambda seed: Ridge(),
    "MLP": lambda seed: MLPRegressor(random_state=seed),
    "random forest": lambda seed: RandomForestRegressor(random_state=seed),
}


def write(name: str, folder: Path) -> Path:
    """The data set as CSV, the column `answer` last."""
    bunch = DATA[name]()
    columns = {str(f): bunch.data[:, i] for i, f in enumerate(bunch.feature_names)}
    is_named = name in ("breast cancer", "wine", "iris")
    answer = np.asarray(bunch.target_names)[bunch.target] if is_named else bunch.target
    path = folder / f"{name}.csv"
    pl.DataFrame({**columns, "answer": answer}).write_csv(path)
    return path


def figures(path: Path, seed: int) -> dict[str, float]:
    """Model → accuracy or R² on the test rows."""
    experiment = Experiment.of(path, target="answer", seed=seed)
    loaded = experiment.source.load(Wanted(experiment.validation, seed=seed))
    assert isinstance(loaded, LoadedTable)
    experiment = experiment.with_defaults_for(loaded)
    model, _ = sloy.fit(
        experiment.network_for(loaded, None),
        loaded.train,
        recipe=experiment.recipe,
        validation=loaded.validation,
        loss=loaded.loss,
        preprocessing=loaded.preprocessing,
        threads=1,
        verbose=False,
    )
    measured = model.evaluate(loaded.test)
    found = {"sloy train": measured["accuracy" if loaded.table.is_classification else "r2"]}
    assert loaded.validation is not None
    x = np.concatenate([loaded.train.x, loaded.validation.x])
    y = np.concatenate([loaded.train.y, loaded.validation.y])
    mean, deviation = loaded.table.mean, loaded.table.deviation  # 0 and 1 for classes
    for name, make in (CLASSIFIERS if loaded.train.has_labels else REGRESSORS).items():
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of the MLP, that its default iterations were not enough
            peer = make(seed).fit(x, y if loaded.train.has_labels else (y - mean) / deviation)
        target = loaded.test.y if loaded.train.has_labels else (loaded.test.y - mean) / deviation
        found[name] = peer.score(loaded.test.x, target)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    with tempfile.TemporaryDirectory(prefix="tables-") as folder:
        for number, name in enumerate(DATA):
            path = write(name, Path(folder))
            rows = [figures(path, seed) for seed in range(seeds)]
            if not number:
                print(
                    "| data | " + " | ".join(rows[0]) + " |\n" + "| --- " * (1 + len(rows[0])) + "|"
                )
            cells = []
            for model in rows[0]:
                values = np.array([row[model] for row in rows])
                cells.append(f"{values.mean():.3f} ± {values.std(ddof=1) / len(values) ** 0.5:.3f}")
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
