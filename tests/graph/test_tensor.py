"""Symbolic tensors: immutable, made by Python's operators, broadcast like NumPy."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from sloy import ops
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Graph, Tensor, constant, evaluate, input, variable
from sloy.graph.tensor import elementwise
from tolerances import ARITHMETIC, assert_close

X = np.array([[1.5, -2.0, 0.5], [3.0, 0.25, -1.0]])
Y = np.array([[2.0, 0.5, -1.5], [1.0, -0.25, 4.0]])


def value(tensor: Tensor, **feeds: np.ndarray) -> np.ndarray:
    """The tensor's value by the reference."""
    graph = Graph.of({"y": tensor})
    return evaluate(graph, feeds)[graph.outputs["y"]]


# --- immutability ---------------------------------------------------------------------------------
def test_a_tensor_is_immutable() -> None:
    x = input("x", (2, 3))
    for name in ("op", "inputs", "attributes", "spec", "anything"):
        with pytest.raises(AttributeError, match=f"a Tensor is immutable; `{name}` cannot be set"):
            setattr(x, name, None)
    with pytest.raises(TypeError):
        x.attributes["name"] = "y"  # type: ignore[index]


def test_attributes_are_a_copy() -> None:
    attributes = {"name": "x"}
    x = Tensor("input", (), attributes, input("x", ()).spec)
    attributes["name"] = "y"
    assert x.attributes["name"] == "x"


def test_a_constant_is_a_frozen_copy() -> None:
    array = np.ones(3, np.float32)
    c = constant(array)
    array[0] = 7
    assert c.attributes["value"].tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="read-only"):
        c.attributes["value"][0] = 7


@pytest.mark.parametrize("array", [np.ones((2, 3)).T, np.ones((4, 4))[::2, ::2], 3.0, [1, 2]])
def test_a_constant_is_dense(array: object) -> None:
    stored = constant(array, "float64").attributes["value"]  # type: ignore[arg-type]
    assert stored.flags.c_contiguous
    np.testing.assert_array_equal(stored, np.array(array))


def test_a_constant_of_a_tensor_is_the_tensor() -> None:
    x = input("x", (2,))
    assert constant(x) is x


# --- operators ------------------------------------------------------------------------------------
BINARY: list[Callable[..., object]] = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.lt, operator.le, operator.gt,
    operator.ge,
]  # fmt: skip


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
def test_operators_compute_what_numpy_computes(function: Callable[..., np.ndarray]) -> None:
    x, y = input("x", (2, 3), "float64"), input("y", (2, 3), "float64")
    pairs: list[tuple[object, object, object, object]] = [
        (x, y, X, Y),
        (x, 0.5, X, 0.5),
        (0.5, x, 0.5, X),
        (x, 2, X, 2),
        (2, x, 2, X),
        (x, Y, X, Y),
        (Y, x, Y, X),
        (x, np.float64(0.5), X, 0.5),
        (np.float64(0.5), x, 0.5, X),
    ]
    for a, b, first, second in pairs:
        result = function(a, b)
        assert isinstance(result, Tensor)
        feeds = {"x": X, "y": Y}
        assert_close(value(result, **feeds), function(first, second).astype(np.float64), ARITHMETIC)


def test_power_negation_absolute_and_product() -> None:
    x, y = input("x", (2, 3), "float64"), input("y", (2, 3), "float64")
    assert_close(value(x**2, x=X), X**2, ARITHMETIC)
    assert_close(value(2**x, x=X), 2**X, ARITHMETIC)
    assert_close(value(-x, x=X), -X, ARITHMETIC)
    assert_close(value(abs(x), x=X), np.abs(X), ARITHMETIC)
    product = x @ ops.transpose(y)
    assert_close(value(product, x=X, y=Y), X @ Y.T, ARITHMETIC, scale=np.abs(X) @ np.abs(Y.T) * 3)


def test_equality_is_identity() -> None:
    x, y = input("x", (2,)), input("x", (2,))
    assert x == x
    assert x != y
    assert len({x, y, x}) == 2
    assert ops.equal(x, y).op == "equal"


def test_numbers_take_the_dtype_of_the_tensor() -> None:
    for dtype in ("float32", "float64"):
        assert (input("x", (2,), dtype) * 3).dtype == dtype
        assert (np.float64(3.0) * input("x", (2,), dtype)).dtype == dtype
    counted = input("n", (2,), "int32") + 1
    assert counted.dtype == "int32"
    assert value(counted, n=np.array([1, 2], np.int32)).tolist() == [2, 3]


def test_a_tensor_has_no_truth_value() -> None:
    x = input("x", ())
    with pytest.raises(InvalidArgument, match=r"no truth value; use `sloy\.ops\.where"):
        bool(x)
    with pytest.raises(InvalidArgument, match="no truth value"):
        max(x, x * 2.0)


def test_a_tensor_cannot_be_iterated_over() -> None:
    with pytest.raises(InvalidArgument, match="cannot be iterated over"):
        list(input("x", (3,)))


def test_repr_says_what_it_is() -> None:
    x = input("x", (2, 3))
    assert repr(x) == "<Tensor input 'x' float32[2, 3]>"
    assert repr(x + 1.0) == "<Tensor add float32[2, 3]>"


# --- broadcasting ---------------------------------------------------------------------------------
SHAPES = [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (4, 1, 3), (4, 2, 1)]


