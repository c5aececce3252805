"""`Classifier`: a network that learns classes, as an estimator of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from sloy.arguments import flag, real
from sloy.data.dataset import Dataset
from sloy.errors import InvalidArgument, ShapeError
from sloy.estimators.base import Estimator, as_loss, names_of
from sloy.estimators.defaults import AUTO
from sloy.estimators.documentation import documented
from sloy.estimators.parameters import Hidden
from sloy.estimators.rows import plain_targets
from sloy.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CustomLoss,
    Hinge,
    Loss,
)
from sloy.model import Model
from sloy.options import takes
from sloy.problem import Network
from sloy.text import shown
from sloy.training.calibration import Calibration, calibrate
from sloy.training.held_out import HeldOut


def _has_probabilities(estimator: Any) -> bool:
    """Whether the loss knows probabilities: the cross-entropies do, a hinge or a function of one's own does not."""
    if hasattr(estimator, "model_"):
        return bool(estimator.model_.loss.logits)
    given = estimator.loss
    return given is None or isinstance(given, BinaryCrossentropy | CategoricalCrossentropy) or (
        isinstance(given, str) and given.endswith("crossentropy")
    )  # fmt: skip


@documented
class Classifier(ClassifierMixin, Estimator):  # type: ignore[misc]
    """A network that learns one of several classes, or several yes-or-no labels, for each sample.

    Parameters
    ----------
    loss : str, Loss or function, optional
        By default binary cross-entropy for two classes and for several labels at once, else
        categorical cross-entropy. A function of two symbolic tensors, (output, target) → one loss for
        each sample, is a user's own; it gets numbers 0 and 1, or, for three classes and more, int32
        labels 0 … K - 1.
    class_weight : mapping of label to number, or "balanced", optional
        Factors of the sample weights; "balanced": N / (K · samples of the class).
    calibrate : bool
        Set the probabilities right by one temperature, found on samples that are held out, see
        `sloy.training.calibration`. Without `validation_fraction` and `validation_data` a tenth is.
    <shared parameters>

    Attributes
    ----------
    classes_ : array, shape (K,)
        The labels, sorted; of several labels at once their numbers.
    calibration_ : Calibration
        The temperature and what it does; only with `calibrate`.
    <shared attributes>

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import cross_val_score
    >>> import sloy
    >>> from sloy.layers import Dense, Dropout, ReLU
    >>> net = sloy.Classifier((Dense(32), ReLU(), Dropout(0.2)), learning_rate=0.01, epochs=30)
    >>> bool(cross_val_score(net, *load_wine(return_X_y=True)).mean() > 0.95)
    True
    """

    calibration_: Calibration

    @takes(Estimator.__init__)
    def __init__(
        self,
        hidden: Hidden = AUTO,
        *,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        calibrate: bool = False,
        **parameters: Any,
    ) -> None:
        super().__init__(hidden, **parameters)
        self.class_weight = class_weight
        self.calibrate = calibrate

    # --- training ---------------------------------------------------------------------------------

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None
    ) -> Classifier:
        """Train on samples and their labels.

        Parameters
        ----------
        X : array, shape (N, d) or (N, H, W, C); DataFrame; sparse matrix
            Frames may hold words, categories, dates and gaps (NaN); floats of an array gaps.
        y : array, shape (N,) of labels of any type, or (N, M) of 0 and 1: several labels at once
        sample_weight : array, shape (N,), optional
        validation_data : (X, y), optional
            What ``val_…`` of the history is measured on, in place of a share of the samples.
        """
        going_on = flag("Classifier", "warm_start", self.warm_start)
        return self._fit(X, y, sample_weight, validation_data, going_on=going_on)

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> Classifier:
        """One more pass over samples, which may be others than before; the optimiser goes on.

        The first call fixes the shape of samples, the classes and, with `standardize`, the scales.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array of labels, optional
            All that will ever come; needed at the first call (unless `y` holds several labels at once).
        """
        return self._fit(X, y, sample_weight, None, going_on=True, epochs=1, classes=classes)

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, validation: Any, *, going_on: bool,
        epochs: int | None = None, classes: Any = None,
    ) -> Classifier:  # fmt: skip
        going_on = going_on and hasattr(self, "model_")
        rows = self._rows(X, y, going_on=going_on)
        labels = self._learn_classes(
            y, going_on=going_on, partial=epochs is not None, given=classes
        )
        target = self._targets(labels)
        if flag("Classifier", "calibrate", self.calibrate) and not _has_probabilities(self):
            raise InvalidArgument(
                f"Classifier: `calibrate` (=True) needs probabilities, which `loss` (={shown(self.loss)}) has not."
            )
        held_out = self._validation(validation, rows)
        if held_out is not None:
            held_out = held_out[0], self._targets(_one_axis(held_out[1]))
        names = () if self._multilabel else tuple(map(str, self.classes_))
        self._train(
            rows, target, len(self.classes_), sample_weight, held_out, going_on=going_on,
            epochs=epochs, class_names=names,
            targets=names_of(y, len(self.classes_) if self._multilabel else 1),
        )  # fmt: skip
        return self

    def _learn_classes(self, y: Any, *, going_on: bool, partial: bool, given: Any) -> np.ndarray:
        """The labels as an array, (N,) or (N, M); the classes are those of the first fit."""
        y = plain_targets("Classifier", y)
        if getattr(y, "dtype", np.dtype(object)).kind == "f":
            assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise InvalidArgument(
                "Classifier: y of shape (N, M) must hold several yes-or-no labels, 0 and 1; several"
                " outputs of many classes are not supported (sklearn.multioutput can do them)."
            )
        several = kind == "multilabel-indicator"
        labels = y.toarray() if hasattr(y, "toarray") else _one_axis(y)
        if going_on:
            self._check_same_classes(labels, several=several, given=given)
            return labels
        if several:
            classes = np.arange(labels.shape[1])
        elif given is not None:
            classes = np.unique(given)
        elif partial:
            raise InvalidArgument(
                "Classifier: `classes` (=None) must hold all labels at the first call of partial_fit."
            )
        else:
            classes = np.unique(labels)
        if len(classes) < 2 and not several:
            raise InvalidArgument(
                f"Classifier: y holds only one class, {classes.tolist()[0]!r}; there must be at"
                " least 2 classes."
            )
        self._multilabel, self.classes_ = several, classes
        return labels

    def _check_same_classes(self, labels: np.ndarray, *, several: bool, given: Any) -> None:
        if several != self._multilabel or (several and labels.shape[1] != len(self.classes_)):
            raise ShapeError(
                f"Classifier: y has shape {labels.shape}; it was fitted with"
                f" {f'(N, {len(self.classes_)})' if self._multilabel else '(N,)'}."
            )
        if given is not None and not np.array_equal(np.unique(given), self.classes_):
            raise InvalidArgument(
                f"Classifier: `classes` (={shown(given)}) differ from those of the first call,"
                f" {self.classes_.tolist()}."
            )

    def _targets(self, labels: np.ndarray) -> np.ndarray:
        """Labels as the loss takes them: int32 numbers of classes (N,), or 0 and 1 (N, M)."""
        if self._multilabel:
            return np.asarray(labels, self._dtype)
        known = np.isin(labels, self.classes_)
        if not known.all():
            stranger = labels[~known].tolist()[0]
            raise InvalidArgument(
                f"Classifier: y holds {stranger!r}, which is none of the classes"
                f" {self.classes_.tolist()}."
            )
        return np.searchsorted(self.classes_, labels).astype(np.int32)

    def _loss(self, outputs: int) -> Loss:
        given = self.loss
        single = isinstance(self.hidden, Network) and self.hidden.output_shape == (1,)
        pair = isinstance(self.hidden, Network) and self.hidden.output_shape == (2,)
        two = outputs == 2 and not self._multilabel
        if given is None:
            binary = self._multilabel or (two and not pair)
            return BinaryCrossentropy() if binary else CategoricalCrossentropy()
        chosen = as_loss("Classifier", given)
        if isinstance(chosen, CustomLoss):
            by_label = not self._multilabel and not (two and not pair)
            if by_label and chosen is not given:
                return CustomLoss(chosen.function, "labels")
            fits = by_label == (chosen.targets == "labels") or (two and not single)
        elif self._multilabel:
            fits = isinstance(chosen, BinaryCrossentropy)
        else:
            fits = isinstance(chosen, CategoricalCrossentropy | Hinge) or (
                two and isinstance(chosen, BinaryCrossentropy)
            )
        if not fits:
            kind = "several labels at once" if self._multilabel else f"{outputs} classes"
            raise InvalidArgument(
                f"Classifier: `loss` (={shown(given)}) does not fit {kind}: it must be"
                f" {_losses_for(self._multilabel, outputs)}, or a function of your own."
            )
        return chosen

    def _loss_of_members(self, outputs: int) -> Loss | None:
        """Members give a probability to each class."""
        chosen = None if self.loss is None else as_loss("Classifier", self.loss)
        if chosen is None or chosen.logits == "softmax":
            return chosen
        raise InvalidArgument(
            f"Classifier: `loss` (={shown(self.loss)}) does not go with `recipe` (={self.recipe!r}), whose members"
            " give a probability to each class: categorical_crossentropy and focal do."
        )

    def _units(self, classes: int, loss: Loss) -> int:
        """Units of the output layer: one for a question of yes or no, else one for each class."""
        if self._multilabel or classes > 2:
            return classes
        if isinstance(self.hidden, Network) and self.hidden.output_shape in ((1,), (2,)):
            return self.hidden.output_shape[0]
        by_label = isinstance(loss, CategoricalCrossentropy) or (
            isinstance(loss, CustomLoss) and loss.targets == "labels"
        )
        return 2 if by_label else 1

    def _class_weights(self, target: np.ndarray) -> Mapping[int, float] | str | None:
        given = self.class_weight
        if given is None or (isinstance(given, str) and given == "balanced"):
            if given is not None and self._multilabel:
                raise InvalidArgument(
                    "Classifier: `class_weight` (='balanced') needs one label for each sample."
                )
            return given
        if not isinstance(given, Mapping) or self._multilabel:
            raise InvalidArgument(
                f"Classifier: `class_weight` (={shown(given)}) must be a mapping of labels to numbers,"
                " 'balanced' or None, and needs one label for each sample."
            )
        found: dict[int, float] = {}
        for label, weight in given.items():
            places = np.flatnonzero(self.classes_ == label)
            if not len(places):
                raise InvalidArgument(
                    f"Classifier: `class_weight`: {label!r} is none of the classes"
                    f" {self.classes_.tolist()}."
                )
            name = f"class_weight[{label!r}]"
            found[int(places[0])] = real("Classifier", name, weight, least=0)
        return found

    def _target_type(self) -> str:
        if self._multilabel:
            return "integer"
        kind = np.asarray(self.classes_).dtype.kind
        known = {"b": "boolean", "i": "integer", "u": "integer", "f": "float"}
        words = all(isinstance(label, str) for label in self.classes_)
        return known.get(kind, "string" if words else "text")

    def _adjusts(self) -> bool:
        return self.calibrate

    def _finished(self, model: Model, data: Dataset | HeldOut | None) -> Model:
        self.__dict__.pop("calibration_", None)
        if self.calibrate and data is not None:
            model, self.calibration_ = calibrate(model, data)
        return model

    # --- use --------------------------------------------------------------------------------------

    def decision_function(self, X: Any) -> np.ndarray:
        """The network's raw output: above 0 means the second class, or the label; of many classes the largest wins.

        Returns
        -------
        array, shape (N,) for two classes, (N, K), or (N, M) for several labels at once
        """
        scores = self._output(X)
        if self._multilabel or len(self.classes_) > 2:
            return scores
        if scores.shape[1:] == (2,):
            return np.asarray(scores[:, 1] - scores[:, 0])
        return scores.reshape(len(scores))

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes, (N, K), or of each of several labels, (N, M)."""
        x = self._samples(X)
        found = self.model_.prepared.predict_proba(x)
        if found.shape[1:] == (1,) and not self._multilabel:
            return np.concatenate([1 - found, found], axis=1)  # (N, 2)
        return found

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    def predict(self, X: Any) -> np.ndarray:
        """Labels (N,); of several labels at once 0 and 1, (N, M)."""
        scores = self.decision_function(X)
        if self._multilabel:
            return (scores > 0).astype(np.int64)
        chosen = scores.argmax(1) if scores.ndim == 2 else (scores > 0).astype(np.int64)
        return np.asarray(self.classes_[chosen])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _one_axis(y: Any) -> np.ndarray:
    """Labels as an array (N,); a column becomes one with a warning, (N, M) stays."""
    found = np.asarray(y)
    if found.ndim == 2 and found.shape[1] > 1:
        return found
    return np.asarray(column_or_1d(y, warn=True))


def _losses_for(several: bool, classes: int) -> str:
    if several:
        return "binary_crossentropy"
    two = "binary_crossentropy, " if classes == 2 else ""
    return f"{two}categorical_crossentropy (cross_entropy=SMOOTHING), focal, hinge"
