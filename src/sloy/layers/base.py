"""What a layer is, and what it may ask for while it is being built."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from inspect import signature
from numbers import Integral
from typing import TYPE_CHECKING, Any

from sloy import ops
from sloy.errors import InvalidArgument, SloyError
from sloy.graph.spec import Shape
from sloy.graph.tensor import Tensor
from sloy.graph.user import FOR_NUMPY, is_for_numpy
from sloy.initializers import Fans, Initializer, fans
from sloy.layers.config import decode, encode
from sloy.regularizers import Constraint, Regularizer
from sloy.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, repr=False)
class Layer(ABC):
    """One step of a network: a function of a tensor, with parameters and state of its own.

    Parameters
    ----------
    name : str, optional
        Letters, digits, ``_``, ``.`` and ``-``; by default the snake-cased class name and a number: ``conv2d_1``.
    """

    name: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.name is None:
            return
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise InvalidArgument(
                f"{self.kind}: `name` (={shown(self.name)}) must begin with a letter and hold letters,"
                " digits, `_`, `.` and `-` only."
            )

    @abstractmethod
    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """The layer's output for an input (N, …), its parameters asked from the scope."""

    @property
    def kind(self) -> str:
        """The class name, as errors and tables show it."""
        return type(self).__name__

    def __repr__(self) -> str:
        """The call that makes the layer, keyword arguments left out where they have their default."""
        parts = []
        for argument in sorted(fields(self), key=lambda f: bool(f.kw_only)):
            value = getattr(self, argument.name)
            if value == argument.default and (argument.kw_only or value is None):
                continue
            parts.append(f"{argument.name}={value!r}" if argument.kw_only else repr(value))
        return f"{self.kind}({', '.join(parts)})"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Shape of the output of one sample from that of its input.

        Examples
        --------
        >>> from sloy.layers import Conv2D
        >>> Conv2D(32, 3).output_shape((28, 28, 1))
        (26, 26, 32)
        """
        return Scope().chain([self], ops.input("x", (1, *input_shape))).shape[1:]

    def to_config(self, input_shape: Shape | None = None) -> dict[str, Any]:
        """The layer as JSON values: its class name under ``layer``, its arguments under their names.

        Parameters
        ----------
        input_shape : tuple of int, optional
            Of one sample. Layers with a user's function that mixes elements need it.

        Raises
        ------
        InvalidArgument
            Where the class is not made of its fields, which are all that a file holds of it.
        """
        names = [argument.name for argument in fields(self)]
        self._check_made_of(names)
        if self.name is None:
            names.remove("name")
        return {"layer": self.kind} | {n: encode(self.kind, getattr(self, n)) for n in names}

    def _check_made_of(self, names: Sequence[str]) -> None:
        taken = signature(type(self)).parameters
        by_fields = all(
            "from_config" not in vars(one) for one in type(self).__mro__ if one is not Layer
        )
        if by_fields and set(taken) != set(names):
            takes, has = (", ".join(f"`{name}`" for name in some) for some in (taken, names))
            raise InvalidArgument(
                f"{self.kind}: takes {takes or 'nothing'} but has the fields {has}, which are all that a file"
                " holds of a layer; make the class a dataclass, `@dataclass(frozen=True)`, whose fields are its"
                " arguments."
            )

    @classmethod
    def from_config(cls, arguments: Mapping[str, Any], depth: int = 0) -> Layer:
        """The layer from what `to_config` wrote, without the class name; use `layer_from_config`."""
        return cls(**{name: decode(value, depth) for name, value in arguments.items()})


@dataclass(frozen=True)
class Parameter:
    """A trained tensor of a network.

    Attributes
    ----------
    tensor : Tensor
        The variable.
    initializer : Initializer
    fans : (fan-in, fan-out)
        For the initialiser.
    regularizer : Regularizer or None
    constraint : Constraint or None
    """

    tensor: Tensor
    initializer: Initializer
    fans: Fans
    regularizer: Regularizer | None = None
    constraint: Constraint | None = None


@dataclass(frozen=True)
class State:
    """A tensor that is kept between steps without being trained.

    Attributes
    ----------
    tensor : Tensor
        The variable.
    initial : float
        Its first value, in every element.
    """

    tensor: Tensor
    initial: float


@dataclass
class Record:
    """What the layers of one network asked for, by full name, in order."""

    activations: dict[str, Tensor] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    updates: dict[str, Tensor] = field(default_factory=dict)
    masks: int = 0


@dataclass(frozen=True)
class Scope:
    """What a layer may ask for while it is being built.

    Parameters
    ----------
    training : bool
        Whether the layer is built for training or for use.
    dtype : str
        float32 or float64, the dtype of parameters, states and masks.
    key, step : Tensor, optional
        uint32 (2,) and uint32 (), which masks are drawn from.
    path : str
        Names of the layers around, ``residual_1/conv2d_1``; empty outside.
    """

    training: bool = False
    dtype: str = "float32"
    key: Tensor | None = None
    step: Tensor | None = None
    path: str = ""
    record: Record = field(default_factory=Record)

    def _full(self, name: str) -> str:
        return f"{self.path}/{name}" if self.path else name

    def child(self, name: str) -> Scope:
        """The scope of a layer inside this one; the record is shared."""
        return Scope(self.training, self.dtype, self.key, self.step, self._full(name), self.record)

    def parameter(
        self,
        name: str,
        shape: Shape,
        initializer: Initializer,
        *,
        fans_of: Shape | None = None,
        regularizer: Regularizer | None = None,
        constraint: Constraint | None = None,
    ) -> Tensor:
        """A trained tensor.

        Parameters
        ----------
        name : str
            Within the layer: ``weight``.
        shape : tuple of int
        initializer : Initializer
        fans_of : tuple of int, optional
            The shape whose fans the initialiser takes; a bias follows its weight. By default its own.
        regularizer, constraint : optional
        """
        full = self._full(name)
        self._check_new(full)
        tensor = ops.variable(full, shape, self.dtype)
        self.record.parameters[full] = Parameter(
            tensor,
            initializer,
            fans(shape if fans_of is None else fans_of),
            regularizer,
            constraint,
        )
        return tensor

    def state(self, name: str, shape: Shape, initial: float) -> Tensor:
        """A tensor that is kept between steps and not trained."""
        full = self._full(name)
        self._check_new(full)
        tensor = ops.variable(full, shape, self.dtype)
        self.record.states[full] = State(tensor, float(initial))
        return tensor

    def update(self, state: Tensor, value: Tensor) -> None:
        """The next value of a state; only in training."""
        name = state.attributes.get("name")
        if not self.training or name not in self.record.states:
            raise InvalidArgument(
                f"{self.path}: only a state can be updated, and only in training."
            )
        if value.spec != state.spec:
            raise InvalidArgument(f"{name}: the update is {value.spec}, the state {state.spec}.")
        self.record.updates[name] = value

    def mask(self, shape: Shape, keep: float) -> Tensor:
        """1 with probability `keep`, else 0; fresh on each step and at each place that asks."""
        if self.key is None or self.step is None:
            raise InvalidArgument(
                f"{self.path}: a random mask needs the `key` and the `step` of the build."
            )
        stream = self.record.masks
        self.record.masks += 1
        return ops.dropout_mask(
            self.key, self.step, stream=stream, keep=keep, shape=shape, dtype=self.dtype
        )

    def chain(self, layers: Sequence[Layer], x: Tensor) -> Tensor:
        """Layers one after another, each in a child scope of its own name.

        Every output is recorded among the activations. Errors name the layer; those that are not sloy's own get a
        note that does.
        """
        for name, layer in zip(layer_names(layers), layers, strict=True):
            inner = self.child(name)
            with _named(inner.path):
                x = _checked(layer.apply(inner, x), x)
            self.record.activations[inner.path] = x
        return x

    def _check_new(self, name: str) -> None:
        if name in self.record.parameters or name in self.record.states:
            raise InvalidArgument(f"{name}: the layer asks for this name twice.")


@contextmanager
def _named(path: str) -> Iterator[None]:
    """Errors from inside begin with the path of the layer."""
    try:
        yield
    except SloyError as error:
        text = str(error)
        error.args = (text if text.startswith(path) else f"{path}: {text}", *error.args[1:])
        raise
    except Exception as error:
        if is_for_numpy(error):
            raise InvalidArgument(f"{path}: the layer {FOR_NUMPY}.") from error
        error.add_note(f"sloy: while the layer `{path}` was being built.")
        raise


def _checked(y: Tensor, x: Tensor) -> Tensor:
    """A layer's output, which must be a tensor with the samples of its input."""
    if not isinstance(y, Tensor):
        raise InvalidArgument(f"the layer gives a {type(y).__name__}; it must give a Tensor.")
    if y.dtype != x.dtype or y.rank == 0 or y.shape[0] != x.shape[0]:
        raise InvalidArgument(
            f"the layer makes {y.spec} of {x.spec}; dtype and first extent (N) must stay."
        )
    return y


