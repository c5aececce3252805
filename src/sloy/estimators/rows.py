"""What estimators are given, checked: flat rows, tables, sparse rows, pictures."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import date, time, timedelta
from math import prod
from typing import Any

import numpy as np
from sklearn.utils.validation import check_consistent_length, validate_data

from sloy.arguments import level_of_user
from sloy.data.sparse import SparseRows
from sloy.data.tables.remarks import Remarks
from sloy.data.tables.sources import FrameTable, is_frame, open_table
from sloy.data.tables.values import polars
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.spec import Shape
from sloy.text import shown

SPARSE = ("csr", "csc", "coo")  # what scikit-learn can look through for NaN; it converts the others
NOTHING = "no_validation"  # scikit-learn's word for: there are no targets to check
FEW = 1 << 22  # numbers, zeros too, up to which sparse rows are made dense at once
WORDS = (str, date, time, timedelta, np.datetime64)  # cells that are no numbers

Rows = np.ndarray | SparseRows | FrameTable


def read_rows(
    estimator: Any, X: Any, *, reset: bool, as_table: bool | None, y: Any = NOTHING
) -> Rows:
    """Samples (N, …): floats, bytes where they are pictures of bytes, sparse rows, or a table.

    Parameters
    ----------
    estimator : BaseEstimator
        With `reset` it learns ``n_features_in_`` and ``feature_names_in_``, else they are checked.
    X : array of rows (N, d), DataFrame, mapping of columns, sparse matrix, or array (N, …) of three or more axes
    reset : bool
    as_table : bool, optional
        Whether rows are to be a table. By default they are one where they hold more than plain numbers: words, dates,
        categories, gaps.
    y : array, optional
        Targets, which must be there and of the same length where they are given.
    """
    name = type(estimator).__name__
    if y is None:
        raise InvalidArgument(
            f"{name} requires y to be passed, but the target y is None."  # as scikit-learn says it
        )
    by_name = isinstance(X, Mapping) and not hasattr(
        X, "tocsr"
    )  # sparse arrays by key are mappings, too
    if by_name or (is_frame(X) and not _is_frame(X)):
        found = open_table(X)
        assert isinstance(found, FrameTable)
        X = found.frame
    if _is_frame(X):
        _check_names(name, list(map(str, X.columns)))
    if as_table and (hasattr(X, "tocsr") or getattr(X, "ndim", 2) >= 3):
        kind = "sparse" if hasattr(X, "tocsr") else f"of shape {shown(getattr(X, 'shape', ()))}"
        raise InvalidArgument(
            f"{name}: X is {kind}; rows of a table are needed, frames or arrays (N, d)."
        )
    rows: Rows
    if getattr(X, "ndim", 2) >= 3:
        rows = np.asarray(X)
        _learn_features(estimator, rows, reset=reset)
    elif as_table or (as_table is None and _is_table(X)):
        rows = _table(estimator, X, reset=reset)
    else:
        rows = _flat(estimator, X, reset=reset)
        if as_table is None and isinstance(rows, np.ndarray) and np.isnan(rows).any():
            rows = _table(estimator, X if _is_frame(X) else rows, reset=reset)
    if y is not NOTHING:
        check_consistent_length(rows.frame if isinstance(rows, FrameTable) else rows, y)
    return rows


def plain_targets(where: str, y: Any) -> Any:
    """Targets that come in a frame's own types, as NumPy has them; others as they are.

    Raises
    ------
    InvalidArgument
        Where one of them is missing, in such a type or among objects.
    """
    module, dtype = type(y).__module__.partition(".")[0], getattr(y, "dtype", None)
    gaps = False
    if module not in ("polars", "pandas") and hasattr(y, "__arrow_c_stream__"):
        y, module = polars().Series(y) if not is_frame(y) else polars().DataFrame(y), "polars"
    if module == "polars":
        gaps, y = getattr(y, "has_nulls", lambda: False)(), y.to_numpy()
    elif module == "pandas" and dtype is not None and not isinstance(dtype, np.dtype):
        gaps = bool(y.isna().any())
        plain = {"b": bool, "i": np.int64, "u": np.uint64, "f": np.float64}
        kind = plain.get(getattr(dtype, "kind", ""))
        y = y if gaps else y.to_numpy(dtype=kind) if kind else y.to_numpy()
    elif getattr(dtype, "kind", "O") == "O" and (
        module == "pandas" or isinstance(y, list | np.ndarray)
    ):
        gaps = any(map(_is_gap, y if getattr(y, "ndim", 1) == 1 else np.ravel(y)))
    if gaps:
        raise InvalidArgument(f"{where}: y has missing values (NaN, None); leave these rows out.")
    return y


def _is_gap(cell: Any) -> bool:
    """Whether a cell of objects is None, NaN, or pandas' own word for a missing one."""
    missing = cell is None or type(cell).__name__ in ("NAType", "NaTType")
    return missing or (isinstance(cell, float) and cell != cell)


