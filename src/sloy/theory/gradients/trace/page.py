"""One step by hand: its numbers, and the lecture's formulas with them (L9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from sloy.arguments import integer
from sloy.language import say
from sloy.losses import CustomLoss, Loss
from sloy.text import Shown
from sloy.theory.gradients.loss import half_squared_error
from sloy.theory.gradients.trace.layer import LayerTrace, value_lines
from sloy.theory.gradients.trace.names import (
    Index,
    Level,
    Place,
    equation,
    table_lines,
    vector_text,
)
from sloy.theory.gradients.trace.neurons import ReshapeTrace
from sloy.theory.gradients.trace.output import OutputRule, output_rule
from sloy.theory.gradients.trace.table import TraceTable, table_of
from sloy.theory.gradients.trace.weighted import DenseTrace
from sloy.theory.notation import decimal_text

__all__ = ["StepTrace"]


@dataclass(frozen=True, eq=False)
class StepTrace(Shown):
    """All numbers of one step of descent on one object; printing it gives the step by hand.

    Attributes
    ----------
    x : array, shape input_shape
    y : array
        The target of the object as the loss takes it; of labels 1 for the class and 0 for the others.
    output, prediction : array
        a, and what the loss makes of it: probabilities of logits, otherwise a itself.
    loss, new_loss : float
        L of the object before the step and after it, without penalties.
    learning_rate : float
        η.
    loss_name : str
    layers : tuple of LayerTrace
        In the order of the network; activations of single neurons belong to the dense or convolutional layer before
        them. `DenseTrace` and `ConvolutionTrace` have z, u, slope, error, weight, …
    gradients : dict
        Name of a parameter → ∂L/∂w, with the penalties' share.
    updated : dict
        Name of a parameter or state → its next value.
    notes : tuple of str
        What the formulas leave out: regularisers and constraints, where the network has them.
    """

    x: np.ndarray
    y: np.ndarray
    output: np.ndarray
    prediction: np.ndarray
    loss: float
    new_loss: float
    learning_rate: float
    loss_name: str
    loss_function: Loss = field(repr=False)
    layers: tuple[LayerTrace, ...]
    gradients: dict[str, np.ndarray] = field(repr=False)
    updated: dict[str, np.ndarray] = field(repr=False)
    notes: tuple[str, ...] = ()

    def text(self, most: int = 6) -> str:
        """The step by hand, at most so many neurons of a layer and so many terms of a sum."""
        most = integer("StepTrace.text", "most", most)
        shown = list(zip(self.layers, places(self, most), strict=True))
        rule = _rule(self, shown[-1][1])
        loss = "  " + say("loss  L = {loss}", loss=decimal_text(self.loss))
        first = next((k for k, layer in enumerate(self.layers) if layer.parameters), len(shown))
        x, y = (vector_text(values, most) for values in (self.x, self.y))
        lines = [
            say("object  x = {x}   y = {y}", x=x, y=y)
            + f"   η = {decimal_text(self.learning_rate)}   L = {rule.loss or self.loss_name}",
            "",
            say("FORWARD"),
            *(line for layer, place in shown for line in layer.forward(place)),
            *_prediction(self, rule, most),
            loss,
            "",
            say("BACKWARD"),
            *(
                line
                for k in reversed(range(first, len(shown)))
                for line in self._backward(shown, k, rule)
            ),
            "",
            say("STEP") + "  w := w − η ∂L/∂w",
            *(
                line
                for layer, place in reversed(shown)
                if layer.parameters
                for line in layer.step(place, self.learning_rate)
            ),
            f"{loss} → {decimal_text(self.new_loss)}",
        ]
        lines += [f"  ({note})" for note in (*self.notes, *_half(self))]
        return "\n".join(lines)

    def table(self) -> TraceTable:
        """Every number as the rows of a table: z, u, σ′ and ε of neurons, w, ∂L/∂w and the new w of weights."""
        return table_of(self.layers, places(self, 1))

    def __str__(self) -> str:
        return self.text()

    def _backward(
        self, shown: list[tuple[LayerTrace, Place]], position: int, rule: OutputRule
    ) -> Iterable[str]:
        """ε of one layer's outputs: by the loss, or by the layer behind it."""
        (layer, place), last = shown[position], position + 1 == len(shown)
        any_, a = place.after.any, place.after.symbol
        if last:
            formula = f"∂L/∂{a}{any_}" + (f" = {rule.error}" if rule.error else "")
        else:
            following, next_place = shown[position + 1]
            formula = following.error_rule(next_place)
        yield f"  {place.title}: ε{any_} = {formula}"

        def row(k: Index) -> tuple[str, ...]:
            terms = rule.terms(k[0]) if last else following.error_terms(next_place, k)
            named = equation(f"ε{place.after.at(k)}", terms, layer.error[k])
            return named, *layer.slopes(place, k)

        yield from value_lines(layer.u.shape, place.most, row)
        yield from layer.after_errors(place)


