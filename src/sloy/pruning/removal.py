"""Units removed in blocks, those first that cost the loss least for the multiply-adds they save."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sloy.problem.inputs import Columns
from sloy.pruning.groups import Group, Structure
from sloy.pruning.passes import Passes
from sloy.pruning.refit import Refit
from sloy.pruning.saliency import activity, scores

PART = 16  # of a group's units are removed at a time, one part
SCORED = 256  # samples that units are scored by after each round; least squares take all
DRAWS = 4  # random directions in place of the loss's columns, where there are more


@dataclass(frozen=True)
class Step:
    """A block of units that was removed.

    Attributes
    ----------
    group : str
        Empty of the whole network, and of what was trained again.
    removed : int
        Units of it.
    multiply_adds : float
        Of a sample, that remain.
    loss : float
        Of the samples that are measured on, after the next layer was refitted.
    """

    group: str
    removed: int
    multiply_adds: float
    loss: float


@dataclass(eq=False)
class Removal:
    """What is removed of a network, block by block.

    Parameters
    ----------
    passes : Passes
        Whose parameters change on the way: weights of removed units become 0, others are refitted.
    structure : Structure
    probe : Columns
        Samples that saliency and least squares go by.
    check : Columns
        Samples whose loss is the limit.
    rises : callable
        From the loss of the whole network to the greatest rise that is allowed, and to the greatest that is allowed
        where it is within its own standard error.
    keep : float or None
        Share of the multiply-adds at which it ends; then the loss has no limit.
    seed : int

    Attributes
    ----------
    order : dict
        Name of a group → the units that were removed, in order.
    first_scores : dict
        Unit → what its removal from the whole network would cost, as foreseen.
    steps : list of Step
    constant : int
        Units that gave the same for all samples.
    """

    passes: Passes
    structure: Structure
    probe: Columns
    check: Columns
    rises: Callable[[float], tuple[float, float]]
    keep: float | None
    seed: int
    tell: Callable[[str, int, int], None] = lambda what, done, total: None
    order: dict[str, list[int]] = field(init=False, default_factory=dict)
    first_scores: dict[int, float] = field(init=False, default_factory=dict)
    steps: list[Step] = field(init=False, default_factory=list)
    constant: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._whole = self.structure.multiply_adds(self.removed)
        self._refit = Refit(self.passes, self.structure, self.probe, self.seed)
        rows = slice(None, None, max(1, len(self.probe) // SCORED))
        of = self.probe
        self._scored = Columns(of.x[rows], of.y[rows], of.weight[rows])
        self._losses = self._measured()
        loss = float(self._losses.mean())
        self._rises = self.rises(loss)
        self.steps.append(Step("", 0, self._whole, loss))
        self._block = {
            group.name: max(1, len(group.units) // PART) for group in self.structure.groups
        }

    @property
    def removed(self) -> np.ndarray:
        """The units that are gone."""
        return np.array([u for units in self.order.values() for u in units], np.int64)

    @property
    def share(self) -> float:
        """Of the multiply-adds that remain."""
        return self.structure.multiply_adds(self.removed) / self._whole

    def run(self) -> None:
        """Remove until the loss, or the multiply-adds, are where they are wanted."""
        self._constants()
        while not self._done() and (active := [g for g in self.structure.groups if self._count(g)]):
            found = self._scores()
            blocks = sorted((self._choose(group, found) for group in active), key=lambda b: b[0])
            for _, group, units in blocks[: -(-len(blocks) // 2)]:
                if self._done():
                    break
                self._try(group, units)
                self.tell("multiply-adds removed", round(100 * (1 - self.share)), 100)

    def restored(self, keep: dict[str, int]) -> None:
        """Take back the last removals of groups, down to so many units each, and refit all from the whole network."""
        model = self.passes.model.parameters
        for name in self.passes.variables:
            self.passes.variables.write(name, np.asarray(model[name]))
        for name, count in keep.items():
            self.order[name] = self.order[name][:count]
        removed = self.removed
        for consumer in self.structure.consumers:
            if np.isin(consumer.units, removed).any():
                self._refit(consumer, removed)

    # --- steps --------------------------------------------------------------------------------------------------------

    def _done(self) -> bool:
        return self.keep is not None and self.share <= self.keep

    def _left(self, group: Group) -> np.ndarray:
        gone = self.order.get(group.name, [])
        return group.units[~np.isin(group.units, gone)]

    def _count(self, group: Group) -> int:
        """How many units of a group are tried next; 0 where none can go."""
        return min(self._block[group.name], len(self._left(group)) - 1)

    def _scores(self) -> dict[int, float]:
        means = activity(self.passes, self.structure, self._scored).means
        draws = DRAWS if self.passes.outputs > DRAWS else 0
        args = self.passes, self.structure, self._scored, means, self.seed, draws
        return scores(*args)

    def _constants(self) -> None:
        """Units that never change go first; what they gave goes into the constants behind them."""
        found = activity(self.passes, self.structure, self.probe)
        self.first_scores = scores(self.passes, self.structure, self.probe, found.means, self.seed)
        for group in self.structure.groups:
            units = [int(u) for u in group.units if int(u) in found.constant]
            units = units[: len(group.units) - 1]
            if units and self._try(group, np.array(units)):
                self.constant += len(units)

    def _choose(self, group: Group, found: dict[int, float]) -> tuple[float, Group, np.ndarray]:
        """The units that are tried next, and what they cost for each multiply-add that they save."""
        left = self._left(group)
        costs = np.array([found[int(u)] for u in left])
        units = left[np.argsort(costs, kind="stable")[: self._count(group)]]
        rise = max(float(np.sort(costs)[: len(units)].sum()), 1e-9)
        removed = np.concatenate([self.removed, units])
        saved = self.structure.multiply_adds(self.removed) - self.structure.multiply_adds(removed)
        return rise / max(saved, 1e-9), group, units

    def _try(self, group: Group, units: np.ndarray) -> bool:
        """Remove units; put them back where the loss rises above the limit, and try fewer of the group after that."""
        variables = self.passes.variables
        consumers = self.structure.of(group)
        names = {name for consumer in consumers for name in self._refit.names(consumer)}
        before = {name: np.array(variables[name]) for name in names}
        removed = np.concatenate([self.removed, units])
        for consumer in consumers:
            self._refit(consumer, removed)
        losses = self._measured()
        if self.keep is None and not self._is_allowed(losses - self._losses):
            for name, value in before.items():
                variables.write(name, value)
            self._block[group.name] = min(self._block[group.name], len(units)) // 2
            return False
        self.order.setdefault(group.name, []).extend(units.tolist())
        left = self.structure.multiply_adds(self.removed)
        self.steps.append(Step(group.name, len(units), left, float(losses.mean())))
        return True

    def _measured(self) -> np.ndarray:
        """The loss of each sample that is measured on, float64."""
        return self.passes.each(self.check)["loss"].astype(np.float64)

    def _is_allowed(self, rise: np.ndarray) -> bool:
        """Whether the loss may rise so, sample by sample."""
        sure, unsure = self._rises
        mean, error = rise.mean(), rise.std() / len(rise) ** 0.5
        return bool(mean <= max(sure, min(unsure, error)))
