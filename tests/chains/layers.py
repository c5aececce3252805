"""What chains are made of: layers with weights, windows, resizing, products."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from chains import Chain, drawn


def _window(c: Chain, size: list[int], *, dilations: bool = True) -> dict[str, Any]:
    rank = len(size)
    said: dict[str, Any] = {"strides": c.pick(None, [c.some(1, 2) for _ in size])}
    if dilations:
        said["dilations"] = c.pick(None, None, [c.some(1, 2) for _ in size])
    kind = c.pick("none", "pads", "SAME_UPPER", "SAME_LOWER", "VALID")
    if kind == "pads":
        said["pads"] = [c.some(0, max(min(size[i % rank] - 1, 1), 0)) for i in range(2 * rank)]
    elif kind != "none" and said.get("dilations") is None:
        said["auto_pad"] = kind
    return said


@drawn()
def convolution(c: Chain) -> bool:
    if c.rank not in (3, 4, 5):
        return False
    channels = c.now.shape[1]
    groups = c.pick(1, 1, *(g for g in (2, channels) if channels % g == 0))
    size = [c.some(1, min(3, e)) for e in c.now.shape[2:]]
    out = groups * c.some(1, 3)
    weights = [c.constant(c.eighths((out, channels // groups, *size)) / 2)]
    if c.rng.random() < 0.6:
        weights.append(c.constant(c.eighths((out,))))
    return c.add(
        "Conv", c.last, *weights, group=groups, kernel_shape=c.pick(None, size), **_window(c, size)
    )


@drawn()
def transposed(c: Chain) -> bool:
    if c.rank not in (3, 4, 5):
        return False
    channels = c.now.shape[1]
    groups = c.pick(1, 1, *(g for g in (2, channels) if channels % g == 0))
    size = [c.some(1, 3) for _ in range(c.rank - 2)]
    out = c.some(1, 3)
    weights = [c.constant(c.eighths((channels, out, *size)) / 2)]
    if c.rng.random() < 0.6:
        weights.append(c.constant(c.eighths((out * groups,))))
    said = _window(c, size)
    if c.rng.random() < 0.3:
        said["output_padding"] = [c.some(0, 1) for _ in size]
    if c.rng.random() < 0.25:
        said["output_shape"] = [e * (s or 1) + c.some(0, 1) for e, s in
                                zip(c.now.shape[2:], said.get("strides") or [1] * 3, strict=False)]  # fmt: skip
        said.pop("pads", None)
    return c.add("ConvTranspose", c.last, *weights, group=groups, **said)


@drawn()
def pool(c: Chain) -> bool:
    if c.rank not in (3, 4, 5):
        return False
    op = c.pick(
        "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"
    )
    if op.startswith("Global"):
        if op == "GlobalLpPool" and np.abs(c.now).max() == 0:
            return False
        return c.add(op, c.last, p=c.pick(None, 1, 3) if "Lp" in op else None, exact="Max" in op)
    size = [c.some(1, min(3, e)) for e in c.now.shape[2:]]
    newer = {"MaxPool": 10, "AveragePool": 19, "LpPool": 18}[op]
    said = _window(c, size, dilations=c.opset >= newer)
    if op == "LpPool":
        said["p"] = c.pick(None, 1, 3)
        if np.abs(c.now).min() < 0.01:
            return False
    elif c.opset >= 10 and said.get("auto_pad") is None:
        said["ceil_mode"] = c.pick(None, 1)
    if op == "AveragePool":
        said["count_include_pad"] = c.pick(None, 1)
    return c.add(op, c.last, kernel_shape=size, exact=op == "MaxPool", **said)


@drawn()
def normalization(c: Chain) -> bool:
    op = c.pick("BatchNormalization", "InstanceNormalization", "GroupNormalization", "LRN")
    if c.rank < 2 or (op == "LRN" and c.rank != 4) or (op != "BatchNormalization" and c.rank < 3):
        return False
    channels = c.now.shape[1]
    if op == "LRN":
        return c.add(
            op, c.last, size=c.some(1, 5), alpha=c.pick(None, 0.25), bias=c.pick(None, 2.0)
        )
    if op != "BatchNormalization" and c.now.std(axis=tuple(range(2, c.rank))).min() < 0.05:
        return False
    if op == "GroupNormalization":
        groups = c.pick(*(g for g in (1, 2, channels) if channels % g == 0))
        count = groups if c.opset < 21 else channels
        weights = [c.constant(c.eighths((count,))) for _ in range(2)]
        return c.opset >= 18 and c.add(op, c.last, *weights, num_groups=groups)
    weights = [c.constant(c.eighths((channels,))) for _ in range(2)]
    if op == "BatchNormalization":
        weights += [
            c.constant(c.eighths((channels,))),
            c.constant(np.abs(c.eighths((channels,))) + np.float32(0.5)),
        ]
    return c.add(op, c.last, *weights, epsilon=c.pick(None, 0.01))


@drawn()
def resize(c: Chain) -> bool:
    if c.rank < 3:
        return False
    mode = c.pick("nearest", "linear", "cubic")
    if (mode == "cubic" and c.rank != 4) or (c.rank == 5 and mode != "nearest"):
        return False
    factors = [1.0, 1.0, *(c.pick(0.5, 1.0, 2.0, 1.5, 3.0, 0.7) for _ in range(c.rank - 2))]
    scales = np.array(factors, np.float32)
    if c.opset < 10:
        mode = c.pick("nearest", "linear")
        if scales.min() < 1 or (mode == "linear" and c.rank != 4):
            return False
        if c.opset < 9:
            return c.add(
                "Upsample", c.last, mode=mode, scales=scales.tolist(), exact=mode == "nearest"
            )
        return c.add("Upsample", c.last, c.constant(scales), mode=mode, exact=mode == "nearest")
    if c.opset == 10:
        mode = c.pick("nearest", "linear")
        return c.add("Resize", c.last, c.constant(scales), mode=mode, exact=mode == "nearest")
    said: dict[str, Any] = {"mode": mode}
    said["coordinate_transformation_mode"] = c.pick(
        None, "asymmetric", "align_corners", "pytorch_half_pixel"
    )
    if mode == "nearest":
        said["nearest_mode"] = c.pick(None, "floor", "ceil", "round_prefer_ceil")
    empty = c.constant(np.zeros(0, np.float32)) if c.opset < 13 else ""
    if c.rng.random() < 0.5 and (c.batch is not None):
        sizes = [*c.now.shape[:2], *(c.some(1, 9) for _ in range(c.rank - 2))]
        return c.add(
            "Resize", c.last, empty, empty, c.integers(*sizes), exact=mode == "nearest", **said
        )
    return c.add("Resize", c.last, empty, c.constant(scales), exact=mode == "nearest", **said)


@drawn()
def blocks(c: Chain) -> bool:
    if c.rank != 4:
        return False
    op = c.pick("SpaceToDepth", "DepthToSpace")
    mode = c.pick(None, "CRD") if op == "DepthToSpace" and c.opset >= 11 else None
    return c.add(op, c.last, blocksize=2, mode=mode, exact=True)


# --- products --------------------------------------------------------------------------------------------------------


@drawn()
def gemm(c: Chain) -> bool:
    if c.rank != 2:
        return False
    depth, out = c.now.shape[1], c.some(1, 5)
    turned = c.some(0, 1)
    weight = c.constant(c.eighths((out, depth) if turned else (depth, out)) / 2)
    bias = [c.constant(c.eighths(c.pick((out,), (1, out), (1,))))]
    if c.opset >= 11 and c.rng.random() < 0.3:
        bias = []
    return c.add(
        "Gemm",
        c.last,
        weight,
        *bias,
        transB=turned,
        alpha=c.pick(None, 0.5),
        beta=c.pick(None, 2.0),
    )


@drawn()
def matmul(c: Chain) -> bool:
    if c.rank < 2:
        return False
    depth = c.now.shape[-1]
    shape = c.pick((depth, 3), (depth, 4), (depth,), (1, depth, 2))
    if c.rank > 2 and c.rng.random() < 0.2:
        return c.add("MatMul", c.constant(c.eighths((3, c.now.shape[-2])) / 2), c.last)
    return c.add("MatMul", c.last, c.constant(c.eighths(shape) / 2))


@drawn()
def attention(c: Chain) -> bool:
    """The value times its own transpose, softmax, and that times the value."""
    if c.rank < 3 or np.abs(c.now).max() > 8:
        return False
    value = c.last
    order = [*range(c.rank - 2), c.rank - 1, c.rank - 2]
    return (
        c.add("Transpose", value, perm=order)
        and c.add("MatMul", value, c.last)
        and c.add("Softmax", c.last, axis=c.rank - 1)
        and c.add("MatMul", c.last, value)
    )


@drawn()
def einsum(c: Chain) -> bool:
    letters = "abcdef"[: c.rank]
    depth = c.now.shape[-1]
    last = letters[-1]
    equation, shape = c.pick(
        (f"{letters},{last}z->{letters[:-1]}z", (depth, 3)),
        (f"{letters},z{last}->{letters[:-1]}z", (2, depth)),
        (f"...{last},{last}->...", (depth,)),
        (f"{letters},{last}->{letters}", (depth,)),
    )
    if c.rng.random() < 0.3 and c.rank > 2:
        rows = letters[:-2] + "y" + last
        return c.add("Einsum", c.last, c.last, equation=f"{letters},{rows}->{letters[:-1]}y")
    return c.add("Einsum", c.last, c.constant(c.eighths(shape) / 2), equation=equation)


@drawn(exact=True)
def quantized(c: Chain) -> bool:
    """Rounded to bytes and back."""
    if c.opset < 10:
        return False
    k = len(c.nodes)
    kind = c.pick(np.uint8, np.int8)
    scale, zero = (
        c.constant(np.float32(c.pick(0.25, 0.0625))),
        c.constant(np.array(c.some(0, 20), kind)),
    )
    nodes = [
        helper.make_node("QuantizeLinear", [c.last, scale, zero], [f"q{k}"]),
        helper.make_node("DequantizeLinear", [f"q{k}", scale, zero], [f"v{k}_0"]),
    ]
    return c.grow(nodes, f"v{k}_0", exact=True)


@drawn()
def quantized_weight(c: Chain) -> bool:
    """A product with a weight in 8 bits."""
    if c.opset < 13 or c.rank < 2:
        return False
    depth, out, k = c.now.shape[-1], c.some(1, 4), len(c.nodes)
    weight = c.constant(c.rng.integers(-100, 100, (depth, out)), np.int8)
    scale = c.constant(np.abs(c.eighths((out,))) / 64 + np.float32(0.01))
    nodes = [
        helper.make_node("DequantizeLinear", [weight, scale], [f"d{k}"], axis=1),
        helper.make_node("MatMul", [c.last, f"d{k}"], [f"v{k}_0"]),
    ]
    return c.grow(nodes, f"v{k}_0")
