"""`fit`: train a network on data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sloy import losses
from sloy.arguments import flag, instance, integer, real, sequence
from sloy.augmentation import Augment
from sloy.data.dataset import Dataset
from sloy.engines import PRECISIONS, Arithmetic, Determinism, Engine
from sloy.engines import engine as find_engine
from sloy.errors import InvalidArgument
from sloy.graph import Tensor
from sloy.metrics import Metric, default_metrics
from sloy.metrics import metric as find_metric
from sloy.model import Model
from sloy.network import Network
from sloy.optimizers import Adam, Optimizer
from sloy.optimizers import optimizer as find_optimizer
from sloy.preprocessing import Choice, Preprocessing, choose
from sloy.steps.graphs import StepSpec, initial_variables
from sloy.steps.inputs import (
    ClassWeight,
    Columns,
    Data,
    Validation,
    as_dataset,
    columns,
    split,
    weights,
)
from sloy.training.callbacks import Callback
from sloy.training.checkpoint import Checkpoint
from sloy.training.history import History, check_measured
from sloy.training.loop import Run
from sloy.training.plan import Plan
from sloy.training.progress import ProgressBar
from sloy.training.resume import describe, take_up
from sloy.training.state import TrainingState

LossChoice = str | losses.Loss | Callable[[Tensor, Tensor], Tensor] | None
Precision = Arithmetic | Literal["auto", "float64"]

_PRECISIONS = (*PRECISIONS, "float64")


def fit(
    network: Network,
    data: Data,
    *,
    validation: Validation = None,
    epochs: int = 1,
    batch_size: int = 128,
    optimizer: str | Optimizer | None = None,
    loss: LossChoice = None,
    metrics: Sequence[str | Metric] | None = None,
    sample_weight: Any = None,
    class_weight: ClassWeight = None,
    preprocessing: Choice = "auto",
    preprocessed: bool = False,
    augment: Augment | None = None,
    seed: int = 0,
    shuffle: bool = True,
    callbacks: Sequence[Callback] = (),
    engine: str | Engine = "auto",
    threads: int = 0,
    deterministic: Determinism = "same-threads",
    precision: Precision = "float32",
    parameters: Mapping[str, np.ndarray] | None = None,
    trainable: Sequence[str] = ("*",),
    rate_factors: Mapping[str, float] | None = None,
    state: TrainingState | None = None,
    checkpoint: str | Path | Checkpoint | None = None,
    resume: bool = False,
    verbose: bool = True,
) -> tuple[Model, History]:
    """Train a network by descent on mini-batches.

    Parameters
    ----------
    network : Network
    data : Dataset or (x, y)
        x (N, *input_shape) uint8, float32 or float64; y integer labels (N,), or targets.
    validation : None, float, Dataset or (x, y)
        What `val_…` is measured on after each epoch. A fraction is taken out of `data`, shuffled,
        of labels the same share of each class. All its samples count alike.
    epochs : int
        Passes over the data, at least 1.
    batch_size : int
        Samples of a step; the last step of an epoch takes what is left. 1 is online learning, N
        full-batch descent.
    optimizer : Optimizer or str
        `Adam` by default.
    loss : Loss, str or function
        By default categorical cross-entropy for labels, squared error for targets. A function of
        two symbolic tensors, (output, target) → one loss for each sample, is a user's own.
    metrics : sequence of Metric or str
        By default those of the loss's task: accuracy, or mean absolute error and R².
    sample_weight : array, shape (N,)
        Finite, at least 0.
    class_weight : mapping of label to number, or "balanced"
        Factors of the sample weights.
    preprocessing : Preprocessing, "auto", "unit", "standardize", "none" or None
        See `sloy.preprocessing.choose`; it becomes part of the model.
    augment : Augment
        Random changes of the training samples, drawn anew in every step; see `sloy.Augment`.
    preprocessed : bool
        Whether the samples given, those to validate on too, are preprocessed already by
        `preprocessing`, a Preprocessing. The model takes them raw all the same.
    seed : int
        Of the initial parameters, the split, the order of the samples, the random masks and the
        augmentation.
    shuffle : bool
        False keeps the order of the samples in every epoch.
    callbacks : sequence of Callback
        See `sloy.training.callbacks`.
    engine, threads, deterministic
        See `sloy.engines.engine`; an Engine that is given keeps its own.
    precision : "float32", "float64", "mixed", "auto" or "emulated"
        float64 runs on the reference engine. "mixed" keeps parameters, their gradients and all sums
        in float32, and stores activations and what products read in bfloat16; it needs a processor
        with instructions for that. "auto" takes it on processors with AMX, else float32.
        "emulated" gives the numbers of "mixed" on any processor, slower than float32.
    parameters : mapping
        Initial parameters and states by name, all or some of them; the others are drawn.
    trainable : sequence of str
        Patterns (``*``, ``?``) of the names of parameters to train; the others stay.
    rate_factors : mapping of pattern to number
        Factors of the learning rate, for layers that are to learn slower or faster than the rest:
        ``{"*": 0.1, "dense_2/*": 1.0}``. Of several patterns that fit a name, the last counts.
    state : TrainingState
        Where a former run with it ended and this one goes on, optimiser and all; brought up to date
        by the run. A schedule of the learning rate counts the steps of both. An empty one begins.
    checkpoint : path or Checkpoint
        Where to save all that it takes to go on: after each epoch, within long ones every minute,
        and when the run is interrupted.
    resume : bool
        Go on from `checkpoint` where there is one, to the very bytes that an uninterrupted run
        gives; everything but `epochs`, engine and threads must be as it was. False begins anew, and
        removes the checkpoint of an earlier run.
    verbose : bool
        Show progress on the error stream.

    Returns
    -------
    model : Model
    history : History

    Raises
    ------
    InvalidArgument
        When an argument is not allowed.
    KeyboardInterrupt
        On Ctrl-C, between two steps and after the checkpoint is saved; its attributes `model` and
        `history` are those so far. A second Ctrl-C does not wait, nor save.
    NonFiniteError
        When the loss or a gradient is NaN or infinite. It names epoch, step and layer; its `model`
        has the weights before that step.

    Examples
    --------
    >>> import numpy as np, sloy
    >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    >>> network = sloy.Network((2,), [sloy.layers.Dense(8), sloy.layers.Tanh(), sloy.layers.Dense(2)])
    >>> model, history = sloy.fit(network, (x, [0, 1, 1, 0]), epochs=60, optimizer=sloy.Adam(0.1),
    ...                           engine="reference", verbose=False)
    >>> model.predict(x).tolist()
    [0, 1, 1, 0]
    """
    instance("fit", "network", network, Network)
    epochs = integer("fit", "epochs", epochs)
    batch_size = integer("fit", "batch_size", batch_size)
    seed = integer("fit", "seed", seed, 0, 2**64 - 1)
    flags = {
        "shuffle": shuffle, "resume": resume, "verbose": verbose, "preprocessed": preprocessed
    }  # fmt: skip
    for name, value in flags.items():
        flag("fit", name, value)
    dtype, chosen = _engine(engine, threads, deterministic, precision)
    watchers = _callbacks(callbacks, verbose=verbose)
    place = _checkpoint(checkpoint, resume=resume)
    given = as_dataset(data)
    rows, held_out = split(given, validation, seed)
    weight = weights(given, sample_weight, class_weight, dtype)[rows]
    training = given if held_out is None or len(rows) == len(given) else given.take(rows)
    if not weight.any():
        raise InvalidArgument("`sample_weight`: all samples that are left to train on weigh 0.")
    spec, train = _spec(
        network, training, weight, dtype, loss, metrics, optimizer,
        None if preprocessed else preprocessing, trainable,
        rate_factors, augment,
    )  # fmt: skip
    validate = None if held_out is None else columns(
        held_out, spec.loss, network.input_shape, network.output_shape, dtype, "`validation`",
        data_dtype=spec.data_dtype,
    )  # fmt: skip
    state = _state(state, spec, chosen, seed, parameters)
    plan = Plan(
        spec, chosen, train, validate, epochs, min(batch_size, len(train)), seed, shuffle,
        state.epochs, state.steps,
    )  # fmt: skip
    weights_of_model = state.variables.select(network.shapes)
    used = spec
    if preprocessed:
        used = replace(spec, preprocessing=_made(preprocessing, network))
    model = Model(used, weights_of_model, class_names=training.class_names, engine=chosen)
    config = describe(plan, state.variables) if place else {}
    run = Run(plan, state, model, watchers, place, config)
    if plan.schedule.watched is not None:
        check_measured(type(plan.schedule).__name__, plan.schedule.watched, run.columns)
    if place:
        take_up(run, place, config, resume=resume)
    run.train()
    return model, run.history


def _engine(
    engine: str | Engine, threads: int, deterministic: Determinism, precision: str
) -> tuple[str, Engine]:
    """The computing dtype and the engine."""
    if precision not in _PRECISIONS:
        raise InvalidArgument(
            f"fit: `precision` (={precision!r}) must be one of {', '.join(_PRECISIONS)}."
        )
    if precision == "float64":
        return "float64", find_engine(engine, threads, deterministic, dtype="float64")
    found = find_engine(engine, threads, deterministic, precision)  # type: ignore[arg-type]
    if precision in ("mixed", "emulated") and found.precision == "float32":
        raise InvalidArgument(
            f"fit: `precision` (={precision!r}) does not fit `engine`, a {type(found).__name__} that was"
            " made for float32."
        )
    return "float32", found


def _callbacks(callbacks: Sequence[Callback], *, verbose: bool) -> list[Callback]:
    given = sequence("fit", "callbacks", callbacks, Callback)
    shown = any(isinstance(callback, ProgressBar) for callback in given)
    return [*given, *([ProgressBar()] if verbose and not shown else [])]


def _checkpoint(checkpoint: str | Path | Checkpoint | None, *, resume: bool) -> Checkpoint | None:
    if checkpoint is None and resume:
        raise InvalidArgument("fit: `resume` (=True) needs the `checkpoint` to go on from.")
    if checkpoint is None or isinstance(checkpoint, Checkpoint):
        return checkpoint
    return Checkpoint(checkpoint)


def _spec(
    network: Network,
    data: Dataset,
    weight: np.ndarray,
    dtype: str,
    loss: LossChoice,
    metrics: Sequence[str | Metric] | None,
    optimizer: str | Optimizer | None,
    preprocessing: Choice,
    trainable: Sequence[str],
    rate_factors: Mapping[str, float] | None,
    augment: Augment | None,
) -> tuple[StepSpec, Columns]:
    """What a step is made of, and the training samples as it takes them."""
    instance("fit", "augment", augment, Augment, optional=True)
    if loss is None:
        loss = "categorical_crossentropy" if data.has_labels else "squared_error"
    found = losses.loss(loss)
    shape = network.output_shape
    train = columns(data, found, network.input_shape, shape, dtype, "`data`", weight)
    if metrics is None:
        measured = default_metrics(found, shape)
    else:
        several = (metrics,) if isinstance(metrics, str | Metric) else metrics
        measured = tuple(find_metric(m, found, shape) for m in sequence("fit", "metrics", several))
    spec = StepSpec(
        network,
        found,
        Adam() if optimizer is None else find_optimizer(optimizer),
        preprocessing=choose(preprocessing, train.x),
        metrics=measured,
        data_dtype=train.x.dtype.name,
        target_shape=train.y.shape[1:],
        target_dtype=train.y.dtype.name,
        dtype=dtype,
        trainable=sequence(
            "fit", "trainable", (trainable,) if isinstance(trainable, str) else trainable, str
        ),
        rate_factors=_rate_factors(rate_factors),
        augment=augment,
    )
    return spec, train


def _made(preprocessing: Choice, network: Network) -> Preprocessing:
    """What was done to the samples already."""
    if not isinstance(preprocessing, Preprocessing):
        raise InvalidArgument(
            f"fit: `preprocessing` (={preprocessing!r}) must be a Preprocessing where the samples"
            " are `preprocessed`."
        )
    preprocessing.check(network.input_shape)
    return preprocessing


def _rate_factors(given: Mapping[str, float] | None) -> tuple[tuple[str, float], ...]:
    if given is None:
        return ()
    instance("fit", "rate_factors", given, Mapping)
    for pattern, factor in given.items():
        instance("fit", "rate_factors", pattern, str)
        name = f"rate_factors[{pattern!r}]"
        if real("fit", name, factor, least=0) == 0:
            raise InvalidArgument(
                f"fit: `{name}` (={factor!r}) must be above 0; layers that are not to learn at all"
                " are left out of `trainable`."
            )
    return tuple((pattern, float(factor)) for pattern, factor in given.items())


def _state(
    state: TrainingState | None,
    spec: StepSpec,
    engine: Engine,
    seed: int,
    parameters: Mapping[str, np.ndarray] | None,
) -> TrainingState:
    """Where the run begins: at the end of another, at given parameters, or at drawn ones."""
    instance("fit", "state", state, TrainingState, optional=True)
    instance("fit", "parameters", parameters, Mapping, optional=True)
    if state is not None and state.variables and parameters is not None:
        raise InvalidArgument("fit: `parameters` are given twice: the `state` holds them.")

    def initial() -> dict[str, np.ndarray]:
        start = parameters and {**spec.network.initialize(seed, spec.dtype), **parameters}
        return initial_variables(spec, seed, start, "fit")

    state = TrainingState() if state is None else state
    state.take(spec, engine, initial)
    return state
