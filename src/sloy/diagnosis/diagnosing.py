"""`diagnose`: train, say what goes wrong, and try what helps."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

from sloy.arguments import flag, real
from sloy.diagnosis.callback import Diagnosis
from sloy.diagnosis.report import Report
from sloy.diagnosis.trial import Trier
from sloy.errors import NonFiniteError
from sloy.optimizers import Optimizer
from sloy.problem import Network
from sloy.problem.inputs import Data
from sloy.training.checkpoint import Snapshot
from sloy.training.fit import fit
from sloy.training.run import Callback, Run


def diagnose(
    network: Network,
    data: Data,
    *,
    try_remedies: bool = True,
    seconds: float = 30.0,
    limits: Mapping[str, float] | None = None,
    **arguments: Any,
) -> Report:
    """Train a network, say what goes wrong, and prove what helps by forks of the same run.

    Parameters
    ----------
    network, data
        As of `sloy.fit`.
    try_remedies : bool
        Whether remedies are tried.
    seconds : float
        What trying them may take; one that has begun is ended.
    limits : mapping of str to float, optional
        See `Diagnosis`.
    **arguments
        Of `sloy.fit`.

    Examples
    --------
    >>> import numpy as np, sloy
    >>> x = np.random.default_rng(0).normal(size=(256, 4)).astype(np.float32)
    >>> network = sloy.Network((4,), [sloy.layers.Dense(8), sloy.layers.ReLU(), sloy.layers.Dense(2)])
    >>> report = sloy.diagnose(network, (x, (x[:, 0] * x[:, 1] > 0).astype(int)), epochs=10, batch_size=16,
    ...                        learning_rate=1e-6, engine="reference")
    >>> report.first.name, report.first.proofs[0].words, report.first.proofs[0].proved
    ('step too small', 'learning rate 1e-06 → 0.004', True)
    """
    flag("diagnose", "try_remedies", try_remedies)
    real("diagnose", "seconds", seconds, least=0)
    given = {"verbose": False, **arguments}
    others = tuple(given.pop("callbacks", ()))
    watch, end = Diagnosis(limits={} if limits is None else limits), _End()
    train = partial(_fit, {"network": network, "data": data, **given})
    with contextlib.suppress(NonFiniteError):  # the first finding
        train(callbacks=[watch, end, *others])
    report = watch.report
    if not try_remedies:
        return report
    return Trier(train, watch.evidence, end.snapshot, command_of).tried(report, seconds)


def _fit(given: Mapping[str, Any], **changed: Any) -> Any:
    """`fit` with some arguments in place of those that were given."""
    return fit(**{**given, **changed})


def command_of(change: Mapping[str, Any]) -> str:
    """What to write instead: arguments of `sloy.fit`."""
    given = {name: value for name, value in change.items() if value is not None}
    return (
        "sloy.fit(…, " + ", ".join(f"{name}={_code(value)}" for name, value in given.items()) + ")"
    )


def _code(value: Any) -> str:
    """A value as code: of an optimiser what differs from its defaults."""
    if not isinstance(value, Optimizer):
        return repr(value)
    own = {one: getattr(value, one.name) for one in fields(value)}
    given = [f"{one.name}={v!r}" for one, v in own.items() if v != one.default]
    return f"sloy.{type(value).__name__}({', '.join(given)})"


@dataclass
class _End(Callback):
    """Keeps where a run ended."""

    snapshot: Snapshot | None = field(default=None, init=False)

    def on_fit_end(self, run: Run) -> None:
        """Copy it."""
        self.snapshot = run.snapshot()
