"""The ops that users write functions with: activations, losses, anything symbolic.

Every function takes and gives `sloy.graph.Tensor`; Python numbers and arrays are welcome beside tensors. Each family of
`sloy.graph.ops` says in its ``__all__`` what is here.

Examples
--------
>>> import sloy
>>> swish = lambda z: z * sloy.ops.sigmoid(z)
"""

# ruff: noqa: F403

from sloy.graph.ops.augmentation import *
from sloy.graph.ops.convolution import *
from sloy.graph.ops.elementwise import *
from sloy.graph.ops.linear import *
from sloy.graph.ops.normalization import *
from sloy.graph.ops.pooling import *
from sloy.graph.ops.probability import *
from sloy.graph.ops.random import *
from sloy.graph.ops.reduction import *
from sloy.graph.ops.shape import *
from sloy.graph.ops.sparse import *
from sloy.graph.tensor import constant as constant
from sloy.graph.tensor import input as input
from sloy.graph.tensor import variable as variable