def shape_pairs() -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """All pairs of these shapes."""
    for first in SHAPES:
        for second in SHAPES:
            yield first, second


@pytest.mark.parametrize(("first", "second"), list(shape_pairs()))
def test_broadcasting_is_numpys(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(first), rng.standard_normal(second)
    result = input("a", first, "float64") * input("b", second, "float64")
    assert_close(value(result, a=a, b=b), np.asarray(a * b), ARITHMETIC)


def test_the_broadcast_is_written_into_the_graph() -> None:
    x = input("x", (2, 3)) + input("y", (3,))
    assert [t.op for t in x.inputs] == ["input", "broadcast_to"]
    assert {t.shape for t in x.inputs} == {(2, 3)}
    same = input("x", (3,)) + input("y", (3,))
    assert [t.op for t in same.inputs] == ["input", "input"]


def test_where_broadcasts_all_three() -> None:
    x = input("x", (2, 3), "float64")
    result = ops.where(x > 0.0, 1.0, input("y", (3,), "float64"))
    row = np.array([7.0, 8.0, 9.0])
    assert_close(value(result, x=X, y=row), np.where(X > 0, 1.0, row), ARITHMETIC)


# --- errors ---------------------------------------------------------------------------------------
def test_shapes_that_do_not_fit_are_both_named() -> None:
    with pytest.raises(ShapeError, match=r"add: shapes \(2, 3\) and \(2,\) cannot be broadcast"):
        input("x", (2, 3)) + input("y", (2,))


def test_dtypes_that_differ_are_both_named() -> None:
    with pytest.raises(
        InvalidArgument, match=r"mul: operands have dtypes float32 and float64; use"
    ):
        input("x", (2,)) * input("y", (2,), "float64")


def test_an_elementwise_op_needs_a_tensor() -> None:
    with pytest.raises(InvalidArgument, match="add: at least one operand must be a Tensor"):
        elementwise("add", 1.0, 2.0)


def test_matmul_needs_matrices() -> None:
    with pytest.raises(ShapeError, match="inner extents 3 and 2 differ"):
        input("x", (2, 3)) @ input("y", (2, 3))


def test_leaves_check_their_specs() -> None:
    with pytest.raises(InvalidArgument, match="`dtype`"):
        input("x", (2,), "float16")
    with pytest.raises(InvalidArgument, match="`shape`"):
        variable("w", (-1,))


@pytest.mark.parametrize("other", ["x", "3", None, {}, [[1.0], [1.0, 2.0]], 1j, 1e300])
def test_what_is_no_number_cannot_stand_beside_a_tensor(other: Any) -> None:
    with pytest.raises(InvalidArgument, match="cannot stand beside tensors: it must be a Tensor"):
        input("x", (2,)) + other
    with pytest.raises(InvalidArgument, match=r"-1 cannot stand beside tensors.* that fits uint32"):
        input("x", (2,), "uint32") + (-1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.reduce_sum(3.0),
        lambda: ops.argmax(3.0),
        lambda: ops.conv2d(1, 2),
        lambda: ops.max_pool2d(1),
        lambda: ops.reshape(1, (1,)),
        lambda: ops.transpose(1),
        lambda: ops.slice(1, (), ()),
        lambda: ops.pad(1, (), ()),
        lambda: ops.concatenate([1, 2]),
        lambda: ops.broadcast_to(1, (2,)),
        lambda: ops.cast(1, "float32"),
        lambda: ops.clip(1, 0, 1),
        lambda: ops.exp(1),
        lambda: ops.moments(1),
        lambda: ops.softmax(1),
        lambda: ops.matmul(1, 2),
    ],
)
def test_a_number_alone_is_no_operand(call) -> None:
    with pytest.raises(InvalidArgument, match="must be a Tensor"):
        call()


@pytest.mark.parametrize("ask", [len, float, int, lambda x: x[0], list, bool])
def test_a_tensor_says_what_it_has_not(ask) -> None:
    with pytest.raises(InvalidArgument, match="a symbolic tensor"):
        ask(input("x", (3,)))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x: ops.reshape(x, "12"), "reshape: `shape` (='12') must be a tuple of integers."),
        (lambda x: ops.broadcast_to(x, (2.5, 3)), "broadcast_to: `shape` (=(2.5, 3)) must be"),
        (lambda x: ops.transpose(x, 1), "transpose: `permutation` (=1) must be"),
        (lambda x: ops.reduce_sum(x, 0.5), "reduce_sum: `axes` (=0.5) must be"),
        (lambda x: ops.reduce_max(x, keepdims=1), "reduce_max: `keepdims` (=1) must be True or"),
        (lambda x: ops.argmax(x, 2), "argmax: `axes` (=2) must lie within the 2 axes"),
        (lambda x: ops.argmax(x, 0.5), "argmax: `axis` (=0.5) must be an integer"),
        (lambda x: ops.clip(x, "0", 1), "clip: `low` (='0') must be a number."),
        (lambda x: ops.matmul(x, x, transpose_b="yes"), "matmul: `transpose_b` (='yes') must be"),
        (lambda x: ops.pad(x, (1, 1), (0, 0), None), "pad: `value` (=None) must be a number."),
        (lambda x: ops.cast(x, ["float32"]), "cast: `dtype` (=['float32']) must be a str."),
    ],
)
def test_attributes_that_are_none_are_named(call, said: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(said)):
        call(input("x", (2, 3)))
