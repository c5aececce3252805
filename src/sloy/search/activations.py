"""`search_activations`: an activation for each neuron, chosen by the same backprop that trains the weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sloy import ops, text
from sloy.arguments import instance, integer, sequence
from sloy.engines import Engine
from sloy.errors import InvalidArgument
from sloy.graph.stored import is_elementwise
from sloy.graph.tensor import Tensor
from sloy.initializers import as_initializer
from sloy.language import say
from sloy.layers import Layer, PerNeuron, Scope
from sloy.layers.activations import activation
from sloy.model import Model
from sloy.options import takes
from sloy.problem import Network
from sloy.problem.inputs import Data, Validation, as_dataset, divided
from sloy.training.fit import fit
from sloy.training.paired import SURE, losses_of, paired_gain
from sloy.training.recipe import Recipe

CHOICES = ("relu", "tanh", "sigmoid", "softplus", "silu")
HELD_OUT = 0.2
RUNS = 3
FASTER = 10.0  # times the learning rate of weights, by which choices are learned
ROUNDS = 3  # in which neurons are decided, the most decided first
SURELY = 30.0  # a row of choices that is decided: this, and minus this for all others
MIXED = "mixed"
SHARE = "choice"  # the parameter (C, K)


@dataclass(frozen=True, repr=False)
class Mixed(Layer):
    """Each neuron has a mix of activations: y(…, c) = Σ_k p(c, k) σ_k(x(…, c)), p(c) the softmax of a parameter.

    Input and output (N, …, C); parameter ``choice`` (C, K), zeros at first, so that all σ_k count alike. Once the
    parameter is learned, `PerNeuron` with the greatest of each row is what is left.

    Examples
    --------
    >>> from sloy.layers import ReLU, Tanh
    >>> Mixed((ReLU(), Tanh())).output_shape((5,))
    (5,)
    """

    choices: Sequence[Layer]

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        zeros = as_initializer("Mixed", SHARE, "zeros")
        choice = scope.parameter(SHARE, (x.shape[-1], len(self.choices)), zeros)
        shares = ops.softmax(choice)  # (C, K)
        total = None
        for number, one in enumerate(self.choices):
            picked = np.eye(len(self.choices))[:, number : number + 1]
            share = ops.reshape(shares @ ops.constant(picked, x.dtype), x.shape[-1:])  # (C,)
            part = one.apply(scope, x) * share
            total = part if total is None else total + part
        assert total is not None
        return total


@dataclass(frozen=True, eq=False)
class Activations(text.Shown):
    """What `search_activations` found.

    Attributes
    ----------
    network : Network
        With the activations that are best: `mixed` where that is surely better, else with one for all.
    model : Model
        It, trained.
    mixed : Network
        With `PerNeuron` layers.
    chosen : mapping
        Name of the layer → the activations of its neurons, in `mixed`, whether it is taken or not.
    losses : mapping
        Name of the activation that all neurons have, or "mixed" → mean loss of the samples held out, of the run that is
        taken.
    means : mapping
        The same, the mean of all runs.
    single : str
        The best of them that is one for all.
    gain, error : float
        By how much the mix is better than that, and the standard error, paired by sample.
    """

    network: Network
    model: Model
    mixed: Network
    chosen: Mapping[str, Sequence[str]]
    losses: Mapping[str, float]
    means: Mapping[str, float]
    single: str
    gain: float
    error: float

    @property
    def is_sure(self) -> bool:
        """Whether the gain is above two standard errors."""
        return self.gain > SURE * self.error

    def __str__(self) -> str:
        once = self.means == self.losses  # of one run the mean is the same again
        rows = [] if once else [("", say("taken"), say("mean of runs"))]
        rows += [
            (say("mixed") if name == MIXED else name, f"{loss:.4f}", f"{self.means[name]:.4f}")
            for name, loss in self.losses.items()
        ]
        losses = text.columns([row[: 2 if once else 3] for row in rows])
        counted = {name: Counter(kinds).most_common() for name, kinds in self.chosen.items()}
        chosen = text.columns(
            [(n, ", ".join(f"{count} {kind}" for kind, count in c)) for n, c in counted.items()]
        )
        if not self.is_sure:
            chosen = say("{single} for all", single=self.single)
        said = {"gain": f"{self.gain:.4f}", "error": f"{self.error:.4f}", "single": self.single}
        if self.is_sure:
            gain = say("{gain} ± {error} over {single} for all", **said)
        else:
            gain = say("no gain: a mix has {gain} ± {error} over {single} for all", **said)
        titles = say("validation loss"), say("chosen"), say("gain")
        return text.fields(list(zip(titles, (losses, chosen, gain), strict=True)))


@takes(Recipe)
def search_activations(
    network: Network,
    data: Data,
    *,
    choices: Sequence[Any] = CHOICES,
    validation: Validation = HELD_OUT,
    runs: int = RUNS,
    recipe: Recipe | None = None,
    engine: str | Engine = "auto",
    threads: int = 0,
    loss: Any = None,
    preprocessing: Any = "auto",
    **options: Any,
) -> Activations:
    """Choose an activation for each neuron, or channel (L12: "activation of each neuron").

    Each activation layer becomes a mix of all choices, whose shares, a softmax for each neuron, are learned by the same
    backprop as the weights. In three rounds, a third of the epochs each, a third of the neurons of each layer keep
    their greatest share alone, those first that have decided most; then the network is trained on. It is compared with
    networks that have one choice for all neurons and are trained as often.

    Parameters
    ----------
    network : Network
        Its activation layers are varied, not what follows the last layer with weights.
    data : Dataset or (x, y)
    choices : sequence
        Names, activation layers, or functions of a tensor; at least two, of which those that are the same count once.
    validation : float, Dataset or (x, y)
        What is compared by.
    runs : int
        Of the mix and of each choice, from other weights and in other orders; the one is taken whose loss of the
        samples that it learned from is least.
    recipe, engine, threads, loss, preprocessing
        As for `sloy.fit`.
    <options>

    Returns
    -------
    Activations

    Raises
    ------
    InvalidArgument
        Where the network has no activation layer, or a choice does not treat each element alike.

    Notes
    -----
    The best single choice is chosen by the samples that the gain is measured on, the mix by those that are trained on:
    the gain is rather too small than too great. A mix of S choices costs S times the activations' part of a step.

    References
    ----------
    .. [1] H. Liu, K. Simonyan, Y. Yang, "DARTS: differentiable architecture search", ICLR 2019: the relaxation.

    Examples
    --------
    >>> import sloy
    >>> x = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    >>> network = sloy.Network((2,), [sloy.layers.Dense(4), sloy.layers.ReLU(), sloy.layers.Dense(2)])
    >>> found = sloy.search_activations(network, (x, (x[:, 0] > 0).astype(int)), choices=("relu", "tanh"), runs=1,
    ...                                 epochs=5, learning_rate=0.01, engine="reference")
    >>> sorted(found.losses), len(found.chosen["relu_1"])
    (['mixed', 'relu', 'tanh'], 4)
    """
    place = "search_activations"
    instance(place, "network", network, Network)
    recipe = Recipe.of(place, recipe, options)
    kinds = _kinds(place, choices)
    places = _places(network)
    train, held = divided(as_dataset(data), validation, recipe.seed)
    if held is None:
        raise InvalidArgument(f"{place}: `validation` (=None) must be what is compared by.")
    shared = {"engine": engine, "threads": threads, "loss": loss, "preprocessing": preprocessing}

    def trained(one: Network, own: Recipe, parameters: Any = None) -> Model:
        model, _ = fit(
            one, train, validation=held, recipe=own, parameters=parameters, verbose=False, **shared
        )
        return model

    def single_of(kind: Layer, own: Recipe) -> Model:
        one = _with(network, dict.fromkeys(places, kind))
        model = trained(one, own)
        return trained(one, own, _arrays(model))  # twice, as the mix

    seeds = range(recipe.seed, recipe.seed + integer(place, "runs", runs))
    recipes = [replace(recipe, seed=seed) for seed in seeds]
    found = {name: [single_of(kind, own) for own in recipes] for name, kind in kinds.items()}
    found[MIXED] = [_mixed(network, places, list(kinds.values()), own, trained) for own in recipes]
    best = {  # by the samples that they have learned from, so that those held out still tell the truth
        name: int(np.argmin([losses_of(model, train).mean() for model in some]))
        for name, some in found.items()
    }
    every = {name: [losses_of(model, held) for model in some] for name, some in found.items()}
    means = {name: float(np.mean(some)) for name, some in every.items()}
    taken = {name: some[best[name]] for name, some in found.items()}
    apart = {name: some[best[name]] for name, some in every.items()}
    losses = {name: float(some.mean()) for name, some in apart.items()}
    single = min(kinds, key=lambda name: losses[name])
    gain, error = paired_gain([apart[single]], [apart[MIXED]])
    model, mixed = taken[MIXED if gain > SURE * error else single], taken[MIXED].network
    names = {one: name for name, one in kinds.items()}
    chosen = {
        network.layer_names[i]: [names[one] for one in _owners(mixed.layers[i])] for i in places
    }
    return Activations(
        model.network, model, mixed, chosen, losses, means, single, gain, error
    )  # fmt: skip


def _kinds(place: str, choices: Sequence[Any]) -> dict[str, Layer]:
    """Name → activation, of each choice."""
    found: dict[str, Layer] = {}
    for given in sequence(place, "choices", choices):
        one = activation(place, given)
        if not _is_activation(one):
            raise InvalidArgument(
                f"{place}: `choices` holds {given!r}, which does not treat each element alike."
            )
        name = given if isinstance(given, str) else getattr(given, "__name__", repr(one))
        if one not in found.values():
            found[name if name not in found else f"{name} {len(found) + 1}"] = one
    if len(found) < 2:
        raise InvalidArgument(
            f"{place}: `choices` (={list(found)}) must be two or more that are not the same."
        )
    return found


def _is_activation(layer: Layer) -> bool:
    try:
        return is_elementwise(lambda x: layer.apply(Scope(dtype=x.dtype), x))
    except InvalidArgument:
        return False


def _places(network: Network) -> list[int]:
    """The places of activation layers before the last layer with parameters."""
    weighted = [name.split("/")[0] for name in network.parameters]
    last = network.layer_names.index(weighted[-1]) if weighted else 0
    varied = [
        i
        for i, layer in enumerate(network.layers[:last])
        if isinstance(layer, PerNeuron) or (_is_activation(layer) and layer.kind != "Dropout")
    ]
    if not varied:
        raise InvalidArgument(
            f"search_activations: `network` ({network}) has no activation before its last layer with weights."
        )
    return varied


def _with(network: Network, layers: Mapping[int, Layer]) -> Network:
    """The network with other layers at some places, of the same names."""
    names = network.layer_names
    found = [
        replace(layers[i], name=names[i]) if i in layers else replace(layer, name=names[i])
        for i, layer in enumerate(network.layers)
    ]
    return Network(network.input_shape, found)


def _mixed(
    network: Network, places: Sequence[int], kinds: Sequence[Layer], recipe: Recipe, trained: Any
) -> Model:
    """The network with the activations that its neurons chose, the most decided first, trained."""
    names = {i: f"{network.layer_names[i]}/{SHARE}" for i in places}
    relaxed = replace(
        recipe,
        epochs=max(1, recipe.epochs // ROUNDS),
        rate_factors=(*recipe.rate_factors, (f"*/{SHARE}", FASTER)),
        decay_factors=(*recipe.decay_factors, (f"*/{SHARE}", 0.0)),
    )
    mixed, arrays = _with(network, {i: Mixed(tuple(kinds)) for i in places}), None
    for done in range(1, ROUNDS + 1):
        arrays = _arrays(trained(mixed, relaxed, arrays))
        arrays |= {name: _decided(arrays[name], done / ROUNDS) for name in names.values()}
    assert arrays is not None
    chosen = {
        i: PerNeuron([kinds[k] for k in arrays[name].argmax(axis=1)]) for i, name in names.items()
    }
    hardened = _with(network, chosen)
    return trained(hardened, recipe, {n: v for n, v in arrays.items() if n in hardened.shapes})


def _decided(choice: np.ndarray, share: float) -> np.ndarray:
    """Choices (C, K) in which a share of the rows, those with the greatest shares, have one left."""
    shares = np.exp(choice - choice.max(axis=1, keepdims=True))
    surest = (shares / shares.sum(axis=1, keepdims=True)).max(axis=1)  # (C,)
    rows = np.argsort(-surest, kind="stable")[: round(share * len(choice))]
    found = choice.copy()
    found[rows] = -SURELY
    found[rows, choice[rows].argmax(axis=1)] = SURELY
    return found


def _arrays(model: Model) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in model.parameters.items()}


def _owners(layer: Layer) -> list[Layer]:
    """The activation of each neuron."""
    assert isinstance(layer, PerNeuron)
    return [one for one, count in layer.activations for _ in range(count)]  # type: ignore[misc]
