"""The graphs of a problem: the network on a batch, what is measured of it, and its answers.

Everything ends as ops of one graph: preprocessing, network, loss, metrics. Engines see nothing else. What training
adds, the gradients and the optimiser's updates, is in `sloy.training.step`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sloy import ops
from sloy.augmentation import Augment, Mixing
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Graph, Tensor, check
from sloy.graph.spec import Spec
from sloy.losses import Loss
from sloy.preprocessing import Preprocessing
from sloy.problem.network import Built
from sloy.problem.problem import Problem

KEY = "random/key"


@dataclass(frozen=True)
class Forward:
    """The network on a batch, and what is measured of it.

    Attributes
    ----------
    built : Built
    target : Tensor
    losses : Tensor
        (N,).
    mixing : Mixing or None
        With other samples of the batch.
    """

    built: Built
    target: Tensor
    losses: Tensor
    mixing: Mixing | None


def evaluation_graph(problem: Problem, batch_size: int, *, prediction: bool = False) -> Graph:
    """Loss and metrics of each sample, the network as in use.

    Parameters
    ----------
    prediction : bool
        Whether ``prediction`` is wanted too.

    Returns
    -------
    Graph
        Inputs ``x`` and ``y``; outputs ``loss`` (N,) without penalties, for each metric what its `aggregate`
        takes, (N,) or (N, P), and as wanted ``prediction`` (N, …), as of `inference_graph`.
    """
    run = forward(problem, batch_size)
    outputs = {"loss": run.losses}
    output, target = problem.measured(run.built.output), run.target
    outputs |= {metric.name: metric.per_sample(output, target) for metric in problem.metrics}
    if prediction:
        outputs["prediction"] = problem.loss.prediction(run.built.output)
    return check(Graph.of(outputs))


def inference_graph(problem: Problem, batch_size: int, activations: Sequence[str] = ()) -> Graph:
    """The network in use.

    Parameters
    ----------
    activations : sequence of str
        Names of layers whose outputs are wanted.

    Returns
    -------
    Graph
        Input ``x``; outputs ``output`` (N, …), the network's raw output, ``prediction`` (N, …), probabilities
        or values, and ``activation/<layer>`` (N, …) as wanted.
    """
    built = problem.network.build(_ready(problem, _input(problem, batch_size)))
    _check_ending(problem.loss, built.output)
    outputs = {"output": built.output, "prediction": problem.loss.prediction(built.output)}
    for name in activations:
        if name not in built.activations:
            raise InvalidArgument(
                f"no layer is named {name!r}; there are {', '.join(built.activations)}."
            )
        outputs[f"activation/{name}"] = built.activations[name]
    return check(Graph.of(outputs))


def forward(
    problem: Problem,
    batch_size: int,
    *,
    training: bool = False,
    step: Tensor | None = None,
    augment: Augment | None = None,
) -> Forward:
    """The network on the inputs ``x`` and ``y`` of a batch.

    Parameters
    ----------
    training : bool
        Whether dropout drops and batch normalisation takes the moments of the batch.
    step : Tensor, optional
        uint32 (): the number of steps done before, needed where something is drawn.
    augment : Augment, optional
        Random changes of the samples.
    """
    key = ops.variable(KEY, (2,), "uint32") if training else None
    x, mixing = _input(problem, batch_size), None
    if augment is not None and key is not None and step is not None:
        mixing = augment.mixing(key, step, problem.dtype)
        x = augment.pictures(x, key, step)
    if mixing is not None:
        x = mixing.mixed(ops.cast(x, problem.dtype))
    built = problem.network.build(_ready(problem, x), training=training, key=key, step=step)
    _check_ending(problem.loss, built.output)
    target = ops.input("y", (batch_size, *problem.target_shape), problem.target_dtype)
    losses = problem.loss.per_sample(built.output, target)
    if losses.spec != Spec((batch_size,), problem.dtype):
        raise ShapeError(
            f"{type(problem.loss).__name__}: the loss is {losses.spec}; it must be one number per"
            f" sample, {problem.dtype}[{batch_size}]."
        )
    return Forward(built, target, losses, mixing)


def _input(problem: Problem, batch_size: int) -> Tensor:
    return ops.input("x", (batch_size, *problem.network.input_shape), problem.data_dtype)


def _ready(problem: Problem, x: Tensor) -> Tensor:
    """Samples as the first layer takes them."""
    return (problem.preprocessing or Preprocessing()).apply(x, problem.dtype)


def _check_ending(loss: Loss, output: Tensor) -> None:
    """Raise where the network already does what the loss will do."""
    last = output
    while last.op in ("reshape", "cast"):
        last = last.inputs[0]
    if loss.logits and last.op in ("softmax", "sigmoid"):
        name = type(loss).__name__
        raise InvalidArgument(
            f"{name}: the network ends in a {last.op}, but this loss takes logits and applies the"
            f" {loss.logits} itself: remove the last layer (`predict_proba` gives probabilities)."
        )
