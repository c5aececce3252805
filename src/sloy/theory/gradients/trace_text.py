"""A step by hand as text: the lecture's formulas, and the numbers in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sloy.arguments import integer
from sloy.layers import Layer, PerNeuron

if TYPE_CHECKING:
    from sloy.theory.gradients.trace import LayerTrace, StepTrace


def describe(trace: StepTrace, most: int) -> str:
    """See `StepTrace.text`."""
    most = integer("StepTrace.text", "most", most)
    layers = [_Layer(trace, number, most) for number in range(len(trace.layers))]
    rate = number(trace.learning_rate)
    loss = f"  loss  L = {number(trace.loss)}"
    lines = [
        f"object  x = {_vector(trace.x.reshape(-1), most)}   y = {_vector(trace.y.reshape(-1), most)}"
        f"   η = {rate}   L = {trace.loss_name}",
        "",
        "FORWARD",
        *(line for layer in layers for line in layer.forward()),
        loss,
        "",
        "BACKWARD",
        *(line for layer in reversed(layers) for line in layer.backward()),
        "",
        "STEP  w := w − η ∂L/∂w",
        *(line for layer in reversed(layers) for line in layer.step(trace.learning_rate)),
        f"{loss} → {number(trace.new_loss)}",
    ]
    lines += [f"  ({note})" for note in trace.notes]
    return "\n".join(lines)


def number(value: float) -> str:
    """Five digits, a true minus sign.

    Examples
    --------
    >>> number(-0.123456), number(2.0), number(-0.0)
    ('−0.12346', '2', '0')
    """
    return f"{float(value) + 0.0:.5g}".replace("-", "−")


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
            terms = [number(layer.bias[k])] if layer.bias is not None else []
            terms += [
                f"{_factor(w)}·{_factor(x)}"
                for w, x in zip(layer.weight[: self.most, k], layer.inputs, strict=False)
            ]
            terms += ["…"] * (len(layer.inputs) > self.most)
            name = activation_name(layer, k)
            applied = f"{name}({number(layer.z[k])}) = " if name else ""
            rows.append(
                (
                    f"z^{k + 1} = {' + '.join(terms)} = {number(layer.z[k])}",
                    f"{self.output}^{k + 1} = {applied}{number(layer.u[k])}",
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
            error = number(layer.error[k])
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
                    f"σ′ = {number(layer.slope[k])}",
                    f"ε^{k + 1} σ′ = {number(layer.error[k] * layer.slope[k])}",
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
            f"{name} := {number(w)} − {number(rate)}·{_factor(gradient)} = {number(new)}",
            f"∂L/∂{name} = {product} = {number(gradient)}",
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
    """A factor of a product, in brackets where it is negative."""
    text = number(value)
    return f"({text})" if text.startswith("−") else text


def _vector(values: np.ndarray, most: int) -> str:
    shown = ", ".join(number(value) for value in values[:most])
    return f"({shown}{', …' if values.size > most else ''})"
