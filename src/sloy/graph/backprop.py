"""Backpropagation, written once: gradient tensors of a scalar by one reverse sweep over the graph.

One rule per op gives the gradients of its operands from the gradient of its result, so the sweep adds a bounded
number of ops per op: the gradient by all parameters costs a constant times the forward pass (the lecture's theorem,
L8). The result is made of ordinary ops, which every engine runs, fuses and plans like any others.

References
----------
.. [1] D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by back-propagating errors",
   Nature 323 (1986) 533-536.
"""

from __future__ import annotations

from collections.abc import Sequence

from sloy.arguments import sequence
from sloy.errors import InvalidArgument
from sloy.graph.graph import topological_order
from sloy.graph.opdef import LEAVES, opdef
from sloy.graph.tensor import Tensor, broadcast_to, constant, expect_tensors


def backprop(loss: Tensor, wrt: Sequence[Tensor]) -> list[Tensor]:
    """The gradients of a scalar.

    Parameters
    ----------
    loss : Tensor
        Of shape () and a float dtype.
    wrt : sequence of Tensor
        What to differentiate by: any tensors from which the loss was computed.

    Returns
    -------
    list of Tensor
        ∂loss/∂w for each w, of the shape of w; zeros where the loss does not depend on w.

    Examples
    --------
    >>> from sloy import ops
    >>> w = ops.variable("w", ())
    >>> (gradient,) = backprop(w * w, [w])
    >>> gradient.op, gradient.shape
    ('add', ())
    """
    expect_tensors("backprop", loss, *sequence("backprop", "wrt", wrt))
    if loss.shape != () or not loss.spec.is_float:
        raise InvalidArgument(f"`loss` is {loss.spec}; it must be a float scalar.")
    seed = constant(1.0, loss.dtype)
    found = _sweep(loss, seed, wrt)
    return [
        broadcast_to(constant(0.0, w.dtype), w.shape) if g is None else g
        for w, g in zip(wrt, found, strict=True)
    ]


def _sweep(
    result: Tensor, seed: Tensor, wrt: Sequence[Tensor], *, partial: bool = False
) -> list[Tensor | None]:
    """Gradients of Σ seed · result by each of `wrt`, None where there is none.

    A partial gradient holds the rest of `wrt` fixed: the sweep ends there, and does not pass from one to another.
    """
    targets = {id(w) for w in wrt}
    order = topological_order([result], ends=targets if partial else ())
    needed = set(targets)  # tensors on a path from one of `wrt` to the result
    for tensor in order:
        if any(id(x) in needed for x in tensor.inputs):
            needed.add(id(tensor))
    gradients: dict[int, Tensor] = {id(result): seed}
    for tensor in reversed(order):
        g = gradients.get(id(tensor))
        if g is None or tensor.op in LEAVES or not any(id(x) in needed for x in tensor.inputs):
            continue
        if partial and id(tensor) in targets:
            continue  # what it was computed from is no business of this op
        for x, gx in zip(tensor.inputs, vector_jacobian(tensor, g), strict=True):
            if gx is not None and id(x) in needed:
                _check_gradient(tensor, x, gx)
                before = gradients.get(id(x))
                gradients[id(x)] = gx if before is None else before + gx
    return [gradients.get(id(w)) for w in wrt]


def vector_jacobian(tensor: Tensor, g: Tensor) -> Sequence[Tensor | None]:
    """The gradients of a tensor's operands from its own: by its rule, or by that of its expansion."""
    definition = opdef(tensor.op)
    if not definition.differentiable:
        return [None] * len(tensor.inputs)
    if definition.vjp is not None:
        return definition.vjp(tensor, g)
    assert definition.expand is not None  # the registry accepts no op without one of the two
    return _sweep_expansion(tensor, definition.expand(tensor.inputs, tensor.attributes), g)


def _sweep_expansion(tensor: Tensor, expansion: Tensor, g: Tensor) -> list[Tensor | None]:
    distinct = list({id(x): x for x in tensor.inputs}.values())
    found = dict(zip(map(id, distinct), _sweep(expansion, g, distinct, partial=True), strict=True))
    # An operand given twice gets its whole gradient at its first place.
    return [found.pop(id(x), None) for x in tensor.inputs]


def _check_gradient(tensor: Tensor, x: Tensor, gx: Tensor) -> None:
    if gx.spec != x.spec:
        raise InvalidArgument(
            f"the gradient rule of `{tensor.op}` gives {gx.spec} for an operand {x.spec}."
        )
