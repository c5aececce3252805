"""A graph traced by JAX: one run, and what a program of many steps is made of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from sloy.engines.base import Executable, check_inputs
from sloy.engines.jax.devices import Devices, compiler_options
from sloy.engines.jax.table import TABLE
from sloy.engines.jax.variables import JaxVariables
from sloy.errors import NonFiniteError, NotAvailable
from sloy.graph import Graph, Spec, lower, mixed, optimize

if TYPE_CHECKING:
    from sloy.engines.jax.program import Program

Arrays = dict[str, jax.Array]


def prepared(graph: Graph, precision: str) -> Graph:
    """The graph in ops of the table."""
    lowered = optimize(lower(optimize(graph), TABLE.keys(), "jax"))
    return lowered if precision == "float32" else mixed(lowered)


class JaxExecutable(Executable):
    """A graph in ops of the table, bound to variables on the devices.

    Attributes
    ----------
    lowered : Graph
        What is traced.
    variables : JaxVariables
    """

    def __init__(
        self,
        graph: Graph,
        lowered: Graph,
        variables: JaxVariables,
        host: Mapping[str, np.ndarray],
        guard: tuple[str, ...],
        devices: Devices,
    ) -> None:
        self.graph, self.guard, self.lowered = graph, guard, lowered
        self.variables, self.devices = variables, devices
        self._host = host  # arrays that every run reads and updates in place; none for Variables
        self.moving = tuple(lowered.updates)
        self.still = tuple(sorted(lowered.variables.keys() - lowered.updates.keys()))
        self.programs: dict[int, Program] = {}  # by samples a step

    def traced(
        self, variables: Mapping[str, jax.Array], inputs: Mapping[str, jax.Array]
    ) -> tuple[tuple[jax.Array, ...], Arrays, jax.Array]:
        """Outputs in the graph's order, the next values of variables, and whether the guard is finite.

        Where it is not, the variables' next values are those they have.
        """
        values: list[jax.Array] = []
        for node in self.lowered.nodes:
            if node.op == "constant":
                values.append(jnp.asarray(node.attributes["value"]))
            elif node.op == "input":
                values.append(inputs[node.attributes["name"]])
            elif node.op == "variable":
                values.append(variables[node.attributes["name"]])
            else:
                operands = [values[i] for i in node.inputs]
                values.append(TABLE[node.op](operands, node.attributes, node.spec))
            made = Spec(values[-1].shape, values[-1].dtype.name)
            assert made == node.spec, f"{node.op} gave {made}; its spec is {node.spec}"
        outputs = {name: values[i] for name, i in self.lowered.outputs.items()}
        finite = jnp.array(True)
        for name in self.guard:
            finite &= jnp.isfinite(outputs[name])
        updates = {
            name: jnp.where(finite, values[i], variables[name]) if self.guard else values[i]
            for name, i in self.lowered.updates.items()
        }
        return tuple(outputs.values()), updates, finite

    @cached_property
    def _once(self) -> jax.stages.Wrapped:
        return jax.jit(self.traced, compiler_options=compiler_options())

    def arrive(self) -> None:
        """Bring the host's arrays to the devices, where the variables are arrays."""
        for name, array in self._host.items():
            self.variables.write(name, array)

    def leave(self) -> None:
        """Bring back what was updated, where the variables are arrays."""
        for name in self.lowered.updates.keys() & self._host.keys():
            self._host[name][...] = self.variables[name]

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `Executable.run`."""
        given = {name: np.asarray(value) for name, value in inputs.items()}
        check_inputs(self.graph, given)
        self.arrive()
        arrays = self.variables.memory.arrays
        used = {name: arrays[name] for name in (*self.still, *self.moving)}
        fed = {name: given[name] for name in self.lowered.inputs}
        with jax.enable_x64(True), told():
            results, updates, finite = self._once(used, fed)
            outputs = {
                name: np.array(value)
                for name, value in zip(self.lowered.outputs, results, strict=True)
            }
        if not finite:
            raise NonFiniteError(f"{' or '.join(self.guard)} is not finite.", outputs)
        self.variables.memory.replace(updates)
        self.leave()
        return outputs

    @property
    def memory(self) -> int:
        """What the compiler says a step takes beside variables and inputs."""
        return step_bytes(self)

    def specs(self) -> tuple[dict[str, Spec], dict[str, Spec]]:
        """Shapes and dtypes of variables and inputs that are read."""
        nodes = self.lowered.nodes
        read = {**self.lowered.variables}
        read |= {name: nodes[i].spec for name, i in self.lowered.updates.items()}
        return read, self.lowered.inputs


def step_bytes(executable: JaxExecutable) -> int:
    """Compile a step, and ask the compiler what it takes at its peak beside variables and inputs."""
    shapes = [
        {name: jax.ShapeDtypeStruct(spec.shape, jnp.dtype(spec.dtype)) for name, spec in of.items()}
        for of in executable.specs()
    ]
    with jax.enable_x64(True), told():
        jitted = jax.jit(executable.traced, compiler_options=compiler_options())
        analysis = jitted.lower(*shapes).compile().memory_analysis()
    return int(analysis.temp_size_in_bytes + analysis.output_size_in_bytes)


class told:  # noqa: N801 -- a context manager, named as it reads
    """Says what XLA refuses in one sentence of ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, jax.errors.JaxRuntimeError):
            lines = str(error).splitlines() or ["no reason given"]
            raise NotAvailable(
                f"the jax engine cannot run this graph ({lines[0][:200]})."
            ) from error
