"""Symbolic tensors: immutable values of a graph that is being written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Union

import numpy as np

from sloy.arguments import integers
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.attributes import made
from sloy.graph.opdef import opdef
from sloy.graph.spec import DTYPES, WIDTHS, Shape, Spec
from sloy.text import shown

Operand = Union["Tensor", float, int, np.number, np.ndarray]


def _operator(op: str, *, reflected: bool = False) -> Callable[[Tensor, Operand], Tensor]:
    """What an operator of Python does: an elementwise op; `reflected` where the tensor stands to the right."""

    def method(self: Tensor, other: Operand) -> Tensor:
        return elementwise(op, other, self) if reflected else elementwise(op, self, other)

    return method


class Tensor:
    """A value that an op will compute from other values; Python's operators make more of them.

    Two tensors are the same value only if they are the same object; ``==`` is not overloaded, use
    `sloy.ops.equal`.

    Attributes
    ----------
    op : str
        Name in the op registry, or ``input``, ``variable``, ``constant``.
    inputs : tuple of Tensor
        The operands.
    attributes : mapping
        What else the op needs (strides, axes, …).
    spec : Spec
        Shape and dtype of the value.

    Examples
    --------
    >>> x = input("x", (4, 3))
    >>> y = 2.0 * x + 1.0
    >>> y.op, y.shape, y.dtype
    ('add', (4, 3), 'float32')
    """

    __slots__ = ("attributes", "inputs", "op", "spec")
    __array_priority__ = 1000  # ndarray + Tensor calls Tensor.__radd__
    __array_ufunc__ = None

    op: str
    inputs: tuple[Tensor, ...]
    attributes: Mapping[str, Any]
    spec: Spec

    def __init__(
        self, op: str, inputs: tuple[Tensor, ...], attributes: Mapping[str, Any], spec: Spec
    ) -> None:
        object.__setattr__(self, "op", op)
        object.__setattr__(self, "inputs", inputs)
        if (
            type(attributes) is not MappingProxyType
        ):  # else those of another node: shared, never changed
            if not isinstance(attributes, Mapping):
                raise InvalidArgument(
                    f"Tensor: `attributes` (={shown(attributes)}) must be a mapping."
                )
            attributes = MappingProxyType(dict(attributes))
        object.__setattr__(self, "attributes", attributes)
        object.__setattr__(self, "spec", spec)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Tensor is immutable; `{name}` cannot be set.")

    @property
    def shape(self) -> Shape:
        """Extents of the value."""
        return self.spec.shape

    @property
    def dtype(self) -> str:
        """Type of the elements."""
        return self.spec.dtype

    @property
    def rank(self) -> int:
        """Number of axes."""
        return self.spec.rank

    def __repr__(self) -> str:
        name = f" {self.attributes['name']!r}" if "name" in self.attributes else ""
        return f"<Tensor {self.op}{name} {self.spec}>"

    def __bool__(self) -> bool:
        raise InvalidArgument(
            "a symbolic tensor has no truth value; use `sloy.ops.where(condition, a, b)`."
        )

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise InvalidArgument(
            "a symbolic tensor has no numbers to make an array of; an engine computes them."
        )

    def __iter__(self) -> Any:
        raise InvalidArgument("a symbolic tensor cannot be iterated over.")

    def __len__(self) -> int:
        raise InvalidArgument("a symbolic tensor has no length; its `shape` tells its extents.")

    def __getitem__(self, _: object) -> Tensor:
        raise InvalidArgument("a symbolic tensor has no elements; `sloy.ops.slice` takes a part.")

    def __float__(self) -> float:
        raise InvalidArgument("a symbolic tensor has no value yet; an engine computes it.")

    __int__ = __float__

    def __matmul__(self, other: Tensor) -> Tensor:
        return apply("matmul", (self, other), {"transpose_a": False, "transpose_b": False})

    def __neg__(self) -> Tensor:
        return elementwise("neg", self)

    def __abs__(self) -> Tensor:
        return elementwise("abs", self)

    __add__, __radd__ = _operator("add"), _operator("add", reflected=True)
    __sub__, __rsub__ = _operator("sub"), _operator("sub", reflected=True)
    __mul__, __rmul__ = _operator("mul"), _operator("mul", reflected=True)
    __truediv__, __rtruediv__ = _operator("div"), _operator("div", reflected=True)
    __pow__, __rpow__ = _operator("power"), _operator("power", reflected=True)
    __lt__, __le__ = _operator("less"), _operator("less_equal")
    __gt__, __ge__ = _operator("greater"), _operator("greater_equal")


def apply(op: str, inputs: Sequence[Tensor], attributes: Mapping[str, Any] | None = None) -> Tensor:
    """The result of an op, its spec inferred."""
    definition = opdef(op)
    operands = tuple(inputs)
    expect_tensors(op, *operands)
    if (definition.arity is not None and len(operands) != definition.arity) or not operands:
        raise InvalidArgument(
            f"{op}: takes {definition.arity or 'at least 1'} operands, got {len(operands)}."
        )
    given = dict(attributes or {})
    return Tensor(op, operands, given, definition.infer([x.spec for x in operands], given))


def applied(op: str, *inputs: Tensor, **written: Any) -> Tensor:
    """`apply` with attributes as users write them: each is made of the kind that the op's schema names, or refused."""
    schema = opdef(op).attributes
    return apply(op, inputs, {key: made(op, key, schema[key], v) for key, v in written.items()})


