"""A whole graph as one layer: what came from another tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sloy.arguments import real
from sloy.errors import FileFormatError, InvalidArgument
from sloy.graph.spec import Shape
from sloy.graph.stored import function_from_config
from sloy.graph.stored.reading import MAX_ELEMENTS, MAX_RANK, Special, StoredFunction
from sloy.graph.tensor import Tensor
from sloy.initializers import Constant, GlorotUniform, Initializer
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register
from sloy.layers.dropout import drop
from sloy.layers.normalization import normalize
from sloy.text import shown

WEIGHT = "weight"  # what stands in place of the first value of a parameter that is drawn


@register
@dataclass(frozen=True, repr=False)
class Imported(Layer):
    """A graph of ops with parameters of its own, read from a file of another tool (`Model.from_onnx`): y = graph(x).

    Input and output (N, …) are those of the graph. Parameters and states are named by the graph:
    ``imported_1/conv_1/weight``. In training dropout drops and batch normalisation takes the moments of the batch, as
    the layers `Dropout` and `BatchNorm` do; everything else is the same in training and in use.

    Parameters
    ----------
    function : StoredFunction
        The graph (`sloy.graph.stored`), with four more kinds of nodes: ``parameter`` and ``state``, which the
        layer asks for, ``dropout`` and ``batch_normalization``, which training computes otherwise than use.
    values : sequence of (name, number)
        Values inside that are recorded among the activations: ``imported_1/conv_1``.
    """

    function: StoredFunction = field(kw_only=True)
    values: Sequence[tuple[str, int]] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.function, StoredFunction):
            raise InvalidArgument(
                f"Imported: `function` (={shown(self.function)}) must be a StoredFunction."
            )
        named = tuple((str(name), int(number)) for name, number in self.values)
        object.__setattr__(self, "values", named)

    def __repr__(self) -> str:
        return f"Imported({self.function!r}{'' if self.name is None else f', name={self.name!r}'})"

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        values, output = self.function.evaluate([x], handlers(scope))
        for name, number in self.values:
            if number >= len(values):
                raise InvalidArgument(f"there is no value {number} to be `{name}`.")
            scope.record.activations[f"{scope.path}/{name}"] = values[number]
        return values[output]

    def to_config(self, input_shape: Shape | None = None) -> dict[str, Any]:
        """See `Layer.to_config`."""
        config: dict[str, Any] = {
            "layer": self.kind,
            "function": self.function.config,
            "values": [[name, number] for name, number in self.values],
        }
        return config if self.name is None else {**config, "name": self.name}

    @classmethod
    def from_config(cls, arguments: Mapping[str, Any], depth: int = 0) -> Imported:
        """See `Layer.from_config`."""
        rest = dict(arguments)
        function, values = rest.pop("function"), rest.pop("values")
        if not isinstance(values, list) or not all(map(_is_named, values)):
            raise FileFormatError("Imported: `values` must be a list of names and numbers.")
        read = function_from_config(function, lambda dtype: handlers(Scope(dtype=dtype)))
        return cls(function=read, values=[(name, number) for name, number in values], **rest)


def handlers(scope: Scope) -> Special:
    """What the nodes of a stored graph that are no ops become in a scope."""
    return {
        "parameter": lambda a, operands: _leaf(scope, a, operands, trained=True),
        "state": lambda a, operands: _leaf(scope, a, operands, trained=False),
        "dropout": lambda a, operands: _drop(scope, a, operands),
        "batch_normalization": lambda a, operands: _normalize(scope, a, operands),
    }


def _leaf(
    scope: Scope, attributes: Mapping[str, Any], operands: Sequence[Tensor], *, trained: bool
) -> Tensor:
    _check("parameter", attributes, {"name", "shape", "initial"}, operands, 0)
    name, shape, initial = (attributes[key] for key in ("name", "shape", "initial"))
    if not isinstance(name, str) or not isinstance(shape, list) or len(shape) > MAX_RANK:
        raise FileFormatError("a parameter has a `name` and a `shape`.")
    if not all(type(extent) is int and 0 < extent < MAX_ELEMENTS for extent in shape):
        raise FileFormatError(f"the parameter {name[:40]!r} has the impossible shape {shape}.")
    drawn = trained and initial == WEIGHT
    value = 0.0 if drawn else real("Imported", "initial", initial)
    if not trained:
        return scope.state(name, tuple(shape), value)
    rule: Initializer = GlorotUniform() if drawn else Constant(value)
    return scope.parameter(name, tuple(shape), rule)


def _drop(scope: Scope, attributes: Mapping[str, Any], operands: Sequence[Tensor]) -> Tensor:
    _check("dropout", attributes, {"rate"}, operands, 1)
    return drop(scope, operands[0], real("dropout", "rate", attributes["rate"], least=0, below=1))


def _normalize(scope: Scope, attributes: Mapping[str, Any], operands: Sequence[Tensor]) -> Tensor:
    _check("batch_normalization", attributes, {"momentum", "epsilon"}, operands, 5)
    x, mean, variance, scale, shift = operands
    momentum = real("batch_normalization", "momentum", attributes["momentum"], least=0, most=1)
    epsilon = real("batch_normalization", "epsilon", attributes["epsilon"], above=0)
    return normalize(scope, x, mean, variance, scale, shift, momentum=momentum, epsilon=epsilon)


def _check(
    kind: str,
    attributes: Mapping[str, Any],
    names: set[str],
    operands: Sequence[Tensor],
    count: int,
) -> None:
    if set(attributes) != names or len(operands) != count:
        raise FileFormatError(f"a {kind} has the attributes {sorted(map(str, attributes))}.")


def _is_named(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and type(value[1]) is int
        and value[1] >= 0
    )
