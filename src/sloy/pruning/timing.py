"""How long two models take for the same samples, measured in turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sloy import text
from sloy.model import Model

FASTER = 1.05  # times as fast: less is called no faster


@dataclass(frozen=True)
class Timing:
    """Seconds for one batch, the least of many.

    Attributes
    ----------
    before, after : float
        Of the whole model and of the pruned one.
    samples : int
        Of the batch.
    """

    before: float
    after: float
    samples: int

    @property
    def times(self) -> float:
        """How many times as fast the pruned model is."""
        return self.before / self.after

    @property
    def is_faster(self) -> bool:
        """Whether it is faster by 5 % at least."""
        return self.times >= FASTER

    def __str__(self) -> str:
        batch = text.many(self.samples, "sample")
        words = f"{1e6 * self.before:.0f} → {1e6 * self.after:.0f} µs for {batch}: "
        return words + (f"{self.times:.2f} times as fast" if self.is_faster else "no faster")


def timed(
    before: Model,
    after: Model,
    x: np.ndarray,
    *,
    seconds: float = 1.0,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Time both in turn on samples x (N, …), for some seconds."""
    least = [np.inf, np.inf]
    start = time.perf_counter()
    rounds = 0
    while rounds < 5 or time.perf_counter() < start + seconds:
        for i, model in enumerate((before, after)):
            begin = clock()
            model(x)
            if rounds:  # the first compiles
                least[i] = min(least[i], clock() - begin)
        rounds += 1
    return Timing(least[0], least[1], len(x))
