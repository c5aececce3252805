"""Single weights removed by optimal brain damage, in rounds with training again: they become 0 and stay so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sloy import ops
from sloy.data.dataset import Dataset
from sloy.errors import InvalidArgument
from sloy.graph import Tensor
from sloy.layers.base import Layer, layer_names
from sloy.layers.sequential import Sequential
from sloy.layers.weighted import Weighted
from sloy.model import Model
from sloy.problem import Network
from sloy.pruning.curvature import gauss_newton_diagonal
from sloy.pruning.options import ROUNDS, Pruning
from sloy.pruning.passes import Passes, model_with, some_rows
from sloy.pruning.pruned import Pruned
from sloy.pruning.removal import Step
from sloy.pruning.retraining import Retraining
from sloy.pruning.sizes import size_of
from sloy.regularizers import Constraint

KEEP = 0.1  # of the weights, where nothing else is said


@dataclass(frozen=True, eq=False)
class Masked(Constraint):
    """Some weights stay 0; the others are held to what they were before."""

    mask: np.ndarray
    other: Constraint | None

    def project(self, w: Tensor) -> Tensor:
        """See `Constraint.project`."""
        inside = w if self.other is None else self.other.project(w)
        return inside * ops.constant(self.mask, w.dtype)


def remove_weights(
    model: Model,
    train: Dataset,
    held_out: Dataset,
    wanted: Pruning,
    retraining: Retraining,
    seed: int,
    tell: Callable[[str, int, int], None],
) -> Pruned:
    """In each round the weights of the least ½ h w² become 0, then the others are trained again.

    Shares that remain fall in equal ratios from round to round, to `wanted.keep`.
    """
    names = masked_names(model.network)
    if not names:
        raise InvalidArgument("prune: `weights` (=True): the network has no layer with weights.")
    keep = KEEP if wanted.keep is None else wanted.keep
    probe_rows = some_rows(len(train), wanted.samples, seed)
    passes = Passes(model)
    whole = sum(passes.variables[name].size for name in names)
    begin = passes.loss(passes.samples(held_out, "prune"))
    now, notes = model, list[str]()
    first: dict[str, np.ndarray] = {}
    steps = [Step("", 0, float(whole), begin)]
    rounds = wanted.rounds or ROUNDS
    for number in range(1, rounds + 1):
        samples = passes.samples(train, "prune", probe_rows)
        curved = gauss_newton_diagonal(passes, samples, seed)
        worth = {
            n: 0.5 * curved[n] * np.square(np.asarray(now.parameters[n], np.float64)) for n in names
        }
        first = first or worth
        alive = {n: np.asarray(now.parameters[n]) != 0 for n in names}
        masks = _least(worth, alive, keep ** (number / rounds))
        now, said = _trained(now, masks, retraining)
        passes = Passes(now)
        loss = passes.loss(passes.samples(held_out, "prune"))
        left = sum(int(mask.sum()) for mask in masks.values())
        gone = round(steps[-1].multiply_adds) - left
        steps.append(Step(f"round {number}", gone, float(left), loss))
        notes += [note for note in said if note not in notes]
        tell("rounds", number, rounds)
    notes.insert(0, "weights that are 0 are stored and multiplied like any others: no faster")
    removed = {n: int(np.count_nonzero(np.asarray(now.parameters[n]) == 0)) for n in names}
    sizes = size_of(model, {}), size_of(now, {})
    none: Any = None  # measured by `prune`
    return Pruned(now, model, *sizes, first, removed, tuple(steps), none, notes=tuple(notes))


def _least(
    worth: Mapping[str, np.ndarray], alive: Mapping[str, np.ndarray], keep: float
) -> dict[str, np.ndarray]:
    """1 for the share of all weights that are worth most, among those that are not 0."""
    every = np.concatenate([np.where(alive[n], worth[n], -1.0).reshape(-1) for n in worth])
    count = max(1, round(keep * every.size))
    chosen = np.zeros(every.size, bool)
    chosen[np.argsort(-every, kind="stable")[:count]] = True
    masks, start = {}, 0
    for name, values in worth.items():
        part = chosen[start : start + values.size].reshape(values.shape)
        masks[name] = (part & alive[name]).astype(np.float64)
        start += values.size
    return masks


def _trained(
    model: Model, masks: Mapping[str, np.ndarray], retraining: Retraining
) -> tuple[Model, list[str]]:
    """The model with weights at 0, trained again so that they stay there."""
    parameters = {name: np.array(value) for name, value in model.parameters.items()}
    for name, mask in masks.items():
        parameters[name] *= mask.astype(parameters[name].dtype)
    held = Network(model.network.input_shape, _held(model.network.layers, "", masks))
    found, said = retraining(model_with(model, held, parameters))
    return model_with(model, model.network, dict(found.parameters)), said


def masked_names(network: Network) -> list[str]:
    """The weights of layers that can hold some of them at 0."""
    return [f"{path}/weight" for path, _ in _weighted(network.layers, "")]


def _weighted(layers: Any, path: str) -> list[tuple[str, Layer]]:
    found: list[tuple[str, Layer]] = []
    for name, layer in zip(layer_names(layers), layers, strict=True):
        if isinstance(layer, Weighted):
            found.append((f"{path}{name}", layer))
        elif isinstance(layer, Sequential):
            for of in layer.CHAINS:
                inner = f"{path}{name}/" + ("" if of == "layers" else f"{of}/")
                found += _weighted(getattr(layer, of) or (), inner)
    return found


def _held(layers: Any, path: str, masks: Mapping[str, np.ndarray]) -> list[Layer]:
    """Layers whose weights stay 0 where they are."""
    found: list[Layer] = []
    for name, layer in zip(layer_names(layers), layers, strict=True):
        if isinstance(layer, Weighted):
            mask = masks[f"{path}{name}/weight"]
            held = Masked(mask, layer.weight_constraint)
            found.append(replace(layer, weight_constraint=held))
        elif isinstance(layer, Sequential):
            chains: dict[str, Any] = {}
            for of in layer.CHAINS:
                inner = f"{path}{name}/" + ("" if of == "layers" else f"{of}/")
                if getattr(layer, of) is not None:
                    chains[of] = _held(getattr(layer, of), inner, masks)
            found.append(replace(layer, **chains))
        else:
            found.append(layer)
    return found
