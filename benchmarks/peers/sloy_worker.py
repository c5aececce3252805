"""sloy: training by `run_batches` of its engine, as `fit` does; inference by calling a `Model`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

import sloy
from jobs import Job, samples, sloy_network, weights
from peers.protocol import PRODUCT, Run, Worker, serve
from sloy.engines import Engine, engine
from sloy.errors import NotAvailable
from sloy.losses import CategoricalCrossentropy
from sloy.model import Model
from sloy.optimizers import SGD
from sloy.steps.graphs import StepSpec, initial_variables, training_graph


def variants(job: Job) -> dict[str, str]:
    """The engine that `auto` takes, and mixed precision where the processor has instructions for it."""
    names = {engine("auto").name: "float32"}
    with suppress(NotAvailable):
        engine("native", precision="mixed")
        names["mixed"] = "bfloat16"
    return names


def _engine(variant: str, threads: int) -> Engine:
    if variant == "mixed":
        return engine("native", threads, precision="mixed")
    return engine(variant, threads)


def build(job: Job, variant: str, threads: int) -> Run:
    """The job on the engine of the variant's name."""
    network = sloy_network(job)
    given = [array for pair in weights(job) for array in pair]
    parameters = dict(zip(network.parameters, given, strict=True))
    optimizer = SGD(job.learning_rate, momentum=job.momentum)
    spec = StepSpec(network, CategoricalCrossentropy(), optimizer)
    x, y = samples(job)
    if job.task == "inference":
        model = Model(spec, parameters, engine=_engine(variant, threads))
        return _inference(model, x.reshape(job.batches, job.batch, *job.input_shape))
    return _training(job, spec, parameters, variant, threads, {"x": x, "y": y})


def _training(
    job: Job,
    spec: StepSpec,
    parameters: dict[str, np.ndarray],
    variant: str,
    threads: int,
    columns: dict[str, np.ndarray],
) -> Run:
    runs = _engine(variant, threads)
    graph = training_graph(spec, job.batch)
    variables = initial_variables(spec, parameters=parameters)
    executable = runs.compile(graph, variables, guard=("loss",))
    rows = job.batch * job.batches
    columns = {**columns, "sample_weight": np.ones(rows, np.float32)}
    done = 0

    def run(steps: int) -> Any:
        nonlocal done
        fed = {
            "learning_rate": np.full(steps, job.learning_rate, np.float32),
            "step": np.arange(done, done + steps, dtype=np.uint32),
        }
        fed = {name: values for name, values in fed.items() if name in graph.inputs}
        order = np.arange(done * job.batch, (done + steps) * job.batch) % rows
        result = runs.run_batches({job.batch: executable}, columns, order, job.batch, fed)
        if result.status != "done":
            raise RuntimeError(f"the run ended {result.status} at step {done + result.steps}")
        done += steps
        return result.outputs["loss"]

    return run


def _inference(model: Model, batches: np.ndarray) -> Run:
    done = 0

    def run(steps: int) -> list[np.ndarray]:
        nonlocal done
        outputs = [model(batches[k % len(batches)]) for k in range(done, done + steps)]
        done += steps
        return outputs

    return run


def product(precision: str, threads: int) -> Any:
    """NumPy's matrix product."""
    if precision != "float32":
        return None
    a = np.random.default_rng(0).random((PRODUCT, PRODUCT), np.float32)
    return lambda: a @ a


if __name__ == "__main__":
    serve(Worker("sloy", sloy.__version__, variants, build, product))
