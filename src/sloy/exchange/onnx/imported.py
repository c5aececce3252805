"""An ONNX graph as a stored graph of ops with named parameters, for any number of samples.

The graph is converted for 2 and for 3 samples; what differs tells what belongs to the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import sloy.exchange.onnx.expansions
import sloy.exchange.onnx.operators  # noqa: F401  fill the tables
from sloy import ops
from sloy.errors import FileFormatError, InvalidArgument, SloyError
from sloy.exchange.onnx import alone
from sloy.exchange.onnx.conversion import Conversion
from sloy.exchange.onnx.expansion import Together
from sloy.exchange.onnx.nodes import Unsupported
from sloy.exchange.onnx.reading import Info, OnnxGraph
from sloy.exchange.onnx.values import Order, channels_last, held, identity
from sloy.graph.graph import topological_order
from sloy.graph.spec import Shape
from sloy.graph.stored.reading import BATCHES, MAX_GRAPH_NODES
from sloy.graph.stored.writing import Trace, traces_to_config
from sloy.text import shown

INTEGERS = ("bool", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64")
TAKEN = ("float16", "bfloat16", "float32", "float64", "uint8", *INTEGERS)


@dataclass(frozen=True)
class ImportedGraph:
    """What `sloy.layers.Imported` is made of, and the values that its parameters have.

    Attributes
    ----------
    function : dict
        The configuration of the stored graph.
    values : list of (name, number)
        Its named values.
    arrays : dict
        Parameters and states by name within the layer.
    input_shape : tuple of int
        Of one sample.
    data_dtype : str
        What the graph takes: uint8, float32 or float64; other integers are taken in the computing dtype.
    dtype : str
        What it computes in.
    left_out : tuple of str
        Outputs of the file beside the one that was taken because none was asked for.
    """

    function: dict[str, Any]
    values: list[tuple[str, int]]
    arrays: dict[str, np.ndarray]
    input_shape: Shape
    data_dtype: str
    dtype: str
    left_out: tuple[str, ...] = ()


def convert(
    graph: OnnxGraph,
    *,
    input_shape: Sequence[int] | None = None,
    output: str | None = None,
    takes_channels_last: bool = False,
) -> ImportedGraph:
    """Convert a graph of one input and a batch axis.

    Parameters
    ----------
    input_shape : sequence of int, optional
        Of one sample as the file has it, where it leaves extents open.
    output : str, optional
        Any value of the graph; by default its first output.
    takes_channels_last : bool
        Whether the samples (C, …) of the file are given as (…, C).

    Raises
    ------
    Unsupported
        Where there are operators that sloy has no ops for; the message names them.
    FileFormatError, InvalidArgument
    """
    info = _input(graph)
    shape, batch = _sample_shape(info, input_shape)
    order = channels_last(len(shape) + 1) if takes_channels_last else identity(len(shape) + 1)
    wanted = _output(graph, output)
    floats = {a.dtype.name for a in graph.initializers.values() if a.dtype.kind == "f"}
    wide = info.dtype == "float64" or (info.dtype == "uint8" and floats == {"float64"})
    dtype = "float64" if wide else "float32"
    passes = _passes(graph, info, wanted, shape, batch, order)
    trace, conversion = passes[-1]
    try:
        config = traces_to_config([t for t, _ in passes])
    except InvalidArgument as error:
        raise Unsupported(f"the graph depends on the number of samples: {error}") from error
    number = {id(t): i for i, t in enumerate(trace.order)}
    named = [(name, number[id(t)]) for name, t in conversion.labels.items() if id(t) in number]
    inside = [t.attributes["name"] for t in trace.order if t.op in ("parameter", "state")]
    arrays = {name: conversion.leaves[name].value() for name in inside}
    data_dtype = "uint8" if info.dtype == "uint8" else dtype
    given = trace.arguments[0].shape[1:]
    others = tuple(o.name for o in graph.outputs if output is None and o.name != wanted)
    return ImportedGraph(config, _batched(named, trace), arrays, given, data_dtype, dtype, others)


def _passes(
    graph: OnnxGraph, info: Info, wanted: str, shape: Shape, batch: int | None, order: Order
) -> list[tuple[Trace, Conversion]]:
    """The graph for numbers of samples and float dtypes as `traces_to_config` takes them.

    A file that leaves the number of samples open but cannot be read for several has it for one somewhere inside, as
    exporters do that trace, or computes something of all samples together: then it is read as one that is written for
    one sample.
    """
    kinds = [*((n, "float64") for n in BATCHES), (BATCHES[0], "float32")]

    def traced(written: int | None) -> list[tuple[Trace, Conversion]]:
        return [_trace(graph, info, wanted, shape, written, n, kind, order) for n, kind in kinds]

    try:
        return traced(batch)
    except (FileFormatError, Together):
        if batch is not None:
            raise
        try:
            return traced(1)
        except SloyError:
            pass
        raise


def _input(graph: OnnxGraph) -> Info:
    if len(graph.inputs) != 1:
        names = ", ".join(repr(info.name[:40]) for info in graph.inputs) or "none"
        raise Unsupported(f"a model takes one input, this graph has {len(graph.inputs)}: {names}")
    (info,) = graph.inputs
    if info.dtype not in TAKEN:
        raise Unsupported(
            f"the input {info.name[:40]!r} is {info.dtype}; read are {', '.join(TAKEN)}"
        )
    if info.shape is None or len(info.shape) < 2:
        raise Unsupported(f"the input {info.name[:40]!r} of shape {info.shape} has no batch axis")
    return info


def _sample_shape(info: Info, given: Sequence[int] | None) -> tuple[Shape, int | None]:
    """The shape of one sample, and the number of samples that the file says."""
    assert info.shape is not None
    first, *rest = info.shape
    shape = rest if given is None else list(given)
    fits = len(shape) == len(rest) and all(
        not isinstance(e, int) or e < 1 or e == s for e, s in zip(rest, shape, strict=False)
    )
    open_ = any(not isinstance(e, int) or e < 1 for e in shape)
    if open_ or not fits:
        said = ", ".join(str(e) if e is not None else "?" for e in info.shape)
        raise InvalidArgument(
            f"the input {info.name[:40]!r} is ({said}); `input_shape` (={given}) must give the extents of a"
            " sample that fit it, without the first."
        )
    written = first if isinstance(first, int) and first > 0 else None
    return tuple(int(e) for e in shape if e is not None), written


def _output(graph: OnnxGraph, output: str | None) -> str:
    if output is None:
        return graph.outputs[0].name
    made = {name for node in graph.nodes for name in node.outputs if name}
    if output not in made:
        names = ", ".join(info.name for info in graph.outputs)
        raise InvalidArgument(
            f"`output` (={shown(output)}) is no value of the graph; its outputs are {names}."
        )
    return output


def _trace(
    graph: OnnxGraph,
    info: Info,
    wanted: str,
    shape: Shape,
    batch: int | None,
    n: int,
    dtype: str,
    order: Order,
) -> tuple[Trace, Conversion]:
    """The graph for n samples in a float dtype."""
    x = ops.input("0", tuple((n, *shape)[axis] for axis in order), dtype)
    conversion = Conversion(graph, dtype, trains=True)
    fed = ops.cast(x, conversion.holds(info.dtype)) if info.dtype in INTEGERS else x
    given = {info.name: held(fed, info.dtype, order)}
    found = (
        conversion.run(given, [wanted])
        if batch is None
        else alone.run(conversion, given, [wanted], batch)
    )
    value = found[wanted]
    if value.tensor is None or not value.is_float:
        raise Unsupported(f"the output {wanted[:40]!r} is {value.dtype}, no floating-point numbers")
    result = conversion.tensor(value)
    if result.rank == 0 or result.shape[0] != n:
        behind = n in result.shape
        raise Unsupported(
            f"the output {wanted[:40]!r} is {result.shape} for {n} samples; it must be (N, …)"
            + "; export it with the samples first (batch_first=True), or name a value before by --output"
            * behind
        )
    rest = [t for t in topological_order([result]) if t is not x]
    if len(rest) > MAX_GRAPH_NODES:
        raise FileFormatError(f"it makes {len(rest)} ops; at most {MAX_GRAPH_NODES} are read.")
    if all(t.op != "input" for t in topological_order([result])):
        raise Unsupported(f"the output {wanted[:40]!r} does not depend on the input")
    return Trace([x], [x, *rest], result), conversion


def _batched(named: list[tuple[str, int]], trace: Trace) -> list[tuple[str, int]]:
    """The values that are activations: computed of the samples, the last of a name."""
    samples = {id(x) for x in trace.arguments}
    for tensor in trace.order:
        if any(id(x) in samples for x in tensor.inputs):
            samples.add(id(tensor))
    n = trace.arguments[0].shape[0]
    return [
        (name, i)
        for name, i in named
        if id(trace.order[i]) in samples and trace.order[i].shape[:1] == (n,)
    ]
