"""`fine_tune`: train a model further on other data; what stays as it is runs forward only, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sloy.arguments import flag, instance, integer
from sloy.augmentation import Augment
from sloy.data.arrays import allocate
from sloy.data.dataset import Dataset
from sloy.engines import Engine
from sloy.engines import engine as find_engine
from sloy.errors import InvalidArgument, NonFiniteError, ShapeError
from sloy.graph.tensor import Tensor
from sloy.layers.base import Layer, Scope
from sloy.losses import SquaredError
from sloy.metrics import Metric
from sloy.model import Model, default_batch
from sloy.network import Network
from sloy.optimizers import Optimizer
from sloy.steps.graphs import StepSpec
from sloy.steps.inputs import ClassWeight, Data, Validation, as_dataset, split
from sloy.training.callbacks import Callback
from sloy.training.checkpoint import Checkpoint, Store
from sloy.training.counting import counting
from sloy.training.fit import fit
from sloy.training.history import History
from sloy.training.stages import HEAD, Stage, adapted, named_layers, patterns, plan_stages

IN_MEMORY = 2 << 30  # bytes of a frozen part's outputs that are held in memory; more go to a file


def fine_tune(
    model: Model,
    data: Data,
    *,
    validation: Validation = None,
    freeze: str | None = HEAD,
    unfreeze: bool = False,
    head_epochs: int = 3,
    epochs: int = 5,
    batch_size: int = 32,
    optimizer: str | Optimizer | None = None,
    head_optimizer: str | Optimizer | None = None,
    first_rate: float = 0.01,
    metrics: Sequence[str | Metric] | None = None,
    class_weight: ClassWeight = None,
    augment: Augment | None = None,
    seed: int = 0,
    callbacks: Sequence[Callback] = (),
    engine: str | Engine = "auto",
    threads: int = 0,
    checkpoint: str | Path | Checkpoint | None = None,
    resume: bool = False,
    in_memory: int = IN_MEMORY,
    verbose: bool = True,
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
    freeze : str or None
        The last layer that stays as it is; "head": all layers but the last with weights; None: no layer.
    unfreeze : bool
        Train two times: `head_epochs` with the layers frozen, then `epochs` with none.
    head_epochs, epochs : int
        Without `unfreeze` only `epochs` count.
    batch_size : int
    optimizer, head_optimizer : Optimizer or str
        `Adam` by default; `head_optimizer`, by default the same, is for the epochs before unfreezing.
    first_rate : float
        Learning rates per layer: the network's first layer with weights would take this share of the rate, from above
        0 to 1, its last takes the whole, those between in equal ratios [1]_.
    metrics, class_weight, augment, callbacks, engine, threads
        As for `fit`. Callbacks watch both times, one after the other.
    seed : int
        Of the new layer, the split, the order of the samples, the masks and the augmentation.
    checkpoint : path or Checkpoint
        As for `fit`. The epochs before unfreezing have one of their own, with "-head" in its name.
    resume : bool
        Go on from there, to the very bytes of an uninterrupted run.
    in_memory : int
        Bytes of the frozen layers' outputs that are held in memory; more go to a file without a name.
    verbose : bool

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
    for name, value in (("unfreeze", unfreeze), ("resume", resume), ("verbose", verbose)):
        flag("fine_tune", name, value)
    seed = integer("fine_tune", "seed", seed, 0, 2**64 - 1)
    given = as_dataset(data)
    if given.sample_shape != model.network.input_shape:
        raise ShapeError(
            f"fine_tune: the samples of `data` have shape {given.sample_shape}; the model takes"
            f" {model.network.input_shape}."
        )
    rows, held_out = split(given, validation, seed)
    train = given if len(rows) == len(given) else given.take(rows)
    network, parameters = adapted(model, given, seed)
    stages = plan_stages(
        network, freeze=freeze, unfreeze=unfreeze, head_epochs=head_epochs, epochs=epochs,
        optimizer=optimizer, head_optimizer=head_optimizer or optimizer, first_rate=first_rate,
    )  # fmt: skip
    places = _checkpoints(checkpoint, len(stages), resume=resume)
    tuner = _Tuner(
        network, model, parameters, train, held_out, find_engine(engine, threads), augment,
        integer("fine_tune", "in_memory", in_memory, 0), verbose,
        {
            "batch_size": batch_size, "loss": model.loss, "metrics": metrics, "seed": seed,
            "class_weight": class_weight, "callbacks": callbacks, "resume": resume,
        },
    )  # fmt: skip
    for stage, place in zip(stages, places, strict=True):
        tuner.train(stage, place)
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
    augment: Augment | None
    in_memory: int
    verbose: bool
    options: Mapping[str, Any]

    def __post_init__(self) -> None:
        self.history = History()
        self.model = self.start

    def train(self, stage: Stage, checkpoint: Checkpoint | None) -> None:
        """Do the epochs of a stage."""
        cached = stage.frozen > 0 and self.augment is None
        run = self._on_outputs if cached else self._on_samples
        network, data, validation, arguments = run(stage.frozen)
        try:
            model, history = fit(
                network, data, validation=validation, epochs=stage.epochs,
                optimizer=stage.optimizer, rate_factors=stage.rate_factors or None,
                augment=self.augment, engine=self.engine, checkpoint=checkpoint,
                verbose=self.verbose, **self.options, **arguments,
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
            "preprocessing": self.start.spec.preprocessing,
            "trainable": patterns(self.network, frozen),
        }
        network = Network(self.network.input_shape, [*ready, *layers[frozen:]])
        return network, self.data, self.validation, arguments

    def _on_outputs(self, frozen: int) -> tuple[Network, Dataset, Dataset | None, dict[str, Any]]:
        """The layers behind the frozen ones, and what those make of the data."""
        layers = named_layers(self.network)
        front = Network(self.network.input_shape, layers[:frozen])
        shapes = front.shapes
        spec = replace(
            self.start.spec, network=front, loss=SquaredError(), metrics=(),
            target_shape=front.output_shape, target_dtype=self.start.spec.dtype,
        )  # fmt: skip
        values = {name: self.parameters[name] for name in shapes}
        model = Model(spec, values, engine=self.engine)
        parts = (self.data, self.validation)
        total = sum(len(part) for part in parts if part is not None)
        with counting("samples through the frozen layers", total, shown=self.verbose) as more:
            train, validation = (
                None if part is None else _outputs(model, part, self.in_memory, more)
                for part in parts
            )
        assert train is not None
        network = Network(front.output_shape, layers[frozen:])
        rest = {name: value for name, value in self.parameters.items() if name not in shapes}
        return network, train, validation, {"parameters": rest, "preprocessing": None}

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
        spec = StepSpec(
            self.network,
            self.start.loss,
            preprocessing=self.start.spec.preprocessing,
            metrics=trained.spec.metrics,
            data_dtype=_data_dtype(self.data, self.start.spec.dtype),
            target_shape=trained.spec.target_shape,
            target_dtype=trained.spec.target_dtype,
            dtype=self.start.spec.dtype,
        )
        self.model = Model(
            spec,
            self.parameters,
            class_names=self.data.class_names,
            reader=self.start.reader,
            engine=self.engine,
        )


@dataclass(frozen=True, repr=False)
class _AsInUse(Layer):
    """A layer that is built as in use, in training too."""

    layer: Layer

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        return self.layer.apply(replace(scope, training=False), x)


def _outputs(model: Model, data: Dataset, in_memory: int, more: Callable[[int], None]) -> Dataset:
    """What a network makes of the samples, in fixed memory beside the result."""
    shape = (len(data), *model.network.output_shape)
    out, _ = allocate(shape, model.spec.dtype, in_memory)
    step = default_batch(model.network, model.spec.dtype)
    for first in range(0, len(data), step):
        part = model(data.x[first : first + step], step)
        out[first : first + step] = part
        more(len(part))
    return Dataset(out, data.y, data.class_names, data.name)


def _data_dtype(data: Dataset, dtype: str) -> str:
    return "uint8" if data.x.dtype == np.uint8 else dtype


def _checkpoints(
    given: str | Path | Checkpoint | None, stages: int, *, resume: bool
) -> list[Checkpoint | None]:
    """One for each stage: the last takes the given path."""
    if given is None:
        if resume:
            raise InvalidArgument("fine_tune: `resume` (=True) needs the `checkpoint`.")
        return [None] * stages
    last = given if isinstance(given, Checkpoint) else Checkpoint(given)
    path = Path(last.path)
    places = [replace(last, path=path.with_name(f"{path.stem}-head{path.suffix}")), last]
    if not resume:
        for place in places:
            Store(place.path).clear()
    return [*places[2 - stages :]]
