"""Going on from a checkpoint: only with the run it is of, so that the result is that of an uninterrupted one."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from sloy import text
from sloy.errors import InvalidArgument
from sloy.graph import Graph
from sloy.steps.graphs import training_graph
from sloy.training.checkpoint import Checkpoint, Snapshot, fingerprint
from sloy.training.loop import Run
from sloy.training.plan import Plan


def describe(plan: Plan, variables: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """All that decides the numbers of a run, short of `epochs` and the engine, to compare."""
    spec, validation = plan.spec, plan.validation
    described = {
        name: re.sub(r" at 0x[0-9a-f]+", "", repr(getattr(spec, name)))
        for name in ("network", "loss", "optimizer", "preprocessing", "metrics", "dtype")
    }
    held_out = fingerprint([validation.x, validation.y]) if validation else "none"
    return described | {
        "batch_size": plan.batch_size,
        "seed": plan.seed,
        "shuffle": plan.shuffle,
        "data": fingerprint([plan.data.x, plan.data.y, plan.data.weight]),
        "validation": held_out,
        "epochs": plan.epochs,
        "steps_before": plan.steps_before,
        "parameters": fingerprint(variables[name] for name in sorted(variables)),
        "trainable": list(spec.trainable),
        "augment": repr(spec.augment),
        "rate_factors": [list(pair) for pair in spec.rate_factors],
        "functions": _graph_fingerprint(training_graph(spec, 1)),
    }


def _graph_fingerprint(graph: Graph) -> str:
    """SHA-256 of every node: what a user's own functions do is part of it, their names are not."""
    parts: list[np.ndarray] = []
    for node in graph.nodes:
        arrays = [v for v in node.attributes.values() if isinstance(v, np.ndarray)]
        rest = {n: v for n, v in node.attributes.items() if not isinstance(v, np.ndarray)}
        line = f"{node.op} {node.inputs} {sorted(rest.items())} {node.spec}"
        parts += [np.frombuffer(line.encode(), np.uint8), *arrays]
    return fingerprint(parts)


def take_up(run: Run, place: Checkpoint, config: Mapping[str, Any], *, resume: bool) -> None:
    """Go on from the checkpoint where that is asked for and there is one."""
    run.store.prepare()
    if not resume:
        run.store.clear()
        return
    snapshot = run.store.load()
    if snapshot is None:
        return
    _compare(run, place, snapshot, config)
    run.restore(snapshot)


def _compare(run: Run, place: Checkpoint, snapshot: Snapshot, config: Mapping[str, Any]) -> None:
    differing = [n for n in config if n != "epochs" and config[n] != snapshot.config.get(n)]
    own = {n: (spec.shape, spec.dtype) for n, spec in run.variables.specs.items()}
    if not differing and own != {n: (v.shape, v.dtype.name) for n, v in snapshot.variables.items()}:
        differing = ["variables"]
    remembering = [type(callback).__name__ for callback in run.callbacks if callback.state()]
    if not differing and [state.get("class") for state in snapshot.callbacks] != remembering:
        differing = ["callbacks"]
    if differing:
        raise InvalidArgument(
            f"fit: the run in {place.path} cannot be resumed: its {', '.join(differing)} differed."
            " Give what it was begun with, or begin anew with resume=False."
        )
    if snapshot.epoch > run.epochs or (snapshot.epoch == run.epochs and snapshot.step):
        raise InvalidArgument(
            f"fit: `epochs` (={run.epochs}): the run in {place.path} has done {snapshot.epoch}."
        )
    if snapshot.machine != run.machine:
        warnings.warn(
            f"fit: the run in {place.path} was computed by {_words(snapshot.machine)}, it goes on"
            f" with {_words(run.machine)}: numbers may round otherwise.",
            UserWarning,
            stacklevel=4,
        )
    _compare_rates(run, snapshot)


def _compare_rates(run: Run, snapshot: Snapshot) -> None:
    """Say so where another number of epochs changes learning rates that were used already."""
    before, plan = int(snapshot.config.get("epochs", run.epochs)), run.plan
    done = snapshot.epoch * plan.steps + snapshot.step
    if before == run.epochs or not done or plan.schedule.watched:
        return
    first = plan.steps_before
    old = plan.schedule.rates(first, done, first + before * plan.steps)
    if not np.array_equal(old, plan.schedule.rates(first, done, first + run.epochs * plan.steps)):
        warnings.warn(
            f"fit: the learning rate follows the number of epochs, which was {before} and is"
            f" {run.epochs} now: the result is that of neither run done in one go.",
            UserWarning,
            stacklevel=5,
        )


def _words(machine: Mapping[str, Any]) -> str:
    counts = [text.many(n, what.removesuffix("s")) for what, n in machine.items() if type(n) is int]
    engine = " on ".join([f"the {machine['engine']} engine", *counts])
    return f"{engine} in {machine['precision']}"
