"""Layers whose outputs each depend on several inputs: softmax, Maxout, normalisation, and any other layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sloy.language import say
from sloy.text import shape as shape_text
from sloy.theory.gradients.trace.layer import LayerTrace, more_values, shorter, value_lines
from sloy.theory.gradients.trace.names import (
    Index,
    Place,
    factor,
    indices,
    product,
    sum_text,
    table_lines,
)
from sloy.theory.notation import decimal_text, factor_text

__all__ = ["BatchNormTrace", "MaxoutTrace", "OtherTrace", "SoftmaxTrace"]


@dataclass(frozen=True, eq=False)
class OtherTrace(LayerTrace):
    """Any other layer: what comes in and what goes out, and ε behind it and before it.

    Attributes
    ----------
    kind : str
        The layer's class.
    jacobian : array (*u.shape, *inputs.shape), or None
        ∂u/∂x of a small layer without parameters.
    """

    kind: str
    jacobian: np.ndarray | None

    def title(self) -> str:
        """See `LayerTrace.title`."""
        return self.kind

    def forward(self, place: Place) -> Iterable[str]:
        """See `LayerTrace.forward`."""
        shapes = (shape_text(array.shape) for array in (self.inputs, self.u))
        yield f"  {place.title}: {' → '.join(shapes)}"
        after = place.after
        yield from value_lines(
            self.u.shape,
            place.most,
            lambda k: (f"{after.symbol}{after.at(k)} = {decimal_text(self.u[k])}",),
        )

    def error_rule(self, place: Place) -> str:
        """See `LayerTrace.error_rule`."""
        if self.jacobian is None:
            return f"∂L/∂{place.before.symbol}{place.before.any}"
        before, after = place.before, place.after
        return f"Σ ε[{self.name}] ∂{after.symbol}/∂{before.symbol}{before.any}"

    def error_terms(self, place: Place, index: Index) -> str:
        """See `LayerTrace.error_terms`: products with 0 are left out."""
        if self.jacobian is None:
            return ""
        terms = [
            product(self.error[k], self.jacobian[(*k, *index)])
            for k in indices(self.u.shape)
            if self.jacobian[(*k, *index)]
        ]
        return sum_text(terms, place.most)


@dataclass(frozen=True, eq=False)
class SoftmaxTrace(LayerTrace):
    """u^k = e^z_k / Σ e^z of neurons (K,).

    Attributes
    ----------
    jacobian : array, shape (K, K), or None
        ∂u^k/∂z^h; None of more than 16 neurons.
    """

    jacobian: np.ndarray | None

    same_neurons: ClassVar[bool] = True

    def title(self) -> str:
        """See `LayerTrace.title`."""
        return "softmax"

    def forward(self, place: Place) -> Iterable[str]:
        """See `LayerTrace.forward`: of large inputs the largest is taken off first, which changes nothing."""
        before, after = place.before, place.after
        shift = float(self.inputs.max()) if np.abs(self.inputs).max() > 30 else 0.0
        less = f" − {decimal_text(shift)}" if shift else ""
        powers = np.exp(self.inputs - shift)
        h = after.letter
        yield (
            f"  {place.title}: {after.symbol}^{h} = e^({before.symbol}^{h}{less})"
            f" / Σ_k e^({before.symbol}^k{less}),  Σ = {decimal_text(powers.sum())}"
        )
        total = decimal_text(powers.sum())

        def row(k: Index) -> tuple[str, ...]:
            power = decimal_text(powers[k])
            return (
                f"e^({decimal_text(self.inputs[k])}{less}) = {power}",
                f"{after.symbol}{after.at(k)} = {power} / {total} = {decimal_text(self.u[k])}",
            )

        yield from value_lines(self.u.shape, place.most, row)

    def caption(self, place: Place) -> str:
        """See `LayerTrace.caption`."""
        return f"{place.after.symbol} = softmax({place.before.symbol})"

    def error_rule(self, place: Place) -> str:
        """See `LayerTrace.error_rule`."""
        h, u, name = place.after.letter, place.after.symbol, self.name
        return f"{u}^{h} (ε^{h}[{name}] − Σ_k ε^k[{name}] {u}^k)"

    def error_terms(self, place: Place, index: Index) -> str:
        """See `LayerTrace.error_terms`."""
        mean = float(self.error @ self.u)
        return f"{factor(self.u[index])}·({decimal_text(self.error[index])} − {factor(mean)})"

    def after_errors(self, place: Place) -> Iterable[str]:
        """See `LayerTrace.after_errors`: the Jacobian, as far as it is small."""
        if self.jacobian is None or len(self.u) > place.most:
            return
        u, x = place.after.symbol, place.before.symbol
        yield f"    ∂{u}^m/∂{x}^k = {u}^m ([m = k] − {u}^k)"
        yield from table_lines([tuple(map(decimal_text, row)) for row in self.jacobian])


@dataclass(frozen=True, eq=False)
class MaxoutTrace(LayerTrace):
    """u = the largest of several linear functions of I inputs.

    Attributes
    ----------
    z : array, shape (units, pieces)
        w_p x + b_p.
    share : array, shape (units, pieces)
        ∂u/∂z: 1 of the piece that won; equal largest ones share.
    """

    z: np.ndarray
    share: np.ndarray

    @property
    def winners(self) -> np.ndarray:
        """Of each unit the piece that won, from 0; the first of equal ones: (units,)."""
        return np.asarray(self.share.argmax(1))

    def title(self) -> str:
        """See `LayerTrace.title`."""
        return "Maxout"

    def forward(self, place: Place) -> Iterable[str]:
        """See `LayerTrace.forward`."""
        i, o, x, a = (
            place.before.letter,
            place.after.letter,
            place.before.symbol,
            place.after.symbol,
        )
        bias = self.parameters["bias"].value if "bias" in self.parameters else None
        first = f"w_0{o},p + " if bias is not None else ""
        yield (
            f"  {place.title}: z^{o}_p = {first}Σ_{i} w_{i}{o},p {x}^{i},  {a}^{o} = max_p z^{o}_p"
        )
        weight, pieces, rows = self.parameters["weight"].value, self.z.shape[1], []
        for k in range(min(len(self.u), place.most)):
            for p in range(min(pieces, place.most)):
                terms = [] if bias is None else [decimal_text(bias[k * pieces + p])]
                terms += map(product, weight[:, k * pieces + p], self.inputs)
                total = sum_text(terms, place.most + (bias is not None))
                won = f"{a}^{k + 1} = {decimal_text(self.u[k])}  " + say("(won)")
                rows.append(
                    (
                        f"z^{k + 1}_{p + 1} = {total} = {decimal_text(self.z[k, p])}",
                        won if self.share[k, p] else "",
                    )
                )
        yield from table_lines(rows)
        yield from more_values(self.u.shape, place.most)

    def caption(self, place: Place) -> str:
        """See `LayerTrace.caption`."""
        return f"{place.after.symbol} = max_p z_p"

    def error_rule(self, place: Place) -> str:
        """See `LayerTrace.error_rule`."""
        h, m = place.before.letter, place.after.letter
        return f"Σ_{m} ε^{m} w_{h}{m},p  " + say("of the pieces p that won")

    def error_terms(self, place: Place, index: Index) -> str:
        """See `LayerTrace.error_terms`."""
        weight = self.parameters["weight"].value[index[0]].reshape(self.z.shape)
        terms = [
            product(self.error[k] * self.share[k, p], weight[k, p])
            for k, p in np.ndindex(*self.z.shape)
            if self.share[k, p]
        ]
        return sum_text(terms, place.most)

    def weight_name(self, key: str, index: Index) -> str:
        """See `LayerTrace.weight_name`."""
        unit, piece = divmod(index[-1], self.z.shape[1])
        j, k = 0 if key == "bias" else index[0] + 1, unit + 1
        return f"w_{j}{k},{piece + 1}" if max(j, k) < 10 else f"w_{j},{k},{piece + 1}"

    def weights(self, place: Place) -> Iterator[tuple[str, Index]]:
        """See `LayerTrace.weights`."""
        pieces = self.z.shape[1]
        for k in range(min(self.z.size, place.most * pieces)):
            if "bias" in self.parameters:
                yield "bias", (k,)
            for j in range(min(len(self.inputs), place.most)):
                yield "weight", (j, k)

    def gradient_rule(self, place: Place) -> str:
        """See `LayerTrace.gradient_rule`."""
        i, o, x = place.before.letter, place.after.letter, place.before.symbol
        return f"∂L/∂w_{i}{o},p = ε^{o} {x}^{i}  " + say("where the piece p won, else 0")

    def gradient_terms(self, place: Place, key: str, index: Index) -> str:
        """See `LayerTrace.gradient_terms`."""
        unit, piece = divmod(index[-1], self.z.shape[1])
        share = self.share[unit, piece]
        if not share:
            return ""
        value = 1.0 if key == "bias" else self.inputs[index[0]]
        return product(self.error[unit] * share, value)


@dataclass(frozen=True, eq=False)
class BatchNormTrace(LayerTrace):
    """u = (x − μ) / s · scale + shift, s = √(variance + epsilon), channel by channel.

    Attributes
    ----------
    mean, deviation : array, shape (C,)
        μ and s: the running ones in use; in training those of this object's positions.
    training : bool
    """

    mean: np.ndarray
    deviation: np.ndarray
    training: bool

    same_neurons: ClassVar[bool] = True

    @property
    def normal(self) -> np.ndarray:
        """x̂ = (x − μ) / s, of the shape of u."""
        return np.asarray((self.inputs - self.mean) / self.deviation)

    def title(self) -> str:
        """See `LayerTrace.title`."""
        return say("normalisation")

    def forward(self, place: Place) -> Iterable[str]:
        """See `LayerTrace.forward`."""
        before, after = place.before, place.after
        scale, shift = (self.parameters[key].value for key in ("scale", "shift"))
        moments = (
            say("μ, s of the {count} positions of each map", count=self._count())
            if self.training
            else say("running μ, s")
        )
        yield (
            f"  {place.title}: x̂ = ({before.symbol}{before.any} − μ) / s,"
            f"  {after.symbol}{after.any} = scale · x̂ + shift   ({moments})"
        )

        def row(k: Index) -> tuple[str, ...]:
            c = k[-1]
            apart = f"({decimal_text(self.inputs[k])} − {factor(self.mean[c])})"
            x = f"{apart} / {decimal_text(self.deviation[c], 7)}"  # epsilon shows
            return (
                f"x̂{after.at(k)} = {x} = {decimal_text(self.normal[k])}",
                f"{after.symbol}{after.at(k)} = {product(scale[c], self.normal[k])}"
                f" + {decimal_text(shift[c])} = {decimal_text(self.u[k])}",
            )

        yield from value_lines(self.u.shape, place.most, row)

    def caption(self, place: Place) -> str:
        """See `LayerTrace.caption`."""
        return f"{place.after.symbol} = scale · x̂ + shift"

    def error_rule(self, place: Place) -> str:
        """See `LayerTrace.error_rule`."""
        error = f"ε{place.after.any}[{self.name}]"
        if not self.training:
            return f"{error} scale / s"
        return f"(scale / s) ({error} − mean ε − x̂ · mean(ε x̂))"

    def error_terms(self, place: Place, index: Index) -> str:
        """See `LayerTrace.error_terms`."""
        c = index[-1]
        by = self.parameters["scale"].value[c] / self.deviation[c]
        if not self.training:
            return f"{factor(self.error[index])}·{factor_text(decimal_text(by, 7))}"
        errors, normal = self.error[..., c], self.normal[..., c]
        return (
            f"{factor(by)}·({decimal_text(self.error[index])} − {factor(errors.mean())}"
            f" − {product(self.normal[index], (errors * normal).mean())})"
        )

    def weight_name(self, key: str, index: Index) -> str:
        """See `LayerTrace.weight_name`."""
        return f"{key}_{index[0] + 1}"

    def gradient_rule(self, place: Place) -> str:
        """See `LayerTrace.gradient_rule`."""
        return "∂L/∂scale = Σ ε x̂,  ∂L/∂shift = Σ ε"

    def gradient_terms(self, place: Place, key: str, index: Index) -> str:
        """See `LayerTrace.gradient_terms`."""
        errors, normal = (np.ravel(a[..., index[0]]) for a in (self.error, self.normal))
        terms = shorter(place.most)
        if key == "shift":
            return sum_text(list(map(factor, errors)), terms)
        return sum_text(list(map(product, errors, normal)), terms)

    def _count(self) -> int:
        return self.u.size // self.u.shape[-1]
