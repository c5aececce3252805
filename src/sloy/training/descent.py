"""From gradients to the next values of the parameters, as ops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sloy import ops
from sloy.graph import Tensor
from sloy.layers.base import Parameter
from sloy.optimizers import Optimizer


def slot_name(slot: str, parameter: str) -> str:
    """The variable that holds an optimiser's slot of a parameter."""
    return f"optimizer/{slot}/{parameter}"


def norm_of(gradients: Sequence[Tensor], dtype: str) -> Tensor:
    """‖g‖ over all elements of all gradients."""
    return norms_of(gradients, dtype)[0]


def norms_of(gradients: Sequence[Tensor], dtype: str) -> tuple[Tensor, list[Tensor]]:
    """‖g‖ over all elements of all gradients, and of each gradient."""
    squares = [ops.reduce_sum(ops.square(gradient)) for gradient in gradients]
    total = sum(squares, ops.constant(0.0, dtype))
    return ops.sqrt(total), [ops.sqrt(square) for square in squares]


def clip(optimizer: Optimizer, gradients: list[Tensor]) -> list[Tensor]:
    """Each element to ±clip_value, then all together to a norm of clip_norm."""
    if optimizer.clip_value is not None:
        bound = float(optimizer.clip_value)
        gradients = [ops.clip(gradient, -bound, bound) for gradient in gradients]
    if optimizer.clip_norm is not None and gradients:
        norm = norm_of(gradients, gradients[0].dtype)
        scale = ops.minimum(float(optimizer.clip_norm) / (norm + 1e-6), 1.0)
        gradients = [gradient * scale for gradient in gradients]
    return gradients


def descend(
    optimizer: Callable[[str], Optimizer],
    parameters: Mapping[str, Parameter],
    gradients: Sequence[Tensor],
    step: Tensor,
    *,
    dtype: str,
    factor: Callable[[str], float],
) -> dict[str, Tensor]:
    """The next values of the trained parameters, projected onto their constraints, and of their slots.

    From a parameter's name `optimizer` gives what changes it, `factor` what the learning rate is multiplied by.
    """
    updates: dict[str, Tensor] = {}
    rate = ops.input("learning_rate", (), dtype)
    for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
        w, own = parameter.tensor, optimizer(name)
        slots = {
            slot: ops.variable(slot_name(slot, name), w.shape, w.dtype) for slot in own.slots()
        }
        times = factor(name)
        own_rate = rate if times == 1.0 else rate * times
        value, following = own.update(w, gradient, slots, own_rate, step)
        updates[name] = parameter.constraint.project(value) if parameter.constraint else value
        updates |= {slot_name(slot, name): tensor for slot, tensor in following.items()}
    return updates
