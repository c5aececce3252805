"""`TrainingState`: what a run leaves behind for the next one to go on from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sloy.engines.base import Engine, Executable
from sloy.engines.variables import HostVariables, Variables
from sloy.errors import InvalidArgument
from sloy.graph.spec import Spec
from sloy.steps.graphs import KEY, StepSpec, slot_name, trained, training_graph

GUARD = ("loss", "gradient_norm")


@dataclass
class TrainingState:
    """Where training stands: the numbers that a step changes, and how many steps there were.

    An empty one, ``TrainingState()``, given to `sloy.fit` is filled by the run; given to the next run, the optimiser
    goes on with its slots and its count of steps, random masks and the order of samples with their streams,
    as if the two runs were one.

    Attributes
    ----------
    variables : Variables
        Parameters and states, optimiser slots and the random key, by name; live: a run changes them, and the models of
        all runs with one state share them, as long as the engines have one memory.
    epochs, steps : int
        Passes over the data and steps done.

    Examples
    --------
    >>> import numpy as np, sloy
    >>> data = (np.eye(4, dtype=np.float32), [0, 1, 0, 1])
    >>> network = sloy.Network((4,), [sloy.layers.Dense(2)])
    >>> state = TrainingState()
    >>> for _ in range(3):
    ...     model, _ = sloy.fit(network, data, state=state, engine="reference", verbose=False)
    >>> state.epochs, state.steps
    (3, 3)
    >>> whole, _ = sloy.fit(network, data, epochs=3, engine="reference", verbose=False)
    >>> bool((whole.parameters["dense_1/weight"] == model.parameters["dense_1/weight"]).all())
    True
    """

    variables: Variables = field(default_factory=lambda: HostVariables({}))
    epochs: int = 0
    steps: int = 0
    _compiled: dict[int, Executable] = field(default_factory=dict, init=False, repr=False)
    _compiled_for: tuple[StepSpec, Engine] | None = field(default=None, init=False, repr=False)

    def take(
        self, spec: StepSpec, engine: Engine, initial: Callable[[], dict[str, np.ndarray]]
    ) -> None:
        """Fill an empty state, or take what one holds to an engine.

        Raises `InvalidArgument` where it is of another network or optimiser.
        """
        if not self.variables:
            self.variables = engine.variables(initial())
            return
        self.variables = engine.variables(self.variables)
        own = self.variables.specs
        needed = _variables(spec)
        differing = sorted(n for n in own.keys() | needed.keys() if own.get(n) != needed.get(n))
        if differing:
            raise InvalidArgument(
                "fit: `state` is of another network, optimiser, precision or choice of `trainable`:"
                f" they differ in {', '.join(differing)}."
            )

    def executable(self, spec: StepSpec, engine: Engine, batch_size: int) -> Executable:
        """The compiled step for batches of a size; kept for the runs that follow."""
        if self._compiled_for is None or not _same(self._compiled_for, (spec, engine)):
            self._compiled_for, self._compiled = (spec, engine), {}
        if batch_size not in self._compiled:
            graph = training_graph(spec, batch_size)
            self._compiled[batch_size] = engine.compile(graph, self.variables, GUARD)
        return self._compiled[batch_size]

    def __getstate__(self) -> dict[str, Any]:
        """What pickle and copy take: everything but what is compiled."""
        return {"variables": dict(self.variables), "epochs": self.epochs, "steps": self.steps}

    def __setstate__(self, state: dict[str, Any]) -> None:
        arrays = {name: np.require(v, None, ["C", "W"]) for name, v in state["variables"].items()}
        self.__init__(HostVariables(arrays), state["epochs"], state["steps"])  # type: ignore[misc]


def _same(one: tuple[StepSpec, Engine], other: tuple[StepSpec, Engine]) -> bool:
    """Whether two runs have the same step: one network, and equal rest, where its classes say what equal is."""
    own = [
        (s.network, s.loss if "__eq__" not in vars(type(s.loss)) else None) for s, _ in (one, other)
    ]
    return all(a is b for a, b in zip(*own, strict=True)) and one == other


def _variables(spec: StepSpec) -> dict[str, Spec]:
    """What a run keeps between steps: name → spec."""
    assert spec.optimizer is not None
    found = {name: Spec(shape, spec.dtype) for name, shape in spec.network.shapes.items()}
    for name in trained(spec, spec.network.parameters):
        found |= {slot_name(slot, name): found[name] for slot in spec.optimizer.slots()}
    return found | {KEY: Spec((2,), "uint32")}
