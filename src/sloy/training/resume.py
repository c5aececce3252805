"""Going on from a checkpoint: only with the run it is of, so that the result is that of an uninterrupted one."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from sloy import text
from sloy.engines.processes import Processes, numbered
from sloy.errors import FileFormatError, InvalidArgument
from sloy.graph import Graph
from sloy.text import named, reason
from sloy.training.checkpoint import Checkpoint, Snapshot, fingerprint, shared
from sloy.training.loop import Loop
from sloy.training.measured import NORM
from sloy.training.order import Order
from sloy.training.step import training_graph


def describe(order: Order, variables: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """All that decides the numbers of a run, short of the engine, to compare."""
    validation = order.validation
    held_out = fingerprint([validation.x, validation.y]) if validation else "none"
    return {
        **_fields(order.problem),
        **_fields(order.recipe.plain),
        "epochs": order.epochs,
        "steps_before": order.steps_before,
        "data": fingerprint([order.data.x, order.data.y, order.data.weight]),
        "validation": held_out,
        "parameters": fingerprint(variables[name] for name in sorted(variables)),
        "functions": _graph_fingerprint(training_graph(order.problem, order.recipe, 1)),
    }


def _fields(value: Any) -> dict[str, str]:
    """The fields of a dataclass in words, without the addresses of functions and the order of mappings."""
    values = {field.name: getattr(value, field.name) for field in fields(value)}
    words = {
        name: repr(sorted(v.items()) if isinstance(v, Mapping) else v) for name, v in values.items()
    }
    return {name: re.sub(r" at 0x[0-9a-f]+", "", text) for name, text in words.items()}


def _graph_fingerprint(graph: Graph) -> str:
    """SHA-256 of every node: what a user's own functions do is part of it, their names are not."""
    parts: list[np.ndarray] = []
    for node in graph.nodes:
        arrays = [v for v in node.attributes.values() if isinstance(v, np.ndarray)]
        rest = {n: v for n, v in node.attributes.items() if not isinstance(v, np.ndarray)}
        line = f"{node.op} {node.inputs} {sorted(rest.items())} {node.spec}"
        parts += [np.frombuffer(line.encode(), np.uint8), *arrays]
    return fingerprint(parts)


def check_alike(config: Mapping[str, Any], processes: Processes) -> None:
    """Raise `InvalidArgument` where a process does something else than the leader, or has other data."""
    theirs = processes.of_leader(config)
    differing = [name for name in config if config[name] != theirs.get(name)]
    if differing:
        raise InvalidArgument(
            f"fit: {numbered([processes.rank], processes.count)} does not do what process 0 does: its"
            f" {', '.join(differing)} differ. All train one run, on the same data."
        )


def take_up(run: Loop, checkpoint: Checkpoint, config: Mapping[str, Any], *, resume: bool) -> None:
    """Go on from the checkpoint where that is asked for and there is one: of several processes, that of the leader."""
    processes = run.order.engine.processes
    if not resume:
        if processes.leads:
            run.store.clear()
        return
    snapshot = shared(run.store.load() if processes.leads else None, processes)
    if snapshot is None:
        return
    _compare(run, checkpoint, snapshot, config)
    try:
        _check_fits(run, snapshot)
        _compare_rates(run, snapshot)
        run.restore(snapshot)
    except (ValueError, LookupError, TypeError, OverflowError) as error:
        raise FileFormatError(
            f"{checkpoint.path}: the checkpoint contradicts itself ({reason(error)})."
        ) from error


def _check_fits(run: Loop, snapshot: Snapshot) -> None:
    """Raise `ValueError` unless the parts of a snapshot are of one run."""
    if snapshot.epoch < 0 or not 0 <= snapshot.step <= run.steps:
        raise ValueError(f"it stands at step {snapshot.step} of epoch {snapshot.epoch}")
    if len(snapshot.history) != snapshot.epoch:
        raise ValueError(f"its history has {len(snapshot.history)} of {snapshot.epoch} epochs")
    additive = (metric.name for metric in run.order.problem.metrics if metric.additive)
    measured = {"loss", "weight", NORM, *additive}
    if snapshot.step and (missing := measured - snapshot.partial.keys()):
        raise ValueError(f"{min(missing)!r} of its {snapshot.step} steps is missing")
    for name, values in snapshot.partial.items():
        if values.shape != (snapshot.step,) or values.dtype.kind != "f":
            raise ValueError(f"{name[:40]!r} has not one number for each of {snapshot.step} steps")
    for state in snapshot.callbacks:
        for name, value in state.items():
            own = (
                run.weights[name.removeprefix("weights/")] if name.startswith("weights/") else None
            )
            if own is not None and np.shape(value) != own.shape:
                raise ValueError(f"{name[:60]!r} has the shape {np.shape(value)}")


def _compare(
    run: Loop, checkpoint: Checkpoint, snapshot: Snapshot, config: Mapping[str, Any]
) -> None:
    differing = [n for n in config if n != "epochs" and config[n] != snapshot.config.get(n)]
    own = {n: (spec.shape, spec.dtype) for n, spec in run.variables.specs.items()}
    if not differing and own != {n: (v.shape, v.dtype.name) for n, v in snapshot.variables.items()}:
        differing = ["variables"]
    remembering = [type(callback).__name__ for callback in run.callbacks if callback.state()]
    if not differing and [state.get("class") for state in snapshot.callbacks] != remembering:
        differing = ["callbacks"]
    if differing:
        which = named(differing, 8, f" and {len(differing) - 8} more")
        raise InvalidArgument(
            f"fit: the run in {checkpoint.path} cannot be resumed: its {which} differed."
            " Give what it was begun with, or begin anew with resume=False."
        )
    if snapshot.epoch > run.epochs or (snapshot.epoch == run.epochs and snapshot.step):
        raise InvalidArgument(
            f"fit: `epochs` (={run.epochs}): the run in {checkpoint.path} has done {snapshot.epoch}."
        )
    if snapshot.machine != run.machine:
        warnings.warn(
            f"fit: the run in {checkpoint.path} was computed by {_words(snapshot.machine)}, it goes on"
            f" with {_words(run.machine)}: numbers may round otherwise.",
            UserWarning,
            stacklevel=5,
        )


def _compare_rates(run: Loop, snapshot: Snapshot) -> None:
    """Say so where another number of epochs changes learning rates that were used already."""
    before, order = int(snapshot.config.get("epochs", run.epochs)), run.order
    done = snapshot.epoch * order.steps + snapshot.step
    if before == run.epochs or not done or order.schedule.watched:
        return
    first = order.steps_before
    old = order.schedule.rates(first, done, first + before * order.steps)
    if not np.array_equal(old, order.schedule.rates(first, done, first + run.epochs * order.steps)):
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
