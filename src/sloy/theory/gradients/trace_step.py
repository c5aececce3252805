"""Backprop by hand: one step of descent on one object, every number of it (L9, L10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sloy import arguments, ops
from sloy.arguments import instance, real
from sloy.engines.reference import computed
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Tensor, backprop
from sloy.layers import Dense, Dropout, Flatten, Layer, PerNeuron, Reshape
from sloy.losses import LossLike
from sloy.problem.graphs import Forward, forward
from sloy.problem.network import Built, Network
from sloy.theory.activations import acts_alone
from sloy.theory.gradients.loss import half_squared_error
from sloy.theory.gradients.trace import LayerTrace, StepTrace
from sloy.training.gradients import problem_of
from sloy.training.step import initial_variables

__all__ = ["trace_step"]


def trace_step(
    network: Network,
    x: ArrayLike,
    y: ArrayLike,
    *,
    parameters: Mapping[str, np.ndarray] | None = None,
    loss: LossLike = half_squared_error,
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
    where = "trace_step"
    instance(where, "network", network, Network)
    rate = real(where, "learning_rate", learning_rate, above=0)
    blocks = _blocks(network)
    one, target = _one("x", x, network.input_shape), _one("y", y, network.output_shape)
    if len(one) != 1 or one.shape[1:] != network.input_shape:
        raise ShapeError(
            f"{where}: `x` has shape {np.shape(x)}; it must be one object, {network.input_shape}."
        )
    problem, fed = problem_of(where, network, one, target, loss, "float64")
    run = forward(problem, 1)
    variables = initial_variables(problem, None, parameters, where)
    values = computed(_tensors(blocks, run, rate), {**variables, **fed})
    updated = {name: values[f"new:{name}"] for name in network.parameters}
    after = computed({"loss": run.losses}, {**variables, **updated, **fed})
    inputs = [fed["x"].reshape(-1), *(values[f"u:{block.name}"][0] for block in blocks)]
    return StepTrace(
        x=fed["x"][0],
        y=fed["y"][0],
        output=inputs[-1],
        loss=float(values["loss"][0]),
        new_loss=float(after["loss"][0]),
        learning_rate=rate,
        loss_name=loss if isinstance(loss, str) else getattr(loss, "__name__", str(loss)),
        layers=tuple(
            _layer(block, x, values, variables) for block, x in zip(blocks, inputs, strict=False)
        ),
        gradients={name: values[f"gradient:{name}"] for name in network.parameters},
        updated=updated,
        notes=_notes(run.built),
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
        elif blocks and (isinstance(layer, PerNeuron) or acts_alone(layer)):
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


def _tensors(blocks: list[_Block], run: Forward, rate: float) -> dict[str, Tensor]:
    """What is wanted of the graph, by name."""
    built, loss = run.built, ops.reduce_sum(run.losses)  # of the one object
    wanted = {"loss": run.losses}
    gradients = backprop(built.penalized(loss), [p.tensor for p in built.parameters.values()])
    for (name, parameter), gradient in zip(built.parameters.items(), gradients, strict=True):
        following = parameter.tensor - rate * gradient
        constraint = parameter.constraint
        wanted[f"gradient:{name}"] = gradient
        wanted[f"new:{name}"] = constraint.project(following) if constraint else following
    for block in blocks:
        z, u = built.activations[block.name], built.activations[block.last]
        wanted |= {f"z:{block.name}": z, f"u:{block.name}": u}
        wanted[f"error:{block.name}"] = backprop(loss, [u])[0]
        wanted[f"slope:{block.name}"] = backprop(ops.reduce_sum(u), [z])[0]
    return wanted


def _notes(built: Built) -> tuple[str, ...]:
    found = []
    if built.penalty() is not None:
        found.append("∂L/∂w includes the gradients of the regularisers; L is without them")
    if any(parameter.constraint for parameter in built.parameters.values()):
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
