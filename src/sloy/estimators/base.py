"""What `Classifier` and `Regressor` share: parameters, training, and reading what was learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sloy import losses, ops
from sloy.arguments import flag, instance, integer, one_of, sequence
from sloy.data.dataset import Dataset
from sloy.data.sparse import SparseRows
from sloy.data.tables.sources import FrameTable
from sloy.errors import InvalidArgument, UnknownName
from sloy.estimators import by_members
from sloy.estimators.defaults import Known
from sloy.estimators.network import complete_network
from sloy.estimators.parallel import threads_of
from sloy.estimators.parameters import BY_MEMBERS, MEMBERS, RECIPES, Parameters
from sloy.estimators.preparation import Preparation, learn_table, reader_of_model, scales
from sloy.estimators.rows import Rows, check_feature_names, plain_targets, read_rows, shaped
from sloy.layers import Layer
from sloy.losses import Loss
from sloy.model import Model
from sloy.preprocessing import Preprocessing
from sloy.problem.inputs import split
from sloy.problem.inputs import weights as combined_weights
from sloy.problem.network import Network
from sloy.text import shown
from sloy.training.fit import fit
from sloy.training.held_out import HeldOut
from sloy.training.history import History, curves_svg
from sloy.training.state import TrainingState
from sloy.training.wide import STILL, linear_start


@dataclass(frozen=True, eq=False)
class _Given:
    """Rows and targets to train on; `kept` are the numbers of those that are not held out, None where all are."""

    rows: Rows
    y: np.ndarray
    weight: np.ndarray | None
    kept: np.ndarray | None


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is trained.

    Attributes
    ----------
    numbers : array or SparseRows
        The rows as numbers, neither shaped nor scaled.
    ready : bool
        Whether samples are preprocessed here, once, and not in every step.
    """

    where: str
    preparation: Preparation
    network: Network
    loss: Loss
    known: Known
    numbers: np.ndarray | SparseRows
    ready: bool
    dtype: str

    def samples(self, rows: Rows) -> Any:
        """Samples as `fit` gets them."""
        found = self.preparation.samples(rows, self.network.input_shape, self.where)
        return self.preparation.compute(found, self.dtype) if self.ready else found

    def held_out(self, given: Any, y: np.ndarray, *, kept: np.ndarray | None) -> Dataset | None:
        """Samples that are not trained on, as the finished model takes them: given ones, or those that are not kept."""
        shape = self.network.input_shape
        if isinstance(given, tuple):
            found: Any = self.preparation.samples(given[0], shape, self.where)
            return Dataset(found, given[1])
        if kept is None:
            return None
        rows = np.setdiff1d(np.arange(len(y)), kept)
        x: Any = self.preparation.samples(self.numbers, shape, self.where)
        taken: Any = x.take(rows) if isinstance(x, SparseRows) else x[rows]
        return Dataset(taken, y[rows])

    @property
    def standardised(self) -> Any:
        """Samples in float64, scaled."""
        return self.preparation.compute(self.numbers, "float64")

    def solved(
        self, data: Dataset, weights: np.ndarray
    ) -> tuple[Network, Mapping[str, np.ndarray]]:
        """The linear network for few rows of many columns, and its numbers."""
        known = self.known
        found = linear_start(
            data, known.outputs, classes=known.classes, ends=known.ends, weights=weights
        )
        return found.network, found.parameters


