"""Backprop by hand: one step of descent on one object, every number of it (L9, L10)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from sloy import arguments, losses, ops
from sloy.arguments import flag, instance, integer, real
from sloy.engines.reference import computed
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Tensor, backprop
from sloy.language import say
from sloy.layers import BatchNorm
from sloy.losses import LossLike
from sloy.problem.graphs import forward
from sloy.problem.network import Built, Network
from sloy.theory.gradients.loss import half_squared_error
from sloy.theory.gradients.trace.blocks import Block, blocks_of, trace_of
from sloy.theory.gradients.trace.layer import ParameterTrace
from sloy.theory.gradients.trace.page import StepTrace
from sloy.training.gradients import problem_of
from sloy.training.recipe import Recipe
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
    training: bool = False,
    seed: int = 0,
    step: int = 0,
) -> StepTrace:
    """One step of the lecture's backpropagation on one object, layer by layer, in float64.

    Forward: u^h = σ(Σ_j w_jh x^j), a^m = σ(Σ_h w_hm u^h). Backward: ε^m = ∂L/∂a^m, ε^h = Σ_m ε^m σ'_m w_hm.
    Gradients: ∂L/∂w_hm = ε^m σ'_m u^h, ∂L/∂w_jh = ε^h σ'_h x^j. Step: w := w - η ∂L/∂w. Convolutions, pooling,
    softmax, Maxout, dropout and normalisation have formulas of their own on the page; any other layer is shown by
    its inputs, outputs, and ε before and behind it.

    The numbers are those of the network's own graph and of the library's backprop, not of a second implementation.

    Parameters
    ----------
    network : Network
        Any layers; activations of single neurons (any σ, a user's too) belong to the dense or convolutional layer
        before them.
    x : array, shape input_shape or (1, *input_shape)
        One object.
    y : number or array
        Its target, as the loss takes it, with or without N.
    parameters : mapping, optional
        Name → array; by default those that the network has with this seed.
    loss : Loss, str or callable
        Any L. By default ½ Σ_m (a^m - y^m)², whose ε^m is a^m - y^m; `log_loss` for probabilities.
    learning_rate : float
        η.
    training : bool
        Whether dropout drops neurons and `BatchNorm` takes the moments of this object's positions; without it, both
        do what they do in use.
    seed, step : int
        Of the masks in training: those of this step of a run with this seed.

    Returns
    -------
    StepTrace

    Raises
    ------
    InvalidArgument
        For a network without parameters; with `training` where a `BatchNorm` has neurons, not maps: one object has no
        variance.
    ShapeError
        For more objects than one.

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
    object  x = (2, 1)   y = (1)   η = 0.1   L = ½ Σ_m (a^m − y^m)²
    <BLANKLINE>
    FORWARD
      output layer, dense_1: z^m = w_0m + Σ_j w_jm x^j,  a^m = z^m
        z^1 = 0.25 + 0.5·2 + (−1)·1 = 0.25    a^1 = 0.25
      loss  L = 0.28125
    <BLANKLINE>
    BACKWARD
      output layer: ε^m = ∂L/∂a^m = a^m − y^m
        ε^1 = 0.25 − 1 = −0.75    σ′ = 1    ε^1 σ′ = −0.75
    <BLANKLINE>
    STEP  w := w − η ∂L/∂w
      output layer: ∂L/∂w_jm = ε^m σ′_m x^j  (x^0 = 1)
        w_01 := 0.25 − 0.1·(−0.75) = 0.325    ∂L/∂w_01 = (−0.75)·1 = −0.75
        w_11 := 0.5 − 0.1·(−1.5) = 0.65       ∂L/∂w_11 = (−0.75)·2 = −1.5
        w_21 := −1 − 0.1·(−0.75) = −0.925     ∂L/∂w_21 = (−0.75)·1 = −0.75
      loss  L = 0.28125 → 0.045
      (the slide's Σ_m (a^m − y^m)² has ∂L/∂a^m = 2(a^m − y^m); the ½ makes it ε^m = a^m − y^m, the 2 goes into η)
    """
    where = "trace_step"
    instance(where, "network", network, Network)
    rate = real(where, "learning_rate", learning_rate, above=0)
    flag(where, "training", training)
    if not network.parameters:
        raise InvalidArgument(f"{where}: `network` has no parameters: there is no step to take.")
    _check_moments(network, training)
    one, target = _one("x", x, network.input_shape), _one("y", y, network.output_shape)
    if len(one) != 1 or one.shape[1:] != network.input_shape:
        raise ShapeError(
            f"{where}: `x` has shape {np.shape(x)}; it must be one object, {network.input_shape}."
        )
    problem, fed = problem_of(where, network, one, target, loss, "float64")
    fed["step"] = np.array(integer(where, "step", step, 0, 2**32 - 1), np.uint32)
    number = ops.input("step", (), "uint32") if training else None
    run = forward(problem, 1, training=training, step=number)
    recipe = Recipe(optimizer="sgd", seed=integer(where, "seed", seed, 0))
    variables = initial_variables(problem, recipe, parameters, where)
    blocks = blocks_of(network, run.built, training=training)
    total = ops.reduce_sum(run.losses)
    values = computed(
        {
            "loss": run.losses,
            "prediction": problem.loss.prediction(run.built.output),
            **_step_tensors(run.built, total, rate),
            **_layer_tensors(blocks, total),
        },
        {**variables, **fed},
    )
    updated = {name: values.get(f"new:{name}", variables[name]) for name in network.shapes}
    after = computed({"loss": run.losses}, {**variables, **updated, **fed})
    return StepTrace(
        x=fed["x"][0],
        y=_classes(fed["y"][0], problem.loss, network.output_shape),
        output=values[f"u:{blocks[-1].name}"][0],
        prediction=values["prediction"][0],
        loss=float(values["loss"][0]),
        new_loss=float(after["loss"][0]),
        learning_rate=rate,
        loss_name=loss if isinstance(loss, str) else getattr(loss, "__name__", str(loss)),
        loss_function=problem.loss,
        layers=tuple(
            trace_of(block, values, _parameters(block, values, variables)) for block in blocks
        ),
        gradients={name: values[f"gradient:{name}"] for name in network.parameters},
        updated=updated,
        notes=_notes(run.built),
    )


def _step_tensors(built: Built, loss: Tensor, rate: float) -> dict[str, Tensor]:
    """Gradients, next parameters and next states, by name."""
    wanted: dict[str, Tensor] = {}
    gradients = backprop(built.penalized(loss), [p.tensor for p in built.parameters.values()])
    for (name, parameter), gradient in zip(built.parameters.items(), gradients, strict=True):
        following = parameter.tensor - rate * gradient
        constraint = parameter.constraint
        wanted[f"gradient:{name}"] = gradient
        wanted[f"new:{name}"] = constraint.project(following) if constraint else following
    return wanted | {f"new:{name}": value for name, value in built.updates.items()}


def _layer_tensors(blocks: list[Block], loss: Tensor) -> dict[str, Tensor]:
    """What each layer's trace is made of, by name."""
    wanted: dict[str, Tensor] = {}
    errors = backprop(loss, [blocks[0].inputs, *(block.outputs for block in blocks)])
    for block, before, behind in zip(blocks, errors, errors[1:], strict=False):
        found = {"x": block.inputs, "u": block.outputs, "error": behind, "input_error": before}
        wanted |= {f"{what}:{block.name}": tensor for what, tensor in found.items()}
        wanted |= {f"{what}:{block.name}": tensor for what, tensor in block.more.items()}
    return wanted


def _parameters(
    block: Block, values: Mapping[str, np.ndarray], variables: Mapping[str, np.ndarray]
) -> dict[str, ParameterTrace]:
    names = [name.removeprefix("gradient:") for name in values if name.startswith("gradient:")]
    own = [name for name in names if name.startswith(f"{block.name}/")]
    return {
        name.removeprefix(f"{block.name}/"): ParameterTrace(
            variables[name], values[f"gradient:{name}"], values[f"new:{name}"]
        )
        for name in own
    }


def _notes(built: Built) -> tuple[str, ...]:
    found = []
    if built.penalty() is not None:
        found.append(say("∂L/∂w includes the gradients of the regularisers; L is without them"))
    if any(parameter.constraint for parameter in built.parameters.values()):
        found.append(say("new weights are projected onto their constraints"))
    return tuple(found)


def _check_moments(network: Network, training: bool) -> None:
    """Moments of one object's positions are those of maps."""
    if not training:
        return
    x = ops.input("x", (1, *network.input_shape))
    built, before = network.build(x), network.input_shape
    for name, layer in zip(network.layer_names, network.layers, strict=True):
        if isinstance(layer, BatchNorm) and len(before) == 1:
            raise InvalidArgument(
                f"trace_step: with `training` the layer `{name}` (BatchNorm) takes the mean and the variance of a"
                " batch of objects; by hand goes one object, whose neurons have no variance. Leave `training` out:"
                " then it takes its running statistics, as in use."
            )
        before = built.activations[name].shape[1:]


def _classes(y: np.ndarray, loss: losses.Loss, output_shape: tuple[int, ...]) -> np.ndarray:
    """A label as 1 for its class and 0 for the others."""
    if isinstance(loss, losses.CategoricalCrossentropy) and y.ndim == 0:
        return np.asarray(np.arange(output_shape[0]) == y, np.float64)
    return y


def _one(name: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
    """One object or target, with N = 1 before it, which may be there already."""
    given = arguments.array("trace_step", name, value)
    return given if given.shape == (1, *shape) else given[None]
