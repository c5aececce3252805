"""Wrong arguments, inputs that do not fit: one clear error, naming layer, argument, value and what is allowed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sloy import ops
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Tensor
from sloy.layers import (
    ELU,
    GELU,
    Activation,
    AdaptiveAveragePool2D,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    GlobalAveragePool2D,
    Heaviside,
    Layer,
    LeakyReLU,
    Maxout,
    MaxPool2D,
    PerNeuron,
    ReLU,
    Reshape,
    Residual,
    Scope,
    Sign,
    Softmax,
)
from sloy.problem import Network


class Nothing(Layer):
    """A layer that forgets to return."""

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        return None  # type: ignore[return-value]


ARGUMENTS: list[tuple[Callable[[], Layer], str]] = [
    (lambda: Dense(0), r"Dense: `units` \(=0\) must be an integer of at least 1"),
    (lambda: Dense(2.5), r"Dense: `units` \(=2.5\) must be an integer"),  # type: ignore[arg-type]
    (lambda: Dense(True), r"Dense: `units` \(=True\) must be an integer"),
    (lambda: Dense(3, use_bias=1), r"Dense: `use_bias` \(=1\) must be True or False"),  # type: ignore[arg-type]
    (lambda: Dense(3, weight_initializer="he"), r"`weight_initializer` \(='he'\).*he_normal"),
    (lambda: Dense(3, bias_initializer=None), r"`bias_initializer` \(=None\)"),  # type: ignore[arg-type]
    (lambda: Dense(3, weight_initializer="constant"), r"`weight_initializer` \(='constant'\)"),
    (
        lambda: Dense(3, weight_regularizer="l2"),
        r"`weight_regularizer` \(='l2'\) must be a Regularizer",
    ),  # type: ignore[arg-type]
    (lambda: Dense(3, bias_constraint=2), r"`bias_constraint` \(=2\) must be a Constraint or None"),  # type: ignore[arg-type]
    (lambda: Dense(3, name="1st"), r"Dense: `name` \(='1st'\) must begin with a letter"),
    (lambda: Dense(3, name=""), r"Dense: `name` \(=''\)"),
    (lambda: Conv2D(0, 3), r"Conv2D: `filters` \(=0\)"),
    (lambda: Conv2D(3, 0), r"Conv2D: `kernel_size` \(=0\)"),
    (lambda: Conv2D(3, (3, 3, 3)), r"Conv2D: `kernel_size` \(=\(3, 3, 3\)\)"),  # type: ignore[arg-type]
    (lambda: Conv2D(3, "3"), r"Conv2D: `kernel_size` \(='3'\)"),  # type: ignore[arg-type]
    (lambda: Conv2D(3, None), r"Conv2D: `kernel_size` \(=None\)"),  # type: ignore[arg-type]
    (lambda: Conv2D(3, 3, stride=0), r"Conv2D: `stride` \(=0\)"),
    (lambda: Conv2D(3, 3, dilation=(1, 0)), r"Conv2D: `dilation` \(=\(1, 0\)\)"),
    (
        lambda: Conv2D(3, 3, padding="full"),
        r"Conv2D: `padding` \(='full'\) must be 'valid', 'same'",
    ),
    (lambda: Conv2D(3, 3, padding=-1), r"Conv2D: `padding` \(=-1\)"),
    (lambda: Conv2D(3, 3, padding=(1, 2, 3)), r"Conv2D: `padding` \(=\(1, 2, 3\)\)"),
    (lambda: Conv2D(3, 3, groups=2), r"`groups` \(=2\) must divide `filters` \(=3\)"),
    (lambda: MaxPool2D(0), r"MaxPool2D: `window` \(=0\)"),
    (lambda: MaxPool2D(2, stride=-1), r"MaxPool2D: `stride` \(=-1\)"),
    (lambda: AdaptiveAveragePool2D((7, 0)), r"AdaptiveAveragePool2D: `grid` \(=\(7, 0\)\)"),
    (lambda: AveragePool2D(2, padding="most"), r"AveragePool2D: `padding` \(='most'\)"),
    (lambda: AveragePool2D(2, count_include_pad=0), r"`count_include_pad` \(=0\)"),  # type: ignore[arg-type]
    (lambda: Reshape((-1, -1)), r"Reshape: `shape` \(=\(-1, -1\)\)"),
    (lambda: Reshape((0, 2)), r"Reshape: `shape` \(=0\)"),
    (lambda: Reshape(7), r"Reshape: `shape` \(=7\)"),  # type: ignore[arg-type]
    (lambda: Dropout(1.0), r"Dropout: `rate` \(=1.0\).* at least 0 and less than 1"),
    (lambda: Dropout(-0.1), r"Dropout: `rate` \(=-0.1\)"),
    (lambda: Dropout(float("nan")), r"Dropout: `rate` \(=nan\) must be a finite number"),
    (lambda: Dropout("0.5"), r"Dropout: `rate` \(='0.5'\)"),  # type: ignore[arg-type]
    (lambda: BatchNorm(momentum=1.0), r"BatchNorm: `momentum` \(=1.0\)"),
    (lambda: BatchNorm(epsilon=0.0), r"BatchNorm: `epsilon` \(=0.0\).* greater than 0"),
    (lambda: Maxout(3, 0), r"Maxout: `pieces` \(=0\)"),
    (lambda: LeakyReLU(float("inf")), r"LeakyReLU: `negative_slope` \(=inf\)"),
    (lambda: ELU(0.0), r"ELU: `alpha` \(=0.0\)"),
    (lambda: GELU(approximate="tanh"), r"GELU: `approximate` \(='tanh'\)"),  # type: ignore[arg-type]
    (lambda: Sign(straight_through=1), r"Sign: `straight_through` \(=1\)"),  # type: ignore[arg-type]
    (lambda: Heaviside(straight_through=0), r"Heaviside: `straight_through` \(=0\)"),  # type: ignore[arg-type]
    (lambda: Residual([]), r"Residual: `layers` is empty"),
    (lambda: Residual(ReLU()), r"Residual: `layers` .* must be a list of layers"),  # type: ignore[arg-type]
    (lambda: Residual([ReLU()], [ops.tanh]), r"`shortcut\[0\]`.*Activation\(function\)"),  # type: ignore[list-item]
    (lambda: Residual([ReLU(name="a"), ReLU(name="a")]), r"`name` \(='a'\) is given to two layers"),
    (lambda: Activation(ReLU), r"Activation: `function` .*write `ReLU\(…\)` itself"),
    (lambda: Activation(ReLU()), r"Activation: `function` .*a layer stands by itself"),  # type: ignore[arg-type]
    (lambda: Activation("relu"), r"Activation: `function` \(='relu'\)"),  # type: ignore[arg-type]
    (lambda: PerNeuron([]), r"PerNeuron: `activations` \(=\[\]\)"),
    (lambda: PerNeuron([Softmax()]), r"Softmax\(\), which does not treat each element alike"),
    (lambda: PerNeuron([Dropout(0.5), Dense(1)]), r"Dense\(1\), which does not treat"),
    (lambda: PerNeuron([(ReLU(), 0)]), r"PerNeuron: `count` \(=0\)"),
    (lambda: PerNeuron(["relu"]), r"PerNeuron: `activations` holds 'relu'"),  # type: ignore[list-item]
]


@pytest.mark.parametrize(("make", "message"), ARGUMENTS, ids=[m[:50] for _, m in ARGUMENTS])
def test_arguments(make: Callable[[], Layer], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        make()


SHAPES: list[tuple[tuple[int, ...], list[Layer], str]] = [
    ((28, 28, 1), [Dense(3)], r"dense_1: .*\(1, 28, 28, 1\); put Flatten\(\) before it"),
    ((28, 28), [Conv2D(3, 3)], r"conv2d_1: Conv2D needs .*\(N, H, W, C\).*\(1, 28, 28\)"),
    ((8, 8, 1), [Conv2D(3, 3), Conv2D(3, 7)], r"conv2d_2: .*7 × 7.*larger than .*6 × 6"),
    (
        (8, 8, 3),
        [Conv2D(4, 3, groups=2)],
        r"conv2d_1: `groups` \(=2\).* 3 channels of \(1, 8, 8, 3\)",
    ),
    ((4, 4, 1), [MaxPool2D(5)], r"max_pool2d_1: .*5 × 5.*4 × 4"),
    ((4, 4, 1), [MaxPool2D(2, padding=2)], r"max_pool2d_1: .*`padding`.* smaller than the window"),
    ((9,), [AveragePool2D(2)], r"average_pool2d_1: AveragePool2D needs"),
    ((9,), [GlobalAveragePool2D()], r"global_average_pool2d_1: "),
    ((9,), [Reshape((2, 5))], r"reshape_1: a sample of shape \(9,\) has 9 elements.*\(2, 5\)"),
    ((9,), [Reshape((2, -1))], r"reshape_1: .*9 elements.*\(2, -1\)"),
    ((2, 2), [Maxout(3)], r"maxout_1: .*\(1, 2, 2\); put Flatten"),
    ((5,), [Residual([Dense(4)])], r"residual_1: the layers make \(1, 4\), the shortcut \(1, 5\)"),
    ((5,), [Residual([Reshape((5, 1)), Dense(4)])], r"residual_1/dense_1: Dense needs"),
    ((5,), [Residual([Dense(4)], [Conv2D(4, 1)])], r"residual_1/shortcut/conv2d_1: Conv2D needs"),
    ((5,), [PerNeuron([ReLU()] * 4)], r"per_neuron_1: .* 4 neurons, the input \(1, 5\) has 5"),
    ((5,), [PerNeuron([(ReLU(), 10**12)])], r"per_neuron_1: .* 1000000000000 neurons"),
    ((5,), [Activation(lambda z: 3)], r"activation_1: .* the function returned a int"),  # type: ignore[list-item, return-value]
    (
        (5,),
        [Activation(lambda z: z - ops.reduce_mean(z, 0, keepdims=True))],
        r"activation_1: .* reduces over axis 0",
    ),
    (
        (5,),
        [Activation(lambda z: z / ops.reduce_max(z * z))],
        r"activation_1: .* over axis 0, .* \(reduce_max\).*Name the other `axes`",
    ),
    ((5,), [Activation(np.tanh)], r"activation_1: .* hands a symbolic tensor to NumPy; .*sloy.ops"),
    ((5,), [Nothing()], r"nothing_1: the layer gives a NoneType"),
    (
        (5,),
        [Activation(lambda x: ops.reshape(x, (-1, 1)))],
        r"activation_1: .*first extent \(N\) must stay",
    ),
    ((5,), [Activation(lambda z: ops.cast(z, "int32"))], r"activation_1: .*dtype"),
    (
        (5,),
        [Activation(lambda z: z + np.ones(4))],
        r"activation_1: add: shapes \(1, 5\) and \(4,\)",
    ),
]


@pytest.mark.parametrize(("shape", "layers", "message"), SHAPES, ids=[m[:40] for _, _, m in SHAPES])
def test_shapes(shape: tuple[int, ...], layers: list[Layer], message: str) -> None:
    with pytest.raises(InvalidArgument, match="^" + message) as caught:
        Network(shape, layers)
    if "needs" in message or "groups" in message:
        assert isinstance(caught.value, ShapeError)


def test_an_error_that_is_not_ours_gets_a_note_with_the_layer() -> None:
    def broken(z: object) -> object:
        raise ZeroDivisionError("oh")

    with pytest.raises(ZeroDivisionError) as caught:
        Network((5,), [Dense(2), Activation(broken)])  # type: ignore[arg-type]
    assert caught.value.__notes__ == ["sloy: while the layer `activation_1` was being built."]


def test_numpy_takes_no_tensors() -> None:
    class Own(Layer):
        def apply(self, scope: object, x: Tensor) -> Tensor:
            return np.tanh(x)  # type: ignore[call-overload, no-any-return]

    with pytest.raises(InvalidArgument, match=r"own_1: the layer hands .* `sloy.ops`"):
        Network((5,), [Own()])


def test_dropout_needs_key_and_step_in_training() -> None:
    network = Network((5,), [Dropout(0.5)])
    with pytest.raises(InvalidArgument, match=r"dropout_1: .*`key` and the `step`"):
        network.build(ops.input("x", (2, 5)), training=True)
