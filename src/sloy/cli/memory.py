"""How much memory a run will hold at its peak, told before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sloy.cli import machine

if TYPE_CHECKING:
    from sloy.cli.plan import Plan
    from sloy.data import Dataset
    from sloy.network import Network


def predicted(plan: Plan, data: Dataset, network: Network) -> int:
    """Bytes that the process will hold at most up to the test.

    That is the peak so far (unpacking the data), or what it holds now, the data among it, and what `memory_estimate`
    says of the run.
    """
    from sloy.losses import CategoricalCrossentropy
    from sloy.metrics import Accuracy
    from sloy.steps.graphs import StepSpec
    from sloy.training.memory import memory_estimate

    spec = StepSpec(
        network,
        CategoricalCrossentropy(),
        plan.make_optimizer(),
        metrics=(Accuracy(),),
        data_dtype="uint8" if data.x.dtype == "uint8" else "float32",
        target_shape=(),
        target_dtype="int32",
    )
    held_out = round(plan.validation * len(data))
    run = memory_estimate(
        spec,
        plan.batch_size,
        len(data) - held_out,
        validation_samples=held_out,
        split=held_out > 0,
    )
    given = data.x.nbytes + data.y.nbytes
    return max(machine.peak_memory(), machine.held_memory() + run.total - given)
