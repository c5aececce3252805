"""A convolutional network among scikit-learn's tools: cross-validation and a grid search over its layers.

    python examples/digits_pipeline.py [--epochs 15]

The 1 797 digits of 8 × 8 that scikit-learn ships, as flat rows of 64 numbers, as any table. Needs the extra `sklearn`.
"""

import argparse

from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

import sloy
from sloy.layers import Conv2D, Dropout, Flatten, MaxPool2D, ReLU


def main() -> None:
    parser = argparse.ArgumentParser(description="Cross-validate a convolutional network.")
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args()

    X, y = load_digits(return_X_y=True)  # (1797, 64)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)

    network = sloy.Classifier(
        (
            Conv2D(16, 3, padding="same"),
            ReLU(),
            Conv2D(32, 3),
            ReLU(),
            MaxPool2D(2),
            Flatten(),
            Dropout(0.3),
        ),
        input_shape=(8, 8, 1),  # what the first layer sees of a row; the output layer is added
        optimizer=sloy.Adam(),
        schedule="one-cycle",
        learning_rate=0.01,
        epochs=options.epochs,
        standardize=False,
    )
    for name, classifier in {"convolutional network": network, "support vectors": SVC()}.items():
        scores = cross_val_score(make_pipeline(MinMaxScaler(), classifier), X, y, cv=folds)
        print(f"{name}: {scores.mean():.4f} ± {scores.std():.4f}")

    # Parameters of layers and optimisers are parameters of the estimator.
    grid = {"hidden__0__filters": [4, 16], "hidden__6__rate": [0.0, 0.3]}
    search = GridSearchCV(
        network, grid, cv=2, n_jobs=2
    )  # two jobs, each with its share of the cores
    search.fit(MinMaxScaler().fit_transform(X), y)
    for parameters, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        print(f"{parameters}: {score:.4f}")
    print(f"best: {search.best_params_}")


if __name__ == "__main__":
    main()
