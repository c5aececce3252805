"""`fine_tune`: train a model further on other data; what stays as it is runs forward only, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sloy.arguments import flag, instance, integer, sequence
from sloy.data.arrays import allocate
from sloy.data.dataset import Dataset
from sloy.engines import Engine
from sloy.errors import NonFiniteError, ShapeError
from sloy.graph.tensor import Tensor
from sloy.layers.base import Layer, Scope
from sloy.losses import SquaredError
from sloy.metrics import Metric
from sloy.model import Model, default_batch
from sloy.model.parts import Parts
from sloy.options import chosen, takes
from sloy.problem import Network
from sloy.problem.inputs import Data, Validation, as_dataset, divided
from sloy.training.callbacks import Callback
from sloy.training.checkpoint import Checkpoint, Store
from sloy.training.fit import checkpoint_of, fit
from sloy.training.history import History
from sloy.training.progress import ProgressBar
from sloy.training.recipe import Recipe, engine_of
from sloy.training.stages import FineTuning, Stage, adapted, loss_for, named_layers, stages

DEFAULTS: dict[str, Any] = {"epochs": 5, "batch_size": 32}
IN_MEMORY = 2 << 30  # bytes of a frozen part's outputs that are held in memory; more go to a file


@takes(FineTuning, Recipe, without=("trainable", "rate_factors", "decay_factors"), **DEFAULTS)
def fine_tune(
    model: Model,
    data: Data,
    *,
    validation: Validation = None,
    metrics: Sequence[str | Metric] | None = None,
    recipe: Recipe | None = None,
    callbacks: Sequence[Callback] = (),
    engine: str | Engine = "auto",
    threads: int = 0,
    checkpoint: str | Path | Checkpoint | None = None,
    resume: bool = False,
    in_memory: int = IN_MEMORY,
    verbose: bool = True,
    **options: Any,
) -> tuple[Model, History]:
    """Train a model further on data of its own kind, with the same classes or others.

    Where the classes are others, the last layer with weights is made anew for them. Frozen layers run as in use:
    dropout keeps everything, batch normalisation takes its running statistics, and nothing of them changes, to the
    bit. Where nothing before them is augmented, their outputs are computed once and the layers behind them train on
    these; the result is the same up to rounding.

    Parameters
    ----------
    model : Model
        It stays as it is.
    data, validation
        As for `fit`; the samples are of the model's input shape.
    metrics, callbacks, engine, threads
        As for `fit`. Callbacks watch both times, one after the other.
    recipe : Recipe, optional
        How it is trained; the options below go before it. What is trained, and at which rates, is said by `freeze` and
        `first_rate`.
    checkpoint : path or Checkpoint
        As for `fit`. The epochs before unfreezing have one of their own, with "-head" in its name.
    resume : bool
        Go on from there, to the very bytes of an uninterrupted run.
    in_memory : int
        Bytes of the frozen layers' outputs that are held in memory; more go to a file without a name.
    verbose : bool
    <options>

    Returns
    -------
    model : Model
        With the reader and preprocessing of the given one.
    history : History
        Of all epochs.

    References
    ----------
    .. [1] J. Howard, S. Ruder, "Universal language model fine-tuning for text classification", ACL 2018, section 3.2:
       gradual unfreezing and discriminative learning rates.

    Examples
    --------
    >>> import sloy
    >>> x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    >>> network = sloy.Network((4,), [sloy.layers.Dense(8), sloy.layers.ReLU(), sloy.layers.Dense(2)])
    >>> options = {"engine": "reference", "verbose": False, "epochs": 20}
    >>> model, _ = sloy.fit(network, (x, (x[:, 0] > 0).astype(int)), **options)
    >>> tuned, history = fine_tune(model, (x, (x[:, 0] > 0) + (x[:, 1] > 0).astype(int)), **options)
    >>> tuned.network.output_shape, bool(history["loss"][-1] < history["loss"][0])
    ((3,), True)
    """
    instance("fine_tune", "model", model, Model)
    callbacks = sequence("fine_tune", "callbacks", callbacks, Callback)
    for name, value in (("resume", resume), ("verbose", verbose)):
        flag("fine_tune", name, value)
    tuning = FineTuning(**chosen(FineTuning, options), where="fine_tune")
    recipe = Recipe.of("fine_tune", recipe, chosen(Recipe, options), **DEFAULTS)
    given = as_dataset(data)
    if given.sample_shape != model.network.input_shape:
        raise ShapeError(
            f"fine_tune: the samples of `data` have shape {given.sample_shape}; the model takes"
            f" {model.network.input_shape}."
        )
    train, held_out = divided(given, validation, recipe.seed)
    network, parameters = adapted(model, given, recipe.seed)
    parts = stages(network, tuning, recipe)
    dtype, found = engine_of("fine_tune", recipe, engine, threads)
    leads = found.processes.leads
    stores = _checkpoints(checkpoint, len(parts), resume=resume, leads=leads)
    tuner = _Tuner(
        network, model, parameters, train, held_out, found, dtype,
        integer("fine_tune", "in_memory", in_memory, 0), verbose,
        {"metrics": metrics, "callbacks": callbacks, "resume": resume},
    )  # fmt: skip
    for stage, store in zip(parts, stores, strict=True):
        tuner.train(stage, store)
    return tuner.model, tuner.history


@dataclass
class _Tuner:
    """The state of a fine-tuning between its stages."""

    network: Network
    start: Model
    parameters: dict[str, np.ndarray]
    data: Dataset
    validation: Dataset | None
    engine: Engine
    dtype: str
    in_memory: int
    verbose: bool
    options: Mapping[str, Any]

    def __post_init__(self) -> None:
        shown = [ProgressBar()] if self.verbose else []
        self.watchers: list[Callback] = [*self.options["callbacks"], *shown]
        self.history = History()
        self.model = self.start

    def train(self, stage: Stage, checkpoint: Checkpoint | None) -> None:
        """Do the epochs of a stage."""
        cached = stage.frozen > 0 and stage.recipe.augment is None
        run = self._on_outputs if cached else self._on_samples
        network, data, validation, arguments = run(stage.frozen)
        try:
            model, history = fit(
                network, data, validation=validation, recipe=stage.recipe, loss=loss_for(self.start, self.data),
                engine=self.engine, checkpoint=checkpoint, verbose=self.verbose, **self.options,
                **arguments,
            )  # fmt: skip
        except (KeyboardInterrupt, NonFiniteError) as error:
            if isinstance(partial := getattr(error, "model", None), Model):
                self._take(partial, error.history)  # type: ignore[union-attr]
                error.model, error.history = self.model, self.history  # type: ignore[union-attr]
            raise
        self._take(model, history)

    def _on_samples(self, frozen: int) -> tuple[Network, Dataset, Dataset | None, dict[str, Any]]:
        """The whole network, the frozen layers of it as in use."""
        layers = named_layers(self.network)
        ready = [_AsInUse(layer, name=layer.name) for layer in layers[:frozen]]
        arguments = {
            "parameters": self.parameters,
            "preprocessing": self.start.problem.preprocessing,
        }
        network = Network(self.network.input_shape, [*ready, *layers[frozen:]])
        return network, self.data, self.validation, arguments

    def _on_outputs(self, frozen: int) -> tuple[Network, Dataset, Dataset | None, dict[str, Any]]:
        """The layers behind the frozen ones, and what those make of the data."""
        layers = named_layers(self.network)
        front = Network(self.network.input_shape, layers[:frozen])
        shapes = front.shapes
        front_problem = replace(
            self.start.problem, network=front, loss=SquaredError(), metrics=(),
            data_dtype=self._data_dtype, target_shape=front.output_shape, target_dtype=self.dtype,
            dtype=self.dtype, threshold=None,
        )  # fmt: skip
        values = {name: self.parameters[name] for name in shapes}
        model = Model(front_problem, values, engine=self.engine)
        parts = (self.data, self.validation)
        total, done = sum(len(part) for part in parts if part is not None), 0

        def more(count: int) -> None:
            nonlocal done
            done += count
            for callback in self.watchers:
                callback.on_count("samples through the frozen layers", done, total)

        train, validation = (
            None if part is None else _outputs(model, part, self.in_memory, more) for part in parts
        )
        assert train is not None
        network = Network(front.output_shape, layers[frozen:])
        rest = {name: value for name, value in self.parameters.items() if name not in shapes}
        return network, train, validation, {"parameters": rest, "preprocessing": None}

    @property
    def _data_dtype(self) -> str:
        return "uint8" if self.data.x.dtype == np.uint8 else self.dtype

    def _take(self, trained: Model, history: History) -> None:
        """The whole model with what was trained, and the epochs behind those before."""
        self.parameters = {**self.parameters, **trained.parameters}
        given = self.start.parameters
        for name in self.network.shapes:
            if name in given and self.parameters[name] is given[name]:  # it stays the given model's
                self.parameters[name] = given[name].copy()
        before = int(self.history["epoch"][-1]) if len(self.history) else 0
        rows = [{**row, "epoch": int(row["epoch"]) + before} for row in history]
        self.history = History([*self.history, *rows])
        problem = replace(
            trained.problem,
            network=self.network,
            preprocessing=self.start.problem.preprocessing,
            data_dtype=self._data_dtype,
        )
        parts = Parts(problem, self.parameters, tuple(self.data.class_names), self.start.reader)
        self.model = Model.of(parts, self.engine)


@dataclass(frozen=True, repr=False)
class _AsInUse(Layer):
    """A layer that is built as in use, in training too."""

    layer: Layer

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        return self.layer.apply(replace(scope, training=False), x)


def _outputs(model: Model, data: Dataset, in_memory: int, more: Callable[[int], None]) -> Dataset:
    """What a network makes of the samples, in fixed memory beside the result."""
    shape = (len(data), *model.network.output_shape)
    out, _ = allocate(shape, model.problem.dtype, in_memory)
    step = default_batch(model.network, model.problem.dtype)
    for first in range(0, len(data), step):
        part = model(data.x[first : first + step], step)
        out[first : first + step] = part
        more(len(part))
    return Dataset(out, data.y, data.class_names, data.name)


def _checkpoints(
    given: str | Path | Checkpoint | None, stages: int, *, resume: bool, leads: bool
) -> list[Checkpoint | None]:
    """One for each stage: the last takes the given path."""
    last = checkpoint_of("fine_tune", given, resume=resume)
    if last is None:
        return [None] * stages
    path = Path(last.path)
    both = [replace(last, path=path.with_name(f"{path.stem}-head{path.suffix}")), last]
    if not resume and leads:
        for checkpoint in both:
            store = Store(checkpoint.path)
            with store.alone():
                store.clear()
    return [*both[2 - stages :]]
