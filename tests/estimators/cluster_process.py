"""A search alone, and over the two workers of a Dask cluster; prints what both found, as JSON."""

from __future__ import annotations

import json
import os
from typing import Any

import joblib
import numpy as np
from distributed import Client, LocalCluster
from sklearn.model_selection import GridSearchCV

import sloy
from sloy.layers import Dense, ReLU

FIGURES = [f"split{k}_test_{name}" for k in (0, 1) for name in ("accuracy", "process")]


def main() -> None:
    """Search twice."""

    def process(estimator: Any, x: Any, y: Any) -> int:
        """A score that says where it was computed; within a function, so that it travels by value."""
        return os.getpid()

    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3)).astype(np.float32)
    y = (x.sum(1) > 0).astype(int)
    classifier = sloy.Classifier(
        hidden=(Dense(4), ReLU()), epochs=3, threads=1, random_state=0, engine="reference"
    )
    scores = {"accuracy": "accuracy", "process": process}
    grid = {"learning_rate": [0.001, 0.05]}
    search = GridSearchCV(classifier, grid, cv=2, scoring=scores, refit="accuracy")
    alone = search.fit(x, y).cv_results_
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
        joblib.parallel_config("dask"),
    ):
        workers = list(client.run(os.getpid).values())
        found = search.fit(x, y).cv_results_
    told: dict[str, Any] = {"workers": workers, "own": os.getpid()}
    for name, results in (("alone", alone), ("found", found)):
        told[name] = {figure: results[figure].tolist() for figure in FIGURES}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
