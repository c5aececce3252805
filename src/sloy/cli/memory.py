"""How much memory a run will hold at its peak, told before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sloy.cli import machine, tuning

if TYPE_CHECKING:
    from sloy.cli.plan import Plan
    from sloy.cli.sources import Loaded
    from sloy.network import Network
    from sloy.steps.graphs import StepSpec


def predicted(plan: Plan, loaded: Loaded, network: Network) -> int:
    """Bytes that the process will hold at most up to the test.

    That is the peak so far (unpacking the data), or what it holds now, the data among it, and what `memory_estimate`
    says of the run.
    """
    from sloy.training.memory import memory_estimate

    if plan.from_ is not None:
        return max(
            machine.peak_memory(),
            machine.held_memory() + tuning.predicted(plan, loaded, network),
        )
    data = loaded.train
    run = memory_estimate(
        spec_of(plan, loaded, network),
        plan.batch_size,
        loaded.trained_on(plan.validation),
        validation_samples=loaded.held_out(plan.validation),
        split=loaded.validation is None and plan.validation > 0,
    )
    given = data.x.nbytes + data.y.nbytes
    return max(machine.peak_memory(), machine.held_memory() + run.total - given)


def spec_of(plan: Plan, loaded: Loaded, network: Network) -> StepSpec:
    """What a step of the run is made of."""
    from sloy.losses import loss
    from sloy.metrics import default_metrics
    from sloy.steps.graphs import StepSpec

    data, found = loaded.train, loss(loaded.loss)
    shape = network.output_shape
    target = found.target(data.y[:1], shape)
    return StepSpec(
        network,
        found,
        plan.make_optimizer(),
        metrics=default_metrics(found, shape),
        data_dtype="uint8" if data.x.dtype == "uint8" else "float32",
        target_shape=target.shape[1:],
        target_dtype=target.dtype.name,
        augment=loaded.augment,
    )
