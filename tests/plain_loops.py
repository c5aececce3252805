"""Convolution as a beginner writes it."""

from __future__ import annotations

from typing import Any

import numpy as np


def four_loops(F: Any, G: Any) -> np.ndarray:
    """f(i, j) = Σ_k Σ_l F(i + k, j + l) G(k, l), where all of it is inside."""
    rows, columns = len(F) - len(G) + 1, len(F[0]) - len(G[0]) + 1
    found = [[0.0] * columns for _ in range(rows)]
    for i in range(rows):
        for j in range(columns):
            for k in range(len(G)):
                for m in range(len(G[0])):
                    found[i][j] += F[i + k][j + m] * G[k][m]
    return np.array(found)
