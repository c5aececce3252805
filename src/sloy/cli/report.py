"""What `sloy train` shows: progress on the error stream, results on the output stream."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sloy.cli import text, tuning
from sloy.cli.memory import spec_of

if TYPE_CHECKING:
    from sloy.cli.plan import Plan
    from sloy.cli.run_folder import RunFolder
    from sloy.cli.sources import Loaded, Tested
    from sloy.engines import Engine
    from sloy.network import Network


def say(words: str, *, quiet: bool) -> None:
    """A line or more of progress, on the error stream."""
    if not quiet:
        print(words, file=sys.stderr, flush=True)


def opening(
    plan: Plan, loaded: Loaded, network: Network, engine: Engine, folder: RunFolder, memory: int
) -> str:
    """What will be trained, on what, by what, and what it will cost."""
    from sloy.steps.graphs import training_graph

    trained, held_out = loaded.trained_on(plan.validation), loaded.held_out(plan.validation)
    samples = f"{text.count(trained)} to train on"
    if held_out:
        samples += f", {text.count(held_out)} to validate"
    steps = -(-trained // plan.batch_size)
    source = plan.source
    rate = plan.highest_rate
    step = training_graph(spec_of(plan, loaded, network), plan.batch_size)
    batches = f"{text.count(steps)} batches of {plan.batch_size}"
    epochs = f"{text.many(plan.epochs, 'epoch')} of {batches}"
    if plan.from_ is not None:  # the epochs stand below
        epochs = f"{batches} in an epoch"
    rows = [
        ("data", f"{source.name}: {samples}, {text.count(len(loaded.test))} to test"),
        ("", source.describe(loaded)),
        *loaded.rows,
        (
            "network",
            f"{plan.network}\n{network.summary(plan.batch_size, step=step, engine=engine)}",
        ),
        (
            "training",
            f"{plan.optimizer}, learning rate {rate:g} ({plan.schedule}), {epochs},"
            f" seed {plan.seed}",
        ),
        *([("", tuning.describe(plan, network, loaded))] if plan.from_ is not None else []),
        *([("augmented", repr(loaded.augment))] if loaded.augment is not None else []),
        ("engine", str(engine)),
        ("memory", f"{text.size(memory)} predicted for the whole program"),
        ("folder", str(folder.path)),
    ]
    return text.fields(rows) + "\n"


def results(summary: Mapping[str, Any], tested: Tested, folder: RunFolder) -> str:
    """What came of it."""
    times, memory = summary["times_seconds"], summary["memory_bytes"]
    peak = f"{text.size(memory['peak'])} at its peak, {text.size(memory['predicted'])} predicted"
    rows = [
        *tested.rows,
        (
            "time",
            f"{text.seconds(times['to_test'])} from the start of the program to the test result,"
            f" {text.seconds(times['training'])} of it training",
        ),
        ("memory", peak),
        ("folder", str(folder.path)),
    ]
    return text.fields(rows)
