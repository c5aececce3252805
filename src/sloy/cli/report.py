"""What `sloy train` shows: progress on the error stream, results on the output stream."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sloy.cli import text

if TYPE_CHECKING:
    from sloy.cli.plan import Plan
    from sloy.cli.run_folder import RunFolder
    from sloy.data import TrainTest
    from sloy.engines import Engine
    from sloy.network import Network


def say(words: str, *, quiet: bool) -> None:
    """A line or more of progress, on the error stream."""
    if not quiet:
        print(words, file=sys.stderr, flush=True)


def opening(
    plan: Plan, data: TrainTest, network: Network, engine: Engine, folder: RunFolder, memory: int
) -> str:
    """What will be trained, on what, by what, and what it will cost."""
    validation = round(plan.validation * len(data.train))
    samples = f"{text.count(len(data.train) - validation)} to train on"
    if validation:
        samples += f", {text.count(validation)} to validate"
    steps = -(-(len(data.train) - validation) // plan.batch_size)
    rate = plan.highest_rate
    threads = f", {text.many(engine.threads, 'thread')}" if engine.threads else ""
    rows = [
        ("data", f"{data.train.name}: {samples}, {text.count(len(data.test))} to test"),
        ("", f"{text.shape(data.train.sample_shape)} each, {data.train.classes} classes"),
        ("network", f"{plan.network}\n{network.summary(plan.batch_size)}"),
        (
            "training",
            f"{plan.optimizer}, learning rate {rate:g} ({plan.schedule}), {text.many(plan.epochs, 'epoch')} of"
            f" {text.count(steps)} batches of {plan.batch_size}, seed {plan.seed}",
        ),
        ("engine", f"{engine.name}{threads}, float32"),
        ("memory", f"{text.size(memory)} predicted for the whole program"),
        ("folder", str(folder.path)),
    ]
    return text.fields(rows) + "\n"


def results(summary: Mapping[str, Any], folder: RunFolder) -> str:
    """What came of it."""
    times, memory = summary["times_seconds"], summary["memory_bytes"]
    wrong, total = summary["test_mistakes"], summary["test_samples"]
    peak = f"{text.size(memory['peak'])} at its peak, {text.size(memory['predicted'])} predicted"
    rows = [
        (
            "test accuracy",
            f"{text.percent(summary['test_accuracy'])}  ({wrong} of {text.count(total)} wrong)",
        ),
        ("test loss", f"{summary['test_loss']:.4f}"),
        (
            "time",
            f"{text.seconds(times['to_accuracy'])} from the start of the program to the test accuracy,"
            f" {text.seconds(times['training'])} of it training",
        ),
        ("memory", peak),
        ("folder", str(folder.path)),
    ]
    return text.fields(rows) + "\n\n" + folder.listing()
