"""How much memory a run will hold at its peak, told before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sloy.cli import machine, tuning

if TYPE_CHECKING:
    from sloy.cli.plan import Plan
    from sloy.cli.sources import Loaded
    from sloy.engines import Engine
    from sloy.network import Network
    from sloy.steps.graphs import StepSpec


def predicted(plan: Plan, loaded: Loaded, network: Network, engine: Engine) -> int:
    """Bytes that the process will hold at most up to the end of the test.

    That is the peak so far (unpacking the data), or what it holds now, the data among it, and what `memory_estimate`
    says of the run, or what the test takes.
    """
    from sloy.training.memory import memory_estimate

    data, spec = loaded.train, spec_of(plan, loaded, network)
    if plan.from_ is not None:
        run = tuning.predicted(plan, loaded, network, engine)
    else:
        estimate = memory_estimate(
            spec,
            plan.batch_size,
            loaded.trained_on(plan.validation),
            validation_samples=loaded.held_out(plan.validation),
            split=loaded.validation is None and plan.validation > 0,
            engine=engine,
        )
        run = estimate.total - (data.x.nbytes + data.y.nbytes)
    test = _of_test(spec, len(loaded.test), engine)
    return max(machine.peak_memory(), machine.held_memory() + max(run, test))


def _of_test(spec: StepSpec, samples: int, engine: Engine) -> int:
    """Parameters, and the memory of evaluation and prediction."""
    from sloy.model import default_batch
    from sloy.steps.graphs import evaluation_graph

    size = min(samples, default_batch(spec.network, spec.dtype))
    parameters = 4 * sum(p.tensor.spec.size for p in spec.network.parameters.values())
    return parameters + engine.memory_forecast(evaluation_graph(spec, size, prediction=True))


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
