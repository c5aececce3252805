"""Products with sparse rows: rows gathered, and added where they belong."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from sloy.engines.jax.table.rule import Operands, Rule
from sloy.graph import Spec
from sloy.graph.opdef import Attributes


def _entries(places: jax.Array, values: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Places and values; behind a row's end place 0 and value 0."""
    there = lax.cumprod((places >= 0).astype(jnp.int32), axis=1) > 0
    return jnp.where(there, places, 0), jnp.where(there, values, jnp.zeros_like(values))


def _matmul(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    places, values, b = operands
    places, values = _entries(places, values)
    if attributes["transpose_a"]:
        rows = values[:, :, None] * b[:, None, :]  # (N, P, O)
        return jnp.zeros(spec.shape, b.dtype).at[places].add(rows)
    return jnp.sum(values[:, :, None] * b[places], axis=1)


def _scale(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    places, values, a = operands
    places, values = _entries(places, values)
    return values * a[places]


RULES: dict[str, Rule] = {"sparse_matmul": _matmul, "sparse_scale": _scale}
