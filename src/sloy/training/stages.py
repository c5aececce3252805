"""What a fine-tuning trains when: the head that is made anew, the layers that stay as they are, their rates."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, replace
from math import prod

import numpy as np

from sloy.arguments import instance
from sloy.data.dataset import Dataset
from sloy.errors import InvalidArgument, UnknownName
from sloy.layers import Conv2D, Dense, Flatten, GlobalAveragePool2D, Imported
from sloy.layers.base import Layer
from sloy.layers.pieces import Piece, pieces
from sloy.losses import CategoricalCrossentropy, Loss, SquaredError
from sloy.model import Model
from sloy.optimizers import Optimizer
from sloy.optimizers import optimizer as find_optimizer
from sloy.options import check_options, integer_option, option, real_option
from sloy.problem import Network
from sloy.text import shown
from sloy.training.recipe import Recipe

HEAD = "head"


def frozen_until(words: str) -> str | None:
    """What `FineTuning.freeze` is for "head", "none" and "until:LAYER"."""
    if words in (HEAD, "none"):
        return None if words == "none" else words
    start, _, layer = words.partition(":")
    if start != "until" or not layer:
        raise InvalidArgument(f"{shown(words)} must be until:LAYER, head or none")
    return layer


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """Which layers of a trained network are trained further, and when.

    Parameters
    ----------
    freeze : str or None
        The last layer that stays as it is; "head": all layers but the last with weights; None: no layer.
    unfreeze : bool
        Train two times: `head_epochs` with the layers frozen, then `epochs` with none.
    head_epochs : int
        Counts with `unfreeze` alone.
    first_rate : float
        Learning rates per layer: the network's first layer with weights would take this share of the rate, from above
        0 to 1, its last takes the whole, those between in equal ratios [1]_.
    head_optimizer : Optimizer or str, optional
        For the epochs before unfreezing, by default the same.
    """

    freeze: str | None = option(
        HEAD,
        "layers that stay as they are, the last of them LAYER; or head: all but the last with weights; or none",
        parse=frozen_until,
        metavar="until:LAYER",
    )
    unfreeze: bool = option(
        False, "train the rest alone first (--head-epochs), then everything (--epochs)", kind="flag"
    )
    head_epochs: int = integer_option(3, "epochs before unfreezing")
    first_rate: float = real_option(
        0.01,
        "learning rate of the first layer as a share of the last one's, with equal ratios between",
        above=0,
        most=1,
    )
    head_optimizer: str | Optimizer | None = option(None)
    where: InitVar[str] = "FineTuning"

    def __post_init__(self, where: str) -> None:
        check_options(where, self)
        instance(where, "freeze", self.freeze, str, optional=True)


@dataclass(frozen=True)
class Stage:
    """Some epochs with the same layers frozen.

    Attributes
    ----------
    frozen : int
        Layers, from the first, that stay as they are.
    recipe : Recipe
        With the epochs, the optimiser and the rates of the stage; it trains all parameters that are not frozen.
    """

    frozen: int
    recipe: Recipe


def adapted(model: Model, data: Dataset, seed: int) -> tuple[Network, dict[str, np.ndarray]]:
    """The model's network and parameters, the last layer with weights new where the data have other classes.

    An imported graph is taken as a chain of layers (`sloy.layers.pieces`); where it ends in none that can be made anew,
    as when it was cut at a value inside, a new `Dense` layer comes behind it.
    """
    network, parameters = unfolded(model)
    outputs = network.output_shape
    if not data.has_labels or loss_for(model, data).task(outputs) != "classification":
        return network, parameters
    known = tuple(model.class_names)
    if not known and len(outputs) == 1 and not _is_plain(model):
        known = tuple(str(k) for k in range(outputs[0]))
    names = tuple(data.class_names) or tuple(str(k) for k in range(data.classes))
    if names == known:
        return network, parameters
    position = _head(network)
    layer = network.layers[position]
    if network is not model.network and not _is_head(
        network, position, named=bool(model.class_names)
    ):
        return _with_head(network, parameters, len(names), seed, model.problem.dtype)
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
    drawn = changed.initialize(seed, model.problem.dtype)
    own = f"{name}/"
    return changed, {n: v if n.startswith(own) else parameters[n] for n, v in drawn.items()}


def _is_head(network: Network, position: int, *, named: bool) -> bool:
    """Whether a layer of an imported chain gives the answers, and not features: then it can be made anew."""
    behind = {layer.kind for layer in network.layers[position + 1 :]}
    if isinstance(network.layers[position], Dense):
        return behind <= {"Flatten", "Softmax"}
    pooled = {"AdaptiveAveragePool2D", "AveragePool2D", "Dropout", "GlobalAveragePool2D", "ReLU"}
    convolution = isinstance(network.layers[position], Conv2D)
    return convolution and named and behind <= pooled | {"Flatten", "Softmax"}


def loss_for(model: Model, data: Dataset) -> Loss:
    """The model's own; for named classes the cross-entropy where an imported graph was not said to be for anything."""
    if data.has_labels and data.class_names and _is_plain(model):
        return CategoricalCrossentropy()
    return model.loss


def _is_plain(model: Model) -> bool:
    """Whether it came from another tool, with nothing said of what it learns."""
    imported = any(isinstance(layer, Imported) for layer in model.network.layers)
    return imported and model.loss == SquaredError()


