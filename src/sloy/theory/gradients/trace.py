"""One step by hand: its numbers, and the lecture's formulas with them (L9)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from sloy.arguments import integer
from sloy.layers import Layer, PerNeuron
from sloy.theory.notation import decimal_text, factor_text

__all__ = ["LayerTrace", "StepTrace"]


@dataclass(frozen=True, eq=False)
class LayerTrace:
    """One layer of neurons in one step: I inputs, O neurons.

    Attributes
    ----------
    name : str
        Of the dense layer.
    activation : tuple of Layer
        σ, one after another; empty where there is none, σ(z) = z.
    inputs : array, shape (I,)
        x^j, or u of the layer before.
    z : array, shape (O,)
        w_0h + Σ_j w_jh x^j.
    u : array, shape (O,)
        σ(z); in the output layer the lecture's a^m.
    slope : array, shape (O,)
        σ'(z).
    error : array, shape (O,)
        ε = ∂L/∂u.
    weight, weight_gradient, new_weight : array, shape (I, O)
    bias, bias_gradient, new_bias : array, shape (O,), or None
        w_0h: the weight of a constant input 1.
    """

    name: str
    activation: tuple[Layer, ...]
    inputs: np.ndarray
    z: np.ndarray
    u: np.ndarray
    slope: np.ndarray
    error: np.ndarray
    weight: np.ndarray
    weight_gradient: np.ndarray
    new_weight: np.ndarray
    bias: np.ndarray | None
    bias_gradient: np.ndarray | None
    new_bias: np.ndarray | None


@dataclass(frozen=True, eq=False)
class StepTrace:
    """All numbers of one step of descent on one object; printing it gives the step by hand.

    Attributes
    ----------
    x, y : array
        The object and its target, without N.
    output : array, shape (M,)
        a.
    loss, new_loss : float
        L of the object before the step and after it, without penalties.
    learning_rate : float
        η.
    loss_name : str
    layers : tuple of LayerTrace
        The first hidden layer first.
    gradients, updated : dict
        Name of a parameter → ∂L/∂w (with the penalties' share) and its next value.
    notes : tuple of str
        What the formulas leave out: regularisers and constraints, where the network has them.
    """

    x: np.ndarray
    y: np.ndarray
    output: np.ndarray
    loss: float
    new_loss: float
    learning_rate: float
    loss_name: str
    layers: tuple[LayerTrace, ...]
    gradients: dict[str, np.ndarray] = field(repr=False)
    updated: dict[str, np.ndarray] = field(repr=False)
    notes: tuple[str, ...] = ()

    def text(self, most: int = 6) -> str:
        """The step by hand, at most so many neurons of a layer and so many terms of a sum."""
        most = integer("StepTrace.text", "most", most)
        layers = [_Layer(self, position, most) for position in range(len(self.layers))]
        loss = f"  loss  L = {decimal_text(self.loss)}"
        lines = [
            f"object  x = {_vector(self.x.reshape(-1), most)}   y = {_vector(self.y.reshape(-1), most)}"
            f"   η = {decimal_text(self.learning_rate)}   L = {self.loss_name}",
            "",
            "FORWARD",
            *(line for layer in layers for line in layer.forward()),
            loss,
            "",
            "BACKWARD",
            *(line for layer in reversed(layers) for line in layer.backward()),
            "",
            "STEP  w := w − η ∂L/∂w",
            *(line for layer in reversed(layers) for line in layer.step(self.learning_rate)),
            f"{loss} → {decimal_text(self.new_loss)}",
        ]
        lines += [f"  ({note})" for note in self.notes]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()


def activation_name(layer: LayerTrace, neuron: int = 0) -> str:
    """How the activation of a neuron is written: tanh, relu, a user's function's own name; empty for none."""
    names = []
    for activation in layer.activation:
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


class _Layer:
    """One layer's lines. i is the index of its inputs, o that of its neurons: j, h, m in a net of two layers."""

    def __init__(self, trace: StepTrace, position: int, most: int) -> None:
        self.layer, self.most = trace.layers[position], most
        count = len(trace.layers)
        letters = ["j", *(["h"] if count == 2 else [f"h{k}" for k in range(1, count)]), "m"]
        self.i, self.o = letters[position], letters[position + 1]
        self.next = letters[position + 2] if position + 2 < len(letters) else ""
        self.is_last = position == count - 1
        self.input = "x" if position == 0 else "u"
        self.output = "a" if self.is_last else "u"
        self.following = None if self.is_last else trace.layers[position + 1]
        hidden = "hidden layer" if count <= 2 else f"hidden layer {position + 1}"
        self.title = "output layer" if self.is_last else hidden

    def forward(self) -> Iterable[str]:
        layer, i, o = self.layer, self.i, self.o
        shared = activation_name(layer) if len({*self._names()}) == 1 else "σ"
        result = f"{shared}(z^{o})" if shared else f"z^{o}"
        first = f"w_0{o} + " if layer.bias is not None else ""
        yield (
            f"  {self.title}, {layer.name}: z^{o} = {first}Σ_{i} w_{i}{o} {self.input}^{i},"
            f"  {self.output}^{o} = {result}"
        )
        rows = []
        for k in range(min(len(layer.z), self.most)):
            terms = [decimal_text(layer.bias[k])] if layer.bias is not None else []
            terms += [
                f"{_factor(w)}·{_factor(x)}"
                for w, x in zip(layer.weight[: self.most, k], layer.inputs, strict=False)
            ]
            terms += ["…"] * (len(layer.inputs) > self.most)
            name = activation_name(layer, k)
            applied = f"{name}({decimal_text(layer.z[k])}) = " if name else ""
            rows.append(
                (
                    f"z^{k + 1} = {' + '.join(terms)} = {decimal_text(layer.z[k])}",
                    f"{self.output}^{k + 1} = {applied}{decimal_text(layer.u[k])}",
                )
            )
        yield from _table(rows)
        yield from self._more(len(layer.z), "neurons")

    def backward(self) -> Iterable[str]:
        layer, o = self.layer, self.o
        if self.following is None:
            yield f"  {self.title}: ε^{o} = ∂L/∂a^{o}"
        else:
            n = self.next
            yield f"  {self.title}: ε^{o} = Σ_{n} ε^{n} σ′_{n} w_{o}{n}"
        rows = []
        for k in range(min(len(layer.z), self.most)):
            error = decimal_text(layer.error[k])
            if self.following is not None:
                after = self.following
                products = [
                    f"{_factor(e * s)}·{_factor(w)}"
                    for e, s, w in zip(
                        after.error[: self.most], after.slope, after.weight[k], strict=False
                    )
                ]
                products += ["…"] * (len(after.error) > self.most)
                error = f"{' + '.join(products)} = {error}"
            rows.append(
                (
                    f"ε^{k + 1} = {error}",
                    f"σ′ = {decimal_text(layer.slope[k])}",
                    f"ε^{k + 1} σ′ = {decimal_text(layer.error[k] * layer.slope[k])}",
                )
            )
        yield from _table(rows)
        yield from self._more(len(layer.z), "neurons")

    def step(self, rate: float) -> Iterable[str]:
        layer, i, o = self.layer, self.i, self.o
        zero = f"  ({self.input}^0 = 1)" if layer.bias is not None else ""
        yield f"  {self.title}: ∂L/∂w_{i}{o} = ε^{o} σ′_{o} {self.input}^{i}{zero}"
        rows, total = [], layer.weight.size + (0 if layer.bias is None else layer.bias.size)
        for k in range(min(len(layer.z), self.most)):
            delta = layer.error[k] * layer.slope[k]
            if (
                layer.bias is not None
                and layer.bias_gradient is not None
                and layer.new_bias is not None
            ):
                numbers = (layer.bias[k], layer.bias_gradient[k], layer.new_bias[k])
                rows.append(self._weight(0, k, numbers, delta, 1.0, rate))
            for j in range(min(len(layer.inputs), self.most)):
                numbers = (layer.weight[j, k], layer.weight_gradient[j, k], layer.new_weight[j, k])
                rows.append(self._weight(j + 1, k, numbers, delta, layer.inputs[j], rate))
        yield from _table(rows)
        if total > len(rows):
            yield f"    … {total - len(rows)} more weights"

    def _weight(
        self,
        j: int,
        k: int,
        numbers: tuple[float, float, float],
        delta: float,
        value: float,
        rate: float,
    ) -> tuple[str, str]:
        """The line of the weight from input j (0: the constant 1) to neuron k + 1."""
        w, gradient, new = numbers
        name = f"w_{j}{k + 1}" if max(j, k + 1) < 10 else f"w_{j},{k + 1}"
        product = f"{_factor(delta)}·{_factor(value)}"
        return (
            f"{name} := {decimal_text(w)} − {decimal_text(rate)}·{_factor(gradient)} = {decimal_text(new)}",
            f"∂L/∂{name} = {product} = {decimal_text(gradient)}",
        )

    def _names(self) -> list[str]:
        return [activation_name(self.layer, k) for k in range(len(self.layer.z))]

    def _more(self, count: int, what: str) -> list[str]:
        return [f"    … {count - self.most} more {what}"] if count > self.most else []


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "    " + "    ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _factor(value: float) -> str:
    return factor_text(decimal_text(value))


def _vector(values: np.ndarray, most: int) -> str:
    shown = ", ".join(decimal_text(value) for value in values[:most])
    return f"({shown}{', …' if values.size > most else ''})"
