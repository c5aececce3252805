"""Numbers and sums as a reader writes them: 3/2, −0.25, x1 + x2 - 3/2."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from sloy.arguments import sequence
from sloy.errors import InvalidArgument
from sloy.layers.base import Layer, snake_case

SMALL = 12  # numbers are written as fractions where the denominator is at most this


def input_names(where: str, names: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """The names of so many inputs; x1, x2, … by default."""
    if names is None:
        return tuple(f"x{j + 1}" for j in range(count))
    given = sequence(where, "names", names, str)
    if len(given) != count:
        raise InvalidArgument(f"{where}: `names` has {len(given)} names; it needs {count}.")
    return given


def fraction_text(value: float) -> str:
    """A number as a reader writes it: 3/2, 2, 0.7071.

    Examples
    --------
    >>> [fraction_text(v) for v in (1.5, -2.0, 0.70710678, 1e-7)]
    ['3/2', '-2', '0.7071', '1e-07']
    """
    fraction = Fraction(value).limit_denominator(SMALL)
    if abs(float(fraction) - value) <= 1e-12 * abs(value) and abs(fraction.numerator) < 1000:
        return str(fraction)
    return f"{value:.4g}"


def linear_text(weights: np.ndarray, bias: float, names: Sequence[str]) -> str:
    """Σ_j w_j x_j + b as text, zero terms left out."""
    terms = [(float(w), name) for w, name in zip(weights, names, strict=True) if w]
    if bias or not terms:
        terms.append((bias, ""))
    text = ""
    for value, name in terms:
        size = fraction_text(abs(value))
        term = name if size == "1" and name else f"{size} {name}".strip()
        sign = "-" if value < 0 else "+"
        text += f" {sign} {term}" if text else f"{'-' if value < 0 else ''}{term}"
    return text


def activation_text(layer: Layer) -> str:
    """How the activation of a neuron is written: σ, tanh, leaky_relu; a user's function by its name, else f.

    Examples
    --------
    >>> from sloy.layers import Activation, LeakyReLU, Sigmoid
    >>> [activation_text(layer) for layer in (Sigmoid(), LeakyReLU(), Activation(lambda z: z * z))]
    ['σ', 'leaky_relu', 'f']
    """
    if layer.kind == "Sigmoid":
        return "σ"
    name = getattr(getattr(layer, "function", None), "__name__", snake_case(layer.kind))
    return "f" if name == "<lambda>" else name


def short_text(value: float) -> str:
    """A number in few letters: a fraction or a whole number where it is one, else three digits.

    Examples
    --------
    >>> [short_text(v) for v in (1.5, -2.0, 0.70710678, -1234.56)]
    ['3/2', '−2', '0.707', '−1235']
    """
    exact = fraction_text(value).replace("-", "−")
    return exact if "." not in exact and "e" not in exact else decimal_text(value, 3)


def signed_text(value: float) -> str:
    """A number in few letters, its sign before it.

    Examples
    --------
    >>> [signed_text(v) for v in (0.37, -0.25, 0.0)]
    ['+0.37', '−1/4', '+0']
    """
    text = short_text(value + 0.0)
    return text if text.startswith("−") else f"+{text}"


def decimal_text(value: float, digits: int = 5) -> str:
    """So many digits, a true minus sign.

    Examples
    --------
    >>> decimal_text(-0.123456), decimal_text(2.0), decimal_text(-0.0)
    ('−0.12346', '2', '0')
    """
    return f"{float(value) + 0.0:.{digits}g}".replace("-", "−")


def factor_text(number: str) -> str:
    """A number as a factor of a product: in brackets where it is negative."""
    return f"({number})" if number.startswith("−") else number
