"""Regression with a robust loss and a loss of one's own, in a pipeline that scales the target too.

    python examples/diabetes_pipeline.py [--epochs 60]

The progression of 442 patients' diabetes from ten measurements. Networks learn targets of about unit size best:
`TransformedTargetRegressor` scales them and scales predictions back. Needs the extra `sklearn`.
"""

import argparse

from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_score
from sklearn.preprocessing import StandardScaler

import sloy
from sloy import ops
from sloy.graph import Tensor
from sloy.layers import Dense, Dropout, Tanh


def pinball(output: Tensor, target: Tensor) -> Tensor:
    """The loss whose best answer is the quantile 0.9: nine times out of ten the truth is below it."""
    error = target - output
    return ops.maximum(0.9 * error, -0.1 * error)


def main() -> None:
    parser = argparse.ArgumentParser(description="Cross-validate regressors.")
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()

    X, y = load_diabetes(return_X_y=True)
    folds = KFold(5, shuffle=True, random_state=0)

    def network(**more: object) -> TransformedTargetRegressor:
        net = sloy.Regressor(
            (Dense(32), Tanh(), Dropout(0.3)),
            optimizer=sloy.AdamW(weight_decay=0.05),
            learning_rate=0.005,
            schedule="cosine",
            epochs=options.epochs,
            **more,
        )
        return TransformedTargetRegressor(net, transformer=StandardScaler())

    candidates = {
        "the mean": DummyRegressor(),
        "ridge regression": RidgeCV(),
        "network, squared error": network(),
        "network, Huber's loss": network(loss="huber"),
    }
    for name, estimator in candidates.items():
        scores = cross_val_score(estimator, X, y, cv=folds)
        print(f"{name:24} R² {scores.mean():.3f} ± {scores.std():.3f}")

    upper = network(loss=pinball).fit(X[::2], y[::2])
    below = (y[1::2] <= upper.predict(X[1::2])).mean()
    print(
        f"network, quantile 0.9    {100 * below:.0f} % of the other patients lie below its answer"
    )


if __name__ == "__main__":
    main()
