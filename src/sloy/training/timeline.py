"""`Timeline`: any moment of a run again, to the bit, by few snapshots and exact replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sloy import text
from sloy.arguments import integer
from sloy.errors import InvalidArgument
from sloy.model import Model
from sloy.options import check_options, integer_option
from sloy.training.checkpoint import Snapshot
from sloy.training.fork import Branch
from sloy.training.run import Callback, Run


@dataclass
class Timeline(Callback):
    """Keeps snapshots of a run within a budget, from which any step of it can be done again.

    A snapshot is taken before each epoch; where they no longer fit, those go whose neighbours are nearest, measured by
    how long ago they are, so that the newest stand closest. All but the snapshots is computed again when it is asked
    for: order, masks, augmentation and rates are functions of the seed and the step.

    Parameters
    ----------
    budget : int
        Bytes that the snapshots may take.

    Raises
    ------
    InvalidArgument
        At the beginning of a run of which the budget holds fewer than two snapshots.

    Examples
    --------
    >>> import numpy as np, sloy
    >>> x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    >>> network = sloy.Network((4,), [sloy.layers.Dense(8), sloy.layers.Tanh(), sloy.layers.Dense(2)])
    >>> line = Timeline(budget=10_000)
    >>> model, _ = sloy.fit(network, (x, (x[:, 0] > 0).astype(int)), epochs=6, batch_size=16, callbacks=[line],
    ...                     engine="reference", verbose=False)
    >>> last = line.at(6, 4)
    >>> bool((last.parameters["dense_1/weight"] == model.parameters["dense_1/weight"]).all())
    True
    """

    budget: int = integer_option(200_000_000)
    _run: Run | None = field(default=None, init=False, repr=False)
    _kept: list[Snapshot] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        check_options("Timeline", self)

    def on_fit_begin(self, run: Run) -> None:
        """Begin afresh."""
        size = sum(np.asarray(value).nbytes for value in run.variables.values())
        if 2 * size > self.budget:
            raise InvalidArgument(
                f"Timeline: `budget` (={self.budget}) holds fewer than two snapshots of {text.size(size)}."
            )
        self._run, self._kept = run, []

    def on_epoch_begin(self, run: Run, epoch: int) -> None:
        """Keep the moment, and drop what no longer fits."""
        self._kept.append(replace(run.snapshot(), history=[], callbacks=[]))
        while self.bytes > self.budget:
            del self._kept[self._least()]

    @property
    def bytes(self) -> int:
        """What the snapshots take."""
        return sum(value.nbytes for one in self._kept for value in one.variables.values())

    @property
    def epochs(self) -> tuple[int, ...]:
        """Before which epochs, from 1, there are snapshots."""
        return tuple(one.epoch + 1 for one in self._kept)

    def steps_to(self, epoch: int, step: int = 0) -> int:
        """How many steps are done again to get to a moment."""
        run, done = self._of(epoch, step)
        return done - max(one.epoch for one in self._kept if one.epoch < epoch) * run.steps

    def at(self, epoch: int, step: int = 0) -> Model:
        """The model after some steps (from 0) of an epoch (from 1), as it was, to the bit.

        Raises
        ------
        InvalidArgument
            Where the run was not there, or a resumed run did not see it.
        """
        found = self.snapshot(epoch, step)
        assert self._run is not None
        model = self._run.model
        weights = {name: found.variables[name] for name in model.network.shapes}
        return Model(model.problem, weights, class_names=model.class_names, engine=model.engine)

    def branch(self, epoch: int, step: int, change: Mapping[str, Any], steps: int) -> Branch:
        """What the run would have done from a moment on with another recipe, see `Run.fork`."""
        start = self.snapshot(epoch, step)
        assert self._run is not None
        return self._run.fork(change, steps, start=start)

    def back_to(self, epoch: int, step: int = 0) -> None:
        """Set the run itself back to a moment, and forget what came after it; while no step runs."""
        moment = self.snapshot(epoch, step)
        assert self._run is not None
        self._kept = [one for one in self._kept if one.epoch < epoch]
        self._run.restore(moment)

    def snapshot(self, epoch: int, step: int = 0) -> Snapshot:
        """The run at a moment: the last snapshot before it, and the steps since, epoch by epoch."""
        run, _ = self._of(epoch, step)
        now = max((one for one in self._kept if one.epoch < epoch), key=lambda one: one.epoch)
        rows = run.history.rows
        while (now.epoch, now.step) != (epoch - 1, step):
            count = run.steps if now.epoch < epoch - 1 else step
            branch = run.fork({}, count, start=replace(now, history=rows[: now.epoch]))
            ended = now.epoch < epoch - 1
            now = replace(
                now,
                variables=branch.variables,
                epoch=now.epoch + ended,
                step=0 if ended else step,
            )
        return replace(now, history=rows[: now.epoch])

    def _of(self, epoch: int, step: int) -> tuple[Run, int]:
        """The run, and the steps of it before a moment, which must be one of its own."""
        integer("Timeline", "epoch", epoch)
        integer("Timeline", "step", step, 0)
        run = self._run
        if run is None or not self._kept:
            raise InvalidArgument("Timeline: no run was watched yet.")
        first, done = self._kept[0].epoch, run.epoch * run.steps + run.step
        asked = (epoch - 1) * run.steps + step
        if epoch <= first or step > run.steps or asked > done:
            raise InvalidArgument(
                f"Timeline: epoch {epoch}, step {step} was not seen: epochs {first + 1} to"
                f" {max(1, -(-done // run.steps))} of {text.many(run.steps, 'step')} were."
            )
        return run, asked

    def _least(self) -> int:
        """The snapshot that is missed least: of the inner ones, or the second of two."""
        places = [one.epoch for one in self._kept]
        now = places[-1] + 1

        def missed(i: int) -> float:
            return (places[i + 1] - places[i - 1]) / (now - places[i])

        return min(range(1, len(places) - 1), key=missed)
