"""The one loop: epochs of batches, what they measured, and when to save and to stop."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.engines.base import POLL_SECONDS, BatchRun
from sloy.errors import InvalidArgument, NonFiniteError
from sloy.problem.graphs import evaluation_graph
from sloy.problem.runner import Runner, figures
from sloy.training import measured
from sloy.training.checkpoint import Checkpoint, Store
from sloy.training.history import Row
from sloy.training.interrupt import Deferred
from sloy.training.not_finite import failed_step
from sloy.training.order import Order
from sloy.training.run import Batch, Callback, Progress, Ready, Run
from sloy.training.state import TrainingState
from sloy.training.stepper import Stepper

if TYPE_CHECKING:
    from sloy.model import Model


SAVE, STOP = 1, 2  # what a process may wish between two steps; more is a signal


class _Pause(Exception):
    pass


class _Stop(Exception):
    pass


class Loop(Run):
    """A run that trains."""

    def __init__(
        self,
        order: Order,
        state: TrainingState,
        model: Model,
        callbacks: Sequence[Callback] = (),
        checkpoint: Checkpoint | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(order, state, model, callbacks, config)
        self._processes = order.engine.processes
        each = any(callback.wants_batches for callback in self.callbacks)
        self._each_batch = bool(self._processes.largest(each))
        self._stretch = order.stretch(0, self.history)
        self._polled = 0.0
        self._checkpoint = checkpoint
        self._store = Store(checkpoint.path) if checkpoint else None
        self._stepper = Stepper(order, state)
        self._saved = time.monotonic()
        self._signals = Deferred(self._processes)
        self._last = False  # whether a callback stops the run after the epoch's last step

    @property
    def store(self) -> Store:
        """Where the checkpoints are; only with a `checkpoint`."""
        assert self._store is not None
        return self._store

    def train(self) -> None:
        """Do what is left of the plan.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C, after the checkpoint is saved; it has the attributes `model` and `history`.
        NonFiniteError
            Where a loss or gradient is NaN or infinite.
        """
        try:
            self._stepper.compile()  # while Ctrl-C still acts at once
            with self._signals, self._stepper.holding():
                self._guarded()
        except KeyboardInterrupt as error:
            # The class stays: the shell learns of Ctrl-C only by KeyboardInterrupt itself.
            vars(error).update(model=self.model, history=self.history)
            raise

    def _guarded(self) -> None:
        try:
            self._epochs()
        except BaseException as error:
            self.error = error
            if self._signals.delivered and not self._signals.forced:
                self._save(error)
            elif not isinstance(error, NonFiniteError | Ready):  # which all have
                self._processes.ended(error)
            raise
        finally:
            self._notify("on_fit_end")

    def _epochs(self) -> None:
        if self._stops("on_fit_begin"):
            return
        unwatched = self._unwatched
        while self.epoch < self.epochs:
            asked = self._asked()
            end = min([self.epochs * self.steps, *(step for _, step in asked)]) // self.steps
            if unwatched and not self.step and end > self.epoch:
                self._train_together(end)
                if self._pause(asked):
                    return
                continue
            if self._stops("on_epoch_begin", self.epoch + 1):
                return
            if self._train_epoch():
                self._save()
                return
            row = self._row(self._validate())
            self.history.append(row)
            self.epoch, self.step, self._unfinished = self.epoch + 1, 0, measured.UnfinishedEpoch()
            self.state.epochs += 1
            stop = self._stops("on_epoch_end", row) or self._last
            if stop or self.epoch == self.epochs or self._is_due:
                self._save()
            self._signals.check()
            if stop:
                return

    def _asked(self) -> list[tuple[Callback, int]]:
        """The callbacks that want to be called after a step to come, and which; where the leader's want it."""
        wanted = [callback.pause_after(self) for callback in self.callbacks]
        steps = self._processes.of_leader([None if step is None else int(step) for step in wanted])
        if len(steps) != len(self.callbacks):
            raise InvalidArgument(
                f"fit: `callbacks`: process 0 has {len(steps)}, this one {len(self.callbacks)}; each has the same."
            )
        asked = zip(self.callbacks, steps, strict=True)
        return [(c, step) for c, step in asked if step is not None and step > self.steps_done]

    def _pause(self, asked: Sequence[tuple[Callback, int]]) -> bool:
        """Call those whose step is done; whether one of them stops the run."""
        answers = [callback.on_pause(self) for callback, step in asked if step <= self.steps_done]
        return bool(answers and self._processes.largest(any(answers)))

    def _stops(self, method: str, *arguments: Any) -> bool:
        """Call every callback; whether one of them, in any process, stops the run."""
        return bool(self._processes.largest(self._notify(method, *arguments)))

    def _notify(self, method: str, *arguments: Any) -> bool:
        """Call every callback; whether one of them stops the run."""
        if not self.callbacks:
            return False
        answers = [getattr(callback, method)(self, *arguments) for callback in self.callbacks]
        return any(answers)

    def _compute(self, rows: np.ndarray, first: int, rates: np.ndarray) -> BatchRun:
        """Some steps, see `Stepper.run`."""
        self._computing = True
        try:
            run = self._stepper.run(rows, first, rates, self._poll)
            self.waited += run.waited
            return run
        finally:
            self._computing = False

    # --- many epochs at once ----------------------------------------------------------------------

    @property
    def _unwatched(self) -> bool:
        """Whether nobody looks at single epochs: their rows are made together, which takes as long as some steps."""
        wanted = any(callback.wants_epochs for callback in self.callbacks)
        watched = self._processes.largest(wanted)
        alone = not watched and self.order.validation is None and self._store is None
        return alone and self.order.schedule.watched is None

    def _train_together(self, end: int) -> None:
        """The epochs of a stretch up to one, in one call of the engine."""
        if self.epoch not in self._stretch:
            self._stretch = self.order.stretch(self.epoch, self.history)
        stretch = self._stretch
        size, first = self.batch_size, self.epoch * self.steps
        some = slice(self.epoch - stretch.first, end - stretch.first)
        self._unfinished.begin()
        run = self._compute(stretch.orders[some], first, stretch.rates[some])
        self._record(run, stretch.rates[some])
        if run.status == "not finite":
            rows = stretch.orders[self.epoch - stretch.first]
            self._not_finite(rows[self.step * size : (self.step + 1) * size])
        if run.error is not None:
            raise run.error
        self._signals.check()

    def _record(self, run: BatchRun, rates: np.ndarray) -> None:
        """Add the epochs that are done, their time shared alike, to the history."""
        self.state.steps += run.steps
        done, self.step = divmod(run.steps, self.steps)
        if done:
            whole = {name: values[: done * self.steps] for name, values in run.outputs.items()}
            seconds = run.seconds * done * self.steps / run.steps
            seconds = self._processes.largest(seconds)
            for row in self._rows(whole, rates[:done], seconds):
                self.history.append(row)
        self.epoch, self.state.epochs = self.epoch + done, self.state.epochs + done

    # --- one epoch --------------------------------------------------------------------------------

    def _train_epoch(self) -> bool:
        """The steps that are left of the epoch; whether a callback stopped them."""
        size = self.batch_size
        if self.epoch not in self._stretch:
            self._stretch = self.order.stretch(self.epoch, self.history)
        order = self._stretch.orders[self.epoch - self._stretch.first]
        self._unfinished.begin()
        self.order.expect(order[self.step * size :])
        while self.step < self.steps:
            asked, done = self._asked(), self.epoch * self.steps
            end = min([self.steps, *(step - done for _, step in asked)])
            end = self.step + 1 if self._each_batch else end
            rows, first = order[self.step * size : end * size], self.epoch * self.steps + self.step
            run = self._compute(rows, first, self._rates[self.step : end])
            self._take(run)
            if run.status == "not finite":
                self._not_finite(order[self.step * size : (self.step + 1) * size])
            if isinstance(run.error, _Stop):
                return True
            if isinstance(run.error, _Pause):
                self._save()
            elif run.error is not None:
                raise run.error
            stop = self._each_batch and bool(run.steps) and self._batch_ended()
            if self._pause(asked) or stop:
                if self.step < self.steps:
                    return True
                self._last = True
        if self.callbacks:
            self._last |= self._stops("on_progress", self._progress())
        return False

    def _take(self, run: BatchRun) -> None:
        """Add the steps of a run to those of the epoch."""
        self.step += run.steps
        self.state.steps += run.steps
        self._unfinished.add(run)

    def _poll(self, steps: int, outputs: Mapping[str, np.ndarray]) -> None:
        self._polled = time.perf_counter()
        wish = self._signals.waiting + STOP if self._signals.waiting else 0
        if not wish and steps and self.callbacks:
            wish = STOP * self._notify("on_progress", self._progress(outputs))
        # Each stretch does a step, however often is to be saved.
        if not wish and steps and self._checkpoint:
            wish = SAVE * (time.monotonic() - self._saved > self._checkpoint.seconds)
        wish = int(self._processes.largest(wish))
        self._signals.answer(max(0, wish - STOP))
        if wish == STOP:
            raise _Stop
        if wish == SAVE:
            raise _Pause

    def _batch_ended(self) -> bool:
        """Tell those who want each batch, and now and then the others; whether one of them stops the run."""
        values = {n: float(v[-1]) for n, v in self._unfinished.newest.items() if n != "weight"}
        rate = float(self._rates[self.step - 1])
        batch = Batch(self.epoch + 1, self.step, self.steps, rate, values)
        stop = self._stops("on_batch_end", batch)
        if self._processes.of_leader(time.perf_counter() - self._polled > POLL_SECONDS):
            try:
                self._poll(self.step, {})
            except _Stop:
                stop = True
            except _Pause:
                self._save()
        return stop

    @property
    def _rates(self) -> np.ndarray:
        """The learning rate of each step of the epoch, float64 (steps,)."""
        return self._stretch.rates[self.epoch - self._stretch.first]

    def _progress(self, running: Mapping[str, np.ndarray] | None = None) -> Progress:
        """How far the epoch is, with the steps so far of the run that goes on."""
        outputs, seconds = self._unfinished.outputs, self._unfinished.seconds
        if running is not None:
            outputs, seconds = measured.joined([outputs, running]), self._unfinished.seconds_now
        done = len(outputs["loss"])
        return Progress(
            epoch=self.epoch + 1,
            step=done,
            steps=self.steps,
            samples=min(done * self.batch_size, self.samples),
            total_samples=self.samples,
            seconds=seconds,
            values={name: float(value) for name, value in measured.means(outputs).items()},
        )

    def _validate(self) -> dict[str, float]:
        if self.order.validation is None:
            return {}
        self._signals.check()
        self.order.expect(None)
        return figures(
            self._evaluator,
            self.order.validation,
            self.order.problem.metrics,
            self.batch_size,
            lambda steps, outputs: self._signals.check(),
        )

    def _row(self, validation: Mapping[str, float]) -> Row:
        seconds = self._processes.largest(self._unfinished.seconds)
        (row,) = self._rows(self._unfinished.outputs, self._rates[None], seconds)
        rest = {name: row.pop(name) for name in measured.OF_THE_STEPS}
        return row | {f"val_{name}": value for name, value in validation.items()} | rest

    def _rows(
        self, outputs: Mapping[str, np.ndarray], rates: np.ndarray, seconds: float
    ) -> list[Row]:
        return measured.rows(
            outputs, rates, first=self.epoch + 1, samples=self.samples, seconds=seconds
        )

    @cached_property
    def _evaluator(self) -> Runner:
        problem = self.order.problem
        graph = partial(evaluation_graph, problem)
        return Runner(self.order.engine, self.variables, graph)

    # --- trouble ----------------------------------------------------------------------------------

    def _not_finite(self, rows: np.ndarray) -> None:
        """Raise the error of the step that failed, on these rows of the data."""
        error = failed_step(self.order, self.variables, rows, self.epoch, self.step, self._rates)
        error.model, error.history = self.model, self.history
        if error.kind != "parameter":
            self._save(error)
        raise error

    # --- checkpoints ------------------------------------------------------------------------------

    @property
    def _is_due(self) -> bool:
        """Whether the end of an epoch is saved."""
        given = self._checkpoint
        due = given is not None and time.monotonic() - self._saved >= given.epoch_seconds
        return bool(self._processes.largest(due))

    def _save(self, error: BaseException | None = None) -> None:
        if self._store is not None and self._processes.leads:
            self._store.save(self._shown())
            if error is not None:
                error.add_note(f"checkpoint saved in {self._store.path}")
        self._saved = time.monotonic()
