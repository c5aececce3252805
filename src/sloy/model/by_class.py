"""A model of two classes by one output as one with an output for each, as answers are shown and files say them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sloy import ops
from sloy.graph import Tensor
from sloy.layers import Dense
from sloy.losses import BinaryCrossentropy, CategoricalCrossentropy, CustomLoss, Hinge, Loss
from sloy.metrics import default_metrics
from sloy.model.parts import Parts
from sloy.problem import Network


def has_one_for_two(parts: Parts) -> bool:
    """Whether a single output tells two classes, by their names, apart: the second where it is above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sloy.problem import Problem
    >>> network = Network((1,), [Dense(1)])
    >>> problem = Problem(network, BinaryCrossentropy(), target_shape=(1,), target_dtype="float32")
    >>> has_one_for_two(Parts(problem, {}, ("no", "yes"))), has_one_for_two(Parts(problem, {}))
    (True, False)
    """
    return len(parts.class_names) == 2 and parts.problem.network.output_shape == (1,)


def by_class(parts: Parts) -> Parts:
    """The same function with an output for each class: the logits (0, z), whose softmax is (1 - σ(z), σ(z)).

    Others are given back as they are.
    """
    if not has_one_for_two(parts):
        return parts
    problem = parts.problem
    network = Network(
        problem.network.input_shape, [*problem.network.layers, Dense(2, use_bias=False)]
    )
    (added,) = set(network.shapes) - set(problem.network.shapes)
    loss = _loss(problem.loss)
    wide = replace(
        problem,
        network=network,
        loss=loss,
        metrics=default_metrics(loss, network.output_shape),
        target_shape=(),
        target_dtype="int32",
    )
    weight = np.array([[0.0, 1.0]], problem.dtype)
    return parts._replace(problem=wide, parameters={**parts.parameters, added: weight})


def _loss(loss: Loss) -> Loss:
    """What the loss of one output z costs of the outputs (0, z)."""
    if isinstance(loss, BinaryCrossentropy):
        return CategoricalCrossentropy(loss.label_smoothing)
    if isinstance(loss, Hinge):
        return loss
    given: Any = loss

    def cost(output: Tensor, target: Tensor) -> Tensor:
        n, _ = output.shape
        z = ops.slice(output, (0, 1), (n, 2))
        return given.per_sample(z, ops.reshape(ops.cast(target, output.dtype), (n, 1)))

    return CustomLoss(cost, "labels")
