"""`Regressor`: a network that learns numbers, as an estimator of scikit-learn."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array

from sloy.arguments import flag, level_of_user, real
from sloy.data.dataset import Dataset
from sloy.data.tables.outliers import farthest
from sloy.errors import InvalidArgument, ShapeError
from sloy.estimators.base import Estimator, as_loss, names_of
from sloy.estimators.defaults import AUTO
from sloy.estimators.documentation import documented
from sloy.estimators.parameters import Hidden
from sloy.estimators.rows import plain_targets
from sloy.layers import Layer, Rescale
from sloy.losses import CustomLoss, Intervals, Loss
from sloy.losses.intervals import OUTPUTS
from sloy.losses.regression import in_unit_of, in_units
from sloy.model import Model
from sloy.model.origin import origin_of, with_origin
from sloy.options import takes
from sloy.preprocessing import units
from sloy.problem import Network
from sloy.text import shown
from sloy.training.held_out import HeldOut
from sloy.training.intervals import Widening, least_samples, widen


@documented
class Regressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """A network that learns one number or several for each sample.

    Parameters
    ----------
    loss : str, Loss or function
        Squared error by default. A named loss measures errors in the targets' deviation: "mae", "huber=1.5",
        "quantile=0.9" (pinball); "poisson" answers with means above 0, of targets of at least 0. A function of two
        symbolic tensors, (output, target) → one loss for each sample, is a user's own.
    intervals : float, optional
        Learn an interval for each sample that holds this share of targets, such as 0.9, see `predict_interval`. The
        network has three outputs then, in the targets' own mean and deviation, and the loss is `Intervals`; the
        intervals are widened by samples that are held out: without `validation_fraction` and `validation_data` a tenth.
    <shared parameters>

    Attributes
    ----------
    widening_ : Widening
        By how much intervals were widened; only with `intervals`.
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
    _origin: tuple[float, ...]
    _not_negative: bool
    widening_: Widening

    @takes(Estimator.__init__)
    def __init__(
        self, hidden: Hidden = AUTO, *, intervals: float | None = None, **parameters: Any
    ) -> None:
        super().__init__(hidden, **parameters)
        self.intervals = intervals

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
        if self.intervals is not None:
            real("Regressor", "intervals", self.intervals, above=0, below=1)
            if outputs > 1:
                raise InvalidArgument(
                    f"Regressor: `intervals` (={shown(self.intervals)}) needs one number for each sample; y has"
                    f" shape {target.shape}."
                )
        held_out = self._validation(validation, rows)
        if held_out is not None:
            held_out = held_out[0], self._targets(held_out[1])
        if not going_on:
            _warn_of_far(target)
            self._origin = self._far(target, outputs)
        self._not_negative = bool((target >= 0).all()) and not self._origin
        target, held_out = self._less(target), held_out and (held_out[0], self._less(held_out[1]))
        self._train(
            rows, target, outputs, sample_weight, held_out, going_on=going_on, epochs=epochs,
            targets=names_of(y, outputs),
        )  # fmt: skip
        self._target_shape = target.shape[1:]
        if self._origin:
            problem = with_origin(self.model_.problem, self._origin)
            parts = self.model_.parts._replace(problem=problem)
            self.model_ = Model.of(parts, self.model_.engine)
        return self

    def _far(self, target: np.ndarray, outputs: int) -> tuple[float, ...]:
        """What targets are less by, where they are standardised within and float32 does not hold their digits."""
        plain = isinstance(self.hidden, Network) or self.standardize is not True
        if plain or self.precision == "float64" or not isinstance(self.loss, str | None):
            return ()
        return () if self._loss(outputs).link else origin_of(target)

    def _less(self, target: np.ndarray) -> np.ndarray:
        """Targets less the origin."""
        return target - np.array(self._origin) if self._origin else target

    def _targets(self, y: Any) -> np.ndarray:
        given, y = y, plain_targets("Regressor", y)
        kinds = {getattr(getattr(found, "dtype", None), "kind", "") for found in (given, y)}
        if kind := next(iter(kinds & {"M", "m"}), ""):
            what, unit = (
                ("dates", "days since the first") if kind == "M" else ("durations", "seconds")
            )
            raise InvalidArgument(
                f"Regressor: y holds {what} ({given.dtype}); numbers are learned, such as {unit}."
            )
        found = _numbers(y)
        if found.ndim not in (1, 2):
            raise ShapeError(f"Regressor: y has shape {found.shape}; it must be (N,) or (N, M).")
        if self.precision != "float64":
            _check_within_float32(found)
        return np.asarray(found)

    def _loss(self, outputs: int) -> Loss:
        chosen = as_loss("Regressor", "squared_error" if self.loss is None else self.loss)
        if chosen.task((outputs,)) != "regression":
            raise InvalidArgument(
                f"Regressor: `loss` (={shown(self.loss)}) is for classes; a regressor takes squared_error,"
                " absolute_error, huber, quantile=LEVEL, poisson, or a function of your own."
            )
        if self.intervals is None or isinstance(chosen, Intervals):
            return chosen
        return Intervals(self.intervals, chosen)

    def _units(self, outputs: int, loss: Loss) -> int:
        """Units of the output layer."""
        return OUTPUTS if isinstance(loss, Intervals) else outputs

    def _adjusts(self) -> bool:
        return self.intervals is not None

    def _loss_of_members(self, outputs: int) -> Loss | None:
        """See `Estimator`."""
        return None if self.loss is None and self.intervals is None else self._loss(outputs)

    def _check_held_out(self, data: Dataset | HeldOut | None) -> None:
        if self.intervals is None:
            return
        samples = data.data if isinstance(data, HeldOut) else data
        there, needed = 0 if samples is None else len(samples), least_samples(self.intervals)
        if there < needed:
            raise InvalidArgument(
                f"Regressor: `intervals` (={shown(self.intervals)}) needs at least {needed} samples that are held out,"
                f" there are {there}; `validation_fraction` sets their share."
            )

    def _finished(self, model: Model, data: Dataset | HeldOut | None) -> Model:
        self.__dict__.pop("widening_", None)
        if self.intervals is not None and data is not None:
            model, self.widening_ = widen(model, data, not_negative=self._not_negative)
        return model

    def _in_units(
        self, loss: Loss, y: np.ndarray, kept: np.ndarray | None, weight: np.ndarray | None
    ) -> tuple[Loss, tuple[Layer, ...]]:
        """Targets are standardised within: the network ends in their deviation and mean, a named loss has it as unit.

        A function of one's own gets what the network gives, and a complete network is taken as it is.
        """
        whole = isinstance(self.hidden, Network)
        if loss.link == "log":
            return loss, () if whole else (Rescale(1.0, _logarithms(y, kept, weight)),)
        if isinstance(loss, CustomLoss) or (whole and self.intervals is None):
            return loss, ()
        numbers = y.astype(np.float64) if self.intervals is None else y.astype(np.float64).ravel()
        rows = slice(None) if kept is None else kept
        weight, numbers = None if weight is None else weight[rows], numbers[rows]
        mean = np.average(numbers, 0, weight)
        deviation = np.sqrt(np.average(np.square(numbers - mean), 0, weight))
        unit, shift = (
            tuple(map(float, values)) if values.ndim else float(values)
            for values in (units(deviation, mean), mean)
        )
        return self._measured_in(loss, unit), () if whole else (Rescale(unit, shift),)

    def _measured_in(self, loss: Loss, unit: Any) -> Loss:
        """A loss that is named, whose errors are measured in a unit; of intervals all of it."""
        if isinstance(loss, Intervals) and self.intervals is not None:
            main = self._measured_in(loss.main, unit)
            return replace(loss, main=in_units(main, unit), unit=unit)
        named = self.loss is None or isinstance(self.loss, str)
        return in_unit_of(loss, unit) if named else loss

    def _as_before(self, loss: Loss) -> Loss:
        """The loss, in the unit that the first fit found."""
        unit = getattr(self.model_.loss, "unit", None)
        return loss if unit is None else self._measured_in(loss, unit)

    def predict(self, X: Any) -> np.ndarray:
        """The network's numbers for samples, of the shape that `y` had.

        Returns
        -------
        array, shape (N,), of the computing dtype, float64 where targets lie far from 0; or (N, M), float64, as
        scikit-learn wants of several outputs
        """
        x = self._samples(X)
        output = self.model_.prepared.predict(x)
        if not self._target_shape:
            return output.reshape(len(output))
        return output.astype(np.float64)

    def predict_interval(self, X: Any) -> np.ndarray:
        """The interval of each sample that holds its number with the chance `intervals`, on average over samples.

        Returns
        -------
        array, shape (N, 2), of the computing dtype
            Lower and upper ends.
        """
        x = self._samples(X)
        if not isinstance(self.model_.loss, Intervals):
            raise InvalidArgument(
                "Regressor: predict_interval needs a fit with `intervals`, such as 0.9; it was None."
            )
        return self.model_.prepared.predict_interval(x)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _logarithms(
    y: np.ndarray, kept: np.ndarray | None, weight: np.ndarray | None
) -> float | tuple[float, ...]:
    """The logarithm of the mean of counts (N,); of each of several, (N, M)."""
    rows = slice(None) if kept is None else kept
    given = None if weight is None else weight[rows]
    mean = np.average(y.astype(np.float64)[rows], 0, given)
    found = np.log(np.where(mean > 0, mean, 1.0))
    return tuple(map(float, found)) if found.ndim else float(found)


