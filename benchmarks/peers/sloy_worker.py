"""sloy: training by `run_batches` of its engine, as `fit` does; inference by calling a `Model`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

import sloy
from jobs import Job, samples, sloy_parameters, sloy_problem, sloy_recipe
from peers.protocol import PRODUCT, Run, Worker, serve
from sloy.engines import Engine, engine
from sloy.errors import NotAvailable
from sloy.model import Model
from sloy.problem import Problem
from sloy.training.step import initial_variables, training_graph


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
    problem = sloy_problem(job)
    parameters = sloy_parameters(job)
    x, y = samples(job)
    if job.task == "inference":
        model = Model(problem, parameters, engine=_engine(variant, threads))
        return _inference(model, x.reshape(job.batches, job.batch, *job.input_shape))
    return _training(job, problem, parameters, variant, threads, {"x": x, "y": y})


def _training(
    job: Job,
    problem: Problem,
    parameters: dict[str, np.ndarray],
    variant: str,
    threads: int,
    columns: dict[str, np.ndarray],
) -> Run:
    runs = _engine(variant, threads)
    recipe = sloy_recipe(job)
    graph = training_graph(problem, recipe, job.batch)
    variables = initial_variables(problem, recipe, parameters)
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
