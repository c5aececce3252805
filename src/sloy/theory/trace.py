"""Backprop by hand: one step of descent on one object, every number of it (L9, L10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from sloy import arguments, ops
from sloy.arguments import instance, real
from sloy.engines import engine as find_engine
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Graph, Tensor, backprop
from sloy.graph.stored import is_elementwise
from sloy.layers import Dense, Dropout, Flatten, Layer, PerNeuron, Reshape
from sloy.layers.base import Scope
from sloy.network import Network
from sloy.theory.objective import (
    LossChoice,
    Objective,
    half_squared_error,
    objective,
    variables_of,
)

__all__ = ["LayerTrace", "StepTrace", "trace_step"]


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
        from sloy.theory.trace_text import describe

        return describe(self, most)

    def __str__(self) -> str:
        return self.text()


def trace_step(
    network: Network,
    x: ArrayLike,
    y: ArrayLike,
    *,
    parameters: Mapping[str, np.ndarray] | None = None,
    loss: LossChoice = half_squared_error,
    learning_rate: float = 0.1,
) -> StepTrace:
    """One step of the lecture's backpropagation on one object, layer by layer, in float64.

    Forward: u^h = σ(Σ_j w_jh x^j), a^m = σ(Σ_h w_hm u^h). Backward: ε^m = ∂L/∂a^m, ε^h = Σ_m ε^m σ'_m w_hm.
    Gradients: ∂L/∂w_hm = ε^m σ'_m u^h, ∂L/∂w_jh = ε^h σ'_h x^j. Step: w := w - η ∂L/∂w.

    The numbers are those of the network's own graph and of the library's backprop, not of a second implementation.

    Parameters
    ----------
    network : Network
        Dense layers, any number of them, each with activations that treat every neuron alone (any σ, a user's
        too); `Flatten` before them. `Dropout` drops nothing here.
    x : array, shape input_shape or (1, *input_shape)
        One object.
    y : number or array
        Its target, as the loss takes it, with or without N.
    parameters : mapping, optional
        Name → array; by default those that the network has with seed 0.
    loss : Loss, str or callable
        Any L. By default ½ Σ_m (a^m - y^m)², whose ε^m is a^m - y^m.
    learning_rate : float
        η.

    Returns
    -------
    StepTrace

    References
    ----------
    .. [1] D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by back-propagating errors",
       Nature 323 (1986) 533-536.

    Examples
    --------
    >>> from sloy.layers import Dense
    >>> neuron = Network((2,), [Dense(1)])
    >>> weights = {"dense_1/weight": np.array([[0.5], [-1.0]]), "dense_1/bias": np.array([0.25])}
    >>> print(trace_step(neuron, [2, 1], 1, parameters=weights, learning_rate=0.1))
    object  x = (2, 1)   y = (1)   η = 0.1   L = half_squared_error
    <BLANKLINE>
    FORWARD
      output layer, dense_1: z^m = w_0m + Σ_j w_jm x^j,  a^m = z^m
        z^1 = 0.25 + 0.5·2 + (−1)·1 = 0.25    a^1 = 0.25
      loss  L = 0.28125
    <BLANKLINE>
    BACKWARD
      output layer: ε^m = ∂L/∂a^m
        ε^1 = −0.75    σ′ = 1    ε^1 σ′ = −0.75
    <BLANKLINE>
    STEP  w := w − η ∂L/∂w
      output layer: ∂L/∂w_jm = ε^m σ′_m x^j  (x^0 = 1)
        w_01 := 0.25 − 0.1·(−0.75) = 0.325    ∂L/∂w_01 = (−0.75)·1 = −0.75
        w_11 := 0.5 − 0.1·(−1.5) = 0.65       ∂L/∂w_11 = (−0.75)·2 = −1.5
        w_21 := −1 − 0.1·(−0.75) = −0.925     ∂L/∂w_21 = (−0.75)·1 = −0.75
      loss  L = 0.28125 → 0.045
    """
    place = "trace_step"
    instance(place, "network", network, Network)
    rate = real(place, "learning_rate", learning_rate, above=0)
    blocks = _blocks(network)
    one, target = _one("x", x, network.input_shape), _one("y", y, network.output_shape)
    if len(one) != 1 or one.shape[1:] != network.input_shape:
        raise ShapeError(
            f"{place}: `x` has shape {np.shape(x)}; it must be one object, {network.input_shape}."
        )
    aim = objective(place, network, one, target, loss, "float64")
    variables = variables_of(place, network, parameters, "float64")
    engine = find_engine("reference")
    wanted = Graph.of(_tensors(blocks, aim, rate))
    values = engine.compile(wanted, variables).run(
        {name: aim.feeds[name] for name in wanted.inputs}
    )
    updated = {name: values[f"new:{name}"] for name in network.parameters}
    after = engine.compile(Graph.of({"loss": aim.loss}), {**variables, **updated}).run(aim.feeds)
    inputs = [aim.feeds["x"].reshape(-1), *(values[f"u:{block.name}"][0] for block in blocks)]
    return StepTrace(
        x=aim.feeds["x"][0],
        y=aim.feeds["y"][0],
        output=inputs[-1],
        loss=float(values["loss"]),
        new_loss=float(after["loss"]),
        learning_rate=rate,
        loss_name=loss if isinstance(loss, str) else getattr(loss, "__name__", str(loss)),
        layers=tuple(
            _layer(block, x, values, variables) for block, x in zip(blocks, inputs, strict=False)
        ),
        gradients={name: values[f"gradient:{name}"] for name in network.parameters},
        updated=updated,
        notes=_notes(aim),
    )


@dataclass(frozen=True)
class _Block:
    """A dense layer and the activations behind it."""

    name: str
    last: str  # name of the last layer of the block, whose output is u
    activation: tuple[Layer, ...]


def _blocks(network: Network) -> list[_Block]:
    blocks: list[_Block] = []
    for name, layer in zip(network.layer_names, network.layers, strict=True):
        if isinstance(layer, Dense):
            blocks.append(_Block(name, name, ()))
        elif isinstance(layer, Flatten | Reshape) and not blocks:
            continue
        elif blocks and isinstance(layer, Dropout):
            blocks[-1] = _Block(blocks[-1].name, name, blocks[-1].activation)
        elif blocks and _is_activation(layer):
            blocks[-1] = _Block(blocks[-1].name, name, (*blocks[-1].activation, layer))
        else:
            raise InvalidArgument(
                f"trace_step: the layer `{name}` ({layer.kind}) is neither dense nor an activation of single neurons;"
                " by hand go Dense layers, activations such as Tanh() behind them, and Flatten before them. (Use"
                " logits and a cross-entropy instead of Softmax.)"
            )
    if not blocks:
        raise InvalidArgument("trace_step: the network has no Dense layer.")
    return blocks


def _is_activation(layer: Layer) -> bool:
    """Whether a layer has no parameters and treats each neuron alone."""
    if isinstance(layer, PerNeuron):
        return True
    scope = Scope(dtype="float64")

    def apply(x: Tensor) -> Tensor:
        return layer.apply(scope, x)

    try:
        return is_elementwise(apply) and not scope.record.parameters
    except (InvalidArgument, ShapeError):
        return False


def _tensors(blocks: list[_Block], aim: Objective, rate: float) -> dict[str, Tensor]:
    """What is wanted of the graph, by name."""
    built = aim.built
    wanted = {"loss": aim.loss}
    gradients = backprop(aim.total, [p.tensor for p in built.parameters.values()])
    for (name, parameter), gradient in zip(built.parameters.items(), gradients, strict=True):
        following = parameter.tensor - rate * gradient
        constraint = parameter.constraint
        wanted[f"gradient:{name}"] = gradient
        wanted[f"new:{name}"] = constraint.project(following) if constraint else following
    for block in blocks:
        z, u = built.activations[block.name], built.activations[block.last]
        wanted |= {f"z:{block.name}": z, f"u:{block.name}": u}
        wanted[f"error:{block.name}"] = backprop(aim.loss, [u])[0]
        wanted[f"slope:{block.name}"] = backprop(ops.reduce_sum(u), [z])[0]
    return wanted


def _notes(aim: Objective) -> tuple[str, ...]:
    found = []
    if aim.total is not aim.loss:
        found.append("∂L/∂w includes the gradients of the regularisers; L is without them")
    if any(parameter.constraint for parameter in aim.built.parameters.values()):
        found.append("new weights are projected onto their constraints")
    return tuple(found)


def _layer(
    block: _Block,
    inputs: np.ndarray,
    values: Mapping[str, np.ndarray],
    variables: Mapping[str, np.ndarray],
) -> LayerTrace:
    def of(what: str) -> np.ndarray:
        return values[f"{what}:{block.name}"][0]

    weight, bias = f"{block.name}/weight", f"{block.name}/bias"
    with_bias = bias in variables
    return LayerTrace(
        name=block.name,
        activation=block.activation,
        inputs=inputs,
        z=of("z"),
        u=of("u"),
        slope=of("slope"),
        error=of("error"),
        weight=variables[weight],
        weight_gradient=values[f"gradient:{weight}"],
        new_weight=values[f"new:{weight}"],
        bias=variables[bias] if with_bias else None,
        bias_gradient=values[f"gradient:{bias}"] if with_bias else None,
        new_bias=values[f"new:{bias}"] if with_bias else None,
    )


def _one(name: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
    """One object or target, with N = 1 before it, which may be there already."""
    given = arguments.array("trace_step", name, value)
    return given if given.shape == (1, *shape) else given[None]
