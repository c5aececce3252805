"""`Regressor`: a network that learns numbers, as an estimator of scikit-learn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array

from sloy.arguments import flag
from sloy.errors import InvalidArgument, ShapeError
from sloy.estimators.base import Estimator, as_loss, name_of
from sloy.estimators.documentation import documented
from sloy.layers import Layer, Rescale
from sloy.losses import CustomLoss, Loss
from sloy.problem import Network


@documented
class Regressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """A network that learns one number or several for each sample.

    Parameters
    ----------
    loss : str, Loss or function
        Squared error by default. A named loss measures errors in the targets' deviation. A function of two
        symbolic tensors, (output, target) → one loss for each sample, is a user's own.
    <shared parameters>

    Attributes
    ----------
    <shared attributes>

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import train_test_split
    >>> import sloy
    >>> X, X_test, y, y_test = train_test_split(*load_diabetes(return_X_y=True), random_state=0)
    >>> net = sloy.Regressor().fit(X, y)
    >>> net.score(X_test, y_test) > 0.25
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
            Frames may hold words, categories, dates and gaps (NaN); floats of an array gaps.
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
        rows = self._rows(X, y, going_on=going_on)
        target = self._targets(y)
        outputs = target.shape[1] if target.ndim == 2 else 1
        if going_on and target.shape[1:] != self._target_shape:
            raise ShapeError(
                f"Regressor: y has shape {target.shape}; it was fitted with (N, *{self._target_shape})."
            )
        held_out = self._validation(validation, rows)
        if held_out is not None:
            held_out = held_out[0], self._targets(held_out[1])
        self._train(
            rows, target, outputs, sample_weight, held_out, going_on=going_on, epochs=epochs,
            target=name_of(y),
        )  # fmt: skip
        self._target_shape = target.shape[1:]
        return self

    def _targets(self, y: Any) -> np.ndarray:
        found = check_array(y, ensure_2d=False, dtype=[np.float64, np.float32], input_name="y")
        if found.ndim not in (1, 2):
            raise ShapeError(f"Regressor: y has shape {found.shape}; it must be (N,) or (N, M).")
        return np.asarray(found)

    def _loss(self, outputs: int) -> Loss:
        chosen = as_loss("Regressor", "squared_error" if self.loss is None else self.loss)
        if chosen.task((outputs,)) != "regression":
            raise InvalidArgument(
                f"Regressor: `loss` (={self.loss!r}) is for classes; a regressor takes squared_error,"
                " absolute_error, huber, or a function of your own."
            )
        return chosen

    def _in_units(
        self, loss: Loss, y: np.ndarray, kept: np.ndarray | None, weight: np.ndarray | None
    ) -> tuple[Loss, tuple[Layer, ...]]:
        """Targets are standardised within: the network ends in their deviation and mean, a named loss has it as unit.

        A function of one's own gets what the network gives, and a complete network is taken as it is.
        """
        if isinstance(loss, CustomLoss) or isinstance(self.hidden, Network):
            return loss, ()
        rows = slice(None) if kept is None else kept
        weight = None if weight is None else weight[rows]
        numbers = y[rows].astype(np.float64)
        mean = np.average(numbers, 0, weight)
        deviation = np.sqrt(np.average(np.square(numbers - mean), 0, weight))
        deviation = np.where(deviation <= 1e-12 * np.maximum(1.0, np.abs(mean)), 1.0, deviation)
        unit, shift = (
            tuple(map(float, values)) if values.ndim else float(values)
            for values in (deviation, mean)
        )
        named = self.loss is None or isinstance(self.loss, str)
        return _measured_in(loss, unit) if named else loss, (Rescale(unit, shift),)

    def _as_before(self, loss: Loss) -> Loss:
        """The loss, in the unit that the first fit found."""
        unit = getattr(self.model_.loss, "unit", None)
        named = self.loss is None or isinstance(self.loss, str)
        return _measured_in(loss, unit) if named and unit is not None else loss

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


def _measured_in(loss: Any, unit: float | tuple[float, ...]) -> Loss:
    """A loss of numbers whose errors are measured in a unit."""
    found: Loss = replace(loss, unit=unit)
    return found
