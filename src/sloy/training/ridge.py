"""Linear models for few rows of many columns, solved rather than descended to; the penalty by leaving rows out.

With more columns than rows a network fits any targets, and what it then says of other rows is chance. The least of

    Σ_n w_n |y_n − b − x_n W|² + α |W|²

is one solution of N equations, and so are the answers to each row by the model without it [1]_. The α whose answers
are best is taken; where no α is better than the constant answer, that is the model.

References
----------
.. [1] R. M. Rifkin, R. A. Lippert, "Notes on regularized least squares", MIT-CSAIL-TR-2007-025 (2007), §3.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_ROWS = 3000  # N equations: N² numbers, N³ operations
STRENGTHS = np.logspace(-4, 4, 33)  # α in units of the mean eigenvalue of X Xᵀ
SHARPNESS = (0.0, *(2.0 ** np.arange(-4, 10, 0.5)))  # what scores of classes are multiplied by
_BLOCK = 4096  # columns taken together


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear model, x W + b.

    Attributes
    ----------
    weight : float64 array, shape (d, M)
    bias : float64 array, shape (M,)
    strength : float
        α / N, the λ of the regularizer `L2` under which this is the least mean of squares; infinite where W is 0.
    gain : float
        What it saves of the constant answer's loss, both on rows left out: R² of numbers; 0 for the constant answer.
    """

    weight: np.ndarray
    bias: np.ndarray
    strength: float
    gain: float


def suits(rows: int, columns: int) -> bool:
    """Whether there are more columns than rows, and both are many enough to tell but not too many to solve.

    Examples
    --------
    >>> suits(200, 5000), suits(5000, 200)
    (True, False)
    """
    return 20 <= rows <= MOST_ROWS and columns >= max(100, rows)


def fit_numbers(x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> Linear:
    """The linear model of numbers.

    Parameters
    ----------
    x : array, shape (N, d)
        Columns of like size: the penalty counts all alike.
    y : array, shape (N, M)
    weights : array, shape (N,), optional

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(40, 100))
    >>> found = fit_numbers(x, x[:, :1])
    >>> 0 < found.gain < 1, found.weight.shape
    (True, (100, 1))
    """
    paths = _Paths(x, y, weights)
    errors = [paths.error(paths.left_out(alpha)) for alpha in paths.alphas]
    constant = paths.error(np.broadcast_to(paths.constant_left_out, y.shape))
    best = int(np.argmin(errors))
    if errors[best] >= constant:
        return Linear(np.zeros((x.shape[1], y.shape[1])), paths.mean_y, np.inf, 0.0)
    weight, bias = paths.solution(paths.alphas[best])
    return Linear(weight, bias, paths.alphas[best] / len(x), 1 - errors[best] / constant)


def fit_classes(
    x: np.ndarray, labels: np.ndarray, classes: int, weights: np.ndarray | None = None
) -> Linear:
    """The linear model of classes: numbers 0 and 1 for each, made logits of the best log-loss on rows left out.

    The logits are log p + s (x W + b − p), p the shares of the classes; s is chosen with α, and 0 is the constant
    answer.

    Parameters
    ----------
    x : array, shape (N, d)
    labels : integer array, shape (N,)
    classes : int
        K.
    weights : array, shape (N,), optional
    """
    paths = _Paths(x, np.eye(classes)[labels], weights)
    shares = np.maximum(paths.mean_y, 1 / (2 * len(x)))
    prior = np.log(shares / shares.sum())

    def loss(logits: np.ndarray) -> float:
        top = logits.max(1, keepdims=True)
        logs = logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))
        return float(np.average(-logs[np.arange(len(labels)), labels], weights=weights))

    found = []
    for alpha in paths.alphas:
        scores = paths.left_out(alpha) - paths.mean_y
        found += [(loss(prior + s * scores), s, alpha) for s in SHARPNESS]
    least, sharpness, alpha = min(found)
    constant = loss(np.broadcast_to(prior, (len(labels), classes)))
    weight, bias = paths.solution(alpha)
    strength = alpha / len(x) if sharpness else np.inf
    return Linear(
        sharpness * weight, prior + sharpness * (bias - paths.mean_y), strength,
        1 - least / constant,
    )  # fmt: skip


class _Paths:
    """The solutions for every α, by the eigenvalues of X Xᵀ, centred."""

    def __init__(self, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> None:
        count = len(x)
        weight = np.ones(count) if weights is None else weights * (count / weights.sum())
        self._x, self._root = x, np.sqrt(weight)[:, None]  # (N, 1)
        self._y = y
        self.mean_y = np.average(y, 0, weight)
        self._centred_y = self._root * (y - self.mean_y)  # (N, M)
        self._mean_x = np.concatenate(
            [np.average(x[:, f : f + _BLOCK], 0, weight) for f in range(0, x.shape[1], _BLOCK)]
        )
        gram = np.zeros((count, count))
        for first in range(0, x.shape[1], _BLOCK):
            part = self._centred(first)
            gram += part @ part.T
        self._unit = self._root[:, 0] / np.linalg.norm(self._root)  # the direction of the bias
        scale = np.trace(gram) / count or 1.0
        values, self._vectors = np.linalg.eigh(
            gram + 2 * np.trace(gram) * np.outer(self._unit, self._unit)
        )
        self._values = np.maximum(values, 0.0)
        self._of_bias = int(np.argmax(np.abs(self._unit @ self._vectors)))
        self._rotated = self._vectors.T @ self._centred_y
        self.alphas = [float(scale * s) for s in STRENGTHS]

    def _centred(self, first: int) -> np.ndarray:
        block = slice(first, first + _BLOCK)
        return np.asarray(self._root * (self._x[:, block].astype(np.float64) - self._mean_x[block]))

    def _inverse(self, alpha: float) -> np.ndarray:
        inverse = 1 / (self._values + alpha)
        inverse[self._of_bias] = 0  # it is not penalised
        return inverse

    def left_out(self, alpha: float) -> np.ndarray:
        """The answer to each row by the model without it, (N, M)."""
        inverse = self._inverse(alpha)
        duals = self._vectors @ (inverse[:, None] * self._rotated)
        diagonal = np.square(self._vectors) @ inverse
        good = diagonal > 1e-300
        errors = np.where(good[:, None], duals / np.where(good, diagonal, 1)[:, None], 0.0)
        return np.asarray(self._y - errors / np.maximum(self._root, 1e-150))

    @property
    def constant_left_out(self) -> np.ndarray:
        """The mean of the other rows, (N, M)."""
        weight = np.square(self._root)
        total = weight.sum()
        return np.asarray((total * self.mean_y - weight * self._y) / (total - weight))

    def error(self, answers: np.ndarray) -> float:
        """The weighted mean square of what answers miss."""
        return float(np.square(self._root * (self._y - answers)).mean())

    def solution(self, alpha: float) -> tuple[np.ndarray, np.ndarray]:
        """W (d, M) and b (M,)."""
        duals = self._vectors @ (self._inverse(alpha)[:, None] * self._rotated)
        steps = range(0, self._x.shape[1], _BLOCK)
        weight = np.concatenate([self._centred(first).T @ duals for first in steps])
        return weight, self.mean_y - self._mean_x @ weight
