"""A network as source text without dependencies: one C99 file, or one JavaScript module.

inference graph for one sample ──fixed──▶ statements (kernels) and formulas (expressions) of a dialect ──▶ one file
"""

from sloy.exchange.source.c import LARGEST, c_name, source

__all__ = ["LARGEST", "c_name", "source"]
