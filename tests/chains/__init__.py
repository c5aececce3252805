"""Random chains of ONNX's operators: layouts, opsets, one sample or any number, and what onnxruntime makes of them.

Each operator is tried: attributes and operands are drawn with little care, and onnxruntime says whether it takes them.
What it takes stays in the chain. So nothing that is drawn here may be refused by sloy either, but for the reasons that
`chain` avoids: a result that depends on how many samples there are, or none of the samples at all.

Where a step of the last digit would be seen (rounding, comparing, ranking), values must be exact: inputs and constants
are small multiples of 1/8, and such operators stand only behind others that move, negate or choose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from sloy.errors import SloyError
from sloy.model import Model

onnxruntime.set_default_logger_severity(4)

NEWEST = 28  # that onnx 1.23 and onnxruntime 1.32 know
LAYOUTS = {
    "rows": (7,), "sequence": (5, 6), "tokens": (4, 5, 6), "channels first": (4, 6, 7), "channels last": (6, 7, 4),
    "volume": (2, 4, 3, 5),
}  # fmt: skip
LARGEST = 1e3  # values beyond are not drawn further
NOT_FINITE = "not finite in onnxruntime"
MOST = 4000  # elements of one sample of a value

Array = np.ndarray
Draw = Callable[["Chain"], "bool"]
DRAWS: list[tuple[Draw, bool]] = []  # and whether it needs exact values


@dataclass
class Chain:
    """A graph that grows, with what each of its values is for a few samples.

    Parameters
    ----------
    rng : numpy Generator
    opset : int
    batch : int or None
        The number of samples that the file is written for; None leaves it open.
    shape : tuple of int
        Of one sample.
    """

    rng: np.random.Generator
    opset: int
    batch: int | None
    shape: tuple[int, ...]
    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    values: dict[str, Array] = field(default_factory=dict)
    exact: set[str] = field(default_factory=set)
    last: str = "x"

    def __post_init__(self) -> None:
        n = self.batch or 2
        self.values["x"] = self.eighths((n, *self.shape), 16)
        self.exact.add("x")

    # --- what is drawn -----------------------------------------------------------------------------------------------

    def eighths(self, shape: Sequence[int], most: int = 8) -> Array:
        """Multiples of 1/8, in float32."""
        return (self.rng.integers(-most, most + 1, tuple(shape)) / 8).astype(np.float32)

    def pick(self, *options: Any) -> Any:
        """One of them."""
        return options[self.rng.integers(len(options))]

    def some(self, low: int, high: int) -> int:
        """An integer from low to high, both possible."""
        return int(self.rng.integers(low, high + 1))

    @property
    def now(self) -> Array:
        """The last value."""
        return self.values[self.last]

    @property
    def rank(self) -> int:
        """Of the last value."""
        return self.now.ndim

    @property
    def mixes(self) -> bool:
        """Whether operators may touch the first axis: each sample goes through alone."""
        return self.batch == 1

    def axis(self) -> int:
        """An axis of the last value, often counted from the end."""
        axis = self.some(0 if self.mixes else 1, self.rank - 1)
        return axis - self.rank if self.opset >= 11 and self.rng.random() < 0.4 else axis

    def axes(self) -> list[int]:
        """A few axes."""
        lowest = 0 if self.mixes else 1
        count = self.some(1, max(self.rank - lowest, 1))
        return sorted(self.rng.choice(np.arange(lowest, self.rank), count, replace=False).tolist())

    # --- what is written ---------------------------------------------------------------------------------------------

    def constant(self, array: Any, dtype: Any = None) -> str:
        """An initialiser."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def integers(self, *numbers: int) -> str:
        """An initialiser of 64-bit integers."""
        return self.constant(np.array(numbers, np.int64))

    def add(
        self,
        op: str,
        *inputs: str,
        outputs: int = 1,
        take: int = 0,
        exact: bool = False,
        **attributes: Any,
    ) -> bool:
        """A node, if onnxruntime takes it and its result is of use."""
        names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        given = {k: v for k, v in attributes.items() if v is not None}
        node = helper.make_node(op, inputs, names, name=f"n{len(self.nodes)}", **given)
        return self.grow([node], names[take], exact=exact)

    def grow(self, nodes: Sequence[Any], last: str, *, exact: bool = False) -> bool:
        """Nodes together, the last of which makes the next value."""
        read = [i for node in nodes for i in node.input]
        try:
            found = run(self.model(nodes, read, [last], few=True), self.fed(read))[0]
        except Exception:  # whatever onnxruntime has against it
            return False
        n = len(self.now)
        if found.dtype != np.float32 or not 0 < found.ndim <= 6 or not 0 < found.size <= MOST * n:
            return False
        if not np.isfinite(found).all() or np.abs(found).max() > LARGEST:
            return False
        if not self.mixes and (found.ndim < 2 or len(found) != (self.batch or 2)):
            return False
        self.nodes += nodes
        self.last = last
        self.values[last] = found
        if exact and all(i in self.exact for i in read if i in self.values):
            self.exact.add(last)
        return True

    def fed(self, names: Sequence[str]) -> dict[str, Array]:
        """What values are, by name."""
        return {name: self.values[name] for name in names if name in self.values}

    def model(
        self,
        nodes: Sequence[Any],
        inputs: Sequence[str],
        outputs: Sequence[str],
        *,
        few: bool = False,
    ) -> bytes:
        """A file; `few` with those inputs and the weights they name, and else with the batch as it is written."""
        given = []
        for name in dict.fromkeys(i for i in inputs if i in self.values):
            shape: list[Any] = list(self.values[name].shape)
            if not few:
                shape[0] = self.batch or "N"
            given.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        used = {i for node in nodes for i in node.input}
        graph = helper.make_graph(
            nodes,
            "chain",
            given,
            [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs],
            [w for w in self.weights if w.name in used],
        )
        opset = helper.make_opsetid("", self.opset)
        version = helper.find_min_ir_version_for([opset])
        return bytes(
            helper.make_model(graph, opset_imports=[opset], ir_version=version).SerializeToString()
        )

    def file(self) -> bytes:
        """The whole chain."""
        return self.model(self.nodes, ["x"], [self.last])

    def __str__(self) -> str:
        lines = [f"opset {self.opset}, batch {self.batch}, x {self.values['x'].shape}"]
        sizes = {w.name: tuple(w.dims) for w in self.weights}
        for node in self.nodes:
            said = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            operands = ", ".join(f"{i}{sizes[i]}" if i in sizes else i for i in node.input)
            shape = self.values[node.output[0]].shape if node.output[0] in self.values else "?"
            lines.append(f"  {node.output[0]} {shape} = {node.op_type}({operands}) {said or ''}")
        return "\n".join(lines)


