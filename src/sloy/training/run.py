"""`Run`: a training run as callbacks see it, and what callbacks are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sloy.engines.variables import Variables
from sloy.errors import InvalidArgument
from sloy.training import measured
from sloy.training.checkpoint import Snapshot
from sloy.training.fork import Branch, fork
from sloy.training.history import History, Row
from sloy.training.order import Order
from sloy.training.state import TrainingState
from sloy.training.step import trained

if TYPE_CHECKING:
    from sloy.model import Model

State = dict[str, Any]  # JSON values, and arrays at the top level


@dataclass(frozen=True)
class Progress:
    """Where a run stands within an epoch.

    Attributes
    ----------
    epoch : int
        From 1.
    step, steps : int
        Batches done, and batches in an epoch.
    samples, total_samples : int
        Samples done, and samples in an epoch.
    seconds : float
        Training time of this epoch so far.
    values : dict
        Running means of ``loss`` and the metrics over the samples done.
    """

    epoch: int
    step: int
    steps: int
    samples: int
    total_samples: int
    seconds: float
    values: dict[str, float]


@dataclass(frozen=True)
class Batch:
    """A step that is done.

    Attributes
    ----------
    epoch : int
        From 1.
    step, steps : int
        The step within the epoch, from 1, and steps in an epoch.
    learning_rate : float
        Of this step.
    values : dict
        ``loss`` and the metrics of this batch, measured just before the update; ``gradient_norm``, and with
        `Recipe.gradient_norms` ``gradient_norm/<parameter>``.
    """

    epoch: int
    step: int
    steps: int
    learning_rate: float
    values: dict[str, float]


class Callback:
    """What watches a run: override the methods of interest; each may return True to stop the run.

    `state` and `restore` carry what a callback remembers into checkpoints and back, so that a
    resumed run ends as if it had never stopped.

    Examples
    --------
    >>> class Until(Callback):
    ...     "Stop at a training loss."
    ...     def on_epoch_end(self, run, row):
    ...         return row["loss"] < 0.1
    """

    def __init_subclass__(cls) -> None:
        """Refuse a method that is called as a moment is, and is none: it would never be called."""
        super().__init_subclass__()
        moments = [name for name in dir(Callback) if name.startswith("on_")]
        for name in vars(cls):
            if name.startswith("on_") and name not in moments:
                raise InvalidArgument(
                    f"{cls.__name__}: nothing calls {name}; the moments are {', '.join(moments)}."
                )

    def on_count(self, what: str, done: int, total: int) -> None:
        """While `fine_tune` computes what its frozen layers give: so many of all samples are done."""

    def on_fit_begin(self, run: Run) -> bool | None:
        """Before the first epoch; after `restore` where the run resumes."""

    def on_epoch_begin(self, run: Run, epoch: int) -> bool | None:
        """Before the first step of an epoch (from 1)."""

    def on_batch_end(self, run: Run, batch: Batch) -> bool | None:
        """After each step; a run with a callback that overrides this returns to Python for it."""

    def pause_after(self, run: Run) -> int | None:
        """After how many steps of the whole run, at least one more than are done, `on_pause` is to be called."""
        return None

    def on_pause(self, run: Run) -> bool | None:
        """Between two steps, after that of `pause_after`."""

    def on_progress(self, run: Run, progress: Progress) -> bool | None:
        """About every 0.05 s while an epoch runs, between two steps."""

    def on_epoch_end(self, run: Run, row: Row) -> bool | None:
        """After an epoch and its validation; `row` is its row of the history."""

    def on_fit_end(self, run: Run) -> bool | None:
        """After the last epoch, or after the run was stopped, interrupted or failed."""

    @property
    def wants_batches(self) -> bool:
        """Whether `on_batch_end` is overridden."""
        return type(self).on_batch_end is not Callback.on_batch_end

    @property
    def wants_epochs(self) -> bool:
        """Whether anything is overridden that is called while epochs run; else many small ones run together."""
        names = ("on_epoch_begin", "on_progress", "on_epoch_end")
        own = any(getattr(type(self), name) is not getattr(Callback, name) for name in names)
        return own or self.wants_batches

    def state(self) -> State:
        """What a checkpoint keeps of this callback: JSON values and arrays by name."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take what `state` returned."""


class Ready(Exception):
    """Ends a run before its first step, in all processes that share it: who began it goes on with it."""


