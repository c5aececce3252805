"""The loss in a step by hand: its formula, and ε = ∂L/∂a of the outputs by formula (L9, L13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sloy import ops
from sloy.arguments import instance
from sloy.graph import Tensor
from sloy.losses import BinaryCrossentropy, CategoricalCrossentropy, CustomLoss, Loss, SquaredError
from sloy.theory.gradients.loss import half_squared_error
from sloy.theory.gradients.trace.names import factor
from sloy.theory.notation import decimal_text

__all__ = ["log_loss"]

Terms = Callable[[int], str]


def log_loss(output: Tensor, target: Tensor) -> Tensor:
    """The log-loss of probabilities, L = −Σ_m y^m log a^m; of one output L = −y log a − (1 − y) log(1 − a) (L13).

    For a network that ends in `Softmax` or `Sigmoid`, as the lecture writes it; y is 1 for the right class and 0 for
    the others. For training, logits with ``"categorical_crossentropy"`` or ``"binary_crossentropy"`` are better: they
    give the same and stay finite.

    Examples
    --------
    >>> a, y = ops.constant([[0.5, 0.25, 0.25]], "float64"), ops.constant([[0.0, 1.0, 0.0]], "float64")
    >>> from sloy.engines.reference import computed
    >>> computed({"L": log_loss(a, y)}, {})["L"].round(4).tolist()
    [1.3863]
    """
    for name, value in (("output", output), ("target", target)):
        instance("log_loss", name, value, Tensor)
    if output.shape[1:] == (1,):
        terms = target * ops.log(output) + (1.0 - target) * ops.log(1.0 - output)
        return ops.reshape(-terms, output.shape[:1])
    axes = tuple(range(1, output.rank))
    return -ops.reduce_sum(ops.where(target, target * ops.log(output), 0.0), axes)


@dataclass(frozen=True)
class OutputRule:
    """How a loss is written.

    Attributes
    ----------
    loss : str
        L in letters; empty where only its name is known.
    prediction : str
        P in letters, where the loss makes probabilities of the outputs; else empty.
    error : str
        ∂L/∂a in letters, or empty.
    terms : callable
        Number of an output → its ε in numbers.
    """

    loss: str = ""
    prediction: str = ""
    error: str = ""
    terms: Terms = lambda m: ""


def output_rule(loss: Loss, letter: str, a: np.ndarray, y: np.ndarray, P: np.ndarray) -> OutputRule:
    """The formulas of a loss for outputs a (M,) with targets y (M,), P (M,) being what it predicts."""
    m, M = letter, a.size
    if a.ndim != 1 or getattr(loss, "label_smoothing", 0.0) > 0 or y.shape != a.shape:
        return OutputRule()

    def less(first: np.ndarray) -> Terms:
        return lambda k: f"{decimal_text(first[k])} − {factor(y[k])}"

    def share(terms: Terms, before: str, after: str) -> Terms:
        return terms if M == 1 else lambda k: f"{before}({terms(k)}){after}"

    if isinstance(loss, CategoricalCrossentropy):
        return OutputRule(
            f"−Σ_{m} y^{m} log P^{m}",
            f"P^{m} = e^(a^{m}) / Σ_k e^(a^k)",
            f"P^{m} − y^{m}",
            less(P),
        )
    if isinstance(loss, BinaryCrossentropy):
        part = f"y^{m} log P^{m} + (1 − y^{m}) log(1 − P^{m})"
        mean = f"−({part})" if M == 1 else f"−(1/{M}) Σ_{m} ({part})"
        error = f"P^{m} − y^{m}" if M == 1 else f"(P^{m} − y^{m}) / {M}"
        return OutputRule(
            mean, f"P^{m} = 1 / (1 + e^(−a^{m}))", error, share(less(P), "", f" / {M}")
        )
    if isinstance(loss, SquaredError) and loss == SquaredError():
        if M == 1:
            return OutputRule(
                f"(a^{m} − y^{m})²", "", f"2(a^{m} − y^{m})", lambda k: f"2·({less(a)(k)})"
            )
        error = f"(2/{M}) (a^{m} − y^{m})"
        terms = share(less(a), f"(2/{M})·", "")
        return OutputRule(f"(1/{M}) Σ_{m} (a^{m} − y^{m})²", "", error, terms)
    function = loss.function if isinstance(loss, CustomLoss) else None
    if function is half_squared_error:
        return OutputRule(f"½ Σ_{m} (a^{m} − y^{m})²", "", f"a^{m} − y^{m}", less(a))
    if function is log_loss and M == 1:
        return OutputRule(
            f"−y^{m} log a^{m} − (1 − y^{m}) log(1 − a^{m})",
            "",
            f"(a^{m} − y^{m}) / (a^{m} (1 − a^{m}))",
            lambda k: f"({less(a)(k)}) / ({decimal_text(a[k])}·{decimal_text(1 - a[k])})",
        )
    if function is log_loss:
        return OutputRule(
            f"−Σ_{m} y^{m} log a^{m}",
            "",
            f"−y^{m} / a^{m}",
            lambda k: f"−{factor(y[k])} / {decimal_text(a[k])}" if y[k] else "0",
        )
    return OutputRule()