def run(file: bytes, fed: dict[str, Array]) -> list[Array]:
    """What onnxruntime makes of a file."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return list(session.run(None, fed))


def chain(seed: int) -> Chain:
    """A chain of up to ten operators, the same for the same seed."""
    import chains.draws
    import chains.layers  # noqa: F401  these fill the table

    rng = np.random.default_rng(seed)
    opset = int(rng.integers(7, NEWEST + 1))
    batch = [None, 1, 1, 2][rng.integers(4)]
    shape = list(LAYOUTS.values())[rng.integers(len(LAYOUTS))]
    found = Chain(rng, opset, batch, shape)
    wanted = int(rng.integers(2, 11))
    for _ in range(60):
        if len(found.nodes) >= wanted:
            break
        draw, needs_exact = DRAWS[rng.integers(len(DRAWS))]
        if not needs_exact or found.last in found.exact:
            draw(found)
    if not found.nodes:
        found.add("Identity", "x")
    return found


def expected(found: Chain, x: Array) -> Array:
    """What onnxruntime makes of samples: all at once, or as many as the file is for."""
    file = found.file()
    if found.batch is None:
        return run(file, {"x": x})[0]
    parts = [run(file, {"x": x[i : i + found.batch]})[0] for i in range(0, len(x), found.batch)]
    joined = found.batch > 1 or parts[0].shape[:1] == (1,)
    return np.concatenate(parts) if joined else np.stack(parts)


def close(found: Array, wanted: Array) -> bool:
    """Whether numbers are the same, up to 1e-5 of the largest."""
    if found.shape != wanted.shape:
        return False
    return bool(np.abs(found - wanted).max() < 1e-5 * max(1.0, float(np.abs(wanted).max())))


def compared(seed: int, path: Path, engine: Any) -> tuple[str, Chain]:
    """The chain of a seed, and what became of it: "equal", not finite in onnxruntime, or what is wrong."""
    found = chain(seed)
    x = found.eighths((4 if found.batch == 2 else 3, *found.shape), 16)
    wanted = expected(found, x)
    if not np.isfinite(wanted).all():
        return NOT_FINITE, found
    path.write_bytes(found.file())
    try:
        y = Model.from_onnx(path, engine=engine)(x)
    except SloyError as error:
        return f"refused: {error}", found
    return ("equal" if close(y, wanted) else "other numbers or another shape"), found


def drawn(*, exact: bool = False) -> Callable[[Draw], Draw]:
    """Add to the table of what is drawn; a decorator."""

    def add(draw: Draw) -> Draw:
        DRAWS.append((draw, exact))
        return draw

    return add
