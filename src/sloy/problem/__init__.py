"""What a model computes: `Problem`, the graphs made of it, what they are fed, and running them over samples."""

from sloy.problem.network import Network
from sloy.problem.problem import Problem

__all__ = ["Network", "Problem"]
