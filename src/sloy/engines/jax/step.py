"""A graph as JAX traces it: what is compiled, once for graphs of one structure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache

import jax
import jax.numpy as jnp
from jax import lax

from sloy.engines.jax.devices import Devices, compiler_options, in_words
from sloy.engines.jax.table import TABLE
from sloy.engines.names import Arithmetic
from sloy.errors import NotAvailable
from sloy.graph import Graph, Spec, lower, mixed, optimize
from sloy.graph.structure import Structure

Arrays = dict[str, jax.Array]
Traced = tuple[
    tuple[jax.Array, ...], Arrays, jax.Array
]  # outputs, updates, whether the guard is finite

KEPT = 64  # steps of the structures used last; compiling one takes a second


@lru_cache(maxsize=KEPT)
def step_of(
    structure: Structure, guard: tuple[str, ...], precision: Arithmetic, devices: Devices
) -> Step:
    """The step of a graph, the same one for graphs of one structure."""
    return Step(structure.graph, guard, precision, devices)


class Step:
    """A graph in ops of the table.

    Attributes
    ----------
    graph : Graph
        What is traced.
    guard : tuple of str
    devices : Devices
    moving, still : tuple of str
        Variables that it updates, and that it only reads.
    """

    def __init__(
        self, graph: Graph, guard: tuple[str, ...], precision: Arithmetic, devices: Devices
    ) -> None:
        lowered = optimize(lower(optimize(graph), TABLE.keys(), "jax"))
        self.graph = lowered if precision == "float32" else mixed(lowered)
        self.guard, self.devices = guard, devices
        self.moving = tuple(self.graph.updates)
        self.still = tuple(sorted(self.graph.variables.keys() - self.graph.updates.keys()))

    def traced(self, variables: Mapping[str, jax.Array], inputs: Mapping[str, jax.Array]) -> Traced:
        """Outputs in the graph's order, the next values of variables, and whether the guard is finite.

        Where it is not, the variables' next values are those they have.
        """
        values: list[jax.Array] = []
        for number, node in enumerate(self.graph.nodes):
            if node.op == "constant":
                values.append(jnp.asarray(node.attributes["value"]))
            elif node.op == "input":
                values.append(inputs[node.attributes["name"]])
            elif node.op == "variable":
                values.append(variables[node.attributes["name"]])
            else:
                operands = [values[i] for i in node.inputs]
                values.append(TABLE[node.op](operands, node.attributes, node.spec))
            if number in self._settled:
                values[-1] = lax.optimization_barrier(values[-1])
            made = Spec(values[-1].shape, values[-1].dtype.name)
            assert made == node.spec, f"{node.op} gave {made}; its spec is {node.spec}"
        outputs = {name: values[i] for name, i in self.graph.outputs.items()}
        finite = jnp.array(True)
        for name in self.guard:
            finite &= jnp.isfinite(outputs[name])
        updates = {
            name: jnp.where(finite, values[i], variables[name]) if self.guard else values[i]
            for name, i in self.graph.updates.items()
        }
        return tuple(outputs.values()), updates, finite

    @cached_property
    def _settled(self) -> frozenset[int]:
        """Nodes that gradients compare with their own maxima: computed once, never anew with other roundings."""
        nodes = self.graph.nodes
        return frozenset(n.inputs[0] for n in nodes if n.op in ("reduce_max", "reduce_min"))

    @cached_property
    def once(self) -> jax.stages.Wrapped:
        """`traced`, compiled at its first call."""
        return jax.jit(self.traced, compiler_options=compiler_options())

    @cached_property
    def nbytes(self) -> int:
        """What a step takes at its peak beside variables, as the compiler says, and its inputs."""
        nodes = self.graph.nodes
        read = {**self.graph.variables}
        read |= {name: nodes[i].spec for name, i in self.graph.updates.items()}
        shapes = [
            {n: jax.ShapeDtypeStruct(spec.shape, jnp.dtype(spec.dtype)) for n, spec in of.items()}
            for of in (read, self.graph.inputs)
        ]
        with jax.enable_x64(True), in_words():
            analysis = self.once.lower(*shapes).compile().memory_analysis()
        if analysis is None:
            raise NotAvailable("JAX does not say what memory a program takes on these devices.")
        inputs = sum(spec.nbytes for spec in self.graph.inputs.values())
        return inputs + int(analysis.temp_size_in_bytes + analysis.output_size_in_bytes)