def expect_tensors(op: str, *operands: object) -> None:
    """Raise `InvalidArgument` unless every operand is a Tensor."""
    for operand in operands:
        if not isinstance(operand, Tensor):
            raise InvalidArgument(
                f"{op}: an operand is a {type(operand).__name__}, it must be a Tensor."
            )


def input(name: str, shape: Shape, dtype: str = "float32") -> Tensor:
    """A value fed to the graph on every step."""
    return Tensor("input", (), {"name": name}, _spec_of_leaf(shape, dtype))


def variable(name: str, shape: Shape, dtype: str = "float32") -> Tensor:
    """A value that is kept between steps: a parameter, an optimiser slot, a running statistic."""
    return Tensor("variable", (), {"name": name}, _spec_of_leaf(shape, dtype))


def _spec_of_leaf(shape: Shape, dtype: str) -> Spec:
    if not isinstance(dtype, str) or dtype not in DTYPES:  # bfloat16 is for values between ops
        raise InvalidArgument(f"`dtype` (={shown(dtype)}) must be one of {', '.join(DTYPES)}.")
    return Spec(integers("a leaf", "shape", shape), dtype)


def constant(value: Operand, dtype: str = "float32") -> Tensor:
    """A value known now; the array is copied and frozen."""
    if isinstance(value, Tensor):
        return value
    try:
        if np.asarray(value).dtype.kind not in "biuf":  # NumPy would make NaN of None
            raise TypeError
        with np.errstate(over="raise"):  # 1e300 is no float32
            array = np.array(value, dtype=dtype, order="C")
    except (TypeError, ValueError, ArithmeticError):
        raise InvalidArgument(
            f"{shown(value)} cannot stand beside tensors: it must be a Tensor, or a number or an array"
            f" that fits {dtype if isinstance(dtype, str) and dtype in WIDTHS else shown(dtype)}."
        ) from None
    array.flags.writeable = False
    return Tensor("constant", (), {"value": array}, Spec(array.shape, dtype))


def elementwise(op: str, *operands: Operand, **attributes: Any) -> Tensor:
    """Apply an elementwise op to operands of one dtype, broadcast against each other as NumPy does.

    Python numbers and arrays take the dtype of the tensors beside them. The broadcast is written into the graph as
    `broadcast_to`, so that an elementwise op always sees operands of one shape.
    """
    tensors = [x for x in operands if isinstance(x, Tensor)]
    if not tensors:
        raise InvalidArgument(f"{op}: at least one operand must be a Tensor.")
    dtype = tensors[0].dtype
    values = [x if isinstance(x, Tensor) else constant(x, dtype) for x in operands]
    for value in values:
        if value.dtype != dtype:
            raise InvalidArgument(
                f"{op}: operands have dtypes {dtype} and {value.dtype}; use `sloy.ops.cast` on one."
            )
    try:
        shape = np.broadcast_shapes(*(x.shape for x in values))
    except ValueError:
        shapes = " and ".join(str(x.shape) for x in values)
        raise ShapeError(f"{op}: shapes {shapes} cannot be broadcast together.") from None
    return apply(op, [broadcast_to(x, shape) for x in values], attributes)


def broadcast_to(x: Tensor, shape: Shape) -> Tensor:
    """Repeat a tensor along new leading axes and axes of extent 1, as NumPy does."""
    expect_tensors("broadcast_to", x)
    if type(shape) is not tuple or x.shape != shape:
        shape = integers("broadcast_to", "shape", shape)
    if x.shape == shape:
        return x
    return apply("broadcast_to", (x,), {"shape": shape})
