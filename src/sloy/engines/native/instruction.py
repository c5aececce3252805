"""An instruction of a program as the extension takes it, and whether there is a kernel for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sloy.graph.spec import Spec

TensorCode = tuple[str, tuple[int, ...], int]  # dtype, shape, number of a place
Instruction = tuple[str, list[TensorCode], list[TensorCode], dict[str, Any]]
Takes = Callable[[Instruction], bool]


def instruction(
    op: str, inputs: Sequence[Spec], outputs: Sequence[Spec], attributes: Mapping[str, Any]
) -> Instruction:
    """What `Takes` is asked about: places do not count."""
    sides = [[(spec.dtype, spec.shape, 0) for spec in side] for side in (inputs, outputs)]
    return op, sides[0], sides[1], dict(attributes)
