"""`Timeline`: any moment of a run again, to the bit, by few snapshots and exact replay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sloy import text
from sloy.arguments import integer, one_of
from sloy.errors import InvalidArgument
from sloy.model import Model
from sloy.options import check_options, integer_option
from sloy.training.checkpoint import Snapshot
from sloy.training.fork import Branch
from sloy.training.probe import spread
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

    def since(self, holds: Callable[[Model], bool]) -> tuple[int, int] | None:
        """The step after which something holds of the model, by bisection: epoch (from 1) and step (from 1) of it.

        Of something that came and went it is one of the steps at which it came. Before the first step is
        ``(1, 0)``; None where it does not hold at the end.
        """
        run, end = self._seen()
        steps, first = run.steps, self._kept[0].epoch * run.steps

        def moment(done: int) -> tuple[int, int]:
            epoch, step = divmod(done, steps)
            return (epoch, steps) if step == 0 and done > first else (epoch + 1, step)

        if not holds(self.at(*moment(end))):
            return None
        before, after = first - 1, end
        while after - before > 1:
            middle = (before + after) // 2
            if holds(self.at(*moment(middle))):
                after = middle
            else:
                before = middle
        return moment(after)

    def killed(self, layer: str, unit: int, x: np.ndarray | None = None) -> tuple[int, int] | None:
        """The step after which a unit gives 0 for every sample, as `since` gives it.

        Parameters
        ----------
        layer : str
            An activation of the network, such as ``"relu_1"``.
        unit : int
            Its place in the last axis of what the layer gives, from 0.
        x : array, shape (N, *input_shape), optional
            By default at most 256 samples of those that the run trains on, of each class its share.
        """
        run, _ = self._seen()
        order = run.order
        one_of("Timeline.killed", "layer", layer, tuple(order.problem.network.layer_names))
        if x is None:
            x = order.data.x[spread(order.data, 256, order.recipe.seed)]
        units = run.model.activations(x[:1], [layer])[layer].shape[-1]
        integer("Timeline.killed", "unit", unit, 0, units - 1)
        return self.since(lambda model: not model.activations(x, [layer])[layer][..., unit].any())

    def _seen(self) -> tuple[Run, int]:
        """The run that was watched, and its steps."""
        if self._run is None or not self._kept:
            raise InvalidArgument("Timeline: no run was watched yet.")
        return self._run, self._run.epoch * self._run.steps + self._run.step

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
        run, done = self._seen()
        first = self._kept[0].epoch
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
