"""Networks whose numbers are known, as models."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sloy.arguments import instance
from sloy.engines import Engine
from sloy.losses import SquaredError
from sloy.model import Model
from sloy.problem import Network, Problem

__all__ = ["ready_model"]


def ready_model(
    network: Network,
    parameters: Mapping[str, object],
    *,
    dtype: str = "float32",
    engine: str | Engine = "auto",
    threads: int = 1,
) -> Model:
    """The model of a network with given numbers; it trains, saves and exports like any other.

    Parameters
    ----------
    network : Network
    parameters : mapping
        Name → array, all parameters of the network.
    dtype : "float32" or "float64"
        float64 runs on the reference engine.
    engine, threads
        See `sloy.engines.engine`; one thread, as these networks are small.

    Returns
    -------
    Model
        With the squared error as its loss: `predict` gives the network's values as they are.
    """
    instance("ready_model", "network", network, Network)
    instance("ready_model", "parameters", parameters, Mapping)
    problem = Problem(
        network,
        SquaredError(),
        data_dtype=dtype,
        dtype=dtype,
        target_shape=network.output_shape,
        target_dtype=dtype,
    )
    arrays = {name: np.array(value, dtype) for name, value in parameters.items()}
    return Model(problem, arrays, engine=engine, threads=threads)
