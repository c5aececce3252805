"""A step bound to variables on the devices, run once."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import numpy as np

from sloy.engines.base import Executable, check_inputs
from sloy.engines.jax.devices import in_words
from sloy.engines.jax.step import Step
from sloy.engines.jax.variables import JaxVariables
from sloy.errors import NonFiniteError
from sloy.graph import Graph


class JaxExecutable(Executable):
    """A step and its variables.

    Attributes
    ----------
    step : Step
    variables : JaxVariables
    """

    def __init__(
        self, graph: Graph, step: Step, variables: JaxVariables, host: Mapping[str, np.ndarray]
    ) -> None:
        self.graph, self.guard = graph, step.guard
        self.step, self.variables = step, variables
        self._host = host  # arrays that every run reads and updates in place; none for Variables

    def arrive(self) -> None:
        """Bring the host's arrays to the devices, where the variables are arrays."""
        for name, array in self._host.items():
            self.variables.write(name, array)

    def leave(self) -> None:
        """Bring back what was updated, where the variables are arrays."""
        for name in self.step.graph.updates.keys() & self._host.keys():
            self._host[name][...] = self.variables[name]

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `Executable.run`."""
        given = {name: np.asarray(value) for name, value in inputs.items()}
        check_inputs(self.graph, given)
        self.arrive()
        arrays, step = self.variables.memory.arrays, self.step
        read = {name: arrays[name] for name in (*step.still, *step.moving)}
        with jax.enable_x64(True), in_words():
            values, updates, finite = step.once(
                read, {name: given[name] for name in step.graph.inputs}
            )
            names = step.graph.outputs
            outputs = {n: np.array(value) for n, value in zip(names, values, strict=True)}
        if not finite:
            raise NonFiniteError(f"{' or '.join(self.guard)} is not finite.", outputs)
        self.variables.memory.replace(updates)
        self.leave()
        return outputs

    @property
    def memory(self) -> int:
        """What the compiler says a step takes beside variables."""
        return self.step.nbytes