def snake_case(class_name: str) -> str:
    """A class name as layer names spell it.

    Examples
    --------
    >>> [snake_case(name) for name in ("Conv2D", "MaxPool2D", "BatchNorm", "LeakyReLU", "GELU")]
    ['conv2d', 'max_pool2d', 'batch_norm', 'leaky_relu', 'gelu']
    """
    spelled = class_name.replace("LU", "lu")  # ReLU, GELU, …: one word
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", spelled).lower()


def layer_names(layers: Sequence[Layer]) -> list[str]:
    """The name of each layer among its neighbours.

    A layer without a name of its own is numbered within its class, past names that are taken.

    Raises
    ------
    InvalidArgument
        Where two layers have been given one name.
    """
    taken: set[str] = set()
    for layer in layers:
        if layer.name is not None:
            if layer.name in taken:
                raise InvalidArgument(f"`name` (={shown(layer.name)}) is given to two layers.")
            taken.add(layer.name)
    counts: dict[str, int] = {}
    names = []
    for layer in layers:
        name = layer.name
        if name is None:
            stem = snake_case(layer.kind)
            while name is None or name in taken:
                counts[stem] = counts.get(stem, 0) + 1
                name = f"{stem}_{counts[stem]}"
            taken.add(name)
        names.append(name)
    return names


