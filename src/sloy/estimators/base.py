"""What `Classifier` and `Regressor` share: parameters, training, and reading what was learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sloy import losses, ops
from sloy.arguments import flag, instance, integer, sequence
from sloy.data.dataset import Dataset
from sloy.data.sparse import SparseRows
from sloy.data.tables.sources import FrameTable
from sloy.engines import Engine
from sloy.errors import InvalidArgument, UnknownName
from sloy.estimators import defaults
from sloy.estimators.defaults import AUTO, Known, is_auto
from sloy.estimators.nested import nested, replaced
from sloy.estimators.network import complete_network
from sloy.estimators.parallel import threads_of
from sloy.estimators.preparation import Preparation, learn_table, scales
from sloy.estimators.rows import Rows, check_feature_names, read_rows, shaped
from sloy.layers import Layer
from sloy.losses import BinaryCrossentropy, CategoricalCrossentropy, Loss, SquaredError
from sloy.model import Model
from sloy.options import options, takes
from sloy.preprocessing import Preprocessing
from sloy.problem.inputs import sample_weights, split
from sloy.problem.inputs import weights as combined_weights
from sloy.problem.network import Network
from sloy.training.callbacks import Callback
from sloy.training.fit import LossChoice, fit
from sloy.training.history import History, curves_svg
from sloy.training.recipe import Precision, Recipe
from sloy.training.ridge import suits
from sloy.training.state import TrainingState
from sloy.training.wide import STILL, linear_start

Hidden = Sequence[Layer] | Network | str
WITHOUT = (
    "seed",
    "shuffle",
    "class_weight",
)  # of the recipe: what estimators call by other names, or not all have
DEFAULTS: dict[str, Any] = {"optimizer": AUTO, "epochs": AUTO, "batch_size": AUTO}
OPTIONS = {
    name: DEFAULTS.get(name, default)
    for name, default, _ in options(Recipe)
    if name not in (*WITHOUT, "patience")
}
FRACTION = 0.1  # held out for early stopping where nothing else is said


class Estimator(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A network behind scikit-learn's methods; see `Classifier` and `Regressor`."""

    @takes(Recipe, without=WITHOUT, **DEFAULTS)
    def __init__(
        self,
        hidden: Hidden = AUTO,
        *,
        input_shape: tuple[int, ...] | None = None,
        loss: LossChoice = None,
        validation_fraction: float | None = None,
        early_stopping: bool | str = AUTO,
        patience: int | str = AUTO,
        standardize: bool = True,
        features: str | None = None,
        engine: str | Engine = "auto",
        threads: int | None = None,
        random_state: Any = 0,
        warm_start: bool = False,
        callbacks: Sequence[Callback] = (),
        verbose: bool = False,
        **options: Any,
    ) -> None:
        self.hidden = hidden
        self.input_shape = input_shape
        self.loss = loss
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.standardize = standardize
        self.features = features
        self.engine = engine
        self.threads = threads
        self.random_state = random_state
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.verbose = verbose
        for name, default in OPTIONS.items():
            setattr(self, name, options.get(name, default))

    optimizer: Any
    augment: Any
    learning_rate: Any
    schedule: Any
    epochs: int | str
    batch_size: int | str | None
    precision: Precision
    model_: Model
    history_: History
    _state: TrainingState
    _preparation: Preparation

    # --- parameters -------------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; with `deep` those inside them: ``optimizer__learning_rate``, ``hidden__0__units``."""
        found: dict[str, Any] = super().get_params(deep)
        if deep:
            for name, value in list(found.items()):
                found |= dict(nested(name, value))
        return found

    def set_params(self, **params: Any) -> Estimator:
        """Set parameters, nested ones too; an optimiser or a layer is replaced, not changed.

        Examples
        --------
        >>> import sloy
        >>> from sloy.layers import Dense, ReLU
        >>> net = sloy.Classifier(hidden=(Dense(100), ReLU()), optimizer=sloy.Adam())
        >>> net = net.set_params(hidden__0__units=50, optimizer__learning_rate=0.01)
        >>> net.hidden, net.optimizer.learning_rate
        ((Dense(50), ReLU()), 0.01)
        """
        super().set_params(**{name: value for name, value in params.items() if "__" not in name})
        known = super().get_params(deep=False)
        for name, value in params.items():
            top, *path = name.split("__")
            if not path:
                continue
            if top not in known:
                raise UnknownName(f"{self._name}: there is no parameter {top!r}.")
            setattr(self, top, replaced(self._name, top, getattr(self, top), path, value))
        return self

    @property
    def _name(self) -> str:
        return type(self).__name__

    # --- training ---------------------------------------------------------------------------------

    def _train(
        self,
        rows: Rows,
        y: np.ndarray,
        outputs: int,
        sample_weight: Any,
        validation: Any,
        *,
        going_on: bool,
        epochs: int | None = None,
        class_names: Sequence[str] = (),
        target: str = "target",
    ) -> None:
        """Fit the network to samples and targets as a loss takes them."""
        where = self._name
        going_on = going_on and hasattr(self, "model_")
        alone = epochs is None and not self.warm_start  # one run, whose length is known
        loss, weight, seed = self._loss(outputs), self._weights(sample_weight, len(y)), self._seed()
        wide = alone and self._is_wide(rows, y, loss)
        held_out = None if wide else self._held_out(validation, len(y), alone=alone)
        kept = None
        if isinstance(held_out, float):  # as `fit` will hold them out
            kept, _ = split(Dataset(np.zeros((len(y), 1)), y), held_out, seed)
        scaled = flag(where, "standardize", self.standardize)
        preparation = self._preparation if going_on else Preparation()
        if isinstance(rows, FrameTable) and not going_on:
            preparation = Preparation(learn_table(where, rows, kept, target))
        numbers = preparation.read(rows, told=False)
        known = Known(
            len(y) if kept is None else len(kept), numbers.shape[1:], self._units(outputs, loss),
            preparation.classes,
        )  # fmt: skip
        if going_on:
            network, loss = self.model_.network, self._as_before(loss)
        else:
            loss, ends = self._in_units(loss, y, kept, weight) if scaled else (loss, ())
            known = replace(known, ends=ends)
            network = complete_network(where, self.hidden, self.input_shape, known)
        if self.features is not None:
            self._features(network)
        x = shaped(numbers, network.input_shape, where)
        if not going_on and preparation.reader is None:
            pictures = Preprocessing(deviation=(255.0,)) if x.dtype == np.uint8 else Preprocessing()
            preparation = Preparation(None, scales(x, kept, weight) if scaled else pictures)
        ready = preparation.is_ready(x) and self.augment is None  # once here, not in every step

        def samples(given: Rows) -> Any:
            found = preparation.samples(given, network.input_shape, where)
            return preparation.compute(found, self._dtype) if ready else found

        if isinstance(held_out, tuple):
            held_out = Dataset(samples(held_out[0]), held_out[1])
        stops = self._stops(len(y), validated=validation is not None, alone=alone)
        by_class = self._class_weights(y)
        recipe = self._recipe(known, seed, by_class, epochs, alone=alone, stops=stops and not wide)
        data, parameters = Dataset(samples(numbers), y, class_names), None
        if wide:
            solved = linear_start(
                Dataset(preparation.compute(x, "float64"), y, class_names),
                known.outputs,
                classes=known.classes,
                ends=known.ends,
                weights=combined_weights(data, weight, by_class),
            )
            network, parameters = solved.network, solved.parameters
            recipe = replace(recipe, **STILL, schedule=None, batch_size=min(len(y), 256))
        state = self._state if going_on else TrainingState()
        model, history = fit(
            network,
            data,
            recipe=recipe,
            validation=held_out,
            loss=loss,
            sample_weight=weight,
            preprocessing=preparation.preprocessing,
            preprocessed=ready,
            callbacks=sequence(where, "callbacks", self.callbacks),
            engine=self.engine,
            threads=threads_of(self.threads, network, recipe.batch_size),
            state=state,
            parameters=parameters,
            verbose=self._verbose(),
        )
        model.reader = preparation.reader
        self._preparation = preparation
        self._learned(model, history, state, going_on=going_on)

    def _learned(
        self, model: Model, history: History, state: TrainingState, *, going_on: bool
    ) -> None:
        self.model_, self._state = model, state
        if going_on:
            before = len(self.history_)
            for row in history:
                self.history_.append({**row, "epoch": row["epoch"] + before})
        else:
            self.history_ = history
        self.n_iter_ = self.best_epoch_ = len(self.history_)
        if "val_loss" in history:
            losses = self.history_["val_loss"]
            self.best_epoch_ = 1 + int(np.argmin(np.nan_to_num(losses, nan=np.inf)))

    def _loss(self, outputs: int) -> Loss:
        raise NotImplementedError

    def _units(self, outputs: int, loss: Loss) -> int:
        """Units of the output layer."""
        return outputs

    def _class_weights(self, target: np.ndarray) -> Any:
        """What `sloy.fit` takes as `class_weight`."""
        return None

    def _in_units(
        self, loss: Loss, y: np.ndarray, kept: np.ndarray | None, weight: np.ndarray | None
    ) -> tuple[Loss, tuple[Layer, ...]]:
        """The loss, and what comes after the output layer, for targets in their own units."""
        return loss, ()

    def _as_before(self, loss: Loss) -> Loss:
        """The loss of training that goes on."""
        return loss

    def _recipe(
        self, known: Known, seed: int, class_weight: Any, epochs: int | None, *, alone: bool,
        stops: bool,
    ) -> Recipe:  # fmt: skip
        """How the network is trained; with other epochs where those are given."""
        words = {name: getattr(self, name) for name in OPTIONS}
        words |= {"seed": seed, "class_weight": class_weight, "patience": self.patience}
        suited = alone and is_auto(self.epochs)
        words = defaults.filled_in(words, defaults.recipe(known) if suited else defaults.PLAIN)
        words["patience"] = integer(self._name, "patience", words["patience"])
        if not stops:
            words["patience"] = None
        if epochs is not None:
            words["epochs"] = epochs
        if self.batch_size is None:
            words |= {"batch_size": known.samples, "shuffle": False}
        return Recipe.of(self._name, None, words)

    def _is_wide(self, rows: Rows, y: np.ndarray, loss: Loss) -> bool:
        """Whether a linear model is solved: few rows of many columns, and nothing said of network and training."""
        asked = (self.hidden, self.epochs, self.early_stopping, self.optimizer)
        said = (self.validation_fraction, self.augment, self.learning_rate, self.schedule)
        if not all(map(is_auto, asked)) or any(value is not None for value in said):
            return False
        least_squares = isinstance(loss, SquaredError) and self.standardize is True
        by_class = isinstance(loss, BinaryCrossentropy | CategoricalCrossentropy) and y.ndim == 1
        columns = len(rows.names) if isinstance(rows, FrameTable) else prod(rows.shape[1:])
        flat = isinstance(rows, FrameTable) or (isinstance(rows, np.ndarray) and rows.ndim == 2)
        return flat and (least_squares or by_class) and suits(len(y), columns)

    def _stops(self, samples: int, *, validated: bool, alone: bool) -> bool:
        """Whether the epoch is chosen by the validation loss."""
        if not is_auto(self.early_stopping):
            return flag(self._name, "early_stopping", self.early_stopping)
        chosen = validated or self.validation_fraction is not None
        return alone and is_auto(self.epochs) and (chosen or samples >= defaults.VALIDATED)

    def _verbose(self) -> bool:
        """True and False, or scikit-learn's 1 and 0."""
        if isinstance(self.verbose, int) and self.verbose in (0, 1):
            return bool(self.verbose)
        return flag(self._name, "verbose", self.verbose)

    def _held_out(self, validation: Any, samples: int, *, alone: bool) -> Any:
        """What is validated on: given data, a share of the training data, or nothing."""
        fraction = self.validation_fraction
        if fraction is not None and (
            isinstance(fraction, bool) or not isinstance(fraction, float) or not 0 < fraction < 1
        ):
            raise InvalidArgument(
                f"{self._name}: `validation_fraction` (={fraction!r}) must be a fraction between 0"
                " and 1, or None."
            )
        if validation is not None:
            return validation
        if fraction is None and self._stops(samples, validated=False, alone=alone):
            return FRACTION
        return fraction

    def _validation(self, data: Any, rows: Rows) -> tuple[Rows, np.ndarray] | None:
        """Given validation data, read as the training rows were; the targets as they are."""
        if data is None:
            return None
        if not isinstance(data, tuple | list) or len(data) != 2:
            raise InvalidArgument(
                f"{self._name}: `validation_data` must be a pair (X, y), got a {type(data).__name__}."
            )
        as_table = isinstance(rows, FrameTable)
        return read_rows(self, data[0], reset=False, as_table=as_table), np.asarray(data[1])

    def _weights(self, sample_weight: Any, count: int) -> np.ndarray | None:
        if sample_weight is None:
            return None
        if isinstance(sample_weight, Real):
            sample_weight = np.full(count, float(sample_weight))
        found = sample_weights(self._name, sample_weight, count)
        if not found.any():
            raise InvalidArgument(
                f"{self._name}: `sample_weight`: every weight is zero; at least one must be above."
            )
        return found

    def _seed(self) -> int:
        given = self.random_state
        if given is None:
            return int(np.random.default_rng().integers(2**63))
        if isinstance(given, np.random.RandomState):
            return int(given.randint(2**31))
        if isinstance(given, np.random.Generator):
            return int(given.integers(2**63))
        return integer(self._name, "random_state", given, 0, 2**64 - 1)

    @property
    def _dtype(self) -> str:
        return "float64" if self.precision == "float64" else "float32"

    # --- use --------------------------------------------------------------------------------------

    def _rows(self, X: Any, y: Any, *, going_on: bool) -> Rows:
        """Rows to train on."""
        as_table = self._preparation.reader is not None if going_on else None
        return read_rows(self, X, reset=not going_on, as_table=as_table, y=y)

    def _samples(self, X: Any) -> np.ndarray | SparseRows:
        """Samples in the shape that the fitted network takes."""
        check_is_fitted(self)
        as_table = self._preparation.reader is not None
        rows = read_rows(self, X, reset=False, as_table=as_table)
        return self._preparation.samples(rows, self.model_.network.input_shape, self._name)

    def _output(self, X: Any) -> np.ndarray:
        x = self._samples(X)
        return self.model_(x)

    def _features(self, network: Network) -> tuple[str, int]:
        """The layer whose output `transform` gives, and how many numbers it has for a sample."""
        layers = network.build(ops.input("x", (1, *network.input_shape))).activations
        name = self.features
        if name is None:
            name = network.layer_names[max(len(network.layer_names) - 2, 0)]
        instance(self._name, "features", name, str)
        if name not in layers:
            raise UnknownName(
                f"{self._name}: `features` (={name!r}) names no layer; there are {', '.join(layers)}."
            )
        return name, layers[name].spec.size

    def transform(self, X: Any) -> np.ndarray:
        """What a layer of the network makes of samples: features for another estimator.

        Returns
        -------
        array, shape (N, M)
            Outputs of the layer that `features` names, flattened; by default of the last before the output layer.
        """
        x = self._samples(X)
        name, _ = self._features(self.model_.network)
        found = self.model_.activations(x, [name])[name]
        return found.reshape(len(found), -1)  # (N, M)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns that `transform` gives: ``relu_1_0``, ``relu_1_1``, …"""
        check_is_fitted(self)
        check_feature_names(self, input_features)
        name, count = self._features(self.model_.network)
        return np.array([f"{name}_{i}" for i in range(count)], object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _html_repr(self) -> str:
        """The diagram; of a fitted estimator with the table of layers and the loss by epoch below it."""
        diagram: str = super()._html_repr()
        if not hasattr(self, "model_"):
            return diagram
        layers = self.model_.network.summary(engine=self.model_.engine)._repr_html_()
        return f"{diagram}<div>{layers}{curves_svg(self.history_)}</div>"


def as_loss(where: str, given: Any) -> Loss:
    """The loss of a parameter, errors naming the estimator."""
    try:
        return losses.loss(given)
    except InvalidArgument as error:
        raise InvalidArgument(f"{where}: {error}") from None


def name_of(y: Any) -> str:
    """What targets are called: the name of a series."""
    name = getattr(y, "name", None)
    return name if isinstance(name, str) and name else "target"
