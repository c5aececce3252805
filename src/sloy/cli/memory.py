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

    That is the peak so far (unpacking the data), or what it holds now, and: the copy of the data when a part is
    kept for validation, the training steps for whole batches and for the last partial one, and validation.
    """
    from sloy.losses import CategoricalCrossentropy
    from sloy.metrics import Accuracy
    from sloy.steps.graphs import StepSpec, training_graph

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
    samples = len(data) - held_out
    sizes = {min(plan.batch_size, samples), samples % plan.batch_size} - {0}
    steps = [network.summary(size, step=training_graph(spec, size)) for size in sizes]
    needed = steps[0].step_variable_bytes + sum(step.step_arena_bytes for step in steps)
    if held_out:
        needed += data.x.nbytes + max(step.inference_arena_bytes for step in steps)
    return max(machine.peak_memory(), machine.held_memory() + needed)