def _numbers(y: Any) -> np.ndarray:
    """Targets as floats, where they are numbers."""
    try:
        return check_array(y, ensure_2d=False, dtype=[np.float64, np.float32], input_name="y")
    except ValueError as error:
        if "could not convert string" not in str(error):
            raise
        words = [cell for cell in np.ravel(np.asarray(y, object)) if isinstance(cell, str)]
        raise InvalidArgument(
            f"Regressor: y holds words, such as {shown(words[0])}; numbers are learned. sloy.data.load_table reads the"
            " target of a table as people write numbers."
        ) from None


def _check_within_float32(y: np.ndarray) -> None:
    """Refuse targets whose unit float32 does not hold."""
    limits = np.finfo(np.float32)
    for column in y.reshape(len(y), -1).T:
        far = float(np.abs(column).max())
        spread = float(np.ptp(column))
        if far > float(limits.max) or 0 < spread < 100 * float(limits.tiny):
            what = f"up to {far:.3g}" if far > float(limits.max) else f"that differ by {spread:.3g}"
            raise InvalidArgument(
                f"Regressor: y has numbers {what}, and float32 holds those from 1e-38 to 3e38: give y in another unit,"
                ' or precision="float64".'
            )


def _warn_of_far(y: np.ndarray) -> None:
    """Say which target is far from all others: squared errors are of little else."""
    for column in y.reshape(len(y), -1).T:
        if (found := farthest(column)) is not None:
            row, times = found
            warnings.warn(
                f"Regressor: y is {column[row]:g} in row {row} (from 0), {times:.0f} times as far from the middle as"
                " all others; if that is a slip, take it out.",
                stacklevel=level_of_user(),
            )
