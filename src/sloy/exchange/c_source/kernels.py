"""The other ops as C statements, on one sample, channels last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from sloy.exchange.c_source.expressions import number
from sloy.graph.graph import Node
from sloy.graph.spec import Spec

Read = Callable[[str], str]  # the expression of an operand's element, from that of its index


@dataclass(frozen=True)
class Job:
    """A node to write: where its result goes, and how its operands are read."""

    node: Node
    specs: Sequence[Spec]
    reads: Sequence[Read]
    y: str


Kernel = Callable[[Job], list[str]]

KERNELS: dict[str, Kernel] = {}


def kernel(*names: str) -> Callable[[Kernel], Kernel]:
    """Add the statements of an op to the table; a decorator."""

    def add(function: Kernel) -> Kernel:
        KERNELS.update(dict.fromkeys(names, function))
        return function

    return add


def loop(names: str, extents: Sequence[int], body: Sequence[str]) -> list[str]:
    """Nested loops, one for each letter."""
    lines = list(body)
    for name, extent in reversed(list(zip(names, extents, strict=True))):
        lines = [f"for (int {name} = 0; {name} < {extent}; ++{name}) {{", *indented(lines), "}"]
    return lines


def indented(lines: Sequence[str]) -> list[str]:
    """The lines of a block."""
    return [f"    {line}" for line in lines]


def flat_index(names: Sequence[str], extents: Sequence[int]) -> str:
    """The row-major index of an element."""
    text = names[0]
    for name, extent in zip(names[1:], extents[1:], strict=True):
        text = f"({text}) * {extent} + {name}" if "+" in text else f"{text} * {extent} + {name}"
    return text


def fill(y: str, size: int, value: str) -> list[str]:
    """The same number everywhere."""
    return loop("i", [size], [f"{y}[i] = {value};"])


# --- convolution and pooling --------------------------------------------------------------------------------------


def _taps(
    job: Job, size: Sequence[int], body: Sequence[str], *, around: Sequence[int]
) -> list[str]:
    """For each tap (k, l) of a window at (r, s), the body where its pixel (a, b) lies inside the image."""
    a = job.node.attributes
    (top, _, left, _), stride = a["padding"], a["stride"]
    dilation = a.get("dilation", (1, 1))
    row = f"r * {stride[0]} + k * {dilation[0]} - {top}"
    column = f"s * {stride[1]} + l * {dilation[1]} - {left}"
    inner = [
        f"const int b = {column};",
        f"if (b < 0 || b >= {around[1]}) continue;",
        *body,
    ]
    return [
        f"for (int k = 0; k < {size[0]}; ++k) {{",
        f"    const int a = {row};",
        f"    if (a < 0 || a >= {around[0]}) continue;",
        *indented(loop("l", [size[1]], inner)),
        "}",
    ]


@kernel("conv2d")
def _conv2d(job: Job) -> list[str]:
    (x, w), y = job.specs, job.node.spec
    (kh, kw, inputs, outputs), groups = w.shape, job.node.attributes["groups"]
    (_, height, width, channels), each = x.shape, outputs // groups
    of_input, of_output = (f" + g * {n}" if groups > 1 else "" for n in (inputs, each))
    read = job.reads[0](f"(a * {width} + b) * {channels}{of_input} + c")
    weight = job.reads[1](f"((k * {kw} + l) * {inputs} + c) * {outputs}{of_output} + o")
    start = f"(r * {y.shape[2]} + s) * {outputs}{of_output}"
    multiply = [
        f"const float v = {read};",
        *loop("o", [each], [f"q[o] += v * {weight};"]),
    ]
    body = [
        f"float *q = {job.y} + {start};",
        *loop("o", [each], ["q[o] = 0.0f;"]),
        *_taps(job, (kh, kw), loop("c", [inputs], multiply), around=(height, width)),
    ]
    body = loop("g", [groups], body) if groups > 1 else body
    return loop("rs", y.shape[1:3], body)


@kernel("conv2d_input_grad")
def _conv2d_input_grad(job: Job) -> list[str]:
    (g, w), y = job.specs, job.node.spec
    (kh, kw, inputs, outputs), groups = w.shape, job.node.attributes["groups"]
    each, (_, height, width, channels) = outputs // groups, y.shape
    read = job.reads[0](f"(r * {g.shape[2]} + s) * {outputs} + h * {each} + o")
    weight = job.reads[1](f"((k * {kw} + l) * {inputs} + c) * {outputs} + h * {each} + o")
    add = [f"total += {read} * {weight};"]
    body = loop(
        "hc",
        [groups, inputs],
        [
            "float total = 0.0f;",
            *loop("o", [each], add),
            f"{job.y}[(a * {width} + b) * {channels} + h * {inputs} + c] += total;",
        ],
    )
    taps = _taps(job, (kh, kw), body, around=(height, width))
    return [*fill(job.y, y.size, "0.0f"), *loop("rs", g.shape[1:3], taps)]


@kernel("max_pool2d", "average_pool2d")
def _pool(job: Job) -> list[str]:
    (x,), y, a = job.specs, job.node.spec, job.node.attributes
    _, height, width, channels = x.shape
    read = job.reads[0](f"(a * {width} + b) * {channels} + c")
    there = f"{job.y}[(r * {y.shape[2]} + s) * {channels} + c]"
    if job.node.op == "max_pool2d":
        taps = _taps(
            job,
            a["window"],
            [f"const float v = {read};", "if (v > best) best = v;"],
            around=(height, width),
        )
        body = ["float best = -INFINITY;", *taps, f"{there} = best;"]
    elif a["count_include_pad"]:
        taps = _taps(job, a["window"], [f"total += {read};"], around=(height, width))
        body = ["float total = 0.0f;", *taps, f"{there} = total / {prod(a['window'])};"]
    else:
        taps = _taps(job, a["window"], [f"total += {read};", "++count;"], around=(height, width))
        body = ["float total = 0.0f;", "int count = 0;", *taps, f"{there} = total / (float)count;"]
    return loop("rsc", (*y.shape[1:3], channels), body)


# --- products, rows -----------------------------------------------------------------------------------------------


@kernel("matmul")
def _matmul(job: Job) -> list[str]:
    a = job.specs[0]
    ta, tb = job.node.attributes["transpose_a"], job.node.attributes["transpose_b"]
    rows, columns = job.node.spec.shape
    inner = a.shape[0] if ta else a.shape[1]
    left = job.reads[0](f"k * {rows} + i" if ta else f"i * {inner} + k" if rows > 1 else "k")
    right = job.reads[1](f"j * {inner} + k" if tb else f"k * {columns} + j")
    multiply = [f"const float v = {left};", *loop("j", [columns], [f"q[j] += v * {right};"])]
    body = [
        f"float *q = {job.y} + i * {columns};" if rows > 1 else f"float *q = {job.y};",
        *loop("j", [columns], ["q[j] = 0.0f;"]),
        *loop("k", [inner], multiply),
    ]
    return loop("i", [rows], body) if rows > 1 else ["{", *indented(body), "}"]


@kernel("batched_matmul")
def _batched(job: Job) -> list[str]:
    a, y = job.node.attributes, job.node.spec
    axes = a["batch_axes"]

    def at(shape: Sequence[int], axis: int, line: str, column: str) -> str:
        return flat_index([line, "b", column] if axis else ["b", line, column], shape)

    left, right = ("ki" if a["transpose_a"] else "ik"), ("jk" if a["transpose_b"] else "kj")
    x, w = (
        read(at(spec.shape, axis, *names))
        for read, spec, axis, names in zip(
            job.reads, job.specs, axes[:2], (left, right), strict=True
        )
    )
    inner = job.specs[0].shape[1 - axes[0] if a["transpose_a"] else 2]
    body = [
        f"float *q = {job.y} + {at(y.shape, axes[2], 'i', '0')};",
        *loop("j", [y.shape[2]], ["q[j] = 0.0f;"]),
        *loop(
            "k",
            [inner],
            [f"const float v = {x};", *loop("j", [y.shape[2]], [f"q[j] += v * {w};"])],
        ),
    ]
    return loop("bi", [y.shape[axes[2]], y.shape[1 - axes[2]]], body)


@kernel("softmax", "log_softmax")
def _softmax(job: Job) -> list[str]:
    (x,) = job.specs
    classes = x.shape[-1]
    rows = x.size // classes
    read = job.reads[0](f"i * {classes} + j")
    there = f"{job.y}[i * {classes} + j]"
    if job.node.op == "softmax":
        last = [f"{there} /= total;"]
        first = [f"{there} = expf({read} - most);", f"total += {there};"]
    else:
        first = [f"total += expf({read} - most);"]
        last = [f"{there} = {read} - most - total;"]
    body = [
        "float most = -INFINITY, total = 0.0f;",
        *loop("j", [classes], [f"if ({read} > most) most = {read};"]),
        *loop("j", [classes], first),
        *(["total = logf(total);"] if job.node.op == "log_softmax" else []),
        *loop("j", [classes], last),
    ]
    return loop("i", [rows], body)


LETTERS = "abcdefgh"  # of axes


def _numbered(extents: Sequence[int]) -> list[str]:
    return list(LETTERS[: len(extents)])


@kernel("reduce_sum", "reduce_max", "reduce_min")
def _reduce(job: Job) -> list[str]:
    (x,), axes = job.specs, job.node.attributes["axes"]
    names = _numbered(x.shape)
    kept = [k for k in range(x.rank) if k not in axes]
    read = job.reads[0](flat_index(names, x.shape))
    there = flat_index([names[k] for k in kept], [x.shape[k] for k in kept]) if kept else "0"
    start, step = {
        "reduce_sum": ("0.0f", "t += v;"),
        "reduce_max": ("-INFINITY", "if (v > t) t = v;"),
        "reduce_min": ("INFINITY", "if (v < t) t = v;"),
    }[job.node.op]
    inner = loop(
        "".join(names[k] for k in axes),
        [x.shape[k] for k in axes],
        [f"const float v = {read};", step],
    )
    body = [f"float t = {start};", *inner, f"{job.y}[{there}] = t;"]
    if not kept:
        return ["{", *indented(body), "}"]
    return loop("".join(names[k] for k in kept), [x.shape[k] for k in kept], body)


@kernel("argmax")
def _argmax(job: Job) -> list[str]:
    (x,), axis = job.specs, job.node.attributes["axis"]
    names = _numbered(x.shape)
    kept = [k for k in range(x.rank) if k != axis]
    read = job.reads[0](flat_index(names, x.shape))
    there = flat_index([names[k] for k in kept], [x.shape[k] for k in kept])
    found = [
        f"const float v = {read};",
        f"if ({names[axis]} == 0 || v > t) {{ t = v; at = {names[axis]}; }}",
    ]
    body = [
        "float t = 0.0f;",
        "int at = 0;",
        *loop(names[axis], [x.shape[axis]], found),
        f"{job.y}[{there}] = (float)at;",
    ]
    return loop("".join(names[k] for k in kept), [x.shape[k] for k in kept], body)


@kernel("one_hot")
def _one_hot(job: Job) -> list[str]:
    classes = job.node.attributes["classes"]
    read = job.reads[0]("i")
    return loop(
        "ij",
        [job.specs[0].size, classes],
        [f"{job.y}[i * {classes} + j] = (float)({read} == (float)j);"],
    )


# --- what moves elements ------------------------------------------------------------------------------------------


@kernel("transpose")
def _transpose(job: Job) -> list[str]:
    (x,), y = job.specs, job.node.spec
    names = _numbered(y.shape)
    there = [names[job.node.attributes["permutation"].index(k)] for k in range(x.rank)]
    body = f"{job.y}[{flat_index(names, y.shape)}] = {job.reads[0](flat_index(there, x.shape))};"
    return loop("".join(names), y.shape, [body])


@kernel("slice")
def _slice(job: Job) -> list[str]:
    (x,), y = job.specs, job.node.spec
    names = _numbered(y.shape)
    start = job.node.attributes["start"]
    there = [f"({n} + {s})" if s else n for n, s in zip(names, start, strict=True)]
    body = f"{job.y}[{flat_index(names, y.shape)}] = {job.reads[0](flat_index(there, x.shape))};"
    return loop("".join(names), y.shape, [body])


def _copied(job: Job, operand: int, start: Sequence[int]) -> list[str]:
    """An operand copied into the result, from an index on."""
    x, y = job.specs[operand], job.node.spec
    names = _numbered(x.shape)
    there = [f"({n} + {s})" if s else n for n, s in zip(names, start, strict=True)]
    body = (
        f"{job.y}[{flat_index(there, y.shape)}] = {job.reads[operand](flat_index(names, x.shape))};"
    )
    return loop("".join(names), x.shape, [body])


@kernel("pad")
def _pad(job: Job) -> list[str]:
    filled = fill(job.y, job.node.spec.size, number(job.node.attributes["value"]))
    return [*filled, *_copied(job, 0, job.node.attributes["before"])]


@kernel("concatenate")
def _concatenate(job: Job) -> list[str]:
    axis, begin, lines = job.node.attributes["axis"], 0, []
    for operand, spec in enumerate(job.specs):
        start = [0] * spec.rank
        start[axis] = begin
        lines += _copied(job, operand, start)
        begin += spec.shape[axis]
    return lines
