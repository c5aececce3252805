"""Remedies: what of a run is changed by each, and from where it is tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from math import floor, log10
from typing import Any

from sloy import layers
from sloy.diagnosis.evidence import Evidence
from sloy.diagnosis.report import Finding
from sloy.errors import SloyError
from sloy.language import Sentence, sentence
from sloy.layers import Layer
from sloy.optimizers import Optimizer
from sloy.problem import Network
from sloy.training.recipe import Recipe

FIRST_MOVE = 0.01  # of their size, by which the first step is to move the weights
USUAL_MOMENTUM = 0.9


@dataclass(frozen=True)
class Remedy:
    """Something to change.

    Attributes
    ----------
    words : Sentence
        Such as "learning rate 0.1 → 0.001".
    change : mapping
        Arguments of `sloy.fit` in place of the run's.
    prevents : bool
        Whether it is tried from the start: it keeps a harm from being done. Else from now: it makes good.
    """

    words: Sentence
    change: Mapping[str, Any] = field(default_factory=dict)
    prevents: bool = True


def remedies_of(finding: Finding, evidence: Evidence) -> list[Remedy]:
    """Those of a finding that can be tried by themselves."""
    names = finding.own_remedies or finding.rule.remedies
    made = (MAKERS[name](evidence) for name in names if name in MAKERS)
    return [remedy for remedy in made if remedy is not None]


def rounded(value: float) -> float:
    """A rate to one digit: 0.00132 → 0.001.

    Examples
    --------
    >>> rounded(0.00132), rounded(0.036)
    (0.001, 0.04)
    """
    return float(f"{round(value, -floor(log10(value))):.0e}") if value > 0 else value


def _rate(evidence: Evidence, *, higher: bool) -> Remedy | None:
    """The rate of which the first step moves the weights by 1 %."""
    recipe, total = evidence.recipe, max(evidence.total, 1)
    rates = recipe.descent.schedule.rates(0, total, total)
    given = recipe.learning_rate
    top = float(given) if isinstance(given, float | int) else float(rates.max())
    begins = float(rates[min(evidence.first.step, total - 1)])
    momentum = getattr(
        recipe.descent, "momentum", 0.0
    )  # of steps that add up: the first is the smallest
    moved = evidence.first.moved / (1 - momentum)
    if not 0 < moved < float("inf") or not begins:
        return None
    rate = rounded(FIRST_MOVE * begins / moved)
    if rate == top or (rate > top) != higher:
        rate = rounded(top * (10 if higher else 0.1))
    change: dict[str, Any] = {"learning_rate": rate}
    own = recipe.optimizer
    if isinstance(own, Optimizer) and own.learning_rate != getattr(
        type(own), "learning_rate", None
    ):
        change = {"learning_rate": None, "optimizer": replace(own, learning_rate=rate)}
    if not isinstance(recipe.schedule, str | None) or not isinstance(
        recipe.learning_rate, float | int | None
    ):
        change["schedule"] = None
    return Remedy(
        sentence("learning rate {before:g} → {after:g}", before=top, after=rate),
        change,
        prevents=not higher,
    )


def _standardize(evidence: Evidence) -> Remedy | None:
    return Remedy(
        sentence("samples standardized (`preprocessing`)"), {"preprocessing": "standardize"}
    )


def _own_initial_weights(evidence: Evidence) -> Remedy | None:
    network = mapped(evidence.problem.network, _with_defaults)
    if network == evidence.problem.network:
        return None
    return Remedy(sentence("initial weights of the layers' own"), {"network": network})


def _with_defaults(layer: Layer) -> Layer:
    """With the initialisers that its class has by itself."""
    own = {
        one.name: one.default
        for one in fields(layer)
        if one.name.endswith("initializer") and one.default is not MISSING
    }
    return replace(layer, **own) if own else layer


def _leaky(evidence: Evidence) -> Remedy | None:
    def changed(layer: Layer) -> Layer:
        return layers.LeakyReLU(name=layer.name) if type(layer) is layers.ReLU else layer

    return _of_layers(evidence, changed, sentence("ReLU → LeakyReLU"))


def _relu(evidence: Evidence) -> Remedy | None:
    def changed(layer: Layer) -> Layer:
        bent = type(layer) in (layers.Sigmoid, layers.Tanh)
        return layers.ReLU(name=layer.name) if bent else layer

    return _of_layers(
        evidence, changed, sentence("sigmoids → ReLU, initial weights of the layers' own")
    )


def _of_layers(
    evidence: Evidence, changed: Callable[[Layer], Layer], words: Sentence
) -> Remedy | None:
    network = evidence.problem.network
    # The last layer may be bent on purpose.
    found = mapped(network, lambda layer: _with_defaults(changed(layer)), last=False)
    return None if found == network else Remedy(words, {"network": found})


def _without_last(evidence: Evidence) -> Remedy | None:
    network = evidence.problem.network
    if len(network.layers) < 2 or any(
        n.startswith(network.layer_names[-1] + "/") for n in network.shapes
    ):
        return None
    return Remedy(
        sentence("without {layer}", layer=network.layer_names[-1]),
        {"network": Network(network.input_shape, network.layers[:-1])},
    )


def _wider(evidence: Evidence) -> Remedy | None:
    """Twice as many units in every layer but the last with weights."""
    network = evidence.problem.network
    last = max(i for i, layer in enumerate(network.layers) if _units(layer))

    def doubled(layer: Layer) -> Layer:
        name = _units(layer)
        return replace(layer, **{name: 2 * getattr(layer, name)}) if name else layer

    wide = [
        _within(layer, doubled) if i < last else layer for i, layer in enumerate(network.layers)
    ]
    try:
        found = Network(network.input_shape, wide)
    except SloyError:  # layers that must keep a width
        return None
    return None if found == network else Remedy(sentence("twice as many units"), {"network": found})


def _units(layer: Layer) -> str:
    """The field that says how wide a layer is; "" of none."""
    return next((one.name for one in fields(layer) if one.name in ("units", "filters")), "")


def _stop_earlier(evidence: Evidence) -> Remedy | None:
    if evidence.last.held_out_loss is None or evidence.recipe.patience is not None:
        return None
    return Remedy(
        sentence("stopped where the validation loss was least (`patience`)"), {"patience": 5}
    )


def _clip(evidence: Evidence) -> Remedy | None:
    recipe = evidence.recipe
    return Remedy(
        sentence("gradient clipped to a norm of 1 (`clip_norm`)"),
        _of_optimizer(recipe, clip_norm=1.0),
        prevents=True,
    )


def _less_regular(evidence: Evidence) -> Remedy | None:
    def changed(layer: Layer) -> Layer:
        if isinstance(layer, layers.Dropout):
            return replace(layer, rate=0.0)
        own = {one.name: None for one in fields(layer) if one.name.endswith("regularizer")}
        return replace(layer, **own) if own else layer

    network = mapped(evidence.problem.network, changed)
    change: dict[str, Any] = {} if network == evidence.problem.network else {"network": network}
    if evidence.recipe.descent.weight_decay:
        change |= _of_optimizer(evidence.recipe, weight_decay=0.0)
    return Remedy(sentence("no penalties, no weight decay, no dropout"), change) if change else None


def _unclipped(evidence: Evidence) -> Remedy:
    change = _of_optimizer(evidence.recipe, clip_norm=None, clip_value=None)
    return Remedy(sentence("gradient not clipped"), change, prevents=False)


def _lower_momentum(evidence: Evidence) -> Remedy | None:
    momentum = getattr(evidence.recipe.descent, "momentum", 0.0)
    if momentum <= USUAL_MOMENTUM:
        return None
    said = sentence("momentum {before:g} → {after:g}", before=momentum, after=USUAL_MOMENTUM)
    return Remedy(said, {"momentum": USUAL_MOMENTUM})


def _of_optimizer(recipe: Recipe, **changed: Any) -> dict[str, Any]:
    """Options of a recipe that do the same but for some fields of the optimiser."""
    options = {one.name: getattr(recipe.plain, one.name) for one in fields(Recipe)}
    names = ("learning_rate", "schedule", "momentum", "beta2", "weight_decay")
    return {
        **{name: options[name] for name in names},
        "optimizer": replace(options["optimizer"], **changed),
    }


def mapped(network: Network, change: Callable[[Layer], Layer], *, last: bool = True) -> Network:
    """A network with each layer changed, those within layers too."""
    count = len(network.layers) - (not last)
    changed = [_within(layer, change) for layer in network.layers[:count]]
    return Network(network.input_shape, [*changed, *network.layers[count:]])


def _within(layer: Layer, change: Callable[[Layer], Layer]) -> Layer:
    inner: dict[str, Any] = {}
    for one in fields(layer):
        value = getattr(layer, one.name)
        if isinstance(value, tuple) and value and all(isinstance(item, Layer) for item in value):
            inner[one.name] = tuple(_within(item, change) for item in value)
        elif isinstance(value, Layer):
            inner[one.name] = _within(value, change)
    return change(replace(layer, **inner) if inner else layer)


MAKERS: dict[str, Callable[[Evidence], Remedy | None]] = {
    "lower rate": lambda evidence: _rate(evidence, higher=False),
    "higher rate": lambda evidence: _rate(evidence, higher=True),
    "standardize": _standardize,
    "initial weights of the layer's own": _own_initial_weights,
    "leaky": _leaky,
    "relu": _relu,
    "remove the last activation": _without_last,
    "more units or layers": _wider,
    "stop earlier": _stop_earlier,
    "clip the gradient": _clip,
    "less regularisation": _less_regular,
    "no clipping": _unclipped,
    "lower momentum": _lower_momentum,
}
