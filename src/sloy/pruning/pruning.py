"""`prune`: a trained network made smaller, trained again, and measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from time import process_time
from typing import Any

import numpy as np

from sloy import text
from sloy.arguments import flag, function, instance
from sloy.data.dataset import Dataset
from sloy.errors import InvalidArgument
from sloy.model import Model
from sloy.options import chosen, takes
from sloy.problem.inputs import Data, Validation, as_dataset, divided
from sloy.pruning.comparison import compared
from sloy.pruning.groups import Structure
from sloy.pruning.options import LOSS_RISE, UNSURE, Pruning
from sloy.pruning.passes import Passes, model_with, some_rows
from sloy.pruning.pruned import Pruned
from sloy.pruning.removal import Removal, Step
from sloy.pruning.retraining import Ensemble, Retraining
from sloy.pruning.sizes import size_of
from sloy.pruning.timing import timed
from sloy.pruning.weights import remove_weights
from sloy.training.probe_graph import losses_of_constant
from sloy.training.recipe import Recipe

HELD_OUT = 0.1
CHECKED = 2048  # samples whose loss is the limit
ROUND = 8  # widths of which this is a factor may be faster
BATCH = 128  # samples that a prediction is timed for, beside one
TIMED = 0.5  # seconds of a measurement
Tell = Callable[[str, int, int], None]


@takes(Pruning)
def prune(
    model: Model,
    data: Data,
    *,
    validation: Validation = HELD_OUT,
    test: Dataset | tuple[Any, Any] | None = None,
    recipe: Recipe | None = None,
    ensemble: Ensemble | None = None,
    seed: int = 0,
    time: bool = True,
    tell: Tell = lambda what, done, total: None,
    **options: Any,
) -> Pruned:
    """Make a trained network smaller: remove what its loss can do without, refit what is behind, train again, measure.

    Units are removed in blocks, by what the loss is foreseen to rise by (gradient and curvature along the unit) for
    each multiply-add that is saved; units that never change go first. After each block the next layers are refitted by
    least squares to what they gave in the whole network. Neurons and channels that are tied to each other (by residual
    sums, groups, normalisation, squeeze and excitation) go together. The network that remains is dense, of the same
    kinds of layers.

    Parameters
    ----------
    model : Model
        It stays as it is.
    data : Dataset or (x, y)
        Training samples.
    validation : float, Dataset or (x, y)
        By whose loss it is decided how far to go, and which epoch is kept; a share is taken out of `data`.
    test : Dataset or (x, y), optional
        What both models are measured on; without it on those to validate on.
    recipe : Recipe, optional
        Of the training again; by default Adam at 0.0001, a tenth of its usual rate.
    ensemble : Ensemble, optional
        What the members of the model, which `fit_members` trained, learned from and held out; they are trained again as
        they were trained, each judged by rows of its own.
    seed : int
        Of the samples that are drawn.
    time : bool
        Whether both models are timed. Without it widths are not rounded up to factors of 8 where that is faster, and
        the result is the same on every machine.
    tell : callable
        Told of what is counted: words, done, total.
    <options>

    Returns
    -------
    Pruned
        The smaller model, and what was found; it prints as a table.

    Raises
    ------
    InvalidArgument
        Where nothing of the network can be removed, or the data are not what the model takes.

    References
    ----------
    .. [1] Y. LeCun, J. Denker, S. Solla, "Optimal brain damage", NIPS 1989.
    .. [2] P. Molchanov et al., "Pruning convolutional neural networks for resource efficient inference", ICLR 2017.
    .. [3] Y. He, X. Zhang, J. Sun, "Channel pruning for accelerating very deep neural networks", ICCV 2017.

    Examples
    --------
    >>> import numpy as np, sloy
    >>> x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    >>> data = (x, (x[:, 0] * x[:, 1] > 0).astype(int))
    >>> network = sloy.Network((4,), [sloy.layers.Dense(64), sloy.layers.ReLU(), sloy.layers.Dense(2)])
    >>> model, _ = sloy.fit(network, data, epochs=20, optimizer="adam", engine="reference", verbose=False)
    >>> pruned = prune(model, data, keep=0.5, retrain=1, time=False)
    >>> pruned.model.network.layers[0].units <= 32
    True
    """
    instance("prune", "model", model, Model)
    instance("prune", "recipe", recipe, Recipe, optional=True)
    flag("prune", "time", time)
    function("prune", "tell", tell)
    wanted = Pruning(**chosen(Pruning, options), where="prune")
    train, held_out = divided(as_dataset(data), validation, seed)
    if held_out is None:
        raise InvalidArgument("prune: `validation` (=None) is needed: its loss says how far to go.")
    instance("prune", "ensemble", ensemble, Ensemble, optional=True)
    retraining = Retraining(train, held_out, wanted.retrain, recipe, seed, tell, ensemble)
    if wanted.weights:
        found = remove_weights(model, train, held_out, wanted, retraining, seed, tell)
    else:
        found = _units(model, train, held_out, wanted, retraining, seed, tell, time=time)
    whole, smaller = Passes(model), Passes(found.model)
    measured = test if test is not None else held_out
    samples = whole.samples(measured, "prune")
    what = f"on {text.many(len(samples), 'sample')} " + (
        "to test" if test is not None else "to validate on"
    )
    batch = as_dataset(measured).take(np.arange(min(BATCH, len(samples)))).x
    comparison = compared(whole, smaller, samples, what)
    timings = tuple(
        timed(model.prepared, found.model.prepared, batch[:count], seconds=TIMED)
        for count in dict.fromkeys((1, len(batch)))
        if time
    )
    return replace(found, comparison=comparison, timings=timings)


def learned(passes: Passes, train: Dataset, loss: float, check_y: np.ndarray) -> float:
    """What a network has learned: the distance of its loss to that of the best constant answer."""
    samples = passes.samples(train, "prune", some_rows(len(train), 4096, 0))
    constant = losses_of_constant(passes.problem, passes.engine, samples.y, check_y)
    worst = float(constant.mean(dtype=np.float64)) if constant is not None else 2 * loss
    return max(worst - loss, 0.0)


def _units(
    model: Model,
    train: Dataset,
    held_out: Dataset,
    wanted: Pruning,
    retraining: Retraining,
    seed: int,
    tell: Tell,
    *,
    time: bool,
) -> Pruned:
    structure = Structure(model.network)
    if not structure.groups:
        raise InvalidArgument(
            "prune: no unit of the network can be removed: each is an input or an output, or mixed with all others by a"
            " layer that cannot be made narrower."
        )
    passes = Passes(model)
    probe = passes.samples(train, "prune", some_rows(len(train), wanted.samples, seed))
    check = passes.samples(held_out, "prune", some_rows(len(held_out), CHECKED, seed))

    def limits(loss: float) -> tuple[float, float]:
        shares = (LOSS_RISE, UNSURE) if wanted.loss_rise is None else (wanted.loss_rise,) * 2
        known = learned(passes, train, loss, check.y)
        return shares[0] * known, shares[1] * known

    removal = Removal(passes, structure, probe, check, limits, wanted.keep, seed, tell)
    removal.run()
    some = as_dataset(held_out).take(np.arange(min(BATCH, len(held_out)))).x
    notes = _rounded(model, structure, removal, some) if time else []
    small = without(model, structure, removal.removed, passes.variables)
    small, said = retraining(small)
    notes += said
    if removal.constant:
        notes.insert(0, f"{removal.constant} of the removed units gave the same for all samples")
    if not len(removal.removed):
        notes.insert(0, "nothing was removed: any block raises the loss above the limit")
    again = Passes(small)
    loss = again.loss(again.samples(held_out, "prune", some_rows(len(held_out), CHECKED, seed)))
    removal.steps.append(Step("", 0, structure.multiply_adds(removal.removed), loss))
    saliency = {
        group.name: np.array([removal.first_scores[int(u)] for u in group.units])
        for group in structure.groups
    }
    removed = {
        group.name: np.flatnonzero(np.isin(group.units, removal.removed)).tolist()
        for group in structure.groups
    }
    widths = {group.name: len(group.units) for group in structure.groups}
    left = {name: count - len(removed[name]) for name, count in widths.items()}
    return Pruned(
        small,
        model,
        size_of(model, widths),
        size_of(small, left),
        saliency,
        removed,
        tuple(removal.steps),
        None,  # type: ignore[arg-type]  # measured by `prune`
        notes=tuple(notes),
    )


def without(
    model: Model, structure: Structure, removed: np.ndarray, values: Mapping[str, np.ndarray]
) -> Model:
    """The model without units, with parameters of the whole one's shapes that are cut."""
    network, parameters = structure.cut(values, removed)
    return model_with(model, network, parameters)


def _rounded(model: Model, structure: Structure, removal: Removal, x: np.ndarray) -> list[str]:
    """Take units back up to the next factor of 8, where that is faster."""
    keep = {}
    for group in structure.groups:
        gone = len(removal.order.get(group.name, []))
        left = len(group.units) - gone
        back = min(-left % ROUND, gone)
        if back and len(group.units) > ROUND:
            keep[group.name] = gone - back
    if not keep:
        return []
    order = {n: units[: keep.get(n, len(units))] for n, units in removal.order.items()}
    wider = np.array([u for units in order.values() for u in units], np.int64)
    share = structure.multiply_adds(wider) / structure.multiply_adds(wider[:0])
    if removal.keep is not None and share > removal.keep:
        return []
    whole = dict(model.parameters)
    models = [without(model, structure, gone, whole) for gone in (removal.removed, wider)]
    first, second = (one.prepared for one in models)
    # Of the processor, whatever else it does meanwhile.
    if not timed(first, second, x[:BATCH], seconds=TIMED, clock=process_time).is_faster:
        return []
    removal.restored(keep)
    return [f"widths were rounded up to factors of {ROUND}, which measured faster"]
