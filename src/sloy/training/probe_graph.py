"""The graphs of the probe: a training step on a batch, reduced to some numbers for each unit and parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from sloy import ops
from sloy.engines import Engine
from sloy.graph import REGISTRY, Graph, Tensor, backprop, check
from sloy.graph.graph import topological_order
from sloy.graph.opdef import LEAVES
from sloy.problem.graphs import Forward, forward
from sloy.problem.problem import Problem
from sloy.training.descent import clip, descend
from sloy.training.order import Order
from sloy.training.recipe import Recipe
from sloy.training.step import objective

FLAT = 0.05  # of the largest slope: what is less is flat
STEEP = 0.2  # slope of a layer that is not flat everywhere; that of a sigmoid is 1/4 at its middle
LINEAR = ("add", "sub", "neg", "mul", "div", "broadcast_to", "reshape", "cast")


def probe_graph(problem: Problem, recipe: Recipe, batch_size: int) -> Graph:
    """What a training step does on a batch, reduced to some numbers for each unit and parameter; nothing is updated.

    Returns
    -------
    Graph
        Inputs and variables of `sloy.training.step.training_graph`. Outputs:
        of each layer that is a function of single numbers, ``max/<layer>``, ``mean/<layer>``, ``mean_square/<layer>``
        and ``flat/<layer>`` (units,): over samples and places the largest, the mean and the mean square of what it
        gives, and the share that is not 0 and has a slope of less than 5 % of the layer's largest;
        of the numbers that the first layer with weights multiplies, ``mean/input`` and ``mean_square/input`` (units,);
        of each trained parameter, ``gradient_norm/<name>``, ``norm/<name>`` and ``update_norm/<name>`` () : of the
        gradient that is descended, of itself, and of the change by the step; ``penalty_norm/<name>`` and
        ``data_norm/<name>`` () of the gradient of penalties and of the rest, where there are penalties;
        ``training_loss`` (), of the step; ``loss`` (N,) and, of classes, ``margin`` (N,): of the network in use, the
        loss and by how much the true class is above the best other one.

    Examples
    --------
    >>> import sloy
    >>> from sloy.layers import Dense, ReLU
    >>> network = sloy.Network((2,), [Dense(3), ReLU(), Dense(2)])
    >>> problem = sloy.Problem(network, sloy.losses.loss("categorical_crossentropy"))
    >>> graph = probe_graph(problem, sloy.Recipe(optimizer="sgd"), 4)
    >>> [name for name in graph.outputs if "relu" in name], "update_norm/dense_1/weight" in graph.outputs
    (['max/relu_1', 'mean/relu_1', 'mean_square/relu_1', 'flat/relu_1'], True)
    """
    step = ops.input("step", (), "uint32")
    run = forward(problem, batch_size, training=True, step=step)
    goal = objective(problem, run, batch_size, recipe.trainable)
    outputs = {"training_loss": goal.loss}
    for name, (x, y) in _functions(run).items():
        outputs |= _of_function(name, x, y)
    if (first := _first_multiplied(run)) is not None:
        outputs |= {"mean/input": _by_unit(first), "mean_square/input": _by_unit(ops.square(first))}
    updates = descend(
        recipe.optimizer_of,
        goal.parameters,
        clip(recipe.descent, goal.gradients),
        step,
        dtype=problem.dtype,
        factor=recipe.rate_factor,
    )
    penalty = run.built.penalty()
    tensors = [parameter.tensor for parameter in goal.parameters.values()]
    penalties = None if penalty is None else backprop(penalty, tensors)
    for i, (name, w) in enumerate(zip(goal.parameters, tensors, strict=True)):
        outputs[f"gradient_norm/{name}"] = _norm(goal.gradients[i])
        outputs[f"norm/{name}"] = _norm(w)
        outputs[f"update_norm/{name}"] = _norm(updates[name] - w)
        if penalties is not None:
            outputs[f"penalty_norm/{name}"] = _norm(penalties[i])
            outputs[f"data_norm/{name}"] = _norm(goal.gradients[i] - penalties[i])
    return check(Graph.of(outputs | _in_use(problem, batch_size)))


def probe_evaluation_graph(problem: Problem, batch_size: int) -> Graph:
    """``loss`` and ``margin`` of `probe_graph` alone, of samples that are not trained on."""
    return check(Graph.of(_in_use(problem, batch_size)))


# --- parts ----------------------------------------------------------------------------------------


def _norm(x: Tensor) -> Tensor:
    return ops.sqrt(ops.reduce_sum(ops.square(x)))


def _by_unit(x: Tensor, reduce: Callable[..., Tensor] = ops.reduce_mean) -> Tensor:
    """Over samples and places: (N, …, units) → (units,)."""
    return reduce(x, tuple(range(x.rank - 1)))


def _of_function(name: str, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """The outputs of a layer that makes y of x, element by element."""
    (slope,) = backprop(ops.reduce_sum(y), [x])
    size = ops.absolute(slope)
    steepest = ops.maximum(ops.reduce_max(size), STEEP)
    flat = (size <= steepest * FLAT) * ops.not_equal(y, 0.0)
    return {
        f"max/{name}": _by_unit(y, ops.reduce_max),
        f"mean/{name}": _by_unit(y),
        f"mean_square/{name}": _by_unit(ops.square(y)),
        f"flat/{name}": _by_unit(flat),
    }


def _functions(run: Forward) -> dict[str, tuple[Tensor, Tensor]]:
    """Layers that are bent functions of single numbers: name → what it is given, and what it gives."""
    recorded = {id(y): name for name, y in reversed(list(run.built.activations.items()))}
    found = {}
    for name, y in run.built.activations.items():
        if recorded[id(y)] != name or y.rank < 2:
            continue
        given = _given(y, set(recorded) - {id(y)})
        if given is not None:
            found[name] = (given, y)
    return found


def _given(y: Tensor, ends: set[int]) -> Tensor | None:
    """The one tensor of y's shape of which y is a bent function, element by element; None where it is not so."""
    sources: dict[int, Tensor] = {}
    bent = False
    for tensor in _back(y, ends):
        if id(tensor) in ends or not _is_elementwise(tensor):
            if any(node.op == "input" for node in topological_order([tensor])):
                sources[id(tensor)] = tensor
            continue
        bent |= tensor.op not in LINEAR
    (only, *more) = sources.values() or (None,)
    return only if bent and not more and only is not None and only.shape == y.shape else None