def unfolded(model: Model) -> tuple[Network, dict[str, np.ndarray]]:
    """The model's network and parameters, imported graphs as the chains of ordinary layers that they are."""
    network, parameters = model.network, dict(model.parameters)
    if not any(isinstance(layer, Imported) for layer in network.layers):
        return network, parameters
    layers: list[Layer] = []
    moved: dict[str, np.ndarray] = {}
    shape = network.input_shape
    for layer in named_layers(network):
        if isinstance(layer, Imported):
            parts = pieces(layer, shape, model.problem.dtype)
            if len(parts) == 1 and isinstance(parts[0].layer, Imported):
                parts = [Piece(layer, {name: name for name in parts[0].names})]
            layers += [part.layer for part in parts]
            for part in parts:
                for old, new in part.names.items():
                    moved[f"{part.layer.name}/{new}"] = parameters[f"{layer.name}/{old}"].copy()
        else:
            layers.append(layer)
            own = f"{layer.name}/"
            moved |= {name: v for name, v in parameters.items() if name.startswith(own)}
        shape = layer.output_shape(shape)
    changed = Network(network.input_shape, layers)
    return changed, {name: moved[name].reshape(shape) for name, shape in changed.shapes.items()}


def layered(model: Model) -> Model:
    """The model with imported graphs as chains of layers; itself where it has none."""
    network, parameters = unfolded(model)
    if network is model.network:
        return model
    problem = replace(model.problem, network=network)
    return Model(
        problem, parameters, reader=model.reader, class_names=model.class_names, engine=model.engine
    )


def _channels_last(network: Network) -> Network:
    """Without the transpose at the end that gives maps as another tool's file does, (C, H, W)."""
    last = network.layers[-1]
    if not isinstance(last, Imported) or len(network.layers) == 1:
        return network
    config = last.function.config
    nodes = config.get("nodes") or config[next(iter(config))]["nodes"]
    turned = [(node["op"], node.get("attributes")) for node in nodes]
    if turned != [("transpose", {"permutation": [0, 3, 1, 2]})]:
        return network
    return Network(network.input_shape, named_layers(network)[:-1])


def _with_head(
    network: Network, parameters: dict[str, np.ndarray], classes: int, seed: int, dtype: str
) -> tuple[Network, dict[str, np.ndarray]]:
    """A network of features with a new layer for classes behind it."""
    between: list[Layer] = []
    network = _channels_last(network)
    if len(network.output_shape) == 3 and prod(network.output_shape) > max(network.output_shape):
        between = [GlobalAveragePool2D()]
    elif len(network.output_shape) != 1:
        between = [Flatten()]
    name = HEAD if HEAD not in network.layer_names else f"new_{HEAD}"
    layers = [*named_layers(network), *between, Dense(classes, name=name)]
    changed = Network(network.input_shape, layers)
    drawn = changed.initialize(seed, dtype)
    return changed, {n: parameters.get(n, v) for n, v in drawn.items()}


def stages(network: Network, tuning: FineTuning, recipe: Recipe) -> list[Stage]:
    """What is trained when."""
    frozen = _frozen(network, tuning.freeze)
    if tuning.unfreeze and not frozen:
        raise InvalidArgument("fine_tune: `unfreeze` (=True): no layer is frozen.")
    first = replace(
        recipe,
        trainable=patterns(network, frozen),
        rate_factors=_factors(network, frozen, tuning.first_rate),
        decay_factors=(),
    )
    if not tuning.unfreeze:
        return [Stage(frozen, first)]
    head = replace(first, epochs=tuning.head_epochs)
    if tuning.head_optimizer is not None:
        head = replace(head.plain, optimizer=find_optimizer(tuning.head_optimizer))
    whole = replace(
        recipe,
        trainable=patterns(network, 0),
        rate_factors=_factors(network, 0, tuning.first_rate),
        decay_factors=(),
    )
    return [Stage(frozen, head), Stage(0, whole)]


def named_layers(network: Network) -> list[Layer]:
    """The network's layers, each with its name of its own, which it keeps in other networks."""
    pairs = zip(network.layer_names, network.layers, strict=True)
    return [replace(layer, name=name) for name, layer in pairs]


def patterns(network: Network, first: int) -> tuple[str, ...]:
    """Patterns of the parameters of the layers from a position on."""
    owners = _with_weights(network)
    return tuple(f"{name}/*" for name in network.layer_names[first:] if name in owners)


def _with_weights(network: Network) -> list[str]:
    """Names of the layers that have weights, in order."""
    owners = {name.split("/")[0] for name in network.parameters}
    return [name for name in network.layer_names if name in owners]


def _head(network: Network) -> int:
    """The position of the last layer with weights."""
    owners = _with_weights(network)
    if not owners:
        raise InvalidArgument("fine_tune: the model has no weights.")
    return network.layer_names.index(owners[-1])


def _frozen(network: Network, freeze: str | None) -> int:
    """How many layers, from the first, stay as they are."""
    if freeze is None:
        return 0
    if freeze == HEAD:
        return _head(network)
    names = network.layer_names
    if freeze not in names:
        raise UnknownName(
            f"fine_tune: `freeze` (={shown(freeze)}) is no layer of the network; those before the last with weights are"
            f" {', '.join(names[: _head(network)])}, and {HEAD!r} is all of them."
        )
    if names.index(freeze) >= _head(network):
        raise InvalidArgument(
            f"fine_tune: `freeze` (={shown(freeze)}) leaves nothing to train; the last layer with weights"
            f" is {names[_head(network)]}."
        )
    return names.index(freeze) + 1


def _factors(network: Network, frozen: int, first_rate: float) -> tuple[tuple[str, float], ...]:
    """Pattern of each trained layer's parameters, and its share of the learning rate."""
    names = _with_weights(network)
    if first_rate == 1 or len(names) == 1:
        return ()
    last, trained = len(names) - 1, set(network.layer_names[frozen:])
    shares = {name: first_rate ** ((last - i) / last) for i, name in enumerate(names)}
    return tuple((f"{name}/*", share) for name, share in shares.items() if name in trained)
