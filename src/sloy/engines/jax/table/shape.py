"""Ops that move, gather, count and reduce."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sloy.engines.jax.table.rule import Operands, Rule
from sloy.graph import Spec
from sloy.graph.opdef import Attributes


def _pad(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    value = np.asarray(attributes["value"]).astype(spec.dtype)
    sides = zip(attributes["before"], attributes["after"], strict=True)
    return lax.pad(operands[0], value, [(before, after, 0) for before, after in sides])


def _one_hot(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    classes = jnp.arange(attributes["classes"], dtype=jnp.int32)
    return (operands[0][..., None] == classes).astype(attributes["dtype"])


def _reduce_sum(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    dtype, keepdims = jnp.dtype(spec.dtype), attributes["keepdims"]
    return jnp.sum(operands[0], attributes["axes"], dtype, keepdims=keepdims)


RULES: dict[str, Rule] = {
    "reshape": lambda operands, attributes, spec: operands[0].reshape(spec.shape),
    "transpose": lambda operands, attributes, spec: operands[0].transpose(
        attributes["permutation"]
    ),
    "broadcast_to": lambda operands, attributes, spec: jnp.broadcast_to(operands[0], spec.shape),
    "slice": lambda operands, attributes, spec: lax.slice(
        operands[0], attributes["start"], attributes["stop"]
    ),
    "pad": _pad,
    "concatenate": lambda operands, attributes, spec: lax.concatenate(operands, attributes["axis"]),
    "one_hot": _one_hot,
    "reduce_sum": _reduce_sum,
    "reduce_max": lambda operands, attributes, spec: jnp.max(
        operands[0], attributes["axes"], keepdims=attributes["keepdims"]
    ),
    "reduce_min": lambda operands, attributes, spec: jnp.min(
        operands[0], attributes["axes"], keepdims=attributes["keepdims"]
    ),
    "argmax": lambda operands, attributes, spec: lax.argmax(
        operands[0], attributes["axis"], jnp.int32
    ),
}
