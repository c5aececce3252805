"""Groups of units: the neurons of a layer, the channels that a residual sum ties together; what can be removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from sloy.errors import SloyError
from sloy.graph import Tensor
from sloy.graph.graph import topological_order
from sloy.graph.opdef import multiply_adds
from sloy.problem import Network
from sloy.pruning.labels import FIXED, PRODUCTS, Labels, weight_of
from sloy.pruning.rebuild import narrowed, sliced


@dataclass(frozen=True, eq=False)
class Consumer:
    """A weight that sums over units.

    Attributes
    ----------
    weight : str
        The name of the parameter.
    product : Tensor
        As built for one sample.
    axis : int
        Of the weight, along which it sums.
    units : int array, shape (I,)
        The unit of each of the axis's elements, 0 where it stays.
    factor : float
        What the parameter is multiplied by before.
    """

    weight: str
    product: Tensor
    axis: int
    units: np.ndarray
    factor: float = 1.0


@dataclass(frozen=True, eq=False)
class Group:
    """Units that are alike: each can be removed, and all at the same places.

    Attributes
    ----------
    layers : tuple of str
        The layers that give them.
    units : int array, shape (U,)
        Their numbers, in the order in which the layers give them.
    """

    layers: tuple[str, ...]
    units: np.ndarray

    @property
    def name(self) -> str:
        """The layers in words."""
        shown = ", ".join(self.layers[:3])
        return shown + (f" and {len(self.layers) - 3} more" if len(self.layers) > 3 else "")


class Structure:
    """What of a network can be removed, and what remains then.

    Parameters
    ----------
    network : Network

    Attributes
    ----------
    groups : tuple of Group
        In the order of the layers. Units that no layer here can do without (inputs, outputs, what a normalisation of
        all channels mixes) are in none.
    consumers : tuple of Consumer
        In the order of the network.

    Examples
    --------
    >>> import sloy
    >>> from sloy.layers import Dense, ReLU
    >>> structure = Structure(sloy.Network((4,), [Dense(3), ReLU(), Dense(2)]))
    >>> [(group.name, len(group.units)) for group in structure.groups]
    [('dense_1', 3)]
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.built = network._built_for_one
        self._labels = Labels(self.built.output)
        variables = {t.attributes["name"]: t for t in self._labels.order if t.op == "variable"}
        self.variables = {name: self._axes(t) for name, t in variables.items()}
        self.activations = {name: self._axes(t) for name, t in self.built.activations.items()}
        self.consumers = tuple(self._consumers())
        self.groups = tuple(self._groups())

    @cached_property
    def costs(self) -> list[tuple[str, float]]:
        """Each product with a parameter: its name, and the multiply-adds for each of its numbers."""
        found = []
        shapes = self.network.shapes
        for tensor in self._labels.order:
            if (weight := weight_of(tensor)) is not None:
                specs = [x.spec for x in tensor.inputs]
                count = multiply_adds(tensor.op, tensor.attributes, tensor.spec, specs)
                found.append((weight[0], count / prod(shapes[weight[0]])))
        return found

    def multiply_adds(self, removed: np.ndarray) -> float:
        """Those of a sample that remain without some units (their numbers)."""
        kept = self.kept(removed)
        return sum(
            cost * float(np.prod([len(places) for places in kept[name]]))
            for name, cost in self.costs
        )

    def kept(self, removed: np.ndarray) -> dict[str, tuple[np.ndarray, ...]]:
        """Of each axis of each parameter and state the places that remain."""
        return {name: _kept(axes, removed) for name, axes in self.variables.items()}

    def without(self, removed: np.ndarray) -> Network:
        """The network without some units; `InvalidArgument` where a layer cannot be made so narrow."""
        shapes = {n: tuple(map(len, places)) for n, places in self.kept(removed).items()}
        outputs = {n: _kept(axes, removed) for n, axes in self.activations.items()}
        return narrowed(self.network, shapes, outputs)

    def cut(
        self, values: Mapping[str, np.ndarray], removed: np.ndarray
    ) -> tuple[Network, dict[str, np.ndarray]]:
        """The network without some units, and what remains of the whole one's parameters for it."""
        network, kept = self.without(removed), self.kept(removed)
        found = sliced({name: np.asarray(values[name]) for name in network.shapes}, kept)
        factors = {consumer.weight: consumer.factor for consumer in self.consumers}
        for tensor in topological_order([network._built_for_one.output]):
            name, factor = weight_of(tensor) or ("", 1.0)
            if (before := factors.get(name, factor)) != factor:
                found[name] = (found[name] * (before / factor)).astype(found[name].dtype)
        return network, found

    def masked(
        self, weights: Mapping[str, np.ndarray], removed: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Of the weights that sum over units, copies with 0 for those removed: the function of `without`."""
        found: dict[str, np.ndarray] = {}
        for consumer in self.consumers:
            gone = np.isin(consumer.units, removed)
            if gone.any():
                value = found.get(consumer.weight)
                value = np.array(weights[consumer.weight]) if value is None else value
                value[(slice(None),) * consumer.axis + (gone,)] = 0
                found[consumer.weight] = value
        return found

    def of(self, group: Group) -> tuple[Consumer, ...]:
        """The weights that sum over a group's units."""
        return tuple(c for c in self.consumers if np.isin(group.units, c.units).any())

    # --- finding them -------------------------------------------------------------------------------------------------

    def _axes(self, tensor: Tensor) -> tuple[np.ndarray, ...]:
        labels = self._labels
        return tuple(labels.find(elements) for elements in labels.axes[id(tensor)])

    def _consumers(self) -> list[Consumer]:
        found = []
        for tensor in self._labels.order:
            weight = weight_of(tensor)
            if weight is not None and id(tensor) in self._labels.sums:
                name, factor = weight
                axis = PRODUCTS[tensor.op]
                units = self.variables[name][axis]
                if units.any():
                    found.append(Consumer(name, tensor, axis, units, factor))
        return found

    def _groups(self) -> list[Group]:
        """Units by the axes that they lie along, those that a smaller network exists for."""
        summed = {(c.weight, c.axis) for c in self.consumers}
        lying: dict[int, dict[tuple[str, int], None]] = {}
        for name, axes in self.variables.items():
            for axis, units in enumerate(axes):
                for unit in dict.fromkeys(units.tolist()):
                    if unit != FIXED:
                        lying.setdefault(unit, {})[name, axis] = None
        alike: dict[tuple[tuple[str, int], ...], list[int]] = {}
        for unit, along in lying.items():
            if summed & along.keys() and along.keys() - summed:
                alike.setdefault(tuple(along), []).append(unit)
        given = {w[0] for t in self._labels.order if (w := weight_of(t)) is not None}
        groups = []
        for places, numbers in alike.items():
            makers = [name for name, axis in places if name in given and (name, axis) not in summed]
            layers = tuple(dict.fromkeys(name.rpartition("/")[0] for name in makers))
            if len(numbers) > 1 and layers:
                groups.append(Group(layers, np.array(numbers)))
        if groups and self._fits(np.array([group.units[0] for group in groups])):
            return groups
        return [group for group in groups if self._fits(group.units[:1])]

    def _fits(self, removed: np.ndarray) -> bool:
        """Whether the network without it exists, with parameters of the shapes that are left."""
        try:
            found = self.without(removed)
        except SloyError:
            return False
        left = {name: tuple(map(len, places)) for name, places in self.kept(removed).items()}
        return all(shape == left.get(name, shape) for name, shape in found.shapes.items())


def _kept(axes: tuple[np.ndarray, ...], removed: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(np.flatnonzero(~np.isin(units, removed)) for units in axes)
