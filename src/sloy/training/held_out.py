"""Answers to samples that were not learned from; of members, each by the one that held the sample out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sloy import ops
from sloy.data.dataset import Dataset
from sloy.errors import InvalidArgument
from sloy.layers import MeanOfMembers
from sloy.model import Model
from sloy.problem.inputs import Data, as_dataset
from sloy.training.members import holders


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Samples that were not learned from, and what was answered.

    Attributes
    ----------
    data : Dataset
    output : float64 array, shape (N, …)
        The raw output for each.
    by_members : bool
        Whether a member of an ensemble gave each, not their mean.
    """

    data: Dataset
    output: np.ndarray
    by_members: bool = False

    def divided(self, temperature: float) -> HeldOut:
        """The same with outputs that a temperature divides."""
        return replace(self, output=self.output / temperature)


def held_out(model: Model, data: Data | HeldOut) -> HeldOut:
    """The answers of a model to samples; what already has them stays as it is.

    A model of a table takes a Dataset that `sloy.data.load_table` has made.
    """
    if isinstance(data, HeldOut):
        return data
    given = as_dataset(data)
    asked = model.prepared if isinstance(data, Dataset) else model
    return HeldOut(given, asked(given.x).astype(np.float64))


def held_out_by_members(model: Model, data: Dataset, share: float, seed: int) -> HeldOut:
    """The answers of the members of an ensemble to the samples that each held out.

    Parameters
    ----------
    model : Model
        As `fit_members` gives it.
    data : Dataset
        What that was given.
    share : float
        Its `validation`.
    seed : int
        That of its recipe.

    Raises
    ------
    InvalidArgument
        Where the model is no ensemble.

    Examples
    --------
    >>> import sloy
    >>> x = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    >>> table = sloy.Tabular(sloy.Dataset(x, (x[:, 0] > 0).astype(int)), members=2)
    >>> model, _ = sloy.fit_members(table.network, table.data, parameters=table.start(), epochs=2, validation=0.2,
    ...     preprocessing="none", engine="reference", verbose=False)
    >>> found = held_out_by_members(model, table.data, 0.2, 0)
    >>> found.output.shape, len(found.data)
    ((80, 2), 80)
    """
    network = model.network
    kinds = [isinstance(layer, MeanOfMembers) for layer in network.layers]
    if not any(kinds[1:]):
        raise InvalidArgument(f"held_out_by_members: {network} has no members.")
    name = network.layer_names[kinds.index(True) - 1]
    built = network.build(ops.input("x", (1, *network.input_shape))).activations
    members = built[name].shape[1]
    holder = holders(data, members, share, seed)  # (N,), −1 for none
    rows = np.flatnonzero(holder >= 0)
    taken = data.take(rows)
    each = model.prepared.activations(taken.x, [name])[name]  # (n, G, …)
    own = each[np.arange(len(rows)), holder[rows]].astype(np.float64)
    return HeldOut(taken, own, by_members=True)