def _back(y: Tensor, ends: set[int]) -> Iterator[Tensor]:
    """What y is computed from, back to what is not element by element."""
    waiting, seen = [y], set[int]()
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        yield tensor
        if id(tensor) not in ends and _is_elementwise(tensor):
            waiting += tensor.inputs


def _is_elementwise(tensor: Tensor) -> bool:
    return tensor.op not in LEAVES and REGISTRY[tensor.op].elementwise


def _first_multiplied(run: Forward) -> Tensor | None:
    """What the first product of samples with weights multiplies, (N, …, units)."""
    for tensor in topological_order([run.built.output]):
        if tensor.op in ("matmul", "conv2d"):
            x = tensor.inputs[0]
            if x.spec.is_float and x.rank > 1 and x.shape[0] == run.losses.shape[0]:
                return x
    return None


def _in_use(problem: Problem, batch_size: int) -> dict[str, Tensor]:
    """Losses and margins of the network in use."""
    run = forward(problem, batch_size)
    outputs = {"loss": run.losses}
    if (margin := _margin(problem, run)) is not None:
        outputs["margin"] = margin
    return outputs


def _margin(problem: Problem, run: Forward) -> Tensor | None:
    output, target = run.built.output, run.target
    shape = problem.network.output_shape
    if problem.loss.logits == "sigmoid" and shape == (1,) and target.shape == output.shape:
        return ops.reshape(output * (target * 2.0 - 1.0), (-1,))
    if problem.loss.logits != "softmax" or len(shape) != 1 or output.rank != 2:
        return None
    if target.rank == 1:
        own = ops.one_hot(target, shape[0], problem.dtype)
    elif target.shape == output.shape:
        own = ops.equal(target, ops.reduce_max(target, 1, keepdims=True))
    else:
        return None
    others = output - own * 1e30
    return ops.reduce_sum(own * output, 1) - ops.reduce_max(others, 1)


def constant_losses(order: Order, y: np.ndarray) -> np.ndarray | None:
    """The loss of each target (n, …) where every answer is the constant that suits the training targets best.

    None where the loss does not tell which that is.
    """
    return losses_of_constant(order.problem, order.engine, order.data.y, y)


def losses_of_constant(
    problem: Problem, engine: Engine, targets: np.ndarray, y: np.ndarray
) -> np.ndarray | None:
    """As `constant_losses`, with the training targets (N, …)."""
    answer = _best_constant(problem, targets)
    if answer is None or not len(y):
        return None
    output = np.broadcast_to(answer.astype(problem.dtype), (len(y), *problem.network.output_shape))
    of = ops.input("y", y.shape, problem.target_dtype)
    losses = problem.loss.per_sample(ops.constant(output, problem.dtype), of)
    found = engine.compile(Graph.of({"loss": losses}), engine.variables({}))
    return np.array(found.run({"y": np.ascontiguousarray(y)})["loss"], np.float64)


def _best_constant(problem: Problem, targets: np.ndarray) -> np.ndarray | None:
    """The raw output that answers all alike."""
    shape, logits = problem.network.output_shape, problem.loss.logits
    if logits == "softmax" and len(shape) == 1:
        if targets.ndim == 1:
            shares = np.bincount(targets, minlength=shape[0]) / len(targets)
        elif targets.shape[1:] == shape:
            shares = targets.mean(0, dtype=np.float64)
        else:
            return None
        return np.log(np.maximum(shares, 1e-6))
    if targets.shape[1:] != shape or targets.dtype.kind != "f":
        return None
    mean = targets.mean(0, dtype=np.float64)
    if logits == "sigmoid":
        share = np.clip(mean, 1e-6, 1 - 1e-6)
        return np.log(share / (1 - share))
    return mean if logits == "" else None
