"""Training again what was pruned, at a small rate; the better of both is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sloy.data.dataset import Dataset
from sloy.model import Model
from sloy.pruning.passes import Passes
from sloy.training.callbacks import EarlyStopping
from sloy.training.fine_tune import fine_tune
from sloy.training.history import Row
from sloy.training.recipe import Recipe
from sloy.training.run import Callback, Run

DEFAULT = Recipe(optimizer="adam", learning_rate=1e-4, batch_size=64)


@dataclass(frozen=True, eq=False)
class Retraining:
    """How a pruned model is trained again.

    Parameters
    ----------
    train, held_out : Dataset
        The best epoch by the loss of those held out is kept.
    epochs : int
        0: it is not trained again.
    recipe : Recipe or None
    seed : int
    tell : callable
        Told of epochs.
    """

    train: Dataset
    held_out: Dataset
    epochs: int
    recipe: Recipe | None
    seed: int
    tell: Callable[[str, int, int], None]

    def __call__(self, model: Model) -> tuple[Model, list[str]]:
        """The model trained again, where that is better; and what is to be said."""
        if not self.epochs:
            return model, []
        recipe = self.recipe or replace(DEFAULT, seed=self.seed)
        trained, _ = fine_tune(
            model,
            self.train,
            validation=self.held_out,
            recipe=replace(recipe, epochs=self.epochs, patience=None),
            freeze=None,
            first_rate=1.0,
            callbacks=[EarlyStopping(patience=self.epochs), _Epochs(self.tell, self.epochs)],
            engine=model.engine,
            verbose=False,
        )
        before, after = (self._loss(one) for one in (model, trained))
        if after <= before:
            return trained, []
        return model, [
            f"training again did not help: loss {before:.4g} before, {after:.4g} after; it was left out"
        ]

    def _loss(self, model: Model) -> float:
        passes = Passes(model)
        return passes.loss(passes.samples(self.held_out, "prune"))


@dataclass
class _Epochs(Callback):
    tell: Callable[[str, int, int], None]
    epochs: int

    def on_epoch_end(self, run: Run, row: Row) -> None:
        """Say how many are done."""
        self.tell("epochs of training again", int(row["epoch"]), self.epochs)
