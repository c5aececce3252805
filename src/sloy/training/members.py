"""Several networks trained as one: each holds out rows of its own, and their answers are averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from sloy import losses
from sloy.arguments import instance, real, sequence
from sloy.data.dataset import Dataset
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.threefry import make_key, permutation
from sloy.layers import Layer, MeanOfMembers
from sloy.losses import LossLike
from sloy.metrics import default_metrics
from sloy.model import Model
from sloy.options import check_options, chosen, integer_option, takes
from sloy.problem import Network
from sloy.problem.inputs import Data, as_dataset, weights
from sloy.training.callbacks import BestKept, Callback, cycle_was_vain
from sloy.training.fit import fit
from sloy.training.history import History, Row
from sloy.training.member_losses import OfMembers
from sloy.training.recipe import Recipe
from sloy.training.run import Run, State

HELD_OUT = 0.15  # share of the rows that a member chooses its epoch by
MOST_HELD_OUT = 5_000  # rows of a member; more would not tell more


@dataclass
class MemberStopping(BestKept):
    """Keep for each member the parameters of its best epoch, and stop when no member gets better.

    Parameters
    ----------
    members : int
        G, the first extent of every parameter.
    patience : int, optional
        Stop after this many epochs without a better loss of any member. By default the end of each cycle of the
        schedule is looked at (`CosLog.ends`), where the rate is low: the run stops after one that brought no member
        anything.
    """

    members: int
    patience: int | None = integer_option(None)
    best: np.ndarray = field(init=False, repr=False)
    best_epochs: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_options("MemberStopping", self)
        self._begin()

    def _begin(self) -> None:
        self.best = np.full(self.members, np.inf)
        self.best_epochs = np.zeros(self.members, np.int64)
        self._weights = {}

    def on_fit_begin(self, run: Run) -> bool:
        """Begin afresh, or, in a resumed run, stop at once where it was over."""
        shapes = {name: run.weights[name].shape for name in run.weights}
        wrong = [name for name, shape in shapes.items() if shape[:1] != (self.members,)]
        if wrong:
            raise InvalidArgument(
                f"fit_members: `{wrong[0]}` of shape {shapes[wrong[0]]} has no part for each of"
                f" {self.members} members."
            )
        if not len(run.history):
            self._begin()
        return bool(len(run.history)) and self._over(run, int(run.history.rows[-1]["epoch"]))

    def on_epoch_end(self, run: Run, row: Row) -> bool:
        """Compare each member with its best so far."""
        found = np.array([float(row[f"val_member_{g + 1}"]) for g in range(self.members)])
        better = np.flatnonzero(found < self.best)  # NaN is not
        epoch = int(row["epoch"])
        self.best[better], self.best_epochs[better] = found[better], epoch
        for name in run.weights if len(better) else ():
            now = np.asarray(run.weights[name])
            kept = self._weights.setdefault(name, now.copy())
            kept[better] = now[better]
        return self._over(run, epoch)

    def _over(self, run: Run, epoch: int) -> bool:
        newest = int(self.best_epochs.max())
        if self.patience is not None:
            return epoch - newest >= self.patience
        return cycle_was_vain(run, epoch, newest)

    def state(self) -> State:
        """The best losses, their epochs and parameters."""
        return {"best": self.best, "best_epochs": self.best_epochs, **super().state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take what `state` returned."""
        super().restore(state)
        self.best, self.best_epochs = (np.array(state[name]) for name in ("best", "best_epochs"))


@takes(Recipe, fit, without=("metrics", "state"))
def fit_members(
    network: Network,
    data: Data,
    *,
    validation: float | Dataset | None = HELD_OUT,
    loss: LossLike | None = None,
    sample_weight: Any = None,
    recipe: Recipe | None = None,
    callbacks: Sequence[Callback] = (),
    ending: Sequence[Layer] = (),
    **options: Any,
) -> tuple[Model, History]:
    """Train the members of an ensemble together, as one network, and average them.

    Parameters
    ----------
    network : Network
        From samples to outputs (G, …), every parameter of which has a part for each of G members in its first axis.
    data : Dataset or (x, y)
    validation : float, Dataset or None
        A share: each member has its own rows held out, to choose its best epoch by, and learns from those of the
        others; at most 1/G, and at most 5 000 rows. A Dataset is held out for all. None: no epoch is chosen.
    loss, sample_weight, recipe, callbacks
        As of `fit`.
    ending : sequence of Layer
        What the mean goes through: back to the target's units, within its limits.
    preprocessing, preprocessed, engine, threads, parameters, checkpoint, resume, verbose
        As of `fit`.
    <options>

    Returns
    -------
    model : Model
        The network with `MeanOfMembers` and the `ending` behind it, and the loss of one.
    history : History
        With ``val_member_1`` …, the loss of each on its own rows; ``val_loss`` is their mean. Of labels also with
        ``val_accuracy``, the share of right answers of all members, each on its own rows.

    Raises
    ------
    InvalidArgument
        Where an argument is not allowed, or a parameter has no part for each member.

    Examples
    --------
    >>> import numpy as np, sloy
    >>> x = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    >>> table = sloy.Tabular(sloy.Dataset(x, (x[:, 0] * x[:, 1] > 0).astype(int)), members=2)
    >>> model, history = sloy.fit_members(table.network, table.data, parameters=table.start(), epochs=2,
    ...     preprocessing="none", engine="reference", verbose=False)
    >>> model.predict_proba(x[:5]).shape, history.columns[:4]
    ((5, 2), ('epoch', 'loss', 'val_loss', 'val_member_1'))
    """
    given = as_dataset(data)
    found, rest = _recipe(recipe, options)
    lesson = Lesson.of(network, given, validation, loss, found, sample_weight)
    behind = sequence("fit_members", "ending", ending, Layer)
    watchers = list(sequence("fit_members", "callbacks", callbacks, Callback))
    if lesson.validation is not None:
        watchers.append(MemberStopping(lesson.members, patience=found.patience))
    model, history = fit(
        network,
        lesson.train,
        validation=lesson.validation,
        loss=lesson.loss,
        metrics=() if lesson.validation is None else lesson.loss.metrics,
        sample_weight=lesson.sample_weight,
        recipe=replace(found, patience=None, class_weight=None),
        callbacks=watchers,
        **rest,
    )
    return lesson.averaged(model, given, behind), history


