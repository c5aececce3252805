"""Layers: one idea per file."""

from sloy.layers.base import LAYERS, Layer, Parameter, Record, Scope, State, register
from sloy.layers.convolution import Conv2D
from sloy.layers.dense import Dense
from sloy.layers.dropout import Dropout
from sloy.layers.pooling import AveragePool2D, GlobalAveragePool2D, MaxPool2D
from sloy.layers.rectifiers import ELU, GELU, LeakyReLU, ReLU, SiLU, Softplus
from sloy.layers.shape import Flatten, Reshape

__all__ = [
    "ELU",
    "GELU",
    "LAYERS",
    "AveragePool2D",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePool2D",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "Parameter",
    "ReLU",
    "Record",
    "Reshape",
    "Scope",
    "SiLU",
    "Softplus",
    "State",
    "register",
]
