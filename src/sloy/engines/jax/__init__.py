"""The JAX engine: the same graphs compiled by XLA, for GPUs and TPUs, one or many.

Values agree with the other engines' within rounding; masks, orders and augmentation are the same bits. On a
processor it is the slowest way to convolve, and there for tests and for who has JAX code of their own.
"""

import os

# JAX else takes three quarters of a card at its first use, which hurts whoever shares it.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

from sloy.engines.jax.engine import JaxEngine
from sloy.engines.jax.launch import joined

__all__ = ["JaxEngine", "joined"]
