"""The graph: specs, symbolic tensors, the op registry, backprop and passes."""

from sloy.graph import ops as _ops  # fills the registry
from sloy.graph.backprop import backprop
from sloy.graph.check import check
from sloy.graph.graph import Graph, Node, evaluate
from sloy.graph.mixed import mixed
from sloy.graph.opdef import LEAVES, REGISTRY, OpDef, opdef, register
from sloy.graph.passes import lower, optimize
from sloy.graph.spec import Spec
from sloy.graph.tensor import Tensor, constant, input, variable

del _ops

__all__ = [
    "LEAVES",
    "REGISTRY",
    "Graph",
    "Node",
    "OpDef",
    "Spec",
    "Tensor",
    "backprop",
    "check",
    "constant",
    "evaluate",
    "input",
    "lower",
    "mixed",
    "opdef",
    "optimize",
    "register",
    "variable",
]
