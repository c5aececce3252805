"""A run of `sloy train`, from its options to its last file."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sloy.cli import machine, report, text, tuning
from sloy.cli.errors import Terminated, UsageError
from sloy.cli.memory import predicted
from sloy.cli.plan import Plan, given
from sloy.cli.run_folder import CHECKPOINT, CONFIGURATION, HEAD_CHECKPOINT, RunFolder

if TYPE_CHECKING:
    import numpy as np

    from sloy.cli.sources import Loaded, Source, Tested
    from sloy.engines import Engine
    from sloy.model import Model
    from sloy.network import Network
    from sloy.training.history import History


def train(arguments: argparse.Namespace) -> int:
    """Train or continue, test, write the folder, print the results."""
    plan, folder = _begin(arguments)
    from sloy.engines import engine as find_engine

    engine = find_engine(arguments.engine, arguments.threads, plan.deterministic, plan.precision)
    source = plan.source
    source.quiet = arguments.quiet
    source.start = start = tuning.start(plan, engine) if plan.from_ is not None else None
    loaded = source.load(plan)
    if not arguments.resume and plan.recipe is None:
        suited = tuning.suited(loaded) if start else source.suited(plan, loaded)
        plan = replace(plan, **{**suited, **given(arguments)})
    network = tuning.network(plan, loaded, start) if start else source.make_network(plan, loaded)
    memory = predicted(plan, loaded, network, engine)
    report.say(report.opening(plan, loaded, network, engine, folder, memory), quiet=arguments.quiet)
    if not arguments.resume:
        folder.begin()
    _keep(plan, folder, engine)
    try:
        model, history = _fit(plan, loaded, network, start, engine, folder, quiet=arguments.quiet)
    except (KeyboardInterrupt, Terminated) as error:
        command = shlex.join(["sloy", "train", "--resume", "--out", str(folder.path)])
        saved = any((folder / name).exists() for name in (CHECKPOINT, HEAD_CHECKPOINT))
        if saved or not isinstance(error, KeyboardInterrupt):
            error.__notes__ = [f"continue with `{command}`"]
        raise
    model = source.finish(model, loaded)
    model.save(folder / "model.sloy")
    tested = source.test(model, loaded)
    times = {
        "to_test": machine.seconds_since_start(),
        "training": float(history["seconds"].sum()),
    }
    memory_figures = {"predicted": memory, "peak": machine.peak_memory()}
    summary = _summary(plan, network, engine, tested, times, memory_figures)
    folder.write("history.csv", history.to_csv())
    folder.write_json("summary.json", {**summary, "history": history.rows})
    if arguments.json:
        text.print_json({**summary, "folder": str(folder.path)})
    else:
        print(report.results(summary, tested, folder), end="\n\n")
    sys.stdout.flush()  # before the pictures, which take longer than all of the test
    _draw(folder, summary["seed"], history, model, tested, source, loaded)
    if not arguments.json:
        print(folder.listing())
    return 0


def _keep(plan: Plan, folder: RunFolder, engine: Engine) -> None:
    """Write down what the run does, before it does it."""
    from sloy.cli.versions import versions

    document = {
        "plan": plan.to_config(),
        "engine": {"name": engine.name, "threads": engine.threads, "precision": engine.precision},
        "versions": versions(),
    }
    folder.write_json(CONFIGURATION, document)


def _begin(arguments: argparse.Namespace) -> tuple[Plan, RunFolder]:
    """The plan and the folder, of a new run or of one that is resumed."""
    if arguments.resume:
        if arguments.out is None:
            raise UsageError("--resume needs --out, the folder of the run")
        folder = RunFolder.existing(arguments.out)
        plan = Plan.read(folder / CONFIGURATION)
        options = given(arguments)
        plan.check_same(options)
        return replace(plan, epochs=options.get("epochs", plan.epochs)), folder
    plan = Plan.of(arguments)
    plan.check()
    return plan, RunFolder.new(arguments.out, plan.source.name, overwrite=arguments.overwrite)


def _fit(
    plan: Plan,
    loaded: Loaded,
    network: Network,
    start: Model | None,
    engine: Engine,
    folder: RunFolder,
    *,
    quiet: bool,
) -> tuple[Model, History]:
    import sloy
    from sloy.training.callbacks import CSVLog
    from sloy.training.checkpoint import Checkpoint

    callbacks = [CSVLog(folder / "history.csv", seconds=1), *loaded.callbacks]
    if start is not None:
        return tuning.fit(plan, loaded, start, engine, folder, callbacks, quiet=quiet)
    return sloy.fit(
        network,
        loaded.train,
        validation=loaded.validation or plan.validation or None,
        epochs=plan.epochs,
        batch_size=plan.batch_size,
        optimizer=plan.make_optimizer(),
        loss=loaded.loss,
        preprocessing=loaded.preprocessing,
        seed=plan.seed,
        engine=engine,
        augment=loaded.augment,
        callbacks=callbacks,
        checkpoint=Checkpoint(folder / CHECKPOINT, epoch_seconds=1),
        resume=True,
        verbose=not quiet,
    )


def _summary(
    plan: Plan,
    network: Network,
    engine: Engine,
    tested: Tested,
    times: dict[str, float],
    memory: dict[str, int],
) -> dict[str, Any]:
    """What `summary.json` and `--json` say."""
    from sloy.cli.versions import versions

    return {
        **tested.figures,
        "seed": plan.seed,
        "plan": plan.to_config(),
        "learning_rate": plan.highest_rate,
        "parameters": network.parameter_count,
        "engine": {"name": engine.name, "threads": engine.threads, "precision": engine.precision},
        "times_seconds": times,
        "memory_bytes": memory,
        "versions": versions(),
        "machine": {"system": machine.system(), "usable_cores": machine.usable_cores()},
    }


def _draw(
    folder: RunFolder,
    seed: int,
    history: History,
    model: Model,
    tested: Tested,
    source: Source,
    loaded: Loaded,
) -> None:
    """Write the pictures."""
    import numpy as np

    from sloy import inspection

    figures = {"learning-curves.png": inspection.curves_figure(history), **tested.pictures()}
    if loaded.augment is not None and loaded.train.x.ndim == 4:
        rows = np.linspace(0, len(loaded.train) - 1, 10).astype(int)
        some = source.as_seen(loaded, loaded.train.x[rows])
        figures["augmented.png"] = inspection.augmented_figure(some, loaded.augment, seed=seed)
    if (first := first_filters(model)) is not None:
        figures["filters.png"] = inspection.filters_figure(*first)
    for name, figure in figures.items():
        folder.write(name, inspection.png(figure))


def first_filters(model: Model) -> tuple[np.ndarray, str] | None:
    """The first layer's weights as filters (KH, KW, I, O), and a title; None where they are no pictures."""
    shape = model.network.input_shape
    for name, weights in model.parameters.items():
        if not name.endswith("/weight"):
            continue
        layer = name.removesuffix("/weight")
        if weights.ndim == 4:
            height, width, _, filters = weights.shape
            return weights, f"{layer}: {filters} filters of {height} × {width}"
        if weights.ndim == 2 and len(shape) == 3:
            return weights.reshape(*shape, -1), f"{layer}: {weights.shape[1]} neurons"
        return None
    return None
