"""`grow`: a network that is made wider and deeper as long as that surely helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np

from sloy import ops, text
from sloy.arguments import instance, integer
from sloy.engines import Engine
from sloy.engines import engine as find_engine
from sloy.errors import InvalidArgument
from sloy.graph import Graph
from sloy.graph.stored import is_elementwise
from sloy.language import say
from sloy.layers import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    Layer,
    MaxPool2D,
    Residual,
    Scope,
)
from sloy.layers.base import layer_names
from sloy.model import Model
from sloy.options import takes
from sloy.problem import Network
from sloy.problem.inputs import Data, Validation, as_dataset, divided
from sloy.training.fit import fit
from sloy.training.paired import SURE, losses_of, paired_gain
from sloy.training.recipe import Recipe

FACTOR = 1.5  # by which layers are widened
HELD_OUT = 0.2
ROUNDS = 8
PASSING = (AveragePool2D, BatchNorm, Dropout, Flatten, GlobalAveragePool2D, MaxPool2D)
_PROBE = np.linspace(-3, 3, 61, dtype=np.float32)[:, None]


@dataclass(frozen=True)
class Step:
    """A network that was tried.

    Attributes
    ----------
    change : str
        "start", "trained on", "wider" or "deeper".
    sizes : tuple of int
        Neurons, or channels, of each layer with weights.
    parameters : int
    loss : float
        Mean of the samples held out.
    gain, error : float
        By how much it is lower than without the change, trained as long; and the standard error.
    kept : bool
    """

    change: str
    sizes: tuple[int, ...]
    parameters: int
    loss: float
    gain: float = 0.0
    error: float = 0.0
    kept: bool = False


@dataclass(frozen=True, eq=False)
class Grown(text.Shown):
    """What `grow` found.

    Attributes
    ----------
    network : Network
    model : Model
        Trained.
    steps : tuple of Step
        All that were tried, in order.
    """

    network: Network
    model: Model
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        names = {
            "start": say("start"),
            "trained on": say("trained on"),
            "wider": say("wider"),
            "deeper": say("deeper"),
        }
        title = (say("sizes"), say("parameters"), say("validation loss"), say("gain"))
        rows = [("", *title, "")]
        for step in self.steps:
            gain = "" if step.change == "start" else f"{step.gain:.4f} ± {step.error:.4f}"
            sizes = " ".join(map(str, step.sizes))
            told = (text.count(step.parameters), f"{step.loss:.4f}", gain)
            rows.append((names[step.change], sizes, *told, say("kept") if step.kept else ""))
        return text.columns(rows)


@takes(Recipe)
def grow(
    network: Network,
    data: Data,
    *,
    validation: Validation = HELD_OUT,
    rounds: int = ROUNDS,
    recipe: Recipe | None = None,
    engine: str | Engine = "auto",
    threads: int = 0,
    loss: Any = None,
    preprocessing: Any = "auto",
    **options: Any,
) -> Grown:
    """Grow a small network while its validation loss falls surely.

    In each round the network is trained on as it is, with all its hidden layers 1.5 times as wide, and with one more
    layer, each from the weights that it has and with the whole recipe. What is new does nothing at first, so that all
    begin with the same loss: new neurons have weights zero to what follows, a new layer is the identity (after an
    activation σ with σ(σ(x)) = σ(x), such as ReLU), or a residual block that adds nothing. The better change stays
    where its loss is lower than that of the network trained on by more than two standard errors, paired by sample.

    Parameters
    ----------
    network : Network
        To begin with: a chain of `Dense` and `Conv2D` layers, at least one of them hidden; between them activations,
        pooling, `BatchNorm`, `Dropout`, `Flatten`.
    data : Dataset or (x, y)
    validation : float, Dataset or (x, y)
        What gains are measured on.
    rounds : int
        At most.
    recipe, engine, threads, loss, preprocessing
        As for `sloy.fit`.
    <options>

    Returns
    -------
    Grown

    Raises
    ------
    InvalidArgument
        Where the network is no such chain.

    Notes
    -----
    Net2Net [1]_ copies neurons and halves what they send on. Copies get the same gradient, and by an optimiser that
    divides it by its size, such as Adam, the same step: they stay copies. Neurons that send zeros do not.

    References
    ----------
    .. [1] T. Chen, I. Goodfellow, J. Shlens, "Net2Net: accelerating learning via knowledge transfer", ICLR 2016.

    Examples
    --------
    >>> import sloy
    >>> x = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    >>> network = sloy.Network((2,), [sloy.layers.Dense(2), sloy.layers.ReLU(), sloy.layers.Dense(2)])
    >>> grown = sloy.grow(network, (x, (x[:, 0] * x[:, 1] > 0).astype(int)), epochs=10, rounds=1, learning_rate=0.01,
    ...                   engine="reference")
    >>> [step.change for step in grown.steps]
    ['start', 'trained on', 'wider', 'deeper']
    """
    instance("grow", "network", network, Network)
    recipe = Recipe.of("grow", recipe, options)
    hidden_of(network)  # raises where it is no such chain
    train, held = divided(as_dataset(data), validation, recipe.seed)
    if held is None:
        raise InvalidArgument("grow: `validation` (=None) must be what gains are measured on.")

    def trained(one: Network, parameters: Mapping[str, np.ndarray] | None) -> _Tried:
        model, _ = fit(
            one, train, validation=held, recipe=recipe, parameters=parameters, engine=engine, threads=threads,
            loss=loss, preprocessing=preprocessing, verbose=False,
        )  # fmt: skip
        return _Tried(one, model, losses_of(model, held))

    best = trained(network, None)
    steps = [best.step("start", kept=True)]
    for _ in range(integer("grow", "rounds", rounds)):
        own = {name: np.array(value) for name, value in best.model.parameters.items()}
        control = trained(best.network, own)
        gain, error = paired_gain([best.losses], [control.losses])
        steps.append(control.step("trained on", gain, error, kept=gain > 0))
        base = control if gain > 0 else best
        changes = {"wider": wider(best.network, own, recipe.seed)}
        changes["deeper"] = deeper(best.network, own, recipe.seed)
        tried = {n: trained(*c) for n, c in changes.items() if c[0] != best.network}
        gains = {name: paired_gain([base.losses], [one.losses]) for name, one in tried.items()}
        chosen = max(gains, key=lambda name: gains[name][0])
        sure = gains[chosen][0] > SURE * gains[chosen][1]
        for name, one in tried.items():
            steps.append(one.step(name, *gains[name], kept=sure and name == chosen))
        best = tried[chosen] if sure else base
        if not sure:
            break
    return Grown(best.network, best.model, tuple(steps))


@dataclass(frozen=True, eq=False)
class _Tried:
    """A network that was trained, and its losses of the samples held out, (N,)."""

    network: Network
    model: Model
    losses: np.ndarray

    def step(self, change: str, gain: float = 0.0, error: float = 0.0, *, kept: bool) -> Step:
        """What is told of it."""
        sizes = sizes_of(self.network)
        count = self.network.parameter_count
        return Step(change, sizes, count, float(self.losses.mean()), gain, error, kept)


def sizes_of(network: Network) -> tuple[int, ...]:
    """Neurons, or channels, of each layer with weights; those of a residual block are of its last."""
    shapes = [
        layer.layers[-1] if isinstance(layer, Residual) else layer for layer in network.layers
    ]
    return tuple(_size(layer) for layer in shapes if isinstance(layer, Dense | Conv2D))


def hidden_of(network: Network) -> list[int]:
    """The places of the hidden layers with weights, in a chain that can be grown."""
    weighted = []
    for place, layer in enumerate(network.layers):
        if isinstance(layer, Dense) or (isinstance(layer, Conv2D) and layer.groups == 1):
            weighted.append(place)
        elif not isinstance(layer, (*PASSING, Residual)) and not _is_activation(layer):
            raise InvalidArgument(
                f"grow: `network` has {layer!r}; it must be a chain of Dense and Conv2D layers without groups, with"
                " activations, pooling, BatchNorm, Dropout and Flatten between them."
            )
    if len(weighted) < 2:
        raise InvalidArgument(f"grow: `network` ({network}) must have a hidden layer with weights.")
    return weighted[:-1]


def wider(
    network: Network, parameters: Mapping[str, np.ndarray], seed: int
) -> tuple[Network, dict[str, np.ndarray]]:
    """The network with hidden layers 1.5 times as wide, and parameters with which it gives the same.

    A layer whose output a residual block takes or gives keeps its width.
    """
    layers = list(network.layers)
    hidden = [place for place in hidden_of(network) if not _meets_residual(layers, place)]
    for place in hidden:
        layer = layers[place]
        field = "units" if isinstance(layer, Dense) else "filters"
        layers[place] = replace(layer, **{field: ceil(FACTOR * _size(layer))})  # type: ignore[arg-type]
    found = Network(network.input_shape, layers)
    fresh = found.initialize(seed, next(iter(parameters.values())).dtype.name)
    names = found.layer_names
    for name, value in fresh.items():
        old = parameters[name]
        if value.shape == old.shape:
            fresh[name] = np.array(old)
            continue
        place = names.index(name.split("/")[0])
        if name.endswith("/weight") and _feeds(hidden, place, layers):
            fresh[name] = _wider_weight(value, old, _widths(network, found, place))
        else:
            value[tuple(slice(extent) for extent in old.shape)] = old
    return found, fresh


def deeper(
    network: Network, parameters: Mapping[str, np.ndarray], seed: int
) -> tuple[Network, dict[str, np.ndarray]]:
    """The network with a layer more behind its last hidden one, and parameters with which it gives the same."""
    layers = list(network.layers)
    place = hidden_of(network)[-1]
    layer = layers[place]
    weighted = (i for i in range(place + 1, len(layers)) if isinstance(layers[i], Dense | Conv2D))
    between = range(place + 1, next(weighted))
    after = next((i for i in between if _is_activation(layers[i])), place)
    activation = replace(layers[after], name=None) if after > place else None
    size = _size(layer)
    same: dict[str, Any] = (
        {"units": size}
        if isinstance(layer, Dense)
        else {"filters": size, "kernel_size": 3, "stride": 1}
    )
    if isinstance(layer, Conv2D):
        same |= {"padding": "same", "dilation": 1}
    plain = replace(layer, **same, name=None, use_bias=True)  # type: ignore[call-arg]
    identity = activation is not None and _is_idempotent(activation)
    inserted: list[Layer] = (
        [plain, activation]  # type: ignore[list-item]  # there is one
        if identity
        else [Residual([plain, *([activation] if activation else []), plain])]
    )
    layers[after + 1 : after + 1] = inserted
    found = Network(network.input_shape, layers)
    fresh = found.initialize(seed, next(iter(parameters.values())).dtype.name)
    old_names, new_names = layer_names(network.layers), found.layer_names
    kept = [i for i in range(len(layers)) if not after < i <= after + len(inserted)]
    renamed = {new_names[new]: old for new, old in zip(kept, old_names, strict=True)}
    own = new_names[after + 1]
    for name, value in fresh.items():
        first, _, rest = name.partition("/")
        if first in renamed:
            fresh[name] = np.array(parameters[f"{renamed[first]}/{rest}"])
        elif first == own and identity:
            fresh[name] = _identity(value)
    if not identity:
        last = [name for name in fresh if name.startswith(f"{own}/")][-2:]  # of the second layer
        fresh |= {name: np.zeros_like(fresh[name]) for name in last}
    return found, fresh


def _size(layer: Layer) -> int:
    return layer.units if isinstance(layer, Dense) else int(getattr(layer, "filters"))  # noqa: B009


def _is_activation(layer: Layer) -> bool:
    weighted = isinstance(layer, Dense | Conv2D | Residual)
    try:
        return not weighted and is_elementwise(lambda x: layer.apply(Scope(dtype=x.dtype), x))
    except InvalidArgument:  # a mask is asked for
        return False


def _is_idempotent(layer: Layer) -> bool:
    """Whether σ(σ(x)) = σ(x), so that an identity before it changes nothing."""
    x, scope = ops.input("x", _PROBE.shape), Scope()
    once = layer.apply(scope, x)
    graph = Graph.of({"once": once, "twice": layer.apply(scope, once)})
    found = find_engine("reference").compile(graph, {}).run({"x": _PROBE})
    return bool(np.array_equal(found["once"], found["twice"]))


def _meets_residual(layers: Sequence[Layer], place: int) -> bool:
    """Whether a residual block comes before the next layer with weights."""
    for layer in layers[place + 1 :]:
        if isinstance(layer, Dense | Conv2D):
            return False
        if isinstance(layer, Residual):
            return True
    return False


def _feeds(hidden: Sequence[int], place: int, layers: Sequence[Layer]) -> bool:
    """Whether the layer with weights before a place was widened."""
    before = [i for i in range(place) if isinstance(layers[i], Dense | Conv2D | Residual)]
    return bool(before) and before[-1] in hidden


def _widths(network: Network, found: Network, place: int) -> tuple[int, int]:
    """How many channels, or neurons, come to a layer in the old network and in the new one."""
    before = [
        layer for layer in network.layers[:place] if isinstance(layer, Dense | Conv2D)
    ], [layer for layer in found.layers[:place] if isinstance(layer, Dense | Conv2D)]  # fmt: skip
    return _size(before[0][-1]), _size(before[1][-1])


def _wider_weight(fresh: np.ndarray, old: np.ndarray, widths: tuple[int, int]) -> np.ndarray:
    """Weights (…, I, O) with zeros from new inputs; I may be channels of each of several places, flattened."""
    was, is_now = widths
    places = old.shape[-2] // was
    shape = (*fresh.shape[:-2], places, is_now, fresh.shape[-1])
    result = fresh.reshape(shape)  # (…, P, I, O)
    result[..., was:, :] = 0
    outputs = old.shape[-1]
    result[..., :was, :outputs] = old.reshape(*old.shape[:-2], places, was, outputs)
    return result.reshape(fresh.shape)


def _identity(fresh: np.ndarray) -> np.ndarray:
    """Weights (…, I, I) that give the input again; a bias of zeros."""
    result = np.zeros_like(fresh)
    if fresh.ndim == 2:
        np.fill_diagonal(result, 1)
    elif fresh.ndim == 4:
        np.fill_diagonal(result[fresh.shape[0] // 2, fresh.shape[1] // 2], 1)
    return result
