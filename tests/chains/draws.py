"""What chains are made of: an operator or a few, with attributes and operands as each opset has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from chains import Chain, drawn

SMOOTH = (
    "Relu", "LeakyRelu", "Elu", "Selu", "Sigmoid", "Tanh", "Softplus", "Softsign", "HardSigmoid", "ThresholdedRelu",
    "Erf", "Sin", "Cos", "Celu", "HardSwish", "Mish", "Gelu", "Atan_", "Sinh", "Cosh", "Asinh", "Identity", "Dropout",
    "Exp_", "Swish", "Shrink",
)  # fmt: skip


@drawn()
def activation(c: Chain) -> bool:
    op = c.pick(*SMOOTH).rstrip("_")
    if (op in ("Exp", "Sinh", "Cosh") and np.abs(c.now).max() > 4) or op == "ThresholdedRelu":
        return False
    said: dict[str, Any] = {}
    if op in ("LeakyRelu", "Elu", "Celu", "HardSigmoid"):
        said["alpha"] = c.pick(None, 0.125, 0.75)
    if op == "Gelu":
        said["approximate"] = c.pick(None, "tanh")
    return c.add(op, c.last, exact=op in ("Relu", "Identity", "Dropout"), **said)


@drawn(exact=True)
def step(c: Chain) -> bool:
    op = c.pick("Floor", "Ceil", "Round", "Sign", "Abs", "Neg", "Relu", "Shrink", "ThresholdedRelu")
    said = {"lambd": c.pick(0.5, 0.25), "bias": c.pick(0.0, 0.25)} if op == "Shrink" else {}
    return c.add(op, c.last, exact=True, **said)


@drawn(exact=True)
def mod(c: Chain) -> bool:
    return c.add("Mod", c.last, c.constant(np.float32(c.pick(0.75, -0.5, 2.0))), exact=True, fmod=1)


@drawn(exact=True)
def compare(c: Chain) -> bool:
    """Where a comparison holds the value, else another."""
    op = c.pick("Greater", "Less", "Equal", "GreaterOrEqual", "LessOrEqual")
    k, bound = len(c.nodes), c.constant(np.float32(c.some(-4, 4) / 8))
    nodes = [helper.make_node(op, [c.last, bound], [f"b{k}"])]
    if c.rng.random() < 0.3:
        nodes.append(helper.make_node("Not", [f"b{k}"], [f"i{k}"]))
    other = c.constant(np.float32(0.5))
    nodes.append(helper.make_node("Where", [nodes[-1].output[0], c.last, other], [f"v{k}_0"]))
    return c.grow(nodes, f"v{k}_0", exact=True)


@drawn()
def safe_function(c: Chain) -> bool:
    """Roots, logarithms and quotients of what is well above 0."""
    op = c.pick("Sqrt", "Log", "Reciprocal", "Div", "Pow")
    if not c.add("Abs", c.last) or not c.add("Add", c.last, c.constant(np.float32(0.75))):
        return False
    if op == "Div":
        return c.add("Div", c.constant(np.float32(1.5)), c.last)
    if op == "Pow":
        return c.add("Pow", c.last, c.constant(np.float32(c.pick(2.0, 0.5, 1.5, -1.0))))
    return c.add(op, c.last)


@drawn()
def with_constant(c: Chain) -> bool:
    op = c.pick("Add", "Sub", "Mul", "Max", "Min", "Div", "PRelu", "Sum", "Mean")
    trailing = c.some(0, c.rank - 1)
    shape = [1 if c.rng.random() < 0.4 else e for e in c.now.shape[c.rank - trailing :]]
    if c.mixes and c.rng.random() < 0.1:
        shape = [1] * (c.rank - trailing) + shape
    value = c.eighths(shape)
    value = np.abs(value) + np.float32(0.5) if op in ("Div", "PRelu") else value
    if op in ("Max", "Min") and c.opset < 8:
        return False
    operands = [c.last, c.constant(value)]
    if op in ("Sub", "Add", "Mul") and c.rng.random() < 0.3:
        operands.reverse()
    return c.add(op, *operands, exact=op in ("Add", "Sub", "Max", "Min"))


@drawn()
def with_earlier(c: Chain) -> bool:
    """Residuals and gates: the value and one before it."""
    others = [v for v in c.values if v != c.last]
    if not others:
        return False
    other = others[c.rng.integers(len(others))]
    op = c.pick("Add", "Sub", "Mul", "Max", "Sum")
    if not c.mixes and c.values[other].ndim != c.rank:
        return False
    return c.add(op, c.last, other, exact=op in ("Add", "Sub", "Max"))


@drawn()
def clip(c: Chain) -> bool:
    low, high = np.float32(-0.5), np.float32(c.pick(0.75, 6.0))
    if c.opset < 11:
        return c.add("Clip", c.last, min=float(low), max=float(high), exact=True)
    return c.add("Clip", c.last, c.constant(low), c.pick(c.constant(high), ""), exact=True)


# --- axes ------------------------------------------------------------------------------------------------------------


def _axes(c: Chain, axes: list[int] | None, since: int) -> tuple[list[str], dict[str, Any]]:
    """Axes as an operand in newer opsets, an attribute in older ones."""
    if axes is None:
        return [], {}
    return ([c.integers(*axes)], {}) if c.opset >= since else ([], {"axes": axes})


@drawn()
def reduce(c: Chain) -> bool:
    op = c.pick("Sum", "Mean", "Max", "Min", "L1", "L2", "SumSquare", "LogSumExp", "Prod", "LogSum")
    axes = c.axes() if not c.mixes or c.rng.random() < 0.9 else None
    if (op == "LogSum" and c.now.min() <= 0) or (op == "L2" and not np.abs(c.now).min() > 0.01):
        return False
    operands, said = _axes(c, axes, 13 if op == "Sum" else 18)
    keep = c.pick(None, 0, 1)
    return c.add(
        f"Reduce{op}", c.last, *operands, keepdims=keep, exact=op in ("Max", "Min"), **said
    )


@drawn()
def probabilities(c: Chain) -> bool:
    op = c.pick("Softmax", "LogSoftmax")
    axis = c.axis()
    if not c.mixes and c.opset < 13 and axis % c.rank == 0:
        return False
    return c.add(op, c.last, axis=c.pick(axis, None) if c.opset < 13 or c.rank > 1 else axis)


@drawn(exact=True)
def order(c: Chain) -> bool:
    op, axis = c.pick("TopK", "ArgMax", "ArgMin", "Hardmax"), c.axis()
    if op == "Hardmax":
        return c.add(op, c.last, axis=axis, exact=True)
    if op == "TopK":
        # equal numbers: which comes first is not said, so their values alone are looked at
        count = c.some(1, c.now.shape[axis])
        if c.opset < 10:
            return c.add(op, c.last, outputs=2, k=count, axis=axis, exact=True)
        largest = c.pick(None, 0) if c.opset >= 11 else None
        return c.add(
            op, c.last, c.integers(count), outputs=2, axis=axis, largest=largest, exact=True
        )
    k = len(c.nodes)
    nodes = [
        helper.make_node(op, [c.last], [f"i{k}"], axis=axis, keepdims=c.some(0, 1)),
        helper.make_node("Cast", [f"i{k}"], [f"v{k}_0"], to=1),
    ]
    return c.grow(nodes, f"v{k}_0", exact=True)


@drawn()
def norms(c: Chain) -> bool:
    op = c.pick(
        "LpNormalization",
        "MeanVarianceNormalization",
        "LayerNormalization",
        "RMSNormalization",
        "CumSum",
    )
    axis = c.axis()
    if op == "LpNormalization":
        return c.add(op, c.last, axis=axis, p=c.pick(1, 2))
    if op == "MeanVarianceNormalization":
        return c.add(op, c.last, axes=c.axes())
    if op == "CumSum":
        place = c.constant(np.array(axis, np.int64))
        return c.add(op, c.last, place, exclusive=c.some(0, 1), reverse=c.some(0, 1))
    shape = c.now.shape[axis % c.rank :]
    weights = [
        c.constant(c.eighths(shape)) for _ in range(1 if op == "RMSNormalization" else c.some(1, 2))
    ]
    if c.now.std() < 0.05 or shape == (1,):
        return False
    return c.add(op, c.last, *weights, axis=axis, epsilon=c.pick(None, 0.01))


# --- shapes ----------------------------------------------------------------------------------------------------------


@drawn()
def transpose(c: Chain) -> bool:
    order = c.rng.permutation(np.arange(0 if c.mixes else 1, c.rank)).tolist()
    return c.add("Transpose", c.last, perm=order if c.mixes else [0, *order], exact=True)


@drawn()
def reshape(c: Chain) -> bool:
    """Axes joined and split at random; the first often kept."""
    shape = list(c.now.shape)
    whole = c.mixes and c.rng.random() < 0.5
    head, rest = ([], shape) if whole else (shape[:1], shape[1:])
    rest = rest or [1]
    kind = c.pick("join", "split", "flat", "ones")
    i = c.some(0, len(rest) - 1)
    if kind == "join" and len(rest) > 1:
        i = min(i, len(rest) - 2)
        rest[i : i + 2] = [rest[i] * rest[i + 1]]
    elif kind == "split":
        factors = [k for k in range(1, rest[i] + 1) if rest[i] % k == 0]
        k = c.pick(*factors)
        rest[i : i + 1] = [k, rest[i] // k]
    elif kind == "flat":
        rest = [int(np.prod(rest))]
    else:
        rest.insert(i, 1)
    if head and c.batch is None:
        head = [c.pick(0, -1)]
    elif head and c.batch and c.rng.random() < 0.3:
        head = [0]
    if -1 not in head and c.rng.random() < 0.4:
        rest[c.some(0, len(rest) - 1)] = -1
    return c.add("Reshape", c.last, c.integers(*head, *rest), exact=True)


@drawn()
def flatten(c: Chain) -> bool:
    return c.add("Flatten", c.last, axis=c.some(0, c.rank) if c.mixes else 1, exact=True)


@drawn()
def squeeze(c: Chain) -> bool:
    if c.rng.random() < 0.5:
        axes = [c.some(0 if c.mixes else 1, c.rank)]
        operands, said = _axes(c, axes, 13)
        return c.add("Unsqueeze", c.last, *operands, exact=True, **said)
    ones = [i for i, e in enumerate(c.now.shape) if e == 1 and (i or c.mixes)]
    if not ones:
        return False
    operands, said = _axes(c, None if c.mixes and c.rng.random() < 0.3 else [c.pick(*ones)], 13)
    return c.add("Squeeze", c.last, *operands, exact=True, **said)


@drawn()
def part(c: Chain) -> bool:
    """A slice, perhaps backwards or with steps."""
    axis = c.axis()
    extent = c.now.shape[axis]
    step = c.pick(1, 1, 2, -1, -2) if c.opset >= 10 else 1
    low = c.some(0, extent - 1)
    high = c.some(low + 1, extent)
    start, stop = (
        (low, c.pick(high, 1 << 40))
        if step > 0
        else (high - 1, c.pick(low - 1 if low else -(1 << 40), low - 1 - extent))
    )
    if c.opset < 10:
        return c.add(
            "Slice",
            c.last,
            starts=[start],
            ends=[min(stop, 1 << 30)],
            axes=[axis % c.rank],
            exact=True,
        )
    operands = [c.integers(v) for v in (start, stop, axis, step)]
    return c.add("Slice", c.last, *operands[: 3 if step == 1 else 4], exact=True)


@drawn()
def split(c: Chain) -> bool:
    axis = c.axis()
    extent = c.now.shape[axis]
    if extent < 2:
        return False
    cut = c.some(1, extent - 1)
    operands = [c.integers(cut, extent - cut)] if c.opset >= 13 else []
    said = {} if operands else {"split": [cut, extent - cut]}
    return c.add(
        "Split", c.last, *operands, outputs=2, take=c.some(0, 1), axis=axis, exact=True, **said
    )


@drawn()
def concat(c: Chain) -> bool:
    axis = c.axis()
    likely = [v for v, a in c.values.items() if a.ndim == c.rank]
    other = c.pick(*likely)
    if c.mixes and c.rng.random() < 0.5:
        shape = list(c.now.shape)
        shape[axis] = c.some(1, 2)
        other = c.constant(c.eighths(shape))
    pair = [c.last, other]
    return c.add("Concat", *(pair if c.rng.random() < 0.5 else pair[::-1]), axis=axis, exact=True)


@drawn()
def pad(c: Chain) -> bool:
    mode = c.pick("constant", "edge", "reflect")
    lowest = 0 if c.mixes and mode == "constant" else 1
    sides = np.zeros((2, c.rank), int)
    sides[:, lowest:] = c.rng.integers(-1 if mode == "constant" else 0, 3, (2, c.rank - lowest))
    sides[:, 0] = np.maximum(sides[:, 0], 0)
    if mode != "constant" and c.rank > 4:
        return False
    numbers = sides.reshape(-1).tolist()
    if c.opset < 11:
        return c.add("Pad", c.last, mode=mode, pads=numbers, value=0.5, exact=True)
    return c.add(
        "Pad", c.last, c.integers(*numbers), c.constant(np.float32(0.5)), mode=mode, exact=True
    )


@drawn()
def expand(c: Chain) -> bool:
    shape = [c.some(2, 3) if e == 1 and (i or c.mixes) else 1 for i, e in enumerate(c.now.shape)]
    if c.rng.random() < 0.2 and c.mixes:
        shape = [2, *shape]
    if c.rng.random() < 0.4:
        repeats = [1 if not c.mixes else c.some(1, 2), *(c.some(1, 2) for _ in shape[1:])][: c.rank]
        return c.add("Tile", c.last, c.integers(*repeats), exact=True)
    return c.opset >= 8 and c.add("Expand", c.last, c.integers(*shape), exact=True)


@drawn()
def gather(c: Chain) -> bool:
    axis = c.axis()
    extent = c.now.shape[axis]
    shape = c.pick((), (2,), (2, 2))
    indices = c.rng.integers(0 if c.opset < 11 else -extent, extent, shape)
    kind = c.pick("Gather", "Gather", "GatherElements", "ScatterElements", "GatherND", "Trilu")
    if kind == "Gather":
        return c.add("Gather", c.last, c.constant(indices, np.int64), axis=axis, exact=True)
    if kind == "Trilu":
        return c.rank > 2 and c.add("Trilu", c.last, upper=c.some(0, 1), exact=True)
    if not c.mixes:
        return False
    if kind == "GatherND":
        depth = c.some(1, c.rank)
        found = np.stack([c.rng.integers(0, e, 3) for e in c.now.shape[:depth]], -1)
        return c.add("GatherND", c.last, c.constant(found, np.int64), exact=True)
    whole = c.rng.permuted(np.indices(c.now.shape)[axis % c.rank], axis=axis % c.rank)
    if kind == "GatherElements":
        return c.add("GatherElements", c.last, c.constant(whole, np.int64), axis=axis, exact=True)
    updates = c.constant(c.eighths(c.now.shape))
    return c.add(
        "ScatterElements", c.last, c.constant(whole, np.int64), updates, axis=axis, exact=True
    )


@drawn()
def by_shape(c: Chain) -> bool:
    """What exporters make of view(x.size(0), -1): shape arithmetic."""
    k = len(c.nodes)
    axes, said = _axes(c, [0], 13)
    nodes = [
        helper.make_node("Shape", [c.last], [f"s{k}"]),
        helper.make_node("Gather", [f"s{k}", c.constant(np.array(0, np.int64))], [f"g{k}"], axis=0),
        helper.make_node("Unsqueeze", [f"g{k}", *axes], [f"u{k}"], **said),
        helper.make_node("Concat", [f"u{k}", c.integers(-1)], [f"t{k}"], axis=0),
        helper.make_node("Reshape", [c.last, f"t{k}"], [f"v{k}_0"]),
    ]
    return c.grow(nodes, f"v{k}_0", exact=True)
