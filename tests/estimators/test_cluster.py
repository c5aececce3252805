"""A search over the workers of a cluster, by joblib's Dask backend: what it finds is what one process finds."""

from __future__ import annotations

import os
from typing import Any

import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV

import sloy
from sloy.layers import Dense, ReLU


def process(estimator: Any, x: Any, y: Any) -> int:
    """A score that says where it was computed."""
    return os.getpid()


def test_a_grid_is_searched_by_the_workers_of_a_cluster() -> None:
    from distributed import Client, LocalCluster

    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3)).astype(np.float32)
    y = (x.sum(1) > 0).astype(int)
    options: dict[str, Any] = {
        "hidden": (Dense(4), ReLU()),
        "epochs": 3,
        "threads": 1,
        "random_state": 0,
    }
    grid = {"learning_rate": [0.001, 0.05]}
    scores = {"accuracy": "accuracy", "process": process}
    search = GridSearchCV(sloy.Classifier(**options), grid, cv=2, scoring=scores, refit="accuracy")
    alone = search.fit(x, y).cv_results_
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
        joblib.parallel_config("dask"),
    ):
        workers = set(client.run(os.getpid).values())
        found = search.fit(x, y).cv_results_
    for split in ("split0", "split1"):
        name = f"{split}_test_accuracy"
        assert found[name].tolist() == alone[name].tolist()
        assert set(found[f"{split}_test_process"].astype(int)) <= workers
    assert len(workers) == 2
    assert os.getpid() not in workers
