"""Where a training step stopped being finite: the failing batch, run again with all values shown."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sloy.engines.base import Engine
from sloy.engines.variables import Variables
from sloy.errors import NonFiniteError
from sloy.problem import Problem
from sloy.training.order import Order
from sloy.training.recipe import Recipe
from sloy.training.step import values_graph


def first_not_finite(
    problem: Problem,
    recipe: Recipe,
    engine: Engine,
    variables: Variables,
    inputs: Mapping[str, np.ndarray],
) -> tuple[str, str]:
    """The first value of a training step that is NaN or infinite.

    Looked for in the order of computation: parameters and states, the outputs of the layers, the
    loss, then the gradients by the parameters, from the last layer to the first.

    Parameters
    ----------
    inputs : mapping
        ``x``, ``y``, ``sample_weight`` and ``step`` of the failing batch.

    Returns
    -------
    (kind, name)
        kind: "parameter", "layer", "loss" or "gradient"; name: of the parameter or layer. ("", "")
        where every value is finite.
    """
    for name in problem.network.shapes:
        if not np.isfinite(variables[name]).all():
            return "parameter", name
    graph = values_graph(problem, recipe, len(inputs["x"]))
    fed = {name: np.asarray(inputs[name]) for name in graph.inputs}
    values = engine.compile(graph, variables).run(fed)
    for output in graph.outputs:
        if not np.isfinite(values[output]).all():
            kind, _, name = output.partition(":")
            return kind, name
    return "", ""


def failed_step(
    order: Order, variables: Variables, rows: np.ndarray, epoch: int, step: int, rates: np.ndarray
) -> NonFiniteError:
    """The error of a step whose loss or gradient is not finite, and what made it so.

    Parameters
    ----------
    order : Order
    variables : Variables
        As they were before the step.
    rows : int64 array (N,)
        The samples of the step.
    epoch, step : int
        Epochs done, and steps done of the one that runs.
    rates : array (steps,)
        Learning rates of the epoch.
    """
    data = order.data
    batch = {"x": data.x[rows], "y": data.y[rows], "sample_weight": data.weight[rows]}
    batch["step"] = np.array(order.steps_before + epoch * order.steps + step, np.uint32)
    kind, name = first_not_finite(order.problem, order.recipe, order.engine, variables, batch)
    error = NonFiniteError(
        f"epoch {epoch + 1}, step {step + 1} of {order.steps}: the loss or its gradient is NaN or"
        f" infinite; {_sentence(kind, name)}. The weights before this step are kept. A smaller"
        f" learning rate (now {rates[step]:g}) or `clip_norm` may help."
    )
    error.epoch, error.step, error.kind, error.name = epoch + 1, step + 1, kind, name
    return error


def _sentence(kind: str, name: str) -> str:
    """What was found, for a message."""
    return {
        "parameter": f"the parameter `{name}` is not finite after the step before",
        "layer": f"the first value that is not finite is in the output of the layer `{name}`",
        "loss": "the outputs of all layers are finite, the loss of a sample is not",
        "gradient": "the outputs of all layers are finite; the first gradient that is not is that"
        f" of `{name}`",
    }.get(kind, "every value alone is finite; their sum overflows")
