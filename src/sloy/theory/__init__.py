"""First principles that run and can be seen: neurons, logic, theorems and by-hand algorithms.

Everything here makes ordinary networks and models on the library's own graph and engines. SciPy and
matplotlib are imported when they are needed, never before.
"""

from sloy.theory.convolution import (
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
from sloy.theory.convolution_figures import convolution_figure, pooling_figure, response_figure
from sloy.theory.gradient_cost import GradientCost, gradient_cost, gradient_cost_figure
from sloy.theory.grid import numeric_grid, numeric_grid_figure
from sloy.theory.numeric import GradientCheck, check_gradient, naive_gradients, numeric_gradient
from sloy.theory.objective import half_squared_error
from sloy.theory.operations import count_operations

__all__ = [
    "CURVE_FILTER",
    "CURVE_PATCH",
    "EDGE_FILTER",
    "EXAMPLE_MATRIX",
    "OTHER_PATCH",
    "GradientCheck",
    "GradientCost",
    "check_gradient",
    "convolution_figure",
    "convolve",
    "count_operations",
    "curve_drawing",
    "explain_convolution",
    "gradient_cost",
    "gradient_cost_figure",
    "half_squared_error",
    "max_pool",
    "naive_gradients",
    "numeric_gradient",
    "numeric_grid",
    "numeric_grid_figure",
    "pooling_figure",
    "response_figure",
]
