"""Early stopping on held-out samples, class weights, probabilities and learned features, in cross-validation.

    python examples/breast_cancer_pipeline.py [--epochs 200]

569 tumours, 30 measurements each, benign or malignant. A malignant one that is missed costs more than a false alarm:
its class gets a larger weight. Needs the extra `sklearn`.
"""

import argparse

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sloy
from sloy.layers import Dense, Dropout, ReLU


def main() -> None:
    parser = argparse.ArgumentParser(description="Cross-validate a classifier of tumours.")
    parser.add_argument("--epochs", type=int, default=200)
    options = parser.parse_args()

    data = load_breast_cancer()
    X, y = data.data, np.where(data.target == 0, "malignant", "benign")  # labels of any type
    folds = StratifiedKFold(5, shuffle=True, random_state=0)

    def network(**more: object) -> sloy.Classifier:
        return sloy.Classifier(
            (
                Dense(64),
                ReLU(),
                Dropout(0.3),
            ),  # standardised inputs, one output: added from the data
            epochs=options.epochs,
            early_stopping=True,  # on a tenth of the samples, the same share of each class
            patience=20,
            **more,
        )

    candidates = {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
        "network": network(),
        "network, malignant × 5": network(class_weight={"malignant": 5.0}),
        "network's features, logistic": make_pipeline(
            network(), StandardScaler(), LogisticRegression()
        ),
    }
    scoring = {"accuracy": "accuracy", "AUC": "roc_auc", "found": "recall_macro"}
    for name, estimator in candidates.items():
        found = cross_validate(estimator, X, y, cv=folds, scoring=scoring, return_estimator=True)
        print(
            f"{name:30} accuracy {found['test_accuracy'].mean():.4f}"
            f"  area under ROC {found['test_AUC'].mean():.4f}  mean recall {found['test_found'].mean():.4f}"
        )

    net = network().fit(X, y)
    print(f"{net.n_iter_} epochs, the weights of epoch {net.best_epoch_}")
    print(
        f"one tumour: {dict(zip(net.classes_, net.predict_proba(X[:1])[0].round(3), strict=True))}"
    )


if __name__ == "__main__":
    main()
