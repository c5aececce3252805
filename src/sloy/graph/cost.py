"""What an op costs by its definition: multiplications followed by an addition, in products and convolutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from sloy.graph.spec import Spec


def multiply_adds(
    op: str, attributes: Mapping[str, Any], output: Spec, inputs: Sequence[Spec]
) -> int:
    """Of a matrix product or a convolution, or a gradient of one; 0 of every other op.

    Examples
    --------
    >>> x, w = Spec((2, 3), "float32"), Spec((3, 4), "float32")
    >>> multiply_adds("matmul", {}, Spec((2, 4), "float32"), [x, w])
    24
    """
    match op:
        case "matmul":
            return output.size * inputs[0].shape[-2 if attributes.get("transpose_a") else -1]
        case "conv2d":  # (N, H, W, C), (KH, KW, I/groups, O)
            return output.size * prod(inputs[1].shape[:3])
        case "conv2d_input_grad":  # (N, H, W, O), (KH, KW, I/groups, O)
            return inputs[0].size * prod(inputs[1].shape[:3])
        case "conv2d_weight_grad":  # (N, H, W, C), (N, H, W, O)
            return inputs[1].size * prod(output.shape[:3])
    return 0
