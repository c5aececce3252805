"""The reference engine: the definitions of the ops, run by NumPy. Slow, and right."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import repeat
from operator import setitem
from typing import ClassVar

import numpy as np

from sloy.engines.base import Executable, check_guard, check_inputs
from sloy.engines.host import HostEngine, check_variables
from sloy.engines.names import Arithmetic
from sloy.errors import NonFiniteError
from sloy.graph import REGISTRY, Graph, Tensor, check, mixed, optimize
from sloy.graph.graph import value_of
from sloy.graph.spec import FLOATS

_FREED = np.empty(0)  # in the place of a value that nobody reads any more


class ReferenceExecutable(Executable):
    """A graph and its variables; each node is computed by its op's definition."""

    def __init__(
        self, graph: Graph, variables: Mapping[str, np.ndarray], guard: tuple[str, ...]
    ) -> None:
        self.graph = graph
        self.guard = guard
        self._variables = {n: variables[n] for n in {*graph.variables, *graph.updates}}
        self._free_after = _last_uses(graph)

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `Executable.run`."""
        return self.run_polled(inputs, lambda: None)

    def run_polled(
        self, inputs: Mapping[str, np.ndarray], poll: Callable[[], None]
    ) -> dict[str, np.ndarray]:
        """See `Executable.run_polled`."""
        inputs = {name: np.asarray(value) for name, value in inputs.items()}
        check_inputs(self.graph, inputs)
        values: list[np.ndarray] = []
        with np.errstate(all="ignore"):
            for number, node in enumerate(self.graph.nodes):
                if not node.is_leaf:
                    poll()
                values.append(value_of(node, values, inputs, self._variables))
                for i in self._free_after[number]:
                    values[i] = _FREED
        outputs = {name: np.array(values[i]) for name, i in self.graph.outputs.items()}
        if not all(np.isfinite(outputs[name]).all() for name in self.guard):
            raise NonFiniteError(f"{' or '.join(self.guard)} is not finite.", outputs)
        updates = {name: np.array(values[i]) for name, i in self.graph.updates.items()}
        poll()
        _write([self._variables[name] for name in updates], list(updates.values()))
        return outputs


@dataclass(frozen=True)
class ReferenceEngine(HostEngine):
    """NumPy, float64 or float32, one op at a time; bfloat16 is emulated."""

    name = "reference"

    @classmethod
    def supports(cls, dtype: str, precision: Arithmetic = "float32") -> bool:
        """Whatever is a dtype of floats; see `Engine.supports`."""
        return dtype in FLOATS

    keeps_memory: ClassVar[bool] = False

    def compile(
        self, graph: Graph, variables: Mapping[str, np.ndarray], guard: Iterable[str] = ()
    ) -> ReferenceExecutable:
        """See `Engine.compile`."""
        check(graph)
        check_variables(graph, variables)
        names = tuple(guard)
        check_guard(graph, names)
        return ReferenceExecutable(self._prepared(graph), variables, names)

    def memory_forecast(self, graph: Graph, guard: Iterable[str] = ()) -> int:
        """What a run holds at its peak; see `Engine.memory_forecast`."""
        return _most_held(self._prepared(graph))

    def _prepared(self, graph: Graph) -> Graph:
        optimized = optimize(graph)
        return optimized if self.precision == "float32" else mixed(optimized)


def computed(
    tensors: Mapping[str, Tensor], given: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The values of tensors; `given` has the inputs and variables that they need, and may have others."""
    graph = Graph.of(tensors)
    executable = ReferenceEngine().compile(graph, {name: given[name] for name in graph.variables})
    return executable.run({name: given[name] for name in graph.inputs})


def _write(arrays: list[np.ndarray], values: list[np.ndarray]) -> None:
    """Copy values into arrays, all or none: one call into C, within which no signal handler can raise."""
    deque(map(setitem, arrays, repeat(...), values), maxlen=0)  # type: ignore[arg-type]


def _last_uses(graph: Graph) -> list[list[int]]:
    """For each node, the nodes whose memory nobody reads after it; a reshape reads its operand's."""
    kept = {*graph.outputs.values(), *graph.updates.values()}
    last = [users[-1] if users else number for number, users in enumerate(graph.users)]
    found: list[list[int]] = [[] for _ in last]
    for number in reversed(range(len(last))):
        if number in kept:
            last[number] = len(last)
        if graph.nodes[number].op == "reshape":
            (source,) = graph.nodes[number].inputs
            last[source] = max(last[source], last[number])
        if last[number] < len(last):
            found[last[number]].append(number)
    return found


def _most_held(graph: Graph) -> int:
    """Bytes of a run at its peak: inputs, values up to their last use, copies of outputs and updates in the end.

    The definitions of ops that are not elementwise work with about as much again as they read and write.
    """
    sizes: list[int] = []
    own: list[int] = []
    held = most = sum(spec.nbytes for spec in graph.inputs.values())
    for node, ended in zip(graph.nodes, _last_uses(graph), strict=True):
        sizes.append(node.spec.size * np.dtype(node.spec.sum_dtype).itemsize)
        own.append(0 if node.is_leaf or node.op == "reshape" else sizes[-1])
        held += own[-1]
        alone = not own[-1] or REGISTRY[node.op].elementwise
        working = 0 if alone else sizes[-1] + sum(sizes[i] for i in node.inputs)
        most = max(most, held + working)
        held -= sum(own[i] for i in ended)
    return max(
        most, held + sum(sizes[i] for i in (*graph.outputs.values(), *graph.updates.values()))
    )
