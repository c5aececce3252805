"""Layers: one idea per file."""

from sloy.layers.activations import Activation
from sloy.layers.base import Layer, Parameter, Record, Scope, State
from sloy.layers.categories import Categories
from sloy.layers.columns import (
    Periodic,
    PiecewiseLinear,
    QuantileScale,
    RobustScale,
    Scale,
)
from sloy.layers.config import LAYERS, layer_from_config, register
from sloy.layers.convolution import Conv2D
from sloy.layers.dense import Dense
from sloy.layers.dropout import Dropout, StochasticDepth
from sloy.layers.grouped import GroupedDense
from sloy.layers.imported import Imported
from sloy.layers.maxout import Maxout
from sloy.layers.members import Blend, Limits, MeanOfMembers, Members
from sloy.layers.normalization import BatchNorm, LayerNorm
from sloy.layers.per_neuron import PerNeuron
from sloy.layers.pooling import (
    AdaptiveAveragePool2D,
    AveragePool2D,
    GlobalAveragePool2D,
    MaxPool2D,
)
from sloy.layers.rectifiers import (
    ELU,
    GELU,
    SELU,
    HardSwish,
    LeakyReLU,
    Mish,
    ReLU,
    ReLU6,
    SiLU,
    Softplus,
)
from sloy.layers.rescale import Rescale
from sloy.layers.reshaping import Flatten, Reshape
from sloy.layers.residual import Residual
from sloy.layers.sequential import Sequential
from sloy.layers.sigmoids import HardSigmoid, Heaviside, Sigmoid, Sign, Softmax, Tanh
from sloy.layers.squeeze import SqueezeExcitation
from sloy.layers.widen import Widen

__all__ = [
    "ELU",
    "GELU",
    "LAYERS",
    "SELU",
    "Activation",
    "AdaptiveAveragePool2D",
    "AveragePool2D",
    "BatchNorm",
    "Blend",
    "Categories",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePool2D",
    "GroupedDense",
    "HardSigmoid",
    "HardSwish",
    "Heaviside",
    "Imported",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Limits",
    "MaxPool2D",
    "Maxout",
    "MeanOfMembers",
    "Members",
    "Mish",
    "Parameter",
    "PerNeuron",
    "Periodic",
    "PiecewiseLinear",
    "QuantileScale",
    "ReLU",
    "ReLU6",
    "Record",
    "Rescale",
    "Reshape",
    "Residual",
    "RobustScale",
    "Scale",
    "Scope",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Sign",
    "Softmax",
    "Softplus",
    "SqueezeExcitation",
    "State",
    "StochasticDepth",
    "Tanh",
    "Widen",
    "layer_from_config",
    "register",
]
