"""Layers of weights, with the activations of single neurons behind them: dense (L9) and convolutional (L20)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from sloy.language import say
from sloy.layers import Layer, PerNeuron
from sloy.theory.gradients.trace.layer import LayerTrace, more_values, shorter, value_lines
from sloy.theory.gradients.trace.names import (
    Index,
    Place,
    factor,
    indices,
    product,
    sum_text,
)
from sloy.theory.gradients.trace.windows import Windows
from sloy.theory.notation import decimal_text

__all__ = ["ConvolutionTrace", "DenseTrace"]


@dataclass(frozen=True, eq=False)
class Weighted(LayerTrace):
    """z = w_0 + Σ w x and u = σ(z).

    Attributes
    ----------
    activation : tuple of Layer
        σ, one after another; empty where there is none, σ(z) = z.
    z : array of the shape of u
    """

    activation: tuple[Layer, ...]
    z: np.ndarray

    @property
    def weight(self) -> np.ndarray:
        """w before the step."""
        return self.parameters["weight"].value

    @property
    def weight_gradient(self) -> np.ndarray:
        """∂L/∂w."""
        return self.parameters["weight"].gradient

    @property
    def new_weight(self) -> np.ndarray:
        """w after the step."""
        return self.parameters["weight"].new

    @property
    def bias(self) -> np.ndarray | None:
        """w_0, the weights of a constant input 1; None where the layer has none."""
        return self.parameters["bias"].value if "bias" in self.parameters else None

    @property
    def bias_gradient(self) -> np.ndarray | None:
        """∂L/∂w_0."""
        return self.parameters["bias"].gradient if "bias" in self.parameters else None

    @property
    def new_bias(self) -> np.ndarray | None:
        """w_0 after the step."""
        return self.parameters["bias"].new if "bias" in self.parameters else None

    @property
    def delta(self) -> np.ndarray:
        """ε σ′ = ∂L/∂z."""
        return np.asarray(self.error * self.slope)

    def result(self, place: Place, index: Index) -> str:
        """u = σ(z) of one neuron, with numbers."""
        name = activation_name(self.activation, index[-1])
        applied = f"{name}({decimal_text(self.z[index])}) = " if name else ""
        return (
            f"{place.after.symbol}{place.after.at(index)} = {applied}{decimal_text(self.u[index])}"
        )

    def result_rule(self, place: Place) -> str:
        """u = σ(z) in letters."""
        names = {activation_name(self.activation, k) for k in range(self.u.shape[-1])}
        any_, name = place.after.any, names.pop() if len(names) == 1 else "σ"
        return f"{place.after.symbol}{any_} = " + (f"{name}(z{any_})" if name else f"z{any_}")

    def caption(self, place: Place) -> str:
        """See `LayerTrace.caption`."""
        name, symbol = activation_name(self.activation), place.after.symbol
        return f"{symbol} = {name}(z)" if name else symbol if symbol == "a" else f"{symbol} = z"

    def slopes(self, place: Place, index: Index) -> tuple[str, ...]:
        """See `LayerTrace.slopes`."""
        return (
            f"σ′ = {decimal_text(self.slope[index])}",
            f"ε{place.after.at(index)} σ′ = {decimal_text(self.delta[index])}",
        )

    @abstractmethod
    def weight_name(self, key: str, index: Index) -> str:
        """See `LayerTrace.weight_name`."""


@dataclass(frozen=True, eq=False)
class DenseTrace(Weighted):
    """A layer of neurons: I inputs, O neurons; weights (I, O), w_0 (O,)."""

    def title(self) -> str:
        """See `LayerTrace.title`."""
        return say("hidden layer")

    def forward(self, place: Place) -> Iterable[str]:
        """See `LayerTrace.forward`."""
        i, o, x = place.before.letter, place.after.letter, place.before.symbol
        first = f"w_0{o} + " if self.bias is not None else ""
        yield (
            f"  {place.title}, {self.name}: z^{o} = {first}Σ_{i} w_{i}{o} {x}^{i},"
            f"  {self.result_rule(place)}"
        )

        def row(k: Index) -> tuple[str, ...]:
            terms = [decimal_text(self.bias[k])] if self.bias is not None else []
            terms += map(product, self.weight[:, k[0]], self.inputs)
            total = sum_text(terms, place.most + (self.bias is not None))
            return f"z^{k[0] + 1} = {total} = {decimal_text(self.z[k])}", self.result(place, k)

        yield from value_lines(self.u.shape, place.most, row)

    def error_rule(self, place: Place) -> str:
        """See `LayerTrace.error_rule`."""
        h, m = place.before.letter, place.after.letter
        return f"Σ_{m} ε^{m} σ′_{m} w_{h}{m}"

    def error_terms(self, place: Place, index: Index) -> str:
        """See `LayerTrace.error_terms`."""
        return sum_text(list(map(product, self.delta, self.weight[index[0]])), place.most)

    def weight_name(self, key: str, index: Index) -> str:
        """See `LayerTrace.weight_name`."""
        j, k = (0, index[0] + 1) if key == "bias" else (index[0] + 1, index[1] + 1)
        return f"w_{j}{k}" if max(j, k) < 10 else f"w_{j},{k}"

    def weights(self, place: Place) -> Iterator[tuple[str, Index]]:
        """See `LayerTrace.weights`: neuron after neuron."""
        for k in range(min(len(self.z), place.most)):
            if self.bias is not None:
                yield "bias", (k,)
            for j in range(min(len(self.inputs), place.most)):
                yield "weight", (j, k)

    def gradient_rule(self, place: Place) -> str:
        """See `LayerTrace.gradient_rule`."""
        i, o, x = place.before.letter, place.after.letter, place.before.symbol
        zero = f"  ({x}^0 = 1)" if self.bias is not None else ""
        return f"∂L/∂w_{i}{o} = ε^{o} σ′_{o} {x}^{i}{zero}"

    def gradient_terms(self, place: Place, key: str, index: Index) -> str:
        """See `LayerTrace.gradient_terms`."""
        value = 1.0 if key == "bias" else self.inputs[index[0]]
        return product(self.delta[index[-1]], value)


@dataclass(frozen=True, eq=False)
class ConvolutionTrace(Weighted):
    """Filters over maps: inputs (H, W, C), u (OH, OW, O); weights (KH, KW, C / groups, O), w_0 (O,)."""

    windows: Windows
    groups: int

    def title(self) -> str:
        """See `LayerTrace.title`."""
        return say("convolution")

    def products(self, index: Index) -> Iterator[tuple[Index, Index]]:
        """Of z at one place: each weight that counts there, and the input that it is multiplied by."""
        i, j, o = index
        for c in range(self.weight.shape[2]):
            for k, m, row, column in self.windows.seen(i, j):
                yield (k, m, c, o), (row, column, self.channel(c, o))

    def channel(self, c: int, o: int) -> int:
        """The input channel that the weights (…, c, o) see."""
        within = self.weight.shape[2]
        return o // (self.weight.shape[3] // self.groups) * within + c

    def forward(self, place: Place) -> Iterable[str]:
        """See `LayerTrace.forward`: a line of products for each row of the window."""
        c, o = self._letters()
        first = f"w_0{o} + " if self.bias is not None else ""
        x = f"{place.before.symbol}{'_c' if c else ''}({self.windows.any})"
        yield (
            f"  {place.title}: z{f'_{o}' if o else ''}(i, j) = {first}{'Σ_c ' if c else ''}Σ_k Σ_l"
            f" w{f'_{c}{o}' if c + o else ''}(k, l) {x},  {self._result_rule(place, o)}"
        )
        for index in islice(indices(self.u.shape), place.most):
            head = f"z{place.after.at(index)}"
            lines = self._lines(index, place.most)
            yield f"    {head} = {lines[0]}"
            yield from (f"    {' ' * len(head)} + {line}" for line in lines[1:])
            yield f"    {' ' * len(head)} = {decimal_text(self.z[index])}    {self.result(place, index)}"
        yield from more_values(self.u.shape, place.most)

    def error_rule(self, place: Place) -> str:
        """See `LayerTrace.error_rule`."""
        c, o = self._letters()
        mine, theirs = (f"_{letter}" if letter else "" for letter in (c, o))
        return f"Σ ε{theirs}(i′, j′) σ′ w{f'_{c}{o}' if c + o else ''}(k, l)  " + say(
            "over the windows that see {place}", place=f"{place.before.symbol}{mine}(i, j)"
        )

    def error_terms(self, place: Place, index: Index) -> str:
        """See `LayerTrace.error_terms`: products with 0 are left out."""
        row, column, channel = index
        filters, within = self.weight.shape[3], self.weight.shape[2]
        group, c = divmod(channel, within)
        count = filters // self.groups
        terms = [
            product(self.delta[i, j, o], self.weight[k, m, c, o])
            for o in range(group * count, (group + 1) * count)
            for i, j, k, m in self.windows.seeing(row, column)
            if self.delta[i, j, o]
        ]
        return sum_text(terms, place.most)

    def weight_name(self, key: str, index: Index) -> str:
        """See `LayerTrace.weight_name`."""
        c, o = self._letters()
        if key == "bias":
            return f"w_0{index[0] + 1}" if o else "w_0"
        k, m, channel, number = index
        numbers = [str(self.channel(channel, number) + 1)] if c else []
        numbers += [str(number + 1)] if o else []
        many = max(map(len, numbers), default=0) > 1
        below = (",".join if many else "".join)(numbers)
        return f"w{f'_{below}' if below else ''}({k}, {m})"

    def weights(self, place: Place) -> Iterator[tuple[str, Index]]:
        """See `LayerTrace.weights`: filter after filter."""
        KH, KW, C, _ = self.weight.shape
        for o in range(min(self.weight.shape[3], max(1, place.most // 3))):
            if self.bias is not None:
                yield "bias", (o,)
            places = (("weight", (k, m, c, o)) for c, k, m in np.ndindex(C, KH, KW))
            yield from islice(places, 2 * place.most)

    def gradient_rule(self, place: Place) -> str:
        """See `LayerTrace.gradient_rule`."""
        c, o = self._letters()
        theirs, x = f"_{o}" if o else "", f"{place.before.symbol}{'_c' if c else ''}"
        name = f"w{f'_{c}{o}' if c + o else ''}(k, l)"
        zero = f",  ∂L/∂w_0{o} = Σ_i Σ_j ε{theirs} σ′" if self.bias is not None else ""
        return f"∂L/∂{name} = Σ_i Σ_j ε{theirs}(i, j) σ′ {x}({self.windows.any}){zero}"

    def gradient_terms(self, place: Place, key: str, index: Index) -> str:
        """See `LayerTrace.gradient_terms`: products with 0 are left out."""
        o = index[-1]
        places = [(i, j) for i, j in np.ndindex(*self.windows.outputs) if self.delta[i, j, o]]
        if key == "bias":
            return sum_text([factor(self.delta[i, j, o]) for i, j in places], shorter(place.most))
        k, m, c, _ = index
        terms = []
        for i, j in places:
            seen = {(a, b): (row, column) for a, b, row, column in self.windows.seen(i, j)}
            if (k, m) in seen:
                x = self.inputs[(*seen[k, m], self.channel(c, o))]
                terms += [product(self.delta[i, j, o], x)] if x else []
        return sum_text(terms, shorter(place.most))

    def _letters(self) -> tuple[str, str]:
        """c and o where there are several channels and several filters."""
        return "c" if self.inputs.shape[2] > 1 else "", "o" if self.u.shape[2] > 1 else ""

    def _result_rule(self, place: Place, o: str) -> str:
        return self.result_rule(place).replace("_c(", f"_{o}(")

    def _lines(self, index: Index, most: int) -> list[str]:
        """The products of z, a line for each row of the window of each channel; the bias first."""
        rows: dict[tuple[int, int], list[str]] = {}
        for weight, seen in self.products(index):
            rows.setdefault((weight[2], weight[0]), []).append(
                product(self.inputs[seen], self.weight[weight])
            )
        lines = [sum_text(terms, most) for terms in rows.values()]
        lines = [*lines[:most], *["…"] * (len(lines) > most)] or ["0"]
        if self.bias is not None:
            lines[0] = f"{decimal_text(self.bias[index[2]])} + {lines[0]}"
        return lines


def activation_name(activations: tuple[Layer, ...], neuron: int = 0) -> str:
    """How the activation of a neuron is written: tanh, relu, a user's function's own name; empty for none."""
    names = []
    for activation in activations:
        chosen = activation
        if isinstance(activation, PerNeuron):
            chosen = [owner for owner, count in pairs(activation) for _ in range(count)][neuron]
        function = getattr(chosen, "function", None)
        name = getattr(function, "__name__", chosen.kind.lower())
        names.append("σ" if name == "<lambda>" else name)
    return "∘".join(reversed(names))


def pairs(activation: PerNeuron) -> list[tuple[Layer, int]]:
    """The activations of neurons, and of how many neurons in turn each is."""
    return [entry for entry in activation.activations if isinstance(entry, tuple)]