class Run:
    """A training run, as callbacks see it.

    Attributes
    ----------
    model : Model
        Shares its weights with the run: always the newest.
    history : History
        The epochs done.
    weights : Variables
        Parameters and states by name, live; ``weights.write(name, array)`` sets one on every engine.
    epochs, epoch : int
        Epochs to do, and done.
    steps, step : int
        Steps of an epoch, and done in the epoch that runs.
    samples, batch_size : int
        Training samples of an epoch, and of a step.
    waited : float
        Seconds so far in which samples of a stream were waited for.
    error : BaseException or None
        In `Callback.on_fit_end`, what ended the run early.
    """

    def __init__(
        self,
        order: Order,
        state: TrainingState,
        model: Model,
        callbacks: Sequence[Callback] = (),
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.order = order
        self.model = model
        self.history = History()
        self.callbacks = tuple(callbacks)
        self.state = state
        self.variables = state.variables
        self.epoch = self.step = 0
        self.waited = 0.0
        self._config = dict(config or {})
        self.error: BaseException | None = None  # what ended the run, told to `on_fit_end`
        self._computing = False  # whether the engine is at steps, and nothing stands between two
        self._unfinished = measured.UnfinishedEpoch()
        self.machine = {"engine": order.engine.name, **order.engine.settings}

    @property
    def epochs(self) -> int:
        """Epochs to do."""
        return self.order.epochs

    @property
    def leads(self) -> bool:
        """Whether this process writes files and shows progress: of several that share the run, the first."""
        return self.order.engine.processes.leads

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return self.order.steps

    @property
    def steps_done(self) -> int:
        """Steps of the whole run done."""
        return self.epoch * self.steps + self.step

    @property
    def samples(self) -> int:
        """Training samples."""
        return len(self.order.data)

    @property
    def batch_size(self) -> int:
        """Samples of a step."""
        return self.order.recipe.batch_size

    @property
    def cycle_ends(self) -> tuple[int, ...]:
        """Epochs after which cycles of the schedule end; none where it has no cycles."""
        return self.order.schedule.ends(self.epochs)

    @cached_property
    def weights(self) -> Variables:
        """Parameters and states by name, live."""
        return self.variables.select(self.order.problem.network.shapes)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that every row of the history will have."""
        order = self.order
        watched = order.recipe.gradient_norms
        names = trained(order.problem.network.parameters, order.recipe.trainable) if watched else ()
        return measured.columns(
            order.problem.metrics, validated=bool(order.validation), parameters=names
        )

    @property
    def rising(self) -> frozenset[str]:
        """Columns of which more is better: those of metrics that say so."""
        return measured.rising(self.order.problem.metrics)

    def snapshot(self) -> Snapshot:
        """Where the run stands, between two steps: a copy, which later steps do not change.

        Given to `fork` as its start, it is taken up to the bit.
        """
        if self._computing:
            raise InvalidArgument(
                "Run: no snapshot or fork can be made in `on_progress`, while steps run; the other methods"
                " of a callback are called between two steps."
            )
        shown = self._shown()
        copied = {name: value.copy() for name, value in shown.variables.items()}
        return replace(shown, variables=copied, history=[dict(row) for row in shown.history])

    def fork(
        self,
        change: Mapping[str, Any],
        steps: int,
        *,
        start: Snapshot | None = None,
        shuffle_seed: int | None = None,
    ) -> Branch:
        """Try steps with another recipe; the run stays as it is, to the bit.

        The fork does what the run would do next: the same samples in the same order, the same masks, and its schedule
        has the clock of the run. Callbacks are not told, nothing is validated or saved.

        Parameters
        ----------
        change : mapping
            Options of the recipe that differ: ``{"learning_rate": 0.001}``; none gives the run's own next steps. What
            the plan is made of, such as `epochs` or `batch_size`, stays.
        steps : int
            How many, at most to the end of the run.
        start : Snapshot, optional
            Of this run, from where to start; by default from now.
        shuffle_seed : int, optional
            Of another order of the samples; by default the run's own.

        Examples
        --------
        >>> import numpy as np, sloy
        >>> class Slower(sloy.Callback):
        ...     def on_epoch_begin(self, run, epoch):
        ...         own, slow = (run.fork(change, 3).losses for change in ({}, {"learning_rate": 1e-6}))
        ...         print(bool(own[-1] < slow[-1]))
        >>> x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
        >>> network = sloy.Network((4,), [sloy.layers.Dense(8), sloy.layers.Tanh(), sloy.layers.Dense(2)])
        >>> options = {"epochs": 2, "batch_size": 16, "learning_rate": 0.1, "engine": "reference", "verbose": False}
        >>> _ = sloy.fit(network, (x, (x[:, 0] > 0).astype(int)), callbacks=[Slower()], **options)
        True
        True
        """
        return fork(self.order, self.state, self.snapshot(), change, steps, start, shuffle_seed)

    def _shown(self) -> Snapshot:
        """The snapshot of now, its arrays the run's own."""
        return Snapshot(
            config=self._config,
            machine=self.machine,
            epoch=self.epoch,
            step=self.step,
            seconds=self._unfinished.seconds,
            history=self.history.rows,
            variables=self.variables,
            partial=self._unfinished.outputs,
            callbacks=[
                {"class": type(c).__name__, **state} for c in self.callbacks if (state := c.state())
            ],
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Take up a run where a snapshot of it stands; `variables` are written in place."""
        self.state.put(snapshot.variables)
        self.epoch, self.step = snapshot.epoch, snapshot.step
        self._unfinished = measured.UnfinishedEpoch(snapshot.seconds, snapshot.partial)
        self.state.epochs = self.order.epochs_before + self.epoch
        self.state.steps = self.order.steps_before + self.epoch * self.steps + self.step
        self.history = History(snapshot.history)
        remembering = [callback for callback in self.callbacks if callback.state()]
        for callback, state in zip(remembering, snapshot.callbacks, strict=True):
            callback.restore({name: value for name, value in state.items() if name != "class"})
