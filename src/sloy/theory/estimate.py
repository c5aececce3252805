"""A mean over repetitions and its standard error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor, isfinite, log10

import numpy as np

from sloy.text import Shown

__all__ = ["Estimate"]


@dataclass(frozen=True)
class Estimate(Shown):
    """What was measured several times: the mean, and its standard error s / √n.

    Attributes
    ----------
    mean : float
    error : float
        NaN where it was measured once.

    Examples
    --------
    >>> print(Estimate.of([1.0, 2.0, 3.0]), Estimate(0.72345, 0.0131), Estimate(338.4, 27.0), sep="; ")
    2.0 ± 0.6; 0.723 ± 0.013; 338 ± 27
    """

    mean: float
    error: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Estimate:
        """Of independent repetitions, one or more."""
        each = np.array(list(values), np.float64)
        error = each.std(ddof=1) / np.sqrt(len(each)) if len(each) > 1 else np.nan
        return cls(float(each.mean()), float(error))

    def __str__(self) -> str:
        if not isfinite(self.error) or self.error <= 0:
            return f"{self.mean:.3g}"
        digits = -floor(log10(self.error))
        if self.error * 10**digits < 2:  # 0.013, but 0.03
            digits += 1
        digits = max(digits, 0)
        return f"{self.mean:.{digits}f} ± {self.error:.{digits}f}"
