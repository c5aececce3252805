"""The file: arrays, one function, and the memory that it works in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

from sloy.errors import NotAvailable
from sloy.exchange.c_source.expressions import (
    ELEMENTWISE,
    broadcast_index,
    expression,
    function_text,
    number,
    string,
)
from sloy.exchange.c_source.kernels import KERNELS, Job, indented, loop
from sloy.exchange.c_source.raw import preparation
from sloy.exchange.raw import Raw
from sloy.graph import REGISTRY, Graph
from sloy.graph.arena import Lifetime, assign_offsets
from sloy.graph.graph import Node
from sloy.graph.passes import lower, optimize
from sloy.graph.spec import Spec
from sloy.graph.tensor import Tensor, constant

LARGEST = 1 << 21  # numbers in the arrays: about 35 MB of text
KEYWORDS = {
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern",
    "float", "for", "goto", "if", "inline", "int", "long", "main", "register", "restrict", "return", "short",
    "signed", "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while",
}  # fmt: skip

_VIEWS = ("reshape",)
SUPPORTED = {*ELEMENTWISE, *KERNELS, "reshape", "broadcast_to"}


def c_name(stem: str) -> str:
    """A name that C takes, from a file's."""
    name = re.sub(r"\W", "_", stem, flags=re.ASCII).strip("_") or "model"
    return f"model_{name}" if name[0].isdigit() or name in KEYWORDS else name


def source(
    graph: Graph,
    output: str,
    variables: Mapping[str, np.ndarray],
    name: str,
    *,
    class_names: Sequence[str] = (),
    comment: str = "",
    header: bool = False,
    raw: Raw | None = None,
) -> str:
    """The text of the file.

    Parameters
    ----------
    graph : Graph
        Inference on one sample; one input.
    output : str
        Which of its outputs.
    variables : mapping
        Parameters and states.
    name : str
        What the file's names begin with.
    header : bool
        Whether it is a header, whose definitions stand behind ``#ifdef NAME_IMPLEMENTATION``.
    raw : Raw, optional
        What makes the input, of doubles.

    Raises
    ------
    NotAvailable
        Where the network is too large, or an op has no C.
    """
    size = sum(array.size for array in variables.values())
    if size > LARGEST:
        raise NotAvailable(
            f"the network has {size} numbers; C source is written for at most {LARGEST} (ONNX has no such limit)."
        )
    program = Program(_fixed(graph, output, variables), name, raw)
    return program.text(class_names, comment, header=header)


