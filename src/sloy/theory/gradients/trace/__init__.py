"""One step of backpropagation by hand, through any layers: text, table and figure (L9, L10, L13, L20, L22)."""

from sloy.theory.gradients.trace.figure import trace_figure
from sloy.theory.gradients.trace.layer import LayerTrace, ParameterTrace
from sloy.theory.gradients.trace.mixing import (
    BatchNormTrace,
    MaxoutTrace,
    OtherTrace,
    SoftmaxTrace,
)
from sloy.theory.gradients.trace.neurons import ActivationTrace, DropoutTrace, ReshapeTrace
from sloy.theory.gradients.trace.output import log_loss
from sloy.theory.gradients.trace.page import StepTrace
from sloy.theory.gradients.trace.pool import AveragePoolTrace, MaxPoolTrace
from sloy.theory.gradients.trace.table import TraceTable
from sloy.theory.gradients.trace.tracing import trace_step
from sloy.theory.gradients.trace.weighted import ConvolutionTrace, DenseTrace

__all__ = [
    "ActivationTrace",
    "AveragePoolTrace",
    "BatchNormTrace",
    "ConvolutionTrace",
    "DenseTrace",
    "DropoutTrace",
    "LayerTrace",
    "MaxPoolTrace",
    "MaxoutTrace",
    "OtherTrace",
    "ParameterTrace",
    "ReshapeTrace",
    "SoftmaxTrace",
    "StepTrace",
    "TraceTable",
    "log_loss",
    "trace_figure",
    "trace_step",
]
