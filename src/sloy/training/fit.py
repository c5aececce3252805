"""`fit`: train a network on data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sloy import losses
from sloy.arguments import flag, instance, level_of_user, sequence
from sloy.data.dataset import Dataset
from sloy.data.streams.rows import StreamRows
from sloy.engines import Engine
from sloy.errors import InvalidArgument
from sloy.metrics import Metric, default_metrics
from sloy.metrics import metric as find_metric
from sloy.model import Model
from sloy.options import takes
from sloy.preprocessing import Choice, Preprocessing, choose
from sloy.problem import Network, Problem
from sloy.problem.inputs import Columns, Data, Validation, as_dataset, columns, split, weights
from sloy.text import shown
from sloy.training.callbacks import Callback, EarlyStopping
from sloy.training.checkpoint import Checkpoint
from sloy.training.history import History, check_measured
from sloy.training.loop import Loop
from sloy.training.order import Order
from sloy.training.progress import ProgressBar
from sloy.training.rates import rate_for
from sloy.training.recipe import AUTO, Recipe, engine_of
from sloy.training.resume import check_alike, describe, take_up
from sloy.training.state import TrainingState
from sloy.training.step import check_together, initial_variables

LossChoice = losses.LossLike | None


@takes(Recipe)
def fit(
    network: Network,
    data: Data,
    *,
    validation: Validation = None,
    loss: LossChoice = None,
    metrics: Sequence[str | Metric] | None = None,
    preprocessing: Choice = "auto",
    preprocessed: bool = False,
    sample_weight: Any = None,
    recipe: Recipe | None = None,
    callbacks: Sequence[Callback] = (),
    engine: str | Engine = "auto",
    threads: int = 0,
    parameters: Mapping[str, np.ndarray] | None = None,
    state: TrainingState | None = None,
    checkpoint: str | Path | Checkpoint | None = None,
    resume: bool = False,
    verbose: bool = True,
    **options: Any,
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
    loss : Loss, str or function
        By default categorical cross-entropy for labels, squared error for targets. A function of
        two symbolic tensors, (output, target) → one loss for each sample, is a user's own.
    metrics : sequence of Metric or str
        By default those of the loss's task: accuracy, or mean absolute error and R². Those that are no means over
        samples (R², "auc", "f1", …) are measured on `validation` alone, as ``val_auc``, and by `Model.evaluate`;
        a warning says so where they are asked for without it.
    sample_weight : array, shape (N,)
        Finite, at least 0.
    preprocessing : Preprocessing, "auto", "unit", "standardize", "none" or None
        See `sloy.preprocessing.choose`; it becomes part of the model.
    preprocessed : bool
        Whether the samples given, those to validate on too, are preprocessed already by
        `preprocessing`, a Preprocessing. The model takes them raw all the same.
    recipe : Recipe, optional
        How it is trained; the options below are its own, and go before it where they are given too.
    callbacks : sequence of Callback
        See `sloy.training.callbacks`.
    engine, threads
        See `sloy.engines.engine`; an Engine that is given keeps its own threads, precision and `deterministic`.
    parameters : mapping
        Initial parameters and states by name, all or some of them; the others are drawn.
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
    <options>

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
    flags = {"resume": resume, "verbose": verbose, "preprocessed": preprocessed}
    for name, value in flags.items():
        flag("fit", name, value)
    recipe = Recipe.of("fit", recipe, options)
    dtype, chosen = engine_of("fit", recipe, engine, threads)
    store = checkpoint_of("fit", checkpoint, resume=resume)
    given = as_dataset(data)
    if recipe.learning_rate == AUTO:
        _check_begins(state)
        found = rate_for(
            fit, network, given, validation=validation, recipe=recipe, sample_weight=sample_weight, loss=loss,
            metrics=metrics, preprocessing=preprocessing, preprocessed=preprocessed, engine=chosen,
            parameters=parameters,
        )  # fmt: skip
        recipe = replace(recipe, learning_rate=found.best)
    rows, held_out = split(given, validation, recipe.seed)
    watchers = _callbacks(callbacks, recipe, validated=held_out is not None, verbose=verbose)
    weight = weights(given, sample_weight, recipe.class_weight, dtype)[rows]
    if not weight.any():
        raise InvalidArgument("`sample_weight`: all samples that are left to train on weigh 0.")
    training = given if held_out is None or len(rows) == len(given) else given.take(rows)
    used = _preprocessing(preprocessing, network, training, preprocessed=preprocessed)
    ahead = None if preprocessed or not _is_ahead(used, training, dtype, recipe) else used
    train, problem = _problem(
        network, training, weight, dtype, loss, metrics,
        Preprocessing() if preprocessed or ahead else used, ahead,
    )  # fmt: skip
    check_together(problem, recipe)
    if metrics is not None and held_out is None:
        _warn_of_whole(problem.metrics)
    validate = None
    if held_out is not None:
        validate = columns(
            held_out, network, problem.loss, dtype, "`validation`",
            data_dtype=problem.data_dtype, ahead=ahead,
        )  # fmt: skip
    recipe = replace(recipe, batch_size=min(recipe.batch_size, len(train)))
    state = _state(state, problem, recipe, chosen, parameters)
    order = Order(problem, recipe, chosen, train, validate, state.epochs, state.steps)
    model = Model(
        replace(problem, preprocessing=used),
        state.variables.select(network.shapes),
        class_names=training.class_names,
        engine=chosen,
    )
    return model, _trained(order, state, model, watchers, store, resume=resume)


def _check_begins(state: TrainingState | None) -> None:
    """Raise where a run goes on, whose rate is not to be found."""
    if state is not None and state.variables:
        raise InvalidArgument(
            "fit: `learning_rate` (='auto') is for a run that begins; the `state` goes on."
        )


def _trained(
    order: Order,
    state: TrainingState,
    model: Model,
    watchers: Sequence[Callback],
    store: Checkpoint | None,
    *,
    resume: bool,
) -> History:
    """Run the whole order, from the checkpoint on where that is asked for."""
    processes = order.engine.processes
    config = describe(order, state.variables) if store or processes.count > 1 else {}
    if processes.count > 1:
        check_alike(config, processes)
    run = Loop(order, state, model, watchers, store, config)
    schedule = order.recipe.descent.schedule
    if schedule.watched is not None:
        check_measured(type(schedule).__name__, schedule.watched, run.columns)
    with run.store.alone() if store and processes.leads else nullcontext():
        if store:
            take_up(run, store, config, resume=resume)
        run.train()
    return run.history


def _callbacks(
    callbacks: Sequence[Callback], recipe: Recipe, *, validated: bool, verbose: bool
) -> list[Callback]:
    found = list(sequence("fit", "callbacks", callbacks, Callback))
    if recipe.patience is not None:
        if not validated:
            raise InvalidArgument(
                f"fit: `patience` (={recipe.patience}) needs `validation`, whose loss it waits for."
            )
        found.append(EarlyStopping(patience=recipe.patience))
    if verbose and not any(isinstance(callback, ProgressBar) for callback in found):
        found.append(ProgressBar())
    return found


def checkpoint_of(
    where: str, given: str | Path | Checkpoint | None, *, resume: bool
) -> Checkpoint | None:
    """Where a run is saved; raises where there is nothing to resume from."""
    if given is None and resume:
        raise InvalidArgument(f"{where}: `resume` (=True) needs the `checkpoint` to go on from.")
    return given if given is None or isinstance(given, Checkpoint) else Checkpoint(given)


def _problem(
    network: Network,
    data: Dataset,
    weight: np.ndarray,
    dtype: str,
    loss: LossChoice,
    metrics: Sequence[str | Metric] | None,
    preprocessing: Preprocessing,
    ahead: Preprocessing | None,
) -> tuple[Columns, Problem]:
    """The training samples as graphs take them, and what these learn."""
    if loss is None:
        loss = "categorical_crossentropy" if data.has_labels else "squared_error"
    found = losses.loss(loss)
    shape = network.output_shape
    train = columns(data, network, found, dtype, "`data`", weight, ahead=ahead)
    if metrics is None:
        measured = default_metrics(found, shape)
    else:
        several = (metrics,) if isinstance(metrics, str | Metric) else metrics
        measured = tuple(find_metric(m, found, shape) for m in sequence("fit", "metrics", several))
    problem = Problem.of(
        network, found, train.x, train.y, dtype=dtype, preprocessing=preprocessing, metrics=measured
    )
    return train, problem


def _warn_of_whole(metrics: Sequence[Metric]) -> None:
    """Say which metrics the history will lack, as nothing is validated."""
    if whole := [metric.name for metric in metrics if not metric.additive]:
        warnings.warn(
            f"fit: `metrics` {', '.join(whole)}: of whole data sets, measured on `validation`, which is not given; the"
            " history will not have them (`Model.evaluate` does).",
            stacklevel=level_of_user(),
        )


def _preprocessing(
    choice: Choice, network: Network, data: Dataset, *, preprocessed: bool
) -> Preprocessing:
    """What the model does to samples; what was done to them already where they are `preprocessed`."""
    if preprocessed and not isinstance(choice, Preprocessing):
        raise InvalidArgument(
            f"fit: `preprocessing` (={shown(choice)}) must be a Preprocessing where the samples are `preprocessed`."
        )
    if isinstance(choice, Preprocessing):
        choice.check(network.input_shape)
    if data.sample_shape != network.input_shape:  # `columns` refuses them
        return Preprocessing()
    if isinstance(data.x, StreamRows) and choice == "standardize":
        return choose(choice, data.x.some())
    return choose(choice, data.x)


def _is_ahead(used: Preprocessing, data: Dataset, dtype: str, recipe: Recipe) -> bool:
    """Whether samples are scaled before the graphs take them; pictures that are augmented are changed as they came."""
    augmented = recipe.augment is not None and len(data.sample_shape) == 3
    return used.is_ahead(data.x, dtype) and not augmented


def _state(
    state: TrainingState | None,
    problem: Problem,
    recipe: Recipe,
    engine: Engine,
    parameters: Mapping[str, np.ndarray] | None,
) -> TrainingState:
    """Where the run begins: at the end of another, at given parameters, or at drawn ones."""
    instance("fit", "state", state, TrainingState, optional=True)
    instance("fit", "parameters", parameters, Mapping, optional=True)
    if state is not None and state.variables and parameters is not None:
        raise InvalidArgument("fit: `parameters` are given twice: the `state` holds them.")

    def initial() -> dict[str, np.ndarray]:
        start = parameters and {
            **problem.network.initialize(recipe.seed, problem.dtype),
            **parameters,
        }
        return initial_variables(problem, recipe, start, "fit")

    state = TrainingState() if state is None else state
    state.take(problem, recipe, engine, initial)
    return state