def _fixed(graph: Graph, output: str, variables: Mapping[str, np.ndarray]) -> Graph:
    """The graph of one output, its variables constants, in ops that have C."""

    def rule(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
        if node.op == "variable":
            return constant(variables[node.attributes["name"]], node.spec.dtype)
        return Tensor(node.op, operands, node.attributes, node.spec)

    for node in graph.nodes:
        if node.inputs and node.op not in SUPPORTED and REGISTRY[node.op].expand is None:
            raise NotAvailable(f"the op `{node.op}` has no C.")
    only = Graph(graph.nodes, {output: graph.outputs[output]}, {})
    return optimize(lower(only.rebuild(rule, leaves=True), SUPPORTED, "C"))


@dataclass
class Program:
    """One pass over a graph."""

    graph: Graph
    name: str
    raw: Raw | None = None
    arrays: dict[int, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.steps = [i for i, node in enumerate(self.graph.nodes) if self._is_step(i, node)]
        (self.output,) = self.graph.outputs.values()
        self.arena, self.offsets = self._arena()
        width = self._ends()[0].size
        self.before = preparation(self.raw, self.name, width) if self.raw else None

    def text(self, class_names: Sequence[str], comment: str, *, header: bool) -> str:
        """The whole file."""
        upper, body, before = self.name.upper(), self._body(), self.before
        includes = ["#include <math.h>", *["#include <string.h>"] * (before is not None)]
        names = f"const char *const {self.name}_class_names[{len(class_names)}]"
        declared = [f"{self._signature()};", *(before.declared if before else ())]
        declared += [f"extern {names};"] if class_names else []
        lines = [*self._opening(comment, named=bool(class_names)), ""]
        lines += [f"#ifndef {upper}_H", f"#define {upper}_H"] if header else includes
        lines += ["", *self._sizes(), "", *_for_cpp(declared)]
        if header:
            lines += ["", f"#endif /* {upper}_H */", ""]
            lines += [f"#if defined({upper}_IMPLEMENTATION) && !defined({upper}_IMPLEMENTED)"]
            lines += [f"#define {upper}_IMPLEMENTED", "", *includes]
        if class_names:
            lines += ["", f"{names} = {{", *(f"    {string(n)}," for n in class_names), "};"]
        for i, array in self.arrays.items():
            lines += ["", *_array(array, self.graph.nodes[i].attributes["value"])]
        for op in sorted(self.used):
            lines += ["", function_text(op, self.name)]
        lines += ["", *self._functions(body)]
        if header:
            lines += ["", f"#endif /* {upper}_IMPLEMENTATION */"]
        return "\n".join(lines) + "\n"

    def _signature(self) -> str:
        given = "double" if self.before else "float"
        return f"void {self.name}_predict(const {given} *x, float *y)"

    def _functions(self, body: list[str]) -> list[str]:
        """The function that is called; with a preparation, which it calls, and the network's own."""
        if self.before is None:
            return [self._signature(), "{", *indented(body), "}"]
        network = f"static void {self.name}_network(const float *x, float *y)"
        return [
            *self.before.defined,
            "",
            *[network, "{", *indented(body), "}", "", self._signature(), "{"],
            f"    static float prepared[{self._ends()[0].size}];",
            f"    {self.name}_prepare(x, prepared);",
            f"    {self.name}_network(prepared, y);",
            "}",
        ]

    def _opening(self, comment: str, *, named: bool) -> list[str]:
        """What the reader of the file is told."""
        x, y = self._ends()
        given = f"{x.size} numbers, {_shape(x.shape)}, row-major"
        order = f", in the order of {self.name}_class_names" if named else ""
        said: Sequence[str] = ()
        if self.before:
            first, *said = self.before.said
            given = f"{self.before.count} numbers, {first}"
        return [
            f"/* {comment}",
            "",
            f"   {self._signature()};",
            "",
            f"   x: {given}",
            *(f"   {line}".rstrip() for line in said),
            f"   y: {y.size} numbers, {_shape(y.shape)}{order}",
            "",
            f"   C99. It works in {4 * self.arena} bytes of static memory, so one call runs at a time. */",
        ]

    def _sizes(self) -> list[str]:
        x, y = self._ends()
        sizes = {"INPUTS": self.before.count if self.before else x.size, "OUTPUTS": y.size}
        return [f"#define {self.name.upper()}_{side} {size}" for side, size in sizes.items()]

    def _ends(self) -> tuple[Spec, Spec]:
        return next(iter(self.graph.inputs.values())), self.graph.nodes[self.output].spec

    # --- what is computed where --------------------------------------------------------------------------------------

    def _is_step(self, i: int, node: Node) -> bool:
        """Whether a value is written to memory; the others are read through, or computed where they are used."""
        if node.is_leaf or node.op in _VIEWS:
            return i in self.graph.outputs.values()
        if node.op not in ELEMENTWISE and node.op != "broadcast_to":
            return True
        users = self.graph.users[i]
        if i in self.graph.outputs.values():
            return True
        if node.op == "broadcast_to" and self.graph.nodes[node.inputs[0]].is_leaf:
            return False
        return len(users) > 1 or any(self.graph.nodes[u].op not in ELEMENTWISE for u in users)

    def _arena(self) -> tuple[int, dict[int, int]]:
        """Floats of memory, and where each step's value lies in it."""
        when = {i: k for k, i in enumerate(self.steps)}
        last = dict(when)
        for step in self.steps:
            for i in self._read_by(step):
                last[i] = max(last[i], when[step])
        own = [i for i in self.steps if i != self.output]
        buffers = [Lifetime(4 * self.graph.nodes[i].spec.size, when[i], last[i]) for i in own]
        offsets, total = assign_offsets(buffers)
        return total // 4, {i: offset // 4 for i, offset in zip(own, offsets, strict=True)}

    def _read_by(self, step: int) -> set[int]:
        """The steps whose values a step reads, through what is computed on the way."""
        found: set[int] = set()
        stack = list(self.graph.nodes[step].inputs)
        while stack:
            i = stack.pop()
            if i in self.steps:
                found.add(i)
            else:
                stack += self.graph.nodes[i].inputs
        return found

    # --- code --------------------------------------------------------------------------------------------------------

    def _body(self) -> list[str]:
        lines = [f"static float memory[{self.arena}];"] if self.offsets else []
        for i in self.steps:
            node, y = self.graph.nodes[i], self._buffer(i)
            lines += ["", f"/* {node.op}: {_shape(node.spec.shape)} */"]
            if node.op in KERNELS:
                specs = [self.graph.nodes[j].spec for j in node.inputs]
                reads = [lambda at, j=j: self._element(j, at) for j in node.inputs]
                lines += KERNELS[node.op](Job(node, specs, reads, y))
            else:
                lines += loop("i", [node.spec.size], [f"{y}[i] = {self._computed(i, 'i')};"])
        return lines[1:] if lines and not lines[0] else lines

    def _buffer(self, i: int) -> str:
        if i == self.output:
            return "y"
        return f"(memory + {self.offsets[i]})" if self.offsets[i] else "memory"

    def _element(self, i: int, at: str) -> str:
        """The expression of an element of a value."""
        return f"{self._buffer(i)}[{at}]" if i in self.steps else self._computed(i, at)

    def _computed(self, i: int, at: str) -> str:
        node = self.graph.nodes[i]
        if node.op == "input":
            return f"x[{at}]"
        if node.op == "constant":
            value = node.attributes["value"]
            if value.size == 1:
                return number(value.reshape(())[()])
            return f"{self.arrays.setdefault(i, f'{self.name}_{len(self.arrays)}')}[{at}]"
        if node.op in _VIEWS:
            return self._element(node.inputs[0], at)
        if node.op == "broadcast_to":
            source = self.graph.nodes[node.inputs[0]].spec.shape
            return self._element(node.inputs[0], broadcast_index(at, source, node.spec.shape))
        return expression(node, [self._element(j, at) for j in node.inputs], self.used, self.name)


def _for_cpp(lines: Sequence[str]) -> list[str]:
    """Declarations that C++ takes as C's."""
    before, after = (
        ["#ifdef __cplusplus", 'extern "C" {', "#endif"],
        ["#ifdef __cplusplus", "}", "#endif"],
    )
    return [*before, *lines, *after]


def _array(name: str, value: np.ndarray) -> list[str]:
    texts = _literals(value.astype(np.float32).reshape(-1))
    rows = ["    " + ", ".join(texts[k : k + 6]) + "," for k in range(0, len(texts), 6)]
    size = prod(value.shape)
    return [f"static const float {name}[{size}] = {{ /* {_shape(value.shape)} */", *rows, "};"]


def _literals(values: np.ndarray) -> list[str]:
    """Numbers as C has them, exact to the last bit."""
    if not np.isfinite(values).all():
        return [number(v) for v in values.tolist()]
    texts = list(map("%.9g".__mod__, values.tolist()))
    return [f"{t}f" if "." in t or "e" in t else f"{t}.0f" for t in texts]


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "1"
