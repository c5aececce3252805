"""How much memory a training run takes, before it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sloy.graph import optimize
from sloy.graph.plan import plan
from sloy.graph.spec import Spec
from sloy.optimizers import Adam
from sloy.steps.graphs import StepSpec, evaluation_graph, trained, training_graph
from sloy.training.loop import GUARD


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes of a training run, by what they are for.

    Attributes
    ----------
    parameters : int
        Parameters and states.
    slots : int
        What the optimiser keeps beside them.
    activations : int
        The arenas: activations, gradients and scratch of a step, of the last partial batch, and of
        the validation where there is one.
    data : int
        Samples, targets, sample weights and the order of an epoch.
    """

    parameters: int
    slots: int
    activations: int
    data: int

    @property
    def total(self) -> int:
        """The sum."""
        return self.parameters + self.slots + self.activations + self.data

    def __str__(self) -> str:
        parts = ("parameters", "slots", "activations", "data")
        shown = ", ".join(f"{name} {_mib(getattr(self, name))}" for name in parts)
        return f"{_mib(self.total)} ({shown})"


def memory_estimate(
    spec: StepSpec, batch_size: int, samples: int, *, validation_samples: int = 0
) -> MemoryEstimate:
    """The memory of a training run, the interpreter and libraries not counted.

    Parameters
    ----------
    spec : StepSpec
        Network, loss, optimiser and dtypes; without an optimiser, `Adam`.
    batch_size : int
    samples : int
        Training samples.
    validation_samples : int

    Notes
    -----
    Activations are those of the native engine's plan, which reuses each buffer when its last reader
    is done. The reference engine frees arrays as early, but fuses nothing and takes more.
    """
    spec = spec if spec.optimizer else replace(spec, optimizer=Adam())
    assert spec.optimizer is not None
    network = spec.network
    item = np.dtype(spec.dtype).itemsize
    sizes = {name: p.tensor.spec.size for name, p in network.parameters.items()}
    states = sum(state.tensor.spec.size for state in network.states.values())
    names = trained(spec, network.parameters)
    slots = sum(sizes[name] for name in names for _ in spec.optimizer.slots())
    batch = min(batch_size, samples)
    arenas = sum(_arena(spec, size) for size in {batch, samples % batch} - {0})
    if validation_samples:
        arenas += _evaluation(spec, batch, validation_samples)
    sample = Spec(network.input_shape, spec.data_dtype).nbytes
    sample += Spec(spec.target_shape, spec.target_dtype).nbytes + item
    order = 8 * samples
    return MemoryEstimate(
        parameters=(sum(sizes.values()) + states) * item,
        slots=slots * item,
        activations=arenas,
        data=(samples + validation_samples) * sample + order,
    )


def _arena(spec: StepSpec, batch_size: int) -> int:
    return plan(optimize(training_graph(spec, batch_size)), GUARD).arena_bytes


def _evaluation(spec: StepSpec, batch_size: int, samples: int) -> int:
    rest = samples % batch_size
    last = min(batch_size, 1 << (rest - 1).bit_length()) if rest else 0
    sizes = ({batch_size} if samples >= batch_size else set()) | ({last} if last else set())
    return sum(plan(optimize(evaluation_graph(spec, size)), ()).arena_bytes for size in sizes)


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
