"""Op of the registry → what it is in JAX; ops that are not here are expanded before."""

from __future__ import annotations

from sloy.engines.jax.table import augmentation, elementwise, products, shape, sparse, windows
from sloy.engines.jax.table.rule import Rule

TABLE: dict[str, Rule] = {
    **elementwise.RULES,
    **products.RULES,
    **windows.RULES,
    **shape.RULES,
    **augmentation.RULES,
    **sparse.RULES,
}

__all__ = ["TABLE", "Rule"]
