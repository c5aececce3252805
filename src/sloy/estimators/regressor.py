"""`Regressor`: a network that learns numbers, as an estimator of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array

from sloy.arguments import flag
from sloy.errors import InvalidArgument, ShapeError
from sloy.estimators.base import Estimator, as_loss
from sloy.estimators.documentation import documented
from sloy.estimators.rows import read_rows
from sloy.losses import Loss


@documented
class Regressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """A network that learns one number or several for each sample.

    Parameters
    ----------
    loss : str, Loss or function
        Squared error by default. A function of two symbolic tensors, (output, target) → one loss for
        each sample, is a user's own.
    <shared parameters>

    Attributes
    ----------
    <shared attributes>

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import train_test_split
    >>> import sloy
    >>> from sloy.layers import Dense, Tanh
    >>> X, X_test, y, y_test = train_test_split(*load_diabetes(return_X_y=True), random_state=0)
    >>> net = sloy.Regressor((Dense(16), Tanh()), learning_rate=0.02, epochs=100).fit(X, y)
    >>> net.score(X_test, y_test) > 0.2
    True
    """

    _target_shape: tuple[int, ...]

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None
    ) -> Regressor:
        """Train on samples and their numbers.

        Parameters
        ----------
        X : array, shape (N, d) or (N, H, W, C); DataFrame; sparse matrix
        y : array, shape (N,) or (N, M)
        sample_weight : array, shape (N,), optional
        validation_data : (X, y), optional
            What ``val_…`` of the history is measured on, in place of a share of the samples.
        """
        going_on = flag("Regressor", "warm_start", self.warm_start)
        return self._fit(X, y, sample_weight, validation_data, going_on=going_on)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Regressor:
        """One more pass over samples, which may be others than before; the optimiser goes on.

        The first call fixes the shape of samples and targets and, with `standardize`, the scales.
        """
        return self._fit(X, y, sample_weight, None, going_on=True, epochs=1)

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, validation: Any, *, going_on: bool,
        epochs: int | None = None,
    ) -> Regressor:  # fmt: skip
        going_on = going_on and hasattr(self, "model_")
        rows = read_rows(self, X, reset=not going_on, y=y)
        target = self._targets(y, len(rows))
        outputs = target.shape[1] if target.ndim == 2 else 1
        if going_on and target.shape[1:] != self._target_shape:
            raise ShapeError(
                f"Regressor: y has shape {target.shape}; it was fitted with (N, *{self._target_shape})."
            )
        held_out = self._validation(validation)
        if held_out is not None:
            held_out = held_out[0], self._targets(held_out[1], len(held_out[0]))
        self._train(
            rows, target, outputs, sample_weight, held_out, going_on=going_on, epochs=epochs
        )
        self._target_shape = target.shape[1:]
        return self

    def _targets(self, y: Any, count: int) -> np.ndarray:
        found = check_array(y, ensure_2d=False, dtype=[np.float64, np.float32], input_name="y")
        if found.ndim not in (1, 2) or len(found) != count:
            raise ShapeError(
                f"Regressor: y has shape {found.shape}, X has {count} samples; y must be (N,) or (N, M)."
            )
        return np.asarray(found)

    def _loss(self, outputs: int) -> Loss:
        chosen = as_loss("Regressor", "squared_error" if self.loss is None else self.loss)
        if chosen.task((outputs,)) != "regression":
            raise InvalidArgument(
                f"Regressor: `loss` (={self.loss!r}) is for classes; a regressor takes squared_error,"
                " absolute_error, huber, or a function of your own."
            )
        return chosen

    def predict(self, X: Any) -> np.ndarray:
        """The network's numbers for samples, of the shape that `y` had.

        Returns
        -------
        array, shape (N,), of the computing dtype; or (N, M), float64, as scikit-learn wants of several outputs
        """
        output = self._output(X)
        if not self._target_shape:
            return output.reshape(len(output))
        return output.astype(np.float64)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
