"""What a network is made of and what it costs: the table that `Network.summary` gives."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from html import escape

from sloy import ops, text
from sloy.engines import Engine
from sloy.graph import Graph, Tensor, backprop
from sloy.graph.graph import topological_order
from sloy.graph.opdef import multiply_adds as multiply_adds_of
from sloy.graph.spec import Shape
from sloy.language import counted, say
from sloy.layers.base import Layer
from sloy.layers.built import Built


@dataclass(frozen=True)
class Row:
    """One layer.

    Attributes
    ----------
    name : str
        Full name: ``residual_1/conv2d_1`` of a layer inside a layer.
    depth : int
        0 for a layer of the network, 1 for a layer inside one, and so on.
    layer : str
        What was written, ``Conv2D(32, 3)``, in short; empty for layers inside a layer.
    output_shape : tuple of int
        Of one sample.
    parameters, states : int
        Trained numbers, and numbers that are kept without being trained.
    multiply_adds : int
        Of matrix products and convolutions in the forward pass of one sample.
    output_bytes : int
        Of the output of one batch; 0 where it only views its input.
    """

    name: str
    depth: int
    layer: str
    output_shape: Shape
    parameters: int
    states: int
    multiply_adds: int
    output_bytes: int


@dataclass(frozen=True)
class Summary:
    """The layers of a network and their totals; printing it gives a table.

    Attributes
    ----------
    input_shape : tuple of int
    rows : tuple of Row
    batch_size : int
    parameter_bytes : int
        Of parameters and states.
    step_variable_bytes : int
        Of all that a training step keeps: parameters, states, optimiser slots.
    step_arena_bytes : int
        Of everything else that a training step holds at its peak, as its engine foretells.
    inference_arena_bytes : int
        The same for use.
    """

    input_shape: Shape
    rows: tuple[Row, ...]
    batch_size: int
    parameter_bytes: int
    step_variable_bytes: int
    step_arena_bytes: int
    inference_arena_bytes: int

    @property
    def parameters(self) -> int:
        """Number of trained numbers."""
        return sum(row.parameters for row in self.rows if row.depth == 0)

    @property
    def states(self) -> int:
        """Number of kept but untrained numbers."""
        return sum(row.states for row in self.rows if row.depth == 0)

    @property
    def multiply_adds(self) -> int:
        """Of the forward pass of one sample."""
        return sum(row.multiply_adds for row in self.rows if row.depth == 0)

    @property
    def step_bytes(self) -> int:
        """Memory of a training step without the data: what it keeps and what it computes with."""
        return self.step_variable_bytes + self.step_arena_bytes

    def __str__(self) -> str:
        lines = text.aligned([_header(), *map(_cells, self.rows)], left=3)
        lines.insert(1, "─" * max(map(len, lines)))
        lines.append(lines[1])
        return "\n".join([*lines, *(f"{name}: {value}" for name, value in self._totals())])

    def _repr_html_(self) -> str:
        table = text.html_table([_header(), *map(_cells, self.rows)])
        totals = "".join(f"<div>{name}: {escape(value)}</div>" for name, value in self._totals())
        return f"{table}{totals}"

    def _totals(self) -> list[tuple[str, str]]:
        parameters = f"{text.count(self.parameters)} ({said_size(self.parameter_bytes)})"
        if self.states:
            kept = counted(self.states, "running statistic")
            parameters = say("{parameters}, and {kept}", parameters=parameters, kept=kept)
        products = say("{products} forward, per sample", products=text.count(self.multiply_adds))
        memory = say(
            "{step} to train ({kept} kept, {computed} computed), {parameters} + {arena} to use, beside the data",
            step=said_size(self.step_bytes),
            kept=said_size(self.step_variable_bytes),
            computed=said_size(self.step_arena_bytes),
            parameters=said_size(self.parameter_bytes),
            arena=said_size(self.inference_arena_bytes),
        )
        return [
            (say("input"), text.shape(self.input_shape)),
            (say("parameters"), parameters),
            (say("multiply-adds"), products),
            (say("memory for batches of {size}", size=self.batch_size), memory),
        ]


def summarize(
    layers: Mapping[str, Layer], x: Tensor, built: Built, step: Graph, engine: Engine
) -> Summary:
    """See `Network.summary`: layers by name, what they make of a batch x in use, a step of training."""
    kept = [p.tensor for p in built.parameters.values()]
    kept += [state.tensor for state in built.states.values()]
    updated = {name: step.nodes[number].spec for name, number in step.updates.items()}
    # As in training: loss and gradient are checked before any variable is written.
    guard = [name for name in ("loss", "gradient_norm") if name in step.outputs]
    return Summary(
        input_shape=x.shape[1:],
        rows=tuple(_rows(layers, built)),
        batch_size=x.shape[0],
        parameter_bytes=sum(tensor.spec.nbytes for tensor in kept),
        step_variable_bytes=sum(s.nbytes for s in ({**step.variables, **updated}).values()),
        step_arena_bytes=engine.memory_forecast(step, guard),
        inference_arena_bytes=engine.memory_forecast(Graph.of({"output": built.output})),
    )


def multiply_adds(tensors: Iterable[Tensor]) -> int:
    """Products that convolutions, their gradients and matrix products among the tensors sum."""
    return sum(
        multiply_adds_of(t.op, t.attributes, t.spec, [x.spec for x in t.inputs]) for t in tensors
    )


def _rows(layers: Mapping[str, Layer], built: Built) -> list[Row]:
    """A row for each layer, in the order of computation, a layer before those inside it."""
    batch = built.output.shape[0]
    parameters = {name: p.tensor.spec.size for name, p in built.parameters.items()}
    states = {name: s.tensor.spec.size for name, s in built.states.items()}
    seen: set[int] = set()
    own: dict[str, int] = {}  # multiply-adds beside those of the layers inside, which ran before
    for name, y in built.activations.items():
        new = [tensor for tensor in topological_order([y]) if id(tensor) not in seen]
        seen |= {id(tensor) for tensor in new}
        own[name] = multiply_adds(new) // batch
    return [
        Row(
            name=name,
            depth=len(_around(name, own)),
            layer=_written(layers[name]) if name in layers else "",
            output_shape=built.activations[name].shape[1:],
            parameters=_under(name, parameters),
            states=_under(name, states),
            multiply_adds=own[name] + _under(name, own),
            output_bytes=_output_bytes(built.activations[name]),
        )
        for name in _in_order(list(own))
    ]


def _written(layer: Layer) -> str:
    """The call that makes a layer, in short: layers inside it, functions and initialisers left out."""
    parts = []
    for argument in sorted(fields(layer), key=lambda f: bool(f.kw_only)):
        value = getattr(layer, argument.name)
        plain = isinstance(value, int | float | str) or (
            isinstance(value, tuple) and all(isinstance(v, int) for v in value)
        )
        if argument.kw_only and plain and argument.name != "name" and value != argument.default:
            parts.append(f"{argument.name}={value!r}")
        elif not argument.kw_only and value is not None:
            parts.append(repr(value) if plain else "…")
    return f"{layer.kind}({', '.join(parts)})"


def _around(name: str, names: Collection[str]) -> list[str]:
    """The layers that a layer is inside of, outermost first."""
    parts = name.split("/")
    return [p for i in range(1, len(parts)) if (p := "/".join(parts[:i])) in names]


def _in_order(names: Sequence[str]) -> list[str]:
    """Names as recorded (a layer after those inside it), each layer moved before those inside it."""
    number = {name: i for i, name in enumerate(names)}
    return sorted(names, key=lambda name: [number[n] for n in (*_around(name, number), name)])


def _under(name: str, sizes: Mapping[str, int]) -> int:
    return sum(size for key, size in sizes.items() if key.startswith(f"{name}/"))


def _output_bytes(y: Tensor) -> int:
    is_view = y.op == "reshape" or not y.inputs
    return 0 if is_view else y.spec.nbytes


def plain_descent(built: Built) -> Graph:
    """A step of plain gradient descent on the sum of the outputs: about what any training step computes.

    Its gradient's norm is among the outputs, as in training: all gradients are known before the first weight changes.
    """
    loss = ops.reduce_sum(built.output)
    tensors = [parameter.tensor for parameter in built.parameters.values()]
    updates = dict(built.updates)
    norm = ops.constant(0.0, loss.dtype)
    for name, w, g in zip(built.parameters, tensors, backprop(loss, tensors), strict=True):
        updates[name] = w - 0.01 * g
        norm = norm + ops.reduce_sum(ops.square(g))
    return Graph.of({"loss": loss, "gradient_norm": ops.sqrt(norm)}, updates)


# --- text -----------------------------------------------------------------------------------------


def _header() -> tuple[str, ...]:
    names = say("layer"), "", say("output"), say("parameters"), say("multiply-adds")
    return (*names, say("output bytes"))


def _cells(row: Row) -> tuple[str, ...]:
    return (
        "  " * row.depth + row.name.split("/", row.depth)[-1],
        row.layer,
        text.shape(row.output_shape),
        text.count(row.parameters) if row.parameters else "",
        text.count(row.multiply_adds) if row.multiply_adds else "",
        said_size(row.output_bytes) if row.output_bytes else "",
    )


def said_size(number: int) -> str:
    """Bytes in the unit that fits, the unit in the reader's language."""
    value, unit = text.size(number).split()
    return f"{value} {say(unit)}"
