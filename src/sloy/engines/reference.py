"""The reference engine: the definitions of the ops, run by NumPy. Slow, and right."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import repeat
from operator import setitem

import numpy as np

from sloy.engines.base import Executable, check_guard, check_inputs
from sloy.engines.host import HostEngine, check_variables
from sloy.engines.names import Arithmetic
from sloy.errors import NonFiniteError
from sloy.graph import REGISTRY, Graph, check, mixed, optimize
from sloy.graph.spec import FLOATS


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
        values: list[np.ndarray | None] = []
        with np.errstate(all="ignore"):
            for number, node in enumerate(self.graph.nodes):
                if node.op == "constant":
                    values.append(node.attributes["value"])
                elif node.op == "input":
                    values.append(inputs[node.attributes["name"]])
                elif node.op == "variable":
                    values.append(self._variables[node.attributes["name"]])
                else:
                    poll()
                    operands = [value for i in node.inputs if (value := values[i]) is not None]
                    values.append(REGISTRY[node.op].reference(operands, node.attributes))
                for i in self._free_after[number]:
                    values[i] = None
        outputs = {name: _copy(values[i]) for name, i in self.graph.outputs.items()}
        if not all(np.isfinite(outputs[name]).all() for name in self.guard):
            raise NonFiniteError(f"{' or '.join(self.guard)} is not finite.", outputs)
        updates = {name: _copy(values[i]) for name, i in self.graph.updates.items()}
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

    def compile(
        self, graph: Graph, variables: Mapping[str, np.ndarray], guard: Iterable[str] = ()
    ) -> ReferenceExecutable:
        """See `Engine.compile`."""
        check(graph)
        check_variables(graph, variables)
        names = tuple(guard)
        check_guard(graph, names)
        optimized = optimize(graph)
        if self.precision != "float32":
            optimized = mixed(optimized)
        return ReferenceExecutable(optimized, variables, names)


def _copy(value: np.ndarray | None) -> np.ndarray:
    assert value is not None  # outputs and updates are never freed
    return np.array(value)


def _write(arrays: list[np.ndarray], values: list[np.ndarray]) -> None:
    """Copy values into arrays, all or none: one call into C, within which no signal handler can raise."""
    deque(map(setitem, arrays, repeat(...), values), maxlen=0)  # type: ignore[arg-type]


def _last_uses(graph: Graph) -> list[list[int]]:
    """For each node, the nodes whose value nobody reads after it."""
    kept = {*graph.outputs.values(), *graph.updates.values()}
    found: list[list[int]] = [[] for _ in graph.nodes]
    for number, users in enumerate(graph.users):
        if number not in kept:
            found[users[-1] if users else number].append(number)
    return found
