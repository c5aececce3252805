"""What `Classifier` and `Regressor` are told, and what they choose where they are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from sloy.arguments import flag, integer
from sloy.data.tables.sources import FrameTable
from sloy.engines import Engine
from sloy.errors import InvalidArgument, UnknownName
from sloy.estimators import defaults
from sloy.estimators.defaults import AUTO, Known, is_auto
from sloy.estimators.nested import nested, replaced
from sloy.estimators.rows import Rows
from sloy.layers import Layer
from sloy.losses import BinaryCrossentropy, CategoricalCrossentropy, Loss, SquaredError
from sloy.options import options, takes
from sloy.problem.inputs import sample_weights
from sloy.problem.network import Network
from sloy.text import shown
from sloy.training.callbacks import Callback
from sloy.training.fit import LossChoice
from sloy.training.recipe import Precision, Recipe
from sloy.training.ridge import suits

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
BY_MEMBERS = ("tabular", "fast")  # recipes of tables, named as those of `sloy train`
RECIPES = (AUTO, *BY_MEMBERS)
MEMBERS = 4
OF_ANY_RUN = (
    "precision",
    "deterministic",
    "gradient_norms",
)  # options that say nothing of what is learned
FRACTION = 0.1  # held out for early stopping and the like where nothing else is said


class Parameters(BaseEstimator):  # type: ignore[misc]
    """The parameters of both; checked when they are used, as scikit-learn has it."""

    @takes(Recipe, without=WITHOUT, **DEFAULTS)
    def __init__(
        self,
        hidden: Hidden = AUTO,
        *,
        recipe: str = AUTO,
        members: int = MEMBERS,
        input_shape: tuple[int, ...] | None = None,
        table: Mapping[str, Any] | None = None,
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
        self.recipe = recipe
        self.members = members
        self.input_shape = input_shape
        self.table = table
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

    # --- parameters -------------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; with `deep` those inside them: ``optimizer__learning_rate``, ``hidden__0__units``."""
        found: dict[str, Any] = super().get_params(deep)
        if deep:
            for name, value in list(found.items()):
                found |= dict(nested(name, value))
        return found

    def set_params(self, **params: Any) -> Parameters:
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

    # --- choices ----------------------------------------------------------------------------------

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
        open_to_it = {**OPTIONS, "hidden": AUTO, "early_stopping": AUTO, "patience": AUTO}
        open_to_it |= {"validation_fraction": None}
        if self._given({n: value for n, value in open_to_it.items() if n not in OF_ANY_RUN}):
            return False
        least_squares = isinstance(loss, SquaredError) and self.standardize is True
        by_class = isinstance(loss, BinaryCrossentropy | CategoricalCrossentropy) and y.ndim == 1
        columns = len(rows.names) if isinstance(rows, FrameTable) else prod(rows.shape[1:])
        flat = isinstance(rows, FrameTable) or (isinstance(rows, np.ndarray) and rows.ndim == 2)
        return flat and (least_squares or by_class) and suits(len(y), columns)

    def _stops(self, samples: int, *, validated: bool, alone: bool) -> bool:
        """Whether the epoch is chosen by the validation loss."""
        waits = not is_auto(self.patience)
        if not is_auto(self.early_stopping):
            stops = flag(self._name, "early_stopping", self.early_stopping)
            if waits and not stops:
                raise InvalidArgument(
                    f"{self._name}: `patience` (={shown(self.patience)}) is that of early stopping, which"
                    " `early_stopping` (=False) turns off; leave one of both out."
                )
            return stops
        if waits:
            return True
        chosen = validated or self.validation_fraction is not None
        return alone and is_auto(self.epochs) and (chosen or samples >= defaults.VALIDATED)

    def _given(self, left_open: Mapping[str, Any]) -> list[str]:
        """Which of these parameters have another value than the one that leaves them open."""
        return [name for name, value in left_open.items() if not _same(getattr(self, name), value)]

    def _adjusts(self) -> bool:
        """Whether samples that are held out add to the trained model."""
        return False

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
                f"{self._name}: `validation_fraction` (={shown(fraction)}) must be a fraction between 0"
                " and 1, or None."
            )
        if validation is not None:
            return validation
        stops = self._stops(samples, validated=False, alone=alone)
        if fraction is None and (stops or self._adjusts()):
            return FRACTION
        return fraction

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


def _same(given: Any, value: Any) -> bool:
    """Whether a parameter has this value, which may be a copy."""
    return given is value or (type(given) is type(value) and bool(given == value))
