"""The exact gradient of the training loss, for looking at and for comparing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sloy.arguments import flag, instance, integer, one_of
from sloy.engines import Engine
from sloy.engines import engine as find_engine
from sloy.errors import ShapeError
from sloy.graph.spec import FLOATS
from sloy.losses import LossLike
from sloy.losses import loss as find_loss
from sloy.problem import Network, Problem
from sloy.problem.inputs import sample_weights, samples
from sloy.training.recipe import Recipe
from sloy.training.step import gradient_graph, initial_variables

__all__ = ["gradients", "problem_of"]


def gradients(
    network: Network,
    parameters: Mapping[str, np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    loss: LossLike,
    sample_weight: np.ndarray | None = None,
    *,
    training: bool = False,
    seed: int = 0,
    step: int = 0,
    dtype: str = "float64",
    engine: str | Engine = "reference",
) -> dict[str, np.ndarray]:
    """∂/∂w of Σ_i w_i L(f(x_i), y_i) / Σ_i w_i + penalties, for every parameter of a network.

    Parameters
    ----------
    network : Network
    parameters : mapping
        Parameters and states by name, all of them: what `Network.initialize` gives.
    x : array, shape (N, *input_shape)
        As the network takes it: no preprocessing is applied.
    y : array
        Targets as the loss takes them.
    loss : str, Loss or callable
    sample_weight : array, shape (N,), optional
        1 each by default.
    training : bool
        Whether dropout drops and batch normalisation takes the moments of the batch.
    seed, step : int
        Of the random masks in training: those of this step of a run with this seed.
    dtype : "float64" or "float32"
        The computing dtype.
    engine : str or Engine

    Returns
    -------
    dict
        Name of a parameter → its gradient, an array of its shape and of `dtype`.

    Examples
    --------
    >>> import numpy as np
    >>> from sloy.layers import Dense
    >>> network = Network((2,), [Dense(1)])
    >>> parameters = {"dense_1/weight": np.array([[1.0], [2.0]]), "dense_1/bias": np.zeros(1)}
    >>> found = gradients(network, parameters, np.array([[3.0, 4.0]]), np.array([10.0]), "squared_error")
    >>> found["dense_1/weight"].tolist(), found["dense_1/bias"].tolist()
    ([[6.0], [8.0]], [2.0])
    """
    where = "gradients"
    flag(where, "training", training)
    problem, feeds = problem_of(where, network, x, y, loss, dtype)
    count = len(feeds["x"])
    given = np.ones(count) if sample_weight is None else sample_weight
    feeds["sample_weight"] = sample_weights(where, given, count).astype(dtype)
    feeds["step"] = np.array(integer(where, "step", step, 0, 2**32 - 1), np.uint32)
    graph = gradient_graph(problem, count, training=training)
    variables = initial_variables(problem, Recipe(optimizer="sgd", seed=seed), parameters, where)
    executable = find_engine(engine).compile(graph, variables)
    return executable.run({name: feeds[name] for name in graph.inputs})


def problem_of(
    where: str, network: Network, x: np.ndarray, y: np.ndarray, loss: LossLike, dtype: str
) -> tuple[Problem, dict[str, np.ndarray]]:
    """A network and a loss on samples as they are, without preprocessing; and the inputs of the graphs, checked.

    Parameters
    ----------
    where : str
        Who asks, for the messages.
    network, x, y, loss, dtype
        As `gradients` takes them.

    Returns
    -------
    problem : Problem
    inputs : dict
        The arrays of ``x`` and ``y``.
    """
    instance(where, "network", network, Network)
    one_of(where, "dtype", dtype, FLOATS)
    chosen = find_loss(loss)
    batch = samples(x, network.input_shape, dtype, where, dtype)
    target = chosen.target(y, network.output_shape, dtype)
    if len(target) != len(batch):
        raise ShapeError(f"{where}: `y` has {len(target)} samples, `x` has {len(batch)}.")
    problem = Problem.of(network, chosen, batch, target, dtype=dtype)
    return problem, {"x": batch, "y": target}