def filled(x: np.ndarray, means: tuple[float, ...]) -> np.ndarray:
    """Samples (N, …, C) with the mean of the channel in each gap; said in a warning, as training had no gaps."""
    if x.dtype.kind != "f" or not (gaps := np.isnan(x)).any():
        return x
    remarks, columns = Remarks(), gaps.reshape(len(x), -1).T
    for n in np.flatnonzero(columns.any(1)):
        remarks.add_missing(f"x{n}", np.flatnonzero(columns[n]))
    for line in remarks.lines():
        warnings.warn(line, stacklevel=level_of_user())
    return np.where(gaps, np.asarray(means, x.dtype), x)


def _is_frame(X: Any) -> bool:
    module = type(X).__module__.partition(".")[0]
    return module in ("pandas", "polars") and hasattr(X, "columns")


def _check_names(where: str, names: list[str]) -> None:
    if len(set(names)) == len(names):
        return
    twice = next(name for name in names if names.count(name) > 1)
    raise InvalidArgument(
        f"{where}: X has {names.count(twice)} columns called {shown(twice)}; their names must differ."
    )


def _is_table(X: Any) -> bool:
    """Whether a look at types says that there is more than plain numbers."""
    if _is_frame(X):
        return any(not _is_plain(kind) for kind in X.dtypes)
    if isinstance(X, list | tuple):
        try:
            X = np.asarray(X)
        except ValueError:  # ragged; scikit-learn says what is wrong with it
            return False
    if not isinstance(X, np.ndarray) or X.ndim != 2:
        return False
    if X.dtype.kind == "O":
        return any(isinstance(cell, WORDS) for cell in X.ravel().tolist())
    return X.dtype.kind in "UMm"


def _is_plain(kind: Any) -> bool:
    """Whether a column of a frame of this type holds numbers."""
    if hasattr(kind, "is_numeric"):  # polars
        return bool(kind.is_numeric()) or str(kind) == "Boolean"
    return getattr(kind, "kind", "O") in "biufc" and str(kind) != "category"


def _table(estimator: Any, X: Any, *, reset: bool) -> FrameTable:
    """Rows as a table; columns without names are called x0, x1, …, or as in training where they are as many."""
    if not _is_frame(X):
        X = validate_data(
            estimator, X, reset=reset, dtype=None, ensure_all_finite=False, accept_sparse=False
        )
        known = getattr(estimator, "feature_names_in_", None)
        names = [f"x{place}" for place in range(X.shape[1])] if known is None else map(str, known)
        X = {name: X[:, place] for place, name in enumerate(names)}
    elif reset:  # later, columns are found by their names
        validate_data(estimator, X, reset=True, skip_check_array=True)
    found = open_table(X)
    assert isinstance(found, FrameTable)
    if not found.frame.height:
        raise InvalidArgument(
            f"{type(estimator).__name__}: found array with 0 sample(s); a minimum of 1 is required."
        )
    return found


def _flat(estimator: Any, X: Any, *, reset: bool) -> np.ndarray | SparseRows:
    sparse = hasattr(X, "tocsr")
    rows = validate_data(
        estimator,
        X,
        reset=reset,
        accept_sparse=SPARSE,
        dtype=[np.float64, np.float32],
        ensure_all_finite=True if sparse else "allow-nan",
    )
    if not sparse:
        return np.asarray(rows)
    if prod(rows.shape) <= FEW:
        return np.asarray(rows.toarray())
    return SparseRows.of(rows.tocsr())


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


def shaped(rows: np.ndarray | SparseRows, shape: Shape, where: str) -> np.ndarray | SparseRows:
    """Samples in the shape that a network takes: flat rows become pictures, and the other way round."""
    if rows.shape[1:] == shape:
        return rows
    if prod(rows.shape[1:]) != prod(shape):
        raise ShapeError(
            f"{where}: samples of shape {rows.shape[1:]} do not fit the network, which takes {shape}."
        )
    dense = rows[:] if isinstance(rows, SparseRows) else rows
    return dense.reshape(len(rows), *shape)  # (N, *shape)
