"""The activation that ops of an imported graph are: told from what they compute, however an exporter spelled it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp
from typing import Any

import numpy as np

from sloy import ops
from sloy.errors import SloyError
from sloy.graph.graph import topological_order
from sloy.graph.opdef import REGISTRY
from sloy.graph.spec import Spec
from sloy.graph.stored import function_from_config, function_to_config
from sloy.graph.tensor import Tensor, elementwise
from sloy.layers.activations import ACTIVATIONS, Activation
from sloy.layers.base import Layer, Scope
from sloy.layers.rectifiers import ELU, GELU, LeakyReLU

PLUMBING = ("constant", "broadcast_to")  # that brings numbers
ALIKE = ("elementwise", "comparison")  # kinds of ops that treat each element alike
GRID = np.concatenate([np.linspace(-12, 12, 2403), [-80.0, -30.0, -3.0, 0.0, 3.0, 6.0, 30.0, 80.0]])
CLOSE = 1e-6  # of a value, or of 1
NO_SLOPE = (
    "leaky_relu",
    "elu",
    "heaviside",
    "sign",
)  # tried with another, or never in networks that are trained
FIXED = [
    *(make() for name, make in ACTIVATIONS.items() if name not in NO_SLOPE),
    GELU(approximate=True),
]


def number_of(x: Tensor) -> float | None:
    """The number that a tensor without samples repeats; None where it is none."""
    while x.op in ("broadcast_to", "reshape"):
        x = x.inputs[0]
    if x.op != "constant":
        return None
    values = np.asarray(x.attributes["value"])
    return float(values.flat[0]) if values.size and np.all(values == values.flat[0]) else None


def plain(x: float) -> float:
    """A number that float32 has held, as it was written: 0.009999999776 is 0.01."""
    return float(f"{x:.7g}")


def is_alike(tensors: Sequence[Tensor], start: Tensor) -> bool:
    """Whether tensors are functions of single elements of `start`, of nothing else but numbers."""
    inside = {id(start), *map(id, tensors)}
    return all(
        REGISTRY[x.op].kind in ALIKE
        and x.spec == start.spec
        and all(id(v) in inside or number_of(v) is not None for v in x.inputs)
        for x in tensors
    )


def activation_of(start: Tensor, end: Tensor) -> Layer | None:
    """What leads from one tensor to another, element by element: by its name, else `Activation`; None for nothing."""
    function = _between(start, end)
    found = _values(function)
    below = -float(_values(function, np.array([-1.0]))[0])
    candidates: list[Layer] = [*FIXED]
    if 0 < below < 1:
        candidates += [LeakyReLU(plain(below)), ELU(plain(below / (1 - exp(-1))))]
    for layer in candidates:
        values = _values(lambda x, layer=layer: layer.apply(Scope(dtype=x.dtype), x))  # type: ignore[misc]
        if np.all(np.abs(values - found) <= CLOSE * np.maximum(np.abs(found), 1)):
            return layer
    if np.array_equal(found, GRID):
        return None
    try:
        config = function_to_config(function, [Spec((1, 3), end.dtype)])
        return Activation(function_from_config(config))
    except SloyError:
        return None


def _between(start: Tensor, end: Tensor) -> Callable[[Tensor], Tensor]:
    """The function of single elements that leads from one tensor to another, for any shape."""

    def function(x: Tensor) -> Tensor:
        made: dict[int, Tensor] = {id(start): x}
        for t in topological_order([end]):
            if id(t) in made or REGISTRY.get(t.op) is None:
                continue
            operands: list[Any] = [made[id(v)] if id(v) in made else number_of(v) for v in t.inputs]
            if any(isinstance(v, Tensor) for v in operands) and None not in operands:
                made[id(t)] = elementwise(t.op, *operands, **t.attributes)
        return made[id(end)]

    return function


def is_elementwise(layer: Layer) -> bool:
    """Whether a layer without parameters treats each element alike."""
    x = ops.input("x", (2, 3), "float32")
    y = layer.apply(Scope(dtype="float32"), x)
    return is_alike([t for t in topological_order([y]) if t.op not in PLUMBING and t is not x], x)


def normalizes(start: Tensor, end: Tensor) -> float | None:
    """The epsilon of (x - μ) / √(v + epsilon), over the last axis, where that leads from one tensor to another."""
    inside = _computed_of(end, start)
    known = {number_of(t) for t in inside if t.op == "constant"}
    x = np.random.default_rng(0).normal(size=start.shape)
    try:
        y = _evaluated(end, {id(start): x}, inside)
    except KeyError:  # made of something else, too
        return None
    centred = x - x.mean(-1, keepdims=True)
    variance = np.square(centred).mean(-1, keepdims=True)
    for epsilon in sorted(e for e in known if e is not None and 0 < e < 0.1):
        expected = centred / np.sqrt(variance + epsilon)
        if y.shape == x.shape and np.all(np.abs(y - expected) <= CLOSE * np.maximum(np.abs(y), 1)):
            return plain(epsilon)
    return None


def _computed_of(end: Tensor, start: Tensor) -> list[Tensor]:
    """What a tensor is made of, not going behind another, in order."""
    found: dict[int, Tensor] = {}

    def visit(t: Tensor) -> None:
        if id(t) not in found and t is not start:
            for v in t.inputs:
                visit(v)
            found[id(t)] = t

    visit(end)
    return list(found.values())


def _values(function: Callable[[Tensor], Tensor], x: np.ndarray = GRID) -> np.ndarray:
    """What a function makes of numbers."""
    given = ops.input("x", x.shape, "float64")
    y = function(given)
    return _evaluated(y, {id(given): x}, _computed_of(y, given))


def _evaluated(end: Tensor, known: dict[int, np.ndarray], inside: Sequence[Tensor]) -> np.ndarray:
    with np.errstate(all="ignore"):
        for t in inside:
            if t.op == "constant":
                known[id(t)] = np.asarray(t.attributes["value"])
            else:
                operands = [known[id(v)] for v in t.inputs]
                known[id(t)] = REGISTRY[t.op].reference(operands, t.attributes)
    return known[id(end)]
