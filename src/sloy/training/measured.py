"""From what the steps measured to the rows of the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sloy.training.history import Row

_NOT_MEANS = ("weight", "gradient_norm")

Outputs = Mapping[str, np.ndarray]  # name → a number for each step


def joined(stretches: Sequence[Outputs]) -> dict[str, np.ndarray]:
    """The outputs of steps, and of those that follow them."""
    filled = [outputs for outputs in stretches if outputs]
    return {name: np.concatenate([outputs[name] for outputs in filled]) for name in filled[0]}


def means(outputs: Outputs) -> dict[str, np.ndarray]:
    """The means of loss and metrics over the samples of steps, in float64: (…, steps) → (…)."""
    weight = outputs["weight"].astype(np.float64)
    total = weight.sum(-1)
    total = np.where(total == 0, 1.0, total)
    names = (name for name in outputs if name not in _NOT_MEANS)
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
    norms = by_epoch["gradient_norm"].astype(np.float64)
    each = seconds / len(rates)
    columns = {
        "epoch": list(range(first, first + len(rates))),
        **{name: values.tolist() for name, values in means(by_epoch).items()},
        "learning_rate": rates[:, -1].tolist(),
        "gradient_norm": norms.mean(-1).tolist(),
        "gradient_norm_max": norms.max(-1).tolist(),
        "seconds": [each] * len(rates),
        "samples_per_second": [samples / max(each, 1e-9)] * len(rates),
    }
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
