"""scikit-learn's own suite for estimators, and its public checks that the suite leaves out."""

from __future__ import annotations

import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import sloy
from available import installed
from sloy.layers import Conv2D, Dense, Dropout, ReLU, Reshape, Tanh

if "native" not in installed():
    pytest.skip("the reference engine takes minutes for these fits", allow_module_level=True)

QUICK = {"threads": 1, "learning_rate": 0.02, "epochs": 30}
ESTIMATORS = [
    sloy.Classifier(**QUICK),
    sloy.Regressor(**QUICK),
    # convolutional, on flat rows of any width
    sloy.Classifier((Reshape((1, -1, 1)), Conv2D(8, (1, 2), padding="same"), ReLU()), **QUICK),
    # for several labels at once (the suite sends such data to every classifier with the tag)
    sloy.Classifier((Dense(16), Tanh(), Dropout(0.1)), **QUICK),
    # for several outputs
    sloy.Regressor((Dense(16), Tanh()), loss="huber", **QUICK),
]
WEIGHTS = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",  # the same check, rows given as a sparse matrix
)
FLOAT64 = {"precision": "float64", "batch_size": None, "epochs": 40, "learning_rate": 0.1}


def expected(estimator: object) -> dict[str, str]:
    """A weight of 2 and a row given twice are one thing to the last 7 digits only where sums are float64 and whole."""
    return dict.fromkeys(WEIGHTS, "float32, and mini-batches are drawn of other rows")


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected, xfail_strict=True)
def test_the_suite(estimator, check):
    check(estimator)


@pytest.mark.parametrize("check", WEIGHTS)
@pytest.mark.parametrize("kind", [sloy.Classifier, sloy.Regressor])
def test_in_float64_and_full_batches_weights_are_repetitions(kind, check):
    net = kind((Dense(8), Tanh()), **FLOAT64)
    getattr(estimator_checks, check)(kind.__name__, net)


@pytest.mark.filterwarnings(
    "ignore:X (does not have|has) .*feature names"
)  # they mix frames and arrays
@pytest.mark.parametrize("estimator", ESTIMATORS[:2])
@pytest.mark.parametrize(
    "check",
    [
        "check_dataframe_column_names_consistency",
        "check_set_output_transform",
        "check_set_output_transform_pandas",
        "check_global_output_transform_pandas",
        "check_transformer_get_feature_names_out",
        "check_transformer_get_feature_names_out_pandas",
    ],
)
def test_what_the_suite_leaves_out(estimator, check):
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)


def test_two_threads_give_each_row_the_same_wherever_it_stands():
    for check in ("check_methods_sample_order_invariance", "check_methods_subset_invariance"):
        getattr(estimator_checks, check)("Classifier", sloy.Classifier(**{**QUICK, "threads": 2}))
