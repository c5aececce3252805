"""The JavaScript of a network: its layout in one memory, its weights as text, its statements; and a module of it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sloy.data.tables import TableReader
from sloy.data.tables.columns import Category, Column, Date, Numeric
from sloy.data.tables.values import AROUND, MISSING
from sloy.errors import NotAvailable
from sloy.exchange.raw import Raw, codes, numbers_for_missing
from sloy.exchange.source.dialect import JavaScript, indented
from sloy.exchange.source.kernels import Job
from sloy.exchange.source.program import Program, dimensions, fixed
from sloy.graph import Graph
from sloy.preprocessing import Preprocessing
from sloy.text import script_json

FOLDER = Path(__file__).parent
LARGEST = 15_000_000  # bytes of weights: 20 MB of text
Precision = Literal["float32", "float16", "int8"]
PRECISIONS: dict[Precision, int] = {"float32": 4, "float16": 2, "int8": 1}  # bytes of a number


@cache
def script(name: str) -> str:
    """A script of this room."""
    return (FOLDER / name).read_text(encoding="utf-8")


@cache
def kernels() -> str:
    """The kernels of WebAssembly in base64."""
    return b64encode((FOLDER / "wasm" / "kernels.wasm").read_bytes()).decode()


def runtime() -> str:
    """What starts a network: ``kernels`` and ``started``."""
    return f'const kernels = "{kernels()}";\n\n{script("runtime.js")}'


def rounded(array: np.ndarray, precision: Precision) -> np.ndarray:
    """What is left of an array that is stored so; arrays of one axis are stored as they are.

    Parameters
    ----------
    array : array, shape (…, O)
    precision : "float32", "float16" or "int8"
        "int8" has a scale for each output channel.

    Examples
    --------
    >>> rounded(np.array([[1 / 3, 1.0]]), "float16").tolist()
    [[0.333251953125, 1.0]]
    """
    packed = _packed(np.asarray(array, np.float32), precision)
    if packed.kind == "float32":
        return np.asarray(array, np.float32)
    values = packed.values.astype(np.float32)
    return values if packed.scales is None else values * packed.scales


@dataclass(frozen=True, eq=False)
class _Packed:
    kind: str
    values: np.ndarray
    scales: np.ndarray | None = None


def _packed(array: np.ndarray, precision: Precision) -> _Packed:
    large = array.ndim >= 2 and np.isfinite(array).all()
    if precision == "int8" and large:
        most = np.abs(array).reshape(-1, array.shape[-1]).max(0)
        scales = np.where(most > 0, most / 127, 1).astype(np.float32)
        return _Packed("int8", np.rint(array / scales).clip(-127, 127).astype(np.int8), scales)
    if precision == "float16" and large and np.abs(array).max(initial=0) < 65504:
        return _Packed("float16", array.astype(np.float16))
    return _Packed("float32", array)


def network_script(
    graph: Graph,
    outputs: Sequence[str],
    variables: Mapping[str, np.ndarray],
    *,
    precision: Precision = "float32",
) -> str:
    """Plain script that defines ``layout``, ``weights``, ``forward`` and what starts them, ``started``.

    Parameters
    ----------
    graph : Graph
        Inference on one sample.
    outputs : sequence of str
        Which of its outputs.
    variables : mapping
        Parameters and states; their places are in ``layout.parameters``.
    precision : str
        How weights are stored; see `rounded`.

    Raises
    ------
    NotAvailable
        Where the network is too large, or an op has no JavaScript.
    """
    bytes_of = PRECISIONS[precision] * sum(array.size for array in variables.values())
    if bytes_of > LARGEST:
        raise NotAvailable(
            f"the network's weights take {bytes_of} bytes as {precision}; JavaScript is written for at most {LARGEST}."
        )
    variables = {name: rounded(array, precision) for name, array in variables.items()}
    program = JavaScriptProgram(fixed(graph, outputs, variables, "JavaScript"), JavaScript("sloy"))
    return f"{program.text(variables, precision)}\n\n{runtime()}"


@dataclass
class JavaScriptProgram(Program):
    """One pass over a graph; all it works on lies in one array of floats."""

    places: dict[int, int] = field(default_factory=dict)
    inputs: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        nodes, at = self.graph.nodes, 0
        for i, node in enumerate(nodes):
            if node.op == "constant" and node.attributes["value"].size > 1:
                self.places[i] = at
                at += node.spec.size
        for name, spec in self.graph.inputs.items():
            self.inputs[name] = at
            at += spec.size
        self.arena_at = at
        at += self.arena
        for i in self.outputs:
            self.places.setdefault(i, at)
            at += nodes[i].spec.size
        self.size = at

    def text(self, variables: Mapping[str, np.ndarray], precision: Precision) -> str:
        """``layout``, ``weights`` and ``forward``."""
        body = self.statements()
        nodes = self.graph.nodes
        layout = {
            "size": self.size,
            "inputs": [[self.inputs[name], spec.size] for name, spec in self.graph.inputs.items()],
            "outputs": {
                name: {
                    "at": self.places[i],
                    "size": nodes[i].spec.size,
                    "shape": nodes[i].spec.shape[1:],
                }
                for name, i in self.graph.outputs.items()
            },
            "parameters": self._parameters(variables),
        }
        weights = [self._stored(i, precision) for i in self.places if nodes[i].op == "constant"]
        return "\n".join(
            [
                "const f = Math.fround;",
                *(self.write.function_text(op) for op in sorted(self.used)),
                f"const layout = {script_json(layout)};",
                f"const weights = {script_json(weights)};",
                "",
                "function forward(m, quick) {",
                *indented(body[1:]),
                "}",
            ]
        )

    def _stored(self, i: int, precision: Precision) -> dict[str, Any]:
        value = np.asarray(self.graph.nodes[i].attributes["value"], np.float32)
        packed = _packed(value, precision)
        found = {"at": self.places[i], "kind": packed.kind, "data": _base64(packed.values)}
        return found if packed.scales is None else {**found, "scales": _base64(packed.scales)}

    def _parameters(self, variables: Mapping[str, np.ndarray]) -> dict[str, int]:
        """Where parameters lie that are used as they are."""
        constants = {
            (node.spec.shape, node.attributes["value"].tobytes()): self.places[i]
            for i, node in enumerate(self.graph.nodes)
            if node.op == "constant" and i in self.places
        }
        found = {}
        for name, array in variables.items():
            key = (array.shape, array.tobytes())
            if key in constants:
                found[name] = constants[key]
        return found

    def kernel(self, job: Job, lines: list[str]) -> list[str]:
        """See `Program`: with a call of WebAssembly where there is one."""
        call = self._quick(job)
        if call is None:
            return lines
        return [f"if (quick) {call};", "else {", *indented(lines), "}"]

    def _quick(self, job: Job) -> str | None:
        a, y = job.node.attributes, job.node.spec.shape
        places = [self._lying(i) for i in job.node.inputs]
        if None in places:
            return None
        buffers = ", ".join([*map(str, places), job.y])
        if job.node.op == "matmul" and not (a["transpose_a"] or a["transpose_b"]):
            rows, inner = job.specs[0].shape
            return f"quick.product({buffers}, {rows}, {inner}, {y[1]})"
        if job.node.op != "conv2d":
            return None
        (_, height, width, channels), (kh, kw, inputs, outputs) = (s.shape for s in job.specs)
        sizes = [height, width, channels, kh, kw, *y[1:3]]
        how = [*a["stride"], a["padding"][0], a["padding"][2], *a["dilation"]]
        if a["groups"] == 1:
            return f"quick.convolution({buffers}, {', '.join(map(str, [*sizes, outputs, *how]))})"
        if inputs == 1 and outputs == channels:
            return f"quick.depthwise({buffers}, {', '.join(map(str, [*sizes, *how]))})"
        return None

    def _lying(self, i: int) -> int | None:
        """Where a value lies as a whole; None where it is computed as it is read."""
        node = self.graph.nodes[i]
        if i in self.steps:
            return int(self.buffer(i))
        if node.op == "input":
            return self.inputs[node.attributes["name"]]
        if node.op == "constant":
            return self.places.get(i)
        return self._lying(node.inputs[0]) if node.op == "reshape" else None

    def buffer(self, i: int) -> str:
        """See `Program`."""
        return str(self.places[i] if i in self.outputs else self.arena_at + self.offsets[i])

    def array(self, i: int) -> str:
        """See `Program`."""
        return str(self.places[i])

    def given(self, name: str) -> str:
        """See `Program`."""
        return str(self.inputs[name])


def _base64(values: np.ndarray) -> str:
    return b64encode(np.ascontiguousarray(values).tobytes()).decode()


# --- what comes before the network ----------------------------------------------------------------


def table_json(reader: TableReader) -> dict[str, Any]:
    """What `table.js` prepares rows by."""
    columns: list[dict[str, Any]] = []
    for column in reader.arranged:
        said: dict[str, Any] = {
            "name": column.name,
            "kind": column.kind,
            "missing": has_gaps(column),
        }
        if isinstance(column, Category):
            found, other = codes(column, reader.missing)
            said |= {"codes": found, "other": other}
        elif isinstance(column, Date):
            said["parts"] = [list(part) for part in column.parts]
        else:
            assert isinstance(column, Numeric)
            said["scale"] = [float(column.mean), float(column.deviation)]
            if column.ends:
                said["ends"] = [[float(v) for v in end] for end in column.ends]
        columns.append(said)
    gaps = list(dict.fromkeys([*MISSING, *reader.missing]))
    missing = numbers_for_missing(reader.missing)
    return {"columns": columns, "missing": missing, "gaps": gaps, "around": AROUND}


def has_gaps(column: Column) -> bool:
    """Whether training had rows without a value."""
    return isinstance(column, Category | Date | Numeric) and column.missing


# --- the module -----------------------------------------------------------------------------------


def module(
    network: str,
    output: str,
    shapes: tuple[Sequence[int], Sequence[int]],
    *,
    class_names: Sequence[str] = (),
    comment: str = "",
    raw: Raw | None = None,
) -> tuple[str, str]:
    """An ES module, and its types for TypeScript.

    Parameters
    ----------
    network : str
        Of `network_script`.
    output : str
        The output that is given.
    shapes : (tuple, tuple)
        Of one input and one output.
    class_names : sequence of str
    comment : str
        The first line.
    raw : Raw, optional
        What makes the input: a table's reader, or a preprocessing in double precision.
    """
    is_table = isinstance(raw, TableReader)
    before, given, takes = "", f"givenNumbers(x, {prod(shapes[0])})", "ArrayLike<number>"
    if isinstance(raw, TableReader):
        before = f"const table = {script_json(table_json(raw))};\n{script('table.js')}"
        given, takes = "preparedRow(table, x)", "Record<string, string | number | Date | null>"
    elif isinstance(raw, Preprocessing):
        numbers = script_json([list(raw.mean), list(raw.deviation)])
        before = (
            f"const [means, deviations] = {numbers};\n"
            "const scaled = (x) => Float32Array.from(x, (v, i) => (v - means[i % means.length])"
            " / deviations[i % deviations.length]);\n"
        )
        given = f"scaled({given})"
    x = (
        "a row: {column: value}"
        if is_table
        else f"{dimensions(tuple(shapes[0]))} numbers, row-major"
    )
    what = f"@param {{{takes}}} x - {x}\n * @returns {{Float32Array}}"
    text = f"""// {comment}
// One ES module without dependencies, for browsers and Node: import {{ predict }} from "./…".

{network}
{script("given.js")}
{before}
let ready;

/** What one raw sample is put into. */
export const inputShape = {json.dumps(list(shapes[0]))};
export const outputShape = {json.dumps(list(shapes[1]))};
export const classNames = {json.dumps(list(class_names), ensure_ascii=False)};
export const columns = {json.dumps(list(raw.names) if isinstance(raw, TableReader) else [], ensure_ascii=False)};

/** The network's answer to one sample: probabilities, or values.
 * {what}
 */
export function predict(x) {{
  ready ??= started(layout, weights, forward, kernels);
  ready.run({given});
  return ready.output({json.dumps(output)}).slice();
}}
"""
    types = f"""// {comment}
export declare const inputShape: readonly number[];
export declare const outputShape: readonly number[];
export declare const classNames: readonly string[];
export declare const columns: readonly string[];
/** The network's answer to one sample: {x}. */
export declare function predict(x: {takes}): Float32Array;
"""
    return text, types
