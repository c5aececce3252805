"""First principles that run and can be seen: neurons, logic, theorems and by-hand algorithms.

A folder for each subject of the lecture; dropout (L14) and activations (L15) are a file each. Everything here makes
ordinary networks and models on the library's own graph and engines. SciPy and matplotlib are imported when they are
needed, never before.
"""

from sloy.theory.activations import activation_values, activations_figure
from sloy.theory.approximation.figure import approximation_figure
from sloy.theory.approximation.result import Approximation
from sloy.theory.approximation.search import approximate
from sloy.theory.dropout import dropout_figure, dropout_masks, thinned_outputs
from sloy.theory.gradients.cost import GradientCost, gradient_cost, gradient_cost_figure
from sloy.theory.gradients.descent import Descent, DescentPath, compare_descents, descent_figure
from sloy.theory.gradients.loss import half_squared_error
from sloy.theory.gradients.numeric import (
    GradientCheck,
    check_gradient,
    naive_gradients,
    numeric_gradient,
)
from sloy.theory.gradients.online import OnlineRun, learn_per_object
from sloy.theory.gradients.operations import count_operations
from sloy.theory.gradients.trace import LayerTrace, StepTrace
from sloy.theory.gradients.trace_figure import trace_figure
from sloy.theory.gradients.trace_step import trace_step
from sloy.theory.logic.expression import Expression, parse
from sloy.theory.logic.minimization import Disjunction, minimize, prime_implicants
from sloy.theory.logic.networks import (
    AND,
    NOT,
    OR,
    disjunction_network,
    network_from_expression,
    network_from_truth_table,
    separable,
    table_of,
    to_expression,
    xor_by_layers,
    xor_by_product,
)
from sloy.theory.logic.truth_table import TruthTable
from sloy.theory.logic.wiring_figure import wiring_figure
from sloy.theory.neurons.neuron import Neuron
from sloy.theory.neurons.perceptron import PerceptronRun, perceptron_rule
from sloy.theory.neurons.plane_figures import half_planes_figure, neuron_figure
from sloy.theory.neurons.separation import Separation, separate
from sloy.theory.pictures.convolution import (
    CURVE_FILTER,
    CURVE_PATCH,
    EDGE_FILTER,
    EXAMPLE_MATRIX,
    OTHER_PATCH,
    convolve,
    curve_drawing,
    explain_convolution,
    max_pool,
)
from sloy.theory.pictures.convolution_figures import (
    convolution_figure,
    pooling_figure,
    response_figure,
)
from sloy.theory.pictures.numeric_grid import numeric_grid, numeric_grid_figure
from sloy.theory.ready import ready_model

__all__ = [
    "AND",
    "CURVE_FILTER",
    "CURVE_PATCH",
    "EDGE_FILTER",
    "EXAMPLE_MATRIX",
    "NOT",
    "OR",
    "OTHER_PATCH",
    "Approximation",
    "Descent",
    "DescentPath",
    "Disjunction",
    "Expression",
    "GradientCheck",
    "GradientCost",
    "LayerTrace",
    "Neuron",
    "OnlineRun",
    "PerceptronRun",
    "Separation",
    "StepTrace",
    "TruthTable",
    "activation_values",
    "activations_figure",
    "approximate",
    "approximation_figure",
    "check_gradient",
    "compare_descents",
    "convolution_figure",
    "convolve",
    "count_operations",
    "curve_drawing",
    "descent_figure",
    "disjunction_network",
    "dropout_figure",
    "dropout_masks",
    "explain_convolution",
    "gradient_cost",
    "gradient_cost_figure",
    "half_planes_figure",
    "half_squared_error",
    "learn_per_object",
    "max_pool",
    "minimize",
    "naive_gradients",
    "network_from_expression",
    "network_from_truth_table",
    "neuron_figure",
    "numeric_gradient",
    "numeric_grid",
    "numeric_grid_figure",
    "parse",
    "perceptron_rule",
    "pooling_figure",
    "prime_implicants",
    "ready_model",
    "response_figure",
    "separable",
    "separate",
    "table_of",
    "thinned_outputs",
    "to_expression",
    "trace_figure",
    "trace_step",
    "wiring_figure",
    "xor_by_layers",
    "xor_by_product",
]
