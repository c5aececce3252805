"""`sloy train … --from MODEL`: what is frozen, for how long, and what it will take."""

from __future__ import annotations

import argparse
from dataclasses import replace
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sloy.cli import text
from sloy.cli.errors import UsageError
from sloy.cli.run_folder import CHECKPOINT, RunFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sloy.cli.plan import Plan
    from sloy.cli.sources import Loaded
    from sloy.engines import Engine
    from sloy.model import Model
    from sloy.network import Network
    from sloy.training.callbacks import Callback
    from sloy.training.history import History
    from sloy.training.stages import Stage

OPTIONS = ("freeze", "head_epochs", "unfreeze", "first_rate")  # of the plan, for --from alone
DEFAULTS = {"augment": "none"}
STEPS = 300  # of training, about
FIRST_RATE = 0.01


def freezing(word: str) -> str:
    """What --freeze takes: head, none, or until:LAYER."""
    if word in ("head", "none") or (word.startswith("until:") and len(word) > len("until:")):
        return word
    raise argparse.ArgumentTypeError(f"{word!r} must be until:LAYER, head or none")


def check(plan: Plan) -> None:
    """Raise `UsageError` where options of fine-tuning do not fit together."""
    for option in OPTIONS:
        if plan.from_ is None and getattr(plan, option) is not None:
            raise UsageError(f"--{option.replace('_', '-')} needs --from MODEL")
    if plan.head_epochs is not None and not plan.unfreeze:
        raise UsageError("--head-epochs counts the epochs before --unfreeze; give both")
    if plan.unfreeze and plan.freeze == "none":
        raise UsageError("--unfreeze: --freeze none freezes nothing")


def suited(loaded: Loaded) -> dict[str, Any]:
    """Batches of a 16th of the samples, between 8 and 32; epochs for about 300 steps, 5 to 40 of them."""
    count = len(loaded.train)
    size = int(min(32, max(8, 2 ** round(log2(max(count / 16, 1))))))
    epochs = max(5, min(40, STEPS * size // count))
    return {"batch_size": size, "epochs": epochs}


def start(plan: Plan, engine: Engine) -> Model:
    """The model of --from: a file, or the folder of a run."""
    import sloy

    assert plan.from_ is not None
    path = Path(plan.from_)
    return sloy.load(path / "model.sloy" if path.is_dir() else plan.from_, engine=engine)


def network(plan: Plan, loaded: Loaded, model: Model) -> Network:
    """The model's network, its last layer made for the classes of the data."""
    from sloy.training.stages import adapted

    own, needed = loaded.train.sample_shape, model.network.input_shape
    if own != needed:
        raise UsageError(
            f"--from {plan.from_}: the model takes samples of {text.shape(needed)}, {plan.data} has"
            f" {text.shape(own)}"
        )
    return adapted(model, loaded.train, plan.seed)[0]


def stages(plan: Plan, network: Network) -> list[Stage]:
    """What is trained when."""
    from sloy.training.stages import plan_stages

    optimizer = plan.make_optimizer()
    return plan_stages(
        network,
        freeze=_layer(plan),
        unfreeze=bool(plan.unfreeze),
        head_epochs=_head_epochs(plan),
        epochs=plan.epochs,
        optimizer=optimizer,
        head_optimizer=optimizer,
        first_rate=plan.first_rate or FIRST_RATE,
    )


def describe(plan: Plan, network: Network, loaded: Loaded) -> str:
    """The stages in words, a line each."""
    names, lines = network.layer_names, []
    for stage in stages(plan, network):
        words = "all layers"
        if stage.frozen:
            words = f"the layers after {names[stage.frozen - 1]}"
            if loaded.augment is None:
                words += " (those before run once)"
        lines.append(f"{text.many(stage.epochs, 'epoch')}: {words}")
    return "\n".join(lines)


def fit(
    plan: Plan,
    loaded: Loaded,
    model: Model,
    engine: Engine,
    folder: RunFolder,
    callbacks: Sequence[Callback],
    *,
    quiet: bool,
) -> tuple[Model, History]:
    """Fine-tune, from the checkpoints in the folder where there are any."""
    import sloy

    optimizer = plan.make_optimizer()
    return sloy.fine_tune(
        model,
        loaded.train,
        validation=loaded.validation or plan.validation or None,
        freeze=_layer(plan),
        unfreeze=bool(plan.unfreeze),
        head_epochs=_head_epochs(plan),
        epochs=plan.epochs,
        batch_size=plan.batch_size,
        optimizer=optimizer,
        first_rate=plan.first_rate or FIRST_RATE,
        augment=loaded.augment,
        seed=plan.seed,
        callbacks=callbacks,
        engine=engine,
        checkpoint=folder / CHECKPOINT,
        resume=True,
        verbose=not quiet,
    )


def predicted(plan: Plan, loaded: Loaded, network: Network, engine: Engine) -> int:
    """Bytes that fine-tuning takes beside what is loaded: those of its largest stage."""
    return max(_taken(plan, loaded, network, stage, engine) for stage in stages(plan, network))


def _taken(plan: Plan, loaded: Loaded, whole: Network, stage: Stage, engine: Engine) -> int:
    from sloy.cli.memory import spec_of
    from sloy.losses import SquaredError
    from sloy.model import default_batch
    from sloy.network import Network
    from sloy.steps.graphs import inference_graph
    from sloy.training.finetune import IN_MEMORY
    from sloy.training.memory import memory_estimate
    from sloy.training.stages import named_layers, patterns

    spec = replace(spec_of(plan, loaded, whole), trainable=patterns(whole, stage.frozen))
    samples, held_out = loaded.trained_on(plan.validation), loaded.held_out(plan.validation)
    if not stage.frozen or loaded.augment is not None:
        run = memory_estimate(
            spec, plan.batch_size, samples, validation_samples=held_out, engine=engine
        )
        return run.total - (samples + held_out) * loaded.train.x[:1].nbytes
    layers = named_layers(whole)
    front = Network(whole.input_shape, layers[: stage.frozen])
    forward = replace(spec, network=front, loss=SquaredError(), metrics=(), trainable=("*",))
    graph = inference_graph(forward, default_batch(front, "float32"))
    rest = Network(front.output_shape, layers[stage.frozen :])
    run = memory_estimate(
        replace(spec, network=rest, data_dtype="float32"),
        plan.batch_size,
        samples,
        validation_samples=held_out,
        engine=engine,
    )
    in_file = run.data if run.data > IN_MEMORY else 0
    return engine.memory_forecast(graph) + run.total - in_file


def _head_epochs(plan: Plan) -> int:
    return plan.head_epochs or max(1, plan.epochs // 2)


def _layer(plan: Plan) -> str | None:
    """The layer of --freeze, as `sloy.fine_tune` takes it."""
    if plan.freeze == "none":
        return None
    return (plan.freeze or "head").removeprefix("until:")