class Estimator(TransformerMixin, Parameters):  # type: ignore[misc]
    """A network behind scikit-learn's methods; see `Classifier` and `Regressor`."""

    model_: Model
    history_: History
    _state: TrainingState
    _preparation: Preparation
    _network: Network  # as it is trained

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
        targets: Sequence[str] = ("target",),
    ) -> None:
        """Fit the network to samples and targets as a loss takes them."""
        going_on = going_on and hasattr(self, "model_")
        several = integer(self._name, "members", self.members) not in (1, MEMBERS)
        named = one_of(self._name, "recipe", self.recipe, RECIPES)
        if several and named != "tabular":
            raise InvalidArgument(
                f"{self._name}: `members` (={self.members}) are those of `recipe` (='tabular'); `recipe`"
                f" (={named!r}) trains a single network."
            )
        if named in BY_MEMBERS:
            by_members.check(self, rows, y, once=epochs is None)
            loss = self._loss_of_members(outputs)
            self._train_members(rows, y, loss, sample_weight, validation, class_names, targets)
            return
        alone = epochs is None and not self.warm_start  # one run, whose length is known
        loss, weight, seed = self._loss(outputs), self._weights(sample_weight, len(y)), self._seed()
        wide = alone and not self._adjusts() and self._is_wide(rows, y, loss)
        held_out = validation if wide else self._held_out(validation, len(y), alone=alone)
        given = _Given(rows, y, weight, None)
        if isinstance(held_out, float):  # as `fit` will hold them out
            kept, _ = split(Dataset(np.zeros((len(y), 1)), y), held_out, seed)
            given = replace(given, kept=kept)
        plan = self._plan(given, outputs, loss, going_on=going_on)
        after = plan.held_out(held_out, y, kept=given.kept) if self._adjusts() else None
        self._check_held_out(after)
        if isinstance(held_out, tuple):
            held_out = Dataset(plan.samples(held_out[0]), held_out[1])
        data, by_class = Dataset(plan.samples(plan.numbers), y, class_names), self._class_weights(y)
        stops = self._stops(len(y), validated=validation is not None, alone=alone) and not wide
        recipe = self._recipe(plan.known, seed, by_class, epochs, alone=alone, stops=stops)
        network, parameters = plan.network, None
        if wide:
            weights = combined_weights(data, weight, by_class)
            network, parameters = plan.solved(Dataset(plan.standardised, y, class_names), weights)
            recipe = replace(recipe, **STILL, schedule=None, batch_size=min(len(y), 256))
        state = self._state if going_on else TrainingState()
        model, history = fit(
            network,
            data,
            recipe=recipe,
            validation=held_out,
            loss=plan.loss,
            sample_weight=weight,
            preprocessing=plan.preparation.preprocessing,
            preprocessed=plan.ready,
            callbacks=sequence(self._name, "callbacks", self.callbacks),
            engine=self.engine,
            threads=threads_of(self.threads, network, recipe.batch_size),
            state=state,
            parameters=parameters,
            verbose=self._verbose(),
        )
        self._preparation, self._network = plan.preparation, model.network
        self._read_by(model, targets)
        self._learned(self._finished(model, after), history, state, going_on=going_on)

    def _train_members(
        self,
        rows: Rows,
        y: np.ndarray,
        loss: Loss | None,
        sample_weight: Any,
        validation: Any,
        class_names: Sequence[str],
        targets: Sequence[str],
    ) -> None:
        """Fit the networks of a recipe for tables."""
        weight, by_class = self._weights(sample_weight, len(y)), self._class_weights(y)
        model, history, self._preparation, held = by_members.train(
            self, rows, y, weight=weight, held_out=validation, loss=loss, class_weight=by_class,
            class_names=class_names,
        )  # fmt: skip
        self._network = model.network
        self._read_by(model, targets)
        self._check_held_out(held)
        self._learned(self._finished(model, held), history, TrainingState(), going_on=False)

    def _read_by(self, model: Model, targets: Sequence[str]) -> None:
        """Let the model find its columns in tables."""
        model.reader = reader_of_model(
            self._preparation,
            model.network.input_shape,
            names=getattr(self, "feature_names_in_", None),
            targets=targets,
            target_type=self._target_type(),
        )

    def _target_type(self) -> str:
        """What labels are, see `TableReader`."""
        return "float"

    def _check_held_out(self, data: Dataset | HeldOut | None) -> None:
        """Raise where `_finished` needs more samples that are held out."""

    def _finished(self, model: Model, data: Dataset | HeldOut | None) -> Model:
        """The trained model with what samples that were held out add to it."""
        return model

    def _plan(self, given: _Given, outputs: int, loss: Loss, *, going_on: bool) -> _Plan:
        """The preparation and the network: those of the fit before, or new ones."""
        where, rows, kept = self._name, given.rows, given.kept
        scaled = flag(where, "standardize", self.standardize)
        preparation = self._preparation if going_on else Preparation()
        if isinstance(rows, FrameTable) and not going_on:
            preparation = learn_table(where, rows, kept, self.table)
        numbers = preparation.read(rows, told=False)
        count = len(given.y) if kept is None else len(kept)
        units = self._units(outputs, loss)
        known = Known(
            count,
            numbers.shape[1:],
            units,
            preparation.classes,
            of_numbers=loss.task((units,)) == "regression",
            sparse=isinstance(numbers, SparseRows),
        )
        if going_on:
            network, loss = self._network, self._as_before(loss)
        else:
            if scaled or self._adjusts():
                loss, ends = self._in_units(loss, given.y, kept, given.weight)
                known = replace(known, ends=ends)
            network = complete_network(where, self.hidden, self.input_shape, known)
        if self.features is not None:
            self._features(network)
        x = shaped(numbers, network.input_shape, where)
        if not going_on and preparation.reader is None:
            pictures = Preprocessing(deviation=(255.0,)) if x.dtype == np.uint8 else Preprocessing()
            preparation = Preparation(None, scales(x, kept, given.weight) if scaled else pictures)
        ready = preparation.is_ready(x) and self.augment is None
        return _Plan(where, preparation, network, loss, known, numbers, ready, self._dtype)

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

    def _loss_of_members(self, outputs: int) -> Loss | None:
        """What errors of the members cost; None for what suits the targets."""
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

    def _validation(self, data: Any, rows: Rows) -> tuple[Rows, np.ndarray] | None:
        """Given validation data, read as the training rows were; the targets as they are."""
        if data is None:
            return None
        if not isinstance(data, tuple | list) or len(data) != 2:
            raise InvalidArgument(
                f"{self._name}: `validation_data` must be a pair (X, y), got a {type(data).__name__}."
            )
        as_table = isinstance(rows, FrameTable)
        return read_rows(self, data[0], reset=False, as_table=as_table), np.asarray(
            plain_targets(self._name, data[1])
        )

    # --- use --------------------------------------------------------------------------------------

    def _rows(self, X: Any, y: Any, *, going_on: bool) -> Rows:
        """Rows to train on."""
        as_table = True if self.table is not None else None
        if going_on:
            as_table = self._preparation.reader is not None
        return read_rows(self, X, reset=not going_on, as_table=as_table, y=y)

    def _samples(self, X: Any) -> np.ndarray | SparseRows:
        """Samples in the shape that the fitted network takes."""
        check_is_fitted(self)
        as_table = self._preparation.reader is not None
        rows = read_rows(self, X, reset=False, as_table=as_table)
        return self._preparation.samples(rows, self.model_.network.input_shape, self._name)

    def _output(self, X: Any) -> np.ndarray:
        x = self._samples(X)
        return self.model_.prepared(x)

    def _features(self, network: Network) -> tuple[str, int]:
        """The layer whose output `transform` gives, and how many numbers it has for a sample."""
        layers = network.build(ops.input("x", (1, *network.input_shape))).activations
        name = self.features
        if name is None:
            name = network.layer_names[max(len(network.layer_names) - 2, 0)]
        instance(self._name, "features", name, str)
        if name not in layers:
            raise UnknownName(
                f"{self._name}: `features` (={shown(name)}) names no layer; there are {', '.join(layers)}."
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
        found = self.model_.prepared.activations(x, [name])[name]
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


def names_of(y: Any, outputs: int) -> list[str]:
    """What targets are called: the name of a series, those of a frame's columns."""
    name, columns = getattr(y, "name", None), getattr(y, "columns", ())
    if len(columns) == outputs:
        return list(map(str, columns))
    first = name if isinstance(name, str) and name else "target"
    return [first] if outputs == 1 else [f"{first}_{k}" for k in range(outputs)]
