"""Training again what was pruned, at a small rate; the better of both is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sloy.arguments import integer, real
from sloy.data.dataset import Dataset
from sloy.errors import InvalidArgument
from sloy.layers import MeanOfMembers
from sloy.losses import LossLike
from sloy.model import Model
from sloy.problem import Network
from sloy.pruning.passes import Passes
from sloy.training.callbacks import EarlyStopping
from sloy.training.fine_tune import fine_tune
from sloy.training.history import Row
from sloy.training.members import Lesson, fit_members
from sloy.training.paired import losses_of
from sloy.training.recipe import Recipe
from sloy.training.run import Callback, Run
from sloy.training.stages import named_layers

DEFAULT = Recipe(optimizer="adam", learning_rate=1e-4, batch_size=64)
EPOCHS = 2
STEPS = 100  # of a training again, which has more epochs where these are few
SLOWER = (1.0, 0.3, 0.1, 0.03)  # of the rate, one after another until one helps


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What the members of an ensemble learned from.

    Parameters
    ----------
    data : Dataset
        What `fit_members` was given.
    loss : Loss or str, optional
        Of one member.
    share : float
        Of the rows, that each held out.
    seed : int
        Of its recipe.
    """

    data: Dataset
    loss: LossLike | None = None
    share: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        real("Ensemble", "share", self.share, above=0, below=1)
        integer("Ensemble", "seed", self.seed, least=0)


@dataclass(frozen=True, eq=False)
class Retraining:
    """How a pruned model is trained again.

    Parameters
    ----------
    train, held_out : Dataset
        The best epoch by the loss of those held out is kept.
    epochs : int, optional
        0: it is not trained again. By default `EPOCHS`, and more where these are fewer than `STEPS` steps.
    recipe : Recipe or None
    seed : int
    tell : callable
        Told of epochs.
    ensemble : Ensemble, optional
        The members are judged by the rows that each held out, as all others held these in training; and their mean, as
        it is drawn and pruned by, must not be worse.
    """

    train: Dataset
    held_out: Dataset
    epochs: int | None
    recipe: Recipe | None
    seed: int
    tell: Callable[[str, int, int], None]
    ensemble: Ensemble | None = None

    def __call__(self, model: Model) -> tuple[Model, list[str]]:
        """The model trained again, where that is better; and what is to be said."""
        if self.epochs == 0:
            return model, []
        recipe = self.recipe or replace(DEFAULT, seed=self.seed)
        rows = len(self.train if self.ensemble is None else self.ensemble.data)
        steps = -(-rows // recipe.batch_size)
        recipe = replace(
            recipe, epochs=self.epochs or max(EPOCHS, -(-STEPS // steps)), patience=None
        )
        way = _Whole(self) if self.ensemble is None else _Members(self, self.ensemble, model)
        judged = [way.loss] if isinstance(way, _Whole) else [way.loss, _Whole(self).loss]
        before, found = [loss(model) for loss in judged], []
        for share in SLOWER:
            what = "epochs of training again" + f" at {share:g} of the rate" * (share < 1)
            shown = _Epochs(self.tell, what, recipe.epochs)
            trained = way.trained(model, _slower(recipe, share), shown)
            found.append([loss(trained) for loss in judged])
            if all(new <= old for new, old in zip(found[-1], before, strict=True)):
                return trained, []
            if not isinstance(recipe.learning_rate, float | int):  # a schedule has its own
                break
        return model, [
            f"training again did not help: {_told(before)} before, {_told(min(found))} after; it was left out"
        ]


def _told(losses: Sequence[float]) -> str:
    """The loss; of members theirs, each on its own rows, and that of their mean."""
    if len(losses) == 1:
        return f"loss {losses[0]:.4g}"
    return f"loss {losses[0]:.4g} of the members, {losses[1]:.4g} of their mean"


def _slower(recipe: Recipe, share: float) -> Recipe:
    rate = recipe.learning_rate
    return replace(recipe, learning_rate=rate * share) if isinstance(rate, float | int) else recipe


@dataclass(frozen=True, eq=False)
class _Whole:
    """A model trained again as it is."""

    of: Retraining

    def trained(self, model: Model, recipe: Recipe, shown: Callback) -> Model:
        again, _ = fine_tune(
            model,
            self.of.train,
            validation=self.of.held_out,
            recipe=recipe,
            freeze=None,
            first_rate=1.0,
            callbacks=[EarlyStopping(patience=recipe.epochs), shown],
            engine=model.engine,
            verbose=False,
        )
        return again

    def loss(self, model: Model) -> float:
        passes = Passes(model)
        return passes.loss(passes.samples(self.of.held_out, "prune"))


@dataclass(frozen=True, eq=False)
class _Members:
    """The members of a model trained again, before their mean."""

    of: Retraining
    ensemble: Ensemble
    model: Model

    def __post_init__(self) -> None:
        if not self._behind:
            raise InvalidArgument("prune: `ensemble` is given, but the network has no members.")

    @cached_property
    def _behind(self) -> int:
        """How many layers are before the mean."""
        layers = self.model.network.layers
        return next((k for k, one in enumerate(layers) if isinstance(one, MeanOfMembers)), 0)

    @cached_property
    def network(self) -> Network:
        """What is before the mean."""
        layers = named_layers(self.model.network)[: self._behind]
        return Network(self.model.network.input_shape, layers)

    def trained(self, model: Model, recipe: Recipe, shown: Callback) -> Model:
        names, given = self.network.shapes, self.ensemble
        again, _ = fit_members(
            self.network,
            given.data,
            validation=given.share,
            loss=given.loss,
            recipe=replace(recipe, seed=given.seed),
            parameters={name: np.array(model.parameters[name]) for name in names},
            preprocessing=model.problem.preprocessing,
            callbacks=[shown],
            engine=model.engine,
            verbose=False,
        )
        theirs = {name: np.asarray(again.parameters[name]) for name in names}
        parts = model.parts._replace(parameters={**dict(model.parameters), **theirs})
        return Model.of(parts, model.engine)

    @cached_property
    def _lesson(self) -> Lesson:
        given = self.ensemble
        recipe = Recipe(seed=given.seed)
        return Lesson.of(self.network, given.data, given.share, given.loss, recipe)

    def loss(self, model: Model) -> float:
        """The mean loss of each member on the rows that it held out."""
        lesson = self._lesson
        assert lesson.validation is not None
        problem = replace(
            model.problem,
            network=self.network,
            loss=lesson.loss,
            metrics=(),
            target_shape=lesson.validation.y.shape[1:],
            target_dtype="float32",
            origin=(),
            threshold=None,
        )
        kept = {name: np.array(model.parameters[name]) for name in self.network.shapes}
        members = Model(problem, kept, engine=model.engine)
        return float(losses_of(members, lesson.validation).mean())


@dataclass
class _Epochs(Callback):
    tell: Callable[[str, int, int], None]
    what: str
    epochs: int

    def on_epoch_end(self, run: Run, row: Row) -> None:
        """Say how many are done."""
        self.tell(self.what, int(row["epoch"]), self.epochs)