@dataclass(frozen=True, eq=False)
class Lesson:
    """What the members learn from.

    Attributes
    ----------
    members : int
    train, validation : Dataset
        Targets with the weights of the members in front, see `OfMembers`.
    loss : OfMembers
    sample_weight : array (N,)
    """

    members: int
    train: Dataset
    validation: Dataset | None
    loss: OfMembers
    sample_weight: np.ndarray

    @classmethod
    def of(
        cls,
        network: Network,
        data: Dataset,
        validation: float | Dataset | None,
        loss: LossLike | None,
        recipe: Recipe,
        sample_weight: Any = None,
    ) -> Lesson:
        """The lesson of a network, data, and a share to hold out."""
        instance("fit_members", "network", network, Network)
        members, *shape = network.output_shape
        if not shape:
            raise ShapeError(
                f"fit_members: the network gives {network.output_shape}; it must give (G, …) of G members."
            )
        if loss is None:
            loss = "categorical_crossentropy" if data.has_labels else "squared_error"
        of = OfMembers(losses.loss(loss), members)
        target = of.inner.target(data.y, tuple(shape))
        target = target.reshape(len(data), -1).astype(np.float32)  # (N, T)
        weight = weights(data, sample_weight, recipe.class_weight, "float32")
        held, w = None, np.ones((len(data), members))
        if isinstance(validation, Dataset):
            theirs = of.inner.target(validation.y, tuple(shape)).reshape(len(validation), -1)
            held = Dataset(validation.x, _with(np.ones((len(validation), members)), theirs))
        elif validation is not None and (
            share := real("fit_members", "validation", validation, least=0, below=1)
        ):
            holder = holders(data, members, share, recipe.seed)  # (N,), −1 for none
            out = holder[:, None] == np.arange(members)
            w = ~out * (len(data) / np.maximum((~out).sum(0), 1))
            rows = np.flatnonzero(holder >= 0)
            held = Dataset(data.x[rows], _with(out[rows] * float(members), target[rows]))
        return cls(members, Dataset(data.x, _with(w, target)), held, of, weight)

    def averaged(self, model: Model, data: Dataset, ending: Sequence[Layer] = ()) -> Model:
        """The model that answers with the mean of the members, through the layers of `ending`."""
        old, inner = model.problem, self.loss.inner
        of: Literal["logits", "logs", "values"] = "logits" if self.loss.of_labels else "values"
        of = "logs" if inner.link == "log" else of
        layers = [*old.network.layers, MeanOfMembers(of), *ending]
        network = Network(old.network.input_shape, layers)
        shape = network.output_shape
        target = inner.target(data.y[:1], shape, old.dtype)
        problem = replace(
            old,
            network=network,
            loss=inner,
            metrics=default_metrics(inner, shape),
            target_shape=target.shape[1:],
            target_dtype=target.dtype.name,
        )
        kept = {name: np.asarray(model.parameters[name]) for name in model.parameters}
        return Model(problem, kept, class_names=data.class_names, engine=model.engine)


def holders(data: Dataset, members: int, share: float, seed: int) -> np.ndarray:
    """Which member holds each row out, int64 (N,), −1 for none; of labels each class gives its share.

    Examples
    --------
    >>> data = Dataset(np.zeros((12, 1), np.float32), np.arange(12.0))
    >>> np.bincount(holders(data, 2, 0.25, seed=0) + 1).tolist()
    [6, 3, 3]
    """
    n = len(data)
    size = held_out_by_each(n, members, share)
    order = permutation(n, make_key(seed, "members"))
    if data.has_labels:  # one class after another, each shuffled, so that every k-th row has all
        order = order[np.argsort(data.y[order], kind="stable")]
    held = np.full(n, -1, np.int64)
    spread = order[np.linspace(0, n, size * members, endpoint=False).astype(np.int64)]
    held[spread] = np.arange(size * members) % members
    return held


def held_out_by_each(samples: int, members: int, share: float) -> int:
    """How many rows each member holds out: a share, but no row twice, nor half of a single member's."""
    return max(1, min(int(share * samples), samples // max(members, 2), MOST_HELD_OUT))


def _with(weight: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.concatenate([weight.astype(np.float32), target.astype(np.float32)], 1)


def _recipe(recipe: Recipe | None, options: Mapping[str, Any]) -> tuple[Recipe, dict[str, Any]]:
    own = chosen(Recipe, options)
    rest = {name: value for name, value in options.items() if name not in own}
    return Recipe.of("fit_members", recipe, own), rest
