"""From what the steps measured to the rows of the history."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

from sloy.engines.base import BatchRun
from sloy.metrics import Metric
from sloy.training.history import Row

# The columns of a row behind those of loss and metrics.
OF_THE_STEPS = (
    "learning_rate",
    "gradient_norm",
    "gradient_norm_max",
    "seconds",
    "samples_per_second",
)
NORM = "gradient_norm"  # and NORM/<parameter>

Outputs = Mapping[str, np.ndarray]  # name → a number for each step


def columns(
    metrics: Sequence[Metric], *, validated: bool, parameters: Sequence[str] = ()
) -> tuple[str, ...]:
    """The columns of every row of the history; `parameters` are those with gradient norms of their own."""
    trained = ["loss", *(metric.name for metric in metrics if metric.additive)]
    held_out = ["loss", *(metric.name for metric in metrics)] if validated else []
    validated_names = (f"val_{name}" for name in held_out)
    norms = (f"{NORM}/{name}" for name in parameters)
    return ("epoch", *trained, *validated_names, *OF_THE_STEPS, *norms)


def rising(metrics: Sequence[Metric]) -> frozenset[str]:
    """The columns of which more is better: those of metrics that say so."""
    good = [metric.name for metric in metrics if metric.larger_is_better]
    return frozenset(column for name in good for column in (name, f"val_{name}"))


def joined(stretches: Sequence[Outputs]) -> dict[str, np.ndarray]:
    """The outputs of steps, and of those that follow them, in the order of these: a file's names are sorted."""
    filled = [outputs for outputs in stretches if outputs]
    return {name: np.concatenate([outputs[name] for outputs in filled]) for name in filled[-1]}


class UnfinishedEpoch:
    """The steps done of the epoch that runs: what they measured, and how long they took.

    Parameters
    ----------
    seconds : float
    outputs : mapping
        Name → array (steps,), of the steps done before.
    """

    def __init__(self, seconds: float = 0.0, outputs: Outputs | None = None) -> None:
        self.seconds = seconds
        self._stretches: list[Outputs] = [outputs] if outputs else []
        self.begin()

    def begin(self) -> None:
        """The next steps begin now."""
        self._begun = time.perf_counter()

    def add(self, run: BatchRun) -> None:
        """The steps of a run are done, the next begin."""
        self.seconds += run.seconds
        if run.steps:
            self._stretches.append(run.outputs)
        self.begin()

    @property
    def seconds_now(self) -> float:
        """With those of the steps that have begun."""
        return self.seconds + time.perf_counter() - self._begun

    @property
    def newest(self) -> Outputs:
        """The outputs of the run that was added last."""
        return self._stretches[-1]

    @property
    def outputs(self) -> dict[str, np.ndarray]:
        """The outputs of all steps done, (steps,) each."""
        if len(self._stretches) > 1:
            self._stretches = [joined(self._stretches)]
        return dict(self._stretches[0]) if self._stretches else {}


def means(outputs: Outputs) -> dict[str, np.ndarray]:
    """The means of loss and metrics over the samples of steps, in float64: (…, steps) → (…)."""
    weight = outputs["weight"].astype(np.float64)
    total = weight.sum(-1)
    total = np.where(total == 0, 1.0, total)
    names = (name for name in outputs if name != "weight" and not name.startswith(NORM))
    return {name: (weight * outputs[name].astype(np.float64)).sum(-1) / total for name in names}


def rows(
    outputs: Outputs, rates: np.ndarray, *, first: int, samples: int, seconds: float
) -> list[Row]:
    """Rows of the history, without what is validated.

    Parameters
    ----------
    outputs : mapping
        Name → array (epochs · steps,).
    rates : float64 array, shape (epochs, steps)
        Learning rates.
    first : int
        Number of the first of these epochs, from 1.
    samples : int
        Of an epoch.
    seconds : float
        Training time of all of them.
    """
    by_epoch = {name: values.reshape(rates.shape) for name, values in outputs.items()}
    norms = {n: v.astype(np.float64) for n, v in by_epoch.items() if n.startswith(NORM)}
    each = seconds / len(rates)
    columns = {
        "epoch": list(range(first, first + len(rates))),
        **{name: values.tolist() for name, values in means(by_epoch).items()},
        "learning_rate": rates[:, -1].tolist(),
        NORM: norms[NORM].mean(-1).tolist(),
        f"{NORM}_max": norms[NORM].max(-1).tolist(),
        "seconds": [each] * len(rates),
        "samples_per_second": [samples / max(each, 1e-9)] * len(rates),
        **{name: value.mean(-1).tolist() for name, value in norms.items() if name != NORM},
    }
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
