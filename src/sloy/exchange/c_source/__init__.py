"""A network as one C file: C99, no dependency but the standard mathematics, weights as arrays.

inference graph for one sample ──folded──▶ statements (kernels) and formulas (expressions) ──▶ one file (program)
"""

from sloy.exchange.c_source.program import LARGEST, Program, c_name, source

__all__ = ["LARGEST", "Program", "c_name", "source"]
