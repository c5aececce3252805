"""The C file: arrays, one function, and the memory that it works in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from sloy.errors import NotAvailable
from sloy.exchange.raw import Raw
from sloy.exchange.source.c_raw import commented, preparation
from sloy.exchange.source.dialect import C, indented
from sloy.exchange.source.expressions import string
from sloy.exchange.source.program import Program, clean_name, dimensions, fixed, numbers
from sloy.graph import Graph
from sloy.graph.spec import Spec

LARGEST = 1 << 21  # numbers in the arrays: about 35 MB of text
KEYWORDS = {
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern",
    "float", "for", "goto", "if", "inline", "int", "long", "main", "register", "restrict", "return", "short",
    "signed", "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while",
}  # fmt: skip


def c_name(stem: str) -> str:
    """A name that C takes, from a file's."""
    return clean_name(stem, KEYWORDS)


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
    size = numbers(variables)
    if size > LARGEST:
        raise NotAvailable(
            f"the network has {size} numbers; C source is written for at most {LARGEST} (ONNX has no such limit)."
        )
    program = CProgram(fixed(graph, [output], variables, "C"), C(name), raw=raw)
    return program.text(class_names, comment, header=header)


@dataclass
class CProgram(Program):
    """One pass over a graph of one input and one output."""

    raw: Raw | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        name = self.write.prefix
        self.before = preparation(self.raw, name, self._ends()[0].size) if self.raw else None

    def text(self, class_names: Sequence[str], comment: str, *, header: bool) -> str:
        """The whole file."""
        upper, body, before = self.write.prefix.upper(), self._lines(), self.before
        includes = ["#include <math.h>", *["#include <string.h>"] * (before is not None)]
        names = f"const char *const {self.write.prefix}_class_names[{len(class_names)}]"
        declared = [f"{self._signature()};", f"{self._check()};"]
        declared += before.declared if before else ()
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
            lines += ["", self.write.function_text(op)]
        lines += ["", *self._functions(body)]
        if header:
            lines += ["", f"#endif /* {upper}_IMPLEMENTATION */"]
        return "\n".join(lines) + "\n"

    def _signature(self) -> str:
        given = "double" if self.before else "float"
        return f"void {self.write.prefix}_predict(const {given} *x, float *y)"

    def _check(self) -> str:
        given = "double" if self.before else "float"
        return f"int {self.write.prefix}_wrong(const {given} *x)"

    def _checking(self) -> list[str]:
        """The function that looks at what is given."""
        body: Sequence[str] = self.before.wrong if self.before else ()
        if not body:
            size = f"{self.write.prefix.upper()}_INPUTS"
            body = [
                f"    for (int i = 0; i < {size}; ++i)",
                "        if (!isfinite(x[i])) return i;",
            ]
        said = "/* The place of the first number that cannot be given; -1 where all can. */"
        return [said, self._check(), "{", *body, "    return -1;", "}", ""]

    def _functions(self, body: list[str]) -> list[str]:
        """The functions that are called; with a preparation, which one calls, and the network's own."""
        if self.before is None:
            return [*self._checking(), self._signature(), "{", *indented(body), "}"]
        network = f"static void {self.write.prefix}_network(const float *x, float *y)"
        return [
            *self.before.defined,
            "",
            *[network, "{", *indented(body), "}", "", *self._checking(), self._signature(), "{"],
            f"    static float prepared[{self._ends()[0].size}];",
            f"    {self.write.prefix}_prepare(x, prepared);",
            f"    {self.write.prefix}_network(prepared, y);",
            "}",
        ]

    def _opening(self, comment: str, *, named: bool) -> list[str]:
        """What the reader of the file is told."""
        x, y = self._ends()
        given = f"{x.size} numbers, {dimensions(x.shape)}, row-major"
        order = f", in the order of {self.write.prefix}_class_names" if named else ""
        said: Sequence[str] = ()
        if self.before:
            first, *said = self.before.said
            given = f"{self.before.count} numbers, {first}"
        return [
            f"/* {commented(comment)}",
            "",
            f"   {self._signature()};",
            "",
            f"   x: {given}",
            *(f"   {line}".rstrip() for line in said),
            f"   {self.write.prefix}_wrong(x) says which of them cannot be given, from 0; -1: all can",
            f"   y: {y.size} numbers, {dimensions(y.shape)}{order}",
            "",
            f"   C99. It works in {4 * self.arena} bytes of static memory, so one call runs at a time. */",
        ]

    def _sizes(self) -> list[str]:
        x, y = self._ends()
        sizes = {"INPUTS": self.before.count if self.before else x.size, "OUTPUTS": y.size}
        return [
            f"#define {self.write.prefix.upper()}_{side} {size}" for side, size in sizes.items()
        ]

    def _ends(self) -> tuple[Spec, Spec]:
        return next(iter(self.graph.inputs.values())), self.graph.nodes[self.outputs[0]].spec

    def _lines(self) -> list[str]:
        lines = [f"static float memory[{self.arena}];"] if self.offsets else []
        lines += self.statements()
        return lines[1:] if lines and not lines[0] else lines

    def buffer(self, i: int) -> str:
        """See `Program`."""
        if i in self.outputs:
            return "y"
        return f"(memory + {self.offsets[i]})" if self.offsets[i] else "memory"

    def array(self, i: int) -> str:
        """See `Program`."""
        return self.arrays.setdefault(i, f"{self.write.prefix}_{len(self.arrays)}")

    def given(self, name: str) -> str:
        """See `Program`."""
        return "x"


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
    return [f"static const float {name}[{size}] = {{ /* {dimensions(value.shape)} */", *rows, "};"]


def _literals(values: np.ndarray) -> list[str]:
    """Numbers as C has them, exact to the last bit."""
    if not np.isfinite(values).all():
        return [C("").number(v) for v in values.tolist()]
    texts = list(map("%.9g".__mod__, values.tolist()))
    return [f"{t}f" if "." in t or "e" in t else f"{t}.0f" for t in texts]
