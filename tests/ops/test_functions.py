"""The functions that users call: what they make of their arguments before an op sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sloy import ops
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Graph, Tensor, evaluate
from tolerances import SAME_FORMULA, assert_close


def image(height: int, width: int, channels: int = 2) -> Tensor:
    """A symbolic image of one sample."""
    return ops.input("x", (1, height, width, channels), "float64")


def kernel(height: int, width: int, inputs: int = 2, outputs: int = 3) -> Tensor:
    """Symbolic weights."""
    return ops.variable("w", (height, width, inputs, outputs), "float64")


def value(tensor: Tensor, **feeds: np.ndarray) -> np.ndarray:
    """The tensor's value by the reference."""
    graph = Graph.of({"y": tensor})
    return evaluate(graph, feeds)[graph.outputs["y"]]


# --- windows -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("padding", "sides"),
    [
        ("valid", (0, 0, 0, 0)),
        (2, (2, 2, 2, 2)),
        ((1, 2), (1, 1, 2, 2)),
        ([1, 2], (1, 1, 2, 2)),
        ((1, 2, 3, 4), (1, 2, 3, 4)),
        ("same", (1, 1, 0, 1)),
    ],
)
def test_padding_is_top_bottom_left_right(padding: Any, sides: tuple[int, ...]) -> None:
    y = ops.conv2d(image(8, 8), kernel(3, 2), padding=padding)
    assert y.attributes["padding"] == sides
    expected = (1, 8 + sides[0] + sides[1] - 2, 8 + sides[2] + sides[3] - 1, 3)
    assert y.shape == expected


