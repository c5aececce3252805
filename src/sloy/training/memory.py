"""How much memory a training run takes, before it runs."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from sloy import text
from sloy.arguments import flag, instance, integer
from sloy.engines import Engine
from sloy.engines import engine as find_engine
from sloy.graph.spec import Spec
from sloy.problem import Problem
from sloy.problem.graphs import evaluation_graph
from sloy.problem.runner import batch_sizes
from sloy.training.recipe import Recipe, engine_of
from sloy.training.state import GUARD
from sloy.training.step import trained, training_graph

SAMPLE_BYTES = 48  # for each training sample, whatever it holds: see `memory_estimate`


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes of a training run, by what they are for; see `memory_estimate`.

    Attributes
    ----------
    parameters : int
        Parameters and states.
    slots : int
        What the optimiser keeps beside them.
    activations : int
        What the engine computes with: activations and gradients of a step, of the last partial
        batch, and of the validation where there is one.
    data : int
        Samples, targets, sample weights and the order of an epoch.
    drawing : int
        What drawing the initial parameters takes beyond slots and activations, which come after it.
    """

    parameters: int
    slots: int
    activations: int
    data: int
    drawing: int = 0

    @property
    def total(self) -> int:
        """The sum."""
        return self.parameters + self.slots + self.activations + self.data + self.drawing

    def __str__(self) -> str:
        shown = ", ".join(f"{f.name} {text.size(getattr(self, f.name))}" for f in fields(self))
        return f"{text.size(self.total)} ({shown})"


def memory_estimate(
    problem: Problem,
    samples: int,
    recipe: Recipe | None = None,
    *,
    validation_samples: int = 0,
    split: bool = False,
    engine: str | Engine = "auto",
) -> MemoryEstimate:
    """The memory that a training run takes at its peak, the interpreter and libraries not counted.

    Parameters
    ----------
    problem : Problem
    samples : int
        Samples to train on.
    recipe : Recipe, optional
        Of which batch size, optimiser, precision, augmentation and what is trained count.
    validation_samples : int
        Samples to validate on.
    split : bool
        Whether those are a fraction taken out of the data: both parts are copies then, and the data
        that were given stay beside them.
    engine : str or Engine
        What will run, see `sloy.engines.engine`.

    Notes
    -----
    With n the trained and s the untrained numbers of the network, i the bytes of a number, k the
    slots of the optimiser (`Adam` 2, plain `SGD` 0):

    * parameters = i (n + s), slots = i k n.
    * activations: what the engine foretells of the graphs (`Engine.memory_forecast`): the step for
      whole batches, for the last partial one, and the evaluation of whole and partial validation
      batches; all together, or the largest where the engine frees it after each run.
    * data = (samples + validation samples) · (bytes of x and y), once more where they are split;
      and of each training sample its weight (i) and 48 bytes: its row (8), its weight in float64
      (8), and what drawing the order of an epoch takes (32). x counts in the dtype that the step
      takes: given in another, it is there twice, which is not counted.
    * drawing = max(0, 16 m - i m - slots - activations) for the largest parameter of m numbers:
      they are drawn in float64, with one more array of them while they are scaled.

    Not counted is what the native engine's kernels share as scratch memory, mostly about a megabyte,
    and up to about 3 MB for each thread inside oneDNN's matrix products.
    """
    instance("memory_estimate", "problem", problem, Problem)
    instance("memory_estimate", "recipe", recipe, Recipe, optional=True)
    flag("memory_estimate", "split", split)
    samples = integer("memory_estimate", "samples", samples)
    validation_samples = integer("memory_estimate", "validation_samples", validation_samples, 0)
    recipe = recipe or Recipe()
    network = problem.network
    item = np.dtype(problem.dtype).itemsize
    sizes = {name: p.tensor.spec.size for name, p in network.parameters.items()}
    states = sum(state.tensor.spec.size for state in network.states.values())
    names = trained(network.parameters, recipe.trainable)
    slots = item * sum(sizes[name] for name in names for _ in recipe.descent.slots())
    batch = min(recipe.batch_size, samples)
    graphs = [training_graph(problem, recipe, size) for size in {batch, samples % batch} - {0}]
    if problem.dtype == "float64":
        found = find_engine(engine, dtype="float64")
    else:
        _, found = engine_of("memory_estimate", recipe, engine, 0)
    forecasts = [found.memory_forecast(graph, GUARD) for graph in graphs]
    if validation_samples:
        sizes_to_validate = set(batch_sizes(validation_samples, batch))
        evaluations = [evaluation_graph(problem, size) for size in sizes_to_validate]
        forecasts += [found.memory_forecast(graph) for graph in evaluations]
    activations = sum(forecasts) if found.keeps_memory else max(forecasts)
    sample = Spec(network.input_shape, problem.data_dtype).nbytes
    sample += Spec(problem.target_shape, problem.target_dtype).nbytes
    copies = 2 if split and validation_samples else 1
    largest = max(sizes.values(), default=0)
    return MemoryEstimate(
        parameters=(sum(sizes.values()) + states) * item,
        slots=slots,
        activations=activations,
        data=(
            copies * (samples + validation_samples) * sample
            + samples * (item + SAMPLE_BYTES)
            + validation_samples * item
        ),
        drawing=max(0, (16 - item) * largest - slots - activations),
    )
