"""What a row of the table is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax

from sloy.graph import Spec
from sloy.graph.opdef import Attributes

Operands = Sequence[jax.Array]
Rule = Callable[[Operands, Attributes, Spec], jax.Array]  # operands, attributes, the result's spec
