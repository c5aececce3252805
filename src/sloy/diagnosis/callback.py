"""`Diagnosis`: watches a run and says what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sloy.arguments import sequence
from sloy.diagnosis.evidence import Evidence
from sloy.diagnosis.facts import Facts, facts
from sloy.diagnosis.report import Report, judge
from sloy.diagnosis.rules import RULES, with_limits
from sloy.errors import InvalidArgument
from sloy.training.probe import Probe
from sloy.training.run import Run


@dataclass
class Diagnosis(Probe):
    """Watches a run, and says in words what goes wrong: a callback of `sloy.fit`.

    It looks at the network now and then (see `sloy.training.probe.Probe`), and at the samples when somebody asks for
    the report; it does not change one bit of the run.

    Parameters
    ----------
    limits : mapping of str to float, optional
        Limits of rules in place of their own: ``{"D08.first": 0.5}``; `sloy diagnose --rules` lists them.
    columns : sequence of str, optional
        Names of the numbers of a sample, by which findings call them.

    Attributes
    ----------
    report : Report
        The findings as far as the run is, at any time.

    Examples
    --------
    >>> import numpy as np, sloy
    >>> x = np.random.default_rng(0).normal(size=(256, 4)).astype(np.float32)
    >>> network = sloy.Network((4,), [sloy.layers.Dense(8), sloy.layers.ReLU(), sloy.layers.Dense(2)])
    >>> watch = sloy.Diagnosis()
    >>> _ = sloy.fit(network, (x, (x[:, 0] * x[:, 1] > 0).astype(int)), epochs=10, batch_size=16, learning_rate=1e-6,
    ...              engine="reference", callbacks=[watch], verbose=False)
    >>> watch.report.first.name
    'step too small'
    """

    limits: Mapping[str, float] = field(default_factory=dict)
    columns: Sequence[str] = ()
    _facts: Facts | None = field(default=None, init=False, repr=False)
    _start: Mapping[str, np.ndarray] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._rules = with_limits(self.limits)
        self.columns = sequence("Diagnosis", "columns", self.columns, str)

    def on_fit_begin(self, run: Run) -> bool | None:
        """Look before the first step."""
        self._facts = None
        super().on_fit_begin(run)
        with self._timed():
            if self._reads_at_once:
                self._facts = facts(run.order, *self._rows)
            matrices = run.model.network.parameters if not run.steps_done else ()
            self._start = {
                n: np.array(run.weights[n]) for n in matrices if len(run.weights[n].shape) > 1
            }
        return None

    @property
    def has_begun(self) -> bool:
        """Whether there is a run to report of."""
        return self._run is not None

    @property
    def evidence(self) -> Evidence:
        """What the rules look at; samples are looked through when it is first asked for."""
        if self._run is None:
            raise InvalidArgument(
                "Diagnosis: no run has begun; give it to `fit` as one of the `callbacks`."
            )
        run = self._run
        order, (rows, held_out) = run.order, self._rows
        if self._facts is None:
            self._facts = facts(order, rows, held_out)
        return Evidence(
            order.problem,
            order.recipe,
            run.steps,
            run.epochs * run.steps,
            self.readings,
            self._facts,
            np.ascontiguousarray(order.data.y[rows]),
            None
            if order.validation is None
            else np.ascontiguousarray(order.validation.y[held_out]),
            run.history.rows,
            self._start,
            run.error,
            self.columns,
            run.model.class_names,
        )

    @property
    def report(self) -> Report:
        """What is wrong, as far as the run is."""
        return judge(self.evidence, self._rules)

    def __str__(self) -> str:
        return str(self.report)

    def _repr_html_(self) -> str:
        return self.report._repr_html_()


__all__ = ["RULES", "Diagnosis"]
