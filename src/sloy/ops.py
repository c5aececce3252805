"""The ops that users write functions with: activations, losses, anything symbolic.

Every function takes and gives `sloy.graph.Tensor`; Python numbers and arrays are welcome beside tensors.

Examples
--------
>>> import sloy
>>> swish = lambda z: z * sloy.ops.sigmoid(z)
"""

from sloy.graph.ops.augmentation import (
    random_cutout,
    random_mix,
    random_order,
    random_pick,
    random_tone,
    random_warp,
)
from sloy.graph.ops.convolution import conv2d
from sloy.graph.ops.elementwise import (
    absolute,
    add,
    cast,
    clip,
    div,
    equal,
    erf,
    exp,
    expm1,
    greater,
    greater_equal,
    less,
    less_equal,
    log,
    log1p,
    maximum,
    minimum,
    mul,
    neg,
    not_equal,
    power,
    relu,
    sigmoid,
    sign,
    softplus,
    sqrt,
    square,
    stop_gradient,
    sub,
    tanh,
    where,
)
from sloy.graph.ops.linear import matmul
from sloy.graph.ops.normalization import batch_norm, moments
from sloy.graph.ops.pooling import average_pool2d, max_pool2d
from sloy.graph.ops.probability import (
    log_softmax,
    sigmoid_cross_entropy,
    softmax,
    softmax_cross_entropy,
)
from sloy.graph.ops.random import dropout_mask
from sloy.graph.ops.reduction import argmax, reduce_max, reduce_mean, reduce_min, reduce_sum
from sloy.graph.ops.shape import (
    broadcast_to,
    concatenate,
    one_hot,
    pad,
    reshape,
    slice,
    transpose,
)
from sloy.graph.tensor import constant, input, variable

__all__ = [
    "absolute",
    "add",
    "argmax",
    "average_pool2d",
    "batch_norm",
    "broadcast_to",
    "cast",
    "clip",
    "concatenate",
    "constant",
    "conv2d",
    "div",
    "dropout_mask",
    "equal",
    "erf",
    "exp",
    "expm1",
    "greater",
    "greater_equal",
    "input",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log_softmax",
    "matmul",
    "max_pool2d",
    "maximum",
    "minimum",
    "moments",
    "mul",
    "neg",
    "not_equal",
    "one_hot",
    "pad",
    "power",
    "random_cutout",
    "random_mix",
    "random_order",
    "random_pick",
    "random_tone",
    "random_warp",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_sum",
    "relu",
    "reshape",
    "sigmoid",
    "sigmoid_cross_entropy",
    "sign",
    "slice",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "sqrt",
    "square",
    "stop_gradient",
    "sub",
    "tanh",
    "transpose",
    "variable",
    "where",
]
