"""The other ops as statements, on one sample, channels last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, prod

from sloy.exchange.source.dialect import Dialect, indented
from sloy.graph.graph import Node
from sloy.graph.spec import Spec

Read = Callable[[str], str]  # the expression of an operand's element, from that of its index


@dataclass(frozen=True)
class Job:
    """A node to write: where its result goes, and how its operands are read.

    Attributes
    ----------
    node : Node
    specs : sequence of Spec
        Of its operands.
    reads : sequence of callable
    y : str
        The buffer of the result.
    write : Dialect
    """

    node: Node
    specs: Sequence[Spec]
    reads: Sequence[Read]
    y: str
    write: Dialect

    def to(self, index: str) -> str:
        """An element of the result."""
        return self.write.at(self.y, index)


Kernel = Callable[[Job], list[str]]

KERNELS: dict[str, Kernel] = {}


def kernel(*names: str) -> Callable[[Kernel], Kernel]:
    """Add the statements of an op to the table; a decorator."""

    def add(function: Kernel) -> Kernel:
        KERNELS.update(dict.fromkeys(names, function))
        return function

    return add


def flat_index(names: Sequence[str], extents: Sequence[int]) -> str:
    """The row-major index of an element."""
    if not names:
        return "0"
    text = names[0]
    for name, extent in zip(names[1:], extents[1:], strict=True):
        text = f"({text}) * {extent} + {name}" if "+" in text else f"{text} * {extent} + {name}"
    return text


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
    write = job.write
    inner = [
        write.integer("b", column),
        f"if (b < 0 || b >= {around[1]}) continue;",
        *body,
    ]
    outer = [
        write.integer("a", row),
        f"if (a < 0 || a >= {around[0]}) continue;",
        *write.loop("l", [size[1]], inner),
    ]
    return write.loop("k", [size[0]], outer)


@kernel("conv2d")
def _conv2d(job: Job) -> list[str]:
    (x, w), y = job.specs, job.node.spec
    (kh, kw, inputs, outputs), groups = w.shape, job.node.attributes["groups"]
    (_, height, width, channels), each = x.shape, outputs // groups
    of_input, of_output = (f" + g * {n}" if groups > 1 else "" for n in (inputs, each))
    read = job.reads[0](f"(a * {width} + b) * {channels}{of_input} + c")
    weight = job.reads[1](f"((k * {kw} + l) * {inputs} + c) * {outputs}{of_output} + o")
    start = f"(r * {y.shape[2]} + s) * {outputs}{of_output}"
    write, q = job.write, job.write.at("q", "o")
    multiply = [
        write.value("v", read),
        *write.loop("o", [each], [f"{q} += v * {weight};"]),
    ]
    body = [
        write.row("q", job.y, start),
        *write.loop("o", [each], [f"{q} = {write.number(0)};"]),
        *_taps(job, (kh, kw), write.loop("c", [inputs], multiply), around=(height, width)),
    ]
    body = write.loop("g", [groups], body) if groups > 1 else body
    return write.loop("rs", y.shape[1:3], body)


@kernel("conv2d_input_grad")
def _conv2d_input_grad(job: Job) -> list[str]:
    (g, w), y = job.specs, job.node.spec
    (kh, kw, inputs, outputs), groups = w.shape, job.node.attributes["groups"]
    each, (_, height, width, channels) = outputs // groups, y.shape
    read = job.reads[0](f"(r * {g.shape[2]} + s) * {outputs} + h * {each} + o")
    weight = job.reads[1](f"((k * {kw} + l) * {inputs} + c) * {outputs} + h * {each} + o")
    write, add = job.write, [f"total += {read} * {weight};"]
    body = write.loop(
        "hc",
        [groups, inputs],
        [
            write.total(total=write.number(0)),
            *write.loop("o", [each], add),
            f"{job.to(f'(a * {width} + b) * {channels} + h * {inputs} + c')} += total;",
        ],
    )
    taps = _taps(job, (kh, kw), body, around=(height, width))
    return [*write.fill(job.y, y.size, 0.0), *write.loop("rs", g.shape[1:3], taps)]


@kernel("max_pool2d", "average_pool2d")
def _pool(job: Job) -> list[str]:
    (x,), y, a = job.specs, job.node.spec, job.node.attributes
    _, height, width, channels = x.shape
    read = job.reads[0](f"(a * {width} + b) * {channels} + c")
    there, write = job.to(f"(r * {y.shape[2]} + s) * {channels} + c"), job.write
    start = write.total(total=write.number(0))
    if job.node.op == "max_pool2d":
        taps = _taps(
            job,
            a["window"],
            [write.value("v", read), "if (v > best || v != v) best = v;"],
            around=(height, width),
        )
        body = [write.total(best=write.number(-inf)), *taps, f"{there} = best;"]
    elif a["count_include_pad"]:
        taps = _taps(job, a["window"], [f"total += {read};"], around=(height, width))
        body = [start, *taps, f"{there} = total / {prod(a['window'])};"]
    else:
        taps = _taps(job, a["window"], [f"total += {read};", "++count;"], around=(height, width))
        mean = f"{there} = total / {write.real('count')};"
        body = [start, write.counter("count"), *taps, mean]
    return write.loop("rsc", (*y.shape[1:3], channels), body)


# --- products, rows -----------------------------------------------------------------------------------------------


@kernel("matmul")
def _matmul(job: Job) -> list[str]:
    a = job.specs[0]
    ta, tb = job.node.attributes["transpose_a"], job.node.attributes["transpose_b"]
    rows, columns = job.node.spec.shape
    inner = a.shape[0] if ta else a.shape[1]
    left = job.reads[0]("k" if rows == 1 else f"k * {rows} + i" if ta else f"i * {inner} + k")
    right = job.reads[1](f"j * {inner} + k" if tb else f"k * {columns} + j")
    write, q = job.write, job.write.at("q", "j")
    multiply = [write.value("v", left), *write.loop("j", [columns], [f"{q} += v * {right};"])]
    body = [
        write.row("q", job.y, "0" if rows == 1 else f"i * {columns}"),
        *write.loop("j", [columns], [f"{q} = {write.number(0)};"]),
        *write.loop("k", [inner], multiply),
    ]
    return ["{", *indented(body), "}"] if rows == 1 else write.loop("i", [rows], body)


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
    write, q = job.write, job.write.at("q", "j")
    body = [
        write.row("q", job.y, at(y.shape, axes[2], "i", "0")),
        *write.loop("j", [y.shape[2]], [f"{q} = {write.number(0)};"]),
        *write.loop(
            "k",
            [inner],
            [write.value("v", x), *write.loop("j", [y.shape[2]], [f"{q} += v * {w};"])],
        ),
    ]
    return write.loop("bi", [y.shape[axes[2]], y.shape[1 - axes[2]]], body)


@kernel("softmax", "log_softmax")
def _softmax(job: Job) -> list[str]:
    (x,) = job.specs
    classes = x.shape[-1]
    rows = x.size // classes
    read = job.reads[0](f"i * {classes} + j")
    there, write = job.to(f"i * {classes} + j"), job.write
    power = write.call("exp", f"{read} - most")
    if job.node.op == "softmax":
        last = [f"{there} /= total;"]
        first = [f"{there} = {power};", f"total += {there};"]
    else:
        first = [f"total += {power};"]
        last = [f"{there} = {read} - most - total;"]
    body = [
        write.total(most=write.number(-inf), total=write.number(0)),
        *write.loop("j", [classes], [f"if ({read} > most) most = {read};"]),
        *write.loop("j", [classes], first),
        *([f"total = {write.call('log', 'total')};"] if job.node.op == "log_softmax" else []),
        *write.loop("j", [classes], last),
    ]
    return write.loop("i", [rows], body)


LETTERS = "abcdefgh"  # of axes


def _numbered(extents: Sequence[int]) -> list[str]:
    return list(LETTERS[: len(extents)])


@kernel("reduce_sum", "reduce_max", "reduce_min")
def _reduce(job: Job) -> list[str]:
    (x,), axes = job.specs, job.node.attributes["axes"]
    names = _numbered(x.shape)
    kept = [k for k in range(x.rank) if k not in axes]
    read = job.reads[0](flat_index(names, x.shape))
    there = flat_index([names[k] for k in kept], [x.shape[k] for k in kept])
    start, step = {
        "reduce_sum": (0.0, "t += v;"),
        "reduce_max": (-inf, "if (v > t || v != v) t = v;"),
        "reduce_min": (inf, "if (v < t || v != v) t = v;"),
    }[job.node.op]
    write = job.write
    inner = write.loop(
        "".join(names[k] for k in axes),
        [x.shape[k] for k in axes],
        [write.value("v", read), step],
    )
    body = [write.total(t=write.number(start)), *inner, f"{job.to(there)} = t;"]
    return write.loop("".join(names[k] for k in kept), [x.shape[k] for k in kept], body)


@kernel("argmax")
def _argmax(job: Job) -> list[str]:
    (x,), axis = job.specs, job.node.attributes["axis"]
    names = _numbered(x.shape)
    kept = [k for k in range(x.rank) if k != axis]
    read = job.reads[0](flat_index(names, x.shape))
    there = flat_index([names[k] for k in kept], [x.shape[k] for k in kept])
    write = job.write
    found = [
        write.value("v", read),
        f"if ({names[axis]} == 0 || v > t || (v != v && t == t)) {{ t = v; at = {names[axis]}; }}",
    ]
    body = [
        write.total(t=write.number(0)),
        write.counter("at"),
        *write.loop(names[axis], [x.shape[axis]], found),
        f"{job.to(there)} = {write.real('at')};",
    ]
    return write.loop("".join(names[k] for k in kept), [x.shape[k] for k in kept], body)


@kernel("one_hot")
def _one_hot(job: Job) -> list[str]:
    classes = job.node.attributes["classes"]
    read = job.reads[0]("i")
    write = job.write
    is_it = write.real(f"({read} == {write.real('j')})")
    body = [f"{job.to(f'i * {classes} + j')} = {is_it};"]
    return write.loop("ij", [job.specs[0].size, classes], body)


# --- what moves elements ------------------------------------------------------------------------------------------


@kernel("transpose")
def _transpose(job: Job) -> list[str]:
    (x,), y = job.specs, job.node.spec
    names = _numbered(y.shape)
    there = [names[job.node.attributes["permutation"].index(k)] for k in range(x.rank)]
    body = f"{job.to(flat_index(names, y.shape))} = {job.reads[0](flat_index(there, x.shape))};"
    return job.write.loop("".join(names), y.shape, [body])


@kernel("slice")
def _slice(job: Job) -> list[str]:
    (x,), y = job.specs, job.node.spec
    names = _numbered(y.shape)
    start = job.node.attributes["start"]
    there = [f"({n} + {s})" if s else n for n, s in zip(names, start, strict=True)]
    body = f"{job.to(flat_index(names, y.shape))} = {job.reads[0](flat_index(there, x.shape))};"
    return job.write.loop("".join(names), y.shape, [body])


def _copied(job: Job, operand: int, start: Sequence[int]) -> list[str]:
    """An operand copied into the result, from an index on."""
    x, y = job.specs[operand], job.node.spec
    names = _numbered(x.shape)
    there = [f"({n} + {s})" if s else n for n, s in zip(names, start, strict=True)]
    body = (
        f"{job.to(flat_index(there, y.shape))} = {job.reads[operand](flat_index(names, x.shape))};"
    )
    return job.write.loop("".join(names), x.shape, [body])


@kernel("pad")
def _pad(job: Job) -> list[str]:
    filled = job.write.fill(job.y, job.node.spec.size, job.node.attributes["value"])
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
