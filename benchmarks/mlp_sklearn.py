"""`sloy.Classifier` and `sloy.Regressor` beside scikit-learn's MLP: score and training time over five folds.

    python benchmarks/mlp_sklearn.py                      # five data sets, three shuffles of the folds, one thread
    python benchmarks/mlp_sklearn.py --data digits wine --seeds 5

Both get the same folds of standardised columns (of diabetes a standardised target too), the same network and the same
descent: one hidden layer of 100 ReLUs, Adam at 0.001, batches of 200, 200 epochs, no penalty, no early stopping. They
train in turn, in one process on one thread. The time is the processor's time in `fit` alone, which other programs of
the machine disturb less than the clock on the wall; its median over all folds. Scores are compared fold by fold: d is
the mean of sloy's score minus scikit-learn's, SE its standard error.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import sloy
from sloy.layers import Dense, ReLU

EPOCHS, BATCH, UNITS, RATE = 200, 200, 100, 1e-3
REGRESSION = ("diabetes",)
DATA = ("iris", "wine", "breast_cancer", "digits", *REGRESSION)


@dataclass
class Measured:
    """Scores and seconds of the folds of one side."""

    scores: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def run(self, estimator: Any, train: tuple[Any, Any], test: tuple[Any, Any]) -> None:
        """Fit by the clock, then score."""
        started = time.process_time()
        estimator.fit(*train)
        self.seconds.append(time.process_time() - started)
        self.scores.append(float(estimator.score(*test)))


def pair(name: str, seed: int) -> tuple[Any, Any]:
    """The two estimators, as alike as they can be."""
    theirs = (MLPRegressor if name in REGRESSION else MLPClassifier)(
        hidden_layer_sizes=(UNITS,), alpha=0.0, batch_size=BATCH, learning_rate_init=RATE, max_iter=EPOCHS,
        n_iter_no_change=EPOCHS + 1, tol=0.0, random_state=seed,
    )  # fmt: skip
    ours = (sloy.Regressor if name in REGRESSION else sloy.Classifier)(
        (Dense(UNITS), ReLU()), optimizer="adam", learning_rate=RATE, batch_size=BATCH,
        epochs=EPOCHS, standardize=False, threads=1, random_state=seed,
    )  # fmt: skip
    return ours, theirs


def folds(name: str, seed: int) -> list[tuple[tuple[Any, Any], tuple[Any, Any]]]:
    """((X, y) to train on, (X, y) to test on) of five shuffled folds, columns standardised by the training part."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    kind = KFold if name in REGRESSION else StratifiedKFold
    found = []
    for train, test in kind(5, shuffle=True, random_state=seed).split(x, y):
        scaler = StandardScaler().fit(x[train])
        target = y
        if name in REGRESSION:
            target = (y - y[train].mean()) / y[train].std()
        parts = [(scaler.transform(x[rows]), target[rows]) for rows in (train, test)]
        found.append((parts[0], parts[1]))
    return found


def compare(name: str, seeds: int) -> str:
    """A row of the table."""
    ours, theirs = Measured(), Measured()
    for seed in range(seeds):
        for number, (train, test) in enumerate(folds(name, seed)):
            sides = list(zip((ours, theirs), pair(name, seed), strict=True))
            for measured, estimator in sides[:: 1 if number % 2 else -1]:  # in turn
                measured.run(estimator, train, test)
    difference = np.subtract(ours.scores, theirs.scores)
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    ratio = np.median(np.divide(theirs.seconds, ours.seconds))
    rows = "{} × {}".format(*getattr(datasets, f"load_{name}")(return_X_y=True)[0].shape)
    unit, scale = ("R²", 1) if name in REGRESSION else ("%", 100)
    shown = [scale * np.mean(side.scores) for side in (ours, theirs)]
    digits = 2 if scale == 100 else 3
    verdict = "yes" if difference.mean() >= -2 * error else "NO"
    return (
        f"| {name.replace('_', ' ')} ({rows}) | {shown[0]:.{digits}f} {unit} | {shown[1]:.{digits}f} {unit} |"
        f" {scale * difference.mean():+.{digits}f} ± {scale * error:.{digits}f} | {verdict} |"
        f" {1e3 * np.median(ours.seconds):.0f} ms | {1e3 * np.median(theirs.seconds):.0f} ms | {ratio:.1f} × |"
    )


def main() -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", choices=DATA, default=DATA)
    parser.add_argument("--seeds", type=int, default=3, help="shuffles of the five folds")
    arguments = parser.parse_args()
    print("| data | sloy | MLP | d ± SE | d ≥ -2 SE | sloy trains | MLP trains | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with threadpool_limits(1):
        pair("iris", 0)[0].fit(*folds("iris", 0)[0][0])  # what is loaded once belongs to neither
        for name in arguments.data:
            print(compare(name, arguments.seeds), flush=True)


if __name__ == "__main__":
    main()
