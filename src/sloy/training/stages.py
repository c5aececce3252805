"""What a fine-tuning trains when: the head that is made anew, the layers that stay as they are, their rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from sloy.arguments import instance, integer, real
from sloy.data.dataset import Dataset
from sloy.errors import InvalidArgument, UnknownName
from sloy.layers.base import Layer
from sloy.model import Model
from sloy.network import Network
from sloy.optimizers import Optimizer

HEAD = "head"


@dataclass(frozen=True)
class Stage:
    """Some epochs with the same layers frozen.

    Attributes
    ----------
    frozen : int
        Layers, from the first, that stay as they are.
    epochs : int
    optimizer : Optimizer, str or None
    rate_factors : mapping
        As for `fit`.
    """

    frozen: int
    epochs: int
    optimizer: str | Optimizer | None
    rate_factors: Mapping[str, float]


def adapted(model: Model, data: Dataset, seed: int) -> tuple[Network, dict[str, np.ndarray]]:
    """The model's network and parameters, the last layer with weights new where the data have other classes."""
    parameters = dict(model.parameters)
    network = model.network
    outputs = network.output_shape
    if not data.has_labels or model.loss.task(outputs) != "classification":
        return network, parameters
    known = tuple(model.class_names) or tuple(str(k) for k in range(outputs[0]))
    names = tuple(data.class_names) or tuple(str(k) for k in range(data.classes))
    if names == known:
        return network, parameters
    position = _head(network)
    layer = network.layers[position]
    counted = next((n for n in ("units", "filters") if hasattr(layer, n)), None)
    if counted is None:
        raise InvalidArgument(
            f"fine_tune: the last layer with weights, `{network.layer_names[position]}`, is a"
            f" {layer.kind}; only a Dense or Conv2D can be made anew for {data.classes} classes."
        )
    name = network.layer_names[position]
    head = replace(layer, **{counted: len(names), "name": name})  # type: ignore[arg-type]
    layers = [*network.layers[:position], head, *network.layers[position + 1 :]]
    changed = Network(network.input_shape, layers)
    if changed.output_shape != (len(names),):
        raise InvalidArgument(
            f"fine_tune: `{name}` is not what gives the network's output, {outputs}; it cannot be"
            f" made anew for {len(names)} classes."
        )
    drawn = changed.initialize(seed, model.spec.dtype)
    own = f"{name}/"
    return changed, {n: v if n.startswith(own) else parameters[n] for n, v in drawn.items()}


def plan_stages(
    network: Network,
    *,
    freeze: str | None,
    unfreeze: bool,
    head_epochs: int,
    epochs: int,
    optimizer: str | Optimizer | None,
    head_optimizer: str | Optimizer | None,
    first_rate: float,
) -> list[Stage]:
    """What is trained when; the arguments are those of `fine_tune`."""
    epochs = integer("fine_tune", "epochs", epochs)
    head_epochs = integer("fine_tune", "head_epochs", head_epochs)
    first_rate = real("fine_tune", "first_rate", first_rate, above=0, most=1)
    frozen = _frozen(network, freeze)
    if unfreeze and not frozen:
        raise InvalidArgument("fine_tune: `unfreeze` (=True): no layer is frozen.")
    first = Stage(
        frozen,
        head_epochs if unfreeze else epochs,
        head_optimizer if unfreeze else optimizer,
        _factors(network, frozen, first_rate),
    )
    if not unfreeze:
        return [first]
    return [first, Stage(0, epochs, optimizer, _factors(network, 0, first_rate))]


def named_layers(network: Network) -> list[Layer]:
    """The network's layers, each with its name of its own, which it keeps in other networks."""
    pairs = zip(network.layer_names, network.layers, strict=True)
    return [replace(layer, name=name) for name, layer in pairs]


def patterns(network: Network, first: int) -> tuple[str, ...]:
    """Patterns of the parameters of the layers from a position on."""
    owners = {name.split("/")[0] for name in network.parameters}
    return tuple(f"{name}/*" for name in network.layer_names[first:] if name in owners)


def _head(network: Network) -> int:
    """The position of the last layer with weights."""
    owners = [name.split("/")[0] for name in network.parameters]
    if not owners:
        raise InvalidArgument("fine_tune: the model has no weights.")
    return network.layer_names.index(owners[-1])


def _frozen(network: Network, freeze: str | None) -> int:
    """How many layers, from the first, stay as they are."""
    if freeze is None:
        return 0
    instance("fine_tune", "freeze", freeze, str)
    if freeze == HEAD:
        return _head(network)
    names = network.layer_names
    if freeze not in names:
        raise UnknownName(
            f"fine_tune: `freeze` (={freeze!r}) must be {HEAD!r}, None or one of"
            f" {', '.join(names[: _head(network)])}."
        )
    if names.index(freeze) >= _head(network):
        raise InvalidArgument(
            f"fine_tune: `freeze` (={freeze!r}) leaves nothing to train; the last layer with weights"
            f" is {names[_head(network)]}."
        )
    return names.index(freeze) + 1


def _factors(network: Network, frozen: int, first_rate: float) -> dict[str, float]:
    """Pattern of each trained layer's parameters → its share of the learning rate."""
    owners = {name.split("/")[0] for name in network.parameters}
    names = [name for name in network.layer_names if name in owners]
    if first_rate == 1 or len(names) == 1:
        return {}
    last, trained = len(names) - 1, set(network.layer_names[frozen:])
    shares = {name: first_rate ** ((last - place) / last) for place, name in enumerate(names)}
    return {f"{name}/*": share for name, share in shares.items() if name in trained}
