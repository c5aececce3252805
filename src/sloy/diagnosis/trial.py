"""Trying remedies by forks: the same samples, three orders, without and with each; the run itself is not touched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sloy.diagnosis.evidence import Evidence
from sloy.diagnosis.proof import Proof
from sloy.diagnosis.remedies import Remedy, remedies_of
from sloy.diagnosis.report import Report
from sloy.errors import SloyError
from sloy.language import Sentence, sentence
from sloy.problem.runner import Runner
from sloy.training.callbacks import Callback
from sloy.training.checkpoint import Snapshot
from sloy.training.probe import spread
from sloy.training.probe_graph import probe_evaluation_graph
from sloy.training.run import Run

NAN = float("nan")
STEPS = 120
ORDERS = 3
MORE_ORDERS = 9  # where all the steps of the run leave it undecided
SURE = 3.0  # standard errors
MUCH = 0.1  # of the loss
MOST = 4.0  # of the first loss, that a sample counts
PROBED = 512  # samples, at most, of each part

Training = Callable[..., Any]  # `fit` with all but what is changed


@dataclass(frozen=True, eq=False)
class Course:
    """What some steps led to: losses (orders, samples) after half of them, and after all; inf where they failed.

    `start` is the mean loss before them.
    """

    start: float
    half: np.ndarray
    end: np.ndarray


@dataclass
class Trier:
    """Tries remedies of one run.

    Parameters
    ----------
    train : callable
        Trains as the run did, with what is given in place of its own: arguments of `sloy.fit`.
    evidence : Evidence
        Of the run.
    now : Snapshot, optional
        Where it stands.
    command : callable, optional
        From arguments that are changed to what to run.
    fixed : sequence of str
        Arguments that cannot be changed.
    """

    train: Training
    evidence: Evidence
    now: Snapshot | None = None
    command: Callable[[Mapping[str, Any]], str] = lambda change: ""
    fixed: Sequence[str] = ()
    _known: dict[tuple[bool, int, int], Course] = field(default_factory=dict, init=False)

    def tried(self, report: Report, seconds: float) -> Report:
        """A report with the remedies of its errors and warnings tried, the first first, while there is time."""
        end = time.perf_counter() + seconds
        proofs: dict[str, tuple[Proof, ...]] = {}
        seen: dict[str, Proof] = {}
        for finding in report.findings:
            if finding.severity == "note" or finding.under or finding.cured is not None:
                continue
            own = []
            for remedy in remedies_of(finding, self.evidence):
                if set(remedy.change) & set(self.fixed):
                    continue
                words = str(remedy.words)
                if words not in seen and time.perf_counter() < end:
                    seen[words] = self.prove(remedy, end)
                if words in seen:
                    own.append(seen[words])
            proofs[finding.id] = tuple(own)
        return report.with_proofs(proofs)

    def prove(self, remedy: Remedy, end: float = float("inf")) -> Proof:
        """Try a remedy for 120 steps; for twice as many, and so on, while it is undecided and there is time.

        What is undecided after as many as the run has is tried in more orders.
        """
        if "patience" in remedy.change:
            return self._stopped(remedy)
        steps = max(2, min(STEPS, self.evidence.total))
        prevents, orders = remedy.prevents or self.now is None, ORDERS
        while True:
            begun = time.perf_counter()
            try:
                own = self._course({}, steps, orders, from_start=prevents)
                other = self._course(remedy.change, steps, orders, from_start=prevents)
            except SloyError as error:
                reason = Sentence("{reason}", {"reason": str(error)})
                return Proof(remedy.words, reason, 0, 0, NAN, NAN, NAN, proved=False)
            proof = self._judged(remedy, own, other, steps, prevents=prevents)
            cost = time.perf_counter() - begun
            # A harm that the run has at its end, and the fork not yet, is still to come.
            to_come = prevents and proof.before < self.evidence.last.loss
            undecided = not proof.proved and (to_come or _may_become_sure(proof))
            whole = steps >= self.evidence.total
            times = MORE_ORDERS / ORDERS if whole else 2
            if not undecided or orders > ORDERS or time.perf_counter() + times * cost > end:
                return proof
            if whole:
                orders = MORE_ORDERS
            steps = min(2 * steps, self.evidence.total)

    def _stopped(self, remedy: Remedy) -> Proof:
        """What stopping earlier gains: the run itself has shown it."""
        readings = self.evidence.readings
        best = min(readings, key=lambda reading: reading.held_out_loss or 0.0)
        end, least = (r.held_out["loss"].astype(np.float64) for r in (readings[-1], best))
        gain, error = float((end - least).mean()), float((end - least).std() / len(end) ** 0.5)
        before, after = float(end.mean()), float(least.mean())
        proved = bool(gain > max(SURE * error, MUCH * before))
        command = self.command(remedy.change) if proved else ""
        return Proof(
            remedy.words,
            sentence("on the validation samples"),
            best.step,
            1,
            before,
            after,
            error,
            proved,
            command,
        )

    def _judged(
        self, remedy: Remedy, own: Course, other: Course, steps: int, *, prevents: bool
    ) -> Proof:
        # Of a ruined network a few samples have losses beyond all measure.
        most = MOST * own.start if np.isfinite(own.start) else np.inf
        gain, error = _gain(own.end, other.end, most)
        half, _ = _gain(own.half, other.half, most)
        before, after = (float(np.mean(course.end)) for course in (own, other))
        enough = MUCH * float(np.minimum(own.end, most).mean())
        # One that falls must still be enough after as many steps again, falling on alike: short forks favour low rates.
        lasts = gain >= half or gain**2 / half > enough
        sound = lasts if np.isfinite(gain) else after < own.start
        proved = bool(gain > max(SURE * error, enough) and sound)
        start = sentence("from the start") if prevents else sentence("from now")
        command = self.command(remedy.change) if proved else ""
        orders = len(own.end)
        return Proof(remedy.words, start, steps, orders, before, after, error, proved, command)

    def _course(
        self, change: Mapping[str, Any], steps: int, orders: int, *, from_start: bool
    ) -> Course:
        key = (from_start, steps, orders)
        if not change and key in self._known:
            return self._known[key]
        fork = _Fork(steps, orders, None if from_start else self.now)
        self.train(**change, callbacks=[fork])
        assert fork.course is not None
        if not change:
            self._known[key] = fork.course
        return fork.course


def _gain(own: np.ndarray, other: np.ndarray, most: float) -> tuple[float, float]:
    """The mean gain of a remedy, and its standard error, over samples and orders; losses count up to `most`."""
    if not np.isfinite(other).all():
        return -float("inf"), 0.0
    if not np.isfinite(own).all():
        return float("inf"), 0.0
    gains = np.minimum(own, most) - np.minimum(other, most)
    of_samples = gains.mean(0)
    error = np.hypot(
        of_samples.std() / len(of_samples) ** 0.5, gains.mean(1).std(ddof=1) / len(gains) ** 0.5
    )
    return float(gains.mean()), float(error)


def _may_become_sure(proof: Proof) -> bool:
    """Whether more steps could show a gain: there is some, not yet sure or much."""
    return bool(np.isfinite(proof.before) and proof.before - proof.after > proof.error)


@dataclass
class _Fork(Callback):
    """Does some steps before the run begins, in several orders, and ends the run there."""

    steps: int
    orders: int
    start: Snapshot | None
    course: Course | None = field(default=None, init=False)

    def on_fit_begin(self, run: Run) -> bool:
        """Fork, measure, and stop."""
        begin = run.snapshot()
        if self.start is not None:
            begin = replace(begin, variables=self.start.variables, history=[])
        measure = _measure(run)
        found = [list(self._losses(run, begin, order, measure)) for order in range(self.orders)]
        half, end = (np.array(losses) for losses in zip(*found, strict=True))
        self.course = Course(float(measure(begin.variables).mean()), half, end)
        return True

    def _losses(
        self, run: Run, begin: Snapshot, number: int, measure: Callable[..., np.ndarray]
    ) -> Iterator[np.ndarray]:
        """The losses after half of the steps, and after all, in one order."""
        half = self.steps // 2
        seed = run.order.recipe.seed + number if number else None
        for part, steps in enumerate((half, self.steps - half)):
            branch = run.fork({}, steps, start=begin, shuffle_seed=seed)
            if not branch.finite:
                yield from [np.full(len(measure(begin.variables)), np.inf)] * (2 - part)
                return
            done = branch.first + len(branch.losses)
            begin = replace(
                begin,
                variables=branch.variables,
                epoch=done // run.steps,
                step=done % run.steps,
            )
            yield measure(branch.variables)


def _measure(run: Run) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
    """From variables to the losses of fixed samples, to train on and to validate on."""
    order = run.order
    names = run.model.network.shapes
    variables = order.engine.variables({name: np.array(run.weights[name]) for name in names})
    runner = Runner(
        order.engine, variables, lambda size: probe_evaluation_graph(order.problem, size)
    )
    batches = []
    for data in (order.data, order.validation):
        if data is not None:
            rows = spread(data, PROBED, order.recipe.seed)
            batches.append({"x": np.ascontiguousarray(data.x[rows]), "y": data.y[rows]})

    def losses(values: Mapping[str, np.ndarray]) -> np.ndarray:
        for name in names:
            variables.write(name, values[name])
        found = [runner(batch, 256)["loss"].astype(np.float64) for batch in batches]
        return np.where(np.isfinite(whole := np.concatenate(found)), whole, np.inf)

    return losses
