"""`find_rate`: the learning rate that `fit` should have."""

from __future__ import annotations

from typing import Any

from sloy.arguments import instance
from sloy.options import chosen, takes
from sloy.problem import Network
from sloy.problem.inputs import Data, Validation, as_dataset
from sloy.training.fit import fit
from sloy.training.rates import RateRange, rate_for
from sloy.training.recipe import Recipe


@takes(
    Recipe,
    fit,
    without=("learning_rate", "patience", "state", "checkpoint", "resume", "callbacks", "verbose"),
)
def find_rate(
    network: Network,
    data: Data,
    *,
    validation: Validation = None,
    recipe: Recipe | None = None,
    **options: Any,
) -> RateRange:
    """Find the learning rate that `fit` with the same arguments should have.

    It begins at the rate whose first step changes the weights by 1 %, and goes on to one √10 times as high or low
    while short runs, of the whole recipe in small, have a validation loss that is lower by more than two standard
    errors: over the samples, and over three orders and initial weights. All works on runs of its own; nothing that is
    given changes, nor does any later run.

    Parameters
    ----------
    network : Network
    data : Dataset or (x, y)
    validation : float, Dataset or (x, y), optional
        As for `fit`; without it a fifth of the samples is held out here.
    recipe : Recipe, optional
        Its own rate and patience do not count. The schedule must be one with a name, whose highest rate is found.
    loss, metrics, preprocessing, preprocessed, sample_weight, engine, threads, parameters
        As for `fit`.
    <options>

    Returns
    -------
    RateRange

    Raises
    ------
    InvalidArgument
        Where the schedule has rates of its own, or training diverges at every rate.

    Examples
    --------
    >>> import numpy as np, sloy
    >>> x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    >>> network = sloy.Network((4,), [sloy.layers.Dense(8), sloy.layers.Tanh(), sloy.layers.Dense(2)])
    >>> found = find_rate(network, (x, (x[:, 0] > 0).astype(int)), epochs=5, batch_size=20, engine="reference")
    >>> found.low <= found.best <= found.high
    True
    """
    instance("find_rate", "network", network, Network)
    own = chosen(Recipe, options)
    rest = {name: value for name, value in options.items() if name not in own}
    recipe = Recipe.of("find_rate", recipe, own)
    return rate_for(fit, network, as_dataset(data), validation=validation, recipe=recipe, **rest)
