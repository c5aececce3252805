"""What `Classifier` and `Regressor` share: parameters, training, and reading what was learned."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sloy import losses, ops
from sloy.arguments import flag, instance, integer, sequence
from sloy.data.dataset import Dataset
from sloy.engines import Engine
from sloy.errors import InvalidArgument, UnknownName
from sloy.estimators.nested import nested, replaced
from sloy.estimators.network import complete_network
from sloy.estimators.parallel import threads_of
from sloy.estimators.rows import check_feature_names, read_rows, shaped
from sloy.layers import Dense, Layer, ReLU
from sloy.losses import Loss
from sloy.model import Model
from sloy.options import options, takes
from sloy.preprocessing import Preprocessing, standardize
from sloy.problem.inputs import sample_weights, split
from sloy.problem.network import Network
from sloy.training.callbacks import Callback
from sloy.training.fit import LossChoice, fit
from sloy.training.history import History, curves_svg
from sloy.training.recipe import Precision, Recipe
from sloy.training.state import TrainingState

Hidden = Sequence[Layer] | Network | str
HIDDEN = (Dense(100), ReLU())
AHEAD = 1 << 22  # numbers that are standardised before training; more of them batch by batch
WITHOUT = (
    "seed",
    "shuffle",
    "class_weight",
)  # of the recipe: what estimators call by other names, or not all have
DEFAULTS: dict[str, Any] = {"epochs": 100, "batch_size": 32}
OPTIONS = {
    name: DEFAULTS.get(name, default)
    for name, default, _ in options(Recipe)
    if name not in (*WITHOUT, "patience")
}
FRACTION = 0.1  # held out for early stopping and the like where nothing else is said


class Estimator(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A network behind scikit-learn's methods; see `Classifier` and `Regressor`."""

    @takes(Recipe, without=WITHOUT, **DEFAULTS)
    def __init__(
        self,
        hidden: Hidden = HIDDEN,
        *,
        input_shape: tuple[int, ...] | None = None,
        loss: LossChoice = None,
        validation_fraction: float | None = None,
        early_stopping: bool = False,
        patience: int = 10,
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

    batch_size: int | None
    precision: Precision
    model_: Model
    history_: History
    _state: TrainingState
    _network: Network  # as it is trained

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
        rows: np.ndarray,
        y: np.ndarray,
        outputs: int,
        sample_weight: Any,
        validation: Any,
        *,
        going_on: bool,
        epochs: int | None = None,
        class_names: Sequence[str] = (),
    ) -> None:
        """Fit the network to samples and targets as a loss takes them."""
        where = self._name
        going_on = going_on and hasattr(self, "model_")
        loss = self._loss(outputs)
        units = self._units(outputs, loss)
        if going_on:
            network = self._network
        else:
            network = complete_network(where, self.hidden, self.input_shape, rows.shape[1:], units)
            network = self._ended(network)
        if self.features is not None:
            self._features(network)
        x = shaped(rows, network.input_shape, where)
        weight = self._weights(sample_weight, len(x))
        seed, held_out = self._seed(), self._held_out(validation)
        if isinstance(held_out, tuple):
            held_out = shaped(held_out[0], network.input_shape, where), held_out[1]
        after = _held_out_rows(x, y, held_out, seed) if self._adjusts() else None
        self._check_held_out(after)
        chosen = self.model_.problem.preprocessing if going_on else None
        if chosen is None:
            chosen = self._preprocessing(x, y, weight, held_out, seed)
        prepared = x.dtype != np.uint8 and x.size <= AHEAD and self.augment is None
        if prepared:  # once here rather than in every step
            x = chosen.compute(x).astype(self._dtype)
            if isinstance(held_out, tuple):
                held_out = chosen.compute(held_out[0]).astype(self._dtype), held_out[1]
        state = self._state if going_on else TrainingState()
        recipe = self._recipe(len(x), seed, self._class_weights(y), epochs)
        model, history = fit(
            network,
            Dataset(x, y, class_names),
            recipe=recipe,
            validation=held_out,
            loss=loss,
            sample_weight=weight,
            preprocessing=chosen,
            preprocessed=prepared,
            callbacks=sequence(where, "callbacks", self.callbacks),
            engine=self.engine,
            threads=threads_of(self.threads, network, recipe.batch_size),
            state=state,
            verbose=self._verbose(),
        )
        self._network = model.network
        self._learned(self._finished(model, after), history, state, going_on=going_on)

    def _ended(self, network: Network) -> Network:
        """The network with what else its targets need behind it."""
        return network

    def _check_held_out(self, data: Dataset | None) -> None:
        """Raise where `_finished` needs more samples that are held out."""

    def _finished(self, model: Model, data: Dataset | None) -> Model:
        """The trained model with what samples that were held out add to it."""
        return model

    def _adjusts(self) -> bool:
        """Whether `_finished` takes samples that are held out."""
        return False

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

    def _recipe(self, samples: int, seed: int, class_weight: Any, epochs: int | None) -> Recipe:
        """How the network is trained; with other epochs where those are given."""
        where = self._name
        words = {name: getattr(self, name) for name in OPTIONS}
        patience = integer(where, "patience", self.patience)
        stops = flag(where, "early_stopping", self.early_stopping)
        words |= {
            "seed": seed,
            "class_weight": class_weight,
            "patience": patience if stops else None,
        }
        if epochs is not None:
            words["epochs"] = epochs
        if self.batch_size is None:
            words |= {"batch_size": samples, "shuffle": False}
        return Recipe.of(where, None, words)

    def _verbose(self) -> bool:
        """True and False, or scikit-learn's 1 and 0."""
        if isinstance(self.verbose, int) and self.verbose in (0, 1):
            return bool(self.verbose)
        return flag(self._name, "verbose", self.verbose)

    def _held_out(self, validation: Any) -> Any:
        """What is validated on: given data, a share of the training data, or nothing."""
        if validation is not None:
            return validation
        fraction = self.validation_fraction
        if fraction is None:
            return FRACTION if self.early_stopping is True or self._adjusts() else None
        if isinstance(fraction, bool) or not isinstance(fraction, float) or not 0 < fraction < 1:
            raise InvalidArgument(
                f"{self._name}: `validation_fraction` (={fraction!r}) must be a fraction between 0"
                " and 1, or None."
            )
        return fraction

    def _validation(self, data: Any) -> tuple[np.ndarray, np.ndarray] | None:
        """Given validation data as arrays; the targets as they are."""
        if data is None:
            return None
        if not isinstance(data, tuple | list) or len(data) != 2:
            raise InvalidArgument(
                f"{self._name}: `validation_data` must be a pair (X, y), got a {type(data).__name__}."
            )
        return read_rows(self, data[0], reset=False), np.asarray(data[1])

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

    def _preprocessing(
        self, x: np.ndarray, y: np.ndarray, weight: np.ndarray | None, held_out: Any, seed: int
    ) -> Preprocessing:
        """The scales of the samples that are trained on; what is held out has no part in them."""
        if not flag(self._name, "standardize", self.standardize):
            return Preprocessing(deviation=(255.0,)) if x.dtype == np.uint8 else Preprocessing()
        if isinstance(held_out, float):
            rows, _ = split(Dataset(x, y), held_out, seed)
            x, weight = x[rows], None if weight is None else weight[rows]
        return standardize(x, weight)

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

    def _samples(self, X: Any) -> np.ndarray:
        """Samples in the shape that the fitted network takes."""
        check_is_fitted(self)
        rows = read_rows(self, X, reset=False)
        return shaped(rows, self.model_.network.input_shape, self._name)

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
        name, _ = self._features(self._network)
        found = self.model_.activations(x, [name])[name]
        return found.reshape(len(found), -1)  # (N, M)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns that `transform` gives: ``relu_1_0``, ``relu_1_1``, …"""
        check_is_fitted(self)
        check_feature_names(self, input_features)
        name, count = self._features(self._network)
        return np.array([f"{name}_{i}" for i in range(count)], object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
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


def _held_out_rows(x: np.ndarray, y: np.ndarray, held_out: Any, seed: int) -> Dataset | None:
    """The samples that `sloy.fit` validates on, as they are given."""
    if isinstance(held_out, tuple):
        return Dataset(*held_out)
    return split(Dataset(x, y), held_out, seed)[1]


def as_loss(where: str, given: Any) -> Loss:
    """The loss of a parameter, errors naming the estimator."""
    try:
        return losses.loss(given)
    except InvalidArgument as error:
        raise InvalidArgument(f"{where}: {error}") from None
