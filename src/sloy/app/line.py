"""`Line`: the course of a playground's network, any moment of which can be had again, changed and branched from."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import sloy
from sloy.app.designs import Design, carried
from sloy.app.scenes import Scene
from sloy.arguments import instance
from sloy.engines import Engine
from sloy.errors import InvalidArgument
from sloy.model import Model
from sloy.problem import Network
from sloy.training.rates import waiting_run
from sloy.training.run import Run
from sloy.training.state import TrainingState
from sloy.training.timeline import Timeline

EPOCHS = 1_000_000
BUDGET = 1_000_000  # bytes of snapshots of a segment, or 40 of them
POINTS = 400  # of a curve


@dataclass
class Segment:
    """Steps of one design: a run that waits, its timeline, and how many steps came before."""

    design: Design
    run: Run
    timeline: Timeline
    first: int


@dataclass(frozen=True, eq=False)
class Pending:
    """A change that is shown, and whose steps are compiled after that, see `Line.settle`."""

    design: Design
    model: Model
    state: TrainingState
    before: Segment | None


@dataclass
class Curve:
    """What was measured: rows of step, loss and score in training, loss and score in the test; thinned where many."""

    rows: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, *row: float) -> None:
        """Measured now."""
        if self.rows and self.rows[-1][0] == row[0]:
            self.rows[-1] = row
            return
        self.rows.append(row)
        if len(self.rows) > POINTS:
            self.rows = [*self.rows[:-1:2], self.rows[-1]]

    def back_to(self, step: int) -> None:
        """Forget what came after a step."""
        self.rows = [row for row in self.rows if row[0] <= step]


class Line:
    """A network on a scene, from its first step on.

    Parameters
    ----------
    scene : Scene
    design : Design
    engine : Engine
    key : int
        What it is known by among others, whichever of them come and go.

    Attributes
    ----------
    curve : Curve
    failed : str
        Why it cannot go on: a loss or gradient was not finite; else empty.
    """

    def __init__(self, scene: Scene, design: Design, engine: Engine, key: int = 0) -> None:
        instance("Line", "scene", scene, Scene)
        instance("Line", "design", design, Design)
        self.scene = scene
        self.key = key
        self._engine = engine
        self._train, self._test = scene.part(test=False), scene.part(test=True)
        self.curve = Curve()
        self.failed = ""
        self._pending: Pending | None = None
        self._measured: dict[str, float] = {}  # of now; empty once something moved
        self._epochs = 0.0  # done before the first step that it can be set back to
        self._segments = [self._segment(design, 0, TrainingState())]
        self.measure()

    @property
    def design(self) -> Design:
        """Of now."""
        return self._pending.design if self._pending else self._segments[-1].design

    @property
    def model(self) -> Model:
        """Of now; its parameters are live."""
        return self._pending.model if self._pending else self._segments[-1].run.model

    @property
    def step(self) -> int:
        """Steps done."""
        return self._segments[-1].first + self._segments[-1].run.steps_done

    @property
    def first(self) -> int:
        """The step that it can be set back to."""
        return self._segments[0].first

    @property
    def steps_of_epoch(self) -> int:
        """Steps of an epoch."""
        return -(-len(self._train) // min(self.design.batch_size, len(self._train)))

    @property
    def epoch(self) -> float:
        """Epochs done, all designs together."""
        own = sum(segment.run.steps_done / segment.run.steps for segment in self._segments)
        return self._epochs + own

    def advance(self, steps: int) -> None:
        """Do steps; where one is not finite, stand before it and say so in `failed`."""
        if self.failed:
            return
        self.settle()
        self._measured = {}
        segment = self._segments[-1]
        run = segment.run
        branch = run.fork({}, steps)
        done = run.steps_done + len(branch.losses)
        epoch, step = divmod(done, run.steps)
        here = replace(run.snapshot(), partial={}, seconds=0.0)
        run.restore(replace(here, variables=branch.variables, epoch=epoch, step=step))
        if not branch.finite:
            self.failed = "not finite"
        if not step:
            segment.timeline.on_epoch_begin(run, epoch + 1)

    def back_to(self, step: int) -> None:
        """Stand at a moment again, to the bit; what came after it is forgotten."""
        if not self.first <= step <= self.step:
            raise InvalidArgument(
                f"playground: `step` (={step}) must be from {self.first} to {self.step}."
            )
        self.settle()
        self._measured = {}
        while len(self._segments) > 1 and self._segments[-1].first > step:
            self._segments.pop()
        segment = self._segments[-1]
        local = step - segment.first
        if local != segment.run.steps_done:
            epoch, within = divmod(local, segment.run.steps)
            segment.timeline.back_to(epoch + 1, within)
            if not within and epoch + 1 not in segment.timeline.epochs:
                segment.timeline.on_epoch_begin(segment.run, epoch + 1)
        self.failed = ""
        self.curve.back_to(step)
        self.measure()

    def change(self, design: Design) -> None:
        """Go on with another design from here: with the same parameters as far as there are such.

        Its model is there at once; what its first step needs is compiled by `settle`.
        """
        self.settle()
        segment = self._segments[-1]
        if design == segment.design:
            return
        state = segment.run.state
        wide = self._network(design)
        alike = wide.shapes == segment.run.model.network.shapes
        kept = alike and design.optimizer == segment.design.optimizer
        if not kept:
            state = TrainingState()
        model = segment.run.model
        parameters = dict(state.variables) if kept else self._carried(segment, design, wide)
        own = {name: parameters[name] for name in wide.shapes}
        shown = Model(replace(model.problem, network=wide), own, engine=self._engine)
        self._pending = Pending(design, shown, state, None if kept else segment)
        self.failed, self._measured = "", {}
        self.measure()

    def settle(self) -> None:
        """Compile the steps of the last change, where that was not done yet."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        following = self._segment(pending.design, self.step, pending.state, pending.before)
        if not self._segments[-1].run.steps_done:  # nothing was done with it
            self._segments.pop()
        self._segments.append(following)

    def branched(self, key: int) -> Line:
        """Another line that begins here, with numbers of its own."""
        self.settle()
        other = copy.copy(self)
        other.key = key
        segment = self._segments[-1]
        state = copy.deepcopy(segment.run.state)
        other._segments = [self._segment(segment.design, self.step, state)]
        other.curve = Curve(list(self.curve.rows))
        other._epochs = self.epoch
        return other

    def measure(self) -> dict[str, float]:
        """Loss and score on both parts, which join the curve; measured once where nothing moved since."""
        if self._measured:
            return self._measured
        score = "accuracy" if self.scene.classes else "r2"
        found: dict[str, float] = {}
        for name, data in (("train", self._train), ("test", self._test)):
            figures = self.model.evaluate(data)
            found[f"{name}_loss"] = float(figures["loss"])
            found[f"{name}_score"] = float(figures[score])
        self.curve.add(self.step, *found.values())
        self._measured = found
        return found

    # --- parts ------------------------------------------------------------------------------------

    def _network(self, design: Design) -> Network:
        return design.network(self.scene.x.shape[1], len(self.scene.classes) or 1)

    @staticmethod
    def _carried(before: Segment, design: Design, network: Network) -> dict[str, np.ndarray]:
        """The parameters of a design, those of the one before as far as there are such."""
        old = {name: np.asarray(v) for name, v in before.run.model.parameters.items()}
        return carried(before.design, old, design, network.initialize(design.seed))

    def _segment(
        self, design: Design, first: int, state: TrainingState, before: Segment | None = None
    ) -> Segment:
        """A run of a design, not begun: of a state, or with what stays of another run's parameters."""
        network = self._network(design)
        parameters = None
        if before is not None:
            parameters = self._carried(before, design, network)
        options: dict[str, Any] = {
            "optimizer": design.optimizer,
            "learning_rate": design.learning_rate,
            "batch_size": min(design.batch_size, len(self._train)),
            "seed": design.seed,
            "epochs": EPOCHS,
        }
        run = waiting_run(
            lambda callback: sloy.fit(
                network,
                self._train,
                loss=Design.loss(len(self.scene.classes)),
                preprocessing="none",
                callbacks=[callback],
                engine=self._engine,
                parameters=parameters,
                state=state,
                verbose=False,
                **options,
            )
        )
        size = sum(np.asarray(value).nbytes for value in run.variables.values())
        timeline = Timeline(budget=max(BUDGET, 40 * size))
        timeline.on_fit_begin(run)
        timeline.on_epoch_begin(run, 1)
        return Segment(design, run, timeline, first)
