"""Where a training step stopped being finite: the failing batch, run again with all values shown."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sloy import ops
from sloy.engines.base import Engine, Variables
from sloy.graph import Graph, backprop
from sloy.preprocessing import Preprocessing
from sloy.steps.graphs import KEY, StepSpec, trained


def first_not_finite(
    spec: StepSpec, engine: Engine, variables: Variables, inputs: Mapping[str, np.ndarray]
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
    for name in spec.network.shapes:
        if not np.isfinite(variables[name]).all():
            return "parameter", name
    graph = _graph(spec, len(inputs["x"]))
    fed = {name: np.asarray(inputs[name]) for name in graph.inputs}
    values = engine.compile(graph, variables).run(fed)
    for output in graph.outputs:
        if not np.isfinite(values[output]).all():
            kind, _, name = output.partition(":")
            return kind, name
    return "", ""


def sentence(kind: str, name: str) -> str:
    """What was found, for a message."""
    return {
        "parameter": f"the parameter `{name}` is not finite after the step before",
        "layer": f"the first value that is not finite is in the output of the layer `{name}`",
        "loss": "the outputs of all layers are finite, the loss of a sample is not",
        "gradient": "the outputs of all layers are finite; the first gradient that is not is that"
        f" of `{name}`",
    }.get(kind, "every value alone is finite; their sum overflows")


def _graph(spec: StepSpec, batch_size: int) -> Graph:
    """The training step without its updates, all values of interest as outputs, in their order."""
    x = ops.input("x", (batch_size, *spec.network.input_shape), spec.data_dtype)
    y = ops.input("y", (batch_size, *spec.target_shape), spec.target_dtype)
    weight = ops.input("sample_weight", (batch_size,), spec.dtype)
    ready = (spec.preprocessing or Preprocessing()).apply(x, spec.dtype)
    built = spec.network.build(
        ready,
        training=True,
        key=ops.variable(KEY, (2,), "uint32"),
        step=ops.input("step", (), "uint32"),
    )
    losses = spec.loss.per_sample(built.output, y)
    total = ops.reduce_sum(weight * losses) / ops.reduce_sum(weight)
    penalty = built.penalty()
    names = trained(spec, built.parameters)
    gradients = backprop(
        total if penalty is None else total + penalty, [built.parameters[n].tensor for n in names]
    )
    outputs = {f"layer:{name}": value for name, value in built.activations.items()}
    outputs["loss:"] = losses
    backwards = list(zip(names, gradients, strict=True))[::-1]
    return Graph.of(outputs | {f"gradient:{name}": value for name, value in backwards})
