"""A graph as JSON: users' functions and imported networks in model files."""

from sloy.graph.stored.reading import StoredFunction, function_from_config
from sloy.graph.stored.writing import fits_any_shape, function_to_config, is_elementwise

__all__ = [
    "StoredFunction",
    "fits_any_shape",
    "function_from_config",
    "function_to_config",
    "is_elementwise",
]
