"""``recipe="tabular"`` or "fast": members of an ensemble, trained together and averaged, as `sloy train` does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.data.dataset import Dataset
from sloy.data.sparse import SparseRows
from sloy.data.tables.sources import FrameTable
from sloy.errors import InvalidArgument
from sloy.estimators.defaults import AUTO, is_auto
from sloy.estimators.parallel import threads_of
from sloy.estimators.parameters import OF_ANY_RUN
from sloy.estimators.parameters import OPTIONS as GIVEN
from sloy.estimators.preparation import Preparation, learn_table, scales
from sloy.estimators.rows import Rows, shaped
from sloy.losses import Loss
from sloy.model import Model
from sloy.text import shown
from sloy.training.held_out import HeldOut, held_out_by_members
from sloy.training.history import History
from sloy.training.members import HELD_OUT, fit_members
from sloy.training.recipe import Recipe, with_optimizer
from sloy.training.tabular import OPTIONS, Tabular

if TYPE_CHECKING:
    from sloy.estimators.parameters import Parameters

USED = ("optimizer", "epochs", "batch_size", *OF_ANY_RUN)
# What the recipe says itself, with the value that leaves it to it.
OF_THE_RECIPE = {
    "hidden": AUTO, "input_shape": None, "features": None, "standardize": True, "warm_start": False,
    "early_stopping": AUTO, "patience": AUTO, "validation_fraction": None,
    **{name: value for name, value in GIVEN.items() if name not in USED},
}  # fmt: skip


def check(estimator: Parameters, rows: Rows, y: np.ndarray, *, once: bool) -> None:
    """Raise `InvalidArgument` for what does not go with the recipe."""
    name = type(estimator).__name__
    for option in estimator._given(OF_THE_RECIPE):
        raise InvalidArgument(
            f"{name}: `{option}` (={shown(getattr(estimator, option))}) does not go with `recipe`"
            f" (={estimator.recipe!r}), which says it."
        )
    if not once:
        raise InvalidArgument(
            f"{name}: `recipe` (={estimator.recipe!r}) trains once; partial_fit needs `recipe` (='auto')."
        )
    flat = isinstance(rows, FrameTable) or (
        isinstance(rows, np.ndarray) and rows.ndim == 2 and rows.dtype != np.uint8
    )
    if not flat or isinstance(rows, SparseRows):
        raise InvalidArgument(
            f"{name}: `recipe` (={estimator.recipe!r}) is for the rows of a table, frames or numbers (N, d)."
        )
    if y.dtype == np.int32 and y.ndim == 2 and y.shape[1] > 1:
        raise InvalidArgument(
            f"{name}: `recipe` (={estimator.recipe!r}) is for one label of each row; y has shape {y.shape}."
        )


def train(
    estimator: Parameters,
    rows: Rows,
    y: np.ndarray,
    *,
    weight: np.ndarray | None,
    held_out: tuple[Rows, np.ndarray] | None,
    loss: Loss | None,
    class_weight: Any,
    class_names: Sequence[str],
) -> tuple[Model, History, Preparation, Dataset | HeldOut | None]:
    """The trained model, its history, how rows are prepared; what was held out, where the model needs it further.

    `loss` is what errors cost, by default what suits the targets.
    """
    where, seed = type(estimator).__name__, estimator._seed()
    preparation = Preparation()
    if isinstance(rows, FrameTable):
        preparation = learn_table(where, rows, None, estimator.table)
        numbers: Any = preparation.read(rows, told=False)
    else:
        numbers = rows
        preparation = Preparation(None, scales(shaped(rows, rows.shape[1:], where), None, weight))

    def samples(given: Rows) -> np.ndarray:
        found = preparation.samples(given, numbers.shape[1:], where)
        return np.asarray(preparation.compute(found, "float32"))

    data = Dataset(samples(rows), _flat(y), class_names)
    members = 1 if estimator.recipe == "fast" else estimator.members
    table = Tabular(data, codes=preparation.classes, members=members, seed=seed, chosen=loss)
    optimizer = None if is_auto(estimator.optimizer) else estimator.optimizer
    chosen = with_optimizer(OPTIONS, optimizer)
    chosen |= {**table.options(chosen["optimizer"]), "seed": seed}
    chosen |= {"class_weight": class_weight}
    chosen |= {name: getattr(estimator, name) for name in OF_ANY_RUN}
    for name in ("epochs", "batch_size"):
        if (given := getattr(estimator, name)) is not None and not is_auto(given):
            chosen[name] = given
    recipe = Recipe.of(where, None, chosen)
    model, history = fit_members(
        table.network,
        table.train,
        validation=HELD_OUT
        if held_out is None
        else Dataset(samples(held_out[0]), _flat(held_out[1])),
        loss=table.loss,
        ending=table.ending,
        parameters=table.start(),
        sample_weight=weight,
        recipe=recipe,
        preprocessing=preparation.preprocessing,
        preprocessed=True,
        callbacks=tuple(estimator.callbacks),
        engine=estimator.engine,
        threads=threads_of(estimator.threads, table.network, recipe.batch_size),
        verbose=estimator._verbose(),
    )
    if not estimator._adjusts():
        return model, history, preparation, None
    raw: Any = preparation.samples(
        rows if held_out is None else held_out[0], numbers.shape[1:], where
    )
    if held_out is not None:
        return model, history, preparation, Dataset(raw, _flat(held_out[1]))
    given = Dataset(raw, data.y, class_names)
    return model, history, preparation, held_out_by_members(model, given, HELD_OUT, seed)


def _flat(y: np.ndarray) -> np.ndarray:
    """One target as (N,); several as they are, (N, K)."""
    return y if y.ndim == 2 and y.shape[1] > 1 else y.reshape(len(y))