@pytest.mark.parametrize("extent", range(1, 12))
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_gives_the_extent_over_the_stride(
    extent: int, size: int, stride: int, dilation: int
) -> None:
    y = ops.conv2d(
        image(extent, 30),
        kernel(size, 1),
        padding="same",
        stride=(stride, 1),
        dilation=(dilation, 1),
    )
    assert y.shape == (1, -(-extent // stride), 30, 3)
    top, bottom, left, right = y.attributes["padding"]
    assert (left, right) == (0, 0)
    assert 0 <= bottom - top <= 1  # an odd rest goes to the bottom


def test_same_puts_the_odd_rest_at_bottom_and_right() -> None:
    y = ops.conv2d(image(5, 6), kernel(2, 4), padding="same")
    assert y.attributes["padding"] == (0, 1, 1, 2)


def test_numbers_stand_for_both_directions() -> None:
    y = ops.conv2d(image(9, 9), kernel(2, 2), stride=2, dilation=3)
    assert (y.attributes["stride"], y.attributes["dilation"]) == ((2, 2), (3, 3))
    assert ops.max_pool2d(image(9, 9), (3, 2)).attributes["stride"] == (3, 2)  # the window
    assert ops.average_pool2d(image(9, 9), 3, stride=1).attributes["stride"] == (1, 1)


@pytest.mark.parametrize("padding", ["full", -1, (1, -1), (1, 2, 3), (), 1.5, (1.0, 1.0)])
def test_bad_padding_is_named(padding: Any) -> None:
    message = r"`padding` \(=.*\) must be 'valid', 'same'"
    with pytest.raises(InvalidArgument, match=message):
        ops.conv2d(image(8, 8), kernel(3, 3), padding=padding)
    with pytest.raises(InvalidArgument, match=message):
        ops.max_pool2d(image(8, 8), 2, padding=padding)


@pytest.mark.parametrize("name", ["stride", "dilation"])
@pytest.mark.parametrize("bad", [0, -1, (1, 0), (1, 2, 3), 1.5])
def test_bad_strides_and_dilations_are_named(name: str, bad: Any) -> None:
    with pytest.raises(
        InvalidArgument, match=rf"`{name}` \(=.*\) must be an integer of at least 1"
    ):
        ops.conv2d(image(8, 8), kernel(3, 3), **{name: bad})


def test_pooling_names_what_is_wrong() -> None:
    with pytest.raises(InvalidArgument, match=r"`window` \(=0\)"):
        ops.max_pool2d(image(4, 4), 0)
    with pytest.raises(InvalidArgument, match=r"`padding` \(=\(2, 2, 2, 2\)\) must be smaller"):
        ops.average_pool2d(image(4, 4), 2, padding=2)
    with pytest.raises(ShapeError, match=r"it must be \(N, H, W, C\)"):
        ops.max_pool2d(ops.input("x", (4, 4)), 2)


def test_a_kernel_too_large_is_named_with_both_sizes() -> None:
    with pytest.raises(ShapeError, match=r"\(=5 × 5\) is larger than the padded input \(3 × 3\)"):
        ops.conv2d(image(3, 3), kernel(5, 5))


# --- reductions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axes", "keepdims", "shape"),
    [
        (None, False, ()),
        (None, True, (1, 1, 1)),
        (-1, False, (2, 3)),
        ((0, -1), False, (3,)),
        ([-1, 0], True, (1, 3, 1)),
        ((1, 1), False, (2, 4)),
        ((), False, (2, 3, 4)),
    ],
)
def test_axes(axes: Any, keepdims: bool, shape: tuple[int, ...]) -> None:
    x = ops.input("x", (2, 3, 4), "float64")
    for function in (ops.reduce_sum, ops.reduce_max, ops.reduce_min, ops.reduce_mean):
        assert function(x, axes, keepdims=keepdims).shape == shape


@pytest.mark.parametrize("axes", [3, -4, (0, 3)])
def test_axes_beyond_are_named(axes: Any) -> None:
    for function in (ops.reduce_sum, ops.reduce_max, ops.reduce_min, ops.reduce_mean):
        with pytest.raises(InvalidArgument, match=r"`axes` .* must lie within the 3 axes"):
            function(ops.input("x", (2, 3, 4)), axes)
    with pytest.raises(InvalidArgument, match="must lie within the 3 axes"):
        ops.argmax(ops.input("x", (2, 3, 4)), 3)


def test_mean_and_moments() -> None:
    x = ops.input("x", (4, 5, 3), "float64")
    data = np.random.default_rng(0).standard_normal((4, 5, 3))
    assert_close(value(ops.reduce_mean(x), x=data), np.mean(data), SAME_FORMULA, scale=1.0)
    rows = value(ops.reduce_mean(x, 1, keepdims=True), x=data)
    assert_close(rows, data.mean(axis=1, keepdims=True), SAME_FORMULA, scale=1.0)
    mean, variance = ops.moments(x)
    assert_close(value(mean, x=data), data.mean(axis=(0, 1)), SAME_FORMULA, scale=1.0)
    assert_close(value(variance, x=data), data.var(axis=(0, 1)), SAME_FORMULA, scale=1.0)
    with pytest.raises(ShapeError, match="has no elements"):
        ops.reduce_mean(ops.input("x", (0, 3)))


def test_argmax_counts_axes_from_the_end() -> None:
    x = ops.input("x", (2, 3), "float64")
    data = np.array([[1.0, 5.0, 2.0], [7.0, 0.0, 7.0]])
    assert value(ops.argmax(x), x=data).tolist() == [1, 0]
    assert value(ops.argmax(x, 0), x=data).tolist() == [1, 0, 1]


# --- shape ops -----------------------------------------------------------------------------------


def test_what_changes_nothing_adds_nothing() -> None:
    x = ops.input("x", (2, 3))
    assert ops.reshape(x, (2, 3)) is x
    assert ops.reshape(x, (-1, 3)) is x
    assert ops.transpose(x, (0, 1)) is x
    assert ops.broadcast_to(x, (2, 3)) is x
    assert ops.slice(x, (0, 0), (2, 3)) is x
    assert ops.pad(x, (0, 0), (0, 0)) is x
    assert ops.concatenate([x]) is x
    assert ops.cast(x, "float32") is x
    assert ops.reduce_sum(x, ()) is x


@pytest.mark.parametrize(
    ("shape", "result"),
    [((-1,), (24,)), ((4, -1), (4, 6)), ((-1, 2, 3), (4, 2, 3)), ((24, -1), (24, 1))],
)
def test_one_extent_may_be_left_open(shape: tuple[int, ...], result: tuple[int, ...]) -> None:
    assert ops.reshape(ops.input("x", (2, 3, 4)), shape).shape == result


@pytest.mark.parametrize("shape", [(5, -1), (0, -1), (25,), (-1, -1)])
def test_shapes_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgument, match="reshape"):
        ops.reshape(ops.input("x", (2, 3, 4)), shape)


def test_transpose_reverses_by_default() -> None:
    assert ops.transpose(ops.input("x", (2, 3, 4))).shape == (4, 3, 2)


def test_concatenate_counts_axes_from_the_end() -> None:
    x, y = ops.input("x", (2, 3)), ops.input("y", (2, 1))
    assert ops.concatenate([x, y]).shape == (2, 4)
    assert ops.concatenate([x, y], -1).attributes["axis"] == 1
    with pytest.raises(InvalidArgument, match="needs at least one tensor"):
        ops.concatenate([])


def test_square_is_a_product() -> None:
    x = ops.input("x", (3,), "float64")
    assert value(ops.square(x), x=np.array([1.0, -2.0, 3.0])).tolist() == [1.0, 4.0, 9.0]


def test_a_users_own_function_is_ordinary_ops() -> None:
    """Row L10: any σ, any L, in one line of Python."""
    z = ops.input("z", (3,), "float64")
    swish = z * ops.sigmoid(z)
    data = np.array([-1.0, 0.0, 2.0])
    assert_close(value(swish, z=data), data / (1 + np.exp(-data)), SAME_FORMULA)
