"""The exact gradient of the training loss, for looking at and for comparing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from sloy import losses
from sloy.engines import Engine
from sloy.engines import engine as find_engine
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Tensor
from sloy.network import Network
from sloy.steps.graphs import StepSpec, gradient_graph, initial_variables

__all__ = ["gradients"]


def gradients(
    network: Network,
    parameters: Mapping[str, np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    loss: str | losses.Loss | Callable[[Tensor, Tensor], Tensor],
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
    chosen = losses.loss(loss)
    batch = np.ascontiguousarray(x, dtype)
    if batch.shape[1:] != network.input_shape or not batch.ndim:
        raise ShapeError(
            f"`x` has shape {batch.shape}; the network takes (N, *{network.input_shape})."
        )
    target = chosen.target(y, network.output_shape, dtype)
    weights = np.ones(len(batch)) if sample_weight is None else np.asarray(sample_weight)
    for name, value in (("y", target), ("sample_weight", weights)):
        if len(value) != len(batch):
            raise ShapeError(f"`{name}` has {len(value)} samples, `x` has {len(batch)}.")
    if weights.shape != (len(batch),) or not (np.isfinite(weights) & (weights >= 0)).all():
        raise InvalidArgument("`sample_weight` must be (N,), finite and nowhere negative.")
    spec = StepSpec(
        network,
        chosen,
        data_dtype=dtype,
        target_shape=target.shape[1:],
        target_dtype=target.dtype.name,
        dtype=dtype,
    )
    graph = gradient_graph(spec, len(batch), training=training)
    feeds = {"x": batch, "y": target, "sample_weight": weights.astype(dtype)}
    feeds["step"] = np.array(step, np.uint32)
    executable = find_engine(engine).compile(graph, initial_variables(spec, seed, parameters))
    return executable.run({name: feeds[name] for name in graph.inputs})