def places(trace: StepTrace, most: int) -> list[Place]:
    """Where each layer stands: what its inputs, its outputs and it itself are called."""
    levels = _levels(trace)
    dense = [layer for layer in trace.layers if isinstance(layer, DenseTrace)]
    found = []
    for layer, before, after in zip(trace.layers, levels, levels[1:], strict=False):
        title = f"{layer.title()}, {layer.name}"
        if isinstance(layer, DenseTrace):
            number = "" if len(dense) <= 2 else f" {dense.index(layer) + 1}"
            title = say("output layer") if layer is dense[-1] else f"{layer.title()}{number}"
        found.append(Place(title, before, after, most))
    return found


def _levels(trace: StepTrace) -> list[Level]:
    """The numbers between layers. Neurons that a layer treats alone keep their letter."""
    shapes = [trace.x.shape, *(layer.u.shape for layer in trace.layers)]
    same = [False, *(layer.same_neurons for layer in trace.layers)]
    of_x = [True]
    for layer in trace.layers:
        of_x.append(of_x[-1] and isinstance(layer, ReshapeTrace))
    made = [k for k, shape in enumerate(shapes) if len(shape) == 1 and not (same[k] or of_x[k])]
    hidden = made[:-1]
    found: list[Level] = []
    for k, shape in enumerate(shapes):
        symbol = "x" if of_x[k] else "a" if k + 1 == len(shapes) else "u"
        if same[k] and len(shape) == 1:
            letter = found[-1].letter
        elif of_x[k]:
            letter = "j"
        else:
            letter = f"h{hidden.index(k) + 1}" if k in hidden else "m"
            letter = "h" if k in hidden and len(hidden) == 1 else letter
        found.append(Level(symbol, letter, shape))
    return found


def _rule(trace: StepTrace, place: Place) -> OutputRule:
    return output_rule(
        trace.loss_function, place.after.letter, trace.output, trace.y, trace.prediction
    )


def _prediction(trace: StepTrace, rule: OutputRule, most: int) -> Iterable[str]:
    """The probabilities that the loss makes of logits."""
    if rule.prediction:
        yield "  " + say("probabilities: {formula}", formula=rule.prediction)
        values = trace.prediction[:most]
        yield from table_lines(
            [tuple(f"P^{k + 1} = {decimal_text(v)}" for k, v in enumerate(values))]
        )


def _half(trace: StepTrace) -> Iterable[str]:
    """What the ½ of the lecture's loss is for."""
    loss = trace.loss_function
    if isinstance(loss, CustomLoss) and loss.function is half_squared_error:
        yield say(
            "the slide's Σ_m (a^m − y^m)² has ∂L/∂a^m = 2(a^m − y^m); the ½ makes it ε^m = a^m − y^m, the 2"
            " goes into η"
        )
