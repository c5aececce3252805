"""The graphs of training: one step of descent, its gradient alone, its values one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial

import numpy as np

from sloy import ops
from sloy.errors import InvalidArgument
from sloy.graph import Graph, Tensor, backprop, check
from sloy.graph.threefry import make_key
from sloy.layers.base import Parameter
from sloy.metrics import Metric
from sloy.problem.graphs import KEY, Forward, forward
from sloy.problem.parameters import check_names, finite_copy
from sloy.problem.problem import Problem
from sloy.text import named, shown
from sloy.training.descent import clip, descend, norms_of, slot_name
from sloy.training.recipe import Recipe

EVERY = ("*",)


@dataclass(frozen=True)
class Objective:
    """What a step descends: the weighted mean of the losses and the penalties, and its gradient."""

    weights: Tensor  # (N,)
    total: Tensor  # (), Σ w_i
    loss: Tensor  # ()
    parameters: Mapping[str, Parameter]  # the trained ones
    gradients: list[Tensor]  # by each of them


def training_graph(problem: Problem, recipe: Recipe, batch_size: int) -> Graph:
    """One step of descent.

    Returns
    -------
    Graph
        Inputs: ``x`` (N, …), ``y`` (N, …), ``sample_weight`` (N,), ``learning_rate`` (), and ``step`` () uint32, the
        number of steps done before, where the optimiser, a random mask or augmentation needs it.
        Variables: parameters, states, ``optimizer/<slot>/<parameter>``, and ``random/key`` uint32 (2,) where there
        are random masks or augmentation.
        Outputs: ``loss`` () = Σ w_i L_i / Σ w_i + penalties, 0 + penalties where Σ w_i = 0, and with mixup the same
        of both targets, in their shares; ``weight`` () = Σ w_i;
        ``gradient_norm`` (), of the loss's gradient by all trained parameters, before clipping; with
        `Recipe.gradient_norms` ``gradient_norm/<parameter>`` (), of that by each; the weighted mean of each
        additive metric.
        Updates: trained parameters, their slots, states.
    """
    check_together(problem, recipe)
    optimizer = recipe.descent
    step = ops.input("step", (), "uint32")
    run, goal = _training(problem, recipe, batch_size, step)
    norm, norms = norms_of(goal.gradients, problem.dtype)
    outputs = {"loss": goal.loss, "weight": goal.total, "gradient_norm": norm}
    if recipe.gradient_norms:
        names = (f"gradient_norm/{name}" for name in goal.parameters)
        outputs |= dict(zip(names, norms, strict=True))
    for metric in problem.metrics:
        if metric.additive:
            per_sample = partial(_of_output, problem, metric)
            mean = _batch_mean(run, per_sample, goal.weights, goal.total)
            outputs[metric.name] = mean
    updates = dict(run.built.updates)
    clipped = clip(optimizer, goal.gradients)
    updates |= descend(
        recipe.optimizer_of,
        goal.parameters,
        clipped,
        step,
        dtype=problem.dtype,
        factor=recipe.rate_factor,
    )
    return check(Graph.of(outputs, updates))


def gradient_graph(problem: Problem, batch_size: int, *, training: bool) -> Graph:
    """The gradient that a step descends, without the step.

    Returns
    -------
    Graph
        Inputs ``x``, ``y``, ``sample_weight``, in training ``step`` where there are random masks; outputs: name of
        a parameter → the gradient by it, before clipping.
    """
    step = ops.input("step", (), "uint32")
    run = forward(problem, batch_size, training=training, step=step)
    goal = objective(problem, run, batch_size, EVERY)
    return check(Graph.of(dict(zip(goal.parameters, goal.gradients, strict=True))))


def values_graph(problem: Problem, recipe: Recipe, batch_size: int) -> Graph:
    """The values of a training step in the order of computation, without its updates.

    Returns
    -------
    Graph
        Inputs as of `training_graph`; outputs ``layer:<name>`` (N, …), ``loss:`` (N,), and
        ``gradient:<parameter>``, the last layer's first.
    """
    run, goal = _training(problem, recipe, batch_size, ops.input("step", (), "uint32"))
    outputs = {f"layer:{name}": value for name, value in run.built.activations.items()}
    outputs["loss:"] = run.losses
    for name, gradient in list(zip(goal.parameters, goal.gradients, strict=True))[::-1]:
        outputs[f"gradient:{name}"] = gradient
    return check(Graph.of(outputs))


def check_together(problem: Problem, recipe: Recipe) -> None:
    """Raise where a recipe speaks of parameters or pictures that the problem has not."""
    names = problem.network.parameters
    if recipe.augment is not None:
        recipe.augment.check(problem.network.input_shape, problem.data_dtype)
    factors = (("rate_factors", recipe.rate_factors), ("decay_factors", recipe.decay_factors))
    for option, pattern in ((option, pattern) for option, given in factors for pattern, _ in given):
        if not any(fnmatchcase(name, pattern) for name in names):
            raise InvalidArgument(
                f"`{option}`: {pattern!r} fits none of the parameters {', '.join(names)}."
            )


def initial_variables(
    problem: Problem,
    recipe: Recipe | None = None,
    parameters: Mapping[str, np.ndarray] | None = None,
    where: str = "initial_variables",
) -> dict[str, np.ndarray]:
    """Parameters, states, optimiser slots and the random key at the start of a run.

    Parameters
    ----------
    problem : Problem
    recipe : Recipe, optional
        By default plain descent, which keeps no slots. Its seed is that of the initial parameters and masks.
    parameters : mapping, optional
        Parameters and states to start from instead, all of them.
    where : str
        Who asks, for the messages.

    Returns
    -------
    dict of C-contiguous arrays of the computing dtype, and ``random/key`` uint32 (2,)
    """
    recipe, network = recipe or Recipe(optimizer="sgd"), problem.network
    if parameters is None:
        variables = network.initialize(recipe.seed, problem.dtype)
    else:
        check_names(where, network, parameters)
        variables = {
            name: finite_copy(where, name, parameters[name], shape, problem.dtype)
            for name, shape in network.shapes.items()
        }
    for name in trained(network.parameters, recipe.trainable):
        for slot, value in recipe.descent.slots().items():
            variables[slot_name(slot, name)] = np.full_like(variables[name], value)
    variables[KEY] = random_key(recipe.seed)
    return variables


def random_key(seed: int) -> np.ndarray:
    """What random masks and augmentation of a run are drawn from: uint32 (2,)."""
    return make_key(seed, "masks")


def trained(parameters: Mapping[str, Parameter], trainable: Sequence[str]) -> list[str]:
    """Names of the parameters that training changes, in the network's order."""
    names = [name for name in parameters if any(fnmatchcase(name, p) for p in trainable)]
    if not names and parameters:
        raise InvalidArgument(
            f"`trainable` (={shown(trainable)}) fits none of the parameters {named(list(parameters), 8)}."
        )
    return names


