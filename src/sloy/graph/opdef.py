"""The registry of ops: what each one is, infers, means, costs and contributes to a gradient, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, get_args

import numpy as np

from sloy.errors import InvalidArgument
from sloy.graph.attributes import Schema
from sloy.graph.spec import Spec
from sloy.text import shortened, shown

if TYPE_CHECKING:
    from sloy.graph.tensor import Tensor

P = ParamSpec("P")
Attributes = Mapping[str, Any]
Infer = Callable[[Sequence[Spec], Attributes], Spec]
Reference = Callable[[Sequence[np.ndarray], Attributes], np.ndarray]
VectorJacobian = Callable[["Tensor", "Tensor"], Sequence["Tensor | None"]]
Expand = Callable[[Sequence["Tensor"], Attributes], "Tensor"]
MultiplyAdds = Callable[[Attributes, Spec, Sequence[Spec]], int]
Kind = Literal[
    "elementwise",  # operands and result have one shape; element i depends on elements i alone
    "comparison",  # elementwise, and gives 1 or 0
    "movement",  # each element of the result is one of the operand's
    "assembly",  # operands put together, or something put around one
    "product",  # sums of products of two operands
    "window",  # one number for each `window` of (N, H, W, C)
    "reduction",  # one number for all along `axes`
    "index",  # from numbers to places, or back
    "gradient",  # by an operand of another op, where that is none of these
    "random",  # drawn element by element
    "augmentation",  # of the samples of a batch, at random: part of training steps, never of functions
    "sparse",  # of sparse rows of samples: part of the graphs that run over such, never of functions
    "composite",  # what its expansion is
]


@dataclass(frozen=True)
class OpDef:
    """One op of the graph.

    Parameters
    ----------
    name : str
        The op's name in graphs, files and engines.
    kind : Kind
        What sort of op it is: passes, exchange and counts go by it rather than by names.
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
    attributes : mapping
        Name → kind of each attribute that a node of the op has.
    multiply_adds : callable, of products
        ``multiply_adds(attributes, result, operands) -> int`` of specs: multiplications followed by an addition.
    idle : bool
        True where the op does nothing if the result has the operand's spec; then `sloy.ops` writes nothing.
    differentiable : bool
        False for ops whose gradient is zero or undefined everywhere (comparisons, `argmax`, masks).
    doc : str
        One sentence with the formula.
    """

    name: str
    kind: Kind
    arity: int | None
    infer: Infer
    reference: Reference
    vjp: VectorJacobian | None = None
    expand: Expand | None = None
    attributes: Schema = field(default_factory=dict)
    multiply_adds: MultiplyAdds | None = None
    idle: bool = False
    differentiable: bool = True
    doc: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in get_args(Kind):
            kinds = ", ".join(get_args(Kind))
            raise InvalidArgument(
                f"op `{self.name}`: `kind` (={shown(self.kind)}) must be one of {kinds}."
            )
        if (self.kind == "product") != (self.multiply_adds is not None):
            raise InvalidArgument(
                f"op `{self.name}`: products have `multiply_adds`, and they alone."
            )
        if self.differentiable and self.vjp is None and self.expand is None:
            raise InvalidArgument(
                f"op `{self.name}` needs `vjp` or `expand`, or `differentiable=False`."
            )

    @property
    def elementwise(self) -> bool:
        """Whether operands and result have one shape and element i depends on elements i alone."""
        return self.kind in ("elementwise", "comparison")


REGISTRY: dict[str, OpDef] = {}

LEAVES = ("input", "variable", "constant")


def _registering(make: Callable[P, OpDef]) -> Callable[P, OpDef]:
    def register(*args: P.args, **kwargs: P.kwargs) -> OpDef:
        """Make an `OpDef` and add it to the registry, where a name is given once."""
        op = make(*args, **kwargs)
        if op.name in REGISTRY or op.name in LEAVES:
            raise InvalidArgument(f"op `{op.name}` is already registered.")
        REGISTRY[op.name] = op
        return op

    return register


register = _registering(OpDef)  # takes what `OpDef` does


def opdef(name: str) -> OpDef:
    """The op of that name."""
    try:
        return REGISTRY[name]
    except (KeyError, TypeError):
        raise InvalidArgument(f"no op is named `{shortened(str(name))}`.") from None


def multiply_adds(op: str, attributes: Attributes, result: Spec, operands: Sequence[Spec]) -> int:
    """Multiplications followed by an addition that a node does by its op's definition; 0 of what is no product.

    Examples
    --------
    >>> x, w = Spec((2, 3), "float32"), Spec((3, 4), "float32")
    >>> multiply_adds("matmul", {"transpose_a": False}, Spec((2, 4), "float32"), [x, w])
    24
    """
    definition = REGISTRY.get(op)
    if definition is None or definition.multiply_adds is None:
        return 0
    return definition.multiply_adds(attributes, result, operands)
