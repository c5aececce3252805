"""The registry of ops: what each one infers, means and contributes to a gradient, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.errors import InvalidArgument
from sloy.graph.spec import Spec

if TYPE_CHECKING:
    from sloy.graph.tensor import Tensor

Attributes = Mapping[str, Any]
Infer = Callable[[Sequence[Spec], Attributes], Spec]
Reference = Callable[[Sequence[np.ndarray], Attributes], np.ndarray]
VectorJacobian = Callable[["Tensor", "Tensor"], Sequence["Tensor | None"]]
Expand = Callable[[Sequence["Tensor"], Attributes], "Tensor"]


@dataclass(frozen=True)
class OpDef:
    """One op of the graph.

    Parameters
    ----------
    name : str
        The op's name in graphs, files and engines.
    arity : int or None
        Number of inputs; None for any number from one on.
    infer : callable
        ``infer(specs, attributes) -> Spec`` of the result; raises `ShapeError` where the operands do not fit.
    reference : callable
        ``reference(arrays, attributes) -> array``: the op's meaning, in NumPy.
    vjp : callable, optional
        ``vjp(node, g) -> gradients``: with ``g`` the gradient of a scalar by the node's result, the gradient by
        each input, None where there is none. Missing: through `expand`, or no gradient at all.
    expand : callable, optional
        ``expand(inputs, attributes) -> Tensor``: the same result written in other ops, for engines without a kernel.
    differentiable : bool
        False for ops whose gradient is zero or undefined everywhere (comparisons, `argmax`, masks).
    elementwise : bool
        True where every operand and the result have one shape and element i depends on elements i only.
    doc : str
        One sentence with the formula.
    """

    name: str
    arity: int | None
    infer: Infer
    reference: Reference
    vjp: VectorJacobian | None = None
    expand: Expand | None = None
    differentiable: bool = True
    elementwise: bool = False
    doc: str = ""


REGISTRY: dict[str, OpDef] = {}

LEAVES = ("input", "variable", "constant")


def register(op: OpDef) -> OpDef:
    """Add an op to the registry; a name is given once, and every op has a gradient or says that it has none."""
    if op.name in REGISTRY or op.name in LEAVES:
        raise InvalidArgument(f"op `{op.name}` is already registered.")
    if op.differentiable and op.vjp is None and op.expand is None:
        raise InvalidArgument(f"op `{op.name}` needs `vjp` or `expand`, or `differentiable=False`.")
    REGISTRY[op.name] = op
    return op


def opdef(name: str) -> OpDef:
    """The op of that name."""
    try:
        return REGISTRY[name]
    except KeyError:
        raise InvalidArgument(f"no op is named `{name}`.") from None
