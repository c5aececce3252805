"""How much memory a run will hold at its peak, told before it starts."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from sloy import machine
from sloy.data.streams.rows import StreamRows
from sloy.engines import Engine
from sloy.engines.pieces import AHEAD, PIECE_BYTES
from sloy.experiments.experiment import Experiment
from sloy.experiments.fitting import LOOKS
from sloy.experiments.sources import Loaded
from sloy.losses import SquaredError, loss
from sloy.metrics import Metric, default_metrics
from sloy.model import default_batch
from sloy.problem import Network, Problem
from sloy.problem.graphs import evaluation_graph, inference_graph
from sloy.training.fine_tune import IN_MEMORY
from sloy.training.member_losses import OfMembers
from sloy.training.memory import memory_estimate
from sloy.training.probe import SAMPLES, kept_bytes
from sloy.training.probe_graph import probe_evaluation_graph, probe_graph
from sloy.training.recipe import Recipe
from sloy.training.stages import Stage, named_layers, patterns

BESIDE = (
    16 << 20
)  # bytes: modules that are imported later, graphs and plans of the training and of the test


def predicted(
    experiment: Experiment,
    loaded: Loaded,
    network: Network,
    stages: list[Stage],
    engine: Engine,
    *,
    watched: bool = False,
) -> int:
    """Bytes that the process will hold at most up to the end of the test.

    That is the peak so far (unpacking the data), or what it holds now, the data among it, and what `memory_estimate`
    says of the run, with what watches it for what goes wrong, or what the test takes.
    """
    problem = problem_of(loaded, network, experiment.recipe)
    share = experiment.validation
    if stages:
        run, state = max(_of_stage(problem, loaded, stage, share, engine) for stage in stages), 0
    else:
        estimate = memory_estimate(
            problem,
            loaded.trained_on(share),
            experiment.recipe,
            validation_samples=loaded.held_out(share),
            split=loaded.validation is None and not loaded.divided and share > 0,
            engine=engine,
        )
        state = estimate.parameters + estimate.slots
        run = estimate.total - (loaded.train.x.nbytes + loaded.train.y.nbytes)
        if isinstance(loaded.train.x, StreamRows):
            run -= _not_held(loaded, experiment, estimate.data)
    if watched:
        run += _of_probe(problem, experiment, loaded, engine, state)
    test = _of_test(problem, 1 if loaded.test is None else len(loaded.test), engine)
    return max(machine.peak_memory(), machine.held_memory() + BESIDE + max(run, test))


def _not_held(loaded: Loaded, experiment: Experiment, data: int) -> int:
    """What of the data that an estimate counts a stream does not hold: all but its blocks and some batches."""
    x: Any = loaded.train.x
    sample = prod(x.shape[1:]) * x.dtype.itemsize
    share = experiment.validation
    split = loaded.validation is None and not loaded.divided and share > 0
    every = (1 + split) * (loaded.trained_on(share) + loaded.held_out(share)) * sample
    pieces = (1 + AHEAD) * max(PIECE_BYTES, sample * experiment.recipe.batch_size)
    return min(every, data) - min(every, 2 * x.nbytes + pieces)


def problem_of(loaded: Loaded, network: Network, recipe: Recipe) -> Problem:
    """What is learned from the data, without its preprocessing."""
    data, found = loaded.train, loss(loaded.loss)
    dtype = "float64" if recipe.precision == "float64" else "float32"
    shape = network.output_shape
    if loaded.members:
        own = found.target(data.y[:1], shape[1:]).size
        found = OfMembers(found, loaded.members)
        target = np.zeros((1, loaded.members + own), dtype)
        metrics: tuple[Metric, ...] = found.metrics
    else:
        target = found.target(data.y[:1], shape)
        metrics = default_metrics(found, shape)
    return Problem(
        network,
        found,
        metrics=metrics,
        data_dtype="uint8" if data.x.dtype == "uint8" else dtype,
        target_shape=target.shape[1:],
        target_dtype=target.dtype.name,
        dtype=dtype,
    )


def _of_probe(
    problem: Problem, experiment: Experiment, loaded: Loaded, engine: Engine, state: int
) -> int:
    """What the graphs of `sloy.training.probe.Prober` take, and copies of variables of so many bytes."""
    share = experiment.validation
    trained, held_out = (
        min(SAMPLES, n) for n in (loaded.trained_on(share), loaded.held_out(share))
    )
    found = engine.memory_forecast(probe_graph(problem, experiment.recipe, trained))
    found += kept_bytes(LOOKS, state)
    if held_out:
        found += engine.memory_forecast(probe_evaluation_graph(problem, held_out))
    return found


def _of_test(problem: Problem, samples: int, engine: Engine) -> int:
    """Parameters, and the memory of evaluation and prediction."""
    size = min(samples, default_batch(problem.network, problem.dtype))
    numbers = sum(p.tensor.spec.size for p in problem.network.parameters.values())
    parameters = numbers * np.dtype(problem.dtype).itemsize
    return parameters + engine.memory_forecast(evaluation_graph(problem, size, prediction=True))


def _of_stage(whole: Problem, loaded: Loaded, stage: Stage, share: float, engine: Engine) -> int:
    """Bytes that a stage of fine-tuning takes beside what is loaded."""
    samples, held_out = loaded.trained_on(share), loaded.held_out(share)
    network = whole.network
    recipe = replace(
        stage.recipe, trainable=patterns(network, stage.frozen), rate_factors=(), decay_factors=()
    )
    if not stage.frozen or recipe.augment is not None:
        run = memory_estimate(whole, samples, recipe, validation_samples=held_out, engine=engine)
        return run.total - (samples + held_out) * loaded.train.x[:1].nbytes
    layers = named_layers(network)
    front = Network(network.input_shape, layers[: stage.frozen])
    forward = replace(whole, network=front, loss=SquaredError(), metrics=())
    graph = inference_graph(forward, default_batch(front, whole.dtype))
    rest = Network(front.output_shape, layers[stage.frozen :])
    run = memory_estimate(
        replace(whole, network=rest, data_dtype=whole.dtype),
        samples,
        recipe,
        validation_samples=held_out,
        engine=engine,
    )
    in_file = run.data if run.data > IN_MEMORY else 0
    return engine.memory_forecast(graph) + run.total - in_file
