"""What estimators are given, as arrays: flat rows, tables, sparse matrices, pictures."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from sklearn.utils.validation import check_consistent_length, validate_data

from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.spec import Shape

SPARSE = ("csr", "csc", "coo")  # what scikit-learn can look through for NaN; it converts the others
NOTHING = "no_validation"  # scikit-learn's word for: there are no targets to check


def read_rows(estimator: Any, X: Any, *, reset: bool, y: Any = NOTHING) -> np.ndarray:
    """Samples as an array (N, …): floats, or bytes where they are pictures of bytes.

    Parameters
    ----------
    estimator : BaseEstimator
        With `reset` it learns ``n_features_in_`` and ``feature_names_in_``, else they are checked.
    X : array of rows (N, d), DataFrame, sparse matrix, or array (N, …) of three or more axes
        Sparse matrices become dense.
    reset : bool
    y : array, optional
        Targets, which must be there and of the same length where they are given.
    """
    name = type(estimator).__name__
    if y is None:
        raise InvalidArgument(
            f"{name} requires y to be passed, but the target y is None."  # as scikit-learn says it
        )
    if getattr(X, "ndim", 2) < 3:
        rows = _flat(estimator, X, reset=reset)
    else:
        rows = np.asarray(X)
        _learn_features(estimator, rows, reset=reset)
    if y is not NOTHING:
        check_consistent_length(rows, y)
    return rows


def _flat(estimator: Any, X: Any, *, reset: bool) -> np.ndarray:
    rows = validate_data(
        estimator, X, reset=reset, accept_sparse=SPARSE, dtype=[np.float64, np.float32]
    )
    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows)


def _learn_features(estimator: Any, rows: np.ndarray, *, reset: bool) -> None:
    features = prod(rows.shape[1:])
    if reset:
        estimator.n_features_in_ = features
        vars(estimator).pop("feature_names_in_", None)
    elif features != estimator.n_features_in_:
        raise ShapeError(
            f"{type(estimator).__name__}: X has samples of shape {rows.shape[1:]}, with {features}"
            f" numbers each; it was fitted with {estimator.n_features_in_}."
        )


def check_feature_names(estimator: Any, given: Any) -> None:
    """Raise `InvalidArgument` unless `input_features` are those that the estimator was fitted with."""
    if given is None:
        return
    where, names = type(estimator).__name__, getattr(estimator, "feature_names_in_", None)
    if names is not None and not np.array_equal(names, given):
        raise InvalidArgument(f"{where}: input_features is not equal to feature_names_in_.")
    if len(given) != estimator.n_features_in_:
        raise InvalidArgument(
            f"{where}: input_features should have length equal to number of features"
            f" ({estimator.n_features_in_}), got {len(given)}."
        )


def shaped(rows: np.ndarray, shape: Shape, where: str) -> np.ndarray:
    """Samples in the shape that a network takes: flat rows become pictures, and the other way round."""
    if rows.shape[1:] == shape:
        return rows
    if prod(rows.shape[1:]) != prod(shape):
        raise ShapeError(
            f"{where}: samples of shape {rows.shape[1:]} do not fit the network, which takes {shape}."
        )
    return rows.reshape(len(rows), *shape)  # (N, *shape)