def chain_to_config(layers: Sequence[Layer], input_shape: Shape | None) -> list[dict[str, Any]]:
    """The configurations of layers one after another, each knowing the shape of its input."""
    configs = []
    for layer in layers:
        configs.append(layer.to_config(input_shape))
        if input_shape is not None:
            input_shape = layer.output_shape(input_shape)
    return configs


def as_layers(place: str, name: str, layers: object) -> tuple[Layer, ...]:
    """A sequence of layers as a tuple; anything else is a clear error."""
    if isinstance(layers, Layer) or not hasattr(layers, "__iter__") or isinstance(layers, str):
        raise InvalidArgument(f"{place}: `{name}` (={shown(layers)}) must be a list of layers.")
    found = tuple(layers)
    if not found:
        raise InvalidArgument(f"{place}: `{name}` is empty; it must hold at least one layer.")
    for position, layer in enumerate(found):
        if isinstance(layer, Layer):
            continue
        hint = ""
        if isinstance(layer, type) and issubclass(layer, Layer):
            hint = f"; write `{layer.__name__}(…)`"
        elif callable(layer):
            hint = "; wrap a function as `Activation(function)`"
        elif isinstance(layer, Integral):
            hint = f"; write `Dense({layer})`, `ReLU()`"
        raise InvalidArgument(
            f"{place}: `{name}[{position}]` (={shown(layer)}) must be a layer of sloy.layers{hint}."
        )
    return found