# --- parts ----------------------------------------------------------------------------------------


def _training(
    problem: Problem, recipe: Recipe, batch_size: int, step: Tensor
) -> tuple[Forward, Objective]:
    """The network in training, and what is descended."""
    run = forward(problem, batch_size, training=True, step=step, augment=recipe.augment)
    return run, objective(problem, run, batch_size, recipe.trainable)


def objective(
    problem: Problem, run: Forward, batch_size: int, trainable: Sequence[str]
) -> Objective:
    """What a step on a batch descends: its weighted mean loss and the penalties, and the gradient."""
    weights = ops.input("sample_weight", (batch_size,), problem.dtype)
    total = ops.reduce_sum(weights)
    loss = _batch_mean(run, problem.loss.per_sample, weights, total)
    loss = run.built.penalized(loss)
    every = run.built.parameters
    parameters = {name: every[name] for name in trained(every, trainable)}
    gradients = backprop(loss, [parameter.tensor for parameter in parameters.values()])
    return Objective(weights, total, loss, parameters, gradients)


def _of_output(problem: Problem, metric: Metric, output: Tensor, target: Tensor) -> Tensor:
    """A metric of each sample from the network's raw output."""
    return metric.per_sample(problem.measured(output), target)


def _batch_mean(
    run: Forward,
    per_sample: Callable[[Tensor, Tensor], Tensor],
    weights: Tensor,
    total: Tensor,
) -> Tensor:
    """The weighted mean of a figure of each sample, over own targets and those of the samples mixed in."""
    output, mixing = run.built.output, run.mixing
    own = _weighted_mean(per_sample(output, run.target), weights, total)
    if mixing is None:
        return own
    values = per_sample(output, mixing.partners(run.target))
    return mixing.between(own, _weighted_mean(values, mixing.partners(weights), total))


def _weighted_mean(values: Tensor, weights: Tensor, total: Tensor) -> Tensor:
    """Σ w_i v_i / Σ w_i, and 0 where all weights are 0."""
    return ops.reduce_sum(weights * values) / ops.where(ops.equal(total, 0.0), 1.0, total)
