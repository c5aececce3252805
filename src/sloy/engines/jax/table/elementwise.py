"""Ops whose element i depends on elements i alone."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from sloy.engines.jax.table.rule import Operands, Rule
from sloy.graph import Spec
from sloy.graph.opdef import Attributes


def _sigmoid(x: jax.Array) -> jax.Array:
    """Never of a large power of e: e^x is taken of -|x| alone."""
    small = jnp.exp(-jnp.abs(x))
    return jnp.where(x >= 0, 1 / (1 + small), small / (1 + small))


def _log1p(x: jax.Array) -> jax.Array:
    """To a few units in the last place, as XLA's own is in float32; in float64 that is off by 70 of them.

    log(u) · x / (u - 1) with the rounded u = 1 + x [1]_.

    References
    ----------
    .. [1] W. Kahan, according to D. Goldberg, "What every computer scientist should know about floating-point
       arithmetic", ACM Computing Surveys 23 (1991), theorem 4.
    """
    if x.dtype != jnp.float64:
        return jnp.log1p(x)
    u = lax.optimization_barrier(1 + x)  # else u - 1 becomes x
    scaled = jnp.log(u) * (x / (u - 1))
    return jnp.where((u == 1) | jnp.isposinf(u), x, scaled)


def _softplus(x: jax.Array) -> jax.Array:
    return jnp.maximum(x, 0) + _log1p(jnp.exp(-jnp.abs(x)))


def _of_elements(function: Callable[..., jax.Array]) -> Rule:
    def rule(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
        return function(*operands).astype(operands[0].dtype)  # comparisons give 1 and 0

    return rule


def _where(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    condition, yes, no = operands
    return jnp.where(condition != 0, yes, no)


def _clip(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    (x,) = operands
    low, high = (x.dtype.type(attributes[name]) for name in ("low", "high"))
    return jnp.clip(x, low, high)


def _cast(operands: Operands, attributes: Attributes, spec: Spec) -> jax.Array:
    return operands[0].astype(attributes["dtype"])


_FUNCTIONS: dict[str, Callable[..., jax.Array]] = {
    "neg": jnp.negative,
    "abs": jnp.abs,
    "sign": jnp.sign,
    "exp": jnp.exp,
    "expm1": jnp.expm1,
    "log": jnp.log,
    "log1p": _log1p,
    "sqrt": jnp.sqrt,
    "floor": jnp.floor,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "tanh": jnp.tanh,
    "sigmoid": _sigmoid,
    "erf": lax.erf,
    "softplus": _softplus,
    "relu": lambda x: jnp.maximum(x, 0),
    "add": jnp.add,
    "sub": jnp.subtract,
    "mul": jnp.multiply,
    "div": jnp.divide,
    "power": jnp.power,
    "maximum": jnp.maximum,
    "minimum": jnp.minimum,
    "equal": jnp.equal,
    "not_equal": jnp.not_equal,
    "less": jnp.less,
    "less_equal": jnp.less_equal,
    "greater": jnp.greater,
    "greater_equal": jnp.greater_equal,
}

RULES: dict[str, Rule] = {
    **{name: _of_elements(function) for name, function in _FUNCTIONS.items()},
    "where": _where,
    "clip": _clip,
    "cast": _cast,
}
