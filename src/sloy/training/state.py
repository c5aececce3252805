"""`TrainingState`: what a run leaves behind for the next one to go on from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sloy.engines.base import Engine, Executable
from sloy.engines.variables import HostVariables, Variables
from sloy.errors import InvalidArgument
from sloy.graph.spec import Spec
from sloy.problem import Problem
from sloy.problem.graphs import KEY
from sloy.problem.inputs import on_entries
from sloy.training.descent import slot_name
from sloy.training.recipe import Recipe
from sloy.training.step import trained, training_graph

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
    _compiled: dict[tuple[int, int], Executable] = field(
        default_factory=dict, init=False, repr=False
    )
    _compiled_for: _Step | None = field(default=None, init=False, repr=False)

    def take(
        self,
        problem: Problem,
        recipe: Recipe,
        engine: Engine,
        initial: Callable[[], dict[str, np.ndarray]],
    ) -> None:
        """Fill an empty state, or take what one holds to an engine.

        Raises `InvalidArgument` where it is of another network or optimiser.
        """
        if not self.variables:
            self.variables = engine.variables(initial())
            return
        self.variables = engine.variables(self.variables)
        own = self.variables.specs
        needed = _variables(problem, recipe)
        differing = sorted(n for n in own.keys() | needed.keys() if own.get(n) != needed.get(n))
        if differing:
            raise InvalidArgument(
                "fit: `state` is of another network, optimiser, precision or choice of `trainable`:"
                f" they differ in {', '.join(differing)}."
            )

    def put(self, values: Mapping[str, np.ndarray]) -> None:
        """Give the variables these values."""
        for name in self.variables:
            self.variables.write(name, values[name])

    def sharing(self) -> TrainingState:
        """Another state of the same variables, and of what is compiled for them."""
        shared = TrainingState(self.variables, self.epochs, self.steps)
        shared._compiled, shared._compiled_for = self._compiled, self._compiled_for
        return shared

    def executable(
        self, problem: Problem, recipe: Recipe, engine: Engine, batch_size: int, entries: int = 0
    ) -> Executable:
        """The compiled step for batches of a size; kept for the runs that follow.

        It takes so many entries of each sample, where that is not 0 and the network allows it.
        """
        step = _Step(problem, recipe.of_a_step, engine)
        if not step.same(self._compiled_for):
            self._compiled_for, self._compiled = step, {}
        key = (batch_size, entries)
        if key not in self._compiled:
            graph = on_entries(training_graph(problem, recipe, batch_size), entries)
            self._compiled[key] = engine.compile(graph, self.variables, GUARD)
        return self._compiled[key]

    def __getstate__(self) -> dict[str, Any]:
        """What pickle and copy take: everything but what is compiled."""
        return {"variables": dict(self.variables), "epochs": self.epochs, "steps": self.steps}

    def __setstate__(self, state: dict[str, Any]) -> None:
        arrays = {name: np.require(v, None, ["C", "W"]) for name, v in state["variables"].items()}
        self.__init__(HostVariables(arrays), state["epochs"], state["steps"])  # type: ignore[misc]


@dataclass(frozen=True)
class _Step:
    """What a compiled step was made of."""

    problem: Problem
    recipe: Recipe
    engine: Engine

    def same(self, other: _Step | None) -> bool:
        """Whether two runs have the same step: one network, and equal rest, where its classes say what equal is."""
        if other is None or self.problem.network is not other.problem.network:
            return False
        pairs = zip(self._of_users, other._of_users, strict=False)
        known = all(own is its or "__eq__" in vars(type(own)) for own, its in pairs)
        return known and self == other

    @property
    def _of_users(self) -> tuple[object, ...]:
        """What may be of a user's own class, which may have more to it than `==` sees."""
        return self.problem.loss, *self.problem.metrics, self.recipe.optimizer


def _variables(problem: Problem, recipe: Recipe) -> dict[str, Spec]:
    """What a run keeps between steps: name → spec."""
    network = problem.network
    found = {name: Spec(shape, problem.dtype) for name, shape in network.shapes.items()}
    for name in trained(network.parameters, recipe.trainable):
        found |= {slot_name(slot, name): found[name] for slot in recipe.descent.slots()}
    return found | {KEY: Spec((2,), "uint32")}
